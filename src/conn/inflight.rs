//! Replies owed by one transport, in order: 4 bytes a command, and a side queue for the few whose reply must be read.
//! Knows what a reply ends, not what it says.

use crate::action::{Class, CommandNumber};
use crate::commands::Topic;
use crate::conn::effect::Watched;
use crate::conn::ring::Ring;
use crate::error::Result;
use crate::mem::{self, Room};
use std::collections::VecDeque;

/// One command: length in bytes, class, kind, packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry(u32);

const OWN: u32 = 1 << 31;
const SPECIAL: u32 = 1 << 30;
const READ: u32 = 1 << 29;
const QUEUED: u32 = 1 << 28;
const BLOCKING: u32 = 1 << 27;
/// Lengths above are kept as this; such a command is never taken back as unwritten.
const MAX_LEN: u32 = (1 << 27) - 1;

/// The longest command whose length is known.
pub(super) const LONGEST: usize = MAX_LEN as usize - 1;

impl Entry {
    pub(super) const NONE: Self = Self(0);

    pub(super) fn new(len: u64, class: Class) -> Self {
        let len = u32::try_from(len).unwrap_or(MAX_LEN).min(MAX_LEN);
        Self(len | if class == Class::ReadOnly { READ } else { 0 })
    }
    /// The length of a command that has none yet, and is not longer than `LONGEST`.
    #[inline(always)]
    pub(super) fn of_short(self, len: usize) -> Self {
        debug_assert!(self.len() == 0 && len <= LONGEST);
        Self(self.0 | len as u32)
    }
    /// The command is queued in a transaction.
    pub(super) fn queued(self) -> Self {
        Self((self.0 | QUEUED) & !READ)
    }
    /// The server may take its time to answer (F3).
    pub(super) fn blocking(self) -> Self {
        Self(self.0 | BLOCKING)
    }
    pub(super) fn is_blocking(self) -> bool {
        self.0 & BLOCKING != 0
    }
    pub(super) fn is_queued(self) -> bool {
        self.0 & QUEUED != 0
    }
    pub(super) fn len(self) -> usize {
        (self.0 & MAX_LEN) as usize
    }
    pub(super) fn with_len(self, len: usize) -> Self {
        Self((self.0 & !MAX_LEN) | u32::try_from(len).unwrap_or(MAX_LEN).min(MAX_LEN))
    }
    pub(super) fn is_len_known(self) -> bool {
        self.0 & MAX_LEN != MAX_LEN
    }
    pub(super) fn class(self) -> Class {
        if self.0 & READ != 0 { Class::ReadOnly } else { Class::Write }
    }
    pub(super) fn is_own(self) -> bool {
        self.0 & OWN != 0
    }
    pub(super) fn is_special(self) -> bool {
        self.0 & SPECIAL != 0
    }
}

/// What is particular about the reply to one command.
#[derive(Debug)]
pub(super) enum Special {
    /// There is none: the command ends as soon as all before it have.
    Silent,
    /// It passes, and is read for its effect.
    Watched(Watched),
    /// Confirmations come as pushes; `left` of them (`None`: as many as there are
    /// subscriptions when its turn comes), or one error.
    Pushes {
        topic: Topic,
        subscribe: bool,
        left: Option<u64>,
        /// What `left` confirmations must name, in order; empty where any will do.
        channels: VecDeque<Box<[u8]>>,
    },
    /// Libsch's own command: its reply is swallowed.
    Own(Own),
    /// The rest of a reply that had begun to come before any was counted: it passes, and is no command's.
    Begun,
    /// The reply passes as the failed EXEC of a broken WATCH.
    FailedExec,
    /// Never written: answered by LOST when its turn comes.
    Refused,
    /// Held, and withdrawn by the host: it never comes here.
    Withdrawn,
}

