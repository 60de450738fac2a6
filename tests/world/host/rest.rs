//! The ends of a story: the driver closes in the middle of it, or all comes to rest, and what must hold then. Each rule has its name.

use super::super::step::Kind;
use super::*;

impl World {
    /// E9: nothing is left to poll, to write or to wait for.
    pub(super) fn close(&mut self) {
        self.conn.close(self.at()).expect("close");
        self.closed = true;
        self.actions();
        assert_eq!(self.conn.next_deadline(), None, "E9: no timer after close");
        assert_eq!(self.conn.wait_on(&mut []), 0, "E9: no transport after close");
        assert!(self.conn.handle_tick(self.at()).is_err(), "E9: no input after close");
        for (_, socket) in std::mem::take(&mut self.sockets) {
            self.zombies.push(socket.server);
        }
        if let Some((_, expect)) = self.refused.take() {
            self.withdraw(&expect);
        }
    }

    pub(super) fn snapshot(&self) -> (usize, usize, u64) {
        (self.story.len(), self.log.executed.len(), self.now)
    }

    /// No more faults: everything must come back to steady within a bound, and all accounts must balance.
    pub fn settle(&mut self) {
        for round in 0.. {
            if self.closed {
                break;
            }
            assert!(round < 3000, "not steady after {round} rounds: {:?}", self.conn.phase());
            let before = self.snapshot();
            self.redial();
            self.connect(true);
            self.answer_swap(true);
            if self.conn.phase() != Phase::Detached {
                self.finish_tail();
            }
            assert!(round < 2900 || self.refused.is_none(), "E4: RESUME never came");
            if self.in_multi.is_some() && self.tail.is_empty() {
                self.submit(Kind::Exec, 0);
            }
            let ids: Vec<u64> = self.sockets.keys().copied().collect();
            for id in ids {
                if let Some(socket) = self.sockets.get_mut(&id) {
                    socket.server.unblock();
                }
                self.turn(id);
            }
            self.end_broken();
            for zombie in &mut self.zombies {
                zombie.unblock();
                zombie.serve(1000, &mut self.log);
            }
            if self.snapshot() != before {
                continue;
            }
            match self.conn.next_deadline() {
                Some(at) => {
                    let wait = at.as_nanos().saturating_sub(self.now).max(1);
                    assert!(wait <= 700_000_000_000, "R3: a deadline {wait} ns away");
                    self.advance(wait);
                }
                None => break,
            }
        }
        self.ledger.check(&self.log);
        self.ledger.check_all_ended(&self.log);
        let c = self.conn.counters();
        self.ledger.check_handoffs_ended(&c);
        assert!(self.sockets.len() <= 1, "H13: a candidate is left: {:?}", self.sockets.keys());
        let twice: u64 = self.ledger.messages.values().map(|n| u64::from(*n) - 1).sum();
        assert!(
            twice <= c.overlap_doubtful,
            "F2: {twice} messages came twice, {} in doubt",
            c.overlap_doubtful
        );
        assert!(self.refused.is_none() || self.conn.current().is_none(), "E4: RESUME never came");
        assert!(
            self.closed || matches!(self.conn.phase(), Phase::Serving | Phase::Handshaking | Phase::Detached),
            "not steady: {:?}",
            self.conn.phase()
        );
    }
}
