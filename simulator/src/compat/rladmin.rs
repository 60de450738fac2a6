//! `rladmin`: the status text that suites take apart, and the commands they give.

use super::databases;
use super::steps::Step;
use crate::cluster::{ranges, topology};
use crate::state::{Endpoint, Sim, lock};
use std::fmt::Write;

/// A shard of every database: its number, its node, its slots.
struct Shard {
    number: usize,
    node: usize,
    slots: String,
}

/// In a cluster one for each run of slots a node has; else one with all slots, where the clients are.
fn shards(sim: &Sim) -> Vec<Shard> {
    let owners = lock(&sim.data).slots.as_ref().map(|t| t.owners());
    let runs: Vec<(usize, String)> = match owners {
        Some(owners) => {
            owners.iter().flat_map(|(n, s)| ranges::texts(s).into_iter().map(|r| (*n, r))).collect()
        }
        None => databases::home(sim).map(|e| (e.index, "0-16383".to_string())).into_iter().collect(),
    };
    let whole = |r: String| if r.contains('-') { r } else { format!("{r}-{r}") };
    runs.into_iter()
        .enumerate()
        .map(|(i, (node, r))| Shard { number: i + 1, node, slots: whole(r) })
        .collect()
}

pub fn status(sim: &Sim) -> String {
    let shards = shards(sim);
    let databases = lock(&sim.compat).databases.list.clone();
    let nodes: Vec<_> = sim.endpoints.iter().filter(|e| lock(&e.listener).is_some()).collect();
    let mut out =
        String::from("CLUSTER NODES:\nNODE:ID ROLE ADDRESS EXTERNAL_ADDRESS HOSTNAME SHARDS CORES STATUS\n");
    let line = |out: &mut String, text: String| writeln!(out, "{text}").is_ok();
    for (i, e) in nodes.iter().enumerate() {
        let (mark, role) = if i == 0 { ("*", "master") } else { ("", "slave") };
        let n = shards.iter().filter(|s| s.node == e.index).count() * databases.len();
        let host = sim.fqdn(e);
        line(&mut out, format!("{mark}node:{} {role} {} {} {host} {n}/100 1 OK", e.index + 1, e.ip, e.ip));
    }
    out += "\nDATABASES:\nDB:ID NAME TYPE STATUS SHARDS PLACEMENT REPLICATION PERSISTENCE ENDPOINT\n";
    for d in &databases {
        let at = databases::entries(sim).first().map_or_else(String::new, |e| e.address().to_string());
        let n = shards.len();
        line(&mut out, format!("db:{} {} redis active {n} sparse disabled disabled {at}", d.id, d.name));
    }
    out += "\nENDPOINTS:\nDB:ID NAME ID NODE ROLE SSL\n";
    let role = if topology::is_cluster(sim) { "all-master-shards" } else { "single" };
    for d in &databases {
        for (i, e) in databases::entries(sim).iter().enumerate() {
            let ssl = if e.tls { "Yes" } else { "No" };
            let (id, node) = (format!("{}:{}", d.id, i + 1), e.index + 1);
            line(&mut out, format!("db:{} {} endpoint:{id} node:{node} {role} {ssl}", d.id, d.name));
        }
    }
    out += "\nSHARDS:\nDB:ID NAME ID NODE ROLE SLOTS USED_MEMORY STATUS\n";
    for d in &databases {
        for s in &shards {
            let (id, name, n, node) = (d.id, &d.name, s.number, s.node + 1);
            line(&mut out, format!("db:{id} {name} redis:{n} node:{node} master {} 1MB OK", s.slots));
        }
    }
    out
}

/// The endpoint that is `node:N`.
pub fn node(sim: &Sim, number: &str) -> Result<String, String> {
    let number = number.trim_start_matches("node:");
    let index = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    let found = index.and_then(|i| sim.endpoints.get(i));
    found.map(|e: std::sync::Arc<Endpoint>| e.name.clone()).ok_or(format!("there is no node {number:?}"))
}

/// The word after another one.
fn after<'a>(words: &[&'a str], word: &str) -> Option<&'a str> {
    words.iter().position(|w| *w == word).and_then(|i| words.get(i + 1)).copied()
}

/// What a command does. `ms`: how long a starter comes before its terminator.
pub fn command(sim: &Sim, text: &str, ms: u64) -> Result<Step, String> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    if words.first() == Some(&"rladmin") {
        words.remove(0);
    }
    if words.first() == Some(&"-b") {
        words.drain(..2.min(words.len()));
    }
    let window = |starter, terminator| Step::Window { starter, terminator, ms, stall_ms: 0 };
    let cluster = topology::is_cluster(sim);
    let bind = || Step::Bind { endpoint_type: None, time_s: 15.0, close_after_ms: 2000 };
    let shard = || -> Result<Option<Shard>, String> {
        let Some(number) = after(&words, "shard") else { return Ok(None) };
        let number = number.trim_start_matches("redis:");
        let found = shards(sim).into_iter().find(|s| s.number.to_string() == number);
        found.map(Some).ok_or(format!("there is no shard {number:?}"))
    };
    let named = |index: usize| sim.endpoints.get(index).map_or_else(String::new, |e| e.name.clone());
    match words.first().copied() {
        Some("status" | "info") => Ok(Step::Status),
        Some("bind") => Ok(bind()),
        Some("migrate") if cluster => {
            let to = node(sim, after(&words, "target_node").ok_or("migrate: target_node N is missing")?)?;
            let (from, slots) = match (shard()?, after(&words, "node")) {
                (Some(s), _) => (named(s.node), s.slots),
                (None, Some(n)) => (node(sim, n)?, "all".into()),
                (None, None) => return Err("migrate: node N or shard N is missing".into()),
            };
            Ok(Step::Give { from, to, slots, ms })
        }
        Some("migrate") => Ok(window("MIGRATING", "MIGRATED")),
        Some("failover") if cluster => {
            // The shard's replica is thought to be at the next node.
            let s = shard()?.or_else(|| shards(sim).into_iter().next()).ok_or("there are no shards")?;
            let members = lock(&sim.data).slots.as_ref().map(|t| t.members.clone()).unwrap_or_default();
            let to = members.iter().find(|n| **n > s.node).or(members.first()).copied().unwrap_or(s.node);
            Ok(Step::Give { from: named(s.node), to: named(to), slots: s.slots, ms })
        }
        Some("failover") => Ok(window("FAILING_OVER", "FAILED_OVER")),
        Some("node") if words.ends_with(&["maintenance_mode", "on"]) && !cluster => {
            let steps = vec![window("FAILING_OVER", "FAILED_OVER"), bind()];
            Ok(Step::Sequence(steps.into_iter().map(|s| (Default::default(), s)).collect()))
        }
        Some("node") if words.ends_with(&["maintenance_mode", "off"]) => {
            Ok(Step::Nothing("no snapshot to restore".into()))
        }
        _ => Err(format!("rladmin: {text:?} is not simulated")),
    }
}
