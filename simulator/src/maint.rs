//! Maintenance notifications: the opt-in, who gets what, and what follows in time.

use crate::cluster::nodes;
use crate::conn::{Conn, Kill};
use crate::limits::{MAX_MS, MAX_TIME_S};
use crate::resp;
use crate::serve;
use crate::session::unknown_sub;
use crate::state::{ServerKind, Sim, lock};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub const TYPES: [&str; 5] = ["internal-ip", "internal-fqdn", "external-ip", "external-fqdn", "none"];

/// The status and the text of a refused request.
pub type Refused = (u16, String);
pub type Answer = Result<Value, Refused>;

#[derive(Default)]
pub struct Maint {
    pub next_seq: i64,
    next_id: u64,
    moving: Vec<Moving>,
    /// The last MIGRATED or FAILED_OVER of each endpoint.
    terminators: HashMap<String, Bytes>,
    /// MIGRATING or FAILING_OVER whose terminator did not come yet.
    starters: HashMap<String, Bytes>,
    /// SMIGRATING whose SMIGRATED did not come yet.
    slots: HashMap<String, Bytes>,
}

impl Maint {
    /// No SMIGRATING is kept for those who come later.
    pub fn forget_slots(&mut self) {
        self.slots.clear();
    }

    /// Nothing is kept for those who opt in later, but a MOVING that is under way.
    pub fn forget_windows(&mut self) {
        self.slots.clear();
        self.starters.clear();
        self.terminators.clear();
    }

    pub fn is_moving(&self, id: u64) -> bool {
        self.moving.iter().any(|m| m.id == id)
    }
}

