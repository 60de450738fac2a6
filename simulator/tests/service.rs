//! The data set, a real server behind, TLS, start and stop.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod common;
use common::{Client, Sim, encode, frame, redis, until};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

#[test]
fn data_commands() {
    let sim = Sim::start(&[]);
    let mut c = sim.client("a");
    for (command, reply) in [
        ("SET k 1", "+OK\r\n"),
        ("SET k 2 NX", "$-1\r\n"),
        ("SET k 2 XX GET", "$1\r\n1\r\n"),
        ("INCRBY k 40", ":42\r\n"),
        ("DECR k", ":41\r\n"),
        ("APPEND k x", ":3\r\n"),
        ("INCR k", "-ERR value is not an integer or out of range\r\n"),
        ("STRLEN k", ":3\r\n"),
        ("SETNX k 1", ":0\r\n"),
        ("MSET a 1 b 2", "+OK\r\n"),
        ("MGET a b none", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n"),
        ("EXISTS a b none", ":2\r\n"),
        ("EXPIRE a 100", ":1\r\n"),
        ("TTL a", ":100\r\n"),
        ("TTL b", ":-1\r\n"),
        ("PTTL none", ":-2\r\n"),
        ("RPUSH l 1 2 3", ":3\r\n"),
        ("LPUSH l 0", ":4\r\n"),
        ("LRANGE l 1 -2", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n"),
        ("RPOP l", "$1\r\n3\r\n"),
        ("LPOP l 2", "*2\r\n$1\r\n0\r\n$1\r\n1\r\n"),
        ("BLPOP none l 1", "*2\r\n$1\r\nl\r\n$1\r\n2\r\n"),
        ("BLPOP l 0.01", "*-1\r\n"),
        ("LLEN l", ":0\r\n"),
        ("HSET h f v", ":1\r\n"),
        ("HGET h f", "$1\r\nv\r\n"),
        ("HGETALL h", "*2\r\n$1\r\nf\r\n$1\r\nv\r\n"),
        ("HDEL h f g", ":1\r\n"),
        ("SADD s m", ":1\r\n"),
        ("SISMEMBER s m", ":1\r\n"),
        ("SMEMBERS s", "*1\r\n$1\r\nm\r\n"),
        ("TYPE s", "+set\r\n"),
        ("GET s", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("SREM s m", ":1\r\n"),
        ("KEYS [a-b]", "*2\r\n"),
        ("DEL a b k", ":3\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("MULTI", "+OK\r\n"),
        ("SET k 1", "+QUEUED\r\n"),
        ("INCR k", "+QUEUED\r\n"),
        ("EXEC", "*2\r\n+OK\r\n:2\r\n"),
        ("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("SELECT 1", "+OK\r\n"),
        ("GET k", "$-1\r\n"),
        ("FLUSHALL", "+OK\r\n"),
        ("CLIENT SETNAME me", "+OK\r\n"),
        ("CLIENT GETNAME", "$2\r\nme\r\n"),
        ("CONFIG GET save", "*0\r\n"),
        ("NOTHING x", "-ERR unknown command 'NOTHING', with args beginning with: 'x' \r\n"),
    ] {
        let args: Vec<_> = command.split(' ').collect();
        let got = c.ask(&args);
        assert!(got == reply || command.starts_with("KEYS") && got.starts_with(reply), "{command}: {got:?}");
    }
    // Inline, and REPLY OFF.
    c.stream.get_mut().write_all(b"CLIENT REPLY OFF\r\nSET q 1\r\nCLIENT REPLY ON\r\nGET q\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\n").expect("send");
    assert_eq!([c.frame(), c.frame(), c.frame()], ["+OK\r\n", "$1\r\n1\r\n", "+PONG\r\n"]);
    // WATCH sees another connection's write; BLPOP wakes up by it.
    let mut other = sim.client("b");
    assert_eq!(c.ask(&["SELECT", "0"]) + &c.ask(&["WATCH", "w"]), "+OK\r\n+OK\r\n");
    assert_eq!(other.ask(&["SET", "w", "1"]), "+OK\r\n");
    c.ask(&["MULTI"]);
    c.ask(&["PING"]);
    assert_eq!(c.ask(&["EXEC"]), "*-1\r\n");
    c.send(&["BLPOP", "jobs", "0"]);
    other.ask(&["RPUSH", "jobs", "j"]);
    assert_eq!(c.frame(), "*2\r\n$4\r\njobs\r\n$1\r\nj\r\n");
}

#[test]
fn publish_and_subscribe() {
    let sim = Sim::start(&[]);
    let (mut s, mut p) = (sim.client("a"), sim.client("b"));
    s.resp3();
    assert_eq!(s.ask(&["SUBSCRIBE", "c"]), ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    assert_eq!(s.ask(&["PSUBSCRIBE", "c*"]), ">3\r\n$10\r\npsubscribe\r\n$2\r\nc*\r\n:2\r\n");
    assert_eq!(p.ask(&["PUBLISH", "c", "hi"]), ":2\r\n");
    assert_eq!(s.frame(), ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
    assert_eq!(s.frame(), ">4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$1\r\nc\r\n$2\r\nhi\r\n");
    assert_eq!(s.ask(&["UNSUBSCRIBE"]), ">3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:1\r\n");
    assert_eq!(s.ask(&["SSUBSCRIBE", "z"]), ">3\r\n$10\r\nssubscribe\r\n$1\r\nz\r\n:1\r\n");
    assert_eq!(p.ask(&["SPUBLISH", "z", "x"]), ":1\r\n");
    assert_eq!(s.frame(), ">3\r\n$8\r\nsmessage\r\n$1\r\nz\r\n$1\r\nx\r\n");
    assert_eq!(s.ask(&["PING"]), "+PONG\r\n");
}

#[test]
fn password() {
    let sim = Sim::start(&["--password", "pw"]);
    let mut c = sim.client("a");
    assert_eq!(c.ask(&["GET", "k"]), "-NOAUTH Authentication required.\r\n");
    assert!(c.ask(&["AUTH", "no"]).starts_with("-WRONGPASS"));
    assert!(c.ask(&["HELLO", "3", "AUTH", "default", "pw"]).starts_with("%7\r\n"));
    assert_eq!(c.ask(&["GET", "k"]), "_\r\n");
}

#[test]
fn upstream_server() {
    let (_redis, at) = redis();
    let sim = Sim::start(&["--upstream", &at]);
    let mut c = sim.client("a");
    c.resp3();
    // One pipeline: the opt-in's reply comes in its place.
    let mut text = String::new();
    for args in [
        &["SET", "k", "v"][..],
        &["SUBSCRIBE", "c1", "c2"],
        &["client", "maint_notifications", "on", "moving-endpoint-type", "internal-ip"],
        &["GET", "k"],
        &["SUBSCRIBE"],
        &["UNSUBSCRIBE"],
        &["CLIENT", "MAINT_NOTIFICATIONS", "ON"],
        &["CLIENT", "REPLY", "SKIP"],
        &["SET", "k", "w"],
        &["GET", "k"],
    ] {
        text += &encode(args);
    }
    c.stream.get_mut().write_all(text.as_bytes()).expect("send");
    let mut got = Vec::new();
    while got.iter().filter(|f: &&String| !f.starts_with('>')).count() < 6 {
        got.push(c.frame());
    }
    let answers: Vec<_> = got.iter().filter(|f| !f.starts_with('>')).map(String::as_str).collect();
    let wrong = "-ERR wrong number of arguments for 'subscribe' command\r\n";
    assert_eq!(answers, ["+OK\r\n", "+OK\r\n", "$1\r\nv\r\n", wrong, "+OK\r\n", "$1\r\nw\r\n"]);
    assert_eq!(got.len() - answers.len(), 4, "{got:?}");
    sim.post("/v1/move", r#"{"from":"a","to":"b","time_s":0,"close_after_ms":100,"endpoint_text":"h:1"}"#);
    assert_eq!(c.frame(), ">4\r\n$6\r\nMOVING\r\n:0\r\n:0\r\n_\r\n");
    assert_eq!(c.end(), None);
    assert_eq!(sim.client("b").ask(&["GET", "k"]), "$1\r\nw\r\n");
    // RESP2 subscribers: arrays that answer nothing.
    let mut old = sim.client("b");
    old.send(&["SUBSCRIBE", "c"]);
    old.send(&["UNSUBSCRIBE", "c"]);
    old.send(&["CLIENT", "MAINT_NOTIFICATIONS", "OFF"]);
    assert!(old.frame().contains("subscribe") && old.frame().contains("unsubscribe"));
    assert_eq!(old.frame(), "+OK\r\n");
    sim.post("/v1/fault", r#"{"endpoint":"b","reset_after_replies_withheld":2}"#);
    old.send(&["INCR", "n"]);
    old.send(&["INCR", "n"]);
    assert_eq!(old.end(), Some(std::io::ErrorKind::ConnectionReset));
    assert_eq!(sim.client("c").ask(&["GET", "n"]), "$1\r\n2\r\n");
    let mut ending = sim.client("c");
    ending.send(&["GET", "n"]);
    ending.stream.get_ref().shutdown(std::net::Shutdown::Write).expect("half close");
    assert_eq!(ending.frame(), "$1\r\n2\r\n");
    assert_eq!(ending.end(), None);
    let open = Sim::start(&["--upstream", &at, "--server", "open-source"]);
    let text = "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n";
    assert_eq!(open.client("a").ask(&["CLIENT", "MAINT_NOTIFICATIONS", "ON"]), text);
}

#[test]
fn tls() {
    let sim = Sim::start(&["--endpoint", "a=127.0.0.1:0,tls", "--endpoint", "b=127.0.0.1:0"]);
    let pem = std::fs::read(sim.ready["ca_file"].as_str().expect("ca_file")).expect("ca.pem");
    let mut roots = rustls::RootCertStore::empty();
    use rustls::pki_types::pem::PemObject;
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&pem).expect("PEM")).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    for name in ["localhost", "127.0.0.1", "::1", "a.sch.test", "b.sch.test"] {
        let name = rustls::pki_types::ServerName::try_from(name).expect("a name");
        let tls = rustls::ClientConnection::new(config.clone(), name).expect("a client");
        let tcp = TcpStream::connect(sim.address("a")).expect("connect");
        tcp.set_read_timeout(Some(common::PATIENCE)).expect("timeout");
        let mut stream = BufReader::new(rustls::StreamOwned::new(tls, tcp));
        stream.get_mut().write_all(encode(&["PING"]).as_bytes()).expect("send");
        assert_eq!(frame(&mut stream).expect("a reply"), "+PONG\r\n");
    }
    let name = rustls::pki_types::ServerName::try_from("other.test").expect("a name");
    let tls = rustls::ClientConnection::new(config, name).expect("a client");
    let mut stream = rustls::StreamOwned::new(tls, TcpStream::connect(sim.address("a")).expect("connect"));
    assert!(stream.write_all(b"x").is_err(), "a name the certificate does not have");
}

#[test]
fn start_and_stop() {
    let bin = env!("CARGO_BIN_EXE_sch-sim");
    let out = Command::new(bin).args(["serve", "--endpoint", "a=0.0.0.0:0"]).output().expect("runs");
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("--allow-non-loopback"));
    let out = Command::new(bin).args(["serve", "--endpoint", "nonsense"]).output().expect("runs");
    assert!(String::from_utf8_lossy(&out.stderr).contains("NAME=IP:PORT"));
    // The end of standard input stops it.
    let mut sim = Sim::start(&[]);
    drop(sim.process.0.stdin.take());
    let status = sim.process.0.wait().expect("ends");
    assert!(status.success());
    // SIGTERM does.
    let mut sim = Sim::start(&[]);
    let pid = sim.process.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    assert!(sim.process.0.wait().expect("ends").success());
    // The client of the control interface.
    let sim = Sim::start(&[]);
    let mut c = sim.opted("a", "internal-ip");
    let url = format!("http://{}", sim.ready["http"].as_str().expect("http"));
    let run = |args: &[&str]| Command::new(bin).args(args).args(["--url", &url]).output().expect("runs");
    let out = run(&["move", "from=a", "to=b", "time_s=9"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(c.frame().contains("MOVING"));
    assert!(String::from_utf8_lossy(&run(&["status"]).stdout).contains("\"opted_in\": true"));
    assert!(String::from_utf8_lossy(&run(&["events"]).stdout).contains("\"moving\""));
    assert!(
        String::from_utf8_lossy(&run(&["scenario", "name=failover", "scale=0.01", "endpoint=b"]).stdout)
            .contains("\"done\"")
    );
    let bad = run(&["fault", "endpoint=zz"]);
    assert!(!bad.status.success() && String::from_utf8_lossy(&bad.stderr).contains("a, b, c"));
}

#[test]
fn protocol_errors_and_large_values() {
    let sim = Sim::start(&[]);
    let mut c = sim.client("a");
    let large = "x".repeat(3 << 20);
    assert_eq!(c.ask(&["SET", "k", &large]), "+OK\r\n");
    assert_eq!(c.ask(&["STRLEN", "k"]), format!(":{}\r\n", 3 << 20));
    assert_eq!(c.ask(&["GET", "k"]).len(), (3 << 20) + 12);
    c.stream.get_mut().write_all(b"*1\r\n!bad\r\n").expect("send");
    assert_eq!(c.frame(), "-ERR Protocol error: expected '$', got '!'\r\n");
    assert_eq!(c.end(), None);
    let mut c: Client = sim.client("a");
    c.stream.get_mut().write_all(b"*2\r\n$3\r\nGET\r\n$99999999999\r\n").expect("send");
    assert!(c.frame().contains("command larger than"));
    let mut one = sim.client("a");
    for b in encode(&["PING"]).into_bytes() {
        one.stream.get_mut().write_all(&[b]).expect("send");
    }
    assert_eq!(one.frame(), "+PONG\r\n");
    let mut rest = String::new();
    one.send(&["QUIT"]);
    one.stream.read_to_string(&mut rest).expect("an orderly end");
    assert_eq!(rest, "+OK\r\n");
}

#[test]
fn too_many_connections() {
    rlimit::increase_nofile_limit(8192).expect("descriptors");
    let sim = Sim::start(&[]);
    let mut all: Vec<_> = (0..4096)
        .map(|_| TcpStream::connect(sim.address("a")).expect("connect (4,200 descriptors are needed)"))
        .collect();
    let mut over = sim.client("a");
    assert_eq!(over.frame(), "-ERR max number of clients reached\r\n");
    assert_eq!(over.end(), None);
    all.truncate(4000);
    until("room again", || {
        let mut c = sim.client("a");
        c.send(&["PING"]);
        (c.try_frame().ok()? == "+PONG\r\n").then_some(())
    });
}
