//! Which slot a key belongs to. Knows no nodes.

use crate::notification::MAX_SLOT;

/// Slots of a cluster.
pub const SLOTS: usize = MAX_SLOT as usize + 1;

const TABLE: [u16; 256] = {
    let mut table = [0u16; 256];
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

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

/// The part of a key that is hashed: between the first `{` and the next `}`, if there is anything, else all of it.
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    match memchr::memchr(b'}', &key[open + 1..]) {
        Some(len) if len > 0 => &key[open + 1..open + 1 + len],
        _ => key,
    }
}

/// The slot of a key, or of a sharded channel.
pub fn key_slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) & MAX_SLOT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c2_crc16_is_xmodem() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b""), 0);
    }

    #[test]
    fn c2_the_first_tag_with_something_in_it_is_hashed() {
        for (key, tag) in [
            ("foo", "foo"),
            ("{user1000}.following", "user1000"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("foo{bar", "foo{bar"),
            ("}{a}", "a"),
            ("", ""),
        ] {
            assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "{key}");
        }
        assert_eq!(key_slot(b"foo"), 12182);
    }
}
