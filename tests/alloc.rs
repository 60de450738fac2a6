//! DESIGN section 6: nothing is allocated on the steady path.
#![allow(unsafe_code)] // a counting allocator

use sch::config::Config;
use sch::conn::{Connection, Span};
use sch::time::Timestamp;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    let _ = CALLS.try_with(|c| c.set(c.get() + 1)); // a thread that ends counts no more
}

// SAFETY: all is the system's allocator's, counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

/// A connection whose driver has said HELLO 3 and whose opt-in is on.
fn connected() -> Connection {
    let config = Config { host: "db.example.com".into(), ..Config::default() };
    let mut conn = Connection::new(config).expect("config");
    let dial = conn.dial(at(0), 0).unwrap().unwrap();
    conn.handle_connected(at(0), dial.transport, None).unwrap();
    let mut spans = [Span::EMPTY; 16];
    conn.handle_submit(at(0), b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n").unwrap();
    conn.handle_receive(at(0), 1, b"%1\r\n$5\r\nproto\r\n:3\r\n", &mut spans).unwrap();
    let len = conn.region(1).len();
    conn.handle_wrote(at(0), 1, len).unwrap();
    conn.handle_receive(at(0), 1, b"+OK\r\n", &mut spans).unwrap();
    while conn.poll_action().is_some() {}
    assert!(conn.is_sch_active());
    conn
}

/// 100 pipelined commands of some kinds, their replies in two pieces, and a tick.
fn round(conn: &mut Connection, ms: u64, commands: &[u8], replies: &[u8]) {
    let mut spans = [Span::EMPTY; 16];
    let submitted = conn.handle_submit(at(ms), commands).unwrap();
    assert_eq!(submitted.write_now, commands.len());
    let half = replies.len() / 2 + 1;
    for piece in [&replies[..half], &replies[half..]] {
        let received = conn.handle_receive(at(ms), 1, piece, &mut spans).unwrap();
        assert_eq!(received.consumed, piece.len());
    }
    conn.handle_tick(at(ms)).unwrap();
    assert!(conn.poll_action().is_none());
}

#[test]
fn the_steady_path_allocates_nothing() {
    let mut conn = connected();
    let mut commands = Vec::new();
    let mut replies = Vec::new();
    for i in 0..25 {
        commands.extend_from_slice(format!("*3\r\n$3\r\nSET\r\n$4\r\nk{i:03}\r\n$5\r\nvalue\r\n").as_bytes());
        commands.extend_from_slice(format!("*2\r\n$3\r\nGET\r\n$4\r\nk{i:03}\r\n").as_bytes());
        commands.extend_from_slice(
            b"*4\r\n$6\r\nLRANGE\r\n$1\r\nl\r\n$1\r\n0\r\n$2\r\n-1\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n",
        );
        replies.extend_from_slice(b"+OK\r\n$5\r\nvalue\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n:1\r\n");
    }
    round(&mut conn, 1, &commands, &replies);
    let before = CALLS.get();
    for ms in 2..200 {
        round(&mut conn, ms, &commands, &replies);
    }
    let calls = CALLS.get() - before;
    assert_eq!(calls, 0, "{calls} allocations in 19,800 commands");
}

/// Messages without commands of its own are use too: a tick between them takes nothing away.
#[test]
fn a_subscriber_allocates_nothing() {
    let mut conn = connected();
    let mut spans = [Span::EMPTY; 16];
    let mut round = |ms: u64| {
        // Kept back, until the name is whole.
        for piece in [b">3\r\n$7\r\nmess".as_slice(), b"age\r\n$1\r\na\r\n$1\r\nb\r\n"] {
            conn.handle_receive(at(ms), 1, piece, &mut spans).unwrap();
        }
        conn.handle_tick(at(ms)).unwrap();
        assert!(conn.poll_action().is_none());
    };
    round(1);
    let before = CALLS.get();
    (2..200).for_each(&mut round);
    let calls = CALLS.get() - before;
    assert_eq!(calls, 0, "{calls} allocations in 198 messages");
}
