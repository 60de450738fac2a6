//! What comes in (E3, L3): spans for the host, and the meaning of replies and pushes for the rest of the connection.

use super::*;
use crate::action::{Class, LostOutcome};
use crate::commands::Topic;
use crate::conn::effect::Watched;
use crate::conn::inbound::{Event, Next, Pass, Raw, Run};
use crate::conn::inflight::{Own, Special};
use crate::conn::notice::ReadNotification;
use crate::conn::overlap::{Side, Verdict};
use crate::mem::Room;
use crate::resp::framer::FrameError;
use crate::resp::value::{self, Value, ValueError, ValueLimits};

/// Actions that may wait before `receive` stops: what a server says must not grow without the host acting on it (S1).
pub(super) const MAX_ACTIONS: usize = 64;

/// The reply to EXEC of a WATCH that was broken.
const FAILED_EXEC: &[u8] = b"_\r\n";

/// What an event is about, read, with the memory that it takes.
#[allow(clippy::large_enum_variant)] // it goes nowhere, and a box would be one more thing to ask for
enum Ready {
    Nothing,
    Notification(ReadNotification),
    Push { passes: bool, is_kept: bool },
    Special,
    TooLong { confirmation: bool },
    Unexpected,
    Broken(FrameError),
}

/// A step gives at most this many spans.
pub(crate) const SPANS_A_STEP: usize = 2;

/// The caller's array, being filled.
struct Spans<'a> {
    out: &'a mut [Span],
    len: usize,
}

impl Spans<'_> {
    fn input(&mut self, start: usize, len: usize) {
        if len == 0 {
            return;
        }
        if let Some(last) = self.len.checked_sub(1).map(|i| &mut self.out[i])
            && last.source == Source::Input
            && last.start + last.len == start
        {
            last.len += len;
            return;
        }
        self.out[self.len] = Span { source: Source::Input, start, len };
        self.len += 1;
    }

    fn owned(&mut self, owned: &mut Vec<u8>, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.out[self.len] = Span { source: Source::Owned, start: owned.len(), len: bytes.len() };
        self.len += 1;
        owned.extend_from_slice(bytes);
    }

    fn has_room(&self) -> bool {
        self.len + SPANS_A_STEP <= self.out.len()
    }
}

impl Connection {
    /// Bytes of transport `id` (levels 2 and 3). Fills `spans` (at least 2) with what to give to the parser of that
    /// transport, in order. Takes less than all when the host must act first: drain the actions, then give the rest.
    pub fn handle_receive(
        &mut self,
        now: Timestamp,
        id: TransportId,
        data: &[u8],
        spans: &mut [Span],
    ) -> Result<Received> {
        if spans.len() >= SPANS_A_STEP && self.receive_plain(now, id, data) {
            spans[0] = Span { source: Source::Input, start: 0, len: data.len() };
            return Ok(Received { consumed: data.len(), spans: 1 });
        }
        self.receive_any(now, id, data, spans)
    }

    /// What is not one small reply.
    #[inline(never)] // the shortest way does not pay for its registers
    pub(super) fn receive_any(
        &mut self,
        now: Timestamp,
        id: TransportId,
        data: &[u8],
        spans: &mut [Span],
    ) -> Result<Received> {
        let run = if spans.len() >= SPANS_A_STEP { self.receive_run(now, id, data) } else { None };
        if run.as_ref().is_some_and(|run| run.is_all_of(data)) {
            spans[0] = Span { source: Source::Input, start: 0, len: data.len() };
            return Ok(Received { consumed: data.len(), spans: 1 });
        }
        self.receive_long(now, id, data, spans, run)
    }

