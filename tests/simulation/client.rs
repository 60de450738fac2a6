//! The host: what it does with each action, its sockets, its parser, its commands.

use super::faults::{ANSWER_MOST, DIAL_TIMEOUT, TICK_LATE_MOST};
use super::net::{Event, MS, SECOND, State, cut};
use super::world::World;
use crate::world::ledger::{End, Expect, Ledger};
use sch::action::{Action, CloseReason, CommandNumber, LostOutcome, Outcome, RestoreReason, TransportId};
use sch::config::{Config, OnLoss};
use sch::conn::{Connection, Phase, Source, Span, Wait};
use sch::endpoint::{Endpoint, PeerAddr};
use sch::pool::{JoinOptions, Member, Pool, Unowned, WaiterId, Wakes};
use sch::resp::value;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What a command may take where nothing is relaxed.
pub const TIMEOUT: Duration = Duration::from_millis(500);
/// Rounds of one pump; more do not end.
const ROUNDS_MOST: usize = 2_000;

#[derive(Debug)]
pub struct Client {
    pub conn: Connection,
    pub member: Option<Member>,
    pub ledger: Ledger,
    /// When its tick is due.
    pub armed: Option<u64>,
    /// The transport that the pool knows as current.
    known: Option<TransportId>,
    parser: Vec<u8>,
    /// Places to dial, best first, of which one is being dialled.
    places: VecDeque<Endpoint>,
    nth: usize,
    dialing: Option<TransportId>,
    redial_asked: bool,
    pub unanswered_swap: bool,
    settling: bool,
    pub in_multi: Option<Vec<u64>>,
    /// HELLO was answered, which libsch is told next.
    says_ready: bool,
    /// The rest of a command that is half submitted.
    pub tail: Vec<u8>,
    /// Which request a command is a try of.
    pub tries: BTreeMap<CommandNumber, usize>,
    /// Requests to be tried again.
    pub again: VecDeque<usize>,
    /// Somebody uses it; else nobody reads, ticks or writes.
    pub is_owned: bool,
}

impl Client {
    pub fn new(config: &Config, pool: Option<(&Pool, Unowned)>, number: usize) -> Self {
        let config = Config { seed: config.seed ^ number as u64, ..config.clone() };
        let mut conn = Connection::new(config).expect("settings");
        let member = pool.map(|(pool, unowned)| {
            // A waiter's number is its client's.
            let waiter = WaiterId::from_index(number as u32);
            let now = sch::time::Timestamp::from_nanos(1);
            conn.handle_joined(now).expect("joined");
            let (waiter, user) = (Some(waiter), number as u64);
            let options = JoinOptions { waiter, user, unowned, ..JoinOptions::default() };
            pool.join(now, options).0.expect("room")
        });
        Self {
            conn,
            member,
            ledger: Ledger::default(),
            armed: None,
            known: None,
            parser: Vec::new(),
            places: VecDeque::new(),
            nth: 0,
            dialing: None,
            redial_asked: false,
            unanswered_swap: false,
            settling: false,
            in_multi: None,
            says_ready: false,
            tail: Vec::new(),
            tries: BTreeMap::new(),
            again: VecDeque::new(),
            is_owned: true,
        }
    }
}

pub fn peer(node: usize) -> PeerAddr {
    PeerAddr::parse(format!("10.0.0.{}:6379", node + 1).as_bytes()).expect("an address")
}

