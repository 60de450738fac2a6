//! From a name to its facts, in one probe of a table that is laid out at compile time: the rows of the server, and over
//! them what `shape` knows by hand. Knows no arguments.

use super::shape::{Kind, SAFE, SPECIAL};
use super::table;
use crate::resp::command::{Keep, upper};

/// Whether a command is safe to send again when it is not known whether it ran (L1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It changes nothing: what the server flags so, scripts that promise it (EVAL_RO), and a list of commands without
    /// flags (PING, INFO, ...).
    ReadOnly,
    /// All else: also what is unknown, what changes the connection, and WAIT, whose answer speaks of the writes of
    /// one connection and would be a false promise on another.
    Write,
}

/// What is known of a command by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    class: Class,
    keep: Keep,
    pub(super) kind: Kind,
}

impl Facts {
    /// A command that is not in the table: a write with one reply.
    pub const UNKNOWN: Facts = Facts::new(Class::Write, Kind::Plain);

    const fn new(class: Class, kind: Kind) -> Facts {
        Facts { class, keep: kind.keep(), kind }
    }

    /// Whether it is safe to send again.
    #[inline]
    pub fn class(self) -> Class {
        self.class
    }

    /// One reply, no effect on the session: nothing else needs to be known of it.
    #[inline]
    pub fn is_plain(self) -> bool {
        matches!(self.kind, Kind::Plain | Kind::Container)
    }

    /// What must be kept of it: for CLIENT and its like the second word, which makes the name whole (look that up then);
    /// for those whose [`meaning`](super::meaning) depends on them, the arguments.
    #[inline]
    pub fn keep(self) -> Keep {
        self.keep
    }
}

/// What is known of the command `name`, in any case. `second` is its second word, or empty while that is not known; it is
/// looked at only for the commands that are containers.
#[inline]
pub fn lookup(name: &[u8], second: &[u8]) -> Facts {
    let Some(index) = INDEX.find(0, name) else { return Facts::UNKNOWN };
    let facts = INDEX.entries[index].facts;
    if matches!(facts.kind, Kind::Container) && !second.is_empty() {
        lookup_second(index, second)
    } else {
        facts
    }
}

#[inline(never)]
fn lookup_second(container: usize, second: &[u8]) -> Facts {
    // An unknown sub-command is an error of the server: one reply.
    match INDEX.find(container as u16 + 1, second) {
        Some(index) => INDEX.entries[index].facts,
        None => Facts::UNKNOWN,
    }
}

/// Names longer than this are told apart by a comparison of what lies between the first and the last eight bytes.
const TWO_WORDS: usize = 16;
const SLOTS: usize = 1024;
const FREE: u16 = u16::MAX;
const ENTRIES: usize = table::ROWS.len() + missing();

#[derive(Clone, Copy)]
struct Key {
    head: u64,
    tail: u64,
}

impl Key {
    /// The name in upper case: its first and its last eight bytes, which overlap in most.
    #[inline]
    const fn new(name: &[u8]) -> Key {
        let (head, tail) = if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
            (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
        } else if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
            (u32::from_le_bytes(*head) as u64 | (u32::from_le_bytes(*tail) as u64) << 32, 0)
        } else {
            match *name {
                [a, b, c] => (u32::from_le_bytes([a, b, c, 0]) as u64, 0),
                [a, b] => (u32::from_le_bytes([a, b, 0, 0]) as u64, 0),
                [a] => (a as u64, 0),
                _ => (0, 0),
            }
        };
        Key { head: upper(head), tail: upper(tail) }
    }

    #[inline]
    const fn slot(self, container: u16, len: usize) -> usize {
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        let salt = (container as u64) << 8 | len as u64;
        let mixed = (self.head ^ self.tail.rotate_left(23) ^ salt.wrapping_mul(MIX)).wrapping_mul(MIX);
        (mixed >> (64 - SLOTS.trailing_zeros())) as usize
    }
}

