//! All of it together, and what happens next. Faults first, then quiet, then the accounts.

use super::accounts::Request;
use super::client::Client;
use super::cluster::Map;
use super::faults::{DELAY_MOST, Setup};
use super::net::{Event, MS, Net, State};
use super::random::Random;
use super::servers::Node;
use super::slots::Slots;
use super::story::Story;
use crate::world::ledger::Ledger;
use crate::world::server::Log;
use sch::config::Config;
use sch::pool::{Pool, PoolConfig, Wakes};
use sch::time::Timestamp;

/// The host's clock at the start: not 0, so that it can step back.
const ORIGIN: i64 = 1_000_000_000_000;
/// What a run takes at the most; one that takes more does not come to rest.
const EVENTS_MOST: usize = 300_000;
/// What is sent when all is quiet is answered within this.
const ANSWERED_WITHIN: u64 = 4 * DELAY_MOST;

#[derive(Debug)]
pub struct World {
    pub setup: Setup,
    pub random: Random,
    pub net: Net,
    pub nodes: Vec<Node>,
    pub clients: Vec<Client>,
    pub pool: Option<Pool>,
    /// Of a cluster: the slots as the servers have them, and as the clients do.
    pub slots: Option<Slots>,
    pub map: Option<Map>,
    /// Ledgers of connections that were retired.
    pub retired: Vec<Ledger>,
    /// Of every connection.
    pub config: Config,
    pub log: Log,
    pub story: Story,
    /// The node that the configured name leads to.
    pub resolved: usize,
    pub seq: u64,
    pub is_quiet: bool,
    /// Of commands, all clients together: each is sent once.
    pub next_id: u64,
    /// What the application wants done, by number.
    pub requests: Vec<Request>,
    /// Of messages and invalidations.
    pub next_push: u64,
    pool_tick: Option<u64>,
    /// The host's clock less the network's.
    offset: i64,
}

impl World {
    pub fn new(seed: u64, kept: bool) -> Self {
        let setup = Setup::draw(seed);
        let config = Config { trace: kept, ..setup.config() };
        let pool = setup.pooled.then(|| Pool::new(PoolConfig::from(&config)));
        let mut world = Self {
            random: Random::new(seed ^ 0x5eed),
            net: Net::new(setup.clients),
            nodes: vec![Node::new(); setup.nodes],
            clients: Vec::new(),
            retired: Vec::new(),
            config,
            pool,
            slots: None,
            map: setup.clustered.then(|| Map::new(seed)),
            log: Log::default(),
            story: Story::new(kept),
            resolved: 0,
            seq: 0,
            is_quiet: false,
            next_id: 1,
            requests: Vec::new(),
            next_push: 1,
            pool_tick: None,
            offset: ORIGIN,
            setup,
        };
        world.slots = world.setup.clustered.then(|| Slots::new(world.setup.nodes, &mut world.random));
        world.story.say(0, format_args!("{:?}", world.setup));
        for n in 0..world.setup.plan.len() {
            let at = world.setup.plan[n].0;
            if at < world.setup.faults {
                world.net.push(at, Event::Plan { n });
            }
        }
        for client in 0..world.setup.clients {
            let waiter = world.pool.as_ref().map(|pool| pool.add_waiter().expect("room").index() as usize);
            assert!(waiter.is_none_or(|index| index == client), "a waiter's number is its client's");
            let new = Client::new(&world.config, &world.setup, world.pool.as_ref(), client);
            world.clients.push(new);
        }
        for client in 0..world.setup.clients {
            world.pump(client);
            let at = world.random.below(world.setup.pace);
            world.net.push(at, Event::Submit { client });
        }
        let now = world.at();
        world.map.iter().for_each(|map| map.cluster.ask_reload(now));
        world.cluster_actions();
        world
    }

    /// Faults, quiet, and the end.
    pub fn run(&mut self) {
        self.until(self.setup.faults);
        self.is_quiet = true;
        self.story.say(self.net.now, format_args!("quiet"));
        self.mend();
        (0..self.clients.len()).for_each(|client| self.take(client));
        let quiet = self.setup.quiet(&self.setup.config());
        self.until(self.setup.faults + quiet);
        self.story.say(self.net.now, format_args!("steady?"));
        self.check_steady();
        self.check_told();
        self.sweep();
        self.until(self.net.now + self.setup.swept());
        self.check_map();
        for client in 0..self.clients.len() {
            self.submit_one(client);
            self.pump(client);
        }
        self.until(self.net.now + ANSWERED_WITHIN);
        self.check_accounts();
        self.close_all_clients();
    }

    fn until(&mut self, until: u64) {
        for n in 0.. {
            assert!(n < EVENTS_MOST, "it does not come to rest");
            let Some(event) = self.net.pop(until) else { break };
            self.event(event);
        }
        self.net.now = until;
    }

