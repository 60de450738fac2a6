//! A slot map as a reply has it, before it is taken over: what both replies share. Knows no time and no state.

use super::config::{ClusterConfig, ClusterLimits};
use super::nodes::{Health, NodeId};
use super::slot::SlotSet;
use crate::endpoint::{At, Endpoint, EndpointError, is_null_endpoint_text};
use crate::error::Error;
use crate::mem::{self, Room};
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
#[derive(Debug)]
pub(super) struct DraftNode {
    pub(super) endpoint: Endpoint,
    pub(super) health: Health,
    /// By place in the draft, each once.
    pub(super) replicas: Vec<usize>,
    /// Room for their numbers.
    pub(super) numbers: Vec<NodeId>,
}

/// What was read, with the room that it takes to go by it.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) nodes: Vec<DraftNode>,
    /// Room for their numbers.
    pub(super) numbers: Vec<Option<NodeId>>,
    by_endpoint: BTreeMap<Endpoint, usize>,
    /// Slots and their owners, by place; no slot is in two of them.
    pub(super) ranges: Vec<(SlotRange, usize)>,
    pub(super) claimed: SlotSet,
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
            // Without memory for it, it is an error without a text.
            let text = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            Err(LoadError::ErrorReply(mem::text(|to| to.write_str(text)).unwrap_or_default()))
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
    pub(super) fn at(&self, port: Option<u16>, asked: &Endpoint) -> Result<Option<Endpoint>, LoadError> {
        let Some(port) = port else { return Ok(None) };
        let text = match self {
            Self::Named(text) => core::str::from_utf8(text),
            Self::Asked | Self::Unknown => return Ok(Some(At(&asked.host, port).copy()?)),
        };
        match text.map(|text| Endpoint::new(text, port)) {
            Ok(Ok(endpoint)) => Ok(Some(endpoint)),
            Ok(Err(EndpointError::NoMemory)) => Err(LoadError::NoMemory),
            _ => Ok(None),
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

impl From<Error> for LoadError {
    /// Of what is asked for: there is nothing else that goes wrong with it.
    fn from(_: Error) -> Self {
        Self::NoMemory
    }
}

impl Draft {
    pub(super) fn empty() -> Result<Self, LoadError> {
        Ok(Self {
            nodes: Vec::new(),
            numbers: Vec::new(),
            by_endpoint: BTreeMap::new(),
            ranges: Vec::new(),
            claimed: SlotSet::empty()?,
            overlaps: 0,
            unreadable: 0,
            replicas_left_out: 0,
        })
    }

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
        let copy = endpoint.copy()?;
        self.nodes.room(1)?;
        self.by_endpoint.insert(copy, self.nodes.len());
        self.nodes.push(DraftNode { endpoint, health, replicas: Vec::new(), numbers: Vec::new() });
        Ok(Some(self.nodes.len() - 1))
    }

    pub(super) fn replica(
        &mut self,
        owner: usize,
        replica: usize,
        config: &ClusterConfig,
    ) -> Result<(), LoadError> {
        let replicas = &mut self.nodes[owner].replicas;
        if owner == replica || replicas.contains(&replica) {
            return Ok(());
        }
        if replicas.len() >= config.limits.max_replicas {
            self.replicas_left_out += 1;
        } else {
            replicas.room(1)?;
            replicas.push(replica);
        }
        Ok(())
    }

    /// Slots of an owner; those that another one has had before stay with that one.
    pub(super) fn range(
        &mut self,
        first: Option<u16>,
        last: Option<u16>,
        owner: usize,
    ) -> Result<(), LoadError> {
        let (Some(first), Some(last)) = (first, last) else {
            self.unreadable += 1;
            return Ok(());
        };
        if first > last || last > MAX_SLOT {
            self.unreadable += 1;
            return Ok(());
        }
        let mut start = None;
        for slot in first..=last {
            if self.claimed.contains(slot) {
                self.overlaps += 1;
                if let Some(first) = start.take() {
                    self.ranges.room(1)?;
                    self.ranges.push((SlotRange { first, last: slot - 1 }, owner));
                }
            } else {
                self.claimed.insert(slot);
                start.get_or_insert(slot);
            }
        }
        if let Some(first) = start {
            self.ranges.room(1)?;
            self.ranges.push((SlotRange { first, last }, owner));
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Self, LoadError> {
        self.numbers.room(self.nodes.len())?;
        for node in &mut self.nodes {
            node.numbers.room(node.replicas.len())?;
        }
        if self.ranges.is_empty() { Err(LoadError::NoSlots) } else { Ok(self) }
    }
}
