//! The short ways through `receive` and `tick`: whole plain replies, nothing due, and nothing else to do. What they do is what the
//! long ways do.

use super::receive::MAX_ACTIONS;
use super::*;
use crate::conn::inbound::Run;

/// The longest line that is looked at here, and the most digits of the length of a bulk.
const LINE: usize = 16;
const DIGITS: usize = 6;

/// These settings keep a connection from the shortest way: it takes no bytes, or traces them, or what is short may be too long.
pub(super) fn is_long_by(config: &Config) -> bool {
    let limits = &config.limits.framer;
    let short_fits = limits.max_line_len as usize >= LINE && limits.max_bulk_len >= 10_u64.pow(DIGITS as u32);
    config.level_in != LevelIn::Tapped || config.trace || !short_fits
}

impl Connection {
    /// One small reply. True: all of `data` is to be given to the host's parser as it is, and has been counted. Else another way, and
    /// nothing has changed.
    #[inline(always)] // a leaf of its callers, which then need no registers but those of their arguments
    pub(crate) fn receive_plain(&mut self, now: Timestamp, id: TransportId, data: &[u8]) -> bool {
        if !is_short(data) || self.is_long_by_settings || !self.is_steady(now, id) {
            return false;
        }
        let Some(t) = self.current.as_deref_mut() else { return false };
        let plain = t.inbound.takes_whole() && t.owed.pop_one_of_plain();
        if plain {
            self.received(now);
        }
        plain
    }

    /// Any plain replies, and perhaps part of one. `None`: nothing has changed. Unless it was all of `data`, and nothing is wrong, the
    /// long way goes on from there.
    #[inline(always)] // in two places
    pub(crate) fn receive_run(&mut self, now: Timestamp, id: TransportId, data: &[u8]) -> Option<Run> {
        if data.is_empty() || self.trace.is_on() || !self.is_steady(now, id) {
            return None;
        }
        let t = self.current.as_deref_mut()?;
        // Where replies are not counted, one that is refused may be next: it is answered first.
        if self.config.level_in != LevelIn::Tapped || t.owed.plain_run() == 0 {
            return None;
        }
        let run = t.inbound.plain(data, &mut t.owed)?;
        if run.is_all_of(data) {
            self.received(now);
        }
        Some(run)
    }

    /// A tick with nothing due, in a connection that is in use. False: another way, and nothing has changed.
    #[inline(always)] // as `receive_plain`
    pub(crate) fn tick_plain(&mut self, now: Timestamp) -> bool {
        let plain = !self.stirred
            && self.phase != Phase::Closed
            && self.quiet_ticks + 1 < timers::REST
            && !self.trace.is_on()
            && self.is_before_wake(now);
        if plain {
            self.clock.advance(now);
            self.quiet_ticks += 1;
        }
        plain
    }

    #[inline(always)]
    pub(super) fn is_before_wake(&self, now: Timestamp) -> bool {
        self.wake.is_none_or(|wake| now.max(self.clock.last()) < wake)
    }

    /// What is received next on `id` is a reply, if any, and there is nothing to do before or after it.
    #[inline(always)]
    fn is_steady(&self, now: Timestamp, id: TransportId) -> bool {
        let to_do = self.stirred | self.unsettled | self.want_resume;
        !to_do
            && self.phase == Phase::Serving
            && self.current.as_deref().is_some_and(|t| t.id == id)
            && self.overlap.get().is_none_or(|overlap| overlap.stashed_bytes() == 0)
            && self.actions.len() < MAX_ACTIONS
            && self.is_before_wake(now)
    }

    /// What each `receive` does.
    #[inline(always)]
    fn received(&mut self, now: Timestamp) {
        self.clock.advance(now);
        self.quiet_ticks = 0;
        self.owned.clear();
    }
}

/// `data` is one line or bulk, from its type to its end, that is within limits which are not small. `false` decides nothing.
#[inline(always)]
fn is_short(data: &[u8]) -> bool {
    match data {
        [b'$', middle @ ..] => is_bulk(middle),
        [b'+' | b':' | b'-' | b'_' | b'#' | b',' | b'(', ..] => is_line(data),
        _ => false,
    }
}

/// `data` is one line: it has a `\r` nowhere but in its end.
#[inline(always)]
fn is_line(data: &[u8]) -> bool {
    const END: u32 = u16::from_le_bytes(*b"\r\n") as u32;
    let half = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let Some(end) = data.last_chunk().map(half) else { return data == b"_\r\n" };
    if end >> 16 != END {
        return false;
    }
    // What is shifted out is the end.
    match data.len() {
        ..6 => !has_return(u64::from(end << 16)),
        6..9 => {
            let first = data.first_chunk().map_or(0, half);
            !has_return(u64::from(first) | u64::from(end << 16) << 32)
        }
        9 => !has_return(data.last_chunk().map_or(0, word) << 16),
        10..=LINE => {
            let (first, last) = (data.first_chunk().map_or(0, word), data.last_chunk().map_or(0, word));
            !(has_return(first) || has_return(last << 16))
        }
        _ => false,
    }
}

#[inline(always)]
fn has_return(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let word = word ^ (ONES * b'\r' as u64);
    word.wrapping_sub(ONES) & !word & (ONES << 7) != 0
}

/// `rest` is what follows the `$` of one bulk.
#[inline(always)]
fn is_bulk(rest: &[u8]) -> bool {
    let mut len = 0;
    for (digits, byte) in rest.iter().enumerate().take(DIGITS + 1) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let body = digits + b"\r\n".len();
            return digits > 0
                && rest.len() == body + len + b"\r\n".len()
                && rest[digits..].starts_with(b"\r\n")
                && rest.ends_with(b"\r\n");
        }
        len = len * 10 + usize::from(digit);
    }
    false
}

#[cfg(test)]
mod tests;
