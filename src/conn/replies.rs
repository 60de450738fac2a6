//! Replies that are read: what the command that one answers has changed, and those of libsch's own.

use super::*;
use crate::action::{Class, LostOutcome};
use crate::conn::effect::Watched;
use crate::conn::inflight::{Own, Special};
use crate::resp::value::{self, Value, ValueLimits};

/// The reply to EXEC of a WATCH that was broken.
pub(super) const FAILED_EXEC: &[u8] = b"_\r\n";

impl Connection {
    /// The reply to a special command has come. Answers bytes that go to the host instead of it.
    pub(super) fn special_reply(&mut self, now: Timestamp, slot: Slot) -> Option<&'static [u8]> {
        let t = self.transport(slot)?;
        let reply = t.inbound.take_capture();
        let (owed, special) = t.owed.pop()?;
        let ok = reply.first().is_some_and(|b| !matches!(b, b'-' | b'!'));
        let mut instead: Option<&'static [u8]> = None;
        match special {
            Some(Special::Own(own)) => self.own_reply(now, slot, own, &reply),
            Some(Special::FailedExec) => instead = Some(FAILED_EXEC),
            Some(Special::Watched(change)) if slot == Slot::Current => {
                self.confirmed(now, owed.number, change, ok, &reply);
            }
            // An error instead of the confirmations is one reply, and it has come.
            Some(Special::Pushes { .. }) if !ok && slot == Slot::Candidate => {
                self.drop_candidate(now, "a subscription was refused");
            }
            Some(Special::Pushes { .. }) if !ok && owed.entry.is_own() => {
                self.rebuilt(now, slot, Own::Hard, &reply);
            }
            Some(Special::Pushes { .. }) if !ok => {}
            Some(Special::Pushes { .. }) => self.uncounted(now),
            _ => {}
        }
        if let Some(t) = self.transport(slot) {
            t.inbound.put_back(reply);
        }
        let _ = self.answer_refused(); // else with the next bytes
        self.stirred = true;
        instead
    }

    /// The host's own command has changed the session, or has not.
    fn confirmed(&mut self, now: Timestamp, number: CommandNumber, change: Watched, ok: bool, reply: &[u8]) {
        match change {
            Watched::Multi => {
                if !ok && self.out.multi() == Some(number) {
                    self.out.tx.make().multi = None;
                }
            }
            Watched::Exec { changes, .. } => {
                // Null is a failed WATCH, an error an aborted transaction: nothing has changed.
                if reply.first() == Some(&b'*') && !reply.starts_with(b"*-1") {
                    for change in changes {
                        self.changed(now, change, true, reply);
                    }
                }
            }
            Watched::Discard => {}
            // What the host has stated since then stays (H12).
            Watched::Auth(_) if ok && self.session.has_newer_credentials_than(number) => self.authenticated(),
            Watched::Hello { proto, auth: Some(_), name }
                if self.session.has_newer_credentials_than(number) =>
            {
                self.changed(now, Watched::Hello { proto, auth: None, name }, ok, reply)
            }
            change => self.changed(now, change, ok, reply),
        }
    }

    fn changed(&mut self, now: Timestamp, change: Watched, ok: bool, reply: &[u8]) {
        if !ok {
            let unknown =
                [b"-NOPROTO".as_slice(), b"-ERR unknown command"].iter().any(|e| reply.starts_with(e));
            if unknown && matches!(change, Watched::Hello { .. }) {
                self.turn_off(now, OffReason::Resp2);
            }
            return;
        }
        match &change {
            Watched::Hello { proto, .. } => {
                let now_resp3 = hello_proto(reply) == Some(3) || (reply.is_empty() && *proto == Some(3));
                if *proto == Some(2) || (proto.is_some() && !now_resp3) {
                    self.turn_off(now, OffReason::Resp2);
                } else if now_resp3 {
                    self.want_optin();
                }
            }
            Watched::Auth(_) => self.authenticated(),
            Watched::Maint { on: true } => self.host_opted_in(),
            Watched::Maint { on: false } => self.turn_off(now, OffReason::OptedOut),
            Watched::Reset => self.turn_off(now, OffReason::OptedOut),
            Watched::Monitor => {
                if let Some(t) = &mut self.current {
                    t.inbound.uncounted = true;
                }
            }
            _ => {}
        }
        self.change_session(now, change);
    }

    /// Refused commands whose turn has come get their LOST.
    /// False: not all of them, for want of memory; then what comes behind them waits.
    #[inline]
    pub(super) fn answer_refused(&mut self) -> bool {
        !self.current.as_ref().is_some_and(|t| t.owed.is_front_refused()) || self.lose_refused()
    }

    #[cold]
    fn lose_refused(&mut self) -> bool {
        while self.current.as_ref().is_some_and(|t| t.owed.is_front_refused()) {
            let Ok(text) = self.room_to_lose_one() else {
                self.retry();
                return false;
            };
            if let Some((owed, _)) = self.current.as_mut().and_then(|t| t.owed.pop()) {
                self.lose_with(owed.number, LostOutcome::NotExecuted, Class::Write, text);
            }
        }
        true
    }

    /// What a reply to one of libsch's own commands means.
    fn own_reply(&mut self, now: Timestamp, slot: Slot, own: Own, reply: &[u8]) {
        match (own, slot) {
            (Own::Optin, _) => {
                self.optin_answered(now, slot, reply);
                self.may_end_handshake(now, slot);
            }
            (Own::Ping, Slot::Candidate) => self.probe_answered(),
            (Own::Ping, Slot::Current) => {
                self.aligned();
                // It may have been written after the handshake and before its last reply.
                self.may_end_handshake(now, slot);
            }
            (_, Slot::Retired) => {}
            (own, slot) => self.rebuilt(now, slot, own, reply),
        }
    }
}

/// The protocol that a HELLO reply tells: a map with `proto`, or its RESP2 form.
pub(super) fn hello_proto(reply: &[u8]) -> Option<i64> {
    match value::parse(reply, &ValueLimits::default()) {
        Ok((Value::Map(pairs), _)) => {
            pairs.iter().find(|(k, _)| k.as_text() == Some(b"proto")).and_then(|(_, v)| v.as_i64())
        }
        Ok(_) => None,
        // Only the head of a long reply is kept (modules come last and may be many).
        Err(_) if reply.first() == Some(&b'%') => memchr::memmem::find(reply, b"proto\r\n:3\r\n").map(|_| 3),
        Err(_) => None,
    }
}
