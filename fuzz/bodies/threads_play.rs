//! What one thread does: its program, step by step.

use super::cluster;
use super::conn::Conn;
use super::wake::wake;
use super::world::{FIRST_NODES, MOST_THREADS, Mode, SLOTS, World};
use crate::draw::Draw;
use core::ptr::null_mut;
use core::sync::atomic::Ordering;
use sch::ffi::conn::*;
use sch::ffi::counts::*;
use sch::ffi::event::*;
use sch::ffi::join::*;
use sch::ffi::pool::*;
use sch::ffi::status::*;

const MOST_STEPS: u32 = 100;
/// The one MOVING of a calm run.
const CALM_SEQ: u64 = 1_000_000;

/// An event, as far as it is compared.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    pub kind: i32,
    pub member: u64,
    pub seq: u64,
    pub count: u64,
    pub notification: u8,
}

/// What a thread leaves behind.
pub struct Done {
    pub conns: Vec<Conn>,
    /// Of the first pool, in the order they came to this thread.
    pub events: Vec<Told>,
    pub slots_moved: Vec<u64>,
    pub waiter: Option<(u64, u32)>,
}

pub struct Player<'a> {
    world: &'a World,
    me: usize,
    draw: Draw<'a>,
    slots: [Option<Conn>; SLOTS],
    waiter: Option<(u64, u32)>,
    events: Vec<Told>,
    slots_moved: Vec<u64>,
}

/// The next event, if it is of the first pool.
pub fn next_event(pool: *const sch_pool) -> Option<sch_pool_event> {
    let mut event = sized!(sch_pool_event);
    match c!(sch_pool_poll_event(pool, &mut event)) {
        SCH_OK => Some(event),
        status => {
            assert_eq!(status, SCH_EMPTY);
            None
        }
    }
}

pub fn told(e: &sch_pool_event) -> Told {
    Told { kind: e.kind, member: e.member, seq: e.seq, count: e.count, notification: e.notification }
}

impl<'a> Player<'a> {
    pub fn new(world: &'a World, me: usize, program: &'a [u8]) -> Self {
        World::i_am(me);
        let mut player = Self {
            world,
            me,
            draw: Draw(program),
            slots: [const { None }; SLOTS],
            waiter: None,
            events: Vec::new(),
            slots_moved: Vec::new(),
        };
        player.add_waiter();
        for at in 0..SLOTS {
            player.open(at);
        }
        if world.plan.mode == Mode::Pure
            && let Some(conn) = &mut player.slots[0]
        {
            conn.stays = true;
            conn.join(world, world.plan.unowned);
        }
        player
    }

    pub fn play(mut self) -> Done {
        for _ in 0..MOST_STEPS {
            if self.draw.is_over() {
                break;
            }
            self.step();
        }
        for at in 0..SLOTS {
            self.hide(at);
        }
        let conns = self.slots.iter_mut().filter_map(Option::take).collect();
        Done { conns, events: self.events, slots_moved: self.slots_moved, waiter: self.waiter }
    }

    // ---- connections -----------------------------------------------------------------------------------------------

    fn open(&mut self, at: usize) {
        let world = self.world;
        let (is_light, node) = (self.draw.below(2) == 0, self.draw.below(FIRST_NODES as u64) as usize);
        let mut conn = Conn::open(world, (self.me * SLOTS + at) as u64, is_light, node);
        if world.plan.mode == Mode::Calm {
            conn.join(world, world.plan.unowned);
        }
        self.put(at, conn);
    }

    /// Others may find it from here on.
    fn put(&mut self, at: usize, conn: Conn) {
        let shown = if conn.is_light { &self.world.light } else { &self.world.heavy };
        shown[self.me][at].store(conn.raw, Ordering::SeqCst);
        self.slots[at] = Some(conn);
    }

    fn hide(&self, at: usize) {
        for shown in [&self.world.light, &self.world.heavy] {
            shown[self.me][at].store(null_mut(), Ordering::SeqCst);
        }
    }

    fn free(&mut self, at: usize) {
        if self.slots[at].as_ref().is_some_and(|conn| conn.stays) {
            return;
        }
        self.hide(at);
        if let Some(conn) = self.slots[at].take() {
            conn.free(self.world);
        }
    }

    /// It goes to whoever looks at the shelf next, for what lies there.
    fn wander(&mut self, at: usize) {
        if self.slots[at].as_ref().is_some_and(|conn| conn.stays) {
            return;
        }
        self.hide(at);
        let mine = self.slots[at].take();
        let other = core::mem::replace(&mut *self.world.shelf.lock().expect("no panic under it"), mine);
        if let Some(mut conn) = other {
            conn.user = (self.me * SLOTS + at) as u64;
            self.put(at, conn);
        }
    }

