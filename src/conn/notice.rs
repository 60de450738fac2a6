//! What a notification does: duplicates and stale ones apart, windows open and close, a MOVING asks for a handoff
//! (N2 to N4, R1 to R3, C1). Knows no bytes.

use super::*;
use crate::action::{RestoreReason, WindowKind};
use crate::conn::marks::Seen;
use crate::conn::pooled::Read;
use crate::conn::relax::Opened;
use crate::endpoint::At;
use crate::mem::{self, Room, Vacant};
use crate::notification::{self, Body, Family, Kind, Notification, NotificationLimits, Parsed};
use crate::notification::{SlotMove, SlotRanges};

/// A window that stays until its handoff ends.
const UNTIL_THE_END: Timestamp = Timestamp::from_nanos(u64::MAX);

impl Connection {
    /// A push that a level 1 host hands over: the whole frame.
    pub fn handle_push(&mut self, now: Timestamp, id: TransportId, raw: &[u8]) -> Result<PushVerdict> {
        self.push(now, id, raw, true)
    }

    /// The beginning of a push that was over a limit before it came here: it acts as far as it can be read (N2).
    pub fn handle_push_head(&mut self, now: Timestamp, id: TransportId, raw: &[u8]) -> Result<PushVerdict> {
        self.push(now, id, raw, false)
    }

    fn push(&mut self, now: Timestamp, id: TransportId, raw: &[u8], whole: bool) -> Result<PushVerdict> {
        let now = self.begin(now)?;
        self.level("push", 1, self.config.level_in == LevelIn::Notified)?;
        let slot = self.slot(id)?;
        if self.off {
            return Ok(PushVerdict::Yours);
        }
        let kind = match notification::parse(raw, &self.notification_limits()) {
            // What is cut is a mistake of the host, not of the server: the rest would come as garbage.
            Ok(parsed) if whole && parsed.defects.contains(notification::Defect::Truncated) => {
                return Err(Error::NotAPush);
            }
            Ok(parsed) => parsed.notification.kind,
            Err(notification::NotificationError::NotOurs) => return Ok(PushVerdict::Yours),
            Err(_) => return Err(Error::NotAPush),
        };
        let read = self.read_notification(slot, kind, Some(raw))?;
        self.trace.push(id, raw, whole);
        self.notified(now, slot, read);
        self.stirred = true;
        self.finish(now);
        Ok(PushVerdict::Swallowed)
    }

    fn notification_limits(&self) -> NotificationLimits {
        NotificationLimits { max_bytes: self.config.limits.max_push_bytes, ..NotificationLimits::default() }
    }

    /// A notification, `None` if it was over its limit, and what it takes to act on it: before anything has changed.
    pub(super) fn read_notification(
        &mut self,
        slot: Slot,
        kind: Kind,
        raw: Option<&[u8]>,
    ) -> Result<ReadNotification> {
        self.room_to_act(kind)?;
        let parsed = raw.and_then(|raw| notification::parse(raw, &self.notification_limits()).ok());
        let Parsed { notification, defects } = parsed.unwrap_or_else(|| Parsed {
            notification: Notification { kind, seq: None, time: None, body: empty_body(kind) },
            defects: core::iter::once(notification::Defect::OverLimit).collect(),
        });
        if defects.contains(notification::Defect::NoMemory) {
            return Err(Error::NoMemory { bytes: raw.map_or(0, <[u8]>::len) });
        }
        let effect = self.effect_of(slot, &notification)?;
        Ok(ReadNotification { notification, defects, effect })
    }

    /// Room for what one of that kind does, wherever it was read.
    pub(super) fn room_to_act(&mut self, kind: Kind) -> Result<()> {
        const ACTIONS: usize = 8;
        self.actions.room(ACTIONS)?;
        if kind == Kind::Moving {
            self.places.room()?;
        }
        self.marks.room()?;
        self.marks.make().room(kind)?;
        self.windows.room()?;
        self.windows.make().room()
    }

    /// It has been read on `slot`.
    pub(super) fn notified(&mut self, now: Timestamp, slot: Slot, read: ReadNotification) {
        let ReadNotification { notification, defects, effect } = read;
        let malformed = !defects.is_empty();
        self.stirred = true;
        self.count(notification.kind);
        let conn = self.transport(slot).map_or(0, |t| t.id);
        if malformed {
            self.counters.with(|c| c.notifications_malformed += 1);
            self.log(
                Level::Warn,
                format_args!("event=malformed conn={conn} what={defects} type={notification}"),
            );
        } else {
            self.log(Level::Info, format_args!("event=notification conn={conn} type={notification}"));
        }
        self.act_on(now, slot, &notification, effect, malformed, Read::Here);
    }

    /// What a notification does, wherever it was read.
    pub(super) fn act_on(
        &mut self,
        now: Timestamp,
        slot: Slot,
        n: &Notification,
        effect: Effect,
        defective: bool,
        from: Read,
    ) {
        match n.kind {
            Kind::Moving => self.moving(now, slot, n, effect, from),
            Kind::Migrating | Kind::FailingOver | Kind::Smigrating => self.starter(now, n, effect.keys, from),
            Kind::Migrated | Kind::FailedOver | Kind::Smigrated => {
                self.terminator(now, n, effect, defective, from);
            }
        }
    }

