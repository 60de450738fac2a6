//! The one place where a handoff goes forward (H1 to H13). [`Connection::progress`] is idempotent: it looks at where things
//! are and takes the next step that is possible.

use super::*;
use crate::action::{WindowKind, waiting};
use crate::config::BlockingPolicy;
use crate::conn::overlap::Side;
use crate::mem::{Room, Vacant};

impl Connection {
    // ---- beginning -------------------------------------------------------------------------------------------------

    /// A MOVING that is not a duplicate: a new handoff, or instead of the running one (H8).
    pub(super) fn start_or_replace(&mut self, now: Timestamp, wanted: Move, place: Option<Vacant<Handoff>>) {
        if let Some(handoff) = &mut self.handoff {
            let too_late =
                matches!(self.phase, Phase::Draining | Phase::Swapping) || handoff.died_at.is_some();
            if too_late {
                handoff.newer = Some(wanted);
                return;
            }
            self.close_candidate(CloseReason::Superseded);
            self.end_handoff(now, Outcome::Superseded);
        }
        self.start(wanted, place);
        self.await_grant(now);
    }

    fn start(&mut self, wanted: Move, place: Option<Vacant<Handoff>>) {
        // Without memory for it the connection stays until it is closed, with its timeouts relaxed.
        let Ok(place) = place.map_or_else(Vacant::new, Ok) else {
            return self.relax_for_move(&wanted, false);
        };
        self.counters.with(|c| c.handoffs_started += 1);
        self.log(
            Level::Info,
            format_args!(
                "event=handoff-started{} conn={} endpoint={} ttl_ms={}",
                Seq(wanted.seq),
                wanted.node,
                wanted.endpoint.as_ref().map_or(&"null" as &dyn core::fmt::Display, |e| e as _),
                wanted.time.as_millis()
            ),
        );
        // The end of the handoff before may have closed the window.
        self.relax_for_move(&wanted, true);
        self.handoff = Some(place.fill(Handoff::new(wanted, &self.config)));
        self.set_phase(Phase::Waiting);
    }

    // ---- forward ---------------------------------------------------------------------------------------------------

    /// Takes the handoff as far as it goes.
    pub(super) fn progress(&mut self, now: Timestamp) {
        self.put_off = false;
        let _ = self.answer_refused(); // else at the next time
        self.release_again();
        self.resume_if_room();
        self.end_without_resp3(now);
        self.insert_own(now);
        self.end_handoff_of_resp2(now);
        if self.handoff.is_none() {
            return;
        }
        if self.phase == Phase::Waiting && self.is_due(now) {
            if self.is_managed() && self.session.needs_credentials() {
                self.want_credentials(0);
            } else {
                self.open_attempt(now);
            }
        }
        if self.phase == Phase::Rebuilding && self.candidate_is_ready() {
            self.set_phase(Phase::Ready);
            self.hear_attempt(now, true);
        }
        if self.is_repeating() {
            if self.current.is_some() && self.changes_without_pause() && self.can_hold() {
                self.begin_hold(now);
            }
            return;
        }
        if matches!(self.phase, Phase::Ready | Phase::Draining) {
            self.begin_overlap();
            self.insert_own(now);
        }
        if self.phase == Phase::Ready && self.current.is_none() {
            self.ask_swap(now);
        }
        if self.phase == Phase::Ready && self.can_hold() {
            self.begin_hold(now);
        }
        if self.phase == Phase::Draining && self.is_drained() {
            self.ask_swap(now);
        }
        self.force_again(now);
    }

    /// The current transport goes, but not in the call that gives the host bytes for it.
    pub(super) fn is_put_off(&mut self) -> bool {
        self.put_off |= self.giving;
        self.giving
    }

    /// A candidate speaks RESP3: it can be none for a host that does not, whose pool told it of a MOVING (O1, P1).
    fn end_handoff_of_resp2(&mut self, now: Timestamp) {
        let speaks_resp2 =
            self.is_managed() && self.out.handshaken && !self.session.resp3 && !self.awaits_hello();
        if speaks_resp2 && self.current.is_some() {
            self.end_handoff(now, Outcome::Failed);
        }
    }

