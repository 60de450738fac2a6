//! When the pool has something to do by itself: a heap, so that a tick costs what is due. Knows no meaning.

use super::member::MemberId;
use crate::time::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is due. Timers are not cancelled: who fires one looks whether it still means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A wave may start more members, or its deadline or end has come.
    Wave(u64),
    /// A place that a member to be retired took is free.
    Retired(u64),
    /// A grant may have been given in vain. The number is that of the grant.
    Grant(MemberId, u32),
    /// A fact of a node has aged.
    Board(u32),
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Timestamp, Timer)>>,
}

impl Timers {
    pub(super) fn set(&mut self, at: Timestamp, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
    }

    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        self.heap.peek().filter(|first| first.0.0 <= now)?;
        self.heap.pop().map(|Reverse((_, timer))| timer)
    }

    pub(super) fn earliest(&self) -> Option<Timestamp> {
        self.heap.peek().map(|first| first.0.0)
    }
}
