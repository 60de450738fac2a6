//! Log lines of one handle, kept until JavaScript takes them: what the application does with lines cannot reach into a call of
//! libsch.

use crate::js::{Answer, Call, Value};
use core::ffi::{c_char, c_void};
use sch::ffi::log::{SCH_LOG_WARN, sch_log_fn};

/// Lines kept until they are taken: as many as libsch itself keeps (SCH_LIMIT_MAX_LINES).
const MAX_LINES: usize = 1024;

#[derive(Default)]
struct Lines {
    lines: Vec<(i32, String)>,
    dropped: u64,
}

/// The lines of a handle whose calls are all of one thread.
pub struct Log {
    /// `user_data` of the callback: an own allocation, as the callback writes there.
    lines: *mut Lines,
}

unsafe extern "C" fn keep_line(level: i32, text: *const c_char, len: usize, lines: *mut c_void) {
    // SAFETY: `lines` is that of the handle that calls, which it outlives; `text` has `len` bytes.
    let (lines, text) =
        unsafe { (&mut *lines.cast::<Lines>(), core::slice::from_raw_parts(text.cast::<u8>(), len)) };
    if lines.lines.len() < MAX_LINES {
        lines.lines.push((level, String::from_utf8_lossy(text).into_owned()));
    } else {
        lines.dropped += 1;
    }
}

impl Log {
    /// `set` is given what the log of a handle is set with, unless `level` is SCH_LOG_NONE. The handle calls no more when this
    /// is dropped.
    pub fn new(level: i32, set: impl FnOnce(i32, sch_log_fn, *mut c_void)) -> Self {
        let lines: *mut Lines = Box::into_raw(Box::default());
        if level > 0 {
            set(level, Some(keep_line), lines.cast());
        }
        Self { lines }
    }

    pub fn waits(&self) -> bool {
        // SAFETY: own allocation, lives until `drop`; no call of libsch is inside.
        unsafe { !(*self.lines).lines.is_empty() }
    }

    /// `[level, line, ...]`; what was dropped is said by one more.
    pub fn take(&mut self, call: &Call) -> Answer {
        // SAFETY: as in `waits`.
        let Lines { mut lines, dropped } = core::mem::take(unsafe { &mut *self.lines });
        if dropped > 0 {
            lines.push((SCH_LOG_WARN, format!("event=log-lines-dropped count={dropped}")));
        }
        call.make(Value::List(
            lines.into_iter().flat_map(|(level, line)| [level.into(), Value::Text(line)]).collect(),
        ))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once, when the handle does not call any more.
        drop(unsafe { Box::from_raw(self.lines) });
    }
}

/// The level that a handle is opened with, after its settings: SCH_LOG_*.
pub fn level(call: &Call) -> Result<i32, crate::js::Fault> {
    Ok(i32::try_from(call.whole(1, "a log level is a number")?).unwrap_or(0))
}
