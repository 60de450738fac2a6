//! The feed: what the pool tells whoever looks after it. Bounded; knows no members.

use super::member::MemberId;
use crate::endpoint::Endpoint;
use crate::notification::Notification;
use core::sync::atomic::{AtomicU64, Ordering};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::sync::Arc;

/// One thing the pool tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A notification: once for each identity, however many connections read it (N3).
    Maintenance {
        /// What was read.
        notification: Arc<Notification>,
        /// By whom first.
        member: MemberId,
        /// What the host called that member.
        user: u64,
    },
    /// A member that nobody owns is to be closed and replaced when one is needed. If it has been taken meanwhile, its
    /// owner does the handoff: forget this.
    Retire {
        /// Which.
        member: MemberId,
        /// What the host called it.
        user: u64,
    },
    /// A member that nobody owns is to be handed off: take it, read its mailbox, drive it, give it back.
    Handoff {
        /// Which.
        member: MemberId,
        /// What the host called it.
        user: u64,
    },
    /// An endpoint refused several times: one connection at a time tries it from now on (P4).
    BreakerOpened {
        /// Which.
        endpoint: Endpoint,
    },
    /// It answered again.
    BreakerClosed {
        /// Which.
        endpoint: Endpoint,
    },
    /// A MOVING names an endpoint that the policy does not allow (S3): it is not followed.
    EndpointRefused {
        /// Which.
        endpoint: Endpoint,
    },
    /// The deadline of a MOVING has come and members are not handed off (P3).
    Late {
        /// The seq of the MOVING.
        seq: Option<u64>,
        /// Where to; `None`: the configured address.
        endpoint: Option<Endpoint>,
        /// How many.
        members: u32,
    },
    /// Nobody polled: so many events were dropped. Counters have what they said; RETIRE and HANDOFF are not among them.
    Dropped {
        /// How many since this was last said.
        events: u64,
    },
}

/// Both ends. More than one thread may poll.
#[derive(Debug)]
pub(super) struct Feed {
    sender: Sender<Event>,
    receiver: Receiver<Event>,
    /// Dropped and not yet said.
    unsaid: AtomicU64,
}

impl Feed {
    pub(super) fn new(limit: usize) -> Self {
        let (sender, receiver) = bounded(limit.max(1));
        Self { sender, receiver, unsaid: AtomicU64::new(0) }
    }

    /// Never waits. Answers an event that found it full, and is counted as dropped.
    pub(super) fn tell(&self, event: Event) -> Option<Event> {
        let left = self.offer(event);
        if left.is_some() {
            self.unsaid.fetch_add(1, Ordering::Relaxed);
        }
        left
    }

    /// As `tell`, for one who will come again.
    pub(super) fn offer(&self, event: Event) -> Option<Event> {
        match self.sender.try_send(event) {
            Ok(()) => None,
            Err(TrySendError::Full(event) | TrySendError::Disconnected(event)) => Some(event),
        }
    }

    /// The oldest event; what was dropped is said once those that waited are read.
    pub(super) fn poll(&self) -> Option<Event> {
        self.receiver.try_recv().ok().or_else(|| {
            let events = self.unsaid.swap(0, Ordering::Relaxed);
            (events > 0).then_some(Event::Dropped { events })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s1_a_full_feed_drops_the_newest_and_says_how_many() {
        let feed = Feed::new(2);
        let late = |members| Event::Late { seq: None, endpoint: None, members };
        let told: Vec<bool> = (0..5).map(|n| feed.tell(late(n)).is_none()).collect();
        assert_eq!(told, [true, true, false, false, false]);
        assert_eq!(feed.poll(), Some(late(0)));
        assert_eq!(feed.tell(late(9)), None);
        assert_eq!(feed.poll(), Some(late(1)));
        assert_eq!(feed.poll(), Some(late(9)));
        assert_eq!(feed.poll(), Some(Event::Dropped { events: 3 }));
        assert_eq!(feed.poll(), None);
    }
}
