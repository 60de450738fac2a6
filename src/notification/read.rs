//! From a push to a notification: its elements one by one, so that those before a broken one count, then their meaning
//! by type and place.

use super::{Body, Defect, Defects, Kind, MovingTarget, NotificationError, NotificationLimits, Parsed};
use super::{Notification, Sniff, shards, slots, smigrated, sniff};
use crate::endpoint::{self, Endpoint, EndpointError, is_null_endpoint_text};
use crate::mem::Room;
use crate::resp::value::{self, Value, ValueError, ValueLimits};
use std::borrow::Cow;

/// Reads one push frame: `raw` starts at `>`, or at the `|` of an attribute in front of it. What follows the frame is not
/// looked at.
///
/// An error means that it is not known to be ours. All else is a notification, as far as it can be read, even if the
/// frame is cut short (N2).
///
/// ```
/// use sch::notification::{self, Kind, NotificationLimits};
/// let frame = b">4\r\n$6\r\nMOVING\r\n:17\r\n:15\r\n$19\r\ncache.internal:6380\r\n";
/// let parsed = notification::parse(frame, &NotificationLimits::default()).unwrap();
/// assert_eq!(parsed.notification.kind, Kind::Moving);
/// assert_eq!(parsed.notification.to_string(), "MOVING seq=17 time=15 endpoint=cache.internal:6380");
/// assert!(parsed.defects.is_empty());
/// ```
pub fn parse(raw: &[u8], limits: &NotificationLimits) -> Result<Parsed, NotificationError> {
    let mut reader =
        Reader { rest: &raw[..raw.len().min(limits.max_bytes)], left: limits.max_elements, limits };
    reader.skip_attributes()?;
    let kind = match sniff(reader.rest) {
        Sniff::Ours(kind) => kind,
        Sniff::NotOurs => return Err(NotificationError::NotOurs),
        Sniff::NeedMore => return Err(NotificationError::Incomplete),
    };
    let mut defects = Defects::NONE;
    let elements = match reader.elements() {
        (elements, None) => elements,
        // The frame goes on beyond the bytes that may be looked at.
        (elements, Some(Defect::Truncated)) if raw.len() > limits.max_bytes => {
            defects.insert(Defect::OverLimit);
            elements
        }
        (elements, Some(defect)) => {
            defects.insert(defect);
            elements
        }
    };
    Ok(build(kind, &elements, defects, limits))
}

