//! Actions as lists for JavaScript. `lib/action.ts` names the places.

use crate::js::Value;
use core::ffi::c_char;
use sch::ffi::action::*;
use sch::ffi::conn::{sch_conn, sch_conn_poll_action, sch_conn_slot_move};
use sch::ffi::status::SCH_OK;

/// An action with all that it borrowed copied.
#[derive(Debug)]
pub struct Polled(Vec<Value>);

/// Text that libsch lends.
///
/// # Safety
///
/// `len` bytes can be read at `data`, or `len` is 0.
pub unsafe fn text(data: *const c_char, len: usize) -> String {
    // SAFETY: as the caller promises.
    String::from_utf8_lossy(unsafe { bytes(data.cast(), len) }).into_owned()
}

/// Bytes that libsch lends.
///
/// # Safety
///
/// As `text`.
pub unsafe fn bytes<'a>(data: *const u8, len: usize) -> &'a [u8] {
    // SAFETY: as the caller promises.
    if len == 0 { &[] } else { unsafe { core::slice::from_raw_parts(data, len) } }
}

impl Polled {
    /// The next action of `conn`, a live handle. `a` has its `struct_size`.
    pub fn take(conn: *mut sch_conn, a: &mut sch_action) -> Option<Self> {
        // SAFETY: the handle is live; the place is the caller's.
        if unsafe { sch_conn_poll_action(conn, a) } != SCH_OK {
            return None;
        }
        let moves = if a.kind == SCH_ACTION_SLOTS_MOVED { moves(conn, a.count) } else { Vec::new() };
        // SAFETY: what the action lends lives until the next call that is not const, which is after this.
        let (host, name, data) = unsafe {
            let data = bytes(a.data, a.data_len).to_vec();
            (text(a.host, a.host_len), text(a.tls_server_name, a.tls_server_name_len), data)
        };
        Some(Self(vec![
            a.kind.into(),
            a.transport.into(),
            a.old_transport.into(),
            Value::Bytes(data),
            Value::Text(host),
            u32::from(a.port).into(),
            (a.has_tls == 1).then_some(()).map_or(Value::Undefined, |()| Value::Text(name)),
            a.timeout_ms.into(),
            a.deadline_ns.into(),
            a.first.into(),
            a.count.into(),
            (a.has_seq == 1).then_some(a.seq).into(),
            a.duration_ns.into(),
            a.pause_ns.into(),
            a.held.into(),
            a.lost.into(),
            a.reason.into(),
            a.outcome.into(),
            a.command_class.into(),
            a.attempt.into(),
            a.replies.into(),
            a.waiting_for.into(),
            (a.flush_tracking == 1).into(),
            (a.fatal == 1).into(),
            Value::List(moves),
        ]))
    }

    pub fn into_value(self) -> Value {
        Value::List(self.0)
    }
}

/// The moves of the SLOTS_MOVED that was polled last: `[source, source port, destination, destination port, ranges]`.
fn moves(conn: *const sch_conn, count: u64) -> Vec<Value> {
    let mut out = Vec::new();
    for index in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: integers and pointers, for all of which 0 is a value.
        let mut m: sch_slot_move = unsafe { core::mem::zeroed() };
        m.struct_size = size_of::<sch_slot_move>() as u32;
        // SAFETY: the handle is live; the place is of this function; what it lends lives until a call that is not const.
        unsafe {
            if sch_conn_slot_move(conn, index, &mut m) != SCH_OK {
                break;
            }
            let ranges = (0..m.ranges_len).map(|i| {
                let range = &*m.ranges.add(i);
                Value::List(vec![u32::from(range.first).into(), u32::from(range.last).into()])
            });
            let ranges = Value::List(ranges.collect());
            let source = (m.has_source == 1).then(|| text(m.source_host, m.source_host_len));
            out.push(Value::List(vec![
                source.map_or(Value::Undefined, Value::Text),
                u32::from(m.source_port).into(),
                Value::Text(text(m.destination_host, m.destination_host_len)),
                u32::from(m.destination_port).into(),
                ranges,
            ]));
        }
    }
    out
}
