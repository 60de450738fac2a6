//! The small plain types that inputs take and answer. Knows no state.

use crate::action::{CommandNumber, TransportId};
use crate::endpoint::Endpoint;

/// Where the bytes of a [`Span`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the data of this call.
    Input,
    /// In [`super::Connection::owned`], until the next input.
    Owned,
}

/// Bytes for the host's parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which buffer.
    pub source: Source,
    /// Where it starts.
    pub start: usize,
    /// Its length.
    pub len: usize,
}

impl Span {
    /// For the array that `receive` fills.
    pub const EMPTY: Self = Self { source: Source::Input, start: 0, len: 0 };
}

/// Answer of `receive`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes taken of the data. Less than all: drain the actions, then call again with the rest.
    pub consumed: usize,
    /// Spans filled.
    pub spans: usize,
}

/// Answer of `submit`: `write_now` leading bytes to write, then `held` copied ones, the rest not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The transport for `write_now`; 0 if that is 0.
    pub transport: TransportId,
    /// Leading bytes to write now.
    pub write_now: usize,
    /// Bytes after them that libsch has copied.
    pub held: usize,
    /// Number of the first command that began in what was taken.
    pub first: CommandNumber,
    /// How many commands began in it.
    pub count: u64,
}

/// A transport to open, on the host's own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Its id.
    pub transport: TransportId,
    /// Where to.
    pub endpoint: Endpoint,
    /// Name for SNI and certificate checks, where the connection has TLS.
    pub tls_server_name: Option<String>,
}

/// A transport to wait on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Which one.
    pub transport: TransportId,
    /// Its connect is under way: wait until it is done.
    pub connecting: bool,
    /// Wait until it can be read.
    pub read: bool,
    /// Libsch's region has bytes: wait until it can be written.
    pub write: bool,
}

/// A fence that the host states (levels 1 and 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HostFence {
    /// MULTI .. EXEC, or WATCH.
    Transaction = 1,
    /// A blocking command.
    Blocking = 2,
    /// Anything else that must not be split over two transports.
    Other = 3,
    /// Never hand this connection off (MONITOR, subscriptions that the host cannot rebuild, ...).
    NoHandoff = 4,
}

/// Answer of `cancel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It was held, and is never written.
    Withdrawn,
    /// It was written, answered or never numbered: its reply, if any, still comes.
    TooLate,
}

/// What became of a push that a level 1 host handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushVerdict {
    /// A maintenance notification: nobody else needs it.
    Swallowed,
    /// None of ours: the host's.
    Yours,
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Phase {
    /// No transport.
    Detached = 1,
    /// A transport, and the handshake has not ended.
    Handshaking = 2,
    /// Serving, no handoff.
    Serving = 3,
    /// A handoff waits for the time of its next attempt.
    Waiting = 4,
    /// The candidate connects.
    Opening = 5,
    /// The candidate's session is made.
    Rebuilding = 6,
    /// The candidate is ready, a fence is open.
    Ready = 7,
    /// Writes are held, replies are awaited.
    Draining = 8,
    /// SWAP has been asked.
    Swapping = 9,
    /// SCH is off, bytes pass.
    Failed = 10,
    /// Closed by the host.
    Closed = 11,
}

/// Counters of one connection (V1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // each name says it; the header's table gives the OpenTelemetry names
pub struct Counters {
    pub notifications_moving: u64,
    pub notifications_migrating: u64,
    pub notifications_migrated: u64,
    pub notifications_failing_over: u64,
    pub notifications_failed_over: u64,
    pub notifications_smigrating: u64,
    pub notifications_smigrated: u64,
    pub notifications_duplicate: u64,
    pub notifications_stale: u64,
    pub notifications_malformed: u64,
    pub notifications_told: u64,
    pub relaxed: u64,
    pub restored: u64,
    pub windows_expired: u64,
    pub windows_evicted: u64,
    pub handoffs_started: u64,
    pub handoffs_swapped: u64,
    pub handoffs_failed: u64,
    pub handoffs_refused: u64,
    pub handoffs_superseded: u64,
    pub handoffs_closed: u64,
    pub attempts: u64,
    pub attempts_failed: u64,
    pub endpoints_refused: u64,
    pub commands: u64,
    pub commands_held: u64,
    pub commands_lost: u64,
    pub commands_handed_back: u64,
    pub commands_cancelled: u64,
    pub overlap_duplicates: u64,
    pub overlap_doubtful: u64,
    pub rebuild_errors_ignored: u64,
    pub clock_steps_back: u64,
    pub log_lines_dropped: u64,
}
