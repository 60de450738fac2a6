//! What the pool's lock protects: members come, go and move; timers fire. What notifications do is in `notice`, what
//! grants do in `grants`, how they end in `outcomes`.

use super::config::PoolConfig;
use super::counters::PoolCounters;
use super::dial::{Endpoints, Moves};
use super::feed::{Event, Feed};
use super::mailbox::{MAIL, OWNED, WAVE};
use super::marks::Marks;
use super::member::{JoinOptions, Mailbox, MemberId, Members, NONE, Record, Standing};
use super::node::{NodeKey, Nodes, in_force};
use super::outcomes::Finished;
use super::timers::{Timer, Timers};
use super::waiter::{WaiterId, Waiters};
use super::wave::Wave;
use crate::endpoint::{Endpoint, PeerAddr};
use crate::error::Result;
use crate::exchange::Told;
use crate::log::Log;
use crate::mem;
use crate::time::{Clock, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct State {
    pub(super) config: PoolConfig,
    pub(super) clock: Clock,
    pub(super) members: Members,
    pub(super) nodes: Nodes,
    pub(super) waves: BTreeMap<u64, Wave>,
    pub(super) last_wave: u64,
    pub(super) marks: Marks,
    pub(super) endpoints: Endpoints,
    pub(super) moves: Moves,
    pub(super) waiters: Waiters,
    pub(super) timers: Timers,
    pub(super) feed: Arc<Feed>,
    /// Members whose event found the feed full.
    pub(super) unfed: VecDeque<MemberId>,
    pub(super) counters: PoolCounters,
    pub(super) log: Log,
    random: u64,
}

impl State {
    pub(super) fn new(config: PoolConfig, feed: Arc<Feed>) -> Self {
        Self {
            random: config.seed,
            log: Log::new(config.max_lines),
            config,
            clock: Clock::new(),
            members: Members::default(),
            nodes: Nodes::default(),
            waves: BTreeMap::new(),
            last_wave: 0,
            marks: Marks::default(),
            endpoints: Endpoints::default(),
            moves: Moves::default(),
            waiters: Waiters::default(),
            timers: Timers::default(),
            feed,
            unfed: VecDeque::new(),
            counters: PoolCounters::default(),
        }
    }

    /// A step of splitmix64: the seed alone decides.
    pub(super) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Takes the time, fires what is due.
    pub(super) fn begin(&mut self, now: Timestamp) -> Timestamp {
        let now = self.clock.advance(now);
        self.counters.clock_steps_back = self.clock.steps_back();
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Wave(wave) => self.wave_due(now, wave),
                Timer::Retired(wave) => self.retired(now, wave),
                Timer::Grant(member, number) => self.grant_due(now, member, number),
                Timer::Board(node) => self.board_due(now, node),
            }
        }
        now
    }

    pub(super) fn tell(&mut self, event: Event) {
        if let Some(event) = self.feed.tell(event) {
            self.counters.events_dropped += 1;
            self.log_event_dropped(&event);
        }
        self.waiters.note_feed();
    }

    // ---- members -----------------------------------------------------------------------------------------------

    /// `None` at `max_members`.
    pub(super) fn join(
        &mut self,
        now: Timestamp,
        options: JoinOptions,
    ) -> Result<Option<(MemberId, Arc<Mailbox>)>> {
        let limit = self.config.limits.max_members.min(NONE as usize);
        if self.members.len() >= limit {
            self.counters.members_refused += 1;
            self.log_full();
            return Ok(None);
        }
        self.members.room()?;
        let mailbox = mem::shared(Mailbox::new(options.waiter.map_or(NONE, WaiterId::index)))?;
        if !options.idle {
            mailbox.set(OWNED);
        }
        let id = self.members.insert(Record {
            mailbox: Arc::clone(&mailbox),
            user: options.user,
            wave: 0,
            node: NONE,
            place: 0,
            grants: 0,
            standing: Standing::Out,
            unowned: options.unowned,
            in_idle: false,
            in_busy: false,
            unfed: false,
            taken_up: false,
            older: false,
            named: options.node.is_some(),
        });
        self.counters.members_joined += 1;
        let key = options.node.map(NodeKey::Named).or(options.peer.map(NodeKey::Peer));
        self.settle(now, id, key);
        self.log_joined(id);
        self.tell_refusals(now, &mailbox);
        Ok(Some((id, mailbox)))
    }

    /// Told to those who may opt in soon (O2).
    fn tell_refusals(&mut self, now: Timestamp, mailbox: &Mailbox) {
        for (endpoint, until) in self.endpoints.optins_refused(now) {
            mailbox.post(Told::OptinRefused { endpoint, until });
        }
    }

    pub(super) fn leave(&mut self, now: Timestamp, id: MemberId) {
        let Some(record) = self.members.get(id) else { return };
        let wave = record.wave;
        self.log_left(id);
        self.stand(id, Standing::Out);
        self.unsettle(id);
        self.members.remove(id);
        self.pump(now, wave);
    }

    /// Takes a member off its node.
    fn unsettle(&mut self, id: MemberId) {
        let Some(record) = self.members.get(id) else { return };
        let (index, place) = (record.node, record.place);
        record.node = NONE;
        let Some(node) = self.nodes.get(index) else { return };
        node.members.swap_remove(place as usize);
        let moved = node.members.get(place as usize).copied();
        if let Some((_, moved)) = moved.and_then(|moved| self.members.at(moved)) {
            moved.place = place;
        }
        self.sweep(index);
    }

    pub(super) fn sweep(&mut self, node: u32) {
        if self.nodes.sweep(node) {
            self.marks.forget(node);
        }
    }

    /// Puts a member on a node, and tells it what is in force there.
    fn settle(&mut self, now: Timestamp, id: MemberId, key: Option<NodeKey>) {
        let index = key.clone().map_or(NONE, |key| self.nodes.find_or_add(key));
        let Some(record) = self.members.get(id) else { return };
        record.node = index;
        let mailbox = Arc::clone(&record.mailbox);
        let (Some(node), Some(key)) = (self.nodes.get(index), key) else {
            mailbox.change_board(None);
            return;
        };
        record.place = node.members.len() as u32;
        node.members.push(id.index);
        mailbox.change_board(Some(Arc::clone(&node.board)));
        let wave = node.under.as_ref().filter(|under| now < under.until).map(|under| under.wave);
        let mut is_moving = false;
        for fact in in_force(&node.board.all(), now, &key) {
            is_moving |= fact.notification.kind == crate::notification::Kind::Moving;
            mailbox.post(Told::Notice { notification: fact.notification, arrived: fact.arrived });
            self.counters.notifications_told += 1;
        }
        if let Some(wave) = wave.filter(|_| is_moving) {
            self.enrol(id, wave);
            self.pump(now, wave);
        }
    }

    /// A member has another peer: it was connected, or swapped.
    pub(super) fn moved(
        &mut self,
        now: Timestamp,
        id: MemberId,
        peer: Option<PeerAddr>,
        named: Option<Endpoint>,
    ) {
        let Some(record) = self.members.get(id) else { return };
        let (from, wave) = (record.node, record.wave);
        let mailbox = Arc::clone(&record.mailbox);
        let key = match (named, peer) {
            (Some(name), _) => {
                record.named = true;
                Some(NodeKey::Named(name))
            }
            (None, _) if record.named => return,
            (None, peer) => peer.map(NodeKey::Peer),
        };
        if self.nodes.get(from).map(|node| node.key.clone()) != key {
            // It came away from the node that moves: no matter how, there is nothing left to do for it.
            if from != NONE && key.is_some() {
                self.finish(now, id, Finished::Moved);
            }
            self.unsettle(id);
            self.settle(now, id, key);
            self.log_moved(id);
        }
        self.tell_refusals(now, &mailbox);
        self.pump(now, wave);
    }

    /// Nobody owns it any more, while a wave is on.
    pub(super) fn given(&mut self, now: Timestamp, id: MemberId) {
        let Some(record) = self.members.get(id) else { return };
        let wave = record.wave;
        if !self.waves.contains_key(&wave) {
            record.mailbox.clear(WAVE);
            record.standing = Standing::Out;
            return;
        }
        match record.standing {
            Standing::Waiting if !record.in_idle => {
                record.in_idle = true;
                if let Some(wave) = self.waves.get_mut(&wave) {
                    wave.queue_idle(id.index);
                }
                self.pump(now, wave);
            }
            Standing::Granted | Standing::Lapsed | Standing::Ready => self.feed_member(id),
            _ => {}
        }
    }

    /// There is mail: its owner is woken; one that nobody owns is read when it is taken.
    pub(super) fn wake_owner(&mut self, word: u32, waiter: u32) {
        if word & OWNED != 0 && waiter != NONE {
            self.waiters.note(WaiterId(waiter));
        }
    }

    fn board_due(&mut self, now: Timestamp, index: u32) {
        let Some(node) = self.nodes.get(index) else { return };
        node.facts = node.board.retain(|fact| fact.until > now);
        if node.under.as_ref().is_some_and(|under| under.until <= now) {
            node.under = None;
        }
        self.sweep(index);
    }

    /// Marks a member's mail without content of its own: its node's board has it.
    pub(super) fn mark_mail(&mut self, index: u32) {
        let Some((_, record)) = self.members.at(index) else { return };
        let word = record.mailbox.set(MAIL);
        let waiter = record.mailbox.waiter();
        self.wake_owner(word, waiter);
    }
}
