//! The clock of a host: a monotonic count of nanoseconds, for calls that name no time.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a host has a clock, the core has none"
)]

use std::sync::OnceLock;
use std::time::Instant;

/// Nanoseconds since the first question, plus one: 0 is never answered. The same count for all threads.
pub fn now() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let since = ORIGIN.get_or_init(Instant::now).elapsed();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
}

/// Milliseconds from `now` until a time, rounded up.
pub const fn ms_until(at: u64, now: u64) -> u64 {
    at.saturating_sub(now).div_ceil(1_000_000)
}
