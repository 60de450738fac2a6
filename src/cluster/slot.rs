//! Which slot a key belongs to, exactly as the server has it, and sets of slots. Knows no nodes.

use crate::error::Result;
use crate::mem::Place;
use crate::notification::{MAX_SLOT, SlotRange, SlotRanges};

/// How many slots there are.
pub const SLOTS: usize = MAX_SLOT as usize + 1;

/// CRC16, XMODEM: polynomial 0x1021, from 0, not reflected.
const CRC: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

fn crc16(data: &[u8]) -> u16 {
    data.iter().fold(0, |crc, byte| (crc << 8) ^ CRC[usize::from((crc >> 8) as u8 ^ byte)])
}

/// What of a key is hashed: what is between the first `{` and the first `}` after it, if there is anything; else all.
fn hashed(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    let tag = &key[open + 1..];
    match memchr::memchr(b'}', tag) {
        Some(close) if close > 0 => &tag[..close],
        _ => key,
    }
}

/// The slot of a key, or of a shard channel.
///
/// ```
/// use sch::cluster::key_slot;
/// assert_eq!(key_slot(b"foo"), 12182);
/// assert_eq!(key_slot(b"{foo}.bar"), key_slot(b"foo"));
/// ```
pub fn key_slot(key: &[u8]) -> u16 {
    crc16(hashed(key)) % SLOTS as u16
}

/// A set of slots of fixed size: 2 KiB, whatever is in it.
#[derive(Debug)]
pub(super) struct SlotSet(Place<[u64; SLOTS / 64]>);

impl Default for SlotSet {
    fn default() -> Self {
        Self(Place::of([0; SLOTS / 64]))
    }
}

impl SlotSet {
    /// An empty one, if there is memory for it.
    pub(super) fn empty() -> Result<Self> {
        Place::new([0; SLOTS / 64]).map(Self)
    }

    pub(super) fn contains(&self, slot: u16) -> bool {
        self.0.get(usize::from(slot) / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    pub(super) fn insert(&mut self, slot: u16) {
        if let Some(word) = self.0.get_mut(usize::from(slot) / 64) {
            *word |= 1 << (slot % 64);
        }
    }
}

/// Ascending slots as ranges.
pub(super) fn ranges(slots: impl IntoIterator<Item = u16>) -> SlotRanges {
    slots.into_iter().map(|slot| SlotRange { first: slot, last: slot }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc16_is_xmodem() {
        // The check value of the catalogue of CRCs.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b""), 0);
    }

    #[test]
    fn the_hash_tag_is_the_first_one_that_is_not_empty() {
        for (key, part) in [
            ("{user1000}.following", "user1000"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("foo{bar", "foo{bar"),
            ("foo}bar{", "foo}bar{"),
            ("a}b{c}d", "c"),
            ("{}", "{}"),
            ("", ""),
        ] {
            assert_eq!(hashed(key.as_bytes()), part.as_bytes(), "{key}");
        }
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let mut set = SlotSet::default();
        for slot in [0, 63, 64, MAX_SLOT] {
            assert!(!set.contains(slot));
            set.insert(slot);
            assert!(set.contains(slot));
        }
        assert!(!set.contains(1) && !set.contains(u16::MAX));
        set.insert(u16::MAX);
        assert!(!set.contains(u16::MAX));
        assert_eq!(ranges([1, 2, 3, 9]).to_string(), "1-3,9");
    }
}
