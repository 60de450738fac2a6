//! A connection as the member of a pool: what it has to say to it, and what it is told (P1, P3, O2). Knows no pool.
//!
//! The handoff of a member waits for a grant, attempt by attempt; at the deadline, and once its current transport is dead,
//! it waits no longer (H6).

use super::*;
use crate::exchange::{Heard, Told};
use crate::mem::Room;
use crate::notification::Notification;

/// Facts kept until the owner takes them to the pool; beyond, the oldest goes.
pub(super) const MAX_HEARD: usize = 64;

/// The member's side.
#[derive(Debug, Default)]
pub(super) struct Pooled {
    heard: VecDeque<Heard>,
    dropped: u64,
    /// When the running attempt began.
    attempt_began: Option<Timestamp>,
}

impl Pooled {
    fn hear(&mut self, heard: Heard) {
        if self.heard.len() >= MAX_HEARD {
            self.heard.pop_front();
            self.dropped += 1;
        }
        if self.heard.room(1).is_ok() {
            self.heard.push_back(heard);
        } else {
            self.dropped += 1;
        }
    }
}

impl Connection {
    /// From now on this connection is the member of a pool: take `poll_heard` to it after each input, and what it says
    /// through `handle_told`. A handoff that waits for its time begins to wait for a grant.
    pub fn handle_joined(&mut self, now: Timestamp) -> Result<()> {
        let now = self.begin(now)?;
        if self.pooled.is_none() {
            self.pooled = Some(Place::new(Pooled::default())?);
        }
        self.trace.input(format_args!("joined"));
        self.finish(now);
        Ok(())
    }

    /// It is no member any more: a handoff that waits for a grant begins.
    pub fn handle_left(&mut self, now: Timestamp) -> Result<()> {
        let now = self.begin(now)?;
        self.trace.input(format_args!("left"));
        self.pooled = None;
        if let Some(handoff) = &mut self.handoff
            && core::mem::take(&mut handoff.awaits_grant)
        {
            handoff.next_at = Some(handoff.own_time(now));
        }
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// The pool says something.
    pub fn handle_told(&mut self, now: Timestamp, told: Told) -> Result<()> {
        let now = self.begin(now)?;
        if self.pooled.is_none() {
            return Err(Error::Unexpected { call: "told", hint: "join a pool first" });
        }
        self.trace.told(&told);
        match told {
            Told::Notice { notification, arrived } => self.told_notice(now, &notification, arrived),
            Told::Grant => self.granted(now),
            Told::OptinRefused { endpoint, until } => self.remember_refusal_until(now, endpoint, until),
        }
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// Something is due at once that the last input put off: what the pool says waits for it.
    pub(crate) fn has_put_off(&self) -> bool {
        self.put_off
    }

    /// The next thing for the pool.
    pub fn poll_heard(&mut self) -> Option<Heard> {
        self.pooled.as_mut()?.heard.pop_front()
    }

    /// Facts for the pool that nobody took, and that gave way.
    pub fn heard_dropped(&self) -> u64 {
        self.pooled.as_ref().map_or(0, |p| p.dropped)
    }

    pub(super) fn hear(&mut self, heard: Heard) {
        if let Some(pooled) = &mut self.pooled {
            pooled.hear(heard);
        }
    }

    /// A notification was new here; those that the pool told are known to it.
    pub(super) fn hear_notice(&mut self, now: Timestamp, notification: &Notification, from: Read) {
        if from == Read::Here && self.pooled.is_some() {
            match notification.copy() {
                Ok(notification) => self.hear(Heard::Notice { notification, arrived: now }),
                Err(_) => self.hear_nothing(),
            }
        }
    }

    /// There was something to hear, and no memory for it.
    fn hear_nothing(&mut self) {
        if let Some(pooled) = &mut self.pooled {
            pooled.dropped += 1;
        }
    }

    fn told_notice(&mut self, now: Timestamp, notification: &Notification, arrived: Timestamp) {
        let arrived = arrived.min(now);
        if self.off || self.current.is_none() {
            self.hear_no_handoff(notification);
            return;
        }
        self.counters.with(|c| c.notifications_told += 1);
        self.log(Level::Info, format_args!("event=told type={notification}"));
        let room = self.room_to_act(notification.kind);
        let Ok(effect) = room.and_then(|()| self.effect_of(Slot::Current, notification)) else {
            // Without memory for it nothing follows here: the server says it on this connection too.
            return self.hear_no_handoff(notification);
        };
        self.act_on(now, Slot::Current, notification, effect, false, Read::Elsewhere(arrived));
    }

    /// The pool counts on a handoff, and there is none to come.
    pub(super) fn hear_no_handoff(&mut self, notification: &Notification) {
        if notification.kind == crate::notification::Kind::Moving {
            self.hear(Heard::Finished {
                outcome: Outcome::Failed,
                took: Duration::ZERO,
                pause: Duration::ZERO,
            });
        }
    }

    fn granted(&mut self, now: Timestamp) {
        if let Some(handoff) = &mut self.handoff
            && core::mem::take(&mut handoff.awaits_grant)
        {
            handoff.next_at = Some(now);
        }
    }

    /// A handoff begins to wait for its next attempt: for a grant, if there is a pool and still time for one.
    pub(super) fn await_grant(&mut self, now: Timestamp) {
        let alive = self.current.is_some();
        if self.pooled.is_some()
            && alive
            && let Some(handoff) = &mut self.handoff
            && now < handoff.deadline()
        {
            handoff.awaits_grant = true;
            handoff.next_at = Some(handoff.deadline());
        }
    }

    pub(super) fn hear_attempt_began(&mut self, now: Timestamp) {
        if let Some(pooled) = &mut self.pooled {
            pooled.attempt_began = Some(now);
        }
    }

    pub(super) fn hear_attempt(&mut self, now: Timestamp, ok: bool) {
        let wanted = self.handoff.as_ref().and_then(|h| h.wanted.endpoint.as_ref());
        if let Some(pooled) = &mut self.pooled
            && let Some(began) = pooled.attempt_began.take()
        {
            match wanted.map(Endpoint::copy).transpose() {
                Ok(endpoint) => pooled.hear(Heard::Attempt { endpoint, ok, took: now.since(began) }),
                Err(_) => pooled.dropped += 1,
            }
        }
    }
}

/// Where a notification was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Here,
    /// On another connection of the pool, then.
    Elsewhere(Timestamp),
}

impl Read {
    /// When it came.
    pub(super) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Here => now,
            Self::Elsewhere(arrived) => arrived,
        }
    }
}
