//! What the pool has seen (N3, N4). Knows no members.

use crate::notification::{Body, Kind, MovingTarget, Notification};
use crate::time::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// Where it was seen: on one node, by those of unknown node, or anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Node(u32),
    Unknown,
    Pool,
}

#[derive(Debug)]
struct Mark {
    place: Place,
    notification: Arc<Notification>,
    until: Timestamp,
}

/// Bounded memory of notifications.
#[derive(Debug, Default)]
pub(super) struct Marks {
    seen: VecDeque<Mark>,
}

fn target(n: &Notification) -> Option<&MovingTarget> {
    match &n.body {
        Body::Moving(target) => Some(target),
        _ => None,
    }
}

/// Identity (N3): type and seq; of MOVING also where it leads. Without a seq all must be equal.
fn is_same(a: &Notification, b: &Notification) -> bool {
    a.kind == b.kind && a.seq == b.seq && if a.seq.is_some() { target(a) == target(b) } else { a == b }
}

impl Marks {
    /// Whether it was seen there; if so, as the first one had it.
    pub(super) fn find(&self, now: Timestamp, place: Place, n: &Notification) -> Option<&Arc<Notification>> {
        // Newest first: when thousands read the same one, it is there.
        let found =
            self.seen.iter().rev().find(|m| m.place == place && m.until > now && is_same(&m.notification, n));
        found.map(|mark| &mark.notification)
    }

    /// Whether a starter was overtaken by a terminator of its kind (N4).
    pub(super) fn is_stale(&self, now: Timestamp, place: Place, n: &Notification) -> bool {
        let ends = |kind: Kind| kind.is_terminator() && kind.family() == n.kind.family();
        let Some(seq) = n.seq.filter(|_| n.kind.is_starter()) else { return false };
        self.seen.iter().any(|m| {
            let seen = &m.notification;
            m.place == place && m.until > now && ends(seen.kind) && seen.seq.is_some_and(|later| later > seq)
        })
    }

    /// Remembers; beyond `limit` the oldest gives way.
    pub(super) fn add(
        &mut self,
        now: Timestamp,
        place: Place,
        notification: Arc<Notification>,
        until: Timestamp,
        limit: usize,
    ) {
        self.seen.retain(|mark| mark.until > now);
        while self.seen.len() >= limit.max(1) {
            self.seen.pop_front();
        }
        self.seen.push_back(Mark { place, notification, until });
    }

    /// A node is gone: its number may mean another one soon.
    pub(super) fn forget(&mut self, node: u32) {
        self.seen.retain(|mark| mark.place != Place::Node(node));
    }
}
