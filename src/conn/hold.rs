//! Bytes and commands that libsch keeps back, in order of submission. Knows no transport.

use crate::action::CommandNumber;
use crate::conn::inflight::{Entry, Special};
use bytes::BytesMut;
use std::collections::VecDeque;

/// A held command: its record, and what its reply means.
#[derive(Debug)]
pub(super) struct HeldCommand {
    pub(super) number: CommandNumber,
    pub(super) entry: Entry,
    pub(super) special: Option<Special>,
}

/// Held bytes: whole commands, and perhaps the beginning of one more.
#[derive(Debug, Default)]
pub(super) struct Hold {
    pub(super) bytes: BytesMut,
    pub(super) commands: VecDeque<HeldCommand>,
    /// Bytes at the end that belong to a command that is not whole yet.
    pub(super) partial: usize,
}

impl Hold {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.commands.is_empty()
    }

    /// Withdraws a held command; its number stays, without bytes and without a reply. False if it is not here, or if
    /// others depend on it (a transaction, a change of the session).
    pub(super) fn withdraw(&mut self, number: CommandNumber) -> bool {
        let Ok(index) = self.commands.binary_search_by_key(&number, |c| c.number) else { return false };
        let start: usize = self.commands.iter().take(index).map(|c| c.entry.len()).sum();
        let command = &mut self.commands[index];
        if command.special.is_some() || command.entry.is_queued() {
            return false;
        }
        let end = start + command.entry.len();
        command.entry = command.entry.with_len(0);
        command.special = Some(Special::Silent);
        let tail = self.bytes.split_off(end);
        self.bytes.truncate(start);
        self.bytes.unsplit(tail);
        true
    }
}
