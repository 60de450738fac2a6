//! Subscriptions while two transports deliver them (F2): what both bring is delivered once; in doubt, twice.
//! Knows raw message pushes, not sockets.

use crate::error::Result;
use crate::mem::{self, Room};
use std::collections::VecDeque;

/// Which transport a message came on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Old,
    New,
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The host has not had it.
    Deliver,
    /// The host has it from the other transport.
    Duplicate,
    /// It cannot be remembered, or compared: if there is another one it is delivered too.
    Doubtful,
}

/// Messages that one side has brought and the other has not yet.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    /// The old transport answered a PING written after the candidate's confirmation: from then on both sides
    /// see the same messages. Before, what the old one brings may be from before the candidate's subscription.
    pub(super) aligned: bool,
    /// That PING is wanted or written.
    pub(super) asked: bool,
    old: VecDeque<Box<[u8]>>,
    new: VecDeque<Box<[u8]>>,
    bytes: usize,
    /// Messages of the one that is not current, waiting for a frame boundary of the one that is; none is empty.
    stash: VecDeque<Box<[u8]>>,
    stashed_bytes: usize,
}

impl Overlap {
    /// Messages are no more compared, because `gone` is. Answers how many are in doubt: what only it has brought the other one
    /// will bring again. What waits still goes out.
    pub(super) fn end(&mut self, gone: Side) -> usize {
        let ended = core::mem::take(self);
        (self.stash, self.stashed_bytes) = (ended.stash, ended.stashed_bytes);
        match gone {
            Side::Old => ended.old.len(),
            Side::New => ended.new.len(),
        }
    }

    /// Nothing is compared, nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        !self.aligned && !self.asked && self.old.is_empty() && self.new.is_empty() && self.stash.is_empty()
    }

    /// A copy of `message` for `stash`, and room for it there.
    pub(super) fn room_to_stash(&mut self, message: &[u8]) -> Result<Vec<u8>> {
        self.stash.room(1)?;
        mem::copy(message)
    }

    pub(super) fn stash(&mut self, message: Vec<u8>) {
        self.stashed_bytes += message.len();
        self.stash.push_back(message.into());
    }

    /// The length of the next one that waits.
    pub(super) fn next_stashed(&self) -> usize {
        self.stash.front().map_or(0, |message| message.len())
    }

    pub(super) fn stashed_bytes(&self) -> usize {
        self.stashed_bytes
    }

    /// The next one that waits.
    pub(super) fn unstash(&mut self) -> Option<Box<[u8]>> {
        let message = self.stash.pop_front()?;
        self.stashed_bytes -= message.len();
        Some(message)
    }

    pub(super) fn forget_stash(&mut self) {
        self.stash.clear();
        self.stashed_bytes = 0;
    }

    /// The candidate subscribes, to the first name or to one more: they are to be aligned again.
    pub(super) fn unaligned(&mut self) {
        self.aligned = false;
        self.asked = false;
    }

    pub(super) fn judge(&mut self, side: Side, raw: &[u8], max_messages: usize, max_bytes: usize) -> Verdict {
        if side == Side::Old && !self.aligned {
            return Verdict::Doubtful;
        }
        let (mine, other) = match side {
            Side::Old => (&mut self.old, &mut self.new),
            Side::New => (&mut self.new, &mut self.old),
        };
        if let Some(found) = other.iter().position(|m| **m == *raw) {
            other.remove(found);
            self.bytes -= raw.len();
            return Verdict::Duplicate;
        }
        if mine.len() >= max_messages || self.bytes + raw.len() > max_bytes || mine.room(1).is_err() {
            return Verdict::Doubtful;
        }
        let Ok(copy) = mem::copy(raw) else { return Verdict::Doubtful };
        self.bytes += raw.len();
        mine.push_back(copy.into());
        Verdict::Deliver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2_same_message_on_both_is_delivered_once_and_counted() {
        let mut o = Overlap { aligned: true, ..Default::default() };
        assert_eq!(o.judge(Side::New, b"m", 8, 64), Verdict::Deliver);
        assert_eq!(o.judge(Side::New, b"m", 8, 64), Verdict::Deliver);
        assert_eq!(o.judge(Side::Old, b"m", 8, 64), Verdict::Duplicate);
        assert_eq!(o.judge(Side::Old, b"m", 8, 64), Verdict::Duplicate);
        assert_eq!(o.judge(Side::Old, b"m", 8, 64), Verdict::Deliver);
        assert_eq!(o.bytes, 1);
    }

    #[test]
    fn f2_before_both_are_aligned_the_old_one_is_delivered_counted_and_forgotten() {
        let mut o = Overlap::default();
        assert_eq!(o.judge(Side::Old, b"m", 8, 64), Verdict::Doubtful);
        assert_eq!(o.judge(Side::New, b"m", 8, 64), Verdict::Deliver);
    }

    #[test]
    fn s1_max_overlap_messages_and_bytes_deliver_in_doubt() {
        let mut o = Overlap { aligned: true, ..Default::default() };
        assert_eq!(o.judge(Side::New, b"a", 1, 64), Verdict::Deliver);
        assert_eq!(o.judge(Side::New, b"b", 1, 64), Verdict::Doubtful);
        assert_eq!(o.judge(Side::Old, b"cc", 8, 2), Verdict::Doubtful);
    }
}
