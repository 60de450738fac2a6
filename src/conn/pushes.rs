//! Pushes that are the host's: confirmations of subscriptions, which are counted, and messages, which may come twice in an overlap (F2, N5).

use super::*;
use crate::commands::Topic;
use crate::conn::inflight::Special;
use crate::conn::overlap::{Side, Verdict};
use crate::mem::Room;
use crate::resp::value::{self, Value, ValueError, ValueLimits};

impl Connection {
    /// A confirmation or a message, whole. True if it goes to the host.
    /// An error: there is no memory for it, and nothing has changed.
    pub(super) fn read_push(&mut self, now: Timestamp, slot: Slot, push: &[u8]) -> Result<bool> {
        /// Of what one leads to.
        const ACTIONS: usize = 4;
        self.actions.room(ACTIONS)?;
        self.overlap.room()?;
        let limits = ValueLimits { max_bytes: self.config.limits.max_push_bytes, ..ValueLimits::default() };
        let elements = match value::parse(push, &limits) {
            Ok((Value::Array(elements), _)) => elements,
            Err(ValueError::NoMemory) => return Err(Error::NoMemory { bytes: push.len() }),
            _ => return Ok(true),
        };
        let name = elements.first().and_then(Value::as_text).unwrap_or_default();
        let channel = elements.get(1).and_then(Value::as_text);
        match topic_of(name) {
            Some((topic, subscribe)) => {
                if let Some(channel) = channel
                    && slot == Slot::Current
                {
                    let limit = self.config.limits.max_session_bytes;
                    let new = self.session.confirmed(topic, subscribe, channel, limit)?;
                    if self.session.overflow && self.no_handoff.is_none() {
                        self.forbid_handoff(now, OffReason::SessionTooLarge);
                    }
                    if new {
                        self.repeat_subscription(now, topic, subscribe, channel);
                    }
                    self.stirred |= self.handoff.is_some();
                }
                Ok(!self.count_confirmation(now, slot, topic, subscribe, channel))
            }
            None => self.message(slot, push),
        }
    }

    /// True if it answers a command of libsch's own.
    fn count_confirmation(
        &mut self,
        now: Timestamp,
        slot: Slot,
        topic: Topic,
        subscribe: bool,
        channel: Option<&[u8]>,
    ) -> bool {
        let now_subscribed = self.session.subscriptions(topic) as u64;
        let Some(t) = self.transport(slot) else { return false };
        let own = t.owed.is_front_own();
        let Some(Special::Pushes { topic: wanted, subscribe: kind, left, channels }) = t.owed.front_special()
        else {
            return false;
        };
        let named = channels.front().is_none_or(|next| Some(&**next) == channel);
        if (*wanted, *kind) != (topic, subscribe) || !named {
            return false; // unsolicited: servers send sunsubscribe when slots move
        }
        channels.pop_front();
        // UNSUBSCRIBE without names: one for each subscription. This one is already taken off.
        let remaining = left.unwrap_or(now_subscribed + 1).saturating_sub(1);
        *left = Some(remaining);
        if remaining == 0 {
            t.owed.pop();
            // Subscriptions are the last of a handshake by libsch.
            self.may_end_handshake(now, slot);
        }
        own
    }

    /// A message while two transports deliver them. True if it goes out right here.
    pub(super) fn message(&mut self, slot: Slot, push: &[u8]) -> Result<bool> {
        let side = match (slot, self.retired.is_some()) {
            (Slot::Retired, _) | (Slot::Current, false) => Side::Old,
            (Slot::Candidate, _) | (Slot::Current, true) => Side::New,
        };
        let limits = &self.config.limits;
        let overlap = self.overlap.make();
        let stash = if slot == Slot::Current { None } else { Some(overlap.room_to_stash(push)?) };
        let verdict = overlap.judge(side, push, limits.max_overlap_messages, limits.max_overlap_bytes);
        match verdict {
            Verdict::Duplicate => {
                self.counters.with(|c| c.overlap_duplicates += 1);
                return Ok(false);
            }
            Verdict::Doubtful => self.counters.with(|c| c.overlap_doubtful += 1),
            Verdict::Deliver => {}
        }
        if let Some(message) = stash {
            overlap.stash(message);
        }
        Ok(slot == Slot::Current)
    }
}

fn topic_of(name: &[u8]) -> Option<(Topic, bool)> {
    const NAMES: [(&[u8], Topic, bool); 6] = [
        (b"subscribe", Topic::Channel, true),
        (b"psubscribe", Topic::Pattern, true),
        (b"ssubscribe", Topic::Shard, true),
        (b"unsubscribe", Topic::Channel, false),
        (b"punsubscribe", Topic::Pattern, false),
        (b"sunsubscribe", Topic::Shard, false),
    ];
    let found = NAMES.iter().find(|(is, ..)| is.eq_ignore_ascii_case(name));
    found.map(|(_, topic, subscribe)| (*topic, *subscribe))
}
