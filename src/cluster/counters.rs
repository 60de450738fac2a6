//! What is counted (V1).

/// Counters of a cluster since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterCounters {
    /// SMIGRATED handed over.
    pub smigrated: u64,
    /// Of them, seen before.
    pub duplicate: u64,
    /// Of them, not above the seq of the load: in the map already.
    pub old: u64,
    /// Of them, not understood in full.
    pub malformed: u64,
    /// Slots patched by SMIGRATED.
    pub slots_patched: u64,
    /// Slots named that were where they belong.
    pub slots_settled: u64,
    /// Slots named that a later SMIGRATED had named before.
    pub slots_superseded: u64,
    /// Slots named that did not fit the map.
    pub slots_unfit: u64,
    /// MOVED reported.
    pub moved: u64,
    /// ASK reported.
    pub asked: u64,
    /// RELOAD_SLOTS told.
    pub reloads: u64,
    /// Wishes for a reload that one under way or due took in.
    pub reloads_coalesced: u64,
    /// Reloads that failed or were not answered.
    pub reloads_failed: u64,
    /// Maps loaded.
    pub loads: u64,
    /// Replies that were no map, or over a limit.
    pub loads_refused: u64,
    /// Slots that two owners claimed in one reply.
    pub overlaps: u64,
    /// Nodes and ranges of replies that could not be read.
    pub unreadable: u64,
    /// Replicas beyond the limit.
    pub replicas_left_out: u64,
    /// Nodes beyond the limit that SMIGRATED or MOVED named.
    pub nodes_left_out: u64,
    /// DIAL_NODE told.
    pub nodes_dialled: u64,
    /// DRAIN_NODE told.
    pub nodes_drained: u64,
    /// Slots whose subscriptions were told to move.
    pub subscriptions_moved: u64,
    /// SLOTS_MOVED that nobody polled.
    pub events_dropped: u64,
    /// Calls whose `now` was before that of an earlier one.
    pub clock_steps_back: u64,
}
