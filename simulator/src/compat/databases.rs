//! Databases by name and number. There is one data set (in a cluster, one divided by slots): they all show it.

use crate::cluster::topology;
use crate::limits::MAX_DATABASES;
use crate::state::{Endpoint, Sim, lock};
use serde_json::{Map, Value, json};
use std::sync::Arc;

#[derive(Clone)]
pub struct Database {
    pub id: u64,
    pub name: String,
    config: Map<String, Value>,
}

pub struct Databases {
    pub list: Vec<Database>,
    next: u64,
}

pub const FIRST: u64 = 1;

impl Default for Databases {
    fn default() -> Self {
        let first = Database { id: FIRST, name: "sch-sim".into(), config: Map::new() };
        Databases { list: vec![first], next: FIRST + 1 }
    }
}

impl Databases {
    pub fn create(&mut self, config: Map<String, Value>) -> Result<Database, String> {
        if self.list.len() >= MAX_DATABASES {
            return Err(format!("at most {MAX_DATABASES} databases"));
        }
        let id = self.next;
        self.next += 1;
        let name = config.get("name").and_then(Value::as_str).map_or_else(|| format!("db{id}"), Into::into);
        let database = Database { id, name, config };
        self.list.push(database.clone());
        Ok(database)
    }

    pub fn has(&self, id: u64) -> bool {
        self.list.iter().any(|d| d.id == id)
    }
}

/// The endpoint whose proxy is meant when a database moves: where most who opted in are, else the first that accepts.
pub fn home(sim: &Sim) -> Option<Arc<Endpoint>> {
    let opted = |e: &Endpoint| {
        sim.connections(Some(&e.name), None).iter().filter(|c| lock(&c.opted).is_some()).count()
    };
    let accepting = sim.endpoints.iter().filter(|e| lock(&e.listener).is_some());
    // Of equals the first.
    accepting.rev().max_by_key(|e| opted(e))
}

/// The nodes a client of the database starts from: in a cluster those with slots, else one.
pub fn entries(sim: &Sim) -> Vec<Arc<Endpoint>> {
    let owners = lock(&sim.data).slots.as_ref().map(|t| t.owners());
    let accepts = |e: &Arc<Endpoint>| lock(&e.listener).is_some();
    match owners {
        Some(owners) => {
            sim.endpoints.iter().filter(|e| owners.contains_key(&e.index) && accepts(e)).collect()
        }
        None => sim.endpoints.iter().find(accepts).into_iter().collect(),
    }
}

/// What `create_database` puts out, and what the suites keep in a file.
pub fn about(sim: &Sim, database: &Database) -> Value {
    let entries = entries(sim);
    let policy = if topology::is_cluster(sim) { "all-master-shards" } else { "single" };
    let raw: Vec<Value> = entries
        .iter()
        .map(|e| {
            let host = lock(&sim.setup).fqdn.clone().unwrap_or_else(|| e.ip.to_string());
            json!({"addr": [e.ip.to_string()], "addr_type": "external", "dns_name": host, "port": e.port,
                "proxy_policy": policy, "uid": format!("{}:{}", database.id, e.index + 1),
                "oss_cluster_api_preferred_endpoint_type": "ip", "oss_cluster_api_preferred_ip_type": "internal"})
        })
        .collect();
    let tls = entries.first().is_some_and(|e| e.tls);
    let scheme = if tls { "rediss" } else { "redis" };
    let urls: Vec<String> = entries.iter().map(|e| format!("{scheme}://{}", e.address())).collect();
    let username = if sim.password.is_some() { "default" } else { "" };
    let mut about = json!({"bdb_id": database.id, "name": database.name, "username": username,
        "password": sim.password.as_deref().unwrap_or(""), "tls": tls, "endpoints": urls, "raw_endpoints": raw});
    if !database.config.is_empty() {
        about["database_config"] = Value::Object(database.config.clone());
    }
    about
}

/// `GET /endpoints.json`: the content of the file that the suites are told by an environment variable.
pub fn file(sim: &Sim) -> Value {
    let list = lock(&sim.compat).databases.list.clone();
    Value::Object(list.iter().map(|d| (d.name.clone(), about(sim, d))).collect())
}
