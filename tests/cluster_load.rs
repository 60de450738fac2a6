//! CLUSTER SLOTS and CLUSTER SHARDS, in the forms that servers write (C2).

#[path = "support/cluster.rs"]
mod support;

use sch::cluster::{Cluster, ClusterConfig, Health, LoadError};
use support::{Host, THREE, array, at, bulk, endpoint, slots_reply};

fn cluster(tls: bool) -> Cluster {
    Cluster::new(ClusterConfig { tls, ..ClusterConfig::default() }).expect("a config that can work")
}

fn owner(cluster: &Cluster, slot: u16) -> String {
    cluster
        .owner(slot)
        .and_then(|id| cluster.node(id))
        .map_or_else(|| "-".to_owned(), |node| node.endpoint.to_string())
}

fn replicas(cluster: &Cluster, slot: u16) -> Vec<String> {
    (0..)
        .map_while(|nth| cluster.replica(slot, nth))
        .map(|id| cluster.node(id).expect("known").endpoint.to_string())
        .collect()
}

fn slots(cluster: &Cluster, reply: &str) -> Result<(), LoadError> {
    cluster.load_slots(at(1), reply.as_bytes(), &endpoint("seed:7000"), None)
}

fn shards(cluster: &Cluster, reply: &str) -> Result<(), LoadError> {
    cluster.load_shards(at(1), reply.as_bytes(), &endpoint("seed:7000"), None)
}

#[test]
fn slots_have_owners_and_replicas() {
    let mut host = Host::new();
    host.load(&THREE, None);
    let owners: Vec<String> = [0, 99, 100, 299, 300, 16383].map(|slot| host.owner(slot)).into();
    assert_eq!(owners, ["a:1", "a:1", "b:1", "c:1", "-", "-"]);
    assert_eq!(replicas(&host.cluster, 50), ["a2:1"]);
    assert_eq!(replicas(&host.cluster, 150), Vec::<String>::new());
    assert_eq!(replicas(&host.cluster, 400), Vec::<String>::new());
    let a = host.cluster.owner(0).and_then(|id| host.cluster.node(id)).expect("a node");
    assert_eq!((a.slots, a.is_listed, a.health), (100, true, Health::Online));
    // "foo" is in slot 12182, "b" in 3300.
    host.load(&["12182-12182 d:1"], None);
    assert_eq!(host.cluster.owner_of_key(b"x{foo}y"), host.cluster.owner(12182));
    assert!(host.cluster.owner_of_key(b"foo").is_some() && host.cluster.owner_of_key(b"b").is_none());
}

/// Null, empty and unknown hosts are that of the node that was asked, with the port of the reply; metadata may stand there,
/// as array or map, and more than is known.
#[test]
fn slots_without_a_host_are_on_the_node_that_was_asked() {
    for host in ["_\r\n", "$-1\r\n", "$0\r\n\r\n", "$1\r\n?\r\n"] {
        for metadata in
            ["", "*0\r\n", "%0\r\n", "*2\r\n$2\r\nip\r\n$0\r\n\r\n", "%1\r\n$8\r\nhostname\r\n_\r\n"]
        {
            let count = if metadata.is_empty() { 3 } else { 5 };
            let surplus = if metadata.is_empty() { "" } else { ":1\r\n" };
            let node = format!("*{count}\r\n{host}:7001\r\n$2\r\nid\r\n{metadata}{surplus}");
            let reply = format!("*1\r\n*3\r\n:0\r\n:16383\r\n{node}");
            let c = cluster(false);
            assert_eq!(slots(&c, &reply), Ok(()), "{reply:?}");
            assert_eq!(owner(&c, 16383), "seed:7001", "{reply:?}");
        }
    }
}

/// `?` says that the name is not known: an address in the metadata is the better answer, as all nodes may have one port.
#[test]
fn slots_with_an_unknown_name_and_an_address() {
    for metadata in ["*2\r\n$2\r\nip\r\n$8\r\n10.0.0.7\r\n", "%1\r\n$2\r\nip\r\n$8\r\n10.0.0.7\r\n"] {
        let c = cluster(false);
        let node = format!("*4\r\n$1\r\n?\r\n:7001\r\n$2\r\nid\r\n{metadata}");
        assert_eq!(slots(&c, &format!("*1\r\n*3\r\n:0\r\n:5\r\n{node}")), Ok(()));
        assert_eq!(owner(&c, 5), "10.0.0.7:7001");
    }
}

