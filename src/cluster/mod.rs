//! The slots of a cluster: who owns which, kept true by SMIGRATED, redirections and reloads (C1 to C3). Knows no sockets
//! and no connections; it speaks typed events.
//!
//! # Threads
//!
//! Every call may come from any thread. Owners are read with one atomic load. All else is behind one lock, held for short
//! computations and never while the host runs.
//!
//! # The loop
//!
//! 1. [`Cluster::map_address`] where addresses are translated, then [`Cluster::ask_reload`], or [`Cluster::reload_started`] and
//!    load a map right away.
//! 2. Hand over every SMIGRATED, whichever connection read it: raw ([`Cluster::handle_push`]), or what a connection told
//!    ([`Cluster::handle_slots_moved`], [`Cluster::handle_reload_asked`]). Report redirections ([`Cluster::handle_redirection`]).
//! 3. Look up ([`Cluster::owner`], [`Cluster::node`]), and poll the actions after every input.
//! 4. At RELOAD_SLOTS send CLUSTER SLOTS or CLUSTER SHARDS; give the reply to [`Cluster::load_slots`] or
//!    [`Cluster::load_shards`], with the seq of the action; or say [`Cluster::reload_failed`].
//! 5. [`Cluster::tick`] at [`Cluster::next_deadline`].

mod action;
mod addresses;
mod config;
mod counters;
mod load;
mod load_shards;
mod load_slots;
mod log;
mod map;
mod marks;
mod nodes;
mod patch;
mod redirect;
mod reload;
mod slot;
mod state;
mod subscriptions;

pub use action::{ClusterAction, NodeMove};
pub use config::{ClusterConfig, ClusterLimits};
pub use counters::ClusterCounters;
pub use load::LoadError;
pub use nodes::{Health, Node, NodeId};
pub use reload::reason;
pub use slot::{SLOTS, key_slot};

use crate::endpoint::{Endpoint, EndpointError};
use crate::error::{Error, Result};
use crate::log::{Level, LinesWait};
use crate::notification::{self, Body, Kind, MAX_SLOT, SlotMove};
use crate::time::Timestamp;
use addresses::Refused;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use load::Draft;
use map::SlotMap;
use parking_lot::RwLock;
use state::State;

/// No deadline.
const NEVER: u64 = u64::MAX;

/// Who owns which slot.
#[derive(Debug)]
pub struct Cluster {
    map: SlotMap,
    state: RwLock<State>,
    /// The next deadline, for who asks without the lock.
    deadline: AtomicU64,
    /// Whether there may be actions, likewise.
    has_actions: AtomicBool,
    lines: LinesWait,
}

/// Where a redirection leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// ASK: this command only, after ASKING. Else MOVED.
    pub is_ask: bool,
    /// Of which slot.
    pub slot: u16,
    /// Where to, addresses translated.
    pub endpoint: Endpoint,
    /// The number of the node there, if it has one.
    pub node: Option<NodeId>,
}

impl Cluster {
    /// A cluster without a map.
    pub fn new(config: ClusterConfig) -> Result<Self> {
        config.validate()?;
        let map = SlotMap::new()?;
        Ok(Self {
            state: RwLock::new(State::new(config, map.clone())),
            map,
            deadline: AtomicU64::new(NEVER),
            has_actions: AtomicBool::new(false),
            lines: LinesWait::default(),
        })
    }

    fn with<R>(&self, now: Timestamp, work: impl FnOnce(&mut State, Timestamp) -> R) -> R {
        let mut state = self.state.write();
        let now = state.begin(now);
        let result = work(&mut state, now);
        self.publish(&state);
        result
    }

    /// Last thing under the lock: what others see without it.
    fn publish(&self, state: &State) {
        let deadline = state.reload.deadline().map_or(NEVER, Timestamp::as_nanos);
        self.deadline.store(deadline, Ordering::Relaxed);
        self.has_actions.store(state.has_actions(), Ordering::Release);
        self.lines.publish(&state.log);
    }

    // ---- inputs --------------------------------------------------------------------------------------------------

    /// What servers write as `from` is dialled as `to` from now on (ND-19): in maps, SMIGRATED and redirections. Each is
    /// `host:port`, or `host` alone: from any port, to the same port. What is loaded already stays as it is.
    pub fn map_address(&self, from: &str, to: &str) -> Result<()> {
        let mut state = self.state.write();
        let max = state.config.limits.max_addresses;
        state.nodes.addresses.set(from, to, max).map_err(|refused| match refused {
            Refused::Unreadable(_) => Error::Config("an address is host:port, or host"),
            Refused::Full => Error::Limit {
                limit: "max_addresses",
                value: max as u64,
                hint: "map hosts without ports where ports are the same",
            },
        })
    }

