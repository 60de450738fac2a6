//! SMIGRATED on a map: patched where it fits, once for each seq, else one reload (C1, C2).

#[path = "support/cluster.rs"]
mod support;

use sch::cluster::{Cluster, ClusterConfig, ClusterLimits, reason};
use sch::log::Level;
use sch::notification::{self, Body, NotificationLimits};
use std::time::Duration;
use support::{Host, THREE, at, endpoint, smigrated};

#[test]
fn c2_slots_go_from_their_owner_to_the_destination() {
    let mut host = Host::loaded();
    host.push(7, "a:1>b:1=0,5-9");
    let owners: Vec<String> = [0, 1, 4, 5, 9, 10].map(|slot| host.owner(slot)).into();
    assert_eq!(owners, ["b:1", "a:1", "a:1", "b:1", "b:1", "a:1"]);
    assert_eq!(host.actions(), ["moved 7 a:1>b:1=0,5-9"], "no reload");
    assert_eq!(host.cluster.next_deadline(), None);
    let nodes =
        [0, 1].map(|slot| host.cluster.owner(slot).and_then(|id| host.cluster.node(id)).expect("known"));
    assert_eq!(nodes.map(|node| node.slots), [106, 94]);
    assert_eq!(host.cluster.counters().slots_patched, 6);
}

#[test]
fn c1_one_slots_moved_for_each_seq_with_merged_moves() {
    let mut host = Host::loaded();
    for _ in 0..3 {
        host.push(0, "a:1>b:1=0-4 a:1>c:1=50 a:1>b:1=5-9");
    }
    host.push(1, "b:1>a:1=0-4");
    host.push(0, "a:1>b:1=0-4 a:1>c:1=50 a:1>b:1=5-9");
    assert_eq!(host.actions(), ["moved 0 a:1>b:1=0-9 a:1>c:1=50", "moved 1 b:1>a:1=0-4"]);
    assert_eq!([host.owner(0), host.owner(5), host.owner(50)], ["a:1", "b:1", "c:1"]);
    let counters = host.cluster.counters();
    assert_eq!((counters.smigrated, counters.duplicate), (5, 3));
}

/// Typed, as a connection tells it, and raw: the same (GO-14: from any connection, whoever its node is).
#[test]
fn go_14_whoever_read_it() {
    let mut host = Host::loaded();
    let parsed = notification::parse(smigrated(3, "a:1>b:1=1").as_bytes(), &NotificationLimits::default());
    let Ok(Body::SlotMoves(moves)) = parsed.map(|parsed| parsed.notification.body) else { panic!("moves") };
    host.cluster.handle_slots_moved(at(host.now), Some(3), &moves);
    host.push(3, "a:1>b:1=1");
    assert_eq!(host.actions(), ["moved 3 a:1>b:1=1"]);
    assert_eq!(host.owner(1), "b:1");
    for raw in [">2\r\n+MOVING\r\n:1\r\n", "+OK\r\n", "", ">3\r\n+SMIGRATING\r\n:12\r\n+123\r\n"] {
        assert!(!host.cluster.handle_push(at(host.now), raw.as_bytes()), "{raw}");
    }
}

/// ND-15: a seq as text is the same seq; the forms of 1.7.1 are the same moves.
#[test]
fn nd_15_the_same_in_every_form() {
    let mut host = Host::loaded();
    for raw in [
        ">3\r\n+SMIGRATED\r\n:12\r\n*1\r\n*3\r\n+a:1\r\n+b:1\r\n+1,3-4\r\n",
        ">3\r\n$9\r\nSMIGRATED\r\n$2\r\n12\r\n*1\r\n*3\r\n$3\r\na:1\r\n$3\r\nb:1\r\n$5\r\n1,3-4\r\n",
        ">5\r\n+SMIGRATED\r\n+12\r\n+a:1\r\n+b:1\r\n+1,3-4\r\n",
    ] {
        assert!(host.cluster.handle_push(at(host.now), raw.as_bytes()), "{raw}");
    }
    assert_eq!(host.actions(), ["moved 12 a:1>b:1=1,3-4"]);
    assert_eq!(host.cluster.counters().duplicate, 2);
}

