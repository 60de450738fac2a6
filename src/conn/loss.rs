//! A transport is gone: every command on it ends in exactly one way (L1 to L4, E1).

use super::*;
use crate::action::{Class, LostOutcome};
use crate::config::OnLoss;
use crate::conn::effect::Watched;
use crate::conn::hold::HeldCommand;
use crate::conn::inflight::Special;
use crate::conn::outbound::DISCARD;
use crate::mem::{self, Place, Room};

const SKIP: &[u8] = b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n";
/// An error reply in the place of one that never comes, by outcome.
const UNKNOWN: &str = "-SCHLOST the connection was lost before the reply: the command may have run\r\n";
const NOT_EXECUTED: &str =
    "-SCHLOST the transaction was broken by maintenance: the command was not executed\r\n";
const NEVER_WRITTEN: &str =
    "-SCHLOST the connection was lost before the command was written: it did not run\r\n";

/// Commands that were not written, and their bytes. Made with room for all of them, and for what is held behind them, before
/// anything has changed.
#[derive(Default)]
pub(super) struct Unwritten {
    commands: VecDeque<HeldCommand>,
    bytes: Vec<u8>,
    /// Room for `bytes` in another form.
    rebuilt: Vec<u8>,
    /// Bytes at the end of a command that is still being submitted.
    partial: usize,
}

impl Connection {
    /// One LOST, unless it joins the run before.
    pub(super) fn lose_one(&mut self, number: CommandNumber, outcome: LostOutcome) {
        self.lose(number, outcome, Class::Write);
    }

    fn lose(&mut self, number: CommandNumber, outcome: LostOutcome, class: Class) {
        let text = mem::copy(self.lost_reply(outcome)).inspect_err(|_| self.stuck = true);
        self.lose_with(number, outcome, class, text.unwrap_or_default());
    }

    /// For `lose_with` of one that was not executed.
    pub(super) fn room_to_lose_one(&mut self) -> Result<Vec<u8>> {
        self.actions.room(1)?;
        mem::copy(self.lost_reply(LostOutcome::NotExecuted))
    }

