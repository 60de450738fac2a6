//! Who owns which slot, and what a node answers to a command for a slot that is not, or no longer wholly, its own.

use super::hash::SLOTS;
use super::ranges::SlotSet;
use std::collections::{BTreeMap, BTreeSet};

/// What is answered in place of executing the command. Nodes are numbers of endpoints.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Redirect {
    Moved(u16, usize),
    Ask(u16, usize),
    TryAgain,
    CrossSlot,
}

pub struct SlotTable {
    owner: Vec<usize>,
    /// Nodes of the cluster, with slots or without.
    pub members: BTreeSet<usize>,
    /// Slots whose keys go one by one, and where to.
    leaving: BTreeMap<u16, usize>,
    /// Slots whose commands wait (only with servers behind the nodes: there a move takes time).
    frozen: SlotSet,
    /// Commands sent to the server behind a node and not answered, by slot.
    in_flight: BTreeMap<u16, usize>,
}

impl SlotTable {
    /// The slots in equal parts on the first `owners` of `members` nodes.
    pub fn new(owners: usize, members: usize) -> Self {
        let owner = (0..usize::from(SLOTS)).map(|s| s * owners / usize::from(SLOTS)).collect();
        SlotTable {
            owner,
            members: (0..members).collect(),
            leaving: BTreeMap::new(),
            frozen: SlotSet::new(),
            in_flight: BTreeMap::new(),
        }
    }

    pub fn owner(&self, slot: u16) -> usize {
        self.owner[usize::from(slot)]
    }

    pub fn of(&self, node: usize) -> SlotSet {
        (0..SLOTS).filter(|s| self.owner(*s) == node).collect()
    }

    /// Nodes that have slots, with them, in the order of the nodes.
    pub fn owners(&self) -> BTreeMap<usize, SlotSet> {
        let mut all: BTreeMap<usize, SlotSet> = BTreeMap::new();
        for slot in 0..SLOTS {
            all.entry(self.owner(slot)).or_default().insert(slot);
        }
        all
    }

    pub fn give(&mut self, slots: &SlotSet, to: usize) {
        for slot in slots {
            self.owner[usize::from(*slot)] = to;
            self.leaving.remove(slot);
        }
    }

    pub fn leave_one_by_one(&mut self, slots: &SlotSet, to: usize) {
        self.leaving.extend(slots.iter().map(|s| (*s, to)));
    }

    pub fn leaving(&self, slot: u16) -> Option<usize> {
        self.leaving.get(&slot).copied()
    }

    pub fn freeze(&mut self, slots: &SlotSet) {
        self.frozen.extend(slots);
    }

    pub fn thaw(&mut self, slots: &SlotSet) {
        self.frozen.retain(|s| !slots.contains(s));
    }

    pub fn is_frozen(&self, slot: u16) -> bool {
        self.frozen.contains(&slot)
    }

    pub fn sent(&mut self, slot: u16) {
        *self.in_flight.entry(slot).or_insert(0) += 1;
    }

    pub fn answered(&mut self, slot: u16) {
        if let Some(n) = self.in_flight.get_mut(&slot) {
            *n -= 1;
            if *n == 0 {
                self.in_flight.remove(&slot);
            }
        }
    }

    /// Whether a command for one of these slots is with the server behind a node.
    pub fn busy(&self, slots: &SlotSet) -> bool {
        self.in_flight.keys().any(|s| slots.contains(s))
    }

    /// Where a command of this slot belongs, seen from `node`. `here` says how many of its `keys` the node holds;
    /// `asked`: the client sent ASKING before.
    pub fn route(
        &self,
        node: usize,
        slot: u16,
        asked: bool,
        keys: usize,
        here: impl FnOnce() -> usize,
    ) -> Result<(), Redirect> {
        let leaving = self.leaving(slot);
        if self.owner(slot) == node {
            let Some(to) = leaving else { return Ok(()) };
            return match here() {
                n if n == keys => Ok(()),
                0 => Err(Redirect::Ask(slot, to)),
                _ => Err(Redirect::TryAgain),
            };
        }
        match leaving {
            Some(to) if to == node && asked => {
                if keys > 1 && here() < keys {
                    Err(Redirect::TryAgain)
                } else {
                    Ok(())
                }
            }
            _ => Err(Redirect::Moved(slot, self.owner(slot))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_are_shared_out_without_a_gap() {
        let table = SlotTable::new(3, 4);
        let owners = table.owners();
        assert_eq!(owners.values().map(SlotSet::len).sum::<usize>(), 16384);
        assert_eq!(owners.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
        assert!(owners.values().all(|s| (5461..=5462).contains(&s.len())));
        assert!(table.of(3).is_empty() && table.members.contains(&3));
    }

    #[test]
    fn a_slot_that_leaves_key_by_key_asks_for_the_keys_that_are_gone() {
        let mut table = SlotTable::new(2, 2);
        let never = || unreachable!("a whole slot needs no look at its keys");
        assert_eq!(table.route(0, 0, false, 1, never), Ok(()));
        assert_eq!(table.route(1, 0, true, 1, never), Err(Redirect::Moved(0, 0)));
        table.leave_one_by_one(&SlotSet::from([0]), 1);
        assert_eq!(table.route(0, 0, false, 2, || 2), Ok(()));
        assert_eq!(table.route(0, 0, false, 2, || 1), Err(Redirect::TryAgain));
        assert_eq!(table.route(0, 0, false, 2, || 0), Err(Redirect::Ask(0, 1)));
        assert_eq!(table.route(1, 0, false, 1, || 1), Err(Redirect::Moved(0, 0)));
        assert_eq!(table.route(1, 0, true, 1, || 0), Ok(()));
        assert_eq!(table.route(1, 0, true, 2, || 1), Err(Redirect::TryAgain));
        table.give(&SlotSet::from([0]), 1);
        assert_eq!(table.route(0, 0, false, 1, never), Err(Redirect::Moved(0, 1)));
        assert_eq!(table.route(1, 0, false, 1, never), Ok(()));
    }
}
