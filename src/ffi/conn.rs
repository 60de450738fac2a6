//! A connection: every input and output of the core as one call. Takes no decision.

use super::action::{Lent, millis, sch_action, sch_slot_move};
use super::boundary::{
    Grows, Noun, Out, Outcome, SizedOut, TextOut, bytes, change, create, free, go_on, optional_text, peek,
    peek_beside, salvage, steady, text,
};
use super::config::sch_config;
use super::handle::{Entered, Handle, Text};
use super::join::Joined;
use super::log::{self, SCH_LOG_ERROR, Sink, sch_log_fn};
use super::push::Builder;
use super::receive::Came;
use super::status::{Failure, SCH_EMPTY, SCH_ERR_ABI, SCH_ERR_NULL, SCH_ERR_UNEXPECTED, SCH_OK, sch_status};
use super::version::SCH_ABI_VERSION;
use crate::conn::{Cancelled, Connection, Counters, Dial, HostFence, Phase, Span, Wait};
use crate::endpoint::{Endpoint, EndpointError, PeerAddr};
use crate::mem::{self, Place};
use crate::rare::Rare;
use crate::time::Timestamp;
use core::cell::Cell;
use core::ffi::{c_char, c_void};
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// MULTI .. EXEC, or WATCH.
pub const SCH_FENCE_TRANSACTION: i32 = 1;
/// A blocking command.
pub const SCH_FENCE_BLOCKING: i32 = 2;
/// Anything else that must not be split over two transports.
pub const SCH_FENCE_OTHER: i32 = 3;
/// Never hand this connection off: MONITOR, or state that you cannot rebuild.
pub const SCH_FENCE_NO_HANDOFF: i32 = 4;

/// No transport.
pub const SCH_PHASE_DETACHED: i32 = 1;
/// A transport, and the handshake has not ended.
pub const SCH_PHASE_HANDSHAKING: i32 = 2;
/// Serving, no handoff.
pub const SCH_PHASE_SERVING: i32 = 3;
/// A handoff waits for the time of its next attempt.
pub const SCH_PHASE_WAITING: i32 = 4;
/// The candidate connects.
pub const SCH_PHASE_OPENING: i32 = 5;
/// The candidate's session is made.
pub const SCH_PHASE_REBUILDING: i32 = 6;
/// The candidate is ready, a fence is open.
pub const SCH_PHASE_READY: i32 = 7;
/// Writes are held, replies are awaited.
pub const SCH_PHASE_DRAINING: i32 = 8;
/// SWAP has been asked.
pub const SCH_PHASE_SWAPPING: i32 = 9;
/// SCH is off, bytes pass.
pub const SCH_PHASE_FAILED: i32 = 10;
/// Closed by you.
pub const SCH_PHASE_CLOSED: i32 = 11;

const _: () = {
    assert!(HostFence::Transaction as i32 == SCH_FENCE_TRANSACTION);
    assert!(HostFence::Blocking as i32 == SCH_FENCE_BLOCKING);
    assert!(HostFence::Other as i32 == SCH_FENCE_OTHER);
    assert!(HostFence::NoHandoff as i32 == SCH_FENCE_NO_HANDOFF);
    assert!(Phase::Detached as i32 == SCH_PHASE_DETACHED);
    assert!(Phase::Handshaking as i32 == SCH_PHASE_HANDSHAKING);
    assert!(Phase::Serving as i32 == SCH_PHASE_SERVING);
    assert!(Phase::Waiting as i32 == SCH_PHASE_WAITING);
    assert!(Phase::Opening as i32 == SCH_PHASE_OPENING);
    assert!(Phase::Rebuilding as i32 == SCH_PHASE_REBUILDING);
    assert!(Phase::Ready as i32 == SCH_PHASE_READY);
    assert!(Phase::Draining as i32 == SCH_PHASE_DRAINING);
    assert!(Phase::Swapping as i32 == SCH_PHASE_SWAPPING);
    assert!(Phase::Failed as i32 == SCH_PHASE_FAILED);
    assert!(Phase::Closed as i32 == SCH_PHASE_CLOSED);
};

/// A call of `receive` fills no more spans than this; it takes less of the data instead.
pub(super) const MAX_SPANS: usize = 1024;

/// One logical connection.
#[derive(Debug)]
pub struct sch_conn(Handle<Inner>);

/// What is behind it.
#[derive(Debug)]
pub struct Inner {
    pub(super) conn: Connection,
    pub(super) joined: Option<Place<Joined>>,
    /// The time of the input that this call is, for what follows it.
    pub(super) now: Cell<Option<Timestamp>>,
    sink: Option<Sink>,
    error: Text,
    loan: Rare<Loan>,
    pub(super) spans: Vec<Span>,
    pub(super) push: Rare<Builder>,
}

/// What the host was lent, until its next call that is not const.
#[derive(Debug, Default)]
struct Loan {
    action: Lent,
    dial_host: Text,
    dial_name: Text,
    line: Text,
    salvaged: Vec<u8>,
}

// SAFETY: a connection is moved between threads by its host, who by contract makes one call at a time, and whose
// `user_data` it is; all else in `Inner` is owned by it. The handle itself refuses a second call.
unsafe impl Send for sch_conn {}

impl Noun for sch_conn {
    type Inner = Inner;

    fn handle(&self) -> &Handle<Inner> {
        &self.0
    }

    fn note(inner: &mut Inner, text: &str) {
        let _ = inner.error.set(text); // else there is none
    }

    #[inline]
    fn has_to_speak(&self) -> bool {
        let inner = self.0.inner();
        // SAFETY: called by who has entered; nothing outlives the look.
        unsafe { (*inner).joined.is_some() || (*inner).sink.is_some() }
    }

    /// Talks to the pool, and gives the lines to the callback; without one they wait. Nothing behind the handle is borrowed
    /// while the host runs.
    #[inline]
    fn speak(&self) {
        if !self.has_to_speak() {
            return;
        }
        // SAFETY: called by who has entered; nothing outlives the look.
        if unsafe { (*self.0.inner()).joined.is_some() } {
            self.talk();
        }
        self.say();
    }
}

