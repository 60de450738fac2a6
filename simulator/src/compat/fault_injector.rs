//! The fault injector's interface: what is asked for becomes steps, or is refused with 422.

use super::actions;
use super::databases;
use super::rladmin;
use super::steps::Step;
use super::text::Query;
use super::triggers;
use crate::cluster::topology;
use crate::http::parse;
use crate::limits::{MAX_MS, MAX_SEQUENCE, MAX_TIME_S};
use crate::maint::{Answer, Refused, TYPES};
use crate::state::{Sim, lock};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

pub fn route(sim: &Arc<Sim>, method: &str, path: &[&str], query: &Query, body: &[u8]) -> Option<Answer> {
    let wanted = |name: &str| query.get(name).unwrap_or("");
    Some(match (method, path) {
        ("POST", ["action"]) => parse(body).and_then(|r| post(sim, r)),
        ("GET", ["action"]) => Ok(lock(&sim.compat).actions.all()),
        ("GET", ["action", id]) => lock(&sim.compat).actions.one(id),
        ("POST", ["rladmin"]) => rladmin_text(sim, body),
        ("GET", ["slot-migrate"]) => triggers::of_slots(sim, wanted("effect"), wanted("cluster_index")),
        ("POST", ["slot-migrate"]) => {
            let p = query.pairs().map(|(k, v)| (k.to_string(), json!(v))).collect();
            step("slot_migrate", &Parameters(&p), sim).and_then(|s| actions::start(sim, "slot_migrate", s))
        }
        ("GET", ["topology-change-standalone"]) => {
            triggers::of_topology(sim, wanted("effect"), wanted("cluster_index"))
        }
        ("GET", ["endpoints.json"]) => Ok(databases::file(sim)),
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "type")]
    kind: String,
    #[serde(alias = "params")]
    parameters: Option<Map<String, Value>>,
}

fn post(sim: &Arc<Sim>, r: Request) -> Answer {
    let step = step(&r.kind, &Parameters(&r.parameters.unwrap_or_default()), sim)?;
    actions::start(sim, &r.kind, step)
}

/// `rladmin [-b N] COMMAND` as plain text.
fn rladmin_text(sim: &Arc<Sim>, body: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(body);
    let step = rladmin::command(sim, text.trim(), WINDOW_MS).map_err(|e| (422, e))?;
    actions::start(sim, "execute_rladmin_command", step)
}

/// From a starter to its terminator: shards take their time to move, and the suites look around meanwhile.
const WINDOW_MS: u64 = 5000;
/// How long a restarted proxy is away, and how long a network fails, when nothing is said.
const AWAY_MS: u64 = 1000;

/// Parameters with their several spellings. Those nobody asks for are ignored: the suites send more than is simulated.
struct Parameters<'a>(&'a Map<String, Value>);

impl Parameters<'_> {
    fn get(&self, names: &[&str]) -> Option<&Value> {
        names.iter().find_map(|n| self.0.get(*n)).filter(|v| !v.is_null())
    }

    fn text(&self, names: &[&str]) -> Result<Option<String>, Refused> {
        match self.get(names) {
            None => Ok(None),
            Some(Value::String(s)) => Ok(Some(s.clone())),
            Some(Value::Number(n)) => Ok(Some(n.to_string())),
            Some(other) => Err((422, format!("{}: {other} is no text", names[0]))),
        }
    }

    fn number(&self, names: &[&str], default: f64, most: f64) -> Result<f64, Refused> {
        let Some(text) = self.text(names)? else { return Ok(default) };
        let n = text.parse::<f64>().ok().filter(|n| (0.0..=most).contains(n));
        n.ok_or_else(|| (422, format!("{}: {text:?} is no number from 0 to {most}", names[0])))
    }

    fn ms(&self, name: &str, default: u64) -> Result<u64, Refused> {
        self.number(&[name], default as f64, MAX_MS as f64).map(|n| n as u64)
    }

    fn database(&self, sim: &Sim) -> Result<Option<u64>, Refused> {
        let Some(text) = self.text(&["bdb_id", "bdbId"])? else { return Ok(None) };
        let id = text.parse().ok().filter(|id| lock(&sim.compat).databases.has(*id));
        id.map(Some).ok_or_else(|| (422, format!("bdb_id: there is no database {text:?}")))
    }

    fn node(&self, sim: &Sim, name: &str) -> Result<Option<String>, Refused> {
        let Some(number) = self.text(&[name])? else { return Ok(None) };
        rladmin::node(sim, &number).map(Some).map_err(|e| (422, format!("{name}: {e}")))
    }

    fn effect(&self) -> Result<String, Refused> {
        self.text(&["effect"])?.ok_or((422, "effect is missing".into()))
    }

    fn trigger(&self) -> Result<Option<String>, Refused> {
        self.text(&["trigger", "variant"])
    }
}

