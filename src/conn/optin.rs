//! The opt-in of a transport (O1 to O4, E7, E8): when it is asked for, where it is written, what its reply means.

use super::*;
use crate::conn::inflight::Own;
use crate::conn::session::{Ask, Step, Written};
use crate::endpoint::EndpointType;
use crate::optin::{self, Mode, Reply};

impl Connection {
    /// The server of `t` is to be asked.
    pub(super) fn may_opt_in(&self, now: Timestamp, t: &Transport) -> bool {
        match self.config.mode {
            _ if self.off => false,
            Mode::Disabled => false,
            Mode::Enabled => true,
            Mode::Auto => !self.places.get().is_some_and(|places| places.refuses(now, self.endpoint_of(t))),
        }
    }

    pub(super) fn optin_command(&self, peer: Option<PeerAddr>) -> bytes::Bytes {
        let auto = || EndpointType::auto(peer.map(|p| p.ip()), self.config.tls);
        optin::command(self.config.endpoint_type.unwrap_or_else(auto))
    }

    /// HELLO 3 has succeeded, with an authenticated user (E8).
    pub(super) fn want_optin(&mut self) {
        let now = self.clock.last();
        let may = self.current.as_ref().is_some_and(|t| self.may_opt_in(now, t));
        let wanted = may && !self.out.hosts_optin;
        if let Some(t) = &mut self.current
            && t.optin == Optin::Off
            && wanted
        {
            t.optin = Optin::Wanted;
        }
    }

    /// AUTH has succeeded: what was refused for want of it is asked again.
    pub(super) fn authenticated(&mut self) {
        if self.session.resp3 {
            self.want_optin();
        }
    }

    pub(super) fn host_opted_in(&mut self) {
        if let Some(t) = &mut self.current {
            t.optin = Optin::On;
        }
    }

    /// `enabled`, and the host's handshake has ended without a HELLO 3: an error, not silence (O1).
    pub(super) fn end_without_resp3(&mut self, now: Timestamp) {
        let seen = self.is_managed() && self.config.handshake == Handshake::Seen && self.out.handshaken;
        if self.config.mode != Mode::Enabled || !seen || self.session.resp3 {
            return;
        }
        // After RESET, or an opt-out, SCH is off here because the host wanted it: that has been told, and is no error (F5).
        let is_on = self.current.as_ref().is_some_and(|t| t.optin != Optin::Refused);
        if is_on && !self.awaits_hello() && !self.is_put_off() {
            self.turn_off(now, OffReason::Resp2);
        }
    }

    /// A HELLO of the host's is not answered yet.
    pub(super) fn awaits_hello(&self) -> bool {
        let hello =
            |s: &inflight::Special| matches!(s, inflight::Special::Watched(effect::Watched::Hello { .. }));
        self.current.as_ref().is_some_and(|t| t.owed.specials().any(hello))
    }

    /// Writes what waits for a place in the host's stream, if this is one (E7).
    pub(super) fn insert_own(&mut self, _now: Timestamp) {
        let out = &self.out;
        let place = out.at_boundary()
            && out.multi().is_none()
            && !out.is_tx_broken()
            && !out.prefix
            && !out.reply_off
            && !out.broken
            && !self.unsettled
            && !matches!(self.no_handoff, Some(OffReason::Stream | OffReason::Uncounted))
            && !matches!(self.phase, Phase::Swapping | Phase::Failed);
        if !place || !self.is_managed() {
            return;
        }
        let Some(t) = &self.current else { return };
        let (optin, ping) = (t.optin == Optin::Wanted, self.want_ping);
        if !optin && !ping {
            return;
        }
        let (id, command) = (t.id, self.optin_command(t.peer));
        let Some(t) = &mut self.current else { return };
        let step = Step { ask: Ask::Own(Own::Optin), command: Written::Bytes(&command) };
        // What there is no memory for is still wanted, and comes with the next input.
        let wrote_optin = optin && t.write_own(step).is_ok();
        if wrote_optin {
            t.optin = Optin::Asked;
        }
        let wrote_ping = ping && t.write_ping().is_ok();
        self.want_ping &= !wrote_ping;
        if wrote_optin || wrote_ping {
            self.emit(Action::Write { transport: id });
        }
    }

