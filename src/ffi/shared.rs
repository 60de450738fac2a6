//! The door of handles that threads share: any number of calls inside at once; null, panics, and `_free` while one is
//! inside. What such a handle answers is copied into the caller's memory: it lends nothing.

use super::boundary::Outcome;
use super::status::{SCH_ERR_BUSY, SCH_ERR_NULL, SCH_ERR_PANIC, SCH_OK, sch_status};
use core::sync::atomic::{AtomicU32, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Set by `_free`: nobody comes in any more.
const ENDED: u32 = 1 << 31;

/// Counts the calls inside.
#[derive(Debug, Default)]
pub(super) struct Gate(AtomicU32);

/// The right to be inside; given back when dropped.
pub(super) struct Inside<'a>(&'a AtomicU32);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

impl Gate {
    /// `None` after `end`.
    pub(super) fn enter(&self) -> Option<Inside<'_>> {
        let before = self.0.fetch_add(1, Ordering::Acquire);
        let inside = Inside(&self.0);
        (before & ENDED == 0).then_some(inside)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Acquire) & !ENDED == 0
    }

    /// Closes for good; false while anybody is inside.
    pub(super) fn end(&self) -> bool {
        self.0.compare_exchange(0, ENDED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// An opaque type of the ABI that threads share.
pub(super) trait SharedNoun: Sized {
    fn gate(&self) -> &Gate;

    /// Whether the host is being called for it, by a call on another handle.
    fn is_calling(&self) -> bool {
        false
    }
}

/// A call. A panic in it is told, and ends nothing: what is behind the handle has no poison (S4).
///
/// # Safety
///
/// `noun` is null or came from `create` and was not freed.
pub(super) unsafe fn shared<N: SharedNoun>(noun: *const N, work: impl FnOnce(&N) -> Outcome) -> sch_status {
    // SAFETY: null or live, as the caller promises.
    let Some(noun) = (unsafe { noun.as_ref() }) else { return SCH_ERR_NULL };
    let Some(_inside) = noun.gate().enter() else { return SCH_ERR_BUSY };
    match catch_unwind(AssertUnwindSafe(|| work(noun))) {
        Ok(Ok(status)) => status,
        Ok(Err(failure)) => failure.status,
        Err(_) => SCH_ERR_PANIC,
    }
}

/// Ends a handle; refuses while a call is inside, or the host is being called.
///
/// # Safety
///
/// `noun` is null or came from `create` and was not freed; nobody uses it afterwards if the answer is `SCH_OK`.
pub(super) unsafe fn free_shared<N: SharedNoun>(noun: *mut N) -> sch_status {
    // SAFETY: null or live, as the caller promises.
    let Some(live) = (unsafe { noun.as_ref() }) else { return SCH_OK };
    if live.is_calling() || !live.gate().end() {
        return SCH_ERR_BUSY;
    }
    // SAFETY: from `Place::into_raw` in `create`, which is a box; no call is inside and none can come in.
    match catch_unwind(AssertUnwindSafe(|| drop(unsafe { Box::from_raw(noun) }))) {
        Ok(()) => SCH_OK,
        Err(_) => SCH_ERR_PANIC,
    }
}
