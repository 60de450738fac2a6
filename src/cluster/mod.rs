//! The slot map of a cluster: loaded from CLUSTER SLOTS or SHARDS, patched in place by SMIGRATED, loaded again only where that
//! is not enough (C1 to C3). Knows no sockets, no connections and no locks.
//!
//! Inputs are `handle_*`; after each, drain `poll_action`. Looking up owners changes nothing and needs no draining.
//!
//! 1. `handle_asked` when CLUSTER SLOTS or SHARDS is asked on the host's own account; RELOAD asks it for the host.
//! 2. `handle_loaded` with the whole reply, or `handle_load_failed`.
//! 3. `handle_slots_moved` with what any connection tells by SLOTS_MOVED, `handle_reload_wanted` with its RELOAD_SLOTS,
//!    `handle_redirected` with the address of a MOVED.
//! 4. `handle_tick` at `next_deadline`.

mod config;
mod hash;
mod load;
mod map;
mod marks;
mod nodes;
mod reload;
mod subscriptions;

pub use config::{ClusterConfig, ClusterLimits};
pub use hash::{SLOTS, hash_tag, key_slot};

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::notification::{MAX_SLOT, SlotMove};
use crate::resp::value::ValueLimits;
use crate::time::{Clock, Timestamp};
use load::Asked;
use map::Map;
use marks::Marks;
use reload::Reload;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use subscriptions::Channels;

/// Nesting of the replies: 5 in CLUSTER SHARDS.
const REPLY_DEPTH: u8 = 8;

/// What a cluster asks of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterAction {
    /// Ask a node CLUSTER SLOTS or SHARDS. Answer: `handle_loaded` or `handle_load_failed`; without one, it has failed
    /// after `reload_timeout`.
    Reload {
        /// Of this reload, from 1.
        attempt: u32,
    },
    /// Slots have moved: once for each SMIGRATED, whichever nodes told it (C1). The map says so already where it could.
    SlotsMoved {
        /// Of the SMIGRATED.
        seq: Option<u64>,
        /// What moved, addresses mapped.
        moves: Vec<SlotMove>,
    },
    /// This node owns slots and did not before: connect to it when needed (C3).
    DialNode {
        /// The node.
        node: Endpoint,
    },
    /// This node owns no slot any more: finish what is under way and close (C3).
    DrainNode {
        /// The node.
        node: Endpoint,
    },
    /// The slot of this sharded channel has another owner: SSUBSCRIBE there (C3).
    MoveSubscription {
        /// The channel.
        channel: Vec<u8>,
        /// Who owned its slot; `None` if nobody was known.
        from: Option<Endpoint>,
        /// Who does.
        to: Endpoint,
    },
}

/// Counters of a cluster (V1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // each name says it
pub struct ClusterCounters {
    pub smigrated: u64,
    pub smigrated_duplicate: u64,
    pub smigrated_in_the_map: u64,
    pub slots_patched: u64,
    pub slots_not_patched: u64,
    pub redirected: u64,
    pub reloads_wanted: u64,
    pub reloads_asked: u64,
    pub reloads_loaded: u64,
    pub reloads_failed: u64,
    pub actions_dropped: u64,
    pub clock_steps_back: u64,
}

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    config: ClusterConfig,
    clock: Clock,
    map: Map,
    marks: Marks,
    /// RELOAD_SLOTS of one seq is wanted once.
    reload: Reload,
    attempt: u32,
    mapping: BTreeMap<Endpoint, Endpoint>,
    channels: Channels,
    actions: VecDeque<ClusterAction>,
    counters: ClusterCounters,
}

impl Cluster {
    /// A cluster of which nothing is known. The first map is the host's to ask for, or comes with the first RELOAD.
    pub fn new(config: ClusterConfig) -> Self {
        Self {
            clock: Clock::new(),
            map: Map::default(),
            marks: Marks::default(),
            reload: Reload::new(config.seed),
            attempt: 0,
            mapping: BTreeMap::new(),
            channels: Channels::default(),
            actions: VecDeque::new(),
            counters: ClusterCounters::default(),
            config,
        }
    }

    // ---- loading -----------------------------------------------------------------------------------------------

    /// The host asks a node for the map on its own account.
    pub fn handle_asked(&mut self, now: Timestamp) {
        let now = self.clock.advance(now);
        self.reload.begin(now);
    }

