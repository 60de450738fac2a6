//! Outputs: what is asked of a connection. Argument 0 is the handle.

use crate::action::{bytes, text};
use crate::config;
use crate::conn::Piece;
use crate::js::{Answer, Call, Function, Instance, Value};
use crate::plain::{empty, numbers};
use crate::{clock, todo};
use core::ptr::null;
use sch::ffi::conn::*;
use sch::ffi::status::{SCH_EMPTY, SCH_OK, sch_status_str};
use sch::ffi::version::{sch_abi_version, sch_version_string};
use std::ffi::CStr;

pub const FUNCTIONS: &[Function] = &[
    ("todo", |c| c.int(c.conn()?.todo())),
    ("poll", poll),
    ("actionText", action_text),
    ("spans", spans),
    ("region", region),
    ("deadline", |c| c.make(c.conn()?.tell_deadline())),
    ("delayMs", delay_ms),
    ("takeLog", |c| c.conn()?.log.take(c)),
    ("lastError", last_error),
    ("salvage", salvage),
    ("effectiveTimeoutMs", effective_timeout_ms),
    ("waitOn", wait_on),
    ("counters", counters),
    ("phase", phase),
    ("current", current),
    ("isActive", is_active),
    ("pollTrace", poll_trace),
    ("now", |c| c.make(clock::now())),
    ("statusText", status_text),
    ("version", version),
    ("settings", |c| c.make(config::names())),
    ("live", |c| c.make(c.instance().live())),
    ("onWake", Instance::on_wake),
    ("nothing", |c| c.int(0)),
];

/// The next action as a list, or nothing.
fn poll(call: &Call) -> Answer {
    let polled = call.conn()?.poll();
    call.make(polled.map_or(Value::Undefined, crate::action::Polled::into_value))
}

/// The action that was polled last as one line, or nothing.
fn action_text(call: &Call) -> Answer {
    let conn = call.conn()?.raw();
    let (mut line, mut len) = (vec![0u8; 256], 0);
    // SAFETY: the handle is live; the places are of this function, as large as is said.
    unsafe {
        let mut status = sch_conn_action_text(conn, line.as_mut_ptr().cast(), line.len(), &mut len);
        if status == SCH_OK && len >= line.len() {
            line.resize(len + 1, 0);
            status = sch_conn_action_text(conn, line.as_mut_ptr().cast(), line.len(), &mut len);
        }
        if status != SCH_OK {
            return call.make(Value::Undefined);
        }
    }
    line.truncate(len);
    call.make(Value::Text(String::from_utf8_lossy(&line).into_owned()))
}

/// What the last `receive` passes on: two numbers for a part of the data, bytes for what is libsch's own.
fn spans(call: &Call) -> Answer {
    let pieces = core::mem::take(&mut call.conn()?.pieces);
    let values = pieces.into_iter().map(|piece| match piece {
        Piece::Data { start, len } => Value::List(vec![start.into(), len.into()]),
        Piece::Owned(bytes) => Value::Bytes(bytes),
    });
    call.make(Value::List(values.collect()))
}

/// `handle, transport, most`: a copy of at most so many leading bytes of the region, or a status.
fn region(call: &Call) -> Answer {
    let (conn, transport) = (call.conn()?, call.whole(1, "a transport is a whole number")?);
    let most = call.whole(2, "a count is a whole number")?;
    let (mut data, mut len) = (null(), 0);
    // SAFETY: the handle is live, the places are of this function; the bytes live until a call that is not const.
    let copy = unsafe {
        let status = sch_conn_region(conn.raw(), transport, &mut data, &mut len);
        if status != SCH_OK {
            return call.make(status);
        }
        bytes(data, len.min(usize::try_from(most).unwrap_or(usize::MAX))).to_vec()
    };
    call.make(Value::Bytes(copy))
}

/// `handle, now`: milliseconds until the deadline, rounded up; nothing if there is none.
fn delay_ms(call: &Call) -> Answer {
    let now = call.now()?;
    let at = call.conn()?.tell_deadline();
    call.make(at.map(|at| clock::ms_until(at, now)))
}

fn last_error(call: &Call) -> Answer {
    let (mut data, mut len) = (null(), 0);
    // SAFETY: as in `region`.
    let why = unsafe {
        let status = sch_conn_last_error(call.conn()?.raw(), &mut data, &mut len);
        (status == SCH_OK).then(|| text(data, len))
    };
    call.make(why.map_or(Value::Undefined, Value::Text))
}

