//! The RESP proxy's interface: connections by id, bytes for them, answers made up beforehand, nodes.

use super::text::{Query, bytes_of};
use crate::cluster::{nodes, topology};
use crate::conn::{Conn, Kill};
use crate::http::parse;
use crate::limits::MAX_ENDPOINTS;
use crate::maint::{Answer, Refused};
use crate::serve;
use crate::state::{Endpoint, Sim, lock};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Endpoints that `DELETE /nodes/ID` took away, by their place.
#[derive(Default)]
pub struct Nodes {
    removed: BTreeSet<usize>,
    rejecting: bool,
}

/// `HOST:PORT@PORT`: both readings of the suites, target and listener, are the endpoint itself.
fn id_of(e: &Endpoint) -> String {
    format!("{}@{}", e.address(), e.port)
}

fn present(sim: &Sim) -> Vec<Arc<Endpoint>> {
    let compat = lock(&sim.compat);
    sim.endpoints.iter().filter(|e| !compat.nodes.removed.contains(&e.index)).collect()
}

pub async fn route(
    sim: &Arc<Sim>,
    method: &str,
    path: &[&str],
    query: &Query,
    body: &[u8],
) -> Option<Answer> {
    Some(match (method, path) {
        ("GET", ["stats"]) => Ok(stats(sim)),
        ("GET", ["connections"]) => {
            Ok(each(sim, |e| json!(ids(&sim.connections(Some(&e.name), None)).collect::<Vec<_>>())))
        }
        ("GET", ["nodes"]) => Ok(json!({"ids": present(sim).iter().map(|e| id_of(e)).collect::<Vec<_>>()})),
        ("POST", ["nodes"]) => match parse(body) {
            Ok(wanted) => add(sim, wanted).await,
            Err(e) => Err(e),
        },
        ("DELETE", ["nodes", id]) => remove(sim, id).await,
        ("POST", ["send-to-client", id]) => send(sim, &[id], query, body).map(|mut list| list.remove(0)),
        ("POST", ["send-to-clients"]) => match query.get("connectionIds").filter(|l| !l.is_empty()) {
            Some(list) => send(sim, &list.split(',').collect::<Vec<_>>(), query, body).map(results),
            None => Err((400, "connectionIds: at least one connection id is required".into())),
        },
        ("POST", ["send-to-all-clients"]) => {
            let all: Vec<String> = ids(&sim.connections(None, None)).collect();
            send(sim, &all.iter().map(|s| &s[..]).collect::<Vec<_>>(), query, body).map(results)
        }
        ("DELETE", ["connections", id]) => {
            let found = find(sim, id);
            sim.end(found.as_slice(), Kill::Close).await;
            Ok(json!({"success": found.is_some(), "connectionId": id}))
        }
        ("POST", ["interceptors"]) => parse(body).and_then(|r| intercept(sim, r)),
        ("POST", ["scenarios"]) => parse(body).and_then(|r| can(sim, r)),
        ("POST", ["reject-traffic", "start"]) => reject(sim, true).await,
        ("POST", ["reject-traffic", "stop"]) => reject(sim, false).await,
        _ => return None,
    })
}

fn each(sim: &Sim, f: impl Fn(&Endpoint) -> Value) -> Value {
    Value::Object(present(sim).iter().map(|e| (id_of(e), f(e))).collect::<Map<_, _>>())
}

fn ids(conns: &[Arc<Conn>]) -> impl Iterator<Item = String> {
    conns.iter().map(|c| c.id.to_string())
}

fn stats(sim: &Sim) -> Value {
    let interceptors = sim.interceptors.stats();
    each(sim, |e| {
        let conns = sim.connections(Some(&e.name), None);
        let list: Vec<Value> = conns
            .iter()
            .map(|c| {
                json!({"id": c.id.to_string(), "clientAddress": c.peer.ip().to_string(),
                    "clientPort": c.peer.port(), "connectedAt": c.connected_at, "interceptors": []})
            })
            .collect();
        json!({"activeConnections": list.len(), "totalConnections": e.accepted.load(Ordering::Relaxed),
            "globalInterceptors": interceptors, "connections": list})
    })
}

fn find(sim: &Sim, id: &str) -> Option<Arc<Conn>> {
    let id: u64 = id.parse().ok()?;
    lock(&sim.conns).get(&id).cloned()
}

fn results(list: Vec<Value>) -> Value {
    json!({"results": list})
}

/// The bytes go out as they are, between two replies, opted in or not.
fn send(sim: &Sim, ids: &[&str], query: &Query, body: &[u8]) -> Result<Vec<Value>, Refused> {
    let text = String::from_utf8_lossy(body);
    let frame: Bytes =
        bytes_of(&text, query.get("encoding").unwrap_or("base64")).map_err(|e| (400, e))?.into();
    let one = |id: &&str| match find(sim, id) {
        Some(conn) => {
            conn.push(frame.clone());
            json!({"success": true, "connectionId": id})
        }
        None => json!({"success": false, "error": "Connection not found", "connectionId": id}),
    };
    let list: Vec<Value> = ids.iter().map(one).collect();
    sim.event("pushed", json!({"endpoint": null, "bytes": frame.len(), "sent": list.len()}));
    Ok(list)
}

