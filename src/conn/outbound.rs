//! What is known of the writing side between two calls: where the stream of commands is, and transactions and other things that
//! must not be split over two transports (F1, F4, F5). Knows no reply.

use super::*;
use crate::commands::{self, Effect, Facts};
use crate::conn::effect::Watched;

pub(super) const DISCARD: &[u8] = b"*1\r\n$7\r\nDISCARD\r\n";

/// An open transaction, as submitted.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// The number of its MULTI.
    pub(super) multi: Option<CommandNumber>,
    /// Changes of the session that wait for EXEC.
    pub(super) changes: Vec<Watched>,
    /// A subscription is queued.
    pub(super) uncountable: bool,
    /// The first WATCH since the last EXEC.
    pub(super) watch: Option<CommandNumber>,
    /// MULTI was written to a transport that is lost: what follows is refused up to EXEC or DISCARD.
    pub(super) broken: bool,
    /// Likewise WATCH: the next EXEC must fail.
    pub(super) watch_broken: bool,
}

impl Transaction {
    fn is_open(&self) -> bool {
        self.multi.is_some() || self.watch.is_some() || self.broken || self.watch_broken
    }
}

/// The writing side.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) reader: CommandReader,
    /// Of the command that is being read.
    pub(super) facts: Facts,
    pub(super) next_number: CommandNumber,
    /// So many bytes the command has for which there was no room.
    pub(super) wants: usize,
    /// The number of the command that is half submitted.
    pub(super) open: Option<CommandNumber>,
    /// Its first bytes were written to a transport that is lost: the rest is dropped.
    pub(super) discarding: bool,
    /// ... and its caller knows already.
    pub(super) half_lost: bool,
    /// ... and what it was to begin, or to end, concerns what follows: there is no dial of the host's own in between.
    pub(super) half_matters: bool,
    pub(super) tx: Rare<Transaction>,
    /// ASKING, CLIENT CACHING or CLIENT REPLY SKIP was the last command (F5).
    pub(super) prefix: bool,
    /// The reply to the next command is skipped.
    pub(super) skip_next: bool,
    pub(super) reply_off: bool,
    /// The session was changed by a command without a reply: what it is cannot be known.
    pub(super) silent_change: bool,
    /// The bytes are not commands: they pass.
    pub(super) broken: bool,
    /// The handshake that is seen has ended.
    pub(super) handshaken: bool,
    /// The host opted in itself.
    pub(super) hosts_optin: bool,
}

impl Outbound {
    pub(super) fn new(reader: CommandReader) -> Self {
        Self {
            reader,
            facts: Facts::UNKNOWN,
            next_number: 1,
            wants: 0,
            open: None,
            discarding: false,
            half_lost: false,
            half_matters: false,
            tx: Rare::default(),
            prefix: false,
            skip_next: false,
            reply_off: false,
            silent_change: false,
            broken: false,
            handshaken: false,
            hosts_optin: false,
        }
    }

    /// A transport of the host's own dialling: nothing of the last one is left on the server.
    pub(super) fn attach(&mut self) {
        self.tx = Rare::default();
        self.prefix = false;
        self.skip_next = false;
        self.reply_off = false;
        self.silent_change = false;
        self.handshaken = false;
        self.hosts_optin = false;
        self.discarding = false;
        self.half_lost = false;
        self.half_matters = false;
        self.reader.reset();
        self.open = None;
        self.broken = false;
    }

    /// The command that was written in part, and did not run, was to begin or to end a transaction.
    pub(super) fn half_transaction(&mut self) {
        let tx = self.tx.make();
        match commands::meaning(self.facts, self.reader.args()).effect {
            Effect::Multi if tx.multi.is_none() => tx.broken = true,
            Effect::Watch if tx.multi.is_none() => tx.watch_broken = true,
            Effect::Exec | Effect::Discard | Effect::Reset => *tx = Transaction::default(),
            _ => {}
        }
    }

    /// The number of the open MULTI.
    pub(super) fn multi(&self) -> Option<CommandNumber> {
        self.tx.get()?.multi
    }

    /// What follows is refused, or the next EXEC must fail.
    pub(super) fn is_tx_broken(&self) -> bool {
        self.tx.get().is_some_and(|tx| tx.broken || tx.watch_broken)
    }

    /// A transaction or WATCH is open, or to be refused.
    pub(super) fn has_tx(&self) -> bool {
        self.tx.get().is_some_and(Transaction::is_open)
    }

    /// Gives back what is not needed between commands.
    pub(super) fn rest(&mut self) {
        self.tx.give_back_if(|tx| !tx.is_open());
        if self.at_boundary() {
            self.reader.rest();
        }
    }

    pub(super) fn at_boundary(&self) -> bool {
        self.reader.at_boundary() && self.open.is_none()
    }

    /// The next command's reply is skipped by the server.
    pub(super) fn skips_next(&self) -> bool {
        self.skip_next
    }

    /// Nothing plain is known against this command.
    pub(super) fn is_ordinary(&self) -> bool {
        let plain = |tx: &Transaction| tx.multi.is_none() && !tx.broken;
        self.tx.get().is_none_or(plain) && !self.prefix && !self.skip_next && !self.reply_off
    }
}

/// `bytes` are CLIENT REPLY, which is silent by itself.
pub(super) fn is_reply_command(bytes: &[u8], limits: crate::resp::command::CommandLimits) -> bool {
    let mut reader = CommandReader::new(limits);
    let mut facts = Facts::UNKNOWN;
    let _ = reader.read(bytes, |head| {
        facts = commands::lookup(head.name, head.second.unwrap_or_default());
        facts.keep()
    });
    matches!(commands::meaning(facts, reader.args()).effect, Effect::ReplySkip | Effect::ReplyOff)
}
