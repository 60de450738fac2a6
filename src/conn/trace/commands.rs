//! Commands without their values: names, subcommands and what changes the session stay, all else is hidden, credentials
//! always. Follows the commands over any split; what is no command is hidden from there on.

use super::text::{Alias, Known, Text};

/// Commands whose second word says what they do.
const CONTAINERS: [&str; 16] = [
    "ACL", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY", "MODULE", "OBJECT",
    "PUBSUB", "SCRIPT", "SLOWLOG", "XGROUP", "XINFO", "SENTINEL",
];
/// Words that change how a reply comes.
const WORDS: [&str; 2] = ["BLOCK", "STREAMS"];
/// A name is shown up to this.
const MAX_NAME: usize = 32;
const MAX_HEAD: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Type,
    Count,
    Dollar,
    Length,
    Body(u64),
    End(u8),
    /// An inline command; `true` until its first blank.
    Inline(bool),
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Hidden,
    Shown,
    Name,
    Channel,
    Word,
}

/// Where the commands are.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    seed: u64,
    at: At,
    head: Vec<u8>,
    left: u64,
    arg: u64,
    name: Vec<u8>,
    /// Of HELLO: so many arguments after AUTH are hidden.
    secret: u8,
    /// The argument, as far as it may be a word that matters.
    word: Vec<u8>,
    alias: Alias,
    known: Known,
}

impl Commands {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            at: At::Type,
            head: Vec::new(),
            left: 0,
            arg: 0,
            name: Vec::new(),
            secret: 0,
            word: Vec::new(),
            alias: Alias::new(seed),
            known: Known::default(),
        }
    }

    pub(super) fn put(&mut self, text: &mut Text, data: &[u8]) {
        let mut at = 0;
        while at < data.len() {
            if let At::Body(left) = self.at {
                let n = left.min((data.len() - at) as u64);
                let part = self.part();
                data[at..at + n as usize].iter().for_each(|b| self.body(text, part, *b));
                at += n as usize;
                self.at = if n == left { At::End(2) } else { At::Body(left - n) };
                continue;
            }
            self.byte(text, data[at]);
            at += 1;
        }
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    fn part(&self) -> Part {
        match self.arg {
            0 => Part::Name,
            _ if self.secret > 0 || self.is("AUTH") => Part::Hidden,
            _ if self.is("HELLO") || self.is("CLIENT") || self.is("SELECT") => Part::Shown,
            _ if self.name.to_ascii_uppercase().ends_with(b"SUBSCRIBE") => Part::Channel,
            1 if CONTAINERS.iter().any(|c| self.is(c)) => Part::Shown,
            _ if self.is("XREAD") || self.is("XREADGROUP") => Part::Word,
            _ => Part::Hidden,
        }
    }

    fn body(&mut self, text: &mut Text, part: Part, byte: u8) {
        match part {
            Part::Shown => {
                if self.word.len() < MAX_NAME {
                    self.word.push(byte);
                }
                text.show(byte);
            }
            Part::Name if self.name.len() < MAX_NAME => {
                self.name.push(byte);
                text.show(byte);
            }
            Part::Channel => text.show(self.alias.next(byte)),
            Part::Word => self.known.put(text, byte, &WORDS),
            Part::Name | Part::Hidden => text.hide(1),
        }
    }

    fn byte(&mut self, text: &mut Text, byte: u8) {
        match self.at {
            At::Type => {
                text.show(byte);
                self.head.clear();
                self.name.clear();
                (self.arg, self.secret) = (0, 0);
                self.at = match byte {
                    b'*' => At::Count,
                    b'\r' | b'\n' => At::Type,
                    _ => At::Inline(true),
                };
            }
            At::Count | At::Length => {
                text.show(byte);
                self.head.push(byte);
                if byte == b'\n' {
                    self.head_ends();
                } else if self.head.len() > MAX_HEAD {
                    self.at = At::Lost;
                }
            }
            At::Dollar => {
                text.show(byte);
                self.head.clear();
                self.at = if byte == b'$' { At::Length } else { At::Lost };
            }
            At::End(left) => {
                text.show(byte);
                if left > 1 {
                    self.at = At::End(left - 1);
                } else {
                    self.argument_ends();
                }
            }
            At::Inline(first) => {
                if byte == b'\n' {
                    text.show(byte);
                    self.at = At::Type;
                    return;
                }
                let blank = matches!(byte, b' ' | b'\r');
                self.at = At::Inline(first && !blank);
                if blank || first { text.show(byte) } else { text.hide(1) }
            }
            At::Body(_) => {}
            At::Lost => text.hide(1),
        }
    }

    fn head_ends(&mut self) {
        let digits = core::str::from_utf8(&self.head).map(str::trim_end).unwrap_or("");
        // `*-1` has no arguments and is no end of the commands; `$-1` is.
        let number = digits.parse::<i64>().ok().and_then(|n| match self.at {
            At::Count => Some(n.max(0) as u64),
            _ => u64::try_from(n).ok(),
        });
        self.at = match (self.at, number) {
            (At::Count, Some(0)) => At::Type,
            (At::Count, Some(n)) => {
                self.left = n;
                At::Dollar
            }
            (_, Some(n)) => {
                self.word.clear();
                self.alias = Alias::new(self.seed);
                self.known = Known::default();
                if n == 0 { At::End(2) } else { At::Body(n) }
            }
            (_, None) => At::Lost,
        };
    }

    fn argument_ends(&mut self) {
        if self.secret > 0 {
            self.secret -= 1;
        } else if self.arg > 0 && self.is("HELLO") && self.word.eq_ignore_ascii_case(b"AUTH") {
            self.secret = 2;
        }
        self.arg += 1;
        self.left -= 1;
        self.at = if self.left == 0 { At::Type } else { At::Dollar };
    }
}
