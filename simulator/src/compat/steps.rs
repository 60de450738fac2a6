//! What an action does.

use super::databases;
use super::reset;
use super::rladmin;
use super::triggers::ADD;
use crate::cluster::moves::{self, MoveSlots};
use crate::cluster::nodes::{self, AddNode};
use crate::cluster::{plan, topology};
use crate::conn::Kill;
use crate::maint::{self, Refused};
use crate::serve;
use crate::state::{Endpoint, Sim, lock};
use serde_json::{Map, Value, json};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub enum Step {
    /// A starter, and its terminator after a time; replies are held for a part of it.
    Window {
        starter: &'static str,
        terminator: &'static str,
        ms: u64,
        stall_ms: u64,
    },
    /// MOVING, and the old node closes.
    Bind {
        endpoint_type: Option<&'static str>,
        time_s: f64,
        close_after_ms: u64,
    },
    /// One of the plans of the cluster; without a cluster, the two notifications.
    Slots {
        plan: &'static str,
        of: Option<String>,
        to: Option<String>,
        ms: u64,
    },
    /// These slots (`all`) go from one node to the other.
    Give {
        from: String,
        to: String,
        slots: String,
        ms: u64,
    },
    /// Everybody is disconnected and refused for a time.
    Restart {
        ms: u64,
    },
    /// Nothing is answered for a time.
    Silence {
        ms: u64,
    },
    Wait {
        ms: u64,
    },
    /// The feature on or off.
    Feature(bool),
    Create(Map<String, Value>),
    /// One database, or all.
    Delete(Option<u64>),
    Reset,
    Status,
    /// Accepted, and nothing happens.
    Nothing(String),
    /// One after the other, each after a time.
    Sequence(Vec<(Duration, Step)>),
}

type Done = Result<Value, String>;

fn told((_, text): Refused) -> String {
    text
}

impl Step {
    pub fn run<'a>(&'a self, sim: &'a Arc<Sim>) -> Pin<Box<dyn Future<Output = Done> + Send + 'a>> {
        Box::pin(self.go(sim))
    }

    async fn go(&self, sim: &Arc<Sim>) -> Done {
        match self {
            Step::Window { starter, terminator, ms, stall_ms } => {
                window(sim, starter, terminator, *ms, *stall_ms).await
            }
            Step::Bind { endpoint_type, time_s, close_after_ms } => {
                bind(sim, *endpoint_type, *time_s, *close_after_ms).await
            }
            Step::Slots { plan: name, of, to, ms } if topology::is_cluster(sim) => {
                let node = |n: &Option<String>| n.as_ref().and_then(|n| sim.endpoint(n));
                let scale = *ms as f64 / 2000.0;
                let (of, mut to) = (node(of), node(to));
                if to.is_none() && matches!(*name, "node-replace" | ADD) {
                    to = left(sim);
                }
                let mut played = *name;
                if played == ADD {
                    let member = |e: &Arc<Endpoint>| {
                        lock(&sim.data).slots.as_ref().is_some_and(|t| t.members.contains(&e.index))
                    };
                    if !to.as_ref().is_some_and(member) {
                        let r = AddNode { name: to.map(|e| e.name.clone()), ..AddNode::default() };
                        to = Some(nodes::add(sim, r).await.map_err(told)?);
                    }
                    played = "slot-migrate-existing";
                }
                let played = plan::play(sim, played, of.as_ref(), to.as_ref(), scale, |_| {}).await;
                played.map_err(told)?;
                Ok(json!({"plan": name}))
            }
            Step::Slots { plan: name, ms, .. } => only_notifications(sim, name, *ms).await,
            Step::Give { from, to, slots, ms } => {
                let r = json!({"moves": [[from, to, slots]], "ms": ms});
                let r: MoveSlots = serde_json::from_value(r).map_err(|e| e.to_string())?;
                moves::start(sim, r).map_err(told)?.finish(sim).await.map_err(told)?;
                Ok(json!({"from": from, "to": to, "slots": slots}))
            }
            Step::Restart { ms } => restart(sim, *ms).await,
            Step::Silence { ms } => {
                maint::freeze(sim, None, Duration::from_millis(*ms)).await;
                Ok(json!({"silent_ms": ms}))
            }
            Step::Wait { ms } => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                Ok(json!({"waited_ms": ms}))
            }
            Step::Feature(on) => {
                lock(&sim.settings).enabled = *on;
                Ok(json!({"client_maint_notifications": on}))
            }
            Step::Create(config) => {
                reset::topology(sim).await?;
                let database = lock(&sim.compat).databases.create(config.clone())?;
                Ok(databases::about(sim, &database))
            }
            Step::Delete(id) => {
                let left = {
                    let list = &mut lock(&sim.compat).databases.list;
                    list.retain(|d| id.is_some_and(|id| d.id != id));
                    list.len()
                };
                if left == 0 {
                    sim.end(&sim.connections(None, None), Kill::Close).await;
                }
                Ok(json!({"databases": left}))
            }
            Step::Reset => {
                reset::all(sim).await?;
                Ok(json!({"reset": true}))
            }
            Step::Status => Ok(json!({"output": rladmin::status(sim)})),
            Step::Nothing(text) => Ok(json!({"output": text, "simulated": false})),
            Step::Sequence(steps) => {
                let mut outputs = Vec::new();
                for (after, step) in steps {
                    tokio::time::sleep(*after).await;
                    outputs.push(step.run(sim).await?);
                }
                Ok(json!({"outputs": outputs}))
            }
        }
    }
}

