//! The session of a transport that libsch makes: of candidates, and of the first transport where the handshake is
//! libsch's (H12, E7, E8). Knows what is written and what its replies mean.

use super::*;
use crate::conn::inflight::Own;
use crate::conn::replies::hello_proto;
use crate::mem::Room;

impl Connection {
    /// The candidate's socket is there.
    pub(super) fn candidate_connected(&mut self, now: Timestamp, peer: Option<PeerAddr>) -> Result<()> {
        const ACTIONS: usize = 4;
        self.actions.room(ACTIONS)?;
        self.overlap.room()?;
        let Some(mut c) = self.candidate.take() else { return Ok(()) };
        let (id, managed) = (c.id, self.is_managed());
        c.peer = peer;
        if managed && let Err(error) = self.write_candidate(now, &mut c) {
            // As it was: nothing had been written to it before.
            (c.owed, c.region, c.optin) = Default::default();
            (c.peer, c.probed) = (None, true);
            self.candidate = Some(c);
            return Err(error);
        }
        self.trace.input(format_args!("connected {id}{}", trace::Peer(peer)));
        c.connected = true;
        c.inbound.uninterested = self.off;
        if c.inbound.read_messages {
            self.read_both();
        }
        self.candidate = Some(c);
        self.set_phase(Phase::Rebuilding);
        if managed {
            self.emit(Action::Write { transport: id });
        }
        Ok(())
    }

    fn write_candidate(&self, now: Timestamp, c: &mut Transport) -> Result<()> {
        self.write_session(now, c)?;
        if self.handoff.as_ref().is_some_and(|h| h.is_null() && !h.as_it_is) {
            c.probed = false;
            c.write_ping()?;
        }
        Ok(())
    }

    /// The commands that make the session, into the region of `t`. Where there is no memory for them, part of them is there.
    pub(super) fn write_session(&self, now: Timestamp, t: &mut Transport) -> Result<()> {
        let optin = self.may_opt_in(now, t).then(|| self.optin_command(t.peer));
        if optin.is_some() {
            t.optin = Optin::Asked;
        }
        self.session.put(optin.as_deref(), &mut |step| t.write_own(step))?;
        t.inbound.read_messages = self.session.has_subscriptions();
        self.session.put_subscriptions(&mut |step| t.write_own(step))?;
        t.made_at = t.owed.ended() + t.owed.len() as u64;
        Ok(())
    }

    /// A change of the session: after the candidate's was made, the same there (H12).
    pub(super) fn change_session(&mut self, now: Timestamp, change: effect::Watched) {
        let managed = self.config.level_out == LevelOut::Managed;
        let paused = !self.is_repeating();
        let mut repeats = self.candidate.as_deref_mut().filter(|c| c.connected && managed);
        let mut wrote = None;
        let put = self.session.apply(change, self.config.keep_credentials, &mut |step| {
            let Some(c) = &mut repeats else { return Ok(()) };
            wrote = Some(c.id);
            c.write_own(step)
        });
        if self.session.overflow && self.no_handoff.is_none() {
            self.forbid_handoff(now, OffReason::SessionTooLarge);
        }
        self.repeated(now, wrote, paused, put);
    }

    /// What was to be repeated on the candidate is in its region, or there is no memory for it.
    fn repeated(&mut self, now: Timestamp, wrote: Option<TransportId>, paused: bool, put: Result<()>) {
        let Some(transport) = wrote else { return };
        if put.is_err() {
            return self.drop_candidate(now, NO_MEMORY);
        }
        self.emit(Action::Write { transport });
        self.repeats(paused);
    }

    /// What is repeated on a candidate that was ready has the time of an attempt to be answered, as long as it does not go on
    /// and on. `paused`: all before it has been answered, so that its time begins anew.
    fn repeats(&mut self, paused: bool) {
        let now = self.clock.last();
        let was_ready = matches!(self.phase, Phase::Ready | Phase::Draining);
        if let Some(handoff) = &mut self.handoff {
            handoff.repeats += 1;
            if was_ready && (paused || handoff.repeats <= handoff::MAX_REPEATS) {
                handoff.attempt_by = Some(now + handoff.attempt_time(&self.config));
            }
        }
        self.stirred = true;
    }

    /// The same for subscriptions.
    pub(super) fn repeat_subscription(
        &mut self,
        now: Timestamp,
        topic: crate::commands::Topic,
        subscribe: bool,
        name: &[u8],
    ) {
        let paused = !self.is_repeating();
        let Some(c) = &mut self.candidate else { return };
        if !c.connected || self.config.level_out != LevelOut::Managed {
            return;
        }
        let put = c.write_own(session::subscription(topic, subscribe, &[name]));
        c.inbound.read_messages = true;
        let transport = c.id;
        if subscribe && put.is_ok() {
            self.read_both();
        }
        self.repeated(now, Some(transport), paused, put);
    }

    /// A reply to one of the commands that make the session.
    pub(super) fn rebuilt(&mut self, now: Timestamp, slot: Slot, own: Own, reply: &[u8]) {
        let failed = reply.first().is_none_or(|b| matches!(b, b'-' | b'!'));
        let resp2 = own == Own::Hello && !failed && hello_proto(reply) != Some(3);
        if own == Own::Soft {
            if failed {
                self.counters.with(|c| c.rebuild_errors_ignored += 1);
            }
        } else if failed || resp2 {
            let head = &reply[..reply.len().min(96)];
            let text = head.utf8_chunks().next().map_or("", |chunk| chunk.valid()).trim_end();
            let auth =
                [b"-NOAUTH", b"-WRONGPASS".as_slice(), b"-NOPERM"].iter().any(|c| reply.starts_with(c));
            match slot {
                Slot::Candidate if auth => self.ask_credentials(now, text),
                Slot::Candidate => self.drop_candidate(now, text),
                _ if own == Own::Hello && !auth => self.fall_back_to_resp2(now),
                _ if self.session.resp3 => self.handshake_failed(now, text),
                _ => {}
            }
        }
        self.may_end_handshake(now, slot);
    }