/// For what must be met in a run of many seeds.
fn name_of(action: &Action) -> &'static str {
    match action {
        Action::Restore { reason: RestoreReason::Terminated } => "restore, terminated",
        Action::Restore { reason: RestoreReason::Expired } => "restore, expired",
        Action::Close { reason: CloseReason::Swapped, .. } => "close, swapped",
        Action::Close { reason: CloseReason::AttemptFailed, .. } => "close, attempt failed",
        Action::Close { reason: CloseReason::Superseded, .. } => "close, superseded",
        Action::Close { reason: CloseReason::HandoffEnded, .. } => "close, handoff ended",
        Action::Close { reason: CloseReason::Loss, .. } => "close, loss",
        Action::Lost { outcome: LostOutcome::Unknown, .. } => "lost, unknown",
        Action::Lost { outcome: LostOutcome::NotExecuted, .. } => "lost, not executed",
        Action::Lost { outcome: LostOutcome::NeverWritten, .. } => "lost, never written",
        Action::HandBack { .. } => "hand back",
        Action::ResetParser => "reset parser",
        Action::Overdue { .. } => "overdue",
        Action::Swap { old: None, .. } => "swap, the old one is dead",
        Action::HandoffFinished { outcome: Outcome::Swapped, .. } => "handoff swapped",
        Action::HandoffFinished { outcome: Outcome::Failed, .. } => "handoff failed",
        Action::HandoffFinished { outcome: Outcome::Refused, .. } => "handoff refused",
        Action::HandoffFinished { outcome: Outcome::Superseded, .. } => "handoff superseded",
        Action::SchOff { .. } => "sch off",
        _ => "another",
    }
}

impl World {
    pub fn note(&mut self, client: usize, line: std::fmt::Arguments<'_>) {
        self.story.say(self.net.now, format_args!("c{client} {line}"));
    }

    /// Whatever there is to do for a client, until there is nothing more.
    pub fn pump(&mut self, client: usize) {
        if !self.clients[client].is_owned {
            return;
        }
        for round in 0.. {
            assert!(round < ROUNDS_MOST, "client {client} does not come to rest");
            let mut moved = self.exchange(client);
            moved |= self.actions(client);
            moved |= self.ready(client);
            moved |= self.write(client);
            moved |= self.read(client);
            if !moved {
                break;
            }
        }
        self.show_trace(client);
        let c = &mut self.clients[client];
        let is_lost = c.conn.phase() == Phase::Detached && c.conn.current().is_none();
        if is_lost && c.dialing.is_none() && !std::mem::replace(&mut c.redial_asked, true) {
            let late = self.random.range(MS, 50 * MS);
            self.net.push(self.net.now + late, Event::Redial { client });
        }
        self.arm(client);
    }

    /// For readers: it replays as a scenario.
    fn show_trace(&mut self, client: usize) {
        while let Some(line) = self.clients[client].conn.poll_trace() {
            self.story.aside(self.net.now, format_args!("c{client}| {line}"));
        }
    }

    fn ready(&mut self, client: usize) -> bool {
        let now = self.at();
        let c = &mut self.clients[client];
        let Some(current) = c.conn.current().filter(|_| std::mem::take(&mut c.says_ready)) else {
            return false;
        };
        if c.conn.handle_ready(now, current).is_err() {
            self.given_up(client, current);
        }
        true
    }

    /// What is due goes before an input, and may have ended the transport that it is about: then CLOSE has been told.
    fn given_up(&mut self, client: usize, transport: TransportId) {
        self.actions(client);
        assert!(
            self.net.find(client, transport).is_none(),
            "an input was refused for the live transport {transport}"
        );
        self.story.met.insert("an input that came too late");
    }

    pub fn arm(&mut self, client: usize) {
        let Some(deadline) = self.clients[client].conn.next_deadline() else { return };
        let late = !self.is_quiet && self.random.chance(self.setup.lazy);
        let at = self.net_time(deadline) + if late { self.random.below(TICK_LATE_MOST) } else { 0 };
        if self.clients[client].armed.is_none_or(|armed| at < armed) {
            self.clients[client].armed = Some(at);
            self.net.push(at, Event::Tick { client });
        }
    }

    pub fn tick(&mut self, client: usize) {
        let now = self.at();
        let c = &mut self.clients[client];
        c.armed = None;
        if c.is_owned {
            c.conn.handle_tick(now).expect("tick");
            self.pump(client);
        }
    }

