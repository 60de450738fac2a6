//! Inputs: calls that change a connection. Argument 0 is the handle, argument 1 the time.

use crate::config;
use crate::conn::{Conn, Piece};
use crate::js::{Answer, Call, Fault, Function, Value};
use crate::log;
use crate::plain::empty;
use crate::todo;
use core::mem::MaybeUninit;
use sch::ffi::conn::*;
use sch::ffi::push::*;
use sch::ffi::status::{SCH_EMPTY, SCH_OK, sch_status};

pub const FUNCTIONS: &[Function] = &[
    ("open", open),
    ("release", release),
    ("receive", receive),
    ("receiveIn", receive_in),
    ("submit", submit),
    ("wrote", wrote),
    ("tick", |c| plain(c, sch_conn_tick)),
    ("dial", dial),
    ("dialTo", dial_to),
    ("connected", connected),
    ("connectFailed", |c| of_transport(c, sch_conn_connect_failed)),
    ("closed", closed),
    ("owe", |c| of_transport(c, sch_conn_owe)),
    ("oweOn", owe_on),
    ("inFlight", |c| of_transport(c, sch_conn_in_flight)),
    ("fence", fence),
    ("cancel", cancel),
    ("held", |c| plain(c, sch_conn_held)),
    ("swapped", |c| plain(c, sch_conn_swapped)),
    ("swapRefused", |c| plain(c, sch_conn_swap_refused)),
    ("ready", |c| of_transport(c, sch_conn_ready)),
    ("resp2", |c| of_transport(c, sch_conn_resp2)),
    ("optinReply", optin_reply),
    ("lossesSettled", |c| plain(c, sch_conn_losses_settled)),
    ("credentials", credentials),
    ("close", |c| plain(c, sch_conn_close)),
    ("push", push),
    ("pushBegin", |c| push_elements(c, sch_conn_push_begin)),
    ("pushText", push_text),
    ("pushInteger", push_integer),
    ("pushNull", push_null),
    ("pushArray", |c| push_elements(c, sch_conn_push_array)),
    ("pushEnd", push_end),
];

/// Spans that one call is given at most.
const MOST_SPANS: usize = 1024;
const TRANSPORT: &str = "a transport is a whole number";
const COUNT: &str = "a count is a whole number";

/// A call that takes the time only.
fn plain(call: &Call, f: unsafe extern "C" fn(*mut sch_conn, u64) -> sch_status) -> Answer {
    let (conn, now) = (call.conn()?, call.now()?);
    // SAFETY: the handle is live.
    let status = unsafe { f(conn.raw(), now) };
    call.int(conn.after(status))
}

/// A call that takes the time and one number, mostly a transport.
fn of_transport(call: &Call, f: unsafe extern "C" fn(*mut sch_conn, u64, u64) -> sch_status) -> Answer {
    let (conn, now, number) = (call.conn()?, call.now()?, call.whole(2, TRANSPORT)?);
    // SAFETY: the handle is live.
    let status = unsafe { f(conn.raw(), now, number) };
    call.int(conn.after(status))
}

/// `handle, now, transport, bytes`.
fn wrote(call: &Call) -> Answer {
    let (conn, now, transport) = (call.conn()?, call.now()?, call.whole(2, TRANSPORT)?);
    let len = usize::try_from(call.whole(3, COUNT)?).unwrap_or(usize::MAX);
    // SAFETY: the handle is live.
    let status = unsafe { sch_conn_wrote(conn.raw(), now, transport, len) };
    call.int(conn.after(status))
}

/// `handle, now, transport, replies`.
fn owe_on(call: &Call) -> Answer {
    let (conn, now, transport) = (call.conn()?, call.now()?, call.whole(2, TRANSPORT)?);
    // SAFETY: the handle is live.
    let status = unsafe { sch_conn_owe_on(conn.raw(), now, transport, call.whole(3, COUNT)?) };
    call.int(conn.after(status))
}

/// `[...settings], log level`: a handle, or `[status, text]`.
fn open(call: &Call) -> Answer {
    let log = log::level(call)?;
    match config::open(call, sch_conn_new)? {
        Ok(raw) => {
            let conn = Conn::new(raw, log);
            let number = call.instance().conns.put(conn).ok_or(Fault::Full)?;
            call.make(number)
        }
        Err(why) => call.make(why),
    }
}

/// Frees the connection. What was released before is fine: the garbage collector may come second.
fn release(call: &Call) -> Answer {
    let number = call.whole(0, "a handle is a number")?;
    let released = call.instance().conns.take(number);
    call.make(released.is_some())
}