impl sch_conn {
    #[cold]
    fn say(&self) {
        let inner = self.0.inner();
        // SAFETY: called by who has entered; the copy outlives the borrow.
        let Some(sink) = (unsafe { (*inner).sink }) else { return };
        let say = |level: i32, line: &Text| {
            // SAFETY: the host's callback, called as `sch_log_fn` says.
            unsafe { (sink.callback)(level, line.as_ptr(), line.len(), sink.user_data) }
        };
        if self.0.is_poisoned() {
            // SAFETY: called by who has entered; the reference ends before the callback, which gets a copy.
            let error = unsafe { &(*inner).error };
            if let Ok(error) = error.copy() {
                say(SCH_LOG_ERROR, &error);
            }
            return;
        }
        loop {
            // SAFETY: called by who has entered; the reference ends before the callback.
            let conn = unsafe { &mut (*inner).conn };
            let Some((level, line)) = conn.poll_log() else { return };
            if let Ok(line) = line.as_str().try_into() {
                say(level as i32, &line);
            }
        }
    }

    /// A panic here poisons this connection, whosever defect it is, and costs the pool this member.
    fn talk(&self) {
        let inner = self.0.inner();
        let exchange = || {
            // SAFETY: called by who has entered; the reference ends with this.
            let inner = unsafe { &mut *inner };
            if self.0.is_poisoned() { inner.eject() } else { inner.exchange() }
        };
        let due = catch_unwind(AssertUnwindSafe(exchange)).unwrap_or_else(|_| {
            self.0.poison();
            // SAFETY: as above.
            let eject = || unsafe { &mut *inner }.eject();
            catch_unwind(AssertUnwindSafe(eject)).unwrap_or_default()
        });
        if let Some(due) = due {
            due.wake();
        }
    }
}

impl Inner {
    fn new(conn: Connection) -> Self {
        Self {
            conn,
            joined: None,
            now: Cell::new(None),
            sink: None,
            error: Text::default(),
            loan: Rare::default(),
            spans: Vec::new(),
            push: Rare::default(),
        }
    }

    fn tick(&mut self, now_ns: u64) -> Outcome {
        self.conn.tick_any(self.at(now_ns))?;
        if self.conn.is_resting() {
            self.spans = Vec::new();
            self.loan = Rare::default();
            self.push.give_back_if(|push| push.is_empty());
        }
        Ok(SCH_OK)
    }

    /// The time of an input.
    pub(super) fn at(&self, now_ns: u64) -> Timestamp {
        let now = Timestamp::from_nanos(now_ns);
        self.now.set(Some(now));
        now
    }

    /// What it lends: there is `room` for it.
    fn lend_dial(&mut self, dial: Dial, out: SizedOut<sch_dial>) {
        let loan = self.loan.make();
        let has_tls = dial.tls_server_name.is_some();
        loan.dial_host = dial.endpoint.host.into();
        loan.dial_name = dial.tls_server_name.unwrap_or_default().into();
        out.put(&sch_dial {
            struct_size: 0,
            port: dial.endpoint.port,
            has_tls: u8::from(has_tls),
            reserved: 0,
            transport: dial.transport,
            host: loan.dial_host.as_ptr(),
            host_len: loan.dial_host.len(),
            tls_server_name: if has_tls { loan.dial_name.as_ptr() } else { core::ptr::null() },
            tls_server_name_len: loan.dial_name.len(),
        });
    }

    pub(super) fn slots_moved(&self) -> Option<(Option<u64>, &[crate::notification::SlotMove])> {
        self.loan.get()?.action.slots_moved()
    }

    pub(super) fn handle_push(&mut self, now_ns: u64, transport: u64, raw: &[u8]) -> Result<bool, Failure> {
        let verdict = self.conn.handle_push(self.at(now_ns), transport, raw)?;
        Ok(verdict == crate::conn::PushVerdict::Swallowed)
    }

    pub(super) fn finish_push(&mut self, now_ns: u64, transport: u64) -> Result<bool, Failure> {
        let now = self.at(now_ns);
        let (raw, whole) = self.push.make().written()?;
        let verdict = if whole {
            self.conn.handle_push(now, transport, raw)?
        } else {
            self.conn.handle_push_head(now, transport, raw)?
        };
        self.push.make().clear();
        Ok(verdict == crate::conn::PushVerdict::Swallowed)
    }
}

fn done<T>(_: T) -> sch_status {
    SCH_OK
}

/// Where to dial. Pointers are borrowed until the next call on the connection that is not const.
#[repr(C)]
#[derive(Debug)]
pub struct sch_dial {
    /// Set it to `sizeof(sch_dial)` before the call.
    pub struct_size: u32,
    /// Port.
    pub port: u16,
    /// 1 if the transport is TLS.
    pub has_tls: u8,
    /// 0.
    pub reserved: u8,
    /// The id of the transport to be.
    pub transport: u64,
    /// Name or address, UTF-8, with a NUL after `host_len` bytes.
    pub host: *const c_char,
    /// Its length.
    pub host_len: usize,
    /// With TLS: the name for SNI and certificate checks, with a NUL after `tls_server_name_len` bytes.
    pub tls_server_name: *const c_char,
    /// Its length.
    pub tls_server_name_len: usize,
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_dial {
    const SMALLEST: usize = core::mem::offset_of!(sch_dial, tls_server_name_len) + size_of::<usize>();
}

/// What `sch_conn_submit` did with the bytes: `write_now` leading ones are to be written by you, `held` after them were
/// copied, the rest was not taken.
#[repr(C)]
#[derive(Debug)]
pub struct sch_submitted {
    /// Set it to `sizeof(sch_submitted)` before the call.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The transport for `write_now`; 0 if that is 0.
    pub transport: u64,
    /// Leading bytes to write now.
    pub write_now: usize,
    /// Bytes after them that libsch has copied and will write.
    pub held: usize,
    /// Number of the first command that began in what was taken. The first ever is 1.
    pub first: u64,
    /// How many commands began in it. What began as a blank line in pieces was none: its number is given to the next command.
    pub count: u64,
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_submitted {
    const SMALLEST: usize = core::mem::offset_of!(sch_submitted, count) + size_of::<u64>();
}

/// Bytes for your parser, in your own buffer or in one of libsch.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sch_span {
    /// Where.
    pub data: *const u8,
    /// How many.
    pub len: usize,
}

/// A transport to wait on.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sch_wait {
    /// Which one.
    pub transport: u64,
    /// 1: its connect is under way.
    pub connecting: u8,
    /// 1: wait until it can be read.
    pub read: u8,
    /// 1: its region has bytes, wait until it can be written.
    pub write: u8,
    /// 0.
    pub reserved: [u8; 5],
}

