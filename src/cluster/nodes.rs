//! The nodes that are known, by number and by address; what the host was told of each. Knows no slots, only how many.

use super::addresses::Addresses;
use crate::endpoint::Endpoint;
use std::collections::BTreeMap;

/// The number of a node: the same as long as its address is, never used again for another. It is above 0, so that an owner
/// or none is one atomic word.
pub type NodeId = u32;

/// What CLUSTER SHARDS says of how a node is, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Health {
    /// It serves, or nothing is said (CLUSTER SLOTS).
    #[default]
    Online = 1,
    /// It loads its data: of no use for reads yet.
    Loading = 2,
    /// It has failed.
    Failed = 3,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it is.
    pub endpoint: Endpoint,
    /// How it was at the last load.
    pub health: Health,
    /// How many slots it owns.
    pub slots: u32,
    /// The nodes that replicate it.
    pub replicas: Vec<NodeId>,
    /// The last load named it, as owner, replica or without slots.
    pub is_listed: bool,
    /// DIAL_NODE was told, and no DRAIN_NODE since.
    pub(super) told_owner: bool,
    /// It was listed, and DRAIN_NODE has not said that it is gone.
    pub(super) was_listed: bool,
}

/// What there is to tell of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Dial,
    Drain { gone: bool },
}

impl Node {
    pub(super) const fn news(&self) -> Option<News> {
        let gone = !self.is_listed && self.slots == 0;
        if self.slots > 0 && !self.told_owner {
            Some(News::Dial)
        } else if (self.slots == 0 && self.told_owner) || (gone && self.was_listed) {
            Some(News::Drain { gone })
        } else {
            None
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    by_id: BTreeMap<NodeId, Node>,
    by_endpoint: BTreeMap<Endpoint, NodeId>,
    last: NodeId,
    pub(super) addresses: Addresses,
    /// There may be something to tell.
    pub(super) stirred: bool,
}

impl Nodes {
    pub(super) fn get(&self, id: NodeId) -> Option<&Node> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.stirred = true;
        self.by_id.get_mut(&id)
    }

    pub(super) fn find(&self, endpoint: &Endpoint) -> Option<NodeId> {
        self.by_endpoint.get(endpoint).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.by_id.iter().map(|(id, node)| (*id, node))
    }

    /// The number of the node there, a new one if `max` allows.
    pub(super) fn find_or_add(&mut self, endpoint: &Endpoint, max: usize) -> Option<NodeId> {
        if let Some(id) = self.find(endpoint) {
            return Some(id);
        }
        if self.by_id.len() >= max {
            return None;
        }
        self.last = self.last.checked_add(1)?;
        let node = Node {
            endpoint: endpoint.clone(),
            health: Health::Online,
            slots: 0,
            replicas: Vec::new(),
            is_listed: false,
            told_owner: false,
            was_listed: false,
        };
        self.by_id.insert(self.last, node);
        self.by_endpoint.insert(endpoint.clone(), self.last);
        Some(self.last)
    }

    /// Before a load: nothing is listed.
    pub(super) fn unlist(&mut self) {
        self.stirred = true;
        for node in self.by_id.values_mut() {
            node.is_listed = false;
            node.replicas.clear();
        }
    }

    /// Forgets those that nobody has been told of and that mean nothing any more.
    pub(super) fn sweep(&mut self) {
        let means_nothing = |node: &Node| !node.is_listed && node.slots == 0 && node.news().is_none();
        let old: Vec<NodeId> =
            self.iter().filter(|(_, node)| means_nothing(node)).map(|(id, _)| id).collect();
        old.into_iter().for_each(|id| self.remove(id));
    }

    /// Forgets the oldest of those that are gone until there are `max`: for hosts that do not poll. Who was told to dial one
    /// is told to drain it.
    pub(super) fn shrink(&mut self, max: usize) {
        let surplus = self.by_id.len().saturating_sub(max);
        let is_gone = |node: &Node| !node.is_listed && node.slots == 0 && !node.told_owner;
        let old: Vec<NodeId> =
            self.iter().filter(|(_, node)| is_gone(node)).map(|(id, _)| id).take(surplus).collect();
        old.into_iter().for_each(|id| self.remove(id));
    }

    fn remove(&mut self, id: NodeId) {
        if let Some(node) = self.by_id.remove(&id) {
            self.by_endpoint.remove(&node.endpoint);
        }
    }

    /// How many were told to be dialled, and not yet to be drained.
    pub(super) fn told(&self) -> usize {
        self.by_id.values().filter(|node| node.told_owner).count()
    }

    /// The next to dial.
    pub(super) fn poll_dial(&mut self) -> Option<(NodeId, Endpoint)> {
        let (id, node) = self.by_id.iter_mut().find(|(_, node)| node.news() == Some(News::Dial))?;
        node.told_owner = true;
        Some((*id, node.endpoint.clone()))
    }

    /// The next to drain, and whether it is gone from the map.
    pub(super) fn poll_drain(&mut self) -> Option<(NodeId, Endpoint, bool)> {
        for (id, node) in &mut self.by_id {
            if let Some(News::Drain { gone }) = node.news() {
                node.told_owner = false;
                let (id, endpoint) = (*id, node.endpoint.clone());
                if gone {
                    self.remove(id);
                }
                return Some((id, endpoint, gone));
            }
        }
        None
    }
}
