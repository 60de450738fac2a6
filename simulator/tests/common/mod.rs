//! A simulator process, and a blocking client, for the tests.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, dead_code)]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
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
