//! Replies, notifications and look-ups for tests of the cluster.

#![allow(dead_code, reason = "each test uses some of it")]

use sch::cluster::{Cluster, ClusterAction, ClusterConfig};
use sch::endpoint::Endpoint;
use sch::time::Timestamp;

pub fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

pub fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse(text.as_bytes(), None).expect("an endpoint")
}

pub fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

pub fn array(items: &[String]) -> String {
    format!("*{}\r\n{}", items.len(), items.concat())
}

/// A reply to CLUSTER SLOTS: `first-last owner [replica ...]`, one range a line.
pub fn slots_reply(lines: &[&str]) -> String {
    let entry = |line: &&str| {
        let (range, nodes) = line.split_once(' ').expect("nodes");
        let (first, last) = range.split_once('-').expect("a range");
        let node = |text: &str| {
            let (host, port) = text.rsplit_once(':').expect("a port");
            array(&[bulk(host), format!(":{port}\r\n"), bulk("id")])
        };
        let head = [format!(":{first}\r\n"), format!(":{last}\r\n")];
        array(&head.into_iter().chain(nodes.split(' ').map(node)).collect::<Vec<_>>())
    };
    array(&lines.iter().map(entry).collect::<Vec<_>>())
}

/// SMIGRATED as servers send it: `source>destination=slots`, words apart.
pub fn smigrated(seq: u64, moves: &str) -> String {
    let triplet = |word: &str| {
        let (source, rest) = word.split_once('>').expect("a source");
        let (destination, slots) = rest.split_once('=').expect("slots");
        format!("*3\r\n+{source}\r\n+{destination}\r\n+{slots}\r\n")
    };
    let all: Vec<String> = moves.split_whitespace().map(triplet).collect();
    format!(">3\r\n+SMIGRATED\r\n:{seq}\r\n*{}\r\n{}", all.len(), all.concat())
}

/// One cluster, with time that goes on by itself in small steps.
pub struct Host {
    pub cluster: Cluster,
    pub now: u64,
}

/// Slots 0 to 99 on a, 100 to 199 on b, 200 to 299 on c; a has a replica.
pub const THREE: [&str; 3] = ["0-99 a:1 a2:1", "100-199 b:1", "200-299 c:1"];

impl Host {
    pub fn new() -> Self {
        Self::with(ClusterConfig::default())
    }

    pub fn with(config: ClusterConfig) -> Self {
        Self { cluster: Cluster::new(config).expect("a config that can work"), now: 1000 }
    }

    /// With the map `THREE`, all actions polled, and long after its load.
    pub fn loaded() -> Self {
        let mut host = Self::new();
        host.load(&THREE, None);
        host.actions();
        host.now += 60_000;
        host
    }

    pub fn load(&mut self, lines: &[&str], seq: Option<u64>) {
        let reply = slots_reply(lines);
        self.cluster
            .load_slots(at(self.now), reply.as_bytes(), &endpoint("seed:1"), seq)
            .expect("a map that is taken");
    }

    pub fn push(&mut self, seq: u64, moves: &str) {
        assert!(self.cluster.handle_push(at(self.now), smigrated(seq, moves).as_bytes()));
    }

    /// The owner's address, or `-`.
    pub fn owner(&self, slot: u16) -> String {
        match self.cluster.owner(slot).and_then(|id| self.cluster.node(id)) {
            Some(node) => node.endpoint.to_string(),
            None => "-".to_owned(),
        }
    }

    fn name(&self, node: u32) -> String {
        self.cluster.node(node).map_or_else(|| format!("#{node}"), |node| node.endpoint.to_string())
    }

    /// The actions that wait, as lines.
    pub fn actions(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.cluster.poll_action().map(|action| self.line(&action))).collect()
    }

    fn line(&self, action: &ClusterAction) -> String {
        match action {
            ClusterAction::SlotsMoved { seq, moves } => {
                let moves: Vec<String> = moves.iter().map(|one| one.said.to_string()).collect();
                let seq = seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string());
                format!("moved {seq} {}", moves.join(" "))
            }
            ClusterAction::DialNode { endpoint, .. } => format!("dial {endpoint}"),
            ClusterAction::DrainNode { endpoint, gone, .. } => {
                format!("drain {endpoint}{}", if *gone { " gone" } else { "" })
            }
            ClusterAction::MoveShardedSubscriptions { from, to, slots } => {
                let from = from.map_or_else(|| "-".to_owned(), |from| self.name(from));
                format!("subscriptions {from}>{}={slots}", self.name(*to))
            }
            ClusterAction::ReloadSlots { reasons, attempt, seq, node } => {
                let seq = seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string());
                let known = if node.is_some() { "" } else { " nobody" };
                format!("reload {reasons} attempt={attempt} seq={seq}{known}")
            }
        }
    }

    /// Goes on to the next deadline, and what is to be done then.
    pub fn wait(&mut self) -> Vec<String> {
        if let Some(next) = self.cluster.next_deadline() {
            self.now = next.as_nanos().div_ceil(1_000_000).max(self.now);
            self.cluster.tick(at(self.now));
        }
        self.actions()
    }
}
