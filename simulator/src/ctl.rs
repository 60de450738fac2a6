//! The command-line client of the control interface.

use serde_json::{Map, Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

#[derive(clap::Args)]
pub struct Common {
    /// The control interface: http://HOST:PORT.
    #[arg(long)]
    url: String,
    /// Fields of the request: NAME=VALUE, the value as JSON or else as text.
    #[arg(value_name = "NAME=VALUE")]
    fields: Vec<String>,
}

#[derive(clap::Subcommand)]
pub enum Ctl {
    /// Announce MOVING: from=a to=b time_s=15 ...
    Move(Common),
    /// MIGRATING, and MIGRATED after ms: endpoint=a time_s=10 ms=2000 stall_ms=800
    Migrate(Common),
    /// FAILING_OVER, and FAILED_OVER after ms.
    Failover(Common),
    /// Make an endpoint fail: endpoint=b refuse=true, reset=true, stall_ms=500, clear=true ...
    Fault(Common),
    /// Send bytes as they are: endpoint=a data='>2\r\n+X\r\n:1\r\n'
    Push(Common),
    /// Move slots between nodes: moves='[["a","b","0-99"]]' ms=2000 remove_sources=true ...
    Slots(Common),
    /// A node without slots joins: name=d
    NodeAdd(Common),
    /// A node without slots leaves: endpoint=d
    NodeRemove(Common),
    /// Show the endpoints, their slots, and what the name stands for.
    Endpoints(Common),
    /// Run a scenario: name=rolling-upgrade scale=0.1; waits for its end unless wait=false
    Scenario(Common),
    /// Show endpoints and connections.
    Status(Common),
    /// Show what happened.
    Events(Common),
}

pub fn main(ctl: Ctl) -> Result<(), String> {
    let (method, path, common) = match ctl {
        Ctl::Move(c) => ("POST", "/v1/move", c),
        Ctl::Migrate(c) => ("POST", "/v1/migrate", c),
        Ctl::Failover(c) => ("POST", "/v1/failover", c),
        Ctl::Fault(c) => ("POST", "/v1/fault", c),
        Ctl::Push(c) => ("POST", "/v1/push", c),
        Ctl::Scenario(c) => ("POST", "/v1/scenario", c),
        Ctl::Slots(c) => ("POST", "/v1/slots", c),
        Ctl::NodeAdd(c) => ("POST", "/v1/node_add", c),
        Ctl::NodeRemove(c) => ("POST", "/v1/node_remove", c),
        Ctl::Endpoints(c) => ("GET", "/v1/endpoints", c),
        Ctl::Status(c) => ("GET", "/v1/status", c),
        Ctl::Events(c) => ("GET", "/v1/events", c),
    };
    let mut body = Map::new();
    for field in &common.fields {
        let (name, value) = field.split_once('=').ok_or_else(|| format!("{field:?}: give NAME=VALUE"))?;
        body.insert(name.into(), serde_json::from_str(value).unwrap_or_else(|_| json!(value)));
    }
    let wait = body.remove("wait") != Some(json!(false)) && path == "/v1/scenario";
    let mut answer =
        request(&common.url, method, path, (method == "POST").then(|| Value::Object(body).to_string()))?;
    while wait && answer["state"] == "running" {
        std::thread::sleep(Duration::from_millis(100));
        answer = request(&common.url, "GET", &format!("/v1/scenario/{}", answer["id"]), None)?;
    }
    println!("{}", serde_json::to_string_pretty(&answer).map_err(|e| e.to_string())?);
    Ok(())
}

fn request(url: &str, method: &str, path: &str, body: Option<String>) -> Result<Value, String> {
    let host = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let body = body.unwrap_or_default();
    let mut tcp = TcpStream::connect(host).map_err(|e| format!("{url}: {e}"))?;
    tcp.set_read_timeout(Some(Duration::from_secs(30))).map_err(|e| e.to_string())?;
    write!(
        tcp,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .map_err(|e| format!("{url}: {e}"))?;
    let mut text = String::new();
    tcp.read_to_string(&mut text).map_err(|e| format!("{url}: {e}"))?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| format!("{url}: not an HTTP answer"))?;
    let status = head.split(' ').nth(1).unwrap_or("");
    let value: Value = serde_json::from_str(body).map_err(|e| format!("{url}: answer is not JSON: {e}"))?;
    if status == "200" {
        return Ok(value);
    }
    Err(format!("{status}: {}", value["error"].as_str().unwrap_or(body)))
}
