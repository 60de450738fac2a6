//! One socket, as the connection sees it. Knows no other transport.

use crate::action::TransportId;
use crate::config::Limits;
use crate::conn::inbound::Inbound;
use crate::conn::inflight::{InFlight, Own, Special};
use crate::conn::region::Region;
use crate::conn::session::{Ask, Step, Written};
use crate::endpoint::{Endpoint, PeerAddr};
use crate::error::Result;
use crate::mem::Place;

/// Where the opt-in of a transport is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Optin {
    /// Not asked, and nothing to ask for.
    #[default]
    Off,
    /// To be asked at the next place for it.
    Wanted,
    /// Written, or handed to the host.
    Asked,
    /// The host opted in itself.
    Hosts,
    /// Notifications are on.
    On,
    /// Not here.
    Refused,
}

/// A transport.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) id: TransportId,
    /// `None`: the configured address.
    pub(super) endpoint: Option<Place<Endpoint>>,
    pub(super) peer: Option<PeerAddr>,
    pub(super) connected: bool,
    pub(super) inbound: Inbound,
    pub(super) owed: InFlight,
    /// Bytes to write that libsch keeps.
    pub(super) region: Region,
    pub(super) optin: Optin,
    /// The opt-in has failed once in a way that may pass.
    pub(super) optin_failed: bool,
    /// Replies that a level 1 host still has to report for SEND_OPTIN.
    pub(super) optin_replies: u32,
    /// The PING that tells an old proxy has been answered, or none was sent.
    pub(super) probed: bool,
    /// The session is made when so many of what it owes have ended.
    pub(super) made_at: u64,
    /// The host has reported its handshake (levels 1 and 2).
    pub(super) ready: bool,
}

impl Transport {
    pub(super) fn new(
        id: TransportId,
        endpoint: Option<Place<Endpoint>>,
        limits: &Limits,
    ) -> Result<Place<Self>> {
        Place::new(Self {
            id,
            endpoint,
            peer: None,
            connected: false,
            inbound: Inbound::new(limits),
            owed: InFlight::default(),
            region: Region::default(),
            optin: Optin::Off,
            optin_failed: false,
            optin_replies: 0,
            probed: true,
            made_at: 0,
            ready: false,
        })
    }

    /// `more` replies may be owed. Where they cannot be counted (N7, S2) there is always room: the oldest records go.
    pub(super) fn has_room(&mut self, more: u64, max_in_flight: usize) -> bool {
        let over = (self.owed.len() as u64).saturating_add(more).saturating_sub(max_in_flight as u64);
        if over > 0 && !self.inbound.counts() && more <= max_in_flight as u64 {
            self.owed.pop_about(over);
            return true;
        }
        over == 0
    }

    /// So many of the oldest commands have ended without a reply that was seen: none that is being answered, nor what was written
    /// after libsch's own.
    pub(super) fn forget_oldest(&mut self, gone: u64) {
        let may = self.owed.plain_run().saturating_sub(u64::from(self.inbound.is_in_reply()));
        self.owed.pop_plain(gone.min(may));
    }

    /// Puts a command of libsch's own into the region, all of it or nothing.
    pub(super) fn write_own(&mut self, step: Step<'_>) -> Result<()> {
        self.owed.room(1, 1)?;
        let special = match step.ask {
            Ask::Own(own) => Special::Own(own),
            Ask::Subscription { topic, subscribe, names } => {
                let left = Some(names.len() as u64);
                let channels = Special::channels(topic, subscribe, names.iter().copied())?;
                Special::Pushes { topic, subscribe, left, channels }
            }
        };
        let len = step.command.put(&mut self.region)?;
        self.owed.push_asked(len, special);
        Ok(())
    }

    /// PING, to learn that all before it has been answered.
    pub(super) fn write_ping(&mut self) -> Result<()> {
        self.write_own(Step { ask: Ask::Own(Own::Ping), command: Written::Args(&[b"PING"]) })
    }
}
