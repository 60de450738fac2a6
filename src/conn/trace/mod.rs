//! The trace (V3): every input and action as one readable line. The lines, one after the other, are a scenario file, and
//! its replay says the same actions. Notifications stand in it in full; of all else type, length and command name;
//! credentials never.
//!
//! What is hidden has its length, so a replay differs in two cases only: a published message that two transports
//! deliver is known again by its length, and names of channels by letters made from them.

mod commands;
mod replies;
mod settings;
mod text;
mod told;

use crate::action::{Action, TransportId};
use crate::config::Config;
use crate::endpoint::PeerAddr;
use crate::time::Timestamp;
use commands::Commands;
use core::fmt;
use replies::Replies;
use std::collections::VecDeque;
use text::Text;

/// Lines kept until they are read.
const MAX_LINES: usize = 4096;
/// Of what `submit` did not take, so much is shown.
const MAX_REST: usize = 4096;
/// Transports whose replies are followed at once: the current, the candidate, the retired.
const MAX_TRANSPORTS: usize = 3;

/// The trace, if one is kept.
#[derive(Debug, Default)]
pub(super) struct Trace(Option<Box<Kept>>);

#[derive(Debug)]
struct Kept {
    seed: u64,
    lines: VecDeque<String>,
    dropped: u64,
    /// The time of the last `at`.
    at: Timestamp,
    now: Timestamp,
    /// The last line was an action.
    said: bool,
    commands: Commands,
    replies: Vec<(TransportId, Replies)>,
    received: Text,
}

/// The address after an id, where known.
pub(super) struct Peer(pub(super) Option<PeerAddr>);

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(peer) => write!(f, " {peer}"),
            None => Ok(()),
        }
    }
}

impl Trace {
    pub(super) fn new(config: &Config) -> Self {
        if !config.trace {
            return Self(None);
        }
        let mut kept = Kept {
            seed: config.seed,
            lines: VecDeque::new(),
            dropped: 0,
            at: Timestamp::from_nanos(0),
            now: Timestamp::from_nanos(0),
            said: false,
            commands: Commands::new(config.seed),
            replies: Vec::new(),
            received: Text::default(),
        };
        kept.line(format!("# V3: trace of libsch {}", env!("CARGO_PKG_VERSION")));
        kept.line(settings::line(config));
        Self(Some(Box::new(kept)))
    }

    /// The time of what comes next.
    #[inline]
    pub(super) fn at(&mut self, now: Timestamp) {
        if let Some(kept) = &mut self.0 {
            kept.now = now;
        }
    }

    pub(super) fn input(&mut self, line: fmt::Arguments<'_>) {
        if let Some(kept) = &mut self.0 {
            kept.input(line);
        }
    }

    pub(super) fn closed(&mut self, id: TransportId, unwritten: &[u8]) {
        let Some(kept) = &mut self.0 else { return };
        kept.replies.retain(|(of, _)| *of != id);
        if unwritten.is_empty() {
            kept.input(format_args!("closed {id}"));
        } else {
            kept.input(format_args!("closed {id} raw:{}", text::hidden(unwritten.len())));
        }
    }

    /// A new series of commands begins.
    pub(super) fn commands_restart(&mut self) {
        if let Some(kept) = &mut self.0 {
            kept.commands = Commands::new(kept.seed);
        }
    }

    #[inline]
    pub(super) fn submitted(&mut self, data: &[u8], taken: usize) {
        if let Some(kept) = &mut self.0 {
            kept.submitted(data, taken);
        }
    }

    /// A step of `receive` has looked at `data`. `full`: it belongs to the reply of a command that is read.
    #[inline]
    pub(super) fn look(&mut self, id: TransportId, data: &[u8], full: bool) {
        if let Some(kept) = &mut self.0 {
            kept.look(id, data, full);
        }
    }

    #[inline]
    pub(super) fn received(&mut self, id: TransportId) {
        if let Some(kept) = &mut self.0 {
            kept.received(id);
        }
    }

    pub(super) fn push(&mut self, id: TransportId, raw: &[u8], whole: bool) {
        let Some(kept) = &mut self.0 else { return };
        let mut text = Text::default();
        Replies::new(kept.seed).put(&mut text, raw, false);
        let word = if whole { "push" } else { "push_head" };
        kept.input(format_args!("{word} {id} raw:{}", text.finish()));
    }

    pub(super) fn optin_reply(&mut self, id: TransportId, raw: &[u8]) {
        if let Some(kept) = &mut self.0 {
            kept.input(format_args!("optin_reply {id} raw:{}", text::shown(raw)));
        }
    }

    pub(super) fn credentials(&mut self, user: Option<&str>, password: &[u8]) {
        let Some(kept) = &mut self.0 else { return };
        let user = user.map_or("-".to_owned(), |user| text::hidden(user.len()));
        kept.input(format_args!("credentials {user} {}", text::hidden(password.len())));
    }

    pub(super) fn told(&mut self, told: &crate::exchange::Told) {
        if let Some(kept) = &mut self.0 {
            kept.input(format_args!("{}", told::line(told)));
        }
    }

    pub(super) fn action(&mut self, action: &Action) {
        let Some(kept) = &mut self.0 else { return };
        if !kept.said {
            kept.said = true;
            kept.line("----".to_owned());
        }
        kept.line(action.to_string());
    }

    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn pop(&mut self) -> Option<String> {
        self.0.as_mut()?.lines.pop_front()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |kept| kept.dropped)
    }
}

impl Kept {
    #[cold]
    fn submitted(&mut self, data: &[u8], taken: usize) {
        let mut text = Text::default();
        let (taken, rest) = data.split_at(taken.min(data.len()));
        self.commands.put(&mut text, taken);
        // What was not taken comes again; here it only says that there was more.
        self.commands.clone().put(&mut text, &rest[..rest.len().min(MAX_REST)]);
        self.input(format_args!("submit-raw {}", text.finish()));
    }

    #[cold]
    fn look(&mut self, id: TransportId, data: &[u8], full: bool) {
        let mut text = core::mem::take(&mut self.received);
        self.replies(id).put(&mut text, data, full);
        self.received = text;
    }

    #[cold]
    fn received(&mut self, id: TransportId) {
        let bytes = core::mem::take(&mut self.received).finish();
        if bytes.is_empty() {
            self.input(format_args!("receive {id}"));
        } else {
            self.input(format_args!("receive {id} raw:{bytes}"));
        }
    }

    fn line(&mut self, line: String) {
        if self.lines.len() >= MAX_LINES {
            self.dropped += 1;
        } else {
            self.lines.push_back(line);
        }
    }

    /// Inputs that follow actions begin a new block.
    fn input(&mut self, line: fmt::Arguments<'_>) {
        if self.said {
            self.said = false;
            self.line(String::new());
        }
        if self.now != self.at {
            self.at = self.now;
            self.line(format!("at {}ns", self.now.as_nanos()));
        }
        self.line(line.to_string());
    }

    fn replies(&mut self, id: TransportId) -> &mut Replies {
        let found = self.replies.iter().position(|(of, _)| *of == id);
        let index = found.unwrap_or_else(|| {
            if self.replies.len() == MAX_TRANSPORTS {
                self.replies.remove(0);
            }
            self.replies.push((id, Replies::new(self.seed)));
            self.replies.len() - 1
        });
        &mut self.replies[index].1
    }
}