    /// What kept the forced swap back (a blocking command, a handshake) may have ended.
    fn force_again(&mut self, now: Timestamp) {
        let waits = matches!(self.phase, Phase::Ready | Phase::Draining) && self.current.is_some();
        // HOLD has just been asked: what the host has counted up to then is in its answer.
        let asked = self.phase == Phase::Draining && !self.held;
        let due = waits && !asked && self.handoff.as_ref().is_some_and(|h| h.stuck_force.is_some());
        if due && !self.is_unforceable() && !self.is_put_off() && self.force_swap(now) {
            self.ask_swap(now);
        }
    }

    /// A swap is not made over this (F3, F5, E8).
    pub(super) fn is_unforceable(&self) -> bool {
        (self.is_blocked() && self.config.blocking == BlockingPolicy::WaitForClose)
            || self.fences() & waiting::HANDSHAKE != 0
            || self.out.skips_next()
    }

    /// A blocking command is owed its reply, or the host says so: one that has been answered holds nothing back.
    pub(super) fn is_blocked(&self) -> bool {
        self.current.as_ref().is_some_and(|t| self.host_fences[1] || t.owed.is_blocked())
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.handoff.as_ref().is_some_and(|h| h.next_at.is_some_and(|at| at <= now))
    }

    fn open_attempt(&mut self, now: Timestamp) {
        let alive = self.current.is_some();
        let Some(handoff) = &mut self.handoff else { return };
        let by = handoff.begin_attempt(now, alive, &self.config);
        let attempt = handoff.attempts;
        self.counters.with(|c| c.attempts += 1);
        self.set_phase(Phase::Opening);
        self.hear_attempt_began(now);
        let Ok((candidate, endpoint, tls_server_name)) = self.make_candidate() else {
            return self.attempt_failed(now, rebuild::NO_MEMORY);
        };
        let transport = candidate.id;
        self.next_id += 1;
        self.candidate = Some(candidate);
        self.emit(Action::Open { transport, endpoint, tls_server_name, attempt, by });
    }

    /// A transport that is to be opened: with its address, and the name for TLS.
    fn make_candidate(&mut self) -> Result<(Place<Transport>, Endpoint, Option<String>)> {
        self.actions.room(1)?;
        let wanted = self.handoff.as_ref().and_then(|h| h.wanted.endpoint.as_ref());
        let at = wanted.map_or_else(|| self.configured(), Endpoint::at);
        let endpoint = at.copy()?;
        let tls_server_name = self.server_name(&endpoint)?;
        Ok((self.new_transport(self.next_id, at)?, endpoint, tls_server_name))
    }

    /// Everything that a swap needs of the candidate.
    fn candidate_is_ready(&self) -> bool {
        let Some(c) = &self.candidate else { return false };
        let made = c.probed && c.owed.ended() >= c.made_at && !self.waits_for_credentials();
        if !c.connected || !(self.is_settled(c) || made && self.changes_without_pause()) {
            return false;
        }
        self.is_managed() || (c.ready && c.optin != Optin::Asked && c.optin_replies == 0)
    }

    /// Nothing of libsch's own is under way on it.
    fn is_settled(&self, c: &Transport) -> bool {
        c.region.is_empty() && c.owed.is_empty() && c.probed && !self.waits_for_credentials()
    }

    /// The candidate was ready, and a change of the session is being repeated on it: no swap before it is answered (H12).
    pub(super) fn is_repeating(&self) -> bool {
        matches!(self.phase, Phase::Ready | Phase::Draining)
            && self.candidate.as_ref().is_some_and(|c| !self.is_settled(c))
    }

    /// The session has changed so often since the candidate's was made that only a hold will end it.
    fn changes_without_pause(&self) -> bool {
        self.handoff.as_ref().is_some_and(|h| h.repeats >= handoff::MAX_REPEATS)
    }

    fn waits_for_credentials(&self) -> bool {
        self.handoff.as_ref().is_some_and(|h| h.waits_for_credentials)
    }

    /// H4: the candidate is ready and nothing forbids a hold.
    pub(super) fn can_hold(&self) -> bool {
        self.phase == Phase::Ready && self.fences() == 0
    }

