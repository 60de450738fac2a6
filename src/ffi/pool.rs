//! A pool: what its connections share. Threads share the handle; it lends nothing, all outputs are copies. Takes no decision.

use super::boundary::{Out, Outcome, SizedOut, create, peek_beside, text};
use super::config::{Settings, sch_config};
use super::counts::{sch_endpoint_counters, sch_pool_counts};
use super::event::{sch_place, sch_pool_event};
use super::log::{Teller, sch_log_fn};
use super::shared::{Gate, SharedNoun, free_shared, shared};
use super::status::{Failure, SCH_EMPTY, SCH_ERR_ABI, SCH_ERR_NULL, SCH_OK, sch_status};
use super::version::SCH_ABI_VERSION;
use super::wake::{How, Waitings, checked, sch_wake_fn};
use crate::endpoint::Endpoint;
use crate::mem;
use crate::pool::{DialTarget, Pool, Unowned, Wakes};
use crate::time::Timestamp;
use core::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

/// Members that nobody owns are closed when their node moves (RETIRE).
pub const SCH_UNOWNED_RETIRE: i32 = 1;
/// Members that nobody owns are handed off when their node moves (HANDOFF).
pub const SCH_UNOWNED_HANDOFF: i32 = 2;

const _: () = {
    const fn shared_by_threads<T: Send + Sync>() {}
    shared_by_threads::<sch_pool>();
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
    teller: Teller,
}

impl Inner {
    /// Last thing a call does: wakes, then tells what there is for the log.
    pub(super) fn tell(&self, wakes: &Wakes) {
        self.waitings.wake(wakes);
        self.teller.tell(&self.pool, || self.waitings.is_calling());
    }
}

impl SharedNoun for sch_pool {
    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn is_calling(&self) -> bool {
        self.inner.waitings.is_calling() || self.inner.teller.is_telling()
    }
}

impl sch_pool {
    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    fn tell(&self, wakes: &Wakes) {
        self.inner.tell(wakes);
    }
}

/// What a pool without members takes that gives so many events, most of it for them.
const fn at_first(events: usize) -> usize {
    const BESIDES: usize = 16 << 10;
    BESIDES + events * (size_of::<crate::pool::Event>() + size_of::<usize>())
}

const fn at(now_ns: u64) -> Timestamp {
    Timestamp::from_nanos(now_ns)
}

/// A host and a port that come in.
///
/// # Safety
///
/// As `text`.
unsafe fn endpoint(host: *const c_char, len: usize, port: u16) -> Result<Endpoint, Failure> {
    // SAFETY: as the caller promises.
    let host = unsafe { text(host, len) }?;
    Ok(Endpoint::new(host, port)?)
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
/// times are those of the pool, too; SCH_LIMIT_MAX_POOL_* are its limits. A pool is for one database.
///
/// Returns SCH_OK: `*pool_out` is yours, for `sch_pool_free`; SCH_ERR_ABI; SCH_ERR_CONFIG: `sch_config_problem` says
/// why; SCH_ERR_BUSY: another thread changes `config`; SCH_ERR_NO_MEMORY: none was made; SCH_ERR_NULL.
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
        let mut settings = Settings::new()?.pool();
        if !config.is_null() {
            let copy = |c: &Settings| -> Outcome {
                settings = c.pool();
                Ok(SCH_OK)
            };
            // SAFETY: as the caller promises.
            let status = unsafe { peek_beside(config, copy) };
            if status != SCH_OK {
                return Err(Failure::new(status, "the settings cannot be read"));
            }
        }
        let settings = settings?;
        mem::ask(at_first(settings.limits.max_events))?;
        let pool = Pool::new(settings);
        let (waitings, teller) = (Waitings::default(), Teller::default());
        let inner = mem::shared(Inner { pool, waitings, teller })?;
        Ok(sch_pool { gate: Gate::default(), inner })
    };
    // SAFETY: as the caller promises.
    unsafe { create(pool_out, make) }
}

