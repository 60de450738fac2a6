//! Members: what a host holds of one ([`Member`]), and what the pool keeps of it. Knows no rules.

use super::mailbox::{Board, OWNED, Slot};
use super::waiter::WaiterId;
use crate::endpoint::{Endpoint, PeerAddr};
use crate::error::Result;
use crate::exchange::Told;
use crate::mem::Room;
use crate::notification::Notification;
use crate::time::Timestamp;
use std::sync::Arc;

/// Names a member. Never used again for another one, so that an old event harms nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId {
    pub(super) index: u32,
    generation: u32,
}

impl MemberId {
    /// As one number, never 0.
    pub const fn as_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }
}

/// A notification on the board of a node.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) notification: Arc<Notification>,
    pub(super) arrived: Timestamp,
    /// Who read it: it is not told to that one.
    pub(super) by: MemberId,
    /// From then on it means nothing to anybody.
    pub(super) until: Timestamp,
}

pub(super) type Mailbox = Slot<Told, Fact>;
pub(super) type Facts = Board<Fact>;

/// What becomes of a member that nobody owns when its node moves (P1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Unowned {
    /// The feed asks to close it (default): it costs nothing, a new one is opened when needed.
    #[default]
    Retire = 1,
    /// The feed asks to hand it off.
    Handoff = 2,
}

/// How a connection joins.
#[derive(Clone, Debug, Default)]
pub struct JoinOptions {
    /// The address it is connected to, where known. Same address and port is the same node.
    pub peer: Option<PeerAddr>,
    /// The node, named by the host: stronger than `peer`.
    pub node: Option<Endpoint>,
    /// Nobody owns it from the start; else its owner calls `give` when done.
    pub idle: bool,
    /// What becomes of it when its node moves and nobody owns it.
    pub unowned: Unowned,
    /// Who is woken for its mail while it is owned.
    pub waiter: Option<WaiterId>,
    /// What the host calls it; comes back in events.
    pub user: u64,
}

/// A host's hold on its member. Looking for mail, taking and giving back need no lock while no wave is on.
#[derive(Debug)]
pub struct Member {
    pub(super) id: MemberId,
    pub(super) mailbox: Arc<Mailbox>,
}

impl Member {
    /// Its name in events.
    pub const fn id(&self) -> MemberId {
        self.id
    }

    /// One atomic load. `true` may be spurious; `false` is what was true a moment ago.
    pub fn has_mail(&self) -> bool {
        self.mailbox.has_mail()
    }

    /// Who is woken for its mail from here on. Say it before `take`.
    pub fn set_waiter(&self, waiter: Option<WaiterId>) {
        self.mailbox.set_waiter(waiter.map_or(NONE, WaiterId::index));
    }

    /// A user owns it from here on. Read its mailbox before you write.
    pub fn take(&self) {
        self.mailbox.set(OWNED);
    }
}

/// Where a member stands in the wave it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// In none.
    Out,
    /// Not granted.
    Waiting,
    /// Granted: it takes one of the places.
    Granted,
    /// Granted, and its place was given back: it did not answer in time, or it is to be retired.
    Lapsed,
    /// Its candidate is ready.
    Ready,
    /// Its handoff is over.
    Done,
}

impl Standing {
    /// Not handed off yet.
    pub(super) const fn is_left(self) -> bool {
        matches!(self, Self::Waiting | Self::Granted | Self::Lapsed)
    }
}

/// No node, no waiter.
pub(super) const NONE: u32 = u32::MAX;

/// What the pool keeps of a member.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) user: u64,
    pub(super) wave: u64,
    pub(super) node: u32,
    /// Its place in the list of its node.
    pub(super) place: u32,
    /// Counts grants, so that an old timer is known.
    pub(super) grants: u32,
    pub(super) standing: Standing,
    pub(super) unowned: Unowned,
    /// In the queue of the idle, of the busy.
    pub(super) in_idle: bool,
    pub(super) in_busy: bool,
    /// Waits for room in the feed.
    pub(super) unfed: bool,
    /// The grant was read and its attempt is under way.
    pub(super) taken_up: bool,
    /// A handoff of an older wave had begun: its end is still to be told.
    pub(super) older: bool,
    /// The host named its node: a new peer does not change it.
    pub(super) named: bool,
}

#[derive(Debug)]
struct Entry {
    generation: u32,
    record: Option<Record>,
}

/// All members.
#[derive(Debug, Default)]
pub(super) struct Members {
    entries: Vec<Entry>,
    free: Vec<u32>,
    count: usize,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Room for one more, and for its going.
    pub(super) fn room(&mut self) -> Result<()> {
        self.entries.room(1)?;
        self.free.room(self.entries.len() + 1 - self.free.len())
    }

    pub(super) fn insert(&mut self, record: Record) -> MemberId {
        self.count += 1;
        if let Some(index) = self.free.pop() {
            let entry = &mut self.entries[index as usize];
            entry.record = Some(record);
            return MemberId { index, generation: entry.generation };
        }
        let index = self.entries.len() as u32; // bounded by max_members, which fits
        self.entries.push(Entry { generation: 1, record: Some(record) });
        MemberId { index, generation: 1 }
    }

    pub(super) fn remove(&mut self, id: MemberId) -> Option<Record> {
        let entry = self.entries.get_mut(id.index as usize).filter(|e| e.generation == id.generation)?;
        let record = entry.record.take()?;
        self.count -= 1;
        // A number that has been used 4 billion times is not used again.
        if let Some(next) = entry.generation.checked_add(1) {
            entry.generation = next;
            self.free.push(id.index);
        }
        Some(record)
    }

    pub(super) fn get(&mut self, id: MemberId) -> Option<&mut Record> {
        self.at(id.index).filter(|(found, _)| *found == id).map(|(_, record)| record)
    }

    /// Whoever is there now.
    pub(super) fn at(&mut self, index: u32) -> Option<(MemberId, &mut Record)> {
        let entry = self.entries.get_mut(index as usize)?;
        let id = MemberId { index, generation: entry.generation };
        entry.record.as_mut().map(|record| (id, record))
    }
}
