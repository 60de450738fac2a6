//! What the C ABI promises to several threads, one rule a test (S4, P5). All of it together, at random, is in
//! `tests/threads.rs`.

#![allow(unsafe_code, reason = "it calls the C ABI")]
#![allow(clippy::disallowed_methods)] // threads are what is tested

use core::ffi::{c_char, c_void};
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicU32, Ordering};
use sch::ffi::cluster::*;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::join::*;
use sch::ffi::log::*;
use sch::ffi::pool::*;
use sch::ffi::push::*;
use sch::ffi::status::*;
use sch::ffi::version::*;
use std::sync::Barrier;
use std::thread;

#[path = "support/abi_pool.rs"]
mod support;

use support::*;

/// A handle that threads share, as the header says they may.
struct Shared<T>(*mut T);

// SAFETY: the tests do with it only what the header says threads may do.
unsafe impl<T> Sync for Shared<T> {}

/// A pool of threads that connect at once, with the settings of the whole program.
#[test]
fn s4_several_threads_make_handles_from_one_config_at_the_same_time() {
    let mut config = null_mut();
    assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
    let (config, start) = (Shared(config), Barrier::new(4));
    thread::scope(|scope| {
        for _ in 0..4 {
            let (config, start) = (&config, &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..1_000 {
                    let (mut conn, mut pool, mut cluster) = (null_mut(), null_mut(), null_mut());
                    assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, config.0, &mut conn)), SCH_OK);
                    assert_eq!(c!(sch_pool_new(SCH_ABI_VERSION, config.0, &mut pool)), SCH_OK);
                    assert_eq!(c!(sch_cluster_new(SCH_ABI_VERSION, config.0, &mut cluster)), SCH_OK);
                    let freed =
                        [c!(sch_conn_free(conn)), c!(sch_pool_free(pool)), c!(sch_cluster_free(cluster))];
                    assert_eq!(freed, [SCH_OK; 3]);
                }
            });
        }
    });
    assert_eq!(c!(sch_config_free(config.0)), SCH_OK);
}

/// A callback that stays until another thread has had its turn.
struct Inside {
    entered: Barrier,
    tried: Barrier,
    times: AtomicU32,
}

impl Inside {
    fn new() -> Self {
        Self { entered: Barrier::new(2), tried: Barrier::new(2), times: AtomicU32::new(0) }
    }

    fn data(&self) -> *mut c_void {
        (&raw const *self).cast_mut().cast()
    }

    /// The first time only.
    fn stay(&self) {
        if self.times.fetch_add(1, Ordering::Relaxed) == 0 {
            self.entered.wait();
            self.tried.wait();
        }
    }

    /// What `trying` answers while `call` is inside, on another thread.
    fn meanwhile<R>(&self, call: impl FnOnce() + Send, trying: impl FnOnce() -> R) -> R {
        thread::scope(|scope| {
            scope.spawn(call);
            self.entered.wait();
            let answer = trying();
            self.tried.wait();
            answer
        })
    }
}

unsafe extern "C" fn stay_awake(inside: *mut c_void) {
    // SAFETY: what the test gave.
    unsafe { &*inside.cast::<Inside>() }.stay();
}

unsafe extern "C" fn stay_in_log(_: i32, _: *const c_char, _: usize, inside: *mut c_void) {
    // SAFETY: what the test gave.
    unsafe { &*inside.cast::<Inside>() }.stay();
}

/// Another thread is inside the connection: all calls are refused, those that only look too, and do nothing.
#[test]
fn s4_a_second_call_on_a_connection_is_refused_and_does_nothing() {
    let (pool, inside) = (Pool::new(), Inside::new());
    let conn = Conn::alone("10.0.0.1:6379");
    assert_eq!(c!(sch_conn_set_log(conn.0, SCH_LOG_DEBUG, Some(stay_in_log), inside.data())), SCH_OK);
    let (raw, of_pool) = (Shared(conn.0), Shared(pool.0));
    let (raw, of_pool) = (&raw, &of_pool);
    let join = || c!(sch_conn_join(raw.0, 1, of_pool.0, SCH_UNOWNED_RETIRE, 1, null(), 0));
    let answers = inside.meanwhile(
        || conn_reads(raw.0, MOVING),
        || {
            let (mut has, mut number, mut swallowed) = (true, 7, true);
            let answers = [
                c!(sch_conn_tick(raw.0, 1)),
                join(),
                c!(sch_conn_leave(raw.0, 1)),
                c!(sch_conn_has_mail(raw.0, &mut has)),
                c!(sch_conn_current(raw.0, &mut number)),
                c!(sch_conn_push(raw.0, 1, 1, MOVING.as_ptr(), MOVING.len(), &mut swallowed)),
                c!(sch_conn_close(raw.0, 1)),
                c!(sch_conn_free(raw.0)),
            ];
            assert!(has && number == 7 && swallowed, "outputs are untouched");
            answers
        },
    );
    assert_eq!(answers, [SCH_ERR_BUSY; 8]);
    assert_eq!(pool.counts().members_joined, 0);
    assert_eq!(join(), SCH_OK);
}

fn conn_reads(conn: *mut sch_conn, push: &[u8]) {
    let mut swallowed = false;
    assert_eq!(c!(sch_conn_push(conn, ms(1), 1, push.as_ptr(), push.len(), &mut swallowed)), SCH_OK);
}

/// Another thread is inside the pool, or in a callback of it that a connection woke: it is freed later.
#[test]
fn s4_a_pool_in_use_is_not_freed_nor_is_a_waiter_that_is_being_woken() {
    for a_connection_wakes in [false, true] {
        let (pool, inside) = (Pool::new(), Inside::new());
        let (a, b) = (Conn::new(&pool, "10.0.0.1:1", 1, 0), Conn::new(&pool, "10.0.0.1:1", 1, 0));
        let mut waiter = 0;
        assert_eq!(c!(sch_pool_add_waiter(pool.0, Some(stay_awake), inside.data(), &mut waiter)), SCH_OK);
        assert_eq!(c!(sch_conn_take(b.0, 0, waiter)), SCH_OK);
        assert_eq!(c!(sch_pool_watch(pool.0, waiter)), SCH_OK);
        let (raw, of_pool) = (Shared(a.0), Shared(pool.0));
        let (raw, of_pool) = (&raw, &of_pool);
        let call = || {
            if a_connection_wakes {
                return conn_reads(raw.0, MOVING);
            }
            for _ in 0..3 {
                let status = c!(sch_pool_dial_result(of_pool.0, 1, c"x".as_ptr(), 1, 1, false));
                assert_eq!(status, SCH_OK);
            }
        };
        let trying =
            || [c!(sch_pool_free(of_pool.0)), c!(sch_pool_remove_waiter(of_pool.0, waiter)), tick(of_pool.0)];
        assert_eq!(inside.meanwhile(call, trying), [SCH_ERR_BUSY, SCH_ERR_BUSY, SCH_OK]);
        assert_eq!(c!(sch_pool_remove_waiter(pool.0, waiter)), SCH_OK);
    }
}

fn tick(pool: *const sch_pool) -> sch_status {
    c!(sch_pool_tick(pool, 1))
}
