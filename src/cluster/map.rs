//! The slot map: who owns which slot, and who replicates it. Knows no notifications and no replies.

use super::hash::SLOTS;
use super::load::Shard;
use super::nodes::{NOBODY, NodeIndex, Nodes};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use std::collections::BTreeSet;

/// Owners by slot, 32 KiB, and replicas by owner.
#[derive(Debug)]
pub(super) struct Map {
    owners: Box<[NodeIndex; SLOTS]>,
    replicas: Vec<(NodeIndex, Vec<NodeIndex>)>,
    pub(super) nodes: Nodes,
    pub(super) loaded: bool,
}

impl Default for Map {
    fn default() -> Self {
        Self {
            owners: Box::new([NOBODY; SLOTS]),
            replicas: Vec::new(),
            nodes: Nodes::default(),
            loaded: false,
        }
    }
}

impl Map {
    pub(super) fn owner(&self, slot: u16) -> Option<&Endpoint> {
        self.nodes.endpoint(self.owner_index(slot))
    }

    pub(super) fn owner_index(&self, slot: u16) -> NodeIndex {
        self.owners.get(usize::from(slot)).copied().unwrap_or(NOBODY)
    }

    /// The replicas of the owner of that slot.
    pub(super) fn replicas(&self, slot: u16) -> impl Iterator<Item = &Endpoint> {
        let owner = self.owner_index(slot);
        let found = self.replicas.iter().find(|(of, _)| *of == owner && owner != NOBODY);
        found.into_iter().flat_map(|(_, all)| all.iter().filter_map(|index| self.nodes.endpoint(*index)))
    }

    pub(super) fn set_owner(&mut self, slot: u16, to: NodeIndex) {
        let owner = &mut self.owners[usize::from(slot)];
        self.nodes.hand_over(*owner, to);
        *owner = to;
    }

    /// Slots without owner.
    pub(super) fn unowned(&self) -> usize {
        self.owners.iter().filter(|owner| **owner == NOBODY).count()
    }

    /// Takes the place of what was known; answers the nodes that are gone. Nothing changes on an error.
    pub(super) fn replace(&mut self, shards: &[Shard], max_nodes: usize) -> Result<Vec<Endpoint>> {
        let named: BTreeSet<&Endpoint> =
            shards.iter().flat_map(|s| core::iter::once(&s.master).chain(&s.replicas)).collect();
        if named.len() > max_nodes {
            return Err(Error::Limit {
                limit: "max_nodes",
                value: max_nodes as u64,
                hint: "the reply names more nodes: raise the limit",
            });
        }
        self.owners.fill(NOBODY);
        self.replicas.clear();
        let gone = self.nodes.keep_only(&named);
        for shard in shards {
            let Some(master) = self.nodes.find_or_add(&shard.master, max_nodes) else { continue };
            shard.slots.slots().for_each(|slot| self.set_owner(slot, master));
            let replicas: Vec<NodeIndex> =
                shard.replicas.iter().filter_map(|r| self.nodes.find_or_add(r, max_nodes)).collect();
            match self.replicas.iter_mut().find(|(of, _)| *of == master) {
                Some((_, all)) => {
                    all.extend(replicas);
                    all.sort_unstable();
                    all.dedup();
                }
                None if replicas.is_empty() => {}
                None => self.replicas.push((master, replicas)),
            }
        }
        self.loaded = true;
        Ok(gone)
    }

    /// Nodes to dial and nodes to drain since the last call (C3).
    pub(super) fn changes(&mut self) -> (Vec<Endpoint>, Vec<Endpoint>) {
        let replicas = &self.replicas;
        let is_replica = |index: NodeIndex| replicas.iter().any(|(_, all)| all.contains(&index));
        let changes = self.nodes.changes(is_replica);
        let nodes = &self.nodes;
        self.replicas.retain(|(of, _)| nodes.endpoint(*of).is_some());
        changes
    }
}