    /// Reasons why the hold cannot begin, as bits of [`waiting`].
    pub(super) fn fences(&self) -> u32 {
        let mut bits = 0;
        if self.out.has_tx() || self.host_fences[0] {
            bits |= waiting::TRANSACTION;
        }
        if !self.out.at_boundary() || self.out.prefix {
            bits |= waiting::HALF_WRITTEN;
        }
        if self.host_fences[1] || self.host_fences[2] {
            bits |= waiting::HOST_FENCE;
        }
        if self.is_managed() && !self.out.handshaken {
            bits |= waiting::HANDSHAKE;
        }
        bits
    }

    fn begin_hold(&mut self, now: Timestamp) {
        // What was kept back only to stay behind libsch's own bytes is the current transport's: its beginning may be there.
        if !self.release_hold() {
            return;
        }
        let Some(handoff) = &mut self.handoff else { return };
        handoff.begin_pause(now);
        handoff.asked_at = Some(now);
        self.held = self.is_managed();
        self.set_phase(Phase::Draining);
        if let Some(t) = &self.current
            && !self.is_managed()
        {
            let transport = t.id;
            self.emit(Action::Hold { transport });
        }
    }

    /// Nothing in flight, both directions on a frame boundary.
    fn is_drained(&self) -> bool {
        let Some(t) = &self.current else { return true };
        self.held
            && t.region.is_empty()
            && t.owed.is_empty()
            && self.host_in_flight == 0
            && (self.config.level_in == LevelIn::Notified || t.inbound.at_boundary())
    }

    fn ask_swap(&mut self, now: Timestamp) {
        if self.unsettled || self.is_put_off() {
            return; // L3: the losses first
        }
        let Some(new) = self.candidate.as_ref().map(|c| c.id) else { return };
        if let Some(handoff) = &mut self.handoff {
            handoff.asked_at = Some(now);
            handoff.attempt_by = None;
        }
        self.set_phase(Phase::Swapping);
        let old = self.current.as_ref().map(|t| t.id);
        self.emit(Action::Swap { old, new, flush_tracking: self.session.is_tracking() });
    }

    /// The host uses the candidate: flush, and let the old one go (H9).
    pub(super) fn swap_done(&mut self, now: Timestamp) -> Result<()> {
        const ACTIONS: usize = 8;
        self.actions.room(ACTIONS)?;
        self.places.room()?;
        self.windows.room()?;
        self.windows.make().room()?;
        let moved = self.moved_by_swap()?;
        let owes = self.current.as_ref().is_some_and(|t| !t.owed.is_empty());
        let room = if owes { Some(self.room_to_account(&[])?) } else { None };
        self.trace.input(format_args!("swapped"));
        self.host_in_flight = 0;
        // Levels 1 and 2: the host has written while it held.
        if let Some(room) = room
            && !self.swap_over(now, room)
        {
            return Ok(());
        }
        let Some(new) = self.candidate.take() else { return Ok(()) };
        let old = self.current.take();
        if let Some(moved) = moved {
            self.places.make().moved = moved;
        }
        let id = new.id;
        self.current = Some(new);
        // The session of the candidate was made by libsch, and is complete.
        self.out.handshaken |= self.config.handshake == Handshake::ByLibsch;
        self.windows.make().open(
            WindowKind::PostHandoff,
            Vec::new(),
            None,
            now + self.config.post_handoff(),
            self.config.limits.max_windows,
        );
        match old {
            Some(old) => self.retire(now, old),
            None => self.end_overlap(Side::Old), // it died: there is nothing to compare with
        }
        self.set_phase(Phase::Serving);
        if !self.is_managed() {
            self.emit(Action::Release { transport: id });
        }
        self.release_hold();
        let newer = self.handoff.as_mut().and_then(|h| h.newer.take());
        self.end_handoff(now, Outcome::Swapped);
        if !self.off && self.current.as_ref().is_some_and(|t| matches!(t.optin, Optin::Off | Optin::Refused))
        {
            self.tell_off(OffReason::Refused, false); // `auto` has swapped without SCH
        }
        if self.current.as_ref().is_some_and(|t| t.inbound.uncounted) {
            self.uncounted(now); // a candidate of the host's said what it did not owe (N7)
        }
        match newer {
            Some(newer) if self.no_handoff.is_some() => self.relax_for_move(&newer, false),
            Some(newer) => self.start(newer, None),
            None => {}
        }
        Ok(())
    }

