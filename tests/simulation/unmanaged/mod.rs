//! A client of level 1 or 2: it has a parser for each transport, counts what it is owed, states fences, stops at HOLD, and makes each
//! handshake itself, as the header says. What comes over its sockets is in `replies`, what it writes in `commands`.

mod commands;
mod replies;

pub use commands::encode;

use super::faults::ANSWER_MOST;
use super::net::Event;
use super::random::Random;
use super::world::World;
use crate::world::ledger::{End, Expect};
use sch::action::{Action, CommandNumber, TransportId};
use sch::config::{Config, Handshake, LevelIn, LevelOut};
use sch::conn::{HostFence, Phase};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A reply that the driver waits for on a link.
#[derive(Debug)]
enum Waits {
    /// To its handshake; with a number on the transport in use.
    Hello(Option<CommandNumber>),
    /// Level 1: to what SEND_OPTIN asked to write. At level 2 libsch reads it.
    Optin,
    Command {
        number: CommandNumber,
        blocking: bool,
        /// With it the transaction is over.
        ends_tx: bool,
    },
}

impl Waits {
    fn number(&self) -> Option<CommandNumber> {
        match self {
            Self::Hello(number) => *number,
            Self::Optin => None,
            Self::Command { number, .. } => Some(*number),
        }
    }

    fn blocks(&self) -> bool {
        matches!(self, Self::Command { blocking: true, .. })
    }

    fn ends_tx(&self) -> bool {
        matches!(self, Self::Command { ends_tx: true, .. })
    }
}

/// What the driver keeps for a transport.
#[derive(Debug, Default)]
struct Link {
    parser: Vec<u8>,
    waiting: VecDeque<Waits>,
    /// Its handshake has ended.
    greeted: bool,
}

impl Link {
    fn owed(&self) -> u64 {
        self.waiting.iter().filter(|waits| !matches!(waits, Waits::Optin)).count() as u64
    }
}

#[derive(Debug)]
pub struct Driver {
    pub level: u8,
    links: BTreeMap<TransportId, Link>,
    /// The transport in use.
    mine: Option<TransportId>,
    /// HOLD was asked, and was answered.
    hold_asked: bool,
    holding: bool,
    /// What it has stated, by fence.
    fences: [bool; 4],
    /// Commands that have a number.
    numbers: CommandNumber,
    /// Channels, and confirmations that are still to come.
    subscribed: BTreeSet<String>,
    confirming: u32,
    /// Habits in which authors differ: level 1 states each change of what is in flight; a transaction ends when EXEC is written,
    /// not when it is answered; with a closed socket comes what it had not written.
    counts_each: bool,
    ends_early: bool,
    says_unwritten: bool,
    /// Level 1: the cluster gets SMIGRATED as it came, too.
    hands_over: bool,
}

impl Driver {
    pub fn new(level: u8, seed: u64) -> Self {
        let mut habits = Random::new(seed);
        Self {
            level,
            links: BTreeMap::new(),
            mine: None,
            hold_asked: false,
            holding: false,
            fences: [false; 4],
            numbers: 0,
            subscribed: BTreeSet::new(),
            confirming: 0,
            counts_each: habits.chance(50),
            ends_early: habits.chance(50),
            says_unwritten: habits.chance(50),
            hands_over: habits.chance(50),
        }
    }

    /// The settings of a connection of its level.
    pub fn config(level: u8, config: &Config) -> Config {
        let (level_in, level_out) = match level {
            1 => (LevelIn::Notified, LevelOut::Notified),
            _ => (LevelIn::Tapped, LevelOut::Tapped),
        };
        Config { level_in, level_out, handshake: Handshake::Seen, ..config.clone() }
    }

    fn fence(&self, fence: HostFence) -> bool {
        self.fences[fence as usize - 1]
    }

    /// When all is quiet: it writes, and waits for nothing but what it subscribed to.
    pub fn check_steady(&self, current: TransportId) {
        assert_eq!(self.mine, Some(current), "E5: the transport in use");
        assert!(!self.hold_asked && !self.holding, "H13: held for ever");
        assert!(!self.fences[..3].contains(&true), "a fence is open for ever: {:?}", self.fences);
        assert_eq!(self.links.len(), 1, "H13: links of transports that are gone");
        assert_eq!(self.links[&current].owed(), 0, "L1: replies are owed for ever");
    }
}

