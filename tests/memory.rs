//! DESIGN section 6: what an idle connection takes, beside what the host asked to keep. Each test prints the blocks that the
//! allocator holds for one (`--nocapture`), and what they are to it: a word of its own for each, in steps of 16 bytes.
#![allow(unsafe_code)] // a counting allocator, and the C ABI

use core::ptr::null_mut;
use sch::config::Config;
use sch::conn::{Connection, Span};
use sch::endpoint::PeerAddr;
use sch::ffi::action::sch_action;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::status::*;
use sch::ffi::version::SCH_ABI_VERSION;
use sch::time::Timestamp;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// The goal.
const MOST: usize = 1024;
/// An allocator keeps a word beside each block, and rounds up to this.
const STEP: usize = 16;
/// Blocks of more steps are counted as of so many.
const STEPS: usize = 1024;
const CONNECTIONS: usize = 50;

thread_local! {
    /// Blocks held, by their steps.
    static HELD: [Cell<i64>; STEPS] = const { [const { Cell::new(0) }; STEPS] };
}

struct Counting;

fn note(size: usize, by: i64) {
    let steps = (size + size_of::<usize>()).div_ceil(STEP).clamp(2, STEPS - 1);
    let _ = HELD.try_with(|held| held[steps].set(held[steps].get() + by)); // a thread that ends counts no more
}

// SAFETY: all is the system's allocator's, counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(layout.size(), -1);
        note(size, 1);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn held() -> [i64; STEPS] {
    HELD.with(|held| core::array::from_fn(|steps| held[steps].get()))
}

/// Bytes that one of many connections holds.
fn bytes_of_one<T>(what: &str, make: impl Fn() -> T) -> usize {
    drop(make()); // what is made once, by whoever is first
    let mut made = Vec::with_capacity(CONNECTIONS);
    let before = held();
    for _ in 0..CONNECTIONS {
        made.push(make());
    }
    let after = held();
    let blocks = before.iter().zip(&after).map(|(before, after)| after - before).enumerate();
    let all: Vec<(usize, usize)> = blocks
        .filter(|(_, count)| *count != 0)
        .map(|(steps, count)| (steps * STEP, usize::try_from(count).expect("held, not given back")))
        .collect();
    let sum = all.iter().map(|(size, count)| size * count).sum::<usize>() / CONNECTIONS;
    let one: Vec<(usize, usize)> = all.iter().map(|(size, count)| (*size, count / CONNECTIONS)).collect();
    println!("{what}: {sum} bytes, in blocks of {one:?} (size, count)");
    sum
}

const HELLO: &[u8] = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
const MAP: &[u8] = b"%1\r\n$5\r\nproto\r\n:3\r\n";
const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
const VALUE: &[u8] = b"$5\r\nhello\r\n";
const NAME: &str = "db-17.eu-west.cache.example.com";

/// What a connection does here; both ABIs the same.
trait Driven {
    /// Dials, and is connected.
    fn connect(&mut self);
    fn submit(&mut self, data: &[u8]);
    /// ... and drains the actions.
    fn receive(&mut self, data: &[u8]);
    /// Writes all of libsch's own bytes.
    fn write_region(&mut self);
    fn tick(&mut self);
    fn is_active(&self) -> bool;
}

