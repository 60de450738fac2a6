//! What a notification does in the pool: known ones apart, told to all on the same node, a MOVING begins a wave (P1, N3,
//! N4, S3, H10). Knows no grants.

use super::admission::Admission;
use super::feed::Event;
use super::log::Ignored;
use super::marks::Place;
use super::member::{Fact, MemberId, NONE};
use super::node::{Under, is_merged};
use super::state::State;
use super::timers::Timer;
use super::wave::Wave;
use crate::endpoint::Endpoint;
use crate::notification::{Body, Kind, Notification};
use crate::time::Timestamp;
use core::time::Duration;
use std::sync::Arc;

/// Without a seq the same text is the same notification for so long: a fan-out to all connections of a node takes less.
const NO_SEQ_AGE: Duration = Duration::from_secs(5);

/// Members still to be told. The pool's lock may be given to others in between: who joins meanwhile is told by joining, so
/// going from the end to the start misses nobody.
#[derive(Debug)]
pub(super) struct FanOut {
    node: u32,
    /// How many of the node's list are left, from its start.
    left: usize,
    by: MemberId,
    wave: Option<u64>,
}

impl State {
    /// A member has read a notification; answers who is to be told.
    pub(super) fn notice(
        &mut self,
        now: Timestamp,
        by: MemberId,
        notification: Notification,
        arrived: Timestamp,
    ) -> Option<FanOut> {
        let node = self.members.get(by)?.node;
        let place = if node == NONE { Place::Unknown } else { Place::Node(node) };
        self.counters.notifications += 1;
        if notification.kind == Kind::Moving {
            return self.moving(now, by, node, place, notification, arrived.min(now));
        }
        if node != NONE && self.marks.find(now, place, &notification).is_some() {
            self.counters.notifications_duplicate += 1;
            self.log_ignored(&notification, by, node, Ignored::Duplicate);
            return None;
        }
        let first = self.marks.find(now, Place::Pool, &notification).cloned();
        let is_new = first.is_none();
        let shared = first.unwrap_or_else(|| Arc::new(notification));
        if is_new {
            self.mark(now, Place::Pool, &shared);
            self.maintenance(by, &shared);
        } else {
            self.counters.notifications_duplicate += 1;
        }
        if node == NONE {
            match is_new {
                true => self.log_notice(&shared, by, node, 0),
                false => self.log_ignored(&shared, by, node, Ignored::Duplicate),
            }
            return None;
        }
        let is_stale = self.marks.is_stale(now, place, &shared);
        self.mark(now, place, &shared);
        if is_stale {
            self.counters.notifications_stale += 1;
            self.log_ignored(&shared, by, node, Ignored::Stale);
            return None;
        }
        self.log_read(&shared, by, node);
        let window = match shared.kind {
            Kind::FailingOver | Kind::FailedOver => self.config.failover_window,
            _ => self.config.migration_window,
        };
        self.post(node, Fact { notification: shared, arrived, by, until: arrived + window });
        self.fan_out_from(node, by, None)
    }

    fn mark(&mut self, now: Timestamp, place: Place, n: &Arc<Notification>) {
        let age = if n.seq.is_some() { self.config.mark_age } else { NO_SEQ_AGE };
        self.marks.add(now, place, Arc::clone(n), now + age, self.config.limits.max_marks);
    }

    fn maintenance(&mut self, by: MemberId, notification: &Arc<Notification>) {
        let user = self.members.get(by).map_or(0, |record| record.user);
        self.tell(Event::Maintenance { notification: Arc::clone(notification), member: by, user });
    }

    fn post(&mut self, index: u32, fact: Fact) {
        let limit = self.config.limits.max_facts;
        let Some(node) = self.nodes.get(index) else { return };
        let (later, until) = (Arc::clone(&fact.notification), fact.until);
        node.board.retain(|old| !is_merged(&old.notification, &later));
        let (facts, dropped) = node.board.post(fact, limit);
        node.facts = facts;
        if dropped {
            self.counters.facts_dropped += 1;
            self.log_fact_dropped(index);
        }
        self.timers.set(until, Timer::Board(index));
    }

    fn fan_out_from(&mut self, node: u32, by: MemberId, wave: Option<u64>) -> Option<FanOut> {
        let left = self.nodes.get(node)?.members.len();
        Some(FanOut { node, left, by, wave })
    }

    /// Tells up to `count` members; true when all are told.
    pub(super) fn fan_out(&mut self, now: Timestamp, job: &mut FanOut, count: usize) -> bool {
        for _ in 0..count {
            let Some(node) = self.nodes.get(job.node) else { return true };
            job.left = job.left.min(node.members.len());
            let Some(last) = job.left.checked_sub(1) else {
                if let Some(wave) = job.wave {
                    self.pump(now, wave);
                }
                return true;
            };
            job.left = last;
            let index = node.members[last];
            let leads = node.under.as_ref().map(|under| under.wave);
            let Some((id, _)) = self.members.at(index) else { continue };
            // Between two parts a newer MOVING may have come: then this one asks nobody any more.
            if let Some(wave) = job.wave.filter(|_| leads == job.wave) {
                self.enrol(id, wave);
            }
            if id != job.by {
                self.counters.notifications_told += 1;
                self.mark_mail(index);
            }
        }
        false
    }