    /// The whole reply to CLUSTER SLOTS or SHARDS, from `asked`. On an error nothing changes, and the reload has failed.
    pub fn handle_loaded(&mut self, now: Timestamp, asked: &Endpoint, raw: &[u8]) -> Result<()> {
        let now = self.clock.advance(now);
        let since = self.reload.running_since().unwrap_or(now);
        let before = self.owners_of_channels();
        match self.load(asked, raw) {
            Ok(gone) => {
                self.counters.reloads_loaded += 1;
                self.attempt = 0;
                gone.into_iter().for_each(|node| self.emit(ClusterAction::DrainNode { node }));
                // What came while the reply was on its way may be in it, or not.
                for mark in self.marks.loaded(now, since, self.config.mark_age) {
                    if !self.patch(&mark.moves) {
                        self.want_reload(now);
                    }
                }
                self.reload.loaded(now, &self.config);
                self.tell_changes(before);
                Ok(())
            }
            Err(error) => {
                self.load_failed(now);
                Err(error)
            }
        }
    }

    fn load(&mut self, asked: &Endpoint, raw: &[u8]) -> Result<Vec<Endpoint>> {
        let limits = &self.config.limits;
        if raw.len() > limits.max_reply_bytes {
            return Err(Error::Limit {
                limit: "max_reply_bytes",
                value: limits.max_reply_bytes as u64,
                hint: "the reply is longer: raise the limit",
            });
        }
        let limits = ValueLimits {
            max_depth: REPLY_DEPTH,
            max_elements: limits.max_reply_elements,
            max_bytes: limits.max_reply_bytes,
        };
        let mut shards = load::read(raw, Asked { node: asked, tls: self.config.tls }, &limits)?;
        for shard in &mut shards {
            self.map_address(&mut shard.master);
            shard.replicas.iter_mut().for_each(|r| self.map_address(r));
        }
        self.map.replace(&shards, self.config.limits.max_nodes)
    }

    /// The node could not be asked, or did not answer with a map.
    pub fn handle_load_failed(&mut self, now: Timestamp) {
        let now = self.clock.advance(now);
        self.load_failed(now);
    }

    fn load_failed(&mut self, now: Timestamp) {
        self.counters.reloads_failed += 1;
        self.reload.failed(now, &self.config);
    }

    // ---- what the nodes tell -----------------------------------------------------------------------------------

    /// SLOTS_MOVED of any connection of the cluster.
    pub fn handle_slots_moved(&mut self, now: Timestamp, seq: Option<u64>, moves: &[SlotMove]) {
        let now = self.clock.advance(now);
        let mut moves = moves.to_vec();
        for one in &mut moves {
            if let Some(source) = &mut one.source {
                self.map_address(source);
            }
            self.map_address(&mut one.destination);
        }
        self.counters.smigrated += 1;
        if !self.marks.see(now, seq, &moves, self.config.mark_age, self.config.limits.max_marks) {
            self.counters.smigrated_duplicate += 1;
            return;
        }
        self.emit(ClusterAction::SlotsMoved { seq, moves: moves.clone() });
        if self.marks.is_in_the_map(now, seq) {
            self.counters.smigrated_in_the_map += 1;
            return;
        }
        let before = self.owners_of_channels();
        if !self.patch(&moves) {
            self.want_reload(now);
        }
        self.tell_changes(before);
    }

    /// RELOAD_SLOTS of any connection: an SMIGRATED that could not be read in full.
    pub fn handle_reload_wanted(&mut self, now: Timestamp, seq: Option<u64>) {
        let now = self.clock.advance(now);
        if self.marks.is_in_the_map(now, seq) {
            return;
        }
        self.want_reload(now);
    }

    /// A command was answered with MOVED: `slot` is `node`'s.
    pub fn handle_redirected(&mut self, now: Timestamp, slot: u16, node: &Endpoint) -> Result<()> {
        let now = self.clock.advance(now);
        if slot > MAX_SLOT {
            return Err(Error::Unexpected { call: "redirected", hint: "slots are 0 to 16383" });
        }
        self.counters.redirected += 1;
        let mut node = node.clone();
        self.map_address(&mut node);
        if self.map.owner(slot) == Some(&node) {
            return Ok(()); // another command came back late
        }
        let before = self.owners_of_channels();
        if let Some(to) = self.map.nodes.find_or_add(&node, self.config.limits.max_nodes) {
            self.map.set_owner(slot, to);
        }
        self.want_reload(now);
        self.tell_changes(before);
        Ok(())
    }

