//! The opt-in and what is pushed.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod common;
use common::{Client, Sim, until};

const ON: [&str; 5] = ["CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "internal-ip"];

#[test]
fn opt_in_texts() {
    let sim = Sim::start(&[]);
    let mut c = sim.client("a");
    c.resp3();
    assert_eq!(c.ask(&ON), "+OK\r\n");
    assert_eq!(c.ask(&["client", "maint_notifications", "on"]), "+OK\r\n");
    assert_eq!(c.ask(&["CLIENT", "MAINT_NOTIFICATIONS", "OFF"]), "+OK\r\n");
    assert_eq!(
        c.ask(&["CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "somewhere"]),
        "-ERR syntax error\r\n"
    );
    let disabled = "-ERR maintenance notifications are disabled on this server\r\n";
    sim.http("PUT", "/v1/cluster", r#"{"client_maint_notifications":false}"#);
    assert_eq!(c.ask(&ON), disabled);
    sim.http("PUT", "/v1/cluster", r#"{"client_maint_notifications":true}"#);
    assert_eq!(c.ask(&ON), "+OK\r\n");
    assert_eq!(Sim::start(&["--server", "feature-off"]).client("a").ask(&ON), disabled);
    let open = Sim::start(&["--server", "open-source"]);
    assert_eq!(
        open.client("a").ask(&ON),
        "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n"
    );
    assert_eq!(
        open.client("a").ask(&["client", "maint_notifications", "on"]),
        "-ERR unknown subcommand 'maint_notifications'. Try CLIENT HELP.\r\n"
    );
    let old = Sim::start(&["--server", "resp2-only"]);
    assert_eq!(old.client("a").ask(&["HELLO", "3"]), "-NOPROTO unsupported protocol version\r\n");
}

#[test]
fn sequence_starts_at_zero_and_is_shared() {
    let sim = Sim::start(&[]);
    let mut c = sim.opted("a", "none");
    sim.post("/v1/migrating", r#"{"endpoint":"a","time_s":2,"shards":"1,2"}"#);
    assert_eq!(c.frame(), ">4\r\n$9\r\nMIGRATING\r\n:0\r\n:2\r\n$3\r\n1,2\r\n");
    sim.post("/v1/migrated", r#"{"endpoint":"a","shards":"1,2"}"#);
    assert_eq!(c.frame(), ">3\r\n$8\r\nMIGRATED\r\n:1\r\n$3\r\n1,2\r\n");
    sim.post("/v1/failover", r#"{"ms":30,"time_s":1,"stall_ms":20}"#);
    assert_eq!(c.frame(), ">4\r\n$12\r\nFAILING_OVER\r\n:2\r\n:1\r\n$1\r\n1\r\n");
    assert_eq!(c.frame(), ">3\r\n$11\r\nFAILED_OVER\r\n:3\r\n$1\r\n1\r\n");
    sim.post("/v1/smigrating", r#"{"slots":"1-5"}"#);
    assert_eq!(c.frame(), ">3\r\n$10\r\nSMIGRATING\r\n:4\r\n$3\r\n1-5\r\n");
    sim.post("/v1/smigrated", r#"{"moves":[["h:1","h:2","1-5"]]}"#);
    assert_eq!(
        c.frame(),
        ">3\r\n$9\r\nSMIGRATED\r\n:5\r\n*1\r\n*3\r\n$3\r\nh:1\r\n$3\r\nh:2\r\n$3\r\n1-5\r\n"
    );
    sim.post("/v1/push", r#"{"endpoint":"a","data":">1\\r\\n+HI\\r\\n"}"#);
    assert_eq!(c.frame(), ">1\r\n+HI\r\n");
    sim.post("/v1/push", r#"{"base64":"KzENCg=="}"#);
    assert_eq!(c.frame(), "+1\r\n");
}

#[test]
fn terminator_is_replayed_after_the_opt_in() {
    let sim = Sim::start(&[]);
    sim.post("/v1/migrated", r#"{"endpoint":"a"}"#);
    let mut c = sim.opted("a", "none");
    assert_eq!(c.frame(), ">3\r\n$8\r\nMIGRATED\r\n:0\r\n$1\r\n1\r\n");
    sim.http("PUT", "/v1/cluster", r#"{"replay_terminators":false}"#);
    assert_eq!(sim.opted("a", "none").ask(&["PING"]), "+PONG\r\n");
    assert_eq!(sim.opted("b", "none").ask(&["PING"]), "+PONG\r\n");
}

#[test]
fn moving_texts() {
    let sim = Sim::start(&[
        "--endpoint",
        "a=127.0.0.1:0",
        "--endpoint",
        "b=127.0.0.1:0",
        "--endpoint",
        "six=[::1]:0",
    ]);
    let (b, six) = (sim.address("b"), sim.address("six"));
    let port = b.rsplit(':').next().expect("port");
    let mut ip = sim.opted("a", "internal-ip");
    let mut name = sim.opted("a", "external-fqdn");
    let mut none = sim.opted("a", "none");
    let bulk = |t: &str| format!("${}\r\n{t}\r\n", t.len());
    let start = |n: u32| format!(">4\r\n$6\r\nMOVING\r\n:{n}\r\n:60\r\n");
    let mut n = 0;
    let mut go = |rest: &str| {
        sim.post("/v1/move", &format!(r#"{{"from":"a","time_s":60{rest}}}"#));
        n += 1;
        n - 1
    };
    let k = go(r#","to":"b""#);
    assert_eq!(ip.frame(), start(k) + &bulk(&b));
    assert_eq!(name.frame(), start(k) + &bulk(&format!("b.sch.test:{port}")));
    assert_eq!(none.frame(), start(k) + "_\r\n");
    let k = go(r#","to":"six""#);
    assert_eq!(ip.frame(), start(k) + &bulk(&six));
    let k = go(r#","to":"six","unbracketed":true"#);
    assert_eq!(ip.frame(), start(k) + &bulk(&six.replace(['[', ']'], "")));
    let k = go(r#","to":"b","endpoint_text":"x:1""#);
    assert_eq!(ip.frame(), start(k) + "$3\r\nx:1\r\n");
    let k = go(r#","to":"b","variant":"simple""#);
    assert_eq!(ip.frame(), format!(">4\r\n+MOVING\r\n:{k}\r\n:60\r\n+{b}\r\n"));
    let k = go(r#","to":"b","variant":"absent""#);
    assert_eq!(ip.frame(), format!(">3\r\n$6\r\nMOVING\r\n:{k}\r\n:60\r\n"));
    let k = go(r#","to":"b","variant":"null-bulk""#);
    assert_eq!(ip.frame(), start(k) + "$-1\r\n");
    let k = go(r#","to":"b","variant":"text-null""#);
    assert_eq!(ip.frame(), start(k) + "$4\r\nnull\r\n");
    let k = go(r#","to":"b","variant":"string-numbers""#);
    assert_eq!(ip.frame(), format!(">4\r\n$6\r\nMOVING\r\n$1\r\n{k}\r\n$2\r\n60\r\n{}", bulk(&b)));
    go(r#","to":"b","seq":77"#);
    assert_eq!(ip.frame(), start(77) + &bulk(&b));
}

#[test]
fn moving_is_sent_again_and_the_old_node_closes() {
    let sim = Sim::start(&[]);
    let mut first = sim.opted("a", "internal-ip");
    let mut plain = sim.client("a");
    assert_eq!(plain.ask(&["PING"]), "+PONG\r\n");
    sim.post("/v1/move", r#"{"from":"a","to":"b","time_s":1,"close_after_ms":50}"#);
    let moving = first.frame();
    let mut second = sim.opted("a", "internal-ip");
    assert_eq!(second.frame(), moving);
    assert_eq!(sim.opted("b", "internal-ip").ask(&["PING"]), "+PONG\r\n");
    assert_eq!((first.end(), second.end(), plain.end()), (None, None, None));
    let ms = |e: &str| sim.wait_event(e)["ms"].as_u64().expect("ms");
    assert!(ms("old_node_closes") - ms("moving") >= 1045);
    let refused = std::net::TcpStream::connect(sim.address("a")).expect_err("the old node refuses");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    // Moving back opens it again.
    let mut c = sim.opted("b", "internal-ip");
    sim.post("/v1/move", r#"{"from":"b","to":"a","time_s":0,"close_after_ms":0,"resend":false}"#);
    assert!(c.frame().contains(&sim.address("a")));
    assert_eq!(sim.client("a").ask(&["PING"]), "+PONG\r\n");
}

#[test]
fn null_move_switches_the_listener() {
    let sim = Sim::start(&[]);
    let mut old = sim.opted("a", "internal-ip");
    sim.post("/v1/move", r#"{"from":"a","to":null,"time_s":1,"switch_after_ms":300,"close_after_ms":100}"#);
    assert_eq!(old.frame(), ">4\r\n$6\r\nMOVING\r\n:0\r\n:1\r\n_\r\n");
    let mut early = sim.opted("a", "internal-ip");
    assert_eq!(early.frame(), ">4\r\n$6\r\nMOVING\r\n:0\r\n:1\r\n_\r\n");
    sim.wait_event("switched");
    let mut late = sim.opted("a", "internal-ip");
    assert_eq!(late.ask(&["PING"]), "+PONG\r\n");
    assert_eq!((old.end(), early.end()), (None, None));
    sim.wait_event("old_node_closes");
    assert_eq!(late.ask(&["PING"]), "+PONG\r\n");
}

#[test]
fn every_scenario() {
    for name in [
        "rolling-upgrade",
        "in-place-upgrade",
        "maintenance-mode",
        "database-version-upgrade",
        "shard-migration",
        "failover",
        "endpoint-type-none",
        "server-without-feature",
        "resp2-only",
    ] {
        let sim = Sim::start(&[]);
        let mut c: Client = sim.opted("a", "internal-ip");
        let run = sim.post("/v1/scenario", &format!(r#"{{"name":"{name}","scale":0.02}}"#));
        let path = format!("/v1/scenario/{}", run["id"]);
        let done = until(name, || {
            let (_, r) = sim.http("GET", &path, "");
            (r["state"] != "running").then_some(r)
        });
        assert_eq!(done["state"], "done", "{done}");
        let mut seen = Vec::new();
        c.send(&["PING"]);
        while let Ok(f) = c.try_frame() {
            if f == "+PONG\r\n" {
                break;
            }
            seen.push(f.split("\r\n").nth(2).unwrap_or("").to_string());
        }
        let expected: &[&str] = match name {
            "rolling-upgrade" => &["MIGRATING", "MIGRATED", "MOVING"],
            "in-place-upgrade" | "shard-migration" => &["MIGRATING", "MIGRATED"],
            "maintenance-mode" => &["FAILING_OVER", "FAILED_OVER", "MOVING"],
            "database-version-upgrade" => &["MIGRATING", "MIGRATED", "FAILING_OVER", "FAILED_OVER"],
            "failover" => &["FAILING_OVER", "FAILED_OVER"],
            "endpoint-type-none" => &["MOVING"],
            _ => &[],
        };
        assert_eq!(seen, expected, "{name}");
    }
}
