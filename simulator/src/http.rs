//! The control interface: JSON over HTTP/1.1.

use crate::cluster;
use crate::compat;
use crate::fault::{self, FaultRequest};
use crate::limits::MAX_REQUEST_BODY;
use crate::maint::{self, Answer, Refused};
use crate::scenario;
use crate::state::{Sim, lock};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::TcpListener;

const ROUTES: &str = "GET /v1/status, GET /v1/events, GET /v1/scenario/ID, PUT /v1/cluster, POST /v1/move, /v1/migrating, \
    /v1/migrated, /v1/failing_over, /v1/failed_over, /v1/migrate, /v1/failover, /v1/smigrating, /v1/smigrated, /v1/push, \
    /v1/fault, /v1/scenario";

pub async fn run(sim: Arc<Sim>, listener: TcpListener) {
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        let _ = tcp.set_nodelay(true);
        let sim = sim.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(sim.clone(), request));
            let _ =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tcp), service).await;
        });
    }
}

async fn answer(sim: Arc<Sim>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let method = request.method().clone();
    let path = request.uri().path().to_string();
    let query = request.uri().query().unwrap_or("").to_string();
    let answer = match Limited::new(request.into_body(), MAX_REQUEST_BODY).collect().await {
        Ok(body) => route(&sim, &method, &path, &query, &body.to_bytes()).await,
        Err(e) if e.downcast_ref::<LengthLimitError>().is_some() => {
            Err((413, format!("a request body may have at most {MAX_REQUEST_BODY} bytes")))
        }
        Err(e) => Err((400, format!("the request body could not be read: {e}"))),
    };
    let (status, value) = match answer {
        Ok(value) => (200, value),
        Err((status, text)) => (status, json!({"error": text})),
    };
    let mut response = Response::new(Full::from(value.to_string() + "\n"));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response
        .headers_mut()
        .insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    let body = if body.is_empty() { b"{}" } else { body };
    let value: Value =
        serde_json::from_slice(body).map_err(|e| (400, format!("the body must be a JSON object: {e}")))?;
    if !value.is_object() {
        return Err((400, "the body must be a JSON object".into()));
    }
    serde_json::from_value(value).map_err(|e| (422, e.to_string()))
}

async fn route(sim: &Arc<Sim>, method: &Method, path: &str, query: &str, body: &[u8]) -> Answer {
    let post = method == Method::POST;
    match (method.as_str(), path) {
        ("GET", "/v1/status") => Ok(sim.status()),
        ("GET", "/v1/events") => {
            let after = match query.strip_prefix("after=") {
                Some(n) => {
                    n.parse::<u64>().map_err(|_| (400, "after must be an event number".to_string()))?
                }
                None if query.is_empty() => 0,
                None => return Err((400, "events takes ?after=N: only events with n >= N".into())),
            };
            let events = lock(&sim.events);
            let list: Vec<_> =
                events.ring.iter().filter(|e| e["n"].as_u64().is_some_and(|n| n >= after)).cloned().collect();
            Ok(json!({"ok": true, "ms": sim.ms(), "next": events.next, "events": list}))
        }
        ("GET", p) if p.starts_with("/v1/scenario/") => scenario::state(sim, &p["/v1/scenario/".len()..]),
        ("PUT", "/v1/cluster") => {
            #[derive(serde::Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Cluster {
                client_maint_notifications: Option<bool>,
                replay_terminators: Option<bool>,
                replay_starters: Option<bool>,
            }
            let r: Cluster = parse(body)?;
            let mut s = lock(&sim.settings);
            s.enabled = r.client_maint_notifications.unwrap_or(s.enabled);
            s.replay_terminators = r.replay_terminators.unwrap_or(s.replay_terminators);
            s.replay_starters = r.replay_starters.unwrap_or(s.replay_starters);
            Ok(
                json!({"ok": true, "client_maint_notifications": s.enabled, "replay_terminators": s.replay_terminators,
                    "replay_starters": s.replay_starters}),
            )
        }
        (_, "/v1/move") if post => maint::start_move(sim, parse(body)?).await,
        (_, "/v1/migrating") if post => maint::window(sim, "MIGRATING", &parse(body)?),
        (_, "/v1/migrated") if post => maint::window(sim, "MIGRATED", &parse(body)?),
        (_, "/v1/failing_over") if post => maint::window(sim, "FAILING_OVER", &parse(body)?),
        (_, "/v1/failed_over") if post => maint::window(sim, "FAILED_OVER", &parse(body)?),
        (_, "/v1/migrate") if post => maint::whole_window(sim, "MIGRATING", "MIGRATED", parse(body)?),
        (_, "/v1/failover") if post => maint::whole_window(sim, "FAILING_OVER", "FAILED_OVER", parse(body)?),
        (_, "/v1/smigrating") if post => maint::slots(sim, false, parse(body)?),
        (_, "/v1/smigrated") if post => maint::slots(sim, true, parse(body)?),
        (_, "/v1/push") if post => maint::raw(sim, parse(body)?),
        (_, "/v1/fault") if post => {
            let asked: Value = parse(body)?;
            fault::set(sim, parse::<FaultRequest>(body)?, &asked).await
        }
        (_, "/v1/scenario") if post => scenario::start(sim, parse(body)?),
        (m, p) => match cluster::http::route(sim, m, p, body).await {
            Some(answer) => answer,
            None => match compat::route(sim, m, p, query, body).await {
                Some(answer) => answer,
                None => Err((
                    404,
                    format!(
                        "no route {m} {p}; there are {ROUTES}, {}, and {}",
                        cluster::http::ROUTES,
                        compat::ROUTES
                    ),
                )),
            },
        },
    }
}