    fn notification(&mut self) -> String {
        let seq = self.world.seq();
        let what = match self.world.plan.mode {
            Mode::Pure => 0,
            Mode::Calm => self.draw.of(&[0, 1, 10, 10]),
            Mode::Wild => self.draw.below(8),
        };
        match what {
            0 => format!(">4\r\n+MIGRATING\r\n:{seq}\r\n:600\r\n$3\r\n[1]\r\n"),
            1 => format!(">3\r\n+MIGRATED\r\n:{seq}\r\n$3\r\n[1]\r\n"),
            2 => format!(">4\r\n+MOVING\r\n:{seq}\r\n:15\r\n+m{}:1\r\n", seq % 2),
            3 => format!(">4\r\n+MOVING\r\n:{seq}\r\n:4\r\n_\r\n"),
            4 => ">4\r\n+FAILING_OVER\r\n:3\r\n:2\r\n$3\r\n[1]\r\n".to_string(),
            5 => ">3\r\n+FAILED_OVER\r\n:4\r\n$3\r\n[1]\r\n".to_string(),
            6 | 7 => cluster::smigrated(seq),
            _ => format!(">4\r\n+MOVING\r\n:{CALM_SEQ}\r\n:15\r\n+calm:1\r\n"),
        }
    }

    // ---- the pool --------------------------------------------------------------------------------------------------

    fn add_waiter(&mut self) {
        let world = self.world;
        self.waiter = world.pool(|pool, generation| {
            let mut number = 0;
            let data = world.woken(generation).data();
            assert_eq!(c!(sch_pool_add_waiter(pool, Some(wake), data, &mut number)), SCH_OK);
            assert_eq!(c!(sch_pool_watch(pool, number)), SCH_OK);
            (generation, number)
        });
    }

    /// Its waiter ends, unless it is just being woken; another takes its place.
    fn change_waiter(&mut self) {
        let Some((of, number)) = self.waiter else { return self.add_waiter() };
        let removed = self
            .world
            .pool(|pool, generation| (generation == of).then(|| c!(sch_pool_remove_waiter(pool, number))));
        match removed.flatten() {
            Some(SCH_ERR_BUSY) => {}
            Some(status) => {
                assert_eq!(status, SCH_OK);
                self.add_waiter();
            }
            // It went with its pool.
            None => self.add_waiter(),
        }
    }

    fn poll_events(&mut self, most: u64) {
        let world = self.world;
        for _ in 0..most {
            let event = world.pool(|pool, generation| next_event(pool).map(|event| (event, generation)));
            let Some((event, generation)) = event.flatten() else { return };
            if generation == 0 {
                self.events.push(told(&event));
            }
            if [SCH_EVENT_RETIRE, SCH_EVENT_HANDOFF].contains(&event.kind) {
                world.asked[event.user as usize].store(true, Ordering::Relaxed);
            }
        }
    }

    /// An event was about this one.
    fn look_after(&mut self, at: usize) {
        let (world, user) = (self.world, self.me * SLOTS + at);
        if !world.asked[user].load(Ordering::Relaxed) || !world.asked[user].swap(false, Ordering::Relaxed) {
            return;
        }
        if world.plan.unowned == SCH_UNOWNED_RETIRE {
            return self.free(at);
        }
        let waiter = self.waiter;
        if let Some(conn) = &mut self.slots[at] {
            conn.take(world, waiter);
            conn.settle(world);
            conn.give(world);
        }
    }

    fn where_to_dial(&mut self) {
        let (world, ok) = (self.world, self.draw.below(3) > 0);
        let now = world.now();
        world.pool(|pool, generation| {
            let mut places = [super::zeroed::<sch_place>(); 4];
            let (mut count, mut retry) = (0, 0);
            let first = generation == 0;
            match c!(sch_pool_where_to_dial(pool, now, places.as_mut_ptr(), 4, &mut count, &mut retry)) {
                SCH_OK => assert!((1..=4).contains(&count)),
                status => {
                    assert!(status == SCH_EMPTY && retry > 0, "{status}");
                    world.books.blocked.fetch_add(u64::from(first), Ordering::Relaxed);
                    return;
                }
            }
            for place in &places[..count] {
                let (host, len) = (place.host.as_ptr(), place.host_len as usize);
                assert_eq!(c!(sch_pool_dial_result(pool, now, host, len, place.port, ok)), SCH_OK);
                world.books.dials.fetch_add(u64::from(first), Ordering::Relaxed);
            }
        });
    }

