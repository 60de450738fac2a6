//! Settings of a pool, each default with its reason. Knows no state.

use crate::config::Config;
use crate::endpoint::{Endpoint, EndpointPolicy};
use crate::error::{Error, Result};
use core::time::Duration;

/// What `max_events` may be at most: megabytes, taken at once.
pub const MOST_EVENTS: usize = 65_536;

/// Limits of a pool with names (S1). Reaching one is an error or counted, never growth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Members: 1,000,000, ten times the largest pool known.
    pub max_members: usize,
    /// Events that wait in the feed: 1,024. Those of members come again, of others the newest are dropped and counted. Their room
    /// is taken when the pool is made: at most [`MOST_EVENTS`].
    pub max_events: usize,
    /// Facts on the board of one node: 64; the oldest gives way.
    pub max_facts: usize,
    /// Remembered notifications, to know duplicates: 256; the oldest gives way.
    pub max_marks: usize,
    /// MOVINGs under way: 64; of the oldest all members may go on at once.
    pub max_waves: usize,
    /// Endpoints with a breaker and counters: 256; of those that work the oldest gives way.
    pub max_endpoints: usize,
    /// Servers remembered as refusing the opt-in: 256; the oldest gives way.
    pub max_refusals: usize,
    /// Moves that where to dial remembers: 8; the oldest gives way.
    pub max_moves: usize,
    /// Waiters: 65,536, one a thread.
    pub max_waiters: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            max_members: 1_000_000,
            max_events: 1024,
            max_facts: 64,
            max_marks: 256,
            max_waves: 64,
            max_endpoints: 256,
            max_refusals: 256,
            max_moves: 8,
            max_waiters: 65_536,
        }
    }
}

/// Everything that is fixed when a pool is made.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The configured address (H10).
    pub configured: Endpoint,
    /// Which MOVING targets are followed (S3).
    pub endpoint_policy: EndpointPolicy,
    /// Time of a MOVING that names none it can be believed.
    pub handoff_timeout: Duration,
    /// The shortest that an attempt gets: what a grant lasts follows from it.
    pub attempt_min: Duration,
    /// A MOVING is dealt with this long after its deadline.
    pub keep_trying: Duration,
    /// A migration without terminator is told to those who join this long.
    pub migration_window: Duration,
    /// A failover, likewise.
    pub failover_window: Duration,
    /// Marks of seen notifications age out (N4).
    pub mark_age: Duration,
    /// A server that refused the opt-in is not asked again this long (O2).
    pub refusal_memory: Duration,
    /// First pause of a breaker.
    pub backoff_min: Duration,
    /// Its longest.
    pub backoff_max: Duration,
    /// Seed of the jitter and of the order of members.
    pub seed: u64,
    /// Lines of the log that wait: as many as of a connection, 1,024.
    pub max_lines: usize,
    /// Limits.
    pub limits: PoolLimits,
}

impl PoolConfig {
    /// What an attempt of a MOVING of this time has at most (H3).
    pub(super) fn attempt_time(&self, time: Duration) -> Duration {
        self.attempt_min.max(time / 3)
    }

    /// Checks what cannot work, with a text that says so. What it has of a [`Config`] is checked there.
    pub fn validate(&self) -> Result<()> {
        let l = &self.limits;
        let all = [
            l.max_members,
            l.max_events,
            l.max_facts,
            l.max_marks,
            l.max_waves,
            l.max_endpoints,
            l.max_refusals,
            l.max_moves,
            l.max_waiters,
        ];
        if all.contains(&0) || l.max_events > MOST_EVENTS {
            return Err(Error::Config(
                "each limit of a pool is at least 1, and its max_events at most 65536",
            ));
        }
        Ok(())
    }
}

impl From<&Config> for PoolConfig {
    /// A pool of connections that are made with `config`.
    fn from(config: &Config) -> Self {
        Self {
            configured: Endpoint::new(&config.host, config.port)
                .unwrap_or_else(|_| Endpoint { host: config.host.clone(), port: config.port }),
            endpoint_policy: config.endpoint_policy.clone(),
            handoff_timeout: config.handoff_timeout,
            attempt_min: config.attempt_min,
            keep_trying: config.keep_trying,
            migration_window: config.migration_window,
            failover_window: config.failover_window,
            mark_age: config.mark_age,
            refusal_memory: config.refusal_memory,
            backoff_min: config.backoff_min,
            backoff_max: config.backoff_max,
            seed: config.seed,
            max_lines: config.limits.max_lines,
            limits: PoolLimits::default(),
        }
    }
}
