//! A transport is gone: every command on it ends in exactly one way (L1 to L4, E1).

use super::*;
use crate::action::{Class, LostOutcome};
use crate::config::OnLoss;
use crate::conn::effect::Watched;
use crate::conn::hold::HeldCommand;
use crate::conn::inflight::{Entry, Owed, Special};

const SKIP: &[u8] = b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n";
const DISCARD: &[u8] = b"*1\r\n$7\r\nDISCARD\r\n";
/// An error reply in the place of one that never comes, by outcome.
const UNKNOWN: &str = "-SCHLOST the connection was lost before the reply: the command may have run\r\n";
const NOT_EXECUTED: &str =
    "-SCHLOST the transaction was broken by maintenance: the command was not executed\r\n";
const NEVER_WRITTEN: &str =
    "-SCHLOST the connection was lost before the command was written: it did not run\r\n";

/// Commands that were not written, and their bytes.
#[derive(Default)]
struct Unwritten {
    commands: VecDeque<HeldCommand>,
    bytes: Vec<u8>,
    /// Bytes at the end of a command that is still being submitted.
    partial: usize,
}

impl Connection {
    /// One LOST, unless it joins the run before.
    pub(super) fn lose_one(&mut self, number: CommandNumber, outcome: LostOutcome) {
        self.lose(number, outcome, Class::Write);
    }

    fn lose(&mut self, number: CommandNumber, outcome: LostOutcome, class: Class) {
        self.counters.make().commands_lost += 1;
        if let Some(handoff) = &mut self.handoff {
            handoff.lost += 1;
        }
        let text: &[u8] = match (self.config.on_loss, outcome) {
            (OnLoss::Report | OnLoss::Close, _) => b"",
            _ if self.stuck => b"",
            (_, LostOutcome::Unknown) => UNKNOWN.as_bytes(),
            (_, LostOutcome::NotExecuted) => NOT_EXECUTED.as_bytes(),
            (_, LostOutcome::NeverWritten) => NEVER_WRITTEN.as_bytes(),
        };
        if let Some(Action::Lost { first, count, outcome: o, class: c, replies }) = self.actions.back_mut()
            && *first + *count == number
            && *o == outcome
            && *c == class
        {
            *count += 1;
            replies.extend_from_slice(text);
            return;
        }
        self.actions.push_back(Action::Lost {
            first: number,
            count: 1,
            outcome,
            class,
            replies: text.to_vec(),
        });
    }

    /// Accounts for the transport that was current. `goes_on`: held and unwritten commands wait for the next one.
    pub(super) fn account(&mut self, mut t: Box<Transport>, unwritten: &[u8], goes_on: bool) {
        if t.inbound.is_partly_passed() {
            if self.config.can_reset_parser {
                self.emit(Action::ResetParser);
            } else {
                self.stuck = true;
            }
        }
        let (tail, cut) =
            if self.is_managed() { self.take_unwritten(&mut t, unwritten) } else { Default::default() };
        let mut written: Vec<(Owed, Option<Special>)> = Vec::new();
        while let Some(one) = t.owed.pop() {
            if !one.0.entry.is_own() {
                written.push(one);
            }
        }
        let open = open_transaction(&written, &tail, &self.out);
        let mut lost = false;
        for (index, (owed, _)) in written.iter().enumerate() {
            let not_executed = owed.refused || open.is_some_and(|from| index >= from);
            let (outcome, class) = if not_executed {
                (LostOutcome::NotExecuted, Class::Write)
            } else {
                (LostOutcome::Unknown, owed.entry.class())
            };
            lost = true;
            self.lose(owed.number, outcome, class);
        }
        for number in cut {
            lost = true;
            self.lose(number, LostOutcome::NeverWritten, Class::Write);
        }
        self.unsettled |= lost && self.config.on_loss == OnLoss::Report;
        self.put_back(tail, open.is_some(), goes_on);
    }

