//! What the lock protects: nodes, marks, the reload, what waits to be told. Every change of an owner goes through here.

use super::action::{ClusterAction, NodeMove};
use super::config::ClusterConfig;
use super::counters::ClusterCounters;
use super::load::Draft;
use super::map::SlotMap;
use super::marks::Marks;
use super::nodes::{NodeId, Nodes};
use super::patch::Plan;
use super::reload::{Ask, Reload, reason};
use super::subscriptions::Subscriptions;
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::log::Log;
use crate::notification::{MAX_SLOT, SlotMove};
use crate::time::{Clock, Timestamp};
use std::collections::VecDeque;

/// A reload that waits to be polled.
#[derive(Clone, Debug)]
struct Asked {
    ask: Ask,
    seq: Option<u64>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) config: ClusterConfig,
    clock: Clock,
    pub(super) map: SlotMap,
    pub(super) nodes: Nodes,
    pub(super) subscriptions: Subscriptions,
    pub(super) reload: Reload,
    pub(super) counters: ClusterCounters,
    pub(super) log: Log,
    marks: Marks,
    /// The seq of the last load that told one, and when that was.
    loaded_seq: Option<(u64, Timestamp)>,
    /// What was applied since the reload under way was asked for: what it brings may be older.
    replay: Vec<(Option<u64>, Plan)>,
    asked: Option<Asked>,
    moved: VecDeque<ClusterAction>,
    /// Found, and not yet taken by the host.
    next: Option<ClusterAction>,
}

/// What became of the slots that were named.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Applied {
    pub(super) patched: u64,
    pub(super) unfit: u64,
    /// Were there already.
    pub(super) settled: u64,
    /// A later SMIGRATED has named them.
    pub(super) superseded: u64,
    /// A destination that the last load did not list.
    pub(super) stranger: bool,
}

impl Applied {
    const fn is_doubtful(self) -> bool {
        self.unfit > 0 || self.stranger
    }
}

impl State {
    pub(super) fn new(config: ClusterConfig, map: SlotMap) -> Self {
        Self {
            reload: Reload::new(config.seed),
            log: Log::new(config.max_lines),
            config,
            clock: Clock::new(),
            map,
            nodes: Nodes::default(),
            subscriptions: Subscriptions::default(),
            counters: ClusterCounters::default(),
            marks: Marks::default(),
            loaded_seq: None,
            replay: Vec::new(),
            asked: None,
            moved: VecDeque::new(),
            next: None,
        }
    }

    /// First thing in every input.
    pub(super) fn begin(&mut self, now: Timestamp) -> Timestamp {
        let now = self.clock.advance(now);
        self.counters.clock_steps_back = self.clock.steps_back();
        let age = self.config.mark_age;
        self.marks.age(now, age);
        self.loaded_seq = self.loaded_seq.filter(|(_, at)| now.since(*at) < age);
        let was_running = self.reload.is_running();
        if let Some(ask) = self.reload.tick(now, &self.config) {
            self.asked = Some(Asked { ask, seq: self.marks.highest() });
            self.replay.clear();
        } else if was_running && !self.reload.is_running() {
            self.counters.reloads_failed += 1;
            self.asked = None;
            self.log_reload_failed(now, "no-answer");
        }
        now
    }

    pub(super) fn want_reload(&mut self, now: Timestamp, reasons: u32) {
        let is_new = self.reload.want(now, reasons, &self.config);
        self.counters.reloads_coalesced += u64::from(!is_new);
        self.log_wanted(now, reasons, is_new);
        self.begin(now);
    }

    /// The host asks on its own account. Answers the seq to be given with the load.
    pub(super) fn reload_started(&mut self, now: Timestamp) -> Option<u64> {
        let sent = !self.is_reload_unsent();
        self.reload.start(now, sent, &self.config);
        self.replay.clear();
        self.asked = None;
        if matches!(self.next, Some(ClusterAction::ReloadSlots { .. })) {
            self.next = None;
        }
        let seq = self.marks.highest();
        self.log_reload_started(seq);
        seq
    }

    /// RELOAD_SLOTS waits to be polled: no node was asked yet.
    fn is_reload_unsent(&self) -> bool {
        self.asked.is_some() || matches!(self.next, Some(ClusterAction::ReloadSlots { .. }))
    }