    /// The long way: whatever has come, and whatever else is to be done. `run` has been taken already.
    #[inline(never)] // likewise
    pub(crate) fn receive_long(
        &mut self,
        now: Timestamp,
        id: TransportId,
        data: &[u8],
        spans: &mut [Span],
        mut run: Option<Run>,
    ) -> Result<Received> {
        let now = self.begin(now)?;
        self.level("receive", 2, self.config.level_in == LevelIn::Tapped)?;
        let mut slot = self.slot(id)?;
        if spans.len() < SPANS_A_STEP {
            return Err(Error::Limit {
                limit: "spans",
                value: SPANS_A_STEP as u64,
                hint: "give an array of at least as many spans; 16 is a good number",
            });
        }
        if slot == Slot::Current && self.unsettled {
            return Err(Error::Unexpected {
                call: "receive",
                hint: "settle the losses first: tell their callers, then `losses_settled`",
            });
        }
        self.owned.clear();
        let mut out = Spans { out: spans, len: 0 };
        let mut at = 0;
        let mut lacks = None;
        while out.has_room() {
            match self.deliver_stash(&mut out) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    lacks = Some(error);
                    break;
                }
            }
            if at == data.len() || self.actions.len() >= MAX_ACTIONS || self.waits_for_host(slot) {
                break;
            }
            let from = at;
            let plain = match run.take() {
                None => self.plain(slot, &data[at..]),
                run => run,
            };
            match plain {
                Some(Run { consumed, error }) => {
                    out.input(from, consumed);
                    at += consumed;
                    match error {
                        None => continue,
                        Some(error) => self.broken(now, error),
                    }
                }
                None => match self.step(now, slot, &data[at..], from, &mut out) {
                    Ok(consumed) => at += consumed,
                    Err(error) => {
                        lacks = Some(error);
                        break;
                    }
                },
            }
            // The event may have made the candidate the current one, or ended the transport.
            match self.slot(id) {
                Ok(now_in) => slot = now_in,
                Err(_) => {
                    self.trace.look(id, &data[at..], false);
                    at = data.len();
                    break;
                }
            }
        }
        self.trace.received(id);
        if self.handoff.is_some() || self.want_resume {
            self.stirred = true;
        }
        let received = Received { consumed: at, spans: out.len };
        self.finish(now);
        // What was taken before is the answer; who comes again with the rest is told.
        match lacks {
            Some(error) if received.consumed == 0 && received.spans == 0 => Err(error),
            _ => Ok(received),
        }
    }

    /// The next bytes of `slot` wait until the host has acted.
    fn waits_for_host(&mut self, slot: Slot) -> bool {
        match slot {
            Slot::Current => !self.answer_refused() || self.waits_for_another(slot),
            slot => self.waits_for_another(slot),
        }
    }

    /// `slot` is not to be read now: until SWAP is answered, or the current transport is between frames again.
    pub(super) fn waits_for_another(&self, slot: Slot) -> bool {
        let stash = self.overlap.get().map_or(0, Overlap::stashed_bytes);
        let stashed = stash > self.config.limits.max_overlap_bytes && !self.main_at_boundary();
        match slot {
            // Drained, it is between frames: what begins now might be cut by the swap, in a parser that cannot be reset (L4).
            Slot::Current => self.phase == Phase::Swapping && !self.config.can_reset_parser,
            Slot::Candidate => self.phase == Phase::Swapping || stashed,
            Slot::Retired => stashed,
        }
    }

    /// Messages of another transport go out where the current one is between frames.
    fn deliver_stash(&mut self, out: &mut Spans<'_>) -> Result<bool> {
        let at_boundary = self.main_at_boundary();
        let Some(overlap) = self.overlap.get_mut().filter(|o| o.stashed_bytes() > 0 && at_boundary) else {
            return Ok(false);
        };
        self.owned.room(overlap.next_stashed())?;
        let Some(message) = overlap.unstash() else { return Ok(false) };
        out.owned(&mut self.owned, &message);
        Ok(true)
    }

    fn main_at_boundary(&self) -> bool {
        self.current.as_ref().is_none_or(|t| t.inbound.at_boundary())
    }

    /// Replies that only pass and are counted, as nearly all do. `None`: the next bytes are more than that.
    #[inline]
    fn plain(&mut self, slot: Slot, data: &[u8]) -> Option<Run> {
        if slot != Slot::Current || self.trace.is_on() {
            return None;
        }
        let t = self.current.as_deref_mut()?;
        t.inbound.plain(data, &mut t.owed)
    }

    /// Looks at the next bytes, and does what they mean. An error: there is no memory for it, and nothing of them has been taken.
    fn step(
        &mut self,
        now: Timestamp,
        slot: Slot,
        data: &[u8],
        from: usize,
        out: &mut Spans<'_>,
    ) -> Result<usize> {
        let transport = match slot {
            Slot::Current => &mut self.current,
            Slot::Candidate => &mut self.candidate,
            Slot::Retired => &mut self.retired,
        };
        let Some(t) = transport.as_deref_mut() else { return Ok(data.len()) };
        let full = self.trace.is_on() && t.owed.reads_front();
        let (id, mark) = (t.id, t.inbound.mark());
        let next = t.inbound.next(data, &mut t.owed, &self.config.limits);
        let read =
            next.and_then(|next| self.ready(now, slot, &data[..next.consumed], &next).map(|r| (next, r)));
        let (next, ready) = match (read, mark) {
            (Ok(read), _) => read,
            (Err(error), Some(mark)) => {
                if let Some(t) = self.transport(slot) {
                    t.inbound.go_back(mark);
                }
                return Err(error);
            }
            // So deep inside of a frame there is no way back: libsch's part ends, and the host's goes on.
            (Err(_), None) => {
                self.pass_all(slot, data, from, slot == Slot::Current, out);
                self.broken_in(now, slot, FrameError::TooDeep);
                return Ok(data.len());
            }
        };
        self.trace.look(id, &data[..next.consumed], full);
        self.event(now, slot, &data[..next.consumed], from, next.pass, ready, out);
        Ok(next.consumed)
    }

    /// At level 3 only the current transport speaks to the host's parser; a host with a handshake of its own has a parser for its
    /// candidate.
    fn passes(&self, slot: Slot) -> bool {
        slot == Slot::Current || self.config.level_out != LevelOut::Managed
    }

    /// Reads what an event is about, and asks for the memory that it takes, before anything but the reading has changed.
    fn ready(&mut self, now: Timestamp, slot: Slot, data: &[u8], next: &Next) -> Result<Ready> {
        let kept = match &next.event {
            Event::Notification(_, Some(Raw::Kept(_)))
            | Event::Confirmation(Raw::Kept(_))
            | Event::Message(Raw::Kept(_)) => {
                self.transport(slot).map(|t| t.inbound.take_kept()).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let ready = self.ready_with(now, slot, data, &kept, next);
        // Back for who passes it on, or comes again.
        if !kept.is_empty()
            && let Some(t) = self.transport(slot)
        {
            t.inbound.put_kept_back(kept);
        }
        ready
    }

    fn ready_with(
        &mut self,
        now: Timestamp,
        slot: Slot,
        data: &[u8],
        kept: &[u8],
        next: &Next,
    ) -> Result<Ready> {
        let bytes = |raw: &Raw| match raw {
            Raw::Data(range) => &data[range.clone()],
            Raw::Kept(start) => &kept[*start..],
        };
        // What was kept goes to the host out of memory of libsch's own.
        let waits = self.in_slot(slot).map_or(0, |t| t.inbound.kept().len()).max(kept.len());
        let is_to_pass = self.passes(slot) && !matches!(next.event, Event::Notification(..));
        if is_to_pass && waits > 0 {
            self.owned.room(waits)?;
        }
        Ok(match &next.event {
            Event::None => Ready::Nothing,
            Event::Notification(kind, raw) => {
                Ready::Notification(self.read_notification(slot, *kind, raw.as_ref().map(bytes))?)
            }
            Event::Confirmation(raw) | Event::Message(raw) => {
                let is_kept = matches!(raw, Raw::Kept(_));
                let passes = self.read_push(now, slot, bytes(raw))?;
                Ready::Push { passes, is_kept }
            }
            Event::Special => {
                /// Of what a reply leads to.
                const ACTIONS: usize = 4;
                self.actions.room(ACTIONS)?;
                self.owned.room(FAILED_EXEC.len())?;
                Ready::Special
            }
            Event::TooLong { confirmation } => Ready::TooLong { confirmation: *confirmation },
            Event::Unexpected => Ready::Unexpected,
            Event::Broken(error) => Ready::Broken(*error),
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn event(
        &mut self,
        now: Timestamp,
        slot: Slot,
        data: &[u8],
        from: usize,
        pass: Pass,
        ready: Ready,
        out: &mut Spans<'_>,
    ) {
        let passes = self.passes(slot);
        match ready {
            Ready::Nothing => match pass {
                Pass::Yes if passes => out.input(from, data.len()),
                Pass::AfterKept => self.pass_all(slot, data, from, passes, out),
                _ => {}
            },
            Ready::Notification(read) => {
                self.clear_kept(slot);
                self.notified(now, slot, read);
            }
            Ready::Push { passes: wanted, is_kept } => {
                if wanted && passes {
                    // What was kept is all of it.
                    let rest = if is_kept { &[] } else { data };
                    self.pass_all(slot, rest, from, true, out);
                }
                self.clear_kept(slot);
            }
            Ready::Special => {
                if pass == Pass::Yes && passes {
                    out.input(from, data.len());
                }
                if let Some(instead) = self.special_reply(now, slot) {
                    out.owned(&mut self.owned, instead);
                }
            }
            Ready::TooLong { confirmation } => {
                self.pass_all(slot, data, from, passes, out);
                if confirmation && slot == Slot::Current {
                    self.uncounted(now);
                } else {
                    self.counters.with(|c| c.overlap_doubtful += 1);
                }
            }
            Ready::Unexpected => match slot {
                Slot::Current => self.uncounted(now),
                Slot::Candidate if self.is_managed() => self.drop_candidate(now, "a reply nobody asked for"),
                Slot::Candidate => {
                    if let Some(t) = &mut self.candidate {
                        t.inbound.uncounted = true;
                    }
                }
                Slot::Retired => self.close_retired(),
            },
            Ready::Broken(error) => {
                self.pass_all(slot, data, from, passes, out);
                self.broken_in(now, slot, error);
            }
        }
    }

    fn broken_in(&mut self, now: Timestamp, slot: Slot, error: FrameError) {
        match slot {
            Slot::Current => self.broken(now, error),
            Slot::Candidate => self.drop_candidate(now, "not RESP"),
            Slot::Retired => self.close_retired(),
        }
    }

    fn clear_kept(&mut self, slot: Slot) {
        if let Some(t) = self.transport(slot) {
            t.inbound.clear_kept();
        }
    }

    fn pass_all(&mut self, slot: Slot, data: &[u8], from: usize, passes: bool, out: &mut Spans<'_>) {
        let transport = match slot {
            Slot::Current => &mut self.current,
            Slot::Candidate => &mut self.candidate,
            Slot::Retired => &mut self.retired,
        };
        let Some(t) = transport else { return };
        if passes {
            out.owned(&mut self.owned, t.inbound.kept());
            out.input(from, data.len());
        }
        t.inbound.clear_kept();
    }

    /// Replies can no longer be counted (N7).
    pub(super) fn uncounted(&mut self, now: Timestamp) {
        if let Some(t) = &mut self.current {
            t.inbound.uncounted = true;
        }
        self.forbid_handoff(now, OffReason::Uncounted);
    }

    /// A confirmation or a message, whole. True if it goes to the host.
    /// An error: there is no memory for it, and nothing has changed.
    fn read_push(&mut self, now: Timestamp, slot: Slot, push: &[u8]) -> Result<bool> {
        /// Of what one leads to.
        const ACTIONS: usize = 4;
        self.actions.room(ACTIONS)?;
        self.overlap.room()?;
        let limits = ValueLimits { max_bytes: self.config.limits.max_push_bytes, ..ValueLimits::default() };
        let elements = match value::parse(push, &limits) {
            Ok((Value::Array(elements), _)) => elements,
            Err(ValueError::NoMemory) => return Err(Error::NoMemory { bytes: push.len() }),
            _ => return Ok(true),
        };
        let name = elements.first().and_then(Value::as_text).unwrap_or_default();
        let channel = elements.get(1).and_then(Value::as_text);
        match topic_of(name) {
            Some((topic, subscribe)) => {
                if let Some(channel) = channel
                    && slot == Slot::Current
                {
                    let limit = self.config.limits.max_session_bytes;
                    let new = self.session.confirmed(topic, subscribe, channel, limit)?;
                    if self.session.overflow && self.no_handoff.is_none() {
                        self.forbid_handoff(now, OffReason::SessionTooLarge);
                    }
                    if new {
                        self.repeat_subscription(now, topic, subscribe, channel);
                    }
                    self.stirred |= self.handoff.is_some();
                }
                Ok(!self.count_confirmation(now, slot, topic, subscribe, channel))
            }
            None => self.message(slot, push),
        }
    }

    /// True if it answers a command of libsch's own.
    fn count_confirmation(
        &mut self,
        now: Timestamp,
        slot: Slot,
        topic: Topic,
        subscribe: bool,
        channel: Option<&[u8]>,
    ) -> bool {
        let now_subscribed = self.session.subscriptions(topic) as u64;
        let Some(t) = self.transport(slot) else { return false };
        let own = t.owed.is_front_own();
        let Some(Special::Pushes { topic: wanted, subscribe: kind, left, channels }) = t.owed.front_special()
        else {
            return false;
        };
        let named = channels.front().is_none_or(|next| Some(&**next) == channel);
        if (*wanted, *kind) != (topic, subscribe) || !named {
            return false; // unsolicited: servers send sunsubscribe when slots move
        }
        channels.pop_front();
        // UNSUBSCRIBE without names: one for each subscription. This one is already taken off.
        let remaining = left.unwrap_or(now_subscribed + 1).saturating_sub(1);
        *left = Some(remaining);
        if remaining == 0 {
            t.owed.pop();
            // Subscriptions are the last of a handshake by libsch.
            self.may_end_handshake(now, slot);
        }
        own
    }

    /// A message while two transports deliver them. True if it goes out right here.
    fn message(&mut self, slot: Slot, push: &[u8]) -> Result<bool> {
        let side = match (slot, self.retired.is_some()) {
            (Slot::Retired, _) | (Slot::Current, false) => Side::Old,
            (Slot::Candidate, _) | (Slot::Current, true) => Side::New,
        };
        let limits = &self.config.limits;
        let overlap = self.overlap.make();
        let stash = if slot == Slot::Current { None } else { Some(overlap.room_to_stash(push)?) };
        let verdict = overlap.judge(side, push, limits.max_overlap_messages, limits.max_overlap_bytes);
        match verdict {
            Verdict::Duplicate => {
                self.counters.with(|c| c.overlap_duplicates += 1);
                return Ok(false);
            }
            Verdict::Doubtful => self.counters.with(|c| c.overlap_doubtful += 1),
            Verdict::Deliver => {}
        }
        if let Some(message) = stash {
            overlap.stash(message);
        }
        Ok(slot == Slot::Current)
    }

    /// The reply to a special command has come. Answers bytes that go to the host instead of it.
    fn special_reply(&mut self, now: Timestamp, slot: Slot) -> Option<&'static [u8]> {
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

fn topic_of(name: &[u8]) -> Option<(Topic, bool)> {
    const NAMES: [(&[u8], Topic, bool); 6] = [
        (b"subscribe", Topic::Channel, true),
        (b"psubscribe", Topic::Pattern, true),
        (b"ssubscribe", Topic::Shard, true),
        (b"unsubscribe", Topic::Channel, false),
        (b"punsubscribe", Topic::Pattern, false),
        (b"sunsubscribe", Topic::Shard, false),
    ];
    let found = NAMES.iter().find(|(is, ..)| is.eq_ignore_ascii_case(name));
    found.map(|(_, topic, subscribe)| (*topic, *subscribe))
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
