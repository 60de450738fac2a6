//! Many bytes at a time, where it is known which of them say where tokens end: what repeats is compared, not read.

use super::bits::{BLOCK, first, lowest, of_block, place};

/// What bytes are expected. Of a body nothing is.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// A byte that must be there, or must not be.
    bytes: [u8; BLOCK],
    /// The bits of those that are looked at.
    seen: u64,
    /// The bits of those of them that must be there.
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
            block.there |= place(at) | place(at + size - 2) | place(at + size - 1);
            at += size;
        }
        block.seen = first(at);
        block
    }

    pub(super) fn expect(&mut self, at: usize, byte: u8) {
        self.expect_other(at, byte);
        self.there |= place(at);
    }

    /// Expects anything but this.
    pub(super) fn expect_other(&mut self, at: usize, byte: u8) {
        self.bytes[at] = byte;
        self.seen |= place(at);
    }

    #[cfg(test)]
    pub(super) fn sees(&self, at: usize) -> bool {
        self.seen & place(at) != 0
    }

    /// The first byte that is not as expected.
    #[inline(always)]
    pub(super) fn unlike(&self, bytes: &[u8; BLOCK]) -> Option<usize> {
        let unlike = (of_block(bytes, &self.bytes) & self.seen) ^ self.there;
        (unlike != 0).then(|| lowest(unlike))
    }
}
