//! What a seed draws before it runs: the configuration, the faults and how often, the maintenance and when.

use super::net::{MS, SECOND};
use super::random::Random;
use sch::config::{BlockingPolicy, Config, OnLoss};
use sch::pool::Unowned;
use std::time::Duration;

/// MOVING announces at most so many seconds.
pub const MOVING_MOST: u64 = 15;
/// The host's clock steps back at most so much in one run.
pub const BACK_MOST: u64 = 5 * SECOND;
/// The longest that anything is under way.
pub const DELAY_MOST: u64 = 600 * MS;
/// A host gives up its own dial after this.
pub const DIAL_TIMEOUT: u64 = 3 * SECOND;
/// A connect that hangs ends within one of these.
pub const HANG_MOST: [u64; 3] = [2 * SECOND, 5 * SECOND, 20 * SECOND];
/// A host that is busy does nothing for up to one of these: then it reads first, and ticks late.
pub const BUSY_MOST: [u64; 3] = [50 * MS, 50 * MS, 3 * SECOND];
/// A blocking command is answered within this.
pub const BLOCKED_MOST: u64 = 2 * SECOND;
/// In percent: seeds with a cluster.
const CLUSTERED: u64 = 9;
/// Two redirections, and a reload as far from the last as it must be.
const SWEPT_WITHIN: u64 = 3 * SECOND + 4 * DELAY_MOST;
/// A swap or a loss is answered at the latest after this.
pub const ANSWER_MOST: u64 = 300 * MS;

/// A step of the plan.
#[derive(Clone, Debug)]
pub enum Step {
    Migrating {
        node: usize,
        shard: u64,
    },
    Migrated {
        node: usize,
        shard: u64,
    },
    FailingOver {
        node: usize,
    },
    FailedOver {
        node: usize,
    },
    Smigrating {
        node: usize,
    },
    Smigrated {
        node: usize,
    },
    /// `to`: a node, or the configured address.
    Moving {
        node: usize,
        to: Option<usize>,
        time: u64,
    },
    /// Replies of the node are kept back so long.
    Freeze {
        node: usize,
        ns: u64,
    },
    /// The node takes connects, or refuses them.
    Up {
        node: usize,
        up: bool,
    },
    /// All its connections are closed; `reset`: at once.
    CloseAll {
        node: usize,
        reset: bool,
    },
    /// The configured name leads there.
    Resolve {
        node: usize,
    },
    /// A message on a channel, and an invalidation to each.
    Publish {
        channel: u64,
    },
    /// One of the client's sockets is reset.
    Reset {
        client: usize,
    },
    /// The host's clock jumps.
    Jump {
        ns: i64,
    },
}

#[derive(Clone, Debug)]
pub struct Setup {
    pub seed: u64,
    pub clients: usize,
    /// Of each client.
    pub levels: Vec<u8>,
    pub nodes: usize,
    pub pooled: bool,
    /// The nodes are a cluster: the clients share its map, and each is connected to one of them.
    pub clustered: bool,
    /// And nothing else is announced than that slots migrate.
    pub only_slots: bool,
    /// Nodes that take no part in a migration hear of it within this.
    pub gossip: u64,
    /// SMIGRATED comes within this.
    pub told_late: u64,
    /// In percent: migrations that nobody is told the end of.
    pub untold: u64,
    /// What becomes of members that nobody owns.
    pub unowned: Unowned,
    /// In percent: a client without anything to wait for gives its connection back.
    pub idle: u64,
    pub on_loss: OnLoss,
    pub by_libsch: bool,
    pub swap_over_blocking: bool,
    pub latency: u64,
    /// In percent: long delays, refused connects, connects that hang, swaps refused, answers that come late.
    pub slow: u64,
    pub refuse: u64,
    pub hang: u64,
    pub refuse_swap: u64,
    pub lazy: u64,
    /// Subscriptions and blocking commands, too.
    pub fancy: bool,
    /// In percent: commands that are submitted in two parts.
    pub halves: u64,
    /// Between two commands of a connection, on average.
    pub pace: u64,
    /// Faults end then.
    pub faults: u64,
    pub plan: Vec<(u64, Step)>,
}

