//! The handoffs of one MOVING (P3): who waits, how many are under way, what is left. Knows no mailboxes and no nodes; the
//! standing of each member is kept by the pool, this counts them.

use super::admission::Admission;
use super::breaker::Breaker;
use super::log::NoGrant;
use super::member::Standing;
use crate::endpoint::Endpoint;
use crate::time::Timestamp;
use core::time::Duration;
use std::collections::VecDeque;

/// One whose attempt failed waits this long for its next turn: the first pause of its own backoff.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// The members of one MOVING, from whatever nodes.
#[derive(Debug)]
pub(super) struct Wave {
    pub(super) seq: Option<u64>,
    /// `None`: the configured address (H7).
    pub(super) endpoint: Option<Endpoint>,
    pub(super) admission: Admission,
    /// What an attempt has at most.
    pub(super) attempt_time: Duration,
    /// Of a null endpoint: what it says is true for this MOVING only.
    pub(super) breaker: Breaker,
    /// Nobody owned them when they were put here. Looked at again when their turn comes, as the others.
    idle: VecDeque<u32>,
    busy: VecDeque<u32>,
    /// Their attempt failed; the time is when they may go again, and grows.
    again: VecDeque<(Timestamp, u32)>,
    /// Granted, and not ended or lapsed.
    running: u32,
    /// Places taken by members that are being retired.
    retiring: u32,
    /// Not handed off yet, granted or not.
    left: u32,
    pub(super) told_late: bool,
    /// What the log said last of why nobody is granted.
    pub(super) told_why: Option<NoGrant>,
    /// The timer that is set.
    pub(super) timer: Option<Timestamp>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Was idle when queued.
    Idle(u32),
    Busy(u32),
    Again(u32),
}

impl Wave {
    pub(super) fn new(
        seq: Option<u64>,
        endpoint: Option<Endpoint>,
        admission: Admission,
        attempt_time: Duration,
    ) -> Self {
        Self {
            seq,
            endpoint,
            admission,
            attempt_time,
            breaker: Breaker::default(),
            idle: VecDeque::new(),
            busy: VecDeque::new(),
            again: VecDeque::new(),
            running: 0,
            retiring: 0,
            left: 0,
            told_late: false,
            told_why: None,
            timer: None,
        }
    }

    pub(super) fn left(&self) -> u32 {
        self.left
    }

    pub(super) fn running(&self) -> u32 {
        self.running + self.retiring
    }

    /// A member goes from one standing to another.
    pub(super) fn moves(&mut self, from: Standing, to: Standing) {
        let count = |n: u32, more: bool, less: bool| (n + u32::from(more)).saturating_sub(u32::from(less));
        self.running = count(self.running, to == Standing::Granted, from == Standing::Granted);
        self.left = count(self.left, to.is_left(), from.is_left());
    }

    pub(super) fn retire_begins(&mut self) {
        self.retiring += 1;
    }

    pub(super) fn retire_ends(&mut self) {
        self.retiring = self.retiring.saturating_sub(1);
    }

    /// Whether one more may start.
    pub(super) fn has_place(&self, now: Timestamp) -> bool {
        let concurrency = self.admission.concurrency(now, self.left + self.retiring);
        self.running() < self.admission.allowed(now, concurrency)
    }

    pub(super) fn queue_idle(&mut self, index: u32) {
        self.idle.push_back(index);
    }

    pub(super) fn queue_busy(&mut self, index: u32) {
        self.busy.push_back(index);
    }

    pub(super) fn queue_again(&mut self, now: Timestamp, index: u32) {
        self.again.push_back((now + RETRY_PAUSE, index));
    }

    /// Takes one out: the idle first, in an order that `random` decides; those that failed last.
    pub(super) fn next(&mut self, now: Timestamp, random: u64) -> Option<Turn> {
        let pick = |queue: &mut VecDeque<u32>| {
            let len = queue.len() as u64;
            (len > 0).then(|| queue.swap_remove_back((random % len) as usize)).flatten()
        };
        if let Some(index) = pick(&mut self.idle) {
            return Some(Turn::Idle(index));
        }
        if let Some(index) = pick(&mut self.busy) {
            return Some(Turn::Busy(index));
        }
        let due = self.again.front().is_some_and(|(at, _)| *at <= now);
        if due { self.again.pop_front().map(|(_, index)| Turn::Again(index)) } else { None }
    }

    /// When to look again without anything being reported: more may start, or one that failed may go again.
    pub(super) fn wake(&self, now: Timestamp) -> Option<Timestamp> {
        let fresh = !self.idle.is_empty() || !self.busy.is_empty();
        match self.again.front() {
            Some((at, _)) if !fresh && *at > now => Some(*at),
            None if !fresh => None,
            _ => self.admission.next(now),
        }
    }

    /// Everybody who waits, at once.
    pub(super) fn drain(&mut self) -> Vec<u32> {
        let mut all: Vec<u32> = self.idle.drain(..).chain(self.busy.drain(..)).collect();
        all.extend(self.again.drain(..).map(|(_, index)| index));
        all
    }

    /// Gives the room of the queues back.
    pub(super) fn shrink(&mut self) {
        if self.idle.is_empty() && self.busy.is_empty() && self.again.is_empty() {
            self.idle = VecDeque::new();
            self.busy = VecDeque::new();
            self.again = VecDeque::new();
        }
    }
}
