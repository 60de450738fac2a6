//! When the map is to be loaded again: asked for once, however many want it, and again if it was wanted meanwhile (C2).
//! Knows no map.

use super::config::ClusterConfig;
use crate::time::Timestamp;
use core::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Wanted {
        at: Timestamp,
    },
    /// Asked of the host; `again`: it was wanted once more since.
    Running {
        since: Timestamp,
        again: bool,
    },
}

/// Coalesces, jitters, backs off.
#[derive(Debug)]
pub(super) struct Reload {
    state: State,
    failures: u32,
    random: u64,
}

impl Reload {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: State::Idle, failures: 0, random: seed }
    }

    /// Somebody wants it. True if that is new.
    pub(super) fn want(&mut self, now: Timestamp, config: &ClusterConfig) -> bool {
        match &mut self.state {
            State::Idle => {
                let jitter = self.part_of(config.reload_jitter);
                self.state = State::Wanted { at: now + jitter };
                true
            }
            State::Wanted { .. } => false,
            State::Running { again, .. } => !core::mem::replace(again, true),
        }
    }

    /// True if the host is to be asked now.
    pub(super) fn fire(&mut self, now: Timestamp, config: &ClusterConfig) -> bool {
        if let State::Running { since, .. } = self.state
            && now >= since + config.reload_timeout
        {
            self.failed(now, config);
        }
        match self.state {
            State::Wanted { at } if at <= now => {
                self.state = State::Running { since: now, again: false };
                true
            }
            _ => false,
        }
    }

    /// The host asks on its own account.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.state = State::Running { since: now, again: false };
    }

    pub(super) fn loaded(&mut self, now: Timestamp, config: &ClusterConfig) {
        self.failures = 0;
        let again = matches!(self.state, State::Running { again: true, .. });
        self.state = State::Idle;
        if again {
            self.want(now, config);
        }
    }

    pub(super) fn failed(&mut self, now: Timestamp, config: &ClusterConfig) {
        let doubled = config.reload_backoff_min.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let pause = doubled.min(config.reload_backoff_max);
        let jitter = self.part_of(pause / 4);
        self.state = State::Wanted { at: now + pause + jitter };
    }

    pub(super) fn running_since(&self) -> Option<Timestamp> {
        match self.state {
            State::Running { since, .. } => Some(since),
            _ => None,
        }
    }

    pub(super) fn deadline(&self, config: &ClusterConfig) -> Option<Timestamp> {
        match self.state {
            State::Idle => None,
            State::Wanted { at } => Some(at),
            State::Running { since, .. } => Some(since + config.reload_timeout),
        }
    }

    /// A part of `whole` that the seed decides: a step of splitmix64.
    fn part_of(&mut self, whole: Duration) -> Duration {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        whole.mul_f64(((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64)
    }
}
