//! What fuzzing has found worth keeping, replayed without a fuzzer (S4): every file in `fuzz/corpus/TARGET` and
//! `fuzz/regressions/TARGET`.

#![allow(unsafe_code, reason = "three of the targets call the C ABI")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // reads files; one of them has threads and a watchdog

#[path = "../fuzz/bodies/cluster.rs"]
mod cluster;
#[path = "../fuzz/bodies/draw.rs"]
mod draw;
#[path = "../fuzz/bodies/ffi.rs"]
mod ffi;
#[path = "../fuzz/bodies/framer.rs"]
mod framer;
#[path = "../fuzz/bodies/notification.rs"]
mod notification;
#[path = "../fuzz/bodies/threads.rs"]
mod threads;

use std::fs;
use std::path::Path;

/// Runs every file; an input that fails is named.
fn replay(target: &str, run: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let (mut files, mut failed) = (0, Vec::new());
    for kind in ["corpus", "regressions"] {
        let Ok(dir) = fs::read_dir(root.join(kind).join(target)) else { continue };
        for file in dir {
            let path = file.expect("readable").path();
            let data = fs::read(&path).expect("readable");
            files += 1;
            if std::panic::catch_unwind(|| run(&data)).is_err() {
                failed.push(path.display().to_string());
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!((20..600).contains(&files), "{files} files for {target}");
    // Nothing at all is an input too.
    run(&[]);
}

#[test]
fn s4_framer() {
    replay("framer", framer::run);
}

#[test]
fn s4_notification() {
    replay("notification", notification::run);
}

#[test]
fn s4_ffi() {
    replay("ffi", ffi::run);
}

#[test]
fn s4_cluster() {
    replay("cluster", cluster::run);
}

#[test]
fn s4_threads() {
    replay("threads", threads::run);
}