impl World {
    /// The driver of a client that has one.
    fn driver(&mut self, client: usize) -> &mut Driver {
        self.clients[client].driver.as_mut().expect("level 1 or 2")
    }

    pub fn level(&self, client: usize) -> u8 {
        self.clients[client].driver.as_ref().map_or(3, |driver| driver.level)
    }

    /// For what must be met in a run of many seeds.
    fn met(&mut self, client: usize, level_1: &'static str, level_2: &'static str) {
        let met = if self.level(client) == 1 { level_1 } else { level_2 };
        self.story.met.insert(met);
    }

    // ---- links -------------------------------------------------------------------------------------------------------

    /// A transport is up: the driver's own handshake, on each.
    pub fn greet(&mut self, client: usize, transport: TransportId) {
        self.actions(client);
        let Some(socket) = self.net.find(client, transport) else { return }; // what was due has closed it
        let is_current = self.clients[client].conn.current() == Some(transport);
        let driver = self.driver(client);
        driver.links.insert(transport, Link::default());
        if is_current {
            driver.mine = Some(transport);
        }
        self.net.sockets[socket].out.extend(encode(&["HELLO", "3"]));
        let number = self.owe(client, transport);
        if let Some(number) = number {
            self.clients[client].ledger.submitted(number, Expect::Hello);
        }
        let link = self.driver(client).links.get_mut(&transport).expect("just made");
        link.waiting.push_back(Waits::Hello(number));
        if is_current {
            self.count_each(client);
        }
        self.actions(client);
    }

    /// Its socket is closed. True if it was the transport in use, which there is none of now. `forget` comes when the actions are drained.
    pub fn leave(&mut self, client: usize, transport: TransportId) -> bool {
        let Some(driver) = &mut self.clients[client].driver else { return false };
        let was_mine = driver.mine == Some(transport);
        if was_mine {
            driver.mine = None;
        }
        was_mine
    }

    /// What a closed link still owed has ended, and what was stated of the transport in use is no more.
    pub fn forget(&mut self, client: usize, transport: TransportId, was_mine: bool) {
        self.end_link(client, transport);
        if was_mine {
            self.mine_is_gone(client);
        }
    }

    /// The connection is closed for good: what its links still owed has ended.
    pub fn end_links(&mut self, client: usize) {
        let links = self.clients[client].driver.iter().flat_map(|driver| driver.links.keys().copied());
        links.collect::<Vec<_>>().into_iter().for_each(|transport| self.end_link(client, transport));
    }

    fn end_link(&mut self, client: usize, transport: TransportId) {
        let level = self.level(client);
        let Some(driver) = &mut self.clients[client].driver else { return };
        let link = driver.links.remove(&transport);
        for number in link.iter().flat_map(|link| &link.waiting).filter_map(Waits::number) {
            let ledger = &mut self.clients[client].ledger;
            if !ledger.has_ended(number) {
                assert_eq!(level, 1, "L1: {number} was on a lost transport, and is not LOST");
                ledger.end(number, End::Unknown);
                self.try_again(client, number, 1, End::Unknown);
            }
        }
    }

    fn mine_is_gone(&mut self, client: usize) {
        let driver = self.driver(client);
        (driver.hold_asked, driver.holding) = (false, false);
        driver.subscribed.clear();
        driver.confirming = 0;
        assert!(!driver.fence(HostFence::Transaction), "H5: a transaction went with its transport, untold");
        self.count_each(client);
        for fence in [HostFence::Blocking, HostFence::Other, HostFence::NoHandoff] {
            self.state(client, fence, false);
        }
    }

    /// What the driver says was not written when a socket is closed: at these levels it must do no harm.
    pub fn says_unwritten(&self, client: usize) -> bool {
        self.clients[client].driver.as_ref().is_none_or(|driver| driver.says_unwritten)
    }

    // ---- actions -----------------------------------------------------------------------------------------------------

