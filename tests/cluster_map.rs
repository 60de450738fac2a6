//! C2: the slot map from CLUSTER SLOTS and CLUSTER SHARDS, in every form that servers give them.

use sch::cluster::{Cluster, ClusterAction, ClusterConfig, ClusterLimits};
use sch::endpoint::Endpoint;
use sch::error::Error;
use sch::time::Timestamp;

fn node(host: &str, port: u16) -> Endpoint {
    Endpoint::new(host, port).unwrap()
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

fn loaded(config: ClusterConfig, raw: &str) -> Cluster {
    let mut cluster = Cluster::new(config);
    cluster.handle_loaded(at(0), &node("asked", 7000), raw.as_bytes()).unwrap();
    cluster
}

fn owner(cluster: &Cluster, slot: u16) -> String {
    cluster.owner(slot).map_or("-".into(), ToString::to_string)
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

const SLOTS: &str = "*2\r\n\
    *4\r\n:0\r\n:8191\r\n*4\r\n$8\r\n10.0.0.1\r\n:6379\r\n$2\r\nid\r\n*0\r\n*4\r\n$8\r\n10.0.0.3\r\n:6379\r\n$2\r\nid\r\n*0\r\n\
    *3\r\n:8192\r\n:16383\r\n*4\r\n$8\r\n10.0.0.2\r\n:6379\r\n$2\r\nid\r\n*2\r\n$8\r\nhostname\r\n$1\r\nx\r\n";

#[test]
fn c2_cluster_slots() {
    let c = loaded(ClusterConfig::default(), SLOTS);
    assert_eq!((owner(&c, 0), owner(&c, 8191)), ("10.0.0.1:6379".into(), "10.0.0.1:6379".into()));
    assert_eq!((owner(&c, 8192), owner(&c, 16383)), ("10.0.0.2:6379".into(), "10.0.0.2:6379".into()));
    assert_eq!(c.replicas(5).map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.3:6379"]);
    assert_eq!(c.replicas(9000).count(), 0);
    assert_eq!(c.unowned_slots(), 0);
    assert_eq!(c.owner_of_key(b"foo"), c.owner(12182));
}

#[test]
fn c2_a_host_that_is_null_empty_or_a_question_mark_is_the_node_asked() {
    for host in ["$-1\r\n", "_\r\n", "$0\r\n\r\n", "$1\r\n?\r\n", "+?\r\n"] {
        let raw = format!("*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n{host}:6380\r\n");
        assert_eq!(owner(&loaded(ClusterConfig::default(), &raw), 3), "asked:6380", "{host:?}");
    }
}

#[test]
fn c2_ipv6_with_and_without_brackets() {
    for host in ["2001:db8::1", "[2001:db8::1]"] {
        let raw = format!("*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n{}:6380\r\n", bulk(host));
        assert_eq!(owner(&loaded(ClusterConfig::default(), &raw), 3), "[2001:db8::1]:6380");
    }
}

/// CLUSTER SHARDS: of maps (RESP3) or flat arrays (RESP2).
fn shards(map: bool) -> String {
    let open = |n: usize| if map { format!("%{n}\r\n") } else { format!("*{}\r\n", 2 * n) };
    let node = |endpoint: &str, role: &str, health: &str| {
        let mut out = open(6);
        for (key, value) in [
            ("id", bulk("abc")),
            ("port", ":6379\r\n".into()),
            ("tls-port", ":6390\r\n".into()),
            ("endpoint", bulk(endpoint)),
            ("role", bulk(role)),
            ("health", bulk(health)),
        ] {
            out += &bulk(key);
            out += &value;
        }
        out
    };
    let shard = |slots: &str, nodes: &[String]| {
        format!("{}{}{slots}{}*{}\r\n{}", open(2), bulk("slots"), bulk("nodes"), nodes.len(), nodes.concat())
    };
    let all = [
        shard(
            "*4\r\n:0\r\n:99\r\n:200\r\n:300\r\n",
            &[node("a", "replica", "online"), node("b", "master", "online"), node("c", "replica", "failed")],
        ),
        shard("*2\r\n:100\r\n:199\r\n", &[node("d", "master", "online")]),
        shard("*0\r\n", &[node("e", "master", "online")]),
    ];
    format!("*{}\r\n{}", all.len(), all.concat())
}

#[test]
fn c2_cluster_shards_as_maps_and_as_flat_arrays() {
    for map in [true, false] {
        let c = loaded(ClusterConfig::default(), &shards(map));
        assert_eq!((owner(&c, 0), owner(&c, 250)), ("b:6379".into(), "b:6379".into()), "map: {map}");
        assert_eq!((owner(&c, 100), owner(&c, 301)), ("d:6379".into(), "-".into()));
        assert_eq!(c.replicas(0).map(ToString::to_string).collect::<Vec<_>>(), ["a:6379"]);
    }
    let tls = loaded(ClusterConfig { tls: true, ..ClusterConfig::default() }, &shards(true));
    assert_eq!(owner(&tls, 0), "b:6390");
}

#[test]
fn c2_what_is_no_map_is_an_error_and_changes_nothing() {
    let mut c = loaded(ClusterConfig::default(), SLOTS);
    for raw in [
        "",
        "+OK\r\n",
        "-ERR This instance has cluster support disabled\r\n",
        "*0\r\n",
        "*1\r\n:5\r\n",
        "*2\r\n*3\r\n",
    ] {
        let error = c.handle_loaded(at(1), &node("asked", 1), raw.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::NotASlotMap(_)), "{raw:?}: {error}");
        assert_eq!(owner(&c, 0), "10.0.0.1:6379");
    }
}

#[test]
fn c2_garbage_of_any_kind_does_no_harm() {
    let whole = shards(true);
    for cut in 0..whole.len() {
        let mut c = Cluster::new(ClusterConfig::default());
        let _ = c.handle_loaded(at(0), &node("asked", 1), &whole.as_bytes()[..cut]);
        let mut bytes = whole.clone().into_bytes();
        bytes[cut] ^= 0x15;
        let _ = c.handle_loaded(at(0), &node("asked", 1), &bytes);
    }
}

#[test]
fn s1_max_nodes_max_reply_bytes_and_max_reply_elements() {
    let limit = |limits: ClusterLimits| {
        let mut c = Cluster::new(ClusterConfig { limits, ..ClusterConfig::default() });
        match c.handle_loaded(at(0), &node("asked", 1), SLOTS.as_bytes()) {
            Err(Error::Limit { limit, .. }) => limit,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(limit(ClusterLimits { max_nodes: 2, ..ClusterLimits::default() }), "max_nodes");
    assert_eq!(limit(ClusterLimits { max_reply_bytes: 64, ..ClusterLimits::default() }), "max_reply_bytes");
    assert_eq!(limit(ClusterLimits { max_reply_elements: 4, ..ClusterLimits::default() }), "max_reply_bytes");
    let mut c = loaded(
        ClusterConfig { limits: ClusterLimits { max_nodes: 3, ..Default::default() }, ..Default::default() },
        SLOTS,
    );
    // At the limit a new node cannot be known: the map is loaded again instead.
    c.handle_redirected(at(1), 5, &node("new", 1)).unwrap();
    assert_eq!((owner(&c, 5), c.counters().reloads_wanted), ("10.0.0.1:6379".into(), 1));
}

#[test]
fn c3_new_nodes_are_dialled_and_those_gone_drained_once() {
    let mut c = loaded(ClusterConfig::default(), SLOTS);
    let mut said = Vec::new();
    while let Some(action) = c.poll_action() {
        said.push(action);
    }
    let dial = |host: &str| ClusterAction::DialNode { node: node(host, 6379) };
    let drain = |host: &str| ClusterAction::DrainNode { node: node(host, 6379) };
    assert_eq!(said, [dial("10.0.0.1"), dial("10.0.0.2")], "a replica is dialled when the host likes");
    c.handle_loaded(at(1), &node("asked", 1), SLOTS.as_bytes()).unwrap();
    assert_eq!(c.poll_action(), None, "nothing new");
    let moved = SLOTS.replace("10.0.0.2", "10.0.0.4");
    c.handle_loaded(at(2), &node("asked", 1), moved.as_bytes()).unwrap();
    assert_eq!(c.poll_action(), Some(drain("10.0.0.2")));
    assert_eq!(c.poll_action(), Some(dial("10.0.0.4")));
    assert_eq!(c.poll_action(), None);
}

#[test]
fn nd_19_addresses_are_mapped_in_maps_and_in_smigrated() {
    let mut c = Cluster::new(ClusterConfig::default());
    c.add_mapping(node("10.0.0.1", 6379), node("localhost", 16379)).unwrap();
    c.add_mapping(node("10.0.0.9", 6379), node("localhost", 16389)).unwrap();
    c.handle_loaded(at(0), &node("asked", 1), SLOTS.as_bytes()).unwrap();
    assert_eq!(owner(&c, 5), "localhost:16379");
    let push = b">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*3\r\n+10.0.0.1:6379\r\n+10.0.0.9:6379\r\n+0-5\r\n";
    let parsed = sch::notification::parse(push, &Default::default()).unwrap();
    let sch::notification::Body::SlotMoves(moves) = parsed.notification.body else { panic!() };
    c.handle_slots_moved(at(1), Some(1), &moves);
    assert_eq!((owner(&c, 5), owner(&c, 6)), ("localhost:16389".into(), "localhost:16379".into()));
    let limits = ClusterLimits { max_mappings: 1, ..Default::default() };
    let mut small = Cluster::new(ClusterConfig { limits, ..Default::default() });
    small.add_mapping(node("a", 1), node("b", 1)).unwrap();
    small.add_mapping(node("a", 1), node("c", 1)).unwrap();
    assert!(matches!(
        small.add_mapping(node("d", 1), node("e", 1)),
        Err(Error::Limit { limit: "max_mappings", .. })
    ));
}