/// Counters of a connection since it was made. More may follow.
#[repr(C)]
#[derive(Debug)]
pub struct sch_counters {
    /// Set it to `sizeof(sch_counters)` before the call.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// MOVING read.
    pub notifications_moving: u64,
    /// MIGRATING read.
    pub notifications_migrating: u64,
    /// MIGRATED read.
    pub notifications_migrated: u64,
    /// FAILING_OVER read.
    pub notifications_failing_over: u64,
    /// FAILED_OVER read.
    pub notifications_failed_over: u64,
    /// SMIGRATING read.
    pub notifications_smigrating: u64,
    /// SMIGRATED read.
    pub notifications_smigrated: u64,
    /// Of them, seen before.
    pub notifications_duplicate: u64,
    /// Of them, older than one seen before.
    pub notifications_stale: u64,
    /// Of them, not understood in full.
    pub notifications_malformed: u64,
    /// RELAX told.
    pub relaxed: u64,
    /// RESTORE told.
    pub restored: u64,
    /// Windows that came to their own end.
    pub windows_expired: u64,
    /// Windows that gave way at the limit.
    pub windows_evicted: u64,
    /// Handoffs begun.
    pub handoffs_started: u64,
    /// Handoffs that ended with a swap.
    pub handoffs_swapped: u64,
    /// Handoffs that failed.
    pub handoffs_failed: u64,
    /// Handoffs whose swap you refused.
    pub handoffs_refused: u64,
    /// Handoffs replaced by a newer MOVING.
    pub handoffs_superseded: u64,
    /// Handoffs ended by a close.
    pub handoffs_closed: u64,
    /// Candidates tried.
    pub attempts: u64,
    /// Candidates that failed.
    pub attempts_failed: u64,
    /// Targets that the policy does not allow.
    pub endpoints_refused: u64,
    /// Commands submitted, or owed.
    pub commands: u64,
    /// Commands held.
    pub commands_held: u64,
    /// Commands lost.
    pub commands_lost: u64,
    /// Commands handed back.
    pub commands_handed_back: u64,
    /// Commands withdrawn by `sch_conn_cancel`.
    pub commands_cancelled: u64,
    /// Messages that came on both transports and were given once.
    pub overlap_duplicates: u64,
    /// Messages given that may have come twice.
    pub overlap_doubtful: u64,
    /// Errors in rebuilding a session that do no harm.
    pub rebuild_errors_ignored: u64,
    /// Calls whose `now_ns` was before that of an earlier one.
    pub clock_steps_back: u64,
    /// Log and trace lines that nobody read.
    pub log_lines_dropped: u64,
    /// Notifications read by another connection of the pool.
    pub notifications_told: u64,
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_counters {
    const SMALLEST: usize = core::mem::offset_of!(sch_counters, notifications_told) + size_of::<u64>();
}

impl From<Counters> for sch_counters {
    fn from(c: Counters) -> Self {
        Self {
            struct_size: 0,
            reserved: 0,
            notifications_moving: c.notifications_moving,
            notifications_migrating: c.notifications_migrating,
            notifications_migrated: c.notifications_migrated,
            notifications_failing_over: c.notifications_failing_over,
            notifications_failed_over: c.notifications_failed_over,
            notifications_smigrating: c.notifications_smigrating,
            notifications_smigrated: c.notifications_smigrated,
            notifications_duplicate: c.notifications_duplicate,
            notifications_stale: c.notifications_stale,
            notifications_malformed: c.notifications_malformed,
            relaxed: c.relaxed,
            restored: c.restored,
            windows_expired: c.windows_expired,
            windows_evicted: c.windows_evicted,
            handoffs_started: c.handoffs_started,
            handoffs_swapped: c.handoffs_swapped,
            handoffs_failed: c.handoffs_failed,
            handoffs_refused: c.handoffs_refused,
            handoffs_superseded: c.handoffs_superseded,
            handoffs_closed: c.handoffs_closed,
            attempts: c.attempts,
            attempts_failed: c.attempts_failed,
            endpoints_refused: c.endpoints_refused,
            commands: c.commands,
            commands_held: c.commands_held,
            commands_lost: c.commands_lost,
            commands_handed_back: c.commands_handed_back,
            commands_cancelled: c.commands_cancelled,
            overlap_duplicates: c.overlap_duplicates,
            overlap_doubtful: c.overlap_doubtful,
            rebuild_errors_ignored: c.rebuild_errors_ignored,
            clock_steps_back: c.clock_steps_back,
            log_lines_dropped: c.log_lines_dropped,
            notifications_told: c.notifications_told,
        }
    }
}

/// Makes a connection without a transport.
///
/// `abi` is SCH_ABI_VERSION of your header; NULL for `config` means the defaults. The settings may change, and be freed,
/// without a change here.
///
/// Returns SCH_OK: `*conn_out` is yours, for `sch_conn_free`; SCH_ERR_ABI: the library is older than your header;
/// SCH_ERR_CONFIG: `sch_config_problem` says why; SCH_ERR_BUSY: another thread changes `config`; SCH_ERR_NO_MEMORY: none was
/// made; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_new(
    abi: u32,
    config: *const sch_config,
    conn_out: *mut *mut sch_conn,
) -> sch_status {
    let make = || {
        if abi == 0 || abi > SCH_ABI_VERSION {
            return Err(Failure::new(SCH_ERR_ABI, "the header is newer than the library"));
        }
        let mut shared = None;
        if !config.is_null() {
            let share = |c: &super::config::Settings| -> Outcome {
                shared = Some(c.share());
                Ok(SCH_OK)
            };
            // SAFETY: as the caller promises.
            let status = unsafe { peek_beside(config, share) };
            if status != SCH_OK {
                return Err(Failure::new(status, "the settings cannot be read"));
            }
        }
        let settings = match shared {
            Some(settings) => settings,
            None => mem::shared(crate::config::Config::default())?,
        };
        Ok(sch_conn(Handle::new(Inner::new(Connection::new(settings)?))))
    };
    // SAFETY: as the caller promises.
    unsafe { create(conn_out, make) }
}

