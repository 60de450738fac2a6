//! A pool: what its connections share. Threads share the handle; it lends nothing, all outputs are copies. Takes no decision.

use super::boundary::{Grows, Out, Outcome, SizedOut, create, peek, text};
use super::config::{Settings, sch_config};
use super::shared::{Gate, SharedNoun, free_shared, shared};
use super::status::{Failure, SCH_EMPTY, SCH_ERR_ABI, SCH_ERR_NULL, SCH_OK, sch_status};
use super::version::SCH_ABI_VERSION;
use super::wake::{How, Waitings, checked, sch_wake_fn};
use crate::config::Config;
use crate::endpoint::{Endpoint, MAX_HOST};
use crate::notification::{Kind, Notification};
use crate::pool::{
    DialTarget, EndpointCounters, Event, MemberId, Pool, PoolConfig, PoolCounters, Unowned, Wakes,
};
use crate::time::Timestamp;
use core::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

/// A notification was read: once for each, however many connections read it. `notification`, `seq`; `member`, `user`:
/// who read it first.
pub const SCH_EVENT_MAINTENANCE: i32 = 1;
/// `member` has no owner and its node moves: close it, and open one when you need it. If it has been taken since, forget this.
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

/// Members that nobody owns are closed when their node moves (RETIRE).
pub const SCH_UNOWNED_RETIRE: i32 = 1;
/// Members that nobody owns are handed off when their node moves (HANDOFF).
pub const SCH_UNOWNED_HANDOFF: i32 = 2;

/// Room for a host and a NUL.
pub const SCH_HOST_SIZE: usize = 256;

const _: () = {
    assert!(MAX_HOST < SCH_HOST_SIZE);
    assert!(Unowned::Retire as i32 == SCH_UNOWNED_RETIRE);
    assert!(Unowned::Handoff as i32 == SCH_UNOWNED_HANDOFF);
};

/// A pool. Its connections keep what is behind it alive: it may be freed before them.
#[derive(Debug)]
pub struct sch_pool {
    gate: Gate,
    inner: Arc<Inner>,
}

/// What is behind it.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) pool: Pool,
    pub(super) waitings: Waitings,
}

impl SharedNoun for sch_pool {
    fn gate(&self) -> &Gate {
        &self.gate
    }
}

impl sch_pool {
    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    fn wake(&self, wakes: &Wakes) {
        self.inner.waitings.wake(wakes);
    }
}

const fn at(now_ns: u64) -> Timestamp {
    Timestamp::from_nanos(now_ns)
}

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

