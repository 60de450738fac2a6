//! Slot moves, in every form that SMIGRATED was seen or described in.
//!
//! Nested triplets (`[[source, destination, slots], ...]`, what servers send), nested pairs, either of them flat, and
//! words run together in one text all are one sequence of endpoints and slots: one or two endpoints, then slots. A
//! nested entry ends where its array ends, a flat one where the next endpoint comes.

use super::slots::Collector;
use super::{Defect, Defects, NotificationLimits, SlotRanges};
use crate::endpoint::{Endpoint, EndpointError};
use crate::error::Result;
use crate::mem::Room;
use crate::resp::value::Value;
use core::fmt;

/// Slots that went from one node to another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SlotMove {
    /// Where they were; `None` in the obsolete pair form, or if it cannot be read.
    pub source: Option<Endpoint>,
    /// Where they are.
    pub destination: Endpoint,
    /// Which; never empty.
    pub slots: SlotRanges,
}

impl SlotMove {
    /// A copy of all of them, if there is memory for it.
    pub(crate) fn copy_all(moves: &[Self]) -> Result<Vec<Self>> {
        let mut out = Vec::new();
        out.room(moves.len())?;
        for one in moves {
            let source = one.source.as_ref().map(Endpoint::copy).transpose()?;
            out.push(Self { source, destination: one.destination.copy()?, slots: one.slots.copy()? });
        }
        Ok(out)
    }
}

impl fmt::Display for SlotMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{source}>{}={}", self.destination, self.slots),
            None => write!(f, "?>{}={}", self.destination, self.slots),
        }
    }
}

/// Of SMIGRATED, after the seq.
pub(super) fn read(
    fields: &[Value<'_>],
    defects: &mut Defects,
    limits: &NotificationLimits,
) -> Vec<SlotMove> {
    let mut moves = Moves { entry: Entry::default(), done: Vec::new(), defects, limits };
    if fields.is_empty() {
        moves.defects.insert(Defect::SlotsMissing);
    }
    let mut nested = false;
    for field in fields {
        match field {
            Value::Array(items) if moves.entry.endpoints.is_empty() => {
                nested = true;
                moves.end();
                moves.list(items);
            }
            Value::Array(slots) => moves.slots(slots),
            // After a list: surplus.
            _ if nested => {}
            field => moves.word(field),
        }
    }
    moves.end();
    moves.done
}

/// What is read of a move so far.
#[derive(Default)]
struct Entry {
    /// At most two; one that cannot be read keeps its place.
    endpoints: Vec<Option<Endpoint>>,
    /// Slots have come, readable or not: the next endpoint begins another entry.
    complete: bool,
    slots: Collector,
}

impl Entry {
    fn is_empty(&self) -> bool {
        self.endpoints.is_empty() && !self.complete
    }
}

struct Moves<'d> {
    entry: Entry,
    done: Vec<SlotMove>,
    defects: &'d mut Defects,
    limits: &'d NotificationLimits,
}

impl Moves<'_> {
    /// A list of entries, or an entry, or a flat list in an array of its own.
    fn list(&mut self, items: &[Value<'_>]) {
        let of_entries = matches!(items.first(), Some(Value::Array(_)));
        for item in items {
            match item {
                Value::Array(entry) if of_entries => self.nested(entry),
                Value::Array(slots) => self.slots(slots),
                item => self.word(item),
            }
        }
        self.end();
    }

    /// One entry. After its slots, more text of slots belongs to it; all else is surplus.
    fn nested(&mut self, items: &[Value<'_>]) {
        self.end();
        for item in items {
            match item {
                item if self.entry.complete => {
                    if let Some(text) = item.as_text().filter(|text| are_slots(text)) {
                        self.text(text);
                    }
                }
                Value::Array(slots) => self.slots(slots),
                item => self.word(item),
            }
        }
        self.end();
    }

    /// Slots in an array of their own.
    fn slots(&mut self, items: &[Value<'_>]) {
        for item in items {
            match item {
                Value::Integer(slot) => {
                    self.entry.slots.number(*slot, self.defects, self.limits.max_slot_ranges)
                }
                Value::Text(text) => self.entry.slots.text(text, self.defects, self.limits.max_slot_ranges),
                _ => self.defects.insert(Defect::SlotUnreadable),
            }
        }
        self.entry.complete = true;
    }

    fn word(&mut self, item: &Value<'_>) {
        match item {
            Value::Integer(slot) => {
                self.entry.slots.number(*slot, self.defects, self.limits.max_slot_ranges);
                self.entry.complete = true;
            }
            Value::Text(text) if text.trim_ascii().is_empty() => self.unreadable(),
            Value::Text(text) => {
                let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                words.for_each(|word| self.text(word));
            }
            _ => self.unreadable(),
        }
    }

    fn text(&mut self, word: &[u8]) {
        if are_slots(word) {
            self.entry.slots.text(word, self.defects, self.limits.max_slot_ranges);
            self.entry.complete = true;
            return;
        }
        match Endpoint::parse(word, None) {
            Ok(endpoint) => self.endpoint(Some(endpoint)),
            Err(EndpointError::NoMemory) => self.defects.insert(Defect::NoMemory),
            Err(_) => self.unreadable(),
        }
    }

    fn endpoint(&mut self, endpoint: Option<Endpoint>) {
        if self.entry.complete || self.entry.endpoints.len() >= 2 {
            self.end();
        }
        if self.entry.endpoints.room(1).is_err() {
            return self.defects.insert(Defect::NoMemory);
        }
        self.entry.endpoints.push(endpoint);
    }

    /// By its place an endpoint, or the slots where two endpoints have been.
    fn unreadable(&mut self) {
        if !self.entry.complete && self.entry.endpoints.len() == 2 {
            self.defects.insert(Defect::SlotUnreadable);
            self.entry.complete = true;
        } else {
            self.defects.insert(Defect::MoveUnreadable);
            self.endpoint(None);
        }
    }

    /// Ends the entry; it is a move if it has a destination and slots.
    fn end(&mut self) {
        let mut entry = core::mem::take(&mut self.entry);
        if entry.is_empty() {
            return;
        }
        if entry.slots.is_empty() {
            self.defects.insert(Defect::SlotsMissing);
            return;
        }
        let Some(Some(destination)) = entry.endpoints.pop() else {
            self.defects.insert(Defect::MoveUnreadable);
            return;
        };
        if self.done.len() >= self.limits.max_moves {
            self.defects.insert(Defect::OverLimit);
            return;
        }
        let slots = entry.slots.finish(self.defects, self.limits.max_slot_ranges);
        if self.done.room(1).is_err() {
            return self.defects.insert(Defect::NoMemory);
        }
        self.done.push(SlotMove { source: entry.endpoints.pop().flatten(), destination, slots });
    }
}

/// No endpoint is made of these alone.
fn are_slots(text: &[u8]) -> bool {
    text.iter().all(|b| b.is_ascii_digit() || b",- ".contains(b))
}