impl Special {
    /// Servers end subscriptions of shard channels unasked, when their slots move: only what names its channels can tell
    /// such a push from the answer (N5).
    pub(super) fn channels<'a>(
        topic: Topic,
        subscribe: bool,
        names: impl Iterator<Item = &'a [u8]>,
    ) -> Result<VecDeque<Box<[u8]>>> {
        let mut channels = VecDeque::new();
        for name in names.filter(|_| topic == Topic::Shard && !subscribe) {
            channels.room(1)?;
            channels.push_back(mem::copy(name)?.into_boxed_slice());
        }
        Ok(channels)
    }
}

/// Libsch's own commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    Hello,
    Auth,
    /// Its refusal is ignored and counted: SETINFO, SETNAME, NO-EVICT, NO-TOUCH.
    Soft,
    /// Its refusal fails the attempt: SELECT, READONLY, TRACKING, subscriptions.
    Hard,
    Optin,
    Ping,
}

/// A run of lost commands of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) number: CommandNumber,
    pub(super) entry: Entry,
    pub(super) refused: bool,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    entries: Ring<Entry>,
    /// Number of the first host command in `entries`.
    number: CommandNumber,
    /// How many entries are libsch's own.
    own: usize,
    specials: VecDeque<(u64, Special)>,
}

impl InFlight {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many of them are the host's.
    pub(super) fn hosts(&self) -> u64 {
        (self.entries.len() - self.own) as u64
    }

    /// How many have ended since this queue was made.
    pub(super) fn ended(&self) -> u64 {
        self.entries.front()
    }

    /// A blocking command is not answered. Looks at all of them: for the deadline of a handoff.
    pub(super) fn is_blocked(&self) -> bool {
        self.entries.iter().any(|e| e.is_blocking())
    }

    /// Adds a host command.
    pub(super) fn push(&mut self, number: CommandNumber, entry: Entry, special: Option<Special>) {
        if self.entries.len() == self.own {
            self.number = number;
        }
        self.push_entry(entry, special);
    }

    /// The hot path of `push`: no special, and the queue's numbers go on.
    pub(super) fn push_plain(&mut self, number: CommandNumber, entry: Entry) {
        match self.entries.last() {
            None => self.number = number,
            Some(last) if last.is_own() => return self.push(number, entry, None),
            Some(_) => {}
        }
        self.entries.push_back(entry);
    }

    /// The same for some that follow each other, for which there is room.
    #[inline]
    pub(super) fn push_run(&mut self, number: CommandNumber, run: &[Entry]) {
        if let [first, rest @ ..] = run {
            self.push_plain(number, *first);
            self.entries.extend(rest);
        }
    }

    /// For so many more there is room now.
    pub(super) fn spare(&self) -> usize {
        self.entries.spare()
    }

    /// Adds bytes that are no command (blank lines), so that lengths add up.
    pub(super) fn push_blank(&mut self, len: usize) {
        self.own += 1;
        self.push_entry(Entry(Entry::new(len as u64, Class::ReadOnly).0 | OWN), Some(Special::Silent));
    }

    /// Adds a command of libsch's own.
    pub(super) fn push_own(&mut self, len: usize, own: Own) {
        self.push_asked(len, Special::Own(own));
    }

    /// The same, with what its answer means.
    pub(super) fn push_asked(&mut self, len: usize, special: Special) {
        self.own += 1;
        self.push_entry(Entry(Entry::new(len as u64, Class::ReadOnly).0 | OWN), Some(special));
    }

    /// Room for so many commands, of which so many are special.
    pub(super) fn room(&mut self, commands: usize, specials: usize) -> Result<()> {
        self.entries.room(commands)?;
        self.specials.room(specials)
    }

    /// The hot path of `room`: for one that is not special.
    #[inline]
    pub(super) fn room_for_one(&mut self) -> Result<()> {
        self.entries.room(1)
    }

    fn push_entry(&mut self, entry: Entry, special: Option<Special>) {
        let position = self.entries.front() + self.entries.len() as u64;
        match special {
            Some(special) => {
                self.entries.push_back(Entry(entry.0 | SPECIAL));
                self.specials.push_back((position, special));
                self.skip_silent();
            }
            None => self.entries.push_back(entry),
        }
    }