fn host_of(host: &str) -> ([c_char; SCH_HOST_SIZE], u32) {
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

/// Counters of a pool since it was made. More may follow.
#[repr(C)]
#[derive(Debug)]
pub struct sch_pool_counts {
    /// Set it to `sizeof(sch_pool_counts)` before the call.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Members now.
    pub members: u64,
    /// Members that joined.
    pub members_joined: u64,
    /// Joins refused at the limit.
    pub members_refused: u64,
    /// Members that a defect of libsch made leave.
    pub members_ejected: u64,
    /// Nodes known now.
    pub nodes: u64,
    /// Notifications read by members.
    pub notifications: u64,
    /// Of them, read before by another member.
    pub notifications_duplicate: u64,
    /// Of them, older than one read before.
    pub notifications_stale: u64,
    /// Times that a member was told what another had read.
    pub notifications_told: u64,
    /// Facts that gave way at the limit before all had read them.
    pub facts_dropped: u64,
    /// Events dropped because nobody polled.
    pub events_dropped: u64,
    /// MOVINGs that members were handed off for.
    pub waves: u64,
    /// Of them, given up at the limit: their members went on at once.
    pub waves_evicted: u64,
    /// Handoffs asked of members.
    pub handoffs_asked: u64,
    /// Of them, ended with a swap.
    pub handoffs_swapped: u64,
    /// Of them, failed.
    pub handoffs_failed: u64,
    /// Of them, refused by you.
    pub handoffs_refused: u64,
    /// Of them, replaced by a newer MOVING.
    pub handoffs_superseded: u64,
    /// Of them, ended by a close.
    pub handoffs_closed: u64,
    /// Members not handed off at the deadline.
    pub handoffs_late: u64,
    /// RETIRE told.
    pub retired: u64,
    /// Attempts granted.
    pub grants: u64,
    /// Of them, not taken up in time: their place went to another.
    pub grants_lapsed: u64,
    /// Targets that the policy does not allow.
    pub endpoints_refused: u64,
    /// Servers that refused the opt-in.
    pub optins_refused: u64,
    /// Dials reported.
    pub dials: u64,
    /// Times that there was nothing to dial yet.
    pub dials_blocked: u64,
    /// Endpoints that began to refuse.
    pub breakers_opened: u64,
    /// Endpoints that answered again.
    pub breakers_closed: u64,
    /// Calls whose `now_ns` was before that of an earlier one.
    pub clock_steps_back: u64,
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_pool_counts {
    const SMALLEST: usize = core::mem::offset_of!(sch_pool_counts, clock_steps_back) + size_of::<u64>();
}

impl From<PoolCounters> for sch_pool_counts {
    fn from(c: PoolCounters) -> Self {
        Self {
            struct_size: 0,
            reserved: 0,
            members: c.members,
            members_joined: c.members_joined,
            members_refused: c.members_refused,
            members_ejected: c.members_ejected,
            nodes: c.nodes,
            notifications: c.notifications,
            notifications_duplicate: c.notifications_duplicate,
            notifications_stale: c.notifications_stale,
            notifications_told: c.notifications_told,
            facts_dropped: c.facts_dropped,
            events_dropped: c.events_dropped,
            waves: c.waves,
            waves_evicted: c.waves_evicted,
            handoffs_asked: c.handoffs_asked,
            handoffs_swapped: c.handoffs_swapped,
            handoffs_failed: c.handoffs_failed,
            handoffs_refused: c.handoffs_refused,
            handoffs_superseded: c.handoffs_superseded,
            handoffs_closed: c.handoffs_closed,
            handoffs_late: c.handoffs_late,
            retired: c.retired,
            grants: c.grants,
            grants_lapsed: c.grants_lapsed,
            endpoints_refused: c.endpoints_refused,
            optins_refused: c.optins_refused,
            dials: c.dials,
            dials_blocked: c.dials_blocked,
            breakers_opened: c.breakers_opened,
            breakers_closed: c.breakers_closed,
            clock_steps_back: c.clock_steps_back,
        }
    }
}

/// Counters of one endpoint. More may follow.
#[repr(C)]
#[derive(Debug)]
pub struct sch_endpoint_counters {
    /// Set it to `sizeof(sch_endpoint_counters)` before the call.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Candidates tried there.
    pub attempts: u64,
    /// Of them, failed.
    pub attempts_failed: u64,
    /// Dials reported.
    pub dials: u64,
    /// Of them, failed.
    pub dials_failed: u64,
    /// Tries by one connection while it refused.
    pub probes: u64,
    /// Times that it began to refuse.
    pub breaker_opened: u64,
    /// 1: it refuses now.
    pub breaker_open: u64,
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_endpoint_counters {
    const SMALLEST: usize = core::mem::offset_of!(sch_endpoint_counters, breaker_open) + size_of::<u64>();
}

impl From<EndpointCounters> for sch_endpoint_counters {
    fn from(c: EndpointCounters) -> Self {
        Self {
            struct_size: 0,
            reserved: 0,
            attempts: c.attempts,
            attempts_failed: c.attempts_failed,
            dials: c.dials,
            dials_failed: c.dials_failed,
            probes: c.probes,
            breaker_opened: c.breaker_opened,
            breaker_open: c.breaker_open,
        }
    }
}

/// A host and a port that come in.
///
/// # Safety
///
/// As `text`.
unsafe fn endpoint(host: *const c_char, len: usize, port: u16) -> Result<Endpoint, Failure> {
    // SAFETY: as the caller promises.
    let host = unsafe { text(host, len) }?;
    Endpoint::new(host, port).map_err(|_| Failure::argument("host and port name no endpoint"))
}

/// Fills an array of the caller.
///
/// # Safety
///
/// `places` is null or has room for `cap`.
unsafe fn fill(
    places: *mut sch_place,
    cap: usize,
    all: impl Iterator<Item = sch_place>,
) -> Result<usize, Failure> {
    if places.is_null() && cap > 0 {
        return Err(Failure::new(SCH_ERR_NULL, "places is NULL"));
    }
    let mut count = 0;
    for place in all.take(cap) {
        // SAFETY: `count` is below `cap`, so the caller's array reaches there.
        unsafe { places.add(count).write_unaligned(place) };
        count += 1;
    }
    Ok(count)
}

/// Makes a pool for connections that are made with `config` (NULL: the defaults): host and port, endpoint policy, seed and
/// times are those of the pool, too. A pool is for one database.
///
/// Returns SCH_OK: `*pool_out` is yours, for `sch_pool_free`; SCH_ERR_ABI; SCH_ERR_CONFIG: `sch_config_problem` says
/// why; SCH_ERR_BUSY: another thread uses `config`; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_new(
    abi: u32,
    config: *const sch_config,
    pool_out: *mut *mut sch_pool,
) -> sch_status {
    let make = || {
        if abi == 0 || abi > SCH_ABI_VERSION {
            return Err(Failure::new(SCH_ERR_ABI, "the header is newer than the library"));
        }
        let mut settings = Config::default();
        if !config.is_null() {
            let copy = |c: &Settings| -> Outcome {
                settings.clone_from(c);
                Ok(SCH_OK)
            };
            // SAFETY: as the caller promises.
            let status = unsafe { peek(config, copy) };
            if status != SCH_OK {
                return Err(Failure::new(status, "the settings cannot be read"));
            }
        }
        settings.validate()?;
        let pool = Pool::new(PoolConfig::from(&settings));
        let inner = Arc::new(Inner { pool, waitings: Waitings::default() });
        Ok(sch_pool { gate: Gate::default(), inner })
    };
    // SAFETY: as the caller promises.
    unsafe { create(pool_out, make) }
}

/// Frees your handle of a pool. NULL is fine. Connections that have joined go on as its members, and their waiters are woken.
///
/// Returns SCH_OK; SCH_ERR_BUSY: another thread is inside, or this is a wake-up callback: nothing is freed.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_free(pool: *mut sch_pool) -> sch_status {
    // SAFETY: as the caller promises.
    unsafe { free_shared(pool) }
}

/// A waiter that is woken by writing to `descriptor`: an eventfd, or a pipe, with O_NONBLOCK. Eight bytes are written; read
/// them away before you look for mail. Remove the waiter before you close the descriptor.
///
/// Returns SCH_OK: `*waiter_out` is its number, above 0; SCH_ERR_ARGUMENT: the descriptor is not open, or may block;
/// SCH_ERR_LIMIT; and what every call on a pool answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_add_waiter_fd(
    pool: *const sch_pool,
    descriptor: c_int,
    waiter_out: *mut u32,
) -> sch_status {
    let work = |p: &sch_pool| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(waiter_out) }?;
        out.put(p.inner.waitings.add(&p.inner.pool, checked(descriptor)?)?);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(pool, work) }
}