/// SMIGRATED of a seq that the loaded map has in it already does not patch; the one above it does.
#[test]
fn c2_not_above_the_seq_at_the_load_does_not_patch() {
    let mut host = Host::new();
    host.load(&THREE, Some(5));
    host.actions();
    host.push(5, "a:1>b:1=0");
    host.push(4, "a:1>b:1=1");
    host.push(6, "a:1>b:1=2");
    assert_eq!([0, 1, 2].map(|slot| host.owner(slot)), ["a:1", "a:1", "b:1"]);
    assert_eq!(host.actions(), ["moved 5 a:1>b:1=0", "moved 4 a:1>b:1=1", "moved 6 a:1>b:1=2"]);
    assert_eq!(host.cluster.next_deadline(), None, "no reload");
    // A load that knows none leaves what was known; 0 is a seq.
    host.load(&THREE, None);
    host.push(3, "a:1>b:1=3");
    assert_eq!(host.owner(3), "a:1");
    let mut host = Host::new();
    host.load(&THREE, Some(0));
    host.push(0, "a:1>b:1=0");
    host.push(1, "a:1>b:1=1");
    assert_eq!([0, 1].map(|slot| host.owner(slot)), ["a:1", "b:1"]);
}

/// N4: a server that counts anew is believed after ten minutes.
#[test]
fn n4_marks_and_the_seq_of_the_load_age_out() {
    let mut host = Host::new();
    host.load(&THREE, Some(100));
    host.actions();
    host.push(101, "a:1>b:1=0");
    host.now += 599_000;
    host.push(2, "a:1>b:1=1");
    host.push(101, "a:1>b:1=0");
    assert_eq!(host.actions().len(), 2);
    assert_eq!([0, 1].map(|slot| host.owner(slot)), ["b:1", "a:1"]);
    host.now += 1_000;
    host.push(3, "a:1>b:1=2");
    host.push(101, "b:1>a:1=0");
    assert_eq!(host.actions(), ["moved 3 a:1>b:1=2", "moved 101 b:1>a:1=0"]);
    assert_eq!([0, 1, 2].map(|slot| host.owner(slot)), ["a:1", "a:1", "b:1"]);
}

/// Order is by seq, not by arrival: what a later one has said of a slot stands.
#[test]
fn n4_an_older_one_does_not_undo_a_newer_one() {
    let mut host = Host::loaded();
    // 5: a to b. 6: b back to a. 6 comes first.
    host.push(6, "b:1>a:1=0");
    assert_eq!(host.actions(), ["moved 6 b:1>a:1=0"], "it is there: no reload");
    host.push(5, "a:1>b:1=0-1");
    assert_eq!([0, 1].map(|slot| host.owner(slot)), ["a:1", "b:1"]);
    assert_eq!(host.actions(), ["moved 5 a:1>b:1=0-1"]);
    assert_eq!(host.cluster.next_deadline(), None);
    assert_eq!(host.cluster.counters().slots_superseded, 1);
}

/// Each way not to fit: what fits is patched all the same, the rest is left, one reload is asked for.
#[test]
fn c2_what_does_not_fit_asks_for_one_reload() {
    for (moves, why) in [
        ("x:1>b:1=5", "the source is not known"),
        ("b:1>c:1=5", "the source is not the owner"),
        ("a:1>b:1=300", "no owner"),
        ("a:1>b:1=5 a:1>c:1=5", "two destinations"),
        ("a:1>b:1=5 c:1>b:1=5", "two sources"),
    ] {
        let mut host = Host::loaded();
        let before = [host.owner(5), host.owner(300)];
        host.push(9, &format!("{moves} a:1>b:1=6"));
        host.push(9, &format!("{moves} a:1>b:1=6"));
        host.push(10, moves);
        assert_eq!([host.owner(5), host.owner(300)], before, "{why}");
        assert_eq!(host.owner(6), "b:1", "{why}");
        let told: Vec<String> = host.actions();
        assert!(told.len() == 2 && told.iter().all(|line| line.starts_with("moved")), "{why}: {told:?}");
        assert_eq!(host.wait(), [format!("reload {} attempt=1 seq=10", reason::UNFIT)], "{why}");
        assert_eq!(host.wait().len(), 0, "{why}: it has until its time");
        assert_eq!(host.cluster.counters().reloads_coalesced, 1);
    }
}

