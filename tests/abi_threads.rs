//! What the C ABI promises to several threads, one rule a test (S4, P5). All of it together, at random, is in
//! `tests/threads.rs`.

#![allow(unsafe_code, reason = "it calls the C ABI")]
#![allow(clippy::disallowed_methods)] // threads are what is tested

use core::ptr::null_mut;
use sch::ffi::cluster::*;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::pool::*;
use sch::ffi::status::*;
use sch::ffi::version::*;
use std::sync::Barrier;
use std::thread;

/// Calls one export.
macro_rules! c {
    ($call:expr) => {
        // SAFETY: handles are live, places are of this test.
        unsafe { $call }
    };
}

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
