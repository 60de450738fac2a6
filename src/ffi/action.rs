//! Actions as flat structs. Knows what each field means, not when an action comes.

use super::boundary::Grows;
use super::handle::Text;
use super::log;
use crate::action::{Action, Class};
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::mem::Room;
use crate::notification::SlotMove;
use core::ffi::c_char;
use core::ptr;
use core::time::Duration;

/// Timeouts are at least `timeout_ms` from now on, also of commands in flight. `reason`: SCH_WINDOW_*. Needs no answer.
pub const SCH_ACTION_RELAX: i32 = 1;
/// Timeouts are as configured again: of what waits now, from now on, as its reply may just be on its way. `reason`:
/// SCH_RESTORE_*. Needs no answer.
pub const SCH_ACTION_RESTORE: i32 = 2;
/// Bytes of libsch wait in the region of `transport`. Answer: `sch_conn_wrote`.
pub const SCH_ACTION_WRITE: i32 = 3;
/// Open `transport` to `host`:`port`, with TLS if `has_tls` (`tls_server_name`), try number `attempt`, until
/// `deadline_ns`. Answer: `sch_conn_connected` or `sch_conn_connect_failed`.
pub const SCH_ACTION_OPEN: i32 = 4;
/// Levels 1 and 2: stop writing to `transport` at a command boundary. Answer: `sch_conn_held`.
pub const SCH_ACTION_HOLD: i32 = 5;
/// Use `transport` instead of `old_transport` (0: that one has died). `flush_tracking`: client-side caches are void
/// (level 3; at levels 1 and 2 you know whether you have any).
/// Answer: `sch_conn_swapped` or `sch_conn_swap_refused`. Where the old one has died or is given up at deadline +
/// drain_grace, it comes without a HOLD.
pub const SCH_ACTION_SWAP: i32 = 6;
/// Held commands `first`, `count` of them, wait in the region of `transport`; `count` 0: bytes of one that is not whole yet. Answer:
/// `sch_conn_wrote`.
pub const SCH_ACTION_FLUSH: i32 = 7;
/// Levels 1 and 2: the hold has ended, write on, to `transport`. Needs no answer.
pub const SCH_ACTION_RELEASE: i32 = 8;
/// Close `transport` and forget it. `reason`: SCH_CLOSE_*. Needs no answer.
pub const SCH_ACTION_CLOSE: i32 = 9;
/// Commands `first`, `count` of them, will have no reply from a server. `outcome`: SCH_LOST_*; `command_class`:
/// SCH_CLASS_*; `data`: error replies for your parser (on_loss = reply), else empty; also empty where it is inside of a reply and
/// cannot be reset, and CLOSE follows. Answer: `sch_conn_losses_settled`.
pub const SCH_ACTION_LOST: i32 = 10;
/// Held commands `first`, `count` of them, come back in `data`, whole, as never written. Needs no answer.
pub const SCH_ACTION_HAND_BACK: i32 = 11;
/// `sch_conn_submit` takes commands again. Needs no answer.
pub const SCH_ACTION_RESUME: i32 = 12;
/// Forget the reply that your parser has read in part. Needs no answer.
pub const SCH_ACTION_RESET_PARSER: i32 = 13;
/// Levels 1 and 2: the transaction, or WATCH, that you stated as open did not survive its transport; its fence is closed. Needs no
/// answer.
pub const SCH_ACTION_TRANSACTION_BROKEN: i32 = 14;
/// Levels 1 and 2: write `data` to `transport`. Where in is notified, give each of `replies` replies to `sch_conn_optin_reply`.
pub const SCH_ACTION_SEND_OPTIN: i32 = 15;
/// The server did not accept the credentials on `transport`. Answer: `sch_conn_credentials`.
pub const SCH_ACTION_NEED_CREDENTIALS: i32 = 16;
/// The deadline has come and the swap still waits for `waiting_for`: bits SCH_WAITING_*. Needs no answer.
pub const SCH_ACTION_OVERDUE: i32 = 17;
/// A handoff is over. `outcome`: SCH_OUTCOME_*; `seq`, `duration_ns`, `pause_ns`, `attempt` (how many), `held`, `lost`.
/// Needs no answer.
pub const SCH_ACTION_HANDOFF_FINISHED: i32 = 18;
/// SCH, or only its handoff, is off. `reason`: SCH_OFF_*; `fatal`: do not use the connection. Another one may come for another
/// reason, as when the handoff went first. Needs no answer.
pub const SCH_ACTION_SCH_OFF: i32 = 19;
/// Slots have moved: `count` moves, each from `sch_conn_slot_move`; `seq`. Needs no answer.
pub const SCH_ACTION_SLOTS_MOVED: i32 = 20;
/// Load the slot map again: not all of a notification could be read; `seq`. Needs no answer.
pub const SCH_ACTION_RELOAD_SLOTS: i32 = 21;

