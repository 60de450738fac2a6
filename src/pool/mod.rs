//! One pool for all connections of a client to one database: what one of them hears acts for all on the same node, and
//! their handoffs are spread (P1 to P5, H10, O2). Knows no sockets and no connections: it speaks with the owner of each
//! through [`Heard`] and [`Told`].
//!
//! # Threads
//!
//! Every call may come from any thread. One lock protects the whole; it is held for short computations only, given up between
//! parts of a long one, and never while the host runs: who is to be woken is answered ([`Wakes`]) and woken by the caller.
//! Looking for mail, taking and giving back are one atomic operation each while no MOVING is under way.
//!
//! # The life of a member
//!
//! `join`, then `moved` whenever its peer is known or changes; after each input of the connection `report` what it heard; when
//! `has_mail`, `mail` and hand each thing to the connection; `leave`.

mod admission;
mod breaker;
mod config;
mod counters;
mod dial;
mod feed;
mod grants;
mod log;
mod mailbox;
mod marks;
mod member;
mod node;
mod notice;
mod outcomes;
mod state;
mod sync;
mod timers;
mod waiter;
mod wave;

pub use admission::{FIRST_GUESS, MAX_CONCURRENCY, MAX_JITTER, MIN_CONCURRENCY};
pub use config::{MOST_EVENTS, PoolConfig, PoolLimits};
pub use counters::{EndpointCounters, PoolCounters};
pub use dial::{DialAdvice, DialTarget};
pub use feed::Event;
pub use member::{JoinOptions, Member, MemberId, Unowned};
pub use waiter::{WaiterId, Wakes};

use crate::endpoint::{Endpoint, PeerAddr};
use crate::error::Result;
use crate::exchange::{Heard, Told};
use crate::log::{Level, LinesWait};
use crate::time::Timestamp;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use dial::Tried;
use feed::Feed;
use mailbox::{OWNED, WAVE};
use outcomes::Finished;
use parking_lot::{Mutex, MutexGuard};
use state::State;
use std::sync::Arc;

/// Members told at a stretch: some 100 microseconds.
const FAN_OUT_STRETCH: usize = 1024;

/// No deadline.
const NEVER: u64 = u64::MAX;

/// All connections of a client to one database.
#[derive(Debug)]
pub struct Pool {
    state: Mutex<State>,
    feed: Arc<Feed>,
    /// The earliest timer, for who asks without the lock.
    deadline: AtomicU64,
    /// Members wait for room in the feed.
    unfed: AtomicBool,
    lines: LinesWait,
}

impl Pool {
    /// A pool without members. Limits that do not [`PoolConfig::validate`] are brought into range.
    pub fn new(config: PoolConfig) -> Self {
        let feed = Arc::new(Feed::new(config.limits.max_events.min(MOST_EVENTS)));
        Self {
            state: Mutex::new(State::new(config, Arc::clone(&feed))),
            feed,
            deadline: AtomicU64::new(NEVER),
            unfed: AtomicBool::new(false),
            lines: LinesWait::default(),
        }
    }

    fn with<R>(&self, now: Timestamp, work: impl FnOnce(&mut State, Timestamp) -> R) -> (R, Wakes) {
        let mut state = self.state.lock();
        let now = state.begin(now);
        let result = work(&mut state, now);
        (result, self.end(&mut state))
    }

    /// Last thing under the lock: what others see without it.
    fn end(&self, state: &mut State) -> Wakes {
        let earliest = state.timers.earliest().map_or(NEVER, Timestamp::as_nanos);
        if earliest < self.deadline.swap(earliest, Ordering::Relaxed) {
            state.waiters.note_feed();
        }
        if !state.unfed.is_empty() {
            self.unfed.store(true, Ordering::Relaxed);
        }
        self.lines.publish(&state.log);
        state.waiters.take()
    }

    // ---- members -----------------------------------------------------------------------------------------------

    /// A connection joins. `None`: there are `max_members`, or there is no memory for one more.
    pub fn join(&self, now: Timestamp, options: JoinOptions) -> (Option<Member>, Wakes) {
        let (joined, wakes) = self.try_join(now, options);
        (joined.unwrap_or_default(), wakes)
    }

