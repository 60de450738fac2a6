//! Maintenance notifications, typed. Parse, don't validate: every form that is known of the wire is understood, and what
//! is malformed is read as far as it goes (N1, N2). Knows no time and no state: duplicates, order and windows are the
//! connection's.

mod shards;
mod slots;
mod smigrated;
mod sniff;

pub use shards::Shards;
pub use slots::{MAX_SLOT, SlotRange, SlotRanges};
pub use smigrated::SlotMove;
pub use sniff::{SNIFF_LIMIT, Sniff, sniff};

use crate::endpoint::{self, Endpoint, EndpointError, is_null_endpoint_text};
use crate::resp::value::{self, Value, ValueError, ValueLimits};
use core::fmt;
use core::time::Duration;
use std::borrow::Cow;

/// The types of maintenance notifications.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// The endpoint of this connection moves: a handoff is asked for.
    Moving,
    /// Shards are about to migrate.
    Migrating,
    /// Shards have migrated.
    Migrated,
    /// Shards are about to fail over.
    FailingOver,
    /// Shards have failed over.
    FailedOver,
    /// Slots are about to migrate to another node.
    Smigrating,
    /// Slots have migrated to another node.
    Smigrated,
}

/// What a starter opens and the terminator of the same family closes.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// MIGRATING to MIGRATED.
    Migration,
    /// FAILING_OVER to FAILED_OVER.
    Failover,
    /// SMIGRATING to SMIGRATED.
    SlotMigration,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Moving,
        Self::Migrating,
        Self::Migrated,
        Self::FailingOver,
        Self::FailedOver,
        Self::Smigrating,
        Self::Smigrated,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Moving => "MOVING",
            Self::Migrating => "MIGRATING",
            Self::Migrated => "MIGRATED",
            Self::FailingOver => "FAILING_OVER",
            Self::FailedOver => "FAILED_OVER",
            Self::Smigrating => "SMIGRATING",
            Self::Smigrated => "SMIGRATED",
        }
    }

    /// The kind of that name. Case matters: no server was seen to write them otherwise, and pushes that are not surely
    /// ours pass through untouched (N5).
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().as_bytes() == name)
    }

    /// The family, which MOVING has none of.
    pub const fn family(self) -> Option<Family> {
        match self {
            Self::Moving => None,
            Self::Migrating | Self::Migrated => Some(Family::Migration),
            Self::FailingOver | Self::FailedOver => Some(Family::Failover),
            Self::Smigrating | Self::Smigrated => Some(Family::SlotMigration),
        }
    }

    /// Whether it opens a window of its family.
    pub const fn is_starter(self) -> bool {
        matches!(self, Self::Migrating | Self::FailingOver | Self::Smigrating)
    }

    /// Whether it closes windows of its family.
    pub const fn is_terminator(self) -> bool {
        matches!(self, Self::Migrated | Self::FailedOver | Self::Smigrated)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A notification, as far as it could be read.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Notification {
    /// Its type.
    pub kind: Kind,
    /// Its number; starts at 0, shared by all types of a database (N3).
    pub seq: Option<u64>,
    /// Its time in seconds, as sent: it may be 0, negative or absurd. See [`Notification::duration`].
    pub time: Option<i64>,
    /// What depends on the type.
    pub body: Body,
}

/// Times above this are taken for garbage, as are those below 1: migrations are said to take ten minutes at most.
pub const MAX_TIME: Duration = Duration::from_secs(3600);

impl Notification {
    /// Its time, if it can be one: at least a second and at most [`MAX_TIME`].
    pub fn duration(&self) -> Option<Duration> {
        let time = Duration::from_secs(u64::try_from(self.time?).ok()?);
        (!time.is_zero() && time <= MAX_TIME).then_some(time)
    }

    /// The shards that it names, if any.
    pub const fn shards(&self) -> Option<&Shards> {
        match &self.body {
            Body::Shards(shards) => shards.as_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Notification {
    /// One line for logs: the type, then `key=value` for what is there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if let Some(seq) = self.seq {
            write!(f, " seq={seq}")?;
        }
        if let Some(time) = self.time {
            write!(f, " time={time}")?;
        }
        match &self.body {
            Body::Moving(target) => write!(f, " endpoint={target}"),
            Body::Shards(None) => Ok(()),
            Body::Shards(Some(shards)) => write!(f, " shards={shards}"),
            Body::Slots(slots) => write!(f, " slots={slots}"),
            Body::SlotMoves(moves) => moves.iter().try_for_each(|one| write!(f, " {one}")),
        }
    }
}

/// What depends on the type of a notification.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Body {
    /// Of MOVING.
    Moving(MovingTarget),
    /// Of MIGRATING, MIGRATED, FAILING_OVER and FAILED_OVER; `None` if none was named or none could be read.
    Shards(Option<Shards>),
    /// Of SMIGRATING.
    Slots(SlotRanges),
    /// Of SMIGRATED, in the order sent.
    SlotMoves(Vec<SlotMove>),
}

/// Where MOVING points to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MovingTarget {
    /// There.
    Named(Endpoint),
    /// That host, normalised as in [`Endpoint`], at the configured port.
    Portless(String),
    /// No endpoint was given: back to the configured address (H7).
    Null,
    /// One was given but cannot be read: all that can be done is what is done for `Null`.
    Unreadable,
}

impl MovingTarget {
    /// Where to dial; `None` means the configured address.
    pub fn endpoint(&self, configured_port: u16) -> Option<Endpoint> {
        match self {
            Self::Named(endpoint) => Some(endpoint.clone()),
            Self::Portless(host) => Some(Endpoint { host: host.clone(), port: configured_port }),
            Self::Null | Self::Unreadable => None,
        }
    }
}