    // ---- MOVING ------------------------------------------------------------------------------------------------

    fn moving(
        &mut self,
        now: Timestamp,
        by: MemberId,
        node: u32,
        place: Place,
        notification: Notification,
        arrived: Timestamp,
    ) -> Option<FanOut> {
        let Body::Moving(target) = &notification.body else { return None };
        let endpoint = target.endpoint(self.config.configured.port);
        if self.marks.find(now, place, &notification).is_some() {
            self.counters.notifications_duplicate += 1;
            self.log_ignored(&notification, by, node, Ignored::Duplicate);
            let wave = self.find_wave(now, notification.seq, endpoint.as_ref());
            if let Some(wave) = wave.filter(|wave| self.leads(by, node, *wave)) {
                self.enrol(by, wave);
                self.pump(now, wave);
            }
            return None;
        }
        let time = notification.duration().unwrap_or(self.config.handoff_timeout);
        let until = arrived + time;
        let shared = Arc::new(notification);
        self.marks.add(now, place, Arc::clone(&shared), until, self.config.limits.max_marks);
        self.maintenance(by, &shared);
        if self.is_overtaken(now, node, shared.seq) {
            self.counters.notifications_stale += 1;
            self.log_ignored(&shared, by, node, Ignored::Stale);
            return None;
        }
        self.log_read(&shared, by, node);
        let allowed = self.follows(endpoint.as_ref());
        let wave = allowed.then(|| self.find_or_begin_wave(now, shared.seq, endpoint.clone(), arrived, time));
        if let (Some(to), true) = (endpoint, allowed) {
            let from = self.nodes.get(node).map(|node| node.key.endpoint());
            self.moves.add(to, from, until, self.config.limits.max_moves);
        }
        if node == NONE {
            if let Some(wave) = wave {
                self.enrol(by, wave);
                self.pump(now, wave);
            }
            return None;
        }
        if let (Some(wave), Some(node)) = (wave, self.nodes.get(node)) {
            node.under = Some(Under { seq: shared.seq, wave, until });
        }
        self.post(node, Fact { notification: shared, arrived, by, until });
        self.fan_out_from(node, by, wave)
    }

    /// Whether a MOVING that was seen before still asks this member: it may have joined after the others were told, or not
    /// know its node; but a newer one may have come (H8).
    fn leads(&mut self, by: MemberId, node: u32, wave: u64) -> bool {
        match self.nodes.get(node) {
            Some(node) => node.under.as_ref().is_some_and(|under| under.wave == wave),
            None => self.members.get(by).is_some_and(|record| record.wave < wave),
        }
    }

    /// A newer MOVING leads this node already (H8).
    fn is_overtaken(&mut self, now: Timestamp, node: u32, seq: Option<u64>) -> bool {
        let under =
            self.nodes.get(node).and_then(|node| node.under.as_ref()).filter(|under| now < under.until);
        matches!((under.and_then(|under| under.seq), seq), (Some(newer), Some(seq)) if seq < newer)
    }

    /// S3.
    fn follows(&mut self, endpoint: Option<&Endpoint>) -> bool {
        let Some(endpoint) = endpoint else { return true };
        let allowed = self.config.endpoint_policy.allows(endpoint, &self.config.configured.host);
        if !allowed {
            self.counters.endpoints_refused += 1;
            self.log_endpoint_refused(endpoint);
            self.tell(Event::EndpointRefused { endpoint: endpoint.clone() });
        }
        allowed
    }

    fn find_wave(&self, now: Timestamp, seq: Option<u64>, endpoint: Option<&Endpoint>) -> Option<u64> {
        let mut newest_first = self.waves.iter().rev();
        let same = |wave: &Wave| {
            wave.seq == seq && wave.endpoint.as_ref() == endpoint && now < wave.admission.deadline()
        };
        newest_first.find(|(_, wave)| same(wave)).map(|(id, _)| *id)
    }

    /// Nodes that move in one event to one place share a wave: it is the place that is to be spared.
    fn find_or_begin_wave(
        &mut self,
        now: Timestamp,
        seq: Option<u64>,
        endpoint: Option<Endpoint>,
        arrived: Timestamp,
        time: Duration,
    ) -> u64 {
        if let Some(wave) = self.find_wave(now, seq, endpoint.as_ref()) {
            return wave;
        }
        while self.waves.len() >= self.config.limits.max_waves.max(1) {
            self.evict_oldest_wave(now);
        }
        let jitter = self.random() as u8;
        let admission = Admission::new(arrived, time, endpoint.is_none(), jitter);
        self.last_wave += 1;
        let deadline = admission.deadline();
        let attempt_time = self.config.attempt_time(time);
        self.waves.insert(self.last_wave, Wave::new(seq, endpoint, admission, attempt_time));
        self.counters.waves += 1;
        self.log_begun(now, self.last_wave);
        self.timers.set(deadline, Timer::Wave(self.last_wave));
        self.timers.set(deadline + self.config.keep_trying, Timer::Wave(self.last_wave));
        self.last_wave
    }
}
