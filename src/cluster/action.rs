//! What a cluster asks of the host, or tells it.

use super::nodes::NodeId;
use crate::endpoint::Endpoint;
use crate::notification::{SlotMove, SlotRanges};

/// One thing to do, or to know. None needs an answer but RELOAD_SLOTS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterAction {
    /// SMIGRATED was read: once for each seq, whoever read it (C1). The map has been patched where it could be.
    SlotsMoved {
        /// Its seq.
        seq: Option<u64>,
        /// By source and destination, addresses translated; no slot is in two of them.
        moves: Vec<NodeMove>,
    },
    /// A node owns slots that did not (C3): it will be needed.
    DialNode {
        /// Which.
        node: NodeId,
        /// Where.
        endpoint: Endpoint,
    },
    /// Sharded subscriptions of these slots are to be made on `to`.
    MoveShardedSubscriptions {
        /// Where they are; `None` if the slot had no owner.
        from: Option<NodeId>,
        /// Where they belong.
        to: NodeId,
        /// Of which slots.
        slots: SlotRanges,
    },
    /// A node lost its last slot, or left the map (C3): give it no new commands, close its connections when nothing is owed.
    DrainNode {
        /// Which.
        node: NodeId,
        /// Where it was.
        endpoint: Endpoint,
        /// The map has it no more, its number is forgotten; else it is a replica, or a node without slots.
        gone: bool,
    },
    /// Ask a node for the map. Answer: a load, or that it failed.
    ReloadSlots {
        /// Bits of [`reason`](super::reason).
        reasons: u32,
        /// 1 for the first try.
        attempt: u32,
        /// To be given with the load: the last SMIGRATED before it was asked for.
        seq: Option<u64>,
        /// Whom to ask, another one each time; `None`: no node is known, ask a configured address.
        node: Option<(NodeId, Endpoint)>,
    },
}

/// Slots that went from one node to another, with the numbers of nodes that the map knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeMove {
    /// What was said.
    pub said: SlotMove,
    /// The number of its source.
    pub source: Option<NodeId>,
    /// The number of its destination.
    pub destination: Option<NodeId>,
}
