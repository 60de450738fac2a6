//! One logical connection: relaxed windows, handoff, replies owed, held bytes, session state, timers.
//! Knows no sockets, no clock and no other connection.
//!
//! Inputs are `handle_*`; after each, drain `poll_action`. [`Connection`] only wires its parts; the handoff goes forward in
//! `progress` and nowhere else.

mod answers;
mod dial;
mod effect;
mod endings;
mod flush;
mod found;
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
mod places;
mod plain;
mod pooled;
mod progress;
mod pushes;
mod rebuild;
mod receive;
mod region;
mod relax;
mod replies;
mod ring;
mod session;
mod state;
mod steady;
mod submit;
mod timers;
mod trace;
mod transport;
mod types;
mod uncommon;

pub use types::{
    Cancelled, Counters, Dial, HostFence, Phase, PushVerdict, Received, Source, Span, Submitted, Wait,
};

pub(crate) use receive::SPANS_A_STEP;

use crate::action::{Action, CloseReason, CommandNumber, OffReason, Outcome, TransportId};
use crate::action_text::{Seq, Word};
use crate::config::{Config, Handshake, LevelIn, LevelOut};
use crate::endpoint::{Endpoint, PeerAddr};
use crate::error::{Error, Result};
use crate::log::{Level, Lines};
use crate::mem::{Place, Room};
use crate::rare::Rare;
use crate::resp::command::CommandReader;
use crate::time::{Clock, Timestamp};
use core::time::Duration;
use handoff::{Handoff, Move};
use hold::Hold;
use marks::Marks;
use outbound::Outbound;
use overlap::Overlap;
use places::{Moved, Places};
use relax::Windows;
use session::Session;
use std::collections::VecDeque;
use std::sync::Arc;
use trace::Trace;
use transport::{Optin, Transport};

/// Which of the transports of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Current,
    Candidate,
    Retired,
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
    places: Rare<Places>,
    current: Option<Place<Transport>>,
    candidate: Option<Place<Transport>>,
    /// The old transport after a swap, while both deliver subscriptions.
    retired: Option<Place<Transport>>,
    retired_until: Option<Timestamp>,
    overlap: Rare<Overlap>,
    /// PING is to be written to the current transport, to align the two.
    want_ping: bool,
    out: Outbound,
    hold: Rare<Hold>,
    session: Session,
    windows: Rare<Windows>,
    told_relaxed: bool,
    marks: Rare<Marks>,
    handoff: Option<Place<Handoff>>,
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
    optin_closed: u8,
    optin_retry_at: Option<Timestamp>,
    random: u64,
    actions: VecDeque<Action>,
    lines: Rare<Lines>,
    /// Of the member of a pool.
    pooled: Option<Place<pooled::Pooled>>,
    trace: Trace,
    /// Its settings keep it from the shortest way of `receive`.
    is_long_by_settings: bool,
    /// How many of `actions` the trace has.
    traced: usize,
    counters: Rare<Counters>,
    /// Ticks since the last other input, up to `REST`.
    quiet_ticks: u8,
    owned: Vec<u8>,
    wake: Option<Timestamp>,
    /// Something happened that `progress` must look at.
    stirred: bool,
    /// When what there was no memory for is tried again.
    retry_at: Option<Timestamp>,
    /// `submit` gives out bytes for the current transport: in this call it is neither closed nor swapped away (E4).
    giving: bool,
    /// What that put off is due at once.
    put_off: bool,
}

/// Actions that there is room for before timers fire.
const DUE: usize = 4;

