//! Sets of hash slots, as `123,456,5000-7000`.

use super::{Defect, Defects, NotificationLimits};
use crate::error::Result;
use crate::mem::{self, Room};
use crate::resp::value::Value;
use core::fmt;

/// The last hash slot.
pub const MAX_SLOT: u16 = 16383;

/// Slots from `first` to `last`, both included.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SlotRange {
    /// The first.
    pub first: u16,
    /// The last; not below the first, and at most [`MAX_SLOT`].
    pub last: u16,
}

/// A set of slots: ranges in ascending order that neither overlap nor touch.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SlotRanges(Vec<SlotRange>);

impl SlotRanges {
    /// The ranges.
    pub fn ranges(&self) -> &[SlotRange] {
        &self.0
    }

    /// Each slot, ascending.
    pub fn slots(&self) -> impl Iterator<Item = u16> {
        self.0.iter().flat_map(|range| range.first..=range.last)
    }

    /// How many slots.
    pub fn len(&self) -> usize {
        self.0.iter().map(|range| usize::from(range.last - range.first) + 1).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A copy, if there is memory for it.
    pub(crate) fn copy(&self) -> Result<Self> {
        mem::copy(&self.0).map(Self)
    }

    /// Whether this slot is among them.
    pub fn contains(&self, slot: u16) -> bool {
        let after = self.0.partition_point(|range| range.first <= slot);
        after > 0 && slot <= self.0[after - 1].last
    }
}

impl FromIterator<SlotRange> for SlotRanges {
    /// Merges. Ranges that are none are left out.
    fn from_iter<I: IntoIterator<Item = SlotRange>>(ranges: I) -> Self {
        let fits = |range: &SlotRange| range.first <= range.last && range.last <= MAX_SLOT;
        let mut ranges = ranges.into_iter().filter(fits).collect();
        merge(&mut ranges);
        Self(ranges)
    }
}

impl fmt::Display for SlotRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, range) in self.0.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { "," })?;
            if range.first == range.last {
                write!(f, "{}", range.first)?;
            } else {
                write!(f, "{}-{}", range.first, range.last)?;
            }
        }
        Ok(())
    }
}

fn merge(ranges: &mut Vec<SlotRange>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let touches = next.first <= kept.last.saturating_add(1);
        if touches {
            kept.last = kept.last.max(next.last);
        }
        touches
    });
}

/// Collects ranges, merging whenever there are twice as many as there may be.
#[derive(Default)]
pub(super) struct Collector(Vec<SlotRange>);

impl Collector {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn number(&mut self, slot: i64, defects: &mut Defects, max: usize) {
        match u16::try_from(slot) {
            Ok(slot) if slot <= MAX_SLOT => self.push(SlotRange { first: slot, last: slot }, defects, max),
            _ => defects.insert(Defect::SlotUnreadable),
        }
    }

    pub(super) fn text(&mut self, text: &[u8], defects: &mut Defects, max: usize) {
        let between = |b: &u8| *b == b',' || b.is_ascii_whitespace();
        for word in text.split(between).filter(|word| !word.is_empty()) {
            match range(word) {
                Some(range) => self.push(range, defects, max),
                None => defects.insert(Defect::SlotUnreadable),
            }
        }
    }

    fn push(&mut self, range: SlotRange, defects: &mut Defects, max: usize) {
        if self.0.room(1).is_err() {
            return defects.insert(Defect::NoMemory);
        }
        self.0.push(range);
        if self.0.len() > max.saturating_mul(2) {
            self.shrink(defects, max);
        }
    }

    fn shrink(&mut self, defects: &mut Defects, max: usize) {
        merge(&mut self.0);
        if self.0.len() > max {
            self.0.truncate(max);
            defects.insert(Defect::OverLimit);
        }
    }

    pub(super) fn finish(&mut self, defects: &mut Defects, max: usize) -> SlotRanges {
        self.shrink(defects, max);
        SlotRanges(core::mem::take(&mut self.0))
    }
}

fn range(word: &[u8]) -> Option<SlotRange> {
    let (first, last) = match memchr::memchr(b'-', word) {
        Some(dash) => (slot(&word[..dash])?, slot(&word[dash + 1..])?),
        None => (slot(word)?, slot(word)?),
    };
    (first <= last).then_some(SlotRange { first, last })
}

fn slot(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let slot = digits.iter().fold(0u32, |n, b| n * 10 + u32::from(b - b'0'));
    u16::try_from(slot).ok().filter(|&slot| slot <= MAX_SLOT)
}

/// Of SMIGRATING, after the seq: slots in one text, or in several, or in arrays of them.
pub(super) fn read(fields: &[Value<'_>], defects: &mut Defects, limits: &NotificationLimits) -> SlotRanges {
    let mut slots = Collector::default();
    fields.iter().for_each(|field| collect(field, &mut slots, defects, limits, limits.max_depth));
    if slots.is_empty() {
        defects.insert(Defect::SlotsMissing);
    }
    slots.finish(defects, limits.max_slot_ranges)
}

fn collect(
    field: &Value<'_>,
    slots: &mut Collector,
    defects: &mut Defects,
    limits: &NotificationLimits,
    depth: u8,
) {
    match field {
        Value::Null => {}
        Value::Integer(slot) => slots.number(*slot, defects, limits.max_slot_ranges),
        Value::Text(text) => slots.text(text, defects, limits.max_slot_ranges),
        Value::Array(items) => match depth.checked_sub(1) {
            Some(depth) => items.iter().for_each(|item| collect(item, slots, defects, limits, depth)),
            None => defects.insert(Defect::OverLimit),
        },
        _ => defects.insert(Defect::SlotUnreadable),
    }
}
