//! The one callback: log lines. Who tells those of handles that threads share.

use super::boundary::Outcome;
use super::handle::{Handle, Text};
use super::status::{Failure, SCH_ERR_BUSY, SCH_OK};
use crate::cluster::Cluster;
use crate::log::{Level, MAX_LINE};
use crate::pool::Pool;
use core::ffi::{c_char, c_void};
use core::sync::atomic::{Ordering, fence};

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

/// Bytes of the longest line of a pool or a cluster, with its NUL. What would be longer is cut and ends in three dots.
pub const SCH_LINE_SIZE: usize = 1024;

/// Takes one log line. `text` is UTF-8 with a NUL after `len` bytes and lives until the callback returns. It must not throw nor
/// longjmp. Of a connection it is called by the thread that made the call, before the call returns; calls on the same handle from here
/// answer `SCH_ERR_BUSY`. Of a pool or a cluster: see `sch_pool_set_log`.
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

// SAFETY: a callback and its data may be used from any thread where threads share the handle: `sch_pool_set_log` says so.
// A connection calls it from where its host calls.
unsafe impl Send for Sink {}
// SAFETY: likewise.
unsafe impl Sync for Sink {}

const _: () = assert!(SCH_LINE_SIZE == MAX_LINE + 1);

/// Lines that one call tells at most, so that none is kept for what others say meanwhile, or its own callback.
const MOST_LINES: usize = 1024;

/// What has lines.
pub(super) trait Says {
    fn has_lines(&self) -> bool;
    fn next_line(&self) -> Option<(Level, String)>;
    fn set_level(&self, level: Option<Level>);
}

impl Says for Pool {
    #[inline]
    fn has_lines(&self) -> bool {
        self.has_log()
    }

    fn next_line(&self) -> Option<(Level, String)> {
        self.poll_log()
    }

    fn set_level(&self, level: Option<Level>) {
        self.set_log_level(level);
    }
}

impl Says for Cluster {
    #[inline]
    fn has_lines(&self) -> bool {
        self.has_log()
    }

    fn next_line(&self) -> Option<(Level, String)> {
        self.poll_log()
    }

    fn set_level(&self, level: Option<Level>) {
        self.set_log_level(level);
    }
}

/// Tells the lines of a handle that threads share: one thread at a time, so that they come in their order. Whoever finds
/// another one telling leaves its lines to that.
#[derive(Debug)]
pub(super) struct Teller(Handle<Option<Sink>>);

// SAFETY: what is in the handle is looked at by who has entered it, and nobody else.
unsafe impl Sync for Teller {}

impl Default for Teller {
    fn default() -> Self {
        Self(Handle::new(None))
    }
}

impl Teller {
    /// Whether the callback is being called.
    pub(super) fn is_telling(&self) -> bool {
        self.0.is_entered()
    }

    /// After `SCH_OK` the callback before is not called any more.
    pub(super) fn set(
        &self,
        says: &impl Says,
        level: i32,
        callback: sch_log_fn,
        data: *mut c_void,
    ) -> Outcome {
        const BUSY: Failure = Failure::new(SCH_ERR_BUSY, "its log callback is being called: try again");
        let level = self::level(level).ok_or(Failure::argument("level is one of SCH_LOG_*"))?;
        let sink = callback.filter(|_| level.is_some()).map(|callback| Sink { callback, user_data: data });
        let Some(_entered) = self.0.enter() else { return Err(BUSY) };
        // SAFETY: this call is the only one inside.
        unsafe { *self.0.inner() = sink };
        says.set_level(level.filter(|_| sink.is_some()));
        Ok(SCH_OK)
    }

    /// Last thing a call does, with no lock held and nobody being woken. Without lines it is one relaxed load.
    #[inline]
    pub(super) fn tell<S: Says>(&self, says: &S, is_waking: impl Fn() -> bool) {
        if says.has_lines() {
            self.tell_lines(says, is_waking);
        }
    }

    /// Lines that are left because another thread tells, or wakes, are told by that one: it looks once more when it has ended.
    /// The fences make sure that one of the two sees what the other did.
    #[cold]
    fn tell_lines<S: Says>(&self, says: &S, is_waking: impl Fn() -> bool) {
        let mut most = MOST_LINES;
        while most > 0 && says.has_lines() {
            fence(Ordering::SeqCst);
            if is_waking() {
                return;
            }
            let Some(entered) = self.0.enter() else { return };
            // SAFETY: this call is the only one inside, and takes a copy.
            let sink = unsafe { *self.0.inner() };
            while most > 0
                && let Some((level, line)) = says.next_line()
            {
                most -= 1;
                // Without memory for a copy with a NUL it is not told.
                if let (Some(sink), Ok(line)) = (sink, Text::try_from(line.as_str())) {
                    // SAFETY: the host's callback, called as `sch_log_fn` says.
                    unsafe { (sink.callback)(level as i32, line.as_ptr(), line.len(), sink.user_data) }
                }
            }
            drop(entered);
            fence(Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    unsafe extern "C" fn count(_: i32, _: *const c_char, _: usize, told: *mut c_void) {
        // SAFETY: what the test gave.
        let told = unsafe { &*told.cast::<Cell<usize>>() };
        told.set(told.get() + 1);
    }

    /// Says so many lines; at its end another thread comes, once, with one more.
    struct Saying<'a> {
        left: Cell<usize>,
        another: Cell<bool>,
        teller: &'a Teller,
    }

    impl Says for Saying<'_> {
        fn has_lines(&self) -> bool {
            self.left.get() > 0
        }

        fn next_line(&self) -> Option<(Level, String)> {
            let left = self.left.get().checked_sub(1);
            if left.is_none() && self.another.take() {
                self.left.set(1);
                self.teller.tell(self, || false);
                assert_eq!(self.left.get(), 1, "it finds this one telling");
                return None;
            }
            self.left.set(left?);
            Some((Level::Info, "event=x".to_owned()))
        }

        fn set_level(&self, _: Option<Level>) {}
    }

    fn told(lines: usize, another: bool, is_waking: bool, calls: usize) -> usize {
        let (teller, told) = (Teller::default(), Cell::new(0));
        let says = Saying { left: Cell::new(lines), another: Cell::new(another), teller: &teller };
        let data = (&raw const told).cast_mut().cast();
        assert!(teller.set(&says, SCH_LOG_INFO, Some(count), data).is_ok());
        (0..calls).for_each(|_| teller.tell(&says, || is_waking));
        told.get()
    }

    #[test]
    fn p5_a_line_that_comes_as_another_thread_ends_telling_is_told_by_that_one() {
        assert_eq!(told(3, true, false, 1), 4);
        assert_eq!(told(3, false, true, 9), 0, "somebody is being woken");
    }

    #[test]
    fn s1_one_call_tells_so_many_lines_and_the_next_the_rest() {
        assert_eq!(told(MOST_LINES + 5, false, false, 1), MOST_LINES);
        assert_eq!(told(MOST_LINES + 5, false, false, 2), MOST_LINES + 5);
    }
}
