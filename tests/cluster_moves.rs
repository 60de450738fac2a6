//! C1 to C3: what SMIGRATED, MOVED and a reload do to the map, and what the host is told.

use sch::cluster::{Cluster, ClusterAction, ClusterConfig, ClusterLimits};
use sch::endpoint::Endpoint;
use sch::error::Error;
use sch::notification::{self, Body, SlotMove};
use sch::time::Timestamp;

fn node(host: &str) -> Endpoint {
    Endpoint::new(host, 1).unwrap()
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

/// Slots 0 to 99 of a, 100 to 199 of b.
const MAP: &str = "*2\r\n*3\r\n:0\r\n:99\r\n*2\r\n+a\r\n:1\r\n*3\r\n:100\r\n:199\r\n*2\r\n+b\r\n:1\r\n";

fn cluster_of(config: ClusterConfig) -> Cluster {
    let mut c = Cluster::new(config);
    c.handle_loaded(at(0), &node("a"), MAP.as_bytes()).unwrap();
    said(&mut c);
    c
}

fn cluster() -> Cluster {
    cluster_of(ClusterConfig::default())
}

fn moves(text: &str) -> Vec<SlotMove> {
    let entries: Vec<String> = text
        .split(' ')
        .map(|entry| {
            let words: Vec<&str> = entry.split('>').collect();
            format!("*{}\r\n{}", words.len(), words.iter().map(|w| format!("+{w}\r\n")).collect::<String>())
        })
        .collect();
    let push = format!(">3\r\n+SMIGRATED\r\n:1\r\n*{}\r\n{}", entries.len(), entries.concat());
    match notification::parse(push.as_bytes(), &Default::default()).unwrap().notification.body {
        Body::SlotMoves(moves) => moves,
        other => panic!("{other:?}"),
    }
}

fn said(c: &mut Cluster) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(action) = c.poll_action() {
        out.push(match action {
            ClusterAction::Reload { attempt } => format!("reload {attempt}"),
            ClusterAction::SlotsMoved { seq, moves } => format!("moved {seq:?} {}", moves.len()),
            ClusterAction::DialNode { node } => format!("dial {node}"),
            ClusterAction::DrainNode { node } => format!("drain {node}"),
            ClusterAction::MoveSubscription { channel, from, to } => format!(
                "subscription {} {} {to}",
                String::from_utf8_lossy(&channel),
                from.map_or("-".into(), |f| f.to_string())
            ),
            other => panic!("{other:?}"),
        });
    }
    out
}

fn owner(c: &Cluster, slot: u16) -> String {
    c.owner(slot).map_or("-".into(), |e| e.host.clone())
}

/// When the next reload is asked, if one is wanted.
fn reload(c: &mut Cluster) -> Option<u64> {
    let due = c.next_deadline()?;
    c.handle_tick(due);
    assert!(said(c).iter().any(|s| s.starts_with("reload")));
    Some(due.as_nanos() / 1_000_000)
}

#[test]
fn c1_each_smigrated_acts_once_whichever_nodes_tell_it() {
    let mut c = cluster();
    for _ in 0..5 {
        c.handle_slots_moved(at(10), Some(7), &moves("a:1>b:1>0-9"));
    }
    assert_eq!(said(&mut c), ["moved Some(7) 1"]);
    assert_eq!((owner(&c, 9), owner(&c, 10)), ("b".into(), "a".into()));
    assert_eq!(c.next_deadline(), None, "no reload");
    assert_eq!(c.counters().smigrated_duplicate, 4);
    // seq 0 is a number like any other.
    c.handle_slots_moved(at(11), Some(0), &moves("a:1>b:1>10"));
    assert_eq!(said(&mut c), ["moved Some(0) 1"]);
    // Without one, the same moves are the same for a while.
    c.handle_slots_moved(at(20), None, &moves("a:1>b:1>11"));
    c.handle_slots_moved(at(30), None, &moves("a:1>b:1>11"));
    assert_eq!(said(&mut c), ["moved None 1"]);
}