/// A waiter that is woken by calling `wake` with `user_data`, from any thread.
///
/// Returns SCH_OK: `*waiter_out` is its number, above 0; SCH_ERR_NULL; SCH_ERR_LIMIT; and what every call on a pool answers.
///
/// # Safety
///
/// As the manual says of pointers; `wake` can be called with `user_data` until `sch_pool_remove_waiter` answers SCH_OK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_add_waiter(
    pool: *const sch_pool,
    wake: sch_wake_fn,
    user_data: *mut c_void,
    waiter_out: *mut u32,
) -> sch_status {
    let work = |p: &sch_pool| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(waiter_out) }?;
        let wake = wake.ok_or(Failure::new(SCH_ERR_NULL, "wake is NULL"))?;
        out.put(p.inner.waitings.add(&p.inner.pool, How::Callback(wake, user_data))?);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(pool, work) }
}

/// Ends a waiter. After SCH_OK it is not woken any more, and what it needs can go.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: there is none of that number; SCH_ERR_BUSY: it is just being woken, by another thread or
/// around this call: it stays, try again; and what every call on a pool answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_remove_waiter(pool: *const sch_pool, waiter: u32) -> sch_status {
    // SAFETY: as the caller promises.
    unsafe { shared(pool, |p| p.inner.waitings.remove(&p.inner.pool, waiter).map(|()| SCH_OK)) }
}