    /// What anybody may look at, whatever the others do.
    fn look(&mut self) {
        let world = self.world;
        let now = world.now();
        world.pool(|pool, generation| {
            let mut counts = sized!(sch_pool_counts);
            assert_eq!(c!(sch_pool_counters(pool, &mut counts)), SCH_OK);
            if generation == 0 {
                // Who is about to join is not in the books yet.
                assert!(counts.members <= ((MOST_THREADS * SLOTS) + 1) as u64);
                assert!(counts.grants_lapsed <= counts.grants && counts.members_ejected == 0);
            }
            let host = b"never.example";
            let (at, len) = (host.as_ptr().cast(), host.len());
            assert_eq!(c!(sch_pool_optin_refused(pool, now, at, len, 1)), SCH_OK);
            let mut of_one = sized!(sch_endpoint_counters);
            let status = c!(sch_pool_endpoint_counters(pool, c"configured".as_ptr(), 10, 6379, &mut of_one));
            assert!(status == SCH_OK || status == SCH_EMPTY);
            let mut count = 0;
            assert_eq!(c!(sch_pool_endpoints(pool, null_mut(), 0, &mut count)), SCH_OK);
            assert_eq!(count, 0);
        });
    }

    /// Misuse: calls on a connection that another thread has, perhaps while that one is inside. What lends something to its owner is
    /// only looked at: what is lent lives until the next call that changes something.
    fn intrude(&mut self) {
        let world = self.world;
        let (thread, at) =
            (self.draw.below(world.plan.threads as u64) as usize, self.draw.below(SLOTS as u64) as usize);
        let (what, now) = (self.draw.below(6), world.now());
        let look = |conn: *mut sch_conn| {
            let (mut has, mut number, mut phase) = (false, 0, 0);
            match what {
                0 => c!(sch_conn_has_mail(conn, &mut has)),
                1 => c!(sch_conn_member(conn, &mut number)),
                2 => c!(sch_conn_next_deadline(conn, &mut has, &mut number)),
                3 => c!(sch_conn_counters(conn, &mut sized!(sch_counters))),
                4 => c!(sch_conn_phase(conn, &mut phase)),
                _ => c!(sch_conn_current(conn, &mut number)),
            }
        };
        let change = |conn: *mut sch_conn| match what {
            0 | 1 => c!(sch_conn_tick(conn, now)),
            2 => c!(sch_conn_take(conn, now, 0)),
            3 => c!(sch_conn_give(conn, now)),
            _ => look(conn),
        };
        for (shown, call) in [(&world.light, &change as &dyn Fn(_) -> _), (&world.heavy, &look)] {
            if let Some(status) = world.visit(&shown[thread][at], call) {
                let fits = [SCH_OK, SCH_ERR_BUSY, SCH_ERR_UNEXPECTED, SCH_EMPTY];
                assert!(fits.contains(&status), "{status}");
            }
        }
    }

    // ---- steps -----------------------------------------------------------------------------------------------------

    fn step(&mut self) {
        let at = self.draw.below(SLOTS as u64) as usize;
        let world = self.world;
        let mode = world.plan.mode;
        if self.slots[at].is_none() {
            return self.open(at);
        }
        self.look_after(at);
        let (waiter, unowned) = (self.waiter, world.plan.unowned);
        let what = self.draw.below(32);
        let push = if what < 5 { self.notification() } else { String::new() };
        let Some(conn) = &mut self.slots[at] else { return };
        conn.dial_again(world);
        match what {
            0..5 => conn.read(world, push.as_bytes()),
            5..9 => conn.tick(world),
            9 | 10 => {
                conn.take(world, waiter);
                conn.finish_pending(world);
            }
            11 | 12 => conn.give(world),
            13 | 14 => {
                conn.refuses = self.draw.below(3) == 2;
                conn.finish_pending(world);
            }
            15 => conn.ask(world),
            16 => conn.deliver(world),
            17 | 18 if mode != Mode::Calm && !conn.stays => conn.join(world, unowned),
            19 if mode != Mode::Calm && !conn.stays => conn.leave(world),
            20 => self.free(at),
            21 => self.wander(at),
            22 | 23 => {
                let most = self.draw.below(8);
                self.poll_events(most);
            }
            24 => {
                let now = world.now();
                world.pool(|pool, _| assert_eq!(c!(sch_pool_tick(pool, now)), SCH_OK));
            }
            25 => self.where_to_dial(),
            26 => self.look(),
            27 | 28 => self.intrude(),
            29 => self.change_waiter(),
            30 => cluster::step(world, &mut self.draw, &mut self.slots_moved),
            31 if mode == Mode::Wild => match self.draw.below(8) {
                0 => world.replace_pool(),
                1 => world.replace_cluster(),
                2 | 3 => world.pass_some(1_000_000_000),
                4 => world.pass_some(20_000_000_000),
                _ => {}
            },
            _ => conn.tick(world),
        }
    }
}
