//! A client in virtual time: members of one pool, each with a stand-in for its connection, whose attempts take as long as the
//! test says.
#![allow(dead_code)] // each test uses a part

use sch::action::Outcome;
use sch::config::Config;
use sch::endpoint::{Endpoint, PeerAddr};
use sch::exchange::{Heard, Told};
use sch::notification::{Body, Kind, MovingTarget, Notification, Shards};
use sch::pool::{Event, JoinOptions, Member, Pool, PoolConfig, Unowned, Wakes};
use sch::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

pub fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn endpoint(host: &str) -> Endpoint {
    Endpoint::new(host, 6379).expect("a host")
}

pub fn peer(text: &str) -> PeerAddr {
    PeerAddr::parse(text.as_bytes()).expect("an address")
}

pub fn config() -> PoolConfig {
    PoolConfig::from(&Config { host: "db.example.com".to_owned(), seed: 7, ..Config::default() })
}

/// MOVING with 15 s to go; `None` is a null endpoint.
pub fn moving(seq: u64, to: Option<&str>) -> Notification {
    let target = to.map_or(MovingTarget::Null, |host| MovingTarget::Named(endpoint(host)));
    Notification { kind: Kind::Moving, seq: Some(seq), time: Some(15), body: Body::Moving(target) }
}

pub fn notice(kind: Kind, seq: u64, shards: &[u64]) -> Notification {
    let shards = (!shards.is_empty()).then(|| shards.iter().copied().collect::<Shards>());
    Notification { kind, seq: Some(seq), time: None, body: Body::Shards(shards) }
}

pub fn read(n: Notification, at: Timestamp) -> Heard {
    Heard::Notice { notification: n, arrived: at }
}

pub fn join(pool: &Pool, options: JoinOptions) -> Member {
    pool.join(at(0), options).0.expect("room")
}

/// A member at that peer that somebody owns.
pub fn owned(pool: &Pool, address: &str) -> Member {
    join(pool, JoinOptions { peer: Some(peer(address)), ..JoinOptions::default() })
}

pub fn idle(pool: &Pool, address: &str, unowned: Unowned) -> Member {
    join(pool, JoinOptions { peer: Some(peer(address)), idle: true, unowned, ..JoinOptions::default() })
}

pub fn mail(pool: &Pool, member: &Member) -> Vec<Told> {
    let mut out = Vec::new();
    pool.mail(member, &mut out);
    out
}

/// The kinds and seqs told, and `Grant` as "grant".
pub fn words(told: &[Told]) -> Vec<String> {
    told.iter()
        .map(|one| match one {
            Told::Notice { notification, .. } => notification.to_string(),
            Told::Grant => "grant".to_owned(),
            Told::OptinRefused { endpoint, .. } => format!("refused {endpoint}"),
            other => format!("{other:?}"),
        })
        .collect()
}

pub fn events(pool: &Pool) -> Vec<Event> {
    std::iter::from_fn(|| pool.poll_event()).collect()
}

/// How an attempt of the stand-in goes: how long it takes, and whether it is ready then.
pub type Attempt<'a> = dyn FnMut(Timestamp) -> (Duration, bool) + 'a;

/// Members that do what they are told. Each has a waiter and is called by its index.
pub struct World<'a> {
    pub pool: &'a Pool,
    pub members: Vec<Member>,
    owned: Vec<bool>,
    by_waiter: BTreeMap<u32, usize>,
    /// Woken, or named by the feed.
    called: Vec<usize>,
    /// Ends of attempts: when, whose, begun when, ready?
    under_way: BinaryHeap<Reverse<(Timestamp, usize, Timestamp, bool)>>,
    /// When each was ready.
    pub ready: Vec<Option<Timestamp>>,
    /// Most attempts at once.
    pub peak: usize,
    /// Attempts that failed.
    pub failures: usize,
    /// Events that are not HANDOFF.
    pub events: Vec<Event>,
    pub target: Option<Endpoint>,
    /// In which order attempts began.
    pub order: Vec<usize>,
}

