//! Shards as servers name them: text, JSON text, integer or array.

use super::{Defect, Defects, NotificationLimits};
use crate::error::Result;
use crate::mem::{self, Room};
use crate::resp::value::Value;
use core::fmt;

/// A set of shards, compared as numbers (R2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Shards(Vec<u64>);

impl Shards {
    /// Their numbers, ascending, each once.
    pub fn ids(&self) -> &[u64] {
        &self.0
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none (left).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this shard is among them.
    pub fn contains(&self, id: u64) -> bool {
        self.0.binary_search(&id).is_ok()
    }

    /// A copy, if there is memory for it.
    pub(crate) fn copy(&self) -> Result<Self> {
        mem::copy(&self.0).map(Self)
    }

    /// Whether any shard is in both.
    pub fn intersects(&self, other: &Self) -> bool {
        other.0.iter().any(|&id| self.contains(id))
    }

    /// Takes out all that are in `other`; answers how many that were.
    pub fn subtract(&mut self, other: &Self) -> usize {
        let before = self.0.len();
        self.0.retain(|&id| !other.contains(id));
        before - self.0.len()
    }
}

impl FromIterator<u64> for Shards {
    fn from_iter<I: IntoIterator<Item = u64>>(ids: I) -> Self {
        let mut ids = ids.into_iter().collect::<Vec<_>>();
        ids.sort_unstable();
        ids.dedup();
        Self(ids)
    }
}

impl fmt::Display for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, id) in self.0.iter().enumerate() {
            write!(f, "{}{id}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// Reads one field. `None` if it names no shard that can be read: it then stands for all, or for any.
pub(super) fn read(field: &Value<'_>, defects: &mut Defects, limits: &NotificationLimits) -> Option<Shards> {
    let mut found = Found { ids: Vec::new(), defects, max: limits.max_shards };
    found.collect(field, limits.max_depth);
    found.shrink();
    (!found.ids.is_empty()).then_some(Shards(found.ids))
}

struct Found<'d> {
    ids: Vec<u64>,
    defects: &'d mut Defects,
    max: usize,
}

impl Found<'_> {
    fn collect(&mut self, field: &Value<'_>, depth: u8) {
        match field {
            Value::Null => {}
            Value::Integer(id) => self.push(u64::try_from(*id).ok()),
            Value::Array(items) => match depth.checked_sub(1) {
                Some(depth) => items.iter().for_each(|item| self.collect(item, depth)),
                None => self.defects.insert(Defect::OverLimit),
            },
            Value::Text(text) if text.eq_ignore_ascii_case(b"null") => {}
            Value::Text(text) => {
                let words = text.split(|&b| is_between(b)).filter(|word| !word.is_empty());
                words.for_each(|word| self.push(number(word)));
            }
            _ => self.defects.insert(Defect::ShardUnreadable),
        }
    }

    fn push(&mut self, id: Option<u64>) {
        let Some(id) = id else { return self.defects.insert(Defect::ShardUnreadable) };
        if self.ids.room(1).is_err() {
            return self.defects.insert(Defect::NoMemory);
        }
        self.ids.push(id);
        if self.ids.len() > self.max.saturating_mul(2) {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        self.ids.sort_unstable();
        self.ids.dedup();
        if self.ids.len() > self.max {
            self.ids.truncate(self.max);
            self.defects.insert(Defect::OverLimit);
        }
    }
}

/// What stands between numbers in `4,5,6` and in `["4", "5"]`.
fn is_between(b: u8) -> bool {
    b.is_ascii_whitespace() || b",;[]\"'".contains(&b)
}

fn number(word: &[u8]) -> Option<u64> {
    core::str::from_utf8(word).ok()?.parse().ok()
}