/// Names the waiter of the pool itself: it is woken when there are events to poll, and when the deadline comes nearer. 0 is
/// none, then poll and tick at your own pace: every 100 ms is good.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: there is none of that number; and what every call on a pool answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_watch(pool: *const sch_pool, waiter: u32) -> sch_status {
    // SAFETY: as the caller promises.
    unsafe { shared(pool, |p| p.inner.waitings.watch(waiter).map(|()| SCH_OK)) }
}

/// The next event. More than one thread may poll; each event is given once.
///
/// Returns SCH_OK: `event_out` is filled; SCH_EMPTY: there is none; SCH_ERR_STRUCT_SIZE; and what every call on a pool
/// answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_poll_event(
    pool: *const sch_pool,
    event_out: *mut sch_pool_event,
) -> sch_status {
    let work = |p: &sch_pool| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { SizedOut::new(event_out) }?;
        let Some(event) = p.inner.pool.poll_event() else { return Ok(SCH_EMPTY) };
        out.put(&event.into());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(pool, work) }
}

/// Does what is due. Any thread may call it; one is enough.
///
/// Returns SCH_OK; and what every call on a pool answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_tick(pool: *const sch_pool, now_ns: u64) -> sch_status {
    let work = |p: &sch_pool| -> Outcome {
        p.wake(&p.inner.pool.tick(at(now_ns)));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(pool, work) }
}

/// When `sch_pool_tick` is to be called.
///
/// Returns SCH_OK: `*has_out` says whether there is a deadline, `*deadline_ns_out` is it or 0; and what every call on a pool
/// answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_next_deadline(
    pool: *const sch_pool,
    has_out: *mut bool,
    deadline_ns_out: *mut u64,
) -> sch_status {
    let work = |p: &sch_pool| -> Outcome {
        // SAFETY: as the caller promises.
        let (has, at) = unsafe { (Out::new(has_out)?, Out::new(deadline_ns_out)?) };
        let deadline = p.inner.pool.next_deadline();
        has.put(deadline.is_some());
        at.put(deadline.map_or(0, Timestamp::as_nanos));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(pool, work) }
}

/// Where to dial a new connection, best first: inside the window of a MOVING its target, then what moves; after it the
/// configured address again. What refuses is left out, but for one that tries. Fills up to `cap` (1 at least, 4 is good)
/// places; try one after the other, and report each with `sch_pool_dial_result`.
///
/// Returns SCH_OK: `*count_out` places are filled; SCH_EMPTY: all refuse and are tried by another connection, ask again at
/// `*retry_ns_out`; SCH_ERR_ARGUMENT: `cap` is 0; and what every call on a pool answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_where_to_dial(
    pool: *const sch_pool,
    now_ns: u64,
    places: *mut sch_place,
    cap: usize,
    count_out: *mut usize,
    retry_ns_out: *mut u64,
) -> sch_status {
    let work = |p: &sch_pool| -> Outcome {
        // SAFETY: as the caller promises.
        let (count, retry) = unsafe { (Out::new(count_out)?, Out::new(retry_ns_out)?) };
        if places.is_null() {
            return Err(Failure::new(SCH_ERR_NULL, "places is NULL"));
        }
        if cap == 0 {
            return Err(Failure::argument("cap is 0"));
        }
        let (advice, wakes) = p.inner.pool.where_to_dial(at(now_ns));
        p.wake(&wakes);
        if advice.targets.is_empty() {
            retry.put(advice.retry_at.map_or(now_ns, Timestamp::as_nanos));
            return Ok(SCH_EMPTY);
        }
        // SAFETY: as the caller promises.
        count.put(unsafe { fill(places, cap, advice.targets.iter().map(sch_place::from)) }?);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(pool, work) }
}

