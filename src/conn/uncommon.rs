//! Commands with more to them than one reply: what their replies mean, and what they mean for what comes after (F1, F4, F5, N7,
//! E8). Knows no bytes and no reply.

use super::*;
use crate::commands::{self, Effect, Facts, Replies};
use crate::conn::effect::{Watched, watched};
use crate::conn::inflight::{Entry, Special};
use crate::mem::Room;

impl Connection {
    /// A command with more to it than one reply: its record, what its reply means, and whether it goes out as DISCARD.
    pub(super) fn uncommon(
        &mut self,
        now: Timestamp,
        number: CommandNumber,
        facts: Facts,
        reader: &CommandReader,
    ) -> (Entry, Option<Special>, bool) {
        let len = reader.len();
        let meaning = commands::meaning(facts, reader.args());
        let effect = meaning.effect;
        let tx = self.out.tx.make();
        let in_multi = tx.multi.is_some();
        let mut entry = Entry::new(len, facts.class());
        if tx.broken {
            if matches!(effect, Effect::Exec | Effect::Discard | Effect::Reset) {
                tx.broken = false;
            }
            return (entry, Some(Special::Refused), false);
        }
        if in_multi {
            entry = entry.queued();
        } else if matches!(effect, Effect::Blocking) {
            entry = entry.blocking();
        }
        self.out.prefix = matches!(effect, Effect::Asking | Effect::Caching | Effect::ReplySkip);
        let command = || {
            let mut bytes = Vec::new();
            bytes.room(reader.args().encoded_len())?;
            reader.args().encode(&mut bytes);
            Ok(bytes)
        };
        let mut special = None;
        let mut replaced = false;
        match effect {
            Effect::Multi if !in_multi => {
                tx.multi = Some(number);
                tx.changes.clear();
                entry = entry.queued();
                special = Some(Special::Watched(Watched::Multi));
            }
            Effect::Exec if in_multi => {
                tx.multi = None;
                replaced = core::mem::take(&mut tx.watch_broken);
                let changes = core::mem::take(&mut tx.changes);
                let watch = tx.watch.take();
                let uncountable = core::mem::take(&mut tx.uncountable);
                special = Some(Special::Watched(Watched::Exec { changes, watch, uncountable }));
            }
            Effect::Discard if in_multi => {
                tx.multi = None;
                tx.watch = None;
                tx.watch_broken = false;
                tx.uncountable = false;
                special = Some(Special::Watched(Watched::Discard));
            }
            Effect::Watch if !in_multi => tx.watch = tx.watch.or(Some(number)),
            Effect::Unwatch if !in_multi => {
                tx.watch = None;
                tx.watch_broken = false;
            }
            _ => {
                let (change, complete) = watched(&effect, command);
                if !complete {
                    // What cannot be kept cannot be made again on another transport.
                    self.session.overflow = true;
                    self.forbid_handoff(now, OffReason::SessionTooLarge);
                }
                let tx = self.out.tx.make();
                if let Some(change) = change {
                    let immediate = matches!(change, Watched::Reset);
                    if in_multi && !immediate {
                        tx.changes.push(change);
                    } else {
                        special = Some(Special::Watched(change));
                    }
                }
            }
        }
        if let Some(Special::Watched(Watched::Exec { uncountable, .. })) = &mut special {
            *uncountable |= self.may_have_subscriptions();
            if *uncountable && !replaced {
                // What is owed before it still counts; nothing of libsch's own is written after it.
                self.forbid_handoff(now, OffReason::Uncounted);
            }
        }
        // The names that were too long to be kept come with the confirmations.
        let topic = facts.topic();
        let effect =
            if topic.is_some() && matches!(effect, Effect::Unreadable) { Effect::None } else { effect };
        match (meaning.replies, topic) {
            // Confirmations, and messages to itself, will stand inside the reply of EXEC without being counted in it.
            (Replies::Pushes(_) | Replies::PushesUnknown, _) if in_multi => {
                self.out.tx.make().uncountable = true;
            }
            (Replies::Pushes(n), Some((topic, subscribe))) => {
                let channels = match effect {
                    // Without memory for them, any will do.
                    Effect::Unsubscribe { names, .. } => {
                        Special::channels(topic, subscribe, names.iter()).unwrap_or_default()
                    }
                    _ => VecDeque::new(),
                };
                special = Some(Special::Pushes { topic, subscribe, left: Some(n.into()), channels });
            }
            (Replies::PushesUnknown, Some((topic, subscribe))) => {
                let channels = VecDeque::new();
                special = Some(Special::Pushes { topic, subscribe, left: None, channels });
            }
            _ => {}
        }
        self.remember(now, &effect);
        if self.is_silent(&effect) {
            if special.as_ref().is_some_and(changes_session) {
                self.out.silent_change = true;
                self.forbid_handoff(now, OffReason::ReplyOff);
            }
            special = Some(Special::Silent);
        }
        (entry, special, replaced)
    }