/// `handle, now, transport, data`: one call for each read of a socket. `shared[0]`: how many bytes were taken.
fn receive(call: &Call) -> Answer {
    let (conn, now, transport) = (call.conn()?, call.now()?, call.whole(2, TRANSPORT)?);
    let (data, len) = call.bytes(3)?;
    // SAFETY: memory of an argument of this call, and no code of the application runs meanwhile.
    let (answer, consumed) = unsafe { conn.receive(now, transport, data, len) };
    if answer != 0 {
        call.share([consumed as u64]);
    }
    call.int(answer)
}

/// As `receive`, with the most spans as a last argument. The answer has the bit of `spans` always.
fn receive_in(call: &Call) -> Answer {
    let (conn, now, transport) = (call.conn()?, call.now()?, call.whole(2, TRANSPORT)?);
    let (data, len) = call.bytes(3)?;
    let cap = usize::try_from(call.whole(4, COUNT)?).unwrap_or(usize::MAX).min(MOST_SPANS);
    let mut spans = vec![MaybeUninit::uninit(); cap];
    // SAFETY: as in `receive`.
    let (answer, consumed) = unsafe { conn.receive_in(now, transport, data, len, &mut spans) };
    if answer >= 0 && answer & todo::SPANS == 0 {
        conn.pieces = if len == 0 { Vec::new() } else { vec![Piece::Data { start: 0, len }] };
    }
    call.share([consumed as u64]);
    call.int(if answer < 0 { answer } else { answer | todo::SPANS })
}

/// `handle, now, data`. `shared`: transport, write now, held, first, count.
fn submit(call: &Call) -> Answer {
    let (conn, now, (data, len)) = (call.conn()?, call.now()?, call.bytes(2)?);
    let mut s = sch_submitted {
        struct_size: size_of::<sch_submitted>() as u32,
        reserved: 0,
        transport: 0,
        write_now: 0,
        held: 0,
        first: 0,
        count: 0,
    };
    // SAFETY: the handle is live, the place is of this function, `data` as in `receive`.
    let status = unsafe { sch_conn_submit(conn.raw(), now, data, len, &mut s) };
    if status == SCH_OK {
        call.share([s.transport, s.write_now as u64, s.held as u64, s.first, s.count]);
    }
    call.int(conn.after(status))
}

/// `handle, now, nth`: `[transport, host, port, TLS name]`, nothing if there is no such choice, or a status.
fn dial(call: &Call) -> Answer {
    let (conn, now, nth) = (call.conn()?, call.now()?, call.whole(2, COUNT)?);
    let nth = usize::try_from(nth).unwrap_or(usize::MAX);
    let mut d = empty!(sch_dial);
    // SAFETY: the handle is live, the place is of this function.
    let status = unsafe { sch_conn_dial(conn.raw(), now, nth, &mut d) };
    dialled(call, status, &d)
}

/// `handle, now, host, port`: as `dial`.
fn dial_to(call: &Call) -> Answer {
    let (now, host, port) = (call.now()?, call.text(2)?, call.port(3)?);
    let (conn, mut d) = (call.conn()?, empty!(sch_dial));
    // SAFETY: as `dial`; the text is of this function.
    let status = unsafe { sch_conn_dial_to(conn.raw(), now, host.as_ptr().cast(), host.len(), port, &mut d) };
    dialled(call, status, &d)
}

/// What a dial answered, before the next call on its connection.
fn dialled(call: &Call, status: sch_status, d: &sch_dial) -> Answer {
    match status {
        SCH_OK => {}
        SCH_EMPTY => return call.make(Value::Undefined),
        status => return call.make(status),
    }
    // SAFETY: the texts of a dial live until the next call.
    let (host, name) = unsafe {
        let name = (d.has_tls == 1).then(|| crate::action::text(d.tls_server_name, d.tls_server_name_len));
        (crate::action::text(d.host, d.host_len), name)
    };
    let name = name.map_or(Value::Undefined, Value::Text);
    call.make(Value::List(vec![d.transport.into(), Value::Text(host), u32::from(d.port).into(), name]))
}

/// `handle, now, transport, peer`.
fn connected(call: &Call) -> Answer {
    let (now, transport, peer) = (call.now()?, call.whole(2, TRANSPORT)?, call.text(3)?);
    let conn = call.conn()?;
    // SAFETY: the handle is live, the text is of this function.
    let status = unsafe { sch_conn_connected(conn.raw(), now, transport, peer.as_ptr().cast(), peer.len()) };
    call.int(conn.after(status))
}