/// Frees your handle of a pool. NULL is fine. Connections that have joined go on as its members, and their waiters are woken
/// and its log is told until the last of them has left: remove before those that are to end earlier, and turn off the log.
///
/// Returns SCH_OK; SCH_ERR_BUSY: a call of another thread is inside, or a wake-up or log callback is running, as when this is
/// one: nothing is freed.
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
        let event = p.inner.pool.poll_event();
        p.tell(&Wakes::default());
        let Some(event) = event else { return Ok(SCH_EMPTY) };
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
        p.tell(&p.inner.pool.tick(at(now_ns)));
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
/// configured address again. What refuses is left out, but for one that tries: a place with `is_probe` is yours alone until you
/// report, or the time of an attempt is over (the longer of `attempt_min` and a third of `handoff_timeout`: 5 s). Fills up to
/// `cap` (1 at least, 4 is good) places; try one after the other, and report each with `sch_pool_dial_result`.
///
/// Returns SCH_OK: `*count_out` places are filled; SCH_EMPTY: all refuse, ask again at `*retry_ns_out`, on your clock: when
/// the pause of one is over, or the time of who tries it, unless its report comes before; SCH_ERR_ARGUMENT: `cap` is 0; and
/// what every call on a pool answers.
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
        p.tell(&wakes);
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
        p.tell(&p.inner.pool.dial_result(at(now_ns), &endpoint, ok));
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
        p.tell(&p.inner.pool.optin_refused(at(now_ns), endpoint));
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

/// Sets where log lines of the pool go: `callback` gets those up to `level`, SCH_LOG_*, and `user_data`; NULL, or
/// SCH_LOG_NONE, turns the log off, as at first. A line is words of the form `event=grant member=4294967296 user=42`, of at most
/// SCH_LINE_SIZE bytes with its NUL; keys that end in _ms are milliseconds; credentials and names of channels never stand there.
/// Lines are for people: words may come and change in any version. What they tell, level by level:
///
///   info   a notification that is new: by which member it was read, of which node, how many members hear of it; a MOVING's
///          handoffs (a wave) begin and end; an endpoint answers again
///   warn   members that are late, an endpoint that is not followed or refuses, a limit that was met: mail, events, members
///   debug  who joins, leaves and moves; a notification that does nothing, and why; who is granted, and why nobody is; RETIRE and
///          HANDOFF; attempts, dials and who tries an endpoint that refuses
///
/// A line is told at the end of a call on the pool, or of one on a member, when no lock is held and all wake-ups are made: never
/// from inside a wake-up. One thread tells at a time, so that lines come in the order of what they tell; it may tell those of
/// other threads. So the callback is never called twice at once, but by different threads. The text lives until it returns.
///
/// From inside it the pool may be called; the lines of such a call are told after it has returned. sch_pool_free and this function
/// answer SCH_ERR_BUSY there, and so does every call on the connection whose call is telling. While it runs other threads go on,
/// and at most SCH_LIMIT_MAX_LINES lines wait; that more were dropped is a line. A call tells at most 1,024: the rest comes with the
/// next. It must not throw nor longjmp.
///
/// Returns SCH_OK: the callback before is not called any more; SCH_ERR_ARGUMENT: no such level; SCH_ERR_BUSY: the callback
/// before is being called, by another thread or around this call: nothing was changed, try again; and what every call on a pool
/// answers.
///
/// # Safety
///
/// As the manual says of pointers; `callback` can be called with `user_data` from any thread until it is replaced, or the handle is
/// free and the last member has left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_pool_set_log(
    pool: *const sch_pool,
    level: i32,
    callback: sch_log_fn,
    user_data: *mut c_void,
) -> sch_status {
    // SAFETY: as the caller promises.
    unsafe { shared(pool, |p| p.inner.teller.set(&p.inner.pool, level, callback, user_data)) }
}