/// Frees a connection. NULL is fine. Poisoned is fine. Sockets are yours to close.
///
/// Returns SCH_OK; SCH_ERR_BUSY: a call is inside (also: this is its log callback), nothing is freed.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_free(conn: *mut sch_conn) -> sch_status {
    // SAFETY: as the caller promises.
    unsafe { free(conn) }
}

/// Why the last changing call that failed did, as a sentence that says what to do.
///
/// Returns SCH_OK: `*text_out` has `*len_out` bytes and a NUL after them, until the next call that is not const;
/// SCH_EMPTY: none has failed; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_last_error(
    conn: *const sch_conn,
    text_out: *mut *const c_char,
    len_out: *mut usize,
) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let (text_out, len_out) = unsafe { (Out::new(text_out)?, Out::new(len_out)?) };
        if c.error.len() == 0 {
            return Ok(SCH_EMPTY);
        }
        text_out.put(c.error.as_ptr());
        len_out.put(c.error.len());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

/// Of a poisoned connection: commands that were accepted and of which no byte was written, to be sent elsewhere or reported;
/// perhaps the beginning of one more behind them.
///
/// Returns SCH_OK: `*data_out` has `*len_out` bytes, until `sch_conn_free` or the next call of this; SCH_ERR_UNEXPECTED:
/// the connection is not poisoned; SCH_ERR_PANIC: nothing can be saved; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_salvage(
    conn: *mut sch_conn,
    data_out: *mut *const u8,
    len_out: *mut usize,
) -> sch_status {
    const HEALTHY: Failure =
        Failure::new(SCH_ERR_UNEXPECTED, "salvage is for a poisoned connection: use `close`");
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let (data_out, len_out) = unsafe { (Out::new(data_out)?, Out::new(len_out)?) };
        c.loan.room()?;
        let salvaged = &mut c.loan.make().salvaged;
        *salvaged = c.conn.salvage()?;
        data_out.put(if salvaged.is_empty() { core::ptr::null() } else { salvaged.as_ptr() });
        len_out.put(salvaged.len());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { salvage(conn, work, HEALTHY) }
}

/// Where to dial, for the first connect and for reconnects: the choice number `nth`, from 0, and an id for it.
/// Candidates come with SCH_ACTION_OPEN instead. Report each id with `sch_conn_connected` or
/// `sch_conn_connect_failed`.
///
/// Returns SCH_OK: `dial_out` is filled, its texts live until the next call that is not const; SCH_EMPTY: there is
/// no such choice; SCH_ERR_STRUCT_SIZE; SCH_ERR_LIMIT: eight dials have not been reported; and what every call
/// answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_dial(
    conn: *mut sch_conn,
    now_ns: u64,
    nth: usize,
    dial_out: *mut sch_dial,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { SizedOut::new(dial_out) }?;
        c.loan.room()?;
        let Some(dial) = c.conn.dial(c.at(now_ns), nth)? else { return Ok(SCH_EMPTY) };
        c.lend_dial(dial, out);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// As `sch_conn_dial`, to a place that you know from elsewhere: `sch_pool_where_to_dial` says where the connections of a
/// pool go.
///
/// Returns SCH_OK: `dial_out` is filled, its texts live until the next call that is not const; SCH_ERR_ARGUMENT: host and
/// port name no endpoint; SCH_ERR_STRUCT_SIZE; SCH_ERR_LIMIT: eight dials have not been reported; and what every call
/// answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_dial_to(
    conn: *mut sch_conn,
    now_ns: u64,
    host: *const c_char,
    host_len: usize,
    port: u16,
    dial_out: *mut sch_dial,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let (host, out) = unsafe { (text(host, host_len)?, SizedOut::new(dial_out)?) };
        let endpoint = Endpoint::new(host, port)?;
        c.loan.room()?;
        let dial = c.conn.dial_to(c.at(now_ns), endpoint)?;
        c.lend_dial(dial, out);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// The socket of `transport` is connected, TLS included. `peer` is its address as `ip:port` or `[ip6]:port`, or
/// (NULL, 0): it decides which kind of endpoint MOVING shall name. On a transport that you dialled yourself what you submit
/// first begins a command: the rest of one that was half submitted is forgotten, and told by LOST.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: `peer` is no address; SCH_ERR_UNKNOWN_TRANSPORT: close it, it is not wanted
/// any more; SCH_ERR_UNEXPECTED: a transport is in use; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_connected(
    conn: *mut sch_conn,
    now_ns: u64,
    transport: u64,
    peer: *const c_char,
    peer_len: usize,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let peer = match unsafe { text(peer, peer_len) }? {
            "" => None,
            peer => Some(PeerAddr::parse(peer.as_bytes()).map_err(|error| match error {
                EndpointError::NoMemory => error.into(),
                _ => Failure::argument("peer is address:port, with [] around IPv6, or empty"),
            })?),
        };
        c.conn.handle_connected(c.at(now_ns), transport, peer)?;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// The socket of `transport` could not be connected.