    /// The same; an error if there is no memory for one more, and it has not joined.
    pub(crate) fn try_join(&self, now: Timestamp, options: JoinOptions) -> (Result<Option<Member>>, Wakes) {
        let (joined, wakes) = self.with(now, |state, now| state.join(now, options));
        (joined.map(|joined| joined.map(|(id, mailbox)| Member { id, mailbox })), wakes)
    }

    /// A connection leaves: it is closed, or goes on alone. Its id is never used again.
    pub fn leave(&self, now: Timestamp, member: MemberId) -> Wakes {
        self.with(now, |state, now| state.leave(now, member)).1
    }

    /// A member is connected to `peer` now: its first transport, another dial, or a swap. Where the host named its node, only
    /// another name changes it.
    pub fn moved(
        &self,
        now: Timestamp,
        member: &Member,
        peer: Option<PeerAddr>,
        node: Option<Endpoint>,
    ) -> Wakes {
        self.with(now, |state, now| state.moved(now, member.id, peer, node)).1
    }

    /// Its owner gives it back: nobody owns it. To take it is [`Member::take`].
    pub fn give(&self, now: Timestamp, member: &Member) -> Wakes {
        if member.mailbox.clear(OWNED) & WAVE == 0 {
            return Wakes::default();
        }
        self.with(now, |state, now| state.given(now, member.id)).1
    }

    /// Empties the mailbox into `out`. Concerns this member's lock only.
    pub fn mail(&self, member: &Member, out: &mut Vec<Told>) {
        let mut own = Vec::new();
        member.mailbox.take(
            |fact| {
                if fact.by != member.id {
                    let notification = Arc::clone(&fact.notification);
                    out.push(Told::Notice { notification, arrived: fact.arrived });
                }
            },
            |told| own.push(told),
        );
        out.append(&mut own);
    }

    /// What a connection has to say.
    pub fn report(&self, now: Timestamp, member: &Member, heard: Heard) -> Wakes {
        let id = member.id;
        match heard {
            Heard::Notice { notification, arrived } => {
                let mut state = self.state.lock();
                let now = state.begin(now);
                if let Some(mut job) = state.notice(now, id, notification, arrived) {
                    while !state.fan_out(now, &mut job, FAN_OUT_STRETCH) {
                        MutexGuard::bump(&mut state);
                    }
                }
                self.end(&mut state)
            }
            Heard::Attempt { endpoint, ok, took } => {
                self.with(now, |state, now| state.attempt(now, id, endpoint, ok, took)).1
            }
            Heard::Finished { outcome, .. } => {
                self.with(now, |state, now| state.finish(now, id, Finished::Told(outcome))).1
            }
            Heard::OptinRefused { endpoint } => self.optin_refused(now, endpoint),
        }
    }

    // ---- the pool ----------------------------------------------------------------------------------------------

    /// The oldest event.
    pub fn poll_event(&self) -> Option<Event> {
        let event = self.feed.poll();
        if self.unfed.load(Ordering::Relaxed) {
            let mut state = self.state.lock();
            self.unfed.store(false, Ordering::Relaxed);
            let any = state.feed_again();
            if !state.unfed.is_empty() {
                self.unfed.store(true, Ordering::Relaxed);
            }
            self.lines.publish(&state.log);
            drop(state);
            return event.or_else(|| if any { self.feed.poll() } else { None });
        }
        event
    }

    /// Does what is due.
    pub fn tick(&self, now: Timestamp) -> Wakes {
        if now.as_nanos() < self.deadline.load(Ordering::Relaxed) {
            return Wakes::default();
        }
        self.with(now, |_, _| ()).1
    }

