//! A cluster whose nodes each have a real server behind them.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod common;
use common::{Process, Sim, Smart, redis, until, writes_while_slots_go_round};

/// As many real servers, and a cluster of three nodes in front of the first three.
fn cluster(servers: usize) -> (Vec<(Process, String)>, Sim) {
    let servers: Vec<_> = (0..servers).map(|_| redis()).collect();
    let mut options = vec!["--cluster", "3"];
    servers.iter().for_each(|(_, at)| options.extend(["--upstream", at]));
    let sim = Sim::start(&options);
    (servers, sim)
}

fn moved(sim: &Sim, slot: u16, to: &str) -> String {
    format!("-MOVED {slot} {}\r\n", sim.address(to))
}

fn move_slots(sim: &Sim, from: &str, to: &str, slots: &str) {
    sim.post("/v1/slots", &format!(r#"{{"moves":[["{from}","{to}","{slots}"]],"ms":0}}"#));
}

#[test]
fn keys_of_every_kind_go_to_the_other_server_with_what_is_left_of_their_lives() {
    let (servers, sim) = cluster(3);
    let mut a = sim.client("a");
    for args in [
        &["SET", "b", "v", "EX", "100"][..],
        &["RPUSH", "{b}l", "1", "2"],
        &["ZADD", "{b}z", "1", "m"],
        &["XADD", "{b}x", "1-1", "f", "v"],
        &["SET", "hello", "stays"],
    ] {
        assert!(!a.ask(args).starts_with('-'), "{args:?}");
    }
    for n in 0..300 {
        assert_eq!(a.ask(&["SET", &format!("{{b}}{n}"), &n.to_string()]), "+OK\r\n");
    }
    move_slots(&sim, "a", "c", "3300");
    assert_eq!(sim.wait_event("slots_moved")["keys"], 304);
    sim.wait_event("smigrated");
    assert_eq!(a.ask(&["GET", "b"]), moved(&sim, 3300, "c"));
    assert_eq!(a.ask(&["GET", "hello"]), "$5\r\nstays\r\n");
    let mut c = sim.client("c");
    let life: i64 = c.ask(&["PTTL", "b"])[1..].trim_end().parse().expect("a life");
    assert!((50_000..=100_000).contains(&life), "{life}");
    assert_eq!(c.ask(&["PTTL", "{b}l"]), ":-1\r\n");
    assert_eq!(c.ask(&["ZSCORE", "{b}z", "m"]), "$1\r\n1\r\n");
    assert_eq!(c.ask(&["XLEN", "{b}x"]), ":1\r\n");
    assert_eq!(c.ask(&["GET", "{b}299"]), "$3\r\n299\r\n");
    // The servers themselves: nothing is left where it was.
    let count = |at: &str| common::Client::connect(at).ask(&["DBSIZE"]);
    assert_eq!((count(&servers[0].1), count(&servers[2].1)), (":1\r\n".into(), ":304\r\n".into()));
}

#[test]
fn no_write_is_lost_or_done_twice_while_slots_move_between_servers() {
    let (_servers, sim) = cluster(3);
    writes_while_slots_go_round(&sim, &["b", "c", "a"], &["x{b}", "x{c}"]);
}

#[test]
fn a_pipeline_is_executed_up_to_the_moment_its_slot_leaves_and_redirected_from_there() {
    use std::io::Write;
    let (_servers, sim) = cluster(3);
    let mut a = sim.client("a");
    let mut writing = a.stream.get_ref().try_clone().expect("a second handle");
    const COMMANDS: usize = 50_000;
    let sent = std::thread::spawn(move || {
        writing.write_all(common::encode(&["INCR", "b"]).repeat(COMMANDS).as_bytes()).expect("send");
    });
    assert_eq!(a.frame(), ":1\r\n");
    move_slots(&sim, "a", "b", "3300");
    let (gone, mut executed, mut redirected) = (moved(&sim, 3300, "b"), 1, 0);
    while executed + redirected < COMMANDS {
        let reply = a.frame();
        if reply == gone {
            redirected += 1;
        } else {
            executed += 1;
            assert_eq!((reply, redirected), (format!(":{executed}\r\n"), 0));
        }
    }
    sent.join().expect("all were sent");
    assert!(redirected > 0, "the slot left in the middle");
    assert_eq!(sim.client("b").ask(&["INCR", "b"]), format!(":{}\r\n", executed + 1));
}

/// In front of a server: what its first client sends is kept back until it is let go.
fn slow_way_to(server: &str) -> (String, std::sync::mpsc::Sender<()>) {
    use std::net::{TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("an address").to_string();
    let (go, wait) = std::sync::mpsc::channel();
    let (server, mut wait) = (server.to_string(), Some(wait));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(to) = TcpStream::connect(&server) else { return };
            let (mut back, mut out) =
                (to.try_clone().expect("a handle"), client.try_clone().expect("a handle"));
            std::thread::spawn(move || std::io::copy(&mut back, &mut out).is_ok());
            let (mut client, mut to, wait) = (client, to, wait.take());
            std::thread::spawn(move || {
                use std::io::{Read, Write};
                // The question for the connection's number passes.
                let mut first = [0; 1 << 10];
                let n = client.read(&mut first).unwrap_or(0);
                to.write_all(&first[..n]).expect("the server takes it");
                wait.map(|w| w.recv());
                std::io::copy(&mut client, &mut to).is_ok()
            });
        }
    });
    (at, go)
}

