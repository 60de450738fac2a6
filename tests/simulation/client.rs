//! The host: what one client is, and the loop that it runs.

use super::faults::{BUSY_MOST, Setup};
use super::net::{Event, MS};
use super::unmanaged::Driver;
use super::world::World;
use crate::world::ledger::Ledger;
use sch::action::{CommandNumber, TransportId};
use sch::config::Config;
use sch::conn::{Connection, Phase};
use sch::endpoint::{Endpoint, PeerAddr};
use sch::pool::{JoinOptions, Member, Pool, WaiterId, Wakes};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    /// Its host does something else until then.
    busy_until: u64,
    /// The transport that the pool knows as current.
    known: Option<TransportId>,
    pub parser: Vec<u8>,
    /// Places to dial, best first, of which one is being dialled.
    pub places: VecDeque<Endpoint>,
    pub nth: usize,
    pub dialing: Option<TransportId>,
    pub redial_asked: bool,
    pub unanswered_swap: bool,
    pub settling: bool,
    pub in_multi: Option<Vec<u64>>,
    /// HELLO was answered, which libsch is told next.
    pub says_ready: bool,
    /// The rest of a command that is half submitted.
    pub tail: Vec<u8>,
    /// Which request a command is a try of.
    pub tries: BTreeMap<CommandNumber, usize>,
    /// Requests to be tried again.
    pub again: VecDeque<usize>,
    /// At levels 1 and 2.
    pub driver: Option<Driver>,
    /// CLUSTER SLOTS that were sent, with the seq that goes with the reply.
    pub maps: BTreeMap<CommandNumber, Option<u64>>,
    /// SLOTS_MOVED, by seq.
    pub slots_moved: BTreeSet<u64>,
    /// Somebody uses it; else nobody reads, ticks or writes.
    pub is_owned: bool,
}

impl Client {
    /// `config` is of all clients.
    pub fn new(config: &Config, setup: &Setup, pool: Option<&Pool>, number: usize) -> Self {
        let level = setup.levels[number];
        let host = setup.home(number).map_or_else(|| config.host.clone(), |node| format!("node{node}"));
        let config = Config { seed: config.seed ^ number as u64, host, ..config.clone() };
        let driver = (level < 3).then(|| Driver::new(level, config.seed));
        let config = if level < 3 { Driver::config(level, &config) } else { config };
        let mut conn = Connection::new(config).expect("settings");
        let member = pool.map(|pool| {
            // A waiter's number is its client's.
            let waiter = WaiterId::from_index(number as u32);
            let now = sch::time::Timestamp::from_nanos(1);
            conn.handle_joined(now).expect("joined");
            let (waiter, user) = (Some(waiter), number as u64);
            let options = JoinOptions { waiter, user, unowned: setup.unowned, ..JoinOptions::default() };
            pool.join(now, options).0.expect("room")
        });
        Self {
            conn,
            member,
            ledger: Ledger::default(),
            armed: None,
            busy_until: 0,
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
            driver,
            maps: BTreeMap::new(),
            slots_moved: BTreeSet::new(),
            is_owned: true,
        }
    }
}

pub fn peer(node: usize) -> PeerAddr {
    PeerAddr::parse(format!("10.0.0.{}:6379", node + 1).as_bytes()).expect("an address")
}

impl World {
    pub fn note(&mut self, client: usize, line: std::fmt::Arguments<'_>) {
        self.story.say(self.net.now, format_args!("c{client} {line}"));
    }

    /// Whatever there is to do for a client, until there is nothing more.
    pub fn pump(&mut self, client: usize) {
        let c = &self.clients[client];
        if !c.is_owned || self.net.now < c.busy_until {
            return;
        }
        for round in 0.. {
            assert!(round < ROUNDS_MOST, "client {client} does not come to rest");
            let mut moved = self.exchange(client);
            moved |= self.actions(client);
            moved |= self.ready(client);
            moved |= self.write_queued(client);
            moved |= self.write(client);
            moved |= self.read(client);
            if !moved {
                break;
            }
        }
        self.cluster_actions();
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
    pub fn given_up(&mut self, client: usize, transport: TransportId) {
        self.actions(client);
        assert!(
            self.net.find(client, transport).is_none(),
            "an input was refused for the live transport {transport}"
        );
        self.story.met.insert("an input that came too late");
    }

    pub fn arm(&mut self, client: usize) {
        let Some(deadline) = self.clients[client].conn.next_deadline() else { return };
        let at = self.net_time(deadline);
        if self.clients[client].armed.is_none_or(|armed| at < armed) {
            self.clients[client].armed = Some(at);
            self.net.push(at, Event::Tick { client });
        }
    }

    pub fn tick(&mut self, client: usize) {
        let now = self.at();
        let c = &mut self.clients[client];
        c.armed = None;
        let was_busy = self.net.now == c.busy_until;
        if !was_busy && !self.is_quiet && self.net.now > c.busy_until && self.random.chance(self.setup.lazy) {
            let most = self.random.of(&BUSY_MOST);
            c.busy_until = self.net.now + self.random.range(1, most);
        }
        if self.net.now < c.busy_until {
            c.armed = Some(c.busy_until);
            self.net.push(c.busy_until, Event::Tick { client });
            return;
        }
        self.pump(client);
        let c = &mut self.clients[client];
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
}
