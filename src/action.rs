//! Everything libsch may ask of the host or tell it. Knows no sockets and no state.
//!
//! Drain the actions after every input, in order. An action with an *answer* is a question: the table in
//! `docs/VOCABULARY.md` names the input that answers it and what happens if it is never answered.

use crate::{endpoint::Endpoint, notification::SlotMove, time::Timestamp};
use core::time::Duration;

pub use crate::commands::Class;

/// Names one transport (a socket) of a connection. Never reused, never 0.
pub type TransportId = u64;

/// The number of a command: the first one submitted is 1.
pub type CommandNumber = u64;

/// Why timeouts are relaxed or restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum WindowKind {
    /// MIGRATING .. MIGRATED.
    Migration = 1,
    /// FAILING_OVER .. FAILED_OVER.
    Failover = 2,
    /// SMIGRATING .. SMIGRATED.
    SlotMigration = 3,
    /// MOVING, until the handoff has finished and its time is over.
    Moving = 4,
    /// The time after a swap.
    PostHandoff = 5,
}

/// Why the last window closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RestoreReason {
    /// A terminator came.
    Terminated = 1,
    /// The window's own end came (R3).
    Expired = 2,
    /// SCH went off, or the host closed the connection.
    Ended = 3,
}

/// Why a transport is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CloseReason {
    /// The swap is done and its replies are in: the old transport goes.
    Swapped = 1,
    /// The candidate failed: its attempt is over.
    AttemptFailed = 2,
    /// A newer MOVING made the candidate useless.
    Superseded = 3,
    /// The handoff ended without it.
    HandoffEnded = 4,
    /// The host closed the connection.
    HostClosed = 5,
    /// Replies were lost and `on_loss` is `close`, or the parser cannot be reset: close the host's own stream.
    Loss = 6,
    /// The opt-in was refused and the mode is `enabled`, or RESP2 was chosen there.
    OptinRefused = 7,
    /// The handshake that libsch makes was refused.
    HandshakeFailed = 8,
}

/// How a command ended that has no reply (L1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LostOutcome {
    /// Written, and the transport was lost before its reply: it may have run.
    Unknown = 1,
    /// It was queued in a transaction that was never executed.
    NotExecuted = 2,
    /// It was never written whole: it did not run.
    NeverWritten = 3,
}

/// How a handoff ended (H13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// The candidate is the current transport now.
    Swapped = 1,
    /// No candidate could be made ready in time, or the connection cannot be handed off.
    Failed = 2,
    /// The host refused the swap.
    Refused = 3,
    /// A newer MOVING took its place.
    Superseded = 4,
    /// The host closed the connection, or SCH went off.
    Closed = 5,
}

/// Why SCH is off for this connection, or why it cannot be handed off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OffReason {
    /// The mode is `disabled`.
    Disabled = 1,
    /// RESP2 is spoken, from the start or since HELLO 2.
    Resp2 = 2,
    /// The server does not know the opt-in, or has it off.
    Refused = 3,
    /// The server does not let this user opt in (NOPERM).
    NoPermission = 4,
    /// The bytes received are not RESP3: they pass through untouched from here on.
    Broken = 5,
    /// RESET or `CLIENT MAINT_NOTIFICATIONS OFF` by the application.
    OptedOut = 6,
    /// Replies can no longer be counted: no handoff by draining, relaxing still works (N7).
    Uncounted = 7,
    /// MONITOR or SYNC.
    Stream = 8,
    /// CLIENT REPLY OFF.
    ReplyOff = 9,
    /// CLIENT TRACKING with REDIRECT.
    TrackingRedirect = 10,
    /// The bytes submitted are not RESP commands.
    BrokenCommands = 11,
    /// The opt-in was answered with errors that are none of the above.
    OptinFailed = 12,
    /// More session state than `max_session_bytes`: it cannot be rebuilt (S1, H12).
    SessionTooLarge = 13,
}

impl OffReason {
    /// True if only the handoff is off; relaxing goes on.
    pub fn relaxing_goes_on(self) -> bool {
        matches!(
            self,
            Self::Uncounted
                | Self::Stream
                | Self::ReplyOff
                | Self::TrackingRedirect
                | Self::BrokenCommands
                | Self::SessionTooLarge
        )
    }
}

/// What a swap still waits for at the deadline, as bits of [`Action::Overdue`].
pub mod waiting {
    /// No candidate is ready.
    pub const CANDIDATE: u32 = 1;
    /// Replies are owed.
    pub const REPLIES: u32 = 2;
    /// A transaction or WATCH is open.
    pub const TRANSACTION: u32 = 4;
    /// A blocking command waits.
    pub const BLOCKING: u32 = 8;
    /// A fence stated by the host.
    pub const HOST_FENCE: u32 = 16;
    /// A command is half written.
    pub const HALF_WRITTEN: u32 = 32;
    /// The host's answer to HOLD or SWAP.
    pub const ANSWER: u32 = 64;
    /// The host's handshake has not ended.
    pub const HANDSHAKE: u32 = 128;
}

