//! Slot moves of one SMIGRATED, made ready to be applied: addresses translated, merged, each slot once (C1). Knows no map.

use super::addresses::Addresses;
use super::slot::{SLOTS, SlotSet, ranges};
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::mem::Room;
use crate::notification::SlotMove;
use std::collections::BTreeMap;

/// What one SMIGRATED says.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// By source and destination, in the order in which they came; no slot is in two of them.
    pub(super) moves: Vec<SlotMove>,
    /// Slots that were named with different sources or destinations: nobody knows where they are.
    pub(super) disputed: SlotSet,
}

impl Plan {
    pub(super) fn new(moves: &[SlotMove], addresses: &Addresses) -> Result<Self> {
        let mut kinds: Vec<(Option<Endpoint>, Endpoint)> = Vec::new();
        let mut places = BTreeMap::new();
        // By slot: the place of its kind, and one.
        let mut of: Vec<usize> = Vec::new();
        of.room(SLOTS)?;
        of.resize(SLOTS, 0);
        let mut disputed = SlotSet::empty()?;
        for one in moves {
            let source = one.source.clone().map(|source| addresses.apply(source));
            let kind = (source, addresses.apply(one.destination.clone()));
            let here = *places.entry(kind.clone()).or_insert_with(|| {
                kinds.push(kind);
                kinds.len()
            });
            for slot in one.slots.slots() {
                let there = &mut of[usize::from(slot)];
                if *there == 0 {
                    *there = here;
                } else if *there != here {
                    let (old, new) = (&kinds[*there - 1], &kinds[here - 1]);
                    match (&old.0, &new.0) {
                        // The same, said with a source and without.
                        (None, Some(_)) if old.1 == new.1 => *there = here,
                        (Some(_), None) if old.1 == new.1 => {}
                        _ => disputed.insert(slot),
                    }
                }
            }
        }
        let mut slots: Vec<Vec<u16>> = vec![Vec::new(); kinds.len()];
        for (slot, kind) in of.into_iter().enumerate().filter(|(_, kind)| *kind > 0) {
            slots[kind - 1].extend(u16::try_from(slot));
        }
        let merged = kinds.into_iter().zip(slots).map(|((source, destination), slots)| SlotMove {
            source,
            destination,
            slots: ranges(slots),
        });
        Ok(Self { moves: merged.filter(|one| !one.slots.is_empty()).collect(), disputed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::SlotRange;

    fn one(source: &str, destination: &str, first: u16, last: u16) -> SlotMove {
        let endpoint = |text: &str| Endpoint::parse(text.as_bytes(), None).expect("an endpoint");
        SlotMove {
            source: (!source.is_empty()).then(|| endpoint(source)),
            destination: endpoint(destination),
            slots: [SlotRange { first, last }].into_iter().collect(),
        }
    }

    fn plan(moves: &[SlotMove]) -> (String, String) {
        let plan = Plan::new(moves, &Addresses::default()).expect("memory");
        let text: Vec<String> = plan.moves.iter().map(ToString::to_string).collect();
        let disputed = ranges((0..SLOTS as u16).filter(|slot| plan.disputed.contains(*slot)));
        (text.join(" "), disputed.to_string())
    }

    #[test]
    fn c1_moves_are_merged_by_source_and_destination() {
        let moves = [
            one("a:1", "b:1", 0, 5),
            one("a:1", "c:1", 20, 30),
            one("a:1", "b:1", 6, 9),
            one("a:1", "b:1", 3, 4),
        ];
        assert_eq!(plan(&moves), ("a:1>b:1=0-9 a:1>c:1=20-30".into(), String::new()));
    }

    #[test]
    fn the_same_with_and_without_a_source_is_one() {
        let wanted = ("a:1>b:1=0-5".to_owned(), String::new());
        assert_eq!(plan(&[one("", "b:1", 0, 5), one("a:1", "b:1", 0, 5)]), wanted);
        assert_eq!(plan(&[one("a:1", "b:1", 0, 5), one("", "b:1", 0, 5)]), wanted);
    }

    #[test]
    fn c2_a_slot_with_two_ways_is_disputed() {
        assert_eq!(plan(&[one("a:1", "b:1", 0, 5), one("a:1", "c:1", 5, 6)]).1, "5");
        assert_eq!(plan(&[one("a:1", "b:1", 0, 5), one("c:1", "b:1", 2, 3)]).1, "2-3");
    }
}
