//! What all threads share: the pool, the cluster, the clock, and the books that are balanced at the end.
//!
//! To be seen by a sanitizer, a race must not be hidden by the test: but for a free, threads here are ordered by what libsch does
//! alone. Counters are relaxed; who uses a handle of all says so in a word of its own, which only who wants to free reads.

use super::conn::Conn;
use super::wake::{Telling, Woken, hear_all, within};
use super::{PATIENCE, Place};
use crate::draw::Draw;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use sch::ffi::cluster::*;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::log::SCH_LOG_DEBUG;
use sch::ffi::pool::*;
use sch::ffi::status::*;
use sch::ffi::version::*;
use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use std::time::{Duration, Instant};

pub const MOST_THREADS: usize = 4;
/// Connections of one thread.
pub const SLOTS: usize = 3;
pub const START: u64 = 1_000_000_000;
/// Between two calls.
const STEP: u64 = 100_000;
/// In a calm run, of some hundred calls.
const CALM_STEP: u64 = 3_000_000;
/// What a calm run takes: the start of a wave is over, no grant lapses.
const CALM: u64 = 900_000_000;
/// And a wild one, nearly: marks live for ten minutes.
const WILD: u64 = 400_000_000_000;
/// Where connections are at first; where a MOVING leads that is followed in turn, and where the last one does.
pub const NODES: [&str; 4] = ["10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379", "10.0.0.4:6379"];
pub const FIRST_NODES: usize = 2;

thread_local! {
    /// Which thread this is.
    static ME: Cell<usize> = const { Cell::new(MOST_THREADS) };
}

/// What is tried, and so what can be demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Notifications that nothing ends, each once; some members stay. Mail can be counted.
    Pure,
    /// One MOVING, less than a second, all are members. Places can be counted.
    Calm,
    /// Everything else.
    Wild,
}

#[derive(Debug)]
pub struct Plan {
    pub threads: usize,
    pub mode: Mode,
    pub unowned: i32,
}

/// What is known to have happened in the first pool.
#[derive(Default)]
pub struct Books {
    pub joined: AtomicU64,
    pub dials: AtomicU64,
    pub blocked: AtomicU64,
    /// Notifications that members of each node have read.
    pub read: [AtomicU64; NODES.len()],
    /// Attempts that members make at the moment.
    pub open: AtomicU64,
    /// SMIGRATED that the cluster was told.
    pub smigrated: AtomicU64,
}

/// In use by one thread, on a line of its own.
#[repr(align(128))]
#[derive(Default)]
struct Guest(AtomicU64);

pub struct World {
    pub plan: Plan,
    pub books: Books,
    pub(super) places: [Place; MOST_THREADS + 1],
    config: *mut sch_config,
    pool: AtomicPtr<sch_pool>,
    /// Counts pools: the first is 0.
    generation: AtomicU64,
    cluster: AtomicPtr<sch_cluster>,
    /// Connections that other threads may call: those that lend nothing to their owner, and the others.
    pub light: [[AtomicPtr<sch_conn>; SLOTS]; MOST_THREADS],
    pub heavy: [[AtomicPtr<sch_conn>; SLOTS]; MOST_THREADS],
    /// A connection on its way from one thread to another.
    pub shelf: Mutex<Option<Conn>>,
    /// A user that an event was about.
    pub asked: [AtomicBool; MOST_THREADS * SLOTS],
    seq: AtomicU64,
    clock: AtomicU64,
    calm: AtomicBool,
    over: AtomicBool,
    guests: [Guest; MOST_THREADS + 1],
    woken: Mutex<Vec<Arc<Woken>>>,
    tellings: Mutex<Vec<Arc<Telling>>>,
    /// Threads that have ended; the one that waits for it. No `Condvar`: what std orders in code of its own is not seen.
    ended: AtomicUsize,
    watcher: Thread,
    failed: AtomicBool,
}

// SAFETY: pointers are to handles that may be shared as they are here, or owned by one thread at a time.
unsafe impl Sync for World {}

/// Inside a call on a handle of all.
struct Inside<'a>(&'a Guest);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Of a thread that has ended, well or not.
pub struct Ended<'a>(&'a World);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::Relaxed);
        }
        self.0.ended.fetch_add(1, Ordering::Release);
        self.0.watcher.unpark();
    }
}