    fn count(&mut self, kind: Kind) {
        self.counters.with(|c| {
            *match kind {
                Kind::Moving => &mut c.notifications_moving,
                Kind::Migrating => &mut c.notifications_migrating,
                Kind::Migrated => &mut c.notifications_migrated,
                Kind::FailingOver => &mut c.notifications_failing_over,
                Kind::FailedOver => &mut c.notifications_failed_over,
                Kind::Smigrating => &mut c.notifications_smigrating,
                Kind::Smigrated => &mut c.notifications_smigrated,
            } += 1
        });
    }

    fn judge(&mut self, now: Timestamp, n: &Notification, ender: Option<Kind>) -> bool {
        let (age, limit) = (self.config.mark_age, self.config.limits.max_marks);
        match self.marks.make().judge(now, n.kind, ender, n.seq, age, limit) {
            Seen::New => return true,
            Seen::Duplicate => self.counters.with(|c| c.notifications_duplicate += 1),
            Seen::Stale => self.counters.with(|c| c.notifications_stale += 1),
        }
        let (kind, seq) = (n.kind, n.seq);
        self.log(Level::Debug, format_args!("event=ignored{} type={kind}", Seq(seq)));
        false
    }

    fn starter(&mut self, now: Timestamp, n: &Notification, keys: Vec<u64>, from: Read) {
        let (ender, window, lasts) = match n.kind {
            Kind::FailingOver => (Kind::FailedOver, WindowKind::Failover, self.config.failover_window),
            Kind::Smigrating => (Kind::Smigrated, WindowKind::SlotMigration, self.config.migration_window),
            _ => (Kind::Migrated, WindowKind::Migration, self.config.migration_window),
        };
        if self.judge(now, n, Some(ender)) {
            self.open_window(window, keys, n.seq, from.at(now) + lasts);
            self.hear_notice(now, n, from);
        }
    }

    fn open_window(&mut self, kind: WindowKind, keys: Vec<u64>, seq: Option<u64>, until: Timestamp) {
        if self.windows.make().open(kind, keys, seq, until, self.config.limits.max_windows) == Opened::Evicted
        {
            self.counters.with(|c| c.windows_evicted += 1);
        }
        self.tell_relaxed(kind);
    }

    fn terminator(&mut self, now: Timestamp, n: &Notification, effect: Effect, defective: bool, from: Read) {
        if !self.judge(now, n, None) {
            return;
        }
        self.hear_notice(now, n, from);
        let window = match n.kind.family() {
            Some(Family::Failover) => WindowKind::Failover,
            Some(Family::SlotMigration) => WindowKind::SlotMigration,
            _ => WindowKind::Migration,
        };
        if let Some(windows) = self.windows.get_mut() {
            windows.terminate(window, &effect.keys, n.seq);
        }
        self.update_relax(RestoreReason::Terminated);
        if let Body::SlotMoves(moves) = &n.body {
            if !moves.is_empty() {
                self.emit(Action::SlotsMoved { seq: n.seq, moves: effect.moves });
            }
            if defective || moves.is_empty() || moves.iter().any(|m| m.source.is_none()) {
                self.emit(Action::ReloadSlots { seq: n.seq });
            }
        }
    }

    fn moving(&mut self, now: Timestamp, slot: Slot, n: &Notification, effect: Effect, from: Read) {
        let begun = |c: &Self| c.counters.get().map_or(0, |c| c.handoffs_started);
        let began = begun(self);
        if !self.follow_move(now, slot, n, effect, from) {
            return;
        }
        // After the end of a handoff that this one supersedes.
        self.hear_notice(now, n, from);
        if began == begun(self) && self.handoff.is_none() {
            self.hear_no_handoff(n);
        }
    }

    /// False if it is known already.
    fn follow_move(
        &mut self,
        now: Timestamp,
        slot: Slot,
        n: &Notification,
        effect: Effect,
        from: Read,
    ) -> bool {
        let [endpoint, mark, to, old] = effect.endpoints;
        let wanted = Move {
            seq: n.seq,
            endpoint,
            time: n.duration().unwrap_or(self.config.handoff_timeout),
            arrived: from.at(now),
            node: self.transport(slot).map_or(0, |t| t.id),
        };
        if self.is_known_move(now, slot, &wanted) {
            self.counters.with(|c| c.notifications_duplicate += 1);
            return false;
        }
        if let Some(e) = &wanted.endpoint
            && !self.config.endpoint_policy.allows(e, &self.config.host)
        {
            self.counters.with(|c| c.endpoints_refused += 1);
            self.log(Level::Warn, format_args!("event=endpoint-refused endpoint={e} conn={}", wanted.node));
            self.relax_for_move(&wanted, false);
            return true;
        }
        self.marks.make().remember_move(
            wanted.seq,
            mark,
            wanted.node,
            wanted.deadline(),
            self.config.limits.max_marks,
        );
        if let (Some(to), Some(from)) = (to, old) {
            let until = wanted.deadline();
            self.places.make().moved = Some(Moved { to, from, until });
        }
        if self.no_handoff.is_some() || self.off || self.session.overflow {
            self.relax_for_move(&wanted, false);
            return true;
        }
        self.relax_for_move(&wanted, true);
        self.start_or_replace(now, wanted, effect.handoff);
        true
    }

