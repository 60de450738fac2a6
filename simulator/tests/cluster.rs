//! Slots, redirections, and slots that move with their keys, in front of embedded data sets.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod common;
use common::{Sim, Smart, until, writes_while_slots_go_round};

/// Slots 0-5461 at a (`b` is 3300), 5462-10922 at b (`c` is 7365), the rest at c (`a` is 15495).
fn cluster() -> Sim {
    Sim::start(&["--cluster", "3"])
}

fn moved(sim: &Sim, slot: u16, to: &str) -> String {
    format!("-MOVED {slot} {}\r\n", sim.address(to))
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// Waits until the node answers what is wanted.
fn until_reply(sim: &Sim, node: &str, args: &[&str], wanted: &str) {
    let mut c = sim.client(node);
    until(wanted, || (c.ask(args) == wanted).then_some(()));
}

#[test]
fn cluster_slots_shards_and_nodes_show_every_slot_with_its_owner() {
    let sim = cluster();
    let mut c = sim.client("b");
    let slots = c.ask(&["CLUSTER", "SLOTS"]);
    let entry = |from: u16, to: u16, name: &str| {
        let at = sim.address(name);
        let port = at.rsplit(':').next().expect("a port").to_string();
        let mut node = sim.client(name);
        let id = node.ask(&["CLUSTER", "MYID"]);
        assert_eq!(id.len(), 40 + 7, "{id}");
        format!("*3\r\n:{from}\r\n:{to}\r\n*4\r\n$9\r\n127.0.0.1\r\n:{port}\r\n{id}*0\r\n")
    };
    let wanted =
        ["*3\r\n", &entry(0, 5461, "a"), &entry(5462, 10922, "b"), &entry(10923, 16383, "c")].concat();
    assert_eq!(slots, wanted);
    for frame in ["*2\r\n:5462\r\n:10922\r\n", "$6\r\nmaster\r\n", "$6\r\nonline\r\n"] {
        assert!(c.ask(&["CLUSTER", "SHARDS"]).contains(frame), "{frame}");
    }
    let nodes = c.ask(&["CLUSTER", "NODES"]);
    let mine = nodes.lines().find(|l| l.contains("myself,master")).expect("the node itself");
    assert!(mine.contains(&sim.address("b")) && mine.ends_with("connected 5462-10922"), "{mine}");
    assert!(c.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
    let info = c.ask(&["INFO"]);
    assert!(info.contains("redis_mode:cluster") && info.contains("cluster_enabled:1"), "{info}");
    assert!(c.ask(&["HELLO", "3"]).contains("$4\r\nmode\r\n$7\r\ncluster\r\n"));
    // Cluster clients ask where the keys are.
    let incr = "*10\r\n$4\r\nincr\r\n:2\r\n*1\r\n+write\r\n:1\r\n:1\r\n:1\r\n";
    assert!(c.ask(&["COMMAND"]).contains(incr));
    assert!(c.ask(&["COMMAND", "INFO", "incr", "nothing"]).starts_with(&format!("*2\r\n{incr}")));
    assert_eq!(c.ask(&["CLUSTER", "KEYSLOT", "foo{b}bar"]), ":3300\r\n");
    assert_eq!(c.ask(&["SELECT", "1"]), "-ERR SELECT is not allowed in cluster mode\r\n");
    let alone = Sim::start(&[]);
    assert!(alone.client("a").ask(&["CLUSTER", "SLOTS"]).starts_with("-ERR This instance has cluster"));
}

#[test]
fn a_command_for_another_nodes_slot_is_moved_and_keys_of_two_slots_are_refused() {
    let sim = cluster();
    let mut a = sim.client("a");
    assert_eq!(a.ask(&["SET", "b", "1"]), "+OK\r\n");
    assert_eq!(a.ask(&["GET", "c"]), moved(&sim, 7365, "b"));
    assert_eq!(a.ask(&["WATCH", "a"]), moved(&sim, 15495, "c"));
    assert_eq!(a.ask(&["BLPOP", "a", "0"]), moved(&sim, 15495, "c"));
    assert_eq!(a.ask(&["SSUBSCRIBE", "a"]), moved(&sim, 15495, "c"));
    assert_eq!(a.ask(&["SPUBLISH", "a", "x"]), moved(&sim, 15495, "c"));
    let cross = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
    assert_eq!(a.ask(&["MGET", "b", "c"]), cross);
    assert_eq!(a.ask(&["MSET", "{b}1", "x", "{b}2", "y"]), "+OK\r\n");
    assert_eq!(a.ask(&["MGET", "{b}1", "{b}2"]), "*2\r\n$1\r\nx\r\n$1\r\ny\r\n");
    // Each node has its own data.
    assert_eq!(a.ask(&["DBSIZE"]), ":3\r\n");
    assert_eq!(sim.client("b").ask(&["DBSIZE"]), ":0\r\n");
    // A redirection inside MULTI spoils it; so do commands for two slots of the same node.
    assert_eq!(a.ask(&["MULTI"]) + &a.ask(&["GET", "c"]), "+OK\r\n".to_string() + &moved(&sim, 7365, "b"));
    assert!(a.ask(&["EXEC"]).starts_with("-EXECABORT"));
    for args in [&["MULTI"][..], &["GET", "b"], &["GET", "hello"]] {
        assert!(a.ask(args).starts_with('+'));
    }
    assert_eq!(a.ask(&["EXEC"]), cross);
    assert_eq!(Smart::new(&sim).ask(&["SET", "c", "2"]), "+OK\r\n");
}

#[test]
fn slots_that_move_take_their_keys_and_lives_along() {
    let sim = cluster();
    let mut a = sim.client("a");
    for args in
        [&["SET", "b", "v", "EX", "100"][..], &["RPUSH", "{b}l", "1", "2"], &["SET", "hello", "stays"]]
    {
        assert!(a.ask(args).starts_with([':', '+']));
    }
    sim.post("/v1/slots", r#"{"moves":[["a","c","3300"]],"ms":0}"#);
    assert_eq!(sim.wait_event("slots_moved")["keys"], 2);
    assert_eq!(a.ask(&["GET", "b"]), moved(&sim, 3300, "c"));
    assert_eq!(a.ask(&["GET", "hello"]), bulk("stays"));
    assert_eq!(a.ask(&["DBSIZE"]), ":1\r\n");
    let mut c = sim.client("c");
    assert_eq!(c.ask(&["GET", "b"]) + &c.ask(&["TTL", "b"]), bulk("v") + ":100\r\n");
    assert_eq!(c.ask(&["LRANGE", "{b}l", "0", "-1"]), "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    // The same slot goes on from there.
    sim.wait_event("smigrated");
    sim.post("/v1/slots", r#"{"moves":[["c","b","all"]],"ms":0}"#);
    until_reply(&sim, "b", &["GET", "b"], &bulk("v"));
    let (_, list) = sim.http("GET", "/v1/endpoints", "");
    let slots: Vec<_> =
        list["endpoints"].as_array().expect("endpoints").iter().map(|e| &e["slots"]).collect();
    assert_eq!(slots, ["0-3299,3301-5461", "3300,5462-16383", ""]);
}

#[test]
fn no_write_is_lost_or_done_twice_while_slots_move() {
    let sim = cluster();
    writes_while_slots_go_round(&sim, &["b", "c", "a"], &["x{b}", "x{c}"]);
}

#[test]
fn every_node_announces_with_the_same_number_first_smigrating_then_smigrated() {
    let sim = cluster();
    let mut all = ["a", "b", "c"].map(|n| sim.opted(n, "internal-ip"));
    let mut deaf = sim.client("a");
    let answer = sim.post("/v1/slots", r#"{"moves":[["a","b","0-99,3300"],["c","b","16383"]],"ms":1500}"#);
    assert_eq!((&answer["seq"], &answer["sent"]), (&0.into(), &3.into()));
    // Who opts in now is told what is in progress.
    let mut late = sim.opted("c", "none");
    let starter = ">3\r\n$10\r\nSMIGRATING\r\n:0\r\n$15\r\n0-99,3300,16383\r\n";
    assert_eq!(late.frame(), starter);
    let (a, b, c) = (sim.address("a"), sim.address("b"), sim.address("c"));
    let triplet = |from: &str, slots: &str| format!("*3\r\n{}{}{}", bulk(from), bulk(&b), bulk(slots));
    let terminator =
        format!(">3\r\n$9\r\nSMIGRATED\r\n:1\r\n*2\r\n{}{}", triplet(&a, "0-99,3300"), triplet(&c, "16383"));
    for client in &mut all {
        assert_eq!(client.frame(), starter);
        assert_eq!(client.frame(), terminator);
        // Announced is done.
        assert!(client.ask(&["CLUSTER", "SLOTS"]).starts_with("*7\r\n*3\r\n:0\r\n:99\r\n"));
    }
    assert_eq!(late.frame(), terminator);
    assert_eq!(deaf.ask(&["PING"]), "+PONG\r\n");
    let mut after = sim.opted("c", "none");
    assert_eq!(after.ask(&["PING"]), "+PONG\r\n", "nothing is in progress any more");
}

#[test]
fn smigrating_from_the_source_only_and_smigrated_from_everyone() {
    let sim = cluster();
    let (mut a, mut b) = (sim.opted("a", "none"), sim.opted("b", "none"));
    let body = r#"{"moves":[["a","c","0"]],"ms":0,"announce":"source","simple":true,"form":"pairs",
        "seq":93,"smigrated_seq":94}"#;
    assert_eq!(sim.post("/v1/slots", body)["sent"], 1);
    assert_eq!(a.frame(), ">3\r\n+SMIGRATING\r\n:93\r\n+0\r\n");
    let terminator = format!(">3\r\n+SMIGRATED\r\n:94\r\n*1\r\n*2\r\n+{}\r\n+0\r\n", sim.address("c"));
    assert_eq!(a.frame(), terminator);
    assert_eq!(b.frame(), terminator);
}

#[test]
fn a_move_may_be_silent_at_its_start_at_its_end_or_at_both() {
    let sim = cluster();
    let mut a = sim.opted("a", "none");
    sim.post("/v1/slots", r#"{"moves":[["a","c","3300"]],"ms":0,"terminator":false}"#);
    assert!(a.frame().contains("SMIGRATING"));
    until_reply(&sim, "a", &["GET", "b"], &moved(&sim, 3300, "c"));
    until("the end of the first move", || {
        let body = r#"{"moves":[["a","c","0"]],"ms":0,"starter":false}"#;
        (sim.http("POST", "/v1/slots", body).0 == 200).then_some(())
    });
    assert!(a.frame().contains("SMIGRATED"));
    assert_eq!(sim.opted("a", "none").ask(&["PING"]), "+PONG\r\n", "nothing is kept of a move that is over");
}

#[test]
fn keys_that_went_ahead_of_their_slot_are_asked_for_at_the_destination() {
    let sim = cluster();
    let mut a = sim.client("a");
    a.ask(&["MSET", "{b}1", "x", "{b}2", "y", "{b}3", "z"]);
    sim.post("/v1/slots", r#"{"moves":[["a","c","3300"]],"ms":0,"one_by_one_ms":5000}"#);
    let ask = format!("-ASK 3300 {}\r\n", sim.address("c"));
    let keys = ["{b}1", "{b}2", "{b}3"];
    let gone = until("a key that is gone", || keys.into_iter().find(|k| a.ask(&["GET", k]) == ask));
    let mut c = sim.client("c");
    assert_eq!(c.ask(&["GET", gone]), moved(&sim, 3300, "a"), "not without ASKING");
    assert_eq!(c.ask(&["ASKING"]), "+OK\r\n");
    assert!(c.ask(&["GET", gone]).starts_with("$1\r\n"));
    assert_eq!(c.ask(&["GET", gone]), moved(&sim, 3300, "a"), "ASKING is for one command");
    // A new key is made where the slot goes.
    assert_eq!(a.ask(&["SET", "{b}new", "1"]), ask);
    until("keys at both nodes", || {
        let reply = a.ask(&["MGET", "{b}1", "{b}2", "{b}3"]);
        reply.starts_with("-TRYAGAIN").then_some(())
    });
    assert_eq!(Smart::new(&sim).ask(&["SET", "{b}new", "1"]), "+OK\r\n");
    sim.wait_event("smigrated");
    assert_eq!(c.ask(&["MGET", "{b}1", "{b}3", "{b}new"]), "*3\r\n$1\r\nx\r\n$1\r\nz\r\n$1\r\n1\r\n");
}

#[test]
fn a_shard_subscription_ends_unasked_when_its_slot_leaves() {
    let sim = cluster();
    let mut s = sim.client("a");
    s.resp3();
    s.ask(&["SSUBSCRIBE", "b", "{b}2"]);
    s.frame();
    s.ask(&["SSUBSCRIBE", "hello"]);
    s.ask(&["SUBSCRIBE", "b"]);
    let mut p = Smart::new(&sim);
    assert_eq!(p.ask(&["SPUBLISH", "b", "1"]), ":1\r\n");
    assert_eq!(s.frame(), ">3\r\n$8\r\nsmessage\r\n$1\r\nb\r\n$1\r\n1\r\n");
    sim.post("/v1/slots", r#"{"moves":[["a","b","3300"]],"ms":0}"#);
    let mut ended = [s.frame(), s.frame()];
    ended.sort();
    let count = |f: &str| f.trim_end().rsplit(':').next().and_then(|n| n.parse::<u8>().ok());
    assert!(ended.iter().all(|f| f.starts_with(">3\r\n$12\r\nsunsubscribe\r\n")), "{ended:?}");
    let mut counts: Vec<_> = ended.iter().filter_map(|f| count(f)).collect();
    counts.sort();
    assert_eq!(counts, [1, 2], "the other channel stays");
    assert_eq!(s.ask(&["SSUBSCRIBE", "b"]), moved(&sim, 3300, "b"));
    assert_eq!(p.ask(&["SPUBLISH", "b", "2"]), ":0\r\n");
    assert_eq!(p.ask(&["SPUBLISH", "hello", "3"]), ":1\r\n");
    assert!(s.frame().contains("smessage"));
    assert_eq!(p.ask(&["PUBLISH", "b", "4"]), ":1\r\n", "ordinary channels have no slot");
}

#[test]
fn a_blocked_pop_and_a_transaction_are_redirected_when_their_slot_leaves() {
    let sim = cluster();
    let mut blocked = sim.client("a");
    blocked.send(&["BLPOP", "b", "0"]);
    let mut tx = sim.client("a");
    for args in [&["WATCH", "b"][..], &["MULTI"], &["SET", "b", "1"]] {
        assert!(tx.ask(args).starts_with('+'));
    }
    let mut watching = sim.client("a");
    sim.client("a").ask(&["SET", "{b}w", "1"]);
    for args in [&["WATCH", "{b}w"][..], &["MULTI"], &["PING"]] {
        assert!(watching.ask(args).starts_with('+'));
    }
    until("the pop waits", || {
        let conns = sim.http("GET", "/v1/status", "").1["connections"].clone();
        conns.as_array().expect("connections").iter().any(|c| c["commands"] == 1).then_some(())
    });
    sim.post("/v1/slots", r#"{"moves":[["a","b","3300"]],"ms":0}"#);
    assert_eq!(blocked.frame(), moved(&sim, 3300, "b"));
    assert_eq!(tx.ask(&["EXEC"]), moved(&sim, 3300, "b"));
    assert_eq!(tx.ask(&["EXEC"]), "-ERR EXEC without MULTI\r\n");
    assert_eq!(watching.ask(&["EXEC"]), "*-1\r\n", "the watched key is gone from here");
}

#[test]
fn a_refused_move_changes_nothing() {
    let sim = cluster();
    for (body, status) in [
        (r#"{"moves":[]}"#, 422),
        (r#"{"moves":[["a","a","0"]]}"#, 422),
        (r#"{"moves":[["a","z","0"]]}"#, 404),
        (r#"{"moves":[["a","b","0"],["a","c","0"]]}"#, 422),
        (r#"{"moves":[["a","b","16383"]]}"#, 422),
        (r#"{"moves":[["a","b","9-3"]]}"#, 422),
        (r#"{"moves":[["a","b","0"]],"ms":3600001}"#, 422),
        (r#"{"moves":[["a","b","0"]],"ms":1,"stall_ms":2}"#, 422),
        (r#"{"moves":[["a","b","0"]],"remove_sources":true}"#, 422),
        (r#"{"moves":[["a","b","all"],["b","c","all"]],"remove_sources":true}"#, 422),
        (r#"{"moves":[["a","b","0"]],"unknown":1}"#, 422),
    ] {
        let (got, value) = sim.http("POST", "/v1/slots", body);
        assert_eq!(got, status, "{body}: {value}");
        assert!(value["error"].as_str().is_some_and(|t| !t.is_empty()));
    }
    let slow = r#"{"moves":[["a","b","0"]],"ms":60000}"#;
    sim.post("/v1/slots", slow);
    assert_eq!(sim.http("POST", "/v1/slots", slow).0, 409, "one move at a time");
    assert!(sim.client("a").ask(&["CLUSTER", "SLOTS"]).starts_with("*3\r\n*3\r\n:0\r\n:5461\r\n"));
    assert_eq!(Sim::start(&[]).http("POST", "/v1/slots", slow).0, 409, "no cluster");
}

#[test]
fn ipv6_addresses_are_plain_in_redirections_and_bracketed_in_smigrated_unless_asked() {
    let sim = Sim::start(&["--cluster", "2", "--endpoint", "a=[::1]:0", "--endpoint", "b=[::1]:0"]);
    let port = |name: &str| sim.address(name).rsplit(':').next().expect("a port").to_string();
    let mut a = sim.opted("a", "none");
    assert_eq!(a.ask(&["GET", "a"]), format!("-MOVED 15495 ::1:{}\r\n", port("b")));
    sim.post("/v1/slots", r#"{"moves":[["a","b","0"]],"ms":0}"#);
    a.frame();
    assert!(a.frame().contains(&bulk(&format!("[::1]:{}", port("b")))));
    until("the end of the first move", || {
        let body = r#"{"moves":[["a","b","1"]],"ms":0,"unbracketed":true}"#;
        (sim.http("POST", "/v1/slots", body).0 == 200).then_some(())
    });
    a.frame();
    assert!(a.frame().contains(&bulk(&format!("::1:{}", port("b")))));
}
