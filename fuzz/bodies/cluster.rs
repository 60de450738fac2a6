//! Any order of calls on a cluster, through the exported functions. The input is a program: each operation is a byte, with its
//! arguments behind it. Servers say maps, SMIGRATED and redirections, rightly, spoilt, or as any bytes; a connection of level 1 brings
//! some of it. The host polls with arrays of any size, and late.
//!
//! Nothing panics; a call that fails leaves its outputs untouched, a load that fails the map; an owner is always a node that is known;
//! a number keeps its place and never comes back; every DIAL_NODE is used or withdrawn; subscriptions are sent to the owner; each
//! seq is told once. At the end faults stop: then a map is asked for, taken, and nothing is left to be done.

use crate::draw::Draw;
use core::ffi::c_char;
use core::ptr::{null, null_mut};
use sch::ffi::action::*;
use sch::ffi::cluster::*;
use sch::ffi::cluster_types::*;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::push::*;
use sch::ffi::status::*;
use sch::ffi::version::*;
use std::collections::BTreeSet;

#[path = "cluster_told.rs"]
mod told;
#[path = "cluster_wire.rs"]
mod wire;

use told::{Told, UNTOUCHED, WATCHED, owner, watched};
use wire::HOSTS;

/// Calls one export.
macro_rules! c {
    ($call:expr) => {
        // SAFETY: handles are live, places are of this file.
        unsafe { $call }
    };
}

const MOST_CALLS: u32 = 150;
/// Above what one SMIGRATED or one move of subscriptions has here.
const MOVES: usize = 1024;
const RANGES: usize = 16384;
const NO_MOVE: sch_cluster_move =
    sch_cluster_move { source: UNTOUCHED, destination: 0, first_range: 0, ranges_len: 0 };
const MARK_AGE: u64 = 600_000_000_000;
const DAY: u64 = 86_400_000_000_000;
/// Slots 0 to 99 on a with a replica, 100 to 199 on b.
const GOOD: &[u8] = b"*2\r\n*4\r\n:0\r\n:99\r\n*2\r\n$1\r\na\r\n:1\r\n*2\r\n$2\r\na2\r\n:1\r\n\
    *3\r\n:100\r\n:199\r\n*2\r\n+b\r\n:1\r\n";

pub fn run(data: &[u8]) {
    let mut play = Play::new(Draw(data));
    while !play.draw.is_over() && play.calls < MOST_CALLS {
        play.step();
    }
    play.quiet();
}

struct Play<'a> {
    draw: Draw<'a>,
    now: u64,
    cluster: *mut sch_cluster,
    conn: *mut sch_conn,
    transport: u64,
    told: Told,
    /// Each seq that was told since `sure_since`.
    seqs: BTreeSet<u64>,
    /// From then on every mark is there; `None` until nothing older waits to be polled.
    sure_since: Option<u64>,
    /// The latest time that was said.
    latest: u64,
    /// SMIGRATED that may yet come without an older mark giving way.
    marks_left: u32,
    translates: bool,
    calls: u32,
    moves: Vec<sch_cluster_move>,
    ranges: Vec<sch_slot_range>,
}

impl Drop for Play<'_> {
    fn drop(&mut self) {
        let (cluster, conn) = (self.cluster, self.conn);
        let freed = [c!(sch_cluster_free(cluster)), c!(sch_conn_free(conn))];
        if !std::thread::panicking() {
            assert_eq!(freed, [SCH_OK, SCH_OK]);
        }
    }
}

