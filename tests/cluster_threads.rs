//! One cluster, many threads (P5): the marker traits, and readers while the map changes.

#[path = "support/cluster.rs"]
mod support;

#[allow(clippy::disallowed_methods, reason = "the test has threads, the core has none")]
mod spawn {
    pub use std::thread::scope;
}

use sch::cluster::{Cluster, ClusterAction};
use std::panic::UnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{Host, THREE, at, endpoint, slots_reply, smigrated};

#[test]
fn p5_a_cluster_is_shared_and_survives_unwinding() {
    const fn is<T: Send + Sync + UnwindSafe>() {}
    is::<Cluster>();
}

/// A reader sees the owner before or after, never anything else; each seq is told once, whoever reads and whoever polls.
#[test]
fn c1_many_threads_read_write_and_poll() {
    let host = Host::loaded();
    let cluster = &host.cluster;
    let [a, b] = [cluster.owner(0), cluster.owner(150)];
    let (told, reloads, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    const SEQS: u64 = 60;
    let poll = || {
        while let Some(action) = cluster.poll_action() {
            match action {
                ClusterAction::SlotsMoved { .. } => told.fetch_add(1, Ordering::Relaxed),
                ClusterAction::ReloadSlots { .. } => reloads.fetch_add(1, Ordering::Relaxed),
                other => panic!("{other:?}"),
            };
        }
    };
    spawn::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    for slot in 0..100 {
                        let owner = cluster.owner(slot);
                        assert!(owner == a || owner == b);
                        assert!(owner.and_then(|id| cluster.node(id)).is_some());
                    }
                    poll();
                }
            });
        }
        let writers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for seq in 0..SEQS {
                        let (from, to) = if seq % 2 == 0 { ("a:1", "b:1") } else { ("b:1", "a:1") };
                        let push = smigrated(seq, &format!("{from}>{to}=0-49"));
                        cluster.handle_push(at(host.now), push.as_bytes());
                        poll();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().expect("no panic"));
        done.store(true, Ordering::Release);
    });
    while let Some(action) = cluster.poll_action() {
        told.fetch_add(usize::from(matches!(action, ClusterAction::SlotsMoved { .. })), Ordering::Relaxed);
    }
    assert_eq!(told.into_inner() as u64, SEQS);
    assert_eq!(cluster.counters().duplicate, 2 * SEQS);
    assert_eq!(cluster.owner(0), a, "the last one went back");
    assert_eq!(reloads.into_inner(), 0);
}

/// Loads by several threads at once: the map is one of them.
#[test]
fn c2_loads_at_once() {
    let host = Host::loaded();
    let (one, two) = (slots_reply(&THREE), slots_reply(&["0-299 d:1"]));
    spawn::scope(|scope| {
        for reply in [&one, &two, &one, &two] {
            scope.spawn(|| {
                for _ in 0..20 {
                    let loaded =
                        host.cluster.load_slots(at(host.now), reply.as_bytes(), &endpoint("s:1"), None);
                    assert_eq!(loaded, Ok(()));
                }
            });
        }
    });
    let owners = [0, 150, 250].map(|slot| host.owner(slot));
    assert!(owners == ["a:1", "b:1", "c:1"] || owners == ["d:1", "d:1", "d:1"], "{owners:?}");
    assert_eq!(host.cluster.counters().loads, 81);
}
