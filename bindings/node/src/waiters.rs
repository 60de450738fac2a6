//! Who waits for news of a pool. A wake-up is noted here, and told to JavaScript when the call that brought it has returned:
//! nothing of the application runs inside of libsch.

use core::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One for each thread of Node: which waiters were woken and JavaScript does not know yet.
#[derive(Default)]
pub struct Bell {
    rung: AtomicBool,
    woken: Mutex<Vec<Arc<Waiter>>>,
}

impl Bell {
    /// Whether anybody was woken since it was asked last.
    pub fn take_rung(&self) -> bool {
        self.rung.load(Ordering::Relaxed) && self.rung.swap(false, Ordering::Acquire)
    }

    /// The keys of those that were woken.
    pub fn take_woken(&self) -> Vec<u64> {
        let woken = core::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
        woken.iter().map(|waiter| waiter.take()).collect()
    }
}

pub struct Waiter {
    /// As JavaScript calls it.
    key: u64,
    woken: AtomicBool,
    bell: Arc<Bell>,
}

impl Waiter {
    fn take(&self) -> u64 {
        self.woken.store(false, Ordering::Release);
        self.key
    }
}

/// The callback of libsch. `waiter` is one of `Waiters`.
pub unsafe extern "C" fn wake(waiter: *mut c_void) {
    let waiter = waiter.cast_const().cast::<Waiter>();
    // SAFETY: `Waiters` keeps it for as long as libsch may call.
    let waiter = unsafe {
        Arc::increment_strong_count(waiter);
        Arc::from_raw(waiter)
    };
    if !waiter.woken.swap(true, Ordering::AcqRel) {
        let bell = Arc::clone(&waiter.bell);
        bell.woken.lock().unwrap_or_else(PoisonError::into_inner).push(waiter);
        bell.rung.store(true, Ordering::Release);
    }
}

/// The waiters of one pool. Its handle and its members keep them: any of these may wake.
pub struct Waiters {
    bell: Arc<Bell>,
    all: Mutex<Vec<(u32, Arc<Waiter>)>>,
}

impl Waiters {
    pub fn new(bell: &Arc<Bell>) -> Arc<Self> {
        Arc::new(Self { bell: Arc::clone(bell), all: Mutex::default() })
    }

    /// A waiter that libsch is to be told of, by what it is called with.
    pub fn make(&self, key: u64) -> Arc<Waiter> {
        Arc::new(Waiter { key, woken: AtomicBool::new(false), bell: Arc::clone(&self.bell) })
    }

    /// libsch knows it as `number`.
    pub fn keep(&self, number: u32, waiter: Arc<Waiter>) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push((number, waiter));
    }

    /// libsch knows it no more.
    pub fn forget(&self, number: u32) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| *known != number);
    }
}
