//! One logical connection: relaxed windows, handoff, replies owed, held bytes, session state, timers.
//! Knows no sockets, no clock and no other connection.
//!
//! Inputs are `handle_*`; after each, drain `poll_action`. [`Connection`] only wires its parts; the handoff goes forward in
//! `progress` and nowhere else.

mod dial_to;
mod effect;
mod handoff;
mod hold;
mod inbound;
mod inflight;
mod loss;
mod marks;
mod notice;
mod optin;
mod outbound;
mod overlap;
mod pooled;
mod progress;
mod rebuild;
mod receive;
mod relax;
mod session;
mod state;
mod timers;
mod trace;
mod transport;
mod types;

pub use types::{
    Cancelled, Counters, Dial, HostFence, Phase, PushVerdict, Received, Source, Span, Submitted, Wait,
};

use crate::action::{Action, CloseReason, CommandNumber, OffReason, Outcome, TransportId};
use crate::action_text::{Seq, Word};
use crate::config::{Config, Handshake, LevelIn, LevelOut};
use crate::endpoint::{Endpoint, PeerAddr};
use crate::error::{Error, Result};
use crate::log::{Level, Lines};
use crate::resp::command::CommandReader;
use crate::time::{Clock, Timestamp};
use core::time::Duration;
use handoff::{Handoff, Move};
use hold::Hold;
use marks::Marks;
use outbound::Outbound;
use overlap::Overlap;
use relax::Windows;
use session::Session;
use std::collections::VecDeque;
use std::sync::Arc;
use trace::Trace;
use transport::{Optin, Transport};

/// Transports that the host may have asked for at once.
const MAX_DIALS: usize = 8;

/// Which of the transports of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Current,
    Candidate,
    Retired,
}

/// Where the last MOVING leads, for "where to dial" (H10).
#[derive(Clone, Debug)]
struct Moved {
    to: Endpoint,
    from: Endpoint,
    until: Timestamp,
}

/// One logical connection.
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    /// Lines are logged up to this.
    log_level: Option<Level>,
    clock: Clock,
    phase: Phase,
    next_id: TransportId,
    dialing: Vec<(TransportId, Endpoint)>,
    current: Option<Box<Transport>>,
    candidate: Option<Box<Transport>>,
    /// The old transport after a swap, while both deliver subscriptions.
    retired: Option<Box<Transport>>,
    retired_until: Option<Timestamp>,
    overlap: Overlap,
    /// PING is to be written to the current transport, to align the two.
    want_ping: bool,
    /// Messages of another transport, waiting for a frame boundary of the current one.
    stash: VecDeque<Vec<u8>>,
    stash_bytes: usize,
    out: Outbound,
    hold: Hold,
    session: Session,
    windows: Windows,
    told_relaxed: bool,
    marks: Marks,
    handoff: Option<Box<Handoff>>,
    moved: Option<Box<Moved>>,
    /// Bits of the reasons told by SCH_OFF.
    told_off: u32,
    no_handoff: Option<OffReason>,
    /// SCH is off for good on this connection.
    off: bool,
    host_in_flight: u64,
    host_fences: [bool; 4],
    /// LOST has been told and `losses_settled` has not come.
    unsettled: bool,
    /// The host's parser is inside of a reply whose rest never comes, and cannot be reset: an error put after that would be
    /// read as the rest (L4).
    stuck: bool,
    want_resume: bool,
    /// The host answered HOLD.
    held: bool,
    refused_until: Vec<(Endpoint, Timestamp)>,
    optin_closed: u8,
    optin_retry_at: Option<Timestamp>,
    random: u64,
    actions: VecDeque<Action>,
    lines: Lines,
    /// Of the member of a pool.
    pooled: Option<Box<pooled::Pooled>>,
    trace: Trace,
    /// How many of `actions` the trace has.
    traced: usize,
    counters: Counters,
    /// `counters.commands` at the last tick.
    commands_at_tick: u64,
    owned: Vec<u8>,
    wake: Option<Timestamp>,
    /// Something happened that `progress` must look at.
    stirred: bool,
}