/// `handle, now, transport, unwritten bytes`.
fn closed(call: &Call) -> Answer {
    let (conn, now, transport) = (call.conn()?, call.now()?, call.whole(2, TRANSPORT)?);
    let (data, len) = call.optional_bytes(3)?;
    // SAFETY: the handle is live, `data` as in `receive`.
    let status = unsafe { sch_conn_closed(conn.raw(), now, transport, data, len) };
    call.int(conn.after(status))
}

/// `handle, now, fence, open`.
fn fence(call: &Call) -> Answer {
    let (conn, now, fence) = (call.conn()?, call.now()?, call.whole(2, "a fence is a number")?);
    let fence = i32::try_from(fence).unwrap_or(-1);
    // SAFETY: the handle is live.
    let status = unsafe { sch_conn_fence(conn.raw(), now, fence, call.flag(3)?) };
    call.int(conn.after(status))
}

/// `handle, now, number`: whether it was withdrawn, or a status.
fn cancel(call: &Call) -> Answer {
    let (conn, now, number) = (call.conn()?, call.now()?, call.whole(2, "a command is a number")?);
    let mut withdrawn = false;
    // SAFETY: the handle is live, the place is of this function.
    let status = unsafe { sch_conn_cancel(conn.raw(), now, number, &mut withdrawn) };
    said(call, status, withdrawn)
}

fn said(call: &Call, status: sch_status, answer: bool) -> Answer {
    if status == SCH_OK { call.make(answer) } else { call.make(status) }
}

/// `handle, now, transport, bytes`.
fn optin_reply(call: &Call) -> Answer {
    let (conn, now, transport) = (call.conn()?, call.now()?, call.whole(2, TRANSPORT)?);
    let (data, len) = call.bytes(3)?;
    // SAFETY: the handle is live, `data` as in `receive`.
    let status = unsafe { sch_conn_optin_reply(conn.raw(), now, transport, data, len) };
    call.int(conn.after(status))
}

/// `handle, now, user name, password`.
fn credentials(call: &Call) -> Answer {
    let (now, user) = (call.now()?, call.text(2)?);
    let (data, len) = call.bytes(3)?;
    let conn = call.conn()?;
    // SAFETY: the handle is live, the text is of this function, `data` as in `receive`.
    let status =
        unsafe { sch_conn_credentials(conn.raw(), now, user.as_ptr().cast(), user.len(), data, len) };
    call.int(conn.after(status))
}

/// `handle, now, transport, bytes`: whether it was swallowed, or a status.
fn push(call: &Call) -> Answer {
    let (conn, now, transport) = (call.conn()?, call.now()?, call.whole(2, TRANSPORT)?);
    let (data, len) = call.bytes(3)?;
    let mut swallowed = false;
    // SAFETY: the handle is live, the place is of this function, `data` as in `receive`.
    let status = unsafe { sch_conn_push(conn.raw(), now, transport, data, len, &mut swallowed) };
    said(call, status, swallowed)
}

/// `handle, now, transport`: as `push`.
fn push_end(call: &Call) -> Answer {
    let (conn, now, transport) = (call.conn()?, call.now()?, call.whole(2, TRANSPORT)?);
    let mut swallowed = false;
    // SAFETY: the handle is live, the place is of this function.
    let status = unsafe { sch_conn_push_end(conn.raw(), now, transport, &mut swallowed) };
    said(call, status, swallowed)
}

/// `handle, elements`: begins a push, or an array in it. Building asks for nothing, so the answer is the status.
fn push_elements(call: &Call, f: unsafe extern "C" fn(*mut sch_conn, u64) -> sch_status) -> Answer {
    let (conn, elements) = (call.conn()?, call.whole(1, COUNT)?);
    // SAFETY: the handle is live.
    call.int(unsafe { f(conn.raw(), elements) })
}

/// `handle, bytes`.
fn push_text(call: &Call) -> Answer {
    let (conn, (data, len)) = (call.conn()?, call.bytes(1)?);
    // SAFETY: the handle is live, `data` as in `receive`.
    call.int(unsafe { sch_conn_push_text(conn.raw(), data, len) })
}

/// `handle`.
fn push_null(call: &Call) -> Answer {
    // SAFETY: the handle is live.
    call.int(unsafe { sch_conn_push_null(call.conn()?.raw()) })
}

/// `handle, integer`.
fn push_integer(call: &Call) -> Answer {
    let value = call.number(1, "an integer was expected")?;
    if value.fract() != 0.0 || value.abs() > 9_007_199_254_740_991.0 {
        return Err(Fault::Argument("an integer was expected"));
    }
    #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
    let value = value as i64;
    // SAFETY: the handle is live.
    call.int(unsafe { sch_conn_push_integer(call.conn()?.raw(), value) })
}