/// A dial to one of those places has ended, with a usable connection or not.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: it is no endpoint; and what every call on a pool answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_dial_result(
    pool: *const sch_pool,
    now_ns: u64,
    host: *const c_char,
    host_len: usize,
    port: u16,
    ok: bool,
) -> sch_status {
    let work = |p: &sch_pool| -> Outcome {
        // SAFETY: as the caller promises.
        let endpoint = unsafe { endpoint(host, host_len, port) }?;
        p.wake(&p.inner.pool.dial_result(at(now_ns), &endpoint, ok));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(pool, work) }
}

/// A server refused the opt-in: connections of the pool do not ask it again for a while. Those that have joined say so
/// themselves; this is for a driver that opts in by its own means.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: it is no endpoint; and what every call on a pool answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_optin_refused(
    pool: *const sch_pool,
    now_ns: u64,
    host: *const c_char,
    host_len: usize,
    port: u16,
) -> sch_status {
    let work = |p: &sch_pool| -> Outcome {
        // SAFETY: as the caller promises.
        let endpoint = unsafe { endpoint(host, host_len, port) }?;
        p.wake(&p.inner.pool.optin_refused(at(now_ns), endpoint));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(pool, work) }
}

/// Counters of the pool.
///
/// Returns SCH_OK: `counters_out` is filled; SCH_ERR_STRUCT_SIZE; and what every call on a pool answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_counters(
    pool: *const sch_pool,
    counters_out: *mut sch_pool_counts,
) -> sch_status {
    let work = |p: &sch_pool| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { SizedOut::new(counters_out) }?;
        out.put(&p.inner.pool.counters().into());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(pool, work) }
}

/// The endpoints that there are counters of, up to `cap`; only host and port are filled.
///
/// Returns SCH_OK: `*count_out` places are filled; and what every call on a pool answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_endpoints(
    pool: *const sch_pool,
    places: *mut sch_place,
    cap: usize,
    count_out: *mut usize,
) -> sch_status {
    let work = |p: &sch_pool| -> Outcome {
        // SAFETY: as the caller promises.
        let count = unsafe { Out::new(count_out) }?;
        let named = |endpoint: Endpoint| {
            (&DialTarget { endpoint, is_probe: false, optin_refused_until: None }).into()
        };
        // SAFETY: as the caller promises.
        count.put(unsafe { fill(places, cap, p.inner.pool.endpoints().into_iter().map(named)) }?);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(pool, work) }
}

/// Counters of one endpoint.
///
/// Returns SCH_OK: `counters_out` is filled; SCH_EMPTY: nothing is known of it; SCH_ERR_ARGUMENT: it is no endpoint;
/// SCH_ERR_STRUCT_SIZE; and what every call on a pool answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_endpoint_counters(
    pool: *const sch_pool,
    host: *const c_char,
    host_len: usize,
    port: u16,
    counters_out: *mut sch_endpoint_counters,
) -> sch_status {
    let work = |p: &sch_pool| -> Outcome {
        // SAFETY: as the caller promises.
        let (endpoint, out) = unsafe { (endpoint(host, host_len, port)?, SizedOut::new(counters_out)?) };
        let Some(counters) = p.inner.pool.endpoint_counters(&endpoint) else { return Ok(SCH_EMPTY) };
        out.put(&counters.into());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(pool, work) }
}
