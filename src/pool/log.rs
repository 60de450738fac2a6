//! What a pool says of what it does (V2): its words are here, one line each. Levels: a step of maintenance is info, what met a
//! limit or does not go as announced is a warning, what concerns one member or one dial is debug.

use super::breaker::Change;
use super::dial::{DialAdvice, Tried};
use super::feed::Event;
use super::member::{MemberId, Unowned};
use super::outcomes::Finished;
use super::state::State;
use crate::action_text::{Seq, Word};
use crate::endpoint::Endpoint;
use crate::log::{Known, Level, line};
use crate::notification::Notification;
use crate::time::Timestamp;
use core::fmt;
use core::time::Duration;

/// Why nobody is granted just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoGrant {
    /// The first may start later: jitter, or the half time of a null endpoint.
    NotBegun,
    /// As many as may are under way.
    Places,
    /// The endpoint refuses, or another one tries it.
    Breaker,
    /// All were granted, or wait for their next attempt.
    NobodyWaits,
}

/// Why a notification does nothing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ignored {
    Duplicate,
    Stale,
}

/// A member and what the host calls it.
struct Who(MemberId, u64);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member={} user={}", self.0.as_u64(), self.1)
    }
}

/// An endpoint; none is that of a null MOVING.
struct To<'a>(Option<&'a Endpoint>);

impl fmt::Display for To<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(endpoint) => endpoint.fmt(f),
            None => f.write_str("null"),
        }
    }
}

/// ` retry_ms=50`, or nothing.
struct Retry(Option<Duration>);

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |after| write!(f, " retry_ms={}", after.as_millis()))
    }
}

const fn what(event: &Event) -> &'static str {
    match event {
        Event::Maintenance { .. } => "maintenance",
        Event::Retire { .. } => "retire",
        Event::Handoff { .. } => "handoff",
        Event::BreakerOpened { .. } => "breaker-opened",
        Event::BreakerClosed { .. } => "breaker-closed",
        Event::EndpointRefused { .. } => "endpoint-refused",
        Event::Late { .. } => "late",
        Event::Dropped { .. } => "dropped",
    }
}

impl State {
    fn who(&mut self, id: MemberId) -> Who {
        Who(id, self.members.get(id).map_or(0, |record| record.user))
    }

    // ---- members -----------------------------------------------------------------------------------------------

    pub(super) fn log_joined(&mut self, id: MemberId) {
        self.log_member("event=joined", id);
    }

    pub(super) fn log_left(&mut self, id: MemberId) {
        self.log_member("event=left", id);
    }

    /// It is connected to that node now.
    pub(super) fn log_moved(&mut self, id: MemberId) {
        self.log_member("event=moved", id);
    }

    fn log_member(&mut self, event: &str, id: MemberId) {
        if !self.log.wants(Level::Debug) {
            return;
        }
        let who = self.who(id);
        let node = self.members.get(id).map(|record| record.node).and_then(|node| self.nodes.get(node));
        line!(self.log, Debug, "{event} {who} node={}", Known(node.map(|node| &node.key)));
    }

    pub(super) fn log_ejected(&mut self, id: MemberId) {
        let who = self.who(id);
        line!(self.log, Warn, "event=ejected {who}");
    }

    pub(super) fn log_full(&mut self) {
        line!(self.log, Warn, "event=join-refused members={}", self.members.len());
    }

    // ---- notifications -----------------------------------------------------------------------------------------

    /// Told to all other members of its node.
    pub(super) fn log_read(&mut self, n: &Notification, by: MemberId, node: u32) {
        let told = self.nodes.get(node).map_or(0, |node| node.members.len().saturating_sub(1));
        self.log_notice(n, by, node, told);
    }

    /// `told`: so many other members hear of it.
    pub(super) fn log_notice(&mut self, n: &Notification, by: MemberId, node: u32, told: usize) {
        if !self.log.wants(Level::Info) {
            return;
        }
        let who = self.who(by);
        let node = Known(self.nodes.get(node).map(|node| &node.key));
        line!(self.log, Info, "event=notification {who} node={node} told={told} type={n}");
    }

