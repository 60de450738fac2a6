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

fn dial(pool: *const sch_pool, now: u64, port: u16) {
    assert_eq!(c!(sch_pool_dial_result(pool, now, c"x".as_ptr(), 1, port, true)), SCH_OK);
}

fn ask(cluster: *const sch_cluster) -> sch_status {
    c!(sch_cluster_ask_reload(cluster, 1))
}

/// Another thread is inside the log callback: all goes on but what would take the callback from under it.
#[test]
fn s4_a_pool_or_cluster_that_tells_its_log_is_not_freed_and_keeps_its_callback() {
    let inside = Inside::new();
    let mut cluster = null_mut();
    assert_eq!(c!(sch_cluster_new(SCH_ABI_VERSION, null(), &mut cluster)), SCH_OK);
    let raw = Shared(cluster);
    let raw = &raw;
    let set = |level, callback| c!(sch_cluster_set_log(raw.0, level, callback, inside.data()));
    assert_eq!(set(SCH_LOG_DEBUG, Some(stay_in_log as _)), SCH_OK);
    let trying = || [c!(sch_cluster_free(raw.0)), set(SCH_LOG_NONE, None), ask(raw.0)];
    let answers = inside.meanwhile(|| assert_eq!(ask(raw.0), SCH_OK), trying);
    assert_eq!(answers, [SCH_ERR_BUSY, SCH_ERR_BUSY, SCH_OK]);
    assert_eq!(inside.times.load(Ordering::Relaxed), 2, "the line of the second, told by the first");
    assert_eq!((set(SCH_LOG_NONE, None), c!(sch_cluster_free(cluster))), (SCH_OK, SCH_OK));

    for a_connection_tells in [false, true] {
        let (pool, inside) = (Pool::new(), Inside::new());
        let conn = Conn::new(&pool, "10.0.0.1:1", 1, 0);
        let (raw, of_pool) = (Shared(conn.0), Shared(pool.0));
        let (raw, of_pool) = (&raw, &of_pool);
        let set = |level, callback| c!(sch_pool_set_log(of_pool.0, level, callback, inside.data()));
        assert_eq!(set(SCH_LOG_DEBUG, Some(stay_in_log as _)), SCH_OK);
        let call = || if a_connection_tells { conn_reads(raw.0, MOVING) } else { dial(of_pool.0, 1, 1) };
        let trying = || [c!(sch_pool_free(of_pool.0)), set(SCH_LOG_NONE, None), tick(of_pool.0)];
        assert_eq!(inside.meanwhile(call, trying), [SCH_ERR_BUSY, SCH_ERR_BUSY, SCH_OK]);
        assert_eq!(set(SCH_LOG_NONE, None), SCH_OK);
        let before = inside.times.load(Ordering::Relaxed);
        dial(of_pool.0, 1, 1);
        assert_eq!(inside.times.load(Ordering::Relaxed), before, "not called any more");
    }
}

/// While one thread is inside the callback, the lines of others wait, as many as there may be.
#[test]
fn s1_lines_that_wait_for_a_slow_callback_are_bounded_and_what_was_dropped_is_said() {
    let (pool, heard) =
        (Pool::with(&[(SCH_LIMIT_MAX_LINES, 4)]), Slow { inside: Inside::new(), heard: Heard::default() });
    let data = (&raw const heard).cast_mut().cast();
    assert_eq!(c!(sch_pool_set_log(pool.0, SCH_LOG_DEBUG, Some(hear_slowly), data)), SCH_OK);
    let of_pool = Shared(pool.0);
    let of_pool = &of_pool;
    heard.inside.meanwhile(|| dial(of_pool.0, 1, 1), || (2..=10).for_each(|port| dial(of_pool.0, 1, port)));
    let mut wanted: Vec<String> =
        (1..=5).map(|port| format!("4 event=dialled endpoint=x:{port} ok=true")).collect();
    wanted.push("2 event=log-lines-dropped count=5".to_owned());
    assert_eq!(heard.heard.take(), wanted);
}

struct Slow {
    inside: Inside,
    heard: Heard,
}

unsafe extern "C" fn hear_slowly(level: i32, text: *const c_char, len: usize, slow: *mut c_void) {
    // SAFETY: what the test gave, and what the library gave.
    unsafe {
        (*slow.cast::<Slow>()).inside.stay();
        hear(level, text, len, (&*slow.cast::<Slow>()).heard.data());
    }
}

/// Lines of all threads are told one at a time, each thread's in their order, and all by the time that the calls have returned:
/// one that another thread told is not told later than that thread's call ends.
#[test]
fn v2_threads_tell_the_log_of_a_pool_in_order_and_leave_no_line() {
    const ROUNDS: u32 = 500;
    let (pool, heard) = (Pool::new(), Heard::default());
    assert_eq!(c!(sch_pool_set_log(pool.0, SCH_LOG_DEBUG, Some(hear), heard.data())), SCH_OK);
    let (of_pool, at) = (Shared(pool.0), AtomicU32::new(0));
    let of_pool = &of_pool;
    let meet = |time: u32| {
        at.fetch_add(1, Ordering::SeqCst);
        while at.load(Ordering::SeqCst) < 2 * time {
            thread::yield_now();
        }
    };
    let mut told = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                meet(2 * round + 1);
                dial(of_pool.0, 1, 1);
                dial(of_pool.0, 1, 2);
                meet(2 * round + 2);
            }
        });
        for round in 0..ROUNDS {
            meet(2 * round + 1);
            dial(of_pool.0, 1, 3);
            meet(2 * round + 2);
            told.push(heard.take());
        }
    });
    let line = |port: u16| format!("4 event=dialled endpoint=x:{port} ok=true");
    let orders = [[1, 2, 3], [1, 3, 2], [3, 1, 2]].map(|ports| ports.map(line));
    for (round, lines) in told.iter().enumerate() {
        assert!(orders.iter().any(|order| lines == order), "{round}: {lines:?}");
    }
}