/// MIGRATING.
pub const SCH_WINDOW_MIGRATION: i32 = 1;
/// FAILING_OVER.
pub const SCH_WINDOW_FAILOVER: i32 = 2;
/// SMIGRATING.
pub const SCH_WINDOW_SLOT_MIGRATION: i32 = 3;
/// MOVING.
pub const SCH_WINDOW_MOVING: i32 = 4;
/// The time after a swap.
pub const SCH_WINDOW_POST_HANDOFF: i32 = 5;

/// The notification that ends the last window came.
pub const SCH_RESTORE_TERMINATED: i32 = 1;
/// The last window came to its own end.
pub const SCH_RESTORE_EXPIRED: i32 = 2;
/// SCH went off, or the connection was closed by you.
pub const SCH_RESTORE_ENDED: i32 = 3;

/// The swap is done and its replies are in.
pub const SCH_CLOSE_SWAPPED: i32 = 1;
/// The candidate failed.
pub const SCH_CLOSE_ATTEMPT_FAILED: i32 = 2;
/// A newer MOVING made the candidate useless.
pub const SCH_CLOSE_SUPERSEDED: i32 = 3;
/// The handoff ended without it.
pub const SCH_CLOSE_HANDOFF_ENDED: i32 = 4;
/// You closed the connection.
pub const SCH_CLOSE_HOST_CLOSED: i32 = 5;
/// Replies were lost and cannot be made good: close your own stream too.
pub const SCH_CLOSE_LOSS: i32 = 6;
/// The opt-in was refused and the mode is `enabled`.
pub const SCH_CLOSE_OPTIN_REFUSED: i32 = 7;
/// The handshake of libsch was refused.
pub const SCH_CLOSE_HANDSHAKE_FAILED: i32 = 8;

/// Written, and the transport was lost before its reply: it may have run.
pub const SCH_LOST_UNKNOWN: i32 = 1;
/// Queued in a transaction that was never executed.
pub const SCH_LOST_NOT_EXECUTED: i32 = 2;
/// Never written whole: it did not run.
pub const SCH_LOST_NEVER_WRITTEN: i32 = 3;

/// Changes nothing: safe to send again.
pub const SCH_CLASS_READ_ONLY: i32 = 1;
/// May change something, or is not known.
pub const SCH_CLASS_WRITE: i32 = 2;

/// The candidate is the current transport now.
pub const SCH_OUTCOME_SWAPPED: i32 = 1;
/// No candidate could be made ready in time, or the connection cannot be handed off.
pub const SCH_OUTCOME_FAILED: i32 = 2;
/// You refused the swap, or did not answer SWAP in time; where the old transport had died or was given up by then, there is none: dial.
pub const SCH_OUTCOME_REFUSED: i32 = 3;
/// A newer MOVING took its place.
pub const SCH_OUTCOME_SUPERSEDED: i32 = 4;
/// You closed the connection, or SCH went off.
pub const SCH_OUTCOME_CLOSED: i32 = 5;

