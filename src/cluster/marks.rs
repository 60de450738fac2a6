//! Which SMIGRATED were seen, and which slots each named. Bounded, and ages out (N4, GO-15). Knows no map.

use super::slot::SlotSet;
use crate::time::Timestamp;
use core::time::Duration;
use std::collections::VecDeque;

#[derive(Debug)]
struct Mark {
    seq: u64,
    at: Timestamp,
    slots: SlotSet,
    /// A reload was asked for because of it.
    reload: bool,
}

/// Bounded memory of SMIGRATED.
#[derive(Debug, Default)]
pub(super) struct Marks(VecDeque<Mark>);

impl Marks {
    /// Forgets what is too old.
    pub(super) fn age(&mut self, now: Timestamp, age: Duration) {
        self.0.retain(|mark| now.since(mark.at) < age);
    }

    fn find(&mut self, seq: u64) -> Option<&mut Mark> {
        self.0.iter_mut().find(|mark| mark.seq == seq)
    }

    /// Remembers; beyond `max` the oldest gives way. True if it is new.
    pub(super) fn see(&mut self, now: Timestamp, seq: u64, max: usize) -> bool {
        if self.find(seq).is_some() {
            return false;
        }
        while self.0.len() >= max.max(1) {
            self.0.pop_front();
        }
        self.0.push_back(Mark { seq, at: now, slots: SlotSet::default(), reload: false });
        true
    }

    /// It names that slot. True if it did not before.
    pub(super) fn name(&mut self, seq: u64, slot: u16) -> bool {
        let Some(mark) = self.find(seq) else { return true };
        let new = !mark.slots.contains(slot);
        mark.slots.insert(slot);
        new
    }

    /// A later one names that slot.
    pub(super) fn is_superseded(&self, seq: u64, slot: u16) -> bool {
        self.0.iter().any(|mark| mark.seq > seq && mark.slots.contains(slot))
    }

    /// A reload is to be asked for because of it. True the first time.
    pub(super) fn reload(&mut self, seq: u64) -> bool {
        self.find(seq).is_none_or(|mark| !core::mem::replace(&mut mark.reload, true))
    }

    /// The highest seq.
    pub(super) fn highest(&self) -> Option<u64> {
        self.0.iter().map(|mark| mark.seq).max()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(600);

    fn at(s: u64) -> Timestamp {
        Timestamp::from_nanos(s * 1_000_000_000)
    }

    #[test]
    fn c1_a_seq_is_new_once_and_zero_is_one() {
        let mut marks = Marks::default();
        assert!(marks.see(at(0), 0, 9) && !marks.see(at(1), 0, 9) && marks.see(at(1), 1, 9));
        assert_eq!(marks.highest(), Some(1));
        assert!(marks.reload(0) && !marks.reload(0));
    }

    #[test]
    fn go_15_marks_are_bounded_and_age_out() {
        let mut marks = Marks::default();
        for seq in 0..100 {
            assert!(marks.see(at(0), seq, 4));
        }
        assert_eq!(marks.len(), 4);
        marks.age(at(599), AGE);
        assert!(!marks.see(at(599), 99, 4));
        marks.age(at(600), AGE);
        assert!(marks.see(at(600), 99, 4));
    }

    #[test]
    fn a_later_one_that_names_the_slot_supersedes() {
        let mut marks = Marks::default();
        marks.see(at(0), 7, 9);
        assert!(marks.name(7, 5) && !marks.name(7, 5));
        assert!(marks.is_superseded(6, 5));
        assert!(!marks.is_superseded(6, 4) && !marks.is_superseded(7, 5) && !marks.is_superseded(8, 5));
    }
}