#[test]
fn slots_with_ipv6_and_numbers_as_text() {
    let c = cluster(false);
    let node = array(&[bulk("2001:DB8::1"), bulk("7001")]);
    assert_eq!(slots(&c, &array(&[array(&[bulk("0"), bulk("5"), node])])), Ok(()));
    assert_eq!(owner(&c, 5), "[2001:db8::1]:7001");
}

/// What cannot be read is left out, the rest counts; the first owner of a slot keeps it.
#[test]
fn slots_that_are_partly_broken() {
    let c = cluster(false);
    let reply = slots_reply(&[
        "0-9 a:1 b!d:1 b:1",
        "5-14 b:1",
        "20-16384 a:1",
        "30-29 a:1",
        "40-49 b!d:1",
        "50-59 a:0",
        "60-69 a:1 a:1 b:1",
    ]);
    assert_eq!(slots(&c, &reply), Ok(()));
    let owners: Vec<String> = [0, 9, 10, 14, 20, 29, 40, 50, 60].map(|slot| owner(&c, slot)).into();
    assert_eq!(owners, ["a:1", "a:1", "b:1", "b:1", "-", "-", "-", "-", "a:1"]);
    assert_eq!(replicas(&c, 0), ["b:1"], "each once, itself never");
    let counters = c.counters();
    assert_eq!((counters.overlaps, counters.unreadable, counters.loads), (5, 5, 1));
}

/// One node of CLUSTER SHARDS.
fn node(fields: &[(&str, &str)], resp3: bool) -> String {
    let mut out = if resp3 { format!("%{}\r\n", fields.len()) } else { format!("*{}\r\n", 2 * fields.len()) };
    for (name, value) in fields {
        out += &bulk(name);
        out += &match *value {
            "null" if resp3 => "_\r\n".to_owned(),
            "null" => "$-1\r\n".to_owned(),
            number if name.contains("port") => format!(":{number}\r\n"),
            text => bulk(text),
        };
    }
    out
}

fn shard(slots: &[u16], nodes: &[String], resp3: bool) -> String {
    let slots: Vec<String> = slots.iter().map(|slot| format!(":{slot}\r\n")).collect();
    let head = if resp3 { "%2\r\n" } else { "*4\r\n" };
    format!("{head}{}{}{}{}", bulk("slots"), array(&slots), bulk("nodes"), array(nodes))
}

#[test]
fn shards_in_resp2_and_resp3() {
    for resp3 in [false, true] {
        let all = |role, health, endpoint, port| {
            let fields = [
                ("id", "x"),
                ("port", port),
                ("tls-port", "9000"),
                ("ip", "10.0.0.1"),
                ("endpoint", endpoint),
                ("role", role),
                ("replication-offset", "72156"),
                ("health", health),
                ("surplus", "null"),
            ];
            node(&fields, resp3)
        };
        let reply = array(&[
            shard(
                &[0, 9, 20, 29],
                &[all("replica", "loading", "a2", "1"), all("master", "online", "a", "1")],
                resp3,
            ),
            shard(&[], &[all("master", "online", "empty", "1")], resp3),
            shard(
                &[10, 19],
                &[all("primary", "online", "::1", "2"), all("slave", "fail", "null", "3")],
                resp3,
            ),
        ]);
        let plain = cluster(false);
        assert_eq!(shards(&plain, &reply), Ok(()));
        let owners: Vec<String> = [0, 9, 20, 29, 10, 19, 30].map(|slot| owner(&plain, slot)).into();
        assert_eq!(owners, ["a:1", "a:1", "a:1", "a:1", "[::1]:2", "[::1]:2", "-"]);
        assert_eq!((replicas(&plain, 0), replicas(&plain, 15)), (vec!["a2:1".into()], vec!["seed:3".into()]));
        let health = |slot| plain.replica(slot, 0).and_then(|id| plain.node(id)).map(|node| node.health);
        assert_eq!((health(0), health(15)), (Some(Health::Loading), Some(Health::Failed)));
        let empty = plain.find_node(&endpoint("empty:1")).and_then(|id| plain.node(id)).expect("is known");
        assert_eq!((empty.slots, empty.is_listed), (0, true));
        // With TLS, the other port.
        let tls = cluster(true);
        assert_eq!(shards(&tls, &reply), Ok(()));
        assert_eq!((owner(&tls, 0), replicas(&tls, 0)), ("a:9000".into(), vec!["a2:9000".into()]));
    }
}

#[test]
fn shards_with_one_port_only() {
    for (tls, field) in [(false, "tls-port"), (true, "port")] {
        let c = cluster(tls);
        let one = node(&[(field, "7"), ("endpoint", "a"), ("role", "master")], true);
        assert_eq!(shards(&c, &array(&[shard(&[0, 5], &[one], true)])), Ok(()));
        assert_eq!(owner(&c, 5), "a:7");
    }
}

