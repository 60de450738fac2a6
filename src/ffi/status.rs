//! Status codes and what they mean in words. Numbers are never used twice.

use crate::endpoint::EndpointError;
use crate::error::Error;
use crate::mem;
use core::ffi::{CStr, c_char};
use std::borrow::Cow;

/// What a call answers: 0 is done, above 0 is ordinary, below 0 is an error, -100 and below is the end of the handle.
pub type sch_status = i32;

/// Done.
pub const SCH_OK: i32 = 0;
/// There is nothing to give: no action, no deadline, no further place to dial. Outputs are untouched.
pub const SCH_EMPTY: i32 = 1;
/// An array of yours is too small for what there is to give: it stays, and the lengths in the struct say how many it takes.
pub const SCH_MORE: i32 = 2;
/// A pointer is NULL that must not be, or has a length and is NULL.
pub const SCH_ERR_NULL: i32 = -1;
/// A value is out of its range: an unknown number, a length above PTRDIFF_MAX, text that is not UTF-8 or has a NUL in it.
pub const SCH_ERR_ARGUMENT: i32 = -2;
/// `struct_size` is not set, or smaller than the struct was in version 0.1.
pub const SCH_ERR_STRUCT_SIZE: i32 = -3;
/// The header is newer than the library: its `SCH_ABI_VERSION` is not known here.
pub const SCH_ERR_ABI: i32 = -4;
/// The settings cannot work; `sch_config_problem` says why.
pub const SCH_ERR_CONFIG: i32 = -5;
/// The transport is none of this connection's, or is gone.
pub const SCH_ERR_UNKNOWN_TRANSPORT: i32 = -6;
/// The call does not fit the state; `sch_conn_last_error` says what to do.
pub const SCH_ERR_UNEXPECTED: i32 = -7;
/// The call belongs to another level of embedding.
pub const SCH_ERR_WRONG_LEVEL: i32 = -8;
/// There is no transport, and no handoff to wait for.
pub const SCH_ERR_NOT_CONNECTED: i32 = -9;
/// `sch_conn_close` was called: only actions that wait can still be polled.
pub const SCH_ERR_CLOSED: i32 = -10;
/// More bytes were reported as written than the region holds.
pub const SCH_ERR_WROTE_TOO_MUCH: i32 = -11;
/// A limit was reached; `sch_conn_last_error` names it.
pub const SCH_ERR_LIMIT: i32 = -12;
/// The bytes are not one whole RESP3 push.
pub const SCH_ERR_NOT_A_PUSH: i32 = -13;
/// The handle is in use: a call from inside its log callback, or from another thread. Nothing was done.
pub const SCH_ERR_BUSY: i32 = -14;
/// The bytes are no reply to CLUSTER SLOTS or SHARDS, or one without slots: `sch_cluster_last_error` says which.
pub const SCH_ERR_NOT_A_SLOT_MAP: i32 = -15;
/// There is no memory for what the call takes. Nothing of it was done, nothing was made: make the same call again when there is
/// memory. What a host or a server sizes is asked for in this way. Some of what is small and bounded by a limit is not: without
/// memory for that, the process is aborted.
pub const SCH_ERR_NO_MEMORY: i32 = -16;
/// The end of the handle begins here: statuses at or below this number mean that it can only be salvaged and freed.
pub const SCH_ERR_FATAL: i32 = -100;
/// A defect of libsch showed in this call. The handle is poisoned from now on.
pub const SCH_ERR_PANIC: i32 = -101;
/// A defect showed in an earlier call. Only `sch_conn_salvage` and `_free` work.
pub const SCH_ERR_POISONED: i32 = -102;

/// Why a call was not done.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: sch_status,
    pub(super) text: Cow<'static, str>,
}

impl Failure {
    pub(super) const fn new(status: sch_status, text: &'static str) -> Self {
        Self { status, text: Cow::Borrowed(text) }
    }

    pub(super) const fn argument(text: &'static str) -> Self {
        Self::new(SCH_ERR_ARGUMENT, text)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::UnknownTransport(_) => SCH_ERR_UNKNOWN_TRANSPORT,
            Error::Unexpected { .. } => SCH_ERR_UNEXPECTED,
            Error::WrongLevel { .. } => SCH_ERR_WRONG_LEVEL,
            Error::NotConnected => SCH_ERR_NOT_CONNECTED,
            Error::Closed => SCH_ERR_CLOSED,
            Error::WroteTooMuch { .. } => SCH_ERR_WROTE_TOO_MUCH,
            Error::Limit { .. } => SCH_ERR_LIMIT,
            Error::NoMemory { .. } => SCH_ERR_NO_MEMORY,
            Error::Config(_) => SCH_ERR_CONFIG,
            Error::NotAPush => SCH_ERR_NOT_A_PUSH,
        };
        Self { status, text: text_for(&error) }
    }
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::NoMemory => Self::new(SCH_ERR_NO_MEMORY, NO_MEMORY),
            error => Self { status: SCH_ERR_ARGUMENT, text: text_for(&error) },
        }
    }
}

const NO_MEMORY: &str = "no memory: nothing was changed; call again when there is more";

/// The text of an error: without memory for it, another one.
pub(super) fn text_for(error: &dyn core::fmt::Display) -> Cow<'static, str> {
    mem::text(|text| write!(text, "{error}")).map_or(Cow::Borrowed(NO_MEMORY), Cow::Owned)
}

const fn text_of(status: sch_status) -> &'static CStr {
    match status {
        SCH_OK => c"done",
        SCH_EMPTY => c"nothing to give",
        SCH_MORE => c"an array is too small for what there is",
        SCH_ERR_NULL => c"a pointer is NULL that must not be",
        SCH_ERR_ARGUMENT => c"a value is out of its range",
        SCH_ERR_STRUCT_SIZE => c"struct_size is not set or too small",
        SCH_ERR_ABI => c"the header is newer than the library",
        SCH_ERR_CONFIG => c"the settings cannot work: see sch_config_problem",
        SCH_ERR_UNKNOWN_TRANSPORT => c"no such transport",
        SCH_ERR_UNEXPECTED => c"the call does not fit the state: see sch_conn_last_error",
        SCH_ERR_WRONG_LEVEL => c"the call belongs to another level",
        SCH_ERR_NOT_CONNECTED => c"not connected",
        SCH_ERR_CLOSED => c"the connection is closed",
        SCH_ERR_WROTE_TOO_MUCH => c"more was written than the region holds",
        SCH_ERR_LIMIT => c"a limit was reached: see sch_conn_last_error",
        SCH_ERR_NOT_A_PUSH => c"not one whole RESP3 push",
        SCH_ERR_BUSY => c"the handle is in use by another call",
        SCH_ERR_NOT_A_SLOT_MAP => c"no reply to CLUSTER SLOTS or SHARDS with slots in it",
        SCH_ERR_NO_MEMORY => c"no memory: nothing was changed",
        SCH_ERR_FATAL => c"the end of the handle",
        SCH_ERR_PANIC => c"a defect of libsch: the handle is poisoned",
        SCH_ERR_POISONED => c"poisoned by an earlier defect: salvage and free",
        _ => c"unknown status",
    }
}

/// A status in words.
///
/// Returns a static text with a NUL at its end, never NULL; of a number that is none, "unknown status".
#[unsafe(no_mangle)]
pub extern "C" fn sch_status_str(status: sch_status) -> *const c_char {
    text_of(status).as_ptr()
}
