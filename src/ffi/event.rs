//! Events and places, as C sees them: flat, with room of their own, because threads share a pool. Takes no decision.

use super::boundary::Grows;
use crate::endpoint::{Endpoint, MAX_HOST};
use crate::notification::{Kind, Notification};
use crate::pool::{DialTarget, Event, MemberId};
use crate::time::Timestamp;
use core::ffi::c_char;

/// A notification was read: once for each, however many connections read it. `notification`, `seq`; `member`, `user`:
/// who read it first.
pub const SCH_EVENT_MAINTENANCE: i32 = 1;
/// `member` has no owner and its node moves: close it, and open one when you need it. These events are spread as handoffs are,
/// so that what is opened at once in their stead is, too. If it has been taken since, forget this.
pub const SCH_EVENT_RETIRE: i32 = 2;
/// `member` has no owner and its node moves: take it, drive it as any connection until HANDOFF_FINISHED, give it back.
pub const SCH_EVENT_HANDOFF: i32 = 3;
/// `host`, `port` refused several times: one connection at a time tries it from now on.
pub const SCH_EVENT_BREAKER_OPENED: i32 = 4;
/// `host`, `port` answered again.
pub const SCH_EVENT_BREAKER_CLOSED: i32 = 5;
/// A MOVING names `host`, `port`, which the endpoint policy does not allow: it is not followed.
pub const SCH_EVENT_ENDPOINT_REFUSED: i32 = 6;
/// The deadline of MOVING `seq` has come, and `count` members are not handed off. `host_len` 0: to the configured address.
pub const SCH_EVENT_LATE: i32 = 7;
/// Nobody polled: `count` events were dropped. Those of members (RETIRE, HANDOFF) are not among them, they wait.
pub const SCH_EVENT_DROPPED: i32 = 8;

/// MOVING.
pub const SCH_NOTIFICATION_MOVING: u8 = 1;
/// MIGRATING.
pub const SCH_NOTIFICATION_MIGRATING: u8 = 2;
/// MIGRATED.
pub const SCH_NOTIFICATION_MIGRATED: u8 = 3;
/// FAILING_OVER.
pub const SCH_NOTIFICATION_FAILING_OVER: u8 = 4;
/// FAILED_OVER.
pub const SCH_NOTIFICATION_FAILED_OVER: u8 = 5;
/// SMIGRATING.
pub const SCH_NOTIFICATION_SMIGRATING: u8 = 6;
/// SMIGRATED.
pub const SCH_NOTIFICATION_SMIGRATED: u8 = 7;

/// Room for a host and a NUL.
pub const SCH_HOST_SIZE: usize = 256;

const _: () = assert!(MAX_HOST < SCH_HOST_SIZE);

/// Something that a pool tells: see SCH_EVENT_* for what is filled, the rest is 0.
#[repr(C)]
#[derive(Debug)]
pub struct sch_pool_event {
    /// Set it to `sizeof(sch_pool_event)` before the call.
    pub struct_size: u32,
    /// SCH_EVENT_*. Ignore what you do not know.
    pub kind: i32,
    /// The member, as `sch_conn_member` says; 0 is none.
    pub member: u64,
    /// What you called it.
    pub user: u64,
    /// How many.
    pub count: u64,
    /// The seq of the notification, if `has_seq`.
    pub seq: u64,
    /// 1: it has a seq.
    pub has_seq: u8,
    /// SCH_NOTIFICATION_*, or 0.
    pub notification: u8,
    /// A port, or 0.
    pub port: u16,
    /// The length of `host`.
    pub host_len: u32,
    /// A name or address, with a NUL after it.
    pub host: [c_char; SCH_HOST_SIZE],
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_pool_event {
    const SMALLEST: usize = core::mem::offset_of!(sch_pool_event, host) + SCH_HOST_SIZE;
}

/// A place to dial, or that counters are of.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sch_place {
    /// A name or address, with a NUL after it.
    pub host: [c_char; SCH_HOST_SIZE],
    /// Its length.
    pub host_len: u32,
    /// The port.
    pub port: u16,
    /// 1: you are the one connection that tries it. Report the result soon.
    pub is_probe: u8,
    /// 1: it refused the opt-in; libsch does not opt in there before `optin_refused_until_ns`.
    pub optin_refused: u8,
    /// See there.
    pub optin_refused_until_ns: u64,
}

