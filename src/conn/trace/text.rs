//! Bytes as words of a scenario file: what is shown stays, what is hidden becomes a filler of the same length. Knows no RESP.

use core::fmt::Write;

/// Stands for a hidden byte.
pub(super) const FILLER: u8 = b'x';

/// A text under construction: `\r \n \s \\ \x00` for what cannot stand in a line, `\f25;` for 25 fillers.
#[derive(Debug, Default)]
pub(super) struct Text {
    out: String,
    hidden: u64,
}

impl Text {
    /// One byte as it is.
    pub(super) fn show(&mut self, byte: u8) {
        self.end_run();
        match byte {
            b'\r' => self.out.push_str("\\r"),
            b'\n' => self.out.push_str("\\n"),
            b' ' => self.out.push_str("\\s"),
            b'\\' => self.out.push_str("\\\\"),
            0x21..=0x7e => self.out.push(char::from(byte)),
            _ => write!(self.out, "\\x{byte:02x}").unwrap_or_default(),
        }
    }

    /// `n` bytes that are not shown.
    pub(super) fn hide(&mut self, n: u64) {
        self.hidden += n;
    }

    fn end_run(&mut self) {
        match core::mem::take(&mut self.hidden) {
            0 => {}
            n @ 1..=4 => (0..n).for_each(|_| self.out.push(char::from(FILLER))),
            n => write!(self.out, "\\f{n};").unwrap_or_default(),
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.end_run();
        self.out
    }
}

/// All of `bytes`, shown.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut text = Text::default();
    bytes.iter().for_each(|b| text.show(*b));
    text.finish()
}

/// `n` bytes, hidden.
pub(super) fn hidden(n: usize) -> String {
    let mut text = Text::default();
    text.hide(n as u64);
    text.finish()
}

/// Letters made from a name, so that two names stay two and the name is not told. Goes on over pieces of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alias(u64);

impl Alias {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed ^ 0xcbf2_9ce4_8422_2325)
    }

    pub(super) fn next(&mut self, byte: u8) -> u8 {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 33;
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[(mixed % 62) as usize]
    }
}

/// A word that is shown as long as it may become one of `words`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    at: usize,
    lost: bool,
}

impl Known {
    pub(super) fn put(&mut self, text: &mut Text, byte: u8, words: &[&str]) {
        let at = self.at;
        self.lost |=
            !words.iter().any(|w| w.as_bytes().get(at).is_some_and(|b| b.eq_ignore_ascii_case(&byte)));
        self.at += 1;
        if self.lost { text.hide(1) } else { text.show(byte) }
    }
}
