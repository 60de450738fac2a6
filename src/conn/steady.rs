//! The shortest way through `receive`: one whole plain reply, and nothing else to do. What it does is what the long way does.

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
        let at = now.max(self.clock.last());
        let t = self.current.as_deref_mut()?;
        let plain = self.phase == Phase::Serving
            && t.id == id
            && t.inbound.takes_plain(data)
            && t.owed.plain_run() > 0
            && self.retired.is_none()
            && !(self.stirred || self.unsettled || self.want_resume || self.trace.is_on())
            && self.config.level_in == LevelIn::Tapped
            && self.overlap.get().is_none_or(|overlap| overlap.stashed_bytes() == 0)
            && self.actions.is_empty()
            && self.handoff.is_none()
            && self.wake.is_none_or(|wake| at < wake);
        if !plain || spans.len() < 2 {
            return None;
        }
        self.clock.advance(now);
        self.quiet_ticks = 0;
        self.owned.clear();
        t.owed.pop_one_plain();
        *spans.first_mut()? = Span { source: Source::Input, start: 0, len: data.len() };
        Some(Received { consumed: data.len(), spans: 1 })
    }
}