/// Opted in, `commands` answered in all, pipelined, and idle: nothing owed, no command between two ticks.
fn idle<T: Driven>(mut conn: T, commands: usize) -> T {
    conn.connect();
    conn.submit(HELLO);
    conn.receive(MAP);
    conn.write_region();
    conn.receive(b"+OK\r\n");
    conn.submit(&GET.repeat(commands));
    conn.receive(&VALUE.repeat(commands));
    assert!(conn.is_active());
    conn.tick();
    conn.tick();
    conn
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

impl Driven for Box<Connection> {
    fn connect(&mut self) {
        let dial = self.dial(at(0), 0).unwrap().unwrap();
        let peer = PeerAddr::parse(b"10.0.0.7:6379").ok();
        self.handle_connected(at(0), dial.transport, peer).unwrap();
    }
    fn submit(&mut self, data: &[u8]) {
        assert_eq!(self.handle_submit(at(0), data).unwrap().write_now, data.len());
    }
    fn receive(&mut self, data: &[u8]) {
        let received = self.handle_receive(at(0), 1, data, &mut [Span::EMPTY; 16]).unwrap();
        assert_eq!(received.consumed, data.len());
        while self.poll_action().is_some() {}
    }
    fn write_region(&mut self) {
        let len = self.region(1).len();
        self.handle_wrote(at(0), 1, len).unwrap();
    }
    fn tick(&mut self) {
        self.handle_tick(at(0)).unwrap();
    }
    fn is_active(&self) -> bool {
        self.is_sch_active()
    }
}

struct C(*mut sch_conn);

impl Drop for C {
    fn drop(&mut self) {
        // SAFETY: live, and used no more.
        assert_eq!(unsafe { sch_conn_free(self.0) }, SCH_OK);
    }
}

/// Room for a struct that grows.
fn sized<T>() -> MaybeUninit<T> {
    let mut out = MaybeUninit::<T>::zeroed();
    // SAFETY: `struct_size` is the first field of them all.
    unsafe { out.as_mut_ptr().cast::<u32>().write(size_of::<T>() as u32) };
    out
}

/// Calls one export.
macro_rules! c {
    ($call:expr) => {
        // SAFETY: handles are live, places are of this test.
        assert_eq!(unsafe { $call }, SCH_OK)
    };
}

impl C {
    /// As hosts do after every input, also where there is none.
    fn drain(&mut self) {
        let mut action = sized::<sch_action>();
        // SAFETY: live, and a place of this test.
        while unsafe { sch_conn_poll_action(self.0, action.as_mut_ptr()) } == SCH_OK {}
    }
}

impl Driven for C {
    fn connect(&mut self) {
        c!(sch_conn_dial(self.0, 0, 0, sized().as_mut_ptr()));
        c!(sch_conn_connected(self.0, 0, 1, c"10.0.0.7:6379".as_ptr(), 13));
    }
    fn submit(&mut self, data: &[u8]) {
        let mut out = sized::<sch_submitted>();
        c!(sch_conn_submit(self.0, 0, data.as_ptr(), data.len(), out.as_mut_ptr()));
        // SAFETY: filled.
        assert_eq!(unsafe { out.assume_init() }.write_now, data.len());
    }
    fn receive(&mut self, data: &[u8]) {
        let mut spans = [sch_span { data: core::ptr::null(), len: 0 }; 16];
        let (mut consumed, mut count) = (0, 0);
        let (from, to) = (data.as_ptr(), spans.as_mut_ptr());
        c!(sch_conn_receive(self.0, 0, 1, from, data.len(), to, 16, &mut consumed, &mut count));
        assert_eq!(consumed, data.len());
        self.drain();
    }
    fn write_region(&mut self) {
        let (mut data, mut len) = (core::ptr::null(), 0);
        c!(sch_conn_region(self.0, 1, &mut data, &mut len));
        c!(sch_conn_wrote(self.0, 0, 1, len));
    }
    fn tick(&mut self) {
        c!(sch_conn_tick(self.0, 0));
        self.drain();
    }
    fn is_active(&self) -> bool {
        let mut active = false;
        c!(sch_conn_is_active(self.0, &mut active));
        active
    }
}

fn rust() -> impl Fn() -> Box<Connection> {
    let config = Arc::new(Config { host: NAME.into(), ..Config::default() });
    move || Box::new(Connection::new(Arc::clone(&config)).expect("config"))
}

struct Settings(*mut sch_config);

impl Settings {
    fn new() -> Self {
        let mut config = null_mut();
        c!(sch_config_new(&mut config));
        c!(sch_config_set_host(config, NAME.as_ptr().cast(), NAME.len()));
        Self(config)
    }
    fn conn(&self) -> C {
        let mut conn = null_mut();
        c!(sch_conn_new(SCH_ABI_VERSION, self.0, &mut conn));
        C(conn)
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        c!(sch_config_free(self.0));
    }
}

#[test]
fn an_idle_connection_of_rust_takes_little() {
    let new = rust();
    let size = bytes_of_one("Rust, idle", || idle(new(), 1));
    assert!(size <= MOST, "{size} bytes");
}

#[test]
fn an_idle_connection_of_c_takes_little() {
    let settings = Settings::new();
    let size = bytes_of_one("C, idle", || idle(settings.conn(), 1));
    assert!(size <= MOST, "{size} bytes");
}

/// Settings of its own are what the host asked to keep: told, and no part of the goal.
#[test]
fn settings_are_shared() {
    let settings = Settings::new();
    let shared = bytes_of_one("C, new", || settings.conn());
    let own = bytes_of_one("C, new, with settings of its own", || Settings::new().conn());
    assert!(shared + size_of::<Config>() < own, "{shared}, {own} bytes");
}

/// What is remembered of maintenance (marks, counters) stays: told, and bounded by what it is.
#[test]
fn maintenance_leaves_little() {
    fn over<T: Driven>(mut conn: T) -> T {
        conn.connect();
        conn.receive(b">4\r\n$9\r\nMIGRATING\r\n:1\r\n:30\r\n*1\r\n$1\r\n1\r\n");
        conn.receive(b">3\r\n$8\r\nMIGRATED\r\n:2\r\n*1\r\n$1\r\n1\r\n");
        conn.tick();
        conn.tick();
        conn
    }
    let (new, settings) = (rust(), Settings::new());
    let rust = bytes_of_one("Rust, after a migration", || over(new()));
    let c = bytes_of_one("C, after a migration", || over(settings.conn()));
    assert!(rust <= MOST + 512 && c <= MOST + 512, "{rust}, {c} bytes");
}

#[test]
fn what_a_burst_took_comes_back() {
    let (new, settings) = (rust(), Settings::new());
    let rust = bytes_of_one("Rust, after 10,000 commands", || idle(new(), 10_000));
    let c = bytes_of_one("C, after 10,000 commands", || idle(settings.conn(), 10_000));
    assert!(rust <= MOST && c <= MOST, "{rust}, {c} bytes");
}
