//! The nodes of a cluster by number, and how many slots each owns. Knows no map.

use crate::endpoint::Endpoint;
use std::collections::{BTreeMap, BTreeSet};

/// A node, by number; valid until the node is forgotten.
pub(super) type NodeIndex = u16;

/// No node.
pub(super) const NOBODY: NodeIndex = NodeIndex::MAX;

#[derive(Debug)]
struct Node {
    endpoint: Endpoint,
    /// Slots it owns.
    slots: u32,
    /// The host has been asked to dial it, and not to drain it since.
    dialled: bool,
}

/// All nodes.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    nodes: Vec<Option<Node>>,
    by_endpoint: BTreeMap<Endpoint, NodeIndex>,
}

impl Nodes {
    pub(super) fn find(&self, endpoint: &Endpoint) -> Option<NodeIndex> {
        self.by_endpoint.get(endpoint).copied()
    }

    /// Its number, made if there is none; `None` at the limit.
    pub(super) fn find_or_add(&mut self, endpoint: &Endpoint, max_nodes: usize) -> Option<NodeIndex> {
        if let Some(index) = self.find(endpoint) {
            return Some(index);
        }
        if self.by_endpoint.len() >= max_nodes.min(usize::from(NOBODY)) {
            return None;
        }
        let node = Node { endpoint: endpoint.clone(), slots: 0, dialled: false };
        let index = match self.nodes.iter().position(Option::is_none) {
            Some(free) => {
                self.nodes[free] = Some(node);
                free
            }
            None => {
                self.nodes.push(Some(node));
                self.nodes.len() - 1
            }
        };
        self.by_endpoint.insert(endpoint.clone(), index as NodeIndex);
        Some(index as NodeIndex)
    }

    pub(super) fn endpoint(&self, index: NodeIndex) -> Option<&Endpoint> {
        self.nodes.get(usize::from(index))?.as_ref().map(|node| &node.endpoint)
    }

    /// A slot goes from one owner to another; either may be nobody.
    pub(super) fn hand_over(&mut self, from: NodeIndex, to: NodeIndex) {
        if let Some(Some(node)) = self.nodes.get_mut(usize::from(from)) {
            node.slots -= 1;
        }
        if let Some(Some(node)) = self.nodes.get_mut(usize::from(to)) {
            node.slots += 1;
        }
    }

    /// Nodes that own slots and were not told, and nodes that were told and own none: (dial, drain). Those of no use are
    /// forgotten, but for what `keep` says.
    pub(super) fn changes(&mut self, keep: impl Fn(NodeIndex) -> bool) -> (Vec<Endpoint>, Vec<Endpoint>) {
        let (mut dial, mut drain) = (Vec::new(), Vec::new());
        for (index, slot) in self.nodes.iter_mut().enumerate() {
            let Some(node) = slot else { continue };
            if node.slots > 0 && !node.dialled {
                node.dialled = true;
                dial.push(node.endpoint.clone());
            } else if node.slots == 0 {
                if core::mem::take(&mut node.dialled) {
                    drain.push(node.endpoint.clone());
                }
                if !keep(index as NodeIndex) {
                    self.by_endpoint.remove(&node.endpoint);
                    *slot = None;
                }
            }
        }
        (dial, drain)
    }

    /// Forgets all but those, which own nothing now; answers which of the others the host was to dial.
    pub(super) fn keep_only(&mut self, kept: &BTreeSet<&Endpoint>) -> Vec<Endpoint> {
        let mut drain = Vec::new();
        for slot in &mut self.nodes {
            let Some(node) = slot else { continue };
            node.slots = 0;
            if !kept.contains(&node.endpoint) {
                self.by_endpoint.remove(&node.endpoint);
                if node.dialled {
                    drain.push(node.endpoint.clone());
                }
                *slot = None;
            }
        }
        drain
    }
}
