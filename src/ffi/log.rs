//! The one callback: log lines.

use crate::log::Level;
use core::ffi::{c_char, c_void};

/// No log.
pub const SCH_LOG_NONE: i32 = 0;
/// Something did not work and a user may notice.
pub const SCH_LOG_ERROR: i32 = 1;
/// Something is odd and was dealt with.
pub const SCH_LOG_WARN: i32 = 2;
/// A maintenance step.
pub const SCH_LOG_INFO: i32 = 3;
/// All else.
pub const SCH_LOG_DEBUG: i32 = 4;

/// Takes one log line. `text` is UTF-8 with a NUL after `len` bytes and lives until the callback returns. Called by the
/// thread that made the call, before the call returns; calls on the same handle from here answer `SCH_ERR_BUSY`. It must
/// not throw nor longjmp.
pub type sch_log_fn =
    Option<unsafe extern "C" fn(level: i32, text: *const c_char, len: usize, user_data: *mut c_void)>;

/// The host's callback and what it gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sink {
    pub(super) callback: unsafe extern "C" fn(i32, *const c_char, usize, *mut c_void),
    pub(super) user_data: *mut c_void,
}

/// `None` if the number is no level; `Some(None)` is no log.
pub(super) fn level(number: i32) -> Option<Option<Level>> {
    Some(match number {
        SCH_LOG_NONE => None,
        SCH_LOG_ERROR => Some(Level::Error),
        SCH_LOG_WARN => Some(Level::Warn),
        SCH_LOG_INFO => Some(Level::Info),
        SCH_LOG_DEBUG => Some(Level::Debug),
        _ => return None,
    })
}
