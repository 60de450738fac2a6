//! What ends: the current transport, the handoff of a connection that cannot be handed off, SCH on a transport, all of it (H5, H6,
//! L4, O1, F4, S2). Knows how a handoff ends, not how it goes forward.

use super::*;
use crate::action::waiting;
use crate::conn::loss::Unwritten;

impl Connection {
    // ---- the current transport ends --------------------------------------------------------------------------------

    /// H6, and losses without maintenance.
    pub(super) fn current_closed(&mut self, now: Timestamp, unwritten: &[u8], room: Unwritten) {
        let Some(t) = self.current.take() else { return };
        // What the host counted on it ends with it; on the next it counts anew.
        self.host_in_flight = 0;
        self.optin_lost(now, &t, Slot::Current);
        let (id, survives) = (t.id, self.survives_loss(&t));
        self.break_host_transaction();
        // CLIENT REPLY SKIP ended with the transport; the command it prefixes would be answered on another (F5).
        let known = !self.is_managed() || self.session.resp3;
        let goes_on = self.handoff.is_some() && survives && known && !self.out.skips_next();
        let answered = self.account(t, unwritten, goes_on, room);
        self.end_optin_retry();
        if !goes_on || !answered {
            self.loss_without_handoff(now, id, !survives || !answered);
            return;
        }
        let Some(handoff) = &mut self.handoff else { return };
        handoff.died_at = Some(now);
        handoff.begin_pause(now);
        handoff.as_it_is = true;
        match self.phase {
            Phase::Waiting => handoff.next_at = Some(now),
            Phase::Draining => self.phase = Phase::Ready,
            _ => {}
        }
        self.stirred = true;
    }

    /// With `on_loss = close`, or a parser that cannot be reset, a loss ends the host's stream (L4).
    fn survives_loss(&self, t: &Transport) -> bool {
        let lost = !t.owed.is_empty() || t.inbound.is_partly_passed();
        let stuck = t.inbound.is_partly_passed() && !self.config.can_reset_parser;
        !(stuck || (lost && self.config.on_loss == crate::config::OnLoss::Close))
    }

    /// `ends_stream`: the host cannot go on with the parser and the callers that it has.
    fn loss_without_handoff(&mut self, now: Timestamp, id: TransportId, ends_stream: bool) {
        if ends_stream {
            self.emit(Action::Close { transport: id, reason: CloseReason::Loss });
        }
        if self.handoff.is_some() {
            self.end_handoff(now, Outcome::Failed);
        } else {
            self.hand_back();
        }
        self.close_retired();
        if self.out.open.is_some() {
            self.lose_half_submitted();
        }
        self.hold = Rare::default();
        self.set_phase(Phase::Detached);
    }

    /// D + `drain_grace`: the swap is made over what still waits (H5).
    /// False: it is to be made later (`force_again`), because of what is under way or for want of memory.
    pub(super) fn force_swap(&mut self, now: Timestamp) -> bool {
        if self.is_unforceable() {
            return false;
        }
        let Ok(room) = self.room_to_account(&[]) else {
            self.retry();
            return false;
        };
        // Levels 1 and 2 get no HOLD here: there is nothing left to drain, and SWAP asks the same.
        self.break_host_transaction();
        if self.current.is_none() {
            return false;
        }
        if !self.swap_over(now, room) {
            return true;
        }
        if let Some(handoff) = &mut self.handoff {
            handoff.died_at = Some(now);
            handoff.begin_pause(now);
        }
        self.host_in_flight = 0;
        self.phase = Phase::Ready;
        self.stirred = true;
        true
    }

    /// What the current transport owes is lost with it. False: that has ended the host's stream.
    pub(super) fn swap_over(&mut self, now: Timestamp, room: Unwritten) -> bool {
        let Some(t) = self.current.take() else { return true };
        let (id, survives) = (t.id, self.survives_loss(&t));
        let answered = self.account(t, &[], survives, room);
        if !survives || !answered {
            self.loss_without_handoff(now, id, true);
            return false;
        }
        self.emit(Action::Close { transport: id, reason: CloseReason::Swapped });
        true
    }

    /// Levels 1 and 2: a transaction, or WATCH, that the host has stated does not survive its transport (H5).
    fn break_host_transaction(&mut self) {
        if core::mem::take(&mut self.host_fences[0]) {
            self.emit(Action::TransactionBroken);
        }
    }

