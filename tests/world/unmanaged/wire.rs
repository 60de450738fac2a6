//! Sockets of the driver and what comes over them: level 1 parses first and hands over pushes, level 2 gives every byte to libsch and
//! parses what comes back.

use super::super::ledger::Expect;
use super::super::step::{Lapse, Notice};
use super::commands::encode;
use super::*;
use sch::conn::{PushVerdict, Source, Span, Wait};
use sch::resp::value;

/// Whole frames at the front, and whether what follows is no RESP.
fn frames(bytes: &mut Vec<u8>) -> (Vec<String>, bool) {
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

fn is_push(frame: &str) -> bool {
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
        if self.level == 1 && id == self.mine {
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
                self.level == 1 || link.miscounted,
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
        if self.level == 1 && self.habit(4) {
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
        if self.level == 1 {
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

    /// Level 2: which frames of what libsch took must come to the parser (E3, N5, N6).
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

    /// Frames that the parser of a link has whole. They come before the actions: CLOSE ends the parser they wait in.
    fn parse(&mut self, id: u64) {
        let (frames, garbage) = frames(&mut self.link(id).parser);
        for frame in frames {
            // Level 1 lets the link go in the middle of what it has read.
            if !self.links.contains_key(&id) {
                return;
            }
            writeln!(self.story, "frame {id} {frame:?}").unwrap();
            if self.level == 2 {
                let link = self.link(id);
                let expected = link.passes.pop_front();
                assert_eq!(expected.as_ref(), Some(&frame), "E3, N6: the next frame for the parser");
            }
            if is_push(&frame) {
                self.pushed(id, &frame);
            } else {
                self.replied(id, &frame);
            }
        }
        let Some(link) = self.links.get(&id) else { return };
        if self.level == 2 && !garbage {
            assert!(link.passes.is_empty(), "E3: {:?} does not come to the parser", link.passes);
        }
        if garbage && id != self.mine {
            self.drop_if_known(id);
        } else if garbage {
            self.broken = true;
        }
    }

    fn drop_if_known(&mut self, id: u64) {
        if self.level == 1 {
            self.drop_link(id);
        } // level 2: CLOSE is on its way
    }

    fn pushed(&mut self, id: u64, frame: &str) {
        if self.level == 1 {
            // A driver's parser does not hand over attributes.
            let push = &frame[frame.find('>').expect("a push")..];
            let times = 1 + usize::from(self.lapses(Lapse::PushTwice));
            for _ in 0..times {
                let began = self.conn.counters().handoffs_started;
                let verdict = self.conn.handle_push(self.at(), id, push.as_bytes());
                let Ok(verdict) = verdict else {
                    return self.actions(); // what was due has just closed the link
                };
                let ours = self.notified(id, frame);
                let expected = if ours { PushVerdict::Swallowed } else { PushVerdict::Yours };
                assert_eq!(verdict, expected, "N5, N6: {frame:?}");
                self.check_moves(began);
                self.actions();
            }
            if self.announcer.find(frame).is_some() {
                return;
            }
        }
        assert!(self.announcer.find(frame).is_none(), "N6: {frame:?} reached the parser");
        let name = frame.split("\r\n").nth(2);
        if matches!(name, Some("subscribe" | "unsubscribe")) {
            if id == self.mine {
                self.confirmed();
            }
        } else {
            self.ledger.pushed(frame);
        }
    }

    /// True if it is a notification: the reference learns of it.
    fn notified(&mut self, id: u64, frame: &str) -> bool {
        let Some(announced) = self.announcer.find(frame) else { return false };
        let came = self.windows.came(self.now, id, announced);
        let seq = announced.seq;
        self.moves.extend((came == Some(super::super::windows::Move::New)).then_some(seq));
        true
    }

    fn replied(&mut self, id: u64, frame: &str) {
        let waits = self.link(id).waiting.pop_front();
        match waits.unwrap_or_else(|| panic!("order: nobody waits for {frame:?}")) {
            Waits::Own => {
                if self.lapses(Lapse::ForgetOptinReply) {
                    return;
                }
                // The link may have been closed by what came before.
                _ = self.conn.handle_optin_reply(self.at(), id, frame.as_bytes());
            }
            Waits::Hello(number) => {
                if let Some(number) = number {
                    assert_eq!(self.ledger.answered(frame), number, "order");
                }
                self.idle(id);
                self.greeted(id, frame.starts_with('%'));
            }
            Waits::Command { number, blocking, ends_tx, .. } => {
                assert_eq!(self.ledger.answered(frame), number, "order");
                self.idle(id);
                if blocking && !self.waits_for_blocking() {
                    self.state(HostFence::Blocking, false);
                }
                if ends_tx {
                    self.end_tx();
                }
            }
        }
        self.actions();
    }

    fn waits_for_blocking(&self) -> bool {
        let waiting = self.links.get(&self.mine).map(|link| link.waiting.iter());
        waiting.is_some_and(|mut all| all.any(|w| matches!(w, Waits::Command { blocking: true, .. })))
    }

    /// Level 1: nothing is in flight any more.
    fn idle(&mut self, id: u64) {
        let Some(link) = self.links.get(&id) else { return };
        let none = !link.waiting.iter().any(|w| !matches!(w, Waits::Own));
        if self.level == 1
            && id == self.mine
            && (none || self.habit(0))
            && !self.lapses(Lapse::ForgetInFlight)
        {
            self.count();
        }
    }

    fn greeted(&mut self, id: u64, resp3: bool) {
        if let Some(link) = self.links.get_mut(&id) {
            link.greeted = true;
        }
        if self.lapses(Lapse::NeverReady) {
            return;
        }
        // What came before may have closed it.
        if !resp3 {
            _ = self.conn.handle_resp2(self.at(), id);
            return;
        }
        if self.lapses(Lapse::ReadyTwice) {
            _ = self.conn.handle_ready(self.at(), id);
        }
        _ = self.conn.handle_ready(self.at(), id);
    }

    // ---- servers say ---------------------------------------------------------------------------------------------------

    pub(super) fn notify(&mut self, id: u64, notice: Notice) {
        if self.link(id).server.opted_in
            && let Some(announced) = self.announcer.announce(notice)
        {
            self.link(id).server.send(&announced.frame);
        }
    }

    /// Only the current transport's: those of another are not the users'.
    pub(super) fn invalidate(&mut self) {
        let n = self.next_push.to_string();
        let Some(link) = self.links.get_mut(&self.mine) else { return };
        self.next_push += 1;
        link.server.send(&format!(">2\r\n$10\r\ninvalidate\r\n${}\r\n{n}\r\n", n.len()));
    }

    pub(super) fn publish(&mut self, channel: u8) {
        let channel = format!("ch{}", channel % 3);
        let n = self.next_push.to_string();
        self.next_push += 1;
        for link in self.links.values_mut().filter(|l| l.server.subscriptions.contains(&channel)) {
            let frame = format!(">3\r\n$7\r\nmessage\r\n$3\r\n{channel}\r\n${}\r\n{n}\r\n", n.len());
            link.server.send(&frame);
        }
    }

    pub(super) fn garbage(&mut self, any: Option<u8>) {
        let send = |host: &mut Self, id| {
            let link = host.link(id);
            link.spoilt = true;
            link.server.send("HTTP/1.1 400\r\n");
        };
        let candidate =
            self.links.iter().find(|(id, l)| **id != self.mine && !l.connecting).map(|(id, _)| *id);
        match (any, candidate) {
            (Some(n), _) => self.on_nth(n, send),
            (None, Some(id)) => send(self, id),
            (None, None) => {}
        }
    }
}