impl fmt::Display for MovingTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(endpoint) => endpoint.fmt(f),
            Self::Portless(host) => f.write_str(host),
            Self::Null => f.write_str("null"),
            Self::Unreadable => f.write_str("unreadable"),
        }
    }
}

/// How much of a notification is read. What is beyond a limit is left out and said so ([`Defect::OverLimit`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotificationLimits {
    /// Bytes of the whole push. 64 KiB: sixteen times the largest plausible SMIGRATED.
    pub max_bytes: usize,
    /// Elements in all, of all levels. 8192: what `max_moves` triplets take, twice.
    pub max_elements: usize,
    /// Levels of aggregates inside the push. 8: the deepest known form has 2.
    pub max_depth: u8,
    /// Shards named by one notification. 1024: more than a cluster has.
    pub max_shards: usize,
    /// Moves in one SMIGRATED. 1024: more than one operation does.
    pub max_moves: usize,
    /// Ranges in one set of slots, merged. 8192: the most that there can be.
    pub max_slot_ranges: usize,
}

impl Default for NotificationLimits {
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024,
            max_elements: 8192,
            max_depth: 8,
            max_shards: 1024,
            max_moves: 1024,
            max_slot_ranges: 8192,
        }
    }
}

/// One way in which a notification was malformed.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Defect {
    /// The bytes end before the push does.
    Truncated,
    /// An element is not RESP; it and all after it are lost.
    Malformed,
    /// A limit of [`NotificationLimits`] was reached; what is beyond is lost.
    OverLimit,
    /// There is no seq.
    SeqMissing,
    /// Its seq is no number from 0 up.
    SeqUnreadable,
    /// A MOVING without time.
    TimeMissing,
    /// Its time is no number.
    TimeUnreadable,
    /// The endpoint of a MOVING cannot be read.
    EndpointUnreadable,
    /// The endpoint of a MOVING has no port.
    PortMissing,
    /// A shard is no number.
    ShardUnreadable,
    /// No slots where there must be some.
    SlotsMissing,
    /// A slot or a range of slots is none.
    SlotUnreadable,
    /// A source or destination in SMIGRATED cannot be read; without destination the move is lost.
    MoveUnreadable,
}

impl Defect {
    const ALL: [Self; 13] = [
        Self::Truncated,
        Self::Malformed,
        Self::OverLimit,
        Self::SeqMissing,
        Self::SeqUnreadable,
        Self::TimeMissing,
        Self::TimeUnreadable,
        Self::EndpointUnreadable,
        Self::PortMissing,
        Self::ShardUnreadable,
        Self::SlotsMissing,
        Self::SlotUnreadable,
        Self::MoveUnreadable,
    ];

    /// The word for it in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::OverLimit => "over-limit",
            Self::SeqMissing => "seq-missing",
            Self::SeqUnreadable => "seq-unreadable",
            Self::TimeMissing => "time-missing",
            Self::TimeUnreadable => "time-unreadable",
            Self::EndpointUnreadable => "endpoint-unreadable",
            Self::PortMissing => "port-missing",
            Self::ShardUnreadable => "shard-unreadable",
            Self::SlotsMissing => "slots-missing",
            Self::SlotUnreadable => "slot-unreadable",
            Self::MoveUnreadable => "move-unreadable",
        }
    }
}

/// All the ways in which a notification was malformed; empty if it was not.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Default)]
pub struct Defects(u16);

impl Defects {
    /// None.
    pub const NONE: Self = Self(0);

    /// Adds one.
    pub const fn insert(&mut self, defect: Defect) {
        self.0 |= 1 << defect as u8;
    }

    /// Whether this one is among them.
    pub const fn contains(self, defect: Defect) -> bool {
        self.0 & (1 << defect as u8) != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them once.
    pub fn iter(self) -> impl Iterator<Item = Defect> {
        Defect::ALL.into_iter().filter(move |&defect| self.contains(defect))
    }
}

impl FromIterator<Defect> for Defects {
    fn from_iter<I: IntoIterator<Item = Defect>>(defects: I) -> Self {
        let mut all = Self::NONE;
        defects.into_iter().for_each(|defect| all.insert(defect));
        all
    }
}

impl fmt::Display for Defects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, defect) in self.iter().enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { "," }, defect.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Defects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Defects({self})")
    }
}

/// A notification, and what was wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parsed {
    /// What could be read.
    pub notification: Notification,
    /// What was malformed; worth a warning if there is any.
    pub defects: Defects,
}

/// Why bytes are no notification of ours.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum NotificationError {
    /// Not a push, or another one.
    #[error("not a maintenance notification")]
    NotOurs,
    /// They end before the type can be known.
    #[error("the bytes end before the type of the push is known")]
    Incomplete,
    /// The attribute in front of the push cannot be read.
    #[error("the attribute in front of the push cannot be read")]
    BadAttribute,
}

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
            split = words.chain(elements[1..].iter().cloned()).take(limits.max_elements).collect::<Vec<_>>();
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
        Some(Value::Text(text)) if fields.len() == 1 && Endpoint::parse(text, None).is_ok() => {
            defects.insert(Defect::TimeMissing);
            return (None, Body::Moving(target(&fields[0], defects)));
        }
        Some(_) => defects.insert(Defect::TimeUnreadable),
    }
    (time, Body::Moving(fields.get(1).map_or(MovingTarget::Null, |field| target(field, defects))))
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
        Err(_) => {
            defects.insert(Defect::EndpointUnreadable);
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