    /// The error reply for one that is lost.
    fn lost_reply(&self, outcome: LostOutcome) -> &'static [u8] {
        match (self.config.on_loss, outcome) {
            (OnLoss::Report | OnLoss::Close, _) => b"",
            _ if self.stuck => b"",
            (_, LostOutcome::Unknown) => UNKNOWN.as_bytes(),
            (_, LostOutcome::NotExecuted) => NOT_EXECUTED.as_bytes(),
            (_, LostOutcome::NeverWritten) => NEVER_WRITTEN.as_bytes(),
        }
    }

    pub(super) fn lose_with(
        &mut self,
        number: CommandNumber,
        outcome: LostOutcome,
        class: Class,
        reply: Vec<u8>,
    ) {
        self.counters.with(|c| c.commands_lost += 1);
        if let Some(handoff) = &mut self.handoff {
            handoff.lost += 1;
        }
        if let Some(Action::Lost { first, count, outcome: o, class: c, replies }) = self.actions.back_mut()
            && *first + *count == number
            && *o == outcome
            && *c == class
            && replies.room(reply.len()).is_ok()
        {
            *count += 1;
            replies.extend_from_slice(&reply);
            return;
        }
        self.actions.push_back(Action::Lost { first: number, count: 1, outcome, class, replies: reply });
    }

    /// What accounting for the current transport takes, before anything has changed.
    pub(super) fn room_to_account(&mut self, unwritten: &[u8]) -> Result<Unwritten> {
        /// Of what follows in the same input.
        const ACTIONS: usize = 8;
        let mut room = Unwritten::default();
        self.hold.room()?;
        self.out.tx.room()?;
        let hold = self.hold.make();
        let special = hold.commands.iter().filter(|c| c.special.is_some()).count();
        let Some(t) = &self.current else { return Ok(room) };
        let bytes = unwritten.len() + t.region.len();
        let (commands, _) = t.owed.within(bytes);
        let specials = special + t.owed.specials().count();
        self.actions.room(ACTIONS + t.owed.runs() + 2 * specials)?;
        if commands > 0 || bytes > 0 {
            hold.commands.room(commands)?;
            room.commands.room(commands)?;
            let all = bytes + SKIP.len() + DISCARD.len() + hold.bytes.len();
            room.bytes.room(all)?;
            room.rebuilt.room(all)?;
        }
        Ok(room)
    }

    /// Accounts for the transport that was current. `goes_on`: held and unwritten commands wait for the next one. False: there was no
    /// memory for the replies that the host's parser is to get.
    pub(super) fn account(
        &mut self,
        mut t: Place<Transport>,
        unwritten: &[u8],
        goes_on: bool,
        room: Unwritten,
    ) -> bool {
        if t.inbound.is_partly_passed() {
            if self.config.can_reset_parser {
                self.emit(Action::ResetParser);
            } else {
                self.stuck = true;
            }
        }
        let was_stuck = self.stuck;
        let (tail, cut) =
            if self.is_managed() { self.take_unwritten(&mut t, unwritten, room) } else { Default::default() };
        let open = open_transaction(&t, &tail, &self.out);
        let mut lost = false;
        while let Some((owed, _)) = t.owed.pop() {
            if owed.entry.is_own() {
                continue;
            }
            let not_executed = owed.refused || open.is_some_and(|from| owed.number >= from);
            let (outcome, class) = if not_executed {
                (LostOutcome::NotExecuted, Class::Write)
            } else {
                (LostOutcome::Unknown, owed.entry.class())
            };
            lost = true;
            self.lose(owed.number, outcome, class);
        }
        if let Some(number) = cut {
            lost = true;
            self.lose(number, LostOutcome::NeverWritten, Class::Write);
        }
        self.unsettled |= lost && self.config.on_loss == OnLoss::Report;
        self.put_back(tail, open.is_some(), goes_on);
        self.stuck == was_stuck
    }

    /// Takes the newest commands off that were not written, and the one that was written in part.
    fn take_unwritten(
        &mut self,
        t: &mut Transport,
        unwritten: &[u8],
        room: Unwritten,
    ) -> (Unwritten, Option<CommandNumber>) {
        let mut left = unwritten.len() + t.region.len();
        let end = left;
        let mut tail = room;
        // The command that is still being submitted is the last on the wire, unless its beginning is held.
        let held_part = self.hold.get().map_or(0, |hold| hold.partial);
        if self.out.open.is_some() && held_part == 0 && !self.out.discarding && !self.out.broken {
            let passed = self.out.reader.len() as usize;
            if passed <= left {
                tail.partial = passed;
                left -= passed;
            } else {
                self.out.discarding = true;
                self.out.half_matters = true;
                left = 0;
            }
        }
        // Of both as one.
        let mut take = |from: usize, len: usize| {
            let (first, second) = (from.min(unwritten.len()), (from + len).min(unwritten.len()));
            tail.bytes.extend_from_slice(&unwritten[first..second]);
            let region = from.max(unwritten.len()) - unwritten.len()
                ..(from + len).max(unwritten.len()) - unwritten.len();
            tail.bytes.extend_from_slice(&t.region[region]);
        };
        let (count, mut at) = t.owed.within(left);
        left = at;
        for entry in t.owed.newest(count) {
            if !entry.is_own() {
                take(at, entry.len());
            }
            at += entry.len();
        }
        take(end - tail.partial, tail.partial);
        for _ in 0..count {
            if let Some((owed, special)) = t.owed.pop_back()
                && !owed.entry.is_own()
            {
                tail.commands.push_front(HeldCommand::new(owed.number, owed.entry, special));
            }
        }
        let mut cut = None;
        if left > 0
            && let Some((owed, special)) = t.owed.pop_back()
            && !owed.entry.is_own()
            && !matches!(special, Some(Special::Silent))
        {
            cut = Some(owed.number);
        }
        (tail, cut)
    }

    /// The host's bytes that no transport has taken a byte of, for a handle that cannot go on: whole commands, and perhaps the
    /// beginning of one more. Libsch's own commands and the rest of a command that was cut are none of them (E1).
    pub fn salvage(&mut self) -> Result<Vec<u8>> {
        let room = self.room_to_account(&[])?;
        if let Some(mut t) = self.current.take().filter(|_| self.is_managed()) {
            let (tail, _) = self.take_unwritten(&mut t, &[], room);
            self.put_back(tail, false, false);
        }
        self.hold.get().map_or(Ok(Vec::new()), Hold::copy)
    }

    /// Unwritten commands go before what is held; a transaction or WATCH that was on the lost transport is broken.
    fn put_back(&mut self, mut tail: Unwritten, open: bool, goes_on: bool) {
        if goes_on {
            self.skip_again(&mut tail);
            self.break_transaction(&mut tail, open);
        }
        let hold = self.hold.make();
        if !tail.bytes.is_empty() {
            tail.bytes.extend_from_slice(&hold.bytes);
            hold.bytes = tail.bytes.into();
        }
        if hold.partial == 0 {
            hold.partial = tail.partial;
        }
        let held = tail.commands.len() as u64;
        for command in tail.commands.into_iter().rev() {
            hold.commands.push_front(command);
        }
        if let Some(handoff) = &mut self.handoff {
            handoff.held += held;
        }
        if held > 0 {
            self.counters.with(|c| c.commands_held += held);
        }
    }

    /// CLIENT REPLY SKIP ended with the lost transport and the command it prefixes did not: they stay together (F5), else
    /// that command would be answered, and the answer taken for the next one's.
    fn skip_again(&mut self, tail: &mut Unwritten) {
        let Some(first) = tail.commands.front_mut() else { return };
        let bytes = &tail.bytes[..first.len()];
        let silent = matches!(first.special, Some(Special::Silent)) && !bytes.is_empty();
        if silent && !outbound::is_reply_command(bytes, self.config.limits.command) {
            first.set_len(SKIP.len() + bytes.len());
            tail.bytes.splice(..0, SKIP.iter().copied());
        }
    }

    fn break_transaction(&mut self, tail: &mut Unwritten, open: bool) {
        // What is held was on no transport either: a transaction that begins there goes on.
        let first = tail.commands.front().or_else(|| self.hold.get().and_then(|hold| hold.commands.front()));
        let first = first.map_or(CommandNumber::MAX, |c| c.number);
        let mut rebuilt = core::mem::take(&mut tail.rebuilt);
        let (mut at, mut within) = (0, open);
        for command in &mut tail.commands {
            let bytes = &tail.bytes[at..at + command.len()];
            at += bytes.len();
            let ends =
                matches!(command.special, Some(Special::Watched(Watched::Exec { .. } | Watched::Discard)));
            if within && command.entry.is_queued() {
                within = !ends;
                command.special = Some(Special::Refused);
                command.set_len(0);
                continue;
            }
            within = false;
            if let Some(Special::Watched(Watched::Exec { watch: Some(watch), .. })) = command.special
                && watch < first
            {
                command.special = Some(Special::FailedExec);
                command.set_len(DISCARD.len());
                rebuilt.extend_from_slice(DISCARD);
                continue;
            }
            rebuilt.extend_from_slice(bytes);
        }
        rebuilt.extend_from_slice(&tail.bytes[at..]);
        tail.bytes = rebuilt;
        let tx = self.out.tx.make();
        if tx.multi.is_some_and(|m| m < first) {
            *tx = Default::default();
            tx.broken = true;
        } else if tx.watch.is_some_and(|w| w < first) {
            tx.watch = None;
            tx.watch_broken = true;
        }
        self.out.prefix = false;
    }

    /// Held commands come back as never written; those of a broken transaction are not executed. Where there is no memory for what
    /// comes back in parts, it is told as lost and never written.
    pub(super) fn hand_back(&mut self) {
        let mut hold = self.hold.take();
        hold.compact();
        if hold.partial > 0 {
            let whole = hold.bytes.len() - hold.partial;
            hold.bytes.truncate(whole);
            self.lose_half_submitted();
        }
        let first = hold.commands.front().map_or(0, |c| c.number);
        if hold.commands.iter().zip(first..).all(|(c, number)| c.special.is_none() && c.number == number) {
            // All of it, without a copy.
            if !hold.commands.is_empty() {
                self.emit_hand_back(first, hold.commands.len() as u64, hold.bytes.into_vec());
            }
            return;
        }
        let (mut first, mut count, mut data) = (0, 0, Vec::new());
        for command in hold.commands {
            let len = command.len();
            let bytes = &hold.bytes[..len];
            let HeldCommand { number, special, .. } = command;
            let not_executed = matches!(special, Some(Special::Refused | Special::FailedExec));
            // For a command without a reply nobody waits, withdrawn ones have ended.
            let is_ours = !not_executed && !matches!(special, Some(Special::Silent));
            let comes_back = is_ours && data.room(bytes.len()).is_ok();
            if count > 0 && (!comes_back || number != first + count) {
                self.emit_hand_back(first, count, core::mem::take(&mut data));
                count = 0;
            }
            if comes_back {
                first = if count == 0 { number } else { first };
                count += 1;
                data.extend_from_slice(bytes);
            } else if not_executed {
                self.lose_one(number, LostOutcome::NotExecuted);
            } else if is_ours {
                self.lose_one(number, LostOutcome::NeverWritten);
            }
            hold.bytes.advance(len);
        }
        if count > 0 {
            self.emit_hand_back(first, count, data);
        }
    }

    fn emit_hand_back(&mut self, first: CommandNumber, count: u64, data: Vec<u8>) {
        self.counters.with(|c| c.commands_handed_back += count);
        self.emit(Action::HandBack { first, count, data });
    }

    /// Nothing of the command that is being submitted is on a transport any more: its rest has nowhere to go.
    pub(super) fn lose_half_submitted(&mut self) {
        if self.out.broken {
            return; // these were no commands: nothing of them has a rest to wait for
        }
        if let Some(number) = self.out.open
            && !self.out.half_lost
        {
            self.lose_one(number, LostOutcome::NeverWritten);
            self.out.half_lost = true;
        }
        self.out.discarding = true;
        self.out.half_matters = false;
    }
}