    pub(super) fn reload_failed(&mut self, now: Timestamp) {
        // What was not polled was not tried.
        if !self.is_reload_unsent() && self.reload.fail(now, &self.config) {
            self.counters.reloads_failed += 1;
            self.log_reload_failed(now, "told");
        }
    }

    /// An SMIGRATED asks for a reload: once for each seq.
    pub(super) fn want_reload_for(&mut self, now: Timestamp, seq: Option<u64>, reasons: u32) {
        if let Some(seq) = seq {
            let max = self.config.limits.max_marks;
            self.marks.see(now, seq, max);
            if !self.marks.reload(seq) {
                return;
            }
        }
        self.want_reload(now, reasons);
    }

    /// That of the last load which told one.
    pub(super) fn loaded_seq(&self) -> Option<u64> {
        self.loaded_seq.map(|(seq, _)| seq)
    }

    // ---- slots ---------------------------------------------------------------------------------------------------

    fn set_owner(&mut self, slot: u16, owner: Option<NodeId>) {
        let old = self.map.set(slot, owner);
        if old == owner {
            return;
        }
        if let Some(node) = old.and_then(|id| self.nodes.get_mut(id)) {
            node.slots = node.slots.saturating_sub(1);
        }
        if let Some(node) = owner.and_then(|id| self.nodes.get_mut(id)) {
            node.slots += 1;
        }
        self.subscriptions.stir(slot);
    }

    /// The number of a node that SMIGRATED or MOVED names.
    fn node(&mut self, endpoint: &Endpoint) -> Option<NodeId> {
        let found = self.nodes.find_or_add(endpoint, self.config.limits.max_nodes);
        if found.is_none() {
            self.counters.nodes_left_out += 1;
            self.log_left_out(endpoint);
        }
        found
    }

    pub(super) fn handle_moved(&mut self, now: Timestamp, slot: u16, endpoint: &Endpoint) -> Option<NodeId> {
        self.counters.moved += 1;
        let node = self.node(endpoint);
        // The host had looked before the map was changed: nothing new.
        let known = node.is_some() && self.map.owner(slot) == node;
        self.log_moved(slot, endpoint, node, known);
        if known {
            return node;
        }
        if node.is_some() {
            self.set_owner(slot, node);
        }
        self.want_reload(now, reason::REDIRECTED);
        node
    }

    // ---- SMIGRATED -----------------------------------------------------------------------------------------------

    /// SMIGRATED, read on any connection. `whole`: all of it could be read.
    pub(super) fn handle_moves(
        &mut self,
        now: Timestamp,
        seq: Option<u64>,
        said: &[SlotMove],
        whole: bool,
    ) -> Result<()> {
        let whole = whole && !said.is_empty();
        let mut plan = Plan::new(said, &self.nodes.addresses)?;
        self.counters.smigrated += 1;
        self.counters.malformed += u64::from(!whole);
        let is_new = seq.is_none_or(|seq| self.marks.see(now, seq, self.config.limits.max_marks));
        let moves = is_new.then(|| self.numbered(&plan));
        if let Some(seq) = seq {
            self.leave_what_is_new(seq, &mut plan);
        }
        if !is_new && plan.moves.is_empty() {
            self.counters.duplicate += 1;
            self.log_ignored(seq, "duplicate");
        } else if seq.is_some_and(|seq| self.loaded_seq.is_some_and(|(loaded, _)| seq <= loaded)) {
            self.counters.old += 1;
            self.log_ignored(seq, "old");
            self.tell(seq, moves);
        } else {
            let applied = self.apply(seq, &plan);
            if seq.is_some() || applied.patched + applied.unfit > 0 {
                self.tell(seq, moves);
            }
            // With a reload under way, what it brings decides; else more of a seq that was thought to be complete says that the
            // map is not to be trusted.
            let kept = self.reload.is_running() && self.has_room_for_replay();
            self.log_applied(seq, &plan.moves, applied, kept);
            if kept {
                self.replay.push((seq, plan));
            }
            if !kept && (applied.is_doubtful() || !is_new || self.reload.is_running()) {
                if is_new {
                    self.want_reload_for(now, seq, reason::UNFIT);
                } else {
                    self.want_reload(now, reason::UNFIT);
                }
            }
        }
        if !whole {
            self.log_malformed(seq);
            self.want_reload_for(now, seq, reason::MALFORMED);
        }
        Ok(())
    }

