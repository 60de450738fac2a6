//! What a notification does: duplicates and stale ones apart, windows open and close, a MOVING asks for a handoff
//! (N2 to N4, R1 to R3, C1). Knows no bytes.

use super::*;
use crate::action::{RestoreReason, WindowKind};
use crate::conn::marks::Seen;
use crate::conn::pooled::Read;
use crate::conn::relax::Opened;
use crate::notification::{self, Body, Family, Kind, Notification, NotificationLimits, Parsed, SlotRanges};

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
        self.trace.push(id, raw, whole);
        self.notified(now, slot, kind, Some(raw));
        self.stirred = true;
        self.finish(now);
        Ok(PushVerdict::Swallowed)
    }

    fn notification_limits(&self) -> NotificationLimits {
        NotificationLimits { max_bytes: self.config.limits.max_push_bytes, ..NotificationLimits::default() }
    }

    /// A notification has been read on `slot`; `None` if it was over its limit.
    pub(super) fn notified(&mut self, now: Timestamp, slot: Slot, kind: Kind, raw: Option<&[u8]>) {
        self.stirred = true;
        let parsed = raw.and_then(|raw| notification::parse(raw, &self.notification_limits()).ok());
        let malformed = parsed.as_ref().is_none_or(|p| !p.defects.is_empty());
        let Parsed { notification, defects } = parsed.unwrap_or_else(|| Parsed {
            notification: Notification { kind, seq: None, time: None, body: empty_body(kind) },
            defects: core::iter::once(notification::Defect::OverLimit).collect(),
        });
        self.count(kind);
        let conn = self.transport(slot).map_or(0, |t| t.id);
        if malformed {
            self.counters.make().notifications_malformed += 1;
            self.log(Level::Warn, || {
                format!("event=malformed conn={conn} what={defects} type={notification}")
            });
        } else {
            self.log(Level::Info, || format!("event=notification conn={conn} type={notification}"));
        }
        self.act_on(now, slot, &notification, !defects.is_empty(), Read::Here);
    }

    /// What a notification does, wherever it was read.
    pub(super) fn act_on(
        &mut self,
        now: Timestamp,
        slot: Slot,
        n: &Notification,
        defective: bool,
        from: Read,
    ) {
        match n.kind {
            Kind::Moving => self.moving(now, slot, n, from),
            Kind::Migrating | Kind::FailingOver | Kind::Smigrating => self.starter(now, n, from),
            Kind::Migrated | Kind::FailedOver | Kind::Smigrated => self.terminator(now, n, defective, from),
        }
    }

    fn count(&mut self, kind: Kind) {
        let c = self.counters.make();
        *match kind {
            Kind::Moving => &mut c.notifications_moving,
            Kind::Migrating => &mut c.notifications_migrating,
            Kind::Migrated => &mut c.notifications_migrated,
            Kind::FailingOver => &mut c.notifications_failing_over,
            Kind::FailedOver => &mut c.notifications_failed_over,
            Kind::Smigrating => &mut c.notifications_smigrating,
            Kind::Smigrated => &mut c.notifications_smigrated,
        } += 1;
    }

    fn judge(&mut self, now: Timestamp, n: &Notification, ender: Option<Kind>) -> bool {
        let (age, limit) = (self.config.mark_age, self.config.limits.max_marks);
        match self.marks.make().judge(now, n.kind, ender, n.seq, age, limit) {
            Seen::New => return true,
            Seen::Duplicate => self.counters.make().notifications_duplicate += 1,
            Seen::Stale => self.counters.make().notifications_stale += 1,
        }
        let (kind, seq) = (n.kind, n.seq);
        self.log(Level::Debug, || format!("event=ignored{} type={kind}", Seq(seq)));
        false
    }

    fn starter(&mut self, now: Timestamp, n: &Notification, from: Read) {
        let (ender, window, lasts) = match n.kind {
            Kind::FailingOver => (Kind::FailedOver, WindowKind::Failover, self.config.failover_window),
            Kind::Smigrating => (Kind::Smigrated, WindowKind::SlotMigration, self.config.migration_window),
            _ => (Kind::Migrated, WindowKind::Migration, self.config.migration_window),
        };
        if self.judge(now, n, Some(ender)) {
            self.open_window(window, &keys(n), n.seq, from.at(now) + lasts);
            self.hear_notice(now, n, from);
        }
    }

    fn open_window(&mut self, kind: WindowKind, keys: &[u64], seq: Option<u64>, until: Timestamp) {
        if self.windows.make().open(kind, keys, seq, until, self.config.limits.max_windows) == Opened::Evicted
        {
            self.counters.make().windows_evicted += 1;
        }
        self.tell_relaxed(kind);
    }

    fn terminator(&mut self, now: Timestamp, n: &Notification, defective: bool, from: Read) {
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
            windows.terminate(window, &keys(n), n.seq);
        }
        self.update_relax(RestoreReason::Terminated);
        if let Body::SlotMoves(moves) = &n.body {
            if !moves.is_empty() {
                self.emit(Action::SlotsMoved { seq: n.seq, moves: moves.clone() });
            }
            if defective || moves.is_empty() || moves.iter().any(|m| m.source.is_none()) {
                self.emit(Action::ReloadSlots { seq: n.seq });
            }
        }
    }

    fn moving(&mut self, now: Timestamp, slot: Slot, n: &Notification, from: Read) {
        let begun = |c: &Self| c.counters.get().map_or(0, |c| c.handoffs_started);
        let began = begun(self);
        if !self.follow_move(now, slot, n, from) {
            return;
        }
        // After the end of a handoff that this one supersedes.
        self.hear_notice(now, n, from);
        if began == begun(self) && self.handoff.is_none() {
            self.hear_no_handoff(n);
        }
    }

    /// False if it is known already.
    fn follow_move(&mut self, now: Timestamp, slot: Slot, n: &Notification, from: Read) -> bool {
        let Body::Moving(target) = &n.body else { return false };
        let wanted = Move {
            seq: n.seq,
            endpoint: target.endpoint(self.config.port),
            time: n.duration().unwrap_or(self.config.handoff_timeout),
            arrived: from.at(now),
            node: self.transport(slot).map_or(0, |t| t.id),
        };
        if self.is_known_move(now, slot, &wanted) {
            self.counters.make().notifications_duplicate += 1;
            return false;
        }
        if let Some(e) = &wanted.endpoint
            && !self.config.endpoint_policy.allows(e, &self.config.host)
        {
            self.counters.make().endpoints_refused += 1;
            let line = format!("event=endpoint-refused endpoint={e} conn={}", wanted.node);
            self.log(Level::Warn, || line);
            self.relax_for_move(&wanted, false);
            return true;
        }
        self.marks.make().remember_move(
            wanted.seq,
            wanted.endpoint.clone(),
            wanted.node,
            wanted.deadline(),
            self.config.limits.max_marks,
        );
        if let (Some(to), Some(from)) = (&wanted.endpoint, self.endpoint_in(slot)) {
            let until = wanted.deadline();
            self.places.make().moved = Some(Moved { to: to.clone(), from, until });
        }
        if self.no_handoff.is_some() || self.off || self.session.overflow {
            self.relax_for_move(&wanted, false);
            return true;
        }
        self.relax_for_move(&wanted, true);
        self.start_or_replace(now, wanted);
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
        self.open_window(handoff::WINDOW, &[], wanted.seq, until);
    }

    fn has_windows(&self) -> bool {
        self.windows.get().is_some_and(Windows::is_open)
    }

    // ---- RELAX and RESTORE ---------------------------------------------------------------------------------------

    /// The first window that opens is told with its kind.
    pub(super) fn tell_relaxed(&mut self, reason: WindowKind) {
        if !self.told_relaxed && self.has_windows() && !self.config.relaxed_timeout.is_zero() {
            self.told_relaxed = true;
            self.counters.make().relaxed += 1;
            self.emit(Action::Relax { floor: self.config.relaxed_timeout, reason });
        }
    }

    /// The last that closes, with its reason.
    pub(super) fn update_relax(&mut self, reason: RestoreReason) {
        if self.told_relaxed && !self.has_windows() {
            self.told_relaxed = false;
            self.counters.make().restored += 1;
            self.emit(Action::Restore { reason });
        }
    }
}

/// What a window is keyed by: shards, or the first slot of each range.
fn keys(n: &Notification) -> Vec<u64> {
    match &n.body {
        Body::Shards(Some(shards)) => shards.ids().to_vec(),
        Body::Slots(slots) => slot_keys(slots),
        Body::SlotMoves(moves) => {
            let mut keys: Vec<u64> = moves.iter().flat_map(|m| slot_keys(&m.slots)).collect();
            keys.sort_unstable();
            keys.dedup();
            keys
        }
        _ => Vec::new(),
    }
}

fn slot_keys(slots: &SlotRanges) -> Vec<u64> {
    slots.slots().map(u64::from).collect()
}

fn empty_body(kind: Kind) -> Body {
    match kind {
        Kind::Moving => Body::Moving(notification::MovingTarget::Unreadable),
        Kind::Smigrating => Body::Slots(SlotRanges::default()),
        Kind::Smigrated => Body::SlotMoves(Vec::new()),
        _ => Body::Shards(None),
    }
}
