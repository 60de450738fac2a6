//! What the driver's users ask for, and what it says of it: counts and fences.

use super::super::ledger::Expect;
use super::super::step::{Kind, Lapse};
use super::*;

pub(super) fn encode(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len());
    words.iter().for_each(|w| out += &format!("${}\r\n{w}\r\n", w.len()));
    out.into_bytes()
}

/// The ledger's number for that of libsch: there is room between two for what libsch was not told of.
pub(super) fn key(number: u64) -> u64 {
    number * 1000
}

/// Whether libsch has one for it.
pub(super) fn is_told(key: u64) -> bool {
    key.is_multiple_of(1000)
}

/// What a kind of command is at these levels.
struct Plan {
    words: Vec<String>,
    expect: Expect,
    blocking: bool,
    ends_tx: bool,
}

impl Host {
    /// A command is written only where nothing forbids it.
    pub(super) fn command(&mut self, kind: Kind) {
        if self.setup.tight && self.setup.levels == (1, 2) {
            self.count(); // so that `owe` is not refused
        }
        // A driver that writes on does it before it is asked to swap.
        let in_hold = self.holding || self.hold_asked;
        if !self.may_write() || (in_hold && !self.lapses(Lapse::WriteOn)) {
            return;
        }
        if self.setup.tight && self.setup.levels != (1, 1) && self.owed() >= 4 {
            return; // `owe` would be refused: the driver waits for replies
        }
        if in_hold {
            let plan = self.plan(Kind::Set); // what needs no fence
            return self.write(plan);
        }
        let multi = self.tx.is_some();
        let fence = match kind {
            _ if multi => None,
            Kind::Multi | Kind::Watch => Some(HostFence::Transaction),
            Kind::Blocking => Some(HostFence::Blocking),
            Kind::Asking => Some(HostFence::Other),
            Kind::Subscribe(_) => Some(HostFence::NoHandoff),
            _ => None,
        };
        if let Some(fence) = fence {
            self.state(fence, true);
            // What was due went first, and another transport may be in use, or none.
            if !self.may_write() || self.holding {
                return self.end_fences();
            }
        }
        match kind {
            Kind::Subscribe(c) if !multi => self.subscribe(c),
            Kind::Unsubscribe(c) if !multi => self.unsubscribe(c),
            Kind::Subscribe(_) | Kind::Unsubscribe(_) => {}
            kind => {
                let plan = self.plan(kind);
                self.write(plan);
            }
        }
    }

    fn may_write(&self) -> bool {
        let greeted = self.links.get(&self.mine).is_some_and(|link| link.greeted);
        greeted && !self.broken && self.swap_asked.is_none()
    }

    fn owed(&self) -> usize {
        self.links.get(&self.mine).map_or(0, |link| link.waiting.len())
    }

    fn plan(&mut self, kind: Kind) -> Plan {
        let id = self.next_id;
        self.next_id += 1;
        let key = format!("k{id}");
        let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let multi = self.tx.is_some();
        let plain = |words, expect| Plan { words, expect, blocking: false, ends_tx: false };
        match kind {
            Kind::Multi if !multi => {
                self.tx = Some(Vec::new());
                plain(words(&["MULTI"]), Expect::Ok)
            }
            Kind::Exec if multi => {
                let expect = Expect::Exec(self.tx.take().expect("MULTI"));
                Plan { ends_tx: true, ..plain(words(&["EXEC"]), expect) }
            }
            Kind::Discard if multi => {
                self.tx = None;
                Plan { ends_tx: true, ..plain(words(&["DISCARD"]), Expect::Ok) }
            }
            _ if multi => {
                self.tx.as_mut().expect("MULTI").push(id);
                plain(words(&["SET", &key, &id.to_string()]), Expect::Queued(id))
            }
            Kind::Watch => {
                self.watching = true;
                plain(words(&["WATCH", "watched"]), Expect::Ok)
            }
            Kind::Blocking => Plan { blocking: true, ..plain(words(&["BLPOP", &key, "0"]), Expect::Id(id)) },
            Kind::Asking => {
                self.asking = true;
                plain(words(&["ASKING"]), Expect::Ok)
            }
            Kind::Fail => plain(words(&["FAIL"]), Expect::Error),
            Kind::Select => plain(words(&["SELECT", "1"]), Expect::Ok),
            Kind::Get => plain(words(&["GET", &key]), Expect::Id(id)),
            Kind::Ping => plain(words(&["PING"]), Expect::Pong),
            _ => plain(words(&["SET", &key, &id.to_string()]), Expect::Id(id)),
        }
    }

