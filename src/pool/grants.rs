//! Who may start, and what became of it (P3, P4). The only place where a member's standing changes.

use super::breaker::{Change, Gate};
use super::dial::Tried;
use super::feed::Event;
use super::mailbox::{OWNED, WAVE};
use super::member::{MemberId, Standing, Unowned};
use super::state::State;
use super::timers::Timer;
use super::wave::Turn;
use crate::action::Outcome;
use crate::endpoint::Endpoint;
use crate::exchange::Told;
use crate::time::Timestamp;
use core::time::Duration;

/// An owner that has not read its grant by then leaves its place to another: owners look before they write, but some write
/// seldom.
const TAKE_UP: Duration = Duration::from_secs(1);

/// How a member came to the end of its handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finished {
    /// It says so.
    Told(Outcome),
    /// It is at another node.
    Moved,
}

impl State {
    /// Changes a member's standing in its wave.
    pub(super) fn stand(&mut self, id: MemberId, to: Standing) {
        let Some(record) = self.members.get(id) else { return };
        if let Some(wave) = self.waves.get_mut(&record.wave) {
            wave.moves(record.standing, to);
        }
        record.standing = to;
    }

    /// Makes a member part of a wave; it leaves the one it was part of.
    pub(super) fn enrol(&mut self, id: MemberId, wave: u64) {
        let Some(record) = self.members.get(id) else { return };
        if record.wave == wave || !self.waves.contains_key(&wave) {
            return;
        }
        let begun = matches!(record.standing, Standing::Granted | Standing::Ready | Standing::Lapsed);
        if record.standing != Standing::Out {
            record.mailbox.withdraw(|told| *told == Told::Grant);
            self.stand(id, Standing::Out);
        }
        let Some(record) = self.members.get(id) else { return };
        record.older |= begun;
        record.wave = wave;
        (record.in_idle, record.in_busy) = (false, false);
        let word = record.mailbox.set(WAVE);
        self.stand(id, Standing::Waiting);
        self.counters.handoffs_asked += 1;
        self.queue(id, word & OWNED == 0);
    }

    fn queue(&mut self, id: MemberId, idle: bool) {
        let Some(record) = self.members.get(id) else { return };
        let queued = if idle { &mut record.in_idle } else { &mut record.in_busy };
        if core::mem::replace(queued, true) {
            return;
        }
        let wave = record.wave;
        if let Some(wave) = self.waves.get_mut(&wave) {
            if idle { wave.queue_idle(id.index) } else { wave.queue_busy(id.index) }
        }
    }

    /// Lets start who may, and sets the timer for the next look.
    pub(super) fn pump(&mut self, now: Timestamp, number: u64) {
        let mut blocked = None;
        loop {
            let Some(wave) = self.waves.get(&number) else { return };
            if !wave.has_place(now) {
                break;
            }
            let gate = match &wave.endpoint {
                Some(endpoint) => self.endpoints.gate(now, endpoint),
                None => wave.breaker.gate(now),
            };
            if let Gate::Closed(until) = gate {
                blocked = Some(until);
                break;
            }
            let random = self.random();
            let Some(wave) = self.waves.get_mut(&number) else { return };
            let Some(turn) = wave.next(now, random) else {
                wave.shrink();
                break;
            };
            if let Some(id) = self.takes_turn(number, turn) {
                if gate == Gate::Probe {
                    self.begin_probe(now, number);
                }
                self.grant(now, id);
            }
        }
        let Some(wave) = self.waves.get_mut(&number) else { return };
        let next = wave.wake(now).map(|at| blocked.map_or(at, |until| until.max(at))).or(blocked);
        if let Some(at) = next.filter(|at| *at > now)
            && wave.timer.is_none_or(|set| at < set || set <= now)
        {
            wave.timer = Some(at);
            self.timers.set(at, Timer::Wave(number));
        }
    }

    fn begin_probe(&mut self, now: Timestamp, number: u64) {
        let Some(wave) = self.waves.get_mut(&number) else { return };
        match wave.endpoint.clone() {
            Some(endpoint) => self.endpoints.begin_probe(now, &endpoint),
            None => wave.breaker.begin_probe(now),
        }
    }

    /// Who was queued may have left, gone on, or been taken since.
    fn takes_turn(&mut self, number: u64, turn: Turn) -> Option<MemberId> {
        let (Turn::Idle(index) | Turn::Busy(index) | Turn::Again(index)) = turn;
        let (id, record) = self.members.at(index)?;
        if record.wave != number || record.standing != Standing::Waiting {
            return None;
        }
        match turn {
            Turn::Idle(_) => record.in_idle = false,
            Turn::Busy(_) => record.in_busy = false,
            Turn::Again(_) => {}
        }
        if matches!(turn, Turn::Idle(_)) && record.mailbox.word() & OWNED != 0 {
            self.queue(id, false);
            return None;
        }
        Some(id)
    }