    /// How many replies can be counted off before one must be looked at.
    #[inline]
    pub(super) fn plain_run(&self) -> u64 {
        match self.specials.front() {
            Some((position, _)) => position - self.entries.front(),
            None => self.entries.len() as u64,
        }
    }

    /// The next reply is read for more than its end, and holds none of the host's data.
    pub(super) fn reads_front(&self) -> bool {
        let read = |special: &Special| {
            matches!(special, Special::Own(_))
                || matches!(special, Special::Watched(change) if !matches!(change, Watched::Exec { .. }))
        };
        self.specials.front().is_some_and(|(position, special)| *position == self.ended() && read(special))
    }

    /// Counts one plain reply off, where all that are owed are plain. False: they are not, or there is none.
    #[inline(always)] // in the steady path
    pub(super) fn pop_one_of_plain(&mut self) -> bool {
        let plain = self.specials.is_empty() && !self.entries.is_empty();
        if plain {
            self.entries.drop_front(1);
            self.number += 1;
        }
        plain
    }

    /// Counts off `n` plain replies; `n` is at most `plain_run`.
    #[inline]
    pub(super) fn pop_plain(&mut self, n: u64) {
        self.entries.drop_front(n as usize);
        self.number += n;
        if !self.specials.is_empty() {
            self.skip_silent();
        }
    }

    /// Counts off about as many as `n` frames answer, where it cannot be told (N7).
    #[inline(never)] // rare, in the midst of what is not
    pub(super) fn pop_about(&mut self, n: u64) {
        for _ in 0..n {
            if self.pop().is_none() {
                return;
            }
        }
    }

    /// Commands without a reply end when all before them have.
    fn skip_silent(&mut self) {
        while matches!(self.front_special(), Some(Special::Silent)) {
            self.take_front();
        }
    }

    /// The special reply that is next, if the next one is special.
    pub(super) fn front_special(&mut self) -> Option<&mut Special> {
        match self.specials.front_mut() {
            Some((position, special)) if *position == self.entries.front() => Some(special),
            _ => None,
        }
    }

    /// The next command was refused before it was written.
    #[inline]
    pub(super) fn is_front_refused(&self) -> bool {
        matches!(self.specials.front(), Some((position, Special::Refused)) if *position == self.ended())
    }

    /// The next reply answers a command of libsch's own.
    pub(super) fn is_front_own(&self) -> bool {
        self.entries.get(0).is_some_and(Entry::is_own)
    }

    /// Takes the next command off, whatever it is.
    pub(super) fn pop(&mut self) -> Option<(Owed, Option<Special>)> {
        let popped = self.take_front();
        self.skip_silent();
        popped
    }

    fn take_front(&mut self) -> Option<(Owed, Option<Special>)> {
        let entry = self.entries.pop_front()?;
        let special =
            if entry.is_special() { self.specials.pop_front().map(|(_, special)| special) } else { None };
        let owed = Owed { number: self.number, entry, refused: matches!(special, Some(Special::Refused)) };
        if entry.is_own() {
            self.own -= 1;
        } else {
            self.number += 1;
        }
        Some((owed, special))
    }

    /// Takes the newest command off: it was not written.
    pub(super) fn pop_back(&mut self) -> Option<(Owed, Option<Special>)> {
        let entry = self.entries.pop_back()?;
        let special =
            if entry.is_special() { self.specials.pop_back().map(|(_, special)| special) } else { None };
        if entry.is_own() {
            self.own -= 1;
        }
        let hosts_left = (self.entries.len() - self.own) as u64;
        let owed = Owed {
            number: self.number + hosts_left,
            entry,
            refused: matches!(special, Some(Special::Refused)),
        };
        Some((owed, special))
    }

    /// How many of the newest commands are whole in the last `left` bytes, and how many bytes are before them.
    pub(super) fn within(&self, mut left: usize) -> (usize, usize) {
        let fits = |entry: &Entry| {
            let fits = entry.is_len_known() && entry.len() <= left;
            left -= if fits { entry.len() } else { 0 };
            fits
        };
        (self.entries.iter().rev().take_while(fits).count(), left)
    }