    fn write(&mut self, plan: Plan) {
        let words: Vec<&str> = plan.words.iter().map(String::as_str).collect();
        let id = self.mine;
        let is_asking = words[0] == "ASKING";
        self.link(id).out.extend(encode(&words));
        let number = self.owe(id, true).expect("the transport in use");
        let Plan { expect, blocking, ends_tx, .. } = plan;
        self.ledger.submitted(number, expect);
        let waits = Waits::Command { number, sent: self.now, blocking, ends_tx };
        self.link(id).waiting.push_back(waits);
        // Some count at each change, all before it matters.
        if self.setup.levels == (1, 1) && (self.habit(0) || self.holding) {
            self.count();
        }
        if !is_asking && std::mem::take(&mut self.asking) {
            self.state(HostFence::Other, false);
        }
        if ends_tx && self.habit(1) {
            self.end_tx();
        }
        self.actions();
    }

    /// The number of one more reply that `id` owes, if it is the transport in use. All but level 1 say so.
    pub(super) fn owe(&mut self, id: u64, may_lapse: bool) -> Option<u64> {
        let mine = id == self.mine;
        match self.setup.levels {
            (1, 1) => {
                self.numbers += u64::from(mine);
                return mine.then_some(key(self.numbers));
            }
            // Of its handshake it need not say it.
            (2, 1) if !mine => return None,
            (2, 1) if !may_lapse && self.habit(2) => return Some(self.untold()),
            _ => {}
        }
        // What libsch writes for itself must not be mixed up with what was not counted.
        let quiet = !self.link(id).waiting.iter().any(|w| matches!(w, Waits::Own | Waits::Hello(_)));
        if mine && may_lapse && quiet && self.lapses(Lapse::ForgetOwe) {
            self.link(id).miscounted = true;
            writeln!(self.story, "owe: forgotten").unwrap();
            return Some(self.untold());
        }
        let twice = mine && may_lapse && quiet && !self.setup.tight && self.lapses(Lapse::OweTooMuch);
        let replies = 1 + u64::from(twice);
        if twice {
            self.link(id).miscounted = true;
            writeln!(self.story, "owe: twice").unwrap();
        }
        if self.level_out == 1 {
            return Some(self.count_more(replies));
        }
        if mine && self.habit(2) {
            self.conn.handle_owe(self.at(), replies).expect("owe");
        } else {
            self.conn.handle_owe_on(self.at(), id, replies).expect("owe_on");
        }
        if !mine {
            return None;
        }
        self.numbers += replies;
        Some(key(self.numbers))
    }

    /// In tapped, out notified: so many more than wait; the number of the last.
    fn count_more(&mut self, replies: u64) -> u64 {
        let owed = self.unanswered() + replies;
        self.conn.handle_in_flight(self.at(), owed).expect("in_flight");
        let before = std::mem::replace(&mut self.numbers, self.conn.counters().commands);
        let grown = self.numbers - before;
        let miscounted = self.links[&self.mine].miscounted;
        assert!(miscounted || grown == replies, "H4: {grown} more are owed, not {replies}");
        if grown == 0 { self.untold() } else { key(self.numbers) }
    }

    /// For one that libsch has no number for.
    fn untold(&mut self) -> u64 {
        self.unowed += 1;
        key(self.numbers) + self.unowed
    }