impl Setup {
    pub fn draw(seed: u64) -> Self {
        let mut r = Random::new(seed);
        let mut setup = Self {
            seed,
            clients: r.range(1, 6) as usize,
            levels: Vec::new(),
            nodes: r.range(2, 4) as usize,
            pooled: r.chance(60),
            clustered: r.chance(CLUSTERED),
            only_slots: r.chance(30),
            gossip: r.of(&[0, 0, 500 * MS, 3 * SECOND]),
            told_late: r.of(&[MS, 500 * MS, 3 * SECOND]),
            untold: r.of(&[0, 0, 0, 30]),
            unowned: r.of(&[Unowned::Retire, Unowned::Handoff]),
            idle: r.of(&[0, 0, 50]),
            on_loss: r.of(&[OnLoss::Report, OnLoss::Report, OnLoss::Reply, OnLoss::Close]),
            by_libsch: r.chance(50),
            swap_over_blocking: r.chance(50),
            fancy: r.chance(50),
            halves: r.of(&[0, 0, 20]),
            latency: r.range(MS / 10, 5 * MS),
            slow: r.of(&[0, 1, 5]),
            refuse: r.of(&[0, 0, 10, 40]),
            hang: r.of(&[0, 0, 30]),
            refuse_swap: r.of(&[0, 0, 10]),
            lazy: r.of(&[0, 20, 80]),
            pace: 0,
            faults: r.range(3, 30) * SECOND,
            plan: Vec::new(),
        };
        if setup.clustered {
            setup.pooled = false;
            setup.clients = setup.nodes + r.below(2) as usize;
            (setup.fancy, setup.halves) = (false, 0);
        }
        let levels: &[u8] = if r.chance(50) { &[1, 2, 3] } else { &[3] };
        setup.levels = (0..setup.clients).map(|_| r.of(levels)).collect();
        setup.pace = setup.faults / r.range(5, 30);
        setup.draw_maintenance(&mut r);
        setup.draw_faults(&mut r);
        setup.plan.sort_by_key(|(at, _)| *at);
        setup
    }

    pub fn config(&self) -> Config {
        let handshake =
            if self.by_libsch { sch::config::Handshake::ByLibsch } else { sch::config::Handshake::Seen };
        let blocking =
            if self.swap_over_blocking { BlockingPolicy::Swap } else { BlockingPolicy::WaitForClose };
        let (on_loss, seed) = (self.on_loss, self.seed);
        Config { handshake, host: "db".into(), on_loss, blocking, seed, ..Config::default() }
    }

    /// In a cluster: the node that a client is connected to.
    pub fn home(&self, client: usize) -> Option<usize> {
        self.clustered.then_some(client % self.nodes)
    }

    /// So long after a command for each slot the map is that of the servers.
    pub fn swept(&self) -> u64 {
        if self.clustered { SWEPT_WITHIN } else { 0 }
    }

    /// Everything must be back to steady so long after the last fault: the longest window that may be open, and what may come
    /// one after the other before it begins.
    pub fn quiet(&self, config: &Config) -> u64 {
        let ns = |d: Duration| d.as_nanos() as u64;
        let moving = MOVING_MOST * SECOND
            + ns(config.keep_trying).max(ns(config.drain_grace))
            + ns(config.attempt_min)
            + ns(config.hold_limit())
            + ns(config.moving_extra)
            + ns(config.post_handoff());
        // Its terminator may have been told elsewhere.
        let opens = |step: &Step| match step {
            Step::Migrating { .. } | Step::Smigrating { .. } => ns(config.migration_window),
            Step::FailingOver { .. } => ns(config.failover_window),
            _ => 0,
        };
        let open = self.plan.iter().map(|(_, step)| opens(step)).max().unwrap_or(0);
        BACK_MOST + DIAL_TIMEOUT + BLOCKED_MOST + 10 * DELAY_MOST + open.max(moving)
    }

