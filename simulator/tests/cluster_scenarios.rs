//! Nodes that come, go and change hands, each as a whole from the first notification to the last closed connection.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod common;
use common::{Sim, Smart, until};
use serde_json::Value;
use std::net::TcpStream;

fn cluster() -> Sim {
    Sim::start(&["--cluster", "3"])
}

/// A key for each of a hundred slots, all over the range.
fn fill(sim: &Sim) {
    let mut client = Smart::new(sim);
    (0..100).for_each(|n| assert_eq!(client.ask(&["SET", &format!("k{n}"), &n.to_string()]), "+OK\r\n"));
}

fn assert_all_there(sim: &Sim, any: &str) {
    let mut client = Smart::at(sim.address_now(any));
    for n in 0..100 {
        let n = n.to_string();
        assert_eq!(client.ask(&["GET", &format!("k{n}")]), format!("${}\r\n{n}\r\n", n.len()));
    }
}

/// Plays a scenario through the command line and gives what it said.
fn play(sim: &Sim, fields: &[&str]) -> Value {
    let url = format!("http://{}", sim.ready["http"].as_str().expect("http"));
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_sch-sim"))
        .args([&["scenario", "--url", &url, "scale=0.05"], fields].concat())
        .output()
        .expect("runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let run: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(run["state"], "done", "{run}");
    run
}

/// How many slots each endpoint has.
fn sizes(sim: &Sim) -> Vec<(String, usize)> {
    let (_, list) = sim.http("GET", "/v1/endpoints", "");
    let size = |text: &str| -> usize {
        let runs = text.split(',').filter(|t| !t.is_empty());
        runs.map(|r| {
            let (a, b) = r.split_once('-').unwrap_or((r, r));
            b.parse::<usize>().expect("a slot") - a.parse::<usize>().expect("a slot") + 1
        })
        .sum()
    };
    let all = list["endpoints"].as_array().expect("endpoints").iter();
    all.map(|e| (e["name"].as_str().expect("name").into(), size(e["slots"].as_str().expect("slots"))))
        .collect()
}

fn named(list: &[(&str, usize)]) -> Vec<(String, usize)> {
    list.iter().map(|(n, s)| (n.to_string(), *s)).collect()
}

fn refused(at: &str) -> bool {
    TcpStream::connect(at).is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
}

#[test]
fn slot_migrate_existing_gives_half_of_a_nodes_slots_to_another() {
    let sim = cluster();
    fill(&sim);
    let mut c = sim.opted("c", "none");
    play(&sim, &["name=slot-migrate-existing", "endpoint=b", "to=c"]);
    assert_eq!(c.frame(), ">3\r\n$10\r\nSMIGRATING\r\n:0\r\n$9\r\n5462-8191\r\n");
    assert!(c.frame().starts_with(">3\r\n$9\r\nSMIGRATED\r\n:1\r\n*1\r\n*3\r\n"));
    assert_eq!(sizes(&sim), named(&[("a", 5462), ("b", 2731), ("c", 8191)]));
    assert_all_there(&sim, "b");
}

#[test]
fn slot_migrate_new_node_starts_a_listener_and_gives_it_a_share_of_everybody() {
    let sim = cluster();
    fill(&sim);
    let mut a = sim.opted("a", "none");
    let run = play(&sim, &["name=slot-migrate-new-node"]);
    assert!(run["steps"].to_string().contains("node d added"), "{run}");
    a.frame();
    let at = sim.address_now("d");
    assert_eq!(a.frame().matches(&at).count(), 3, "all three give to the new node");
    assert_eq!(sizes(&sim), named(&[("a", 4097), ("b", 4096), ("c", 4096), ("d", 4095)]));
    let mut d = common::Client::connect(&at);
    assert!(d.ask(&["CLUSTER", "NODES"]).contains(&format!("{at}@")));
    assert_all_there(&sim, "d");
}

#[test]
fn node_remove_shares_the_slots_out_and_closes_the_node_afterwards() {
    let sim = cluster();
    fill(&sim);
    let (mut a, mut b) = (sim.opted("a", "none"), sim.opted("b", "none"));
    let old = sim.address("b");
    play(&sim, &["name=node-remove", "endpoint=b"]);
    for client in [&mut a, &mut b] {
        assert!(client.frame().contains("SMIGRATING"));
        assert_eq!(client.frame().matches(&old).count(), 2, "two shares");
    }
    assert_eq!(b.end(), None, "closed in order");
    assert!(refused(&old));
    assert_eq!(a.ask(&["PING"]), "+PONG\r\n");
    assert!(!a.ask(&["CLUSTER", "NODES"]).contains(&old));
    assert_eq!(sizes(&sim), named(&[("a", 8192), ("b", 0), ("c", 8192)]));
    assert_all_there(&sim, "a");
    let order = ["smigrating", "slots_moved", "smigrated", "node_removed", "old_node_closes"];
    let at = order.map(|kind| sim.wait_event(kind)["n"].as_u64().expect("n"));
    assert!(at.is_sorted(), "{at:?}");
    // It may come back: empty, at the same place.
    sim.post("/v1/node_add", r#"{"name":"b"}"#);
    assert_eq!(sim.client("b").ask(&["DBSIZE"]), ":0\r\n");
    assert_eq!(sim.http("POST", "/v1/node_add", r#"{"name":"b"}"#).0, 409);
}

#[test]
fn node_replace_gives_everything_to_a_new_node_and_the_old_one_goes() {
    let sim = cluster();
    fill(&sim);
    let mut a = sim.opted("a", "none");
    let old = sim.address("a");
    play(&sim, &["name=node-replace", "endpoint=a"]);
    assert_eq!(a.frame(), ">3\r\n$10\r\nSMIGRATING\r\n:0\r\n$6\r\n0-5461\r\n");
    let new = sim.address_now("d");
    let one = format!("*1\r\n*3\r\n${}\r\n{old}\r\n${}\r\n{new}\r\n$6\r\n0-5461\r\n", old.len(), new.len());
    assert!(a.frame().ends_with(&one));
    assert_eq!(a.end(), None);
    assert!(refused(&old));
    assert_eq!(sizes(&sim), named(&[("a", 0), ("b", 5461), ("c", 5461), ("d", 5462)]));
    assert_all_there(&sim, "d");
    // The next one takes the place that is free.
    play(&sim, &["name=node-replace", "endpoint=b", "to=a"]);
    assert_eq!(sizes(&sim), named(&[("a", 5461), ("b", 0), ("c", 5461), ("d", 5462)]));
    assert_all_there(&sim, "a");
}

#[test]
fn slot_shuffle_moves_slots_at_every_node_and_keeps_all_connections() {
    let sim = cluster();
    fill(&sim);
    let mut all = ["a", "b", "c"].map(|n| sim.opted(n, "none"));
    play(&sim, &["name=slot-shuffle"]);
    for client in &mut all {
        assert!(client.frame().contains("SMIGRATING"));
        assert!(client.frame().contains("SMIGRATED\r\n:1\r\n*3\r\n"));
        assert_eq!(client.ask(&["PING"]), "+PONG\r\n");
    }
    assert_eq!(sizes(&sim).iter().map(|(_, n)| n).sum::<usize>(), 16384);
    assert_all_there(&sim, "c");
}

#[test]
fn a_slot_scenario_without_a_cluster_fails_and_says_why() {
    let sim = Sim::start(&[]);
    let id = sim.post("/v1/scenario", r#"{"name":"slot-shuffle"}"#)["id"].to_string();
    let run = until("the end", || {
        let (_, run) = sim.http("GET", &format!("/v1/scenario/{id}"), "");
        (run["state"] == "failed").then_some(run)
    });
    assert!(run["error"].as_str().expect("error").contains("--cluster"));
}

#[test]
fn a_name_stands_for_siblings_and_a_moving_concerns_one_of_them() {
    let sim = Sim::start(&["--name", "db.example.test=a,b"]);
    let name = || {
        let (_, list) = sim.http("GET", "/v1/endpoints", "");
        assert_eq!(list["name"], "db.example.test");
        let all: Vec<String> = list["resolves_to"]
            .as_array()
            .expect("addresses")
            .iter()
            .map(|a| a.as_str().expect("text").into())
            .collect();
        all
    };
    assert_eq!(name(), [sim.address("a"), sim.address("b")]);
    let (mut a, mut b) = (sim.opted("a", "internal-ip"), sim.opted("b", "internal-ip"));
    sim.post("/v1/move", r#"{"from":"a","to":"c","time_s":0.2,"close_after_ms":100}"#);
    assert!(a.frame().contains(&sim.address("c")));
    assert_eq!(a.end(), None);
    // The sibling was told nothing and stays; the name now has the other place.
    assert_eq!(b.ask(&["PING"]), "+PONG\r\n");
    until("the name follows", || (name() == [sim.address("b"), sim.address("c")]).then_some(()));
    assert_eq!(sim.client("b").ask(&["SET", "k", "v"]), "+OK\r\n");
    assert_eq!(sim.client("c").ask(&["GET", "k"]), "$1\r\nv\r\n", "siblings have one data set");
}

#[test]
fn the_command_line_moves_slots_and_adds_and_removes_nodes() {
    let sim = cluster();
    let url = format!("http://{}", sim.ready["http"].as_str().expect("http"));
    let run = |args: &[&str]| {
        let command = std::process::Command::new(env!("CARGO_BIN_EXE_sch-sim"))
            .args(args)
            .args(["--url", &url])
            .output()
            .expect("runs");
        assert!(command.status.success(), "{}", String::from_utf8_lossy(&command.stderr));
        serde_json::from_slice::<Value>(&command.stdout).expect("JSON")
    };
    assert_eq!(run(&["node-add", "name=extra"])["endpoint"]["name"], "extra");
    assert_eq!(run(&["slots", r#"moves=[["a","extra","7"]]"#, "ms=0"])["seq"], 0);
    sim.wait_event("smigrated");
    let slots = || run(&["endpoints"])["endpoints"][3]["slots"].clone();
    assert_eq!(slots(), "7");
    run(&["slots", r#"moves=[["extra","b","all"]]"#, "ms=0"]);
    until("the way back", || (slots() == "" && sim.events_with("smigrated").len() == 2).then_some(()));
    run(&["node-remove", "endpoint=extra"]);
    until("the node is gone", || (run(&["endpoints"])["endpoints"][3]["accepts"] == false).then_some(()));
}

#[test]
fn what_a_cluster_cannot_be_is_refused_at_the_start() {
    let refused = |args: &[&str]| {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_sch-sim")).arg("serve").args(args).output();
        let out = out.expect("runs");
        assert!(!out.status.success());
        String::from_utf8_lossy(&out.stderr).into_owned()
    };
    assert!(refused(&["--cluster", "0"]).contains("--cluster"));
    assert!(refused(&["--cluster", "65"]).contains("at most 64"));
    assert!(refused(&["--cluster", "2", "--endpoint", "a=127.0.0.1:0"]).contains("--cluster"));
    assert!(refused(&["--cluster", "2", "--upstream", "127.0.0.1:1"]).contains("each of the 2 nodes"));
    assert!(refused(&["--upstream", "127.0.0.1:1", "--upstream", "127.0.0.1:2"]).contains("only one"));
    assert!(refused(&["--name", "x=nobody"]).contains("no endpoint"));
}

#[test]
fn a_node_with_slots_is_not_removed_and_one_without_is() {
    let sim = Sim::start(&[
        "--cluster",
        "2",
        "--endpoint",
        "a=127.0.0.1:0",
        "--endpoint",
        "b=127.0.0.1:0",
        "--endpoint",
        "c=127.0.0.1:0",
    ]);
    let mut c = sim.client("c");
    assert!(c.ask(&["CLUSTER", "SLOTS"]).starts_with("*2\r\n"), "the third has no slots");
    assert_eq!(sim.http("POST", "/v1/node_remove", r#"{"endpoint":"a"}"#).0, 409);
    assert_eq!(sim.http("POST", "/v1/node_remove", r#"{"endpoint":"z"}"#).0, 404);
    sim.post("/v1/node_remove", r#"{"endpoint":"c"}"#);
    assert_eq!(c.end(), None);
    assert_eq!(sim.http("POST", "/v1/node_remove", r#"{"endpoint":"c"}"#).0, 404, "it is gone");
}
