//! The commands that the host submits (E4): what is written now, what is held, what is not taken. Knows no reply.

use super::*;
use crate::commands::{self, Facts};
use crate::conn::hold::HeldCommand;
use crate::conn::inflight::{Entry, Special};
use crate::conn::outbound::DISCARD;
use crate::mem::Room;
use crate::resp::command::Step;

impl Connection {
    /// Bytes of commands, in any pieces (level 3). Answers what to do with them; bytes that are not taken are given
    /// again after RESUME.
    pub fn handle_submit(&mut self, mut now: Timestamp, data: &[u8]) -> Result<Submitted> {
        let mut answer =
            Submitted { transport: 0, write_now: 0, held: 0, first: self.out.next_number, count: 0 };
        if self.writes_plainly(now) {
            now = self.clock.advance(now);
            self.quiet_ticks = 0;
            let run = self.submit_plain(data);
            (answer.write_now, answer.count) = (run.bytes, run.count);
            if run.bytes == data.len() {
                answer.transport = self.current().filter(|_| run.bytes > 0).unwrap_or(0);
                return Ok(answer);
            }
        }
        self.submit_more(now, data, answer)
    }

    /// What is behind that which is written.
    #[inline(never)] // so that plain commands cost what they cost
    fn submit_more(&mut self, now: Timestamp, data: &[u8], written: Submitted) -> Result<Submitted> {
        let now = self.begin(now)?;
        self.level("submit", 3, self.is_managed())?;
        if self.current.is_none() && self.handoff.is_none() {
            return Err(Error::NotConnected);
        }
        if self.is_holding() {
            self.hold.room()?;
            self.hold.make().room(data.len().min(self.config.limits.max_held_bytes))?;
        }
        if self.out.open.is_some() {
            let direct = self.writes_directly();
            self.room_beyond_plain(direct, data.len().min(self.config.limits.max_held_bytes))?;
        }
        let answer = self.submit(now, data, written)?;
        self.trace.submitted(data, answer.write_now + answer.held);
        if !self.holds_nothing() && !self.is_holding() {
            self.release_hold();
        }
        // This may have been the place that libsch's own commands wait for (E7).
        self.stirred |= self.want_ping || self.current.as_ref().is_some_and(|t| t.optin == Optin::Wanted);
        self.stirred |= self.put_off;
        self.giving = answer.write_now > 0;
        self.finish(now);
        self.giving = false;
        Ok(answer)
    }

    pub(super) fn holds_nothing(&self) -> bool {
        self.hold.get().is_none_or(Hold::is_empty)
    }

    /// Writes are kept back.
    pub(super) fn is_holding(&self) -> bool {
        self.current.is_none()
            || matches!(self.phase, Phase::Draining | Phase::Swapping)
            || self.makes_handshake()
    }

    /// The handshake of the current transport is libsch's and has not ended: commands wait for it (E8).
    fn makes_handshake(&self) -> bool {
        self.config.handshake == Handshake::ByLibsch && !self.out.handshaken && self.phase != Phase::Failed
    }

    /// A command that is no part of a handshake ends the one that is seen.
    pub(super) fn ordinary_came(&mut self) {
        if !self.out.handshaken && self.config.handshake == Handshake::Seen {
            self.end_handshake();
        }
    }

