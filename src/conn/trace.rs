//! The trace (V3): every input and action as one readable line, in the words of the scenario files. Notifications in
//! full; of all else type, length and command name; credentials never.

use crate::action::{Action, TransportId};
use crate::endpoint::PeerAddr;
use core::fmt;
use std::collections::VecDeque;

/// Lines kept until they are read.
const MAX_LINES: usize = 4096;

/// The trace, if one is kept.
#[derive(Debug, Default)]
pub(super) struct Trace {
    on: bool,
    lines: VecDeque<String>,
    dropped: u64,
}

/// `peer=...`, where known.
pub(super) struct Peer(pub(super) Option<PeerAddr>);

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(peer) => write!(f, " peer={peer}"),
            None => Ok(()),
        }
    }
}

impl Trace {
    pub(super) fn new(on: bool) -> Self {
        Self { on, ..Self::default() }
    }

    fn line(&mut self, line: String) {
        if self.lines.len() >= MAX_LINES {
            self.dropped += 1;
        } else {
            self.lines.push_back(line);
        }
    }

    pub(super) fn input(&mut self, line: fmt::Arguments<'_>) {
        if self.on {
            self.line(line.to_string());
        }
    }

    pub(super) fn closed(&mut self, id: TransportId, unwritten: &[u8]) {
        if self.on {
            self.line(format!("closed {id} unwritten={}", unwritten.len()));
        }
    }

    pub(super) fn received(&mut self, id: TransportId, data: &[u8]) {
        if self.on {
            self.line(format!("receive {id} bytes={}", data.len()));
        }
    }

    pub(super) fn push(&mut self, id: TransportId, raw: &[u8]) {
        if self.on {
            self.line(format!("push {id} {}", raw.escape_ascii()));
        }
    }

    pub(super) fn optin_reply(&mut self, id: TransportId, raw: &[u8]) {
        if self.on {
            self.line(format!("optin_reply {id} {}", raw.escape_ascii()));
        }
    }

    pub(super) fn action(&mut self, action: &Action) {
        if self.on {
            self.line(format!("  {action}"));
        }
    }

    pub(super) fn pop(&mut self) -> Option<String> {
        self.lines.pop_front()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}
