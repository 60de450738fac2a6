//! What no reader of long frames goes below: the lines of memory in which frames end and begin.

/// Reads what the framer reads of each frame, the two bytes of its end and the word that the next begins with, without a
/// decision: all frames are of one length, so where the next is does not depend on what is read.
#[inline(never)]
pub fn touch(data: &[u8], frames: u64) -> u64 {
    const END: usize = 2;
    const WORD: usize = 8;
    let size = data.len() / frames as usize;
    let words = data[size - END..]
        .chunks(size)
        .filter_map(|from| from[END..].first_chunk::<WORD>().zip(from.first()));
    words
        .fold(0, |sum, (word, end)| sum.wrapping_add(u64::from_le_bytes(*word)).wrapping_add(u64::from(*end)))
}