    /// Takes the newest commands off that were not written, and the one that was written in part.
    fn take_unwritten(&mut self, t: &mut Transport, unwritten: &[u8]) -> (Unwritten, Vec<CommandNumber>) {
        let mut bytes = unwritten.to_vec();
        bytes.extend_from_slice(&t.region);
        let mut left = bytes.len();
        let mut tail = Unwritten::default();
        let mut cut = Vec::new();
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
                bytes.clear();
            }
        }
        let mut kept: Vec<(usize, usize)> = Vec::new();
        while let Some(entry) = t.owed.back_entry() {
            if !entry.is_len_known() || entry.len() > left {
                break;
            }
            let Some((owed, special)) = t.owed.pop_back() else { break };
            left -= entry.len();
            if !owed.entry.is_own() {
                kept.push((left, entry.len()));
                tail.commands.push_front(HeldCommand::new(owed.number, owed.entry, special));
            }
        }
        if left > 0
            && let Some((owed, special)) = t.owed.pop_back()
            && !owed.entry.is_own()
            && !matches!(special, Some(Special::Silent))
        {
            cut.push(owed.number);
        }
        for (start, len) in kept.into_iter().rev() {
            tail.bytes.extend_from_slice(&bytes[start..start + len]);
        }
        tail.bytes.extend_from_slice(&bytes[bytes.len() - tail.partial..]);
        (tail, cut)
    }

    /// The host's bytes that no transport has taken a byte of, for a handle that cannot go on: whole commands, and perhaps the
    /// beginning of one more. Libsch's own commands and the rest of a command that was cut are none of them (E1).
    pub fn salvage(&mut self) -> Vec<u8> {
        if let Some(mut t) = self.current.take().filter(|_| self.is_managed()) {
            let (tail, _) = self.take_unwritten(&mut t, &[]);
            self.put_back(tail, false, false);
        }
        let mut out = Vec::new();
        if let Some(hold) = self.hold.get() {
            hold.copy_to(&mut out);
        }
        out
    }

    /// Unwritten commands go before what is held; a transaction or WATCH that was on the lost transport is broken.
    fn put_back(&mut self, mut tail: Unwritten, open: bool, goes_on: bool) {
        if goes_on {
            self.skip_again(&mut tail);
            self.break_transaction(&mut tail, open);
        }
        let mut bytes = bytes::BytesMut::from(&tail.bytes[..]);
        let hold = self.hold.make();
        bytes.unsplit(core::mem::take(&mut hold.bytes));
        hold.bytes = bytes;
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
            self.counters.make().commands_held += held;
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
        let mut rebuilt = Vec::with_capacity(tail.bytes.len());
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

    /// Held commands come back as never written; those of a broken transaction are not executed.
    pub(super) fn hand_back(&mut self) {
        let mut hold = self.hold.take();
        hold.compact();
        if hold.partial > 0 {
            let whole = hold.bytes.len() - hold.partial;
            hold.bytes.truncate(whole);
            self.lose_half_submitted();
        }
        let (mut first, mut count, mut data) = (0, 0, Vec::new());
        for command in hold.commands {
            let bytes = hold.bytes.split_to(command.len());
            let HeldCommand { number, special, .. } = command;
            let not_executed = matches!(special, Some(Special::Refused | Special::FailedExec));
            // For a command without a reply nobody waits, withdrawn ones have ended.
            let comes_back = !not_executed && !matches!(special, Some(Special::Silent));
            if count > 0 && (!comes_back || number != first + count) {
                self.emit_hand_back(first, count, core::mem::take(&mut data));
                count = 0;
            }
            if comes_back {
                first = if count == 0 { number } else { first };
                count += 1;
                data.extend_from_slice(&bytes);
            } else if not_executed {
                self.lose_one(number, LostOutcome::NotExecuted);
            }
        }
        if count > 0 {
            self.emit_hand_back(first, count, data);
        }
    }

    fn emit_hand_back(&mut self, first: CommandNumber, count: u64, data: Vec<u8>) {
        self.counters.make().commands_handed_back += count;
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

/// Where in `written` the commands begin that a transaction queued whose EXEC was not written.
fn open_transaction(
    written: &[(Owed, Option<Special>)],
    tail: &Unwritten,
    out: &outbound::Outbound,
) -> Option<usize> {
    let queued = |entry: &Entry| entry.is_queued();
    let ended =
        matches!(written.last(), Some((_, Some(Special::Watched(Watched::Exec { .. } | Watched::Discard)))));
    let begins_anew = matches!(
        tail.commands.front().and_then(|c| c.special.as_ref()),
        Some(Special::Watched(Watched::Multi))
    );
    let goes_on = tail.commands.front().is_some_and(|c| queued(&c.entry)) && !begins_anew;
    let open = match tail.commands.front() {
        Some(_) => goes_on,
        None => out.multi().is_some(),
    };
    if !open || ended {
        return None;
    }
    let mut from = written.len();
    while from > 0 && queued(&written[from - 1].0.entry) {
        from -= 1;
        if matches!(written[from].1, Some(Special::Watched(Watched::Multi))) {
            break;
        }
    }
    Some(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record of a command keeps lengths below 128 MiB; its bytes may be more (S1).
    #[test]
    fn l1_a_command_longer_than_its_record_tells_comes_back_whole() {
        let commands: [&[u8]; 2] = [b"SET k v\r\n", b"GET k\r\n"];
        let mut c = Connection::new(Config { host: "a".into(), ..Config::default() }).expect("settings");
        for (number, bytes) in (1..).zip(commands) {
            let beyond = Entry::new(u64::MAX, Class::Write);
            c.hold.make().add(HeldCommand::new(number, beyond, None), bytes);
        }
        assert_eq!(c.salvage(), commands.concat());
        c.hand_back();
        assert_eq!(c.poll_action(), Some(Action::HandBack { first: 1, count: 2, data: commands.concat() }));
    }
}
