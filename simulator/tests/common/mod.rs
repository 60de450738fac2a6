//! A simulator process, and a blocking client, for the tests.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, dead_code)]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const PATIENCE: Duration = Duration::from_secs(20);

/// A child that ends when dropped: by the end of its standard input, or killed by its id.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        if self.0.stdin.take().is_some() {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_secs(2) {
                if matches!(self.0.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Sim {
    pub process: Process,
    pub ready: Value,
}

impl Sim {
    pub fn start(options: &[&str]) -> Sim {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sch-sim"))
            .args(["serve", "--exit-with-stdin", "--max-seconds", "120"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the simulator starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let process = Process(child);
        Sim { process, ready: serde_json::from_str(&line).expect("the ready line is JSON") }
    }

    pub fn address(&self, name: &str) -> String {
        let list = self.ready["endpoints"].as_array().expect("endpoints");
        let e = list.iter().find(|e| e["name"] == name).expect("the endpoint");
        let ip: std::net::IpAddr = e["addr"].as_str().expect("addr").parse().expect("an address");
        std::net::SocketAddr::new(ip, e["port"].as_u64().expect("port") as u16).to_string()
    }

    /// Of an endpoint that may have come since the start.
    pub fn address_now(&self, name: &str) -> String {
        let (_, now) = self.http("GET", "/v1/endpoints", "");
        let list = now["endpoints"].as_array().expect("endpoints");
        let e = list.iter().find(|e| e["name"] == name).expect("the endpoint");
        format!("{}:{}", e["addr"].as_str().expect("addr"), e["port"])
    }

    pub fn client(&self, name: &str) -> Client {
        Client::connect(&self.address(name))
    }

    /// RESP3 and opted in.
    pub fn opted(&self, name: &str, kind: &str) -> Client {
        let mut c = self.client(name);
        c.resp3();
        assert_eq!(c.ask(&["CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", kind]), "+OK\r\n");
        c
    }

    pub fn http(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let at = self.ready["http"].as_str().expect("http");
        let mut tcp = TcpStream::connect(at).expect("the control interface accepts");
        tcp.set_read_timeout(Some(PATIENCE)).expect("timeout");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {at}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        tcp.write_all(head.as_bytes()).expect("request");
        let _ = tcp.write_all(body.as_bytes());
        let mut text = String::new();
        let _ = tcp.read_to_string(&mut text);
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).expect("JSON"))
    }

    pub fn post(&self, path: &str, body: &str) -> Value {
        let (status, value) = self.http("POST", path, body);
        assert_eq!(status, 200, "{path} {body}: {value}");
        assert_eq!(value["ok"], true);
        value
    }

    pub fn events(&self) -> Vec<Value> {
        self.http("GET", "/v1/events", "").1["events"].as_array().expect("events").clone()
    }

    pub fn events_with(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|e| e["event"] == kind).collect()
    }

    pub fn wait_event(&self, kind: &str) -> Value {
        until(kind, || self.events().into_iter().find(|e| e["event"] == kind))
    }
}

/// Asks again and again until there is an answer.
pub fn until<T>(what: &str, mut f: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(t) = f() {
            return t;
        }
        assert!(begin.elapsed() < PATIENCE, "waited too long for: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub struct Client {
    pub stream: BufReader<TcpStream>,
}

impl Client {
    pub fn connect(at: &str) -> Client {
        let tcp = TcpStream::connect(at).expect("the endpoint accepts");
        tcp.set_read_timeout(Some(PATIENCE)).expect("timeout");
        tcp.set_nodelay(true).expect("nodelay");
        Client { stream: BufReader::new(tcp) }
    }

    pub fn resp3(&mut self) {
        let hello = self.ask(&["HELLO", "3"]);
        assert!(hello.starts_with('%'), "{hello}");
    }

    pub fn send(&mut self, args: &[&str]) {
        self.stream.get_mut().write_all(encode(args).as_bytes()).expect("send");
    }

    pub fn ask(&mut self, args: &[&str]) -> String {
        self.send(args);
        self.frame()
    }

    /// One whole frame as it came.
    pub fn frame(&mut self) -> String {
        self.try_frame().expect("a frame")
    }

    pub fn try_frame(&mut self) -> std::io::Result<String> {
        frame(&mut self.stream)
    }

    /// Reads until the other side ends: the last error, or none for an orderly end.
    pub fn end(&mut self) -> Option<std::io::ErrorKind> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).err().map(|e| e.kind())
    }
}

