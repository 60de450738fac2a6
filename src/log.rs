//! Log lines, kept in a bounded queue until the host reads them. Knows no clock and no sink.

use crate::mem::{self, Room};
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::VecDeque;

/// Bytes of a line of a pool or a cluster; what is longer is cut, and ends in three dots. The longest without a list of slots
/// or shards names three hosts of [`MAX_HOST`](crate::endpoint::MAX_HOST).
pub const MAX_LINE: usize = 1023;

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

/// The log of something that threads share, as its lock protects it. Without a level it is one comparison for each line.
#[derive(Debug, Default)]
pub(crate) struct Log {
    level: Option<Level>,
    limit: usize,
    lines: Lines,
}

impl Log {
    /// No log; of one, at most `limit` lines wait.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// From now on up to that level; without one what waits is forgotten.
    pub(crate) fn set_level(&mut self, level: Option<Level>) {
        self.level = level;
        if level.is_none() {
            self.lines = Lines::default();
        }
    }

    #[inline]
    pub(crate) fn wants(&self, level: Level) -> bool {
        self.level.is_some_and(|wanted| level <= wanted)
    }

    /// Adds a line that is wanted.
    #[cold]
    pub(crate) fn add(&mut self, level: Level, line: fmt::Arguments<'_>) {
        self.lines.push(self.limit, level, format_args!("{}", Cut(line)));
    }

    fn waits(&self) -> bool {
        !self.lines.queue.is_empty() || self.lines.dropped > 0
    }

    /// The oldest line; that some were dropped is said behind those that were not.
    fn pop(&mut self) -> Option<(Level, String)> {
        self.lines.pop().or_else(|| {
            let count = core::mem::take(&mut self.lines.dropped);
            let said = count > 0 && self.wants(Level::Warn);
            let line = said.then(|| mem::text(|text| write!(text, "event=log-lines-dropped count={count}")));
            line.flatten().map(|line| (Level::Warn, line))
        })
    }
}

/// Adds a line to a [`Log`], if its level is wanted: else nothing of it is looked at.
macro_rules! line {
    ($log:expr, $level:ident, $($line:tt)*) => {
        if $log.wants($crate::log::Level::$level) {
            $log.add($crate::log::Level::$level, format_args!($($line)*));
        }
    };
}
pub(crate) use line;

/// Whether lines wait, for who asks without the lock.
#[derive(Debug, Default)]
pub(crate) struct LinesWait(AtomicBool);

impl LinesWait {
    /// One relaxed load.
    #[inline]
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Last thing under the lock of who has said something.
    #[inline]
    pub(crate) fn publish(&self, log: &Log) {
        if log.waits() {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// The oldest line, under that lock.
    pub(crate) fn pop(&self, log: &mut Log) -> Option<(Level, String)> {
        let line = log.pop();
        self.0.store(log.waits(), Ordering::Relaxed);
        line
    }
}

/// A line that is at most [`MAX_LINE`] long.
struct Cut<'a>(fmt::Arguments<'a>);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DOTS: &str = "...";
        let mut part = Part { out: f, left: MAX_LINE - DOTS.len(), is_cut: false };
        match part.write_fmt(self.0) {
            Err(_) if part.is_cut => f.write_str(DOTS),
            whole => whole,
        }
    }
}

/// Ends with an error where there is no more room.
struct Part<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    left: usize,
    is_cut: bool,
}

impl Write for Part<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let len = text.floor_char_boundary(self.left);
        self.out.write_str(&text[..len])?;
        self.left -= len;
        self.is_cut = len < text.len();
        if self.is_cut { Err(fmt::Error) } else { Ok(()) }
    }
}

/// What is there, or `none`.
pub(crate) struct Known<T>(pub(crate) Option<T>);

impl<T: fmt::Display> fmt::Display for Known<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(known) => known.fmt(f),
            None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(log: &mut Log) -> Vec<(Level, String)> {
        core::iter::from_fn(|| LinesWait::default().pop(log)).collect()
    }

    #[test]
    fn s1_lines_are_cut_at_max_line_between_characters() {
        let mut log = Log::new(9);
        log.set_level(Some(Level::Info));
        for len in [MAX_LINE - 3, MAX_LINE - 2, 100_000] {
            line!(log, Info, "{}", "\u{e4}".repeat(len / 2 + 1));
            line!(log, Info, "{}", "a".repeat(len));
        }
        let lens: Vec<usize> = all(&mut log).iter().map(|(_, line)| line.len()).collect();
        assert_eq!(lens, [MAX_LINE, MAX_LINE - 3, MAX_LINE, MAX_LINE, MAX_LINE, MAX_LINE]);
    }

    #[test]
    fn s1_lines_beyond_the_limit_are_dropped_and_said_once() {
        let mut log = Log::new(2);
        log.set_level(Some(Level::Warn));
        (0..5).for_each(|n| line!(log, Warn, "event={n}"));
        line!(log, Info, "event=not-wanted");
        let said: Vec<String> = all(&mut log).into_iter().map(|(_, line)| line).collect();
        assert_eq!(said, ["event=0", "event=1", "event=log-lines-dropped count=3"]);
        line!(log, Warn, "event=6");
        log.set_level(None);
        assert_eq!(all(&mut log), []);
    }
}