    /// Those of levels 1 and 2 alone.
    pub fn act_unmanaged(&mut self, client: usize, action: Action) {
        assert_ne!(self.level(client), 3, "vocabulary: {action}");
        match action {
            Action::Hold { transport } => {
                self.met(client, "level 1, hold", "level 2, hold");
                let driver = self.driver(client);
                assert!(!driver.hold_asked && !driver.holding, "H13: HOLD in a hold");
                assert_eq!(driver.mine, Some(transport), "H4: HOLD is for the transport in use");
                assert!(!driver.fences.contains(&true), "F1, F3, H4: HOLD over a fence: {:?}", driver.fences);
                let ready = driver.links.iter().any(|(id, link)| *id != transport && link.greeted);
                assert!(ready, "H2: HOLD without a candidate that is ready");
                driver.hold_asked = true;
                if self.random.chance(self.setup.lazy) {
                    let at = self.net.now + self.random.below(ANSWER_MOST);
                    self.net.push(at, Event::AnswerHold { client });
                } else {
                    self.answer_hold(client);
                }
            }
            Action::Release { transport } => {
                self.met(client, "level 1, release", "level 2, release");
                let driver = self.driver(client);
                assert_eq!(driver.mine, Some(transport), "H13: RELEASE names the transport to write to");
                (driver.hold_asked, driver.holding) = (false, false);
            }
            Action::TransactionBroken => {
                self.met(client, "level 1, transaction broken", "level 2, transaction broken");
                self.driver(client).fences[HostFence::Transaction as usize - 1] = false;
                self.clients[client].in_multi = None;
            }
            Action::SendOptin { transport, data, replies } => {
                let socket = self.net.find(client, transport).expect("SEND_OPTIN is for a live transport");
                self.net.sockets[socket].out.extend_from_slice(&data);
                let driver = self.driver(client);
                let link = driver.links.get_mut(&transport).expect("a link");
                assert!(link.greeted, "E8: SEND_OPTIN before the driver's handshake has ended");
                if driver.level == 1 {
                    link.waiting.extend((0..replies).map(|_| Waits::Optin));
                }
            }
            _ => unreachable!("no action of levels 1 and 2 alone"),
        }
    }

    /// SWAP: either drained and with nothing open, or from what has gone.
    pub fn check_swap(&self, client: usize, old: Option<TransportId>, new: TransportId) {
        let Some(driver) = &self.clients[client].driver else { return };
        assert!(driver.links.get(&new).is_some_and(|link| link.greeted), "H2: the candidate is not ready");
        assert_eq!(old, driver.mine, "H5: SWAP from the transport in use");
        if let Some(link) = old.and_then(|old| driver.links.get(&old)) {
            assert!(driver.holding, "E5: SWAP before HOLD was answered");
            assert!(!driver.fences[..3].contains(&true), "F1, F3: SWAP over a fence: {:?}", driver.fences);
            assert_eq!(link.owed(), 0, "H4: SWAP with replies owed: {:?}", link.waiting);
        }
    }

    /// HOLD may be answered late; until then the driver writes on.
    pub fn answer_hold(&mut self, client: usize) {
        let now = self.at();
        let c = &mut self.clients[client];
        let Some(driver) = c.driver.as_mut().filter(|driver| driver.hold_asked) else { return };
        driver.hold_asked = false;
        if c.conn.phase() != Phase::Draining {
            return;
        }
        if driver.level == 1 {
            let mine = driver.mine.and_then(|mine| driver.links.get(&mine));
            c.conn.handle_in_flight(now, mine.map_or(0, Link::owed)).expect("in_flight");
        }
        driver.holding = true;
        if c.conn.handle_held(now).is_err() {
            // What was due went first: the hold has ended with it.
            driver.holding = false;
            assert_ne!(c.conn.phase(), Phase::Draining, "E5: HOLD was asked, and its answer is refused");
        }
        self.note(client, format_args!("held"));
    }

    /// The candidate is in use.
    pub fn swapped(&mut self, client: usize, new: TransportId) {
        if let Some(driver) = &mut self.clients[client].driver {
            (driver.mine, driver.hold_asked, driver.holding) = (Some(new), false, false);
            self.met(client, "level 1, swapped", "level 2, swapped");
        }
    }

    /// H13: RELEASE came before, if the transport in use goes on.
    pub fn check_finished(&self, client: usize) {
        let c = &self.clients[client];
        if let Some(driver) = c.driver.as_ref().filter(|_| c.conn.phase() != Phase::Closed) {
            assert!(!driver.holding || driver.mine.is_none(), "H13: HANDOFF_FINISHED in a hold");
        }
    }
}
