//! Real connections, at level 1, as members of one pool, in virtual time: nodes that come up late, a second MOVING, a null
//! endpoint. All swap once, to the right place.

mod support {
    pub mod pool;
}

use sch::action::{Action, Outcome, TransportId};
use sch::config::{Config, LevelIn, LevelOut};
use sch::conn::Connection;
use sch::endpoint::PeerAddr;
use sch::exchange::Told;
use sch::pool::{JoinOptions, Member, Pool, WaiterId, Wakes};
use sch::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use support::pool::{at, config, ms, peer};

/// A connect takes this long, when it works and when it is refused.
const CONNECT: u64 = 20;

/// When it is done, whose it is, its id, and where it led.
type Connect = (Timestamp, usize, TransportId, Option<PeerAddr>);

struct One {
    conn: Connection,
    member: Member,
    current: Option<TransportId>,
    /// Peers of transports by id.
    peers: BTreeMap<TransportId, PeerAddr>,
    finished: Vec<Outcome>,
}

/// What is up at a time: the peer that a dial to that host reaches.
type Network<'a> = dyn Fn(Timestamp, &str) -> Option<PeerAddr> + 'a;
/// What a node says on a new connection to it.
type Greeting<'a> = dyn Fn(Timestamp, PeerAddr) -> Option<Vec<u8>> + 'a;

struct Client<'a> {
    pool: &'a Pool,
    all: Vec<One>,
    called: BTreeSet<usize>,
    by_waiter: BTreeMap<u32, usize>,
    /// Connects under way: when, whose, which, to whom (port 1: nobody).
    connects: BinaryHeap<Reverse<Connect>>,
    /// Deadlines of connections.
    alarms: BinaryHeap<Reverse<(Timestamp, usize)>>,
    network: &'a Network<'a>,
    greeting: &'a Greeting<'a>,
    dials: usize,
    refused: usize,
    now: Timestamp,
}

const OLD: &str = "10.0.0.1:6379";

impl<'a> Client<'a> {
    fn new(pool: &'a Pool, count: usize, network: &'a Network<'a>, greeting: &'a Greeting<'a>) -> Self {
        let (called, by_waiter, all) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
        let (connects, alarms) = (BinaryHeap::new(), BinaryHeap::new());
        let (dials, refused, now) = (0, 0, at(0));
        let mut client =
            Self { pool, all, called, by_waiter, connects, alarms, network, greeting, dials, refused, now };
        for index in 0..count {
            let waiter = pool.add_waiter().expect("room");
            client.by_waiter.insert(waiter.index(), index);
            client.open(waiter, index as u64);
        }
        client
    }

    fn open(&mut self, waiter: WaiterId, seed: u64) {
        let mut conn = Connection::new(Config {
            level_in: LevelIn::Notified,
            level_out: LevelOut::Notified,
            host: "db.example.com".to_owned(),
            seed,
            ..Config::default()
        })
        .expect("settings");
        let id = conn.dial(at(0), 0).expect("dial").expect("a place").transport;
        let address = peer(OLD);
        conn.handle_connected(at(0), id, Some(address)).expect("connected");
        conn.handle_joined(at(0)).expect("joined");
        let options = JoinOptions { peer: Some(address), waiter: Some(waiter), ..JoinOptions::default() };
        let member = self.pool.join(at(0), options).0.expect("room");
        let (peers, current) = (BTreeMap::from([(id, address)]), Some(id));
        self.all.push(One { conn, member, current, peers, finished: Vec::new() });
        let index = self.all.len() - 1;
        self.all[index].conn.handle_ready(at(0), id).expect("ready");
        self.settle(at(0), index);
    }

    fn wake(&mut self, wakes: &Wakes) {
        self.called.extend(wakes.waiters().iter().map(|waiter| self.by_waiter[&waiter.index()]));
    }

    /// What the C glue does after each input, then the actions.
    fn settle(&mut self, now: Timestamp, index: usize) {
        for _ in 0..20 {
            self.exchange(now, index);
            let Some(action) = self.all[index].conn.poll_action() else { break };
            self.act(now, index, action);
        }
        assert!(self.all[index].conn.poll_action().is_none(), "actions do not end");
        if let Some(deadline) = self.all[index].conn.next_deadline() {
            self.alarms.push(Reverse((deadline, index)));
        }
    }

