//! Counters of a pool and of an endpoint, as C sees them (V1). Takes no decision.

use super::boundary::Grows;
use crate::pool::{EndpointCounters, PoolCounters};

/// Counters of a pool since it was made. More may follow.
#[repr(C)]
#[derive(Debug)]
pub struct sch_pool_counts {
    /// Set it to `sizeof(sch_pool_counts)` before the call.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Members now.
    pub members: u64,
    /// Members that joined.
    pub members_joined: u64,
    /// Joins refused at the limit.
    pub members_refused: u64,
    /// Members that a defect of libsch made leave.
    pub members_ejected: u64,
    /// Nodes known now.
    pub nodes: u64,
    /// Notifications read by members.
    pub notifications: u64,
    /// Of them, read before by another member.
    pub notifications_duplicate: u64,
    /// Of them, older than one read before.
    pub notifications_stale: u64,
    /// Times that a member was told what another had read.
    pub notifications_told: u64,
    /// Facts that gave way at the limit before all had read them.
    pub facts_dropped: u64,
    /// Events dropped because nobody polled.
    pub events_dropped: u64,
    /// MOVINGs that members were handed off for.
    pub waves: u64,
    /// Of them, given up at the limit: their members went on at once.
    pub waves_evicted: u64,
    /// Handoffs asked of members.
    pub handoffs_asked: u64,
    /// Of them, ended with a swap.
    pub handoffs_swapped: u64,
    /// Of them, failed.
    pub handoffs_failed: u64,
    /// Of them, refused by you.
    pub handoffs_refused: u64,
    /// Of them, replaced by a newer MOVING.
    pub handoffs_superseded: u64,
    /// Of them, ended by a close.
    pub handoffs_closed: u64,
    /// Members not handed off at the deadline.
    pub handoffs_late: u64,
    /// RETIRE told.
    pub retired: u64,
    /// Attempts granted.
    pub grants: u64,
    /// Of them, not taken up in time: their place went to another.
    pub grants_lapsed: u64,
    /// Targets that the policy does not allow.
    pub endpoints_refused: u64,
    /// Servers that refused the opt-in.
    pub optins_refused: u64,
    /// Dials reported.
    pub dials: u64,
    /// Times that there was nothing to dial yet.
    pub dials_blocked: u64,
    /// Endpoints that began to refuse.
    pub breakers_opened: u64,
    /// Endpoints that answered again.
    pub breakers_closed: u64,
    /// Calls whose `now_ns` was before that of an earlier one.
    pub clock_steps_back: u64,
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_pool_counts {
    const SMALLEST: usize = core::mem::offset_of!(sch_pool_counts, clock_steps_back) + size_of::<u64>();
}

impl From<PoolCounters> for sch_pool_counts {
    fn from(c: PoolCounters) -> Self {
        Self {
            struct_size: 0,
            reserved: 0,
            members: c.members,
            members_joined: c.members_joined,
            members_refused: c.members_refused,
            members_ejected: c.members_ejected,
            nodes: c.nodes,
            notifications: c.notifications,
            notifications_duplicate: c.notifications_duplicate,
            notifications_stale: c.notifications_stale,
            notifications_told: c.notifications_told,
            facts_dropped: c.facts_dropped,
            events_dropped: c.events_dropped,
            waves: c.waves,
            waves_evicted: c.waves_evicted,
            handoffs_asked: c.handoffs_asked,
            handoffs_swapped: c.handoffs_swapped,
            handoffs_failed: c.handoffs_failed,
            handoffs_refused: c.handoffs_refused,
            handoffs_superseded: c.handoffs_superseded,
            handoffs_closed: c.handoffs_closed,
            handoffs_late: c.handoffs_late,
            retired: c.retired,
            grants: c.grants,
            grants_lapsed: c.grants_lapsed,
            endpoints_refused: c.endpoints_refused,
            optins_refused: c.optins_refused,
            dials: c.dials,
            dials_blocked: c.dials_blocked,
            breakers_opened: c.breakers_opened,
            breakers_closed: c.breakers_closed,
            clock_steps_back: c.clock_steps_back,
        }
    }
}

/// Counters of one endpoint. More may follow.
#[repr(C)]
#[derive(Debug)]
pub struct sch_endpoint_counters {
    /// Set it to `sizeof(sch_endpoint_counters)` before the call.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Candidates tried there.
    pub attempts: u64,
    /// Of them, failed.
    pub attempts_failed: u64,
    /// Dials reported.
    pub dials: u64,
    /// Of them, failed.
    pub dials_failed: u64,
    /// Tries by one connection while it refused.
    pub probes: u64,
    /// Times that it began to refuse.
    pub breaker_opened: u64,
    /// 1: it refuses now.
    pub breaker_open: u64,
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_endpoint_counters {
    const SMALLEST: usize = core::mem::offset_of!(sch_endpoint_counters, breaker_open) + size_of::<u64>();
}

impl From<EndpointCounters> for sch_endpoint_counters {
    fn from(c: EndpointCounters) -> Self {
        Self {
            struct_size: 0,
            reserved: 0,
            attempts: c.attempts,
            attempts_failed: c.attempts_failed,
            dials: c.dials,
            dials_failed: c.dials_failed,
            probes: c.probes,
            breaker_opened: c.breaker_opened,
            breaker_open: c.breaker_open,
        }
    }
}
