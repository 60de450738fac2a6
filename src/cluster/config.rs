//! Settings of a cluster, each default with its reason. Knows no state.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::notification::NotificationLimits;
use crate::resp::value::ValueLimits;
use core::time::Duration;

/// Limits of a cluster with names (S1). Reaching one is an error or counted, never growth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterLimits {
    /// Nodes of a map, replicas included: 4,096, four times what Redis designs for. More is an error of the load; nodes that
    /// redirections and notifications name beyond it are not taken, and a reload is asked for.
    pub max_nodes: usize,
    /// Replicas of one shard: 16, more than anybody has. More are left out and counted.
    pub max_replicas: usize,
    /// Bytes of a reply to CLUSTER SLOTS or CLUSTER SHARDS: 16 MiB; with each slot apart and two replicas it has 6.
    pub max_reply_bytes: usize,
    /// Elements of such a reply, of all levels: 1,000,000; as above it has half as many.
    pub max_reply_elements: usize,
    /// Nesting of such a reply: 8; servers send 4.
    pub max_reply_depth: u8,
    /// Remembered SMIGRATED, to know duplicates: 64, of 2 KiB each; the oldest gives way.
    pub max_marks: usize,
    /// SLOTS_MOVED that wait to be polled: 64; the oldest gives way, counted.
    pub max_events: usize,
    /// SMIGRATED kept during a reload, to be repeated on what it brings: 16; beyond, the map is loaded once more.
    pub max_replay: usize,
    /// Entries of the table of addresses: 4,096, as nodes.
    pub max_addresses: usize,
    /// Of SMIGRATED. Defaults there.
    pub notification: NotificationLimits,
}

impl Default for ClusterLimits {
    fn default() -> Self {
        Self {
            max_nodes: 4096,
            max_replicas: 16,
            max_reply_bytes: 16 << 20,
            max_reply_elements: 1_000_000,
            max_reply_depth: 8,
            max_marks: 64,
            max_events: 64,
            max_replay: 16,
            max_addresses: 4096,
            notification: NotificationLimits::default(),
        }
    }
}

impl ClusterLimits {
    pub(super) const fn of_values(&self) -> ValueLimits {
        ValueLimits {
            max_depth: self.max_reply_depth,
            max_elements: self.max_reply_elements,
            max_bytes: self.max_reply_bytes,
        }
    }
}

/// Everything that is fixed when a cluster is made.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// Connections are TLS: of a node with two ports, the `tls-port` is meant. Default false.
    pub tls: bool,
    /// A reload that is asked for waits for a random part of this: 200 ms, so that the clients that all heard the same
    /// SMIGRATED do not ask at once.
    pub reload_jitter: Duration,
    /// Reloads are at least this far apart: 1 s, so that nodes that disagree are not asked in a loop.
    pub reload_interval: Duration,
    /// A reload that is not answered by then has failed: 10 s.
    pub reload_timeout: Duration,
    /// First pause after a failed reload: 100 ms, time to try another node.
    pub backoff_min: Duration,
    /// Longest pause: 10 s.
    pub backoff_max: Duration,
    /// Marks of seen SMIGRATED, and the seq of a load, age out: 10 min (N4).
    pub mark_age: Duration,
    /// Seed of the jitter, and of which node is asked. Give each client its own.
    pub seed: u64,
    /// Lines of the log that wait: as many as of a connection, 1,024.
    pub max_lines: usize,
    /// Limits.
    pub limits: ClusterLimits,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            tls: false,
            reload_jitter: Duration::from_millis(200),
            reload_interval: Duration::from_secs(1),
            reload_timeout: Duration::from_secs(10),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            mark_age: Duration::from_secs(600),
            seed: 0,
            max_lines: 1024,
            limits: ClusterLimits::default(),
        }
    }
}

impl From<&Config> for ClusterConfig {
    /// The cluster of connections that are made with `config`.
    fn from(config: &Config) -> Self {
        let defaults = Self::default();
        let limits = ClusterLimits { max_marks: config.limits.max_marks, ..defaults.limits };
        let max_lines = config.limits.max_lines;
        Self { tls: config.tls, mark_age: config.mark_age, seed: config.seed, max_lines, limits, ..defaults }
    }
}

impl ClusterConfig {
    /// Checks what cannot work, with a text that says so.
    pub fn validate(&self) -> Result<()> {
        let day = Duration::from_secs(86_400);
        let durations = [
            self.reload_jitter,
            self.reload_interval,
            self.reload_timeout,
            self.backoff_min,
            self.backoff_max,
            self.mark_age,
        ];
        if durations.iter().any(|d| *d > day) {
            return Err(Error::Config("no duration of a cluster may be longer than a day"));
        }
        if self.backoff_min.is_zero() || self.backoff_max < self.backoff_min || self.reload_timeout.is_zero()
        {
            return Err(Error::Config(
                "of a cluster, reload_timeout and backoff_min must be above 0, backoff_min at most backoff_max",
            ));
        }
        let l = &self.limits;
        if l.max_nodes == 0 || l.max_marks == 0 || l.max_events == 0 || l.max_reply_depth > 32 {
            return Err(Error::Config(
                "of a cluster, max_nodes, max_marks and max_events are at least 1, max_reply_depth at most 32",
            ));
        }
        Ok(())
    }
}
