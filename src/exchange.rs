//! What a connection and its pool say to each other. Knows time, notifications and endpoints; no state.
//!
//! A connection and a pool never hold references to each other. After each input the owner of a connection takes what it
//! has to say ([`Heard`]) to the pool, and when the mailbox of its member is not empty, takes what is in it ([`Told`]) to the
//! connection.

use crate::action::Outcome;
use crate::endpoint::Endpoint;
use crate::notification::Notification;
use crate::time::Timestamp;
use core::time::Duration;
use std::sync::Arc;

/// From a connection to its pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// A notification was read on the connection's own transport, and is new to the connection (P1). What it was told by
    /// the pool is not said again.
    Notice {
        /// What was read.
        notification: Notification,
        /// When.
        arrived: Timestamp,
    },
    /// A granted attempt to open a candidate has ended (P3). Its grant is used up.
    Attempt {
        /// Where to; `None` if the configured address was dialled (H7).
        endpoint: Option<Endpoint>,
        /// The candidate became ready, with its session. `false`: it failed at any point before.
        ok: bool,
        /// From OPEN to here.
        took: Duration,
    },
    /// A handoff is over. Whatever grant its connection has, or waits for, is given back.
    Finished {
        /// How.
        outcome: Outcome,
        /// From the arrival of its MOVING.
        took: Duration,
        /// How long writes were held.
        pause: Duration,
    },
    /// The server refused the opt-in (O2).
    OptinRefused {
        /// The server, as it was dialled.
        endpoint: Endpoint,
    },
}

/// From a pool to one connection, read from the mailbox of its member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// A notification that was read on another connection to the same node (P1).
    Notice {
        /// What was read there; shared by all members.
        notification: Arc<Notification>,
        /// When it was read there: times count from here.
        arrived: Timestamp,
    },
    /// The handoff that waits may start one attempt now (P3). After a failed attempt it waits for another grant; where the
    /// current transport is dead it waits for none (H6).
    Grant,
    /// That server refused the opt-in of another connection: it is not to be asked before `until` (O2).
    OptinRefused {
        /// The server, as it was dialled.
        endpoint: Endpoint,
        /// Until when.
        until: Timestamp,
    },
}
