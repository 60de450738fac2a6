//! Sharded subscriptions, by slot: where each is, and which must go elsewhere (C3). Knows no channels by name: which of
//! the host's are in a slot, the host knows.

use super::map::SlotMap;
use super::nodes::NodeId;
use super::slot::ranges;
use crate::notification::SlotRanges;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug)]
struct Subscribed {
    channels: u64,
    /// Where the host was told that they are.
    on: Option<NodeId>,
}

/// Slots with subscriptions: as many as there are slots at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions {
    slots: BTreeMap<u16, Subscribed>,
    /// One of them may have another owner.
    pub(super) stirred: bool,
}

impl Subscriptions {
    /// One more channel of a slot; answers where to subscribe.
    pub(super) fn add(&mut self, slot: u16, map: &SlotMap) -> Option<NodeId> {
        let entry = self.slots.entry(slot).or_insert(Subscribed { channels: 0, on: map.owner(slot) });
        entry.channels += 1;
        // While a move is to be told, this one is ahead of those that were there; to subscribe it again does no harm.
        map.owner(slot)
    }

    /// One less. False if there is none.
    pub(super) fn remove(&mut self, slot: u16) -> bool {
        let Some(entry) = self.slots.get_mut(&slot) else { return false };
        entry.channels -= 1;
        if entry.channels == 0 {
            self.slots.remove(&slot);
        }
        true
    }

    /// The owner of that slot is another one.
    pub(super) fn stir(&mut self, slot: u16) {
        self.stirred |= self.slots.contains_key(&slot);
    }

    /// All that go from one node to another, the lowest slot first. They stay where they are until [`Subscriptions::sent`].
    pub(super) fn find(&self, map: &SlotMap) -> Option<(Option<NodeId>, NodeId, SlotRanges)> {
        let way =
            |slot: u16, on: Option<NodeId>| map.owner(slot).filter(|to| Some(*to) != on).map(|to| (on, to));
        let (from, to) = self.slots.iter().find_map(|(slot, entry)| way(*slot, entry.on))?;
        let same = self.slots.iter().filter(|(slot, entry)| way(**slot, entry.on) == Some((from, to)));
        Some((from, to, ranges(same.map(|(slot, _)| *slot))))
    }

    /// The host was told that these go there.
    pub(super) fn sent(&mut self, slots: &SlotRanges, to: NodeId) {
        for slot in slots.slots() {
            if let Some(entry) = self.slots.get_mut(&slot) {
                entry.on = Some(to);
            }
        }
    }
}
