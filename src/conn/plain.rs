//! The shortest way through `submit`: commands that are only written and counted. What it does is what the long way does.

use super::inflight::Entry;
use super::transport::Optin;
use super::*;
use crate::commands;
use crate::resp::glance::{self, Glance, glance};

const _: () = assert!(glance::MAX_COMMAND_LEN < inflight::LONGEST);

/// Commands that are counted in one go.
const BLOCK: usize = 32;

/// So much was written and counted.
#[derive(Default)]
pub(super) struct PlainRun {
    pub(super) bytes: usize,
    pub(super) count: u64,
}

impl Connection {
    pub(super) fn writes_directly(&self) -> bool {
        !self.is_holding()
            && self.holds_nothing()
            && !self.out.is_tx_broken()
            && self.current.as_ref().is_some_and(|t| t.region.is_empty())
    }

    /// A whole command that is plain would only be written and counted, and changes nothing of that.
    pub(super) fn passes_plain(&self, direct: bool) -> bool {
        direct
            && self.out.handshaken
            && self.out.at_boundary()
            && self.out.is_ordinary()
            && !self.out.discarding
            && self.phase != Phase::Ready
    }

    /// Plain commands would only be written and counted: nothing is to be done before, nor after.
    #[inline]
    pub(super) fn writes_plainly(&self, now: Timestamp) -> bool {
        let out = &self.out;
        let Some(t) = self.current.as_deref() else { return false };
        // Without branches between them: all hold, but for very few calls.
        let nothing_to_do = !(self.stirred | self.want_ping | self.put_off | self.trace.is_on());
        let ordinary = !(out.prefix | out.skip_next | out.reply_off | out.discarding | out.broken);
        self.phase == Phase::Serving
            && nothing_to_do
            && ordinary
            && out.handshaken
            && out.at_boundary()
            && !out.has_tx()
            && self.hold.get().is_none_or(Hold::is_empty)
            && t.region.is_empty()
            && t.optin != Optin::Wanted
            && self.is_managed()
            && self.is_before_wake(now)
    }

    /// The plain commands at the beginning of `data`, as far as there is room to count them. Only where `passes_plain`.
    #[inline(never)] // in two places
    pub(super) fn submit_plain(&mut self, data: &[u8]) -> PlainRun {
        let mut run = PlainRun::default();
        let limits = &self.config.limits;
        let Some(t) = self.current.as_deref_mut() else { return run };
        let room = t.owed.spare().min(limits.max_in_flight.saturating_sub(t.owed.len()));
        // Within limits that are tighter than what is seen at a glance the reader looks at each argument.
        let tight =
            limits.command.max_args < glance::MAX_ARGS || limits.command.max_bulk_len < glance::MAX_BULK_LEN;
        // What an earlier command left in the reader may be secret: it goes with the next one that is read.
        if room == 0 || tight || self.out.reader.keeps() {
            return run;
        }
        #[expect(clippy::redundant_closure, reason = "without it, it is a call")]
        let Some((rest, empty)) = glance(data, |name, len| plain_entry(name, len)) else { return run };
        let len = data.len() - rest.len();
        t.owed.push_plain(self.out.next_number, empty.of_short(len));
        self.out.next_number += 1;
        run = PlainRun { bytes: len, count: 1 };
        if len < data.len() {
            self.submit_pipeline(data, room - 1, &mut run);
        }
        run
    }

    /// More of them.
    #[inline(never)] // so that one command costs what one costs
    fn submit_pipeline(&mut self, data: &[u8], mut room: usize, run: &mut PlainRun) {
        let Some(t) = self.current.as_deref_mut() else { return };
        let mut seen = Glance::new(Entry::NONE);
        let mut rest = &data[run.bytes..];
        loop {
            let mut block = [Entry::NONE; BLOCK];
            let mut count = 0;
            let places = &mut block[..BLOCK.min(room)];
            while let Some(place) = places.get_mut(count)
                && let Some((behind, empty)) = seen.next(rest, plain_entry)
            {
                *place = empty.of_short(rest.len() - behind.len());
                rest = behind;
                count += 1;
            }
            t.owed.push_run(self.out.next_number, &block[..count]);
            self.out.next_number += count as u64;
            run.count += count as u64;
            room -= count;
            if count < BLOCK {
                run.bytes = data.len() - rest.len();
                return;
            }
        }
    }
}

/// The record of a plain command without its length.
#[inline(always)]
fn plain_entry(name: u64, len: usize) -> Option<Entry> {
    Some(Entry::new(0, commands::plain(name, len)?))
}
