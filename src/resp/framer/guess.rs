//! What the next token may be like: replies repeat themselves, so the last ones are a good guess.

/// The length of the last lines. Replies repeat themselves: if two lines were of one length, the third is expected to
/// be, and the processor goes on to the next frame while the length is still being found.
#[derive(Default)]
pub(super) struct LastLine {
    /// The bit of the `\r`, and the size of the line with its end; no bit if the last two lines differed.
    pub(super) expected: u32,
    pub(super) size: usize,
    /// The bit of the last line.
    last: u32,
}

impl LastLine {
    /// The size of an unexpected line.
    pub(super) fn learn(&mut self, first: u32) -> usize {
        let size = first.trailing_zeros() as usize + 2;
        self.expected = if first == self.last { first } else { 0 };
        self.size = size;
        self.last = first;
        size
    }
}

/// A bulk read before. If the next header is the same, its end is known without parsing it, and the processor need not
/// wait for a length to find the next frame. Of the last two kinds one is kept each, as keys and values alternate.
#[derive(Clone, Copy)]
pub(super) struct LastBulk {
    /// The bytes of the header, and which bytes of a word they are.
    word: u64,
    mask: u64,
    /// Bytes of the header, the body and its end.
    pub(super) size: usize,
}

impl LastBulk {
    /// Is like no bulk: no type is a zero.
    pub(super) const NONE: Self = Self { word: 0, mask: u64::MAX, size: 0 };

    /// `header` is 4 to 8.
    #[inline(always)]
    pub(super) fn new(word: u64, header: usize, len: usize) -> Self {
        let mask = u64::MAX >> (64 - 8 * header);
        Self { word: word & mask, mask, size: header + len + 2 }
    }

    #[inline(always)]
    pub(super) fn is_like(&self, word: u64) -> bool {
        word & self.mask == self.word
    }
}
