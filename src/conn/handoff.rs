//! One handoff: what MOVING asked for, its attempts and their times. Knows no transport's bytes.

use crate::action::{TransportId, WindowKind};
use crate::config::Config;
use crate::endpoint::Endpoint;
use crate::time::Timestamp;
use core::time::Duration;

/// What a MOVING says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) seq: Option<u64>,
    /// `None`: the configured address.
    pub(super) endpoint: Option<Endpoint>,
    pub(super) time: Duration,
    pub(super) arrived: Timestamp,
    pub(super) node: TransportId,
}

impl Move {
    pub(super) fn deadline(&self) -> Timestamp {
        self.arrived + self.time
    }
}

/// The kind of window that a handoff keeps open.
pub(super) const WINDOW: WindowKind = WindowKind::Moving;

/// Changes of the session that are repeated on one candidate before the hold no longer waits for their answers: a client that
/// changes it without pause would put the hold off for ever, and it is the hold that ends the changes (H12).
pub(super) const MAX_REPEATS: u32 = 8;

/// A handoff under way.
#[derive(Debug)]
pub(super) struct Handoff {
    pub(super) wanted: Move,
    pub(super) attempts: u32,
    /// When the next attempt begins, while waiting.
    pub(super) next_at: Option<Timestamp>,
    /// It begins earlier if the pool grants it (P3).
    pub(super) awaits_grant: bool,
    /// When the running attempt has failed.
    pub(super) attempt_by: Option<Timestamp>,
    /// Changes that were repeated on the candidate of this attempt.
    pub(super) repeats: u32,
    backoff: Duration,
    /// Which of the times of a null endpoint comes next (H7).
    null_try: usize,
    /// The candidate is taken though it may be the old proxy (H7).
    pub(super) as_it_is: bool,
    /// The same MOVING came on the candidate.
    pub(super) old_proxy: bool,
    pub(super) asked_credentials: bool,
    pub(super) waits_for_credentials: bool,
    /// Since when writes are held; closed pauses are added up in `pause`.
    pub(super) hold_since: Option<Timestamp>,
    pub(super) pause: Duration,
    /// When the current transport died.
    pub(super) died_at: Option<Timestamp>,
    /// When SWAP, or HOLD, was asked.
    pub(super) asked_at: Option<Timestamp>,
    pub(super) told_overdue: bool,
    /// When the swap was to be forced: once.
    pub(super) stuck_force: Option<Timestamp>,
    pub(super) held: u64,
    pub(super) lost: u64,
    /// A newer MOVING that came too late to supersede this one (H8).
    pub(super) newer: Option<Move>,
}

impl Handoff {
    pub(super) fn new(wanted: Move, config: &Config) -> Self {
        let mut handoff = Self {
            wanted,
            attempts: 0,
            next_at: None,
            awaits_grant: false,
            attempt_by: None,
            repeats: 0,
            backoff: config.backoff_min,
            null_try: 0,
            as_it_is: false,
            old_proxy: false,
            asked_credentials: false,
            waits_for_credentials: false,
            hold_since: None,
            pause: Duration::ZERO,
            died_at: None,
            asked_at: None,
            told_overdue: false,
            stuck_force: None,
            held: 0,
            lost: 0,
            newer: None,
        };
        handoff.next_at = Some(handoff.own_time(handoff.wanted.arrived));
        handoff
    }

    /// When it would begin without a pool.
    pub(super) fn own_time(&self, now: Timestamp) -> Timestamp {
        if self.is_null() { self.null_time().max(now) } else { now }
    }

    pub(super) fn is_null(&self) -> bool {
        self.wanted.endpoint.is_none()
    }

    pub(super) fn deadline(&self) -> Timestamp {
        self.wanted.deadline()
    }

    /// 1/2, 3/4, 7/8 of the time and its end, in nanoseconds: 15 s gives 7.5 s.
    fn null_time(&self) -> Timestamp {
        let time = self.wanted.time;
        let eighths = [4, 6, 7, 8][self.null_try.min(3)];
        self.wanted.arrived + time * eighths / 8
    }

