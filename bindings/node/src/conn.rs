//! One connection of libsch, and what JavaScript has not asked for yet.

use crate::action::Polled;
use crate::log::Log;
use crate::todo;
use crate::waiters::Waiters;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use sch::ffi::action::sch_action;
use sch::ffi::conn::*;
use sch::ffi::status::{SCH_OK, sch_status};
use std::sync::Arc;

/// Spans of one call of `receive`; it takes less of the data instead.
const SPANS: usize = 16;

/// What goes to the parser: a part of the data, or bytes of libsch, copied as they are lent only until the next call.
#[derive(Debug)]
pub enum Piece {
    Data { start: usize, len: usize },
    Owned(Vec<u8>),
}

pub struct Conn {
    raw: *mut sch_conn,
    /// An action that was polled to know whether there is one.
    next: Option<Polled>,
    /// Where libsch writes actions: kept, as to clear it for each read of a socket is what costs most there.
    place: sch_action,
    /// The deadline that JavaScript was told last.
    deadline: Option<u64>,
    pub pieces: Vec<Piece>,
    /// Of its pool: as a member it may wake them until its handle is freed.
    pub waiters: Option<Arc<Waiters>>,
    /// Outlives the handle: what drops it frees that before.
    pub log: Log,
}

impl Conn {
    /// Takes over a handle that `sch_conn_new` gave. `log`: SCH_LOG_*.
    pub fn new(raw: *mut sch_conn, log: i32) -> Self {
        Self {
            raw,
            next: None,
            place: empty_action(),
            deadline: None,
            pieces: Vec::new(),
            waiters: None,
            log: Log::new(log, |level, callback, data| {
                // SAFETY: the handle is live, and the lines outlive it.
                unsafe { sch_conn_set_log(raw, level, callback, data) };
            }),
        }
    }

    pub const fn raw(&self) -> *mut sch_conn {
        self.raw
    }

    /// What is to be done now, as bits of `todo`.
    pub fn todo(&mut self) -> i32 {
        if self.next.is_none() {
            self.next = Polled::take(self.raw, &mut self.place);
        }
        let mut bits = if self.next.is_some() { todo::ACTIONS } else { 0 };
        if self.deadline_now() != self.deadline {
            bits |= todo::DEADLINE;
        }
        if self.log.waits() {
            bits |= todo::LOG;
        }
        bits
    }

    /// The answer of a call that ended with `status`.
    pub fn after(&mut self, status: sch_status) -> i32 {
        if status < SCH_OK { status } else { self.todo() }
    }

    /// The next action.
    pub fn poll(&mut self) -> Option<Polled> {
        self.next.take().or_else(|| Polled::take(self.raw, &mut self.place))
    }

    fn deadline_now(&self) -> Option<u64> {
        let (mut has, mut at) = (false, 0);
        // SAFETY: the handle is live, the places are of this function.
        let status = unsafe { sch_conn_next_deadline(self.raw, &mut has, &mut at) };
        (status == SCH_OK && has).then_some(at)
    }

    /// The deadline. The bit of `todo` is off until there is another one.
    pub fn tell_deadline(&mut self) -> Option<u64> {
        self.deadline = self.deadline_now();
        self.deadline
    }

    /// Bytes that came in. Answers bits and how many were taken.
    ///
    /// # Safety
    ///
    /// `len` bytes can be read at `data` during the call.
    pub unsafe fn receive(&mut self, now: u64, transport: u64, data: *const u8, len: usize) -> (i32, usize) {
        let mut spans = [const { MaybeUninit::<sch_span>::uninit() }; SPANS];
        // SAFETY: as the caller promises.
        unsafe { self.receive_in(now, transport, data, len, &mut spans) }
    }

    /// As `receive`, with an array of so many spans.
    ///
    /// # Safety
    ///
    /// As `receive`.
    pub unsafe fn receive_in(
        &mut self,
        now: u64,
        transport: u64,
        data: *const u8,
        len: usize,
        spans: &mut [MaybeUninit<sch_span>],
    ) -> (i32, usize) {
        let cap = spans.len();
        let (mut consumed, mut count) = (0, 0);
        // SAFETY: the handle is live, the places are of this function, `data` as the caller promises.
        let status = unsafe {
            let spans = spans.as_mut_ptr().cast();
            sch_conn_receive(self.raw, now, transport, data, len, spans, cap, &mut consumed, &mut count)
        };
        if status < SCH_OK {
            return (status, 0);
        }
        // SAFETY: libsch has filled `count` of them, which is at most `cap`.
        let spans = unsafe { core::slice::from_raw_parts(spans.as_ptr().cast::<sch_span>(), count) };
        let whole = match spans {
            [] => len == 0,
            [one] => one.data == data && one.len == len,
            _ => false,
        };
        if whole && consumed == len {
            return (self.todo(), consumed);
        }
        self.pieces.clear();
        let (from, to) = (data as usize, data as usize + len);
        for span in spans {
            let at = span.data as usize;
            self.pieces.push(if (from..to).contains(&at) {
                Piece::Data { start: at - from, len: span.len }
            } else if span.len == 0 {
                continue;
            } else {
                // SAFETY: memory of libsch that lives until the next call that is not const, which is after this.
                Piece::Owned(unsafe { core::slice::from_raw_parts(span.data, span.len) }.to_vec())
            });
        }
        (self.todo() | todo::SPANS, consumed)
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        // SAFETY: taken over in `new`, freed once; the lines go after it.
        unsafe { sch_conn_free(self.raw) };
        self.raw = null_mut();
    }
}

/// An action with nothing in it, for `poll`.
const fn empty_action() -> sch_action {
    // SAFETY: integers and pointers, for all of which 0 is a value.
    let mut action: sch_action = unsafe { core::mem::zeroed() };
    action.struct_size = size_of::<sch_action>() as u32;
    action
}