#[derive(Deserialize)]
struct Intercept {
    name: String,
    #[serde(rename = "match")]
    matches: String,
    response: String,
    encoding: String,
}

fn intercept(sim: &Sim, r: Intercept) -> Answer {
    let bytes = |text: &str| bytes_of(text, &r.encoding).map_err(|e| (400, e));
    let (matches, response) = (bytes(&r.matches)?, bytes(&r.response)?);
    sim.interceptors.set(r.name.clone(), matches, response).map_err(|e| (422, e))?;
    Ok(json!({"success": true, "name": r.name}))
}

#[derive(Deserialize)]
struct Canned {
    responses: Vec<String>,
    encoding: Option<String>,
}

fn can(sim: &Sim, r: Canned) -> Answer {
    let encoding = r.encoding.as_deref().unwrap_or("base64");
    let list = r.responses.iter().map(|t| bytes_of(t, encoding).map_err(|e| (400, e)));
    let list = list.collect::<Result<Vec<_>, _>>()?;
    if list.is_empty() {
        return Err((400, "responses: at least one response is required".into()));
    }
    sim.interceptors.can(list).map_err(|e| (422, e))?;
    Ok(json!({"success": true, "totalResponses": r.responses.len()}))
}

/// Everybody is dropped and nobody gets in, or the other way round.
async fn reject(sim: &Arc<Sim>, on: bool) -> Answer {
    lock(&sim.compat).nodes.rejecting = on;
    for e in present(sim) {
        serve::refuse(sim, &e, on).await.map_err(|e| (409, e))?;
    }
    if on {
        sim.end(&sim.connections(None, None), Kill::Close).await;
    }
    Ok(json!({"success": true, "rejecting": lock(&sim.compat).nodes.rejecting}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewNode {
    listen_port: u16,
    listen_host: Option<String>,
    target_host: Option<String>,
    target_port: Option<u16>,
}

/// One more endpoint. It serves what the first one serves; in a cluster it is a node without slots.
async fn add(sim: &Arc<Sim>, r: NewNode) -> Answer {
    let ip = match r.listen_host.as_deref() {
        None | Some("localhost") => IpAddr::from([127, 0, 0, 1]),
        Some(text) => text.parse().map_err(|_| (422, format!("listenHost: {text:?} is no address")))?,
    };
    if !ip.is_loopback() && sim.endpoints.iter().all(|e| e.ip != ip) {
        return Err((422, format!("listenHost: {ip} is neither a loopback address nor one in use here")));
    }
    let at = SocketAddr::new(ip, r.listen_port);
    let known = sim.endpoints.iter().find(|e| r.listen_port != 0 && e.address() == at);
    let endpoint = match known {
        Some(e) if lock(&sim.compat).nodes.removed.contains(&e.index) => {
            serve::refuse(sim, &e, false).await.map_err(|text| (409, text))?;
            lock(&sim.compat).nodes.removed.remove(&e.index);
            e
        }
        Some(e) => return Err((409, format!("listenPort: {} is endpoint {:?}", at, e.name))),
        None if topology::is_cluster(sim) => {
            nodes::add(sim, nodes::AddNode { at: Some(at), ..Default::default() }).await?
        }
        None => open(sim, at).await?,
    };
    Ok(json!({"success": true, "id": id_of(&endpoint), "cfg": {"listenPort": endpoint.port,
        "listenHost": endpoint.ip.to_string(), "targetHost": r.target_host, "targetPort": r.target_port}}))
}

async fn open(sim: &Arc<Sim>, at: SocketAddr) -> Result<Arc<Endpoint>, Refused> {
    let _coming = sim.coming.lock().await;
    let index = sim.endpoints.len();
    if index >= MAX_ENDPOINTS {
        return Err((409, format!("at most {MAX_ENDPOINTS} endpoints, those that left included")));
    }
    let first = sim.endpoints.get(0).ok_or((409, "no endpoints".to_string()))?;
    let mut names = (index..).map(nodes::nth_name);
    let name = names.find(|n| sim.endpoint(n).is_none()).unwrap_or_default();
    let (endpoint, listener) =
        nodes::open(index, name, at, first.tls, first.upstream.clone()).map_err(|e| (409, e))?;
    sim.endpoints.push(endpoint.clone());
    serve::accept(sim, &endpoint, listener);
    sim.event("node_added", json!({"endpoint": endpoint.name, "port": endpoint.port}));
    Ok(endpoint)
}

/// The listener is closed, and every connection it had.
async fn remove(sim: &Arc<Sim>, id: &str) -> Answer {
    let Some(e) = present(sim).into_iter().find(|e| id_of(e) == id) else {
        return Ok(json!({"success": false}));
    };
    serve::refuse(sim, &e, true).await.map_err(|text| (409, text))?;
    sim.end(&sim.connections(Some(&e.name), None), Kill::Close).await;
    lock(&sim.compat).nodes.removed.insert(e.index);
    sim.event("node_removed", json!({"endpoint": e.name}));
    Ok(json!({"success": true}))
}
