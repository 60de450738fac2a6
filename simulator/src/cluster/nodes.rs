//! Endpoints that come and go, and the one name that several of them have.

use super::ranges;
use crate::conn::Kill;
use crate::limits::MAX_ENDPOINTS;
use crate::maint::{Answer, Refused, millis};
use crate::serve;
use crate::state::{Endpoint, Sim, lock};
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;

/// What a start gave for later.
#[derive(Default)]
pub struct Setup {
    /// Real servers for nodes that come later.
    pub spare_upstreams: Vec<String>,
    /// `--name`: what clients know, and the endpoints it stands for now.
    pub name: Option<String>,
    pub resolves_to: Vec<String>,
    /// `--fqdn`: what stands in notifications of the `*-fqdn` types in place of each endpoint's own name.
    pub fqdn: Option<String>,
}

/// `a`, `b`, ... `z`, `n27`, `n28`, ...
pub fn nth_name(index: usize) -> String {
    match u8::try_from(index).ok().filter(|i| *i < 26) {
        Some(i) => char::from(b'a' + i).to_string(),
        None => format!("n{}", index + 1),
    }
}

pub fn check_name(name: &str) -> Result<(), String> {
    match !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        true => Ok(()),
        false => Err(format!("{name:?}: a name has letters, digits and '-'")),
    }
}

