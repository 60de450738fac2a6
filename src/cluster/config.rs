//! Settings of a cluster, each default with its reason. Knows no state.

use core::time::Duration;

/// Limits with names (S1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterLimits {
    /// Nodes, replicas included: 4,096, four times what Redis recommends.
    pub max_nodes: usize,
    /// Bytes of a reply to CLUSTER SLOTS or SHARDS: 16 MiB, where 16,384 single slots take 2.
    pub max_reply_bytes: usize,
    /// Values in one: 1,048,576.
    pub max_reply_elements: usize,
    /// SMIGRATEDs that are remembered: 64.
    pub max_marks: usize,
    /// Addresses that are mapped: 4,096.
    pub max_mappings: usize,
    /// Sharded channels that are followed: 65,536.
    pub max_channels: usize,
    /// Actions that wait to be polled: 65,536. Beyond, they are dropped and counted: the map is right all the same.
    pub max_actions: usize,
}

impl Default for ClusterLimits {
    fn default() -> Self {
        Self {
            max_nodes: 4096,
            max_reply_bytes: 16 << 20,
            max_reply_elements: 1 << 20,
            max_marks: 64,
            max_mappings: 4096,
            max_channels: 65_536,
            max_actions: 65_536,
        }
    }
}

/// Everything that is fixed when a cluster is made.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// CLUSTER SHARDS tells two ports: take that of TLS.
    pub tls: bool,
    /// A reload begins at a random time up to this after it is wanted: 1 s, so that clients do not ask together.
    pub reload_jitter: Duration,
    /// After a failed reload: 100 ms, doubling up to `reload_backoff_max`.
    pub reload_backoff_min: Duration,
    /// 10 s.
    pub reload_backoff_max: Duration,
    /// A reload that is neither loaded nor failed by then has failed: 30 s.
    pub reload_timeout: Duration,
    /// Marks of seen notifications age out: 10 min (N4).
    pub mark_age: Duration,
    /// Seed of the jitter.
    pub seed: u64,
    /// Limits.
    pub limits: ClusterLimits,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            tls: false,
            reload_jitter: Duration::from_secs(1),
            reload_backoff_min: Duration::from_millis(100),
            reload_backoff_max: Duration::from_secs(10),
            reload_timeout: Duration::from_secs(30),
            mark_age: Duration::from_secs(600),
            seed: 0,
            limits: ClusterLimits::default(),
        }
    }
}
