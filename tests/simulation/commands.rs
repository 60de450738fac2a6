//! What the application of a client does: requests that are tried again, transactions, subscriptions, commands in two parts.

use super::accounts::Request;
use super::net::{Event, MS, SECOND};
use super::slots::{GROUPS, tag};
use super::unmanaged::encode;
use super::world::World;
use crate::world::ledger::{End, Expect};
use sch::action::CommandNumber;
use sch::conn::Submitted;

impl World {
    /// What certainly did not run is sent again, and so are reads; a write that may have run is reported.
    pub fn try_again(&mut self, client: usize, first: CommandNumber, count: u64, end: End) {
        self.maps_lost(client, first, count);
        let c = &mut self.clients[client];
        for number in first..first + count {
            let Some(request) = c.tries.remove(&number) else { continue };
            if end == End::Unknown && !self.requests[request].is_read {
                self.requests[request].is_reported = true;
            } else {
                c.again.push_back(request);
            }
        }
    }

    pub fn submit_in_turn(&mut self, client: usize) {
        let c = &self.clients[client];
        let is_done = self.is_quiet && c.in_multi.is_none() && c.again.is_empty() && c.tries.is_empty();
        if is_done && self.net.now > self.setup.faults + 5 * SECOND {
            return;
        }
        self.take(client);
        for _ in 0..self.random.of(&[1, 1, 1, 2, 5]) {
            self.submit_one(client);
            self.actions(client);
        }
        self.pump(client);
        let wait = self.random.below(2 * self.setup.pace);
        self.net.push(self.net.now + wait / 4, Event::MayGive { client });
        self.net.push(self.net.now + wait, Event::Submit { client });
    }

    pub fn submit_one(&mut self, client: usize) {
        if !self.clients[client].tail.is_empty() {
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        let draw = self.random.below(100);
        let c = &mut self.clients[client];
        if c.in_multi.is_some() {
            return self.submit_queued(client, id, draw < 50);
        }
        if let Some(request) = c.again.pop_front() {
            self.story.met.insert("tried again");
            let client = self.route(client, request);
            return self.submit_to(client, request);
        }
        if draw < 80 {
            let group = self.random.below(GROUPS as u64) as usize;
            self.requests.push(Request { is_read: draw < 40, group, ..Request::default() });
            let request = self.requests.len() - 1;
            let client = self.route(client, request);
            return self.submit_to(client, request);
        }
        let (channel, key) = (format!("ch{}", draw % 3), format!("k{id}"));
        let (words, expect): (&[&str], _) = match draw {
            80..86 if self.setup.fancy => (&["SUBSCRIBE", &channel], Expect::Confirmation),
            86..88 if self.setup.fancy => (&["UNSUBSCRIBE", &channel], Expect::Confirmation),
            88..90 if self.setup.fancy => (&["BLPOP", &key, "0"], Expect::Id(id)),
            90..95 if !self.setup.clustered => {
                c.in_multi = Some(Vec::new());
                (&["MULTI"], Expect::Ok)
            }
            _ => (&["PING"], Expect::Pong),
        };
        self.give(client, words, expect);
    }

    /// A command of the open transaction, or its end.
    fn submit_queued(&mut self, client: usize, id: u64, goes_on: bool) {
        let c = &mut self.clients[client];
        let Some(queued) = &mut c.in_multi else { return };
        if goes_on {
            queued.push(id);
            self.give(client, &["SET", &format!("k{id}"), &id.to_string()], Expect::Queued(id));
        } else if let Some(queued) = c.in_multi.take() {
            self.give(client, &["EXEC"], Expect::Exec(queued));
        }
    }

    /// In a cluster it may be another client's turn.
    fn submit_to(&mut self, client: usize, request: usize) {
        self.submit_try(client, request);
        if self.setup.clustered {
            self.net.push(self.net.now, Event::Wake { client });
        }
    }

    pub fn submit_try(&mut self, client: usize, request: usize) {
        let id = self.next_id;
        self.next_id += 1;
        let tag = if self.setup.clustered { tag(self.requests[request].group) } else { "" };
        let (text, key) = (id.to_string(), format!("k{id}{tag}"));
        self.requests[request].tries.push(id);
        let words: &[&str] =
            if self.requests[request].is_read { &["GET", &key] } else { &["SET", &key, &text] };
        let number = self.give(client, words, Expect::Id(id));
        let c = &mut self.clients[client];
        match number {
            Some(number) => drop(c.tries.insert(number, request)),
            None => c.again.push_back(request),
        }
        self.actions(client);
    }

    /// The number of the command; none if it was refused.
    pub fn give(&mut self, client: usize, words: &[&str], expect: Expect) -> Option<CommandNumber> {
        if self.level(client) < 3 {
            let number = self.give_unmanaged(client, words, expect);
            if number.is_none() {
                self.clients[client].in_multi = None;
                self.note(client, format_args!("does not write {words:?}"));
            }
            return number;
        }
        let bytes = encode(words);
        let len = bytes.len();
        let is_half = self.random.chance(self.setup.halves);
        let now_len = if is_half { self.random.range(1, len as u64 - 1) as usize } else { len };
        let Some(submitted) = self.submit_bytes(client, &bytes[..now_len]) else {
            // Without a transport it is refused, and what it belongs to.
            self.clients[client].in_multi = None;
            self.note(client, format_args!("refused {words:?}"));
            return None;
        };
        let c = &mut self.clients[client];
        assert_eq!(submitted.count, 1, "E4: a command begins with its first byte");
        c.ledger.submitted(submitted.first, expect);
        let (number, to) = (submitted.first, submitted.transport);
        let line = format_args!("c{client} submits {number} {words:?}, {} now to {to}", submitted.write_now);
        self.story.detail(self.net.now, number << 8 | to, line);
        if is_half {
            c.tail = bytes[now_len..].to_vec();
            let at = self.net.now + self.random.below(20 * MS);
            self.net.push(at, Event::SubmitRest { client });
        }
        Some(number)
    }

    fn submit_bytes(&mut self, client: usize, bytes: &[u8]) -> Option<Submitted> {
        let now = self.at();
        let submitted = self.clients[client].conn.handle_submit(now, bytes).ok()?;
        assert_eq!(submitted.write_now + submitted.held, bytes.len(), "E4: limits are far away");
        if submitted.write_now > 0 {
            let socket = self.net.find(client, submitted.transport).expect("E4: a live transport");
            self.net.sockets[socket].out.extend_from_slice(&bytes[..submitted.write_now]);
        }
        Some(submitted)
    }

    /// Without a transport it waits: it is dropped when the next one is connected.
    pub fn submit_rest(&mut self, client: usize) {
        let tail = std::mem::take(&mut self.clients[client].tail);
        if tail.is_empty() {
            return;
        }
        match self.submit_bytes(client, &tail) {
            Some(submitted) => {
                assert_eq!(submitted.count, 0, "E4: it had begun before");
                self.note(client, format_args!("submits the rest, {} now", submitted.write_now));
            }
            None => {
                self.clients[client].tail = tail;
                self.net.push(self.net.now + 10 * MS, Event::SubmitRest { client });
            }
        }
        self.pump(client);
    }
}
