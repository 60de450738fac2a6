//! Transports of the host's own dialling: where to, their ids, when they are connected and when they are not. Knows no pool.

use super::*;

impl Connection {
    /// Where to dial: the `nth` choice, from 0, and an id for it; `None` when there are no more (H10). For the first
    /// connect and for reconnects; candidates come with OPEN.
    pub fn dial(&mut self, now: Timestamp, nth: usize) -> Result<Option<Dial>> {
        let now = self.begin(now)?;
        let moved = self.places.get().and_then(|places| places.moved.as_ref());
        let choices = places::choices(moved, now, &self.configured());
        let Some(endpoint) = choices.into_iter().nth(nth) else { return Ok(None) };
        let dial = self.lend_dial(endpoint)?;
        self.trace.input(format_args!("dial {nth}"));
        self.finish(now);
        Ok(Some(dial))
    }

    /// As `dial`, to a place that the host knows from elsewhere: a pool says where all its connections go (P2).
    pub fn dial_to(&mut self, now: Timestamp, endpoint: Endpoint) -> Result<Dial> {
        let now = self.begin(now)?;
        let line = format!("dial-to {endpoint}");
        let dial = self.lend_dial(endpoint)?;
        self.trace.input(format_args!("{line}"));
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
        let transport = self.lend_id();
        self.places.make().dial(transport, endpoint.clone());
        let tls_server_name = self.server_name(&endpoint);
        Ok(Dial { transport, endpoint, tls_server_name })
    }

    pub(super) fn configured(&self) -> Endpoint {
        Endpoint { host: self.config.host.clone(), port: self.config.port }
    }

    pub(super) fn endpoint_of(&self, t: &Transport) -> Endpoint {
        t.endpoint.as_deref().cloned().unwrap_or_else(|| self.configured())
    }

    pub(super) fn new_transport(&self, id: TransportId, endpoint: Endpoint) -> Box<Transport> {
        let configured = endpoint == self.configured();
        Transport::new(id, (!configured).then(|| Box::new(endpoint)), &self.config.limits)
    }

    fn is_dialing(&self, id: TransportId) -> bool {
        self.places.get().is_some_and(|places| places.is_dialing(id))
    }

    pub(super) fn server_name(&self, endpoint: &Endpoint) -> Option<String> {
        let name = || match &self.config.tls_server_name {
            Some(name) => name.clone(),
            None => crate::endpoint::tls_server_name(endpoint, &self.config.host).to_owned(),
        };
        self.config.tls.then(name)
    }

    /// The socket `id` is connected, TLS included. `peer` is its address where known: it decides the endpoint type (O4).
    pub fn handle_connected(
        &mut self,
        now: Timestamp,
        id: TransportId,
        peer: Option<PeerAddr>,
    ) -> Result<()> {
        let now = self.begin(now)?;
        if self.is_dialing(id) {
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
            self.trace.input(format_args!("connected {id}{}", trace::Peer(peer)));
            let Some(endpoint) = self.places.make().dialed(id) else {
                return Err(Error::UnknownTransport(id));
            };
            self.attach(now, id, endpoint, peer);
        } else if self.candidate.as_ref().is_some_and(|c| c.id == id && !c.connected) {
            self.trace.input(format_args!("connected {id}{}", trace::Peer(peer)));
            self.candidate_connected(now, peer);
        } else {
            return Err(Error::UnknownTransport(id));
        }
        self.stirred = true;
        self.finish(now);
        Ok(())
    }

    /// A transport of the host's own dialling is in use from here on.
    fn attach(&mut self, now: Timestamp, id: TransportId, endpoint: Endpoint, peer: Option<PeerAddr>) {
        let mut transport = self.new_transport(id, endpoint);
        let ended = |places: &Places| places.moved.as_ref().is_some_and(|moved| now >= moved.until);
        if transport.endpoint.is_none() && self.places.get().is_some_and(ended) {
            self.places.make().moved = None;
        }
        transport.peer = peer;
        transport.connected = true;
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
                self.session.begin_anew(&self.config);
                self.session.resp3 = true;
                self.write_session(now, &mut transport);
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
        if self.is_dialing(id) {
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
        if self.is_dialing(id) {
            return self.handle_connect_failed(now, id);
        }
        let slot = self.slot(id)?;
        self.trace.closed(id, unwritten);
        match slot {
            Slot::Current => self.current_closed(now, unwritten),
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