#[test]
fn shards_without_an_endpoint() {
    for (fields, wanted) in [
        (vec![("endpoint", "null"), ("ip", "10.0.0.1")], "seed:1"),
        (vec![("endpoint", ""), ("ip", "10.0.0.1")], "seed:1"),
        (vec![("endpoint", "?"), ("ip", "10.0.0.1")], "10.0.0.1:1"),
        (vec![("endpoint", "?"), ("hostname", "h"), ("ip", "10.0.0.1")], "h:1"),
        (vec![("endpoint", "?"), ("hostname", ""), ("ip", "")], "seed:1"),
        (vec![("ip", "10.0.0.1")], "10.0.0.1:1"),
        (vec![("ip", "")], "seed:1"),
    ] {
        let c = cluster(false);
        let fields: Vec<(&str, &str)> =
            fields.into_iter().chain([("port", "1"), ("role", "master")]).collect();
        assert_eq!(shards(&c, &array(&[shard(&[0, 5], &[node(&fields, true)], true)])), Ok(()));
        assert_eq!(owner(&c, 0), wanted, "{fields:?}");
    }
}

/// In the middle of a failover both call themselves master.
#[test]
fn of_two_masters_the_one_that_serves_is_the_owner() {
    let one = |name, health| {
        node(&[("port", "1"), ("endpoint", name), ("role", "master"), ("health", health)], true)
    };
    for nodes in [
        [one("dead", "fail"), one("new", "online")],
        [one("new", "online"), one("dead", "fail")],
        [one("new", "loading"), one("dead", "fail")],
    ] {
        let c = cluster(false);
        assert_eq!(shards(&c, &array(&[shard(&[0, 5], &nodes, true)])), Ok(()));
        assert_eq!(owner(&c, 0), "new:1");
    }
}

/// A reply that is no map changes nothing: the old map goes on.
#[test]
fn what_is_no_map_leaves_the_map_as_it_was() {
    let mut host = Host::new();
    host.load(&THREE, None);
    let good = slots_reply(&THREE);
    let c = &host.cluster;
    for reply in [
        "",
        "+OK\r\n",
        "*1\r\n+OK\r\n",
        "*1\r\n*1\r\n:0\r\n",
        "_\r\n",
        "%0\r\n",
        &good[..good.len() - 1],
        &format!("{good}+OK\r\n"),
        "*1\r\n*4\r\n$5\r\nslots\r\n*0\r\n$5\r\nnodes\r\n*0\r\n",
    ] {
        assert_eq!(slots(c, reply), Err(LoadError::NotAMap("CLUSTER SLOTS")), "{reply:?}");
    }
    for reply in ["+OK\r\n", "*1\r\n:1\r\n", &good, "*1\r\n%0\r\n"] {
        assert_eq!(shards(c, reply), Err(LoadError::NotAMap("CLUSTER SHARDS")), "{reply:?}");
    }
    let error = "-ERR unknown subcommand 'SHARDS'\r\n";
    assert_eq!(shards(c, error), Err(LoadError::ErrorReply("ERR unknown subcommand 'SHARDS'".into())));
    // A node that was reset, or does not know the others yet.
    assert_eq!(slots(c, "*0\r\n"), Err(LoadError::NoSlots));
    assert_eq!(shards(c, "*0\r\n"), Err(LoadError::NoSlots));
    assert_eq!(host.owner(150), "b:1");
    assert_eq!(host.cluster.counters().loads_refused, 16);
}

/// Every prefix of a reply, in every place a wrong byte: no panic, and no map but the whole one.
#[test]
fn s4_any_bytes_are_survived() {
    let one = node(&[("port", "1"), ("endpoint", "a"), ("role", "master"), ("health", "online")], true);
    let shards_reply = array(&[shard(&[0, 5], &[one], true)]);
    for (reply, is_slots) in [(slots_reply(&THREE), true), (shards_reply, false)] {
        for cut in 0..reply.len() {
            let c = cluster(false);
            let part = &reply[..cut];
            assert!(if is_slots { slots(&c, part) } else { shards(&c, part) }.is_err());
            for byte in [b'*', b'%', b'$', b':', b'-', b'_', b'9', 0, 255] {
                let mut wrong = reply.clone().into_bytes();
                wrong[cut] = byte;
                let _ = c.load_slots(at(1), &wrong, &endpoint("seed:1"), None);
                let _ = c.load_shards(at(1), &wrong, &endpoint("seed:1"), None);
            }
        }
    }
}