impl<'a> World<'a> {
    /// `idle` members that nobody owns, `owned` after them, all at one node.
    pub fn new(pool: &'a Pool, idle: usize, owned: usize, target: Option<&str>) -> Self {
        let mut world = Self {
            pool,
            members: Vec::new(),
            owned: Vec::new(),
            by_waiter: BTreeMap::new(),
            called: Vec::new(),
            under_way: BinaryHeap::new(),
            ready: vec![None; idle + owned],
            peak: 0,
            failures: 0,
            events: Vec::new(),
            target: target.map(endpoint),
            order: Vec::new(),
        };
        for index in 0..idle + owned {
            let waiter = pool.add_waiter().expect("room");
            let options = JoinOptions {
                peer: Some(peer("10.0.0.1:6379")),
                idle: index < idle,
                unowned: Unowned::Handoff,
                waiter: Some(waiter),
                user: index as u64,
                ..JoinOptions::default()
            };
            world.members.push(join(pool, options));
            world.owned.push(index >= idle);
            world.by_waiter.insert(waiter.index(), index);
        }
        world
    }

    /// A member reads `n`.
    pub fn read(&mut self, now: Timestamp, index: usize, n: Notification) {
        let wakes = self.pool.report(now, &self.members[index], read(n, now));
        self.wake(&wakes);
    }

    fn wake(&mut self, wakes: &Wakes) {
        for waiter in wakes.waiters() {
            self.called.push(self.by_waiter[&waiter.index()]);
        }
    }

    fn call(&mut self, now: Timestamp, attempt: &mut Attempt<'_>) {
        while let Some(event) = self.pool.poll_event() {
            match event {
                Event::Handoff { user, .. } => {
                    self.members[user as usize].take();
                    self.called.push(user as usize);
                }
                other => self.events.push(other),
            }
        }
        for index in std::mem::take(&mut self.called) {
            for told in mail(self.pool, &self.members[index]) {
                if told == Told::Grant && self.ready[index].is_none() {
                    let (took, ok) = attempt(now);
                    self.under_way.push(Reverse((now + took, index, now, ok)));
                    self.order.push(index);
                }
            }
        }
        self.peak = self.peak.max(self.under_way.len());
    }

    fn end(&mut self, now: Timestamp, index: usize, begun: Timestamp, ok: bool) {
        let (pool, endpoint) = (self.pool, self.target.clone());
        let wakes =
            pool.report(now, &self.members[index], Heard::Attempt { endpoint, ok, took: now.since(begun) });
        self.wake(&wakes);
        if !ok {
            self.failures += 1;
            return;
        }
        self.ready[index] = Some(now);
        let heard =
            Heard::Finished { outcome: Outcome::Swapped, took: now.since(begun), pause: Duration::ZERO };
        let wakes = pool.report(now, &self.members[index], heard);
        self.wake(&wakes);
        if !self.owned[index] {
            let wakes = pool.give(now, &self.members[index]);
            self.wake(&wakes);
        }
    }

    /// Runs until nothing is to be done before `until`.
    pub fn run(&mut self, from: Timestamp, until: Timestamp, attempt: &mut Attempt<'_>) {
        let mut now = from;
        loop {
            let wakes = self.pool.tick(now);
            self.wake(&wakes);
            self.call(now, attempt);
            while let Some(Reverse((end, index, begun, ok))) = self.under_way.peek().copied()
                && end <= now
            {
                self.under_way.pop();
                self.end(now, index, begun, ok);
            }
            self.call(now, attempt);
            let end = self.under_way.peek().map(|Reverse((end, ..))| *end);
            match [end, self.pool.next_deadline()].into_iter().flatten().min() {
                Some(next) if next <= until => now = next.max(now),
                _ => return,
            }
        }
    }

    pub fn done_by(&self, deadline: Timestamp) -> usize {
        self.ready.iter().flatten().filter(|at| **at <= deadline).count()
    }
}
