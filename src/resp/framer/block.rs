//! Many bytes at a time, where it is known which of them say where tokens end: what repeats is compared, not read.

use super::lines::{WINDOW, equal_bytes};

/// Bytes of a block. One comparison of all of them takes about as many instructions as one line does otherwise.
pub(super) const BLOCK: usize = 64;

/// What bytes are expected. Of a body nothing is.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// A byte that must be there, or must not be.
    bytes: [u8; BLOCK],
    /// Which of them are looked at: one bit each, the first byte lowest.
    seen: u64,
    /// Which of these must be there.
    there: u64,
}

impl Block {
    pub(super) const EMPTY: Self = Self { bytes: [0; BLOCK], seen: 0, there: 0 };

    /// As many lines of one type as there is room for, `size` bytes each with type and end.
    pub(super) const fn of_lines(kind: u8, size: usize) -> Self {
        let mut block = Self { bytes: [b'\r'; BLOCK], seen: 0, there: 0 };
        let mut at = 0;
        while at + size <= BLOCK {
            block.bytes[at] = kind;
            block.bytes[at + size - 1] = b'\n';
            block.there |= (1 | 0b11 << (size - 2)) << at;
            at += size;
        }
        block.seen = u64::MAX >> (BLOCK - at);
        block
    }

    pub(super) fn expect(&mut self, at: usize, byte: u8) {
        self.expect_other(at, byte);
        self.there |= 1 << at;
    }

    /// Expects anything but this.
    pub(super) fn expect_other(&mut self, at: usize, byte: u8) {
        self.bytes[at] = byte;
        self.seen |= 1 << at;
    }

    #[cfg(test)]
    pub(super) fn sees(&self, at: usize) -> bool {
        self.seen >> at & 1 == 1
    }

    /// Which bytes are not as expected.
    #[inline(always)]
    pub(super) fn unlike(&self, bytes: &[u8; BLOCK]) -> u64 {
        let part = |at: usize| {
            let window = |all: &[u8; BLOCK]| -> [u8; WINDOW] {
                *all[at..].first_chunk().expect("a block is some windows")
            };
            u64::from(equal_bytes(&window(bytes), &window(&self.bytes))) << at
        };
        let equal = part(0) | part(WINDOW) | part(2 * WINDOW) | part(3 * WINDOW);
        (equal & self.seen) ^ self.there
    }
}
