//! When something is due, and what then. Timers are derived from the parts: none can be forgotten.

use super::*;
use crate::action::RestoreReason;
use crate::conn::region::Region;

/// So many ticks with nothing between them, and the connection rests.
pub(super) const REST: u8 = 2;

/// What there was no memory for is tried again after this.
pub(super) const RETRY: Duration = Duration::from_millis(10);

impl Connection {
    /// The earliest deadline.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        let times = [
            self.windows.get().and_then(Windows::deadline),
            self.retired_until,
            self.optin_retry_at,
            self.retry_at,
            self.put_off.then(|| self.clock.last()),
        ];
        let of_handoff = self.handoff.as_ref().map_or([None; 3], |h| {
            [
                h.next_at.filter(|_| self.phase == Phase::Waiting),
                h.attempt_by.filter(|_| self.attempt_is_timed()),
                self.handoff_deadlines(h).into_iter().flatten().min(),
            ]
        });
        // A window that stays until its handoff ends is no deadline.
        times.into_iter().chain(of_handoff).flatten().filter(|t| t.as_nanos() != u64::MAX).min()
    }

    /// The candidate is to be done with something by `attempt_by`.
    fn attempt_is_timed(&self) -> bool {
        matches!(self.phase, Phase::Opening | Phase::Rebuilding) || self.is_repeating()
    }

    /// Told overdue, forced, given up; each `None` once it is behind.
    fn handoff_deadlines(&self, h: &Handoff) -> [Option<Timestamp>; 4] {
        let alive = self.current.is_some();
        let ready = matches!(self.phase, Phase::Ready | Phase::Draining) && !self.is_repeating();
        let force = h.deadline() + self.config.drain_grace;
        let stuck = h.stuck_force.is_none();
        [
            (!h.told_overdue && alive).then(|| h.deadline()),
            (alive && ready && stuck).then_some(force),
            match (h.died_at, h.hold_since) {
                // The candidate is there: it is the host's answer that is awaited, to SWAP (below) or to LOST.
                (Some(_), _) if self.phase == Phase::Swapping => None,
                (Some(died), _) if ready => Some(died + self.config.hold_limit()),
                (Some(died), since) => Some(since.unwrap_or(died) + self.config.hold_limit()),
                // No candidate, or a blocking command that neither ends nor is ended by the server's close.
                (None, _) if self.phase != Phase::Swapping => Some(h.deadline() + self.config.keep_trying),
                _ => None,
            },
            // A SWAP that is never answered is refused (levels 1 to 3), a HOLD too.
            (self.phase == Phase::Swapping)
                .then(|| h.asked_at.map(|at| at + self.config.hold_limit() + self.config.drain_grace))
                .flatten(),
        ]
    }

    /// There was no memory for a step that nobody can be told of: it stays to be taken.
    pub(super) fn retry(&mut self) {
        self.retry_at = Some(self.clock.last() + RETRY);
    }

    /// Fires everything that is due.
    pub(super) fn fire_timers(&mut self, now: Timestamp) {
        self.stirred = true;
        self.retry_at = self.retry_at.filter(|at| now < *at);
        if self.expire_windows(now) {
            self.update_relax(RestoreReason::Expired);
        }
        if self.retired_until.is_some_and(|at| at <= now) {
            self.close_retired();
        }
        if self.optin_retry_at.is_some_and(|at| at <= now) {
            self.retry_optin(now);
        }
        self.fire_handoff(now);
        self.progress(now);
        self.wake = self.earliest();
    }

    /// True if any came to its own end.
    pub(super) fn expire_windows(&mut self, now: Timestamp) -> bool {
        let expired = self.windows.get_mut().map_or(0, |windows| windows.expire(now));
        if expired > 0 {
            self.counters.with(|c| c.windows_expired += expired as u64);
        }
        expired > 0
    }

    fn fire_handoff(&mut self, now: Timestamp) {
        let Some(h) = &self.handoff else { return };
        if h.attempt_by.is_some_and(|at| at <= now) && self.attempt_is_timed() {
            self.drop_candidate(now, "not ready in time");
        }
        let Some(h) = &self.handoff else { return };
        let [overdue, force, give_up, unanswered] = self.handoff_deadlines(h);
        let due = |t: Option<Timestamp>| t.is_some_and(|t| t <= now);
        if due(give_up) {
            self.fail_handoff(now);
            return;
        }
        if due(unanswered) {
            self.swap_refused(now);
            return;
        }
        if due(overdue) {
            let waiting_for = self.waiting_for();
            if let Some(h) = &mut self.handoff {
                h.told_overdue = true;
            }
            self.emit(Action::Overdue { waiting_for });
            // A handshake does not take that long: a connection that has only said HELLO is idle, not on its way (E8).
            let seen = self.config.handshake == Handshake::Seen;
            if seen && self.current.as_ref().is_some_and(|t| t.owed.is_empty()) {
                self.end_handshake();
            }
        }
        if due(force) {
            if let Some(h) = &mut self.handoff {
                h.stuck_force = Some(now);
            }
            let _ = self.force_swap(now); // else `force_again`
        }
    }

    /// Nothing is going on: no input between the last two ticks, nothing owed, no handoff.
    pub(crate) fn is_resting(&self) -> bool {
        let owes_nothing = |t: &Transport| t.owed.is_empty() && t.region.is_empty();
        self.quiet_ticks == REST
            && self.handoff.is_none()
            && self.actions.is_empty()
            && self.current.as_deref().is_none_or(owes_nothing)
    }

    /// Memory that a burst took goes back when the connection rests. One that is in use keeps its own, and allocates nothing.
    pub(super) fn give_memory_back(&mut self) {
        self.actions = VecDeque::new();
        if let Some(t) = &mut self.current {
            t.owed.shrink();
            t.inbound.rest();
            t.region = Region::default();
        }
        self.owned = Vec::new();
        self.session.rest();
        self.places.give_back_if(Places::rests);
        self.windows.give_back_if(|windows| !windows.is_open());
        self.overlap.give_back_if(|overlap| overlap.is_empty());
        self.lines.give_back_if(Lines::rests);
        self.hold.give_back_if(|hold| hold.is_empty());
        self.out.rest();
    }
}