/// The mode is `disabled`.
pub const SCH_OFF_DISABLED: i32 = 1;
/// RESP2 is spoken, from the start or since HELLO 2.
pub const SCH_OFF_RESP2: i32 = 2;
/// The server does not know the opt-in, has it off, or closed two transports in a row before its reply.
pub const SCH_OFF_REFUSED: i32 = 3;
/// The server does not let this user opt in.
pub const SCH_OFF_NO_PERMISSION: i32 = 4;
/// What is received is not RESP3: bytes pass through untouched from here on. LOST of this transport names up to max_in_flight of the
/// last commands, answered or not.
pub const SCH_OFF_BROKEN: i32 = 5;
/// RESET or CLIENT MAINT_NOTIFICATIONS OFF by the application.
pub const SCH_OFF_OPTED_OUT: i32 = 6;
/// Replies can no longer be counted: no handoff, relaxing goes on. LOST of this transport may name commands that were answered, and
/// leave out older ones than the last max_in_flight.
pub const SCH_OFF_UNCOUNTED: i32 = 7;
/// MONITOR or SYNC, or SCH_FENCE_NO_HANDOFF: no handoff, relaxing goes on.
pub const SCH_OFF_STREAM: i32 = 8;
/// CLIENT REPLY OFF: no handoff, relaxing goes on.
pub const SCH_OFF_REPLY_OFF: i32 = 9;
/// CLIENT TRACKING with REDIRECT: no handoff, relaxing goes on.
pub const SCH_OFF_TRACKING_REDIRECT: i32 = 10;
/// What is submitted is not RESP commands: no handoff, relaxing goes on.
pub const SCH_OFF_BROKEN_COMMANDS: i32 = 11;
/// The opt-in was answered with another error.
pub const SCH_OFF_OPTIN_FAILED: i32 = 12;
/// More session state (subscriptions) than max_session_bytes: no handoff, relaxing goes on.
pub const SCH_OFF_SESSION_TOO_LARGE: i32 = 13;

/// No candidate is ready.
pub const SCH_WAITING_CANDIDATE: u32 = 1;
/// Replies are owed.
pub const SCH_WAITING_REPLIES: u32 = 2;
/// A transaction or WATCH is open.
pub const SCH_WAITING_TRANSACTION: u32 = 4;
/// A blocking command waits.
pub const SCH_WAITING_BLOCKING: u32 = 8;
/// A fence that you stated.
pub const SCH_WAITING_HOST_FENCE: u32 = 16;
/// A command is half written.
pub const SCH_WAITING_HALF_WRITTEN: u32 = 32;
/// Your answer to HOLD or SWAP.
pub const SCH_WAITING_ANSWER: u32 = 64;
/// Your handshake has not ended.
pub const SCH_WAITING_HANDSHAKE: u32 = 128;