/// The obsolete pair form does not name the source: nobody knows whether it is still the owner.
#[test]
fn c2_without_a_source_one_reload() {
    let mut host = Host::loaded();
    let raw = ">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*2\r\n+b:1\r\n+0-5\r\n";
    assert!(host.cluster.handle_push(at(host.now), raw.as_bytes()));
    assert_eq!(host.owner(0), "a:1");
    assert_eq!(host.actions(), ["moved 1 ?>b:1=0-5"]);
    assert_eq!(host.wait(), [format!("reload {} attempt=1 seq=1", reason::UNFIT)]);
    // Where they are there already, nothing is to be loaded.
    let mut host = Host::loaded();
    let raw = ">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*2\r\n+b:1\r\n+100-105\r\n";
    assert!(host.cluster.handle_push(at(host.now), raw.as_bytes()));
    assert_eq!((host.actions().len(), host.cluster.next_deadline()), (1, None));
}

/// A destination that the map does not have: patched, dialled, and the map is loaded for its replicas.
#[test]
fn c2_a_new_destination_is_taken_and_the_map_loaded() {
    let mut host = Host::loaded();
    host.push(4, "a:1>[fd00::9]:6380=0-9");
    assert_eq!(host.owner(9), "[fd00::9]:6380");
    assert_eq!(host.actions(), ["moved 4 a:1>[fd00::9]:6380=0-9", "dial [fd00::9]:6380"]);
    assert_eq!(host.wait(), [format!("reload {} attempt=1 seq=4", reason::UNFIT)]);
}

/// ND-17: a destination that is known and has no slots, as a fresh replica or an empty master.
#[test]
fn nd_17_a_destination_without_slots() {
    let mut host = Host::loaded();
    host.push(4, "a:1>a2:1=0-9 x:1>b:1=10-19 a:1>c:1=20-29");
    assert_eq!([9, 15, 25].map(|slot| host.owner(slot)), ["a2:1", "a:1", "c:1"], "the rest is not given up");
    assert_eq!(host.actions()[1], "dial a2:1");
    assert_eq!(host.wait(), [format!("reload {} attempt=1 seq=4", reason::UNFIT)]);
}

/// GO-24, PY-18, N2: with nothing that can be read the map is loaded, once for each seq, whoever says so.
#[test]
fn n2_malformed_asks_for_one_reload() {
    for raw in [
        ">3\r\n+SMIGRATED\r\n:5\r\n*0\r\n",
        ">2\r\n+SMIGRATED\r\n:5\r\n",
        ">3\r\n+SMIGRATED\r\n:5\r\n*1\r\n*3\r\n+a:1\r\n+b:1\r\n+99999\r\n",
        ">3\r\n+SMIGRATED\r\n:5\r\n*1\r\n",
    ] {
        let mut host = Host::loaded();
        for _ in 0..2 {
            assert!(host.cluster.handle_push(at(host.now), raw.as_bytes()));
            host.cluster.handle_reload_asked(at(host.now), Some(5));
        }
        assert_eq!(host.actions(), Vec::<String>::new());
        assert_eq!(host.wait(), [format!("reload {} attempt=1 seq=5", reason::MALFORMED)], "{raw}");
        host.load(&THREE, Some(5));
        host.cluster.handle_reload_asked(at(host.now), Some(5));
        assert_eq!((host.actions().len(), host.cluster.next_deadline()), (0, None));
        assert_eq!(host.cluster.counters().malformed, 2);
    }
}

