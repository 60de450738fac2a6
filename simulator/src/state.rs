//! What the whole process shares: endpoints, connections, events, settings.

use crate::cluster::data::Data;
use crate::cluster::endpoints::Endpoints;
use crate::cluster::nodes::Setup;
use crate::compat::Compat;
use crate::compat::interceptors::Interceptors;
use crate::conn::{Conn, Kill};
use crate::limits::MAX_EVENTS;
use crate::maint::Maint;
use crate::pubsub::PubSub;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// A poisoned lock is still usable here: a panicking task loses its own connection only.
pub fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum ServerKind {
    /// Has the feature.
    Software,
    /// Knows the opt-in and refuses it.
    FeatureOff,
    /// Does not know the opt-in.
    OpenSource,
    /// Knows neither RESP3 nor the opt-in.
    Resp2Only,
}

#[derive(Clone, Default, Debug)]
pub struct Faults {
    pub refuse: bool,
    pub connect_delay_ms: u64,
    pub stall_ms: u64,
    pub freeze: bool,
    /// Commands still to be executed without a reply before every connection is reset.
    pub withhold: Option<u64>,
    pub split: Option<(usize, u64)>,
    pub close_mid_reply: bool,
    /// Refuses because its move is over: a later move to it opens it again.
    pub gone: bool,
}

pub struct Endpoint {
    pub name: String,
    /// Its place in the list of endpoints, which is the number of the node in a cluster.
    pub index: usize,
    /// The real server behind it.
    pub upstream: Option<String>,
    pub ip: IpAddr,
    pub port: u16,
    pub tls: bool,
    /// Which node stands behind the listener now; counts up when it switches.
    pub node: AtomicU64,
    pub faults: Mutex<Faults>,
    /// Says that `faults` changed.
    pub changed: watch::Sender<u64>,
    /// The task that accepts; none while connections are refused.
    pub listener: Mutex<Option<JoinHandle<()>>>,
    /// Connections accepted since the start.
    pub accepted: AtomicU64,
}

impl Endpoint {
    pub fn new(index: usize, name: String, at: SocketAddr, tls: bool, upstream: Option<String>) -> Self {
        Endpoint {
            name,
            index,
            upstream,
            ip: at.ip(),
            port: at.port(),
            tls,
            node: AtomicU64::new(0),
            faults: Mutex::default(),
            changed: watch::channel(0).0,
            listener: Mutex::default(),
            accepted: AtomicU64::new(0),
        }
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    pub fn set_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut lock(&self.faults));
        self.changed.send_modify(|n| *n += 1);
    }
}

pub struct Settings {
    pub kind: ServerKind,
    pub enabled: bool,
    pub replay_terminators: bool,
    /// Who opts in within a window is sent its starter: newer servers do.
    pub replay_starters: bool,
    /// Several nodes, each with slots of its own.
    pub cluster: bool,
}

pub struct Sim {
    pub start: Instant,
    pub password: Option<String>,
    pub data: Mutex<Data>,
    pub setup: Mutex<Setup>,
    /// A move of slots is under way: one at a time.
    pub slots_moving: AtomicBool,
    /// Held while an endpoint comes.
    pub coming: tokio::sync::Mutex<()>,
    /// Slots changed hands, or their commands need wait no longer.
    pub slots_changed: Notify,
    pub pubsub: Mutex<PubSub>,
    pub grew: Notify,
    pub endpoints: Endpoints,
    pub conns: Mutex<BTreeMap<u64, Arc<Conn>>>,
    pub next_conn: AtomicU64,
    pub events: Mutex<Events>,
    pub settings: Mutex<Settings>,
    pub maint: Mutex<Maint>,
    pub runs: Mutex<Vec<Value>>,
    pub compat: Mutex<Compat>,
    pub interceptors: Interceptors,
    pub tls: Option<tokio_rustls::TlsAcceptor>,
}

#[derive(Default)]
pub struct Events {
    pub ring: VecDeque<Value>,
    pub next: u64,
}

impl Sim {
    pub fn kind(&self) -> ServerKind {
        lock(&self.settings).kind
    }

    /// The name of an endpoint in notifications of a `*-fqdn` type.
    pub fn fqdn(&self, endpoint: &Endpoint) -> String {
        lock(&self.setup).fqdn.clone().unwrap_or_else(|| format!("{}.sch.test", endpoint.name))
    }

    pub fn ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Notes one event; `what` is an object.
    pub fn event(&self, kind: &str, mut what: Value) {
        let mut events = lock(&self.events);
        if let Some(map) = what.as_object_mut() {
            map.insert("n".into(), json!(events.next));
            map.insert("ms".into(), json!(self.ms()));
            map.insert("event".into(), json!(kind));
        }
        events.next += 1;
        if events.ring.len() >= MAX_EVENTS {
            events.ring.pop_front();
        }
        events.ring.push_back(what);
    }

    pub fn endpoint(&self, name: &str) -> Option<Arc<Endpoint>> {
        self.endpoints.iter().find(|e| e.name == name)
    }

    /// The connections of one endpoint (of one node behind it), or of all.
    pub fn connections(&self, endpoint: Option<&str>, node: Option<u64>) -> Vec<Arc<Conn>> {
        let conns = lock(&self.conns);
        conns
            .values()
            .filter(|c| endpoint.is_none_or(|e| c.endpoint.name == e) && node.is_none_or(|n| c.node == n))
            .cloned()
            .collect()
    }

    /// Ends these connections and waits until they are gone.
    pub async fn end(&self, conns: &[Arc<Conn>], how: Kill) {
        for conn in conns {
            conn.kill(how);
        }
        for _ in 0..1000 {
            if conns.iter().all(|c| !lock(&self.conns).contains_key(&c.id)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub fn status(&self) -> Value {
        let endpoints: Vec<Value> = self
            .endpoints
            .iter()
            .map(|e| {
                let f = lock(&e.faults).clone();
                json!({"name": e.name, "addr": e.ip.to_string(), "port": e.port, "tls": e.tls,
                    "node": e.node.load(Ordering::SeqCst),
                    "faults": {"refuse": f.refuse, "connect_delay_ms": f.connect_delay_ms, "stall_ms": f.stall_ms,
                        "freeze": f.freeze, "reset_after_replies_withheld": f.withhold,
                        "split": f.split.map(|(max, delay)| json!({"max": max, "delay_us": delay})),
                        "close_mid_reply": f.close_mid_reply}})
            })
            .collect();
        let conns: Vec<Value> = lock(&self.conns)
            .values()
            .map(|c| {
                json!({"id": c.id, "endpoint": c.endpoint.name, "node": c.node, "peer": c.peer.to_string(),
                    "name": lock(&c.name).clone(), "protocol": c.proto(), "opted_in": lock(&c.opted).is_some(),
                    "endpoint_type": lock(&c.opted).clone(), "commands": c.commands.load(Ordering::Relaxed)})
            })
            .collect();
        let settings = lock(&self.settings);
        json!({"ok": true, "ms": self.ms(), "endpoints": endpoints, "connections": conns,
            "next_seq": lock(&self.maint).next_seq,
            "client_maint_notifications": settings.enabled, "replay_terminators": settings.replay_terminators,
            "replay_starters": settings.replay_starters})
    }
}