    /// The host's clock.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_nanos(self.net.now.saturating_add_signed(self.offset))
    }

    /// When the host's clock says `then`.
    pub fn net_time(&self, then: Timestamp) -> u64 {
        then.as_nanos().saturating_add_signed(-self.offset).max(self.net.now)
    }

    pub fn jump(&mut self, ns: i64) {
        self.offset += ns;
        self.pool_tick = None;
        self.arm_pool();
        self.arm_cluster();
        for client in 0..self.clients.len() {
            self.clients[client].armed = None;
            self.arm(client);
        }
    }

    /// The percentage of long delays.
    pub fn slow(&self) -> u64 {
        if self.is_quiet { 0 } else { self.setup.slow }
    }

    pub fn delay_of(r: &mut Random, latency: u64, slow: u64) -> u64 {
        if slow > 0 && r.chance(slow) { r.below(DELAY_MOST) } else { r.range(latency / 2, latency * 3 / 2) }
    }

    pub fn delay(&mut self) -> u64 {
        let slow = self.slow();
        Self::delay_of(&mut self.random, self.setup.latency, slow)
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Connect { socket, ok } => self.connect_ended(socket, ok),
            Event::ToServer { socket, data } => self.arrived(socket, &data),
            Event::ClientClosed { socket } => self.net.sockets[socket].served = State::Closed,
            Event::ToClient { socket, data } => {
                let s = &mut self.net.sockets[socket];
                if s.state == State::Open && !s.ended {
                    s.inbox.extend(data);
                    let client = s.client;
                    self.pump(client);
                }
            }
            Event::ServerClosed { socket } => {
                let s = &mut self.net.sockets[socket];
                s.ended = true;
                let client = s.client;
                self.pump(client);
            }
            Event::Reset { socket } => {
                let s = &mut self.net.sockets[socket];
                s.ended = true;
                if self.random.chance(50) {
                    s.inbox.clear();
                }
                let client = s.client;
                self.pump(client);
            }
            Event::Writable { socket } => {
                let s = &mut self.net.sockets[socket];
                s.full = false;
                let client = s.client;
                self.pump(client);
            }
            Event::Tick { client } => {
                if self.clients[client].armed == Some(self.net.now) {
                    self.tick(client);
                }
            }
            Event::PoolTick => self.tick_pool(),
            Event::ClusterTick => self.tick_cluster(),
            Event::Gossip { node } => self.gossip(node),
            Event::SlotsReturn { node, groups, to } => self.slots_return(node, &groups, to),
            Event::SlotsArrive { node } => {
                let seq = self.next_seq();
                self.slots_arrive(node, seq);
            }
            Event::Announce { node, frame } => self.terminate(node, frame),
            Event::Retry { client, request, asking } => self.retry(client, request, asking),
            Event::Wake { client } => self.pump(client),
            Event::Submit { client } => self.submit_in_turn(client),
            Event::Asked { client, member, retire } => self.asked(client, member, retire),
            Event::MayGive { client } => self.may_give(client),
            Event::Redial { client } => self.redial(client),
            Event::AnswerHold { client } => {
                self.answer_hold(client);
                self.pump(client);
            }
            Event::AnswerSwap { client, transport, ok } => {
                self.answer_swap(client, transport, ok);
                self.pump(client);
            }
            Event::SettleLosses { client } => self.settle_losses(client),
            Event::Thaw { node } => self.thaw(node),
            Event::Unblock { socket } => self.unblock(socket),
            Event::SubmitRest { client } => self.submit_rest(client),
            Event::Plan { n } => {
                let step = self.setup.plan[n].1.clone();
                self.take_step(&step);
            }
        }
    }

    // ---- the pool --------------------------------------------------------------------------------------------------

    fn tick_pool(&mut self) {
        if self.pool_tick != Some(self.net.now) {
            return;
        }
        self.pool_tick = None;
        let now = self.at();
        if let Some(pool) = &self.pool {
            let wakes = pool.tick(now);
            self.wake(&wakes);
        }
        self.arm_pool();
    }

    fn arm_pool(&mut self) {
        let Some(deadline) = self.pool.as_ref().and_then(Pool::next_deadline) else { return };
        let at = self.net_time(deadline);
        if self.pool_tick.is_none_or(|armed| at < armed) {
            self.pool_tick = Some(at);
            self.net.push(at, Event::PoolTick);
        }
    }

    /// After each call of the pool.
    pub fn wake(&mut self, wakes: &Wakes) {
        for waiter in wakes.waiters() {
            // A client's waiter has its number.
            let at = self.net.now + self.random.below(MS);
            self.net.push(at, Event::Wake { client: waiter.index() as usize });
        }
        while let Some(event) = self.pool.as_ref().and_then(Pool::poll_event) {
            self.story.say(self.net.now, format_args!("pool {event:?}"));
            let (client, member, retire) = match event {
                sch::pool::Event::Retire { user, member } => (user as usize, member, true),
                sch::pool::Event::Handoff { user, member } => (user as usize, member, false),
                _ => continue,
            };
            let at = self.net.now + self.random.below(20 * MS);
            self.net.push(at, Event::Asked { client, member, retire });
        }
        self.arm_pool();
    }
}