    /// Levels 1 and 2: the host's handshake on `slot` is done, the opt-in follows.
    pub(super) fn host_ready(&mut self, now: Timestamp, slot: Slot) {
        if slot == Slot::Current && self.config.handshake == Handshake::Seen {
            self.end_handshake();
        }
        if self.is_managed() {
            return;
        }
        let probe =
            slot == Slot::Candidate && self.handoff.as_ref().is_some_and(|h| h.is_null() && !h.as_it_is);
        let Some(t) = self.in_slot(slot) else { return };
        let (id, peer, wanted) = (t.id, t.peer, self.may_opt_in(now, t));
        let tapped = self.config.level_in == LevelIn::Tapped;
        let mut data = if wanted { self.optin_command(peer).to_vec() } else { Vec::new() };
        let counts_now = self.counts_from_ready();
        let Some(t) = self.transport(slot) else { return };
        // The rest of a reply that has begun to come is the host's, who need not have counted it.
        if counts_now && !t.ready && t.inbound.is_in_reply() && t.owed.hosts() == 0 {
            if t.owed.room(1, 1).is_err() {
                return; // no room to tell it from libsch's own
            }
            t.owed.push_asked(0, inflight::Special::Begun);
        }
        let first = !core::mem::replace(&mut t.ready, true);
        t.inbound.uncounted &= !(first && counts_now);
        if t.inbound.uncounted {
            // The reply could not be told from the host's: it would come to a caller (N7).
            if slot == Slot::Candidate {
                self.drop_candidate(now, "replies are not counted");
            }
            return;
        }
        if !wanted || t.optin != Optin::Off {
            return;
        }
        t.optin = Optin::Asked;
        let mut replies = 1;
        if tapped {
            t.owed.push_own(data.len(), Own::Optin);
        }
        if probe {
            const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
            replies = 2;
            t.probed = false;
            data.extend_from_slice(PING);
            if tapped {
                t.owed.push_own(PING.len(), Own::Ping);
            }
        }
        if !tapped {
            t.optin_replies = replies;
        }
        self.emit(Action::SendOptin { transport: id, data, replies });
    }

