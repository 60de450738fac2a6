//! What a cluster asks and tells: dial, drain, subscriptions (C3), reloads, redirections.

#[path = "support/cluster.rs"]
mod support;

use sch::cluster::{ClusterAction, ClusterConfig, key_slot, reason};
use std::collections::BTreeSet;
use std::time::Duration;
use support::{Host, THREE, at, endpoint};

#[test]
fn c3_owners_are_dialled_and_those_without_slots_drained() {
    let mut host = Host::new();
    host.load(&THREE, None);
    assert_eq!(host.actions(), ["dial a:1", "dial b:1", "dial c:1"], "replicas are the host's choice");
    host.load(&THREE, None);
    assert_eq!(host.actions(), Vec::<String>::new());
    // b's slots go to a, one by one.
    host.now += 60_000;
    host.push(1, "b:1>a:1=100-198");
    assert_eq!(host.actions(), ["moved 1 b:1>a:1=100-198"]);
    host.push(2, "b:1>a:1=199");
    assert_eq!(host.actions(), ["moved 2 b:1>a:1=199", "drain b:1"]);
    // The map lists it no more: it is gone.
    host.load(&["0-199 a:1 a2:1", "200-299 c:1"], None);
    assert_eq!(host.actions(), ["drain b:1 gone"]);
    assert_eq!(host.cluster.find_node(&endpoint("b:1")), None);
    let counters = host.cluster.counters();
    assert_eq!((counters.nodes_dialled, counters.nodes_drained), (3, 2));
}

#[test]
fn c3_a_failover_dials_the_replica_and_drains_the_old_owner() {
    let mut host = Host::loaded();
    let (old, replica) = (host.cluster.owner(0), host.cluster.replica(0, 0));
    host.load(&["0-99 a2:1 a:1", "100-199 b:1", "200-299 c:1"], None);
    assert_eq!(host.actions(), ["dial a2:1", "drain a:1"]);
    assert_eq!((host.cluster.owner(0), host.cluster.replica(0, 0)), (replica, old), "numbers stay");
    // It serves again before the host polled: nothing to do.
    host.load(&THREE, None);
    host.load(&["0-99 a2:1 a:1", "100-199 b:1", "200-299 c:1"], None);
    assert_eq!(host.actions(), Vec::<String>::new());
    // A replica that leaves: connections for reads are to be closed.
    host.load(&["0-99 a2:1", "100-199 b:1", "200-299 c:1"], None);
    assert_eq!(host.actions(), ["drain a:1 gone"]);
}

#[test]
fn c3_numbers_of_nodes_are_not_used_again() {
    let mut host = Host::loaded();
    let old = host.cluster.owner(150).expect("an owner");
    host.load(&["0-299 a:1"], None);
    host.actions();
    assert_eq!(host.cluster.node(old), None);
    host.load(&THREE, None);
    let new = host.cluster.owner(150).expect("an owner");
    assert!(new > old);
}

#[test]
fn c3_sharded_subscriptions_of_moved_slots_are_named() {
    let mut host = Host::new();
    // Slots 12182, 12182 and 3300, 5061.
    let channels: [&[u8]; 4] = [b"foo", b"{foo}2", b"b", b"bar"];
    assert_eq!(channels.map(key_slot), [12182, 12182, 3300, 5061]);
    assert_eq!(host.cluster.subscribe(channels[2]), (3300, None), "no map yet");
    host.load(&["0-5460 a:1", "5461-10922 b:1", "10923-16383 c:1"], None);
    host.now += 60_000;
    assert_eq!(host.actions(), ["dial a:1", "dial b:1", "dial c:1", "subscriptions ->a:1=3300"]);
    for channel in [channels[0], channels[1], channels[3]] {
        let (slot, node) = host.cluster.subscribe(channel);
        assert_eq!(node, host.cluster.owner(slot));
    }
    host.push(1, "a:1>b:1=3000-6000 c:1>b:1=12182 c:1>a:1=12183");
    assert_eq!(
        host.actions()[1..],
        ["subscriptions a:1>b:1=3300,5061", "subscriptions c:1>b:1=12182"],
        "and nobody is drained"
    );
    // There and back again before it was polled: nothing to do. Further: one way.
    host.push(2, "b:1>c:1=3300 b:1>c:1=12182");
    host.push(3, "c:1>b:1=3300 c:1>a:1=12182");
    assert_eq!(host.actions()[2..], ["subscriptions b:1>a:1=12182"]);
    // Channels that are gone go nowhere.
    assert!(host.cluster.unsubscribe(b"foo"));
    host.push(4, "a:1>c:1=12182");
    assert_eq!(host.actions()[1..], ["subscriptions a:1>c:1=12182"]);
    assert!(host.cluster.unsubscribe(b"{foo}2"));
    assert!(!host.cluster.unsubscribe(b"{foo}2"));
    host.push(5, "c:1>b:1=12182");
    assert_eq!(host.actions().len(), 1);
    assert_eq!(host.cluster.counters().subscriptions_moved, 6);
}