    /// Goes on behind what is written. An error if there is no memory for the first command; for a later one, it and those after
    /// it are not taken.
    fn submit(&mut self, now: Timestamp, data: &[u8], mut answer: Submitted) -> Result<Submitted> {
        let mut lacks = None;
        let mut direct = self.writes_directly();
        let mut plain = self.passes_plain(direct);
        let mut at = answer.write_now;
        while at < data.len() {
            if plain {
                let run = self.submit_plain(&data[at..]);
                at += run.bytes;
                answer.write_now += run.bytes;
                answer.count += run.count;
                if at == data.len() {
                    break;
                }
            }
            if self.out.broken {
                at += self.pass_broken(&data[at..], direct, &mut answer);
                break;
            }
            let fresh = plain || self.out.at_boundary();
            if fresh && !self.has_room(direct, &mut lacks) {
                break;
            }
            let out = &mut self.out;
            let facts = &mut out.facts;
            let read = out.reader.read(&data[at..], |head| {
                *facts = commands::lookup(head.name, head.second.unwrap_or_default());
                facts.keep()
            });
            if plain
                && read.step == Step::Command
                && out.facts.is_plain()
                && let Some(t) = &mut self.current
            {
                let facts = core::mem::replace(&mut out.facts, Facts::UNKNOWN);
                t.owed.push_plain(out.next_number, Entry::new(out.reader.len(), facts.class()));
                out.next_number += 1;
                answer.count += 1;
                answer.write_now += read.consumed;
                at += read.consumed;
                continue;
            }
            let chunk = &data[at..at + read.consumed];
            if fresh && !chunk.is_empty() && !matches!(read.step, Step::Error(_)) {
                // Of one that comes in parts the rest is always taken: so its first part counts for as much as it announces.
                let wants =
                    usize::try_from(self.out.reader.announced()).unwrap_or(usize::MAX).max(chunk.len());
                let fits = direct || self.has_room_for(wants);
                if fits {
                    lacks = self.room_beyond_plain(direct, chunk.len()).err();
                } else {
                    self.out.wants = wants;
                    self.want_resume = true;
                }
                if !fits || lacks.is_some() {
                    self.out.reader.reset();
                    break;
                }
            }
            if fresh && !chunk.is_empty() && matches!(read.step, Step::Command | Step::NeedMore) {
                self.out.open = Some(self.out.next_number);
                self.out.next_number += 1;
                answer.count += 1;
            }
            match read.step {
                Step::Command => {
                    let number = self.out.open.take().unwrap_or(self.out.next_number);
                    let was = direct;
                    self.command(now, number, chunk, &mut direct);
                    let written = was && direct;
                    if written {
                        answer.write_now += chunk.len();
                    } else {
                        answer.held += chunk.len();
                    }
                    self.out.facts = Facts::UNKNOWN;
                    if self.phase == Phase::Ready && self.can_hold() {
                        // What closed the fence goes where the rest of it went: EXEC behind a region with its MULTI (F1).
                        self.release_hold();
                        self.giving = answer.write_now > 0;
                        self.progress(now);
                        direct = self.writes_directly();
                    }
                }
                Step::Blank if self.out.open.is_some() => {
                    let chunk = chunk.len();
                    if self.end_blank(&data[at..at + chunk], direct) {
                        answer.write_now += chunk;
                    } else {
                        answer.held += chunk;
                    }
                    if self.phase == Phase::Ready && self.can_hold() {
                        self.giving = answer.write_now > 0;
                        self.progress(now);
                    }
                    direct = self.writes_directly();
                }
                Step::NeedMore | Step::Blank => {
                    let blank = read.step == Step::Blank;
                    if self.out.discarding {
                        answer.held += chunk.len();
                    } else if direct {
                        answer.write_now += chunk.len();
                        if blank && let Some(t) = &mut self.current {
                            t.owed.push_blank(chunk.len());
                        }
                    } else {
                        answer.held += chunk.len();
                        if !blank {
                            self.hold.make().add_part(chunk);
                        }
                    }
                }
                Step::Error(_) => {
                    self.out.broken = true;
                    self.forbid_handoff(now, OffReason::BrokenCommands);
                    at += self.pass_broken(&data[at..], direct, &mut answer);
                    break;
                }
            }
            at += read.consumed;
            if read.step == Step::NeedMore {
                break;
            }
            plain = self.passes_plain(direct);
        }
        if let Some(error) = lacks.filter(|_| at == 0) {
            return Err(error);
        }
        if at < data.len() {
            self.want_resume = true;
            self.stirred = true;
        }
        if answer.write_now > 0 {
            answer.transport = self.current().unwrap_or(0);
        }
        Ok(answer)
    }

    /// Room for the command that has just been read, of which so many bytes came.
    fn room_beyond_plain(&mut self, direct: bool, bytes: usize) -> Result<()> {
        if !direct {
            self.hold.room()?;
            // In its place may come one that is longer.
            self.hold.make().room(bytes + DISCARD.len())?;
        }
        if self.out.facts.is_plain() && self.out.is_ordinary() {
            return Ok(());
        }
        self.actions.room(1)?;
        self.out.tx.room()?;
        self.out.tx.make().changes.room(1)?;
        match &mut self.current {
            Some(t) if direct => t.owed.room(1, 1),
            _ => Ok(()),
        }
    }

    /// Bytes that are no commands keep their place.
    fn pass_broken(&mut self, data: &[u8], direct: bool, answer: &mut Submitted) -> usize {
        if direct && answer.held == 0 {
            answer.write_now += data.len();
            return data.len();
        }
        let room = self.config.limits.max_held_bytes.saturating_sub(self.held_bytes());
        let mut taken = data.len().min(room);
        if self.hold.room().and_then(|()| self.hold.make().room(taken)).is_err() {
            taken = 0;
        }
        if let Some(hold) = self.hold.get_mut() {
            hold.add_part(&data[..taken]);
        }
        answer.held += taken;
        taken
    }

