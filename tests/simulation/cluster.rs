//! A cluster client: connections to all nodes share a map of slots, by which commands go to one of them, and which notifications,
//! redirections and loads keep true.

use super::net::{Event, MS};
use super::slots::{GROUP, GROUPS, Slots, endpoint, tag};
use super::world::World;
use crate::world::ledger::Expect;
use sch::action::CommandNumber;
use sch::cluster::{Cluster, ClusterAction, ClusterConfig, NodeId, key_slot};
use sch::endpoint::Endpoint;
use sch::notification::SlotMove;
use std::collections::{BTreeMap, BTreeSet};

/// Channels that are subscribed to at the cluster, by slot.
const CHANNELS: usize = 8;

#[derive(Debug)]
pub struct Map {
    pub cluster: Cluster,
    /// By seq: SLOTS_MOVED of the cluster.
    told: BTreeSet<u64>,
    /// What was handed to it, whoever read it.
    handed: BTreeSet<u64>,
    /// By group: the last SMIGRATED that has named it.
    newest: BTreeMap<usize, u64>,
    /// DIAL_NODE was told, and no DRAIN_NODE since.
    dialled: BTreeMap<NodeId, usize>,
    /// Where sharded channels of a slot were told to be.
    channels: BTreeMap<u16, Option<NodeId>>,
    tick: Option<u64>,
}

/// `node3` is 3.
fn number(endpoint: &Endpoint) -> usize {
    endpoint.host.strip_prefix("node").and_then(|n| n.parse().ok()).expect("a node of the simulation")
}

fn place(node: usize) -> Endpoint {
    Endpoint::parse(endpoint(node).as_bytes(), None).expect("an endpoint")
}

impl Map {
    pub fn new(seed: u64) -> Self {
        let cluster = Cluster::new(ClusterConfig { seed, ..ClusterConfig::default() }).expect("settings");
        let slots = (0..CHANNELS).map(|n| tag(n * GROUPS / CHANNELS));
        let channels = slots.map(|channel| cluster.subscribe(channel.as_bytes())).collect();
        Self {
            cluster,
            told: BTreeSet::new(),
            handed: BTreeSet::new(),
            newest: BTreeMap::new(),
            dialled: BTreeMap::new(),
            channels,
            tick: None,
        }
    }

    /// Who owns that slot.
    fn owner(&self, slot: u16) -> Option<usize> {
        let owner = self.cluster.owner(slot)?;
        Some(number(&self.cluster.node(owner).expect("C2: an owner is a node that is known").endpoint))
    }

    /// Of each group.
    fn owners(&self) -> Vec<Option<NodeId>> {
        (0..GROUPS).map(|group| self.cluster.owner((group * GROUP) as u16)).collect()
    }

    /// C2: what SMIGRATED has changed was its source's, is its destination's, and none that is newer has named it.
    fn check_patched(&mut self, before: &[Option<NodeId>], seq: u64, moves: &[SlotMove]) {
        let node = |endpoint: &Endpoint| self.cluster.find_node(endpoint);
        for (group, (old, new)) in
            before.iter().zip(self.owners()).enumerate().filter(|(_, (old, new))| *old != new)
        {
            let said = moves.iter().find(|one| one.slots.contains((group * GROUP) as u16));
            let said = said.unwrap_or_else(|| panic!("C2: group {group} is not in {moves:?}"));
            assert_eq!(said.source.as_ref().and_then(node), *old, "C2: group {group} was not its source's");
            assert_eq!(node(&said.destination), new, "C2: group {group} goes to its destination");
            let newest = self.newest.get(&group).copied().unwrap_or(0);
            assert!(newest <= seq, "C2: SMIGRATED {seq} undoes {newest} in group {group}");
        }
        for group in 0..GROUPS {
            if moves.iter().any(|one| one.slots.contains((group * GROUP) as u16)) {
                let newest = self.newest.entry(group).or_default();
                *newest = seq.max(*newest);
            }
        }
    }

    fn check(&self, slots: &Slots) {
        for group in 0..GROUPS {
            let owner = self.cluster.find_node(&place(slots.owner(group)));
            for slot in group * GROUP..(group + 1) * GROUP {
                let here = self.cluster.owner(slot as u16);
                assert_eq!(here, owner, "C2: the owner of slot {slot} here, and as the servers know it");
            }
            assert!(owner.is_some(), "C2: an owner is a node that is known");
        }
        assert_eq!(self.cluster.owner((GROUPS * GROUP) as u16), None, "C2: nobody has the slots behind them");
        let dialled: Vec<usize> =
            self.dialled.values().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let owning: Vec<usize> = (0..).take_while(|n| *n < 8).filter(|n| slots.has_slots(*n)).collect();
        assert_eq!(dialled, owning, "C3: DIAL_NODE and DRAIN_NODE leave those that own slots");
        for (slot, on) in &self.channels {
            assert_eq!(*on, self.cluster.owner(*slot), "C3: sharded channels of slot {slot}");
        }
    }
}