impl<'a> Play<'a> {
    fn new(mut draw: Draw<'a>) -> Self {
        let (mut config, mut cluster, mut conn) = (null_mut(), null_mut(), null_mut());
        assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
        assert_eq!(c!(sch_config_set_level_in(config, 1)), SCH_OK);
        assert_eq!(c!(sch_config_set_level_out(config, 1)), SCH_OK);
        let mut remembers = true;
        for _ in 0..draw.below(4) {
            let (what, small) = (draw.below(12), draw.below(6));
            let status = c!(match what {
                0..=8 => sch_config_set_limit(config, SCH_LIMIT_MAX_CLUSTER_NODES + what as i32, small),
                9 => sch_config_set_cluster_time_ms(config, 1 + small as i32, draw.number()),
                10 => sch_config_set_tls(config, small % 2 == 1),
                _ => sch_config_set_seed(config, small),
            });
            assert!(status > SCH_ERR_FATAL);
            remembers &= SCH_LIMIT_MAX_CLUSTER_NODES + what as i32 != SCH_LIMIT_MAX_CLUSTER_MARKS;
        }
        let status = c!(sch_cluster_new(SCH_ABI_VERSION, config, &mut cluster));
        if status != SCH_OK {
            assert!(status == SCH_ERR_CONFIG && cluster.is_null());
            assert_eq!(c!(sch_cluster_new(SCH_ABI_VERSION, null(), &mut cluster)), SCH_OK);
        }
        let now = 1_000_000_000;
        let status = c!(sch_conn_new(SCH_ABI_VERSION, config, &mut conn));
        if status != SCH_OK {
            assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, null(), &mut conn)), SCH_OK);
        }
        // SAFETY: plain numbers and pointers.
        let mut dial: sch_dial = unsafe { core::mem::zeroed() };
        dial.struct_size = size_of::<sch_dial>() as u32;
        assert_eq!(c!(sch_conn_dial(conn, now, 0, &mut dial)), SCH_OK);
        let peer = b"10.0.0.1:6379";
        assert_eq!(
            c!(sch_conn_connected(conn, now, dial.transport, peer.as_ptr().cast(), peer.len())),
            SCH_OK
        );
        assert_eq!(c!(sch_config_free(config)), SCH_OK);
        Self {
            draw,
            now,
            cluster,
            conn,
            transport: dial.transport,
            told: Told::default(),
            seqs: BTreeSet::new(),
            sure_since: Some(now),
            latest: now,
            marks_left: if remembers { 60 } else { 0 },
            translates: false,
            calls: 0,
            moves: vec![NO_MOVE; MOVES],
            ranges: vec![sch_slot_range { first: 0, last: 0 }; RANGES],
        }
    }

    /// An input was given.
    fn said(&mut self, status: sch_status) -> sch_status {
        self.calls += 1;
        assert!(status > SCH_ERR_FATAL, "{status}");
        status
    }

    fn time(&mut self) -> u64 {
        let step = [0, 0, 0, 1_000_000, 200_000_000, 1_000_000_000, 20_000_000_000];
        self.now = match self.draw.byte() {
            0xff => self.now / 2,
            0xfe => self.now.saturating_add(u64::MAX / 2),
            0xfd => self.now.saturating_add(700_000_000_000),
            n => self.now.saturating_add(step[n as usize % step.len()]),
        };
        self.passed()
    }

    fn passed(&mut self) -> u64 {
        self.latest = self.latest.max(self.now);
        if self.sure_since.is_some_and(|since| self.latest - since >= MARK_AGE) {
            self.sure_since = None;
            self.seqs.clear();
        }
        self.now
    }

    /// The next SMIGRATED.
    fn smigrated(&mut self) -> Box<[u8]> {
        self.marks_left = self.marks_left.saturating_sub(1);
        wire::push(&mut self.draw).into_boxed_slice()
    }

    fn step(&mut self) {
        match self.draw.below(18) {
            0..=2 => self.load(),
            3..=5 => self.push(),
            6 => self.relay(),
            7 => self.redirected(),
            8 => self.moved(),
            9 | 10 => self.subscription(),
            11 => self.tick(),
            12 => self.reload(),
            13 => drop(self.poll(self.draw.0.len() % 4, self.draw.0.len() % 3)),
            14 => self.garbage(),
            15 => self.look_up(),
            16 => self.map_address(),
            _ => drop(self.settle()),
        }
        for node in watched(self.cluster) {
            assert!(node == 0 || self.told.known(self.cluster, node).slots > 0);
        }
    }

    // ---- inputs ----------------------------------------------------------------------------------------------------

    fn load(&mut self) {
        let now = self.time();
        let shards = self.draw.below(3) == 2;
        let reply =
            if shards { wire::shards_reply(&mut self.draw) } else { wire::slots_reply(&mut self.draw) };
        let (host, port) = wire::place(&mut self.draw);
        let seq = self.draw.below(14);
        self.take_map(shards, now, &reply, host, port, (seq < 12).then_some(seq));
    }

    fn take_map(
        &mut self,
        shards: bool,
        now: u64,
        reply: &[u8],
        host: &str,
        port: u16,
        seq: Option<u64>,
    ) -> sch_status {
        let before = watched(self.cluster);
        let load = if shards { sch_cluster_load_shards } else { sch_cluster_load_slots };
        let (reply, host) = (reply.to_vec().into_boxed_slice(), host.as_bytes().to_vec().into_boxed_slice());
        let (has_seq, seq) = (seq.is_some(), seq.unwrap_or(7));
        let (host_at, host_len) = (host.as_ptr().cast(), host.len());
        let status =
            c!(load(self.cluster, now, reply.as_ptr(), reply.len(), host_at, host_len, port, has_seq, seq));
        if self.said(status) != SCH_OK {
            assert!([SCH_ERR_NOT_A_SLOT_MAP, SCH_ERR_LIMIT, SCH_ERR_ARGUMENT].contains(&status), "{status}");
            assert_eq!(watched(self.cluster), before);
            self.last_error();
        }
        status
    }

    fn last_error(&mut self) {
        let cap = self.draw.below(40) as usize;
        let (mut text, mut len) = (vec![0x55_u8; cap].into_boxed_slice(), 0);
        assert_eq!(c!(sch_cluster_last_error(self.cluster, text.as_mut_ptr().cast(), cap, &mut len)), SCH_OK);
        assert!(
            len > 0
                && (cap == 0 || text.iter().position(|b| *b == 0) == Some(len.min(cap - 1)) || len >= cap)
        );
    }

    fn push(&mut self) {
        let (now, data) = (self.time(), self.smigrated());
        let mut taken = false;
        let status = c!(sch_cluster_push(self.cluster, now, data.as_ptr(), data.len(), &mut taken));
        assert_eq!(self.said(status), SCH_OK);
    }

    /// A connection reads a push, and the cluster is told.
    fn relay(&mut self) {
        let (now, data) = (self.time(), self.smigrated());
        let mut swallowed = false;
        let status =
            c!(sch_conn_push(self.conn, now, self.transport, data.as_ptr(), data.len(), &mut swallowed));
        self.said(status);
        for turn in 0.. {
            assert!(turn < 1000, "actions do not end");
            // SAFETY: plain numbers and pointers.
            let mut a: sch_action = unsafe { core::mem::zeroed() };
            a.struct_size = size_of::<sch_action>() as u32;
            let status = c!(sch_conn_poll_action(self.conn, &mut a));
            if self.said(status) != SCH_OK {
                break;
            }
            let status = c!(match a.kind {
                SCH_ACTION_RELOAD_SLOTS => sch_cluster_reload_asked(self.cluster, now, a.has_seq != 0, a.seq),
                _ => sch_cluster_slots_moved(self.cluster, now, self.conn),
            });
            let fits = [SCH_ACTION_RELOAD_SLOTS, SCH_ACTION_SLOTS_MOVED].contains(&a.kind);
            assert_eq!(self.said(status), if fits { SCH_OK } else { SCH_ERR_UNEXPECTED });
        }
    }

    fn redirected(&mut self) {
        let (now, text) = (self.time(), wire::redirection(&mut self.draw).into_boxed_slice());
        let (host, port) = wire::place(&mut self.draw);
        let before = watched(self.cluster);
        // SAFETY: plain numbers.
        let mut to: sch_redirection = unsafe { core::mem::zeroed() };
        to.struct_size = size_of::<sch_redirection>() as u32;
        to.node = UNTOUCHED;
        let (host_at, host_len) = (host.as_ptr().cast(), host.len());
        let status = c!(sch_cluster_redirected(
            self.cluster,
            now,
            text.as_ptr(),
            text.len(),
            host_at,
            host_len,
            port,
            &mut to
        ));
        if self.said(status) != SCH_OK {
            assert!(to.node == UNTOUCHED && watched(self.cluster) == before);
        } else if to.is_ask != 0 || to.node == 0 {
            assert_eq!(watched(self.cluster), before);
        } else {
            assert_eq!(owner(self.cluster, to.slot), to.node);
            let node = self.told.known(self.cluster, to.node);
            assert_eq!((node.port, node.host), (to.port, to.host));
        }
    }

    fn moved(&mut self) {
        let (now, (host, port)) = (self.time(), wire::place(&mut self.draw));
        let slot = self.draw.of(&[0, 5, 12182, 16383, 16384, 65535]);
        let mut node = UNTOUCHED;
        let status =
            c!(sch_cluster_moved(self.cluster, now, slot, host.as_ptr().cast(), host.len(), port, &mut node));
        match self.said(status) {
            SCH_OK => assert!(slot < 16384 && (node == 0 || owner(self.cluster, slot) == node)),
            status => assert!(status < 0 && node == UNTOUCHED),
        }
    }

    fn subscription(&mut self) {
        let channel = self.draw.of(&[&b"foo"[..], b"{foo}bar", b"", b"{}", b"news", b"\xff"]);
        let (mut slot, mut of_key, mut node, mut there) = (0, 0, 0, 0);
        let (data, len) = (channel.as_ptr(), channel.len());
        assert_eq!(c!(sch_key_slot(data, len, &mut of_key)), SCH_OK);
        if self.draw.below(3) < 2 {
            let status = c!(sch_cluster_subscribe(self.cluster, data, len, &mut slot, &mut node));
            assert_eq!((self.said(status), slot, node), (SCH_OK, of_key, owner(self.cluster, slot)));
            let status = c!(sch_cluster_owner_of_key(self.cluster, data, len, &mut there));
            assert_eq!((status, there), if node == 0 { (SCH_EMPTY, 0) } else { (SCH_OK, node) });
            self.told.subscribed.entry(slot).or_insert((0, node)).0 += 1;
        } else {
            let status = c!(sch_cluster_unsubscribe(self.cluster, data, len));
            let known = self.told.subscribed.get_mut(&of_key);
            let left = known.map(|(channels, _)| {
                *channels -= 1;
                *channels
            });
            assert_eq!(self.said(status), if left.is_some() { SCH_OK } else { SCH_EMPTY });
            if left == Some(0) {
                self.told.subscribed.remove(&of_key);
            }
        }
    }

    fn deadline(&self) -> Option<u64> {
        let (mut has, mut at) = (false, 0);
        assert_eq!(c!(sch_cluster_next_deadline(self.cluster, &mut has, &mut at)), SCH_OK);
        has.then_some(at)
    }

    fn tick(&mut self) {
        let now = self.time();
        if self.draw.below(2) == 1
            && let Some(at) = self.deadline()
        {
            self.now = now.max(at);
        }
        let now = self.passed();
        let status = c!(sch_cluster_tick(self.cluster, now));
        assert_eq!(self.said(status), SCH_OK);
    }

    fn reload(&mut self) {
        let (now, seq) = (self.time(), self.draw.below(14));
        self.marks_left = self.marks_left.saturating_sub(1);
        let (mut has, mut highest) = (false, 0);
        let status = c!(match self.draw.below(4) {
            0 => sch_cluster_ask_reload(self.cluster, now),
            1 => sch_cluster_reload_failed(self.cluster, now),
            2 => sch_cluster_reload_asked(self.cluster, now, seq < 12, seq),
            _ => sch_cluster_reload_started(self.cluster, now, &mut has, &mut highest),
        });
        assert_eq!(self.said(status), SCH_OK);
    }

    fn map_address(&mut self) {
        let (from, to) = (self.draw.of(HOSTS), self.draw.of(&["c:1", "d", "z:9", "a b", ""]));
        let (from_at, to_at): (*const c_char, *const c_char) = (from.as_ptr().cast(), to.as_ptr().cast());
        let status = c!(sch_cluster_map_address(self.cluster, from_at, from.len(), to_at, to.len()));
        self.translates |= self.said(status) == SCH_OK;
    }

    // ---- what cannot be --------------------------------------------------------------------------------------------

    fn garbage(&mut self) {
        let (k, now, before) = (self.cluster, self.time(), watched(self.cluster));
        let (mut node, mut slot, mut flag) = (UNTOUCHED, 7, false);
        let text = b"x";
        let (data, chars): (_, *const c_char) = (text.as_ptr(), text.as_ptr().cast());
        // SAFETY: plain numbers; too small.
        let mut short: sch_node = unsafe { core::mem::zeroed() };
        short.struct_size = self.draw.below(64) as u32;
        let huge = self.draw.of(&[usize::MAX, isize::MAX as usize + 1]);
        let (status, wanted) = c!(match self.draw.below(14) {
            0 => (sch_cluster_owner(null(), 0, &mut node), SCH_ERR_NULL),
            1 => (sch_cluster_owner(k, 0, null_mut()), SCH_ERR_NULL),
            2 => (sch_cluster_load_slots(k, now, null(), 1, chars, 1, 1, false, 0), SCH_ERR_NULL),
            3 => (sch_cluster_load_shards(k, now, data, huge, chars, 1, 1, false, 0), SCH_ERR_ARGUMENT),
            4 => (sch_cluster_load_slots(k, now, data, 1, chars, 1, 0, false, 0), SCH_ERR_ARGUMENT),
            5 => (sch_cluster_push(k, now, data, huge, &mut flag), SCH_ERR_ARGUMENT),
            6 => (sch_cluster_push(k, now, null(), 9, &mut flag), SCH_ERR_NULL),
            7 => (sch_cluster_node(k, 1, &mut short), SCH_ERR_STRUCT_SIZE),
            8 => (sch_cluster_subscribe(k, data, 1, null_mut(), &mut node), SCH_ERR_NULL),
            9 => (sch_cluster_subscribe(k, data, huge, &mut slot, &mut node), SCH_ERR_ARGUMENT),
            10 => (sch_cluster_slots_moved(k, now, null()), SCH_ERR_NULL),
            11 => (sch_cluster_moved(k, now, 1, b"\xff".as_ptr().cast(), 1, 1, &mut node), SCH_ERR_ARGUMENT),
            12 => (sch_cluster_find_node(k, chars, 1, 0, &mut node), SCH_ERR_ARGUMENT),
            _ => (sch_cluster_replica(k, 16384, usize::MAX, &mut node), SCH_EMPTY),
        });
        assert_eq!(status, wanted);
        assert_eq!((node, slot, flag, short.slots), (UNTOUCHED, 7, false, 0));
        assert_eq!(watched(k), before);
        self.calls += 1;
    }

    fn look_up(&mut self) {
        let (slot, nth) = (self.draw.of(&WATCHED), self.draw.below(3) as usize);
        let mut node = 0;
        if c!(sch_cluster_replica(self.cluster, slot, nth, &mut node)) == SCH_OK {
            self.told.known(self.cluster, node);
        }
        let any = self.draw.number();
        self.told.node(self.cluster, any);
        let (host, port) = wire::place(&mut self.draw);
        let mut found = UNTOUCHED;
        match c!(sch_cluster_find_node(self.cluster, host.as_ptr().cast(), host.len(), port, &mut found)) {
            SCH_OK => {
                let node = self.told.known(self.cluster, found);
                assert!(self.translates || node.port == port);
            }
            _ => assert_eq!(found, UNTOUCHED),
        }
        self.calls += 1;
    }

    // ---- actions ---------------------------------------------------------------------------------------------------

    /// One action, into arrays of that size.
    fn poll(&mut self, moves_cap: usize, ranges_cap: usize) -> Option<sch_cluster_action> {
        // SAFETY: plain numbers.
        let mut a: sch_cluster_action = unsafe { core::mem::zeroed() };
        a.struct_size = size_of::<sch_cluster_action>() as u32;
        let mut few = vec![NO_MOVE; moves_cap.min(4)].into_boxed_slice();
        let mut small = vec![sch_slot_range { first: 9, last: 3 }; ranges_cap.min(4)].into_boxed_slice();
        let moves = if moves_cap < 4 { &mut few[..] } else { &mut self.moves[..] };
        let ranges = if ranges_cap < 4 { &mut small[..] } else { &mut self.ranges[..] };
        let status = c!(sch_cluster_poll_action(
            self.cluster,
            &mut a,
            moves.as_mut_ptr(),
            moves_cap,
            ranges.as_mut_ptr(),
            ranges_cap
        ));
        self.calls += 1;
        if status != SCH_OK {
            assert!(few.iter().all(|one| *one == NO_MOVE) && small.iter().all(|range| range.last == 3));
            assert_eq!(status, if a.kind == 0 { SCH_EMPTY } else { SCH_MORE });
            if status == SCH_MORE {
                assert!(a.moves_len as usize > moves_cap || a.ranges_len as usize > ranges_cap);
            }
            return None;
        }
        let slots: Vec<u16> =
            ranges[..a.ranges_len as usize].iter().flat_map(|range| range.first..=range.last).collect();
        assert!(slots.is_sorted_by(|one, next| one < next) || a.kind == SCH_CLUSTER_SLOTS_MOVED);
        let mut next = 0;
        for one in &moves[..a.moves_len as usize] {
            assert!(one.first_range == next && one.ranges_len > 0);
            next += one.ranges_len;
        }
        assert!(a.moves_len == 0 || next == a.ranges_len);
        self.seq_of(&a);
        self.told.take(self.cluster, &a, &slots);
        Some(a)
    }

    /// Each seq is told once, as long as it is remembered.
    fn seq_of(&mut self, a: &sch_cluster_action) {
        if a.kind == SCH_CLUSTER_SLOTS_MOVED && a.has_seq != 0 && self.sure_since.is_some() {
            let is_new = self.seqs.insert(a.seq);
            assert!(is_new || self.marks_left == 0, "seq {} was told twice", a.seq);
        }
    }

    /// Polls all there is. Answers what was asked for last.
    fn settle(&mut self) -> Option<sch_cluster_action> {
        let mut reload = None;
        for turn in 0.. {
            assert!(turn < 1000, "actions do not end");
            let Some(a) = self.poll(MOVES, RANGES) else { break };
            if a.kind == SCH_CLUSTER_RELOAD_SLOTS {
                reload = Some(a);
            }
        }
        self.sure_since.get_or_insert(self.latest);
        self.told.settled(self.cluster);
        reload
    }

    /// No more faults: a map comes whenever it is asked for.
    fn quiet(&mut self) {
        self.settle();
        if self.calls.is_multiple_of(4) {
            self.told.counted(self.cluster);
        }
        if self.now > u64::MAX / 4 {
            // The end of time: nothing is due any more.
            return;
        }
        // Whatever runs has ended, marks and loads are forgotten, and time that was stepped back is made up for.
        self.now = u64::MAX / 2;
        self.passed();
        assert_eq!(c!(sch_cluster_tick(self.cluster, self.now)), SCH_OK);
        assert_eq!(c!(sch_cluster_ask_reload(self.cluster, self.now)), SCH_OK);
        for turn in 0.. {
            assert!(turn < 50, "it does not come to rest");
            if let Some(a) = self.settle() {
                let seq = (a.has_seq != 0).then_some(a.seq);
                if self.take_map(false, self.now, GOOD, "a", 1, seq) != SCH_OK {
                    // Limits too small for it.
                    return;
                }
            }
            let Some(at) = self.deadline() else { break };
            assert!(at < u64::MAX / 2 + DAY * 100);
            self.now = self.now.max(at);
            self.passed();
            assert_eq!(c!(sch_cluster_tick(self.cluster, self.now)), SCH_OK);
        }
        self.settle();
        let [first, last] = [0, 199].map(|slot| owner(self.cluster, slot));
        assert_eq!(owner(self.cluster, 200), 0);
        assert!(first != 0 && last != 0 && (first != last || self.translates));
    }
}