    /// A reply to CLUSTER SLOTS. `asked` is the node that gave it, as it was dialled; `seq` is that of RELOAD_SLOTS: SMIGRATED
    /// up to it is in the reply already. An error leaves the map as it was.
    pub fn load_slots(
        &self,
        now: Timestamp,
        reply: &[u8],
        asked: &Endpoint,
        seq: Option<u64>,
    ) -> core::result::Result<(), LoadError> {
        self.load(now, seq, |state| load_slots::load(reply, asked, &state.nodes.addresses, &state.config))
    }

    /// A reply to CLUSTER SHARDS, as [`Cluster::load_slots`].
    pub fn load_shards(
        &self,
        now: Timestamp,
        reply: &[u8],
        asked: &Endpoint,
        seq: Option<u64>,
    ) -> core::result::Result<(), LoadError> {
        self.load(now, seq, |state| load_shards::load(reply, asked, &state.nodes.addresses, &state.config))
    }

    fn load(
        &self,
        now: Timestamp,
        seq: Option<u64>,
        read: impl FnOnce(&State) -> core::result::Result<Draft, LoadError>,
    ) -> core::result::Result<(), LoadError> {
        // Reading takes long, and many may read.
        let draft = read(&self.state.read());
        self.with(now, |state, now| match draft {
            Ok(draft) => {
                state.load(now, draft, seq);
                Ok(())
            }
            Err(error) => {
                state.counters.loads_refused += 1;
                state.log_refused(&error);
                Err(error)
            }
        })
    }

    /// The host is about to ask a node for the map on its own account, as at its start. Answers the seq to give with the load.
    /// Whatever comes until then is repeated on what is loaded.
    pub fn reload_started(&self, now: Timestamp) -> Option<u64> {
        self.with(now, State::reload_started)
    }

    /// The answer to RELOAD_SLOTS was an error, no map, or did not come. It will be asked for again. Of several threads that
    /// say so, the first counts.
    pub fn reload_failed(&self, now: Timestamp) {
        self.with(now, State::reload_failed);
    }

    /// The map is not to be trusted: CLUSTERDOWN, a node that cannot be reached, or there is none yet.
    pub fn ask_reload(&self, now: Timestamp) {
        self.with(now, |state, now| state.want_reload(now, reason::HOST));
    }

    /// A raw push of any connection. True: it was an SMIGRATED.
    pub fn handle_push(&self, now: Timestamp, raw: &[u8]) -> bool {
        self.try_push(now, raw).unwrap_or_else(|_| {
            // What cannot be read now the map will say.
            self.ask_reload(now);
            true
        })
    }

    /// The same; an error if there is no memory to read it, and nothing has changed.
    pub(crate) fn try_push(&self, now: Timestamp, raw: &[u8]) -> Result<bool> {
        let limits = self.state.read().config.limits.notification.clone();
        let Ok(parsed) = notification::parse(raw, &limits) else { return Ok(false) };
        let Body::SlotMoves(moves) = &parsed.notification.body else { return Ok(false) };
        if parsed.defects.contains(notification::Defect::NoMemory) {
            return Err(Error::NoMemory { bytes: raw.len() });
        }
        debug_assert_eq!(parsed.notification.kind, Kind::Smigrated);
        let (seq, whole) = (parsed.notification.seq, parsed.defects.is_empty());
        self.with(now, |state, now| state.handle_moves(now, seq, moves, whole))?;
        Ok(true)
    }

    /// SLOTS_MOVED of any connection.
    pub fn handle_slots_moved(&self, now: Timestamp, seq: Option<u64>, moves: &[SlotMove]) {
        if self.try_slots_moved(now, seq, moves).is_err() {
            self.ask_reload(now);
        }
    }

    /// The same; an error if there is no memory for it, and nothing has changed.
    pub(crate) fn try_slots_moved(&self, now: Timestamp, seq: Option<u64>, moves: &[SlotMove]) -> Result<()> {
        self.with(now, |state, now| state.handle_moves(now, seq, moves, true))
    }

    /// RELOAD_SLOTS of any connection: not all of an SMIGRATED could be read.
    pub fn handle_reload_asked(&self, now: Timestamp, seq: Option<u64>) {
        self.with(now, |state, now| state.want_reload_for(now, seq, reason::MALFORMED));
    }

