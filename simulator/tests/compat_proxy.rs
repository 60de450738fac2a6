//! The RESP proxy's interface, as the suites of other drivers use it.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod common;
use base64::Engine;
use common::{Client, Sim, encode, redis, until};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{TcpListener, TcpStream};

fn base64(bytes: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn get(sim: &Sim, path: &str) -> Value {
    let (status, value) = sim.http("GET", path, "");
    assert_eq!(status, 200, "{path}: {value}");
    value
}

fn post(sim: &Sim, path: &str, body: &str) -> Value {
    let (status, value) = sim.http("POST", path, body);
    assert_eq!(status, 200, "{path}: {value}");
    value
}

fn node_id(sim: &Sim, name: &str) -> String {
    let at = sim.address(name);
    let port = at.rsplit(':').next().expect("a port").to_string();
    format!("{at}@{port}")
}

/// The ids of an endpoint's connections, as `/connections` lists them.
fn ids(sim: &Sim, name: &str) -> Vec<String> {
    let list = get(sim, "/connections")[node_id(sim, name)].clone();
    list.as_array().expect("a list").iter().map(|v| v.as_str().expect("text").to_string()).collect()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

#[test]
fn stats_list_connections_in_the_order_of_connecting() {
    let sim = Sim::start(&[]);
    let ports: Vec<u16> = (0..12)
        .map(|_| {
            let c = Box::leak(Box::new(sim.client("a")));
            assert_eq!(c.ask(&["PING"]), "+PONG\r\n");
            c.stream.get_ref().local_addr().expect("address").port()
        })
        .collect();
    let node = get(&sim, "/stats")[node_id(&sim, "a")].clone();
    let list = node["connections"].as_array().expect("connections");
    let seen: Vec<u16> = list.iter().map(|c| c["clientPort"].as_u64().expect("port") as u16).collect();
    assert_eq!(seen, ports);
    assert!(list.iter().all(|c| c["clientAddress"] == "127.0.0.1" && c["connectedAt"].is_string()));
    assert_eq!((node["activeConnections"].clone(), node["totalConnections"].clone()), (json!(12), json!(12)));
    assert_eq!(node["globalInterceptors"], json!([]));
    let of_stats: Vec<&str> = list.iter().map(|c| c["id"].as_str().expect("a text")).collect();
    assert_eq!(of_stats, ids(&sim, "a"));
    assert_eq!(ids(&sim, "b"), Vec::<String>::new());
}

#[test]
fn bytes_go_to_one_to_some_or_to_all() {
    let sim = Sim::start(&[]);
    let mut clients: Vec<Client> = ["a", "a", "b"].iter().map(|n| sim.client(n)).collect();
    clients.iter_mut().for_each(|c| assert_eq!(c.ask(&["PING"]), "+PONG\r\n"));
    let (a, b) = (ids(&sim, "a"), ids(&sim, "b"));
    let frame = ">3\r\n+SMIGRATING\r\n:12\r\n+123,456,5000-7000\r\n";
    let answer = post(&sim, &format!("/send-to-client/{}", a[1]), &base64(frame));
    assert_eq!(answer, json!({"success": true, "connectionId": a[1]}));
    assert_eq!(clients[1].frame(), frame);
    let path = format!("/send-to-clients?connectionIds={},{},9999&encoding=raw", a[0], b[0]);
    let answer = post(&sim, &path, "+two\r\n");
    assert_eq!(
        answer,
        json!({"results": [{"success": true, "connectionId": a[0]}, {"success": true, "connectionId": b[0]},
            {"success": false, "error": "Connection not found", "connectionId": "9999"}]})
    );
    assert_eq!((clients[0].frame(), clients[2].frame()), ("+two\r\n".into(), "+two\r\n".into()));
    let answer = post(&sim, "/send-to-all-clients", &base64("+all\r\n"));
    assert_eq!(answer["results"].as_array().map(Vec::len), Some(3));
    for c in &mut clients {
        assert_eq!(c.frame(), "+all\r\n");
    }
    assert_eq!(post(&sim, "/send-to-client/77", "Kg==")["success"], false);
    for (path, body) in [
        ("/send-to-client/1", "not base64!"),
        ("/send-to-all-clients?encoding=hex", "00"),
        ("/send-to-clients", "Kg=="),
    ] {
        let (status, answer) = sim.http("POST", path, body);
        assert!(status == 400 && answer["error"].is_string(), "{path}: {status} {answer}");
    }
}

#[test]
fn a_connection_is_closed_by_its_id() {
    let sim = Sim::start(&[]);
    let (mut one, mut other) = (sim.client("a"), sim.client("a"));
    one.ask(&["PING"]);
    other.ask(&["PING"]);
    let id = ids(&sim, "a")[0].clone();
    let (status, answer) = sim.http("DELETE", &format!("/connections/{id}"), "");
    assert_eq!((status, answer), (200, json!({"success": true, "connectionId": id})));
    assert_eq!(one.end(), None);
    assert_eq!(other.ask(&["PING"]), "+PONG\r\n");
    assert_eq!(sim.http("DELETE", &format!("/connections/{id}"), "").1["success"], false);
}

/// Against the embedded data set and against a real server.
#[test]
fn an_interceptor_answers_one_whole_read_in_any_case() {
    let (_server, at) = redis();
    for options in [&[][..], &["--upstream", &at]] {
        let sim = Sim::start(options);
        let answer = "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:1\r\n$7\r\nproxy-1\r\n";
        let slots = "*2\r\n$7\r\ncluster\r\n$5\r\nslots\r\n";
        let body = json!({"name": "cluster", "match": slots, "response": answer, "encoding": "raw"});
        assert_eq!(
            post(&sim, "/interceptors", &body.to_string()),
            json!({"success": true, "name": "cluster"})
        );
        let mut c = sim.client("a");
        assert_eq!(c.ask(&["CLUSTER", "SLOTS"]), answer);
        assert_eq!(c.ask(&["SET", "k", "v"]), "+OK\r\n");
        // Two commands that come in one read match nothing, neither of them.
        let both = encode(&["PING"]) + &encode(&["cluster", "slots"]);
        c.stream.get_mut().write_all(both.as_bytes()).expect("send");
        assert_eq!(c.frame(), "+PONG\r\n");
        assert!(c.frame().starts_with("-ERR"));
        let stats = get(&sim, "/stats")[node_id(&sim, "a")]["globalInterceptors"][0].clone();
        assert_eq!(stats, json!({"name": "cluster", "matchLimit": null, "invokeCount": 3, "matchCount": 1}));
        // This is how the suites take one away.
        let body = json!({"name": "cluster", "match": "no_match", "response": "", "encoding": "raw"});
        post(&sim, "/interceptors", &body.to_string());
        assert!(c.ask(&["CLUSTER", "SLOTS"]).starts_with("-ERR"));
        let body = json!({"responses": [base64("+one\r\n"), base64("+two\r\n")], "encoding": "base64"});
        assert_eq!(
            post(&sim, "/scenarios", &body.to_string()),
            json!({"success": true, "totalResponses": 2})
        );
        assert_eq!([c.ask(&["GET", "k"]), c.ask(&["GET", "k"])], ["+one\r\n", "+two\r\n"]);
        assert_eq!(c.ask(&["GET", "k"]), "$1\r\nv\r\n");
    }
}

#[test]
fn interceptors_and_bodies_are_bounded() {
    let sim = Sim::start(&[]);
    let put = |name: usize| {
        let body = json!({"name": name.to_string(), "match": "x", "response": "y", "encoding": "raw"});
        sim.http("POST", "/interceptors", &body.to_string()).0
    };
    let statuses: Vec<u16> = (0..65).map(put).collect();
    assert!(statuses[..64].iter().all(|s| *s == 200), "MAX_INTERCEPTORS");
    assert_eq!(statuses[64], 422);
    assert_eq!(put(3), 200);
    let many = json!({"responses": vec!["Kg=="; 1001]}).to_string();
    assert_eq!(sim.http("POST", "/scenarios", &many).0, 422);
    assert_eq!(sim.http("POST", "/interceptors", "[]").0, 400);
    assert_eq!(sim.http("POST", "/interceptors", "{}").0, 422);
    assert_eq!(sim.http("POST", "/send-to-all-clients", &"K".repeat((1 << 20) + 1)).0, 413);
}

#[test]
fn nodes_come_and_go() {
    let sim = Sim::start(&[]);
    let nodes = || get(&sim, "/nodes")["ids"].as_array().expect("ids").clone();
    assert_eq!(nodes(), ["a", "b", "c"].map(|n| json!(node_id(&sim, n))));
    let mut writer = sim.client("a");
    writer.ask(&["SET", "k", "v"]);
    let port = free_port();
    let body =
        json!({"listenPort": port, "listenHost": "127.0.0.1", "targetHost": "redis", "targetPort": 3000});
    let answer = post(&sim, "/nodes", &body.to_string());
    assert_eq!((answer["success"].clone(), answer["cfg"]["listenPort"].clone()), (json!(true), json!(port)));
    let id = format!("127.0.0.1:{port}@{port}");
    assert!(nodes().contains(&json!(id)));
    let mut c = Client::connect(&format!("127.0.0.1:{port}"));
    assert_eq!(c.ask(&["GET", "k"]), "$1\r\nv\r\n");
    assert_eq!(sim.http("POST", "/nodes", &body.to_string()).0, 409);
    let escaped = id.replace(':', "%3A").replace('@', "%40");
    assert_eq!(sim.http("DELETE", &format!("/nodes/{escaped}"), "").1, json!({"success": true}));
    assert_eq!(c.end(), None);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err() && !nodes().contains(&json!(id)));
    assert_eq!(sim.http("DELETE", &format!("/nodes/{escaped}"), "").1, json!({"success": false}));
    // The same port may be added again.
    assert_eq!(post(&sim, "/nodes", &body.to_string())["id"], id);
    assert_eq!(Client::connect(&format!("127.0.0.1:{port}")).ask(&["GET", "k"]), "$1\r\nv\r\n");
    let outside = json!({"listenPort": 0, "listenHost": "0.0.0.0"});
    assert_eq!(sim.http("POST", "/nodes", &outside.to_string()).0, 422);
}

#[test]
fn rejecting_drops_and_refuses_until_it_stops() {
    let sim = Sim::start(&[]);
    let mut c = sim.client("b");
    c.ask(&["PING"]);
    for _ in 0..2 {
        assert_eq!(post(&sim, "/reject-traffic/start", ""), json!({"success": true, "rejecting": true}));
    }
    assert_eq!(c.end(), None);
    assert!(TcpStream::connect(sim.address("a")).is_err());
    for _ in 0..2 {
        assert_eq!(post(&sim, "/reject-traffic/stop", ""), json!({"success": true, "rejecting": false}));
    }
    until("accepting", || (sim.client("a").ask(&["PING"]) == "+PONG\r\n").then_some(()));
}

#[test]
fn an_added_node_of_a_cluster_has_no_slots() {
    let sim = Sim::start(&["--cluster", "2"]);
    let answer = post(&sim, "/nodes", &json!({"listenPort": 0}).to_string());
    let port = answer["cfg"]["listenPort"].as_u64().expect("a port");
    let listed = get(&sim, "/v1/endpoints")["endpoints"].as_array().expect("endpoints").clone();
    let new = listed.iter().find(|e| e["port"] == port).expect("the node").clone();
    assert_eq!((new["member"].clone(), new["slots"].clone()), (json!(true), json!("")));
}

/// Whoever tests a driver wants to see what it sent, whatever the server thought of it.
#[test]
fn the_words_of_an_opt_in_are_in_the_events() {
    let (_server, at) = redis();
    for options in [&["--server", "open-source"][..], &["--server", "open-source", "--upstream", &at]] {
        let sim = Sim::start(options);
        let mut c = sim.client("a");
        let words = ["client", "Maint_Notifications", "on", "moving-endpoint-type", "internal-ip"];
        assert!(c.ask(&words).starts_with("-ERR unknown subcommand"));
        let asked = sim.wait_event("opt_in_asked");
        assert_eq!((asked["words"].clone(), asked["protocol"].clone()), (json!(words), json!(2)));
    }
}