const NOTHING: [&str; 6] = [
    "network_latency",
    "execute_rlutil_command",
    "collect_debuginfo",
    "enable_entraid",
    "wait_for_database_active",
    "node_remove",
];

const KINDS: &str = "dmc_restart, failover, reshard, migrate, bind, upgrade, sequence_of_actions, network_failure, \
    execute_rladmin_command, update_cluster_config, create_database, delete_database, slot_migrate, \
    topology_change_standalone, shard_failure, node_failure, proxy_failure, cluster_failure, reset_cluster, wait";

fn sequence(steps: impl IntoIterator<Item = Step>) -> Step {
    Step::Sequence(steps.into_iter().map(|s| (Duration::ZERO, s)).collect())
}

fn step(kind: &str, p: &Parameters, sim: &Arc<Sim>) -> Result<Step, Refused> {
    let database = p.database(sim)?;
    let (ms, stall_ms) = (p.ms("ms", WINDOW_MS)?, p.ms("stall_ms", 0)?);
    let cluster = topology::is_cluster(sim);
    let slots = |plan| -> Result<Step, Refused> {
        let (of, to) = (p.node(sim, "source_node")?, p.node(sim, "target_node")?);
        Ok(Step::Slots { plan, of, to, ms })
    };
    let migrate = || Step::Window { starter: "MIGRATING", terminator: "MIGRATED", ms, stall_ms };
    let failover = || Step::Window { starter: "FAILING_OVER", terminator: "FAILED_OVER", ms, stall_ms };
    let away = || p.number(&["delay"], AWAY_MS as f64 / 1000.0, MAX_TIME_S).map(|s| (s * 1000.0) as u64);
    Ok(match kind {
        "migrate" | "failover" if cluster => slots("slot-migrate-existing")?,
        "reshard" if cluster => slots("slot-shuffle")?,
        "migrate" | "reshard" => migrate(),
        "failover" => failover(),
        "bind" => bind(p)?,
        "upgrade" if !cluster => sequence([migrate(), bind(p)?]),
        "upgrade" => slots("node-replace")?,
        "slot_migrate" => {
            let effect = p.effect()?;
            let known = triggers::SLOT_MIGRATE.iter().find(|(e, ..)| *e == effect);
            let names = || triggers::SLOT_MIGRATE.iter().map(|(e, ..)| *e);
            let (_, plan, names) = known.ok_or_else(|| triggers::unknown(&effect, names()))?;
            let trigger = p.trigger()?.unwrap_or("default".into());
            if trigger != "default" && !names.contains(&&trigger[..]) {
                return Err((422, format!("trigger: {trigger:?} is none of {}", names.join(", "))));
            }
            slots(plan)?
        }
        "topology_change_standalone" => match &p.effect()?[..] {
            "data_movement_no_conn_drop" if p.trigger()?.as_deref() == Some("failover") => failover(),
            "data_movement_no_conn_drop" => migrate(),
            "data_movement_conn_drop" => sequence([migrate(), bind(p)?]),
            "conn_drop" | "dns_resolution_change" => bind(p)?,
            other => {
                return Err(triggers::unknown(other, triggers::TOPOLOGY_CHANGE.iter().map(|(e, _)| *e)));
            }
        },
        "dmc_restart" | "proxy_failure" | "node_failure" | "cluster_failure" => Step::Restart { ms: away()? },
        "network_failure" | "shard_failure" => Step::Silence { ms: away()? },
        "wait" => Step::Wait { ms: away()? },
        "execute_rladmin_command" => {
            let text = p.text(&["rladmin_command", "command"])?;
            let text = text.ok_or((422, "rladmin_command is missing".to_string()))?;
            rladmin::command(sim, &text, ms).map_err(|e| (422, e))?
        }
        "update_cluster_config" => {
            let on = p.get(&["config"]).and_then(|c| c["client_maint_notifications"].as_bool());
            let wanted = "config takes {\"client_maint_notifications\": true or false}";
            Step::Feature(on.ok_or((422, wanted.to_string()))?)
        }
        "create_database" => {
            let config = p.get(&["database_config", "databaseConfig"]).and_then(Value::as_object);
            Step::Create(config.cloned().ok_or((422, "database_config is missing".to_string()))?)
        }
        "delete_database" => match (database, p.get(&["delete_all"]) == Some(&Value::Bool(true))) {
            (_, true) => Step::Delete(None),
            (Some(id), false) => Step::Delete(Some(id)),
            (None, false) => return Err((422, "bdb_id or delete_all is missing".into())),
        },
        "reset_cluster" => Step::Reset,
        "sequence_of_actions" => several(p, sim)?,
        kind if NOTHING.contains(&kind) => Step::Nothing(format!("{kind}: accepted, not simulated")),
        other => {
            let nothing = NOTHING.join(", ");
            return Err((
                422,
                format!(
                    "type: {other:?} is none of {KINDS}; and these are accepted and do nothing: {nothing}"
                ),
            ));
        }
    })
}