///
/// Returns SCH_OK; SCH_ERR_UNKNOWN_TRANSPORT; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_connect_failed(
    conn: *mut sch_conn,
    now_ns: u64,
    transport: u64,
) -> sch_status {
    let work =
        |c: &mut Inner| -> Outcome { Ok(done(c.conn.handle_connect_failed(c.at(now_ns), transport)?)) };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// The socket of `transport` is closed. `unwritten`: the bytes that `sch_conn_submit` gave you to write and that
/// you did not write, in order, not those of a region. They are copied.
///
/// Returns SCH_OK; SCH_ERR_UNKNOWN_TRANSPORT: it is gone already, which is fine; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_closed(
    conn: *mut sch_conn,
    now_ns: u64,
    transport: u64,
    unwritten: *const u8,
    unwritten_len: usize,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let unwritten = unsafe { bytes(unwritten, unwritten_len) }?;
        Ok(done(c.conn.handle_closed(c.at(now_ns), transport, unwritten)?))
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Levels 2 and 3: bytes that `transport` received. Fills `spans`, of which there are `cap` (2 at least, 16 is
/// good), with what to give to the parser of that transport, in order. It takes `*consumed_out` bytes: if that is
/// less than `len`, drain the actions, then call again with the rest, also if there was no action. If it takes and gives
/// nothing, and there is no action: keep the rest, read on elsewhere, and call again when `sch_conn_wait_on` has this
/// transport with `read` (a candidate waits for your answer to SWAP, one of two subscribers for the other's frame to end).
///
/// Feed your parser, and take the replies that are whole, before you drain the actions: CLOSE may end the transport
/// whose parser holds them. (With one parser for all transports, as at level 3, the order does not matter.)
///
/// Returns SCH_OK: `*count_out` spans are filled. They point into `data`, or into memory of libsch that lives until
/// the next call that is not const. SCH_ERR_UNKNOWN_TRANSPORT: throw the bytes away; SCH_ERR_LIMIT: `cap` is too
/// small; SCH_ERR_UNEXPECTED: settle the losses first; SCH_ERR_WRONG_LEVEL; SCH_ERR_NO_MEMORY: none of the data was taken, give
/// all of it again; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_receive(
    conn: *mut sch_conn,
    now_ns: u64,
    transport: u64,
    data: *const u8,
    len: usize,
    spans: *mut sch_span,
    cap: usize,
    consumed_out: *mut usize,
    count_out: *mut usize,
) -> sch_status {
    let plain = |c: &mut Inner| -> Option<sch_status> {
        // SAFETY: as the caller promises.
        let data = unsafe { bytes(data, len) }.ok()?;
        // SAFETY: as the caller promises.
        let (consumed_out, count_out) = unsafe { (Out::new(consumed_out).ok()?, Out::new(count_out).ok()?) };
        // SAFETY: as the caller promises.
        let passes = unsafe { c.receive_plain(&Came { now_ns, transport, data, spans, cap }) };
        passes.then(|| {
            consumed_out.put(len);
            count_out.put(1);
            SCH_OK
        })
    };
    let any = |conn, entered| {
        // SAFETY: as the caller promises.
        unsafe {
            receive_any(conn, now_ns, transport, data, len, spans, cap, consumed_out, count_out, entered)
        }
    };
    // SAFETY: as the caller promises.
    unsafe { steady(conn, plain, any) }
}

/// The long way of `sch_conn_receive`.
///
/// # Safety
///
/// As that.
#[inline(never)] // so that the short way pays for none of its registers; arguments are where they came in
#[allow(clippy::too_many_arguments)]
unsafe fn receive_any(
    conn: &sch_conn,
    now_ns: u64,
    transport: u64,
    data: *const u8,
    len: usize,
    spans: *mut sch_span,
    cap: usize,
    consumed_out: *mut usize,
    count_out: *mut usize,
    entered: Entered<'_>,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let data = unsafe { bytes(data, len) }?;
        // SAFETY: as the caller promises.
        let (consumed_out, count_out) = unsafe { (Out::new(consumed_out)?, Out::new(count_out)?) };
        // SAFETY: as the caller promises.
        let received = unsafe { c.receive(&Came { now_ns, transport, data, spans, cap }) }?;
        consumed_out.put(received.consumed);
        count_out.put(received.spans);
        Ok(SCH_OK)
    };
    go_on(conn, entered, work)
}

/// Level 3: bytes of commands, in any pieces. Write `write_now` leading bytes to `transport`, behind all that you
/// were given for it before; forget `held` after them, libsch has copied them; give the rest again after
/// SCH_ACTION_RESUME; a transport of `sch_conn_dial` that is connected takes commands without it, your handshake first.
/// No CLOSE and no SWAP of `transport` comes with this call: what the commands lead to waits for the next input, and is due at once.
///
/// Returns SCH_OK: `submitted_out` is filled; SCH_ERR_NOT_CONNECTED; SCH_ERR_WRONG_LEVEL; SCH_ERR_STRUCT_SIZE;
/// SCH_ERR_NO_MEMORY: none of it was taken; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_submit(
    conn: *mut sch_conn,
    now_ns: u64,
    data: *const u8,
    len: usize,
    submitted_out: *mut sch_submitted,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let data = unsafe { bytes(data, len) }?;
        // SAFETY: as the caller promises.
        let out = unsafe { SizedOut::new(submitted_out) }?;
        let s = c.conn.handle_submit(c.at(now_ns), data)?;
        out.put(&sch_submitted {
            struct_size: 0,
            reserved: 0,
            transport: s.transport,
            write_now: s.write_now,
            held: s.held,
            first: s.first,
            count: s.count,
        });
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Bytes of libsch to write to `transport`, behind all that `sch_conn_submit` gave you for it. Report what was
/// written with `sch_conn_wrote`. Of a transport that is not known it is empty.
///
/// Returns SCH_OK: `*data_out` has `*len_out` bytes, until the next call that is not const; and what every call
/// answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_region(
    conn: *const sch_conn,
    transport: u64,
    data_out: *mut *const u8,
    len_out: *mut usize,
) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let (data_out, len_out) = unsafe { (Out::new(data_out)?, Out::new(len_out)?) };
        let region = c.conn.region(transport);
        data_out.put(if region.is_empty() { core::ptr::null() } else { region.as_ptr() });
        len_out.put(region.len());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

