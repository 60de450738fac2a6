//! Wake-ups and log lines, and what may be done in the middle of one.

use super::world::World;
use core::ffi::{c_char, c_void};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use sch::ffi::conn::*;
use sch::ffi::counts::*;
use sch::ffi::log::SCH_LINE_SIZE;
use sch::ffi::pool::*;
use sch::ffi::status::*;
use std::cell::Cell;

thread_local! {
    /// The connection whose call this thread is in.
    static INSIDE: Cell<*const sch_conn> = const { Cell::new(core::ptr::null()) };
    /// This thread is being used to wake.
    static WAKING: Cell<bool> = const { Cell::new(false) };
}

/// What a wake-up callback gets.
pub struct Woken {
    pub count: AtomicU64,
    generation: u64,
    world: *const World,
}

// SAFETY: the world outlives it, and is shared by all threads.
unsafe impl Send for Woken {}
// SAFETY: likewise.
unsafe impl Sync for Woken {}

impl Woken {
    pub fn new(generation: u64, world: *const World) -> Self {
        Self { count: AtomicU64::new(0), generation, world }
    }

    pub fn data(&self) -> *mut c_void {
        (&raw const *self).cast_mut().cast()
    }
}

/// Notes whose call it is.
pub fn within<R>(conn: *const sch_conn, call: impl FnOnce() -> R) -> R {
    let before = INSIDE.replace(conn);
    let result = call();
    INSIDE.set(before);
    result
}

/// Of the connection whose call this is, every call is refused. Of the pool, those that end something are.
pub unsafe extern "C" fn wake(data: *mut c_void) {
    // SAFETY: as `World::woken` says.
    let (woken, world) = unsafe { (&*data.cast::<Woken>(), &*(*data.cast::<Woken>()).world) };
    woken.count.fetch_add(1, Ordering::Relaxed);
    assert!(!WAKING.replace(true));
    let (mut has, mut deadline) = (false, 0);
    let conn = INSIDE.get();
    if !conn.is_null() {
        assert_eq!(c!(sch_conn_next_deadline(conn, &mut has, &mut deadline)), SCH_ERR_BUSY);
    }
    world.pool(|pool, generation| {
        // Neither the pool's lock nor that of its waiters is held.
        assert_eq!(c!(sch_pool_next_deadline(pool, &mut has, &mut deadline)), SCH_OK);
        assert_eq!(c!(sch_pool_counters(pool, &mut sized!(sch_pool_counts))), SCH_OK);
        assert_eq!(c!(sch_pool_watch(pool, u32::MAX)), SCH_ERR_ARGUMENT);
        if generation == woken.generation {
            assert_eq!(c!(sch_pool_free(pool)), SCH_ERR_BUSY);
        }
    });
    WAKING.set(false);
}

/// The log of one pool or cluster.
pub struct Telling {
    is_running: AtomicBool,
    is_of_pool: bool,
}

impl Telling {
    pub fn new(is_of_pool: bool) -> Self {
        Self { is_running: AtomicBool::new(false), is_of_pool }
    }

    pub fn data(&self) -> *mut c_void {
        (&raw const *self).cast_mut().cast()
    }
}

/// Never twice at once, and never from inside a wake-up; of the connection whose call tells of a pool, every call is refused. A
/// cluster tells when it has let go of the connection.
pub unsafe extern "C" fn hear_all(level: i32, text: *const c_char, len: usize, telling: *mut c_void) {
    // SAFETY: the text is lent for the call; `World::tellings` keeps the other.
    let (text, telling) =
        unsafe { (core::slice::from_raw_parts(text.cast::<u8>(), len + 1), &*telling.cast::<Telling>()) };
    assert!(!telling.is_running.swap(true, Ordering::SeqCst) && !WAKING.get());
    assert!((1..=4).contains(&level) && len < SCH_LINE_SIZE && text.starts_with(b"event=") && text[len] == 0);
    let (conn, mut phase) = (INSIDE.get(), 0);
    if !conn.is_null() && telling.is_of_pool {
        assert_eq!(c!(sch_conn_phase(conn, &mut phase)), SCH_ERR_BUSY);
    }
    telling.is_running.store(false, Ordering::SeqCst);
}
