//! How many handoffs of one MOVING may be under way at once (P3). Knows numbers and times, no members.

use crate::time::Timestamp;
use core::time::Duration;

/// Never fewer: one slow node must not stop the others.
pub const MIN_CONCURRENCY: u32 = 4;
/// Never more: what a listen backlog takes.
pub const MAX_CONCURRENCY: u32 = 256;
/// Until an attempt was measured it is taken to last this long: TCP, TLS and a handshake over a slow link.
pub const FIRST_GUESS: Duration = Duration::from_millis(100);
/// The first ones start within this at most, so that clients that got the same MOVING do not start together.
pub const MAX_JITTER: Duration = Duration::from_millis(100);
/// Steps in which the first ones start.
const STEPS: u32 = 8;

/// The clock of one MOVING's handoffs.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    /// The first may start then.
    start: Timestamp,
    /// All should be done by then: 80 % of the time.
    aim: Timestamp,
    deadline: Timestamp,
    /// What an attempt takes, averaged.
    measured: Option<Duration>,
}

impl Admission {
    /// `jitter` is 0 to 255. With a null endpoint the second half of the time is what there is.
    pub(super) fn new(arrived: Timestamp, time: Duration, is_null: bool, jitter: u8) -> Self {
        let spread = (time / 64).min(MAX_JITTER) * u32::from(jitter) / 256;
        let from = if is_null { arrived + time / 2 } else { arrived };
        let (start, deadline) = (from + spread, arrived + time);
        Self { start, aim: start + deadline.since(start) * 4 / 5, deadline, measured: None }
    }

    pub(super) fn deadline(&self) -> Timestamp {
        self.deadline
    }

    pub(super) fn has_begun(&self, now: Timestamp) -> bool {
        now >= self.start
    }

    pub(super) fn estimate(&self) -> Duration {
        self.measured.unwrap_or(FIRST_GUESS)
    }

    /// An attempt became ready after `took`.
    pub(super) fn measure(&mut self, took: Duration) {
        self.measured = Some(match self.measured {
            None => took,
            Some(mean) => mean - mean / 8 + took / 8,
        });
    }

    /// What is left x measured time / the rest of the time up to `aim`, within the limits; all there may be from then on. The
    /// aim does not move: 80 % of what is left at each moment would come to its end at the deadline only.
    pub(super) fn concurrency(&self, now: Timestamp, left: u32) -> u32 {
        let rest = self.aim.since(now.max(self.start));
        if rest.is_zero() {
            return MAX_CONCURRENCY;
        }
        // In 64 bits, which divide ten times as fast: this is asked at every step of every member.
        let wanted = nanos(self.estimate()).saturating_mul(u64::from(left)).div_ceil(nanos(rest));
        u32::try_from(wanted).unwrap_or(MAX_CONCURRENCY).clamp(MIN_CONCURRENCY, MAX_CONCURRENCY)
    }

    /// How many of `concurrency` may be under way now: in the first moments they start one after the other.
    pub(super) fn allowed(&self, now: Timestamp, concurrency: u32) -> u32 {
        if now < self.start {
            return 0;
        }
        let step = self.step();
        let steps = nanos(now.since(self.start)) / nanos(step);
        let steps = u32::try_from(steps).unwrap_or(STEPS).saturating_add(1).min(STEPS);
        (concurrency * steps).div_ceil(STEPS)
    }

    /// When more may start without anything else happening.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        if now < self.start {
            return Some(self.start);
        }
        let step = self.step();
        (1..STEPS).map(|n| self.start + step * n).find(|at| *at > now)
    }

    fn step(&self) -> Duration {
        FIRST_GUESS / STEPS
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn p3_concurrency_is_what_is_left_times_measured_time_by_80_percent_of_the_rest() {
        let mut a = Admission::new(at(0), ms(15_000), false, 0);
        assert_eq!(a.concurrency(at(0), 10_000), 84); // 10,000 x 100 ms / 12 s
        a.measure(ms(24));
        assert_eq!(a.concurrency(at(0), 10_000), 20);
        assert_eq!(a.concurrency(at(6_000), 10_000), 40);
        a.measure(ms(104));
        assert_eq!(a.estimate(), ms(34));
    }

    #[test]
    fn p3_concurrency_stays_within_4_and_256() {
        let mut a = Admission::new(at(0), ms(15_000), false, 0);
        assert_eq!(a.concurrency(at(0), 1), MIN_CONCURRENCY);
        assert_eq!(a.concurrency(at(0), u32::MAX), MAX_CONCURRENCY);
        assert_eq!(a.concurrency(at(12_000), 1), MAX_CONCURRENCY);
        a.measure(Duration::MAX / 16);
        assert_eq!(a.concurrency(at(0), 3), MAX_CONCURRENCY);
    }

    #[test]
    fn p3_null_endpoint_starts_at_half_time() {
        let a = Admission::new(at(0), ms(15_000), true, 0);
        assert_eq!((a.allowed(at(7_499), 84), a.next(at(0))), (0, Some(at(7_500))));
        assert!(a.allowed(at(7_500), 84) > 0);
        assert_eq!(a.concurrency(at(0), 10_000), a.concurrency(at(7_500), 10_000));
    }

    #[test]
    fn p3_the_first_start_in_steps_after_a_jitter() {
        let a = Admission::new(at(0), ms(15_000), false, 128);
        assert_eq!(a.allowed(at(49), 80), 0);
        let counts: Vec<u32> = [50, 63, 100, 137, 138, 900].map(|t| a.allowed(at(t), 80)).to_vec();
        assert_eq!(counts, [10, 20, 50, 70, 80, 80]);
        assert_eq!(a.next(at(900)), None);
        assert_eq!(a.allowed(at(50), 4), 1);
    }
}