    fn grant(&mut self, now: Timestamp, id: MemberId) {
        let Some(record) = self.members.get(id) else { return };
        let (wave, mailbox) = (record.wave, std::sync::Arc::clone(&record.mailbox));
        record.grants = record.grants.wrapping_add(1);
        record.taken_up = false;
        let (number, unowned) = (record.grants, record.unowned);
        let endpoint = self.waves.get(&wave).and_then(|wave| wave.endpoint.as_ref());
        let refused = endpoint.and_then(|endpoint| {
            self.endpoints.optin_refused_until(now, endpoint).map(|until| (endpoint.clone(), until))
        });
        if let Some((endpoint, until)) = refused {
            mailbox.post(Told::OptinRefused { endpoint, until });
        }
        let word = mailbox.post(Told::Grant);
        self.counters.grants += 1;
        let owned = word & OWNED != 0;
        if owned {
            self.wake_owner(word, mailbox.waiter());
        } else {
            self.feed_member(id);
        }
        if owned || unowned == Unowned::Handoff {
            self.stand(id, Standing::Granted);
            self.timers.set(now + TAKE_UP, Timer::Grant(id, number));
        } else {
            self.retire(now, id, wave);
        }
    }

    /// Closing costs no attempt, but what is opened in its stead does: the place stays taken for as long as one takes.
    fn retire(&mut self, now: Timestamp, id: MemberId, number: u64) {
        self.stand(id, Standing::Lapsed);
        self.counters.retired += 1;
        let Some(wave) = self.waves.get_mut(&number) else { return };
        wave.retire_begins();
        self.timers.set(now + wave.admission.estimate(), Timer::Retired(number));
    }

    pub(super) fn retired(&mut self, now: Timestamp, number: u64) {
        if let Some(wave) = self.waves.get_mut(&number) {
            wave.retire_ends();
            self.pump(now, number);
        }
    }

    /// A member that nobody owns is to be looked after.
    pub(super) fn feed_member(&mut self, id: MemberId) {
        let Some(record) = self.members.get(id) else { return };
        let (member, user) = (id, record.user);
        let event = match record.unowned {
            Unowned::Retire => Event::Retire { member, user },
            Unowned::Handoff => Event::Handoff { member, user },
        };
        self.waiters.note_feed();
        if !self.feed.offer(event) && !core::mem::replace(&mut record.unfed, true) {
            self.unfed.push_back(id);
        }
    }

    /// The feed has room again: those who found it full come now. True if there were any.
    pub(super) fn feed_again(&mut self) -> bool {
        let mut any = false;
        // One that finds it full again is queued again, once: this ends.
        for _ in 0..self.unfed.len() {
            let Some(id) = self.unfed.pop_front() else { break };
            let Some(record) = self.members.get(id) else { continue };
            record.unfed = false;
            if record.mailbox.word() & OWNED == 0
                && matches!(record.standing, Standing::Granted | Standing::Lapsed | Standing::Ready)
            {
                any = true;
                self.feed_member(id);
                if self.unfed.back() == Some(&id) {
                    break;
                }
            }
        }
        any
    }

    /// A grant is some time old: was it read, and has its attempt ended?
    pub(super) fn grant_due(&mut self, now: Timestamp, id: MemberId, number: u32) {
        let lease = self.config.attempt_min.max(self.config.handoff_timeout / 3) + TAKE_UP;
        let Some(record) = self.members.get(id) else { return };
        if record.grants != number || record.standing != Standing::Granted {
            return;
        }
        if !record.taken_up && !record.mailbox.holds(|told| *told == Told::Grant) {
            record.taken_up = true;
            self.timers.set(now + lease, Timer::Grant(id, number));
            return;
        }
        let wave = record.wave;
        self.counters.grants_lapsed += 1;
        self.stand(id, Standing::Lapsed);
        // If it was the probe, another one is.
        match self.waves.get_mut(&wave).map(|wave| (wave.endpoint.clone(), &mut wave.breaker)) {
            Some((Some(endpoint), _)) => self.endpoints.abandon_probe(&endpoint),
            Some((None, breaker)) => breaker.abandon_probe(),
            None => {}
        }
        self.pump(now, wave);
    }

    // ---- what members say --------------------------------------------------------------------------------------

    pub(super) fn attempt(
        &mut self,
        now: Timestamp,
        id: MemberId,
        endpoint: Option<Endpoint>,
        ok: bool,
        took: Duration,
    ) {
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
            if ok {
                wave.breaker.succeeded(now)
            } else {
                wave.breaker.refused(now, min, max)
            };
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
        match self.endpoints.result(now, endpoint, tried, pauses, limit) {
            Change::None => {}
            Change::Opened => {
                self.counters.breakers_opened += 1;
                self.tell(Event::BreakerOpened { endpoint: endpoint.clone() });
            }
            Change::Closed => {
                self.counters.breakers_closed += 1;
                self.tell(Event::BreakerClosed { endpoint: endpoint.clone() });
                let there = |wave: &super::wave::Wave| wave.endpoint.as_ref() == Some(endpoint);
                let waves: Vec<u64> =
                    self.waves.iter().filter(|(_, w)| there(w)).map(|(id, _)| *id).collect();
                waves.into_iter().for_each(|wave| self.pump(now, wave));
            }
        }
    }

    pub(super) fn finish(&mut self, now: Timestamp, id: MemberId, how: Finished) {
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
            self.end_wave(now, number);
        }
    }

    /// Who still waits may go on: handoffs end by themselves, with or without a pool.
    fn end_wave(&mut self, now: Timestamp, number: u64) {
        let Some(wave) = self.waves.get_mut(&number) else { return };
        for index in wave.drain() {
            let waits = |record: &super::member::Record| {
                record.wave == number && record.standing == Standing::Waiting
            };
            let id = self.members.at(index).filter(|(_, record)| waits(record)).map(|(id, _)| id);
            if let Some(id) = id {
                self.grant(now, id);
            }
        }
        self.waves.remove(&number);
    }
}
