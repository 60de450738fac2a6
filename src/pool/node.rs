//! Nodes: which members share one, and what is known of it (P1). Knows no waves and no mailboxes.

use super::member::{Fact, Facts};
use crate::endpoint::{Endpoint, PeerAddr};
use crate::notification::{Body, Kind, MovingTarget, Notification};
use crate::time::Timestamp;
use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What makes two connections be to the same node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NodeKey {
    Peer(PeerAddr),
    Named(Endpoint),
}

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(peer) => peer.fmt(f),
            Self::Named(name) => name.fmt(f),
        }
    }
}

impl NodeKey {
    /// Where to dial to come here again.
    pub(super) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Peer(peer) => Endpoint { host: peer.ip().to_string(), port: peer.port() },
            Self::Named(endpoint) => endpoint.clone(),
        }
    }
}

/// The MOVING that a node is under.
#[derive(Clone, Debug)]
pub(super) struct Under {
    pub(super) seq: Option<u64>,
    pub(super) wave: u64,
    pub(super) until: Timestamp,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) key: NodeKey,
    /// Indices of members, in no order.
    pub(super) members: Vec<u32>,
    pub(super) board: Arc<Facts>,
    pub(super) under: Option<Under>,
    /// Facts on the board.
    pub(super) facts: usize,
}

/// All nodes.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    nodes: Vec<Option<Node>>,
    free: Vec<u32>,
    by_key: BTreeMap<NodeKey, u32>,
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// The node of that key, made if there is none.
    pub(super) fn find_or_add(&mut self, key: NodeKey) -> u32 {
        if let Some(index) = self.by_key.get(&key) {
            return *index;
        }
        let node = Node {
            key: key.clone(),
            members: Vec::new(),
            board: Arc::new(Facts::new()),
            under: None,
            facts: 0,
        };
        let index = match self.free.pop() {
            Some(index) => {
                self.nodes[index as usize] = Some(node);
                index
            }
            None => {
                self.nodes.push(Some(node));
                self.nodes.len() as u32 - 1
            }
        };
        self.by_key.insert(key, index);
        index
    }

    pub(super) fn get(&mut self, index: u32) -> Option<&mut Node> {
        self.nodes.get_mut(index as usize)?.as_mut()
    }

    /// Forgets a node that has neither members nor facts; true if it did.
    pub(super) fn sweep(&mut self, index: u32) -> bool {
        let Some(slot) = self.nodes.get_mut(index as usize) else { return false };
        if slot.as_ref().is_some_and(|node| node.members.is_empty() && node.facts == 0)
            && let Some(node) = slot.take()
        {
            self.by_key.remove(&node.key);
            self.free.push(index);
            return true;
        }
        false
    }
}

/// Which facts of a board concern one who joins at `now` (P1): open starters with the terminators that came after them, and
/// a MOVING that still leads away from here.
pub(super) fn in_force(facts: &[Fact], now: Timestamp, joins: &NodeKey) -> Vec<Fact> {
    let opened = |n: &Notification| {
        facts
            .iter()
            .any(|f| f.notification.kind.is_starter() && f.notification.kind.family() == n.kind.family())
    };
    let concerns = |f: &&Fact| {
        let n = &*f.notification;
        now < f.until
            && match n.kind {
                Kind::Moving => leads_away(f, now, joins),
                kind => kind.is_starter() || opened(n),
            }
    };
    facts.iter().filter(concerns).cloned().collect()
}

/// Whether a connection that is made now, and came to the node `joins`, is one that must move.
fn leads_away(fact: &Fact, now: Timestamp, joins: &NodeKey) -> bool {
    let Body::Moving(target) = &fact.notification.body else { return false };
    match (target, joins) {
        // From half time on the configured address may be the new proxy already (H7), whatever its peer address is.
        (MovingTarget::Null | MovingTarget::Unreadable, _) => {
            now < fact.arrived + fact.until.since(fact.arrived) / 2
        }
        // An address that is the target's has been reached by following it.
        (MovingTarget::Named(target), NodeKey::Peer(peer)) => {
            target.ip() != Some(peer.ip()) || target.port != peer.port()
        }
        (MovingTarget::Named(target), NodeKey::Named(name)) => target != name,
        (MovingTarget::Portless(_), _) => true,
    }
}

/// Whether `later` makes a fact on the same board superfluous for who has read neither: the terminator of just what the
/// fact started, or a MOVING after a MOVING.
pub(super) fn is_merged(fact: &Notification, later: &Notification) -> bool {
    if fact.kind == Kind::Moving {
        return later.kind == Kind::Moving;
    }
    let earlier = !matches!((fact.seq, later.seq), (Some(a), Some(b)) if a > b);
    let same = match (&fact.body, &later.body) {
        (Body::Shards(a), Body::Shards(b)) => a == b,
        _ => false,
    };
    fact.kind.is_starter()
        && later.kind.is_terminator()
        && fact.kind.family() == later.kind.family()
        && same
        && earlier
}
