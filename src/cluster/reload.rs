//! When to ask for the map again: once for many reasons, spread, spaced, and until it succeeds. Knows no map.

use super::config::ClusterConfig;
use crate::time::Timestamp;
use core::time::Duration;

/// Why a reload is asked for; bits.
pub mod reason {
    /// SMIGRATED does not fit the map: unknown node, other owner, slot without owner, overlap.
    pub const UNFIT: u32 = 1;
    /// SMIGRATED could not be read in full.
    pub const MALFORMED: u32 = 2;
    /// A redirection (MOVED).
    pub const REDIRECTED: u32 = 4;
    /// The host asked.
    pub const HOST: u32 = 8;
    /// The last reload failed, or was not answered.
    pub const FAILED: u32 = 16;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum State {
    #[default]
    Idle,
    /// To be asked for at that time.
    Due(Timestamp),
    /// Asked for; the host has until then.
    Running(Timestamp),
}

/// The one reload that there is.
#[derive(Clone, Debug, Default)]
pub(super) struct Reload {
    state: State,
    reasons: u32,
    /// A reason came while it ran: what it brings may be older (GO-16).
    dirty: u32,
    failures: u32,
    /// Failures and successes, so that another node is asked each time.
    turn: u32,
    loaded: Option<Timestamp>,
    random: u64,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) reasons: u32,
    pub(super) attempt: u32,
    pub(super) turn: u32,
}

impl Reload {
    pub(super) fn new(seed: u64) -> Self {
        let mut new = Self { random: seed, ..Self::default() };
        new.turn = new.next_random() as u32 >> 1;
        new
    }

    /// A step of splitmix64: the seed alone decides.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A random part of it.
    fn part(&mut self, of: Duration) -> Duration {
        of * ((self.next_random() >> 40) as u32 & 0x3ff) / 1024
    }

    /// Somebody wants the map again. True if that is not asked for yet.
    pub(super) fn want(&mut self, now: Timestamp, reasons: u32, config: &ClusterConfig) -> bool {
        match self.state {
            State::Idle => {
                self.reasons |= reasons;
                // The first map is wanted at once: nothing can be served without.
                let at = match self.loaded {
                    Some(loaded) => {
                        (loaded + config.reload_interval).max(now) + self.part(config.reload_jitter)
                    }
                    None => now,
                };
                self.state = State::Due(at);
                true
            }
            State::Due(_) => {
                self.reasons |= reasons;
                false
            }
            State::Running(_) => {
                self.dirty |= reasons;
                false
            }
        }
    }

