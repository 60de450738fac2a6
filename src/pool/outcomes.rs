//! What became of those who started (P3, P4): attempts and handoffs end, and waves do. Knows no mailboxes.

use super::breaker::Change;
use super::dial::Tried;
use super::feed::Event;
use super::mailbox::WAVE;
use super::member::{MemberId, Record, Standing};
use super::state::State;
use super::wave::Wave;
use crate::action::Outcome;
use crate::endpoint::Endpoint;
use crate::exchange::Told;
use crate::time::Timestamp;
use core::time::Duration;

/// How a member came to the end of its handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finished {
    /// It says so.
    Told(Outcome),
    /// It is at another node.
    Moved,
}

impl State {
    pub(super) fn attempt(
        &mut self,
        now: Timestamp,
        id: MemberId,
        endpoint: Option<Endpoint>,
        ok: bool,
        took: Duration,
    ) {
        self.log_attempt(id, endpoint.as_ref(), ok, took);
        let is_null = endpoint.is_none();
        let place = endpoint.clone().unwrap_or_else(|| self.config.configured.clone());
        self.result(now, &place, Tried { is_dial: false, ok, proves_nothing: is_null && !ok });
        let Some(record) = self.members.get(id) else { return };
        let (number, standing) = (record.wave, record.standing);
        let (min, max) = (self.config.backoff_min, self.config.backoff_max);
        let Some(wave) = self.waves.get_mut(&number) else { return };
        // The end of an attempt of an older MOVING says something of its endpoint, and nothing of this wave.
        if wave.endpoint != endpoint {
            return;
        }
        if ok {
            wave.admission.measure(took);
        }
        if is_null {
            let breaker = &mut wave.breaker;
            let change = if ok { breaker.succeeded(now) } else { breaker.refused(now, min, max) };
            self.log_breaker(None, change);
        }
        match (ok, standing) {
            (true, s) if s.is_left() => self.stand(id, Standing::Ready),
            (false, Standing::Granted | Standing::Lapsed | Standing::Ready) => {
                self.stand(id, Standing::Waiting);
                if let Some(wave) = self.waves.get_mut(&number) {
                    wave.queue_again(now, id.index);
                }
            }
            _ => {}
        }
        self.pump(now, number);
    }

    /// An attempt or a dial has ended: the breaker, and whoever waits for it.
    pub(super) fn result(&mut self, now: Timestamp, endpoint: &Endpoint, tried: Tried) {
        let pauses = (self.config.backoff_min, self.config.backoff_max);
        let limit = self.config.limits.max_endpoints;
        let change = self.endpoints.result(now, endpoint, tried, pauses, limit);
        self.log_breaker(Some(endpoint), change);
        match change {
            Change::None => {}
            Change::Opened => {
                self.counters.breakers_opened += 1;
                self.tell(Event::BreakerOpened { endpoint: endpoint.clone() });
            }
            Change::Closed => {
                self.counters.breakers_closed += 1;
                self.tell(Event::BreakerClosed { endpoint: endpoint.clone() });
                let there = |wave: &Wave| wave.endpoint.as_ref() == Some(endpoint);
                let waves: Vec<u64> =
                    self.waves.iter().filter(|(_, w)| there(w)).map(|(id, _)| *id).collect();
                waves.into_iter().for_each(|wave| self.pump(now, wave));
            }
        }
    }

    pub(super) fn finish(&mut self, now: Timestamp, id: MemberId, how: Finished) {
        self.log_finished(id, how);
        let Some(record) = self.members.get(id) else { return };
        let (wave, standing) = (record.wave, record.standing);
        if let Finished::Told(outcome) = how {
            let c = &mut self.counters;
            *match outcome {
                Outcome::Swapped => &mut c.handoffs_swapped,
                Outcome::Failed => &mut c.handoffs_failed,
                Outcome::Refused => &mut c.handoffs_refused,
                Outcome::Superseded => &mut c.handoffs_superseded,
                Outcome::Closed => &mut c.handoffs_closed,
            } += 1;
            // The end of a handoff that a newer one has overtaken is not the end of the newer one.
            let of_older = outcome == Outcome::Superseded
                || (core::mem::take(&mut record.older) && standing == Standing::Waiting);
            if of_older {
                record.older = false;
                return;
            }
        }
        if !matches!(standing, Standing::Out | Standing::Done) {
            record.mailbox.withdraw(|told| *told == Told::Grant);
            record.mailbox.clear(WAVE);
            self.stand(id, Standing::Done);
            self.pump(now, wave);
        }
    }

    // ---- the ends of a wave ------------------------------------------------------------------------------------

    /// The timer of a wave: more may start, its deadline or its end has come.
    pub(super) fn wave_due(&mut self, now: Timestamp, number: u64) {
        let keep_trying = self.config.keep_trying;
        let Some(wave) = self.waves.get_mut(&number) else { return };
        if wave.timer.is_some_and(|at| at <= now) {
            wave.timer = None;
        }
        let deadline = wave.admission.deadline();
        if now >= deadline && !core::mem::replace(&mut wave.told_late, true) && wave.left() > 0 {
            let (seq, endpoint, members) = (wave.seq, wave.endpoint.clone(), wave.left());
            self.counters.handoffs_late += u64::from(members);
            self.log_late(number);
            self.tell(Event::Late { seq, endpoint, members });
        }
        if now >= deadline + keep_trying {
            self.end_wave(now, number);
        } else {
            self.pump(now, number);
        }
    }

    /// Room for another one: nobody is left waiting for a wave that is not there.
    pub(super) fn evict_oldest_wave(&mut self, now: Timestamp) {
        if let Some(number) = self.waves.keys().next().copied() {
            self.counters.waves_evicted += 1;
            self.log_evicted(number);
            self.end_wave(now, number);
        }
    }

    /// Who still waits may go on: handoffs end by themselves, with or without a pool.
    fn end_wave(&mut self, now: Timestamp, number: u64) {
        self.log_ended(number);
        let Some(wave) = self.waves.get_mut(&number) else { return };
        for index in wave.drain() {
            let waits = |record: &Record| record.wave == number && record.standing == Standing::Waiting;
            let id = self.members.at(index).filter(|(_, record)| waits(record)).map(|(id, _)| id);
            if let Some(id) = id {
                self.grant(now, id);
            }
        }
        self.waves.remove(&number);
    }
}