    /// When `tick` is to be called.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let nanos = self.deadline.load(Ordering::Relaxed);
        (nanos != NEVER).then(|| Timestamp::from_nanos(nanos))
    }

    /// Where a new connection is to be dialled (H10), without those that only another connection may try (P4).
    pub fn where_to_dial(&self, now: Timestamp) -> (DialAdvice, Wakes) {
        self.with(now, State::where_to_dial)
    }

    /// A dial to one of those places has ended.
    pub fn dial_result(&self, now: Timestamp, endpoint: &Endpoint, ok: bool) -> Wakes {
        self.with(now, |state, now| {
            state.counters.dials += 1;
            let tried = Tried { is_dial: true, ok, proves_nothing: false };
            state.log_dialled(endpoint, tried);
            state.result(now, endpoint, tried);
            if ok && *endpoint == state.config.configured {
                state.moves.configured_works(now);
            }
        })
        .1
    }

    /// A server refused the opt-in: nobody asks it again for a while (O2).
    pub fn optin_refused(&self, now: Timestamp, endpoint: Endpoint) -> Wakes {
        self.with(now, |state, now| {
            let until = now + state.config.refusal_memory;
            state.counters.optins_refused += 1;
            state.log_optin_refused(&endpoint, state.config.refusal_memory);
            state.endpoints.optin_refused(now, endpoint, until, state.config.limits.max_refusals);
        })
        .1
    }

    /// Whether that server refused the opt-in, and until when it is not to be asked.
    pub fn optin_refused_until(&self, now: Timestamp, endpoint: &Endpoint) -> Option<Timestamp> {
        let state = self.state.lock();
        state.endpoints.optin_refused_until(now.max(state.clock.last()), endpoint)
    }

    /// A defect showed in a call for this member: it goes, the others stay (S4).
    pub fn eject(&self, member: MemberId) -> Wakes {
        let mut state = self.state.lock();
        let now = state.clock.last();
        state.counters.members_ejected += 1;
        state.log_ejected(member);
        state.leave(now, member);
        self.end(&mut state)
    }

    // ---- waiters -----------------------------------------------------------------------------------------------

    /// A waiter: one for each event loop or thread. `None`: there are `max_waiters`.
    pub fn add_waiter(&self) -> Option<WaiterId> {
        let mut state = self.state.lock();
        let limit = state.config.limits.max_waiters.min(member::NONE as usize);
        state.waiters.add(limit)
    }

    /// Forgets a waiter. Members that have it are woken no more.
    pub fn remove_waiter(&self, waiter: WaiterId) {
        self.state.lock().waiters.remove(waiter);
    }

    // ---- seeing inside -----------------------------------------------------------------------------------------

    /// Counters (V1).
    pub fn counters(&self) -> PoolCounters {
        let state = self.state.lock();
        PoolCounters {
            members: state.members.len() as u64,
            nodes: state.nodes.len() as u64,
            ..state.counters
        }
    }

    /// From now on lines are logged up to `level`; `None` is no log, and what waits is forgotten.
    pub fn set_log_level(&self, level: Option<Level>) {
        self.state.lock().log.set_level(level);
    }

    /// Whether there may be lines: one relaxed load.
    #[inline]
    pub fn has_log(&self) -> bool {
        self.lines.get()
    }

    /// The oldest line of the log. That lines were dropped, as more than `max_lines` waited, is a line.
    pub fn poll_log(&self) -> Option<(Level, String)> {
        if !self.has_log() {
            return None;
        }
        self.lines.pop(&mut self.state.lock().log)
    }

    /// The endpoints that there are counters of.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.state.lock().endpoints.names()
    }

    /// Counters of one endpoint (V1).
    pub fn endpoint_counters(&self, endpoint: &Endpoint) -> Option<EndpointCounters> {
        self.state.lock().endpoints.counters(endpoint)
    }
}

impl State {
    fn where_to_dial(&mut self, now: Timestamp) -> DialAdvice {
        use breaker::Gate;
        let mut advice = DialAdvice::default();
        for endpoint in self.moves.order(now, &self.config.configured) {
            let is_probe = match self.endpoints.gate(now, &endpoint) {
                Gate::Free => false,
                // Behind one that works, the probe might never be made: it is left to who needs it.
                Gate::Probe if advice.targets.is_empty() => {
                    let lease = self.config.attempt_time(self.config.handoff_timeout);
                    self.endpoints.begin_probe(now, &endpoint, lease);
                    self.log_probe(Some(&endpoint), None, lease);
                    true
                }
                Gate::Probe => continue,
                Gate::Closed(until) => {
                    advice.retry_at = Some(advice.retry_at.map_or(until, |at| at.min(until)));
                    continue;
                }
            };
            let optin_refused_until = self.endpoints.optin_refused_until(now, &endpoint);
            advice.targets.push(DialTarget { endpoint, is_probe, optin_refused_until });
        }
        if advice.targets.is_empty() {
            self.counters.dials_blocked += 1;
        } else {
            advice.retry_at = None;
        }
        self.log_where_to_dial(now, &advice);
        advice
    }
}
