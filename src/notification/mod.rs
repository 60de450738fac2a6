//! Maintenance notifications, typed. Parse, don't validate: every form that is known of the wire is understood, and what
//! is malformed is read as far as it goes (N1, N2). Knows no time and no state: duplicates, order and windows are the
//! connection's.

mod defects;
mod read;
mod shards;
mod slots;
mod smigrated;
mod sniff;

pub use defects::{Defect, Defects};
pub use read::{from_elements, parse};
pub use shards::Shards;
pub use slots::{MAX_SLOT, SlotRange, SlotRanges};
pub use smigrated::SlotMove;
pub use sniff::{SNIFF_LIMIT, Sniff, sniff};

use crate::endpoint::{At, Endpoint, copy_host};
use crate::error::Result;
use core::fmt;
use core::time::Duration;

/// The types of maintenance notifications.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// The endpoint of this connection moves: a handoff is asked for.
    Moving,
    /// Shards are about to migrate.
    Migrating,
    /// Shards have migrated.
    Migrated,
    /// Shards are about to fail over.
    FailingOver,
    /// Shards have failed over.
    FailedOver,
    /// Slots are about to migrate to another node.
    Smigrating,
    /// Slots have migrated to another node.
    Smigrated,
}

/// What a starter opens and the terminator of the same family closes.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// MIGRATING to MIGRATED.
    Migration,
    /// FAILING_OVER to FAILED_OVER.
    Failover,
    /// SMIGRATING to SMIGRATED.
    SlotMigration,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Moving,
        Self::Migrating,
        Self::Migrated,
        Self::FailingOver,
        Self::FailedOver,
        Self::Smigrating,
        Self::Smigrated,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Moving => "MOVING",
            Self::Migrating => "MIGRATING",
            Self::Migrated => "MIGRATED",
            Self::FailingOver => "FAILING_OVER",
            Self::FailedOver => "FAILED_OVER",
            Self::Smigrating => "SMIGRATING",
            Self::Smigrated => "SMIGRATED",
        }
    }

    /// The kind of that name. Case matters: no server was seen to write them otherwise, and pushes that are not surely
    /// ours pass through untouched (N5).
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().as_bytes() == name)
    }

    /// The family, which MOVING has none of.
    pub const fn family(self) -> Option<Family> {
        match self {
            Self::Moving => None,
            Self::Migrating | Self::Migrated => Some(Family::Migration),
            Self::FailingOver | Self::FailedOver => Some(Family::Failover),
            Self::Smigrating | Self::Smigrated => Some(Family::SlotMigration),
        }
    }

    /// Whether it opens a window of its family.
    pub const fn is_starter(self) -> bool {
        matches!(self, Self::Migrating | Self::FailingOver | Self::Smigrating)
    }

    /// Whether it closes windows of its family.
    pub const fn is_terminator(self) -> bool {
        matches!(self, Self::Migrated | Self::FailedOver | Self::Smigrated)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A notification, as far as it could be read.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Notification {
    /// Its type.
    pub kind: Kind,
    /// Its number; starts at 0, shared by all types of a database (N3).
    pub seq: Option<u64>,
    /// Its time in seconds, as sent: it may be 0, negative or absurd. See [`Notification::duration`].
    pub time: Option<i64>,
    /// What depends on the type.
    pub body: Body,
}

/// Times above this are taken for garbage, as are those below 1: migrations are said to take ten minutes at most.
pub const MAX_TIME: Duration = Duration::from_secs(3600);

impl Notification {
    /// Its time, if it can be one: at least a second and at most [`MAX_TIME`].
    pub fn duration(&self) -> Option<Duration> {
        let time = Duration::from_secs(u64::try_from(self.time?).ok()?);
        (!time.is_zero() && time <= MAX_TIME).then_some(time)
    }

    /// The shards that it names, if any.
    pub const fn shards(&self) -> Option<&Shards> {
        match &self.body {
            Body::Shards(shards) => shards.as_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Notification {
    /// One line for logs: the type, then `key=value` for what is there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if let Some(seq) = self.seq {
            write!(f, " seq={seq}")?;
        }
        if let Some(time) = self.time {
            write!(f, " time={time}")?;
        }
        match &self.body {
            Body::Moving(target) => write!(f, " endpoint={target}"),
            Body::Shards(None) => Ok(()),
            Body::Shards(Some(shards)) => write!(f, " shards={shards}"),
            Body::Slots(slots) => write!(f, " slots={slots}"),
            Body::SlotMoves(moves) => moves.iter().try_for_each(|one| write!(f, " {one}")),
        }
    }
}

/// What depends on the type of a notification.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Body {
    /// Of MOVING.
    Moving(MovingTarget),
    /// Of MIGRATING, MIGRATED, FAILING_OVER and FAILED_OVER; `None` if none was named or none could be read.
    Shards(Option<Shards>),
    /// Of SMIGRATING.
    Slots(SlotRanges),
    /// Of SMIGRATED, in the order sent.
    SlotMoves(Vec<SlotMove>),
}

/// Where MOVING points to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MovingTarget {
    /// There.
    Named(Endpoint),
    /// That host, normalised as in [`Endpoint`], at the configured port.
    Portless(String),
    /// No endpoint was given: back to the configured address (H7).
    Null,
    /// One was given but cannot be read: all that can be done is what is done for `Null`.
    Unreadable,
}