    /// Where one direction is notified, what is not answered is said as a count.
    pub(super) fn states_count(&self) -> bool {
        self.level_in == 1 || self.level_out == 1
    }

    /// How many commands are written and not answered, of those that the parser has seen.
    pub(super) fn unanswered(&self) -> u64 {
        let waiting = self.links.get(&self.mine).map(|link| link.waiting.iter());
        let counts = |waits: &&Waits| match waits {
            Waits::Own => false,
            Waits::Hello(number) => number.is_none_or(is_told),
            Waits::Command { .. } => true,
        };
        waiting.map_or(0, |all| all.filter(counts).count() as u64)
    }

    /// The driver says so.
    pub(super) fn count(&mut self) {
        let told = self.conn.counters().commands;
        self.conn.handle_in_flight(self.at(), self.unanswered()).expect("in_flight");
        self.numbers += self.conn.counters().commands - told;
        self.actions();
    }

    // ---- fences ------------------------------------------------------------------------------------------------------

    pub(super) fn state(&mut self, fence: HostFence, open: bool) {
        if !open && self.lapses(Lapse::FenceStays) {
            return;
        }
        if self.closed || self.fences[fence as usize - 1] == open {
            return;
        }
        self.fences[fence as usize - 1] = open;
        self.tx_just_ended |= self.parsing && fence == HostFence::Transaction && !open;
        self.conn.handle_fence(self.at(), fence, open).expect("fence");
        self.actions();
    }

    /// The transaction has ended with its last command written, or answered.
    pub(super) fn end_tx(&mut self) {
        if self.tx.is_none() {
            self.watching = false;
            self.state(HostFence::Transaction, false);
        }
    }

    /// Closes what nothing needs any more.
    fn end_fences(&mut self) {
        let idle = self.links.get(&self.mine).is_none_or(|link| link.waiting.is_empty());
        if idle && self.tx.is_none() && !self.watching {
            self.state(HostFence::Transaction, false);
        }
        if idle {
            self.state(HostFence::Blocking, false);
        }
        if idle && !self.asking {
            self.state(HostFence::Other, false);
        }
        if self.confirming == 0 && self.subscribed.is_empty() {
            self.state(HostFence::NoHandoff, false);
        }
    }

    /// The users come to an end with what they began.
    pub(super) fn finish(&mut self) {
        if self.tx.is_some() {
            self.command(Kind::Exec);
        } else {
            self.watching = false; // UNWATCH, without the round trip
        }
        if self.asking {
            self.command(Kind::Set);
        }
        self.end_fences();
    }

    /// Everything of the transport in use has gone with it. A transaction is libsch's to tell (TRANSACTION_BROKEN).
    pub(super) fn fences_are_gone(&mut self) {
        self.asking = false;
        self.subscribed.clear();
        self.confirming = 0;
        for fence in [HostFence::Blocking, HostFence::Other, HostFence::NoHandoff] {
            self.state(fence, false);
        }
    }

    // ---- subscriptions: the driver cannot rebuild them -----------------------------------------------------------------

    fn subscribe(&mut self, c: u8) {
        let channel = format!("ch{}", c % 3);
        self.link(self.mine).out.extend(encode(&["SUBSCRIBE", &channel]));
        self.subscribed.insert(channel);
        self.confirming += 1;
    }

    fn unsubscribe(&mut self, c: u8) {
        let channel = format!("ch{}", c % 3);
        if self.subscribed.remove(&channel) {
            self.link(self.mine).out.extend(encode(&["UNSUBSCRIBE", &channel]));
            self.confirming += 1;
        }
    }

    pub(super) fn confirmed(&mut self) {
        self.confirming = self.confirming.saturating_sub(1);
        if self.confirming == 0 && self.subscribed.is_empty() {
            self.state(HostFence::NoHandoff, false);
        }
    }
}
