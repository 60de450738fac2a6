//! Calls of a connection as the member of a pool. Argument 0 is the handle, argument 1 the time.

use crate::js::{Answer, Call, Function};
use core::ptr::null;
use sch::ffi::join::*;
use sch::ffi::status::SCH_OK;
use std::sync::Arc;

pub const FUNCTIONS: &[Function] = &[
    ("join", join),
    ("leave", leave),
    ("take", take),
    ("give", give),
    ("hasMail", has_mail),
    ("member", member),
];

/// `handle, now, pool, unowned, user, node`.
fn join(call: &Call) -> Answer {
    let (now, user) = (call.now()?, call.whole(4, "user is a whole number")?);
    let unowned = i32::try_from(call.whole(3, "unowned is a number")?).unwrap_or(-1);
    let named = !call.is_undefined(5);
    let node = call.text(5)?;
    let pool = call.pool_at(2)?;
    let (raw, waiters) = (pool.raw(), Arc::clone(&pool.waiters));
    let conn = call.conn()?;
    let (text, len) = if named { (node.as_ptr().cast(), node.len()) } else { (null(), 0) };
    // SAFETY: the handles are live, the text is of this function.
    let status = unsafe { sch_conn_join(conn.raw(), now, raw, unowned, user, text, len) };
    if status == SCH_OK {
        conn.waiters = Some(waiters);
    }
    call.int(conn.after(status))
}

/// `handle, now`.
fn leave(call: &Call) -> Answer {
    let (conn, now) = (call.conn()?, call.now()?);
    // SAFETY: the handle is live.
    let status = unsafe { sch_conn_leave(conn.raw(), now) };
    if status == SCH_OK {
        conn.waiters = None;
    }
    call.int(conn.after(status))
}

/// `handle, now, waiter`: 0 is nobody.
fn take(call: &Call) -> Answer {
    let (conn, now, waiter) = (call.conn()?, call.now()?, call.small(2, "a waiter is a number")?);
    // SAFETY: the handle is live.
    let status = unsafe { sch_conn_take(conn.raw(), now, waiter) };
    call.int(conn.after(status))
}

/// `handle, now`.
fn give(call: &Call) -> Answer {
    let (conn, now) = (call.conn()?, call.now()?);
    // SAFETY: the handle is live.
    let status = unsafe { sch_conn_give(conn.raw(), now) };
    call.int(conn.after(status))
}

/// 0, 1, or a status.
fn has_mail(call: &Call) -> Answer {
    let mut has = false;
    // SAFETY: the handle is live, the place is of this function.
    let status = unsafe { sch_conn_has_mail(call.conn()?.raw(), &mut has) };
    call.int(if status == SCH_OK { i32::from(has) } else { status })
}

/// Its number in events, or a status.
fn member(call: &Call) -> Answer {
    let mut number = 0;
    // SAFETY: the handle is live, the place is of this function.
    match unsafe { sch_conn_member(call.conn()?.raw(), &mut number) } {
        SCH_OK => call.make(number),
        status => call.make(status),
    }
}
