//! What comes in (E3, L3), step by step: spans of it for the host. What was found in a step is for `found`.

use super::*;
use crate::conn::inbound::Run;
use crate::mem::Room;
use crate::resp::framer::FrameError;

/// Actions that may wait before `receive` stops: what a server says must not grow without the host acting on it (S1).
pub(super) const MAX_ACTIONS: usize = 64;

/// A step gives at most this many spans.
pub(crate) const SPANS_A_STEP: usize = 2;

/// The caller's array, being filled.
pub(super) struct Spans<'a> {
    out: &'a mut [Span],
    len: usize,
}

impl Spans<'_> {
    pub(super) fn input(&mut self, start: usize, len: usize) {
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

    pub(super) fn owned(&mut self, owned: &mut Vec<u8>, bytes: &[u8]) {
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
    pub(super) fn passes(&self, slot: Slot) -> bool {
        slot == Slot::Current || self.config.level_out != LevelOut::Managed
    }
}
