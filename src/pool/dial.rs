//! Where to dial (H10), and what is known of each endpoint: breaker, counters, a refused opt-in (P4, O2, V1). Knows no
//! members.

use super::breaker::{Breaker, Change, Gate};
use super::counters::EndpointCounters;
use crate::endpoint::Endpoint;
use crate::time::Timestamp;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

/// A place to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialTarget {
    /// Where.
    pub endpoint: Endpoint,
    /// The caller is the one connection that tries it: report the result soon (P4).
    pub is_probe: bool,
    /// It refused the opt-in: do not opt in there before then (O2).
    pub optin_refused_until: Option<Timestamp>,
}

/// The answer of "where to dial", best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialAdvice {
    /// Try one after the other, and report each result.
    pub targets: Vec<DialTarget>,
    /// Set if there is nothing to try now: ask again then, or at an event.
    pub retry_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Moved {
    to: Endpoint,
    from: Option<Endpoint>,
    until: Timestamp,
}

/// The moves that new connections follow, newest first.
#[derive(Debug, Default)]
pub(super) struct Moves {
    moves: VecDeque<Moved>,
}

impl Moves {
    pub(super) fn add(&mut self, to: Endpoint, from: Option<Endpoint>, until: Timestamp, limit: usize) {
        self.moves.retain(|m| m.to != to || m.from != from);
        self.moves.truncate(limit.max(1) - 1);
        self.moves.push_front(Moved { to, from, until });
    }

    /// Inside the window the new endpoint, then the one moved from; after it the configured address, then the new one.
    pub(super) fn order(&self, now: Timestamp, configured: &Endpoint) -> Vec<Endpoint> {
        let mut out: Vec<Endpoint> = Vec::new();
        let mut add = |endpoint: &Endpoint| {
            if !out.contains(endpoint) {
                out.push(endpoint.clone());
            }
        };
        let (open, over): (Vec<&Moved>, Vec<&Moved>) = self.moves.iter().partition(|m| now < m.until);
        let left = |endpoint: &Endpoint| open.iter().any(|m| m.from.as_ref() == Some(endpoint));
        open.iter().map(|m| &m.to).filter(|to| !left(to)).for_each(&mut add);
        open.iter().for_each(|m| m.from.iter().for_each(&mut add));
        add(configured);
        over.iter().for_each(|m| add(&m.to));
        out
    }

    /// A dial to the configured address has succeeded: what is over is forgotten.
    pub(super) fn configured_works(&mut self, now: Timestamp) {
        self.moves.retain(|m| now < m.until);
    }
}

#[derive(Debug, Default)]
struct Known {
    breaker: Breaker,
    counters: EndpointCounters,
    used: u64,
}

/// What is known of endpoints.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    known: BTreeMap<Endpoint, Known>,
    uses: u64,
    optins: VecDeque<(Endpoint, Timestamp)>,
}

impl Endpoints {
    fn entry(&mut self, endpoint: &Endpoint, limit: usize) -> &mut Known {
        self.uses += 1;
        if !self.known.contains_key(endpoint) && self.known.len() >= limit.max(1) {
            let oldest = self.known.iter().min_by_key(|(_, known)| (known.breaker.is_open(), known.used));
            if let Some(oldest) = oldest.map(|(endpoint, _)| endpoint.clone()) {
                self.known.remove(&oldest);
            }
        }
        let known = self.known.entry(endpoint.clone()).or_default();
        known.used = self.uses;
        known
    }

    pub(super) fn gate(&self, now: Timestamp, endpoint: &Endpoint) -> Gate {
        self.known.get(endpoint).map_or(Gate::Free, |known| known.breaker.gate(now))
    }

    pub(super) fn begin_probe(&mut self, now: Timestamp, endpoint: &Endpoint, lease: Duration) {
        if let Some(known) = self.known.get_mut(endpoint) {
            known.breaker.begin_probe(now, lease);
            known.counters.probes += 1;
        }
    }

    pub(super) fn abandon_probe(&mut self, endpoint: &Endpoint) {
        if let Some(known) = self.known.get_mut(endpoint) {
            known.breaker.abandon_probe();
        }
    }