    fn may_have_subscriptions(&self) -> bool {
        let pending = |t: &Transport| t.owed.specials().any(|s| matches!(s, Special::Pushes { .. }));
        self.session.has_subscriptions() || self.current.as_deref().is_some_and(pending)
    }

    /// What a command means for what comes after it.
    fn remember(&mut self, now: Timestamp, effect: &Effect<'_>) {
        match effect {
            Effect::Monitor | Effect::Sync => self.forbid_handoff(now, OffReason::Stream),
            Effect::Tracking { on: true, redirect: true, .. } => {
                self.forbid_handoff(now, OffReason::TrackingRedirect)
            }
            Effect::ReplyOff => self.forbid_handoff(now, OffReason::ReplyOff),
            Effect::Maint { on: true } => {
                self.out.hosts_optin = true;
                if let Some(t) = &mut self.current
                    && t.optin == Optin::Wanted
                {
                    t.optin = Optin::Hosts;
                }
            }
            Effect::Unreadable => self.forbid_handoff(now, OffReason::Uncounted),
            Effect::Reset => {
                self.out.tx = Rare::default();
                self.out.reply_off = false;
                self.out.skip_next = false;
            }
            _ => {}
        }
        let handshake = matches!(
            effect,
            Effect::Hello(_)
                | Effect::Auth { .. }
                | Effect::Select(_)
                | Effect::SetName(_)
                | Effect::SetInfo { .. }
                | Effect::NoEvict(_)
                | Effect::NoTouch(_)
                | Effect::Tracking { .. }
                | Effect::Maint { .. }
                | Effect::Capa(_)
                | Effect::ReadOnly
        );
        if !handshake {
            self.ordinary_came();
        }
        if matches!(effect, Effect::Sync)
            && let Some(t) = &mut self.current
        {
            t.inbound.uncounted = true;
        }
    }

    /// The command has no reply, because of CLIENT REPLY.
    fn is_silent(&mut self, effect: &Effect<'_>) -> bool {
        let skipped = core::mem::take(&mut self.out.skip_next);
        match effect {
            Effect::ReplyOff => {
                self.out.reply_off = true;
                true
            }
            Effect::ReplyOn => {
                self.out.reply_off = false;
                if self.no_handoff == Some(OffReason::ReplyOff) && !self.out.silent_change {
                    self.no_handoff = None;
                }
                false
            }
            Effect::ReplySkip if !self.out.reply_off => {
                self.out.skip_next = true;
                true
            }
            _ => self.out.reply_off || skipped,
        }
    }
}

/// Its reply says whether the session has changed.
fn changes_session(special: &Special) -> bool {
    match special {
        Special::Watched(Watched::Exec { changes, .. }) => !changes.is_empty(),
        Special::Watched(change) => !matches!(change, Watched::Multi | Watched::Discard),
        _ => false,
    }
}
