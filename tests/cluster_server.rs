//! Key-to-slot, both replies and redirections against a real redis-server in cluster mode: what the server says is what is
//! looked up.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "these tests talk to a real server")]

#[path = "support/redis.rs"]
mod redis;

use redis::{Client, Redis};
use sch::cluster::{Cluster, ClusterConfig, Health, LoadError, key_slot};
use sch::endpoint::Endpoint;
use sch::time::Timestamp;
use std::time::{Duration, Instant};

const NOW: Timestamp = Timestamp::from_nanos(1);

fn start() -> Redis {
    Redis::start_with(&["--cluster-enabled", "yes"])
}

fn ask(client: &mut Client, command: &str) -> Vec<u8> {
    client.send(&[command]);
    client.reply()
}

/// Both replies, in both protocols.
fn all_replies(redis: &Redis) -> Vec<(bool, Vec<u8>)> {
    let mut out = Vec::new();
    for mut client in [redis.resp2(), redis.resp3()] {
        out.push((true, ask(&mut client, "CLUSTER SLOTS")));
        out.push((false, ask(&mut client, "CLUSTER SHARDS")));
    }
    out
}

fn load(is_slots: bool, reply: &[u8], asked: &Endpoint) -> Result<Cluster, LoadError> {
    let cluster = Cluster::new(ClusterConfig::default()).expect("a config that can work");
    let done = if is_slots {
        cluster.load_slots(NOW, reply, asked, None)
    } else {
        cluster.load_shards(NOW, reply, asked, None)
    };
    done.map(|()| cluster)
}

fn owner(cluster: &Cluster, slot: u16) -> String {
    let node = cluster.owner(slot).and_then(|id| cluster.node(id));
    node.map_or_else(|| "-".to_owned(), |node| node.endpoint.to_string())
}

#[test]
fn key_slot_is_that_of_the_server() {
    let redis = start();
    let mut client = redis.resp2();
    let mut keys: Vec<String> = [
        "foo",
        "{user1000}.following",
        "foo{}{bar}",
        "foo{{bar}}zap",
        "foo{bar}{zap}",
        "foo{bar",
        "foo}bar{",
        "a}b{c}d",
        "{}",
        "{",
        "}",
        "{a}",
        "{{}}",
        "x{}",
        "{}{x}",
        "\u{e9}\u{4e16}{\u{754c}}",
    ]
    .map(str::to_owned)
    .into();
    // Keys of each length, of all printable bytes but the blank, which parts the words here.
    let mut word = 1u64;
    keys.extend((0..500).map(|n: usize| {
        let letter = |_| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b"{}{}abcXYZ09!~-:"[(word >> 60) as usize])
        };
        (0..1 + n % 40).map(letter).collect::<String>()
    }));
    for key in &keys {
        client.call(&format!("CLUSTER KEYSLOT {key}"), &format!(":{}\r\n", key_slot(key.as_bytes())));
    }
    client.is_drained();
}

#[test]
fn a_node_without_slots_has_no_map() {
    let redis = start();
    let asked = Endpoint::new("127.0.0.1", redis.port()).expect("an endpoint");
    for (is_slots, reply) in all_replies(&redis) {
        assert_eq!(load(is_slots, &reply, &asked).map(|_| ()), Err(LoadError::NoSlots));
    }
}

/// Alone, a node does not know its address; with a name announced, there is one; told to keep it to itself, none.
#[test]
fn slots_and_shards_of_one_node_under_each_endpoint_type() {
    let redis = start();
    let mut client = redis.resp2();
    client.call("CLUSTER ADDSLOTSRANGE 0 100 200 300 16383 16383", "+OK\r\n");
    let asked = Endpoint::new("asked.example.com", 1).expect("an endpoint");
    let port = redis.port();
    for (settings, host) in [
        (&[][..], "asked.example.com"),
        (
            &["cluster-announce-hostname h.example.com", "cluster-preferred-endpoint-type hostname"][..],
            "h.example.com",
        ),
        (&["cluster-preferred-endpoint-type unknown-endpoint"][..], "asked.example.com"),
        (&["cluster-preferred-endpoint-type ip", "cluster-announce-ip ::1"][..], "[::1]"),
        (
            &["cluster-preferred-endpoint-type hostname", "cluster-announce-hostname "][..],
            "asked.example.com",
        ),
    ] {
        for setting in settings {
            client.call(&format!("CONFIG SET {setting}"), "+OK\r\n");
        }
        for (is_slots, reply) in all_replies(&redis) {
            let said = String::from_utf8_lossy(&reply).into_owned();
            let c = load(is_slots, &reply, &asked).expect(&said);
            // A name that is not known, `?`, and an address: that is the address.
            let host = if said.contains("$1\r\n?\r\n") { "[::1]" } else { host };
            for (slot, is_owned) in
                [(0, true), (100, true), (101, false), (200, true), (300, true), (16383, true)]
            {
                let wanted = if is_owned { format!("{host}:{port}") } else { "-".into() };
                assert_eq!(owner(&c, slot), wanted, "{slot} in {said:?}");
            }
            let counters = c.counters();
            assert_eq!((counters.overlaps, counters.unreadable), (0, 0), "{said:?}");
        }
    }
    // A command for a slot that nobody has.
    let error = ask(&mut client, "GET foo");
    assert_eq!(String::from_utf8_lossy(&error), "-CLUSTERDOWN Hash slot not served\r\n");
}

