//! Outputs of a cluster: what it asks for, and who owns what. Argument 0 is the handle.

use crate::clock::ms_until;
use crate::js::{Answer, Call, Function, Value};
use crate::plain::{empty, host, numbers, seq};
use sch::ffi::action::sch_slot_range;
use sch::ffi::cluster::*;
use sch::ffi::cluster_types::{sch_cluster_action, sch_cluster_counts, sch_cluster_move, sch_node};
use sch::ffi::status::{SCH_EMPTY, SCH_MORE, SCH_OK, sch_status};

pub const FUNCTIONS: &[Function] = &[
    ("clusterPollAction", poll_action),
    ("clusterDeadline", |c| c.make(c.cluster()?.deadline())),
    ("clusterDelayMs", delay_ms),
    ("keySlot", key_slot),
    ("clusterOwner", owner),
    ("clusterOwnerOfKey", owner_of_key),
    ("clusterReplica", replica),
    ("clusterNode", node),
    ("clusterFindNode", find_node),
    ("clusterCounters", counters),
];

/// Of most actions: then they are polled in one call.
const RANGES: usize = 16;

/// `[kind, node, old node, seq, reasons, attempt, host, port, gone, moves, ranges]`, nothing, or a status.
fn poll_action(call: &Call) -> Answer {
    let cluster = call.cluster()?.raw();
    let mut a = empty!(sch_cluster_action);
    let none = sch_cluster_move { source: 0, destination: 0, first_range: 0, ranges_len: 0 };
    let (mut moves, mut ranges) = (vec![none; RANGES], vec![sch_slot_range { first: 0, last: 0 }; RANGES]);
    loop {
        let (m, r) = (moves.as_mut_ptr(), ranges.as_mut_ptr());
        // SAFETY: the handle is live, the places are of this function, as large as is said.
        match unsafe { sch_cluster_poll_action(cluster, &mut a, m, moves.len(), r, ranges.len()) } {
            SCH_OK => break,
            SCH_MORE => {
                moves.resize(moves.len().max(a.moves_len as usize), none);
                ranges.resize(ranges.len().max(a.ranges_len as usize), sch_slot_range { first: 0, last: 0 });
            }
            SCH_EMPTY => return call.make(Value::Undefined),
            status => return call.make(status),
        }
    }
    let all = |from: u32, len: u32| {
        let some = ranges.iter().skip(from as usize).take(len as usize);
        Value::List(some.flat_map(|r| [u32::from(r.first).into(), u32::from(r.last).into()]).collect())
    };
    let moves = moves
        .iter()
        .take(a.moves_len as usize)
        .map(|m| Value::List(vec![m.source.into(), m.destination.into(), all(m.first_range, m.ranges_len)]));
    call.make(Value::List(vec![
        a.kind.into(),
        a.node.into(),
        a.old_node.into(),
        seq(a.has_seq == 1, a.seq),
        a.reasons.into(),
        a.attempt.into(),
        Value::Text(host(&a.host, a.host_len)),
        u32::from(a.port).into(),
        (a.gone == 1).into(),
        Value::List(moves.collect()),
        all(0, a.ranges_len),
    ]))
}

/// `handle, now`: milliseconds until the deadline, rounded up; nothing if there is none.
fn delay_ms(call: &Call) -> Answer {
    let now = call.now()?;
    let at = call.cluster()?.deadline();
    call.make(at.map(|at| ms_until(at, now)))
}

/// `key`: its slot, or a status.
fn key_slot(call: &Call) -> Answer {
    let ((data, len), mut slot) = (call.bytes(0)?, 0);
    // SAFETY: memory of an argument of this call, the place is of this function.
    let status = unsafe { sch_key_slot(data, len, &mut slot) };
    call.int(if status == SCH_OK { i32::from(slot) } else { status })
}

/// A node, 0 if there is none, or a status.
fn number(call: &Call, status: sch_status, node: u64) -> Answer {
    match status {
        SCH_OK => call.make(node),
        SCH_EMPTY => call.int(0),
        status => call.make(status),
    }
}

/// `handle, slot`.
fn owner(call: &Call) -> Answer {
    let (slot, mut node) = (call.slot(1)?, 0);
    // SAFETY: the handle is live, the place is of this function.
    let status = unsafe { sch_cluster_owner(call.cluster()?.raw(), slot, &mut node) };
    number(call, status, node)
}

/// `handle, key`.
fn owner_of_key(call: &Call) -> Answer {
    let ((data, len), mut node) = (call.bytes(1)?, 0);
    // SAFETY: the handle is live, the place is of this function, `data` is memory of an argument of this call.
    let status = unsafe { sch_cluster_owner_of_key(call.cluster()?.raw(), data, len, &mut node) };
    number(call, status, node)
}

/// `handle, slot, nth`.
fn replica(call: &Call) -> Answer {
    let (slot, nth, mut node) = (call.slot(1)?, call.whole(2, "a count is a whole number")?, 0);
    let nth = usize::try_from(nth).unwrap_or(usize::MAX);
    // SAFETY: the handle is live, the place is of this function.
    let status = unsafe { sch_cluster_replica(call.cluster()?.raw(), slot, nth, &mut node) };
    number(call, status, node)
}

/// `handle, node`: `[health, slots, replicas, host, port, is listed]`, nothing, or a status.
fn node(call: &Call) -> Answer {
    let (node, mut n) = (call.whole(1, "a node is a number")?, empty!(sch_node));
    // SAFETY: the handle is live, the place is of this function.
    match unsafe { sch_cluster_node(call.cluster()?.raw(), node, &mut n) } {
        SCH_OK => call.make(Value::List(vec![
            n.health.into(),
            n.slots.into(),
            n.replicas.into(),
            Value::Text(host(&n.host, n.host_len)),
            u32::from(n.port).into(),
            (n.is_listed == 1).into(),
        ])),
        SCH_EMPTY => call.make(Value::Undefined),
        status => call.make(status),
    }
}

/// `handle, host, port`.
fn find_node(call: &Call) -> Answer {
    let (host, port, mut node) = (call.text(1)?, call.port(2)?, 0);
    let cluster = call.cluster()?.raw();
    // SAFETY: the handle is live, the text and the place are of this function.
    let status = unsafe { sch_cluster_find_node(cluster, host.as_ptr().cast(), host.len(), port, &mut node) };
    number(call, status, node)
}

/// All counters in the order of the header, or a status.
fn counters(call: &Call) -> Answer {
    let mut c = empty!(sch_cluster_counts);
    // SAFETY: the handle is live, the place is of this function.
    match unsafe { sch_cluster_counters(call.cluster()?.raw(), &mut c) } {
        SCH_OK => call.make(numbers(&c)),
        status => call.make(status),
    }
}
