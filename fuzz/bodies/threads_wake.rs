//! Wake-ups, and what may be done in the middle of one.

use super::world::World;
use core::ffi::c_void;
use core::sync::atomic::{AtomicU64, Ordering};
use sch::ffi::conn::*;
use sch::ffi::counts::*;
use sch::ffi::pool::*;
use sch::ffi::status::*;
use std::cell::Cell;

thread_local! {
    /// The connection whose call this thread is in.
    static INSIDE: Cell<*const sch_conn> = const { Cell::new(core::ptr::null()) };
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
}
