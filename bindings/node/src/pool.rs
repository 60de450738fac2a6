//! Calls of a pool. Argument 0 is the handle.

use crate::clock::ms_until;
use crate::config;
use crate::js::{Answer, Call, Fault, Function, Value};
use crate::log::{self, Log};
use crate::plain::{empty, host, numbers, seq};
use crate::waiters::{Waiters, wake};
use core::ptr::null_mut;
use sch::ffi::counts::{sch_endpoint_counters, sch_pool_counts};
use sch::ffi::event::{sch_place, sch_pool_event};
use sch::ffi::log::SCH_LOG_NONE;
use sch::ffi::pool::*;
use sch::ffi::status::{SCH_EMPTY, SCH_OK};
use std::sync::Arc;

pub const FUNCTIONS: &[Function] = &[
    ("poolOpen", open),
    ("poolRelease", release),
    ("poolAddWaiter", add_waiter),
    ("poolRemoveWaiter", remove_waiter),
    ("poolWatch", watch),
    ("poolPollEvent", poll_event),
    ("poolTick", tick),
    ("poolTakeLog", |c| c.pool()?.log.take(c)),
    ("poolDeadline", |c| c.make(c.pool()?.deadline())),
    ("poolDelayMs", delay_ms),
    ("poolWhereToDial", where_to_dial),
    ("poolDialResult", dial_result),
    ("poolOptinRefused", optin_refused),
    ("poolCounters", counters),
    ("poolEndpoints", endpoints),
    ("poolEndpointCounters", endpoint_counters),
    ("takeWoken", take_woken),
];

/// Places that one call is given at most.
const MOST_PLACES: usize = 256;
const WAITER: &str = "a waiter is a number";

/// A pool of libsch and its waiters.
pub struct Pool {
    raw: *mut sch_pool,
    pub waiters: Arc<Waiters>,
    log: Log,
}

impl Pool {
    pub const fn raw(&self) -> *mut sch_pool {
        self.raw
    }

    fn deadline(&self) -> Option<u64> {
        let (mut has, mut at) = (false, 0);
        // SAFETY: the handle is live, the places are of this function.
        let status = unsafe { sch_pool_next_deadline(self.raw, &mut has, &mut at) };
        (status == SCH_OK && has).then_some(at)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: taken over in `open`, freed once. No call is inside: all are of this thread, and this is none of them. Members
        // go on, but not the log.
        unsafe {
            sch_pool_set_log(self.raw, SCH_LOG_NONE, None, null_mut());
            sch_pool_free(self.raw);
        }
    }
}

/// `[...settings], log level`: a handle, or `[status, text]`.
fn open(call: &Call) -> Answer {
    let level = log::level(call)?;
    match config::open(call, sch_pool_new)? {
        Ok(raw) => {
            let log = Log::new(level, |level, callback, data| {
                // SAFETY: the handle is live; `drop` turns it off before the lines go.
                unsafe { sch_pool_set_log(raw, level, callback, data) };
            });
            let pool = Pool { raw, waiters: Waiters::new(&call.instance().bell), log };
            let number = call.instance().pools.put(pool).ok_or(Fault::Full)?;
            call.make(number)
        }
        Err(why) => call.make(why),
    }
}

/// Frees the handle of the pool. What was released before is fine: the garbage collector may come second.
fn release(call: &Call) -> Answer {
    let number = call.whole(0, "a handle is a number")?;
    let released = call.instance().pools.take(number);
    call.make(released.is_some())
}

/// `handle, key`: its number, or a status.
fn add_waiter(call: &Call) -> Answer {
    let (pool, key) = (call.pool()?, call.whole(1, WAITER)?);
    let waiter = pool.waiters.make(key);
    let mut number = 0;
    // SAFETY: the handle is live, the place is of this function; `waiters` keeps what `wake` is called with.
    let status =
        unsafe { sch_pool_add_waiter(pool.raw, Some(wake), Arc::as_ptr(&waiter) as *mut _, &mut number) };
    if status != SCH_OK {
        return call.int(status);
    }
    pool.waiters.keep(number, waiter);
    call.make(number)
}

/// `handle, waiter`.
fn remove_waiter(call: &Call) -> Answer {
    let (pool, waiter) = (call.pool()?, call.small(1, WAITER)?);
    // SAFETY: the handle is live.
    let status = unsafe { sch_pool_remove_waiter(pool.raw, waiter) };
    if status == SCH_OK {
        pool.waiters.forget(waiter);
    }
    call.int(status)
}

/// `handle, waiter`: 0 is none.
fn watch(call: &Call) -> Answer {
    // SAFETY: the handle is live.
    call.int(unsafe { sch_pool_watch(call.pool()?.raw, call.small(1, WAITER)?) })
}

