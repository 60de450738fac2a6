//! Log lines, kept in a bounded queue until the host reads them. Knows no clock and no sink.

use crate::mem::{self, Room};
use std::collections::VecDeque;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Something did not work and a user may notice.
    Error = 1,
    /// Something is odd and was dealt with.
    Warn = 2,
    /// A maintenance step.
    Info = 3,
    /// All else.
    Debug = 4,
}

/// Lines waiting to be read.
#[derive(Debug, Default)]
pub struct Lines {
    queue: VecDeque<(Level, String)>,
    /// Lines dropped because nobody read them, or there was no memory for them.
    pub dropped: u64,
}

impl Lines {
    /// Adds a line, or counts it as dropped when `limit` lines wait.
    pub fn push(&mut self, limit: usize, level: Level, line: core::fmt::Arguments<'_>) {
        let has_room = self.queue.len() < limit && self.queue.room(1).is_ok();
        match mem::text(|text| text.write_fmt(line)).filter(|_| has_room) {
            Some(line) => self.queue.push_back((level, line)),
            None => self.dropped += 1,
        }
    }

    /// Gives back what waiting lines took; true if there is nothing to tell any more.
    pub(crate) fn rests(&mut self) -> bool {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        self.queue.is_empty() && self.dropped == 0
    }

    /// The oldest line.
    pub fn pop(&mut self) -> Option<(Level, String)> {
        self.queue.pop_front()
    }
}