    fn exchange(&mut self, now: Timestamp, index: usize) {
        let (one, pool) = (&mut self.all[index], self.pool);
        let mut wakes = Wakes::default();
        while let Some(heard) = one.conn.poll_heard() {
            wakes.merge(pool.report(now, &one.member, heard));
        }
        if one.conn.current() != one.current {
            one.current = one.conn.current();
            let address = one.current.and_then(|id| one.peers.get(&id).copied());
            wakes.merge(pool.moved(now, &one.member, address, None));
        }
        let mut mail: Vec<Told> = Vec::new();
        pool.mail(&one.member, &mut mail);
        for told in mail {
            one.conn.handle_told(now, told).expect("told");
        }
        while let Some(heard) = one.conn.poll_heard() {
            wakes.merge(pool.report(now, &one.member, heard));
        }
        self.wake(&wakes);
    }

    fn act(&mut self, now: Timestamp, index: usize, action: Action) {
        let conn = &mut self.all[index].conn;
        match action {
            Action::SendOptin { transport, replies, .. } => {
                for _ in 0..replies {
                    conn.handle_optin_reply(now, transport, b"+OK\r\n").expect("a reply");
                }
            }
            Action::Open { transport, endpoint, .. } => {
                self.dials += 1;
                let reached = (self.network)(now, &endpoint.host);
                self.connects.push(Reverse((now + ms(CONNECT), index, transport, reached)));
            }
            Action::Hold { .. } => conn.handle_held(now).expect("held"),
            Action::Swap { .. } => conn.handle_swapped(now).expect("swapped"),
            Action::HandoffFinished { outcome, .. } => self.all[index].finished.push(outcome),
            _ => {}
        }
    }

    fn connected(&mut self, now: Timestamp, index: usize, id: TransportId, reached: Option<PeerAddr>) {
        let one = &mut self.all[index];
        let Some(address) = reached else {
            self.refused += 1;
            // It may have been given up meanwhile.
            let _ = one.conn.handle_connect_failed(now, id);
            self.settle(now, index);
            return;
        };
        if one.conn.handle_connected(now, id, Some(address)).is_ok() {
            one.peers.insert(id, address);
            one.conn.handle_ready(now, id).expect("ready");
            if let Some(push) = (self.greeting)(now, address) {
                one.conn.handle_push(now, id, &push).expect("a push");
            }
        }
        self.settle(now, index);
    }

    fn read(&mut self, now: Timestamp, index: usize, push: &[u8]) {
        let id = self.all[index].conn.current().expect("a transport");
        self.all[index].conn.handle_push(now, id, push).expect("a push");
        self.settle(now, index);
    }

    fn run(&mut self, until: Timestamp) {
        loop {
            while let Some(index) = self.called.pop_first() {
                self.settle(self.now, index);
            }
            let connect = self.connects.peek().map(|Reverse((when, ..))| *when);
            let alarm = self.alarms.peek().map(|Reverse((when, _))| *when);
            let next = [connect, alarm, self.pool.next_deadline()].into_iter().flatten().min();
            let Some(now) = next.filter(|next| *next <= until) else { return };
            self.now = now;
            let wakes = self.pool.tick(now);
            self.wake(&wakes);
            while let Some(Reverse((when, index, id, reached))) = self.connects.peek().copied()
                && when <= now
            {
                self.connects.pop();
                self.connected(now, index, id, reached);
            }
            while let Some(Reverse((when, index))) = self.alarms.peek().copied()
                && when <= now
            {
                self.alarms.pop();
                if self.all[index].conn.next_deadline().is_some_and(|deadline| deadline <= now) {
                    self.all[index].conn.handle_tick(now).expect("tick");
                    self.settle(now, index);
                }
            }
            while self.pool.poll_event().is_some() {}
        }
    }

    /// How many are at that peer.
    fn are_at(&self, address: &str) -> usize {
        let address = peer(address);
        let there = |one: &&One| one.conn.current().is_some_and(|id| one.peers.get(&id) == Some(&address));
        self.all.iter().filter(there).count()
    }

    fn swapped_once(&self) -> usize {
        let once = |one: &&One| one.finished.iter().filter(|o| **o == Outcome::Swapped).count() == 1;
        self.all.iter().filter(once).count()
    }
}

const TO_B: &[u8] = b">4\r\n+MOVING\r\n:1\r\n:15\r\n$6\r\nb:6379\r\n";
const TO_C: &[u8] = b">4\r\n+MOVING\r\n:2\r\n:15\r\n$6\r\nc:6379\r\n";
const TO_NULL: &[u8] = b">4\r\n+MOVING\r\n:1\r\n:15\r\n_\r\n";