/// Reads a notification from the elements of a push, the type first: for hosts whose parser surfaces pushes so.
pub fn from_elements(
    elements: &[Value<'_>],
    limits: &NotificationLimits,
) -> Result<Parsed, NotificationError> {
    let name = elements.first().and_then(Value::as_text).ok_or(NotificationError::NotOurs)?;
    let word = name.split(|&b| b == b' ').next().unwrap_or_default();
    let kind = Kind::from_name(word).ok_or(NotificationError::NotOurs)?;
    let mut defects = Defects::NONE;
    let within = &elements[..elements.len().min(limits.max_elements)];
    if within.len() < elements.len() {
        defects.insert(Defect::OverLimit);
    }
    Ok(build(kind, within, defects, limits))
}

struct Reader<'a, 'l> {
    rest: &'a [u8],
    left: usize,
    limits: &'l NotificationLimits,
}

impl<'a> Reader<'a, '_> {
    fn skip_attributes(&mut self) -> Result<(), NotificationError> {
        while self.rest.first() == Some(&b'|') {
            let bad = |_| NotificationError::BadAttribute;
            match self.header()? {
                Some(pairs) => {
                    for _ in 0..pairs.saturating_mul(2) {
                        self.value().map_err(bad)?;
                    }
                }
                None => {
                    while !self.end_of_stream() {
                        self.value().map_err(bad)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The count of an aggregate, `None` if it is streamed.
    fn header(&mut self) -> Result<Option<usize>, NotificationError> {
        match sniff::line(&self.rest[1..]) {
            sniff::Line::Length(count, rest) => {
                self.rest = rest;
                Ok(count)
            }
            sniff::Line::NeedMore => Err(NotificationError::Incomplete),
            sniff::Line::Bad => Err(NotificationError::BadAttribute),
        }
    }

    fn end_of_stream(&mut self) -> bool {
        let rest = self.rest.strip_prefix(b".\r\n");
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self) -> Result<Value<'a>, Defect> {
        let limits = ValueLimits {
            max_depth: self.limits.max_depth,
            max_elements: self.left,
            max_bytes: self.limits.max_bytes,
        };
        if self.left == 0 {
            return Err(Defect::OverLimit);
        }
        let (value, len) = value::parse(self.rest, &limits).map_err(|error| match error {
            ValueError::Incomplete => Defect::Truncated,
            ValueError::Malformed => Defect::Malformed,
            ValueError::TooDeep | ValueError::TooManyElements | ValueError::TooLong => Defect::OverLimit,
            ValueError::NoMemory => Defect::NoMemory,
        })?;
        self.rest = self.rest.get(len..).unwrap_or_default();
        self.left = self.left.saturating_sub(count(&value));
        Ok(value)
    }

    /// The elements of the push at `rest`, one by one, so that those before a broken one are kept.
    fn elements(&mut self) -> (Vec<Value<'a>>, Option<Defect>) {
        let mut elements = Vec::new();
        let Ok(declared) = self.header() else { return (elements, Some(Defect::Malformed)) };
        loop {
            let done = match declared {
                Some(declared) => elements.len() >= declared,
                None => self.end_of_stream(),
            };
            if done {
                return (elements, None);
            }
            match self.value() {
                Ok(_) if elements.room(1).is_err() => return (elements, Some(Defect::NoMemory)),
                Ok(value) => elements.push(value),
                Err(defect) => return (elements, Some(defect)),
            }
        }
    }
}

/// Elements in a value, itself included. No deeper than the limit that it was read with.
fn count(value: &Value<'_>) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Map(pairs) => 1 + pairs.iter().map(|(key, value)| count(key) + count(value)).sum::<usize>(),
        _ => 1,
    }
}

/// `elements` start with the type, unless the frame broke off before its end.
fn build(kind: Kind, elements: &[Value<'_>], mut defects: Defects, limits: &NotificationLimits) -> Parsed {
    let split;
    let fields = match elements.first().and_then(Value::as_text) {
        // All of it in one text, as in `SMIGRATED 93923 abc.com:6789 123,789-1000`.
        Some(text) if text.contains(&b' ') => {
            let words = text.split(|&b| b == b' ').filter(|word| !word.is_empty()).skip(1);
            let words = words.map(|word| Value::Text(Cow::Borrowed(word)));
            let mut all = Vec::new();
            for value in words.chain(elements[1..].iter().cloned()).take(limits.max_elements) {
                if all.room(1).is_err() {
                    defects.insert(Defect::NoMemory);
                    break;
                }
                all.push(value);
            }
            split = all;
            &split[..]
        }
        _ => elements.get(1..).unwrap_or_default(),
    };
    let seq = match fields.first() {
        None => {
            defects.insert(Defect::SeqMissing);
            None
        }
        Some(field) => {
            let seq = number(field).and_then(|seq| u64::try_from(seq).ok());
            if seq.is_none() {
                defects.insert(Defect::SeqUnreadable);
            }
            seq
        }
    };
    let rest = match fields.split_first() {
        // A list where the seq should be: the seq was left out.
        Some((Value::Array(_), _)) => fields,
        Some((_, rest)) => rest,
        None => &[],
    };
    let (time, body) = match kind {
        Kind::Moving => moving(rest, &mut defects),
        Kind::Migrating | Kind::FailingOver => starter(rest, &mut defects, limits),
        Kind::Migrated | Kind::FailedOver => terminator(rest, &mut defects, limits),
        Kind::Smigrating => (None, Body::Slots(slots::read(rest, &mut defects, limits))),
        Kind::Smigrated => (None, Body::SlotMoves(smigrated::read(rest, &mut defects, limits))),
    };
    Parsed { notification: Notification { kind, seq, time, body }, defects }
}

/// After the seq: time, endpoint.
fn moving(fields: &[Value<'_>], defects: &mut Defects) -> (Option<i64>, Body) {
    let time = fields.first().and_then(number);
    match fields.first() {
        None => defects.insert(Defect::TimeMissing),
        Some(_) if time.is_some() => {}
        // The time was left out, and the endpoint is where it should be.
        Some(Value::Text(text)) if fields.len() == 1 && is_endpoint(text) => {
            defects.insert(Defect::TimeMissing);
            return (None, Body::Moving(target(&fields[0], defects)));
        }
        Some(_) => defects.insert(Defect::TimeUnreadable),
    }
    (time, Body::Moving(fields.get(1).map_or(MovingTarget::Null, |field| target(field, defects))))
}

fn is_endpoint(text: &[u8]) -> bool {
    matches!(Endpoint::parse(text, None), Ok(_) | Err(EndpointError::NoMemory))
}

fn target(field: &Value<'_>, defects: &mut Defects) -> MovingTarget {
    if field.is_null() {
        return MovingTarget::Null;
    }
    let Some(text) = field.as_text() else {
        defects.insert(Defect::EndpointUnreadable);
        return MovingTarget::Unreadable;
    };
    if is_null_endpoint_text(text) {
        return MovingTarget::Null;
    }
    match endpoint::split(text) {
        Ok((host, Some(port))) => MovingTarget::Named(Endpoint { host, port }),
        Ok((host, None)) => {
            defects.insert(Defect::PortMissing);
            MovingTarget::Portless(host)
        }
        // A server's ways to say that there is none.
        Err(EndpointError::UnknownHost | EndpointError::PortZero) => MovingTarget::Null,
        Err(error) => {
            defects.insert(match error {
                EndpointError::NoMemory => Defect::NoMemory,
                _ => Defect::EndpointUnreadable,
            });
            MovingTarget::Unreadable
        }
    }
}

/// After the seq: time, shards. Alone, an integer is the time and anything else the shards.
fn starter(fields: &[Value<'_>], defects: &mut Defects, limits: &NotificationLimits) -> (Option<i64>, Body) {
    let (time, shards) = match fields {
        [] => (None, None),
        [time @ (Value::Integer(_) | Value::Double(_))] => (number(time), None),
        [shards] => (None, Some(shards)),
        [time, shards, ..] => {
            let read = number(time);
            if read.is_none() {
                defects.insert(Defect::TimeUnreadable);
            }
            (read, Some(shards))
        }
    };
    (time, Body::Shards(shards.and_then(|field| shards::read(field, defects, limits))))
}

/// After the seq: shards. Two fields of which the first is an integer are time and shards, as a starter has them.
fn terminator(
    fields: &[Value<'_>],
    defects: &mut Defects,
    limits: &NotificationLimits,
) -> (Option<i64>, Body) {
    let (time, shards) = match fields {
        [] => (None, None),
        [Value::Integer(time), shards, ..] => (Some(*time), Some(shards)),
        [shards, ..] => (None, Some(shards)),
    };
    (time, Body::Shards(shards.and_then(|field| shards::read(field, defects, limits))))
}

/// An integer, or text or a double that is one.
fn number(field: &Value<'_>) -> Option<i64> {
    match field {
        Value::Integer(number) => Some(*number),
        Value::Text(text) => decimal(text),
        Value::Double(text) => {
            let number = core::str::from_utf8(text).ok()?.parse::<f64>().ok()?;
            // Saturates; whether the result makes sense is decided where it is used.
            (!number.is_nan()).then_some(number.trunc() as i64)
        }
        _ => None,
    }
}

/// Decimal text with blanks around it.
fn decimal(text: &[u8]) -> Option<i64> {
    core::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}