#[test]
fn c2_patched_only_where_the_map_names_the_source_as_owner() {
    for (text, why) in [
        ("x:1>b:1>0-9", "unknown source"),
        ("b:1>c:1>0-9", "not the owner"),
        ("a:1>b:1>95-105 b:1>a:1>95", "named twice"),
        ("a:1>b:1>300", "nobody's slot"),
        ("b:1>0-9", "a pair, without source"),
    ] {
        let mut c = cluster();
        c.handle_slots_moved(at(10), Some(1), &moves(text));
        assert!(reload(&mut c).is_some(), "{why}: no reload is wanted");
    }
    let mut c = cluster();
    c.handle_slots_moved(at(10), Some(1), &moves("a:1>b:1>90-105"));
    assert_eq!((owner(&c, 90), owner(&c, 105)), ("b".into(), "b".into()), "what fits is patched");
    assert_eq!(c.next_deadline(), None, "and the rest is so already");
}

#[test]
fn c2_one_reload_however_many_want_it_and_again_if_wanted_meanwhile() {
    let mut c = cluster();
    for seq in 0..20 {
        c.handle_slots_moved(at(10), Some(seq), &moves("x:1>b:1>0-9"));
    }
    c.handle_reload_wanted(at(11), Some(99));
    c.handle_redirected(at(12), 5, &node("b")).unwrap();
    let asked = reload(&mut c).unwrap();
    assert!((10..=1010).contains(&asked), "{asked}");
    // GO-16: one that comes while the reply is on its way is not forgotten.
    c.handle_slots_moved(at(asked + 1), Some(50), &moves("y:1>b:1>0-9"));
    c.handle_loaded(at(asked + 2), &node("a"), MAP.as_bytes()).unwrap();
    let again = reload(&mut c).unwrap();
    c.handle_loaded(at(again + 2), &node("a"), MAP.as_bytes()).unwrap();
    assert_eq!(c.next_deadline(), None);
    assert_eq!(c.counters().reloads_asked, 2);
}

#[test]
fn c2_a_reload_that_fails_is_tried_again_with_backoff() {
    let mut c = cluster();
    c.handle_reload_wanted(at(0), None);
    let mut last = reload(&mut c).unwrap();
    let mut pauses = Vec::new();
    for _ in 0..10 {
        c.handle_load_failed(at(last));
        let next = reload(&mut c).unwrap();
        pauses.push(next - last);
        last = next;
    }
    for (pause, least) in pauses.iter().zip([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]) {
        assert!((least..=least * 5 / 4 + 1).contains(pause), "{pauses:?}");
    }
    // Neither loaded nor failed: it has failed after 30 s.
    let due = c.next_deadline().unwrap();
    assert_eq!(
        due,
        at(last)
            + std::time::Duration::from_secs(30)
            + std::time::Duration::from_nanos(due.as_nanos() % 1_000_000)
    );
    c.handle_tick(due);
    assert!(reload(&mut c).is_some());
}

#[test]
fn c2_what_comes_while_the_reply_is_on_its_way_is_patched_onto_it() {
    let mut c = cluster();
    c.handle_asked(at(100));
    c.handle_slots_moved(at(101), Some(5), &moves("a:1>c:1>0-9"));
    // The reply is older than the SMIGRATED.
    c.handle_loaded(at(102), &node("b"), MAP.as_bytes()).unwrap();
    assert_eq!(owner(&c, 0), "c");
    assert_eq!(c.next_deadline(), None);
    // Or newer: then there is nothing to do.
    let newer = MAP.replace(
        "*2\r\n*3\r\n:0\r\n:99\r\n",
        "*3\r\n*3\r\n:0\r\n:9\r\n*2\r\n+c\r\n:1\r\n*3\r\n:10\r\n:99\r\n",
    );
    c.handle_asked(at(200));
    c.handle_slots_moved(at(201), Some(6), &moves("a:1>c:1>10"));
    c.handle_loaded(at(202), &node("b"), newer.as_bytes()).unwrap();
    assert_eq!((owner(&c, 9), owner(&c, 10), owner(&c, 11)), ("c".into(), "c".into(), "a".into()));
    assert_eq!(c.next_deadline(), None);
}

