//! What can be wrong with a notification.

use core::fmt;

/// One way in which a notification was malformed.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Defect {
    /// The bytes end before the push does.
    Truncated,
    /// An element is not RESP; it and all after it are lost.
    Malformed,
    /// A limit of [`NotificationLimits`](super::NotificationLimits) was reached; what is beyond is lost.
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
    /// There is no memory for all of it: nobody's fault, and it can be read again.
    NoMemory,
}

impl Defect {
    const ALL: [Self; 14] = [
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
        Self::NoMemory,
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
            Self::NoMemory => "no-memory",
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