/// One thing to do, or to know. What a field means does not change with the kind; those that a kind does not name are 0.
/// Pointers are borrowed until the next call with a handle that is not const.
#[repr(C)]
#[derive(Debug)]
pub struct sch_action {
    /// Set it to `sizeof(sch_action)` before the call.
    pub struct_size: u32,
    /// SCH_ACTION_*. Treat one that you do not know as one that needs no answer.
    pub kind: i32,
    /// The transport it is about.
    pub transport: u64,
    /// SWAP: the one in use so far, 0 if it has died.
    pub old_transport: u64,
    /// LOST, HAND_BACK, SEND_OPTIN: bytes.
    pub data: *const u8,
    /// How many.
    pub data_len: usize,
    /// OPEN: name or address, UTF-8, with a NUL after `host_len` bytes.
    pub host: *const c_char,
    /// Its length.
    pub host_len: usize,
    /// OPEN with TLS: the name for SNI and certificate checks, with a NUL after `tls_server_name_len` bytes.
    pub tls_server_name: *const c_char,
    /// Its length.
    pub tls_server_name_len: usize,
    /// RELAX: the least effective timeout, in milliseconds.
    pub timeout_ms: u64,
    /// OPEN: the attempt has failed if it is not ready by then, on your clock.
    pub deadline_ns: u64,
    /// FLUSH, LOST, HAND_BACK: number of the first command.
    pub first: u64,
    /// FLUSH, LOST, HAND_BACK: how many commands; SLOTS_MOVED: how many moves.
    pub count: u64,
    /// HANDOFF_FINISHED, SLOTS_MOVED, RELOAD_SLOTS: of the notification, if `has_seq`.
    pub seq: u64,
    /// HANDOFF_FINISHED: from MOVING to here, in nanoseconds.
    pub duration_ns: u64,
    /// HANDOFF_FINISHED: how long writes were held, in nanoseconds.
    pub pause_ns: u64,
    /// HANDOFF_FINISHED: commands that were held.
    pub held: u64,
    /// HANDOFF_FINISHED: commands lost.
    pub lost: u64,
    /// RELAX, RESTORE, CLOSE, SCH_OFF: why.
    pub reason: i32,
    /// LOST, HANDOFF_FINISHED: how it ended.
    pub outcome: i32,
    /// LOST: what a second run would do.
    pub command_class: i32,
    /// OPEN: 1 for the first try; HANDOFF_FINISHED: tries made.
    pub attempt: u32,
    /// SEND_OPTIN: how many replies are owed.
    pub replies: u32,
    /// OVERDUE: bits SCH_WAITING_*.
    pub waiting_for: u32,
    /// OPEN: port.
    pub port: u16,
    /// OPEN: 1 if the transport is TLS.
    pub has_tls: u8,
    /// 1 if `seq` is one.
    pub has_seq: u8,
    /// SWAP: 1 if client-side caches are void.
    pub flush_tracking: u8,
    /// SCH_OFF: 1 if the connection is not to be used.
    pub fatal: u8,
    /// 0.
    pub reserved: u16,
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_action {
    const SMALLEST: usize = core::mem::offset_of!(sch_action, reserved) + size_of::<u16>();
}

/// Slots from `first` to `last`, both included.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct sch_slot_range {
    /// First slot.
    pub first: u16,
    /// Last slot.
    pub last: u16,
}

