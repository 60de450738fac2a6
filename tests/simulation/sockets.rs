//! The host's sockets and its parser.

use super::net::{Event, MS, State, cut};
use super::world::World;
use crate::world::ledger::is_redirection;
use sch::action::CommandNumber;
use sch::conn::{Source, Span, Wait};
use sch::resp::value;

impl World {
    pub fn write(&mut self, client: usize) -> bool {
        let now = self.at();
        let mut moved = false;
        for nth in 0..self.net.live[client].len() {
            let socket = self.net.live[client][nth];
            let s = &mut self.net.sockets[socket];
            if s.state != State::Open || s.full {
                continue;
            }
            let conn = &mut self.clients[client].conn;
            let from_region = s.out.is_empty();
            let len = if from_region { conn.region(s.transport).len() } else { s.out.len() };
            if len == 0 {
                continue;
            }
            let n = cut(&mut self.random, len);
            let data =
                if from_region { conn.region(s.transport)[..n].to_vec() } else { s.out.drain(..n).collect() };
            let transport = s.transport;
            s.full = n < len;
            if s.full {
                let at = self.net.now + self.random.below(20 * MS);
                self.net.push(at, Event::Writable { socket });
            }
            let line = format_args!("c{client} writes {n} of {len} to {transport}");
            self.story.detail(self.net.now, (n << 8 | len) as u64, line);
            let delay = self.delay();
            self.net.send_to_server(socket, delay, Event::ToServer { socket, data });
            if from_region {
                self.clients[client].conn.handle_wrote(now, transport, n).expect("wrote");
            }
            moved = true;
        }
        moved
    }

    /// One input at the most: its actions come first.
    pub fn read(&mut self, client: usize) -> bool {
        let mut waits = [Wait { transport: 0, connecting: false, read: false, write: false }; 3];
        let count = self.clients[client].conn.wait_on(&mut waits);
        for wait in waits[..count].iter().filter(|wait| wait.read) {
            let Some(socket) = self.net.find(client, wait.transport) else { continue };
            let s = &self.net.sockets[socket];
            if self.clients[client].settling {
                continue;
            }
            if !s.inbox.is_empty() {
                if self.receive(client, socket) {
                    return true;
                }
            } else if s.ended {
                self.closed(client, socket);
                return true;
            }
        }
        false
    }

    fn receive(&mut self, client: usize, socket: usize) -> bool {
        let now = self.at();
        let level = self.level(client);
        let s = &mut self.net.sockets[socket];
        let c = &mut self.clients[client];
        let n = cut(&mut self.random, s.inbox.len());
        let data: Vec<u8> = s.inbox.drain(..n).collect();
        if level == 1 {
            let transport = s.transport;
            self.parse_link(client, transport, &data);
            return true;
        }
        let mut room = vec![Span::EMPTY; self.random.range(2, 9) as usize];
        let transport = s.transport;
        let Ok(received) = c.conn.handle_receive(now, transport, &data, &mut room) else {
            self.given_up(client, transport);
            return true;
        };
        let mut passed = Vec::new();
        for span in &room[..received.spans] {
            let range = span.start..span.start + span.len;
            match span.source {
                Source::Input => passed.extend_from_slice(&data[range]),
                Source::Owned => passed.extend_from_slice(&c.conn.owned()[range]),
            }
        }
        data[received.consumed..].iter().rev().for_each(|b| s.inbox.push_front(*b));
        if level == 2 {
            self.parse_link(client, transport, &passed);
        } else {
            c.parser.extend(passed);
            self.parse(client);
        }
        received.consumed > 0 || received.spans > 0
    }

    /// Frames that the driver's parser has whole.
    fn parse(&mut self, client: usize) {
        loop {
            let c = &mut self.clients[client];
            let Ok((_, len)) = value::parse(&c.parser, &value::ValueLimits::default()) else { return };
            let frame: Vec<u8> = c.parser.drain(..len).collect();
            let frame = std::str::from_utf8(&frame).expect("text");
            if frame.starts_with('>') {
                c.ledger.pushed(frame);
            } else {
                self.answered(client, frame);
            }
            let c = &mut self.clients[client];
            // The driver's HELLO: its handshake has ended, also where nothing else follows.
            c.says_ready |= frame.starts_with('%');
            self.story.detail(self.net.now, len as u64, format_args!("c{client} reply {frame:?}"));
        }
    }

    /// The number of the command that this reply is for.
    pub fn answered(&mut self, client: usize, frame: &str) -> CommandNumber {
        let c = &mut self.clients[client];
        let number = c.ledger.answered(frame);
        if let Some(seq) = c.maps.remove(&number) {
            self.map_came(client, frame, seq);
        } else if let Some(request) = c.tries.remove(&number) {
            if is_redirection(frame) {
                self.redirected(client, request, frame);
            } else {
                self.requests[request].answers += 1;
            }
        }
        number
    }

    fn closed(&mut self, client: usize, socket: usize) {
        let now = self.at();
        let s = &mut self.net.sockets[socket];
        let (unwritten, transport) = (std::mem::take(&mut s.out), s.transport);
        self.net.close(socket);
        self.note(client, format_args!("closed {transport}, {} unwritten", unwritten.len()));
        let unwritten = if self.says_unwritten(client) { unwritten } else { Vec::new() };
        self.clients[client].conn.handle_closed(now, transport, &unwritten).expect("closed");
        if self.level(client) < 3 {
            let was_mine = self.leave(client, transport);
            self.actions(client);
            self.forget(client, transport, was_mine);
        }
    }

    /// A socket of that client, if it has any, is reset.
    pub fn reset_one(&mut self, client: usize) {
        let open = |n: &usize| self.net.sockets[*n].state == State::Open;
        let all: Vec<usize> = self.net.live[client].iter().copied().filter(open).collect();
        if !all.is_empty() {
            let socket = self.random.of(&all);
            self.reset(socket);
        }
    }
}