#[test]
fn c3_the_last_slot_of_a_node_takes_its_subscriptions_along_first() {
    let mut host = Host::new();
    host.load(&["0-16382 a:1", "16383-16383 b:1"], None);
    host.actions();
    host.cluster.subscribe(b"foo");
    host.push(1, "a:1>c:1=0-16382");
    assert_eq!(
        host.actions(),
        ["moved 1 a:1>c:1=0-16382", "dial c:1", "subscriptions a:1>c:1=12182", "drain a:1"]
    );
}

#[test]
fn c2_redirections_patch_their_slot_and_ask_for_one_reload() {
    let mut host = Host::loaded();
    let asked = endpoint("a:1");
    for slot in 0..50 {
        let error = format!("MOVED {slot} b:1");
        let to = host.cluster.handle_redirection(at(host.now), error.as_bytes(), &asked).expect("MOVED");
        assert_eq!((to.slot, to.is_ask, to.node), (slot, false, host.cluster.owner(150)));
    }
    assert_eq!([49, 50].map(|slot| host.owner(slot)), ["b:1", "a:1"]);
    assert_eq!(host.actions(), Vec::<String>::new());
    assert_eq!(host.wait(), [format!("reload {} attempt=1 seq=-", reason::REDIRECTED)]);
    host.load(&["0-49 b:1", "50-99 a:1 a2:1", "100-199 b:1", "200-299 c:1"], None);
    // Commands that had been routed by the old map.
    host.cluster.handle_moved(at(host.now), 49, &endpoint("b:1")).expect("a slot");
    assert_eq!(host.cluster.next_deadline(), None);
    // To a node that is not known.
    host.cluster.handle_moved(at(host.now), 7, &endpoint("new:1")).expect("a slot");
    assert_eq!((host.owner(7), host.actions()), ("new:1".into(), vec!["dial new:1".into()]));
    assert!(host.cluster.handle_moved(at(host.now), 16384, &endpoint("b:1")).is_err());
    let counters = host.cluster.counters();
    assert_eq!((counters.moved, counters.reloads_coalesced, counters.reloads), (52, 49, 1));
}

#[test]
fn ask_changes_nothing() {
    let mut host = Host::loaded();
    let ask =
        host.cluster.handle_redirection(at(host.now), b"-ASK 5 b:1\r\n", &endpoint("a:1")).expect("ASK");
    assert!(ask.is_ask && ask.slot == 5 && ask.node == host.cluster.owner(150));
    let ask = host.cluster.handle_redirection(at(host.now), b"ASK 5 :9", &endpoint("a:1")).expect("ASK");
    assert_eq!((ask.endpoint.to_string(), ask.node), ("a:9".into(), None));
    assert_eq!((host.owner(5), host.actions(), host.cluster.next_deadline()), ("a:1".into(), vec![], None));
    assert_eq!(host.cluster.handle_redirection(at(host.now), b"ERR no", &endpoint("a:1")), None);
}

/// PY-10: nothing is loaded inside the push handler; the action says when, and whom to ask: another node each time.
#[test]
fn py_10_a_reload_is_an_action_and_is_repeated_until_it_succeeds() {
    let mut host = Host::loaded();
    host.cluster.ask_reload(at(host.now));
    let start = host.now;
    let mut asked = Vec::new();
    for attempt in 1..=6 {
        let next = host.cluster.next_deadline().expect("a deadline");
        host.now = next.as_nanos().div_ceil(1_000_000);
        host.cluster.tick(at(host.now));
        let Some(ClusterAction::ReloadSlots { attempt: n, reasons, node, .. }) = host.cluster.poll_action()
        else {
            panic!("no reload");
        };
        assert_eq!(n, attempt);
        assert_eq!(reasons, if attempt == 1 { reason::HOST } else { reason::FAILED });
        asked.push(node.expect("a node").1.host);
        // Whoever else says so is late.
        host.cluster.reload_failed(at(host.now));
        host.cluster.reload_failed(at(host.now));
    }
    assert_eq!(asked[..3], asked[3..]);
    assert_eq!(BTreeSet::from_iter(&asked).len(), 3, "{asked:?}");
    assert!((1500..=3400).contains(&(host.now - start)), "backoff: {}", host.now - start);
    assert_eq!(host.wait().len(), 1);
    host.load(&THREE, None);
    assert_eq!((host.cluster.next_deadline(), host.cluster.counters().reloads_failed), (None, 6));
}