/// Asks until it is so, at most ten seconds.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what} does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Two owners and a replica: both replies agree, MOVED and ASK lead to the other node, as the map says.
#[test]
fn three_nodes_and_their_redirections() {
    let nodes = [start(), start(), start()];
    let mut clients = nodes.each_ref().map(Redis::resp2);
    for (client, epoch) in clients.iter_mut().zip(1..) {
        client.call(&format!("CLUSTER SET-CONFIG-EPOCH {epoch}"), "+OK\r\n");
    }
    clients[0].call("CLUSTER ADDSLOTSRANGE 0 8191", "+OK\r\n");
    clients[1].call("CLUSTER ADDSLOTSRANGE 8192 16383", "+OK\r\n");
    for other in &nodes[1..] {
        clients[0].call(&format!("CLUSTER MEET 127.0.0.1 {}", other.port()), "+OK\r\n");
    }
    let info = |client: &mut Client| String::from_utf8_lossy(&ask(client, "CLUSTER INFO")).into_owned();
    let ids = [0, 1].map(|n| {
        let id = ask(&mut clients[n], "CLUSTER MYID");
        String::from_utf8_lossy(&id).trim().lines().last().expect("an id").to_owned()
    });
    until("the cluster", || {
        clients.iter_mut().all(|client| {
            let info = info(client);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        })
    });
    clients[2].call(&format!("CLUSTER REPLICATE {}", ids[0]), "+OK\r\n");
    let asked = Endpoint::new("127.0.0.1", nodes[0].port()).expect("an endpoint");
    let at = |n: usize| format!("127.0.0.1:{}", nodes[n].port());
    until("the replica, online", || {
        all_replies(&nodes[0]).into_iter().all(|(is_slots, reply)| {
            load(is_slots, &reply, &asked).is_ok_and(|c| {
                let replica = c.replica(0, 0).and_then(|id| c.node(id));
                replica.is_some_and(|node| node.health == Health::Online)
            })
        })
    });
    for (is_slots, reply) in all_replies(&nodes[0]) {
        let c = load(is_slots, &reply, &asked).expect("a map");
        for (slot, n) in [(0, 0), (8191, 0), (8192, 1), (16383, 1)] {
            assert_eq!(owner(&c, slot), at(n));
        }
        let replica = c.replica(100, 0).and_then(|id| c.node(id)).expect("a replica");
        assert_eq!((replica.endpoint.to_string(), replica.slots), (at(2), 0));
        assert_eq!(c.replica(9000, 0), None);
        assert_eq!(c.nodes().len(), 3);
    }
    // "foo" is in slot 12182.
    let c = load(true, &ask(&mut clients[0], "CLUSTER SLOTS"), &asked).expect("a map");
    let moved = ask(&mut clients[0], "GET foo");
    let to = c.handle_redirection(NOW, &moved, &asked).expect("MOVED");
    assert_eq!((to.slot, to.is_ask, to.node), (12182, false, c.owner_of_key(b"foo")));
    assert_eq!(c.next_deadline(), None, "the map says the same");
    clients[1].call(&format!("CLUSTER SETSLOT 12182 MIGRATING {}", ids[0]), "+OK\r\n");
    clients[0].call(&format!("CLUSTER SETSLOT 12182 IMPORTING {}", ids[1]), "+OK\r\n");
    let error = ask(&mut clients[1], "GET foo");
    let to = c.handle_redirection(NOW, &error, &asked).expect("ASK");
    assert!(to.is_ask && to.slot == 12182 && to.node == c.owner(0), "{to:?}");
    assert_eq!(owner(&c, 12182), at(1), "not there yet");
    // The migration ends: the map is behind, the redirection mends the slot.
    for client in &mut clients[..2] {
        client.call(&format!("CLUSTER SETSLOT 12182 NODE {}", ids[0]), "+OK\r\n");
    }
    let moved = ask(&mut clients[1], "GET foo");
    c.handle_redirection(NOW, &moved, &asked).expect("MOVED");
    assert_eq!((owner(&c, 12182), owner(&c, 12183)), (at(0), at(1)));
    assert!(c.next_deadline().is_some(), "and a reload is asked for");
    let fresh = load(false, &ask(&mut clients[0], "CLUSTER SHARDS"), &asked).expect("a map");
    assert_eq!(owner(&fresh, 12182), at(0));
}
