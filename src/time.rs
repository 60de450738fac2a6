//! Instants as the host counts them. Knows no clock: time comes in with every input.

use core::ops::Add;
use core::time::Duration;

/// Nanoseconds, monotonic, the host's origin.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `nanos` nanoseconds after the host's origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the host's origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates: a deadline too far away to be counted is the last instant there is.
    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Clamps a clock that steps back, in this one place: what passes through never decreases.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    last: Timestamp,
    steps_back: u64,
}

impl Clock {
    /// A clock that has seen no instant yet.
    pub const fn new() -> Self {
        Self { last: Timestamp::from_nanos(0), steps_back: 0 }
    }

    /// Takes the host's `now`; answers the later of it and all that came before.
    pub fn advance(&mut self, now: Timestamp) -> Timestamp {
        if now < self.last {
            self.steps_back = self.steps_back.saturating_add(1);
        } else {
            self.last = now;
        }
        self.last
    }

    /// The latest instant seen.
    pub const fn last(&self) -> Timestamp {
        self.last
    }

    /// How often the host's clock was found to have stepped back.
    pub const fn steps_back(&self) -> u64 {
        self.steps_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_steps_back_is_clamped_and_counted() {
        let at = Timestamp::from_nanos;
        let mut clock = Clock::new();
        assert_eq!(clock.advance(at(10)), at(10));
        assert_eq!(clock.advance(at(4)), at(10));
        assert_eq!(clock.advance(at(10)), at(10));
        assert_eq!(clock.advance(at(11)), at(11));
        assert_eq!((clock.last(), clock.steps_back()), (at(11), 1));
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let end = Timestamp::from_nanos(u64::MAX);
        assert_eq!(end + Duration::from_nanos(1), end);
        assert_eq!(Timestamp::default() + Duration::MAX, end);
        assert_eq!(Timestamp::from_nanos(5).since(Timestamp::from_nanos(7)), Duration::ZERO);
        assert_eq!(Timestamp::from_nanos(7).since(Timestamp::from_nanos(5)), Duration::from_nanos(2));
    }
}