/// Bytes, or a status.
fn salvage(call: &Call) -> Answer {
    let (mut data, mut len) = (null(), 0);
    // SAFETY: as in `region`; they live until the connection is freed.
    let saved = unsafe {
        let status = sch_conn_salvage(call.conn()?.raw(), &mut data, &mut len);
        if status != SCH_OK {
            return call.make(status);
        }
        bytes(data, len).to_vec()
    };
    call.make(Value::Bytes(saved))
}

/// `handle, configured`: milliseconds; nothing, in and out, is no timeout.
fn effective_timeout_ms(call: &Call) -> Answer {
    let infinite = call.is_undefined(1);
    let configured = if infinite { 0 } else { call.whole(1, "a timeout is a whole number of milliseconds")? };
    let (mut out, mut out_infinite) = (0, false);
    // SAFETY: as in `region`.
    let status = unsafe {
        sch_conn_effective_timeout_ms(call.conn()?.raw(), configured, infinite, &mut out, &mut out_infinite)
    };
    if status != SCH_OK {
        return call.make(Value::List(vec![status.into()]));
    }
    call.make((!out_infinite).then_some(out))
}

/// `[transport, connecting, read, write, ...]`.
fn wait_on(call: &Call) -> Answer {
    let mut waits =
        [const { sch_wait { transport: 0, connecting: 0, read: 0, write: 0, reserved: [0; 5] } }; 3];
    let mut n = 0;
    // SAFETY: as in `region`.
    let status = unsafe { sch_conn_wait_on(call.conn()?.raw(), waits.as_mut_ptr(), waits.len(), &mut n) };
    if status != SCH_OK {
        return call.make(status);
    }
    let values = waits.iter().take(n).flat_map(|w| {
        [w.transport.into(), (w.connecting == 1).into(), (w.read == 1).into(), (w.write == 1).into()]
    });
    call.make(Value::List(values.collect()))
}

/// All counters in the order of the header, or a status.
fn counters(call: &Call) -> Answer {
    let mut c = empty!(sch_counters);
    // SAFETY: as in `region`.
    let status = unsafe { sch_conn_counters(call.conn()?.raw(), &mut c) };
    if status == SCH_OK { call.make(numbers(&c)) } else { call.make(status) }
}

fn phase(call: &Call) -> Answer {
    let mut phase = 0;
    // SAFETY: as in `region`.
    let status = unsafe { sch_conn_phase(call.conn()?.raw(), &mut phase) };
    call.int(if status == SCH_OK { phase } else { status })
}

/// The transport in use, 0 if there is none, or a status.
fn current(call: &Call) -> Answer {
    let mut transport = 0;
    // SAFETY: as in `region`.
    match unsafe { sch_conn_current(call.conn()?.raw(), &mut transport) } {
        SCH_OK | SCH_EMPTY => call.make(transport),
        status => call.make(status),
    }
}

/// 0, 1, or a status.
fn is_active(call: &Call) -> Answer {
    let mut active = false;
    // SAFETY: as in `region`.
    let status = unsafe { sch_conn_is_active(call.conn()?.raw(), &mut active) };
    call.int(if status == SCH_OK { i32::from(active) } else { status })
}

/// A line, or nothing.
fn poll_trace(call: &Call) -> Answer {
    let (mut data, mut len) = (null(), 0);
    // SAFETY: as in `region`.
    let line = unsafe {
        let status = sch_conn_poll_trace(call.conn()?.raw(), &mut data, &mut len);
        (status == SCH_OK).then(|| text(data, len))
    };
    call.make(line.map_or(Value::Undefined, Value::Text))
}

/// A status in words.
fn status_text(call: &Call) -> Answer {
    #[allow(clippy::cast_possible_truncation, reason = "another number is an unknown status")]
    let status = call.number(0, "a status is a number")? as i32;
    // SAFETY: a static text with a NUL.
    let words = unsafe { CStr::from_ptr(sch_status_str(status)) };
    call.make(Value::Text(words.to_string_lossy().into_owned()))
}

/// `[version, ABI version, bits of what a call leaves]`.
fn version(call: &Call) -> Answer {
    // SAFETY: a static text with a NUL.
    let words = unsafe { CStr::from_ptr(sch_version_string()) };
    let bits = [todo::SPANS, todo::ACTIONS, todo::DEADLINE, todo::LOG];
    let mut list = vec![Value::Text(words.to_string_lossy().into_owned()), sch_abi_version().into()];
    list.extend(bits.map(Value::from));
    call.make(Value::List(list))
}
