//! What a cluster gives, as C sees it. Takes no decision.

use super::action::sch_slot_range;
use super::boundary::Grows;
use super::event::{SCH_HOST_SIZE, host_of};
use crate::cluster::{ClusterAction, ClusterCounters, Health, Node, NodeId, NodeMove, Redirection, reason};
use core::ffi::c_char;

/// An SMIGRATED was read: once for each `seq`, whichever connection read it. `moves_len` moves, of `ranges_len` ranges in all.
/// Needs no answer: the map was patched.
pub const SCH_CLUSTER_SLOTS_MOVED: i32 = 1;
/// `node` at `host`, `port` owns slots and did not before: it will be needed. Needs no answer.
pub const SCH_CLUSTER_DIAL_NODE: i32 = 2;
/// Subscribe to your shard channels in the `ranges_len` ranges on `node` now; they were on `old_node` (0: nowhere). Needs no
/// answer.
pub const SCH_CLUSTER_MOVE_SUBSCRIPTIONS: i32 = 3;
/// `node` at `host`, `port` owns no slot any more: give it no new command for its slots, close its connections when nothing is
/// owed there, and not before the effective timeouts. `gone`: the map has it no more, and its number is forgotten. Needs no
/// answer.
pub const SCH_CLUSTER_DRAIN_NODE: i32 = 4;
/// Ask for the map, of `node` at `host`, `port` (0: no node is known, take a configured address). `reasons`: bits SCH_RELOAD_*.
/// Answer: `sch_cluster_load_slots` or `sch_cluster_load_shards` with `has_seq` and `seq` from here, or
/// `sch_cluster_reload_failed`.
pub const SCH_CLUSTER_RELOAD_SLOTS: i32 = 5;

/// An SMIGRATED does not fit the map.
pub const SCH_RELOAD_UNFIT: u32 = 1;
/// An SMIGRATED could not be read in full.
pub const SCH_RELOAD_MALFORMED: u32 = 2;
/// A command was answered with MOVED.
pub const SCH_RELOAD_REDIRECTED: u32 = 4;
/// You asked.
pub const SCH_RELOAD_HOST: u32 = 8;
/// The last one failed, or was not answered in time.
pub const SCH_RELOAD_FAILED: u32 = 16;

/// It serves, or nothing is said.
pub const SCH_HEALTH_ONLINE: i32 = 1;
/// It loads its data.
pub const SCH_HEALTH_LOADING: i32 = 2;
/// It has failed.
pub const SCH_HEALTH_FAILED: i32 = 3;

const _: () = {
    assert!(reason::UNFIT == SCH_RELOAD_UNFIT && reason::MALFORMED == SCH_RELOAD_MALFORMED);
    assert!(reason::REDIRECTED == SCH_RELOAD_REDIRECTED && reason::HOST == SCH_RELOAD_HOST);
    assert!(reason::FAILED == SCH_RELOAD_FAILED);
    assert!(Health::Online as i32 == SCH_HEALTH_ONLINE);
    assert!(Health::Loading as i32 == SCH_HEALTH_LOADING);
    assert!(Health::Failed as i32 == SCH_HEALTH_FAILED);
};

/// One thing that a cluster asks or tells: see SCH_CLUSTER_* for what is filled, the rest is 0. All of it is a copy.
#[repr(C)]
#[derive(Debug)]
pub struct sch_cluster_action {
    /// Set it to `sizeof(sch_cluster_action)` before the call.
    pub struct_size: u32,
    /// SCH_CLUSTER_*. Ignore what you do not know.
    pub kind: i32,
    /// The node it is about.
    pub node: u64,
    /// MOVE_SUBSCRIPTIONS: the node before.
    pub old_node: u64,
    /// SLOTS_MOVED: its seq; RELOAD_SLOTS: the seq to load with. If `has_seq`.
    pub seq: u64,
    /// RELOAD_SLOTS: bits SCH_RELOAD_*.
    pub reasons: u32,
    /// RELOAD_SLOTS: 1 for the first try.
    pub attempt: u32,
    /// SLOTS_MOVED: how many moves.
    pub moves_len: u32,
    /// SLOTS_MOVED, MOVE_SUBSCRIPTIONS: how many ranges in all.
    pub ranges_len: u32,
    /// The length of `host`.
    pub host_len: u32,
    /// A port, or 0.
    pub port: u16,
    /// 1 if `seq` is one.
    pub has_seq: u8,
    /// DRAIN_NODE: 1 if it has left the map.
    pub gone: u8,
    /// A name or address, with a NUL after it.
    pub host: [c_char; SCH_HOST_SIZE],
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_cluster_action {
    const SMALLEST: usize = core::mem::offset_of!(sch_cluster_action, host) + SCH_HOST_SIZE;
}

/// Slots that went from one node to another: `ranges_len` ranges from `first_range` on.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct sch_cluster_move {
    /// Where they were; 0 if that was not said, or is not known to the map.
    pub source: u64,
    /// Where they are; 0 if it is not known to the map.
    pub destination: u64,
    /// The place of the first range in the array of ranges.
    pub first_range: u32,
    /// How many.
    pub ranges_len: u32,
}