impl Connection {
    /// A connection without a transport. Fails on settings that cannot work.
    /// Connections with the same settings may share them.
    pub fn new(config: impl Into<Arc<Config>>) -> Result<Self> {
        let config: Arc<Config> = config.into();
        config.validate()?;
        let session = match config.handshake {
            Handshake::ByLibsch => Session::configured(&config)?,
            Handshake::Seen => Session::default(),
        };
        Ok(Self {
            log_level: config.log_level,
            clock: Clock::new(),
            phase: Phase::Detached,
            next_id: 1,
            places: Rare::default(),
            current: None,
            candidate: None,
            retired: None,
            retired_until: None,
            overlap: Rare::default(),
            want_ping: false,
            out: Outbound::new(CommandReader::new(config.limits.command)),
            hold: Rare::default(),
            session,
            windows: Rare::default(),
            told_relaxed: false,
            marks: Rare::default(),
            handoff: None,
            told_off: 0,
            no_handoff: None,
            off: config.mode == crate::optin::Mode::Disabled,
            host_in_flight: 0,
            host_fences: [false; 4],
            unsettled: false,
            stuck: false,
            want_resume: false,
            held: false,
            optin_closed: 0,
            optin_retry_at: None,
            random: config.seed,
            actions: VecDeque::new(),
            lines: Rare::default(),
            pooled: None,
            is_long_by_settings: steady::is_long_by(&config),
            trace: Trace::new(&config),
            traced: 0,
            counters: Rare::default(),
            quiet_ticks: 0,
            owned: Vec::new(),
            wake: None,
            stirred: false,
            retry_at: None,
            giving: false,
            put_off: false,
            config,
        })
    }

    // ---- what every input does first and last ------------------------------------------------------------------

    /// Takes the time, fires what is due.
    #[inline]
    fn begin(&mut self, now: Timestamp) -> Result<Timestamp> {
        if self.phase == Phase::Closed {
            return Err(Error::Closed);
        }
        self.quiet_ticks = 0;
        let now = self.clock.advance(now);
        self.trace.at(now);
        if self.wake.is_some_and(|wake| wake <= now) {
            self.wake(now);
        }
        Ok(now)
    }

    #[cold]
    fn wake(&mut self, now: Timestamp) {
        if self.actions.room(DUE).is_err() {
            self.wake = Some(now + timers::RETRY);
            return;
        }
        self.trace.input(format_args!("tick"));
        self.fire_timers(now);
        self.finish(now);
    }

    /// For what happened to a socket before the call: it goes before what is due. A swap that is forced now must not take for
    /// unwritten what is written, nor lead to a candidate that is closed. Ends with `finish_late`.
    fn begin_first(&mut self, now: Timestamp) -> Result<Timestamp> {
        if self.phase == Phase::Closed {
            return Err(Error::Closed);
        }
        self.quiet_ticks = 0;
        let now = self.clock.advance(now);
        self.trace.at(now);
        Ok(now)
    }

    fn finish_late(&mut self, now: Timestamp) {
        self.fire_late(now);
        self.stirred = true;
        self.finish(now);
    }

    /// Without memory for it with the next input.
    #[inline]
    fn fire_late(&mut self, now: Timestamp) {
        if self.wake.is_some_and(|wake| wake <= now) && self.actions.room(DUE).is_ok() {
            self.fire_timers(now);
        }
    }

    /// As `finish_late`, for what the host states of itself with each command: a swap that is forced now breaks no transaction that
    /// has ended, and loses what was written before.
    #[inline]
    fn finish_written(&mut self, now: Timestamp) {
        self.fire_late(now);
        self.finish(now);
    }

    /// Takes the handoff as far as it goes, and finds the next deadline.
    #[inline]
    fn finish(&mut self, now: Timestamp) {
        if self.stirred {
            self.settle(now);
        }
        if self.trace.is_on() {
            self.trace_actions();
        }
    }

    fn settle(&mut self, now: Timestamp) {
        self.stirred = false;
        self.progress(now);
        // Terminators have told theirs: what is left is a handoff's window that ended with it.
        self.update_relax(crate::action::RestoreReason::Expired);
        self.wake = self.earliest();
    }

    /// Actions are final once an input has ended; those of an earlier one that the host has not taken are known already.
    #[cold]
    fn trace_actions(&mut self) {
        for action in self.actions.iter().skip(self.traced) {
            self.trace.action(action);
        }
        self.traced = self.actions.len();
    }

