//! Addresses that a connection remembers: what is being dialled, where the last MOVING leads (H10), who refused the opt-in
//! (O2). Knows no transport.

use crate::action::TransportId;
use crate::endpoint::{At, Endpoint};
use crate::error::Result;
use crate::mem::Room;
use crate::time::Timestamp;

/// Transports that the host may have asked for at once.
pub(super) const MAX_DIALS: usize = 8;

/// Addresses whose refusal is remembered; the oldest gives way.
const MAX_REFUSALS: usize = 8;

/// Where the last MOVING leads.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    pub(super) to: Endpoint,
    pub(super) from: Endpoint,
    pub(super) until: Timestamp,
}

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Places {
    dialing: Vec<(TransportId, Endpoint)>,
    pub(super) moved: Option<Moved>,
    refused: Vec<(Endpoint, Timestamp)>,
}

impl Places {
    /// There is nothing to remember; what it took before goes back.
    pub(super) fn rests(&mut self) -> bool {
        // Not `shrink_to_fit`: that may ask for memory.
        if self.dialing.is_empty() {
            self.dialing = Vec::new();
        }
        if self.refused.is_empty() {
            self.refused = Vec::new();
        }
        self.dialing.is_empty() && self.moved.is_none() && self.refused.is_empty()
    }

    /// As many as may be have been asked for.
    pub(super) fn is_full(&self) -> bool {
        self.dialing.len() >= MAX_DIALS
    }

    pub(super) fn dial(&mut self, id: TransportId, to: Endpoint) -> Result<()> {
        self.dialing.room(1)?;
        self.dialing.push((id, to));
        Ok(())
    }

    /// Where `id` is being dialled.
    pub(super) fn dialing(&self, id: TransportId) -> Option<&Endpoint> {
        self.dialing.iter().find(|(dialed, _)| *dialed == id).map(|(_, to)| to)
    }

    /// The host has reported what became of `id`.
    pub(super) fn dialed(&mut self, id: TransportId) -> Option<Endpoint> {
        let index = self.dialing.iter().position(|(dialed, _)| *dialed == id)?;
        Some(self.dialing.swap_remove(index).1)
    }

    pub(super) fn forget_dials(&mut self) {
        self.dialing.clear();
    }

    pub(super) fn refuses(&self, now: Timestamp, at: At<'_>) -> bool {
        self.refused.iter().any(|(refused, until)| refused.at() == at && now < *until)
    }

    /// The opt-in is not to be tried there `until` then. Without memory for that it is tried again.
    pub(super) fn refuse(&mut self, now: Timestamp, endpoint: Endpoint, until: Timestamp) {
        self.refused.retain(|(refused, until)| *refused != endpoint && now < *until);
        if self.refused.len() >= MAX_REFUSALS {
            self.refused.remove(0);
        }
        if self.refused.room(1).is_ok() {
            self.refused.push((endpoint, until));
        }
    }
}

/// What `dial` chooses from, best first: the `nth` of them, each place once.
pub(super) fn choice<'a>(
    moved: Option<&'a Moved>,
    now: Timestamp,
    configured: At<'a>,
    nth: usize,
) -> Option<At<'a>> {
    let all = match moved {
        Some(moved) if now < moved.until => [Some(moved.to.at()), Some(moved.from.at()), Some(configured)],
        Some(moved) => [Some(configured), Some(moved.to.at()), None],
        None => [Some(configured), None, None],
    };
    let first = |i: &usize| !all[..*i].contains(&all[*i]);
    (0..all.len()).filter(first).filter_map(|i| all[i]).nth(nth)
}