    fn draw_maintenance(&mut self, r: &mut Random) {
        let times = if self.clustered { r.range(1, 12) } else { r.range(0, 4) };
        for _ in 0..times {
            let at = r.below(self.faults);
            let node = r.below(self.nodes as u64) as usize;
            let what = if self.clustered && (self.only_slots || r.chance(60)) { 2 } else { r.below(9) };
            match what {
                0..2 => self.migration(r, at, node),
                2 => self.slot_migration(r, at, node),
                3..5 => self.failover(r, at, node),
                _ => self.moving(r, at, node),
            }
        }
    }

    fn migration(&mut self, r: &mut Random, at: u64, node: usize) {
        let (shard, took) = (r.below(4), r.range(10, 4_000) * MS);
        self.plan.push((at, Step::Migrating { node, shard }));
        self.plan.push((at + r.below(took), Step::Freeze { node, ns: r.below(took) }));
        self.end(r, at + took, Step::Migrated { node, shard });
    }

    fn slot_migration(&mut self, r: &mut Random, at: u64, node: usize) {
        self.plan.push((at, Step::Smigrating { node }));
        let took = r.range(10, if self.clustered { 1_000 } else { 4_000 }) * MS;
        self.end(r, at + took, Step::Smigrated { node });
    }

    fn failover(&mut self, r: &mut Random, at: u64, node: usize) {
        let took = r.range(10, 3_000) * MS;
        self.plan.push((at, Step::FailingOver { node }));
        self.plan.push((at, Step::Freeze { node, ns: took }));
        self.end(r, at + took, Step::FailedOver { node });
    }

    /// The terminator, if one comes.
    fn end(&mut self, r: &mut Random, at: u64, step: Step) {
        if r.chance(85) {
            self.plan.push((at, step));
        }
    }

    fn moving(&mut self, r: &mut Random, at: u64, node: usize) {
        let time = r.of(&[0, 1, 2, 5, 10, MOVING_MOST]);
        let elsewhere = (node + r.range(1, self.nodes as u64 - 1) as usize) % self.nodes;
        // In a cluster a node stays what it is, behind the same address.
        let to = if self.clustered { node } else { elsewhere };
        let named = r.chance(70);
        self.plan.push((at, Step::Moving { node, to: named.then_some(to), time }));
        self.plan.push((at + r.below((time + 2) * SECOND), Step::Resolve { node: to }));
        if r.chance(40) {
            let late = r.range(1, 8_000) * MS;
            self.plan.push((at, Step::Up { node: to, up: false }));
            self.plan.push((at + late, Step::Up { node: to, up: true }));
        }
        if r.chance(20) && !self.clustered {
            let other = (to + 1) % self.nodes;
            let again = at + r.range(10, 3_000) * MS;
            self.plan.push((again, Step::Moving { node, to: Some(other), time }));
            self.plan.push((again, Step::Resolve { node: other }));
        }
        // The old node closes 0.7 to 4.1 s after its deadline, or long before, or not at all.
        let deadline = at + time * SECOND;
        let close = match r.below(4) {
            0 => at + r.below(time * SECOND + 1),
            1 => return,
            _ => deadline + r.range(700, 4_100) * MS,
        };
        self.plan.push((close, Step::CloseAll { node, reset: r.chance(30) }));
        self.plan.push((close, Step::Up { node, up: false }));
        self.plan.push((close + r.range(1, 5) * SECOND, Step::Up { node, up: true }));
    }

    fn draw_faults(&mut self, r: &mut Random) {
        for _ in 0..r.range(0, 10) {
            self.plan.push((r.below(self.faults), Step::Publish { channel: r.below(3) }));
        }
        for _ in 0..r.of(&[0, 0, 1, 3, 8]) {
            let client = r.below(self.clients as u64) as usize;
            self.plan.push((r.below(self.faults), Step::Reset { client }));
        }
        let mut back = BACK_MOST;
        for _ in 0..r.of(&[0, 0, 1, 3]) {
            let ns = if r.chance(50) {
                r.below(20 * SECOND) as i64
            } else {
                let ns = r.below(back.min(3 * SECOND) + 1);
                back -= ns;
                -(ns as i64)
            };
            self.plan.push((r.below(self.faults), Step::Jump { ns }));
        }
    }
}
