//! What the driver writes, and what it says of it: counts and fences.

use super::*;

pub fn encode(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len());
    words.iter().for_each(|w| out += &format!("${}\r\n{w}\r\n", w.len()));
    out.into_bytes()
}

impl World {
    /// The number of a command that was written; none where nothing may be written now. Who calls notes the number, and then drains the
    /// actions: it may be lost already.
    pub fn give_unmanaged(&mut self, client: usize, words: &[&str], expect: Expect) -> Option<CommandNumber> {
        let in_tx = self.driver(client).fence(HostFence::Transaction);
        let fence = match words[0] {
            "MULTI" => Some(HostFence::Transaction),
            "BLPOP" => Some(HostFence::Blocking),
            "SUBSCRIBE" => Some(HostFence::NoHandoff),
            "ASKING" => Some(HostFence::Other),
            _ => None,
        };
        self.writable(client)?;
        if words[0] == "UNSUBSCRIBE" && !self.driver(client).subscribed.contains(words[1]) {
            return None;
        }
        if let Some(fence) = fence {
            self.state(client, fence, true);
            self.actions(client);
        }
        // What was due went first, and another transport may be in use, or none.
        let Some(mine) = self.writable(client) else {
            assert!(
                !in_tx || !self.driver(client).fence(HostFence::Transaction),
                "F1: held in a transaction"
            );
            self.end_fences(client);
            return None;
        };
        let socket = self.net.find(client, mine).expect("it has one in use");
        self.net.sockets[socket].out.extend(encode(words));
        if let "SUBSCRIBE" | "UNSUBSCRIBE" = words[0] {
            self.subscribes(client, words);
            return None;
        }
        let number = self.owe(client, mine).expect("the transport in use");
        self.clients[client].ledger.submitted(number, expect);
        let driver = self.driver(client);
        let ends_tx = words[0] == "EXEC";
        let waits = Waits::Command { number, blocking: words[0] == "BLPOP", ends_tx };
        driver.links.get_mut(&mine).expect("a link").waiting.push_back(waits);
        let ends_early = ends_tx && driver.ends_early;
        let line = format_args!("c{client} writes {number} {words:?} to {mine}");
        self.story.detail(self.net.now, number << 8 | mine, line);
        self.count_each(client);
        if words[0] != "ASKING" {
            self.state(client, HostFence::Other, false);
        }
        if ends_early {
            self.state(client, HostFence::Transaction, false);
        }
        Some(number)
    }

    /// The transport to write to, if anything may be written.
    fn writable(&mut self, client: usize) -> Option<TransportId> {
        let is_swapping = self.clients[client].conn.phase() == Phase::Swapping;
        let driver = self.driver(client);
        let mine = driver.mine.filter(|mine| driver.links.get(mine).is_some_and(|link| link.greeted));
        mine.filter(|_| !driver.holding && !is_swapping)
    }

    /// The driver's queue: what waited for the hold to end, or for a transport.
    pub fn write_queued(&mut self, client: usize) -> bool {
        let c = &self.clients[client];
        if c.driver.is_none() || c.again.is_empty() || c.in_multi.is_some() || self.writable(client).is_none()
        {
            return false;
        }
        let request = self.clients[client].again.pop_front().expect("one waits");
        self.story.met.insert("tried again");
        self.submit_try(client, request);
        true
    }

    /// The number of one more reply that is owed, on the transport in use. Level 2 says so.
    pub(super) fn owe(&mut self, client: usize, transport: TransportId) -> Option<CommandNumber> {
        let now = self.at();
        let c = &mut self.clients[client];
        let driver = c.driver.as_mut().expect("level 1 or 2");
        if driver.level == 2 {
            c.conn.handle_owe_on(now, transport, 1).expect("a live transport");
        }
        let is_mine = driver.mine == Some(transport);
        driver.numbers += u64::from(is_mine);
        is_mine.then_some(driver.numbers)
    }

    /// Level 1: how many commands are written and not answered.
    pub(super) fn count(&mut self, client: usize) {
        let now = self.at();
        let c = &mut self.clients[client];
        if c.conn.phase() == Phase::Closed {
            return; // its last actions are taken
        }
        let driver = c.driver.as_ref().expect("level 1 or 2");
        let owed = driver.mine.and_then(|mine| driver.links.get(&mine)).map_or(0, Link::owed);
        c.conn.handle_in_flight(now, owed).expect("in_flight");
    }

    /// Some say it at each change; in a hold that is not answered yet all do.
    pub(super) fn count_each(&mut self, client: usize) {
        let driver = self.driver(client);
        if driver.level == 1 && driver.counts_each {
            self.count(client);
        }
    }

    pub(super) fn state(&mut self, client: usize, fence: HostFence, open: bool) {
        let now = self.at();
        let c = &mut self.clients[client];
        let driver = c.driver.as_mut().expect("level 1 or 2");
        if std::mem::replace(&mut driver.fences[fence as usize - 1], open) != open {
            c.conn.handle_fence(now, fence, open).expect("fence");
        }
    }

    /// Closes what was opened for a command that is not written.
    fn end_fences(&mut self, client: usize) {
        let driver = self.driver(client);
        let link = driver.mine.and_then(|mine| driver.links.get(&mine));
        let waits = |is: fn(&Waits) -> bool| link.is_some_and(|link| link.waiting.iter().any(is));
        let (in_tx, blocks) = (waits(Waits::ends_tx), waits(Waits::blocks));
        if !in_tx {
            self.state(client, HostFence::Transaction, false);
        }
        if !blocks {
            self.state(client, HostFence::Blocking, false);
        }
        self.state(client, HostFence::Other, false);
        let driver = self.driver(client);
        if driver.confirming == 0 && driver.subscribed.is_empty() {
            self.state(client, HostFence::NoHandoff, false);
        }
        self.actions(client);
    }

    /// The driver cannot make subscriptions again: it states that it must not be handed off.
    fn subscribes(&mut self, client: usize, words: &[&str]) {
        let driver = self.driver(client);
        if words[0] == "SUBSCRIBE" {
            driver.subscribed.insert(words[1].to_owned());
        } else {
            driver.subscribed.remove(words[1]);
        }
        driver.confirming += 1;
    }
}