    fn held_bytes(&self) -> usize {
        self.hold.get().map_or(0, |hold| hold.bytes.len())
            + self.current.as_ref().map_or(0, |t| t.region.len())
    }

    /// One command more may be taken. `lacks`: there is no memory for its record.
    fn has_room(&mut self, direct: bool, lacks: &mut Option<Error>) -> bool {
        let limits = &self.config.limits;
        let room = if direct {
            let Some(t) = &mut self.current else { return false };
            let fits = t.has_room(1, limits.max_in_flight);
            *lacks = t.owed.room_for_one().err().filter(|_| fits);
            fits && lacks.is_none()
        } else {
            (self.hold.get().map_or(0, |hold| hold.commands.len()) as u64) < limits.max_held_commands
                && self.held_bytes() < limits.max_held_bytes
        };
        self.want_resume |= !room && lacks.is_none();
        room
    }

    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        // One command may be larger, where it would not wait for a handoff but for its turn: else it would never come.
        let alone = self.held_bytes() == 0 && !self.is_holding();
        alone || self.held_bytes().saturating_add(bytes) <= self.config.limits.max_held_bytes
    }

    /// One whole command. `chunk` is what of it came in this call.
    fn command(&mut self, now: Timestamp, number: CommandNumber, chunk: &[u8], direct: &mut bool) {
        if self.out.discarding {
            // Its first bytes went to a transport that is lost: the rest has nowhere to go.
            self.out.discarding = false;
            if !core::mem::take(&mut self.out.half_lost) {
                self.lose_one(number, crate::action::LostOutcome::NeverWritten);
            }
            if core::mem::take(&mut self.out.half_matters) {
                self.out.half_transaction();
            }
            *direct = false;
            return self.keep(number, Entry::new(0, commands::Class::Write), Some(Special::Silent), &[]);
        }
        let facts = self.out.facts;
        let len = self.out.reader.len();
        if facts.is_plain() && self.out.is_ordinary() {
            self.ordinary_came();
            let entry = Entry::new(len, facts.class());
            if *direct && let Some(t) = &mut self.current {
                t.owed.push_plain(number, entry);
                return;
            }
            return self.keep(number, entry, None, chunk);
        }
        // The arguments are the reader's: it steps aside while the connection changes by them.
        let aside = CommandReader::new(self.config.limits.command);
        let reader = core::mem::replace(&mut self.out.reader, aside);
        let (entry, special, replaced) = self.uncommon(now, number, facts, &reader);
        self.out.reader = reader;
        if matches!(special, Some(Special::Refused)) {
            *direct = false;
            self.hold.make().drop_part();
            return self.keep(number, entry.with_len(0), special, &[]);
        }
        if replaced {
            *direct = false;
            self.hold.make().drop_part();
            return self.keep(number, entry.with_len(DISCARD.len()), Some(Special::FailedExec), DISCARD);
        }
        if *direct && let Some(t) = &mut self.current {
            t.owed.push(number, entry, special);
            return;
        }
        self.keep(number, entry, special, chunk);
    }

    /// The last `chunk` of an empty line or array that came in parts. What was taken for the beginning of a command is none: its
    /// number goes to the next one, and what is held of it goes nowhere. Whether the host writes the chunk.
    fn end_blank(&mut self, chunk: &[u8], direct: bool) -> bool {
        let out = &mut self.out;
        let number = out.open.take();
        let told = core::mem::take(&mut out.half_lost);
        out.half_matters = false;
        if !told {
            out.next_number = number.unwrap_or(out.next_number);
        }
        if core::mem::take(&mut out.discarding) {
            return false;
        }
        let len = out.reader.len() as usize;
        match self.hold.get_mut() {
            // All of it is here; else its beginning is on its way.
            Some(hold) if !direct && hold.partial + chunk.len() == len => hold.drop_part(),
            _ => {
                if let Some(t) = &mut self.current {
                    if !direct {
                        t.region.push(chunk);
                    }
                    t.owed.push_blank(len);
                }
            }
        }
        direct
    }

    fn keep(&mut self, number: CommandNumber, entry: Entry, special: Option<Special>, chunk: &[u8]) {
        self.hold.make().add(HeldCommand::new(number, entry, special), chunk);
        if self.is_holding() {
            self.counters.with(|c| c.commands_held += 1);
            if let Some(handoff) = &mut self.handoff {
                handoff.held += 1;
            }
        }
    }
}
