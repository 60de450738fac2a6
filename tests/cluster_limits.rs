//! Each limit of a cluster (S1): an error that changes nothing, or counted; never growth.

#[path = "support/cluster.rs"]
mod support;

use sch::cluster::{ClusterAction, ClusterConfig, ClusterLimits, LoadError, reason};
use sch::error::Error;
use std::collections::BTreeSet;
use support::{Host, THREE, at, endpoint, slots_reply};

fn host(limits: ClusterLimits) -> Host {
    Host::with(ClusterConfig { limits, ..ClusterConfig::default() })
}

fn load(host: &Host, reply: &str) -> Result<(), LoadError> {
    host.cluster.load_slots(at(host.now), reply.as_bytes(), &endpoint("seed:1"), None)
}

fn limit(limit: &'static str, value: u64) -> Result<(), LoadError> {
    Err(LoadError::Limit { limit, value })
}

#[test]
fn s1_max_nodes() {
    let mut host = host(ClusterLimits { max_nodes: 4, ..ClusterLimits::default() });
    host.load(&THREE, None);
    host.actions();
    host.now += 60_000;
    assert_eq!(load(&host, &slots_reply(&["0-9 a:1 b:1 c:1 d:1 e:1"])), limit("max_nodes", 4));
    // SMIGRATED and MOVED name a fifth: not taken, a reload instead.
    host.push(1, "a:1>e:1=5");
    host.cluster.handle_moved(at(host.now), 6, &endpoint("e:1")).expect("a slot");
    assert_eq!([5, 6].map(|slot| host.owner(slot)), ["a:1", "a:1"]);
    assert_eq!(host.cluster.counters().nodes_left_out, 2);
    host.actions();
    assert_eq!(host.wait(), [format!("reload {} attempt=1 seq=1", reason::UNFIT | reason::REDIRECTED)]);
}

/// A server that names other nodes in every reply, and a host that does not poll.
#[test]
fn s1_max_nodes_bounds_those_that_are_gone() {
    let mut host = host(ClusterLimits { max_nodes: 4, ..ClusterLimits::default() });
    for round in 0..50 {
        host.load(&[&format!("0-9 n{round}a:1 n{round}b:1 n{round}c:1")], None);
        assert!(host.cluster.nodes().len() <= 8, "{}", host.cluster.nodes().len());
    }
    assert_eq!(host.owner(0), "n49a:1");
    assert_eq!(host.actions()[0], "dial n49a:1");
    assert_eq!(host.cluster.nodes().len(), 3);
}

/// Likewise, and a host that polls, but little: what it was told to dial is few, and is told to be drained.
#[test]
fn s1_max_nodes_bounds_what_is_dialled_and_each_is_drained() {
    for polled in 0..6 {
        let mut host = host(ClusterLimits { max_nodes: 3, ..ClusterLimits::default() });
        let mut dialled = BTreeSet::new();
        let mut take = |action: ClusterAction| match action {
            ClusterAction::DialNode { node, .. } => {
                assert!(dialled.insert(node), "dialled twice");
                assert!(dialled.len() <= 3, "{} are dialled", dialled.len());
            }
            ClusterAction::DrainNode { node, .. } => drop(dialled.remove(&node)),
            other => panic!("{other:?}"),
        };
        for round in 0..20 {
            let lines = ["0-9", "10-19", "20-29"].map(|range| format!("{range} n{round}r{range}:1"));
            host.load(&lines.each_ref().map(String::as_str), None);
            assert!(host.cluster.nodes().len() <= 6, "{}", host.cluster.nodes().len());
            (0..polled).filter_map(|_| host.cluster.poll_action()).for_each(&mut take);
        }
        while let Some(action) = host.cluster.poll_action() {
            take(action);
        }
        assert_eq!(dialled, host.cluster.nodes().into_iter().collect(), "{polled} polled at once");
    }
}

#[test]
fn s1_max_replicas() {
    let mut host = host(ClusterLimits { max_replicas: 2, ..ClusterLimits::default() });
    host.load(&["0-9 a:1 b:1 c:1 d:1"], None);
    assert!(host.cluster.replica(0, 1).is_some() && host.cluster.replica(0, 2).is_none());
    assert_eq!(host.cluster.counters().replicas_left_out, 1);
}

#[test]
fn s1_max_reply_bytes() {
    let reply = slots_reply(&THREE);
    let of = |max_reply_bytes| host(ClusterLimits { max_reply_bytes, ..ClusterLimits::default() });
    assert_eq!(load(&of(reply.len()), &reply), Ok(()));
    let short = of(reply.len() - 1);
    assert_eq!(load(&short, &reply), limit("max_reply_bytes", reply.len() as u64 - 1));
    assert_eq!(short.cluster.owner(0), None);
}