    /// The running handoff, or one before it, has dealt with this MOVING.
    fn is_known_move(&mut self, now: Timestamp, slot: Slot, wanted: &Move) -> bool {
        if slot == Slot::Retired {
            return true;
        }
        let marked =
            self.marks.make().judge_move(now, wanted.seq, wanted.endpoint.as_ref(), wanted.node) != Seen::New;
        let Some(handoff) = &mut self.handoff else { return marked };
        if slot == Slot::Candidate
            && handoff.is_null()
            && wanted.endpoint.is_none()
            && wanted.seq == handoff.wanted.seq
        {
            handoff.old_proxy = true;
            return true;
        }
        if marked {
            return true; // also where the one that is followed now has no seq, or an older one came late (N3)
        }
        let latest = handoff.newer.as_ref().unwrap_or(&handoff.wanted);
        match (wanted.seq, latest.seq) {
            // Several nodes may move in one event: to another endpoint it is another MOVING (N3).
            (Some(a), Some(b)) if a == b => wanted.endpoint.is_none() || wanted.endpoint == latest.endpoint,
            (Some(a), Some(b)) => a < b,
            _ => wanted.endpoint == latest.endpoint,
        }
    }

    pub(super) fn relax_for_move(&mut self, wanted: &Move, handoff: bool) {
        let until = if handoff { UNTIL_THE_END } else { wanted.deadline() + self.config.moving_extra };
        self.open_window(handoff::WINDOW, Vec::new(), wanted.seq, until);
    }

    fn has_windows(&self) -> bool {
        self.windows.get().is_some_and(Windows::is_open)
    }

    // ---- RELAX and RESTORE ---------------------------------------------------------------------------------------

    /// The first window that opens is told with its kind.
    pub(super) fn tell_relaxed(&mut self, reason: WindowKind) {
        if !self.told_relaxed && self.has_windows() && !self.config.relaxed_timeout.is_zero() {
            self.told_relaxed = true;
            self.counters.with(|c| c.relaxed += 1);
            self.emit(Action::Relax { floor: self.config.relaxed_timeout, reason });
        }
    }

    /// The last that closes, with its reason.
    pub(super) fn update_relax(&mut self, reason: RestoreReason) {
        if self.told_relaxed && !self.has_windows() {
            self.told_relaxed = false;
            self.counters.with(|c| c.restored += 1);
            self.emit(Action::Restore { reason });
        }
    }
}

/// A notification that has been read, with what it takes to act on it.
#[derive(Debug)]
pub(super) struct ReadNotification {
    notification: Notification,
    defects: notification::Defects,
    effect: Effect,
}

/// What acting on a notification takes of its own.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// What a window is keyed by: shards, or slots.
    keys: Vec<u64>,
    /// A copy for SLOTS_MOVED.
    moves: Vec<SlotMove>,
    /// Of MOVING: where it leads, for the handoff, the mark of it and the next dial; and where the transport is.
    endpoints: [Option<Endpoint>; 4],
    handoff: Option<Vacant<Handoff>>,
}

impl Connection {
    /// Asks for the memory that acting on it takes.
    pub(super) fn effect_of(&self, slot: Slot, n: &Notification) -> Result<Effect> {
        let mut effect = Effect::default();
        match &n.body {
            Body::Moving(target) => {
                let to = target.at(self.config.port);
                let from = self.in_slot(slot).map(|t| self.endpoint_of(t));
                for (place, at) in effect.endpoints.iter_mut().zip([to, to, to, from]) {
                    *place = at.map(At::copy).transpose()?;
                }
                effect.handoff = Some(Vacant::new()?);
            }
            Body::Shards(Some(shards)) => effect.keys = mem::copy(shards.ids())?,
            Body::Slots(slots) => effect.add_keys(slots)?,
            Body::SlotMoves(moves) => {
                moves.iter().try_for_each(|one| effect.add_keys(&one.slots))?;
                effect.keys.sort_unstable();
                effect.keys.dedup();
                effect.moves = SlotMove::copy_all(moves)?;
            }
            _ => {}
        }
        Ok(effect)
    }
}

impl Effect {
    fn add_keys(&mut self, slots: &SlotRanges) -> Result<()> {
        self.keys.room(slots.slots().count())?;
        self.keys.extend(slots.slots().map(u64::from));
        Ok(())
    }
}

fn empty_body(kind: Kind) -> Body {
    match kind {
        Kind::Moving => Body::Moving(notification::MovingTarget::Unreadable),
        Kind::Smigrating => Body::Slots(SlotRanges::default()),
        Kind::Smigrated => Body::SlotMoves(Vec::new()),
        _ => Body::Shards(None),
    }
}