    /// A MOVING without an endpoint leads to the configured address, which was not known to move.
    fn moved_by_swap(&self) -> Result<Option<Option<Moved>>> {
        let Some(handoff) = self.handoff.as_ref().filter(|h| h.is_null() && h.newer.is_none()) else {
            return Ok(None);
        };
        let until = handoff.deadline();
        let (Some(to), from) = (self.candidate.as_deref(), self.current.as_deref()) else { return Ok(None) };
        let to = self.endpoint_of(to);
        let Some(from) = from.map(|t| self.endpoint_of(t)).filter(|from| *from != to) else {
            return Ok(Some(None));
        };
        Ok(Some(Some(Moved { to: to.copy()?, from: from.copy()?, until })))
    }

    /// The old transport after a swap: closed, or read on while both deliver subscriptions (F2).
    fn retire(&mut self, now: Timestamp, old: Place<Transport>) {
        if old.inbound.is_partly_passed() {
            // A push that began while SWAP waited for its answer: its rest does not pass (L4).
            self.emit(Action::ResetParser);
        }
        let overlaps =
            self.is_managed() && self.session.has_subscriptions() && !self.config.overlap.is_zero();
        if overlaps {
            // One still retired gives way; the overlap of this swap goes on.
            if let Some(older) = self.retired.replace(old) {
                self.emit(Action::Close { transport: older.id, reason: CloseReason::Swapped });
            }
            self.retired_until = Some(now + self.config.overlap);
        } else {
            self.end_overlap(Side::Old);
            self.emit(Action::Close { transport: old.id, reason: CloseReason::Swapped });
        }
    }

    pub(super) fn close_retired(&mut self) {
        if let Some(old) = self.retired.take() {
            self.emit(Action::Close { transport: old.id, reason: CloseReason::Swapped });
        }
        self.retired_until = None;
        self.end_overlap(Side::Old);
    }

    // ---- not forward -----------------------------------------------------------------------------------------------

    /// The candidate is gone or no good: the hold ends, the current transport serves, the next attempt follows (H3).
    pub(super) fn attempt_failed(&mut self, now: Timestamp, why: &str) {
        let jitter = self.jitter();
        let alive = self.current.is_some();
        self.end_overlap(Side::New);
        self.counters.with(|c| c.attempts_failed += 1);
        self.hear_attempt(now, false);
        let Some(handoff) = &mut self.handoff else { return };
        handoff.waits_for_credentials = false;
        handoff.end_attempt(now, alive, jitter, &self.config);
        let (seq, attempt, newer) = (handoff.wanted.seq, handoff.attempts, handoff.newer.take());
        self.await_grant(now);
        self.log(Level::Info, format_args!("event=attempt-failed{} attempt={attempt} why={why:?}", Seq(seq)));
        let was_holding = matches!(self.phase, Phase::Draining | Phase::Swapping);
        self.set_phase(Phase::Waiting);
        if alive && was_holding {
            self.end_hold(now);
        }
        if let Some(newer) = newer {
            self.turn_to(now, newer);
            return;
        }
        if attempt >= self.config.limits.max_attempts {
            self.fail_handoff(now);
        }
    }

    /// The candidate that a newer MOVING was to wait for is gone: what is tried next is the newer one (H8).
    fn turn_to(&mut self, now: Timestamp, newer: Move) {
        if self.current.is_some() {
            self.end_handoff(now, Outcome::Superseded);
            self.start(newer, None);
        } else if let Some(handoff) = &mut self.handoff {
            handoff.wanted = newer;
        }
    }