#[derive(Clone, Copy)]
struct Entry {
    key: Key,
    name: &'static str,
    /// The index of the container + 1, or 0.
    container: u16,
    facts: Facts,
}

/// Open addressing over slots that are twice as many as the entries and more.
struct Index {
    slots: [u16; SLOTS],
    entries: [Entry; ENTRIES],
}

static INDEX: Index = Index::build();

impl Index {
    #[inline]
    const fn find(&self, container: u16, name: &[u8]) -> Option<usize> {
        let key = Key::new(name);
        let mut slot = key.slot(container, name.len());
        loop {
            let index = self.slots[slot];
            if index == FREE {
                return None;
            }
            let entry = &self.entries[index as usize];
            if entry.key.head == key.head
                && entry.key.tail == key.tail
                && entry.name.len() == name.len()
                && entry.container == container
                && (name.len() <= TWO_WORDS || entry.name.as_bytes().eq_ignore_ascii_case(name))
            {
                return Some(index as usize);
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    const fn add(&mut self, index: usize, container: u16, name: &'static str, facts: Facts) {
        let key = Key::new(name.as_bytes());
        let mut slot = key.slot(container, name.len());
        while self.slots[slot] != FREE {
            slot = (slot + 1) % SLOTS;
        }
        self.slots[slot] = index as u16;
        self.entries[index] = Entry { key, name, container, facts };
    }

    const fn container(&self, name: &str) -> u16 {
        if name.is_empty() {
            return 0;
        }
        match self.find(0, name.as_bytes()) {
            Some(index) => index as u16 + 1,
            None => panic!("a sub-command without its container"),
        }
    }

    const fn build() -> Index {
        const NONE: Entry =
            Entry { key: Key { head: 0, tail: 0 }, name: "", container: 0, facts: Facts::UNKNOWN };
        let mut index = Index { slots: [FREE; SLOTS], entries: [NONE; ENTRIES] };
        let mut count = 0;
        while count < table::ROWS.len() {
            let row = &table::ROWS[count];
            let container = index.container(row.container);
            if container != 0 {
                let facts = &mut index.entries[container as usize - 1].facts;
                *facts = Facts::new(facts.class, Kind::Container);
            }
            let class = if row.flags & table::READONLY != 0 { Class::ReadOnly } else { Class::Write };
            let kind = if row.flags & table::BLOCKING != 0 { Kind::Blocking } else { Kind::Plain };
            index.add(count, container, row.name, Facts::new(class, kind));
            count += 1;
        }
        let mut at = 0;
        while at < SPECIAL.len() {
            let (container, name, kind) = SPECIAL[at];
            let container = index.container(container);
            match index.find(container, name.as_bytes()) {
                Some(found) => {
                    let facts = &mut index.entries[found].facts;
                    *facts = Facts::new(facts.class, kind);
                }
                None => {
                    index.add(count, container, name, Facts::new(Class::Write, kind));
                    count += 1;
                }
            }
            at += 1;
        }
        let mut at = 0;
        while at < SAFE.len() {
            let (container, name) = SAFE[at];
            match index.find(index.container(container), name.as_bytes()) {
                Some(found) => index.entries[found].facts.class = Class::ReadOnly,
                None => panic!("a command in SAFE that the server does not know"),
            }
            at += 1;
        }
        assert!(count == ENTRIES && ENTRIES * 2 < SLOTS);
        index
    }
}

/// How many commands `shape` knows that the server does not.
const fn missing() -> usize {
    let mut missing = 0;
    let mut at = 0;
    while at < SPECIAL.len() {
        let (container, name, _) = SPECIAL[at];
        let mut row = 0;
        while row < table::ROWS.len() {
            let candidate = &table::ROWS[row];
            if candidate.name.as_bytes().eq_ignore_ascii_case(name.as_bytes())
                && candidate.container.as_bytes().eq_ignore_ascii_case(container.as_bytes())
            {
                break;
            }
            row += 1;
        }
        if row == table::ROWS.len() {
            missing += 1;
        }
        at += 1;
    }
    missing
}
