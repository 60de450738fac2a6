//! The driver below level 3, with a level for each direction: its own sockets, commands, counts, fences and handshakes, as an author would write it who has read
//! the header. The real thing under test is its [`Connection`].

mod actions;
mod commands;
mod replies;
mod rules;
mod servers;
mod wire;

use super::announce::Announcer;
use super::ledger::{End, Ledger};
use super::server::{Log, Server};
use super::step::{Lapse, Setup, Step};
use super::windows::Windows;
use rules::Levels;
use sch::config::{BlockingPolicy, Config, LevelIn, LevelOut, OnLoss};
use sch::conn::{Connection, HostFence, Phase};
use sch::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::time::Duration;

/// The timeout of the driver's commands.
const TIMEOUT: Duration = Duration::from_millis(500);

/// A reply that the driver waits for on a link.
#[derive(Debug)]
enum Waits {
    /// To its handshake; with a number on the transport in use.
    Hello(Option<u64>),
    /// To what SEND_OPTIN asked to write.
    Own,
    Command {
        number: u64,
        sent: u64,
        blocking: bool,
        /// With it the transaction is over.
        ends_tx: bool,
    },
}

/// One socket with its parser.
#[derive(Debug)]
struct Link {
    dialed: bool,
    connecting: bool,
    /// It is closed, and libsch has been told; its commands are being settled.
    leaving: bool,
    out: Vec<u8>,
    server: Server,
    parser: Vec<u8>,
    /// In tapped: what libsch has taken and is no whole frame yet, and the frames that must come to the parser.
    wire: Vec<u8>,
    passes: VecDeque<String>,
    waiting: VecDeque<Waits>,
    greeted: bool,
    /// A lapse of the driver's: counts of this link are wrong.
    miscounted: bool,
    /// Its server has said, or will say, what is no RESP.
    spoilt: bool,
}

#[derive(Debug)]
pub struct Host {
    pub conn: Connection,
    level_in: u8,
    level_out: u8,
    now: u64,
    links: BTreeMap<u64, Link>,
    zombies: Vec<Server>,
    log: Log,
    ledger: Ledger,
    announcer: Announcer,
    windows: Windows,
    levels: Levels,
    /// The transport that the driver uses; 0: none.
    mine: u64,
    holding: bool,
    held_since: u64,
    hold_asked: bool,
    swap_asked: Option<u64>,
    /// What it has stated, by fence.
    fences: [bool; 4],
    /// Commands queued since MULTI.
    tx: Option<Vec<u64>>,
    watching: bool,
    asking: bool,
    /// Channels, and confirmations that are still to come.
    subscribed: BTreeSet<String>,
    confirming: u32,
    /// SCH_OFF has said that replies cannot be counted, or that this is no RESP.
    uncounted: bool,
    broken: bool,
    lapse: Option<Lapse>,
    /// The parser has replies that are not taken yet: actions wait.
    parsing: bool,
    /// A transaction has ended with a reply that was read before the actions were drained.
    tx_just_ended: bool,
    /// Of MOVING that came since the last look: whether they are new.
    moves: Vec<Option<u64>>,
    /// One came too late to take the place of the handoff that runs (H8).
    move_waits: bool,
    slots_moved: BTreeSet<u64>,
    next_id: u64,
    next_push: u64,
    /// Commands that libsch has a number for.
    numbers: u64,
    /// And those that it was not told of.
    unowed: u64,
    setup: Setup,
    resp2: bool,
    on_loss: OnLoss,
    closed: bool,
    pub story: String,
}