/// An endpoint whose port is bound and not served yet.
pub fn open(
    index: usize,
    name: String,
    at: SocketAddr,
    tls: bool,
    upstream: Option<String>,
) -> Result<(Arc<Endpoint>, TcpListener), String> {
    let listener = serve::bind(at).map_err(|e| format!("endpoint {name} at {at}: {e}"))?;
    let at = listener.local_addr().map_err(|e| e.to_string())?;
    Ok((Arc::new(Endpoint::new(index, name, at, tls, upstream)), listener))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct AddNode {
    pub name: Option<String>,
    pub at: Option<SocketAddr>,
    pub tls: Option<bool>,
    pub upstream: Option<String>,
}

/// A node without slots joins: a new one, or one that had left.
pub async fn add(sim: &Arc<Sim>, r: AddNode) -> Result<Arc<Endpoint>, Refused> {
    // One at a time: its number is its place in the list.
    let _coming = sim.coming.lock().await;
    let Some(members) = lock(&sim.data).slots.as_ref().map(|t| t.members.clone()) else {
        return Err((409, "there is no cluster: start with --cluster N".into()));
    };
    let first = sim.endpoints.get(0).ok_or((409, "no endpoints".to_string()))?;
    if let Some(known) = r.name.as_ref().and_then(|n| sim.endpoint(n)) {
        if members.contains(&known.index) {
            return Err((409, format!("name: {:?} is a node already", known.name)));
        }
        if r.at.is_some() || r.tls.is_some() || r.upstream.is_some() {
            return Err((422, format!("{:?} comes back as it was: give its name only", known.name)));
        }
        lock(&sim.data).join(known.index);
        serve::refuse(sim, &known, false).await.map_err(|e| (409, e))?;
        joined(sim, &known);
        return Ok(known);
    }
    let at = r.at.unwrap_or(SocketAddr::new(first.ip, 0));
    if !at.ip().is_loopback() && sim.endpoints.iter().all(|e| e.ip != at.ip()) {
        return Err((
            422,
            format!("at: {} is neither a loopback address nor one that is in use here", at.ip()),
        ));
    }
    let index = sim.endpoints.len();
    if index >= MAX_ENDPOINTS {
        return Err((409, format!("at most {MAX_ENDPOINTS} endpoints, those that left included")));
    }
    let free = || (index..).map(nth_name).find(|n| sim.endpoint(n).is_none()).unwrap_or_default();
    let name = r.name.unwrap_or_else(free);
    check_name(&name).map_err(|e| (422, e))?;
    let upstream = match (first.upstream.is_some(), r.upstream) {
        (false, None) => None,
        (false, Some(_)) => return Err((422, "upstream: the other nodes have embedded data sets".into())),
        (true, Some(u)) => Some(u),
        (true, None) => {
            let spare = &mut lock(&sim.setup).spare_upstreams;
            let none = "upstream: a new node needs a server of its own; none is left of --upstream";
            Some(if spare.is_empty() { return Err((422, none.into())) } else { spare.remove(0) })
        }
    };
    let (endpoint, listener) =
        open(index, name, at, r.tls.unwrap_or(first.tls), upstream).map_err(|e| (409, e))?;
    sim.endpoints.push(endpoint.clone());
    lock(&sim.data).join(index);
    serve::accept(sim, &endpoint, listener);
    joined(sim, &endpoint);
    Ok(endpoint)
}

fn joined(sim: &Sim, endpoint: &Endpoint) {
    lock(&sim.setup).resolves_to.push(endpoint.name.clone());
    sim.event("node_added", json!({"endpoint": endpoint.name, "port": endpoint.port}));
}

pub async fn post_add(sim: &Arc<Sim>, r: AddNode) -> Answer {
    let e = add(sim, r).await?;
    Ok(
        json!({"ok": true, "endpoint": {"name": e.name, "addr": e.ip.to_string(), "port": e.port, "tls": e.tls}}),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveNode {
    endpoint: String,
    #[serde(default)]
    close_after_ms: u64,
}

/// A node without slots leaves; done when its connections are closed.
pub async fn post_remove(sim: &Arc<Sim>, r: RemoveNode) -> Answer {
    let after = millis("close_after_ms", r.close_after_ms)?;
    let endpoint = sim
        .endpoint(&r.endpoint)
        .filter(|e| lock(&sim.data).slots.as_ref().is_some_and(|t| t.members.contains(&e.index)))
        .ok_or_else(|| (404, format!("endpoint: {:?} is no node of a cluster", r.endpoint)))?;
    if sim.slots_moving.load(Ordering::SeqCst) {
        return Err((409, super::moves::MOVING.into()));
    }
    if !lock(&sim.data).leave(endpoint.index) {
        return Err((409, format!("endpoint: {:?} has slots: move them first", r.endpoint)));
    }
    let (sim, list) = (sim.clone(), [endpoint]);
    tokio::spawn(async move { close(&sim, &list, after).await });
    Ok(json!({"ok": true}))
}

/// These nodes refuse connections from now on, and close those they have after a time.
pub async fn close(sim: &Arc<Sim>, nodes: &[Arc<Endpoint>], after: Duration) {
    for node in nodes {
        let _ = serve::refuse(sim, node, true).await;
        node.set_faults(|f| f.gone = true);
        lock(&sim.setup).resolves_to.retain(|n| *n != node.name);
        sim.event("node_removed", json!({"endpoint": node.name}));
    }
    tokio::time::sleep(after).await;
    for node in nodes {
        let conns = sim.connections(Some(&node.name), None);
        sim.event("old_node_closes", json!({"endpoint": node.name, "connections": conns.len()}));
        sim.end(&conns, Kill::Close).await;
    }
}

/// The name no longer stands for the one endpoint but for the other.
pub fn renamed(sim: &Sim, from: &str, to: &str) {
    let mut setup = lock(&sim.setup);
    setup.resolves_to.retain(|n| n != from && n != to);
    setup.resolves_to.push(to.into());
    let event = json!({"name": setup.name, "resolves_to": setup.resolves_to});
    drop(setup);
    sim.event("name_changed", event);
}

/// `GET /v1/endpoints`.
pub fn list(sim: &Sim) -> Value {
    let owners = lock(&sim.data).slots.as_ref().map(|t| (t.owners(), t.members.clone()));
    let all: Vec<Value> = sim
        .endpoints
        .iter()
        .map(|e| {
            let mut about = json!({"name": e.name, "addr": e.ip.to_string(), "port": e.port, "tls": e.tls,
                "accepts": lock(&e.listener).is_some()});
            if let Some((owners, members)) = &owners {
                about["member"] = json!(members.contains(&e.index));
                about["slots"] = json!(owners.get(&e.index).map_or_else(String::new, ranges::text));
            }
            about
        })
        .collect();
    let setup = lock(&sim.setup);
    let resolves: Vec<String> =
        setup.resolves_to.iter().filter_map(|n| sim.endpoint(n)).map(|e| e.address().to_string()).collect();
    json!({"ok": true, "name": setup.name, "resolves_to": resolves, "endpoints": all})
}
