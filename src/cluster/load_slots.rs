//! CLUSTER SLOTS: `[[first, last, owner, replica, ...], ...]`, a node being `[host, port, id, metadata]`.

use super::addresses::Addresses;
use super::config::ClusterConfig;
use super::load::{Draft, Host, LoadError, field, number, port, read};
use super::nodes::Health;
use crate::endpoint::Endpoint;
use crate::resp::value::Value;

/// Reads a reply; `asked` is the node that gave it.
pub(super) fn load(
    reply: &[u8],
    asked: &Endpoint,
    addresses: &Addresses,
    config: &ClusterConfig,
) -> Result<Draft, LoadError> {
    let mut draft = Draft::empty()?;
    for entry in &read(reply, &config.limits, "CLUSTER SLOTS")? {
        let Value::Array(entry) = entry else { return Err(LoadError::NotAMap("CLUSTER SLOTS")) };
        let [first, last, nodes @ ..] = entry.as_slice() else {
            return Err(LoadError::NotAMap("CLUSTER SLOTS"));
        };
        if matches!(first, Value::Text(_)) && number(first).is_none() {
            // A shard of CLUSTER SHARDS.
            return Err(LoadError::NotAMap("CLUSTER SLOTS"));
        }
        let Some((owner, replicas)) = nodes.split_first() else { continue };
        let place = |node: &Value<'_>| -> Result<_, LoadError> {
            Ok(endpoint(node, asked)?.map(|endpoint| addresses.apply(endpoint)))
        };
        let Some(owner) = draft.node(place(owner)?, Health::Online, config)? else { continue };
        for replica in replicas {
            if let Some(replica) = draft.node(place(replica)?, Health::Online, config)? {
                draft.replica(owner, replica, config)?;
            }
        }
        draft.range(number(first), number(last), owner)?;
    }
    draft.finish()
}

/// Where a node is. The port is that of the kind of connection it was asked on.
fn endpoint(node: &Value<'_>, asked: &Endpoint) -> Result<Option<Endpoint>, LoadError> {
    let Value::Array(parts) = node else { return Ok(None) };
    let metadata = |name| parts.get(3).and_then(|metadata| field(metadata, name));
    let host = Host::of(parts.first()).or(|| Host::of(metadata(b"ip")));
    host.at(port(parts.get(1)), asked)
}