/// A node of a cluster.
#[repr(C)]
#[derive(Debug)]
pub struct sch_node {
    /// Set it to `sizeof(sch_node)` before the call.
    pub struct_size: u32,
    /// SCH_HEALTH_*, as at the last load.
    pub health: i32,
    /// How many slots it owns.
    pub slots: u32,
    /// How many replicas it has.
    pub replicas: u32,
    /// The length of `host`.
    pub host_len: u32,
    /// Port.
    pub port: u16,
    /// 1 if the last load named it.
    pub is_listed: u8,
    /// 0.
    pub reserved: u8,
    /// A name or address, with a NUL after it.
    pub host: [c_char; SCH_HOST_SIZE],
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_node {
    const SMALLEST: usize = core::mem::offset_of!(sch_node, host) + SCH_HOST_SIZE;
}

/// Where a redirection leads.
#[repr(C)]
#[derive(Debug)]
pub struct sch_redirection {
    /// Set it to `sizeof(sch_redirection)` before the call.
    pub struct_size: u32,
    /// The slot.
    pub slot: u16,
    /// Port.
    pub port: u16,
    /// The node there; 0 if it has no number (ASK), or there is no room for it.
    pub node: u64,
    /// The length of `host`.
    pub host_len: u32,
    /// 1: ASK, for this command only, after ASKING; 0: MOVED.
    pub is_ask: u8,
    /// 0.
    pub reserved: [u8; 3],
    /// A name or address, with a NUL after it.
    pub host: [c_char; SCH_HOST_SIZE],
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_redirection {
    const SMALLEST: usize = core::mem::offset_of!(sch_redirection, host) + SCH_HOST_SIZE;
}

const NOTHING: sch_cluster_action = sch_cluster_action {
    struct_size: 0,
    kind: 0,
    node: 0,
    old_node: 0,
    seq: 0,
    reasons: 0,
    attempt: 0,
    moves_len: 0,
    ranges_len: 0,
    host_len: 0,
    port: 0,
    has_seq: 0,
    gone: 0,
    host: [0; SCH_HOST_SIZE],
};

pub(super) fn number(node: Option<NodeId>) -> u64 {
    node.map_or(0, u64::from)
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// All but the arrays.
pub(super) fn flat(action: &ClusterAction) -> sch_cluster_action {
    match action {
        ClusterAction::SlotsMoved { seq, moves } => sch_cluster_action {
            kind: SCH_CLUSTER_SLOTS_MOVED,
            seq: seq.unwrap_or(0),
            has_seq: u8::from(seq.is_some()),
            moves_len: count(moves.len()),
            ranges_len: count(moves.iter().map(|one| one.said.slots.ranges().len()).sum()),
            ..NOTHING
        },
        ClusterAction::DialNode { node, endpoint } => {
            let (host, host_len) = host_of(&endpoint.host);
            let (kind, node) = (SCH_CLUSTER_DIAL_NODE, u64::from(*node));
            sch_cluster_action { kind, node, host, host_len, port: endpoint.port, ..NOTHING }
        }
        ClusterAction::MoveShardedSubscriptions { from, to, slots } => sch_cluster_action {
            kind: SCH_CLUSTER_MOVE_SUBSCRIPTIONS,
            node: u64::from(*to),
            old_node: number(*from),
            ranges_len: count(slots.ranges().len()),
            ..NOTHING
        },
        ClusterAction::DrainNode { node, endpoint, gone } => {
            let (host, host_len) = host_of(&endpoint.host);
            let (kind, node, gone) = (SCH_CLUSTER_DRAIN_NODE, u64::from(*node), u8::from(*gone));
            sch_cluster_action { kind, node, gone, host, host_len, port: endpoint.port, ..NOTHING }
        }
        ClusterAction::ReloadSlots { reasons, attempt, seq, node } => {
            let (host, host_len) = host_of(node.as_ref().map_or("", |(_, endpoint)| &endpoint.host));
            sch_cluster_action {
                kind: SCH_CLUSTER_RELOAD_SLOTS,
                reasons: *reasons,
                attempt: *attempt,
                seq: seq.unwrap_or(0),
                has_seq: u8::from(seq.is_some()),
                node: number(node.as_ref().map(|(id, _)| *id)),
                port: node.as_ref().map_or(0, |(_, endpoint)| endpoint.port),
                host,
                host_len,
                ..NOTHING
            }
        }
    }
}

/// The moves of an action, their ranges one after the other.
pub(super) fn moves(action: &ClusterAction) -> impl Iterator<Item = sch_cluster_move> {
    let moves: &[NodeMove] = match action {
        ClusterAction::SlotsMoved { moves, .. } => moves,
        _ => &[],
    };
    moves.iter().scan(0, |first_range, one| {
        let ranges_len = count(one.said.slots.ranges().len());
        let here = *first_range;
        *first_range += ranges_len;
        let (source, destination) = (number(one.source), number(one.destination));
        Some(sch_cluster_move { source, destination, first_range: here, ranges_len })
    })
}

/// The ranges of an action.
pub(super) fn ranges(action: &ClusterAction) -> impl Iterator<Item = sch_slot_range> {
    let (moves, one): (&[NodeMove], _) = match action {
        ClusterAction::SlotsMoved { moves, .. } => (moves, None),
        ClusterAction::MoveShardedSubscriptions { slots, .. } => (&[], Some(slots)),
        _ => (&[], None),
    };
    let ranges = moves.iter().map(|one| &one.said.slots).chain(one).flat_map(|slots| slots.ranges());
    ranges.map(|range| sch_slot_range { first: range.first, last: range.last })
}

impl From<&Node> for sch_node {
    fn from(node: &Node) -> Self {
        let (host, host_len) = host_of(&node.endpoint.host);
        Self {
            struct_size: 0,
            health: node.health as i32,
            slots: node.slots,
            replicas: count(node.replicas.len()),
            host_len,
            port: node.endpoint.port,
            is_listed: u8::from(node.is_listed),
            reserved: 0,
            host,
        }
    }
}

impl From<&Redirection> for sch_redirection {
    fn from(to: &Redirection) -> Self {
        let (host, host_len) = host_of(&to.endpoint.host);
        Self {
            struct_size: 0,
            slot: to.slot,
            port: to.endpoint.port,
            node: number(to.node),
            host_len,
            is_ask: u8::from(to.is_ask),
            reserved: [0; 3],
            host,
        }
    }
}

/// Counters of a cluster since it was made. More may follow.
#[repr(C)]
#[derive(Debug)]
pub struct sch_cluster_counts {
    /// Set it to `sizeof(sch_cluster_counts)` before the call.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// SMIGRATED handed over.
    pub smigrated: u64,
    /// Of them, seen before.
    pub duplicate: u64,
    /// Of them, not above the seq of the load: in the map already.
    pub old: u64,
    /// Of them, not understood in full.
    pub malformed: u64,
    /// Slots patched by SMIGRATED.
    pub slots_patched: u64,
    /// Slots named that were where they belong.
    pub slots_settled: u64,
    /// Slots named that a later SMIGRATED had named before.
    pub slots_superseded: u64,
    /// Slots named that did not fit the map.
    pub slots_unfit: u64,
    /// MOVED reported.
    pub moved: u64,
    /// ASK reported.
    pub asked: u64,
    /// RELOAD_SLOTS told.
    pub reloads: u64,
    /// Wishes for a reload that one under way or due took in.
    pub reloads_coalesced: u64,
    /// Reloads that failed or were not answered.
    pub reloads_failed: u64,
    /// Maps loaded.
    pub loads: u64,
    /// Replies that were no map, or over a limit.
    pub loads_refused: u64,
    /// Slots that two owners claimed in one reply.
    pub overlaps: u64,
    /// Nodes and ranges of replies that could not be read.
    pub unreadable: u64,
    /// Replicas beyond the limit.
    pub replicas_left_out: u64,
    /// Nodes beyond the limit that SMIGRATED or MOVED named.
    pub nodes_left_out: u64,
    /// DIAL_NODE told.
    pub nodes_dialled: u64,
    /// DRAIN_NODE told.
    pub nodes_drained: u64,
    /// Slots whose subscriptions were told to move.
    pub subscriptions_moved: u64,
    /// SLOTS_MOVED that nobody polled.
    pub events_dropped: u64,
    /// Calls whose `now_ns` was before that of an earlier one.
    pub clock_steps_back: u64,
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_cluster_counts {
    const SMALLEST: usize = core::mem::offset_of!(sch_cluster_counts, clock_steps_back) + size_of::<u64>();
}

impl From<ClusterCounters> for sch_cluster_counts {
    fn from(c: ClusterCounters) -> Self {
        Self {
            struct_size: 0,
            reserved: 0,
            smigrated: c.smigrated,
            duplicate: c.duplicate,
            old: c.old,
            malformed: c.malformed,
            slots_patched: c.slots_patched,
            slots_settled: c.slots_settled,
            slots_superseded: c.slots_superseded,
            slots_unfit: c.slots_unfit,
            moved: c.moved,
            asked: c.asked,
            reloads: c.reloads,
            reloads_coalesced: c.reloads_coalesced,
            reloads_failed: c.reloads_failed,
            loads: c.loads,
            loads_refused: c.loads_refused,
            overlaps: c.overlaps,
            unreadable: c.unreadable,
            replicas_left_out: c.replicas_left_out,
            nodes_left_out: c.nodes_left_out,
            nodes_dialled: c.nodes_dialled,
            nodes_drained: c.nodes_drained,
            subscriptions_moved: c.subscriptions_moved,
            events_dropped: c.events_dropped,
            clock_steps_back: c.clock_steps_back,
        }
    }
}