    /// Takes out the slots that the same seq has named before.
    fn leave_what_is_new(&mut self, seq: u64, plan: &mut Plan) {
        for one in &mut plan.moves {
            let new = one.slots.slots().filter(|slot| self.marks.name(seq, *slot));
            one.slots = super::slot::ranges(new.collect::<Vec<_>>());
        }
        plan.moves.retain(|one| !one.slots.is_empty());
    }

    fn numbered(&self, plan: &Plan) -> Vec<NodeMove> {
        let number = |said: &SlotMove| NodeMove {
            said: said.clone(),
            source: said.source.as_ref().and_then(|source| self.nodes.find(source)),
            destination: self.nodes.find(&said.destination),
        };
        plan.moves.iter().map(number).collect()
    }

    /// Queues SLOTS_MOVED; the numbers of nodes that came with it are filled in.
    fn tell(&mut self, seq: Option<u64>, moves: Option<Vec<NodeMove>>) {
        let Some(mut moves) = moves.filter(|moves| !moves.is_empty()) else { return };
        for one in &mut moves {
            one.destination = self.nodes.find(&one.said.destination);
        }
        while self.moved.len() >= self.config.limits.max_events {
            self.moved.pop_front();
            self.counters.events_dropped += 1;
            self.log_event_dropped();
        }
        self.moved.push_back(ClusterAction::SlotsMoved { seq, moves });
    }

    /// False: there is no room, so that the map is to be loaded once more.
    fn has_room_for_replay(&mut self) -> bool {
        let room = self.replay.len() < self.config.limits.max_replay;
        if !room {
            self.log_replay_full();
        }
        room
    }

    /// Patches the slots whose owner is the source (C2).
    fn apply(&mut self, seq: Option<u64>, plan: &Plan) -> Applied {
        let mut applied = Applied::default();
        for one in &plan.moves {
            let source = one.source.as_ref().and_then(|source| self.nodes.find(source));
            let mut destination = self.nodes.find(&one.destination);
            for slot in one.slots.slots() {
                if seq.is_some_and(|seq| self.marks.is_superseded(seq, slot)) {
                    applied.superseded += 1;
                    continue;
                }
                let owner = self.map.owner(slot);
                let fits = owner.is_some() && owner == source && !plan.disputed.contains(slot);
                if owner.is_some() && owner == destination && !plan.disputed.contains(slot) {
                    applied.settled += 1;
                    continue;
                }
                if fits && destination.is_none() {
                    destination = self.node(&one.destination);
                    applied.stranger |= destination.is_some();
                }
                if fits && destination.is_some() {
                    self.set_owner(slot, destination);
                    applied.patched += 1;
                } else {
                    applied.unfit += 1;
                }
            }
            let is_stranger = |id| self.nodes.get(id).is_some_and(|node| !node.is_listed);
            applied.stranger |= applied.patched > 0 && destination.is_some_and(is_stranger);
        }
        self.counters.slots_patched += applied.patched;
        self.counters.slots_unfit += applied.unfit;
        self.counters.slots_settled += applied.settled;
        self.counters.slots_superseded += applied.superseded;
        applied
    }

    // ---- loads ---------------------------------------------------------------------------------------------------

    /// Takes over what was read. `seq` is that of the last SMIGRATED before the reply was asked for, if known.
    pub(super) fn load(&mut self, now: Timestamp, draft: Draft, seq: Option<u64>) {
        self.counters.loads += 1;
        self.counters.overlaps += draft.overlaps;
        self.counters.unreadable += draft.unreadable;
        self.counters.replicas_left_out += draft.replicas_left_out;
        self.log_loading(&draft, seq);
        self.install(draft);
        if let Some(seq) = seq {
            self.loaded_seq = Some((seq, now));
        }
        let mut doubtful = false;
        for (said, plan) in core::mem::take(&mut self.replay) {
            let is_newer = said.zip(seq).is_none_or(|(said, seq)| said > seq);
            let applied = is_newer.then(|| self.apply(said, &plan));
            self.log_replayed(said, &plan, applied);
            doubtful |= applied.is_some_and(Applied::is_doubtful);
        }
        // One that is not polled was not answered by this.
        let answered = !self.is_reload_unsent();
        self.reload.succeed(now, answered, &self.config);
        if doubtful {
            self.want_reload(now, reason::UNFIT);
        }
        self.begin(now);
    }