/// What can be read of it is applied.
#[test]
fn n2_half_of_it_counts() {
    let mut host = Host::loaded();
    let raw = ">3\r\n+SMIGRATED\r\n:5\r\n*2\r\n*3\r\n+a:1\r\n+b:1\r\n+7\r\n*3\r\n+a:1\r\n_\r\n+8\r\n";
    assert!(host.cluster.handle_push(at(host.now), raw.as_bytes()));
    assert_eq!([7, 8].map(|slot| host.owner(slot)), ["b:1", "a:1"]);
    assert_eq!(host.actions(), ["moved 5 a:1>b:1=7"]);
    assert_eq!(host.wait(), [format!("reload {} attempt=1 seq=5", reason::MALFORMED)]);
}

/// Without a seq nothing can be told apart: what changes nothing is not told.
#[test]
fn n3_without_a_seq_what_is_done_is_done() {
    let mut host = Host::loaded();
    let raw = ">2\r\n+SMIGRATED\r\n*1\r\n*3\r\n+a:1\r\n+b:1\r\n+7\r\n";
    for _ in 0..3 {
        assert!(host.cluster.handle_push(at(host.now), raw.as_bytes()));
    }
    assert_eq!(host.owner(7), "b:1");
    assert_eq!(host.actions(), ["moved - a:1>b:1=7"]);
}

/// A node that tells more of a seq than another one did: patched, not told twice, and loaded.
#[test]
fn c1_more_of_the_same_seq() {
    let mut host = Host::loaded();
    host.push(8, "a:1>b:1=0");
    host.push(8, "a:1>b:1=0-1");
    assert_eq!(host.owner(1), "b:1");
    assert_eq!(host.actions(), ["moved 8 a:1>b:1=0"]);
    assert_eq!(host.wait(), [format!("reload {} attempt=1 seq=8", reason::UNFIT)]);
}

/// GO-16: SMIGRATED during a reload. The reply may be older: what it undoes is done again.
#[test]
fn go_16_a_reload_does_not_undo_what_came_meanwhile() {
    let mut host = Host::loaded();
    host.push(1, "x:1>b:1=5");
    host.actions();
    assert_eq!(host.wait().len(), 1);
    host.push(2, "a:1>c:1=0-9");
    assert_eq!(host.owner(0), "c:1");
    host.load(&THREE, Some(1));
    assert_eq!(host.owner(0), "c:1");
    assert_eq!(host.actions(), ["moved 2 a:1>c:1=0-9"]);
    assert_eq!(host.cluster.next_deadline(), None, "it fits: no second reload");
    // One that is in the reply is not.
    host.push(3, "x:1>b:1=6");
    host.actions();
    host.now += 5000;
    host.wait();
    host.push(4, "a:1>c:1=10");
    host.load(&THREE, Some(4));
    assert_eq!(host.owner(10), "a:1");
}

/// GO-16: one that does not fit during a reload asks for another one after it.
#[test]
fn go_16_a_second_one_during_a_reload_is_not_dropped() {
    let mut host = Host::loaded();
    host.push(1, "x:1>b:1=5");
    host.actions();
    assert_eq!(host.wait().len(), 1);
    host.push(2, "x:1>c:1=6");
    assert_eq!(host.actions(), ["moved 2 x:1>c:1=6"]);
    host.load(&THREE, Some(1));
    let before = host.now;
    assert_eq!(host.wait(), [format!("reload {} attempt=1 seq=2", reason::UNFIT)]);
    assert!(host.now >= before + 1000, "reloads are spaced");
}