impl Connection {
    /// A connection without a transport. Fails on settings that cannot work.
    /// Connections with the same settings may share them.
    pub fn new(config: impl Into<Arc<Config>>) -> Result<Self> {
        let config: Arc<Config> = config.into();
        config.validate()?;
        let session = match config.handshake {
            Handshake::ByLibsch => Session::configured(&config),
            Handshake::Seen => Session::default(),
        };
        Ok(Self {
            log_level: config.log_level,
            clock: Clock::new(),
            phase: Phase::Detached,
            next_id: 1,
            dialing: Vec::new(),
            current: None,
            candidate: None,
            retired: None,
            retired_until: None,
            overlap: Overlap::default(),
            want_ping: false,
            stash: VecDeque::new(),
            stash_bytes: 0,
            out: Outbound::new(CommandReader::new(config.limits.command)),
            hold: Hold::default(),
            session,
            windows: Windows::default(),
            told_relaxed: false,
            marks: Marks::default(),
            handoff: None,
            moved: None,
            told_off: 0,
            no_handoff: None,
            off: config.mode == crate::optin::Mode::Disabled,
            host_in_flight: 0,
            host_fences: [false; 4],
            unsettled: false,
            stuck: false,
            want_resume: false,
            held: false,
            refused_until: Vec::new(),
            optin_closed: 0,
            optin_retry_at: None,
            random: config.seed,
            actions: VecDeque::new(),
            lines: Lines::default(),
            pooled: None,
            trace: Trace::new(&config),
            traced: 0,
            counters: Counters::default(),
            commands_at_tick: 0,
            owned: Vec::new(),
            wake: None,
            stirred: false,
            config,
        })
    }

    // ---- what every input does first and last ------------------------------------------------------------------

    /// Takes the time, fires what is due.
    fn begin(&mut self, now: Timestamp) -> Result<Timestamp> {
        if self.phase == Phase::Closed {
            return Err(Error::Closed);
        }
        let now = self.clock.advance(now);
        self.trace.at(now);
        if self.wake.is_some_and(|wake| wake <= now) {
            self.trace.input(format_args!("tick"));
            self.fire_timers(now);
            self.finish(now);
        }
        Ok(now)
    }

    /// For what happened to a socket before the call: it goes before what is due. A swap that is forced now must not take for
    /// unwritten what is written, nor lead to a candidate that is closed. Ends with `finish_late`.
    fn begin_first(&mut self, now: Timestamp) -> Result<Timestamp> {
        if self.phase == Phase::Closed {
            return Err(Error::Closed);
        }
        let now = self.clock.advance(now);
        self.trace.at(now);
        Ok(now)
    }

    fn finish_late(&mut self, now: Timestamp) {
        if self.wake.is_some_and(|wake| wake <= now) {
            self.fire_timers(now);
        }
        self.stirred = true;
        self.finish(now);
    }

    /// Takes the handoff as far as it goes, and finds the next deadline.
    fn finish(&mut self, now: Timestamp) {
        if self.stirred {
            self.stirred = false;
            self.progress(now);
            // Terminators have told theirs: what is left is a handoff's window that ended with it.
            self.update_relax(crate::action::RestoreReason::Expired);
            self.wake = self.earliest();
        }
        self.trace_actions();
    }

    /// Actions are final once an input has ended; those of an earlier one that the host has not taken are known already.
    fn trace_actions(&mut self) {
        if self.trace.is_on() {
            for action in self.actions.iter().skip(self.traced) {
                self.trace.action(action);
            }
            self.traced = self.actions.len();
        }
    }

    fn set_phase(&mut self, to: Phase) {
        debug_assert!(self.phase.may_become(to), "{:?} -> {to:?}", self.phase);
        self.phase = to;
        self.stirred = true;
    }

    fn emit(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    fn log(&mut self, level: Level, line: impl FnOnce() -> String) {
        if self.log_level.is_some_and(|wanted| level <= wanted) {
            self.lines.push(self.config.limits.max_lines, level, line());
        }
    }

    /// A step of splitmix64: the seed alone decides.
    fn jitter(&mut self) -> u8 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as u8
    }

    fn slot(&self, id: TransportId) -> Result<Slot> {
        let is = |t: &Option<Box<Transport>>| t.as_ref().is_some_and(|t| t.id == id);
        if is(&self.current) {
            Ok(Slot::Current)
        } else if is(&self.candidate) {
            Ok(Slot::Candidate)
        } else if is(&self.retired) {
            Ok(Slot::Retired)
        } else {
            Err(Error::UnknownTransport(id))
        }
    }