impl World {
    fn map(&mut self) -> &mut Map {
        self.map.as_mut().expect("a cluster")
    }

    /// A client with a connection to that node.
    fn client_of(&mut self, node: usize) -> usize {
        let all: Vec<usize> =
            (0..self.clients.len()).filter(|client| self.setup.home(*client) == Some(node)).collect();
        self.random.of(&all)
    }

    /// Which client a request goes to: `client`, but in a cluster one that is connected to the owner of its slot.
    pub fn route(&mut self, client: usize, request: usize) -> usize {
        let group = self.requests[request].group;
        let Some(map) = &self.map else { return client };
        let owner = map.owner(key_slot(tag(group).as_bytes()));
        owner.map_or(client, |node| self.client_of(node))
    }

    // ---- what keeps it true --------------------------------------------------------------------------------------------

    /// A connection has read SMIGRATED.
    pub fn slots_moved(&mut self, client: usize, seq: Option<u64>, moves: &[SlotMove]) {
        let now = self.at();
        let seq_said = seq.expect("all have one");
        assert!(self.clients[client].slots_moved.insert(seq_said), "N3: SLOTS_MOVED twice for {seq_said}");
        if let Some(map) = &mut self.map {
            map.handed.insert(seq_said);
            let (owners, unfit) = (map.owners(), map.cluster.counters().slots_unfit);
            map.cluster.handle_slots_moved(now, seq, moves);
            map.check_patched(&owners, seq_said, moves);
            let is_asked = map.cluster.next_deadline().is_some();
            assert!(is_asked || map.cluster.counters().slots_unfit == unfit, "C2: {seq_said} does not fit");
        }
        let (c, home) = (&self.clients[client], self.setup.home(client));
        let (Some(slots), Some(node), true) = (&self.slots, home, self.setup.only_slots) else { return };
        if slots.have_ended(node, &c.slots_moved) {
            assert!(!c.ledger.relaxed, "C1, R2: SMIGRATED was read, and client {client} is still relaxed");
            self.story.met.insert("restored by SMIGRATED");
        }
    }

    /// Some drivers hand over the push itself, too.
    pub fn slots_pushed(&mut self, frame: &str) {
        let now = self.at();
        if let Some(map) = &mut self.map {
            let seq = frame.split("\r\n").find_map(|word| word.strip_prefix(':'));
            map.handed.extend(seq.and_then(|seq| seq.parse::<u64>().ok()));
            map.cluster.handle_push(now, frame.as_bytes());
        }
    }

    /// A request was answered with MOVED or ASK: it goes where that says.
    pub fn redirected(&mut self, client: usize, request: usize, error: &str) {
        let now = self.at();
        let asked = place(self.setup.home(client).expect("a node of the cluster"));
        let map = self.map();
        let said = map.cluster.handle_redirection(now, error.as_bytes(), &asked).expect("a redirection");
        if !said.is_ask {
            assert_eq!(map.cluster.owner(said.slot), said.node, "C2: MOVED says who owns the slot");
        }
        self.story.met.insert(if said.is_ask { "ASK" } else { "MOVED" });
        let client = self.client_of(number(&said.endpoint));
        let at = self.net.now + self.random.below(MS);
        self.net.push(at, Event::Retry { client, request, asking: said.is_ask });
    }

    pub fn retry(&mut self, client: usize, request: usize, asking: bool) {
        if asking && self.give(client, &["ASKING"], Expect::Ok).is_none() {
            self.clients[client].again.push_back(request);
        } else {
            self.submit_try(client, request);
        }
        self.pump(client);
    }

    /// The reply to CLUSTER SLOTS.
    pub fn map_came(&mut self, client: usize, frame: &str, seq: Option<u64>) {
        let now = self.at();
        let asked = place(self.setup.home(client).expect("a node of the cluster"));
        self.map().cluster.load_slots(now, frame.as_bytes(), &asked, seq).expect("a map");
    }

    /// It will not come.
    pub fn map_lost(&mut self) {
        let now = self.at();
        let cluster = &self.map().cluster;
        let was_asked = cluster.next_deadline().is_some();
        cluster.reload_failed(now);
        let is_asked = cluster.next_deadline().is_some();
        assert!(is_asked || !was_asked, "C2: a reload that failed is asked for again");
    }

    // ---- what it asks for, and tells ---------------------------------------------------------------------------------