    fn install(&mut self, draft: Draft) {
        self.nodes.unlist();
        let mut ids = draft.numbers;
        ids.extend(draft.nodes.iter().map(|node| self.nodes.find_or_add(&node.endpoint, usize::MAX)));
        for (node, id) in draft.nodes.into_iter().zip(&ids) {
            let mut replicas = node.numbers;
            replicas.extend(node.replicas.iter().filter_map(|at| ids[*at]));
            if let Some(here) = id.and_then(|id| self.nodes.get_mut(id)) {
                here.health = node.health;
                here.replicas = replicas;
                here.is_listed = true;
                here.was_listed = true;
            }
        }
        for (range, owner) in &draft.ranges {
            (range.first..=range.last).for_each(|slot| self.set_owner(slot, ids[*owner]));
        }
        let unclaimed = (0..=MAX_SLOT).filter(|slot| !draft.claimed.contains(*slot));
        unclaimed.for_each(|slot| self.set_owner(slot, None));
        self.nodes.sweep();
        // What is gone and was not told yet is beside what came.
        self.nodes.shrink(self.config.limits.max_nodes.saturating_mul(2));
    }

    // ---- actions -------------------------------------------------------------------------------------------------

    /// The next action. It stays until [`State::take`].
    pub(super) fn front(&mut self) -> Option<&ClusterAction> {
        // Subscriptions that nobody took may have gone elsewhere since.
        if matches!(self.next, None | Some(ClusterAction::MoveShardedSubscriptions { .. })) {
            self.next = self.find_action();
        }
        self.next.as_ref()
    }

    /// What [`State::front`] has found goes to the host.
    pub(super) fn take(&mut self) -> Option<ClusterAction> {
        let action = self.next.take();
        if let Some(ClusterAction::MoveShardedSubscriptions { from, to, slots }) = &action {
            self.log_subscriptions(*from, *to, slots);
            self.counters.subscriptions_moved += slots.len() as u64;
            self.subscriptions.sent(slots, *to);
        }
        action
    }

    fn find_action(&mut self) -> Option<ClusterAction> {
        if let Some(moved) = self.moved.pop_front() {
            return Some(moved);
        }
        // Of a host that polls too little, no more is dialled than a map may have.
        let many = self.nodes.stirred && self.nodes.told() >= self.config.limits.max_nodes;
        if let Some(drain) = many.then(|| self.drain()).flatten() {
            return Some(drain);
        }
        if let Some((node, endpoint)) = self.nodes.stirred.then(|| self.nodes.poll_dial()).flatten() {
            self.counters.nodes_dialled += 1;
            self.log_dial(node, &endpoint);
            return Some(ClusterAction::DialNode { node, endpoint });
        }
        if self.subscriptions.stirred {
            if let Some((from, to, slots)) = self.subscriptions.find(&self.map) {
                return Some(ClusterAction::MoveShardedSubscriptions { from, to, slots });
            }
            self.subscriptions.stirred = false;
        }
        if self.nodes.stirred {
            if let Some(drain) = self.drain() {
                return Some(drain);
            }
            self.nodes.stirred = false;
        }
        let Asked { ask, seq } = self.asked.take()?;
        self.counters.reloads += 1;
        let node = self.whom_to_ask(ask.turn);
        self.log_reload(ask, seq, node.as_ref());
        Some(ClusterAction::ReloadSlots { reasons: ask.reasons, attempt: ask.attempt, seq, node })
    }

    fn drain(&mut self) -> Option<ClusterAction> {
        let (node, endpoint, gone) = self.nodes.poll_drain()?;
        self.counters.nodes_drained += 1;
        self.log_drain(node, &endpoint, gone);
        Some(ClusterAction::DrainNode { node, endpoint, gone })
    }

    /// Owners in turn; where there are none, any node that is listed.
    fn whom_to_ask(&self, turn: u32) -> Option<(NodeId, Endpoint)> {
        let owners = self.nodes.iter().filter(|(_, node)| node.slots > 0).count();
        let fits = |slots: u32| owners == 0 || slots > 0;
        let all = self.nodes.iter().filter(|(_, node)| fits(node.slots)).count();
        let nth = usize::try_from(turn).ok()?.checked_rem(all)?;
        let (id, node) = self.nodes.iter().filter(|(_, node)| fits(node.slots)).nth(nth)?;
        Some((id, node.endpoint.clone()))
    }

    /// Whether [`State::front`] may find something.
    pub(super) fn has_actions(&self) -> bool {
        self.next.is_some()
            || !self.moved.is_empty()
            || self.asked.is_some()
            || self.nodes.stirred
            || self.subscriptions.stirred
    }
}
