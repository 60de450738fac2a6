//! A slot map as a reply has it, before it is taken over: what both replies share. Knows no time and no state.

use super::config::{ClusterConfig, ClusterLimits};
use super::nodes::Health;
use super::slot::SlotSet;
use crate::endpoint::{Endpoint, is_null_endpoint_text};
use crate::notification::{MAX_SLOT, SlotRange};
use crate::resp::value::{self, Value, ValueError};
use std::collections::BTreeMap;

/// Why a reply was not taken. The map is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A limit of [`ClusterLimits`] is reached.
    #[error("limit {limit} reached ({value}): raise it, or ask another node")]
    Limit {
        /// Its name.
        limit: &'static str,
        /// Its value.
        value: u64,
    },
    /// The server answered with an error.
    #[error("the server answered {0:?}: ask another node, or with the other command")]
    ErrorReply(String),
    /// Not a whole reply, or not one to this command.
    #[error("this is not one whole reply to {0}")]
    NotAMap(&'static str),
    /// There is no memory to read it.
    #[error("no memory to read this reply: nothing was changed; come again when there is some")]
    NoMemory,
    /// It names no slot with an owner: the node that was asked is not (or no more) of the cluster.
    #[error("no slot has an owner in this reply: ask another node")]
    NoSlots,
}

/// A node of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DraftNode {
    pub(super) endpoint: Endpoint,
    pub(super) health: Health,
    /// By place in the draft, each once.
    pub(super) replicas: Vec<usize>,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) nodes: Vec<DraftNode>,
    by_endpoint: BTreeMap<Endpoint, usize>,
    /// Slots and their owners, by place; no slot is in two of them.
    pub(super) ranges: Vec<(SlotRange, usize)>,
    claimed: SlotSet,
    /// Slots that a second owner claims.
    pub(super) overlaps: u64,
    /// Nodes and ranges that cannot be read.
    pub(super) unreadable: u64,
    /// Replicas beyond the limit.
    pub(super) replicas_left_out: u64,
}

/// Reads the reply as a value; `command` is for texts.
pub(super) fn read<'a>(
    reply: &'a [u8],
    limits: &ClusterLimits,
    command: &'static str,
) -> Result<Vec<Value<'a>>, LoadError> {
    let limit = |limit, value| LoadError::Limit { limit, value };
    if reply.len() > limits.max_reply_bytes {
        return Err(limit("max_reply_bytes", limits.max_reply_bytes as u64));
    }
    match value::parse(reply, &limits.of_values()) {
        Ok((Value::Array(items), used)) if used == reply.len() => Ok(items),
        Ok((Value::Error(text), _)) => {
            let text = &text[..text.len().min(200)];
            Err(LoadError::ErrorReply(String::from_utf8_lossy(text).into_owned()))
        }
        Err(ValueError::TooDeep) => Err(limit("max_reply_depth", limits.max_reply_depth.into())),
        Err(ValueError::TooManyElements) => {
            Err(limit("max_reply_elements", limits.max_reply_elements as u64))
        }
        Err(ValueError::NoMemory) => Err(LoadError::NoMemory),
        Ok(_) | Err(_) => Err(LoadError::NotAMap(command)),
    }
}

/// A host as a reply has it.
pub(super) enum Host<'a> {
    /// This.
    Named(&'a [u8]),
    /// Null or empty: that of the node that was asked.
    Asked,
    /// `?`: the server knows no name; perhaps an address stands elsewhere, else that of the node that was asked.
    Unknown,
}

impl<'a> Host<'a> {
    pub(super) fn of(value: Option<&'a Value<'_>>) -> Self {
        match value.and_then(Value::as_text) {
            Some(b"?") => Self::Unknown,
            Some(text) if !is_null_endpoint_text(text) => Self::Named(text),
            _ => Self::Asked,
        }
    }

    /// Another one, where this is not known.
    pub(super) fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Unknown => match other() {
                Self::Named(text) => Self::Named(text),
                _ => Self::Unknown,
            },
            known => known,
        }
    }

    /// The endpoint, if it can be one.
    pub(super) fn at(&self, port: Option<u16>, asked: &Endpoint) -> Option<Endpoint> {
        let port = port?;
        match self {
            Self::Named(text) => Endpoint::new(core::str::from_utf8(text).ok()?, port).ok(),
            Self::Asked | Self::Unknown => Some(Endpoint { host: asked.host.clone(), port }),
        }
    }
}

/// A number, also as text.
pub(super) fn number(value: &Value<'_>) -> Option<u16> {
    match value {
        Value::Integer(n) => u16::try_from(*n).ok(),
        Value::Text(text) => core::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

/// A port: 0 is none.
pub(super) fn port(value: Option<&Value<'_>>) -> Option<u16> {
    value.and_then(number).filter(|port| *port != 0)
}

/// Key and value of a map, or of an array that is one in RESP2.
pub(super) fn field<'v, 'a>(of: &'v Value<'a>, name: &[u8]) -> Option<&'v Value<'a>> {
    let is = |key: &Value<'_>| key.as_text() == Some(name);
    match of {
        Value::Map(pairs) => pairs.iter().find(|(key, _)| is(key)).map(|(_, value)| value),
        Value::Array(flat) => flat.chunks_exact(2).find(|pair| is(&pair[0])).map(|pair| &pair[1]),
        _ => None,
    }
}

impl Draft {
    /// Its place, for an endpoint as the server writes it.
    pub(super) fn node(
        &mut self,
        endpoint: Option<Endpoint>,
        health: Health,
        config: &ClusterConfig,
    ) -> Result<Option<usize>, LoadError> {
        let Some(endpoint) = endpoint else {
            self.unreadable += 1;
            return Ok(None);
        };
        if let Some(&at) = self.by_endpoint.get(&endpoint) {
            return Ok(Some(at));
        }
        let max = config.limits.max_nodes;
        if self.nodes.len() >= max {
            return Err(LoadError::Limit { limit: "max_nodes", value: max as u64 });
        }
        self.by_endpoint.insert(endpoint.clone(), self.nodes.len());
        self.nodes.push(DraftNode { endpoint, health, replicas: Vec::new() });
        Ok(Some(self.nodes.len() - 1))
    }

    pub(super) fn replica(&mut self, owner: usize, replica: usize, config: &ClusterConfig) {
        let replicas = &mut self.nodes[owner].replicas;
        if owner == replica || replicas.contains(&replica) {
            return;
        }
        if replicas.len() >= config.limits.max_replicas {
            self.replicas_left_out += 1;
        } else {
            replicas.push(replica);
        }
    }

    /// Slots of an owner; those that another one has had before stay with that one.
    pub(super) fn range(&mut self, first: Option<u16>, last: Option<u16>, owner: usize) {
        let (Some(first), Some(last)) = (first, last) else {
            self.unreadable += 1;
            return;
        };
        if first > last || last > MAX_SLOT {
            self.unreadable += 1;
            return;
        }
        let mut start = None;
        for slot in first..=last {
            if self.claimed.contains(slot) {
                self.overlaps += 1;
                if let Some(first) = start.take() {
                    self.ranges.push((SlotRange { first, last: slot - 1 }, owner));
                }
            } else {
                self.claimed.insert(slot);
                start.get_or_insert(slot);
            }
        }
        if let Some(first) = start {
            self.ranges.push((SlotRange { first, last }, owner));
        }
    }

    pub(super) fn finish(self) -> Result<Self, LoadError> {
        if self.ranges.is_empty() { Err(LoadError::NoSlots) } else { Ok(self) }
    }
}