/// `[kind, member, user, count, seq, notification, host, port]`, nothing, or a status.
fn poll_event(call: &Call) -> Answer {
    let mut e = empty!(sch_pool_event);
    // SAFETY: the handle is live, the place is of this function.
    match unsafe { sch_pool_poll_event(call.pool()?.raw, &mut e) } {
        SCH_OK => {}
        SCH_EMPTY => return call.make(Value::Undefined),
        status => return call.make(status),
    }
    call.make(Value::List(vec![
        e.kind.into(),
        e.member.into(),
        e.user.into(),
        e.count.into(),
        seq(e.has_seq == 1, e.seq),
        u32::from(e.notification).into(),
        Value::Text(host(&e.host, e.host_len)),
        u32::from(e.port).into(),
    ]))
}

/// `handle, now`.
fn tick(call: &Call) -> Answer {
    let now = call.now()?;
    // SAFETY: the handle is live.
    call.int(unsafe { sch_pool_tick(call.pool()?.raw, now) })
}

/// `handle, now`: milliseconds until the deadline, rounded up; nothing if there is none.
fn delay_ms(call: &Call) -> Answer {
    let now = call.now()?;
    let at = call.pool()?.deadline();
    call.make(at.map(|at| ms_until(at, now)))
}

fn places(cap: usize) -> Vec<sch_place> {
    // SAFETY: integers and texts, for all of which 0 is a value.
    vec![unsafe { core::mem::zeroed::<sch_place>() }; cap]
}

/// `handle, now, most`: `[host, port, is probe, refused for so many milliseconds, ...]`; in how many to ask again; or a
/// status.
fn where_to_dial(call: &Call) -> Answer {
    let (pool, now) = (call.pool()?, call.now()?);
    let most = call.whole(2, "a count is a whole number")?;
    let mut all = places(usize::try_from(most).unwrap_or(MOST_PLACES).min(MOST_PLACES));
    let (mut count, mut retry) = (0, 0);
    // SAFETY: the handle is live, the places are of this function.
    match unsafe {
        sch_pool_where_to_dial(pool.raw, now, all.as_mut_ptr(), all.len(), &mut count, &mut retry)
    } {
        SCH_OK => {}
        SCH_EMPTY => return call.make(ms_until(retry, now)),
        status => return call.make(status),
    }
    let values = all.iter().take(count).flat_map(|p| {
        let until = (p.optin_refused == 1).then(|| ms_until(p.optin_refused_until_ns, now));
        [
            Value::Text(host(&p.host, p.host_len)),
            u32::from(p.port).into(),
            (p.is_probe == 1).into(),
            until.into(),
        ]
    });
    call.make(Value::List(values.collect()))
}

/// `handle, now, host, port, ok`.
fn dial_result(call: &Call) -> Answer {
    let (now, host, port, ok) = (call.now()?, call.text(2)?, call.port(3)?, call.flag(4)?);
    let pool = call.pool()?.raw;
    // SAFETY: the handle is live, the text is of this function.
    call.int(unsafe { sch_pool_dial_result(pool, now, host.as_ptr().cast(), host.len(), port, ok) })
}

/// `handle, now, host, port`.
fn optin_refused(call: &Call) -> Answer {
    let (now, host, port) = (call.now()?, call.text(2)?, call.port(3)?);
    let pool = call.pool()?.raw;
    // SAFETY: the handle is live, the text is of this function.
    call.int(unsafe { sch_pool_optin_refused(pool, now, host.as_ptr().cast(), host.len(), port) })
}

/// All counters in the order of the header, or a status.
fn counters(call: &Call) -> Answer {
    let mut c = empty!(sch_pool_counts);
    // SAFETY: the handle is live, the place is of this function.
    match unsafe { sch_pool_counters(call.pool()?.raw, &mut c) } {
        SCH_OK => call.make(numbers(&c)),
        status => call.make(status),
    }
}

/// `[host, port, ...]`, or a status.
fn endpoints(call: &Call) -> Answer {
    let pool = call.pool()?.raw;
    let mut all = places(64);
    loop {
        let mut count = 0;
        // SAFETY: the handle is live, the places are of this function.
        let status = unsafe { sch_pool_endpoints(pool, all.as_mut_ptr(), all.len(), &mut count) };
        if status != SCH_OK {
            return call.make(status);
        }
        if count < all.len() {
            let known = all.iter().take(count);
            let values =
                known.flat_map(|p| [Value::Text(host(&p.host, p.host_len)), u32::from(p.port).into()]);
            return call.make(Value::List(values.collect()));
        }
        all = places(all.len() * 2);
    }
}

/// `handle, host, port`: the counters in the order of the header, nothing, or a status.
fn endpoint_counters(call: &Call) -> Answer {
    let (host, port) = (call.text(1)?, call.port(2)?);
    let (pool, mut c) = (call.pool()?.raw, empty!(sch_endpoint_counters));
    // SAFETY: the handle is live, the text and the place are of this function.
    match unsafe { sch_pool_endpoint_counters(pool, host.as_ptr().cast(), host.len(), port, &mut c) } {
        SCH_OK => call.make(numbers(&c)),
        SCH_EMPTY => call.make(Value::Undefined),
        status => call.make(status),
    }
}

/// The keys of waiters that were woken since this was asked last.
fn take_woken(call: &Call) -> Answer {
    let woken = call.instance().bell.take_woken();
    call.make(Value::List(woken.into_iter().map(Value::from).collect()))
}
