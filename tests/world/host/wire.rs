//! Sockets of the driver: how they come, what goes over them, how they go. Every byte that is read goes to libsch, and what comes back
//! is parsed.

use super::super::ledger::Expect;
use super::commands::encode;
use super::*;
use sch::conn::{Source, Span, Wait};
use sch::resp::value;

impl World {
    // ---- connecting --------------------------------------------------------------------------------------------------

    pub(super) fn dial(&mut self) {
        let dial = self.conn.dial(self.at(), 0).expect("dial").expect("an address");
        self.socket(dial.transport);
    }

    pub(super) fn socket(&mut self, id: u64) {
        let mut server = Server::default();
        server.refuse_optin = self.refuse_optin;
        server.password = self.password;
        self.sockets.insert(id, Socket { connecting: true, out: Vec::new(), server });
    }

    pub(super) fn connect(&mut self, ok: bool) {
        let Some(id) = self.sockets.iter().find(|(_, s)| s.connecting).map(|(id, _)| *id) else { return };
        let mine = self.conn.current().is_none();
        if ok {
            self.conn.handle_connected(self.at(), id, None).expect("connected");
            self.sockets.get_mut(&id).unwrap().connecting = false;
            self.actions();
            if mine && self.conn.current() == Some(id) {
                self.handshake();
            }
        } else {
            self.sockets.remove(&id);
            self.conn.handle_connect_failed(self.at(), id).expect("connect_failed");
            self.actions();
            self.redial();
        }
    }

    /// The driver's own: HELLO 3. What was left of a command whose first bytes went elsewhere is forgotten with its reply.
    pub(super) fn handshake(&mut self) {
        // What was not taken was never submitted: its caller is told of the reconnect.
        if let Some((_, expect)) = self.refused.take() {
            self.withdraw(&expect);
        }
        self.tail.clear();
        self.in_multi = None;
        (self.skip, self.off, self.plain) = (false, false, false);
        if self.by_libsch {
            return;
        }
        let secret = self.secret();
        let words = match &secret {
            Some(secret) => vec!["HELLO", "3", "AUTH", "u", secret],
            None => vec!["HELLO", "3"],
        };
        self.give(&encode(&words), Some(Expect::Hello));
    }

    pub(super) fn redial(&mut self) {
        let idle = self.conn.current().is_none() && self.sockets.is_empty();
        if idle && matches!(self.conn.phase(), Phase::Detached) {
            self.dial();
        }
    }

    // ---- bytes -------------------------------------------------------------------------------------------------------

    pub(super) fn flow(&mut self, id: u64, n: usize) {
        let socket = self.sockets.get_mut(&id).unwrap();
        if socket.connecting {
            return;
        }
        let n_out = n.min(socket.out.len());
        let bytes: Vec<u8> = socket.out.drain(..n_out).collect();
        socket.server.feed(&bytes, &mut self.log);
        if socket.out.is_empty() && n > n_out {
            let region = self.conn.region(id);
            let bytes = region[..region.len().min(n - n_out)].to_vec();
            if !bytes.is_empty() {
                socket.server.feed(&bytes, &mut self.log);
                self.conn.handle_wrote(self.at(), id, bytes.len()).expect("wrote");
                self.actions();
            }
        }
    }

    pub(super) fn deliver(&mut self, id: u64, n: usize, spans: usize) {
        let waits = [Wait { transport: 0, connecting: false, read: false, write: false }; 3];
        let mut waits = waits;
        let count = self.conn.wait_on(&mut waits);
        if !waits[..count].iter().any(|w| w.transport == id && w.read) {
            return;
        }
        let outbox = &mut self.sockets.get_mut(&id).unwrap().server.outbox;
        let n = n.min(outbox.len());
        let data: Vec<u8> = outbox.drain(..n).collect();
        let mut at = 0;
        loop {
            let mut room = vec![Span::EMPTY; spans];
            let received = match self.conn.handle_receive(self.at(), id, &data[at..], &mut room) {
                Ok(received) => received,
                Err(error) => {
                    writeln!(self.story, "receive {id}: {error}").unwrap();
                    self.actions(); // what was due has come all the same
                    break;
                }
            };
            for span in &room[..received.spans] {
                let range = span.start..span.start + span.len;
                match span.source {
                    Source::Input => self.parser.extend_from_slice(&data[at..][range]),
                    Source::Owned => {
                        let owned = self.conn.owned()[range].to_vec();
                        self.parser.extend_from_slice(&owned);
                    }
                }
            }
            self.parse();
            at += received.consumed;
            let before = self.story.len();
            self.actions();
            let moved = received.consumed > 0 || received.spans > 0 || self.story.len() > before;
            if !moved || (at == data.len() && received.spans == 0) || !self.sockets.contains_key(&id) {
                break;
            }
        }
        // What was not taken stays in the socket.
        if let Some(socket) = self.sockets.get_mut(&id) {
            data[at..].iter().rev().for_each(|b| socket.server.outbox.push_front(*b));
        }
    }

    /// Frames that the driver's parser has whole.
    pub(super) fn parse(&mut self) {
        while !self.parser.is_empty() {
            let Ok((_, len)) = value::parse(&self.parser, &value::ValueLimits::default()) else { return };
            let frame: Vec<u8> = self.parser.drain(..len).collect();
            let frame = String::from_utf8(frame).expect("text");
            writeln!(self.story, "frame {frame:?}").unwrap();
            if !frame.starts_with('>') {
                self.ledger.answered(&frame);
                continue;
            }
            self.ledger.pushed(&frame);
        }
    }

    /// All that is under way on a socket comes to its end.
    pub(super) fn turn(&mut self, id: u64) {
        if self.sockets.contains_key(&id) {
            self.flow(id, 1 << 20);
        }
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.server.serve(1000, &mut self.log);
            if !socket.connecting {
                self.deliver(id, 1 << 20, 16);
            }
        }
    }

    // ---- the end of a socket -----------------------------------------------------------------------------------------

    pub(super) fn kill(&mut self, socket: u8, silent: bool) {
        let Some(id) = self.nth(socket) else { return };
        if !silent {
            for _ in 0..100 {
                self.deliver(id, usize::MAX - 1, 16);
                if self.sockets.get(&id).is_none_or(|s| s.server.outbox.is_empty()) {
                    break;
                }
            }
        }
        let Some(socket) = self.sockets.remove(&id) else { return };
        if Some(id) == self.conn.current() && std::mem::take(&mut self.broken) {
            self.parser.clear();
        }
        self.zombies.push(socket.server);
        self.conn.handle_closed(self.at(), id, &socket.out).expect("closed");
        self.actions();
        self.redial();
    }

    pub(super) fn end_broken(&mut self) {
        if std::mem::take(&mut self.broken)
            && let Some(id) = self.conn.current()
            && let Some(socket) = self.sockets.remove(&id)
        {
            self.parser.clear();
            self.zombies.push(socket.server);
            self.conn.handle_closed(self.at(), id, &socket.out).expect("closed");
            self.actions();
            self.redial();
        }
    }

    pub(super) fn garbage(&mut self, any: Option<u8>) {
        let candidate =
            self.sockets.iter().find(|(id, s)| Some(**id) != self.conn.current() && !s.connecting);
        let candidate = candidate.map(|(id, _)| *id);
        let Some(id) = any.map_or(candidate, |n| self.nth(n)) else { return };
        self.sockets.get_mut(&id).unwrap().server.send("HTTP/1.1 400\r\n");
    }
}
