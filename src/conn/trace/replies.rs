//! Replies and pushes without their values: RESP's frame stays, bodies are hidden. Notifications and replies to libsch's own
//! commands stay in full, and of an error its first word. Follows the frames over any split; what is not RESP is hidden from there on.

use super::text::{Alias, Known, Text};
use crate::notification::Kind;

/// What simple strings may say.
const STATUS: [&str; 4] = ["OK", "QUEUED", "PONG", "RESET"];
/// A name of a push is shown up to this.
const MAX_NAME: usize = 32;
/// A line of lengths is no longer.
const MAX_HEAD: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Type,
    /// A line whose bytes say how the frame goes on.
    Head(u8),
    /// A line that is a value.
    Line(u8),
    /// So many bytes of a body; `true` if they end the value.
    Bulk(u64, bool),
    /// The CR LF after a bulk; `true` if it ends the value.
    End(u8, bool),
    /// Not RESP.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Hidden,
    Shown,
    /// The name of a push.
    Name,
    /// The name of a channel.
    Channel,
}

/// Where one transport's replies are.
#[derive(Debug)]
pub(super) struct Replies {
    seed: u64,
    at: At,
    head: Vec<u8>,
    /// Elements left of each open aggregate (`None`: until its end), and whether it is an attribute.
    open: Vec<(Option<u64>, bool)>,
    /// The frame is shown in full.
    full: bool,
    push: bool,
    /// Elements of the push that are complete.
    element: u64,
    name: Vec<u8>,
    alias: Alias,
    known: Known,
    first_word: bool,
}

