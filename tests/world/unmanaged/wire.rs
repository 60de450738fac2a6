//! Sockets of the driver and the bytes that come over them: in notified parses first, in tapped gives every byte to libsch and parses what
//! comes back.

use super::super::ledger::Expect;
use super::commands::{encode, is_told};
use super::*;
use sch::conn::{Source, Span, Wait};
use sch::resp::value;

/// Whole frames at the front, and whether what follows is no RESP.
pub(super) fn frames(bytes: &mut Vec<u8>) -> (Vec<String>, bool) {
    let mut out = Vec::new();
    while let Some(first) = bytes.first() {
        if !b"+-:$*%>|_".contains(first) {
            return (out, true);
        }
        let Ok((_, len)) = value::parse(bytes, &value::ValueLimits::default()) else { break };
        out.push(String::from_utf8(bytes.drain(..len).collect()).expect("text"));
    }
    (out, false)
}

pub(super) fn is_push(frame: &str) -> bool {
    frame.starts_with('>') || frame.starts_with('|')
}

impl Host {
    // ---- connecting --------------------------------------------------------------------------------------------------

    pub(super) fn dial(&mut self) {
        let dial = self.conn.dial(self.at(), 0).expect("dial").expect("an address");
        self.open(dial.transport, true);
    }

    pub(super) fn redial(&mut self) {
        let idle = self.conn.current().is_none() && self.links.is_empty();
        if idle && !self.closed && self.conn.phase() == Phase::Detached {
            self.dial();
        }
    }

    pub(super) fn open(&mut self, id: u64, dialed: bool) {
        let mut server = Server::default();
        server.refuse_optin = self.setup.refuse_optin;
        server.resp2 = self.resp2;
        let link = Link {
            dialed,
            connecting: true,
            leaving: false,
            out: Vec::new(),
            server,
            parser: Vec::new(),
            wire: Vec::new(),
            passes: VecDeque::new(),
            waiting: VecDeque::new(),
            greeted: false,
            miscounted: false,
            spoilt: false,
        };
        self.links.insert(id, link);
    }

    pub(super) fn connect(&mut self, ok: bool) {
        let Some(id) = self.links.iter().find(|(_, l)| l.connecting).map(|(id, _)| *id) else { return };
        if !ok {
            self.links.remove(&id);
            self.conn.handle_connect_failed(self.at(), id).expect("connect_failed");
            self.actions();
            return;
        }
        let link = self.link(id);
        link.connecting = false;
        if link.dialed {
            self.mine = id;
            (self.uncounted, self.broken) = (false, false);
        }
        self.conn.handle_connected(self.at(), id, None).expect("connected");
        self.actions();
        if self.links.contains_key(&id) {
            self.greet(id);
        }
    }

    /// The driver's own handshake, on each transport.
    fn greet(&mut self, id: u64) {
        self.link(id).out.extend(encode(&["HELLO", "3"]));
        let number = self.owe(id, false);
        if let Some(number) = number {
            self.ledger.submitted(number, Expect::Hello);
        }
        self.link(id).waiting.push_back(Waits::Hello(number));
        if self.setup.levels == (1, 1) && id == self.mine {
            self.count();
        }
        self.actions();
    }

    // ---- closing -----------------------------------------------------------------------------------------------------

    /// The driver closes a socket, or finds it closed.
    pub(super) fn drop_link(&mut self, id: u64) {
        let link = self.link(id);
        link.leaving = true;
        // At these levels libsch has nothing to take back: what an author says of it must do no harm.
        let out = std::mem::take(&mut link.out);
        let unwritten = if self.habit(3) { out } else { Vec::new() };
        self.conn.handle_closed(self.at(), id, &unwritten).expect("closed");
        let mine = self.leave(id);
        self.actions();
        self.forget(id);
        if mine {
            self.mine_is_gone();
        }
        self.actions();
    }

    /// True if it was the transport in use, which there is none of now.
    pub(super) fn leave(&mut self, id: u64) -> bool {
        let mine = id == self.mine;
        if mine {
            (self.mine, self.broken) = (0, false);
        }
        mine
    }

    /// A link is no more: what was written to it still runs, and nobody waits for it any longer.
    pub(super) fn forget(&mut self, id: u64) {
        let Some(link) = self.links.remove(&id) else { return };
        self.zombies.push(link.server);
        for waits in link.waiting {
            let (Waits::Command { number, .. } | Waits::Hello(Some(number))) = waits else { continue };
            if self.ledger.has_ended(number) {
                continue;
            }
            assert!(
                self.level_in == 1 || link.miscounted || !is_told(number),
                "L1: {number} was on a lost transport, and is not LOST"
            );
            self.ledger.end(number, End::Unknown);
        }
    }

