//! Bytes and commands that libsch keeps back, in order of submission. Knows no transport.

use crate::action::CommandNumber;
use crate::conn::inflight::{Entry, Special};
use crate::conn::region::Region;
use crate::error::Result;
use crate::mem::Room;
use std::collections::VecDeque;

/// A held command: its record, and what its reply means.
#[derive(Debug)]
pub(super) struct HeldCommand {
    pub(super) number: CommandNumber,
    pub(super) entry: Entry,
    pub(super) special: Option<Special>,
    /// Of its bytes here, however many: what `entry` keeps of it has a limit.
    len: usize,
}

impl HeldCommand {
    /// `add` says how long it is.
    pub(super) fn new(number: CommandNumber, entry: Entry, special: Option<Special>) -> Self {
        Self { number, entry, special, len: entry.len() }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// It goes out in another form.
    pub(super) fn set_len(&mut self, len: usize) {
        self.entry = self.entry.with_len(len);
        self.len = len;
    }
}

/// Held bytes: whole commands, and perhaps the beginning of one more.
#[derive(Debug, Default)]
pub(super) struct Hold {
    pub(super) bytes: Region,
    pub(super) commands: VecDeque<HeldCommand>,
    /// Bytes at the end that belong to a command that is not whole yet.
    pub(super) partial: usize,
    /// Commands that were withdrawn, and whose bytes are still here: they go all at once, so that many cost no more than one.
    withdrawn: usize,
}

impl Hold {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.commands.is_empty()
    }

    /// Bytes of a command that is not whole yet.
    pub(super) fn add_part(&mut self, part: &[u8]) {
        self.bytes.push(part);
        self.partial += part.len();
    }

    /// A command is whole with its `last` part.
    pub(super) fn add(&mut self, mut command: HeldCommand, last: &[u8]) {
        command.len = self.partial + last.len();
        self.bytes.push(last);
        self.partial = 0;
        self.commands.push_back(command);
    }

    /// The command that is not whole yet goes out in another form, or not at all.
    pub(super) fn drop_part(&mut self) {
        self.bytes.truncate(self.bytes.len() - self.partial);
        self.partial = 0;
    }

    /// Room for one command more, and so many bytes: they are the host's, and may be many.
    pub(super) fn room(&mut self, bytes: usize) -> Result<()> {
        self.commands.room(1)?;
        self.bytes.room(bytes)
    }

    /// Withdraws a held command; its number stays, without bytes and without a reply. False if it is not here, or if
    /// others depend on it (a transaction, a change of the session).
    pub(super) fn withdraw(&mut self, number: CommandNumber) -> bool {
        let Ok(index) = self.commands.binary_search_by_key(&number, |c| c.number) else { return false };
        let command = &mut self.commands[index];
        if command.special.is_some() || command.entry.is_queued() {
            return false;
        }
        command.special = Some(Special::Withdrawn);
        self.withdrawn += 1;
        true
    }

    /// All bytes but those of what was withdrawn, of a handle that cannot be trusted any more.
    pub(super) fn copy(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        out.room(self.bytes.len())?;
        let mut at = 0;
        for command in self.commands.iter().filter(|_| self.withdrawn > 0) {
            let end = (at + command.len).min(self.bytes.len());
            if !matches!(command.special, Some(Special::Withdrawn)) {
                out.extend_from_slice(&self.bytes[at..end]);
            }
            at = end;
        }
        out.extend_from_slice(&self.bytes[at..]);
        Ok(out)
    }

    /// Takes out the bytes of what was withdrawn. Before anything leaves.
    pub(super) fn compact(&mut self) {
        if core::mem::take(&mut self.withdrawn) == 0 {
            return;
        }
        let is_withdrawn = |c: &HeldCommand| matches!(c.special, Some(Special::Withdrawn));
        self.bytes.retain(self.commands.iter().map(|c| (c.len, !is_withdrawn(c))));
        for command in self.commands.iter_mut().filter(|c| is_withdrawn(c)) {
            command.set_len(0);
            command.special = Some(Special::Silent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn s4_room_is_made_once_and_keeps_what_is_there() {
        let mut hold = Hold::default();
        hold.room(1000).expect("memory");
        let place = hold.bytes.as_ptr();
        hold.add_part(&[7; 1000]);
        assert_eq!(hold.bytes.as_ptr(), place, "it was there already");
        let bytes = isize::MAX as usize;
        assert_eq!(hold.room(bytes), Err(Error::NoMemory { bytes }));
        assert_eq!(hold.bytes[..], [7; 1000]);
    }
}
