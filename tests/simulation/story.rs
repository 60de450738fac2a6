//! What happened, as lines: hashed always, so that two runs of a seed can be compared; kept only when somebody will read them.

use std::collections::BTreeSet;
use std::fmt::{Arguments, Write};

#[derive(Debug)]
pub struct Story {
    hash: u64,
    /// What has happened at all.
    pub met: BTreeSet<&'static str>,
    lines: Option<String>,
}

/// FNV-1a.
impl Write for Story {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        if let Some(lines) = &mut self.lines {
            lines.push_str(text);
        }
        Ok(())
    }
}

impl Story {
    pub fn new(kept: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, met: BTreeSet::new(), lines: kept.then(String::new) }
    }

    pub fn say(&mut self, now_ns: u64, line: Arguments<'_>) {
        let (ms, us) = (now_ns / 1_000_000, now_ns / 1_000 % 1_000);
        writeln!(self, "{ms:>7}.{us:03} {line}").expect("a string");
    }

    /// For what happens often: only the time and `what` are hashed, the line is made for readers alone.
    pub fn detail(&mut self, now_ns: u64, what: u64, line: Arguments<'_>) {
        for word in [now_ns, what] {
            self.hash = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        }
        self.aside(now_ns, line);
    }

    /// For readers alone.
    pub fn aside(&mut self, now_ns: u64, line: Arguments<'_>) {
        if self.lines.is_some() {
            let hash = self.hash;
            self.say(now_ns, line);
            self.hash = hash;
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn take_lines(&mut self) -> String {
        self.lines.take().unwrap_or_default()
    }
}