    /// What an attempt has, where the deadline leaves it (H3).
    pub(super) fn attempt_time(&self, config: &Config) -> Duration {
        config.attempt_min.max(self.wanted.time / 3)
    }

    /// An attempt begins: by when must it be done? `alive`: the current transport still serves.
    pub(super) fn begin_attempt(&mut self, now: Timestamp, alive: bool, config: &Config) -> Timestamp {
        self.attempts += 1;
        self.next_at = None;
        self.awaits_grant = false;
        self.repeats = 0;
        self.old_proxy = false;
        self.as_it_is = !self.is_null() || !alive || now >= self.deadline();
        let least = self.attempt_time(config);
        let rest = self.deadline().since(now);
        let mut given = if rest.is_zero() { least } else { least.min(rest) };
        if !config.connect_budget.is_zero() {
            given = given.min(config.connect_budget.max(Duration::from_millis(1)));
        }
        let by = now + given;
        self.attempt_by = Some(by);
        by
    }

    /// An attempt is over; sets the time of the next. `jitter` is 0 to 255.
    pub(super) fn end_attempt(&mut self, now: Timestamp, alive: bool, jitter: u8, config: &Config) {
        self.attempt_by = None;
        self.asked_at = None;
        if self.is_null() && alive && self.null_try < 3 && now < self.deadline() {
            self.null_try += 1;
            while self.null_try < 3 && self.null_time() <= now {
                self.null_try += 1;
            }
            self.next_at = Some(self.null_time().max(now));
            return;
        }
        // Up to a quarter less, so that clients that failed together do not return together.
        let pause = self.backoff - self.backoff * u32::from(jitter) / 1024;
        self.next_at = Some(now + pause);
        self.backoff = (self.backoff * 2).min(config.backoff_max);
    }

    /// Opens the pause, if it is not open.
    pub(super) fn begin_pause(&mut self, now: Timestamp) {
        self.hold_since.get_or_insert(now);
    }

    /// Closes the pause.
    pub(super) fn end_pause(&mut self, now: Timestamp) {
        if let Some(since) = self.hold_since.take() {
            self.pause += now.since(since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn null(time_s: u64) -> Handoff {
        let wanted = Move {
            seq: Some(0),
            endpoint: None,
            time: Duration::from_secs(time_s),
            arrived: Timestamp::from_nanos(0),
            node: 1,
        };
        Handoff::new(wanted, &Config::default())
    }

    #[test]
    fn h7_null_endpoint_is_tried_at_half_three_quarters_seven_eighths_and_the_end() {
        let (mut h, c) = (null(15), Config::default());
        let mut times = Vec::new();
        for _ in 0..4 {
            let at = h.next_at.unwrap();
            times.push(at.as_nanos() / 1_000_000);
            h.begin_attempt(at, true, &c);
            h.end_attempt(at, true, 0, &c);
        }
        assert_eq!(times, [7_500, 11_250, 13_125, 15_000]);
        assert!(h.next_at.unwrap().as_nanos() > 15_000_000_000);
    }

    #[test]
    fn h3_backoff_doubles_from_50_ms_to_1_s() {
        let (mut h, c) = (null(15), Config::default());
        h.wanted.endpoint = Some(Endpoint { host: "b".into(), port: 1 });
        let now = Timestamp::from_nanos(0);
        let pauses: Vec<u64> = (0..7)
            .map(|_| {
                h.end_attempt(now, true, 0, &c);
                h.next_at.unwrap().as_nanos() / 1_000_000
            })
            .collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn h3_an_attempt_has_the_rest_of_the_time_a_third_of_it_or_a_second() {
        let (mut h, c) = (null(15), Config::default());
        let at = |ms: u64| Timestamp::from_nanos(ms * 1_000_000);
        assert_eq!(h.begin_attempt(at(0), true, &c), at(5_000));
        assert_eq!(h.begin_attempt(at(14_000), true, &c), at(15_000));
        assert_eq!(h.begin_attempt(at(16_000), true, &c), at(21_000));
    }
}
