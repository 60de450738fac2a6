//! One endpoint's breaker (P4): opened by refusals, tried by one at a time, recovers by time. Knows no endpoint.

use crate::time::Timestamp;
use core::time::Duration;

/// Refusals in a row that open it: one may be chance, three are a node that is not there yet.
const REFUSALS_TO_OPEN: u32 = 3;
/// Without any news for so long, an endpoint starts afresh.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Opened,
    Closed,
}

/// What an endpoint may be asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// By anybody.
    Free,
    /// By one: the caller, if it goes.
    Probe,
    /// By nobody before then.
    Closed(Timestamp),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Breaker {
    refusals: u32,
    /// Set while open: when the next probe may go.
    retry_at: Option<Timestamp>,
    backoff: Duration,
    /// A probe is out, until then.
    probing: Option<Timestamp>,
    last_news: Timestamp,
}

impl Breaker {
    /// How many may try at once is the caller's; this says whether.
    pub(super) fn gate(&self, now: Timestamp) -> Gate {
        let Some(retry_at) = self.retry_at else { return Gate::Free };
        if now.since(self.last_news) >= FORGOTTEN_AFTER {
            return Gate::Free;
        }
        let blocked = self.probing.map_or(retry_at, |until| until.max(retry_at));
        if blocked > now { Gate::Closed(blocked) } else { Gate::Probe }
    }

    /// The one that `Gate::Probe` let through goes. If its end is never told, it blocks the next one for `lease`: what it may
    /// take, so that there are not two.
    pub(super) fn begin_probe(&mut self, now: Timestamp, lease: Duration) {
        self.probing = Some(now + lease);
    }

    /// It does not go after all.
    pub(super) fn abandon_probe(&mut self) {
        self.probing = None;
    }

    /// It answered, whoever asked.
    pub(super) fn succeeded(&mut self, now: Timestamp) -> Change {
        let was_open = self.retry_at.is_some();
        *self = Self { last_news: now, ..Self::default() };
        if was_open { Change::Closed } else { Change::None }
    }

    /// It refused. While open, only the refusal of a probe makes the pause longer: those that were under way when it opened
    /// say nothing new.
    pub(super) fn refused(&mut self, now: Timestamp, min: Duration, max: Duration) -> Change {
        if now.since(self.last_news) >= FORGOTTEN_AFTER {
            *self = Self::default();
        }
        self.last_news = now;
        self.refusals = self.refusals.saturating_add(1);
        if self.retry_at.is_some() {
            if self.probing.take().is_some() {
                self.backoff = (self.backoff * 2).min(max);
                self.retry_at = Some(now + self.backoff);
            }
            return Change::None;
        }
        if self.refusals < REFUSALS_TO_OPEN {
            return Change::None;
        }
        self.backoff = min;
        self.retry_at = Some(now + min);
        Change::Opened
    }

    pub(super) fn is_open(&self) -> bool {
        self.retry_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_millis(50);
    const MAX: Duration = Duration::from_secs(1);
    const LEASE: Duration = Duration::from_secs(5);

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    fn open() -> Breaker {
        let mut b = Breaker::default();
        assert_eq!(b.refused(at(0), MIN, MAX), Change::None);
        assert_eq!(b.refused(at(0), MIN, MAX), Change::None);
        assert_eq!(b.gate(at(0)), Gate::Free);
        assert_eq!(b.refused(at(0), MIN, MAX), Change::Opened);
        b
    }

    #[test]
    fn p4_refusals_open_it_and_one_probe_goes_at_a_time() {
        let mut b = open();
        assert_eq!(b.gate(at(0)), Gate::Closed(at(50)));
        assert_eq!(b.gate(at(50)), Gate::Probe);
        b.begin_probe(at(50), LEASE);
        assert_eq!(b.gate(at(51)), Gate::Closed(at(5_050)));
        assert_eq!(b.succeeded(at(60)), Change::Closed);
        assert_eq!(b.gate(at(60)), Gate::Free);
    }

    #[test]
    fn p4_a_refused_probe_doubles_the_pause_up_to_its_limit() {
        let mut b = open();
        let (mut now, mut pauses) = (50, Vec::new());
        for _ in 0..6 {
            b.begin_probe(at(now), LEASE);
            assert_eq!(b.refused(at(now), MIN, MAX), Change::None);
            let Gate::Closed(next) = b.gate(at(now)) else { panic!("open") };
            pauses.push(next.as_nanos() / 1_000_000 - now);
            now = next.as_nanos() / 1_000_000;
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn p4_stragglers_do_not_make_the_pause_longer() {
        let mut b = open();
        for _ in 0..80 {
            b.refused(at(10), MIN, MAX);
        }
        assert_eq!(b.gate(at(10)), Gate::Closed(at(50)));
    }

    #[test]
    fn p4_recovers_by_time_and_a_lost_probe_blocks_for_its_lease_only() {
        let mut b = open();
        b.begin_probe(at(50), LEASE);
        assert_eq!(b.gate(at(5_050)), Gate::Probe);
        assert_eq!(b.gate(at(60_000)), Gate::Free);
        assert_eq!(b.refused(at(60_001), MIN, MAX), Change::None);
    }
}
