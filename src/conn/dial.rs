//! Transports of the host's own dialling: where to, their ids, when they are connected and when they are not. Knows no pool.

use super::*;
use crate::conn::loss::Unwritten;
use crate::endpoint::At;
use crate::mem::{Place, Room};

impl Connection {
    /// Where to dial: the `nth` choice, from 0, and an id for it; `None` when there are no more (H10). For the first
    /// connect and for reconnects; candidates come with OPEN.
    pub fn dial(&mut self, now: Timestamp, nth: usize) -> Result<Option<Dial>> {
        let now = self.begin(now)?;
        let moved = self.places.get().and_then(|places| places.moved.as_ref());
        let Some(at) = places::choice(moved, now, self.configured(), nth) else { return Ok(None) };
        let dial = self.lend_dial(at.copy()?)?;
        self.trace.input(format_args!("dial {nth}"));
        self.finish(now);
        Ok(Some(dial))
    }

    /// As `dial`, to a place that the host knows from elsewhere: a pool says where all its connections go (P2).
    pub fn dial_to(&mut self, now: Timestamp, endpoint: Endpoint) -> Result<Dial> {
        let now = self.begin(now)?;
        let dial = self.lend_dial(endpoint)?;
        self.trace.input(format_args!("dial-to {}", dial.endpoint));
        self.finish(now);
        Ok(dial)
    }

    /// Lends a transport for `endpoint`, up to `MAX_DIALS`.
    fn lend_dial(&mut self, endpoint: Endpoint) -> Result<Dial> {
        if self.places.get().is_some_and(Places::is_full) {
            return Err(Error::Limit {
                limit: "max_dials",
                value: places::MAX_DIALS as u64,
                hint: "report connected or connect_failed for those asked for",
            });
        }
        let tls_server_name = self.server_name(&endpoint)?;
        let copy = endpoint.copy()?;
        self.places.room()?;
        self.places.make().dial(self.next_id, endpoint)?;
        Ok(Dial { transport: self.lend_id(), endpoint: copy, tls_server_name })
    }

