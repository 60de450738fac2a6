//! What the host answers to actions, and what it states of itself (levels 1 and 2). Knows no bytes.

use super::*;

impl Connection {
    /// The host has stopped writing (answer to HOLD), at a command boundary.
    pub fn handle_held(&mut self, now: Timestamp) -> Result<()> {
        let now = self.begin(now)?;
        if self.phase != Phase::Draining || self.is_managed() {
            return Err(Error::Unexpected { call: "held", hint: "answer HOLD with it, once" });
        }
        self.trace.input(format_args!("held"));
        self.held = true;
        if self.fences() != 0 {
            // It was stated while HOLD was asked: what closes it goes where the rest of it went (H4, F1).
            self.reopen(now);
        }
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// The candidate is in use (answer to SWAP).
    pub fn handle_swapped(&mut self, now: Timestamp) -> Result<()> {
        let now = self.begin(now)?;
        if self.phase != Phase::Swapping {
            return Err(Error::Unexpected { call: "swapped", hint: "answer SWAP with it, once" });
        }
        self.swap_done(now)?;
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// The host will not swap (answer to SWAP): the handoff ends as refused, the current transport goes on.
    pub fn handle_swap_refused(&mut self, now: Timestamp) -> Result<()> {
        let now = self.begin(now)?;
        if self.phase != Phase::Swapping {
            return Err(Error::Unexpected { call: "swap_refused", hint: "answer SWAP with it, once" });
        }
        self.trace.input(format_args!("swap_refused"));
        self.swap_refused(now);
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// The host's own handshake on `id` has succeeded, in RESP3. Levels 1 and 2: needed; level 3 with a handshake
    /// that is seen: says that it has ended, where no ordinary command shows it.
    pub fn handle_ready(&mut self, now: Timestamp, id: TransportId) -> Result<()> {
        let now = self.begin(now)?;
        let slot = self.slot(id)?;
        if self.is_managed() && slot != Slot::Current {
            return Err(Error::WrongLevel { call: "ready", level: 1 });
        }
        self.trace.input(format_args!("ready {id}"));
        self.host_ready(now, slot);
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// Levels 1 and 2: the handshake on `id` ended in RESP2, which has no pushes (O1).
    pub fn handle_resp2(&mut self, now: Timestamp, id: TransportId) -> Result<()> {
        let now = self.begin(now)?;
        self.level("resp2", 1, !self.is_managed())?;
        let slot = self.slot(id)?;
        self.trace.input(format_args!("resp2 {id}"));
        match slot {
            Slot::Current => {
                self.end_handshake();
                self.turn_off(now, OffReason::Resp2);
            }
            _ => self.drop_candidate(now, "candidate speaks RESP2"),
        }
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// The host has told its callers of every LOST so far: replies of the next transport may come (L3).
    pub fn handle_losses_settled(&mut self, now: Timestamp) -> Result<()> {
        let now = self.begin(now)?;
        self.trace.input(format_args!("losses_settled"));
        self.unsettled = false;
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// Newer credentials, at any time: for candidates from now on, and as the answer to NEED_CREDENTIALS (H12).
    pub fn handle_credentials(
        &mut self,
        now: Timestamp,
        username: Option<&str>,
        password: &[u8],
    ) -> Result<()> {
        let now = self.begin(now)?;
        self.level("credentials", 3, self.is_managed())?;
        self.trace.credentials(username, password);
        let credentials = effect::Credentials {
            user: username.map(|u| u.as_bytes().to_vec()),
            password: password.to_vec(),
        };
        self.session.state_credentials(credentials, self.out.next_number);
        self.credentials_came(now);
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// How many replies the current transport owes, all told, where libsch does not see them or does not know them beforehand (in 1, or
    /// out 1). In 1: say it before it matters (HOLD) and whenever it becomes 0. In 2: with each write; a reply is owed until
    /// `receive` has taken all of it.
    pub fn handle_in_flight(&mut self, now: Timestamp, n: u64) -> Result<()> {
        let now = self.begin_first(now)?;
        let seen = self.config.level_in == LevelIn::Tapped;
        self.level("in_flight", 1, !seen || self.config.level_out == LevelOut::Notified)?;
        if seen {
            self.set_owed(n)?;
        } else if self.current.is_some() {
            // Else it is late: the next transport begins with nothing.
            self.host_in_flight = n;
        }
        self.trace.input(format_args!("in_flight {n}"));
        self.stirred = self.handoff.is_some();
        self.finish_written(now);
        Ok(())
    }

    /// Level 2: `replies` are owed by what was just written to the current transport.
    pub fn handle_owe(&mut self, now: Timestamp, replies: u64) -> Result<()> {
        match self.current.as_ref().map(|t| t.id) {
            Some(id) => self.handle_owe_on(now, id, replies),
            None if self.phase == Phase::Closed => Err(Error::Closed),
            None => Err(Error::NotConnected),
        }
    }

    /// Level 2: `replies` are owed by what was just written to `id`, for the host's handshake on a candidate.
    pub fn handle_owe_on(&mut self, now: Timestamp, id: TransportId, replies: u64) -> Result<()> {
        let now = self.begin_first(now)?;
        self.level("owe", 2, self.config.level_out == LevelOut::Tapped)?;
        let slot = self.slot(id)?;
        match (self.config.level_in, slot) {
            (LevelIn::Tapped, _) => self.owe_more(slot, replies)?,
            (LevelIn::Notified, Slot::Current) => self.count_more(replies)?,
            // `ready` says that what it owed has come: nobody else could.
            (LevelIn::Notified, _) => {}
        }
        self.trace.input(format_args!("owe {id} {replies}"));
        self.finish_written(now);
        Ok(())
    }

    /// The count of what the current transport owes is set anew: what is less than libsch has seen answered has ended in another way.
    fn set_owed(&mut self, n: u64) -> Result<()> {
        match &mut self.current {
            None if n > 0 => Err(Error::NotConnected),
            None => Ok(()),
            Some(t) => {
                let owed = t.owed.hosts();
                if n >= owed {
                    return self.owe_more(Slot::Current, n - owed);
                }
                t.forget_oldest(owed - n);
                Ok(())
            }
        }
    }

    /// Replies that libsch sees are owed by `slot`.
    fn owe_more(&mut self, slot: Slot, replies: u64) -> Result<()> {
        let limit = self.config.limits.max_in_flight;
        let mut next = self.out.next_number;
        if let Some(transport) = self.transport(slot) {
            if !transport.has_room(replies, limit) {
                return Err(too_many(limit));
            }
            transport.owed.room(replies as usize, 0)?;
            for _ in 0..replies {
                let number = if slot == Slot::Current { next } else { 0 };
                transport.owed.push_plain(number, inflight::Entry::new(0, crate::commands::Class::Write));
                next += u64::from(slot == Slot::Current);
            }
        }
        self.out.next_number = next;
        Ok(())
    }

    /// Replies that only the host sees are owed by the current transport.
    fn count_more(&mut self, replies: u64) -> Result<()> {
        let limit = self.config.limits.max_in_flight;
        let owed = self.host_in_flight.saturating_add(replies);
        if replies > 0 && owed > limit as u64 {
            return Err(too_many(limit));
        }
        self.host_in_flight = owed;
        self.out.next_number += replies;
        Ok(())
    }

    /// Levels 1 and 2: a fence opens or closes (F1 to F4).
    pub fn handle_fence(&mut self, now: Timestamp, fence: HostFence, open: bool) -> Result<()> {
        let now = self.begin_first(now)?;
        self.level("fence", 1, !self.is_managed())?;
        let to = if open { "open" } else { "closed" };
        self.trace.input(format_args!("fence {} {to}", Word(fence)));
        match fence {
            HostFence::Transaction => self.host_fences[0] = open,
            HostFence::Blocking => self.host_fences[1] = open,
            HostFence::Other => self.host_fences[2] = open,
            HostFence::NoHandoff => {
                self.host_fences[3] = open;
                if open {
                    self.forbid_handoff(now, OffReason::Stream);
                } else if self.no_handoff == Some(OffReason::Stream) {
                    self.no_handoff = None;
                }
            }
        }
        self.finish_late(now);
        Ok(())
    }

    /// Withdraws a command that is still held (E2).
    pub fn cancel(&mut self, now: Timestamp, number: CommandNumber) -> Result<Cancelled> {
        let now = self.begin(now)?;
        self.level("cancel", 3, self.is_managed())?;
        self.trace.input(format_args!("cancel {number}"));
        let answer = self.withdraw(number);
        self.finish(now);
        Ok(answer)
    }
}

fn too_many(limit: usize) -> Error {
    Error::Limit {
        limit: "max_in_flight",
        value: limit as u64,
        hint: "wait for replies before you write more",
    }
}