    /// Patches what can be; false if that is not all (C2).
    fn patch(&mut self, moves: &[SlotMove]) -> bool {
        let mut all = self.map.loaded;
        let mut named = BTreeSet::new();
        for one in moves {
            let source = one.source.as_ref().and_then(|source| self.map.nodes.find(source));
            let Some(source) = source else {
                let there = self.map.nodes.find(&one.destination);
                all &= there.is_some()
                    && one.slots.slots().all(|slot| Some(self.map.owner_index(slot)) == there);
                continue;
            };
            let Some(to) = self.map.nodes.find_or_add(&one.destination, self.config.limits.max_nodes) else {
                all = false;
                continue;
            };
            for slot in one.slots.slots() {
                let owner = self.map.owner_index(slot);
                // One slot in two moves: which came last cannot be known.
                let fits = named.insert(slot) && owner == source;
                if fits {
                    self.map.set_owner(slot, to);
                    self.counters.slots_patched += 1;
                } else if owner != to {
                    self.counters.slots_not_patched += 1;
                    all = false;
                }
            }
        }
        all
    }

    fn want_reload(&mut self, now: Timestamp) {
        if self.reload.want(now, &self.config) {
            self.counters.reloads_wanted += 1;
        }
    }

    /// Time has passed.
    pub fn handle_tick(&mut self, now: Timestamp) {
        let now = self.clock.advance(now);
        if self.reload.fire(now, &self.config) {
            self.attempt += 1;
            self.counters.reloads_asked += 1;
            self.emit(ClusterAction::Reload { attempt: self.attempt });
        }
    }

    // ---- what changed (C3) -------------------------------------------------------------------------------------

    fn owners_of_channels(&self) -> Vec<(u16, Option<Endpoint>)> {
        self.channels.slots().map(|slot| (slot, self.map.owner(slot).cloned())).collect()
    }

    fn tell_changes(&mut self, before: Vec<(u16, Option<Endpoint>)>) {
        let (dial, drain) = self.map.changes();
        dial.into_iter().for_each(|node| self.emit(ClusterAction::DialNode { node }));
        for (slot, from) in before {
            let Some(to) = self.map.owner(slot).cloned() else { continue };
            if from.as_ref() == Some(&to) {
                continue;
            }
            let channels: Vec<Vec<u8>> = self.channels.in_slot(slot).cloned().collect();
            for channel in channels {
                self.emit(ClusterAction::MoveSubscription { channel, from: from.clone(), to: to.clone() });
            }
        }
        drain.into_iter().for_each(|node| self.emit(ClusterAction::DrainNode { node }));
    }

    fn emit(&mut self, action: ClusterAction) {
        if self.actions.len() >= self.config.limits.max_actions {
            self.counters.actions_dropped += 1;
            return;
        }
        self.actions.push_back(action);
    }

    // ---- what the host says ------------------------------------------------------------------------------------

    /// Wherever a server says `from`, the host dials `to` (a tunnel, a container's address). Replaces what was said of `from`.
    pub fn add_mapping(&mut self, from: Endpoint, to: Endpoint) -> Result<()> {
        let limit = self.config.limits.max_mappings;
        if self.mapping.len() >= limit && !self.mapping.contains_key(&from) {
            return Err(Error::Limit {
                limit: "max_mappings",
                value: limit as u64,
                hint: "remove mappings that are of no use, or raise the limit",
            });
        }
        self.mapping.insert(from, to);
        Ok(())
    }

    fn map_address(&self, endpoint: &mut Endpoint) {
        if let Some(to) = self.mapping.get(endpoint) {
            endpoint.clone_from(to);
        }
    }

    /// The host is subscribed to this sharded channel.
    pub fn add_channel(&mut self, channel: &[u8]) -> Result<()> {
        let limit = self.config.limits.max_channels;
        if self.channels.add(channel, limit) {
            return Ok(());
        }
        Err(Error::Limit {
            limit: "max_channels",
            value: limit as u64,
            hint: "follow the moves of further channels by SLOTS_MOVED, or raise the limit",
        })
    }

    /// It is not any more.
    pub fn remove_channel(&mut self, channel: &[u8]) {
        self.channels.remove(channel);
    }

    // ---- outputs -----------------------------------------------------------------------------------------------

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<ClusterAction> {
        self.actions.pop_front()
    }

    /// When `handle_tick` is due.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.reload.deadline(&self.config)
    }

    /// Who owns a slot, as far as is known.
    pub fn owner(&self, slot: u16) -> Option<&Endpoint> {
        self.map.owner(slot)
    }

    /// Who owns the slot of a key.
    pub fn owner_of_key(&self, key: &[u8]) -> Option<&Endpoint> {
        self.map.owner(key_slot(key))
    }

    /// The replicas of the owner of a slot.
    pub fn replicas(&self, slot: u16) -> impl Iterator<Item = &Endpoint> {
        self.map.replicas(slot)
    }

    /// Slots that nobody is known to own.
    pub fn unowned_slots(&self) -> usize {
        self.map.unowned()
    }

    /// Counters since the cluster was made.
    pub fn counters(&self) -> ClusterCounters {
        ClusterCounters { clock_steps_back: self.clock.steps_back(), ..self.counters }
    }
}