struct Moving {
    id: u64,
    from: String,
    node: u64,
    seq: i64,
    time: i64,
    target: Option<(String, SocketAddr)>,
    text: Option<String>,
    unbracketed: bool,
    variant: Variant,
    resend: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Variant {
    #[default]
    Bulk,
    Simple,
    Absent,
    NullBulk,
    TextNull,
    StringNumbers,
}

/// How a client of this type is told of an endpoint.
pub fn endpoint_text(fqdn: &str, at: SocketAddr, kind: &str, unbracketed: bool) -> String {
    match kind.ends_with("fqdn") {
        true => format!("{fqdn}:{}", at.port()),
        false if unbracketed => format!("{}:{}", at.ip(), at.port()),
        false => at.to_string(),
    }
}

impl Moving {
    fn frame(&self, kind: &str) -> Bytes {
        let text = match (&self.text, &self.target) {
            _ if kind == "none" => None,
            (Some(t), _) => Some(t.clone()),
            (None, None) => None,
            (None, Some((name, to))) => Some(endpoint_text(name, *to, kind, self.unbracketed)),
        };
        let mut out = Vec::new();
        let v = self.variant;
        resp::push(&mut out, 3, if v == Variant::Absent { 3 } else { 4 });
        if v == Variant::Simple {
            resp::simple(&mut out, "MOVING")
        } else {
            resp::bulk(&mut out, b"MOVING")
        }
        for n in [self.seq, self.time] {
            if v == Variant::StringNumbers {
                resp::bulk(&mut out, n.to_string().as_bytes())
            } else {
                resp::int(&mut out, n)
            }
        }
        match (v, text) {
            (Variant::Absent, _) => {}
            (Variant::NullBulk, _) => resp::null(&mut out, 2),
            (Variant::TextNull, _) => resp::bulk(&mut out, b"null"),
            (_, None) => resp::null(&mut out, 3),
            (Variant::Simple, Some(t)) => resp::simple(&mut out, &t),
            (_, Some(t)) => resp::bulk(&mut out, t.as_bytes()),
        }
        out.into()
    }
}

/// `CLIENT MAINT_NOTIFICATIONS ON|OFF [moving-endpoint-type T]`.
pub fn opt_in(sim: &Sim, conn: &Conn, a: &[Bytes], out: &mut Vec<u8>) {
    // As they were sent: the drivers differ.
    let words: Vec<String> =
        a.iter().take(8).map(|w| format!("{:.64}", String::from_utf8_lossy(w))).collect();
    sim.event(
        "opt_in_asked",
        json!({"endpoint": conn.endpoint.name, "connection": conn.id, "protocol": conn.proto(), "words": words}),
    );
    match sim.kind() {
        ServerKind::OpenSource | ServerKind::Resp2Only => return unknown_sub(out, "CLIENT", &a[1]),
        _ => {}
    }
    let kind = match a.len() {
        3 => "none".to_string(),
        5 if a[3].eq_ignore_ascii_case(b"moving-endpoint-type") => {
            String::from_utf8_lossy(&a[4]).to_ascii_lowercase()
        }
        5 => return resp::error(out, "ERR syntax error"),
        _ => {
            return resp::error(
                out,
                "ERR wrong number of arguments for 'client|maint_notifications' command",
            );
        }
    };
    let on = a[2].eq_ignore_ascii_case(b"ON");
    if !(on || a[2].eq_ignore_ascii_case(b"OFF") && a.len() == 3) {
        return resp::error(out, "ERR syntax error");
    }
    if !TYPES.contains(&kind.as_str()) {
        return resp::error(out, "ERR syntax error");
    }
    let (terminators, starters) = {
        let settings = lock(&sim.settings);
        if !settings.enabled {
            return resp::error(out, "ERR maintenance notifications are disabled on this server");
        }
        (settings.replay_terminators, settings.replay_starters)
    };
    let maint = lock(&sim.maint);
    resp::simple(out, "OK");
    if !on {
        *lock(&conn.opted) = None;
        return;
    }
    conn.pushes_follow_next_reply();
    *lock(&conn.opted) = Some(kind.clone());
    sim.event(
        "opted_in",
        json!({"endpoint": conn.endpoint.name, "connection": conn.id, "endpoint_type": kind}),
    );
    if conn.proto() < 3 {
        return;
    }
    let name = &conn.endpoint.name;
    let mut frames: Vec<Bytes> = Vec::new();
    if terminators {
        frames.extend(maint.terminators.get(name).cloned());
    }
    if starters {
        frames.extend(maint.starters.get(name).cloned());
    }
    frames.extend(maint.slots.get(name).cloned());
    frames.extend(
        maint
            .moving
            .iter()
            .filter(|m| m.resend && m.from == *name && m.node == conn.node)
            .map(|m| m.frame(&kind)),
    );
    frames.into_iter().for_each(|f| conn.push(f));
}

fn opted(sim: &Sim, endpoint: Option<&str>, node: Option<u64>) -> Vec<(Arc<Conn>, String)> {
    let conns = sim.connections(endpoint, node).into_iter().filter(|c| c.proto() >= 3);
    conns
        .filter_map(|c| {
            let kind = lock(&c.opted).clone()?;
            Some((c, kind))
        })
        .collect()
}

fn names(sim: &Sim, endpoint: Option<&str>) -> Vec<String> {
    sim.endpoints.iter().map(|e| e.name.clone()).filter(|n| endpoint.is_none_or(|e| e == n)).collect()
}

fn known(sim: &Sim, field: &str, endpoint: Option<&str>) -> Result<(), Refused> {
    match endpoint {
        Some(e) if sim.endpoint(e).is_none() => {
            Err((404, format!("{field}: no endpoint {e:?}; there are {}", names(sim, None).join(", "))))
        }
        _ => Ok(()),
    }
}

fn seconds(field: &str, s: f64) -> Result<i64, Refused> {
    if s.abs() <= MAX_TIME_S {
        Ok(s.ceil() as i64)
    } else {
        Err((422, format!("{field} must be from -{MAX_TIME_S} to {MAX_TIME_S} seconds")))
    }
}

pub fn millis(field: &str, ms: u64) -> Result<Duration, Refused> {
    if ms <= MAX_MS {
        Ok(Duration::from_millis(ms))
    } else {
        Err((422, format!("{field} must be at most {MAX_MS} ms")))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveRequest {
    pub from: String,
    pub to: Option<String>,
    #[serde(default = "fifteen")]
    pub time_s: f64,
    #[serde(default = "two_thousand")]
    pub close_after_ms: u64,
    switch_after_ms: Option<u64>,
    endpoint_text: Option<String>,
    #[serde(default)]
    unbracketed: bool,
    seq: Option<i64>,
    #[serde(default)]
    variant: Variant,
    #[serde(default = "yes")]
    resend: bool,
    #[serde(default = "yes")]
    old_refuses_after: bool,
}

fn fifteen() -> f64 {
    15.0
}
fn ten() -> f64 {
    10.0
}
fn two_thousand() -> u64 {
    2000
}
fn yes() -> bool {
    true
}

/// `POST /v1/move`.
pub async fn start_move(sim: &Arc<Sim>, r: MoveRequest) -> Answer {
    known(sim, "from", Some(&r.from))?;
    known(sim, "to", r.to.as_deref())?;
    let time = seconds("time_s", r.time_s)?;
    let window = Duration::from_secs_f64(r.time_s.max(0.0));
    let closing = window + millis("close_after_ms", r.close_after_ms)?;
    let switch = r.switch_after_ms.map(|ms| millis("switch_after_ms", ms)).transpose()?.unwrap_or(window / 2);
    if r.to.as_ref() == Some(&r.from) {
        return Err((422, "to must be another endpoint than from, or null for the same address".into()));
    }
    if r.endpoint_text.as_ref().is_some_and(|t| t.contains(['\r', '\n'])) {
        return Err((422, "endpoint_text must be one line".into()));
    }
    let from = sim.endpoint(&r.from).ok_or((404, String::new()))?;
    let to = r.to.as_ref().and_then(|t| sim.endpoint(t));
    if let Some(to) = &to
        && lock(&to.faults).gone
    {
        serve::refuse(sim, to, false).await.map_err(|e| (409, e))?;
    }
    let node = from.node.load(Ordering::SeqCst);
    let (id, seq, sent) = {
        let mut maint = lock(&sim.maint);
        let seq = take_seq(&mut maint, r.seq);
        let id = maint.next_id;
        maint.next_id += 1;
        let moving = Moving {
            id,
            from: r.from.clone(),
            node,
            seq,
            time,
            target: to.as_ref().map(|t| (sim.fqdn(t), t.address())),
            text: r.endpoint_text,
            unbracketed: r.unbracketed,
            variant: r.variant,
            resend: r.resend,
        };
        let conns = opted(sim, Some(&r.from), Some(node));
        conns.iter().for_each(|(c, kind)| c.push(moving.frame(kind)));
        maint.moving.push(moving);
        (id, seq, conns.len())
    };
    sim.event("moving", json!({"from": r.from, "to": r.to, "seq": seq, "time_s": time, "sent": sent}));
    if let Some(to) = &to {
        let (sim, from, to) = (sim.clone(), from.name.clone(), to.name.clone());
        tokio::spawn(async move {
            tokio::time::sleep(switch).await;
            nodes::renamed(&sim, &from, &to);
        });
    } else {
        let (sim, from) = (sim.clone(), from.clone());
        tokio::spawn(async move {
            tokio::time::sleep(switch).await;
            let switched =
                from.node.compare_exchange(node, node + 1, Ordering::SeqCst, Ordering::SeqCst).is_ok();
            sim.event("switched", json!({"endpoint": from.name, "node": node + 1, "switched": switched}));
        });
    }
    let answer = json!({"ok": true, "move": id, "seq": seq, "sent": sent});
    let (sim, refuse) = (sim.clone(), to.is_some() && r.old_refuses_after);
    tokio::spawn(async move {
        tokio::time::sleep(closing).await;
        if refuse {
            let _ = serve::refuse(&sim, &from, true).await;
            from.set_faults(|f| f.gone = true);
        }
        lock(&sim.maint).moving.retain(|m| m.id != id);
        let conns = sim.connections(Some(&from.name), Some(node));
        sim.event(
            "old_node_closes",
            json!({"endpoint": from.name, "node": node, "connections": conns.len(), "refuses": refuse}),
        );
        sim.end(&conns, Kill::Close).await;
    });
    Ok(answer)
}

fn take_seq(maint: &mut Maint, given: Option<i64>) -> i64 {
    given.unwrap_or_else(|| {
        maint.next_seq += 1;
        maint.next_seq - 1
    })
}

#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields)]
pub struct WindowRequest {
    pub endpoint: Option<String>,
    #[serde(default = "ten")]
    pub time_s: f64,
    pub shards: Option<String>,
    pub seq: Option<i64>,
    /// Only `/v1/migrate` and `/v1/failover`: how long until the terminator.
    pub ms: Option<u64>,
    /// Only there: how long replies are held, from the starter on.
    pub stall_ms: Option<u64>,
}

/// `MIGRATING`, `MIGRATED`, `FAILING_OVER`, `FAILED_OVER`.
pub fn window(sim: &Arc<Sim>, kind: &'static str, r: &WindowRequest) -> Answer {
    known(sim, "endpoint", r.endpoint.as_deref())?;
    let time = seconds("time_s", r.time_s)?;
    let starter = kind.ends_with("ING") || kind == "FAILING_OVER";
    let shards = r.shards.clone().unwrap_or_else(|| "1".into());
    let mut maint = lock(&sim.maint);
    let seq = take_seq(&mut maint, r.seq);
    let mut out = Vec::new();
    resp::push(&mut out, 3, if starter { 4 } else { 3 });
    resp::bulk(&mut out, kind.as_bytes());
    resp::int(&mut out, seq);
    if starter {
        resp::int(&mut out, time);
    }
    resp::bulk(&mut out, shards.as_bytes());
    let frame = Bytes::from(out);
    for name in names(sim, r.endpoint.as_deref()) {
        if starter {
            maint.starters.insert(name, frame.clone());
        } else {
            maint.starters.remove(&name);
            maint.terminators.insert(name, frame.clone());
        }
    }
    let sent = send(sim, r.endpoint.as_deref(), &frame);
    drop(maint);
    sim.event(&kind.to_lowercase(), json!({"endpoint": r.endpoint, "seq": seq, "sent": sent}));
    Ok(json!({"ok": true, "seq": seq, "sent": sent}))
}

fn send(sim: &Sim, endpoint: Option<&str>, frame: &Bytes) -> usize {
    let conns = opted(sim, endpoint, None);
    conns.iter().for_each(|(c, _)| c.push(frame.clone()));
    conns.len()
}

/// `/v1/migrate` and `/v1/failover`: the starter now, the rest in the background.
pub fn whole_window(
    sim: &Arc<Sim>,
    starter: &'static str,
    terminator: &'static str,
    r: WindowRequest,
) -> Answer {
    let ms = millis("ms", r.ms.unwrap_or(2000))?;
    let stall = millis("stall_ms", r.stall_ms.unwrap_or(0))?;
    if stall > ms {
        return Err((422, "stall_ms must be at most ms".into()));
    }
    let answer = window(sim, starter, &r)?;
    let sim = sim.clone();
    tokio::spawn(async move {
        let begin = tokio::time::Instant::now();
        freeze(&sim, r.endpoint.as_deref(), stall).await;
        tokio::time::sleep_until(begin + ms).await;
        let _ = window(&sim, terminator, &WindowRequest { seq: None, ..r });
    });
    Ok(answer)
}

/// Holds every reply of the endpoint (or of all) for this long.
pub async fn freeze(sim: &Arc<Sim>, endpoint: Option<&str>, time: Duration) {
    if time.is_zero() {
        return;
    }
    let set = |on: bool| {
        sim.endpoints
            .iter()
            .filter(|e| endpoint.is_none_or(|n| n == e.name))
            .for_each(|e| e.set_faults(|f| f.freeze = on))
    };
    set(true);
    sim.event("frozen", json!({"endpoint": endpoint, "for_ms": time.as_millis() as u64}));
    tokio::time::sleep(time).await;
    set(false);
    sim.event("unfrozen", json!({"endpoint": endpoint}));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotsRequest {
    endpoint: Option<String>,
    seq: Option<i64>,
    /// SMIGRATING: the slots.
    slots: Option<String>,
    /// SMIGRATED: source, destination, slots.
    moves: Option<Vec<(String, String, String)>>,
}

/// `SMIGRATING` and `SMIGRATED`.
pub fn slots(sim: &Arc<Sim>, done: bool, r: SlotsRequest) -> Answer {
    known(sim, "endpoint", r.endpoint.as_deref())?;
    let kind = if done { "SMIGRATED" } else { "SMIGRATING" };
    let moves = match (done, &r.slots, &r.moves) {
        (false, _, None) => Vec::new(),
        (true, None, Some(m)) => m.clone(),
        (true, ..) => return Err((
            422,
            "smigrated takes \"moves\": [[\"source host:port\", \"destination host:port\", \"slots\"], ...]"
                .into(),
        )),
        (false, ..) => return Err((422, "smigrating takes \"slots\": \"123,456,5000-7000\"".into())),
    };
    let frame = |seq| {
        let mut out = Vec::new();
        resp::push(&mut out, 3, 3);
        resp::bulk(&mut out, kind.as_bytes());
        resp::int(&mut out, seq);
        if done {
            resp::array(&mut out, moves.len());
            for (from, to, slots) in &moves {
                resp::array(&mut out, 3);
                [from, to, slots].iter().for_each(|t| resp::bulk(&mut out, t.as_bytes()));
            }
        } else {
            resp::bulk(&mut out, r.slots.as_deref().unwrap_or("0-16383").as_bytes());
        }
        out.into()
    };
    let to = names(sim, r.endpoint.as_deref());
    let (seq, sent) = announce_slots(sim, &to, done, r.seq, frame);
    Ok(json!({"ok": true, "seq": seq, "sent": sent}))
}

/// One number and one frame for the connections of all these endpoints. A SMIGRATING is kept for who comes later,
/// until the SMIGRATED.
pub fn announce_slots(
    sim: &Sim,
    endpoints: &[String],
    done: bool,
    seq: Option<i64>,
    frame: impl FnOnce(i64) -> Bytes,
) -> (i64, usize) {
    let mut maint = lock(&sim.maint);
    let seq = take_seq(&mut maint, seq);
    let frame = frame(seq);
    let mut sent = 0;
    for name in endpoints {
        if done {
            maint.slots.remove(name);
        } else {
            maint.slots.insert(name.clone(), frame.clone());
        }
        sent += send(sim, Some(name), &frame);
    }
    drop(maint);
    let kind = if done { "smigrated" } else { "smigrating" };
    sim.event(kind, json!({"endpoints": endpoints, "seq": seq, "sent": sent}));
    (seq, sent)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushRequest {
    endpoint: Option<String>,
    connection: Option<u64>,
    data: Option<String>,
    base64: Option<String>,
}

/// `POST /v1/push`: these bytes, as they are.
pub fn raw(sim: &Arc<Sim>, r: PushRequest) -> Answer {
    use base64::Engine;
    known(sim, "endpoint", r.endpoint.as_deref())?;
    let bytes = match (r.data, r.base64) {
        (Some(d), None) => unescape(&d),
        (None, Some(b)) => {
            base64::engine::general_purpose::STANDARD.decode(b).map_err(|e| (422, format!("base64: {e}")))?
        }
        _ => {
            return Err((
                422,
                "give either \"data\" (\\r, \\n, \\t, \\\\ and \\xHH are escapes) or \"base64\"".into(),
            ));
        }
    };
    let frame = Bytes::from(bytes);
    let conns = sim.connections(r.endpoint.as_deref(), None);
    let conns: Vec<_> = conns.into_iter().filter(|c| r.connection.is_none_or(|id| c.id == id)).collect();
    if let (Some(id), true) = (r.connection, conns.is_empty()) {
        return Err((404, format!("connection: no connection {id}; GET /v1/status lists them")));
    }
    conns.iter().for_each(|c| c.push(frame.clone()));
    sim.event("pushed", json!({"endpoint": r.endpoint, "bytes": frame.len(), "sent": conns.len()}));
    Ok(json!({"ok": true, "sent": conns.len()}))
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let b = text.as_bytes();
    let mut i = 0;
    while i < b.len() {
        let hex = |n: usize| (b.get(n).copied()? as char).to_digit(16);
        match (b[i], b.get(i + 1)) {
            (b'\\', Some(b'r')) => out.push(b'\r'),
            (b'\\', Some(b'n')) => out.push(b'\n'),
            (b'\\', Some(b't')) => out.push(b'\t'),
            (b'\\', Some(b'\\')) => out.push(b'\\'),
            (b'\\', Some(b'x')) if hex(i + 2).is_some() && hex(i + 3).is_some() => {
                out.push((hex(i + 2).unwrap_or(0) * 16 + hex(i + 3).unwrap_or(0)) as u8);
                i += 2;
            }
            (c, _) => {
                out.push(c);
                i += 1;
                continue;
            }
        }
        i += 2;
    }
    out
}
