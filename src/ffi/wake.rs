//! Waking threads of the host: a descriptor written to, or a callback called, when no lock is held (P5).

use super::shared::Gate;
use super::status::{Failure, SCH_ERR_BUSY, SCH_ERR_LIMIT};
use crate::pool::{Pool, WaiterId, Wakes};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU32, Ordering, fence};
use parking_lot::Mutex;
use std::sync::Arc;

/// Wakes a thread or an event loop, from whatever thread made the call that has news. No lock is held; it must not
/// block, throw nor longjmp, and does best to do nothing but signal. It may come once too often.
pub type sch_wake_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// How one waiter is woken.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// Eight bytes, the number 1, are written: what an eventfd takes.
    Descriptor(c_int),
    Callback(unsafe extern "C" fn(*mut c_void), *mut c_void),
}

// SAFETY: a callback and its data may be used from any thread: its contract says so.
unsafe impl Send for How {}
// SAFETY: likewise.
unsafe impl Sync for How {}

#[derive(Debug)]
struct Waiting {
    how: How,
    /// Counts the wakings under way, so that none is when the waiter has been removed.
    gate: Gate,
}

impl Waiting {
    fn wake(&self, callbacks: &Gate) {
        let Some(_inside) = self.gate.enter() else { return };
        match self.how {
            How::Descriptor(descriptor) => write_one(descriptor),
            How::Callback(callback, data) => {
                let running = callbacks.enter();
                // SAFETY: the host's callback and its data, which live until the waiter is removed.
                unsafe { callback(data) }
                drop(running);
                // For who left its lines of the log to this thread as a callback was running (`Teller`).
                fence(Ordering::SeqCst);
            }
        }
    }
}

/// The waiters of a pool.
#[derive(Debug, Default)]
pub(super) struct Waitings {
    all: Mutex<Vec<Option<Arc<Waiting>>>>,
    /// Who looks after the feed and the deadline, plus 1; 0 is nobody.
    watcher: AtomicU32,
    /// Counts the callbacks that are running.
    callbacks: Gate,
}

impl Waitings {
    /// Numbers for C begin at 1: 0 is no waiter.
    pub(super) fn add(&self, pool: &Pool, how: How) -> Result<u32, Failure> {
        let limit =
            Failure::new(SCH_ERR_LIMIT, "there are max_pool_waiters: remove those that are not needed");
        let index = pool.add_waiter().ok_or(limit)?.index();
        let mut all = self.all.lock();
        let place = index as usize;
        if all.len() <= place {
            all.resize(place + 1, None);
        }
        all[place] = Some(Arc::new(Waiting { how, gate: Gate::default() }));
        Ok(index + 1)
    }

    pub(super) fn remove(&self, pool: &Pool, number: u32) -> Result<(), Failure> {
        let mut all = self.all.lock();
        let place = find(&mut all, number)?;
        if place.as_ref().is_some_and(|waiting| !waiting.gate.end()) {
            return Err(Failure::new(SCH_ERR_BUSY, "it is being woken: try again"));
        }
        *place = None;
        let _ = self.watcher.compare_exchange(number, 0, Ordering::Relaxed, Ordering::Relaxed);
        drop(all);
        pool.remove_waiter(WaiterId::from_index(number - 1));
        Ok(())
    }

    /// As the pool knows it; 0 is none.
    pub(super) fn known(&self, number: u32) -> Result<Option<WaiterId>, Failure> {
        if number == 0 {
            return Ok(None);
        }
        find(&mut self.all.lock(), number)?;
        Ok(Some(WaiterId::from_index(number - 1)))
    }

    pub(super) fn watch(&self, number: u32) -> Result<(), Failure> {
        self.known(number)?;
        self.watcher.store(number, Ordering::Relaxed);
        Ok(())
    }

    /// Whether a callback is running.
    pub(super) fn is_calling(&self) -> bool {
        !self.callbacks.is_empty()
    }

    /// Wakes them. To be called with no lock held.
    pub(super) fn wake(&self, wakes: &Wakes) {
        let watcher = self.watcher.load(Ordering::Relaxed);
        let feed = (wakes.feed() && watcher != 0).then(|| watcher - 1);
        for index in wakes.waiters().iter().map(|waiter| waiter.index()).chain(feed) {
            let waiting = self.all.lock().get(index as usize).cloned().flatten();
            if let Some(waiting) = waiting {
                waiting.wake(&self.callbacks);
            }
        }
    }
}

fn find(all: &mut [Option<Arc<Waiting>>], number: u32) -> Result<&mut Option<Arc<Waiting>>, Failure> {
    let place = (number as usize).checked_sub(1).and_then(|place| all.get_mut(place));
    place.filter(|place| place.is_some()).ok_or(Failure::argument("no such waiter"))
}

/// A descriptor that would block is not taken: no call blocks.
#[cfg(unix)]
pub(super) fn checked(descriptor: c_int) -> Result<How, Failure> {
    // SAFETY: no pointer is involved.
    let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFL) };
    if flags < 0 || flags & libc::O_NONBLOCK == 0 {
        return Err(Failure::argument("the descriptor is not open, or O_NONBLOCK is not set"));
    }
    Ok(How::Descriptor(descriptor))
}

#[cfg(unix)]
fn write_one(descriptor: c_int) {
    let one = 1_u64.to_ne_bytes();
    // SAFETY: eight bytes of this frame. If it is full, a wake-up is waiting already.
    let _ = unsafe { libc::write(descriptor, one.as_ptr().cast(), one.len()) };
}

#[cfg(not(unix))]
pub(super) fn checked(_: c_int) -> Result<How, Failure> {
    Err(Failure::argument("descriptors are for Unix: use a callback"))
}

#[cfg(not(unix))]
fn write_one(_: c_int) {}