    /// After each input that it may have had.
    pub fn cluster_actions(&mut self) {
        while let Some(action) = self.map.as_ref().and_then(|map| map.cluster.poll_action()) {
            self.story.say(self.net.now, format_args!("cluster {action:?}"));
            self.act_on(action);
        }
        let Some(deadline) = self.map.as_ref().and_then(|map| map.cluster.next_deadline()) else { return };
        let at = self.net_time(deadline);
        let map = self.map();
        if map.tick.is_none_or(|armed| at < armed) {
            map.tick = Some(at);
            self.net.push(at, Event::ClusterTick);
        }
    }

    pub fn tick_cluster(&mut self) {
        let now = self.at();
        if let Some(map) = self.map.as_mut().filter(|map| map.tick == Some(self.net.now)) {
            map.tick = None;
            map.cluster.tick(now);
            self.cluster_actions();
        }
    }

    /// The clock has jumped.
    pub fn arm_cluster(&mut self) {
        if let Some(map) = &mut self.map {
            map.tick = None;
            self.cluster_actions();
        }
    }

    fn act_on(&mut self, action: ClusterAction) {
        match action {
            ClusterAction::SlotsMoved { seq, moves } => {
                let seq = seq.expect("all have one");
                assert!(self.map().told.insert(seq), "C1: SLOTS_MOVED once for seq {seq}");
                let said: Vec<String> = moves.iter().map(|one| one.said.to_string()).collect();
                let announced = self.slots.as_ref().and_then(|slots| slots.announced.get(&seq));
                assert_eq!(Some(&said), announced, "C1: what SMIGRATED {seq} says");
            }
            ClusterAction::DialNode { node, endpoint } => {
                let old = self.map().dialled.insert(node, number(&endpoint));
                assert_eq!(old, None, "C3: DIAL_NODE twice for node {node}");
            }
            ClusterAction::DrainNode { node, gone, .. } => {
                let was = self.map().dialled.remove(&node).is_some();
                assert!(was || gone, "C3: DRAIN_NODE for node {node}, which was not dialled");
                self.story.met.insert("drain node");
            }
            ClusterAction::MoveShardedSubscriptions { from, to, slots } => {
                for slot in slots.slots() {
                    let on = self.map().channels.insert(slot, Some(to));
                    assert_eq!(on, Some(from), "C3: channels of slot {slot} were elsewhere");
                }
                self.story.met.insert("move subscriptions");
            }
            ClusterAction::ReloadSlots { seq, node, .. } => {
                let client = match node {
                    Some((_, endpoint)) => self.client_of(number(&endpoint)),
                    None => self.random.below(self.clients.len() as u64) as usize,
                };
                match self.give(client, &["CLUSTER", "SLOTS"], Expect::Map) {
                    Some(number) => drop(self.clients[client].maps.insert(number, seq)),
                    None => self.map_lost(),
                }
                self.net.push(self.net.now, Event::Wake { client });
            }
        }
    }

    /// Commands that will have no answer: of CLUSTER SLOTS the cluster is told.
    pub fn maps_lost(&mut self, client: usize, first: CommandNumber, count: u64) {
        for number in first..first + count {
            if self.clients[client].maps.remove(&number).is_some() {
                self.map_lost();
            }
        }
    }

    // ---- when all is quiet ---------------------------------------------------------------------------------------------

    /// What was told has done, without a command: if all was told to somebody, and no node was asked that had not heard of it.
    pub fn check_told(&mut self) {
        let (Some(map), Some(slots)) = (&self.map, &self.slots) else { return };
        assert_eq!(map.told, map.handed, "C1: each SMIGRATED that was read is told once");
        let all = slots.announced.keys().all(|seq| map.handed.contains(seq));
        if all && !slots.untold && self.setup.gossip == 0 {
            map.check(slots);
            self.story.met.insert(if slots.announced.len() > 1 {
                "a map by notifications alone"
            } else {
                ""
            });
        }
    }

    /// A command for each slot that may have moved: what is wrong is answered with MOVED.
    pub fn sweep(&mut self) {
        for group in 0..GROUPS * usize::from(self.map.is_some()) {
            self.requests.push(super::accounts::Request { is_read: true, group, ..Default::default() });
            let request = self.requests.len() - 1;
            let client = self.route(0, request);
            self.submit_try(client, request);
            self.net.push(self.net.now, Event::Wake { client });
        }
    }

    /// The map is that of the servers.
    pub fn check_map(&mut self) {
        let (Some(map), Some(slots)) = (&self.map, &self.slots) else { return };
        map.check(slots);
        let k = map.cluster.counters();
        for (count, what) in [
            (k.duplicate, "SMIGRATED, read by several"),
            (k.old, "SMIGRATED, older than the map"),
            (k.slots_superseded, "SMIGRATED, older than another"),
            (k.slots_unfit, "SMIGRATED that does not fit"),
            (k.reloads_failed, "reload failed"),
        ] {
            if count > 0 {
                self.story.met.insert(what);
            }
        }
    }
}