#[test]
fn a_reload_that_is_never_answered_is_asked_for_again() {
    let mut host = Host::loaded();
    host.cluster.ask_reload(at(host.now));
    assert_eq!(host.wait().len(), 1);
    let asked_at = host.now;
    assert_eq!(host.wait(), Vec::<String>::new());
    assert_eq!(host.now, asked_at + 10_000);
    assert_eq!(host.wait(), [format!("reload {} attempt=2 seq=-", reason::FAILED)]);
    assert_eq!(host.cluster.counters().reloads_failed, 1);
}

/// A map that was asked for before the action was polled may be older than its reason.
#[test]
fn an_unasked_load_does_not_answer_what_was_not_polled() {
    let mut host = Host::loaded();
    host.cluster.ask_reload(at(host.now));
    host.now += 1000;
    host.cluster.tick(at(host.now));
    host.load(&THREE, None);
    assert_eq!(host.actions(), [format!("reload {} attempt=1 seq=-", reason::HOST)]);
    // It is still awaited: if it fails, it is asked for again.
    host.cluster.reload_failed(at(host.now));
    assert_eq!(host.wait(), [format!("reload {} attempt=2 seq=-", reason::FAILED)]);
    host.load(&THREE, None);
    assert_eq!(host.cluster.next_deadline(), None);
}

#[test]
fn the_same_seed_gives_the_same_and_another_one_another() {
    let run = |seed| {
        let mut host = Host::with(ClusterConfig { seed, ..ClusterConfig::default() });
        host.load(&THREE, None);
        host.cluster.ask_reload(at(5000));
        host.cluster.next_deadline()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let latest = (0..50).map(run).max().flatten().expect("a deadline");
    assert!(latest < at(5000) + Duration::from_millis(200));
}

#[test]
fn a_clock_that_steps_back_is_clamped_and_counted() {
    let host = Host::loaded();
    host.cluster.tick(at(host.now));
    host.cluster.ask_reload(at(5));
    assert!(host.cluster.next_deadline() >= Some(at(host.now)));
    assert_eq!(host.cluster.counters().clock_steps_back, 1);
}

#[test]
fn an_action_that_is_not_wanted_stays_the_next() {
    let mut host = Host::new();
    host.load(&THREE, None);
    assert_eq!(host.cluster.poll_action_if(|_| false), None);
    assert_eq!(host.cluster.poll_action_if(|_| false), None);
    assert_eq!(host.actions(), ["dial a:1", "dial b:1", "dial c:1"]);
}

/// Offered, not taken for want of room; then the host subscribes elsewhere.
#[test]
fn c3_subscriptions_that_were_offered_go_where_they_are_when_taken() {
    let mut host = Host::loaded();
    let slot = host.cluster.subscribe(b"foo").0;
    host.cluster.handle_moved(at(host.now), slot, &endpoint("a:1")).expect("a slot");
    assert_eq!(host.cluster.poll_action_if(|_| false), None);
    assert!(host.cluster.unsubscribe(b"foo"));
    host.cluster.handle_moved(at(host.now), slot, &endpoint("b:1")).expect("a slot");
    host.cluster.subscribe(b"foo");
    assert_eq!(host.actions(), Vec::<String>::new(), "it was subscribed on b");
    host.cluster.handle_moved(at(host.now), slot, &endpoint("c:1")).expect("a slot");
    assert_eq!(host.cluster.poll_action_if(|_| false), None);
    host.cluster.handle_moved(at(host.now), slot, &endpoint("a:1")).expect("a slot");
    assert_eq!(host.actions(), ["subscriptions b:1>a:1=12182"]);
}