#[test]
fn a_slot_leaves_after_the_commands_on_their_way_and_before_those_that_came_later() {
    let servers = [redis(), redis()];
    let (slow, go) = slow_way_to(&servers[0].1);
    let sim = Sim::start(&["--cluster", "2", "--upstream", &slow, "--upstream", &servers[1].1]);
    let mut early = sim.client("a");
    early.send(&["INCR", "b"]);
    until("the command is on its way", || {
        let conns = sim.http("GET", "/v1/status", "").1["connections"].clone();
        conns.as_array().expect("connections").iter().any(|c| c["commands"] == 1).then_some(())
    });
    move_slots(&sim, "a", "b", "3300");
    sim.wait_event("slots_held");
    let mut late = sim.client("a");
    late.send(&["INCR", "b"]);
    // Nothing moves however long the server takes: a look at this is a round trip.
    for _ in 0..100 {
        assert!(sim.events_with("slots_moved").is_empty(), "the slot did not wait for its command");
    }
    go.send(()).expect("the way is there");
    assert_eq!(early.frame(), ":1\r\n");
    assert_eq!(late.frame(), moved(&sim, 3300, "b"));
    assert_eq!(sim.client("b").ask(&["INCR", "b"]), ":2\r\n");
}

#[test]
fn a_node_speaks_for_the_cluster_in_front_of_a_server_that_stands_alone() {
    let (_servers, sim) = cluster(3);
    let mut a = sim.client("a");
    assert!(a.ask(&["HELLO", "3"]).contains("$4\r\nmode\r\n$7\r\ncluster\r\n"));
    assert!(a.ask(&["CLUSTER", "SLOTS"]).starts_with("*3\r\n*3\r\n:0\r\n:5461\r\n"));
    for command in ["READONLY", "READWRITE", "ASKING"] {
        assert_eq!(a.ask(&[command]), "+OK\r\n");
    }
    assert_eq!(a.ask(&["SELECT", "1"]), "-ERR SELECT is not allowed in cluster mode\r\n");
    assert_eq!(a.ask(&["SELECT", "0"]), "+OK\r\n");
    let cross = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
    assert_eq!(a.ask(&["ZUNIONSTORE", "b", "2", "b", "c"]), cross);
    // Answers come in their places.
    let text: String =
        [&["SET", "b", "1"][..], &["GET", "c"], &["GET", "b"], &["GET", "a"]].map(common::encode).concat();
    use std::io::Write;
    a.stream.get_mut().write_all(text.as_bytes()).expect("send");
    let got = [a.frame(), a.frame(), a.frame(), a.frame()];
    assert_eq!(
        got,
        ["+OK\r\n".into(), moved(&sim, 7365, "b"), "$1\r\n1\r\n".into(), moved(&sim, 15495, "c")]
    );
    // A redirection spoils the transaction; so do two slots, at its end.
    assert_eq!(a.ask(&["MULTI"]) + &a.ask(&["GET", "c"]), "+OK\r\n".to_string() + &moved(&sim, 7365, "b"));
    assert!(a.ask(&["EXEC"]).starts_with("-EXECABORT"));
    for args in [&["MULTI"][..], &["INCR", "b"], &["INCR", "hello"]] {
        assert!(a.ask(args).starts_with('+'));
    }
    assert_eq!(a.ask(&["EXEC"]), cross);
    assert_eq!(a.ask(&["GET", "b"]), "$1\r\n1\r\n");
    // A transaction whose slot left in its middle.
    for args in [&["MULTI"][..], &["INCR", "b"]] {
        assert!(a.ask(args).starts_with('+'));
    }
    move_slots(&sim, "a", "b", "3300");
    sim.wait_event("smigrated");
    assert_eq!(a.ask(&["EXEC"]), moved(&sim, 3300, "b"));
    assert_eq!(sim.client("b").ask(&["GET", "b"]), "$1\r\n1\r\n");
}

