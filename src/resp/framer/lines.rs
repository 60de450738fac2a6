//! What only looks at a few bytes: line ends in a window, and the words of headers.

/// What the fast reader looks at in one go.
pub(super) const WINDOW: usize = 16;
/// `\r\n` as a little-endian word.
const CRLF: u64 = 0x0a0d;

/// The length and the size of a header of at most 5 digits, which with its type and end is a word. `None` for any other,
/// and for anything unusual.
#[inline(always)]
pub(super) fn small_header(word: u64) -> Option<(u64, usize)> {
    const ONES: u64 = u64::MAX / 255;
    // Digits become their values; any other byte gets its top bit set in `others`.
    let digits = (word >> 8) ^ (ONES * 0x30);
    let others = (((digits & (ONES * 0x7f)) + ONES * 0x76) | digits) & (ONES * 0x80);
    let bits = others.trailing_zeros() & !7;
    if !(8..=40).contains(&bits) || word >> (bits + 8) & 0xffff != CRLF {
        return None;
    }
    let digit = |at: u32| digits >> (8 * at) & 0xff;
    let value = match bits / 8 {
        1 => digit(0),
        2 => digit(0) * 10 + digit(1),
        3 => digit(0) * 100 + digit(1) * 10 + digit(2),
        4 => digit(0) * 1000 + digit(1) * 100 + digit(2) * 10 + digit(3),
        _ => digit(0) * 10_000 + digit(1) * 1000 + digit(2) * 100 + digit(3) * 10 + digit(4),
    };
    Some((value, bits as usize / 8 + 3))
}

/// Do the two bytes before `end`, which is 2 at least, exist and end a line?
#[inline(always)]
pub(super) fn ends_line(data: &[u8], end: usize) -> bool {
    end <= data.len() && data[end - 2..end] == *b"\r\n"
}

/// The first half of a window, its first byte lowest.
#[inline(always)]
pub(super) fn first_word(window: &[u8; WINDOW]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *window;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Which bytes of a window are `\r`, and which are `\n`: one bit each, the first byte lowest.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(always)]
#[allow(unsafe_code)] // one of two places outside of `ffi`; see the measure below
pub(super) fn line_ends(window: &[u8; WINDOW]) -> (u32, u32) {
    use core::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let both = u128::from_le_bytes(*window);
    // SAFETY: these need SSE2, without which this is not compiled. They take values: no pointer, so no memory, is theirs.
    unsafe {
        // One load of 16 bytes when compiled.
        let bytes = _mm_set_epi64x((both >> 64) as i64, both as i64);
        let returns = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\r' as i8)));
        let feeds = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\n' as i8)));
        (returns as u32, feeds as u32)
    }
}

/// Which bytes of a window are `\r`, and which are `\n`: one bit each, the first byte lowest.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
#[inline(always)]
pub(super) fn line_ends(window: &[u8; WINDOW]) -> (u32, u32) {
    line_ends_by_words(window)
}

/// `line_ends` for machines without byte masks.
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
pub(super) fn line_ends_by_words(window: &[u8; WINDOW]) -> (u32, u32) {
    const ONES: u64 = u64::MAX / 255;
    const LOW: u64 = ONES * 0x7f;
    let equal = |word: u64, byte: u8| {
        let different = word ^ (ONES * u64::from(byte));
        // The top bit of each byte: set where all its bits were 0, exactly.
        let top = !(((different & LOW) + LOW) | different | LOW);
        ((top >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
    };
    let both = u128::from_le_bytes(*window);
    let (low, high) = (both as u64, (both >> 64) as u64);
    let mask = |byte| equal(low, byte) | equal(high, byte) << 8;
    (mask(b'\r'), mask(b'\n'))
}