fn bind(p: &Parameters) -> Result<Step, Refused> {
    let endpoint_type = match p.text(&["endpoint_type", "endpointType"])? {
        None => None,
        Some(wanted) => {
            let known = TYPES.into_iter().find(|t| *t == wanted);
            Some(known.ok_or((422, format!("endpoint_type: {wanted:?} is none of {}", TYPES.join(", "))))?)
        }
    };
    let time_s = p.number(&["time_s"], 15.0, MAX_TIME_S)?;
    Ok(Step::Bind { endpoint_type, time_s, close_after_ms: p.ms("close_after_ms", 2000)? })
}

/// The parts say `params` where the whole says `parameters`; both are taken for either. What the whole names, a part need
/// not name again. A `delay` beside the type is in nanoseconds: so do the clients that know it send it.
fn several(p: &Parameters, sim: &Arc<Sim>) -> Result<Step, Refused> {
    let wanted = || (422, "actions takes [{\"type\": ..., \"params\": {...}}, ...]".to_string());
    let list = p.get(&["actions"]).and_then(Value::as_array).ok_or_else(wanted)?;
    if list.is_empty() || list.len() > MAX_SEQUENCE {
        return Err((422, format!("actions: from 1 to {MAX_SEQUENCE}")));
    }
    let mut steps = Vec::new();
    for (i, one) in list.iter().enumerate() {
        let kind = one["type"].as_str().ok_or_else(wanted)?;
        if kind == "sequence_of_actions" {
            return Err((422, "actions: no sequence in a sequence".into()));
        }
        let own = ["params", "parameters"].iter().find_map(|n| one[*n].as_object()).cloned();
        let own = own.unwrap_or_default();
        let after =
            Parameters(one.as_object().ok_or_else(wanted)?).number(&["delay"], 0.0, 1e6 * MAX_MS as f64)?;
        let step =
            step(kind, &Parameters(&own), sim).map_err(|(s, text)| (s, format!("actions[{i}]: {text}")))?;
        steps.push((Duration::from_nanos(after as u64), step));
    }
    Ok(Step::Sequence(steps))
}
