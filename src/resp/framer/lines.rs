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
    // The top bit of each byte after the type: is it no digit?
    let digits = (word >> 8) ^ (ONES * 0x30);
    let others = (((digits & (ONES * 0x7f)) + ONES * 0x76) | digits) & (ONES * 0x80);
    let byte = |at: u32| word >> (8 * at) & 0xff;
    let ends = |at: u32| word >> (8 * at) & 0xffff == CRLF;
    const ZERO: u64 = b'0' as u64;
    // A branch for each size: the processor guesses it, and does not wait for it before it looks at the next frame.
    let (value, size) = if ends(2) {
        (byte(1).wrapping_sub(ZERO), 1)
    } else if ends(3) {
        ((byte(1) * 10 + byte(2)).wrapping_sub(11 * ZERO), 2)
    } else if ends(4) {
        ((byte(1) * 100 + byte(2) * 10 + byte(3)).wrapping_sub(111 * ZERO), 3)
    } else if ends(5) {
        ((byte(1) * 1000 + byte(2) * 100 + byte(3) * 10 + byte(4)).wrapping_sub(1111 * ZERO), 4)
    } else if ends(6) {
        let sum = byte(1) * 10_000 + byte(2) * 1000 + byte(3) * 100 + byte(4) * 10 + byte(5);
        (sum.wrapping_sub(11_111 * ZERO), 5)
    } else {
        return None;
    };
    (others & ((1 << (8 * size)) - 1) == 0).then_some((value, size + 3))
}

/// The window of input that is shorter than one: 1 to 15 bytes, and zeros. No token is made whole by them.
#[inline(always)]
pub(super) fn short_window(rest: &[u8]) -> [u8; WINDOW] {
    short_word(rest).to_le_bytes()
}

/// The same as a word, which is given in registers.
#[inline(never)]
fn short_word(rest: &[u8]) -> u128 {
    // Two parts that overlap are the whole.
    let both = |first: u128, last: u128, size: usize| first | last << (8 * (rest.len() - size));
    match (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            both(u64::from_le_bytes(*first).into(), u64::from_le_bytes(*last).into(), 8)
        }
        _ => match (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                both(u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into(), 4)
            }
            _ => rest.iter().rev().fold(0, |word, byte| word << 8 | u128::from(*byte)),
        },
    }
}

/// The first half of a window, its first byte lowest.
#[inline(always)]
pub(super) fn first_word(window: &[u8; WINDOW]) -> u64 {
    u64::from_le_bytes(*window.first_chunk().expect("a window has eight bytes"))
}

/// Which bytes of a window are `\r`, and which are `\n`: one bit each, the first byte lowest.
#[inline(always)]
pub(super) fn line_ends(window: &[u8; WINDOW]) -> (u32, u32) {
    (equal_bytes(window, &[b'\r'; WINDOW]), equal_bytes(window, &[b'\n'; WINDOW]))
}

/// Which bytes are the same in both: one bit each, the first byte lowest.
///
/// Why here is the only `unsafe` outside of `ffi`: with `equal_bytes_by_words` in its place the bench takes 3 times as long
/// for arrays, maps and integers of one shape, and 1.6 times for integers of any length.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(always)]
#[allow(unsafe_code)]
pub(super) fn equal_bytes(one: &[u8; WINDOW], other: &[u8; WINDOW]) -> u32 {
    use core::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x};
    // One load of 16 bytes when compiled.
    let load = |bytes: &[u8; WINDOW]| -> __m128i {
        let both = u128::from_le_bytes(*bytes);
        // SAFETY: needs SSE2, without which this is not compiled; takes values.
        unsafe { _mm_set_epi64x((both >> 64) as i64, both as i64) }
    };
    // SAFETY: these need SSE2, without which this is not compiled. They take values: no pointer, so no memory, is theirs.
    unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(load(one), load(other))) as u32 }
}

/// Which bytes are the same in both: one bit each, the first byte lowest.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
#[inline(always)]
pub(super) fn equal_bytes(one: &[u8; WINDOW], other: &[u8; WINDOW]) -> u32 {
    equal_bytes_by_words(one, other)
}

/// `equal_bytes` for machines without byte masks.
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
pub(super) fn equal_bytes_by_words(one: &[u8; WINDOW], other: &[u8; WINDOW]) -> u32 {
    const LOW: u64 = u64::MAX / 255 * 0x7f;
    let different = u128::from_le_bytes(*one) ^ u128::from_le_bytes(*other);
    let equal = |different: u64| {
        // The top bit of each byte: set where all its bits were 0, exactly.
        let top = !(((different & LOW) + LOW) | different | LOW);
        ((top >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
    };
    equal(different as u64) | equal((different >> 64) as u64) << 8
}
