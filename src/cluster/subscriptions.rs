//! Sharded channels that the host is subscribed to, so that those of moved slots can be named (C3). Knows no nodes.

use super::hash::key_slot;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Channels by slot.
#[derive(Debug, Default)]
pub(super) struct Channels {
    by_slot: BTreeMap<u16, BTreeSet<Vec<u8>>>,
    count: usize,
}

impl Channels {
    /// True unless there is no room.
    pub(super) fn add(&mut self, channel: &[u8], max_channels: usize) -> bool {
        let slot = key_slot(channel);
        let here = self.by_slot.get(&slot).is_some_and(|all| all.contains(channel));
        if here {
            return true;
        }
        if self.count >= max_channels {
            return false;
        }
        self.count += 1;
        self.by_slot.entry(slot).or_default().insert(channel.to_vec())
    }

    pub(super) fn remove(&mut self, channel: &[u8]) {
        let slot = key_slot(channel);
        let Some(all) = self.by_slot.get_mut(&slot) else { return };
        self.count -= usize::from(all.remove(channel));
        if all.is_empty() {
            self.by_slot.remove(&slot);
        }
    }

    /// Slots with channels.
    pub(super) fn slots(&self) -> impl Iterator<Item = u16> {
        self.by_slot.keys().copied()
    }

    pub(super) fn in_slot(&self, slot: u16) -> impl Iterator<Item = &Vec<u8>> {
        self.by_slot.get(&slot).into_iter().flatten()
    }
}