impl World {
    pub fn new(draw: &mut Draw) -> Box<Self> {
        let threads = 2 + draw.below(3) as usize;
        let mode = draw.of(&[Mode::Wild, Mode::Pure, Mode::Calm]);
        // Retiring takes a place for a time, which is not to be seen from outside.
        let retires = draw.below(2) == 1 && mode != Mode::Calm;
        let unowned = if retires { SCH_UNOWNED_RETIRE } else { SCH_UNOWNED_HANDOFF };
        let plan = Plan { threads, mode, unowned };
        let mut config = null_mut();
        assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
        assert_eq!(c!(sch_config_set_host(config, c"configured".as_ptr(), 10)), SCH_OK);
        let events = if plan.mode == Mode::Wild { draw.of(&[1024, 3]) } else { 1024 };
        for (limit, value) in [
            (SCH_LIMIT_MAX_POOL_EVENTS, events),
            (SCH_LIMIT_MAX_POOL_FACTS, 4096),
            (SCH_LIMIT_MAX_CLUSTER_MARKS, 4096),
            (SCH_LIMIT_MAX_CLUSTER_EVENTS, 4096),
        ] {
            assert_eq!(c!(sch_config_set_limit(config, limit, value)), SCH_OK);
        }
        let calm = plan.mode == Mode::Calm;
        let world = Self {
            plan,
            books: Books::default(),
            places: Default::default(),
            config,
            pool: AtomicPtr::new(null_mut()),
            generation: AtomicU64::new(0),
            cluster: AtomicPtr::new(null_mut()),
            light: Default::default(),
            heavy: Default::default(),
            shelf: Mutex::new(None),
            asked: Default::default(),
            seq: AtomicU64::new(1),
            clock: AtomicU64::new(START),
            calm: AtomicBool::new(calm),
            over: AtomicBool::new(false),
            guests: Default::default(),
            woken: Mutex::new(Vec::new()),
            tellings: Mutex::new(Vec::new()),
            ended: AtomicUsize::new(0),
            watcher: std::thread::current(),
            failed: AtomicBool::new(false),
        };
        let world = Box::new(world);
        world.pool.store(world.new_pool(), Ordering::SeqCst);
        world.cluster.store(world.new_cluster(), Ordering::SeqCst);
        world
    }

    // ---- handles of all --------------------------------------------------------------------------------------------

    fn new_pool(&self) -> *mut sch_pool {
        let mut pool = null_mut();
        assert_eq!(c!(sch_pool_new(SCH_ABI_VERSION, self.config, &mut pool)), SCH_OK);
        let telling = self.telling(true);
        assert_eq!(c!(sch_pool_set_log(pool, SCH_LOG_DEBUG, Some(hear_all), telling.data())), SCH_OK);
        pool
    }

    /// For the log of a pool or a cluster; kept until the end.
    fn telling(&self, is_of_pool: bool) -> Arc<Telling> {
        let telling = Arc::new(Telling::new(is_of_pool));
        self.tellings.lock().unwrap().push(Arc::clone(&telling));
        telling
    }

    fn new_cluster(&self) -> *mut sch_cluster {
        let mut cluster = null_mut();
        assert_eq!(c!(sch_cluster_new(SCH_ABI_VERSION, self.config, &mut cluster)), SCH_OK);
        let telling = self.telling(false);
        assert_eq!(c!(sch_cluster_set_log(cluster, SCH_LOG_DEBUG, Some(hear_all), telling.data())), SCH_OK);
        super::cluster::load(cluster, START, None);
        cluster
    }