    /// In 1: a reply to what SEND_OPTIN asked to write, in order; its first line is enough.
    pub fn handle_optin_reply(&mut self, now: Timestamp, id: TransportId, raw: &[u8]) -> Result<()> {
        let now = self.begin(now)?;
        self.level("optin_reply", 1, self.config.level_in == LevelIn::Notified)?;
        let slot = self.slot(id)?;
        let Some(t) = self.transport(slot) else { return Err(Error::UnknownTransport(id)) };
        if t.optin_replies == 0 {
            return Err(Error::Unexpected {
                call: "optin_reply",
                hint: "report one reply for each that SEND_OPTIN announced",
            });
        }
        t.optin_replies -= 1;
        let first = t.optin == Optin::Asked;
        self.trace.optin_reply(id, raw);
        if first {
            self.optin_answered(now, slot, raw);
        } else {
            self.probe_answered();
        }
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// The reply to the opt-in.
    pub(super) fn optin_answered(&mut self, now: Timestamp, slot: Slot, raw: &[u8]) {
        let reply = optin::classify(&raw[..raw.len().min(optin::CLASSIFY_LIMIT)]);
        // Without memory for it a refusal is not remembered.
        let endpoint = self.in_slot(slot).and_then(|t| self.endpoint_of(t).copy().ok());
        let Some(t) = self.transport(slot) else { return };
        if t.optin == Optin::Refused {
            return; // SCH went off here before the answer came
        }
        if reply == Reply::Accepted {
            t.optin = Optin::On;
            self.optin_closed = 0;
            self.log(Level::Debug, format_args!("event=opted-in endpoint={}", Shown(&endpoint)));
            return;
        }
        t.optin = Optin::Refused;
        let again = reply == Reply::Other && !core::mem::replace(&mut t.optin_failed, true);
        let enabled = self.config.mode == Mode::Enabled;
        let at = Shown(&endpoint);
        self.log(Level::Debug, format_args!("event=optin-refused endpoint={at} reply={}", Word(reply)));
        if let (Reply::Refused, Some(endpoint)) = (reply, endpoint) {
            self.remember_refusal(now, endpoint);
        }
        match (slot, reply) {
            (Slot::Candidate, Reply::Refused | Reply::NoPermission) if !enabled => {}
            (Slot::Candidate, _) => self.drop_candidate(now, "opt-in refused"),
            (_, Reply::Refused) => self.turn_off(now, OffReason::Refused),
            (_, Reply::NoPermission) => self.turn_off(now, OffReason::NoPermission),
            (_, Reply::NoAuth) => self.reopen_optin(),
            (_, _) if again => {
                self.reopen_optin();
                self.optin_retry_at = Some(now + self.config.optin_retry);
            }
            _ => self.turn_off(now, OffReason::OptinFailed),
        }
    }

    fn reopen_optin(&mut self) {
        if let Some(t) = &mut self.current {
            t.optin = Optin::Off;
        }
    }

    /// The second try after an error that may pass.
    pub(super) fn retry_optin(&mut self, now: Timestamp) {
        self.optin_retry_at = None;
        if self.is_managed() {
            self.want_optin();
        } else {
            self.host_ready(now, Slot::Current);
        }
    }

    pub(super) fn end_optin_retry(&mut self) {
        self.optin_retry_at = None;
    }

    fn remember_refusal(&mut self, now: Timestamp, endpoint: Endpoint) {
        if self.pooled.is_some()
            && let Ok(endpoint) = endpoint.copy()
        {
            self.hear(crate::exchange::Heard::OptinRefused { endpoint });
        }
        self.remember_refusal_until(now, endpoint, now + self.config.refusal_memory);
    }

    pub(super) fn remember_refusal_until(&mut self, now: Timestamp, endpoint: Endpoint, until: Timestamp) {
        self.places.with(|places| places.refuse(now, endpoint, until));
    }

    /// A server that closes on the opt-in, twice running, refuses it (O2). One that has not yet answered what came
    /// before the opt-in is not closing on it.
    pub(super) fn optin_lost(&mut self, now: Timestamp, t: &Transport, slot: Slot) {
        let next = t.owed.plain_run() == 0
            && matches!(t.owed.specials().next(), Some(inflight::Special::Own(Own::Optin)));
        if t.optin != Optin::Asked || !(next || t.owed.is_empty()) {
            return;
        }
        self.optin_closed += 1;
        if self.optin_closed >= 2 {
            self.optin_closed = 0;
            let endpoint = self.endpoint_of(t).copy().ok();
            let fatal = self.config.mode == Mode::Enabled;
            let at = Shown(&endpoint);
            self.log(Level::Debug, format_args!("event=optin-refused endpoint={at} reply=closed"));
            if let Some(endpoint) = endpoint {
                self.remember_refusal(now, endpoint);
            }
            if slot == Slot::Current {
                self.tell_off(OffReason::Refused, fatal);
            }
        }
    }

    /// The host's handshake on the current transport has ended (E8).
    pub(super) fn end_handshake(&mut self) {
        self.out.handshaken = true;
        if self.phase == Phase::Handshaking {
            self.set_phase(Phase::Serving);
        }
        self.stirred = true;
    }
}

/// An endpoint in a line; `?` without memory for it.
struct Shown<'a>(&'a Option<Endpoint>);

impl core::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(endpoint) => endpoint.fmt(f),
            None => f.write_str("?"),
        }
    }
}