    fn set_phase(&mut self, to: Phase) {
        let from = core::mem::replace(&mut self.phase, to);
        debug_assert!(from.may_become(to), "{from:?} -> {to:?}");
        if from != to {
            self.log(Level::Debug, format_args!("event=phase from={} to={}", Word(from), Word(to)));
        }
        self.stirred = true;
    }

    fn emit(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    fn log(&mut self, level: Level, line: core::fmt::Arguments<'_>) {
        if self.log_level.is_some_and(|wanted| level <= wanted) {
            self.lines.with(|lines| lines.push(self.config.limits.max_lines, level, line));
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

    #[inline]
    fn slot(&self, id: TransportId) -> Result<Slot> {
        let is = |t: &Option<Place<Transport>>| t.as_ref().is_some_and(|t| t.id == id);
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

    fn in_slot(&self, slot: Slot) -> Option<&Transport> {
        match slot {
            Slot::Current => self.current.as_deref(),
            Slot::Candidate => self.candidate.as_deref(),
            Slot::Retired => self.retired.as_deref(),
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

    // ---- time, and the end --------------------------------------------------------------------------------------------

    /// Time has passed.
    pub fn handle_tick(&mut self, now: Timestamp) -> Result<()> {
        if self.tick_plain(now) { Ok(()) } else { self.tick_any(now) }
    }

    /// The same, whatever is due.
    pub(crate) fn tick_any(&mut self, now: Timestamp) -> Result<()> {
        let quiet = self.quiet_ticks;
        let now = self.begin(now)?;
        self.quiet_ticks = timers::REST.min(quiet + 1);
        if self.is_resting() {
            self.give_memory_back();
        }
        self.finish(now);
        Ok(())
    }

    /// Ends the connection (E9): held commands come back, candidates are closed, nothing is to be polled after the
    /// last action. The current transport is the host's to close.
    pub fn close(&mut self, now: Timestamp) -> Result<()> {
        let now = self.begin(now)?;
        let room = self.room_to_account(&[])?;
        self.trace.input(format_args!("close"));
        self.end_all(now, CloseReason::HostClosed, room);
        if self.out.discarding {
            self.lose_half_submitted();
        }
        self.windows = Rare::default();
        self.update_relax(crate::action::RestoreReason::Ended);
        self.current = None;
        self.set_phase(Phase::Closed);
        self.stirred = false;
        self.wake = None;
        if self.trace.is_on() {
            self.trace_actions();
        }
        Ok(())
    }

    // ---- outputs --------------------------------------------------------------------------------------------------

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.traced = self.traced.saturating_sub(1);
        self.actions.pop_front()
    }

    /// The same, once there is `room` for what it lends; else it stays the next.
    pub(crate) fn poll_action_if(
        &mut self,
        room: impl FnOnce(&Action) -> Result<()>,
    ) -> Result<Option<Action>> {
        self.actions.front().map_or(Ok(()), room)?;
        Ok(self.poll_action())
    }

    /// Whether `poll_action` has one.
    pub fn has_action(&self) -> bool {
        !self.actions.is_empty()
    }

    /// The next log line.
    pub fn poll_log(&mut self) -> Option<(Level, String)> {
        self.lines.get_mut()?.pop()
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
            commands: self.out.next_number - 1,
            clock_steps_back: self.clock.steps_back(),
            log_lines_dropped: self.lines.get().map_or(0, |lines| lines.dropped) + self.trace.dropped(),
            ..self.counters.get().copied().unwrap_or_default()
        }
    }

    /// Where the connection is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The address of the transport in use, where known.
    pub(crate) fn peer(&self) -> Option<PeerAddr> {
        self.current.as_ref().and_then(|t| t.peer)
    }

    pub(crate) fn limits(&self) -> &crate::config::Limits {
        &self.config.limits
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
