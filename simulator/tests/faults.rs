//! What goes wrong when asked to.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod common;
use common::{Client, Sim, encode, until};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn refuse_is_a_closed_port_and_comes_back() {
    let sim = Sim::start(&[]);
    let at = sim.address("b");
    let mut kept = sim.client("b");
    assert_eq!(kept.ask(&["PING"]), "+PONG\r\n");
    for _ in 0..3 {
        sim.post("/v1/fault", r#"{"endpoint":"b","refuse":true}"#);
        assert_eq!(TcpStream::connect(&at).expect_err("refused").kind(), ErrorKind::ConnectionRefused);
        sim.post("/v1/fault", r#"{"endpoint":"b","refuse":false}"#);
        assert_eq!(sim.client("b").ask(&["PING"]), "+PONG\r\n");
    }
    assert_eq!(kept.ask(&["PING"]), "+PONG\r\n");
}

#[test]
fn reset_is_a_reset() {
    let sim = Sim::start(&[]);
    let (mut c, mut other) = (sim.client("a"), sim.client("b"));
    assert_eq!(c.ask(&["PING"]), "+PONG\r\n");
    assert_eq!(other.ask(&["PING"]), "+PONG\r\n");
    assert_eq!(sim.post("/v1/fault", r#"{"endpoint":"a","reset":true}"#)["ended"], 1);
    assert_eq!(c.end(), Some(ErrorKind::ConnectionReset));
    assert_eq!(other.ask(&["PING"]), "+PONG\r\n");
    assert_eq!(sim.client("a").ask(&["PING"]), "+PONG\r\n");
}

#[test]
fn stalled_replies_come_late_but_commands_run_at_once() {
    let sim = Sim::start(&[]);
    let (mut c, mut other) = (sim.opted("a", "none"), sim.client("b"));
    sim.post("/v1/fault", r#"{"endpoint":"a","stall_ms":600}"#);
    let begin = Instant::now();
    c.send(&["SET", "k", "v"]);
    until("the command runs", || (other.ask(&["GET", "k"]) == "$1\r\nv\r\n").then_some(()));
    assert!(begin.elapsed() < Duration::from_millis(550), "ran with its reply only");
    // Maintenance is not held back.
    sim.post("/v1/migrating", r#"{"endpoint":"a"}"#);
    assert!(c.frame().contains("MIGRATING"));
    assert_eq!(c.frame(), "+OK\r\n");
    assert!(begin.elapsed() >= Duration::from_millis(600));
    sim.post("/v1/fault", r#"{"endpoint":"a","clear":true}"#);
    assert_eq!(c.ask(&["PING"]), "+PONG\r\n");
}

#[test]
fn frozen_replies_come_in_order_afterwards() {
    let sim = Sim::start(&[]);
    let (mut c, mut other) = (sim.client("a"), sim.client("b"));
    assert_eq!(c.ask(&["PING"]), "+PONG\r\n");
    sim.post("/v1/fault", r#"{"endpoint":"a","freeze":true}"#);
    c.send(&["INCR", "n"]);
    c.send(&["INCR", "n"]);
    until("both ran", || (other.ask(&["GET", "n"]) == "$1\r\n2\r\n").then_some(()));
    c.stream.get_ref().set_read_timeout(Some(Duration::from_millis(50))).expect("timeout");
    assert!(c.try_frame().is_err(), "nothing while frozen");
    c.stream.get_ref().set_read_timeout(Some(common::PATIENCE)).expect("timeout");
    sim.post("/v1/fault", r#"{"endpoint":"a","freeze":false}"#);
    assert_eq!((c.frame(), c.frame()), (":1\r\n".into(), ":2\r\n".into()));
}

#[test]
fn withheld_replies_were_applied() {
    let sim = Sim::start(&[]);
    let mut c = sim.client("a");
    assert_eq!(c.ask(&["SET", "n", "0"]), "+OK\r\n");
    sim.post("/v1/fault", r#"{"endpoint":"a","reset_after_replies_withheld":3}"#);
    for _ in 0..3 {
        c.send(&["INCR", "n"]);
    }
    assert_eq!(c.end(), Some(ErrorKind::ConnectionReset));
    assert_eq!(sim.client("a").ask(&["GET", "n"]), "$1\r\n3\r\n");
}

#[test]
fn split_replies_are_whole_together() {
    let sim = Sim::start(&[]);
    sim.post("/v1/fault", r#"{"endpoint":"a","split":{"max":1,"delay_us":200}}"#);
    let mut c = TcpStream::connect(sim.address("a")).expect("connect");
    c.set_read_timeout(Some(common::PATIENCE)).expect("timeout");
    c.write_all(encode(&["ECHO", "0123456789"]).as_bytes()).expect("send");
    let (mut got, mut reads) = (Vec::new(), 0);
    while got.len() < 17 {
        let mut buf = [0; 64];
        let n = c.read(&mut buf).expect("read");
        got.extend_from_slice(&buf[..n]);
        reads += 1;
    }
    assert_eq!(got, b"$10\r\n0123456789\r\n");
    assert!(reads > 3, "came in {reads} parts");
    sim.post("/v1/fault", r#"{"endpoint":"a","split":false}"#);
}

#[test]
fn close_in_the_middle_of_a_reply() {
    let sim = Sim::start(&[]);
    let mut c = sim.client("a");
    sim.post("/v1/fault", r#"{"endpoint":"a","close_mid_reply":true}"#);
    c.send(&["ECHO", "0123456789"]);
    let mut got = Vec::new();
    c.stream.read_to_end(&mut got).expect("an orderly end");
    assert_eq!(got, b"$10\r\n012");
    assert_eq!(sim.client("a").ask(&["PING"]), "+PONG\r\n");
}

#[test]
fn connections_are_served_late() {
    let sim = Sim::start(&[]);
    sim.post("/v1/fault", r#"{"endpoint":"a","connect_delay_ms":200}"#);
    let begin = Instant::now();
    assert_eq!(sim.client("a").ask(&["PING"]), "+PONG\r\n");
    assert!(begin.elapsed() >= Duration::from_millis(200));
}

#[test]
fn bad_requests_are_told_what_is_accepted() {
    let sim = Sim::start(&[]);
    for (method, path, body, status, says) in [
        ("POST", "/v1/move", "{", 400, "JSON object"),
        ("POST", "/v1/move", "[]", 400, "JSON object"),
        ("POST", "/v1/move", "{}", 422, "from"),
        ("POST", "/v1/move", r#"{"from":"z"}"#, 404, "a, b, c"),
        ("POST", "/v1/move", r#"{"from":"a","to":"a"}"#, 422, "another endpoint"),
        ("POST", "/v1/move", r#"{"from":"a","time_s":3601}"#, 422, "3600"),
        ("POST", "/v1/move", r#"{"from":"a","colour":1}"#, 422, "colour"),
        ("POST", "/v1/move", r#"{"from":"a","variant":"odd"}"#, 422, "null-bulk"),
        ("POST", "/v1/migrating", r#"{"endpoint":"z"}"#, 404, "a, b, c"),
        ("POST", "/v1/smigrated", r#"{"slots":"1"}"#, 422, "moves"),
        ("POST", "/v1/push", "{}", 422, "data"),
        ("POST", "/v1/push", r#"{"connection":99,"data":"x"}"#, 404, "no connection 99"),
        ("POST", "/v1/fault", r#"{"endpoint":"z"}"#, 404, "a, b, c"),
        ("POST", "/v1/fault", r#"{"split":{"max":0}}"#, 422, "at least 1"),
        ("POST", "/v1/fault", r#"{"stall_ms":99999999}"#, 422, "at most"),
        ("POST", "/v1/scenario", r#"{"name":"odd"}"#, 422, "rolling-upgrade"),
        ("POST", "/v1/scenario", r#"{"name":"failover","scale":0}"#, 422, "scale"),
        ("GET", "/v1/scenario/7", "", 404, "no scenario run"),
        ("GET", "/v2/nothing", "", 404, "/v1/status"),
        ("PUT", "/v1/cluster", r#"{"odd":true}"#, 422, "client_maint_notifications"),
    ] {
        let (got, value) = sim.http(method, path, body);
        assert_eq!(got, status, "{path} {body}: {value}");
        let text = value["error"].as_str().expect("an error text");
        assert!(text.contains(says), "{path} {body}: {text}");
    }
    let (status, value) = sim.http("POST", "/v1/push", &format!(r#"{{"data":"{}"}}"#, "x".repeat(1 << 20)));
    assert_eq!(status, 413, "{value}");
    let mut c: Client = sim.client("a");
    assert_eq!(c.ask(&["PING"]), "+PONG\r\n");
}
