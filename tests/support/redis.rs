//! A real redis-server on a free loopback port, for as long as the value lives, and a client that compares bytes.

#![allow(dead_code, reason = "each test uses some of it")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

static STARTED: AtomicU32 = AtomicU32::new(0);

/// Killed (by its process id) and cleaned up after when dropped.
pub struct Redis {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl Redis {
    /// Panics if there is no redis-server: what is not probed is not known.
    pub fn start() -> Redis {
        Redis::start_with(&[])
    }

    /// With more arguments.
    pub fn start_with(more: &[&str]) -> Redis {
        // Below the range that the system gives to outgoing connections, and different for every server of every test
        // process; if somebody else is faster all the same, once more.
        for _ in 0..20 {
            let number = STARTED.fetch_add(1, Ordering::Relaxed);
            let port = 12_000 + (std::process::id().wrapping_mul(101).wrapping_add(number) % 20_000) as u16;
            if TcpListener::bind(("127.0.0.1", port)).is_err() {
                continue;
            }
            let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
                .join(format!("redis-{}-{number}", std::process::id()));
            std::fs::create_dir_all(&directory).expect("a directory for redis-server");
            let child = Command::new("redis-server")
                .args([
                    "--port",
                    &port.to_string(),
                    "--bind",
                    "127.0.0.1",
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                ])
                .arg("--dir")
                .arg(&directory)
                .args(more)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| {
                    panic!("redis-server is needed for this test and does not start: {error}")
                });
            let mut redis = Redis { child, port, directory };
            if redis.wait() {
                return redis;
            }
        }
        panic!("redis-server exits at once: see what `redis-server --port 0` says");
    }

    fn wait(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if self.child.try_wait().expect("redis-server's state").is_some() {
                return false;
            }
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) {
                return self.is_ours(stream);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("redis-server does not listen within 10 s");
    }

    /// Whether the one that answers is our child, and not one that was faster to take the port.
    fn is_ours(&self, mut stream: TcpStream) -> bool {
        let mut info = Vec::new();
        let asked = stream.write_all(b"INFO server\r\nQUIT\r\n").and_then(|()| stream.read_to_end(&mut info));
        let process = format!("\r\nprocess_id:{}\r\n", self.child.id());
        asked.is_ok() && text(&info).contains(&process)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection in RESP2.
    pub fn resp2(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection to redis-server");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Client { stream }
    }

    /// A connection in RESP3.
    pub fn resp3(&self) -> Client {
        let mut client = self.resp2();
        client.send(&["HELLO 3"]);
        let reply = client.reply_line();
        assert_eq!(reply, "%7\r\n", "HELLO 3");
        // The last of its seven fields.
        while client.reply_line() != "modules\r\n" {}
        client.receives("*0\r\n");
        client
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A connection on which every byte is accounted for: nothing is skipped, so that surplus bytes fail the next comparison.
pub struct Client {
    stream: TcpStream,
}

impl Client {
    /// Writes commands, in one go; words are separated by spaces.
    pub fn send(&mut self, commands: &[&str]) {
        let mut bytes = Vec::new();
        for command in commands {
            let words: Vec<&str> = command.split(' ').collect();
            bytes.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
            for word in words {
                bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
            }
        }
        self.send_raw(&bytes);
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("write to redis-server");
    }

    /// Reads as many bytes as are expected and compares.
    pub fn receives(&mut self, expected: &str) {
        let mut bytes = vec![0; expected.len()];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.stream.read(&mut bytes[filled..]) {
                Ok(0) => panic!("closed after {:?}, expected {expected:?}", text(&bytes[..filled])),
                Ok(count) => filled += count,
                Err(error) => {
                    panic!("{error} after {:?}, expected {expected:?}", text(&bytes[..filled]))
                }
            }
        }
        assert_eq!(text(&bytes), expected);
    }

    /// Sends one command and compares its reply.
    pub fn call(&mut self, command: &str, expected: &str) {
        self.send(&[command]);
        self.receives(expected);
    }

    /// Everything that was sent has been answered, and nothing more has come than was compared.
    pub fn is_drained(&mut self) {
        self.call("ECHO drained", "$7\r\ndrained\r\n");
    }

    /// The server closes, without another byte.
    pub fn is_closed(&mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("the end");
        assert_eq!(text(&rest), "");
    }

    /// One line, its end included.
    pub fn reply_line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("a line from redis-server");
            line.push(byte[0]);
        }
        text(&line)
    }

    /// One whole reply, as it came.
    pub fn reply(&mut self) -> Vec<u8> {
        use sch::resp::value::{ValueError, ValueLimits, parse};
        let limits = ValueLimits { max_depth: 8, max_elements: 1_000_000, max_bytes: 16 << 20 };
        let mut bytes = Vec::new();
        loop {
            match parse(&bytes, &limits) {
                Ok((_, used)) => {
                    assert_eq!(used, bytes.len(), "more than one reply");
                    return bytes;
                }
                Err(ValueError::Incomplete) => {}
                Err(error) => panic!("{error:?} in {:?}", text(&bytes)),
            }
            let mut part = [0; 65536];
            let count = self.stream.read(&mut part).expect("a reply from redis-server");
            assert!(count > 0, "closed after {:?}", text(&bytes));
            bytes.extend_from_slice(&part[..count]);
        }
    }

    pub fn close(self) {}
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