#[test]
fn a_blocked_pop_and_a_shard_subscription_end_when_their_slot_leaves() {
    let (_servers, sim) = cluster(3);
    let (mut blocked, mut s) = (sim.client("a"), sim.client("a"));
    blocked.send(&["BLPOP", "b", "0"]);
    s.resp3();
    assert!(s.ask(&["SSUBSCRIBE", "b"]).ends_with(":1\r\n"));
    assert!(s.ask(&["SSUBSCRIBE", "hello"]).ends_with(":2\r\n"));
    let mut server = sim.client("a");
    until("the pop waits", || server.ask(&["INFO", "clients"]).contains("blocked_clients:1").then_some(()));
    move_slots(&sim, "a", "b", "3300");
    assert_eq!(blocked.frame(), moved(&sim, 3300, "b"));
    assert_eq!(s.frame(), ">3\r\n$12\r\nsunsubscribe\r\n$1\r\nb\r\n:1\r\n");
    assert_eq!(s.ask(&["SSUBSCRIBE", "b"]), moved(&sim, 3300, "b"));
    assert_eq!(Smart::new(&sim).ask(&["SPUBLISH", "hello", "x"]), ":1\r\n");
    assert!(s.frame().contains("smessage"));
}

#[test]
fn a_move_that_fails_leaves_the_slots_and_says_that_it_is_over() {
    let (mut servers, sim) = cluster(3);
    let mut a = sim.opted("a", "none");
    assert_eq!(a.ask(&["SET", "b", "v"]), "+OK\r\n");
    drop(servers.pop());
    move_slots(&sim, "a", "c", "3300");
    assert!(a.frame().contains("SMIGRATING"));
    assert_eq!(a.frame(), ">3\r\n$9\r\nSMIGRATED\r\n:1\r\n*0\r\n");
    assert!(sim.wait_event("slots_failed")["error"].as_str().expect("error").contains("upstream"));
    assert_eq!(a.ask(&["GET", "b"]), "$1\r\nv\r\n", "not held any more");
    // Another one may go.
    move_slots(&sim, "a", "b", "3300");
    until("the move", || (sim.events_with("smigrated").len() == 2).then_some(()));
    assert_eq!(sim.client("a").ask(&["GET", "b"]), moved(&sim, 3300, "b"));
}

#[test]
fn a_new_node_takes_a_server_that_was_kept_for_it() {
    let (servers, sim) = cluster(4);
    assert_eq!(sim.client("a").ask(&["SET", "hello", "x"]), "+OK\r\n");
    let r = r#"{"name":"node-replace","endpoint":"a","scale":0.01}"#;
    let id = sim.post("/v1/scenario", r)["id"].to_string();
    until("the end", || {
        let (_, run) = sim.http("GET", &format!("/v1/scenario/{id}"), "");
        assert_ne!(run["state"], "failed", "{run}");
        (run["state"] == "done").then_some(())
    });
    assert_eq!(common::Client::connect(&servers[3].1).ask(&["GET", "hello"]), "$1\r\nx\r\n");
    let (status, error) = sim.http("POST", "/v1/node_add", "{}");
    assert_eq!(status, 422, "{error}");
}
