//! The shortest way through `receive`: one whole plain reply, and nothing else to do. What it does is what the long way does.

use super::receive::{MAX_ACTIONS, SPANS_A_STEP};
use super::*;

impl Connection {
    /// `None`: the long way, and nothing has changed.
    pub(super) fn receive_plain(
        &mut self,
        now: Timestamp,
        id: TransportId,
        data: &[u8],
        spans: &mut [Span],
    ) -> Option<Received> {
        // What else than a line or a bulk is only looked at the long way.
        if matches!(data.first(), None | Some(b'*' | b'%' | b'~' | b'>')) {
            return None;
        }
        let at = now.max(self.clock.last());
        let t = self.current.as_deref_mut()?;
        // The data last: to look at it is what costs.
        let plain = self.phase == Phase::Serving
            && t.id == id
            && spans.len() >= SPANS_A_STEP
            && t.owed.plain_run() > 0
            && !(self.stirred || self.unsettled || self.want_resume || self.trace.is_on())
            && self.config.level_in == LevelIn::Tapped
            && self.overlap.get().is_none_or(|overlap| overlap.stashed_bytes() == 0)
            && self.actions.len() < MAX_ACTIONS
            && self.wake.is_none_or(|wake| at < wake)
            && t.inbound.takes_plain(data);
        if !plain {
            return None;
        }
        self.clock.advance(now);
        self.quiet_ticks = 0;
        self.owned.clear();
        t.owed.pop_plain(1);
        *spans.first_mut()? = Span { source: Source::Input, start: 0, len: data.len() };
        Some(Received { consumed: data.len(), spans: 1 })
    }
}

#[cfg(test)]
mod tests;
