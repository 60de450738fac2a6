//! What only looks at a few bytes: short windows, and the words of headers.

use super::bits::WINDOW;

/// `\r\n` as a little-endian word.
const CRLF: u64 = 0x0a0d;
/// `$-1\r\n`, and what cuts a word to its size.
pub(super) const NULL_BULK: u64 = u64::from_le_bytes(*b"$-1\r\n\0\0\0");
pub(super) const FIVE_BYTES: u64 = 0xff_ffff_ffff;

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
        let digit = byte(1).wrapping_sub(ZERO);
        return (digit < 10).then_some((digit, 4));
    } else if ends(3) {
        let (tens, digit) = (byte(1).wrapping_sub(ZERO), byte(2).wrapping_sub(ZERO));
        return (tens < 10 && digit < 10).then(|| (10 * tens + digit, 5));
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

/// The same, of what is left of longer input: with less to ask.
#[inline(always)]
pub(super) fn last_window(data: &[u8], rest: &[u8]) -> [u8; WINDOW] {
    match data.last_chunk::<WINDOW>() {
        Some(last) => (u128::from_le_bytes(*last) >> (8 * (WINDOW - rest.len()))).to_le_bytes(),
        None => short_window(rest),
    }
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
