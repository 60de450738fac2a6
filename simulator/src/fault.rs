//! `POST /v1/fault`: what goes wrong on an endpoint.

use crate::conn::Kill;
use crate::maint::{Answer, millis};
use crate::serve;
use crate::state::{Faults, Sim, lock};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct FaultRequest {
    pub endpoint: Option<String>,
    pub clear: Option<bool>,
    pub refuse: Option<bool>,
    pub connect_delay_ms: Option<u64>,
    pub stall_ms: Option<u64>,
    pub freeze: Option<bool>,
    pub reset: Option<bool>,
    pub close: Option<bool>,
    pub reset_after_replies_withheld: Option<u64>,
    pub split: Option<Value>,
    pub close_mid_reply: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Split {
    max: usize,
    #[serde(default)]
    delay_us: u64,
}

pub async fn set(sim: &Arc<Sim>, r: FaultRequest, asked: &Value) -> Answer {
    let all = sim.endpoints.iter().filter(|e| r.endpoint.as_ref().is_none_or(|n| *n == e.name));
    let endpoints: Vec<_> = all.collect();
    if endpoints.is_empty() {
        let names: Vec<_> = sim.endpoints.iter().map(|e| e.name.clone()).collect();
        return Err((
            404,
            format!(
                "endpoint: no endpoint {:?}; there are {}",
                r.endpoint.unwrap_or_default(),
                names.join(", ")
            ),
        ));
    }
    for (field, ms) in [("connect_delay_ms", r.connect_delay_ms), ("stall_ms", r.stall_ms)] {
        millis(field, ms.unwrap_or(0))?;
    }
    let split = match &r.split {
        None => None,
        Some(Value::Bool(false)) => Some(None),
        Some(v) => {
            let s: Split = serde_json::from_value(v.clone()).map_err(|e| {
                (422, format!("split takes {{\"max\": bytes, \"delay_us\": n}} or false: {e}"))
            })?;
            if s.max == 0 || s.delay_us > 10_000_000 {
                return Err((422, "split: max must be at least 1, delay_us at most 10000000".into()));
            }
            Some(Some((s.max, s.delay_us)))
        }
    };
    if r.reset_after_replies_withheld == Some(0) {
        return Err((
            422,
            "reset_after_replies_withheld must be at least 1; use \"reset\": true to reset now".into(),
        ));
    }
    let mut ended = 0;
    for ep in &endpoints {
        if r.clear == Some(true) {
            serve::refuse(sim, ep, false).await.map_err(|e| (409, e))?;
            ep.set_faults(|f| *f = Faults::default());
        }
        if let Some(on) = r.refuse {
            serve::refuse(sim, ep, on).await.map_err(|e| (409, e))?;
            ep.set_faults(|f| f.gone = false);
        }
        ep.set_faults(|f| {
            f.connect_delay_ms = r.connect_delay_ms.unwrap_or(f.connect_delay_ms);
            f.stall_ms = r.stall_ms.unwrap_or(f.stall_ms);
            f.freeze = r.freeze.unwrap_or(f.freeze);
            f.withhold = r.reset_after_replies_withheld.or(f.withhold);
            f.split = split.unwrap_or(f.split);
            f.close_mid_reply = r.close_mid_reply.unwrap_or(f.close_mid_reply);
        });
        let how = match (r.reset, r.close) {
            (Some(true), _) => Kill::Reset,
            (_, Some(true)) => Kill::Close,
            _ => continue,
        };
        let conns = sim.connections(Some(&ep.name), None);
        ended += conns.len();
        sim.end(&conns, how).await;
    }
    sim.event("fault", json!({"fault": asked}));
    let now: Vec<Value> =
        endpoints.iter().map(|e| json!({"name": e.name, "refuse": lock(&e.faults).refuse})).collect();
    Ok(json!({"ok": true, "ended": ended, "endpoints": now}))
}