    /// What was stated of the transport in use is no more.
    pub(super) fn mine_is_gone(&mut self) {
        self.check_transaction();
        if self.closed {
            return;
        }
        if self.states_count() && self.habit(4) {
            self.conn.handle_in_flight(self.at(), 0).expect("in_flight");
            self.actions();
        }
        self.fences_are_gone();
    }

    pub(super) fn kill(&mut self, id: u64, silent: bool) {
        if !silent {
            for _ in 0..100 {
                self.deliver(id, usize::MAX - 1, 16);
                if self.links.get(&id).is_none_or(|link| link.server.outbox.is_empty()) {
                    break;
                }
            }
        }
        if self.links.contains_key(&id) {
            self.drop_link(id);
        }
    }

    // ---- bytes -------------------------------------------------------------------------------------------------------

    pub(super) fn flow(&mut self, id: u64, n: usize) {
        let link = self.links.get_mut(&id).expect("a link");
        let n = n.min(link.out.len());
        let bytes: Vec<u8> = link.out.drain(..n).collect();
        link.server.feed(&bytes, &mut self.log);
    }

    pub(super) fn serve(&mut self, id: u64, n: usize) {
        let link = self.links.get_mut(&id).expect("a link");
        link.server.serve(n, &mut self.log);
    }

    pub(super) fn deliver(&mut self, id: u64, n: usize, spans: usize) {
        let mut waits = [Wait { transport: 0, connecting: false, read: false, write: false }; 3];
        let count = self.conn.wait_on(&mut waits);
        if !waits[..count].iter().any(|w| w.transport == id && w.read) {
            return;
        }
        let outbox = &mut self.link(id).server.outbox;
        let n = n.min(outbox.len());
        let data: Vec<u8> = outbox.drain(..n).collect();
        if self.level_in == 1 {
            self.link(id).parser.extend_from_slice(&data);
            self.parse(id);
            return;
        }
        let mut at = 0;
        loop {
            let part = &data[at..at + self.part(id, &data[at..])];
            let Some((consumed, spans, acted)) = self.receive(id, part, spans) else { break };
            at += consumed;
            let moved = consumed > 0 || spans > 0 || acted;
            if !moved || (at == data.len() && spans == 0) || !self.links.contains_key(&id) {
                break;
            }
        }
        // What was not taken stays in the socket.
        if let Some(link) = self.links.get_mut(&id) {
            data[at..].iter().rev().for_each(|b| link.server.outbox.push_front(*b));
        }
        if self.level_out == 1 && self.habit(5) {
            self.count(); // it says what libsch has seen
        }
    }

    /// A candidate may be closed by what it says, and the rest is not looked at: of it one frame is given at a time, so that the
    /// reference knows which.
    fn part(&self, id: u64, data: &[u8]) -> usize {
        if id == self.mine {
            return data.len();
        }
        let wire = &self.links[&id].wire;
        let all = [wire, data].concat();
        let whole = value::parse(&all, &value::ValueLimits::default()).map(|(_, len)| len - wire.len());
        whole.unwrap_or(data.len())
    }

    /// One call: how much it took, how many spans it gave, whether there was an action.
    fn receive(&mut self, id: u64, data: &[u8], spans: usize) -> Option<(usize, usize, bool)> {
        let mut room = vec![Span::EMPTY; spans];
        let began = self.conn.counters().handoffs_started;
        let received = match self.conn.handle_receive(self.at(), id, data, &mut room) {
            Ok(received) => received,
            Err(error) => {
                writeln!(self.story, "receive {id}: {error}").unwrap();
                self.actions(); // what was due has come all the same
                return None;
            }
        };
        let mut passed = Vec::new();
        for span in &room[..received.spans] {
            let range = span.start..span.start + span.len;
            passed.extend_from_slice(match span.source {
                Source::Input => &data[range],
                Source::Owned => &self.conn.owned()[range],
            });
        }
        self.look_at(id, &data[..received.consumed]);
        self.check_moves(began);
        self.link(id).parser.extend_from_slice(&passed);
        self.parsing = true;
        self.parse(id);
        self.parsing = false;
        let story = self.story.len();
        self.actions();
        Some((received.consumed, received.spans, self.story.len() > story))
    }

    /// In tapped: which frames of what libsch took must come to the parser (E3, N5, N6).
    fn look_at(&mut self, id: u64, taken: &[u8]) {
        let link = self.link(id);
        link.wire.extend_from_slice(taken);
        for frame in frames(&mut link.wire).0 {
            if self.notified(id, &frame) {
                continue;
            }
            let link = self.link(id);
            let before = link.passes.iter().filter(|frame| !is_push(frame)).count();
            let own = !is_push(&frame) && matches!(link.waiting.get(before), Some(Waits::Own));
            if own {
                link.waiting.remove(before);
            } else {
                link.passes.push_back(frame);
            }
        }
    }
}