impl Replies {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            at: At::Type,
            head: Vec::new(),
            open: Vec::new(),
            full: false,
            push: false,
            element: 0,
            name: Vec::new(),
            alias: Alias::new(seed),
            known: Known::default(),
            first_word: true,
        }
    }

    /// The next bytes. `full`: a reply that begins in them is shown in full.
    pub(super) fn put(&mut self, text: &mut Text, data: &[u8], full: bool) {
        let mut at = 0;
        while at < data.len() {
            if let At::Bulk(left, ends) = self.at {
                let n = left.min((data.len() - at) as u64);
                let part = self.part();
                data[at..at + n as usize].iter().for_each(|b| self.body(text, part, *b));
                at += n as usize;
                self.at = if n == left { At::End(2, ends) } else { At::Bulk(left - n, ends) };
                continue;
            }
            self.byte(text, data[at], full);
            at += 1;
        }
    }

    fn part(&self) -> Part {
        if self.full {
            return Part::Shown;
        }
        let attribute = self.open.iter().any(|(_, attribute)| *attribute);
        if !self.push || self.open.len() != 1 || attribute {
            return Part::Hidden;
        }
        let is = |word: &str| self.name.eq_ignore_ascii_case(word.as_bytes());
        let subscription = || {
            let name = self.name.to_ascii_lowercase();
            name.ends_with(b"subscribe") || name == b"message" || name == b"smessage"
        };
        match self.element {
            0 => Part::Name,
            1 if subscription() || is("pmessage") => Part::Channel,
            2 if is("pmessage") => Part::Channel,
            _ => Part::Hidden,
        }
    }

    fn body(&mut self, text: &mut Text, part: Part, byte: u8) {
        match part {
            Part::Shown => text.show(byte),
            Part::Name if self.name.len() < MAX_NAME => {
                self.name.push(byte);
                text.show(byte);
            }
            Part::Channel => text.show(self.alias.next(byte)),
            Part::Name | Part::Hidden => text.hide(1),
        }
    }

    fn byte(&mut self, text: &mut Text, byte: u8, full: bool) {
        match self.at {
            At::Type => {
                text.show(byte);
                self.begin(byte, full);
            }
            At::Head(kind) => {
                text.show(byte);
                self.head.push(byte);
                if byte == b'\n' {
                    self.head_ends(kind);
                } else if self.head.len() > MAX_HEAD {
                    self.at = At::Lost;
                }
            }
            At::Line(kind) => self.line(text, kind, byte),
            At::End(left, ends) => {
                text.show(byte);
                self.at = if left > 1 { At::End(left - 1, ends) } else { At::Type };
                if left == 1 && ends {
                    self.value_ends();
                }
            }
            At::Bulk(..) => {}
            At::Lost => text.hide(1),
        }
    }

    fn begin(&mut self, kind: u8, full: bool) {
        if self.open.is_empty() {
            self.full = full && kind != b'>';
            self.push = kind == b'>';
            self.element = 0;
            self.name.clear();
        }
        self.head.clear();
        self.alias = Alias::new(self.seed);
        self.known = Known::default();
        self.first_word = true;
        self.at = match kind {
            b'$' | b'!' | b'=' | b'*' | b'%' | b'~' | b'>' | b'|' | b';' => At::Head(kind),
            b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' | b'.' => At::Line(kind),
            _ => At::Lost,
        };
    }

    fn line(&mut self, text: &mut Text, kind: u8, byte: u8) {
        match (kind, byte) {
            (_, b'\r') => text.show(byte),
            (_, b'\n') => {
                text.show(byte);
                self.at = At::Type;
                if kind == b'.' {
                    self.open.pop();
                }
                self.value_ends();
            }
            _ if self.full => text.show(byte),
            (b'+', _) if self.part() == Part::Name => self.body(text, Part::Name, byte),
            (b'+', _) if self.part() == Part::Channel => self.body(text, Part::Channel, byte),
            (b'+', _) => self.known.put(text, byte, &STATUS),
            (b'-', b'A'..=b'Z') if self.first_word => text.show(byte),
            (b'-', b' ') => {
                self.first_word = false;
                text.show(byte);
            }
            (b':', b'0'..=b'9') => text.show(b'0'),
            (b'_' | b'#' | b'.', _) => text.show(byte),
            _ => {
                self.first_word = false;
                text.hide(1);
            }
        }
    }

    fn head_ends(&mut self, kind: u8) {
        let streamed = self.head.first() == Some(&b'?');
        let digits = core::str::from_utf8(&self.head).map(str::trim_end).unwrap_or("");
        let number: Option<i64> = if streamed { Some(0) } else { digits.parse().ok() };
        self.at = At::Type;
        match (kind, number) {
            (_, None) => self.at = At::Lost,
            (b'$' | b'!' | b'=', Some(_)) if streamed => {}
            (b'$' | b'!' | b'=', Some(n)) => match u64::try_from(n) {
                Ok(0) => self.at = At::End(2, true),
                Ok(n) => self.at = At::Bulk(n, true),
                Err(_) => self.value_ends(),
            },
            (b';', Some(0)) => self.value_ends(),
            (b';', Some(n)) => self.at = At::Bulk(n.unsigned_abs(), false),
            (_, Some(_)) if streamed => self.open.push((None, kind == b'|')),
            (_, Some(n)) if n > 0 => {
                let each = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
                self.open.push((Some(n.unsigned_abs().saturating_mul(each)), kind == b'|'));
            }
            (b'|', Some(_)) => {}
            _ => self.value_ends(),
        }
    }

    /// A value is complete; with it, maybe, what it stands in.
    fn value_ends(&mut self) {
        loop {
            if self.push && self.open.len() == 1 {
                // A verbatim name has its kind of text in front.
                let name = self.name.strip_prefix(b"txt:").unwrap_or(&self.name);
                if self.element == 0 && Kind::from_name(name).is_some() {
                    self.full = true;
                }
                self.element += 1;
            }
            let Some((left, attribute)) = self.open.last_mut() else { return };
            let attribute = *attribute;
            match left {
                None => return,
                Some(left) => {
                    *left = left.saturating_sub(1);
                    if *left > 0 {
                        return;
                    }
                }
            }
            self.open.pop();
            if attribute {
                return; // the value it leads is still to come
            }
        }
    }
}