pub(super) fn host_of(host: &str) -> ([c_char; SCH_HOST_SIZE], u32) {
    let mut out = [0; SCH_HOST_SIZE];
    let len = host.len().min(SCH_HOST_SIZE - 1);
    for (to, from) in out.iter_mut().zip(&host.as_bytes()[..len]) {
        *to = *from as c_char;
    }
    (out, len as u32)
}

impl From<&DialTarget> for sch_place {
    fn from(target: &DialTarget) -> Self {
        let (host, host_len) = host_of(&target.endpoint.host);
        Self {
            host,
            host_len,
            port: target.endpoint.port,
            is_probe: u8::from(target.is_probe),
            optin_refused: u8::from(target.optin_refused_until.is_some()),
            optin_refused_until_ns: target.optin_refused_until.map_or(0, Timestamp::as_nanos),
        }
    }
}

const fn number_of(kind: Kind) -> u8 {
    match kind {
        Kind::Moving => SCH_NOTIFICATION_MOVING,
        Kind::Migrating => SCH_NOTIFICATION_MIGRATING,
        Kind::Migrated => SCH_NOTIFICATION_MIGRATED,
        Kind::FailingOver => SCH_NOTIFICATION_FAILING_OVER,
        Kind::FailedOver => SCH_NOTIFICATION_FAILED_OVER,
        Kind::Smigrating => SCH_NOTIFICATION_SMIGRATING,
        Kind::Smigrated => SCH_NOTIFICATION_SMIGRATED,
    }
}

impl sch_pool_event {
    const fn new(kind: i32) -> Self {
        Self {
            struct_size: 0,
            kind,
            member: 0,
            user: 0,
            count: 0,
            seq: 0,
            has_seq: 0,
            notification: 0,
            port: 0,
            host_len: 0,
            host: [0; SCH_HOST_SIZE],
        }
    }

    fn of_member(kind: i32, member: MemberId, user: u64) -> Self {
        Self { member: member.as_u64(), user, ..Self::new(kind) }
    }

    fn of_place(kind: i32, place: &Endpoint) -> Self {
        let (host, host_len) = host_of(&place.host);
        Self { host, host_len, port: place.port, ..Self::new(kind) }
    }

    fn with_seq(self, seq: Option<u64>) -> Self {
        Self { seq: seq.unwrap_or(0), has_seq: u8::from(seq.is_some()), ..self }
    }

    fn maintenance(n: &Notification, member: MemberId, user: u64) -> Self {
        let notification = number_of(n.kind);
        Self { notification, ..Self::of_member(SCH_EVENT_MAINTENANCE, member, user) }.with_seq(n.seq)
    }
}

impl From<Event> for sch_pool_event {
    fn from(event: Event) -> Self {
        match event {
            Event::Maintenance { notification, member, user } => {
                Self::maintenance(&notification, member, user)
            }
            Event::Retire { member, user } => Self::of_member(SCH_EVENT_RETIRE, member, user),
            Event::Handoff { member, user } => Self::of_member(SCH_EVENT_HANDOFF, member, user),
            Event::BreakerOpened { endpoint } => Self::of_place(SCH_EVENT_BREAKER_OPENED, &endpoint),
            Event::BreakerClosed { endpoint } => Self::of_place(SCH_EVENT_BREAKER_CLOSED, &endpoint),
            Event::EndpointRefused { endpoint } => Self::of_place(SCH_EVENT_ENDPOINT_REFUSED, &endpoint),
            Event::Late { seq, endpoint, members } => {
                let place =
                    endpoint.map_or(Self::new(SCH_EVENT_LATE), |e| Self::of_place(SCH_EVENT_LATE, &e));
                Self { count: u64::from(members), ..place }.with_seq(seq)
            }
            Event::Dropped { events } => Self { count: events, ..Self::new(SCH_EVENT_DROPPED) },
        }
    }
}