impl Notification {
    /// A copy, if there is memory for it.
    pub(crate) fn copy(&self) -> Result<Self> {
        let body = match &self.body {
            Body::Moving(MovingTarget::Named(endpoint)) => {
                Body::Moving(MovingTarget::Named(endpoint.copy()?))
            }
            Body::Moving(MovingTarget::Portless(host)) => {
                Body::Moving(MovingTarget::Portless(copy_host(host)?))
            }
            Body::Moving(MovingTarget::Null) => Body::Moving(MovingTarget::Null),
            Body::Moving(MovingTarget::Unreadable) => Body::Moving(MovingTarget::Unreadable),
            Body::Shards(shards) => Body::Shards(shards.as_ref().map(Shards::copy).transpose()?),
            Body::Slots(slots) => Body::Slots(slots.copy()?),
            Body::SlotMoves(moves) => Body::SlotMoves(SlotMove::copy_all(moves)?),
        };
        Ok(Self { kind: self.kind, seq: self.seq, time: self.time, body })
    }
}

impl MovingTarget {
    /// Where to dial; `None` means the configured address.
    pub fn endpoint(&self, configured_port: u16) -> Option<Endpoint> {
        self.at(configured_port).map(|At(host, port)| Endpoint { host: host.to_owned(), port })
    }

    /// The same, without a copy.
    pub(crate) fn at(&self, configured_port: u16) -> Option<At<'_>> {
        match self {
            Self::Named(endpoint) => Some(endpoint.at()),
            Self::Portless(host) => Some(At(host, configured_port)),
            Self::Null | Self::Unreadable => None,
        }
    }
}

impl fmt::Display for MovingTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(endpoint) => endpoint.fmt(f),
            Self::Portless(host) => f.write_str(host),
            Self::Null => f.write_str("null"),
            Self::Unreadable => f.write_str("unreadable"),
        }
    }
}

/// How much of a notification is read. What is beyond a limit is left out and said so ([`Defect::OverLimit`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotificationLimits {
    /// Bytes of the whole push. 64 KiB: sixteen times the largest plausible SMIGRATED.
    pub max_bytes: usize,
    /// Elements in all, of all levels. 8192: what `max_moves` triplets take, twice.
    pub max_elements: usize,
    /// Levels of aggregates inside the push. 8: the deepest known form has 2.
    pub max_depth: u8,
    /// Shards named by one notification. 1024: more than a cluster has.
    pub max_shards: usize,
    /// Moves in one SMIGRATED. 1024: more than one operation does.
    pub max_moves: usize,
    /// Ranges in one set of slots, merged. 8192: the most that there can be.
    pub max_slot_ranges: usize,
}

impl Default for NotificationLimits {
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024,
            max_elements: 8192,
            max_depth: 8,
            max_shards: 1024,
            max_moves: 1024,
            max_slot_ranges: 8192,
        }
    }
}

/// A notification, and what was wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parsed {
    /// What could be read.
    pub notification: Notification,
    /// What was malformed; worth a warning if there is any.
    pub defects: Defects,
}

/// Why bytes are no notification of ours.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum NotificationError {
    /// Not a push, or another one.
    #[error("not a maintenance notification")]
    NotOurs,
    /// They end before the type can be known.
    #[error("the bytes end before the type of the push is known")]
    Incomplete,
    /// The attribute in front of the push cannot be read.
    #[error("the attribute in front of the push cannot be read")]
    BadAttribute,
}
