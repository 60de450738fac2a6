//! Replies to CLUSTER SLOTS and CLUSTER SHARDS, in RESP2 and RESP3 (C2). Knows no map.
//!
//! A host that is null, empty or `?` is the one that was asked. What cannot be read of one node costs that node; a reply
//! that is no list of slots is an error.

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::notification::{MAX_SLOT, SlotRange, SlotRanges};
use crate::resp::value::{self, Value, ValueLimits};

/// Slots with the same nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) slots: SlotRanges,
    pub(super) master: Endpoint,
    pub(super) replicas: Vec<Endpoint>,
}

/// What reading needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// The node that answered.
    pub(super) node: &'a Endpoint,
    pub(super) tls: bool,
}

const NEITHER: Error = Error::NotASlotMap(
    "neither a reply to CLUSTER SLOTS nor to CLUSTER SHARDS: give the whole reply, from its first byte",
);

/// Reads either reply: they are told apart by what they hold.
pub(super) fn read(raw: &[u8], asked: Asked<'_>, limits: &ValueLimits) -> Result<Vec<Shard>> {
    let value = match value::parse(raw, limits) {
        Ok((value, _)) => value,
        Err(value::ValueError::TooLong | value::ValueError::TooManyElements) => {
            return Err(Error::Limit {
                limit: "max_reply_bytes",
                value: limits.max_bytes as u64,
                hint: "the reply is longer, or has more elements: raise the limit",
            });
        }
        Err(_) => return Err(NEITHER),
    };
    let Value::Array(entries) = value else { return Err(NEITHER) };
    if entries.is_empty() {
        return Err(Error::NotASlotMap("the node that was asked knows no slots: ask another one"));
    }
    let is_slots = |entry: &Value<'_>| matches!(entry, Value::Array(of) if of.first().is_some_and(|v| v.as_i64().is_some()));
    let shards: Vec<Shard> = if entries.iter().all(is_slots) {
        entries.iter().filter_map(|entry| slots_entry(entry, asked)).collect()
    } else {
        entries.iter().filter_map(|entry| shards_entry(entry, asked)).collect()
    };
    if shards.is_empty() { Err(NEITHER) } else { Ok(shards) }
}

fn range(first: Option<i64>, last: Option<i64>) -> Option<SlotRange> {
    let slot = |n: Option<i64>| n.and_then(|n| u16::try_from(n).ok()).filter(|n| *n <= MAX_SLOT);
    let (first, last) = (slot(first)?, slot(last)?);
    (first <= last).then_some(SlotRange { first, last })
}

/// `[first, last, master, replica...]`, each node `[host, port, ...]`.
fn slots_entry(entry: &Value<'_>, asked: Asked<'_>) -> Option<Shard> {
    let Value::Array(items) = entry else { return None };
    let range = range(items.first()?.as_i64(), items.get(1)?.as_i64())?;
    let node = |value: &Value<'_>| match value {
        Value::Array(of) => endpoint(of.first(), of.get(1)?.as_i64(), asked),
        _ => None,
    };
    let master = node(items.get(2)?)?;
    let replicas = items[3..].iter().filter_map(node).collect();
    Some(Shard { slots: core::iter::once(range).collect(), master, replicas })
}

/// A map with `slots` and `nodes`.
fn shards_entry(entry: &Value<'_>, asked: Asked<'_>) -> Option<Shard> {
    let Value::Array(flat) = field(entry, "slots")? else { return None };
    let ranges = flat.chunks(2).filter_map(|pair| range(pair[0].as_i64(), pair.get(1)?.as_i64()));
    let slots: SlotRanges = ranges.collect();
    let Value::Array(nodes) = field(entry, "nodes")? else { return None };
    let mut master = None;
    let mut replicas = Vec::new();
    for node in nodes {
        let text = |name: &str| field(node, name).and_then(Value::as_text);
        if text("health").is_some_and(|health| health == b"fail" || health == b"failed") {
            continue;
        }
        let port = |name: &str| field(node, name).and_then(Value::as_i64).filter(|port| *port > 0);
        let (plain, tls) = (port("port"), port("tls-port"));
        let port = if asked.tls { tls.or(plain) } else { plain.or(tls) };
        // `endpoint` is what the server wants to be called; before it was there, `ip`.
        let host = field(node, "endpoint").or_else(|| field(node, "ip"));
        let Some(endpoint) = endpoint(host, port, asked) else { continue };
        match text("role") {
            Some(b"master" | b"primary") if master.is_none() => master = Some(endpoint),
            _ => replicas.push(endpoint),
        }
    }
    let master = master?;
    (!slots.is_empty()).then_some(Shard { slots, master, replicas })
}

/// A field of a map, which is a flat array in RESP2.
fn field<'v, 'a>(value: &'v Value<'a>, name: &str) -> Option<&'v Value<'a>> {
    let named =
        |key: &Value<'_>| key.as_text().is_some_and(|text| text.eq_ignore_ascii_case(name.as_bytes()));
    match value {
        Value::Map(pairs) => pairs.iter().find(|(key, _)| named(key)).map(|(_, value)| value),
        Value::Array(flat) => flat.chunks_exact(2).find(|pair| named(&pair[0])).map(|pair| &pair[1]),
        _ => None,
    }
}

fn endpoint(host: Option<&Value<'_>>, port: Option<i64>, asked: Asked<'_>) -> Option<Endpoint> {
    let port = match port {
        Some(port) => u16::try_from(port).ok().filter(|port| *port != 0)?,
        None => asked.node.port,
    };
    let text = host.and_then(Value::as_text).unwrap_or_default();
    if matches!(text, b"" | b"?") {
        return Some(Endpoint { host: asked.node.host.clone(), port });
    }
    Endpoint::new(core::str::from_utf8(text).ok()?, port).ok()
}