    /// An attempt of a handoff, or a dial, has ended there.
    pub(super) fn result(
        &mut self,
        now: Timestamp,
        endpoint: &Endpoint,
        what: Tried,
        pauses: (Duration, Duration),
        limit: usize,
    ) -> Change {
        let known = self.entry(endpoint, limit);
        let (tries, failures) = if what.is_dial {
            (&mut known.counters.dials, &mut known.counters.dials_failed)
        } else {
            (&mut known.counters.attempts, &mut known.counters.attempts_failed)
        };
        *tries += 1;
        *failures += u64::from(!what.ok);
        if what.proves_nothing {
            return Change::None;
        }
        let change = if what.ok {
            known.breaker.succeeded(now)
        } else {
            known.breaker.refused(now, pauses.0, pauses.1)
        };
        known.counters.breaker_opened += u64::from(change == Change::Opened);
        change
    }

    pub(super) fn counters(&self, endpoint: &Endpoint) -> Option<EndpointCounters> {
        let known = self.known.get(endpoint)?;
        Some(EndpointCounters { breaker_open: u64::from(known.breaker.is_open()), ..known.counters })
    }

    /// The endpoints that there are counters of.
    pub(super) fn names(&self) -> Vec<Endpoint> {
        self.known.keys().cloned().collect()
    }

    pub(super) fn optin_refused(
        &mut self,
        now: Timestamp,
        endpoint: Endpoint,
        until: Timestamp,
        limit: usize,
    ) {
        self.optins.retain(|(known, until)| *known != endpoint && now < *until);
        while self.optins.len() >= limit.max(1) {
            self.optins.pop_front();
        }
        self.optins.push_back((endpoint, until));
    }

    pub(super) fn optin_refused_until(&self, now: Timestamp, endpoint: &Endpoint) -> Option<Timestamp> {
        self.optins.iter().find(|(known, until)| known == endpoint && now < *until).map(|(_, until)| *until)
    }

    /// All that refused and are still remembered.
    pub(super) fn optins_refused(&self, now: Timestamp) -> impl Iterator<Item = (Endpoint, Timestamp)> {
        self.optins.iter().filter(move |(_, until)| now < *until).cloned()
    }
}

/// What was tried and how it went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tried {
    pub(super) is_dial: bool,
    pub(super) ok: bool,
    /// A candidate at the configured address may have been the old proxy: no refusal (H7).
    pub(super) proves_nothing: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e(host: &str) -> Endpoint {
        Endpoint::new(host, 6379).unwrap()
    }

    fn at(s: u64) -> Timestamp {
        Timestamp::from_nanos(s * 1_000_000_000)
    }

    #[test]
    fn h10_inside_the_window_the_new_one_then_the_old_one_then_the_configured() {
        let mut moves = Moves::default();
        assert_eq!(moves.order(at(0), &e("a")), [e("a")]);
        moves.add(e("b"), Some(e("a1")), at(15), 8);
        assert_eq!(moves.order(at(14), &e("a")), [e("b"), e("a1"), e("a")]);
        assert_eq!(moves.order(at(15), &e("a")), [e("a"), e("b")]);
        moves.configured_works(at(14));
        assert_eq!(moves.order(at(15), &e("a")), [e("a"), e("b")]);
        moves.configured_works(at(15));
        assert_eq!(moves.order(at(15), &e("a")), [e("a")]);
    }

    #[test]
    fn h10_of_two_moves_in_a_row_the_last_leads() {
        let mut moves = Moves::default();
        moves.add(e("b"), Some(e("a")), at(15), 8);
        moves.add(e("c"), Some(e("b")), at(16), 8);
        assert_eq!(moves.order(at(1), &e("a")), [e("c"), e("b"), e("a")]);
    }

    #[test]
    fn s1_max_moves_and_max_endpoints_and_max_refusals_bound_the_memory() {
        let (mut moves, mut endpoints) = (Moves::default(), Endpoints::default());
        for n in 0..100 {
            let host = e(&format!("h{n}"));
            moves.add(host.clone(), None, at(15), 3);
            let tried = Tried { is_dial: true, ok: n != 0, proves_nothing: false };
            let pauses = (Duration::from_millis(50), Duration::from_secs(1));
            for _ in 0..3 {
                endpoints.result(at(0), &host, tried, pauses, 4);
            }
            endpoints.optin_refused(at(0), host, at(600), 5);
        }
        assert_eq!(moves.order(at(0), &e("a")).len(), 4);
        assert_eq!(endpoints.names().len(), 4);
        assert!(endpoints.names().contains(&e("h0")), "one that refuses is not forgotten for one that works");
        assert_eq!(endpoints.optins_refused(at(0)).count(), 5);
        assert_eq!(endpoints.optin_refused_until(at(599), &e("h99")), Some(at(600)));
        assert_eq!(endpoints.optin_refused_until(at(600), &e("h99")), None);
    }
}
