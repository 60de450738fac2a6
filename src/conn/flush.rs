//! What was held, or is libsch's own, on its way to a transport: handed over (FLUSH), written, or withdrawn before. Knows no command.

use super::*;
use crate::mem::Room;

impl Connection {
    /// Hands the held commands to the current transport (FLUSH). False: there is no memory for it now, and they stay where they are,
    /// before all that follows.
    pub(super) fn release_hold(&mut self) -> bool {
        let Some(hold) = self.hold.get_mut() else { return true };
        hold.compact();
        let Some(transport) = &mut self.current else { return true };
        if hold.is_empty() {
            return true;
        }
        // What may still have to be replaced or refused stays until it is whole.
        let stays = if self.out.is_tx_broken() { hold.partial } else { 0 };
        let specials = hold.commands.iter().filter(|c| c.special.is_some()).count();
        let room = transport.owed.room(hold.commands.len(), specials).and(self.actions.room(1));
        let Ok(bytes) = room.and_then(|()| transport.region.append(&mut hold.bytes, stays)) else {
            self.retry();
            return false;
        };
        hold.partial = stays;
        // Those without bytes (refused, withdrawn) are no part of the region.
        let mut written = hold.commands.iter().filter(|c| c.len() > 0);
        let first = written.next().map_or(self.out.next_number, |c| c.number);
        let count = if first == self.out.next_number { 0 } else { 1 + written.count() as u64 };
        for command in hold.commands.drain(..) {
            transport.owed.push(command.number, command.entry, command.special);
        }
        let transport = transport.id;
        // Of refused commands alone the turn comes without a byte.
        if bytes > 0 {
            self.emit(Action::Flush { transport, first, count });
        }
        self.stirred = true;
        true
    }

    /// What there was no memory for before.
    pub(super) fn release_again(&mut self) {
        if self.retry_at.is_some() && !self.is_holding() {
            self.release_hold();
        }
    }

    /// `len` bytes of the region of `id` have been written.
    pub fn handle_wrote(&mut self, now: Timestamp, id: TransportId, len: usize) -> Result<()> {
        let now = self.begin_first(now)?;
        let slot = self.slot(id)?;
        let Some(transport) = self.transport(slot) else { return Err(Error::UnknownTransport(id)) };
        if len > transport.region.len() {
            return Err(Error::WroteTooMuch { wrote: len, len: transport.region.len() });
        }
        transport.region.advance(len);
        self.trace.input(format_args!("wrote {id} {len}"));
        self.finish_late(now);
        Ok(())
    }

    pub(super) fn withdraw(&mut self, number: CommandNumber) -> Cancelled {
        if !self.hold.get_mut().is_some_and(|hold| hold.withdraw(number)) {
            return Cancelled::TooLate;
        }
        self.counters.with(|c| c.commands_cancelled += 1);
        self.stirred = true;
        Cancelled::Withdrawn
    }
}