    pub(super) const fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    pub(super) const fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Idle => None,
            State::Due(at) | State::Running(at) => Some(at),
        }
    }

    /// Time goes on. `Some`: ask the host now.
    pub(super) fn tick(&mut self, now: Timestamp, config: &ClusterConfig) -> Option<Ask> {
        if let State::Running(until) = self.state
            && until <= now
        {
            self.fail(now, config);
        }
        let State::Due(at) = self.state else { return None };
        if now < at {
            return None;
        }
        self.state = State::Running(now + config.reload_timeout);
        self.turn = self.turn.wrapping_add(1);
        let reasons = core::mem::take(&mut self.reasons);
        Some(Ask { reasons, attempt: self.failures.saturating_add(1), turn: self.turn })
    }

    /// The host asks a node on its own account: that is the reload that runs, whatever was due.
    /// `sent`: if one runs, a node was asked.
    pub(super) fn start(&mut self, now: Timestamp, sent: bool, config: &ClusterConfig) {
        if sent && self.is_running() {
            // Of two on their way the first to come counts; what it may lack is asked for once more.
            self.dirty |= reason::HOST;
        }
        self.reasons = 0;
        self.state = State::Running(now + config.reload_timeout);
    }

    /// The one that runs has failed. True if one was running.
    pub(super) fn fail(&mut self, now: Timestamp, config: &ClusterConfig) -> bool {
        if !self.is_running() {
            return false;
        }
        let longest = config.backoff_max;
        let pause = config.backoff_min.saturating_mul(1 << self.failures.min(20)).min(longest);
        self.failures = self.failures.saturating_add(1);
        // Between half and all of it.
        let pause = pause / 2 + self.part(pause / 2);
        self.reasons |= core::mem::take(&mut self.dirty) | reason::FAILED;
        self.state = State::Due(now + pause);
        true
    }

    /// A map was loaded, as answer or unasked. An unasked one may be older than what is due: that stays due.
    pub(super) fn succeed(&mut self, now: Timestamp, answered: bool, config: &ClusterConfig) {
        self.loaded = Some(now);
        if !answered || !self.is_running() {
            return;
        }
        self.failures = 0;
        self.state = State::Idle;
        let dirty = core::mem::take(&mut self.dirty);
        if dirty != 0 {
            self.want(now, dirty, config);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    fn config() -> ClusterConfig {
        ClusterConfig { reload_jitter: Duration::ZERO, ..ClusterConfig::default() }
    }

    #[test]
    fn c2_many_reasons_are_one_reload() {
        let (mut r, c) = (Reload::new(1), config());
        assert!(r.want(at(0), reason::UNFIT, &c));
        assert!(!r.want(at(0), reason::REDIRECTED, &c));
        let ask = r.tick(at(0), &c).expect("due at once");
        assert_eq!((ask.reasons, ask.attempt), (reason::UNFIT | reason::REDIRECTED, 1));
        assert_eq!(r.tick(at(1), &c), None);
        r.succeed(at(2), true, &c);
        assert_eq!(r.deadline(), None);
    }

    #[test]
    fn go_16_a_reason_during_a_reload_is_not_dropped() {
        let (mut r, c) = (Reload::new(1), config());
        r.want(at(0), reason::UNFIT, &c);
        r.tick(at(0), &c).expect("due");
        assert!(!r.want(at(1), reason::HOST, &c));
        r.succeed(at(2), true, &c);
        assert_eq!(r.deadline(), Some(at(1002)), "spaced by reload_interval");
        assert_eq!(r.tick(at(1002), &c).map(|ask| ask.reasons), Some(reason::HOST));
    }

    #[test]
    fn failures_back_off_up_to_the_longest_and_are_not_dropped() {
        let (mut r, c) = (Reload::new(1), config());
        r.want(at(0), reason::UNFIT, &c);
        r.tick(at(0), &c).expect("due");
        r.want(at(0), reason::HOST, &c);
        let (mut now, mut turns) = (at(0), Vec::new());
        for attempt in 2..12 {
            assert!(r.fail(now, &c) && !r.fail(now, &c));
            let next = r.deadline().expect("again");
            let most = c.backoff_min.saturating_mul(1 << (attempt - 2)).min(c.backoff_max);
            let pause = next.since(now);
            assert!(most / 2 <= pause && pause <= most, "{attempt}: {pause:?} of {most:?}");
            now = next;
            let ask = r.tick(now, &c).expect("due");
            assert_eq!(ask.attempt, attempt);
            assert_eq!(ask.reasons & reason::HOST != 0, attempt == 2);
            assert!(ask.reasons & reason::FAILED != 0);
            turns.push(ask.turn);
        }
        turns.dedup();
        assert_eq!(turns.len(), 10, "another node each time");
    }

    #[test]
    fn one_that_is_never_answered_has_failed() {
        let (mut r, c) = (Reload::new(1), config());
        r.want(at(0), reason::UNFIT, &c);
        r.tick(at(0), &c).expect("due");
        assert_eq!(r.deadline(), Some(at(10_000)));
        assert_eq!(r.tick(at(10_000), &c), None, "after the pause");
        let next = r.deadline().expect("again");
        assert_eq!(r.tick(next, &c).map(|ask| (ask.reasons, ask.attempt)), Some((reason::FAILED, 2)));
    }

    #[test]
    fn jitter_spreads_by_seed_and_within_its_bound() {
        let c = ClusterConfig::default();
        let due = |seed| {
            let mut r = Reload::new(seed);
            r.want(at(0), reason::UNFIT, &c);
            assert_eq!(r.deadline(), Some(at(0)), "the first one at once");
            r.tick(at(0), &c).expect("due");
            r.succeed(at(0), true, &c);
            r.want(at(5000), reason::UNFIT, &c);
            r.deadline().expect("due").since(at(5000))
        };
        let all: std::collections::BTreeSet<Duration> = (0..100).map(due).collect();
        assert!(all.len() > 80 && all.iter().all(|after| *after < c.reload_jitter));
        assert_eq!(due(7), due(7));
    }

    #[test]
    fn an_unasked_load_leaves_what_is_due() {
        let (mut r, c) = (Reload::new(1), config());
        r.want(at(0), reason::UNFIT, &c);
        r.succeed(at(0), true, &c);
        assert_eq!(r.deadline(), Some(at(0)));
        r.tick(at(0), &c).expect("due");
        r.succeed(at(1), false, &c);
        assert!(r.is_running());
    }
}