    /// What the swap still waits for (H5).
    pub(super) fn waiting_for(&self) -> u32 {
        let mut bits = self.fences();
        if !matches!(self.phase, Phase::Ready | Phase::Draining | Phase::Swapping) || self.is_repeating() {
            bits |= waiting::CANDIDATE;
        }
        if self.current.as_ref().is_some_and(|t| !t.owed.is_empty()) || self.host_in_flight > 0 {
            bits |= waiting::REPLIES;
        }
        if self.is_blocked() {
            bits |= waiting::BLOCKING;
        }
        if self.phase == Phase::Swapping || (self.phase == Phase::Draining && !self.held) {
            bits |= waiting::ANSWER;
        }
        bits
    }

    // ---- ends for good ---------------------------------------------------------------------------------------------

    /// No handoff here from now on; relaxing goes on (F4, N7).
    pub(super) fn forbid_handoff(&mut self, now: Timestamp, reason: OffReason) {
        if !self.is_forbidden_beyond(reason) {
            self.no_handoff = Some(reason);
        }
        self.tell_off(reason, false);
        if self.handoff.is_some() && self.current.is_some() {
            self.end_handoff(now, Outcome::Failed);
        }
        self.stirred = true;
    }

    /// What forbids it already is the graver reason: it outlives what may be lifted, and keeps libsch's own commands off.
    fn is_forbidden_beyond(&self, reason: OffReason) -> bool {
        match (self.no_handoff, reason) {
            (None | Some(OffReason::ReplyOff), _) | (_, OffReason::Uncounted) => false,
            (Some(OffReason::Stream | OffReason::Uncounted), _) | (_, OffReason::ReplyOff) => true,
            _ => false,
        }
    }

    pub(super) fn tell_off(&mut self, reason: OffReason, fatal: bool) {
        let bit = 1 << reason as u32;
        if self.told_off & bit == 0 {
            self.told_off |= bit;
            // Of an opt-in that failed there is a line already (O2).
            let logged =
                matches!(reason, OffReason::Refused | OffReason::NoPermission | OffReason::OptinFailed);
            if !logged {
                self.log(Level::Debug, format_args!("event=sch-off reason={}", Word(reason)));
            }
            self.emit(Action::SchOff { reason, fatal });
        }
    }

    /// SCH ends on this transport (O1, O2, F5).
    pub(super) fn turn_off(&mut self, now: Timestamp, reason: OffReason) {
        let fatal = self.config.mode == crate::optin::Mode::Enabled
            && matches!(
                reason,
                OffReason::Resp2 | OffReason::Refused | OffReason::NoPermission | OffReason::OptinFailed
            );
        if let Some(t) = &mut self.current {
            t.optin = Optin::Refused;
        }
        self.end_handoff(now, Outcome::Closed);
        self.windows = Rare::default();
        self.update_relax(crate::action::RestoreReason::Ended);
        self.tell_off(reason, fatal);
        if fatal && let Some(t) = &self.current {
            let transport = t.id;
            self.break_host_transaction();
            self.emit(Action::Close { transport, reason: CloseReason::OptinRefused });
            let room = self.room_to_account(&[]).unwrap_or_default();
            if let Some(t) = self.current.take() {
                self.account(t, &[], false, room);
            }
            self.hand_back();
            self.set_phase(Phase::Detached);
        }
    }

    /// The current transport does not speak RESP (S2).
    pub(super) fn broken(&mut self, now: Timestamp, error: crate::resp::framer::FrameError) {
        self.log(Level::Error, format_args!("event=broken error={error}"));
        if let Some(t) = &mut self.current {
            t.inbound.raw = true;
        }
        self.end_handoff(now, Outcome::Closed);
        self.off = true;
        self.windows = Rare::default();
        self.update_relax(crate::action::RestoreReason::Ended);
        self.tell_off(OffReason::Broken, false);
        self.set_phase(Phase::Failed);
        self.release_hold();
    }

    /// Everything that is open ends, for `close`.
    pub(super) fn end_all(&mut self, now: Timestamp, reason: CloseReason, room: Unwritten) {
        self.close_candidate(reason);
        if let Some(handoff) = &mut self.handoff {
            handoff.newer = None;
        }
        // What was written comes first, then what is held comes back: in order of submission.
        if let Some(t) = self.current.take() {
            self.account(t, &[], false, room);
        }
        self.hand_back();
        self.end_handoff(now, Outcome::Closed);
        self.close_retired();
        if let Some(places) = self.places.get_mut() {
            places.forget_dials();
        }
        self.retired_until = None;
        self.unsettled = false;
    }
}