#[test]
fn c2_an_older_smigrated_than_the_map_changes_nothing_until_the_mark_ages() {
    let mut c = cluster();
    c.handle_slots_moved(at(10), Some(9), &moves("a:1>b:1>0"));
    c.handle_asked(at(20));
    c.handle_loaded(at(21), &node("a"), MAP.as_bytes()).unwrap(); // it has moved back since
    said(&mut c);
    c.handle_slots_moved(at(30), Some(8), &moves("a:1>b:1>1"));
    assert_eq!(owner(&c, 1), "a");
    assert_eq!((c.next_deadline(), c.counters().smigrated_in_the_map), (None, 1));
    // A server that counts anew is believed again after ten minutes.
    c.handle_slots_moved(at(600_022), Some(3), &moves("a:1>b:1>1"));
    assert_eq!(owner(&c, 1), "b");
}

#[test]
fn c3_nodes_and_sharded_subscriptions_of_moved_slots_are_named() {
    let mut c = cluster();
    let slot = sch::cluster::key_slot(b"{x}news");
    let map = MAP.replace(":100\r\n:199", ":100\r\n:16383");
    c.handle_loaded(at(1), &node("a"), map.as_bytes()).unwrap();
    c.add_channel(b"{x}news").unwrap();
    c.add_channel(b"{x}sport").unwrap();
    c.add_channel(b"elsewhere").unwrap();
    said(&mut c);
    c.handle_slots_moved(at(10), Some(1), &moves(&format!("b:1>c:1>{slot}")));
    assert_eq!(
        said(&mut c),
        ["moved Some(1) 1", "dial c:1", "subscription {x}news b:1 c:1", "subscription {x}sport b:1 c:1"]
    );
    c.remove_channel(b"{x}sport");
    c.handle_slots_moved(at(11), Some(2), &moves(&format!("c:1>a:1>{slot}")));
    assert_eq!(said(&mut c), ["moved Some(2) 1", "subscription {x}news c:1 a:1", "drain c:1"]);
    c.handle_redirected(at(12), slot, &node("d")).unwrap();
    assert_eq!(said(&mut c), ["dial d:1", "subscription {x}news a:1 d:1"]);
}

#[test]
fn go_14_a_redirection_patches_one_slot_and_asks_for_one_reload() {
    let mut c = cluster();
    c.handle_redirected(at(1), 5, &node("b")).unwrap();
    assert_eq!((owner(&c, 5), owner(&c, 6)), ("b".into(), "a".into()));
    c.handle_redirected(at(2), 5, &node("b")).unwrap();
    c.handle_redirected(at(2), 6, &node("b")).unwrap();
    assert_eq!(c.counters().reloads_wanted, 1);
    assert!(c.handle_redirected(at(3), 16384, &node("b")).is_err());
}

#[test]
fn s1_max_channels_max_marks_and_max_actions() {
    let limits = ClusterLimits { max_channels: 1, max_marks: 2, max_actions: 3, ..Default::default() };
    let mut c = cluster_of(ClusterConfig { limits, ..Default::default() });
    c.add_channel(b"one").unwrap();
    c.add_channel(b"one").unwrap();
    assert!(matches!(c.add_channel(b"two"), Err(Error::Limit { limit: "max_channels", .. })));
    for seq in 0..3 {
        c.handle_slots_moved(at(seq), Some(seq), &moves("a:1>b:1>0"));
    }
    c.handle_slots_moved(at(9), Some(0), &moves("a:1>b:1>0"));
    assert_eq!(c.counters().smigrated_duplicate, 0, "the oldest mark gave way");
    assert_eq!((said(&mut c).len(), c.counters().actions_dropped), (3, 1));
}

#[test]
fn the_same_inputs_give_the_same_actions() {
    let play = || {
        let mut c = cluster();
        c.handle_reload_wanted(at(3), None);
        c.handle_slots_moved(at(4), Some(1), &moves("a:1>z:1>0-99"));
        let due = c.next_deadline();
        (said(&mut c), due)
    };
    assert_eq!(play(), play());
    assert!(play().0.contains(&"drain a:1".to_owned()));
}