/// A node that came after the start and has left: it comes back before another new one is made.
fn left(sim: &Sim) -> Option<Arc<Endpoint>> {
    let members = lock(&sim.data).slots.as_ref().map(|t| t.members.clone())?;
    let at_start = lock(&sim.compat).at_start;
    sim.endpoints.iter().skip(at_start).find(|e| !members.contains(&e.index) && lock(&e.faults).gone)
}

async fn window(
    sim: &Arc<Sim>,
    starter: &'static str,
    terminator: &'static str,
    ms: u64,
    stall: u64,
) -> Done {
    let begin = tokio::time::Instant::now();
    let seq = |answer: Value| answer["seq"].clone();
    let r = maint::WindowRequest { time_s: 10.0, ..Default::default() };
    let started = seq(maint::window(sim, starter, &r).map_err(told)?);
    maint::freeze(sim, None, Duration::from_millis(stall.min(ms))).await;
    tokio::time::sleep_until(begin + Duration::from_millis(ms)).await;
    let ended = seq(maint::window(sim, terminator, &r).map_err(told)?);
    Ok(json!({"starter": starter, "seq": started, "terminator": terminator, "terminator_seq": ended}))
}

/// From where the clients are to the next endpoint that accepts. The old address is open again afterwards: there, a new
/// node would be, and the suites connect to it for their next test.
async fn bind(sim: &Arc<Sim>, kind: Option<&'static str>, time_s: f64, close_after_ms: u64) -> Done {
    if topology::is_cluster(sim) {
        return Err("a cluster moves slots: use slot_migrate".into());
    }
    let from = databases::home(sim).ok_or("no endpoint accepts connections")?;
    let next = sim.endpoints.iter().skip(from.index + 1).chain(sim.endpoints.iter());
    let to = next.into_iter().find(|e| e.index != from.index && lock(&e.listener).is_some());
    let to = if kind == Some("none") { None } else { to };
    if kind != Some("none") && to.is_none() {
        return Err("there is no other endpoint to move to: start with two or more".into());
    }
    let text = match (kind, &to) {
        (Some(kind), Some(to)) => Some(maint::endpoint_text(&sim.fqdn(to), to.address(), kind, false)),
        _ => None,
    };
    let r = json!({"from": from.name, "to": to.as_ref().map(|t| &t.name), "time_s": time_s,
        "close_after_ms": close_after_ms, "endpoint_text": text, "old_refuses_after": false});
    let r = serde_json::from_value(r).map_err(|e| e.to_string())?;
    let node = from.node.load(Ordering::SeqCst);
    let answer = maint::start_move(sim, r).await.map_err(told)?;
    let id = answer["move"].as_u64().unwrap_or(u64::MAX);
    tokio::time::sleep(Duration::from_secs_f64(time_s.max(0.0)) + Duration::from_millis(close_after_ms))
        .await;
    while lock(&sim.maint).is_moving(id) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(json!({"from": from.name, "node": node, "to": to.map(|t| t.name.clone()), "seq": answer["seq"]}))
}

/// SMIGRATING and SMIGRATED as if half of the slots went from the first endpoint to the last.
async fn only_notifications(sim: &Arc<Sim>, name: &str, ms: u64) -> Done {
    let request = |v: Value| serde_json::from_value::<maint::SlotsRequest>(v).map_err(|e| e.to_string());
    let ends: Vec<Arc<Endpoint>> = sim.endpoints.iter().collect();
    let (Some(first), Some(last)) = (ends.first(), ends.last()) else { return Err("no endpoints".into()) };
    let (from, to) = (first.address().to_string(), last.address().to_string());
    maint::slots(sim, false, request(json!({"slots": "0-8191"}))?).map_err(told)?;
    tokio::time::sleep(Duration::from_millis(ms)).await;
    maint::slots(sim, true, request(json!({"moves": [[from, to, "0-8191"]]}))?).map_err(told)?;
    Ok(json!({"plan": name, "simulated": "notifications only: start with --cluster N for slots that move"}))
}

async fn restart(sim: &Arc<Sim>, ms: u64) -> Done {
    let open: Vec<_> = sim.endpoints.iter().filter(|e| lock(&e.listener).is_some()).collect();
    for e in &open {
        serve::refuse(sim, e, true).await?;
    }
    sim.end(&sim.connections(None, None), Kill::Close).await;
    tokio::time::sleep(Duration::from_millis(ms)).await;
    for e in &open {
        serve::refuse(sim, e, false).await?;
    }
    Ok(json!({"refused_ms": ms}))
}