impl Host {
    pub fn new(setup: Setup) -> Self {
        let on_loss = [OnLoss::Report, OnLoss::Reply, OnLoss::Close][usize::from(setup.on_loss % 3)];
        let level_in = if setup.levels.0 == 1 { LevelIn::Notified } else { LevelIn::Tapped };
        let level_out = if setup.levels.1 == 1 { LevelOut::Notified } else { LevelOut::Tapped };
        let blocking =
            if setup.swap_over_blocking { BlockingPolicy::Swap } else { BlockingPolicy::WaitForClose };
        let mut config = Config {
            level_in,
            level_out,
            host: "node0".into(),
            port: 1,
            seed: setup.seed,
            on_loss,
            blocking,
            ..Config::default()
        };
        if setup.tight {
            config.limits.max_in_flight = 4;
        }
        let mut host = Self {
            conn: Connection::new(config).expect("config"),
            level_in: setup.levels.0,
            level_out: setup.levels.1,
            now: 1_000_000_000,
            links: BTreeMap::new(),
            zombies: Vec::new(),
            log: Log::default(),
            ledger: Ledger::default(),
            announcer: Announcer::default(),
            windows: Windows::default(),
            levels: Levels::of(setup.levels),
            mine: 0,
            holding: false,
            held_since: 0,
            hold_asked: false,
            swap_asked: None,
            fences: [false; 4],
            tx: None,
            watching: false,
            asking: false,
            subscribed: BTreeSet::new(),
            confirming: 0,
            uncounted: false,
            broken: false,
            lapse: None,
            parsing: false,
            tx_just_ended: false,
            moves: Vec::new(),
            move_waits: false,
            slots_moved: BTreeSet::new(),
            next_id: 1,
            next_push: 1,
            numbers: 0,
            unowed: 0,
            setup,
            resp2: false,
            on_loss,
            closed: false,
            story: String::new(),
        };
        host.dial();
        host
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_nanos(self.now)
    }

    /// A bit of the seed: habits in which authors differ.
    fn habit(&self, bit: u32) -> bool {
        self.setup.seed >> bit & 1 == 1
    }

    /// True if the driver makes this mistake now.
    fn lapses(&mut self, lapse: Lapse) -> bool {
        let now = self.lapse == Some(lapse);
        if now {
            self.lapse = None;
        }
        now
    }

    pub fn apply(&mut self, step: &Step) {
        writeln!(self.story, "> {step:?}").unwrap();
        if self.closed {
            return;
        }
        match *step {
            Step::Submit { kind, .. } => self.command(kind),
            Step::Flow { socket, n } => self.on_nth(socket, |host, id| host.flow(id, usize::from(n) + 1)),
            Step::Serve { socket, n } => self.on_nth(socket, |host, id| host.serve(id, usize::from(n) + 1)),
            Step::Deliver { socket, n, spans } => {
                self.on_nth(socket, |host, id| {
                    host.deliver(id, usize::from(n) + 1, usize::from(spans % 8) + 2)
                });
            }
            Step::Turn { socket } => self.on_nth(socket, Self::turn),
            Step::Unblock { socket } => self.on_nth(socket, |host, id| host.link(id).server.unblock()),
            Step::Notify { socket, notice } => self.on_nth(socket, |host, id| host.notify(id, notice)),
            Step::Invalidate { .. } => self.invalidate(),
            Step::Publish { channel } => self.publish(channel),
            Step::Connect { ok } => self.connect(ok),
            Step::Kill { socket, silent } => self.on_nth(socket, |host, id| host.kill(id, silent)),
            Step::Garbage { any } => self.garbage(any),
            Step::Close => self.close(),
            Step::AnswerHold => self.answer_hold(),
            Step::AnswerSwap { ok } => self.answer_swap(ok),
            Step::Lapse(lapse) => self.lapse = Some(lapse),
            Step::Resp3(on) => self.resp2 = !on,
            Step::Advance { ms } => self.advance(u64::from(ms) * 1_000_000),
            Step::Back { ms } => {
                let then = Timestamp::from_nanos(self.now.saturating_sub(u64::from(ms) * 1_000_000));
                self.conn.handle_tick(then).expect("tick");
                self.actions();
            }
            Step::Mistake(which) => self.mistake(which),
            // Of level 3.
            Step::ShardGone { .. } | Step::Rotate { .. } | Step::Cancel { .. } => {}
        }
        self.after();
    }

