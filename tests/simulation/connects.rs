//! How the host connects: what it dials itself, and what libsch asks for.

use super::client::peer;
use super::faults::{DIAL_TIMEOUT, HANG_MOST};
use super::net::{Event, State};
use super::world::World;
use crate::world::ledger::Expect;
use sch::action::TransportId;
use sch::conn::Phase;
use sch::endpoint::Endpoint;
use sch::pool::Wakes;

impl World {
    pub fn connect(&mut self, client: usize, transport: TransportId, to: &Endpoint, is_candidate: bool) {
        let node = match to.host.strip_prefix("node") {
            Some(number) => number.parse().expect("a node"),
            None => self.resolved,
        };
        let socket = self.net.open(client, transport, node, is_candidate);
        self.note(client, format_args!("connects {transport} to {to} (node {node})"));
        let delay = self.delay();
        let (refuse, hang) = if self.is_quiet { (0, 0) } else { (self.setup.refuse, self.setup.hang) };
        let ok = !self.random.chance(refuse);
        let late = if self.random.chance(hang) {
            let most = self.random.of(&HANG_MOST);
            self.random.below(most)
        } else {
            delay
        };
        let at = self.net.now + late;
        if is_candidate || at < self.net.now + DIAL_TIMEOUT {
            self.net.push(at, Event::Connect { socket, ok });
        } else {
            self.net.push(self.net.now + DIAL_TIMEOUT, Event::Connect { socket, ok: false });
        }
    }

    pub fn connect_ended(&mut self, socket: usize, ok: bool) {
        let now = self.at();
        let s = &mut self.net.sockets[socket];
        if s.state != State::Connecting {
            return;
        }
        let (client, transport, node, dialled) = (s.client, s.transport, s.node, !s.is_candidate);
        let ok = ok && self.nodes[node].up;
        if ok {
            (s.state, s.served) = (State::Open, State::Open);
        } else {
            self.net.close(socket);
        }
        self.note(client, format_args!("connected {transport}: {ok}"));
        let c = &mut self.clients[client];
        if ok {
            let connected = c.conn.handle_connected(now, transport, Some(peer(node)));
            if connected.is_err() {
                self.given_up(client, transport);
            } else if self.level(client) < 3 {
                self.greet(client, transport);
            }
        } else if c.conn.handle_connect_failed(now, transport).is_err() {
            self.given_up(client, transport);
        }
        if dialled {
            self.clients[client].dialing = None;
            self.dial_ended(client, ok);
            if ok && !self.setup.by_libsch && self.level(client) == 3 {
                self.give(client, &["HELLO", "3"], Expect::Hello);
            }
        }
        self.pump(client);
    }

    fn dial_ended(&mut self, client: usize, ok: bool) {
        let now = self.at();
        let c = &mut self.clients[client];
        c.nth += 1;
        if let (Some(pool), Some(place)) = (&self.pool, c.places.pop_front()) {
            let wakes = pool.dial_result(now, &place, ok);
            self.wake(&wakes);
        }
        let c = &mut self.clients[client];
        if ok {
            c.places.clear();
            c.nth = 0;
            c.in_multi = None;
            c.tail.clear();
        }
    }

    pub fn redial(&mut self, client: usize) {
        let now = self.at();
        let c = &mut self.clients[client];
        c.redial_asked = false;
        if c.conn.phase() != Phase::Detached || c.dialing.is_some() {
            return;
        }
        let dial = if let Some(pool) = &self.pool {
            let mut wakes = Wakes::default();
            if c.places.is_empty() {
                let advice;
                (advice, wakes) = pool.where_to_dial(now);
                c.places = advice.targets.into_iter().map(|t| t.endpoint).collect();
            }
            let place = c.places.front().cloned();
            self.wake(&wakes);
            place.map(|place| self.clients[client].conn.dial_to(now, place).expect("dial"))
        } else {
            let dial = c.conn.dial(now, c.nth).expect("dial");
            if dial.is_none() {
                c.nth = 0;
            }
            dial
        };
        if let Some(dial) = dial {
            self.clients[client].dialing = Some(dial.transport);
            self.connect(client, dial.transport, &dial.endpoint, false);
        }
        self.pump(client);
    }
}
