//! The driver of level 3: what it is, and its loop of steps. Its sockets, its parser and its commands are its own. The real thing
//! under test is its [`Connection`].

mod actions;
mod commands;
mod rest;
mod servers;
mod wire;

use super::announce::Announcer;
use super::ledger::{Expect, Ledger};
use super::server::{Log, Server};
use super::step::{Setup, Step};
use sch::config::{BlockingPolicy, Config, Handshake, OnLoss};
use sch::conn::{Connection, Phase};
use sch::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

#[derive(Debug)]
struct Socket {
    connecting: bool,
    /// Bytes that `submit` gave, not yet written.
    out: Vec<u8>,
    server: Server,
}

#[derive(Debug)]
pub struct World {
    pub conn: Connection,
    pub now: u64,
    sockets: BTreeMap<u64, Socket>,
    /// Sockets that the driver closed: what they were sent still runs.
    zombies: Vec<Server>,
    log: Log,
    pub ledger: Ledger,
    parser: Vec<u8>,
    /// The rest of a command that is half submitted.
    tail: Vec<u8>,
    tail_expect: Option<Expect>,
    in_multi: Option<Vec<u64>>,
    next_id: u64,
    next_push: u64,
    announcer: Announcer,
    swap_asked: bool,
    /// The current transport said what is no RESP: the driver closes it.
    broken: bool,
    lazy_swap: bool,
    refuse_optin: bool,
    /// How often it has changed, if servers want one.
    password: Option<u64>,
    on_loss: OnLoss,
    by_libsch: bool,
    tight: bool,
    /// The next command, or all, have no reply.
    skip: bool,
    off: bool,
    /// RESP2 is spoken, or a stream follows: only plain commands from here on.
    plain: bool,
    /// What `submit` did not take: given again after RESUME.
    refused: Option<(Vec<u8>, Expect)>,
    resume: bool,
    closed: bool,
    /// Every action, in words: the same steps must give the same text.
    pub story: String,
}

impl World {
    pub fn new(setup: Setup) -> Self {
        let on_loss = [OnLoss::Report, OnLoss::Reply, OnLoss::Close][usize::from(setup.on_loss % 3)];
        let blocking =
            if setup.swap_over_blocking { BlockingPolicy::Swap } else { BlockingPolicy::WaitForClose };
        let handshake = if setup.by_libsch { Handshake::ByLibsch } else { Handshake::Seen };
        let mut config = Config {
            handshake,
            host: "node0".into(),
            port: 1,
            seed: setup.seed,
            on_loss,
            blocking,
            ..Config::default()
        };
        if setup.wants_password {
            (config.username, config.password) = (Some("u".into()), Some("p0".into()));
        }
        if setup.tight {
            config.limits.max_held_bytes = 120;
            config.limits.max_held_commands = 4;
            config.limits.max_in_flight = 4;
        }
        let mut world = Self {
            conn: Connection::new(config).expect("config"),
            now: 1_000_000_000,
            sockets: BTreeMap::new(),
            zombies: Vec::new(),
            log: Log::default(),
            ledger: Ledger::default(),
            parser: Vec::new(),
            tail: Vec::new(),
            tail_expect: None,
            in_multi: None,
            next_id: 1,
            next_push: 1,
            announcer: Announcer::default(),
            swap_asked: false,
            broken: false,
            lazy_swap: setup.lazy_swap,
            refuse_optin: setup.refuse_optin,
            password: setup.wants_password.then_some(0),
            on_loss,
            by_libsch: setup.by_libsch,
            tight: setup.tight,
            skip: false,
            off: false,
            plain: false,
            refused: None,
            resume: false,
            closed: false,
            story: String::new(),
        };
        world.dial();
        world
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_nanos(self.now)
    }

    /// The `n`th of the sockets that are connected.
    fn nth(&self, n: u8) -> Option<u64> {
        let live: Vec<u64> = self.sockets.iter().filter(|(_, s)| !s.connecting).map(|(id, _)| *id).collect();
        (!live.is_empty()).then(|| live[usize::from(n) % live.len()])
    }

    pub fn apply(&mut self, step: &Step) {
        writeln!(self.story, "> {step:?}").unwrap();
        if self.closed {
            return;
        }
        match *step {
            Step::Submit { kind, cut } => self.submit(kind, cut),
            Step::Flow { socket, n } => {
                if let Some(id) = self.nth(socket) {
                    self.flow(id, usize::from(n) + 1);
                }
            }
            Step::Serve { socket, n } => {
                if let Some(id) = self.nth(socket) {
                    self.sockets.get_mut(&id).unwrap().server.serve(usize::from(n) + 1, &mut self.log);
                }
            }
            Step::Deliver { socket, n, spans } => {
                if let Some(id) = self.nth(socket) {
                    self.deliver(id, usize::from(n) + 1, usize::from(spans % 8) + 2);
                }
            }
            Step::Turn { socket } => {
                if let Some(id) = self.nth(socket) {
                    self.turn(id);
                }
            }
            Step::Notify { socket, notice } => self.notify(socket, notice),
            Step::Invalidate { socket } => self.invalidate(socket),
            Step::Publish { channel } => self.publish(channel),
            Step::ShardGone { socket } => self.shard_gone(socket),
            Step::Rotate { tell } => self.rotate(tell),
            Step::Connect { ok } => self.connect(ok),
            Step::Kill { socket, silent } => self.kill(socket, silent),
            Step::Garbage { any } => self.garbage(any),
            Step::Close => self.close(),
            // Of levels 1 and 2.
            Step::AnswerHold | Step::Lapse(_) | Step::Resp3(_) => {}
            Step::AnswerSwap { ok } => self.answer_swap(ok),
            Step::Unblock { socket } => {
                if let Some(id) = self.nth(socket) {
                    self.sockets.get_mut(&id).unwrap().server.unblock();
                }
            }
            Step::Advance { ms } => self.advance(u64::from(ms) * 1_000_000),
            Step::Back { ms } => {
                let then = Timestamp::from_nanos(self.now.saturating_sub(u64::from(ms) * 1_000_000));
                self.conn.handle_tick(then).expect("tick");
                self.actions();
            }
            Step::Cancel { back } => self.cancel(back),
            Step::Mistake(which) => self.mistake(which),
        }
        self.end_broken();
        if !self.closed {
            self.redial();
        }
        self.ledger.check(&self.log);
        self.check_relaxed();
    }

    fn advance(&mut self, nanos: u64) {
        self.now += nanos;
        self.conn.handle_tick(self.at()).expect("tick");
        self.actions();
        self.redial();
    }

    fn check_relaxed(&self) {
        let (short, long) = (Duration::from_millis(500), Duration::from_secs(3600));
        let effective = self.conn.effective_timeout(Some(short));
        assert_eq!(effective != Some(short), self.ledger.relaxed, "R1: the timeout and RELAX disagree");
        assert_eq!(
            self.conn.effective_timeout(Some(long)),
            Some(long),
            "R1: a long timeout is never shortened"
        );
        assert_eq!(self.conn.effective_timeout(None), None, "R1: infinite stays infinite");
    }
}

impl Drop for World {
    /// What happened up to a failure.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- story ----\n{}---- {:?}", self.story, self.conn.phase());
        }
    }
}
