//! Relaxed windows of one logical connection (R1 to R3, R5, N4). Knows no transport: windows outlive swap and reconnect.

use crate::action::WindowKind;
use crate::error::Result;
use crate::mem::Room;
use crate::time::Timestamp;

#[derive(Clone, Debug)]
struct Window {
    kind: WindowKind,
    /// Empty: the whole kind.
    shards: Vec<u64>,
    seq: Option<u64>,
    until: Timestamp,
}

/// What opening a window did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    New,
    /// The same window was open: it does not count twice (R2), but it lives as long as the later one says.
    Extended,
    /// New, and the oldest had to give way to `max_windows`.
    Evicted,
}

/// The open windows, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Windows {
    open: Vec<Window>,
}

impl Windows {
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Room for one window more.
    pub(super) fn room(&mut self) -> Result<()> {
        self.open.room(1)
    }

    pub(super) fn open(
        &mut self,
        kind: WindowKind,
        shards: Vec<u64>,
        seq: Option<u64>,
        until: Timestamp,
        limit: usize,
    ) -> Opened {
        if let Some(same) = self.open.iter_mut().find(|w| w.kind == kind && w.shards == shards) {
            same.until = same.until.max(until);
            same.seq = same.seq.max(seq);
            return Opened::Extended;
        }
        let full = self.open.len() >= limit;
        if full {
            self.open.remove(0);
        }
        self.open.push(Window { kind, shards, seq, until });
        if full { Opened::Evicted } else { Opened::New }
    }

    /// A terminator: shrinks or closes windows of `kind` that started before `seq` (N4). `shards` is sorted; empty means all
    /// that the oldest one covers; shards that no window names close the oldest (R2). True if any window changed.
    pub(super) fn terminate(&mut self, kind: WindowKind, shards: &[u64], seq: Option<u64>) -> bool {
        let older = |w: &Window| w.kind == kind && !matches!((w.seq, seq), (Some(a), Some(b)) if a > b);
        let mut touched = false;
        if !shards.is_empty() {
            for window in self.open.iter_mut().filter(|w| older(w)) {
                let before = window.shards.len();
                window.shards.retain(|s| shards.binary_search(s).is_err());
                if window.shards.len() != before {
                    touched = true;
                    if window.shards.is_empty() {
                        window.until = Timestamp::default(); // marks it as closed, swept below
                    }
                }
            }
        }
        if touched {
            self.open.retain(|w| w.until != Timestamp::default());
        } else if let Some(oldest) = self.open.iter().position(older) {
            self.open.remove(oldest);
            touched = true;
        }
        touched
    }

    /// Moves the end of the windows of `kind`, for MOVING at the end of its handoff.
    pub(super) fn set_end(&mut self, kind: WindowKind, until: Timestamp) {
        for window in self.open.iter_mut().filter(|w| w.kind == kind) {
            window.until = until;
        }
    }

    /// Closes what is due and says how many.
    pub(super) fn expire(&mut self, now: Timestamp) -> usize {
        let before = self.open.len();
        self.open.retain(|w| w.until > now);
        before - self.open.len()
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.open.iter().map(|w| w.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use WindowKind::*;

    fn at(s: u64) -> Timestamp {
        Timestamp::from_nanos(s * 1_000_000_000)
    }

    #[test]
    fn r2_duplicate_starter_does_not_count_twice() {
        let mut w = Windows::default();
        assert_eq!(w.open(Migration, vec![1], Some(1), at(10), 8), Opened::New);
        assert_eq!(w.open(Migration, vec![1], Some(1), at(10), 8), Opened::Extended);
        assert!(w.terminate(Migration, &[1], Some(2)));
        assert!(!w.is_open());
    }

    #[test]
    fn r2_terminator_that_names_part_shrinks() {
        let mut w = Windows::default();
        w.open(Migration, vec![1, 2, 3], Some(1), at(10), 8);
        assert!(w.terminate(Migration, &[2], Some(2)));
        assert!(w.is_open());
        assert!(w.terminate(Migration, &[1, 3], Some(3)));
        assert!(!w.is_open());
    }

    #[test]
    fn r2_terminator_that_names_none_open_closes_the_oldest_of_its_kind() {
        let mut w = Windows::default();
        w.open(Failover, vec![], Some(0), at(10), 8);
        w.open(Migration, vec![1], Some(1), at(10), 8);
        w.open(Migration, vec![2], Some(2), at(20), 8);
        assert!(w.terminate(Migration, &[9], Some(3)));
        assert_eq!(w.open.len(), 2);
        assert_eq!(w.open[1].shards, [2]);
    }

    #[test]
    fn n4_terminator_closes_nothing_that_started_after_it() {
        let mut w = Windows::default();
        w.open(Migration, vec![1], Some(7), at(10), 8);
        assert!(!w.terminate(Migration, &[1], Some(6)));
        assert!(w.is_open());
    }

    #[test]
    fn r3_every_window_ends_by_itself() {
        let mut w = Windows::default();
        w.open(Migration, vec![1], Some(7), at(10), 8);
        assert_eq!(w.deadline(), Some(at(10)));
        assert_eq!(w.expire(at(9)), 0);
        assert_eq!(w.expire(at(10)), 1);
        assert_eq!(w.deadline(), None);
    }

    #[test]
    fn s1_max_windows_evicts_the_oldest() {
        let mut w = Windows::default();
        w.open(Migration, vec![1], Some(1), at(10), 2);
        w.open(Migration, vec![2], Some(2), at(11), 2);
        assert_eq!(w.open(Migration, vec![3], Some(3), at(12), 2), Opened::Evicted);
        assert_eq!(w.open.len(), 2);
    }
}