fn quiet(_: Timestamp, _: PeerAddr) -> Option<Vec<u8>> {
    None
}

fn named(_: Timestamp, host: &str) -> Option<PeerAddr> {
    Some(peer(match host {
        "b" => "10.0.0.2:6379",
        "c" => "10.0.0.3:6379",
        _ => OLD,
    }))
}

#[test]
fn p1_p3_one_moving_hands_all_off_once() {
    let pool = Pool::new(config());
    let mut client = Client::new(&pool, 300, &named, &quiet);
    client.read(at(1), 17, TO_B);
    client.run(at(12_000));
    assert_eq!((client.are_at("10.0.0.2:6379"), client.swapped_once()), (300, 300));
    assert_eq!(client.dials, 300);
    let counters = pool.counters();
    assert_eq!((counters.handoffs_asked, counters.handoffs_swapped, counters.grants), (300, 300, 300));
    assert_eq!((counters.notifications, counters.notifications_told, counters.nodes), (1, 299, 2));
    client.run(at(80_000));
    assert_eq!((pool.counters().handoffs_late, client.dials), (0, 300));
}

#[test]
fn p1_p3_it_makes_no_difference_if_all_of_them_read_it() {
    let pool = Pool::new(config());
    let mut client = Client::new(&pool, 300, &named, &quiet);
    (0..300).for_each(|index| client.read(at(1), index, TO_B));
    client.run(at(12_000));
    assert_eq!((client.are_at("10.0.0.2:6379"), client.swapped_once(), client.dials), (300, 300, 300));
    assert_eq!((pool.counters().grants, pool.counters().handoffs_asked), (300, 300));
}

#[test]
fn p4_a_node_that_comes_up_after_3_s_is_tried_by_few_and_reached_by_all() {
    let pool = Pool::new(config());
    let network = |now: Timestamp, host: &str| named(now, host).filter(|_| now >= at(3_000));
    let mut client = Client::new(&pool, 300, &network, &quiet);
    client.read(at(1), 0, TO_B);
    client.run(at(14_000));
    assert_eq!((client.are_at("10.0.0.2:6379"), client.swapped_once()), (300, 300));
    assert!(client.refused < 30, "{} refused attempts", client.refused);
    assert_eq!(pool.counters().handoffs_late, 0);
}

#[test]
fn h8_a_second_moving_leads_all_to_the_second_place() {
    let pool = Pool::new(config());
    let mut client = Client::new(&pool, 300, &named, &quiet);
    client.read(at(1), 0, TO_B);
    client.run(at(300));
    let at_b = client.are_at("10.0.0.2:6379");
    assert!(at_b > 0 && at_b < 300, "some are at b: {at_b}");
    // The old node says c now, and so does b.
    let old = (0..300).find(|i| client.all[*i].finished.is_empty()).expect("one at the old node");
    let new = (0..300).find(|i| !client.all[*i].finished.is_empty()).expect("one at b");
    client.read(at(300), old, TO_C);
    client.read(at(301), new, TO_C);
    client.run(at(14_000));
    assert_eq!(client.are_at("10.0.0.3:6379"), 300);
    let counters = pool.counters();
    assert_eq!(counters.handoffs_late, 0);
    client.run(at(80_000));
    assert_eq!((client.are_at("10.0.0.3:6379"), pool.counters().handoffs_late), (300, 0));
}

#[test]
fn h7_a_null_endpoint_is_tried_after_half_time_and_until_the_new_proxy_answers() {
    let pool = Pool::new(config());
    let new = "10.0.0.7:6379";
    let network =
        |now: Timestamp, _: &str| Some(if now < at(9_000) { peer(OLD) } else { peer("10.0.0.7:6379") });
    let greeting = |now: Timestamp, _: PeerAddr| (now < at(9_000)).then(|| TO_NULL.to_vec());
    let mut client = Client::new(&pool, 300, &network, &greeting);
    client.read(at(1), 0, TO_NULL);
    client.run(at(7_499));
    assert_eq!(client.dials, 0);
    client.run(at(14_999));
    assert_eq!((client.are_at(new), client.swapped_once()), (300, 300));
    assert!((302..330).contains(&client.dials), "{} dials", client.dials);
}
