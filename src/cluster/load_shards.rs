//! CLUSTER SHARDS: `[{slots: [first, last, ...], nodes: [{id, port, tls-port, ip, endpoint, hostname, role, health}, ...]},
//! ...]`, maps in RESP3, flat arrays in RESP2.

use super::addresses::Addresses;
use super::config::ClusterConfig;
use super::load::{Draft, Host, LoadError, field, number, port, read};
use super::nodes::Health;
use crate::endpoint::Endpoint;
use crate::mem::Room;
use crate::resp::value::Value;

/// Reads a reply; `asked` is the node that gave it.
pub(super) fn load(
    reply: &[u8],
    asked: &Endpoint,
    addresses: &Addresses,
    config: &ClusterConfig,
) -> Result<Draft, LoadError> {
    let mut draft = Draft::empty()?;
    for shard in &read(reply, &config.limits, "CLUSTER SHARDS")? {
        let (Some(Value::Array(slots)), Some(Value::Array(nodes))) =
            (field(shard, b"slots"), field(shard, b"nodes"))
        else {
            return Err(LoadError::NotAMap("CLUSTER SHARDS"));
        };
        let mut owner: Option<(Health, usize)> = None;
        let mut replicas = Vec::new();
        for node in nodes {
            let health = health(node);
            let place = endpoint(node, asked, config.tls)?.map(|endpoint| addresses.apply(endpoint));
            let Some(at) = draft.node(place, health, config)? else { continue };
            if !is_owner(node) {
                replicas.room(1)?;
                replicas.push(at);
            } else if owner.is_none_or(|(best, _)| health < best) {
                // During a failover two call themselves so: the one that has failed is not it.
                owner = Some((health, at));
            }
        }
        let Some((_, owner)) = owner else { continue };
        replicas.into_iter().try_for_each(|replica| draft.replica(owner, replica, config))?;
        for range in slots.chunks(2) {
            draft.range(number(&range[0]), range.get(1).and_then(number), owner)?;
        }
    }
    draft.finish()
}

fn is_owner(node: &Value<'_>) -> bool {
    matches!(field(node, b"role").and_then(Value::as_text), Some(b"master" | b"primary"))
}

fn health(node: &Value<'_>) -> Health {
    match field(node, b"health").and_then(Value::as_text) {
        Some(b"loading") => Health::Loading,
        Some(b"fail" | b"failed") => Health::Failed,
        _ => Health::Online,
    }
}

/// Where a node is: `endpoint` is how the server wants it to be reached. Servers that speak only one of plain and TLS give
/// only one port, and not all name it rightly: the other one is better than none.
fn endpoint(node: &Value<'_>, asked: &Endpoint, tls: bool) -> Result<Option<Endpoint>, LoadError> {
    let of = |name| port(field(node, name));
    let port = if tls { of(b"tls-port").or(of(b"port")) } else { of(b"port").or(of(b"tls-port")) };
    let known = |name: &[u8]| match Host::of(field(node, name)) {
        Host::Asked => Host::Unknown,
        host => host,
    };
    let host = match field(node, b"endpoint") {
        Some(endpoint) => Host::of(Some(endpoint)),
        None => Host::Unknown,
    };
    host.or(|| known(b"hostname")).or(|| known(b"ip")).at(port, asked)
}
