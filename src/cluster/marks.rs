//! SMIGRATEDs that were seen, from whatever node: each acts once (C1, N3). Knows no map.

use crate::notification::SlotMove;
use crate::time::Timestamp;
use core::time::Duration;
use std::collections::VecDeque;

/// Without a seq the same moves are the same notification for so long: all nodes say it within that.
const NO_SEQ_AGE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) seq: Option<u64>,
    pub(super) moves: Vec<SlotMove>,
    pub(super) arrived: Timestamp,
    until: Timestamp,
}

/// Those seen, oldest first.
#[derive(Debug, Default)]
pub(super) struct Marks {
    seen: VecDeque<Mark>,
    /// The highest seq that the map was loaded after, and until when that means something.
    loaded: Option<(u64, Timestamp)>,
}

impl Marks {
    /// True if it is new.
    pub(super) fn see(
        &mut self,
        now: Timestamp,
        seq: Option<u64>,
        moves: &[SlotMove],
        age: Duration,
        max_marks: usize,
    ) -> bool {
        self.seen.retain(|mark| now < mark.until);
        let same = |mark: &Mark| match (mark.seq, seq) {
            (Some(a), Some(b)) => a == b,
            (None, None) => mark.moves == moves,
            _ => false,
        };
        if self.seen.iter().any(same) {
            return false;
        }
        if self.seen.len() >= max_marks {
            self.seen.pop_front();
        }
        let until = now + if seq.is_some() { age } else { NO_SEQ_AGE };
        self.seen.push_back(Mark { seq, moves: moves.to_vec(), arrived: now, until });
        true
    }

    /// The map already says what this one does: it was loaded later.
    pub(super) fn is_in_the_map(&self, now: Timestamp, seq: Option<u64>) -> bool {
        let loaded = self.loaded.filter(|(_, until)| now < *until);
        matches!((loaded, seq), (Some((loaded, _)), Some(seq)) if seq <= loaded)
    }

    /// A map was loaded that was asked for at `asked`: what came before is in it. Answers what came after.
    pub(super) fn loaded(&mut self, now: Timestamp, asked: Timestamp, age: Duration) -> Vec<Mark> {
        let before = self.seen.iter().filter(|mark| mark.arrived < asked).filter_map(|mark| mark.seq).max();
        self.loaded = before.map(|seq| (seq, now + age)).or(self.loaded);
        self.seen.iter().filter(|mark| mark.arrived >= asked).cloned().collect()
    }
}
