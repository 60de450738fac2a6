//! What the next token may be like. Replies repeat themselves: if a token is as expected, its end is known without
//! reading its length, and the processor need not wait for a length to go on to the next frame.

use super::FramerLimits;
use super::lines::small_header;

/// A run of lines is expected when so many of one type and length have come, and another behind the last. To make the
/// block of a run takes as long as two or three lines do.
pub(super) const BEFORE_RUN: u32 = 8;

/// Expectations of one call. They stay in memory, as all registers are needed for the way through the input: what
/// changes them is never inlined.
pub(super) struct Guess {
    /// The bit of the `\r` of the last line, and the same if the last two lines were of one length, else none.
    last: u32,
    pub(super) line: u32,
    /// Bytes of such a line, its end included.
    pub(super) line_size: usize,
    /// The type of the last line: some type of a line.
    pub(super) line_kind: u8,
    /// After so many more such lines a run of them is expected.
    pub(super) before_run: u32,
    /// Of the last two kinds of bulks one is kept each, in turns, as keys and values alternate.
    pub(super) bulks: [BulkGuess; 2],
    /// The next goes to the second place.
    second: bool,
    pub(super) aggregate: AggregateGuess,
    max_bulk_len: u64,
    max_elements: u64,
}

impl Guess {
    pub(super) fn new(limits: &FramerLimits) -> Self {
        Self {
            last: 0,
            line: 0,
            line_size: 0,
            line_kind: b':',
            before_run: BEFORE_RUN,
            bulks: [BulkGuess { head: Head::NONE, body_end: 0 }; 2],
            second: false,
            aggregate: AggregateGuess { head: Head::NONE, size: 0, elements: 0 },
            max_bulk_len: limits.max_bulk_len,
            max_elements: limits.max_elements,
        }
    }

    /// The size of an unexpected line, by the bit of its `\r`.
    #[inline(never)]
    pub(super) fn learn_line(&mut self, first: u32) -> usize {
        self.line = if first == self.last { first } else { 0 };
        self.line_size = first.trailing_zeros() as usize + 2;
        self.last = first;
        self.before_run = BEFORE_RUN;
        self.line_size
    }

    /// Where the body of an unexpected bulk ends; `None` if it is unusual.
    #[inline(never)]
    pub(super) fn learn_bulk(&mut self, word: u64) -> Option<u32> {
        let bulk = BulkGuess::of(word, self.max_bulk_len)?;
        self.bulks[usize::from(self.second)] = bulk;
        self.second = !self.second;
        Some(bulk.body_end)
    }

    /// Makes `aggregate` one like this. False if it is unusual.
    #[inline(never)]
    pub(super) fn learn_aggregate(&mut self, word: u64) -> bool {
        let Some((count, size)) = small_header(word).filter(|(count, _)| *count <= self.max_elements) else {
            return false;
        };
        let elements = if word as u8 == b'%' { 2 * count } else { count };
        self.aggregate = AggregateGuess { head: Head::new(word, size), size, elements };
        true
    }
}

/// The bytes of a header, and which bytes of a word they are.
#[derive(Clone, Copy)]
pub(super) struct Head {
    word: u64,
    mask: u64,
}

impl Head {
    /// Is of no header: no type is a zero.
    pub(super) const NONE: Self = Self { word: 0, mask: u64::MAX };

    /// `size` is 4 to 8.
    pub(super) fn new(word: u64, size: usize) -> Self {
        let mask = u64::MAX >> (64 - 8 * size);
        Self { word: word & mask, mask }
    }

    #[inline(always)]
    pub(super) fn is_of(&self, word: u64) -> bool {
        word & self.mask == self.word
    }
}

/// A bulk like one that was.
#[derive(Clone, Copy)]
pub(super) struct BulkGuess {
    pub(super) head: Head,
    /// Bytes of the header and the body.
    pub(super) body_end: u32,
}

impl BulkGuess {
    pub(super) const NONE: Self = Self { head: Head::NONE, body_end: 0 };

    /// A bulk that begins with this word; `None` if it is unusual.
    #[inline(always)]
    pub(super) fn of(word: u64, max_bulk_len: u64) -> Option<Self> {
        let (len, header) = small_header(word).filter(|(len, _)| *len <= max_bulk_len)?;
        Some(Self { head: Head::new(word, header), body_end: header as u32 + len as u32 })
    }
}

/// An array, a map or a set like the last one.
pub(super) struct AggregateGuess {
    pub(super) head: Head,
    /// Bytes of the header.
    pub(super) size: usize,
    pub(super) elements: u64,
}