    /// What follows every step.
    fn after(&mut self) {
        if self.broken && self.mine != 0 {
            self.drop_link(self.mine);
        }
        if !self.closed {
            self.redial();
        }
        self.check();
    }

    fn link(&mut self, id: u64) -> &mut Link {
        self.links.get_mut(&id).expect("a link")
    }

    /// Does something with the `n`th of the links that are connected.
    fn on_nth(&mut self, n: u8, act: impl FnOnce(&mut Self, u64)) {
        let live: Vec<u64> = self.links.iter().filter(|(_, l)| !l.connecting).map(|(id, _)| *id).collect();
        if !live.is_empty() {
            act(self, live[usize::from(n) % live.len()]);
        }
    }

    fn advance(&mut self, nanos: u64) {
        self.now += nanos;
        self.conn.handle_tick(self.at()).expect("tick");
        self.actions();
        self.give_up();
        self.redial();
    }

    /// E2: the driver's own timeout, as libsch says that it is now.
    fn give_up(&mut self) {
        let oldest = self.links.get(&self.mine).and_then(|link| {
            link.waiting.iter().find_map(|w| match w {
                Waits::Command { sent, blocking: false, .. } => Some(*sent),
                _ => None,
            })
        });
        let timeout = self.conn.effective_timeout(Some(TIMEOUT)).expect("finite").as_nanos() as u64;
        if self.setup.gives_up && oldest.is_some_and(|sent| self.now - sent >= timeout) {
            writeln!(self.story, "gives up").unwrap();
            self.drop_link(self.mine);
        }
    }

    fn close(&mut self) {
        self.conn.close(self.at()).expect("close");
        self.closed = true;
        self.actions();
        self.check_closed();
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            self.forget(id);
        }
    }

    // ---- the end -----------------------------------------------------------------------------------------------------

    /// No more faults and no more mistakes: everything must come back to steady within a bound, and all accounts must balance.
    pub fn settle(&mut self) {
        self.lapse = None;
        for round in 0.. {
            if self.closed {
                break;
            }
            assert!(round < 3000, "not steady after {round} rounds: {:?}", self.conn.phase());
            let before = (self.story.len(), self.log.executed.len());
            self.redial();
            self.connect(true);
            self.answer_hold();
            self.answer_swap(true);
            self.finish();
            for id in self.links.keys().copied().collect::<Vec<_>>() {
                if let Some(link) = self.links.get_mut(&id) {
                    link.server.unblock();
                }
                self.turn(id);
            }
            self.after();
            for zombie in &mut self.zombies {
                zombie.unblock();
                zombie.serve(1000, &mut self.log);
            }
            if (self.story.len(), self.log.executed.len()) != before {
                continue;
            }
            let Some(at) = self.conn.next_deadline() else { break };
            let wait = at.as_nanos().saturating_sub(self.now).max(1);
            assert!(wait <= 700_000_000_000, "R3: a deadline {wait} ns away");
            self.advance(wait);
            self.after();
        }
        self.check_settled();
    }

    /// All that is under way on a link comes to its end.
    fn turn(&mut self, id: u64) {
        let steps: [fn(&mut Self, u64); 3] = [
            |host, id| host.flow(id, 1 << 20),
            |host, id| host.serve(id, 1000),
            |host, id| host.deliver(id, 1 << 20, 16),
        ];
        for step in steps {
            if self.links.get(&id).is_some_and(|link| !link.connecting) {
                step(self, id);
            }
        }
    }
}

impl Drop for Host {
    /// What happened up to a failure.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (levels, phase) = (self.setup.levels, self.conn.phase());
            eprintln!("---- story ----\n{}---- levels {levels:?} {phase:?}", self.story);
        }
    }
}