    /// What is heard goes to the pool, its mail comes back.
    fn exchange(&mut self, client: usize) -> bool {
        let now = self.at();
        let Some(pool) = &self.pool else { return false };
        let c = &mut self.clients[client];
        let member = c.member.as_ref().expect("all are members");
        let mut wakes = Wakes::default();
        let mut moved = false;
        while let Some(heard) = c.conn.poll_heard() {
            wakes.merge(pool.report(now, member, heard));
            moved = true;
        }
        let current = c.conn.current();
        if current.is_some() && current != c.known {
            c.known = current;
            let socket =
                current.and_then(|id| self.net.find(client, id)).expect("a current transport is open");
            wakes.merge(pool.moved(now, member, Some(peer(self.net.sockets[socket].node)), None));
        }
        let mut mail = Vec::new();
        if member.has_mail() {
            pool.mail(member, &mut mail);
        }
        for told in mail {
            c.conn.handle_told(now, told).expect("told");
            moved = true;
        }
        self.wake(&wakes);
        moved
    }

    // ---- sockets ---------------------------------------------------------------------------------------------------

    fn write(&mut self, client: usize) -> bool {
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
    fn read(&mut self, client: usize) -> bool {
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
        let s = &mut self.net.sockets[socket];
        let c = &mut self.clients[client];
        let n = cut(&mut self.random, s.inbox.len());
        let data: Vec<u8> = s.inbox.drain(..n).collect();
        let mut room = vec![Span::EMPTY; self.random.range(2, 9) as usize];
        let transport = s.transport;
        let Ok(received) = c.conn.handle_receive(now, transport, &data, &mut room) else {
            self.given_up(client, transport);
            return true;
        };
        for span in &room[..received.spans] {
            let range = span.start..span.start + span.len;
            match span.source {
                Source::Input => c.parser.extend_from_slice(&data[range]),
                Source::Owned => c.parser.extend_from_slice(&c.conn.owned()[range]),
            }
        }
        data[received.consumed..].iter().rev().for_each(|b| s.inbox.push_front(*b));
        self.parse(client);
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
                let number = c.ledger.answered(frame);
                if let Some(request) = c.tries.remove(&number) {
                    self.requests[request].answers += 1;
                }
            }
            // The driver's HELLO: its handshake has ended, also where nothing else follows.
            c.says_ready |= frame.starts_with('%');
            self.story.detail(self.net.now, len as u64, format_args!("c{client} reply {frame:?}"));
        }
    }

    fn closed(&mut self, client: usize, socket: usize) {
        let now = self.at();
        let s = &mut self.net.sockets[socket];
        let (unwritten, transport) = (std::mem::take(&mut s.out), s.transport);
        self.net.close(socket);
        self.note(client, format_args!("closed {transport}, {} unwritten", unwritten.len()));
        self.clients[client].conn.handle_closed(now, transport, &unwritten).expect("closed");
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

    // ---- connects --------------------------------------------------------------------------------------------------

    fn connect(&mut self, client: usize, transport: TransportId, to: &Endpoint, is_candidate: bool) {
        let node = match to.host.strip_prefix("node") {
            Some(number) => number.parse().expect("a node"),
            None => self.resolved,
        };
        let socket = self.net.open(client, transport, node, is_candidate);
        self.note(client, format_args!("connects {transport} to {to} (node {node})"));
        let delay = self.delay();
        let (refuse, hang) = if self.is_quiet { (0, 0) } else { (self.setup.refuse, self.setup.hang) };
        let ok = !self.random.chance(refuse);
        let at = self.net.now + if self.random.chance(hang) { 20 * SECOND } else { delay };
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
            }
        } else {
            c.conn.handle_connect_failed(now, transport).expect("connect failed");
        }
        if dialled {
            self.clients[client].dialing = None;
            self.dial_ended(client, ok);
            if ok && !self.setup.by_libsch {
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

    // ---- actions ---------------------------------------------------------------------------------------------------

    pub fn actions(&mut self, client: usize) -> bool {
        let mut moved = false;
        while let Some(action) = self.clients[client].conn.poll_action() {
            moved = true;
            self.note(client, format_args!("{action}"));
            self.story.met.insert(name_of(&action));
            self.act(client, action);
        }
        moved
    }

    fn act(&mut self, client: usize, action: Action) {
        let c = &mut self.clients[client];
        match action {
            Action::Relax { .. } => c.ledger.relax(),
            Action::Restore { .. } => c.ledger.restore(),
            Action::Open { transport, endpoint, .. } => self.connect(client, transport, &endpoint, true),
            Action::Close { transport, reason } => {
                if reason == CloseReason::Loss {
                    c.parser.clear();
                }
                if let Some(socket) = self.net.find(client, transport) {
                    self.net.close(socket);
                    let delay = self.delay();
                    self.net.send_to_server(socket, delay, Event::ClientClosed { socket });
                }
            }
            Action::Swap { new, .. } => {
                let open =
                    self.net.find(client, new).is_some_and(|s| self.net.sockets[s].state == State::Open);
                assert!(open, "H4: SWAP to a candidate that is not open");
                c.unanswered_swap = true;
                let ok = self.is_quiet || !self.random.chance(self.setup.refuse_swap);
                if self.random.chance(self.setup.lazy) {
                    let at = self.net.now + self.random.below(ANSWER_MOST);
                    self.net.push(at, Event::AnswerSwap { client, transport: new, ok });
                } else {
                    self.answer_swap(client, new, ok);
                }
            }
            Action::Lost { first, count, outcome, replies, .. } => {
                let end = match outcome {
                    LostOutcome::Unknown => End::Unknown,
                    LostOutcome::NotExecuted => End::NotExecuted,
                    LostOutcome::NeverWritten => End::NeverWritten,
                };
                c.ledger.lost(first, count, end);
                self.try_again(client, first, count, end);
                let c = &mut self.clients[client];
                if self.setup.on_loss == OnLoss::Reply {
                    let errors = replies.iter().filter(|b| **b == b'\n').count();
                    c.ledger.stood_in(first, count, errors);
                } else if !std::mem::replace(&mut c.settling, true) {
                    let late = if self.random.chance(self.setup.lazy) { ANSWER_MOST } else { 1 };
                    let at = self.net.now + self.random.below(late);
                    self.net.push(at, Event::SettleLosses { client });
                }
            }
            Action::HandBack { first, count, .. } => {
                c.ledger.handed_back(first, count);
                self.try_again(client, first, count, End::HandedBack);
            }
            Action::ResetParser => c.parser.clear(),
            Action::HandoffFinished { .. } => c.ledger.handoffs_finished += 1,
            _ => {}
        }
    }

    pub fn answer_swap(&mut self, client: usize, transport: TransportId, ok: bool) {
        let now = self.at();
        let c = &mut self.clients[client];
        // It may be over meanwhile, or another one be asked.
        let asked = c.unanswered_swap && c.conn.phase() == Phase::Swapping;
        if !asked || self.net.find(client, transport).is_none() {
            return;
        }
        c.unanswered_swap = false;
        let answer = if ok { c.conn.handle_swapped(now) } else { c.conn.handle_swap_refused(now) };
        assert!(answer.is_ok() || c.conn.phase() != Phase::Swapping, "an answer to SWAP: {answer:?}");
        self.note(client, format_args!("swapped: {ok}"));
        self.pump(client);
    }

    pub fn settle_losses(&mut self, client: usize) {
        let now = self.at();
        let c = &mut self.clients[client];
        c.settling = false;
        c.conn.handle_losses_settled(now).expect("settled");
        self.pump(client);
    }
}