/// One thing the host does, or learns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Timeouts are at least `floor` from now on, also of commands in flight (R1, R4).
    Relax {
        /// The least effective timeout.
        floor: Duration,
        /// What opened the first window.
        reason: WindowKind,
    },
    /// Timeouts are as configured again.
    Restore {
        /// What closed the last window.
        reason: RestoreReason,
    },
    /// Libsch's own bytes wait in the region of `transport`: write them after all that `submit` gave you for it.
    /// Answer: `wrote`.
    Write {
        /// Where to.
        transport: TransportId,
    },
    /// Open a transport. Answer: `connected` or `connect_failed`.
    Open {
        /// The id of the transport to be.
        transport: TransportId,
        /// Where to.
        endpoint: Endpoint,
        /// The name for SNI and certificate checks; `None` where the connection has no TLS.
        tls_server_name: Option<String>,
        /// 1 for the first try of this handoff.
        attempt: u32,
        /// The attempt has failed if it is not ready by then.
        by: Timestamp,
    },
    /// Levels 1 and 2: stop writing new commands to `transport`. Answer: `held`, at a command boundary.
    Hold {
        /// The current transport.
        transport: TransportId,
    },
    /// Make `new` the transport you use. Answer: `swapped` or `swap_refused`.
    Swap {
        /// The one in use so far; `None` where it has died.
        old: Option<TransportId>,
        /// The candidate.
        new: TransportId,
        /// Client-side caches must be flushed (CLIENT TRACKING was on).
        flush_tracking: bool,
    },
    /// Held commands wait in the region of `transport`, in order. Answer: `wrote`.
    Flush {
        /// Where to.
        transport: TransportId,
        /// The first command of the region.
        first: CommandNumber,
        /// How many commands it holds.
        count: u64,
    },
    /// Levels 1 and 2: the hold has ended, write on (to the transport now current).
    Release {
        /// The transport to write to.
        transport: TransportId,
    },
    /// Close `transport` and forget it. Needs no answer: it is gone for libsch.
    Close {
        /// Which one.
        transport: TransportId,
        /// Why.
        reason: CloseReason,
    },
    /// These commands will have no reply from a server (L1).
    Lost {
        /// The first of the run.
        first: CommandNumber,
        /// How many.
        count: u64,
        /// What became of them.
        outcome: LostOutcome,
        /// What a second run would do.
        class: Class,
        /// `on_loss = reply`: bytes for the host's parser, one error reply a command; else empty.
        replies: Vec<u8>,
    },
    /// Held commands come back as never written.
    HandBack {
        /// The first of them.
        first: CommandNumber,
        /// How many whole commands.
        count: u64,
        /// Their bytes; a last command may be cut short, as it was submitted.
        data: Vec<u8>,
    },
    /// `submit` takes commands again after it had not taken all.
    Resume,
    /// Forget the reply that your parser has read in part: its rest never comes (L4).
    ResetParser,
    /// The transaction, or WATCH, that the host has stated as open did not survive its transport: the fence is closed (H5; levels 1 and
    /// 2).
    TransactionBroken,
    /// Levels 1 and 2: write these bytes to `transport`. In 1: report each of `replies` replies with
    /// `optin_reply`; in 2: libsch reads them itself.
    SendOptin {
        /// Where to.
        transport: TransportId,
        /// The bytes.
        data: Vec<u8>,
        /// How many replies are owed.
        replies: u32,
    },
    /// The server did not accept the credentials. Answer: `credentials`, or the handoff fails.
    NeedCredentials {
        /// The transport that asks.
        transport: TransportId,
    },
    /// The deadline of the MOVING has come and the swap still waits (H5). Told once.
    Overdue {
        /// Bits of [`waiting`].
        waiting_for: u32,
    },
    /// A handoff is over (H13). Exactly one a handoff.
    HandoffFinished {
        /// How.
        outcome: Outcome,
        /// The seq of its MOVING.
        seq: Option<u64>,
        /// From MOVING to here.
        duration: Duration,
        /// How long writes were held.
        pause: Duration,
        /// Candidates tried.
        attempts: u32,
        /// Commands that were held.
        held: u64,
        /// Commands lost.
        lost: u64,
    },
    /// SCH, or only its handoff, is off here from now on. Said once a reason.
    SchOff {
        /// Why.
        reason: OffReason,
        /// The mode is `enabled`: the connection is not to be used.
        fatal: bool,
    },
    /// SMIGRATED was read (C1).
    SlotsMoved {
        /// Its seq.
        seq: Option<u64>,
        /// Who gave what to whom.
        moves: Vec<SlotMove>,
    },
    /// SMIGRATED was read, but not all of it could be understood: load the slot map again.
    ReloadSlots {
        /// Its seq.
        seq: Option<u64>,
    },
}