    /// Several threads make connections from one config.
    pub fn new_conn(&self, level: i32) -> *mut sch_conn {
        let (mut config, mut conn) = (null_mut(), null_mut());
        if level == SCH_LEVEL_MANAGED {
            assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, self.config, &mut conn)), SCH_OK);
            return conn;
        }
        assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
        assert_eq!(c!(sch_config_set_level_in(config, level)), SCH_OK);
        assert_eq!(c!(sch_config_set_level_out(config, level)), SCH_OK);
        assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, config, &mut conn)), SCH_OK);
        assert_eq!(c!(sch_config_free(config)), SCH_OK);
        conn
    }

    /// From here on, what is freed is not what is found now.
    fn inside(&self) -> Inside<'_> {
        let guest = &self.guests[ME.get()];
        guest.0.fetch_add(1, Ordering::SeqCst);
        Inside(guest)
    }

    /// With the pool and its number, if there is one.
    pub fn pool<R>(&self, work: impl FnOnce(*mut sch_pool, u64) -> R) -> Option<R> {
        let _inside = self.inside();
        let pool = self.pool.load(Ordering::SeqCst);
        (!pool.is_null()).then(|| work(pool, self.generation.load(Ordering::SeqCst)))
    }

    pub fn cluster<R>(&self, work: impl FnOnce(*mut sch_cluster) -> R) -> Option<R> {
        let _inside = self.inside();
        let cluster = self.cluster.load(Ordering::SeqCst);
        (!cluster.is_null()).then(|| work(cluster))
    }

    /// With a connection that is perhaps another thread's.
    pub fn visit<R>(&self, at: &AtomicPtr<sch_conn>, work: impl FnOnce(*mut sch_conn) -> R) -> Option<R> {
        let _inside = self.inside();
        let conn = at.load(Ordering::SeqCst);
        (!conn.is_null()).then(|| within(conn, || work(conn)))
    }

    /// Until nobody is left who can have found what was taken away.
    pub fn wait_for_guests(&self) {
        assert_eq!(self.guests[ME.get()].0.load(Ordering::SeqCst), 0, "it would wait for itself");
        let are_gone = || self.guests.iter().all(|guest| guest.0.load(Ordering::SeqCst) == 0);
        self.until("guests have gone", are_gone);
    }

    /// Frees the pool when nobody can come in, and makes another one. Members of the old one stay so.
    pub fn replace_pool(&self) {
        let old = self.pool.swap(null_mut(), Ordering::SeqCst);
        if old.is_null() {
            return; // another thread is about it
        }
        self.wait_for_guests();
        self.free(|| c!(sch_pool_free(old)));
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.pool.store(self.new_pool(), Ordering::SeqCst);
    }

    pub fn replace_cluster(&self) {
        let old = self.cluster.swap(null_mut(), Ordering::SeqCst);
        if !old.is_null() {
            self.wait_for_guests();
            assert_eq!(c!(sch_cluster_free(old)), SCH_OK);
            self.books.smigrated.store(u64::MAX / 2, Ordering::Relaxed); // not known any more
            self.cluster.store(self.new_cluster(), Ordering::SeqCst);
        }
    }

    /// A pool is busy as long as a callback of it runs.
    fn free(&self, free: impl Fn() -> sch_status) {
        self.until("the pool can be freed", || match free() {
            SCH_OK => true,
            status => {
                assert_eq!(status, SCH_ERR_BUSY);
                false
            }
        });
    }

    /// The end: frees what is left.
    pub fn close(&self) {
        let (pool, cluster) = (self.pool.load(Ordering::SeqCst), self.cluster.load(Ordering::SeqCst));
        assert_eq!(c!(sch_pool_free(pool)), SCH_OK);
        assert_eq!(c!(sch_cluster_free(cluster)), SCH_OK);
        assert_eq!(c!(sch_config_free(self.config)), SCH_OK);
    }

    pub fn is_first_pool(&self) -> bool {
        self.generation.load(Ordering::SeqCst) == 0
    }

    // ---- threads ---------------------------------------------------------------------------------------------------

    pub fn i_am(thread: usize) {
        ME.set(thread);
    }

    pub fn ends(&self) -> Ended<'_> {
        Ended(self)
    }

    /// Whether all have; waits a while for the next one that does.
    pub fn have_ended(&self, a_while: Duration) -> bool {
        let have = || self.ended.load(Ordering::Acquire) == self.plan.threads;
        if !have() {
            std::thread::park_timeout(a_while);
        }
        have()
    }

    /// Waits for what another thread does.
    pub fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let since = Instant::now();
        while !is_so() {
            assert!(!self.failed.load(Ordering::Relaxed), "another thread has failed");
            assert!(since.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
            std::thread::yield_now();
        }
    }

    // ---- time and numbers ------------------------------------------------------------------------------------------

    pub fn seq(&self) -> u64 {
        self.seq.fetch_add(1, Ordering::Relaxed)
    }

    /// Threads read the clock one after the other and say what they read in any order.
    pub fn now(&self) -> u64 {
        let is_calm = self.is_calm();
        let now = self.clock.fetch_add(if is_calm { CALM_STEP } else { STEP }, Ordering::Relaxed);
        if is_calm { now.min(START + CALM) } else { now }
    }

    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// From here on nothing is bounded: the clock of a calm run goes on, too.
    pub fn is_over(&self) {
        self.calm.store(false, Ordering::Relaxed);
        self.over.store(true, Ordering::Relaxed);
    }

    /// Which node a candidate finds.
    pub fn place_of(&self, transport: u64) -> usize {
        match self.plan.mode {
            _ if self.over.load(Ordering::Relaxed) => NODES.len() - 1,
            Mode::Calm => FIRST_NODES,
            Mode::Pure | Mode::Wild => transport as usize % FIRST_NODES,
        }
    }

    /// Goes forward at once.
    pub fn pass(&self, ns: u64) {
        self.clock.fetch_add(ns, Ordering::Relaxed);
    }

    /// Likewise in a wild run, not so far that what was seen is forgotten.
    pub fn pass_some(&self, ns: u64) {
        if self.clock.load(Ordering::Relaxed) < START + WILD {
            self.pass(ns);
        }
    }

    // ---- waking ----------------------------------------------------------------------------------------------------

    /// What a waiter is given. It lives as long as any connection.
    pub fn woken(&self, generation: u64) -> Arc<Woken> {
        let woken = Arc::new(Woken::new(generation, self));
        self.woken.lock().expect("no panic under it").push(Arc::clone(&woken));
        woken
    }
}
