//! What an effect can be triggered by, and which database it needs.

use crate::maint::Refused;
use crate::state::Sim;
use serde_json::{Value, json};

/// Effect, plan of the cluster, names of its triggers.
pub const SLOT_MIGRATE: [(&str, &str, &[&str]); 4] = [
    ("remove-add", "node-replace", &["migrate", "maintenance_mode", "failover"]),
    ("remove", "node-remove", &["migrate", "maintenance_mode", "failover"]),
    ("add", ADD, &["migrate", "failover"]),
    ("slot-shuffle", "slot-migrate-existing", &["migrate", "failover"]),
];

/// One shard of one node goes to a new one; the plans of the cluster would take from all.
pub const ADD: &str = "one-shard-to-new-node";

/// Effect, names of its triggers: those are ours.
pub const TOPOLOGY_CHANGE: [(&str, &[&str]); 4] = [
    ("data_movement_conn_drop", &["migrate_and_bind"]),
    ("data_movement_no_conn_drop", &["migrate", "failover"]),
    ("conn_drop", &["bind"]),
    ("dns_resolution_change", &["bind"]),
];

/// Which nodes and shards the database needs; the fault injector wants three nodes.
const MIN_NODES: usize = 3;

fn shards(effect: &str, trigger: &str, nodes: usize) -> usize {
    match (effect, trigger) {
        ("remove-add", "failover") => 1,
        ("add", "failover") => 2,
        ("remove-add", _) => nodes - 1,
        ("slot-shuffle", _) => nodes * 2,
        _ => nodes,
    }
}

pub fn unknown<'a>(effect: &str, known: impl Iterator<Item = &'a str>) -> Refused {
    (422, format!("effect: {effect:?} is none of {}", known.collect::<Vec<_>>().join(", ")))
}

pub fn of_slots(sim: &Sim, effect: &str, index: &str) -> Result<Value, Refused> {
    let known = SLOT_MIGRATE.iter().find(|(e, ..)| *e == effect);
    let (.., names) = known.ok_or_else(|| unknown(effect, SLOT_MIGRATE.iter().map(|(e, ..)| *e)))?;
    Ok(answer(sim, effect, index, names, true))
}

pub fn of_topology(sim: &Sim, effect: &str, index: &str) -> Result<Value, Refused> {
    let known = TOPOLOGY_CHANGE.iter().find(|(e, _)| *e == effect);
    let (_, names) = known.ok_or_else(|| unknown(effect, TOPOLOGY_CHANGE.iter().map(|(e, _)| *e)))?;
    Ok(answer(sim, effect, index, names, false))
}

fn answer(sim: &Sim, effect: &str, index: &str, names: &[&str], oss: bool) -> Value {
    let nodes = sim.endpoints.len();
    let kinds: &[(&str, &str)] =
        if oss { &[("ip", "ext-ip"), ("hostname", "ext-hostname")] } else { &[("ip", "ext-ip")] };
    let requirement = |trigger: &str, kind: &str, suffix: &str| {
        let name = format!("sm-{}-{}-{suffix}", effect.replace('_', "-"), trigger.replace('_', "-"));
        let shards = if oss { shards(effect, trigger, nodes.max(MIN_NODES)) } else { 1 };
        let mut r = json!({"cluster": {"min_nodes": MIN_NODES, "actual_nodes": nodes},
            "description": format!("external {kind}"),
            "dbconfig": {"name": name, "port": 13000, "memory_size": 134_217_728, "eviction_policy": "volatile-lru",
                "sharding": oss, "oss_cluster": oss, "shards_count": shards, "replication": trigger == "failover",
                "shards_placement": "sparse", "proxy_policy": if oss { "all-master-shards" } else { "single" }}});
        if oss {
            r["oss_cluster_api"] = json!({"ip_type": "external", "endpoint_type": kind});
        }
        r
    };
    let triggers: Vec<Value> = names
        .iter()
        .map(|t| {
            let list: Vec<Value> = kinds.iter().map(|(kind, suffix)| requirement(t, kind, suffix)).collect();
            json!({"name": t, "description": format!("{effect} by {t}"), "requirements": list})
        })
        .collect();
    json!({"effect": effect, "cluster": {"index": index.parse::<u64>().unwrap_or(0), "nodes": nodes}, "triggers": triggers})
}
