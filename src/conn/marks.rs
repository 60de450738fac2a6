//! What was seen before: duplicates (N3), stale starters (N4), moves that were made. Knows no windows and no handoff.

use crate::action::TransportId;
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::mem::Room;
use crate::notification::Kind;
use crate::time::Timestamp;
use core::time::Duration;
use std::collections::VecDeque;

#[derive(Clone, Debug)]
struct Mark {
    kind: Kind,
    seq: u64,
    at: Timestamp,
}

#[derive(Clone, Debug)]
struct MoveMark {
    seq: u64,
    endpoint: Option<Endpoint>,
    node: TransportId,
    deadline: Timestamp,
}

/// How a notification relates to what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    New,
    Duplicate,
    Stale,
}

/// Bounded memory of notifications.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    seen: VecDeque<Mark>,
    moves: VecDeque<MoveMark>,
}

fn push_bounded<T>(queue: &mut VecDeque<T>, limit: usize, item: T) {
    while queue.len() >= limit {
        queue.pop_front();
    }
    queue.push_back(item);
}

impl Marks {
    /// Room to remember one of that kind.
    pub(super) fn room(&mut self, kind: Kind) -> Result<()> {
        match kind {
            Kind::Moving => self.moves.room(1),
            _ => self.seen.room(1),
        }
    }

    /// Judges and remembers a starter or terminator. Without a seq nothing can be known: it counts as new.
    pub(super) fn judge(
        &mut self,
        now: Timestamp,
        kind: Kind,
        ender: Option<Kind>,
        seq: Option<u64>,
        age: Duration,
        limit: usize,
    ) -> Seen {
        let Some(seq) = seq else { return Seen::New };
        self.seen.retain(|m| now.since(m.at) < age);
        if self.seen.iter().any(|m| m.kind == kind && m.seq == seq) {
            return Seen::Duplicate;
        }
        let stale = ender.is_some_and(|e| self.seen.iter().any(|m| m.kind == e && m.seq > seq));
        push_bounded(&mut self.seen, limit, Mark { kind, seq, at: now });
        if stale { Seen::Stale } else { Seen::New }
    }

    /// Judges a MOVING: identity is (seq, node, endpoint); after its deadline the same one on another node is new.
    pub(super) fn judge_move(
        &mut self,
        now: Timestamp,
        seq: Option<u64>,
        endpoint: Option<&Endpoint>,
        node: TransportId,
    ) -> Seen {
        let Some(seq) = seq else { return Seen::New };
        let same = |m: &&MoveMark| m.seq == seq && m.endpoint.as_ref() == endpoint;
        match self.moves.iter().rev().find(same) {
            Some(m) if m.node == node || now < m.deadline => Seen::Duplicate,
            _ => Seen::New,
        }
    }

    /// Remembers a MOVING that a handoff was opened for.
    pub(super) fn remember_move(
        &mut self,
        seq: Option<u64>,
        endpoint: Option<Endpoint>,
        node: TransportId,
        deadline: Timestamp,
        limit: usize,
    ) {
        if let Some(seq) = seq {
            push_bounded(&mut self.moves, limit, MoveMark { seq, endpoint, node, deadline });
        }
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
    fn n3_seq_zero_is_a_seq_and_identity_is_type_and_seq() {
        let mut m = Marks::default();
        assert_eq!(m.judge(at(0), Kind::Migrating, None, Some(0), AGE, 8), Seen::New);
        assert_eq!(m.judge(at(1), Kind::Migrating, None, Some(0), AGE, 8), Seen::Duplicate);
        assert_eq!(m.judge(at(1), Kind::Smigrating, None, Some(0), AGE, 8), Seen::New);
    }

    #[test]
    fn n4_starter_older_than_the_last_terminator_is_stale_and_marks_age_out() {
        let mut m = Marks::default();
        assert_eq!(m.judge(at(0), Kind::Migrated, None, Some(9), AGE, 8), Seen::New);
        assert_eq!(m.judge(at(1), Kind::Migrating, Some(Kind::Migrated), Some(8), AGE, 8), Seen::Stale);
        assert_eq!(m.judge(at(601), Kind::Migrating, Some(Kind::Migrated), Some(3), AGE, 8), Seen::New);
    }

    #[test]
    fn n3_same_moving_on_another_node_is_new_after_its_deadline() {
        let mut m = Marks::default();
        m.remember_move(Some(3), None, 1, at(15), 8);
        assert_eq!(m.judge_move(at(10), Some(3), None, 2), Seen::Duplicate);
        assert_eq!(m.judge_move(at(20), Some(3), None, 1), Seen::Duplicate);
        assert_eq!(m.judge_move(at(20), Some(3), None, 2), Seen::New);
    }

    #[test]
    fn s1_max_marks_bounds_the_memory() {
        let mut m = Marks::default();
        for seq in 0..100 {
            m.judge(at(0), Kind::Migrating, None, Some(seq), AGE, 4);
        }
        assert_eq!(m.seen.len(), 4);
    }
}
