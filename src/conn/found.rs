//! What a step of `receive` has found: read, with the memory that it takes, before anything has changed; then acted on.

use super::*;
use crate::conn::inbound::{Event, Next, Pass, Raw};
use crate::conn::notice::ReadNotification;
use crate::conn::receive::Spans;
use crate::conn::replies::FAILED_EXEC;
use crate::mem::Room;
use crate::resp::framer::FrameError;

/// What an event is about, read, with the memory that it takes.
#[allow(clippy::large_enum_variant)] // it goes nowhere, and a box would be one more thing to ask for
pub(super) enum Ready {
    Nothing,
    Notification(ReadNotification),
    Push { passes: bool, is_kept: bool },
    Special,
    TooLong { confirmation: bool },
    Unexpected,
    Broken(FrameError),
}

impl Connection {
    /// Reads what an event is about, and asks for the memory that it takes, before anything but the reading has changed.
    pub(super) fn ready(&mut self, now: Timestamp, slot: Slot, data: &[u8], next: &Next) -> Result<Ready> {
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
    pub(super) fn event(
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

    pub(super) fn broken_in(&mut self, now: Timestamp, slot: Slot, error: FrameError) {
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

    pub(super) fn pass_all(
        &mut self,
        slot: Slot,
        data: &[u8],
        from: usize,
        passes: bool,
        out: &mut Spans<'_>,
    ) {
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
}