    pub(super) fn log_ignored(&mut self, n: &Notification, by: MemberId, node: u32, why: Ignored) {
        if !self.log.wants(Level::Debug) {
            return;
        }
        let (who, why) = (self.who(by), Word(why));
        let node = Known(self.nodes.get(node).map(|node| &node.key));
        line!(self.log, Debug, "event=ignored{} {who} node={node} why={why} type={}", Seq(n.seq), n.kind);
    }

    pub(super) fn log_fact_dropped(&mut self, node: u32) {
        let node = Known(self.nodes.get(node).map(|node| &node.key));
        line!(self.log, Warn, "event=mail-dropped node={node} limit={}", self.config.limits.max_facts);
    }

    pub(super) fn log_endpoint_refused(&mut self, endpoint: &Endpoint) {
        line!(self.log, Warn, "event=endpoint-refused endpoint={endpoint}");
    }

    // ---- waves and grants --------------------------------------------------------------------------------------

    pub(super) fn log_begun(&mut self, now: Timestamp, number: u64) {
        let Some(wave) = self.waves.get(&number) else { return };
        let (seq, to) = (Seq(wave.seq), To(wave.endpoint.as_ref()));
        let ttl = wave.admission.deadline().since(now).as_millis();
        line!(self.log, Info, "event=wave-begun wave={number}{seq} endpoint={to} ttl_ms={ttl}");
    }

    /// Who is left may go on all the same.
    pub(super) fn log_ended(&mut self, number: u64) {
        let Some(wave) = self.waves.get(&number) else { return };
        let (seq, to, left) = (Seq(wave.seq), To(wave.endpoint.as_ref()), wave.left());
        line!(self.log, Info, "event=wave-ended wave={number}{seq} endpoint={to} left={left}");
    }

    pub(super) fn log_late(&mut self, number: u64) {
        let Some(wave) = self.waves.get(&number) else { return };
        let (seq, to, left) = (Seq(wave.seq), To(wave.endpoint.as_ref()), wave.left());
        line!(self.log, Warn, "event=late wave={number}{seq} endpoint={to} left={left}");
    }

    pub(super) fn log_evicted(&mut self, number: u64) {
        line!(self.log, Warn, "event=wave-evicted wave={number} limit={}", self.config.limits.max_waves);
    }

    /// It may start; `owned`: its owner is told, else the feed.
    pub(super) fn log_grant(&mut self, id: MemberId, owned: bool, unowned: Unowned) {
        if !self.log.wants(Level::Debug) {
            return;
        }
        let (who, wave) = (self.who(id), self.members.get(id).map_or(0, |record| record.wave));
        let left = self.waves.get(&wave).map_or(0, |wave| wave.left());
        let to = Word(unowned);
        if owned {
            line!(self.log, Debug, "event=grant {who} wave={wave} to=owner left={left}");
        } else {
            line!(self.log, Debug, "event=grant {who} wave={wave} to={to} left={left}");
        }
    }

    /// Said when the reason changes: this is looked at in every step of every member.
    pub(super) fn log_no_grant(&mut self, now: Timestamp, number: u64, why: NoGrant, at: Option<Timestamp>) {
        if !self.log.wants(Level::Debug) {
            return;
        }
        let Some(wave) = self.waves.get_mut(&number) else { return };
        if wave.left() == 0 || wave.told_why.replace(why) == Some(why) {
            return;
        }
        let (seq, to, why) = (Seq(wave.seq), To(wave.endpoint.as_ref()), Word(why));
        let (left, running) = (wave.left(), wave.running());
        let retry = Retry(at.map(|at| at.since(now)));
        line!(
            self.log,
            Debug,
            "event=no-grant wave={number}{seq} endpoint={to} why={why} left={left} running={running}{retry}"
        );
    }