/// ND-19: addresses are translated in SMIGRATED, maps and redirections alike.
#[test]
fn nd_19_addresses_are_translated() {
    let mut host = Host::new();
    for (from, to) in [("10.0.0.1:6379", "nat:30001"), ("10.0.0.2:6379", "nat:30002"), ("10.0.0.3", "other")]
    {
        host.cluster.map_address(from, to).expect("fits");
    }
    host.load(&["0-9 10.0.0.1:6379", "10-19 10.0.0.2:6379"], None);
    assert_eq!([0, 10].map(|slot| host.owner(slot)), ["nat:30001", "nat:30002"]);
    host.actions();
    host.push(1, "10.0.0.1:6379>10.0.0.2:6379=5");
    assert_eq!(host.owner(5), "nat:30002");
    assert_eq!(host.actions(), ["moved 1 nat:30001>nat:30002=5"]);
    host.cluster.handle_moved(at(host.now), 6, &endpoint("10.0.0.3:1")).expect("a slot");
    assert_eq!(host.owner(6), "other:1");
    let asked = endpoint("nat:30001");
    let ask = host.cluster.handle_redirection(at(host.now), b"ASK 7 10.0.0.2:6379", &asked).expect("ASK");
    assert_eq!((ask.endpoint.to_string(), ask.node), ("nat:30002".to_owned(), host.cluster.owner(10)));
    let known = host.cluster.find_node(&endpoint("10.0.0.1:6379"));
    assert!(known.is_some() && known == host.cluster.find_node(&asked));
}

/// GO-13: nothing has to be switched on.
#[test]
fn go_13_the_defaults_reload() {
    let mut host = Host::with(ClusterConfig { limits: ClusterLimits::default(), ..ClusterConfig::default() });
    host.push(1, "a:1>b:1=0");
    assert_eq!(
        host.actions(),
        ["moved 1 a:1>b:1=0", "reload 1 attempt=1 seq=1 nobody"],
        "and the first at once"
    );
}

/// Before the first map all is repeated on what comes.
#[test]
fn go_16_smigrated_before_the_first_map() {
    let mut host = Host::new();
    host.cluster.ask_reload(at(host.now));
    assert_eq!(host.actions(), [format!("reload {} attempt=1 seq=- nobody", reason::HOST)]);
    host.push(1, "a:1>b:1=0");
    host.load(&THREE, None);
    assert_eq!(host.owner(0), "b:1");
    assert_eq!(host.cluster.counters().reloads, 1);
}

/// The host loads on its own account: what comes meanwhile is repeated on it, and what came before is in it.
#[test]
fn go_16_a_load_of_the_hosts_own() {
    let mut host = Host::new();
    assert_eq!(host.cluster.reload_started(at(host.now)), None);
    host.push(5, "a:1>b:1=0");
    host.load(&THREE, None);
    host.actions();
    assert_eq!((host.owner(0), host.cluster.counters().reloads), ("b:1".into(), 0));
    // It serves what was due, also what was about to be polled.
    host.now += 60_000;
    host.push(6, "x:1>b:1=1");
    host.actions();
    host.now += 1000;
    host.cluster.tick(at(host.now));
    assert_eq!(host.cluster.poll_action_if(|_| false), None);
    let seq = host.cluster.reload_started(at(host.now));
    assert_eq!(seq, Some(6));
    host.push(7, "a:1>c:1=2");
    host.load(&THREE, seq);
    assert_eq!([0, 2].map(|slot| host.owner(slot)), ["a:1", "c:1"]);
    host.push(5, "a:1>b:1=3");
    assert_eq!(host.owner(3), "a:1");
    assert_eq!((host.actions(), host.cluster.next_deadline()), (vec!["moved 7 a:1>c:1=2".into()], None));
    // A second one while the first is on its way: what the first brings may be too old for it.
    host.cluster.reload_started(at(host.now));
    host.cluster.reload_started(at(host.now));
    host.load(&THREE, None);
    assert_eq!(host.wait(), [format!("reload {} attempt=1 seq=7", reason::HOST)]);
}

#[test]
fn times_are_bounded_and_checked() {
    let bad = [
        ClusterConfig { backoff_min: Duration::ZERO, ..ClusterConfig::default() },
        ClusterConfig { backoff_max: Duration::from_millis(1), ..ClusterConfig::default() },
        ClusterConfig { reload_timeout: Duration::ZERO, ..ClusterConfig::default() },
        ClusterConfig { mark_age: Duration::from_secs(86_401), ..ClusterConfig::default() },
        ClusterConfig {
            limits: ClusterLimits { max_nodes: 0, ..ClusterLimits::default() },
            ..ClusterConfig::default()
        },
    ];
    assert!(bad.iter().all(|config| config.validate().is_err()));
    assert!(ClusterConfig::default().validate().is_ok());
}