    /// The host does not swap, or does not answer (E5). A newer MOVING begins from the transport that stays (H8).
    pub(super) fn swap_refused(&mut self, now: Timestamp) {
        let newer = self.handoff.as_mut().and_then(|h| h.newer.take());
        self.end_handoff(now, Outcome::Refused);
        if let Some(newer) = newer
            && self.current.is_some()
        {
            self.start(newer, None);
        }
    }

    /// An attempt has failed, and the candidate is to be closed.
    pub(super) fn drop_candidate(&mut self, now: Timestamp, why: &str) {
        if self.candidate.is_some() {
            self.close_candidate(CloseReason::AttemptFailed);
            self.attempt_failed(now, why);
        }
    }

    pub(super) fn close_candidate(&mut self, reason: CloseReason) {
        if let Some(c) = self.candidate.take() {
            self.emit(Action::Close { transport: c.id, reason });
        }
    }

    /// The current transport goes on: held commands are its own again.
    fn end_hold(&mut self, now: Timestamp) {
        if let Some(handoff) = &mut self.handoff {
            handoff.end_pause(now);
        }
        self.held = false;
        if let Some(t) = &self.current {
            let transport = t.id;
            if !self.is_managed() {
                self.emit(Action::Release { transport });
            }
            self.release_hold();
        }
    }

    /// The hold began too early: writes pass until it can begin again (H4).
    pub(super) fn reopen(&mut self, now: Timestamp) {
        self.set_phase(Phase::Ready);
        self.end_hold(now);
    }

    /// No candidate: the current transport stays, or what is held comes back (H6).
    pub(super) fn fail_handoff(&mut self, now: Timestamp) {
        self.end_handoff(now, Outcome::Failed);
    }

    /// Every path out (H13): the hold ends, exactly one HANDOFF_FINISHED.
    pub(super) fn end_handoff(&mut self, now: Timestamp, outcome: Outcome) {
        let Some(mut handoff) = self.handoff.take() else { return };
        handoff.end_pause(now);
        if outcome != Outcome::Swapped {
            let was_holding = matches!(self.phase, Phase::Draining | Phase::Swapping);
            self.close_candidate(CloseReason::HandoffEnded);
            self.end_overlap(Side::New);
            if self.current.is_none() {
                self.hand_back();
                self.set_phase(Phase::Detached);
            } else {
                self.set_phase(if self.out.handshaken { Phase::Serving } else { Phase::Handshaking });
                if was_holding {
                    self.end_hold(now);
                }
            }
        }
        self.counters.with(|c| {
            *match outcome {
                Outcome::Swapped => &mut c.handoffs_swapped,
                Outcome::Failed => &mut c.handoffs_failed,
                Outcome::Refused => &mut c.handoffs_refused,
                Outcome::Superseded => &mut c.handoffs_superseded,
                Outcome::Closed => &mut c.handoffs_closed,
            } += 1
        });
        let window_end = handoff.deadline() + self.config.moving_extra;
        if let Some(windows) = self.windows.get_mut() {
            windows.set_end(handoff::WINDOW, window_end);
        }
        self.expire_windows(now);
        let seq = handoff.wanted.seq;
        let duration = now.since(handoff.wanted.arrived);
        self.log(
            Level::Info,
            format_args!(
                "event=handoff-finished{} outcome={} duration_ms={}",
                Seq(seq),
                Word(outcome),
                duration.as_millis()
            ),
        );
        self.hear(crate::exchange::Heard::Finished { outcome, took: duration, pause: handoff.pause });
        self.emit(Action::HandoffFinished {
            outcome,
            seq,
            duration,
            pause: handoff.pause,
            attempts: handoff.attempts,
            held: handoff.held,
            lost: handoff.lost,
        });
        self.stirred = true;
    }

    fn resume_if_room(&mut self) {
        if !self.want_resume || self.is_holding() {
            return;
        }
        let limits = &self.config.limits;
        let room = self.current.as_ref().is_some_and(|t| {
            (t.owed.len() <= limits.max_in_flight / 2 || !t.inbound.counts())
                && t.region.len() <= limits.max_held_bytes / 2
        });
        if room && self.has_room_for(self.out.wants) {
            self.want_resume = false;
            self.out.wants = 0;
            self.emit(Action::Resume);
        }
    }
}
