//! `receive` for hosts whose calls are costly: its arguments and answers in one struct, and no second call on the steady path.
//! Takes no decision.

use super::boundary::{Grows, Outcome, SizedOut, bytes, change};
use super::conn::{Inner, MAX_SPANS, sch_conn, sch_span};
use super::status::{Failure, SCH_ERR_NULL, SCH_OK, sch_status};
use crate::conn::{Received, SPANS_A_STEP, Source, Span};
use crate::mem::Room;
use crate::time::Timestamp;

/// What `sch_conn_receive_with` is given and what it answers. Made once for each connection and kept from call to call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sch_receive_call {
    /// Set it to `sizeof(sch_receive_call)`.
    pub struct_size: u32,
    /// Answer. 1: all of the data was taken, and is what to give to the parser, as it is: `spans` need no look.
    pub passes: u8,
    /// Answer. 1: poll the actions. 0: there is none before the next call that is not const.
    pub has_action: u8,
    /// Answer. 1: there is a deadline.
    pub has_deadline: u8,
    /// 0.
    pub reserved: u8,
    /// Set it: the time.
    pub now_ns: u64,
    /// Set it: which transport received.
    pub transport: u64,
    /// Set it: room for spans.
    pub spans: *mut sch_span,
    /// Set it: how many there is room for, 2 at least, 16 is good.
    pub cap: usize,
    /// Answer: bytes taken.
    pub consumed: usize,
    /// Answer: spans filled.
    pub count: usize,
    /// Answer: when `sch_conn_tick` is due, or 0.
    pub deadline_ns: u64,
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl Grows for sch_receive_call {
    const SMALLEST: usize = core::mem::offset_of!(sch_receive_call, deadline_ns) + size_of::<u64>();
}

impl sch_receive_call {
    const EMPTY: Self = Self {
        struct_size: 0,
        passes: 0,
        has_action: 0,
        has_deadline: 0,
        reserved: 0,
        now_ns: 0,
        transport: 0,
        spans: core::ptr::null_mut(),
        cap: 0,
        consumed: 0,
        count: 0,
        deadline_ns: 0,
    };
}

/// What came in, and where the host wants the spans of it.
pub(super) struct Came<'a> {
    pub(super) now_ns: u64,
    pub(super) transport: u64,
    pub(super) data: &'a [u8],
    pub(super) spans: *mut sch_span,
    pub(super) cap: usize,
}

impl From<&[u8]> for sch_span {
    fn from(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() }
    }
}

impl Inner {
    /// The steady way: one whole plain reply, which is the one span. `false`: nothing has changed, `receive` is to be called.
    ///
    /// # Safety
    ///
    /// `spans` is null, or `cap` of them can be written there during the call.
    #[inline(always)] // a few dozen instructions
    pub(super) unsafe fn receive_plain(&mut self, came: &Came<'_>) -> bool {
        if came.spans.is_null() || came.cap < SPANS_A_STEP {
            return false;
        }
        let now = self.at(came.now_ns);
        let passes = self.conn.receive_plain(now, came.transport, came.data);
        if passes {
            // SAFETY: there is a place for it: `cap` is more than none.
            unsafe { came.spans.write_unaligned(came.data.into()) };
        }
        passes
    }

    /// Any other way.
    ///
    /// # Safety
    ///
    /// `spans` is null, or `cap` of them can be written there during the call.
    #[inline(never)] // so that the steady way pays for none of its registers
    pub(super) unsafe fn receive(&mut self, came: &Came<'_>) -> Result<Received, Failure> {
        if came.spans.is_null() && came.cap > 0 {
            return Err(Failure::new(SCH_ERR_NULL, "spans is NULL"));
        }
        let cap = came.cap.min(MAX_SPANS);
        if self.spans.len() < cap {
            self.spans.room(cap - self.spans.len())?;
            self.spans.resize(cap, Span::EMPTY);
        }
        let now = self.at(came.now_ns);
        let (id, data) = (came.transport, came.data);
        let run = if cap < SPANS_A_STEP { None } else { self.conn.receive_run(now, id, data) };
        if run.as_ref().is_some_and(|run| run.is_all_of(data)) {
            self.spans[0] = Span { source: Source::Input, start: 0, len: data.len() };
            // SAFETY: there is a place for it: `cap` is more than none.
            unsafe { came.spans.write_unaligned(data.into()) };
            return Ok(Received { consumed: data.len(), spans: 1 });
        }
        let received = self.conn.receive_long(now, id, data, &mut self.spans[..cap], run)?;
        let owned = self.conn.owned();
        for (i, span) in self.spans[..received.spans].iter().enumerate() {
            let from = match span.source {
                Source::Input => came.data,
                Source::Owned => owned,
            };
            let part = &from[span.start..span.start + span.len];
            // SAFETY: `i` is below `cap`, so the caller's array reaches there.
            unsafe { came.spans.add(i).write_unaligned(part.into()) };
        }
        Ok(received)
    }

    /// All of the data, in one piece.
    fn passes(&self, received: Received, len: usize) -> bool {
        self.spans[..received.spans] == [Span { source: Source::Input, start: 0, len }]
    }
}

/// As `sch_conn_receive`, for hosts where each argument and each call has its price, such as other languages: what changes
/// little stands in `call`, which also says whether to poll, and the deadline. So where `call->passes` is 1 and
/// `call->has_action` is 0, nothing else is to be asked. `len` bytes of `data` were received.
///
/// Returns SCH_OK: the answers in `call` and as many spans as it says are filled, which live as those of `sch_conn_receive`
/// do; SCH_ERR_STRUCT_SIZE; the errors of `sch_conn_receive`; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_receive_with(
    conn: *mut sch_conn,
    data: *const u8,
    len: usize,
    call: *mut sch_receive_call,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let data = unsafe { bytes(data, len) }?;
        // SAFETY: as the caller promises.
        let place = unsafe { SizedOut::new(call) }?;
        let mut call = place.over(sch_receive_call::EMPTY);
        let (now_ns, transport, spans, cap) = (call.now_ns, call.transport, call.spans, call.cap);
        let came = Came { now_ns, transport, data, spans, cap };
        // SAFETY: as the caller promises.
        let (received, passes) = if unsafe { c.receive_plain(&came) } {
            (Received { consumed: data.len(), spans: 1 }, true)
        } else {
            // SAFETY: as the caller promises.
            let received = unsafe { c.receive(&came) }?;
            (received, c.passes(received, data.len()))
        };
        // What the pool has for it may be actions too.
        c.settle();
        let deadline = c.conn.next_deadline();
        call.passes = u8::from(passes);
        call.has_action = u8::from(c.conn.has_action());
        call.has_deadline = u8::from(deadline.is_some());
        call.consumed = received.consumed;
        call.count = received.spans;
        call.deadline_ns = deadline.map_or(0, Timestamp::as_nanos);
        place.put(&call);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}
