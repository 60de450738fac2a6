//! What a cluster says of what it does (V2): its words are here, one line each. Levels: what changes the map or asks for it is
//! info, what met a limit or did not come is a warning, what changes nothing is debug. Names of channels are not said.

use super::load::{Draft, LoadError};
use super::nodes::NodeId;
use super::patch::Plan;
use super::reload::{Ask, reason};
use super::state::{Applied, State};
use crate::action_text::Seq;
use crate::endpoint::Endpoint;
use crate::log::{Known, line};
use crate::notification::{SlotMove, SlotRanges};
use crate::time::Timestamp;
use core::fmt;

/// `unfit,redirected`.
struct Reasons(u32);

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (reason::UNFIT, "unfit"),
            (reason::MALFORMED, "malformed"),
            (reason::REDIRECTED, "redirected"),
            (reason::HOST, "host"),
            (reason::FAILED, "failed"),
        ];
        let there = all.iter().filter(|(bit, _)| self.0 & bit != 0);
        there
            .enumerate()
            .try_for_each(|(nth, (_, name))| write!(f, "{}{name}", if nth > 0 { "," } else { "" }))
    }
}

/// As SMIGRATED has them, behind a blank each.
struct Moves<'a>(&'a [SlotMove]);

impl fmt::Display for Moves<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|one| write!(f, " {one}"))
    }
}

/// The first word of an error reply: what comes after it may be anything.
struct Code<'a>(&'a LoadError);

impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 32;
        match self.0 {
            LoadError::Limit { limit, value } => write!(f, "limit limit={limit} value={value}"),
            LoadError::ErrorReply(text) => {
                let word = text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
                write!(f, "error-reply reply={}", &word[..word.len().min(LONGEST)])
            }
            LoadError::NotAMap(_) => f.write_str("no-map"),
            LoadError::NoMemory => f.write_str("no-memory"),
            LoadError::NoSlots => f.write_str("no-slots"),
        }
    }
}

impl State {
    // ---- SMIGRATED -----------------------------------------------------------------------------------------------

    pub(super) fn log_ignored(&mut self, seq: Option<u64>, why: &str) {
        let loaded = Known(self.loaded_seq());
        line!(self.log, Debug, "event=ignored{} type=SMIGRATED why={why} loaded_seq={loaded}", Seq(seq));
    }

    /// What it named for the first time was applied; `kept`: to be repeated on the map that is on its way.
    pub(super) fn log_applied(&mut self, seq: Option<u64>, moves: &[SlotMove], applied: Applied, kept: bool) {
        let (seq, moves) = (Seq(seq), Moves(moves));
        let Applied { patched, unfit, settled, superseded, stranger } = applied;
        line!(
            self.log,
            Info,
            "event=smigrated{seq} patched={patched} settled={settled} superseded={superseded} unfit={unfit} \
             stranger={stranger} kept={kept}{moves}"
        );
    }

    pub(super) fn log_malformed(&mut self, seq: Option<u64>) {
        line!(self.log, Warn, "event=malformed{} type=SMIGRATED", Seq(seq));
    }

    pub(super) fn log_replay_full(&mut self) {
        line!(self.log, Warn, "event=replay-full limit={}", self.config.limits.max_replay);
    }

    pub(super) fn log_event_dropped(&mut self) {
        line!(self.log, Warn, "event=event-dropped what=slots-moved limit={}", self.config.limits.max_events);
    }

    // ---- redirections and nodes ----------------------------------------------------------------------------------

    pub(super) fn log_moved(&mut self, slot: u16, to: &Endpoint, node: Option<NodeId>, known: bool) {
        let node = Known(node);
        line!(self.log, Debug, "event=moved slot={slot} endpoint={to} node={node} known={known}");
    }

    pub(super) fn log_left_out(&mut self, endpoint: &Endpoint) {
        let limit = self.config.limits.max_nodes;
        line!(self.log, Warn, "event=node-left-out endpoint={endpoint} limit={limit}");
    }

    pub(super) fn log_dial(&mut self, node: NodeId, endpoint: &Endpoint) {
        line!(self.log, Info, "event=dial-node node={node} endpoint={endpoint}");
    }

    pub(super) fn log_drain(&mut self, node: NodeId, endpoint: &Endpoint, gone: bool) {
        line!(self.log, Info, "event=drain-node node={node} endpoint={endpoint} gone={gone}");
    }

    pub(super) fn log_subscriptions(&mut self, from: Option<NodeId>, to: NodeId, slots: &SlotRanges) {
        line!(self.log, Info, "event=move-subscriptions from={} to={to} slots={slots}", Known(from));
    }

    // ---- reloads -------------------------------------------------------------------------------------------------

    /// Somebody wants the map again; `new`: that is not asked for yet.
    pub(super) fn log_wanted(&mut self, now: Timestamp, reasons: u32, new: bool) {
        let reasons = Reasons(reasons);
        if new {
            let due = self.reload.deadline().map_or(0, |at| at.since(now).as_millis());
            line!(self.log, Info, "event=reload-wanted reasons={reasons} due_ms={due}");
        } else {
            line!(self.log, Debug, "event=reload-wanted reasons={reasons} coalesced=true");
        }
    }

    /// RELOAD_SLOTS goes to the host.
    pub(super) fn log_reload(&mut self, ask: Ask, seq: Option<u64>, node: Option<&(NodeId, Endpoint)>) {
        let (seq, reasons, attempt) = (Seq(seq), Reasons(ask.reasons), ask.attempt);
        let endpoint = Known(node.map(|(_, endpoint)| endpoint));
        line!(self.log, Info, "event=reload{seq} reasons={reasons} attempt={attempt} endpoint={endpoint}");
    }

    /// The host asks on its own account.
    pub(super) fn log_reload_started(&mut self, seq: Option<u64>) {
        line!(self.log, Info, "event=reload-started{}", Seq(seq));
    }

    pub(super) fn log_reload_failed(&mut self, now: Timestamp, why: &str) {
        let retry = self.reload.deadline().map_or(0, |at| at.since(now).as_millis());
        line!(self.log, Warn, "event=reload-failed why={why} retry_ms={retry}");
    }

    pub(super) fn log_loading(&mut self, draft: &Draft, seq: Option<u64>) {
        let (seq, nodes, ranges) = (Seq(seq), draft.nodes.len(), draft.ranges.len());
        let Draft { overlaps, unreadable, replicas_left_out, .. } = draft;
        line!(
            self.log,
            Info,
            "event=loaded{seq} nodes={nodes} ranges={ranges} overlaps={overlaps} unreadable={unreadable} \
             replicas_left_out={replicas_left_out}"
        );
    }

    /// An SMIGRATED that came after the map was asked for is repeated on it; an older one is in it already.
    pub(super) fn log_replayed(&mut self, seq: Option<u64>, plan: &Plan, applied: Option<Applied>) {
        let (seq, moves) = (Seq(seq), Moves(&plan.moves));
        match applied {
            Some(Applied { patched, unfit, .. }) => {
                line!(self.log, Info, "event=replayed{seq} patched={patched} unfit={unfit}{moves}");
            }
            None => line!(self.log, Debug, "event=not-replayed{seq} why=old{moves}"),
        }
    }

    pub(super) fn log_refused(&mut self, error: &LoadError) {
        line!(self.log, Warn, "event=load-refused why={}", Code(error));
    }
}
