//! Which bytes of two places are the same, one bit each: where there is SSE2 by its byte masks, elsewhere by words.
//!
//! The bits of a window are in the order of its bytes, the first lowest. Those of a block are in the order in which they
//! are cheapest to find, as only the first is ever asked for: `place` knows it.

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(in crate::resp) use masks::of_window;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(super) use masks::{first, lowest, of_block, place};
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
pub(in crate::resp) use words::of_window;
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
pub(super) use words::{first, lowest, of_block, place};

/// What the fast reader looks at in one go.
pub(in crate::resp) const WINDOW: usize = 16;
/// What is compared in one go.
pub(super) const BLOCK: usize = 64;

/// Why here is the only `unsafe` outside of `ffi`: with `words` in its place the bench takes 1.6 to 2 times as long for
/// integers, arrays and maps.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(super) mod masks {
    use core::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x};

    use super::{BLOCK, WINDOW};

    #[inline(always)]
    #[allow(unsafe_code)]
    pub(in crate::resp) fn of_window(one: &[u8; WINDOW], other: &[u8; WINDOW]) -> u32 {
        // One load of 16 bytes when compiled.
        let load = |bytes: &[u8; WINDOW]| -> __m128i {
            let both = u128::from_le_bytes(*bytes);
            // SAFETY: needs SSE2, without which this is not compiled. Takes values: no pointer, so no memory, is its.
            unsafe { _mm_set_epi64x((both >> 64) as i64, both as i64) }
        };
        // SAFETY: as above.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(load(one), load(other))) as u32 }
    }

    #[inline(always)]
    pub(in super::super) fn of_block(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u64 {
        let window = |all: &[u8; BLOCK], at: usize| -> [u8; WINDOW] {
            *all[at..].first_chunk().expect("a block is some windows")
        };
        let part = |at: usize| u64::from(of_window(&window(one, at), &window(other, at))) << at;
        part(0) | part(WINDOW) | part(2 * WINDOW) | part(3 * WINDOW)
    }

    /// The bit of a byte of a block.
    pub(in super::super) const fn place(at: usize) -> u64 {
        1 << at
    }

    /// The bits of the first bytes of a block, which are `count`, not 0.
    pub(in super::super) const fn first(count: usize) -> u64 {
        u64::MAX >> (BLOCK - count)
    }

    /// The first byte of a block that has a bit; there is one.
    #[inline(always)]
    pub(in super::super) fn lowest(bits: u64) -> usize {
        bits.trailing_zeros() as usize
    }
}

#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
pub(super) mod words {
    use super::{BLOCK, WINDOW};

    const WORD: usize = 8;
    const ONES: u64 = u64::MAX / 255;
    const LOW: u64 = ONES * 0x7f;

    /// The top bit of each byte that differs, exactly.
    #[inline(always)]
    fn unlike(one: u64, other: u64) -> u64 {
        let different = one ^ other;
        (((different & LOW) + LOW) | different) & !LOW
    }

    #[inline(always)]
    pub(in crate::resp) fn of_window(one: &[u8; WINDOW], other: &[u8; WINDOW]) -> u32 {
        let (one, other) = (u128::from_le_bytes(*one), u128::from_le_bytes(*other));
        let half = |shift: u32| {
            let unlike = unlike((one >> shift) as u64, (other >> shift) as u64);
            ((unlike >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
        };
        (half(0) | half(64) << WORD) ^ 0xffff
    }

    /// Byte `b` of word `w` is bit `8 * b + w`: the top bits of the words, side by side.
    #[inline(always)]
    pub(in super::super) fn of_block(one: &[u8; BLOCK], other: &[u8; BLOCK]) -> u64 {
        let word = |all: &[u8; BLOCK], nth: usize| {
            u64::from_le_bytes(*all[WORD * nth..].first_chunk().expect("a block is some words"))
        };
        !(0..WORD).fold(0, |bits, nth| bits | unlike(word(one, nth), word(other, nth)) >> (7 - nth))
    }

    /// The bit of a byte of a block.
    pub(in super::super) const fn place(at: usize) -> u64 {
        1 << (WORD * (at % WORD) + at / WORD)
    }

    /// The bits of the first bytes of a block, which are `count`, not 0.
    pub(in super::super) const fn first(count: usize) -> u64 {
        let (mut bits, mut at) = (0, 0);
        while at < count {
            bits |= place(at);
            at += 1;
        }
        bits
    }

    /// The first byte of a block that has a bit; there is one.
    #[inline(always)]
    pub(in super::super) fn lowest(bits: u64) -> usize {
        let of_word = |nth: usize| bits >> nth & ONES;
        let nth = (0..WORD).find(|nth| of_word(*nth) != 0).unwrap_or_default();
        WORD * nth + of_word(nth).trailing_zeros() as usize / WORD
    }
}

/// Which bytes of a window are `\r`, and which are `\n`.
#[inline(always)]
pub(super) fn line_ends(window: &[u8; WINDOW]) -> (u32, u32) {
    (of_window(window, &[b'\r'; WINDOW]), of_window(window, &[b'\n'; WINDOW]))
}