pub fn encode(args: &[&str]) -> String {
    let mut text = format!("*{}\r\n", args.len());
    for a in args {
        text += &format!("${}\r\n{a}\r\n", a.len());
    }
    text
}

pub fn frame<R: BufRead>(from: &mut R) -> std::io::Result<String> {
    let mut text = String::new();
    if from.read_line(&mut text)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let n: i64 = text[1..].trim_end().parse().unwrap_or(0);
    let children = match text.as_bytes()[0] {
        b'$' | b'=' | b'!' if n >= 0 => {
            let mut data = vec![0; n as usize + 2];
            from.read_exact(&mut data)?;
            text += &String::from_utf8_lossy(&data);
            0
        }
        b'*' | b'>' | b'~' => n,
        b'%' => 2 * n,
        _ => 0,
    };
    for _ in 0..children {
        text += &frame(from)?;
    }
    Ok(text)
}

/// A real server on a free port.
pub fn redis() -> (Process, String) {
    for _ in 0..20 {
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port().to_string();
        let child = Command::new("redis-server")
            .args([
                "--port",
                &port,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--daemonize",
                "no",
            ])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server must be installed for this test");
        let mut process = Process(child);
        let at = format!("127.0.0.1:{port}");
        let up = until("redis-server", || {
            if TcpStream::connect(&at).is_ok() {
                return Some(true);
            }
            process.0.try_wait().ok().flatten().map(|_| false)
        });
        if up {
            return (process, at);
        }
    }
    panic!("redis-server did not start");
}

/// A client of a cluster: it follows redirections, with one connection to each node.
pub struct Smart {
    at: String,
    nodes: std::collections::HashMap<String, Client>,
    /// How often it was sent elsewhere.
    pub redirected: usize,
}

impl Smart {
    pub fn new(sim: &Sim) -> Smart {
        Smart::at(sim.address("a"))
    }

    /// One that knows this node first.
    pub fn at(at: String) -> Smart {
        Smart { at, nodes: Default::default(), redirected: 0 }
    }

    pub fn ask(&mut self, args: &[&str]) -> String {
        let (mut at, mut asking) = (self.at.clone(), false);
        for _ in 0..1000 {
            let node = self.nodes.entry(at.clone()).or_insert_with(|| Client::connect(&at));
            if asking {
                assert_eq!(node.ask(&["ASKING"]), "+OK\r\n");
            }
            let reply = node.ask(args);
            let words: Vec<&str> = reply.trim_end().split(' ').collect();
            match words[0] {
                "-MOVED" | "-ASK" => {
                    asking = words[0] == "-ASK";
                    at = words[2].into();
                    self.redirected += 1;
                }
                _ => return reply,
            }
        }
        panic!("redirected for ever: {args:?}");
    }
}

/// Two clients count keys up while all slots of nodes move on and on between a, b and c: every answer is the next number.
pub fn writes_while_slots_go_round(sim: &Sim, one: &[&str], two: &[&str]) {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    struct StopWhenDropped<'a>(&'a AtomicBool);
    impl Drop for StopWhenDropped<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let count_up = |keys: &[&str]| {
        let (mut client, mut n) = (Smart::new(sim), 0);
        while !stop.load(Ordering::Relaxed) {
            n += 1;
            for key in keys {
                let reply = client.ask(&["INCR", key]);
                assert_eq!(reply, format!(":{n}\r\n"), "{key}: a write was lost or done twice");
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
        client.redirected
    };
    std::thread::scope(|s| {
        let threads = [s.spawn(|| count_up(one)), s.spawn(|| count_up(two))];
        let stopping = StopWhenDropped(&stop);
        for round in 1..=9 {
            let (from, to) = [("a", "b"), ("b", "c"), ("c", "a")][round % 3];
            let before = done.load(Ordering::Relaxed);
            sim.post("/v1/slots", &format!(r#"{{"moves":[["{from}","{to}","all"]],"ms":0}}"#));
            until("the end of the move", || (sim.events_with("smigrated").len() == round).then_some(()));
            until("more writes, or a writer that failed", || {
                let failed = threads.iter().any(|t| t.is_finished());
                (failed || done.load(Ordering::Relaxed) > before + 10).then_some(())
            });
        }
        drop(stopping);
        for thread in threads {
            assert!(thread.join().expect("every answer was the next number") > 3, "redirections");
        }
    });
}