    pub(super) fn configured(&self) -> At<'_> {
        At(&self.config.host, self.config.port)
    }

    pub(super) fn endpoint_of<'a>(&'a self, t: &'a Transport) -> At<'a> {
        t.endpoint.as_deref().map_or_else(|| self.configured(), Endpoint::at)
    }

    pub(super) fn new_transport(&self, id: TransportId, endpoint: At<'_>) -> Result<Place<Transport>> {
        let elsewhere = (endpoint != self.configured()).then(|| Place::new(endpoint.copy()?));
        let mut transport = Transport::new(id, elsewhere.transpose()?, &self.config.limits)?;
        transport.inbound.uncounted = self.counts_from_ready();
        Ok(transport)
    }

    /// What the host writes for its handshake it need not count: there is no count for a candidate.
    pub(super) fn counts_from_ready(&self) -> bool {
        (self.config.level_in, self.config.level_out) == (LevelIn::Tapped, LevelOut::Notified)
    }

    fn dialing(&self, id: TransportId) -> Option<&Endpoint> {
        self.places.get()?.dialing(id)
    }

    pub(super) fn server_name(&self, endpoint: &Endpoint) -> Result<Option<String>> {
        let name = match &self.config.tls_server_name {
            _ if !self.config.tls => return Ok(None),
            Some(name) => name,
            None => crate::endpoint::tls_server_name(endpoint, &self.config.host),
        };
        Ok(Some(crate::endpoint::copy_host(name)?))
    }

    /// The socket `id` is connected, TLS included. `peer` is its address where known: it decides the endpoint type (O4).
    pub fn handle_connected(
        &mut self,
        now: Timestamp,
        id: TransportId,
        peer: Option<PeerAddr>,
    ) -> Result<()> {
        let now = self.begin(now)?;
        if let Some(endpoint) = self.dialing(id) {
            if self.current.is_some() {
                return Err(Error::Unexpected {
                    call: "connected",
                    hint: "a transport is in use: report `closed` for it first",
                });
            }
            if self.handoff.is_some() {
                return Err(Error::Unexpected {
                    call: "connected",
                    hint: "a handoff is opening transports: close this one and wait for its end",
                });
            }
            let mut transport = self.new_transport(id, endpoint.at())?;
            transport.peer = peer;
            transport.connected = true;
            self.make_session(now, &mut transport)?;
            self.trace.input(format_args!("connected {id}{}", trace::Peer(peer)));
            self.places.with(|places| _ = places.dialed(id));
            self.attach(now, transport);
        } else if self.candidate.as_ref().is_some_and(|c| c.id == id && !c.connected) {
            self.candidate_connected(now, peer)?;
        } else {
            return Err(Error::UnknownTransport(id));
        }
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// What attaching `transport` needs memory for, before anything has changed.
    fn make_session(&mut self, now: Timestamp, transport: &mut Transport) -> Result<()> {
        const ACTIONS: usize = 4;
        self.actions.room(ACTIONS)?;
        if self.config.handshake == Handshake::ByLibsch {
            self.session.begin_anew(&self.config)?;
            // What was off was so on the last transport.
            let off = core::mem::replace(&mut self.off, self.config.mode == crate::optin::Mode::Disabled);
            let written = self.write_session(now, transport);
            self.off = off;
            written?;
        }
        Ok(())
    }

    /// A transport of the host's own dialling is in use from here on.
    fn attach(&mut self, now: Timestamp, mut transport: Place<Transport>) {
        let id = transport.id;
        let ended = |places: &Places| places.moved.as_ref().is_some_and(|moved| now >= moved.until);
        if transport.endpoint.is_none() && self.places.get().is_some_and(ended) {
            self.places.make().moved = None;
        }
        self.stuck = false;
        self.set_phase(Phase::Handshaking);
        // Messages of an earlier stream are no part of this one.
        if let Some(overlap) = self.overlap.get_mut() {
            overlap.forget_stash();
        }
        if self.out.open.is_some() {
            self.lose_half_submitted();
        }
        self.out.attach();
        self.trace.commands_restart();
        self.no_handoff = self.host_fences[3].then_some(OffReason::Stream);
        // What was off was so on the last transport; a refusal is remembered by address.
        self.off = self.config.mode == crate::optin::Mode::Disabled;
        let asks = self.may_opt_in(now, &transport);
        self.told_off &= if asks { 0 } else { 1 << OffReason::Refused as u32 };
        transport.inbound.uninterested = self.off;
        match self.config.handshake {
            Handshake::ByLibsch => {
                self.session.resp3 = true;
                if transport.inbound.read_messages {
                    self.read_both();
                }
                self.current = Some(transport);
                self.emit(Action::Write { transport: id });
            }
            Handshake::Seen => {
                // RESUME would bring what was not taken before the host's own HELLO.
                self.want_resume = false;
                self.out.wants = 0;
                self.session = Session::default();
                self.current = Some(transport);
            }
        }
    }

    /// The socket `id` could not be connected.
    pub fn handle_connect_failed(&mut self, now: Timestamp, id: TransportId) -> Result<()> {
        let now = self.begin_first(now)?;
        if self.dialing(id).is_some() {
            self.trace.input(format_args!("connect_failed {id}"));
            self.places.make().dialed(id);
        } else if self.candidate.as_ref().is_some_and(|c| c.id == id) {
            self.trace.input(format_args!("connect_failed {id}"));
            self.candidate = None;
            self.attempt_failed(now, "connect failed");
        } else {
            return Err(Error::UnknownTransport(id));
        }
        self.finish_late(now);
        Ok(())
    }

    /// The socket `id` is closed. `unwritten`: the bytes that `submit` gave to write and that were not written, in
    /// order (not those of a region). They are copied.
    pub fn handle_closed(&mut self, now: Timestamp, id: TransportId, unwritten: &[u8]) -> Result<()> {
        let now = self.begin_first(now)?;
        if self.dialing(id).is_some() {
            return self.handle_connect_failed(now, id);
        }
        let slot = self.slot(id)?;
        let room = match slot {
            Slot::Current => self.room_to_account(unwritten)?,
            _ => Unwritten::default(),
        };
        self.trace.closed(id, unwritten);
        match slot {
            Slot::Current => self.current_closed(now, unwritten, room),
            Slot::Candidate => {
                if let Some(t) = self.candidate.take() {
                    self.optin_lost(now, &t, slot);
                }
                self.attempt_failed(now, "candidate closed");
            }
            Slot::Retired => {
                self.retired = None;
                self.retired_until = None;
                self.end_overlap(overlap::Side::Old);
            }
        }
        self.finish_late(now);
        Ok(())
    }
}