    /// The last reply of a handshake by libsch may have come.
    pub(super) fn may_end_handshake(&mut self, now: Timestamp, slot: Slot) {
        let done = self.current.as_ref().is_some_and(|t| t.owed.is_empty());
        if slot == Slot::Current && done && self.config.handshake == Handshake::ByLibsch {
            self.handshake_replied(now);
        }
    }

    /// All replies of a handshake by libsch are in.
    fn handshake_replied(&mut self, now: Timestamp) {
        if self.out.handshaken {
            return;
        }
        if !self.session.resp3 && !self.told_fallback() {
            let Some(t) = &mut self.current else { return };
            t.optin = Optin::Refused;
            self.told_off |= FALLBACK;
            let (transport, put) = (t.id, self.session.put_resp2(&mut |step| t.write_own(step)));
            let wrote = !t.region.is_empty();
            if put.is_err() {
                return self.handshake_failed(now, NO_MEMORY);
            }
            if wrote {
                self.emit(Action::Write { transport });
                return;
            }
        }
        self.end_handshake();
        self.release_hold();
    }

    fn told_fallback(&self) -> bool {
        self.told_off & FALLBACK != 0
    }

    /// The server does not speak RESP3: the session is made without, and SCH is off (O1).
    fn fall_back_to_resp2(&mut self, now: Timestamp) {
        self.session.resp3 = false;
        self.told_off &= !FALLBACK;
        self.turn_off(now, OffReason::Resp2);
    }

    fn handshake_failed(&mut self, now: Timestamp, text: &str) {
        self.log(Level::Error, format_args!("event=handshake-failed reply={text:?}"));
        let room = self.room_to_account(&[]).unwrap_or_default();
        let Some(t) = self.current.take() else { return };
        let transport = t.id;
        self.account(t, &[], false, room);
        self.emit(Action::Close { transport, reason: CloseReason::HandshakeFailed });
        if self.handoff.is_some() {
            self.end_handoff(now, Outcome::Failed);
        }
        self.hand_back();
        self.set_phase(Phase::Detached);
    }

    /// The server does not take the credentials: the host is asked once a handoff (H12).
    fn ask_credentials(&mut self, now: Timestamp, text: &str) {
        let Some(c) = &self.candidate else { return };
        let transport = c.id;
        let asked = self.handoff.as_ref().is_none_or(|h| h.asked_credentials);
        self.drop_candidate(now, text);
        if asked {
            self.fail_handoff(now);
            return;
        }
        self.want_credentials(transport);
    }

    /// The handoff waits for the host's `credentials`.
    pub(super) fn want_credentials(&mut self, transport: TransportId) {
        if let Some(handoff) = &mut self.handoff {
            handoff.asked_credentials = true;
            handoff.waits_for_credentials = true;
            handoff.next_at = None;
            self.emit(Action::NeedCredentials { transport });
        }
    }

    pub(super) fn credentials_came(&mut self, now: Timestamp) {
        if let Some(handoff) = &mut self.handoff
            && core::mem::take(&mut handoff.waits_for_credentials)
        {
            handoff.next_at = Some(now);
        }
    }

    /// The PING on a candidate for a null endpoint has been answered (H7).
    pub(super) fn probe_answered(&mut self) {
        if let Some(c) = &mut self.candidate {
            c.probed = true;
        }
        let old = self.handoff.as_ref().is_some_and(|h| h.old_proxy && !h.as_it_is);
        if old {
            let now = self.clock.last();
            self.drop_candidate(now, "it is the old proxy: the same MOVING came on it");
        }
    }

    // ---- subscriptions on two transports (F2) -----------------------------------------------------------------------

    /// The candidate subscribes: what the current transport brings may come there too.
    pub(super) fn read_both(&mut self) {
        // Two are compared, not three: the one that is still read after the last swap gives way.
        if self.retired.is_some() {
            self.close_retired();
        }
        if let Some(t) = &mut self.current {
            t.inbound.read_messages = true;
            self.overlap.make().unaligned();
        }
    }

    /// The candidate's subscriptions are confirmed: what the current transport brings after a PING comes on both.
    pub(super) fn begin_overlap(&mut self) {
        let subscribed = self.is_managed() && self.session.has_subscriptions();
        if subscribed && self.current.is_some() && self.overlap.room().is_ok() {
            self.want_ping |= !core::mem::replace(&mut self.overlap.make().asked, true);
        }
    }

    /// The old transport has answered the PING: from here on both bring the same messages.
    pub(super) fn aligned(&mut self) {
        self.overlap.with(|overlap| overlap.aligned = true);
    }

    /// Messages are no more compared, because `gone` is.
    pub(super) fn end_overlap(&mut self, gone: overlap::Side) {
        // The two are the retired and the current transport: a candidate that goes is neither (F2).
        if gone == overlap::Side::New && self.retired.is_some() {
            return;
        }
        if let Some(overlap) = self.overlap.get_mut() {
            let doubtful = overlap.end(gone);
            if doubtful > 0 {
                self.counters.with(|c| c.overlap_doubtful += doubtful as u64);
            }
        }
        self.want_ping = false;
        for t in [&mut self.current, &mut self.candidate].into_iter().flatten() {
            t.inbound.read_messages = false;
        }
    }
}

/// Why an attempt, or a handshake, has failed.
pub(super) const NO_MEMORY: &str = "no memory";

/// Bit of `told_off` beyond all reasons: the RESP2 session has been written.
const FALLBACK: u32 = 1 << 31;