/// `len` bytes of the region of `transport` have been written.
///
/// Returns SCH_OK; SCH_ERR_WROTE_TOO_MUCH: the region has less; SCH_ERR_UNKNOWN_TRANSPORT; and what every call
/// answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_wrote(
    conn: *mut sch_conn,
    now_ns: u64,
    transport: u64,
    len: usize,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome { Ok(done(c.conn.handle_wrote(c.at(now_ns), transport, len)?)) };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Level 2: what you just wrote to the current transport is owed `replies` replies.
///
/// Returns SCH_OK; SCH_ERR_NOT_CONNECTED; SCH_ERR_LIMIT: too many are owed; SCH_ERR_WRONG_LEVEL; and what every
/// call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_owe(conn: *mut sch_conn, now_ns: u64, replies: u64) -> sch_status {
    let work = |c: &mut Inner| -> Outcome { Ok(done(c.conn.handle_owe(c.at(now_ns), replies)?)) };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Level 2: what you just wrote to `transport` is owed `replies` replies. For your handshake on a candidate; where libsch does not
/// see what comes in, `sch_conn_ready` ends that, and nothing of it is counted.
///
/// Returns SCH_OK; SCH_ERR_UNKNOWN_TRANSPORT; SCH_ERR_LIMIT: too many are owed; SCH_ERR_WRONG_LEVEL; and what every
/// call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_owe_on(
    conn: *mut sch_conn,
    now_ns: u64,
    transport: u64,
    replies: u64,
) -> sch_status {
    let work =
        |c: &mut Inner| -> Outcome { Ok(done(c.conn.handle_owe_on(c.at(now_ns), transport, replies)?)) };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// How many commands written to the current transport are not answered now, all told. The reply to SCH_ACTION_SEND_OPTIN is
/// none of them.
///
/// Level 1: say it before `sch_conn_held`, and whenever it becomes 0.
///
/// In tapped, out notified: say it with each write, before `sch_conn_receive` gets the reply. Libsch takes one off for each reply that
/// `sch_conn_receive` has taken all of; what you say sets the count anew. So what you have read and not given yet counts, and what your
/// parser has still before it does not: let it have its spans first. Less than can be (a reply that has begun to come, or what was
/// written after SCH_ACTION_SEND_OPTIN before that is answered) is taken for the least that can. Until the first `sch_conn_ready` of a
/// transport nothing need be said but what is owed still when you say that.
///
/// In notified, out tapped: say it whenever it becomes 0, and as replies come if you like; `sch_conn_owe` adds to it.
///
/// Where in is notified and there is no transport in use, it says nothing: the next one begins with 0.
///
/// Returns SCH_OK; SCH_ERR_WRONG_LEVEL; in tapped, out notified: SCH_ERR_LIMIT: too many are owed; SCH_ERR_NOT_CONNECTED: nothing can be
/// owed; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_in_flight(conn: *mut sch_conn, now_ns: u64, commands: u64) -> sch_status {
    let work = |c: &mut Inner| -> Outcome { Ok(done(c.conn.handle_in_flight(c.at(now_ns), commands)?)) };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Levels 1 and 2: a fence, SCH_FENCE_*, opens or closes. No swap while one is open, before the deadline and its grace. A transaction
/// goes with its transport: TRANSACTION_BROKEN says so and closes its fence; the others stay until you close them.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such fence; SCH_ERR_WRONG_LEVEL; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_fence(
    conn: *mut sch_conn,
    now_ns: u64,
    fence: i32,
    open: bool,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        let fence = match fence {
            SCH_FENCE_TRANSACTION => HostFence::Transaction,
            SCH_FENCE_BLOCKING => HostFence::Blocking,
            SCH_FENCE_OTHER => HostFence::Other,
            SCH_FENCE_NO_HANDOFF => HostFence::NoHandoff,
            _ => return Err(Failure::argument("fence is one of SCH_FENCE_*")),
        };
        Ok(done(c.conn.handle_fence(c.at(now_ns), fence, open)?))
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Level 3: withdraws the command `number` if it is still held.
///
/// Returns SCH_OK: `*withdrawn_out` is true if it is never written; false if it was written or never numbered, and
/// its reply, if any, still comes; SCH_ERR_WRONG_LEVEL; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_cancel(
    conn: *mut sch_conn,
    now_ns: u64,
    number: u64,
    withdrawn_out: *mut bool,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(withdrawn_out) }?;
        out.put(c.conn.cancel(c.at(now_ns), number)? == Cancelled::Withdrawn);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Levels 1 and 2: you have stopped writing, at a command boundary. Answers SCH_ACTION_HOLD. Where you have stated a fence since
/// HOLD was asked, RELEASE follows: write on, HOLD comes again when it has closed.
///
/// Returns SCH_OK; SCH_ERR_UNEXPECTED: no HOLD was asked, or the hold has ended before this call (actions wait that say how); and
/// what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_held(conn: *mut sch_conn, now_ns: u64) -> sch_status {
    let work = |c: &mut Inner| -> Outcome { Ok(done(c.conn.handle_held(c.at(now_ns))?)) };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// The candidate is in use. Answers SCH_ACTION_SWAP.
///
/// Returns SCH_OK; SCH_ERR_UNEXPECTED: no SWAP was asked, or the candidate failed before this call (SCH_ACTION_CLOSE waits for
/// it): go on with the transport before; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_swapped(conn: *mut sch_conn, now_ns: u64) -> sch_status {
    let work = |c: &mut Inner| -> Outcome { Ok(done(c.conn.handle_swapped(c.at(now_ns))?)) };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// You will not swap: the handoff ends, the current transport goes on. Answers SCH_ACTION_SWAP.
///
/// Returns SCH_OK; SCH_ERR_UNEXPECTED: no SWAP was asked, or it has ended before this call (actions wait that say how); and what
/// every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_swap_refused(conn: *mut sch_conn, now_ns: u64) -> sch_status {
    let work = |c: &mut Inner| -> Outcome { Ok(done(c.conn.handle_swap_refused(c.at(now_ns))?)) };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Your own handshake on `transport` has succeeded, in RESP3. Levels 1 and 2 must say it; level 3 with a handshake
