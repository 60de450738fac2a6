//! Connections of a pool that nobody owns for a while: given back, taken, retired, handed off by the one who reads the feed.

use super::client::Client;
use super::net::Event;
use super::world::World;
use sch::pool::MemberId;

impl World {
    /// The application has nothing to wait for, and gives its connection back.
    pub fn may_give(&mut self, client: usize) {
        let now = self.at();
        let c = &mut self.clients[client];
        let is_free = c.is_owned && !c.ledger.waits() && c.in_multi.is_none() && c.tail.is_empty();
        let (Some(pool), Some(member)) = (&self.pool, &c.member) else { return };
        if self.is_quiet || !is_free || !self.random.chance(self.setup.idle) {
            return;
        }
        c.is_owned = false;
        let wakes = pool.give(now, member);
        self.wake(&wakes);
        self.note(client, format_args!("given back"));
    }

    /// It is used again: what came meanwhile first.
    pub fn take(&mut self, client: usize) {
        let now = self.at();
        let c = &mut self.clients[client];
        if std::mem::replace(&mut c.is_owned, true) {
            return;
        }
        if let Some(member) = &c.member {
            member.take();
        }
        c.conn.handle_tick(now).expect("tick");
        self.note(client, format_args!("taken"));
        self.pump(client);
    }

    /// The feed asks: close it, or take it and hand it off. Who has taken it meanwhile does that without being asked.
    pub fn asked(&mut self, client: usize, member: MemberId, retire: bool) {
        let c = &self.clients[client];
        if c.is_owned || c.member.as_ref().is_none_or(|m| m.id() != member) {
            return;
        }
        self.note(client, format_args!("is asked, retire: {retire}"));
        self.story.met.insert(if retire { "retire" } else { "handoff of one that nobody owns" });
        if retire { self.retire(client) } else { self.take(client) }
    }

    /// It is closed, and another one takes its place.
    fn retire(&mut self, client: usize) {
        let now = self.at();
        self.clients[client].conn.close(now).expect("close");
        self.actions(client);
        self.end_links(client);
        self.check_closed(client);
        for socket in self.net.live[client].clone() {
            self.net.close(socket);
            let delay = self.delay();
            self.net.send_to_server(socket, delay, Event::ClientClosed { socket });
        }
        let new = Client::new(&self.config, &self.setup, self.pool.as_ref(), client);
        let mut old = std::mem::replace(&mut self.clients[client], new);
        let c = &mut self.clients[client];
        std::mem::swap(&mut c.again, &mut old.again);
        assert!(
            old.tries.is_empty(),
            "L1: a retired connection leaves requests without an end: {:?}",
            old.tries
        );
        self.retired.push(old.ledger);
        if let (Some(pool), Some(member)) = (&self.pool, old.member) {
            let wakes = pool.leave(now, member.id());
            self.wake(&wakes);
        }
        self.pump(client);
    }
}