/// Slots that went from one node to another. Pointers are borrowed until the next call with a handle that is not const.
#[repr(C)]
#[derive(Debug)]
pub struct sch_slot_move {
    /// Set it to `sizeof(sch_slot_move)` before the call.
    pub struct_size: u32,
    /// Port of where they were, if `has_source`.
    pub source_port: u16,
    /// Port of where they are.
    pub destination_port: u16,
    /// Host where they were, with a NUL after `source_host_len` bytes.
    pub source_host: *const c_char,
    /// Its length.
    pub source_host_len: usize,
    /// Host where they are, with a NUL after `destination_host_len` bytes.
    pub destination_host: *const c_char,
    /// Its length.
    pub destination_host_len: usize,
    /// Which slots: ascending, never empty.
    pub ranges: *const sch_slot_range,
    /// How many ranges.
    pub ranges_len: usize,
    /// 1 if the server said where they were.
    pub has_source: u8,
    /// 0.
    pub reserved: [u8; 7],
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_slot_move {
    const SMALLEST: usize = core::mem::offset_of!(sch_slot_move, reserved) + 7;
}

/// The last action polled, and what it lends.
#[derive(Debug, Default)]
pub(super) struct Lent {
    action: Option<Action>,
    host: Text,
    tls_server_name: Text,
    moves: Vec<LentMove>,
}

#[derive(Debug)]
struct LentMove {
    source: Option<(Text, u16)>,
    destination: (Text, u16),
    ranges: Vec<sch_slot_range>,
}

impl LentMove {
    fn new(from: &SlotMove) -> Result<Self> {
        let place = |e: &Endpoint| -> Result<_> { Ok((Text::try_from(e.host.as_str())?, e.port)) };
        let mut ranges = Vec::new();
        ranges.room(from.slots.ranges().len())?;
        let all = from.slots.ranges().iter();
        ranges.extend(all.map(|r| sch_slot_range { first: r.first, last: r.last }));
        let source = from.source.as_ref().map(place).transpose()?;
        Ok(Self { source, destination: place(&from.destination)?, ranges })
    }
}

impl Lent {
    /// Makes what is lent beside `action` itself.
    pub(super) fn room(&mut self, action: &Action) -> Result<()> {
        self.moves.clear();
        match action {
            Action::Open { endpoint, tls_server_name, .. } => {
                self.host.set(&endpoint.host)?;
                self.tls_server_name.set(tls_server_name.as_deref().unwrap_or(""))?;
            }
            Action::SlotsMoved { moves, .. } => {
                self.moves.room(moves.len())?;
                for one in moves {
                    self.moves.push(LentMove::new(one)?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Keeps `action`, for which there is `room`, and answers it as a struct whose pointers live as long as it is kept.
    pub(super) fn lend(&mut self, action: Action) -> sch_action {
        let action = self.action.insert(action);
        let mut out = flat(action);
        if let Action::Open { .. } = action {
            (out.host, out.host_len) = (self.host.as_ptr(), self.host.len());
            if out.has_tls == 1 {
                out.tls_server_name = self.tls_server_name.as_ptr();
                out.tls_server_name_len = self.tls_server_name.len();
            }
        }
        out
    }

    /// The action that was polled last, as scenario files write it.
    pub(super) fn text(&self) -> Option<String> {
        self.action.as_ref().map(ToString::to_string)
    }

    /// The SLOTS_MOVED that was polled last: its seq and moves.
    pub(super) fn slots_moved(&self) -> Option<(Option<u64>, &[SlotMove])> {
        match &self.action {
            Some(Action::SlotsMoved { seq, moves }) => Some((*seq, moves)),
            _ => None,
        }
    }

    /// The move number `index` of the SLOTS_MOVED that was polled last.
    pub(super) fn slot_move(&self, index: usize) -> Option<sch_slot_move> {
        let m = self.moves.get(index)?;
        let mut out = sch_slot_move {
            struct_size: 0,
            source_port: 0,
            destination_port: m.destination.1,
            source_host: ptr::null(),
            source_host_len: 0,
            destination_host: m.destination.0.as_ptr(),
            destination_host_len: m.destination.0.len(),
            ranges: m.ranges.as_ptr(),
            ranges_len: m.ranges.len(),
            has_source: u8::from(m.source.is_some()),
            reserved: [0; 7],
        };
        if let Some((host, port)) = &m.source {
            (out.source_host, out.source_host_len, out.source_port) = (host.as_ptr(), host.len(), *port);
        }
        Some(out)
    }
}

const NOTHING: sch_action = sch_action {
    struct_size: 0,
    kind: 0,
    transport: 0,
    old_transport: 0,
    data: ptr::null(),
    data_len: 0,
    host: ptr::null(),
    host_len: 0,
    tls_server_name: ptr::null(),
    tls_server_name_len: 0,
    timeout_ms: 0,
    deadline_ns: 0,
    first: 0,
    count: 0,
    seq: 0,
    duration_ns: 0,
    pause_ns: 0,
    held: 0,
    lost: 0,
    reason: 0,
    outcome: 0,
    command_class: 0,
    attempt: 0,
    replies: 0,
    waiting_for: 0,
    port: 0,
    has_tls: 0,
    has_seq: 0,
    flush_tracking: 0,
    fatal: 0,
    reserved: 0,
};

/// A duration in whole milliseconds, those that are begun included.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn class(class: Class) -> i32 {
    match class {
        Class::ReadOnly => SCH_CLASS_READ_ONLY,
        Class::Write => SCH_CLASS_WRITE,
    }
}

fn with_data(kind: i32, data: &[u8]) -> sch_action {
    let at = if data.is_empty() { ptr::null() } else { data.as_ptr() };
    sch_action { kind, data: at, data_len: data.len(), ..NOTHING }
}

fn with_seq(kind: i32, seq: Option<u64>) -> sch_action {
    sch_action { kind, seq: seq.unwrap_or(0), has_seq: u8::from(seq.is_some()), ..NOTHING }
}

/// All but text and slot moves.
#[rustfmt::skip] // a table
fn flat(action: &Action) -> sch_action {
    match *action {
        Action::Relax { floor, reason } =>
            sch_action { kind: SCH_ACTION_RELAX, timeout_ms: millis(floor), reason: reason as i32, ..NOTHING },
        Action::Restore { reason } => sch_action { kind: SCH_ACTION_RESTORE, reason: reason as i32, ..NOTHING },
        Action::Write { transport } => sch_action { kind: SCH_ACTION_WRITE, transport, ..NOTHING },
        Action::Open { transport, ref endpoint, ref tls_server_name, attempt, by } => sch_action {
            kind: SCH_ACTION_OPEN,
            transport,
            port: endpoint.port,
            has_tls: u8::from(tls_server_name.is_some()),
            attempt,
            deadline_ns: by.as_nanos(),
            ..NOTHING
        },
        Action::Hold { transport } => sch_action { kind: SCH_ACTION_HOLD, transport, ..NOTHING },
        Action::Swap { old, new, flush_tracking } => sch_action {
            kind: SCH_ACTION_SWAP,
            transport: new,
            old_transport: old.unwrap_or(0),
            flush_tracking: u8::from(flush_tracking),
            ..NOTHING
        },
        Action::Flush { transport, first, count } =>
            sch_action { kind: SCH_ACTION_FLUSH, transport, first, count, ..NOTHING },
        Action::Release { transport } => sch_action { kind: SCH_ACTION_RELEASE, transport, ..NOTHING },
        Action::Close { transport, reason } =>
            sch_action { kind: SCH_ACTION_CLOSE, transport, reason: reason as i32, ..NOTHING },
        Action::Lost { first, count, outcome, class: of, ref replies } => sch_action {
            first,
            count,
            outcome: outcome as i32,
            command_class: class(of),
            ..with_data(SCH_ACTION_LOST, replies)
        },
        Action::HandBack { first, count, ref data } =>
            sch_action { first, count, ..with_data(SCH_ACTION_HAND_BACK, data) },
        Action::Resume => sch_action { kind: SCH_ACTION_RESUME, ..NOTHING },
        Action::ResetParser => sch_action { kind: SCH_ACTION_RESET_PARSER, ..NOTHING },
        Action::TransactionBroken => sch_action { kind: SCH_ACTION_TRANSACTION_BROKEN, ..NOTHING },
        Action::SendOptin { transport, ref data, replies } =>
            sch_action { transport, replies, ..with_data(SCH_ACTION_SEND_OPTIN, data) },
        Action::NeedCredentials { transport } =>
            sch_action { kind: SCH_ACTION_NEED_CREDENTIALS, transport, ..NOTHING },
        Action::Overdue { waiting_for } => sch_action { kind: SCH_ACTION_OVERDUE, waiting_for, ..NOTHING },
        Action::HandoffFinished { outcome, seq, duration, pause, attempts, held, lost } => sch_action {
            outcome: outcome as i32,
            duration_ns: nanos(duration),
            pause_ns: nanos(pause),
            attempt: attempts,
            held,
            lost,
            ..with_seq(SCH_ACTION_HANDOFF_FINISHED, seq)
        },
        Action::SchOff { reason, fatal } =>
            sch_action { kind: SCH_ACTION_SCH_OFF, reason: reason as i32, fatal: u8::from(fatal), ..NOTHING },
        Action::SlotsMoved { seq, ref moves } =>
            sch_action { count: moves.len() as u64, ..with_seq(SCH_ACTION_SLOTS_MOVED, seq) },
        Action::ReloadSlots { seq } => with_seq(SCH_ACTION_RELOAD_SLOTS, seq),
    }
}

/// The numbers of the core are those of the header.
const _: () = {
    use crate::action::{CloseReason, LostOutcome, OffReason, Outcome, RestoreReason, WindowKind, waiting};
    assert!(WindowKind::Migration as i32 == SCH_WINDOW_MIGRATION);
    assert!(WindowKind::Failover as i32 == SCH_WINDOW_FAILOVER);
    assert!(WindowKind::SlotMigration as i32 == SCH_WINDOW_SLOT_MIGRATION);
    assert!(WindowKind::Moving as i32 == SCH_WINDOW_MOVING);
    assert!(WindowKind::PostHandoff as i32 == SCH_WINDOW_POST_HANDOFF);
    assert!(RestoreReason::Terminated as i32 == SCH_RESTORE_TERMINATED);
    assert!(RestoreReason::Expired as i32 == SCH_RESTORE_EXPIRED);
    assert!(RestoreReason::Ended as i32 == SCH_RESTORE_ENDED);
    assert!(CloseReason::Swapped as i32 == SCH_CLOSE_SWAPPED);
    assert!(CloseReason::AttemptFailed as i32 == SCH_CLOSE_ATTEMPT_FAILED);
    assert!(CloseReason::Superseded as i32 == SCH_CLOSE_SUPERSEDED);
    assert!(CloseReason::HandoffEnded as i32 == SCH_CLOSE_HANDOFF_ENDED);
    assert!(CloseReason::HostClosed as i32 == SCH_CLOSE_HOST_CLOSED);
    assert!(CloseReason::Loss as i32 == SCH_CLOSE_LOSS);
    assert!(CloseReason::OptinRefused as i32 == SCH_CLOSE_OPTIN_REFUSED);
    assert!(CloseReason::HandshakeFailed as i32 == SCH_CLOSE_HANDSHAKE_FAILED);
    assert!(LostOutcome::Unknown as i32 == SCH_LOST_UNKNOWN);
    assert!(LostOutcome::NotExecuted as i32 == SCH_LOST_NOT_EXECUTED);
    assert!(LostOutcome::NeverWritten as i32 == SCH_LOST_NEVER_WRITTEN);
    assert!(Outcome::Swapped as i32 == SCH_OUTCOME_SWAPPED);
    assert!(Outcome::Failed as i32 == SCH_OUTCOME_FAILED);
    assert!(Outcome::Refused as i32 == SCH_OUTCOME_REFUSED);
    assert!(Outcome::Superseded as i32 == SCH_OUTCOME_SUPERSEDED);
    assert!(Outcome::Closed as i32 == SCH_OUTCOME_CLOSED);
    assert!(OffReason::Disabled as i32 == SCH_OFF_DISABLED);
    assert!(OffReason::Resp2 as i32 == SCH_OFF_RESP2);
    assert!(OffReason::Refused as i32 == SCH_OFF_REFUSED);
    assert!(OffReason::NoPermission as i32 == SCH_OFF_NO_PERMISSION);
    assert!(OffReason::Broken as i32 == SCH_OFF_BROKEN);
    assert!(OffReason::OptedOut as i32 == SCH_OFF_OPTED_OUT);
    assert!(OffReason::Uncounted as i32 == SCH_OFF_UNCOUNTED);
    assert!(OffReason::Stream as i32 == SCH_OFF_STREAM);
    assert!(OffReason::ReplyOff as i32 == SCH_OFF_REPLY_OFF);
    assert!(OffReason::TrackingRedirect as i32 == SCH_OFF_TRACKING_REDIRECT);
    assert!(OffReason::BrokenCommands as i32 == SCH_OFF_BROKEN_COMMANDS);
    assert!(OffReason::OptinFailed as i32 == SCH_OFF_OPTIN_FAILED);
    assert!(OffReason::SessionTooLarge as i32 == SCH_OFF_SESSION_TOO_LARGE);
    assert!(waiting::CANDIDATE == SCH_WAITING_CANDIDATE && waiting::REPLIES == SCH_WAITING_REPLIES);
    assert!(waiting::TRANSACTION == SCH_WAITING_TRANSACTION && waiting::BLOCKING == SCH_WAITING_BLOCKING);
    assert!(waiting::HOST_FENCE == SCH_WAITING_HOST_FENCE && waiting::ANSWER == SCH_WAITING_ANSWER);
    assert!(waiting::HALF_WRITTEN == SCH_WAITING_HALF_WRITTEN && waiting::HANDSHAKE == SCH_WAITING_HANDSHAKE);
    assert!(log::SCH_LOG_DEBUG == crate::log::Level::Debug as i32);
};