/// that is seen may, of the current transport, where no ordinary command shows it.
///
/// Returns SCH_OK; SCH_ERR_UNKNOWN_TRANSPORT; SCH_ERR_WRONG_LEVEL; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_ready(conn: *mut sch_conn, now_ns: u64, transport: u64) -> sch_status {
    let work = |c: &mut Inner| -> Outcome { Ok(done(c.conn.handle_ready(c.at(now_ns), transport)?)) };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Levels 1 and 2: your handshake on `transport` ended in RESP2, which has no pushes.
///
/// Returns SCH_OK; SCH_ERR_UNKNOWN_TRANSPORT; SCH_ERR_WRONG_LEVEL; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_resp2(conn: *mut sch_conn, now_ns: u64, transport: u64) -> sch_status {
    let work = |c: &mut Inner| -> Outcome { Ok(done(c.conn.handle_resp2(c.at(now_ns), transport)?)) };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Level 1, and wherever in is notified: a reply to what SCH_ACTION_SEND_OPTIN asked you to write, in order. Its first line is enough.
///
/// Returns SCH_OK; SCH_ERR_UNEXPECTED: none is awaited; SCH_ERR_UNKNOWN_TRANSPORT; SCH_ERR_WRONG_LEVEL; and what
/// every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_optin_reply(
    conn: *mut sch_conn,
    now_ns: u64,
    transport: u64,
    data: *const u8,
    len: usize,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let data = unsafe { bytes(data, len) }?;
        Ok(done(c.conn.handle_optin_reply(c.at(now_ns), transport, data)?))
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// You have told the callers of every SCH_ACTION_LOST so far: replies of the next transport may come. After `sch_conn_close`
/// it need not be said: SCH_ERR_CLOSED.
///
/// Returns SCH_OK; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_losses_settled(conn: *mut sch_conn, now_ns: u64) -> sch_status {
    let work = |c: &mut Inner| -> Outcome { Ok(done(c.conn.handle_losses_settled(c.at(now_ns))?)) };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Level 3: newer credentials, at any time: for candidates from now on, and as the answer to
/// SCH_ACTION_NEED_CREDENTIALS. An empty `username` is the default user. They are copied.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: `username` is not UTF-8; SCH_ERR_WRONG_LEVEL; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_credentials(
    conn: *mut sch_conn,
    now_ns: u64,
    username: *const c_char,
    username_len: usize,
    password: *const u8,
    password_len: usize,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let (username, password) =
            unsafe { (optional_text(username, username_len)?, bytes(password, password_len)?) };
        Ok(done(c.conn.handle_credentials(c.at(now_ns), username.as_deref(), password)?))
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Time has passed: call it when `sch_conn_next_deadline` has come. Calling it at other times does no harm.
///
/// Returns SCH_OK; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_tick(conn: *mut sch_conn, now_ns: u64) -> sch_status {
    let nothing_due = |c: &mut Inner| c.conn.tick_plain(c.at(now_ns)).then_some(SCH_OK);
    // SAFETY: as the caller promises.
    unsafe { steady(conn, nothing_due, |conn, entered| tick_any(conn, now_ns, entered)) }
}

#[inline(never)] // so that the short way pays for none of its registers
fn tick_any(conn: &sch_conn, now_ns: u64, entered: Entered<'_>) -> sch_status {
    go_on(conn, entered, |c| c.tick(now_ns))
}

/// Ends the connection: held commands come back, candidates are closed. Drain the actions after it, then free. The
/// current transport is yours to close.
///
/// Returns SCH_OK; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_close(conn: *mut sch_conn, now_ns: u64) -> sch_status {
    let work = |c: &mut Inner| -> Outcome { Ok(done(c.conn.close(c.at(now_ns))?)) };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// The next thing to do. Call it until it is empty after every input, also after one that failed.
///
/// Returns SCH_OK: `action_out` is filled, what it points to lives until the next call that is not const;
/// SCH_EMPTY; SCH_ERR_STRUCT_SIZE: no action was taken; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_poll_action(
    conn: *mut sch_conn,
    action_out: *mut sch_action,
) -> sch_status {
    let nothing = |c: &mut Inner| -> Option<sch_status> {
        // SAFETY: as the caller promises.
        let _ = unsafe { SizedOut::new(action_out) }.ok()?;
        // One that rests lends nothing, however often it is asked.
        (!c.conn.has_action()).then_some(SCH_EMPTY)
    };
    // SAFETY: as the caller promises.
    unsafe { steady(conn, nothing, |conn, entered| poll_any(conn, action_out, entered)) }
}

/// The long way of `sch_conn_poll_action`.
///
/// # Safety
///
/// As that.
#[inline(never)] // so that the short way pays for none of its registers
unsafe fn poll_any(conn: &sch_conn, action_out: *mut sch_action, entered: Entered<'_>) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { SizedOut::new(action_out) }?;
        c.loan.room()?;
        let lent = &mut c.loan.make().action;
        let Some(action) = c.conn.poll_action_if(|action| lent.room(action))? else { return Ok(SCH_EMPTY) };
        out.put(&lent.lend(action));
        Ok(SCH_OK)
    };
    go_on(conn, entered, work)
}

/// The move number `index`, from 0, of the SCH_ACTION_SLOTS_MOVED that was polled last.
///
/// Returns SCH_OK: `move_out` is filled, what it points to lives until the next call that is not const; SCH_EMPTY:
/// there is no such move, or another action was polled since, or `sch_conn_tick` called; SCH_ERR_STRUCT_SIZE; and what
/// every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_slot_move(
    conn: *const sch_conn,
    index: usize,
    move_out: *mut sch_slot_move,
) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { SizedOut::new(move_out) }?;
        let Some(slots) = c.loan.get().and_then(|loan| loan.action.slot_move(index)) else {
            return Ok(SCH_EMPTY);
        };
        out.put(&slots);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