    /// It did not read its grant in time, or the end of its attempt was not told.
    pub(super) fn log_lapsed(&mut self, id: MemberId, is_read: bool) {
        if !self.log.wants(Level::Debug) {
            return;
        }
        let (who, wave) = (self.who(id), self.members.get(id).map_or(0, |record| record.wave));
        let why = if is_read { "no-end" } else { "not-read" };
        line!(self.log, Debug, "event=grant-lapsed {who} wave={wave} why={why}");
    }

    pub(super) fn log_attempt(&mut self, id: MemberId, to: Option<&Endpoint>, ok: bool, took: Duration) {
        if !self.log.wants(Level::Debug) {
            return;
        }
        let (who, to, took) = (self.who(id), To(to), took.as_millis());
        line!(self.log, Debug, "event=attempt {who} endpoint={to} ok={ok} took_ms={took}");
    }

    pub(super) fn log_finished(&mut self, id: MemberId, how: Finished) {
        if !self.log.wants(Level::Debug) {
            return;
        }
        let who = self.who(id);
        let standing = Known(self.members.get(id).map(|record| Word(record.standing)));
        let outcome: &dyn fmt::Display = match &how {
            Finished::Told(outcome) => &Word(outcome),
            Finished::Moved => &"moved",
        };
        line!(self.log, Debug, "event=handoff-finished {who} outcome={outcome} was={standing}");
    }

    // ---- the feed ----------------------------------------------------------------------------------------------

    pub(super) fn log_event_dropped(&mut self, event: &Event) {
        let limit = self.config.limits.max_events;
        line!(self.log, Warn, "event=event-dropped what={} limit={limit}", what(event));
    }

    /// RETIRE or HANDOFF of a member went into the feed, or waits for room.
    pub(super) fn log_fed(&mut self, id: MemberId, what: Unowned, has_room: bool) {
        if !self.log.wants(Level::Debug) {
            return;
        }
        let (who, what) = (self.who(id), Word(what));
        if has_room {
            line!(self.log, Debug, "event=fed what={what} {who}");
        } else {
            line!(self.log, Debug, "event=feed-full what={what} {who}");
        }
    }

    // ---- endpoints ---------------------------------------------------------------------------------------------

    /// One tries an endpoint that refuses: a member, or who asked where to dial (P4).
    pub(super) fn log_probe(&mut self, to: Option<&Endpoint>, by: Option<MemberId>, lease: Duration) {
        if !self.log.wants(Level::Debug) {
            return;
        }
        let (to, lease) = (To(to), lease.as_millis());
        match by.map(|id| self.who(id)) {
            Some(who) => line!(self.log, Debug, "event=probe endpoint={to} {who} lease_ms={lease}"),
            None => line!(self.log, Debug, "event=probe endpoint={to} by=dial lease_ms={lease}"),
        }
    }

    pub(super) fn log_breaker(&mut self, to: Option<&Endpoint>, change: Change) {
        let to = To(to);
        match change {
            Change::None => {}
            Change::Opened => line!(self.log, Warn, "event=breaker-opened endpoint={to}"),
            Change::Closed => line!(self.log, Info, "event=breaker-closed endpoint={to}"),
        }
    }

    pub(super) fn log_dialled(&mut self, endpoint: &Endpoint, tried: Tried) {
        line!(self.log, Debug, "event=dialled endpoint={endpoint} ok={}", tried.ok);
    }

    pub(super) fn log_where_to_dial(&mut self, now: Timestamp, advice: &DialAdvice) {
        let (places, retry) = (Places(advice), Retry(advice.retry_at.map(|at| at.since(now))));
        line!(self.log, Debug, "event=where-to-dial places={places}{retry}");
    }

    pub(super) fn log_optin_refused(&mut self, endpoint: &Endpoint, lasts: Duration) {
        line!(self.log, Debug, "event=optin-refused endpoint={endpoint} lasts_ms={}", lasts.as_millis());
    }
}

/// `a:1,b:2`, or `none`.
struct Places<'a>(&'a DialAdvice);

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, place) in self.0.targets.iter().enumerate() {
            write!(f, "{}{}", if nth > 0 { "," } else { "" }, place.endpoint)?;
        }
        if self.0.targets.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}