/// The lines that wait.
fn said(cluster: &Cluster) -> Vec<String> {
    std::iter::from_fn(|| cluster.poll_log().map(|(level, line)| format!("{level:?} {line}"))).collect()
}

#[test]
fn v2_the_log_of_a_cluster_says_what_became_of_each_smigrated() {
    let mut host = Host::loaded();
    assert_eq!(said(&host.cluster), [""; 0], "off at first");
    host.cluster.set_log_level(Some(Level::Debug));
    host.push(7, "a:1>b:1=0,5-9");
    host.push(7, "a:1>b:1=0,5-9");
    host.push(6, "a:1>c:1=9-10 c:1>d:1=200");
    host.actions();
    let wanted = [
        "Info event=smigrated seq=7 patched=6 settled=0 superseded=0 unfit=0 stranger=false kept=false a:1>b:1=0,5-9",
        "Debug event=ignored seq=7 type=SMIGRATED why=duplicate loaded_seq=none",
        "Info event=smigrated seq=6 patched=2 settled=0 superseded=1 unfit=0 stranger=true kept=false \
         a:1>c:1=9-10 c:1>d:1=200",
        "Info event=reload-wanted reasons=unfit due_ms=30",
        "Info event=dial-node node=5 endpoint=d:1",
    ];
    assert_eq!(said(&host.cluster), wanted);
    host.wait();
    host.push(8, "b:1>a:1=9");
    host.cluster.reload_failed(at(host.now));
    host.cluster.set_log_level(Some(Level::Info));
    host.wait();
    host.push(9, "nobody:1>a:1=50");
    host.load(&THREE, Some(8));
    host.push(8, "b:1>a:1=8");
    host.actions();
    let wanted = [
        "Info event=reload seq=7 reasons=unfit attempt=1 endpoint=a:1",
        "Info event=smigrated seq=8 patched=1 settled=0 superseded=0 unfit=0 stranger=false kept=true b:1>a:1=9",
        "Warn event=reload-failed why=told retry_ms=54",
        "Info event=reload seq=8 reasons=failed attempt=2 endpoint=b:1",
        "Info event=smigrated seq=9 patched=0 settled=1 superseded=0 unfit=0 stranger=false kept=true \
         nobody:1>a:1=50",
        "Info event=loaded seq=8 nodes=4 ranges=3 overlaps=0 unreadable=0 replicas_left_out=0",
        "Info event=replayed seq=9 patched=0 unfit=0 nobody:1>a:1=50",
        "Info event=drain-node node=5 endpoint=d:1 gone=true",
    ];
    assert_eq!(said(&host.cluster), wanted);
}

#[test]
fn s1_the_log_of_a_cluster_says_which_limit_was_met() {
    let limits = ClusterLimits { max_nodes: 4, max_events: 1, ..ClusterLimits::default() };
    let mut host = Host::with(ClusterConfig { limits, ..ClusterConfig::default() });
    host.load(&THREE, None);
    host.cluster.set_log_level(Some(Level::Warn));
    for seq in 1..4 {
        host.push(seq, &format!("a:1>node{seq}:1={seq}"));
    }
    assert!(host.cluster.handle_push(at(host.now), b">3\r\n+SMIGRATED\r\n:9\r\n*1\r\n+no-moves\r\n"));
    let error = host.cluster.load_slots(at(host.now), b"-ERR secret words\r\n", &endpoint("a:1"), None);
    assert!(error.is_err());
    let wanted = [
        "Warn event=node-left-out endpoint=node1:1 limit=4",
        "Warn event=node-left-out endpoint=node2:1 limit=4",
        "Warn event=event-dropped what=slots-moved limit=1",
        "Warn event=node-left-out endpoint=node3:1 limit=4",
        "Warn event=event-dropped what=slots-moved limit=1",
        "Warn event=malformed seq=9 type=SMIGRATED",
        "Warn event=load-refused why=error-reply reply=ERR",
    ];
    assert_eq!(said(&host.cluster), wanted);
}
