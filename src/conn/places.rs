//! Addresses that a connection remembers: what is being dialled, where the last MOVING leads (H10), who refused the opt-in
//! (O2). Knows no transport.

use crate::action::TransportId;
use crate::endpoint::Endpoint;
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
        self.dialing.shrink_to_fit();
        self.refused.shrink_to_fit();
        self.dialing.is_empty() && self.moved.is_none() && self.refused.is_empty()
    }

    /// As many as may be have been asked for.
    pub(super) fn is_full(&self) -> bool {
        self.dialing.len() >= MAX_DIALS
    }

    pub(super) fn dial(&mut self, id: TransportId, to: Endpoint) {
        self.dialing.push((id, to));
    }

    pub(super) fn is_dialing(&self, id: TransportId) -> bool {
        self.dialing.iter().any(|(dialed, _)| *dialed == id)
    }

    /// The host has reported what became of `id`.
    pub(super) fn dialed(&mut self, id: TransportId) -> Option<Endpoint> {
        let index = self.dialing.iter().position(|(dialed, _)| *dialed == id)?;
        Some(self.dialing.swap_remove(index).1)
    }

    pub(super) fn forget_dials(&mut self) {
        self.dialing.clear();
    }

    pub(super) fn refuses(&self, now: Timestamp, endpoint: &Endpoint) -> bool {
        self.refused.iter().any(|(refused, until)| refused == endpoint && now < *until)
    }

    /// The opt-in is not to be tried there `until` then.
    pub(super) fn refuse(&mut self, now: Timestamp, endpoint: Endpoint, until: Timestamp) {
        self.refused.retain(|(refused, until)| *refused != endpoint && now < *until);
        if self.refused.len() >= MAX_REFUSALS {
            self.refused.remove(0);
        }
        self.refused.push((endpoint, until));
    }
}

/// What `dial` chooses from, best first.
pub(super) fn choices(moved: Option<&Moved>, now: Timestamp, configured: &Endpoint) -> Vec<Endpoint> {
    let mut out = Vec::new();
    let mut add = |endpoint: &Endpoint| {
        if !out.contains(endpoint) {
            out.push(endpoint.clone());
        }
    };
    match moved {
        Some(moved) if now < moved.until => {
            add(&moved.to);
            add(&moved.from);
        }
        Some(moved) => {
            add(configured);
            add(&moved.to);
        }
        None => {}
    }
    add(configured);
    out
}
