//! What an opaque handle holds, who may enter it, and text that has a NUL at its end. Knows no connection.

use crate::error::{Error, Result};
use crate::mem::{self, Room};
use core::cell::UnsafeCell;
use core::ffi::c_char;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// In `inside`: a call that may change the value.
const ALONE: u32 = 1 << 31;

/// A value that one call at a time may touch, or several that only look.
#[derive(Debug)]
pub(super) struct Handle<T> {
    /// Calls that only look, or [`ALONE`].
    inside: AtomicU32,
    poisoned: AtomicBool,
    inner: UnsafeCell<T>,
}

/// The right to touch the value; given back when dropped.
pub(super) struct Entered<'a>(&'a AtomicU32);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

/// The right to look at the value beside others; given back when dropped.
pub(super) struct Beside<'a>(&'a AtomicU32);

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

impl<T> Handle<T> {
    pub(super) const fn new(inner: T) -> Self {
        Self { inside: AtomicU32::new(0), poisoned: AtomicBool::new(false), inner: UnsafeCell::new(inner) }
    }

    /// `None` if another call is inside.
    pub(super) fn enter(&self) -> Option<Entered<'_>> {
        self.lock().then(|| Entered(&self.inside))
    }

    /// `None` if a call is inside that may change the value. To be used where `T` is `Sync`.
    pub(super) fn enter_beside(&self) -> Option<Beside<'_>> {
        let more = |inside: u32| (inside < ALONE - 1).then_some(inside + 1);
        let entered = self.inside.fetch_update(Ordering::Acquire, Ordering::Relaxed, more);
        entered.is_ok().then_some(Beside(&self.inside))
    }

    /// As `enter`, but nobody else comes in any more.
    pub(super) fn lock(&self) -> bool {
        self.inside.compare_exchange(0, ALONE, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Whether a call is inside.
    pub(super) fn is_entered(&self) -> bool {
        self.inside.load(Ordering::Relaxed) != 0
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Relaxed)
    }

    pub(super) fn poison(&self) {
        self.poisoned.store(true, Ordering::Relaxed);
    }

    /// Where the value is. To be written only by who has entered, to be read also by who is beside others.
    pub(super) const fn inner(&self) -> *mut T {
        self.inner.get()
    }
}

/// Text that goes out: a length for those who use it, a NUL for those who do not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Text(Vec<u8>);

impl Text {
    /// Without memory for it, it is empty.
    pub(super) fn set(&mut self, text: &str) -> Result<()> {
        self.0.clear();
        self.0.room(text.len() + 1)?;
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        Ok(())
    }

    pub(super) fn as_ptr(&self) -> *const c_char {
        if self.0.is_empty() { c"".as_ptr() } else { self.0.as_ptr().cast() }
    }

    /// Another one of the same.
    pub(super) fn copy(&self) -> Result<Self> {
        mem::copy(&self.0).map(Self)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len().saturating_sub(1)
    }
}

impl From<String> for Text {
    /// Without an allocation where the text has room for a NUL.
    fn from(text: String) -> Self {
        let mut all = text.into_bytes();
        if !all.is_empty() {
            all.push(0);
        }
        Self(all)
    }
}

impl TryFrom<&str> for Text {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        let mut out = Self::default();
        out.set(text)?;
        Ok(out)
    }
}