    fn transport(&mut self, slot: Slot) -> Option<&mut Transport> {
        match slot {
            Slot::Current => self.current.as_deref_mut(),
            Slot::Candidate => self.candidate.as_deref_mut(),
            Slot::Retired => self.retired.as_deref_mut(),
        }
    }

    fn lend_id(&mut self) -> TransportId {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn level(&self, call: &'static str, level: u8, ok: bool) -> Result<()> {
        if ok { Ok(()) } else { Err(Error::WrongLevel { call, level }) }
    }

    fn is_managed(&self) -> bool {
        self.config.level_out == LevelOut::Managed
    }

    // ---- transports ---------------------------------------------------------------------------------------------

    /// Where to dial: the `nth` choice, from 0, and an id for it; `None` when there are no more (H10). For the first
    /// connect and for reconnects; candidates come with OPEN.
    pub fn dial(&mut self, now: Timestamp, nth: usize) -> Result<Option<Dial>> {
        let now = self.begin(now)?;
        let choices = self.where_to_dial(now);
        let Some(endpoint) = choices.into_iter().nth(nth) else { return Ok(None) };
        let dial = self.lend_dial(endpoint)?;
        self.trace.input(format_args!("dial {nth}"));
        self.finish(now);
        Ok(Some(dial))
    }

    fn configured(&self) -> Endpoint {
        Endpoint { host: self.config.host.clone(), port: self.config.port }
    }

    fn server_name(&self, endpoint: &Endpoint) -> Option<String> {
        let name = || match &self.config.tls_server_name {
            Some(name) => name.clone(),
            None => crate::endpoint::tls_server_name(endpoint, &self.config.host).to_owned(),
        };
        self.config.tls.then(name)
    }

    /// The choices of `dial`, best first.
    fn where_to_dial(&self, now: Timestamp) -> Vec<Endpoint> {
        let configured = self.configured();
        let mut out = Vec::new();
        let mut add = |e: Endpoint| {
            if !out.contains(&e) {
                out.push(e);
            }
        };
        if let Some(moved) = &self.moved {
            if now < moved.until {
                add(moved.to.clone());
                add(moved.from.clone());
            } else {
                add(configured.clone());
                add(moved.to.clone());
            }
        }
        add(configured);
        out
    }

    /// The socket `id` is connected, TLS included. `peer` is its address where known: it decides the endpoint type (O4).
    pub fn handle_connected(
        &mut self,
        now: Timestamp,
        id: TransportId,
        peer: Option<PeerAddr>,
    ) -> Result<()> {
        let now = self.begin(now)?;
        if let Some(index) = self.dialing.iter().position(|(dialed, _)| *dialed == id) {
            if self.current.is_some() {
                return Err(Error::Unexpected {
                    call: "connected",
                    hint: "a transport is in use: report `closed` for it first",
                });
            }
            if self.handoff.is_some() {
                return Err(Error::Unexpected {
                    call: "connected",
                    hint: "a handoff is opening transports: close this one and wait for its end",
                });
            }
            self.trace.input(format_args!("connected {id}{}", trace::Peer(peer)));
            let (_, endpoint) = self.dialing.swap_remove(index);
            self.attach(now, id, endpoint, peer);
        } else if self.candidate.as_ref().is_some_and(|c| c.id == id && !c.connected) {
            self.trace.input(format_args!("connected {id}{}", trace::Peer(peer)));
            self.candidate_connected(now, peer);
        } else {
            return Err(Error::UnknownTransport(id));
        }
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// A transport of the host's own dialling is in use from here on.
    fn attach(&mut self, now: Timestamp, id: TransportId, endpoint: Endpoint, peer: Option<PeerAddr>) {
        if self.moved.as_ref().is_some_and(|m| now >= m.until) && endpoint == self.configured() {
            self.moved = None;
        }
        let mut transport = Transport::new(id, endpoint, &self.config.limits);
        transport.peer = peer;
        transport.connected = true;
        self.stuck = false;
        self.set_phase(Phase::Handshaking);
        // Messages of an earlier stream are no part of this one.
        self.stash.clear();
        self.stash_bytes = 0;
        if self.out.open.is_some() {
            self.lose_half_submitted();
        }
        self.out.attach();
        self.trace.commands_restart();
        self.no_handoff = self.host_fences[3].then_some(OffReason::Stream);
        // What was off was so on the last transport; a refusal is remembered by address.
        self.off = self.config.mode == crate::optin::Mode::Disabled;
        let asks = self.may_opt_in(now, &transport.endpoint);
        self.told_off &= if asks { 0 } else { 1 << OffReason::Refused as u32 };
        transport.inbound.uninterested = self.off;
        match self.config.handshake {
            Handshake::ByLibsch => {
                self.session.begin_anew(&self.config);
                self.session.resp3 = true;
                self.write_session(now, &mut transport);
                self.current = Some(transport);
                self.emit(Action::Write { transport: id });
            }
            Handshake::Seen => {
                // RESUME would bring what was not taken before the host's own HELLO.
                self.want_resume = false;
                self.session = Session::default();
                self.current = Some(transport);
            }
        }
    }

    /// The socket `id` could not be connected.
    pub fn handle_connect_failed(&mut self, now: Timestamp, id: TransportId) -> Result<()> {
        let now = self.begin_first(now)?;
        if let Some(index) = self.dialing.iter().position(|(dialed, _)| *dialed == id) {
            self.trace.input(format_args!("connect_failed {id}"));
            self.dialing.swap_remove(index);
        } else if self.candidate.as_ref().is_some_and(|c| c.id == id) {
            self.trace.input(format_args!("connect_failed {id}"));
            self.candidate = None;
            self.attempt_failed(now, "connect failed");
        } else {
            return Err(Error::UnknownTransport(id));
        }
        self.finish_late(now);
        Ok(())
    }

    /// The socket `id` is closed. `unwritten`: the bytes that `submit` gave to write and that were not written, in
    /// order (not those of a region). They are copied.
    pub fn handle_closed(&mut self, now: Timestamp, id: TransportId, unwritten: &[u8]) -> Result<()> {
        let now = self.begin_first(now)?;
        if self.dialing.iter().any(|(dialed, _)| *dialed == id) {
            return self.handle_connect_failed(now, id);
        }
        let slot = self.slot(id)?;
        self.trace.closed(id, unwritten);
        match slot {
            Slot::Current => self.current_closed(now, unwritten),
            Slot::Candidate => {
                if let Some(t) = self.candidate.take() {
                    self.optin_lost(now, &t, slot);
                }
                self.attempt_failed(now, "candidate closed");
            }
            Slot::Retired => {
                self.retired = None;
                self.retired_until = None;
                self.end_overlap(overlap::Side::Old);
            }
        }
        self.finish_late(now);
        Ok(())
    }

    // ---- answers and statements ----------------------------------------------------------------------------------

    /// The host has stopped writing (answer to HOLD), at a command boundary.
    pub fn handle_held(&mut self, now: Timestamp) -> Result<()> {
        let now = self.begin(now)?;
        if self.phase != Phase::Draining || self.is_managed() {
            return Err(Error::Unexpected { call: "held", hint: "answer HOLD with it, once" });
        }
        self.trace.input(format_args!("held"));
        self.held = true;
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
        self.trace.input(format_args!("swapped"));
        self.swap_done(now);
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
        self.session.set_credentials(effect::Credentials {
            user: username.map(|u| u.as_bytes().to_vec()),
            password: password.to_vec(),
        });
        self.credentials_came(now);
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// Level 1: how many commands are written and not answered, all told. Say it before it matters (HOLD) and whenever
    /// it becomes 0.
    pub fn handle_in_flight(&mut self, now: Timestamp, n: u64) -> Result<()> {
        let now = self.begin(now)?;
        self.level("in_flight", 1, self.config.level_out == LevelOut::Notified)?;
        self.trace.input(format_args!("in_flight {n}"));
        self.host_in_flight = n;
        self.stirred = self.handoff.is_some();
        self.finish(now);
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
        let now = self.begin(now)?;
        self.level("owe", 2, self.config.level_out == LevelOut::Tapped)?;
        let slot = self.slot(id)?;
        let (limit, mut next) = (self.config.limits.max_in_flight as u64, self.out.next_number);
        if let Some(transport) = self.transport(slot) {
            if !transport.has_room(replies, limit as usize) {
                return Err(Error::Limit {
                    limit: "max_in_flight",
                    value: limit,
                    hint: "wait for replies before you write more",
                });
            }
            for _ in 0..replies {
                let number = if slot == Slot::Current { next } else { 0 };
                transport.owed.push_plain(number, inflight::Entry::new(0, crate::commands::Class::Write));
                next += u64::from(slot == Slot::Current);
            }
        }
        self.trace.input(format_args!("owe {id} {replies}"));
        self.counters.commands += next - self.out.next_number;
        self.out.next_number = next;
        self.finish(now);
        Ok(())
    }

    /// Levels 1 and 2: a fence opens or closes (F1 to F4).
    pub fn handle_fence(&mut self, now: Timestamp, fence: HostFence, open: bool) -> Result<()> {
        let now = self.begin(now)?;
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
        self.stirred = true;
        self.finish(now);
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

    /// Time has passed.
    pub fn handle_tick(&mut self, now: Timestamp) -> Result<()> {
        let now = self.begin(now)?;
        self.give_memory_back();
        self.finish(now);
        Ok(())
    }

    /// Ends the connection (E9): held commands come back, candidates are closed, nothing is to be polled after the
    /// last action. The current transport is the host's to close.
    pub fn close(&mut self, now: Timestamp) -> Result<()> {
        let now = self.begin(now)?;
        self.trace.input(format_args!("close"));
        self.end_all(now, CloseReason::HostClosed);
        if self.out.discarding {
            self.lose_half_submitted();
        }
        self.windows.clear();
        self.update_relax(crate::action::RestoreReason::Ended);
        self.current = None;
        self.set_phase(Phase::Closed);
        self.stirred = false;
        self.wake = None;
        self.trace_actions();
        Ok(())
    }

    // ---- outputs --------------------------------------------------------------------------------------------------

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.traced = self.traced.saturating_sub(1);
        self.actions.pop_front()
    }

    /// The next log line.
    pub fn poll_log(&mut self) -> Option<(Level, String)> {
        self.lines.pop()
    }

    /// From now on lines are logged up to `level`; `None` is no log.
    pub fn set_log_level(&mut self, level: Option<Level>) {
        self.log_level = level;
    }

    /// The next line of the trace.
    pub fn poll_trace(&mut self) -> Option<String> {
        self.trace.pop()
    }

    /// When `handle_tick` is due.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.wake
    }

    /// The timeout of a command now (R1): `None` is infinite.
    pub fn effective_timeout(&self, configured: Option<Duration>) -> Option<Duration> {
        if self.told_relaxed { configured.map(|c| c.max(self.config.relaxed_timeout)) } else { configured }
    }

    /// Bytes of `Source::Owned` spans, until the next input.
    pub fn owned(&self) -> &[u8] {
        &self.owned
    }

    /// Bytes to write to `id`, after those that `submit` gave for it.
    pub fn region(&self, id: TransportId) -> &[u8] {
        [&self.current, &self.candidate, &self.retired]
            .into_iter()
            .flatten()
            .find(|t| t.id == id)
            .map_or(&[], |t| &t.region)
    }

    /// Fills in the transports to wait on and says how many there are (at most 3).
    pub fn wait_on(&self, out: &mut [Wait]) -> usize {
        let mut n = 0;
        for (slot, transport) in [
            (Slot::Current, &self.current),
            (Slot::Candidate, &self.candidate),
            (Slot::Retired, &self.retired),
        ] {
            let Some(t) = transport else { continue };
            let wait = Wait {
                transport: t.id,
                connecting: !t.connected,
                read: t.connected && !self.waits_for_another(slot),
                write: t.connected && !t.region.is_empty(),
            };
            if let Some(place) = out.get_mut(n) {
                *place = wait;
            }
            n += 1;
        }
        n
    }

    /// Counters since the connection was made.
    pub fn counters(&self) -> Counters {
        Counters {
            clock_steps_back: self.clock.steps_back(),
            log_lines_dropped: self.lines.dropped + self.trace.dropped(),
            ..self.counters
        }
    }

    /// Where the connection is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The transport in use.
    pub fn current(&self) -> Option<TransportId> {
        self.current.as_ref().map(|t| t.id)
    }

    /// The server has accepted the opt-in on the transport in use.
    pub fn is_sch_active(&self) -> bool {
        !self.off && self.current.as_ref().is_some_and(|t| t.optin == Optin::On)
    }
}