#[test]
fn s1_max_reply_elements() {
    // The array, and 3 + 2 of the entry, and 3 of each node.
    let reply = slots_reply(&["0-9 a:1 b:1"]);
    let of = |max_reply_elements| host(ClusterLimits { max_reply_elements, ..ClusterLimits::default() });
    assert_eq!(load(&of(12), &reply), Ok(()));
    assert_eq!(load(&of(11), &reply), limit("max_reply_elements", 11));
    // A length that is only said is not allocated.
    assert_eq!(load(&of(1000), "*4000000000\r\n"), limit("max_reply_elements", 1000));
}

#[test]
fn s1_max_reply_depth() {
    let reply = slots_reply(&["0-9 a:1"]);
    let of = |max_reply_depth| host(ClusterLimits { max_reply_depth, ..ClusterLimits::default() });
    assert_eq!(load(&of(3), &reply), Ok(()));
    assert_eq!(load(&of(2), &reply), limit("max_reply_depth", 2));
    let deep = "*1\r\n".repeat(1_000_000);
    assert_eq!(load(&host(ClusterLimits::default()), &deep), limit("max_reply_depth", 8));
}

#[test]
fn s1_max_marks() {
    let mut host = host(ClusterLimits { max_marks: 2, ..ClusterLimits::default() });
    host.load(&THREE, None);
    host.actions();
    for seq in 0..3 {
        host.push(seq, "a:1>b:1=0");
    }
    host.push(2, "a:1>b:1=0");
    assert_eq!(host.cluster.counters().duplicate, 1);
    // The oldest gave way: it is told again, and does no harm.
    host.push(0, "a:1>b:1=0");
    assert_eq!(host.actions().len(), 4);
    assert_eq!(host.owner(0), "b:1");
}

#[test]
fn s1_max_events() {
    let mut host = host(ClusterLimits { max_events: 2, ..ClusterLimits::default() });
    host.load(&THREE, None);
    host.actions();
    for seq in 0..5 {
        host.push(seq, &format!("a:1>b:1={seq}"));
    }
    assert_eq!(host.actions(), ["moved 3 a:1>b:1=3", "moved 4 a:1>b:1=4"]);
    assert_eq!(host.cluster.counters().events_dropped, 3);
    assert_eq!(host.owner(0), "b:1", "the map has them all");
}

#[test]
fn s1_max_replay() {
    let mut host = host(ClusterLimits { max_replay: 1, ..ClusterLimits::default() });
    host.load(&THREE, None);
    host.actions();
    host.now += 60_000;
    host.cluster.ask_reload(at(host.now));
    assert_eq!(host.wait().len(), 1);
    host.push(1, "a:1>b:1=1");
    host.push(2, "a:1>b:1=2");
    host.load(&THREE, None);
    assert_eq!([1, 2].map(|slot| host.owner(slot)), ["b:1", "a:1"]);
    host.actions();
    assert_eq!(host.wait(), [format!("reload {} attempt=1 seq=2", reason::UNFIT)], "once more, then");
}

#[test]
fn s1_max_addresses() {
    let host = host(ClusterLimits { max_addresses: 1, ..ClusterLimits::default() });
    assert_eq!(host.cluster.map_address("a:1", "b:1"), Ok(()));
    assert_eq!(host.cluster.map_address("a:1", "c:1"), Ok(()));
    let full = host.cluster.map_address("b:1", "c:1");
    assert!(matches!(full, Err(Error::Limit { limit: "max_addresses", value: 1, .. })), "{full:?}");
    assert!(matches!(host.cluster.map_address("a b", "c:1"), Err(Error::Config(_))));
}

/// The largest map there can be fits into the defaults: each slot apart, with two replicas and metadata.
#[test]
fn s1_the_defaults_take_the_largest_map() {
    let lines: Vec<String> = (0..16384)
        .map(|slot| {
            let n = slot % 1000;
            format!("{slot}-{slot} owner-{n}.region-1.cluster.example.com:6379 replica-{n}a.region-1.cluster.example.com:6379 replica-{n}b.region-1.cluster.example.com:6379")
        })
        .collect();
    let reply = slots_reply(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let host = host(ClusterLimits::default());
    assert_eq!(load(&host, &reply), Ok(()));
    assert_eq!(host.cluster.nodes().len(), 3000);
    assert_eq!(host.owner(16383), "owner-383.region-1.cluster.example.com:6379");
    assert!(reply.len() < 6 << 20, "{}", reply.len());
}
