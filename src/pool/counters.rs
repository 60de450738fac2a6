//! Counters of a pool and of its endpoints (V1). Knows no events.

/// Counters of one pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // each name says it; the header's table gives the OpenTelemetry names
pub struct PoolCounters {
    pub members: u64,
    pub members_joined: u64,
    pub members_refused: u64,
    pub members_ejected: u64,
    pub nodes: u64,
    pub notifications: u64,
    pub notifications_duplicate: u64,
    pub notifications_stale: u64,
    pub notifications_told: u64,
    pub facts_dropped: u64,
    pub events_dropped: u64,
    pub waves: u64,
    pub waves_evicted: u64,
    pub handoffs_asked: u64,
    pub handoffs_swapped: u64,
    pub handoffs_failed: u64,
    pub handoffs_refused: u64,
    pub handoffs_superseded: u64,
    pub handoffs_closed: u64,
    pub handoffs_late: u64,
    pub retired: u64,
    pub grants: u64,
    pub grants_lapsed: u64,
    pub endpoints_refused: u64,
    pub optins_refused: u64,
    pub dials: u64,
    pub dials_blocked: u64,
    pub breakers_opened: u64,
    pub breakers_closed: u64,
    pub clock_steps_back: u64,
}

/// Counters of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // likewise
pub struct EndpointCounters {
    pub attempts: u64,
    pub attempts_failed: u64,
    pub dials: u64,
    pub dials_failed: u64,
    pub probes: u64,
    pub breaker_opened: u64,
    /// 1 while the breaker is open.
    pub breaker_open: u64,
}