/// Where the commands begin on `t` that a transaction queued whose EXEC was not written.
fn open_transaction(t: &Transport, tail: &Unwritten, out: &outbound::Outbound) -> Option<CommandNumber> {
    let first = tail.commands.front();
    let begins_anew =
        matches!(first.and_then(|c| c.special.as_ref()), Some(Special::Watched(Watched::Multi)));
    let open = match first {
        Some(first) => first.entry.is_queued() && !begins_anew,
        None => out.multi().is_some(),
    };
    if open { t.owed.open_transaction() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::inflight::Entry;

    /// The record of a command keeps lengths below 128 MiB; its bytes may be more (S1).
    #[test]
    fn l1_a_command_longer_than_its_record_tells_comes_back_whole() {
        let commands: [&[u8]; 2] = [b"SET k v\r\n", b"GET k\r\n"];
        let mut c = Connection::new(Config { host: "a".into(), ..Config::default() }).expect("settings");
        let hold = |c: &mut Connection, numbers: [CommandNumber; 2]| {
            for (number, bytes) in numbers.into_iter().zip(commands) {
                let beyond = Entry::new(u64::MAX, Class::Write);
                c.hold.make().add(HeldCommand::new(number, beyond, None), bytes);
            }
        };
        hold(&mut c, [1, 2]);
        assert_eq!(c.salvage().as_deref(), Ok(&*commands.concat()));
        c.hand_back();
        assert_eq!(c.poll_action(), Some(Action::HandBack { first: 1, count: 2, data: commands.concat() }));
        hold(&mut c, [3, 5]);
        c.hand_back();
        for (first, data) in [3, 5].into_iter().zip(commands) {
            assert_eq!(c.poll_action(), Some(Action::HandBack { first, count: 1, data: data.to_vec() }));
        }
    }
}
