//! From a name to its facts, in one probe of a table that is laid out at compile time: the rows of the server, and over
//! them what `shape` knows by hand. Knows no arguments.

use super::shape::{Kind, SAFE, SPECIAL, Topic};
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
        matches!(self.kind, Kind::Plain | Kind::Container(_))
    }

    /// A subscription, or its end, of which topic: whatever of its arguments could be kept.
    pub(crate) fn topic(self) -> Option<(Topic, bool)> {
        match self.kind {
            Kind::Subscribe(topic) => Some((topic, true)),
            Kind::Unsubscribe(topic) => Some((topic, false)),
            _ => None,
        }
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
    let Some(slot) = INDEX.find(0, name) else { return Facts::UNKNOWN };
    let facts = INDEX.slots[slot].facts;
    match facts.kind {
        Kind::Container(container) if !second.is_empty() => lookup_second(container, second),
        _ => facts,
    }
}

/// The class of a plain command with a name of at most eight bytes, in upper case with NUL behind it; `None` where more is to be
/// known of it.
#[inline(always)] // in one place: the steady path
pub(crate) fn plain(name: u64, len: usize) -> Option<Class> {
    debug_assert!(len <= ONE_WORD);
    let Some(slot) = INDEX.probe(Key { head: name, tail: 0 }, 0, len, &[]) else { return Some(Class::Write) };
    let facts = INDEX.slots[slot].facts;
    matches!(facts.kind, Kind::Plain).then_some(facts.class)
}

#[inline(never)]
fn lookup_second(container: u8, second: &[u8]) -> Facts {
    // An unknown sub-command is an error of the server: one reply.
    match INDEX.find(container, second) {
        Some(slot) => INDEX.slots[slot].facts,
        None => Facts::UNKNOWN,
    }
}

/// Names up to this length are their key.
const ONE_WORD: usize = 8;
/// Names longer than this are told apart by what lies between the first and the last eight bytes, too.
const TWO_WORDS: usize = 16;
/// More than twice as many as there are entries: most are found at the first try.
const SLOTS: usize = 1024;
const FREE: Slot =
    Slot { key: Key { head: 0, tail: 0 }, len: u8::MAX, container: 0, name: 0, facts: Facts::UNKNOWN };
const ENTRIES: usize = table::ROWS.len() + missing();

#[derive(Clone, Copy)]
struct Key {
    head: u64,
    tail: u64,
}

impl Key {
    /// The name in upper case: its first and its last eight bytes, which may overlap; of a short one all there is.
    #[inline]
    const fn new(name: &[u8]) -> Key {
        if name.len() > ONE_WORD
            && let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk())
        {
            return Key { head: upper(u64::from_le_bytes(*head)), tail: upper(u64::from_le_bytes(*tail)) };
        }
        let head = if let Some(all) = name.first_chunk() {
            u64::from_le_bytes(*all)
        } else if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
            let apart = 8 * (name.len() - size_of::<u32>());
            u32::from_le_bytes(*head) as u64 | (u32::from_le_bytes(*tail) as u64) << apart
        } else {
            match *name {
                [a, b, c] => u32::from_le_bytes([a, b, c, 0]) as u64,
                [a, b] => u32::from_le_bytes([a, b, 0, 0]) as u64,
                [a] => a as u64,
                _ => 0,
            }
        };
        Key { head: upper(head), tail: 0 }
    }

    #[inline]
    const fn slot(self, container: u8, len: usize) -> usize {
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        let salt = (container as u64) << 8 | len as u64;
        let mixed = (self.head ^ self.tail.rotate_left(23) ^ salt.wrapping_mul(MIX)).wrapping_mul(MIX);
        (mixed >> (64 - SLOTS.trailing_zeros())) as usize
    }
}

#[derive(Clone, Copy)]
struct Slot {
    key: Key,
    /// Of the name, which is longer than none: `u8::MAX` if the slot is free.
    len: u8,
    /// The number of the container, or 0.
    container: u8,
    /// Where the name is.
    name: u16,
    facts: Facts,
}

/// Open addressing.
struct Index {
    slots: [Slot; SLOTS],
    names: [&'static str; ENTRIES],
}

static INDEX: Index = Index::build();

impl Index {
    #[inline]
    const fn find(&self, container: u8, name: &[u8]) -> Option<usize> {
        self.probe(Key::new(name), container, name.len(), name)
    }

    /// `name` is looked at if it is longer than its key tells.
    #[inline(always)]
    const fn probe(&self, key: Key, container: u8, len: usize, name: &[u8]) -> Option<usize> {
        let mut at = key.slot(container, len);
        loop {
            let slot = &self.slots[at % SLOTS];
            if slot.key.head == key.head
                && slot.key.tail == key.tail
                && slot.len as usize == len
                && slot.container == container
                && (len <= TWO_WORDS || self.names[slot.name as usize].as_bytes().eq_ignore_ascii_case(name))
            {
                return Some(at % SLOTS);
            }
            if slot.len == FREE.len {
                return None;
            }
            at += 1;
        }
    }

    const fn add(&mut self, index: usize, container: u8, name: &'static str, facts: Facts) {
        let key = Key::new(name.as_bytes());
        let mut at = key.slot(container, name.len());
        while self.slots[at % SLOTS].len != FREE.len {
            at += 1;
        }
        assert!(name.len() < FREE.len as usize);
        self.slots[at % SLOTS] = Slot { key, len: name.len() as u8, container, name: index as u16, facts };
        self.names[index] = name;
    }

    /// The number of a container, given to it (after the last one) if it has none.
    const fn container(&mut self, name: &str, last: &mut u8) -> u8 {
        if name.is_empty() {
            return 0;
        }
        let Some(slot) = self.find(0, name.as_bytes()) else {
            panic!("a sub-command without its container");
        };
        let facts = &mut self.slots[slot].facts;
        if let Kind::Container(number) = facts.kind {
            return number;
        }
        *last += 1;
        *facts = Facts::new(facts.class, Kind::Container(*last));
        *last
    }

    const fn build() -> Index {
        let mut index = Index { slots: [FREE; SLOTS], names: [""; ENTRIES] };
        let mut containers = 0;
        let mut count = 0;
        while count < table::ROWS.len() {
            let row = &table::ROWS[count];
            let container = index.container(row.container, &mut containers);
            let class = if row.flags & table::READONLY != 0 { Class::ReadOnly } else { Class::Write };
            let kind = if row.flags & table::BLOCKING != 0 { Kind::Blocking } else { Kind::Plain };
            index.add(count, container, row.name, Facts::new(class, kind));
            count += 1;
        }
        let mut at = 0;
        while at < SPECIAL.len() {
            let (container, name, kind) = SPECIAL[at];
            let container = index.container(container, &mut containers);
            match index.find(container, name.as_bytes()) {
                Some(slot) => {
                    let facts = &mut index.slots[slot].facts;
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
            let container = index.container(container, &mut containers);
            match index.find(container, name.as_bytes()) {
                Some(slot) => index.slots[slot].facts.class = Class::ReadOnly,
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