/// The action that was polled last as one line, such as `open 2 b:6379 attempt=1 by=15s`: the same in logs, in scenario
/// files and in every language. It has no bytes of commands and no credentials. It is copied to `text`, which has room
/// for `cap` bytes: as much as fits, and a NUL.
///
/// Returns SCH_OK: the whole line has `*len_out` bytes; if that is not below `cap`, it was cut. SCH_EMPTY: no action was
/// polled, or `sch_conn_tick` called since; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_action_text(
    conn: *const sch_conn,
    text: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let (room, len_out) = unsafe { (TextOut::new(text, cap)?, Out::new(len_out)?) };
        let Some(line) = c.loan.get().and_then(|loan| loan.action.text()) else { return Ok(SCH_EMPTY) };
        room.put(&line);
        len_out.put(line.len());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

/// When `sch_conn_tick` is due, on your clock.
///
/// Returns SCH_OK: `*has_out` says whether there is a deadline, `*deadline_ns_out` is it or 0; and what every call
/// answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_next_deadline(
    conn: *const sch_conn,
    has_out: *mut bool,
    deadline_ns_out: *mut u64,
) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let (has_out, deadline_out) = unsafe { (Out::new(has_out)?, Out::new(deadline_ns_out)?) };
        let deadline = c.conn.next_deadline();
        has_out.put(deadline.is_some());
        deadline_out.put(deadline.map_or(0, Timestamp::as_nanos));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

/// The timeout of a command now, given the one that is configured: the same, or the relaxed one if that is longer.
/// `is_infinite`: none is configured, `configured_ms` is not looked at.
///
/// Returns SCH_OK: `*is_infinite_out` is true if there is none, else `*timeout_ms_out` is it; and what every call
/// answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_effective_timeout_ms(
    conn: *const sch_conn,
    configured_ms: u64,
    is_infinite: bool,
    timeout_ms_out: *mut u64,
    is_infinite_out: *mut bool,
) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let (timeout_out, infinite_out) = unsafe { (Out::new(timeout_ms_out)?, Out::new(is_infinite_out)?) };
        let configured = (!is_infinite).then(|| Duration::from_millis(configured_ms));
        let effective = c.conn.effective_timeout(configured);
        timeout_out.put(effective.map_or(0, millis));
        infinite_out.put(effective.is_none());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

/// The transports to wait on, 3 at most. Those that you dial with `sch_conn_dial` are not among them until they are
/// connected; bytes of `sch_conn_submit` that you could not write yet are yours to remember.
///
/// Returns SCH_OK: there are `*count_out`, and the first `cap` of them are in `waits`; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_wait_on(
    conn: *const sch_conn,
    waits: *mut sch_wait,
    cap: usize,
    count_out: *mut usize,
) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let count_out = unsafe { Out::new(count_out) }?;
        if waits.is_null() && cap > 0 {
            return Err(Failure::new(SCH_ERR_NULL, "waits is NULL"));
        }
        let mut list = [Wait { transport: 0, connecting: false, read: false, write: false }; 4];
        let count = c.conn.wait_on(&mut list);
        for (i, w) in list.iter().enumerate().take(count.min(cap)) {
            let wait = sch_wait {
                transport: w.transport,
                connecting: u8::from(w.connecting),
                read: u8::from(w.read),
                write: u8::from(w.write),
                reserved: [0; 5],
            };
            // SAFETY: `i` is below `cap`, so the caller's array reaches there.
            unsafe { waits.add(i).write_unaligned(wait) };
        }
        count_out.put(count);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

/// Counters since the connection was made.
///
/// Returns SCH_OK: `counters_out` is filled; SCH_ERR_STRUCT_SIZE; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_counters(
    conn: *const sch_conn,
    counters_out: *mut sch_counters,
) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { SizedOut::new(counters_out) }?;
        out.put(&c.conn.counters().into());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

/// Where the connection is.
///
/// Returns SCH_OK: `*phase_out` is one of SCH_PHASE_*; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_phase(conn: *const sch_conn, phase_out: *mut i32) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(phase_out) }?;
        out.put(c.conn.phase() as i32);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

/// The transport in use.
///
/// Returns SCH_OK: `*transport_out` is it; SCH_EMPTY: there is none; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_current(conn: *const sch_conn, transport_out: *mut u64) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(transport_out) }?;
        let Some(id) = c.conn.current() else { return Ok(SCH_EMPTY) };
        out.put(id);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

/// Whether the server has accepted the opt-in on the transport in use.
///
/// Returns SCH_OK: `*active_out` says it; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_is_active(conn: *const sch_conn, active_out: *mut bool) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(active_out) }?;
        out.put(c.conn.is_sch_active());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

/// The next line of the trace, which `sch_config_set_trace` turns on: inputs and actions, in the words of the scenario
/// files of libsch's tests. The lines, each with a line end, are such a file, and replay. Notifications stand in it in
/// full; of all else type, length and command name; credentials never. At most 4,096 lines wait; beyond, lines are
/// dropped and counted.
///
/// Returns SCH_OK: `*text_out` has `*len_out` bytes and a NUL after them, until the next call that is not const;
/// SCH_EMPTY; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_poll_trace(
    conn: *mut sch_conn,
    text_out: *mut *const c_char,
    len_out: *mut usize,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let (text_out, len_out) = unsafe { (Out::new(text_out)?, Out::new(len_out)?) };
        let Some(line) = c.conn.poll_trace() else { return Ok(SCH_EMPTY) };
        let lent = &mut c.loan.make().line;
        let _ = lent.set(&line); // else it is empty, and lost
        text_out.put(lent.as_ptr());
        len_out.put(lent.len());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Sets where log lines go: `callback` gets those up to `level`, SCH_LOG_*, and `user_data`. NULL, or
/// SCH_LOG_NONE, turns the log off. The rules of a callback are at `sch_log_fn`.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such level; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers; `callback` can be called with `user_data` until it is replaced or the handle is free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_set_log(
    conn: *mut sch_conn,
    level: i32,
    callback: sch_log_fn,
    user_data: *mut c_void,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        let level = log::level(level).ok_or(Failure::argument("level is one of SCH_LOG_*"))?;
        c.sink = callback.filter(|_| level.is_some()).map(|callback| Sink { callback, user_data });
        c.conn.set_log_level(level.filter(|_| c.sink.is_some()));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}
