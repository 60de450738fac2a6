//! Who may start (P3, P4): members become part of a wave, are granted in their turn, and lose a place that they do not use.

use super::breaker::Gate;
use super::feed::Event;
use super::log::NoGrant;
use super::mailbox::{OWNED, WAVE};
use super::member::{MemberId, Standing, Unowned};
use super::state::State;
use super::timers::Timer;
use super::wave::Turn;
use crate::exchange::Told;
use crate::time::Timestamp;
use core::time::Duration;

/// An owner that has not read its grant by then leaves its place to another: owners look before they write, but some write
/// seldom.
const TAKE_UP: Duration = Duration::from_secs(1);

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
        let why = loop {
            let Some(wave) = self.waves.get(&number) else { return };
            if !wave.has_place(now) {
                break if wave.admission.has_begun(now) { NoGrant::Places } else { NoGrant::NotBegun };
            }
            let gate = match &wave.endpoint {
                Some(endpoint) => self.endpoints.gate(now, endpoint),
                None => wave.breaker.gate(now),
            };
            if let Gate::Closed(until) = gate {
                blocked = Some(until);
                break NoGrant::Breaker;
            }
            let random = self.random();
            let Some(wave) = self.waves.get_mut(&number) else { return };
            let Some(turn) = wave.next(now, random) else {
                wave.shrink();
                break NoGrant::NobodyWaits;
            };
            if let Some(id) = self.takes_turn(number, turn) {
                if gate == Gate::Probe {
                    self.begin_probe(now, number, id);
                }
                self.grant(now, id);
            }
        };
        let Some(wave) = self.waves.get_mut(&number) else { return };
        let next = wave.wake(now).map(|at| blocked.map_or(at, |until| until.max(at))).or(blocked);
        if let Some(at) = next.filter(|at| *at > now)
            && wave.timer.is_none_or(|set| at < set || set <= now)
        {
            wave.timer = Some(at);
            self.timers.set(at, Timer::Wave(number));
        }
        self.log_no_grant(now, number, why, next);
    }

    fn begin_probe(&mut self, now: Timestamp, number: u64, by: MemberId) {
        let Some(wave) = self.waves.get_mut(&number) else { return };
        // As long as the grant holds its place: see `grant_due`.
        let lease = TAKE_UP + wave.attempt_time + TAKE_UP;
        let to = wave.endpoint.clone();
        match &to {
            Some(endpoint) => self.endpoints.begin_probe(now, endpoint, lease),
            None => wave.breaker.begin_probe(now, lease),
        }
        self.log_probe(to.as_ref(), Some(by), lease);
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

    pub(super) fn grant(&mut self, now: Timestamp, id: MemberId) {
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
        self.log_grant(id, owned, unowned);
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
        let (what, has_room) = (record.unowned, self.feed.offer(event).is_none());
        if !has_room && !core::mem::replace(&mut record.unfed, true) {
            self.unfed.push_back(id);
        }
        self.log_fed(id, what, has_room);
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
        let Some(record) = self.members.get(id) else { return };
        if record.grants != number || record.standing != Standing::Granted {
            return;
        }
        let of_wave = self.waves.get(&record.wave).map(|wave| wave.attempt_time);
        let lease = of_wave.unwrap_or(self.config.attempt_time(self.config.handoff_timeout)) + TAKE_UP;
        if !record.taken_up && !record.mailbox.holds(|told| *told == Told::Grant) {
            record.taken_up = true;
            self.timers.set(now + lease, Timer::Grant(id, number));
            return;
        }
        let (wave, is_read) = (record.wave, record.taken_up);
        self.counters.grants_lapsed += 1;
        self.log_lapsed(id, is_read);
        self.stand(id, Standing::Lapsed);
        // If it was the probe, another one is.
        match self.waves.get_mut(&wave).map(|wave| (wave.endpoint.clone(), &mut wave.breaker)) {
            Some((Some(endpoint), _)) => self.endpoints.abandon_probe(&endpoint),
            Some((None, breaker)) => breaker.abandon_probe(),
            None => {}
        }
        self.pump(now, wave);
    }
}