    /// A command was answered with MOVED: this slot is there. A reload is asked for, once for many.
    pub fn handle_moved(&self, now: Timestamp, slot: u16, endpoint: &Endpoint) -> Result<Option<NodeId>> {
        if slot > MAX_SLOT {
            return Err(Error::Config("a slot is at most 16383"));
        }
        Ok(self.with(now, |state, now| {
            let endpoint = state.nodes.addresses.apply(endpoint.clone());
            state.handle_moved(now, slot, &endpoint)
        }))
    }

    /// The text of an error reply. `None`: it is no redirection. MOVED does what [`Cluster::handle_moved`] does; ASK changes
    /// nothing, the slot is not there yet.
    pub fn handle_redirection(&self, now: Timestamp, error: &[u8], asked: &Endpoint) -> Option<Redirection> {
        let said = redirect::read(error, asked)?;
        Some(self.with(now, |state, now| {
            let endpoint = state.nodes.addresses.apply(said.endpoint);
            let node = if said.is_ask {
                state.counters.asked += 1;
                state.nodes.find(&endpoint)
            } else {
                state.handle_moved(now, said.slot, &endpoint)
            };
            Redirection { is_ask: said.is_ask, slot: said.slot, endpoint, node }
        }))
    }

    /// The host subscribes to a shard channel; answers its slot and where. Once for each channel: an `sunsubscribe` that
    /// nobody asked for changes nothing here (ND-18).
    pub fn subscribe(&self, channel: &[u8]) -> (u16, Option<NodeId>) {
        let slot = key_slot(channel);
        (slot, self.state.write().subscriptions.add(slot, &self.map))
    }

    /// The host wants that channel no more. False: there was none of its slot.
    pub fn unsubscribe(&self, channel: &[u8]) -> bool {
        self.state.write().subscriptions.remove(key_slot(channel))
    }

    /// The deadline has come.
    pub fn tick(&self, now: Timestamp) {
        self.with(now, |_, _| ());
    }

    // ---- outputs -------------------------------------------------------------------------------------------------

    /// The next action.
    pub fn poll_action(&self) -> Option<ClusterAction> {
        self.poll_action_if(|_| true)
    }

    /// The next action if it is wanted; else it stays the next. `fits` is called under the lock.
    pub fn poll_action_if(&self, fits: impl FnOnce(&ClusterAction) -> bool) -> Option<ClusterAction> {
        if !self.has_actions.load(Ordering::Acquire) {
            return None;
        }
        let mut state = self.state.write();
        let action = match state.front() {
            Some(action) if fits(action) => state.take(),
            _ => None,
        };
        self.publish(&state);
        action
    }

    /// When [`Cluster::tick`] is to be called.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let at = self.deadline.load(Ordering::Relaxed);
        (at != NEVER).then(|| Timestamp::from_nanos(at))
    }

    /// The owner of a slot: one atomic load.
    pub fn owner(&self, slot: u16) -> Option<NodeId> {
        self.map.owner(slot)
    }

    /// The owner of the slot of a key.
    pub fn owner_of_key(&self, key: &[u8]) -> Option<NodeId> {
        self.map.owner(key_slot(key))
    }

    /// The replica number `nth` of a slot, from 0.
    pub fn replica(&self, slot: u16, nth: usize) -> Option<NodeId> {
        let owner = self.map.owner(slot)?;
        self.state.read().nodes.get(owner)?.replicas.get(nth).copied()
    }

    /// What is known of a node. `None`: its number is forgotten, look up again.
    pub fn node(&self, node: NodeId) -> Option<Node> {
        self.state.read().nodes.get(node).cloned()
    }

    /// The node there, if it is known. `endpoint` as servers write it or as it is dialled.
    pub fn find_node(&self, endpoint: &Endpoint) -> Option<NodeId> {
        let state = self.state.read();
        let mapped = state.nodes.addresses.apply(endpoint.clone());
        state.nodes.find(&mapped).or_else(|| state.nodes.find(endpoint))
    }

    /// The nodes that are known.
    pub fn nodes(&self) -> Vec<NodeId> {
        self.state.read().nodes.iter().map(|(id, _)| id).collect()
    }

    /// From now on lines are logged up to `level`; `None` is no log, and what waits is forgotten.
    pub fn set_log_level(&self, level: Option<Level>) {
        self.state.write().log.set_level(level);
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
        self.lines.pop(&mut self.state.write().log)
    }

    /// What was counted.
    pub fn counters(&self) -> ClusterCounters {
        self.state.read().counters
    }
}

impl From<EndpointError> for Error {
    fn from(_: EndpointError) -> Self {
        Self::Config("an address is host:port")
    }
}