    /// The newest `count` records, oldest first.
    pub(super) fn newest(&self, count: usize) -> impl Iterator<Item = Entry> {
        self.entries.iter().skip(self.entries.len() - count)
    }

    /// Runs of commands that are lost in one LOST each: no more than this.
    pub(super) fn runs(&self) -> usize {
        let kind = |entry: Entry| entry.0 & !MAX_LEN & !BLOCKING;
        1 + self.entries.iter().zip(self.entries.iter().skip(1)).filter(|(a, b)| kind(*a) != kind(*b)).count()
    }

    /// Where the commands at the end begin that a transaction has queued, beyond all if there are none; `None` if they end with its
    /// end.
    pub(super) fn open_transaction(&self) -> Option<CommandNumber> {
        let mut specials = self.specials.iter().rev().map(|(_, special)| special);
        let mut number = self.number + (self.entries.len() - self.own) as u64;
        let mut first = CommandNumber::MAX;
        for entry in self.entries.iter().rev() {
            let special = if entry.is_special() { specials.next() } else { None };
            number -= u64::from(!entry.is_own());
            if entry.is_own() || matches!(special, Some(Special::Silent)) {
                continue;
            }
            let ends = matches!(special, Some(Special::Watched(Watched::Exec { .. } | Watched::Discard)));
            if ends && first == CommandNumber::MAX {
                return None;
            }
            if !entry.is_queued() {
                break;
            }
            first = number;
            if matches!(special, Some(Special::Watched(Watched::Multi))) {
                break;
            }
        }
        Some(first)
    }

    /// Specials in order, to look for what is open.
    pub(super) fn specials(&self) -> impl Iterator<Item = &Special> {
        self.specials.iter().map(|(_, special)| special)
    }

    /// Gives memory back that a burst took (called when idle, not on the steady path).
    pub(super) fn shrink(&mut self) {
        // Not `shrink_to_fit`: that may ask for memory.
        if self.entries.is_empty() {
            self.entries.shrink();
            self.specials = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(len: u64) -> Entry {
        Entry::new(len, Class::ReadOnly)
    }

    #[test]
    fn l1_numbers_skip_own_commands() {
        let mut q = InFlight::default();
        q.push_own(14, Own::Ping);
        q.push(5, read(10), None);
        q.push_plain(6, Entry::new(11, Class::Write));
        assert_eq!(q.plain_run(), 0);
        assert!(matches!(q.pop(), Some((_, Some(Special::Own(Own::Ping))))));
        assert_eq!(q.plain_run(), 2);
        let (owed, _) = q.pop().unwrap();
        assert_eq!((owed.number, owed.entry.len(), owed.entry.class()), (5, 10, Class::ReadOnly));
        assert_eq!(q.pop().unwrap().0.number, 6);
    }

    #[test]
    fn l1_plain_run_stops_at_a_special() {
        let mut q = InFlight::default();
        q.push_plain(1, read(1));
        q.push_plain(2, read(1));
        q.push(3, read(1), Some(Special::Refused));
        q.push_plain(4, read(1));
        assert_eq!(q.plain_run(), 2);
        q.pop_plain(2);
        assert!(matches!(q.front_special(), Some(Special::Refused)));
        q.pop();
        assert_eq!((q.plain_run(), q.number), (1, 4));
    }

    #[test]
    fn e1_newest_first_when_unwritten() {
        let mut q = InFlight::default();
        for n in 1..=3 {
            q.push_plain(n, read(n * 10));
        }
        let (owed, _) = q.pop_back().unwrap();
        assert_eq!((owed.number, owed.entry.len()), (3, 30));
        assert_eq!(q.len(), 2);
    }

    #[test]
    fn s1_a_length_beyond_the_record_is_not_known() {
        assert!(!Entry::new(u64::MAX, Class::Write).is_len_known());
        assert!(Entry::new(1 << 20, Class::Write).is_len_known());
        assert!(!Entry::new(0, Class::Write).with_len(usize::MAX - 1).is_len_known());
        assert!(!Entry::new(0, Class::Write).with_len(1 << 32).is_len_known());
    }
}
