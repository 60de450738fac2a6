//! The fault injector's interface, as the suites of other drivers use it.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod common;
use common::{Sim, until};
use serde_json::{Value, json};

/// Accepted, and its number.
fn start(sim: &Sim, kind: &str, parameters: Value) -> String {
    let body = json!({"type": kind, "parameters": parameters});
    let (status, answer) = sim.http("POST", "/action", &body.to_string());
    assert_eq!(status, 200, "{body}: {answer}");
    assert_eq!(answer["status"], "pending");
    answer["action_id"].as_str().expect("a text").to_string()
}

/// As the clients wait: until the state is a last one.
fn ended(sim: &Sim, id: &str) -> Value {
    until(id, || {
        let (status, answer) = sim.http("GET", &format!("/action/{id}"), "");
        assert_eq!(status, 200);
        matches!(answer["status"].as_str(), Some("success" | "failed")).then_some(answer)
    })
}

fn done(sim: &Sim, kind: &str, parameters: Value) -> Value {
    let answer = ended(sim, &start(sim, kind, parameters));
    assert_eq!(answer["status"], "success", "{answer}");
    assert!(
        answer["output"].is_object() && answer["error"].is_null(),
        "a client decodes the output as a map"
    );
    answer["output"].clone()
}

fn refused(sim: &Sim, path: &str, body: &Value) -> String {
    let (status, answer) = sim.http("POST", path, &body.to_string());
    assert_eq!(status, 422, "{body}: {answer}");
    answer["error"].as_str().expect("a JSON error").to_string()
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn starter(kind: &str, seq: u64) -> String {
    format!(">4\r\n{}:{seq}\r\n:10\r\n{}", bulk(kind), bulk("1"))
}

fn terminator(kind: &str, seq: u64) -> String {
    format!(">3\r\n{}:{seq}\r\n{}", bulk(kind), bulk("1"))
}

#[test]
fn an_action_is_pending_then_running_then_a_success() {
    let sim = Sim::start(&[]);
    let id = start(&sim, "wait", json!({"delay": 0.3}));
    let running = until("running", || {
        let answer = sim.http("GET", &format!("/action/{id}"), "").1;
        (answer["status"] == "running").then_some(answer)
    });
    assert_eq!((running["action_id"].clone(), running["end_time"].clone()), (json!(id), Value::Null));
    let last = ended(&sim, &id);
    assert_eq!((last["status"].clone(), last["progress"].clone()), (json!("success"), json!(100)));
    let states: Vec<Value> = sim.events_with("action").iter().map(|e| e["status"].clone()).collect();
    assert_eq!(states, ["pending", "running", "success"]);
    let list = sim.http("GET", "/action", "").1["actions"].clone();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!((list[0]["job_id"].clone(), list[0]["action_type"].clone()), (json!(id), json!("wait")));
    assert_eq!(list[0]["status"], "success");
    let at = list[0]["submitted_at"].as_str().expect("a time");
    assert!(at.len() == 24 && at.ends_with('Z'), "RFC 3339: {at}");
}

#[test]
fn what_is_wrong_is_refused_in_json() {
    let sim = Sim::start(&[]);
    let (status, answer) = sim.http("GET", "/action/12", "");
    assert_eq!((status, answer), (404, json!({"error": "Action not found"})));
    for (body, about) in [
        (json!({}), "type"),
        (json!({"type": "explode"}), "type"),
        (json!({"type": "bind", "parameters": 3}), "map"),
        (json!({"type": "bind", "parameters": {"bdb_id": 7}}), "bdb_id"),
        (json!({"type": "bind", "parameters": {"endpoint_type": "ip"}}), "endpoint_type"),
        (json!({"type": "migrate", "parameters": {"ms": "soon"}}), "ms"),
        (json!({"type": "slot_migrate", "parameters": {}}), "effect"),
        (json!({"type": "slot_migrate", "parameters": {"effect": "add", "trigger": "x"}}), "trigger"),
        (json!({"type": "slot_migrate", "parameters": {"effect": "add", "source_node": 9}}), "source_node"),
        (json!({"type": "topology_change_standalone", "parameters": {"effect": "add"}}), "effect"),
        (
            json!({"type": "update_cluster_config", "parameters": {"config": {}}}),
            "client_maint_notifications",
        ),
        (json!({"type": "create_database"}), "database_config"),
        (json!({"type": "delete_database"}), "delete_all"),
        (json!({"type": "execute_rladmin_command"}), "rladmin_command"),
        (json!({"type": "execute_rladmin_command", "parameters": {"rladmin_command": "dance"}}), "rladmin"),
        (json!({"type": "sequence_of_actions", "parameters": {"actions": []}}), "actions"),
        (json!({"type": "sequence_of_actions", "parameters": {"actions": [{"type": "no"}]}}), "actions[0]"),
        (
            json!({"type": "sequence_of_actions", "parameters": {"actions": vec![json!({"type": "wait"}); 101]}}),
            "actions",
        ),
    ] {
        let text = refused(&sim, "/action", &body);
        assert!(text.contains(about), "{body}: {text}");
    }
    for path in ["/slot-migrate?effect=none", "/topology-change-standalone?effect=none"] {
        assert_eq!(sim.http("GET", path, "").0, 422);
    }
    assert_eq!(sim.http("POST", "/slot-migrate?effect=none", "").0, 422);
    assert_eq!(sim.http("POST", "/action", "[]").0, 400);
    assert!(sim.events_with("action").is_empty(), "nothing was started");
}

#[test]
fn migrate_and_failover_open_and_close_windows_for_all_of_the_database() {
    let sim = Sim::start(&[]);
    let mut clients = [sim.opted("a", "none"), sim.opted("b", "internal-ip")];
    done(&sim, "migrate", json!({"bdb_id": "1", "cluster_index": 0, "ms": 20}));
    done(&sim, "failover", json!({"bdb_id": 1, "ms": 20}));
    for c in &mut clients {
        let got: Vec<String> = (0..4).map(|_| c.frame()).collect();
        let want = [
            starter("MIGRATING", 0),
            terminator("MIGRATED", 1),
            starter("FAILING_OVER", 2),
            terminator("FAILED_OVER", 3),
        ];
        assert_eq!(got, want);
    }
}

#[test]
fn bind_moves_from_where_the_clients_are_and_closes_what_stays() {
    let sim = Sim::start(&["--fqdn", "localhost"]);
    let port = |name: &str| sim.address(name).rsplit(':').next().expect("port").to_string();
    let moving = |seq: u64, text: &str| format!(">4\r\n{}:{seq}\r\n:1\r\n{}", bulk("MOVING"), bulk(text));
    let quick = |more: Value| {
        let mut p = json!({"bdbId": "1", "time_s": 0.05, "close_after_ms": 20});
        p.as_object_mut().expect("object").extend(more.as_object().expect("object").clone());
        p
    };
    // Each by the type of its opt-in.
    let (mut ip, mut name) = (sim.opted("b", "external-ip"), sim.opted("b", "external-fqdn"));
    done(&sim, "bind", quick(json!({})));
    assert_eq!(ip.frame(), moving(0, &sim.address("c")));
    assert_eq!(name.frame(), moving(0, &format!("localhost:{}", port("c"))));
    assert_eq!((ip.end(), name.end()), (None, None));
    // Or by that of the request.
    let mut ip = sim.opted("a", "external-ip");
    done(&sim, "bind", quick(json!({"endpoint_type": "external-fqdn"})));
    assert_eq!(ip.frame(), moving(1, &format!("localhost:{}", port("b"))));
    assert_eq!(ip.end(), None);
    let mut ip = sim.opted("a", "external-ip");
    done(&sim, "bind", quick(json!({"endpoint_type": "none"})));
    assert_eq!(ip.frame(), format!(">4\r\n{}:2\r\n:1\r\n_\r\n", bulk("MOVING")));
    assert_eq!(ip.end(), None);
    // The address is there for the next test.
    assert_eq!(sim.client("a").ask(&["PING"]), "+PONG\r\n");
}

#[test]
fn who_connects_while_bound_is_told_too() {
    let sim = Sim::start(&[]);
    let mut first = sim.opted("a", "internal-ip");
    let id = start(&sim, "bind", json!({"time_s": 0.5, "close_after_ms": 20}));
    let told = first.frame();
    let mut late = sim.opted("a", "internal-ip");
    assert_eq!(late.frame(), told);
    assert_eq!(ended(&sim, &id)["status"], "success");
    assert_eq!((first.end(), late.end()), (None, None));
}

#[test]
fn a_sequence_runs_in_order_and_takes_both_spellings() {
    let sim = Sim::start(&[]);
    for (whole, part, database) in [("parameters", "params", "bdbId"), ("params", "parameters", "bdb_id")] {
        let mut c = sim.opted("a", "none");
        let body = json!({"type": "sequence_of_actions", whole: {database: "1", "actions": [
            {"type": "migrate", part: {"ms": 20}},
            {"type": "bind", part: {"time_s": 0.05, "close_after_ms": 10}, "delay": 1_000_000},
        ]}});
        let (status, answer) = sim.http("POST", "/action", &body.to_string());
        assert_eq!(status, 200, "{answer}");
        let last = ended(&sim, answer["action_id"].as_str().expect("an id"));
        assert_eq!(last["status"], "success");
        assert_eq!(last["output"]["outputs"].as_array().map(Vec::len), Some(2));
        let frames: Vec<String> = (0..3).map(|_| c.frame()).collect();
        let kinds = frames.iter().map(|f| f.split("\r\n").nth(2).expect("a name"));
        assert_eq!(kinds.collect::<Vec<_>>(), ["MIGRATING", "MIGRATED", "MOVING"]);
        // The retained MIGRATED would greet the next client.
        done(&sim, "reset_cluster", json!({}));
    }
}

#[test]
fn the_feature_is_switched_by_the_cluster_config() {
    let sim = Sim::start(&[]);
    let mut c = sim.client("a");
    c.resp3();
    for on in [false, true] {
        done(&sim, "update_cluster_config", json!({"config": {"client_maint_notifications": on}}));
        let reply = c.ask(&["CLIENT", "MAINT_NOTIFICATIONS", "ON"]);
        assert_eq!(reply == "+OK\r\n", on, "{reply}");
    }
}

#[test]
fn databases_are_made_and_deleted() {
    let sim = Sim::start(&["--password", "pw"]);
    let config = json!({"name": "m-standard", "port": 13000, "shards_count": 1, "oss_cluster": false});
    let made = done(&sim, "create_database", json!({"cluster_index": 0, "database_config": config}));
    assert_eq!((made["bdb_id"].clone(), made["tls"].clone()), (json!(2), json!(false)));
    assert_eq!((made["username"].clone(), made["password"].clone()), (json!("default"), json!("pw")));
    let raw = made["raw_endpoints"][0].clone();
    let at = format!("{}:{}", raw["dns_name"].as_str().expect("a name"), raw["port"]);
    assert_eq!(at, sim.address("a"));
    let mut c = sim.client("a");
    assert_eq!(c.ask(&["AUTH", "pw"]), "+OK\r\n");
    let file = sim.http("GET", "/endpoints.json", "").1;
    assert_eq!(file["m-standard"]["bdb_id"], 2);
    assert_eq!(file["m-standard"]["endpoints"][0], format!("redis://{}", sim.address("a")));
    done(&sim, "delete_database", json!({"bdb_id": 2}));
    assert_eq!(c.ask(&["PING"]), "+PONG\r\n");
    assert!(
        refused(&sim, "/action", &json!({"type": "bind", "parameters": {"bdb_id": 2}})).contains("bdb_id")
    );
    done(&sim, "delete_database", json!({"delete_all": true}));
    assert_eq!(c.end(), None);
}

#[test]
fn only_so_many_databases() {
    let sim = Sim::start(&[]);
    for _ in 0..63 {
        done(&sim, "create_database", json!({"database_config": {}}));
    }
    let last = ended(&sim, &start(&sim, "create_database", json!({"database_config": {}})));
    assert_eq!((last["status"].clone(), last["output"].clone()), (json!("failed"), Value::Null));
    assert_eq!(last["error"], "at most 64 databases");
}

/// What the suites look for in the text: the columns they count.
#[test]
fn rladmin_status_has_nodes_databases_endpoints_and_shards() {
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
    let output = done(&sim, "execute_rladmin_command", json!({"bdb_id": 1, "rladmin_command": "status"}));
    let text = output["output"].as_str().expect("a text").to_string();
    let section = |name: &str| -> Vec<Vec<String>> {
        let rest = text.split(&format!("{name}:\n")).nth(1).expect("the section");
        let lines = rest.lines().skip(1).take_while(|l| !l.is_empty());
        lines.map(|l| l.split_whitespace().map(Into::into).collect()).collect()
    };
    let nodes = section("CLUSTER NODES");
    let ids: Vec<&str> = nodes.iter().map(|n| &n[0][..]).collect();
    assert_eq!(ids, ["*node:1", "node:2", "node:3"]);
    assert!(nodes.iter().all(|n| n[2] == "127.0.0.1" && n.len() >= 5));
    assert_eq!(&section("DATABASES")[0][..2], ["db:1", "sch-sim"]);
    assert_eq!(&section("ENDPOINTS")[0][..4], ["db:1", "sch-sim", "endpoint:1:1", "node:1"]);
    let shards = section("SHARDS");
    let slots: Vec<_> =
        shards.iter().map(|s| (&s[2][..], &s[3][..], &s[4][..], &s[5][..], s.len())).collect();
    let want =
        [("redis:1", "node:1", "master", "0-8191", 8), ("redis:2", "node:2", "master", "8192-16383", 8)];
    assert_eq!(slots, want);
}

#[test]
fn rladmin_moves_slots_of_a_cluster() {
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
    let slots = |name: &str| {
        let list = sim.http("GET", "/v1/endpoints", "").1["endpoints"].as_array().expect("list").clone();
        list.iter().find(|e| e["name"] == name).expect("it")["slots"].as_str().expect("text").to_string()
    };
    let mut c = sim.opted("a", "none");
    let command =
        |text: &str| done(&sim, "execute_rladmin_command", json!({"rladmin_command": text, "ms": 20}));
    command("migrate node 1 all_shards target_node 3");
    assert_eq!((slots("a"), slots("c")), (String::new(), "0-8191".into()));
    assert!(c.frame().contains("SMIGRATING") && c.frame().contains("SMIGRATED"));
    // What had node 2 is the second shard still; its replica is thought to be at the next node.
    command("failover db db:1 shard 1");
    assert_eq!((slots("b"), slots("c")), (String::new(), "0-16383".into()));
    done(&sim, "reset_cluster", json!({}));
    assert_eq!((slots("a"), slots("b"), slots("c")), ("0-8191".into(), "8192-16383".into(), String::new()));
    let (status, answer) = sim.http("POST", "/rladmin", "rladmin -b 1 status");
    assert_eq!(status, 200);
    let id = answer["action_id"].as_str().expect("an id");
    assert!(ended(&sim, id)["output"]["output"].as_str().expect("text").contains("SHARDS:"));
    assert_eq!(sim.http("POST", "/rladmin", "rladmin make coffee").0, 422);
}

#[test]
fn rladmin_of_one_proxy_sends_windows_and_moving() {
    let sim = Sim::start(&[]);
    let mut c = sim.opted("a", "none");
    for (text, first) in [
        ("migrate node 1 all_shards target_node 2", "MIGRATING"),
        ("failover db db:1 shard 1", "FAILING_OVER"),
    ] {
        done(&sim, "execute_rladmin_command", json!({"bdb_id": 1, "rladmin_command": text, "ms": 10}));
        assert!(c.frame().contains(first));
        c.frame();
    }
    start(&sim, "execute_rladmin_command", json!({"rladmin_command": "bind endpoint 1:1 policy single"}));
    assert_eq!(c.frame(), format!(">4\r\n{}:4\r\n:15\r\n_\r\n", bulk("MOVING")));
}

#[test]
fn every_effect_moves_slots_in_a_cluster_and_reset_undoes_it() {
    let sim = Sim::start(&["--cluster", "2"]);
    let members = || {
        let list = sim.http("GET", "/v1/endpoints", "").1["endpoints"].as_array().expect("list").clone();
        let own = list.iter().filter(|e| e["slots"] != "" && e["accepts"] == true);
        own.map(|e| e["name"].as_str().expect("name").to_string()).collect::<Vec<_>>()
    };
    let start = sim.http("GET", "/v1/endpoints", "").1["endpoints"].clone();
    for (effect, after, spelling) in [
        ("remove-add", vec!["b", "c"], "trigger"),
        ("remove", vec!["b"], "variant"),
        ("add", vec!["a", "b", "c"], "trigger"),
        ("slot-shuffle", vec!["a", "b"], "variant"),
    ] {
        let mut c = sim.opted("b", "none");
        done(
            &sim,
            "slot_migrate",
            json!({"bdb_id": "1", "cluster_index": 0, "effect": effect, spelling: "migrate", "ms": 20}),
        );
        assert!(c.frame().contains("SMIGRATING"), "{effect}");
        assert!(c.frame().contains("SMIGRATED"), "{effect}");
        assert_eq!(members(), after, "{effect}");
        done(&sim, "reset_cluster", json!({}));
        assert_eq!(members(), ["a", "b"], "{effect}");
        let now = sim.http("GET", "/v1/endpoints", "").1["endpoints"].clone();
        assert_eq!(now[0], start[0], "{effect}");
        assert_eq!(now[1], start[1], "{effect}");
    }
    // The other way to ask.
    let (status, answer) =
        sim.http("POST", "/slot-migrate?effect=add&bdb_id=1&cluster_index=0&variant=default&ms=20", "");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(ended(&sim, answer["action_id"].as_str().expect("an id"))["status"], "success");
    assert_eq!(members(), ["a", "b", "c"]);
}

#[test]
fn without_a_cluster_slot_migrate_is_the_notifications() {
    let sim = Sim::start(&[]);
    let mut c = sim.opted("a", "none");
    done(&sim, "slot_migrate", json!({"effect": "remove", "ms": 10}));
    assert_eq!(c.frame(), format!(">3\r\n{}:0\r\n{}", bulk("SMIGRATING"), bulk("0-8191")));
    let (from, to) = (bulk(&sim.address("a")), bulk(&sim.address("c")));
    assert_eq!(
        c.frame(),
        format!(">3\r\n{}:1\r\n*1\r\n*3\r\n{from}{to}{}", bulk("SMIGRATED"), bulk("0-8191"))
    );
}

#[test]
fn triggers_say_what_database_they_need() {
    let sim = Sim::start(&["--cluster", "3"]);
    let answer = sim.http("GET", "/slot-migrate?effect=remove-add&cluster_index=0", "").1;
    assert_eq!(
        (answer["effect"].clone(), answer["cluster"].clone()),
        (json!("remove-add"), json!({"index": 0, "nodes": 3}))
    );
    let names: Vec<&str> =
        answer["triggers"].as_array().expect("triggers").iter().filter_map(|t| t["name"].as_str()).collect();
    assert_eq!(names, ["migrate", "maintenance_mode", "failover"]);
    let r = answer["triggers"][0]["requirements"][0].clone();
    assert_eq!(r["cluster"], json!({"min_nodes": 3, "actual_nodes": 3}));
    assert_eq!(r["oss_cluster_api"], json!({"ip_type": "external", "endpoint_type": "ip"}));
    assert_eq!(
        (r["dbconfig"]["shards_count"].clone(), r["dbconfig"]["oss_cluster"].clone()),
        (json!(2), json!(true))
    );
    assert!(r["description"].is_string() && r["dbconfig"]["name"].is_string());
    // What is offered is accepted.
    for effect in
        ["data_movement_conn_drop", "data_movement_no_conn_drop", "conn_drop", "dns_resolution_change"]
    {
        let answer =
            sim.http("GET", &format!("/topology-change-standalone?effect={effect}&cluster_index=0"), "").1;
        let triggers = answer["triggers"].as_array().expect("triggers").clone();
        assert!(
            !triggers.is_empty() && triggers.iter().all(|t| t["requirements"][0]["dbconfig"].is_object())
        );
    }
}

#[test]
fn a_change_of_topology_with_and_without_a_loss_of_connections() {
    let sim = Sim::start(&[]);
    let mut c = sim.opted("a", "none");
    let quick = |effect: &str| json!({"effect": effect, "ms": 10, "time_s": 0.05, "close_after_ms": 10});
    done(&sim, "topology_change_standalone", quick("data_movement_no_conn_drop"));
    assert!(c.frame().contains("MIGRATING") && c.frame().contains("MIGRATED"));
    assert_eq!(c.ask(&["PING"]), "+PONG\r\n");
    done(&sim, "topology_change_standalone", quick("data_movement_conn_drop"));
    let frames = [c.frame(), c.frame(), c.frame()];
    assert!(
        frames[0].contains("MIGRATING") && frames[1].contains("MIGRATED") && frames[2].contains("MOVING")
    );
    assert_eq!(c.end(), None);
}

#[test]
fn failures_are_not_announced() {
    let sim = Sim::start(&[]);
    let mut c = sim.opted("a", "none");
    let id = start(&sim, "network_failure", json!({"bdb_id": 1, "delay": 0.2, "cluster_index": 0}));
    sim.wait_event("frozen");
    c.send(&["PING"]);
    assert_eq!(ended(&sim, &id)["status"], "success");
    assert_eq!(c.frame(), "+PONG\r\n");
    done(&sim, "dmc_restart", json!({"bdb_id": 1, "delay": 0.02}));
    assert_eq!(c.end(), None);
    assert_eq!(sim.client("a").ask(&["PING"]), "+PONG\r\n");
    for kind in ["execute_rlutil_command", "collect_debuginfo", "wait_for_database_active", "network_latency"]
    {
        assert_eq!(
            done(&sim, kind, json!({"bdb_id": 1}))["simulated"],
            false,
            "accepted, and says what it did not"
        );
    }
}

/// Of older servers it is known that they do not; a newer suite expects it.
#[test]
fn a_starter_greets_who_opts_in_within_its_window_when_asked_for() {
    for (options, on) in [(&[][..], false), (&["--replay-starters"][..], true)] {
        let sim = Sim::start(options);
        sim.post("/v1/migrating", "{}");
        let mut c = sim.opted("a", "none");
        sim.post("/v1/migrated", "{}");
        let first = if on { starter("MIGRATING", 0) } else { terminator("MIGRATED", 1) };
        assert_eq!(c.frame(), first, "{options:?}");
        let mut late = sim.opted("a", "none");
        assert_eq!(late.frame(), terminator("MIGRATED", 1));
        assert_eq!(late.ask(&["PING"]), "+PONG\r\n", "the window is over");
        let (status, _) = sim.http("PUT", "/v1/cluster", &json!({"replay_starters": !on}).to_string());
        assert_eq!(status, 200);
        sim.post("/v1/failing_over", "{}");
        let mut c = sim.opted("b", "none");
        c.frame();
        let next = if on { c.ask(&["PING"]) } else { c.frame() };
        assert_eq!(next, if on { "+PONG\r\n".into() } else { starter("FAILING_OVER", 2) });
    }
}
