//! No memory (S4). Commands that are to be held and maps that are to be loaded are asked for: SCH_ERR_NO_MEMORY, and nothing has
//! changed. All else ends the process, as everywhere in Rust; which of it is large is shown by failing each allocation of a story
//! in turn.
#![allow(unsafe_code)] // an allocator that fails, and calls of the C ABI
#![allow(clippy::disallowed_methods)] // starts itself again, for what ends a process

use sch::ffi::action::*;
use sch::ffi::cluster::*;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::status::*;
use sch::ffi::version::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::Command;
use std::ptr::{null, null_mut};

thread_local! {
    /// Counts down with each allocation; at 0 it fails, and those after it do not. Negative: none fails.
    static LEFT: Cell<i64> = const { Cell::new(-1) };
    /// Smaller ones do not count.
    static LEAST: Cell<usize> = const { Cell::new(0) };
    static FAILED: Cell<usize> = const { Cell::new(0) };
}

struct Failing;

fn fails(size: usize) -> bool {
    LEFT.try_with(|left| {
        if left.get() < 0 || size < LEAST.get() {
            return false;
        }
        left.set(left.get() - 1);
        if left.get() < 0 {
            FAILED.set(size);
        }
        left.get() < 0
    })
    .unwrap_or(false) // a thread that ends
}

// SAFETY: all is the system's allocator's, or null.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        if fails(layout.size()) { null_mut() } else { unsafe { System.alloc(layout) } }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        if fails(size) { null_mut() } else { unsafe { System.realloc(at, layout, size) } }
    }
}

#[global_allocator]
static ALLOCATOR: Failing = Failing;

/// Runs with the `nth` allocation of at least that size failing; answers the size of the one that failed, 0 for none.
fn without<R>(nth: u32, least: usize, work: impl FnOnce() -> R) -> (R, usize) {
    FAILED.set(0);
    LEAST.set(least);
    LEFT.set(i64::from(nth));
    let result = work();
    LEFT.set(-1);
    (result, FAILED.get())
}

/// Calls one export.
macro_rules! c {
    ($call:expr) => {
        // SAFETY: handles are live, places are of this file.
        unsafe { $call }
    };
}

fn zeroed<T>(size: impl FnOnce(&mut T) -> &mut u32) -> T {
    // SAFETY: structs of the ABI are plain numbers and pointers.
    let mut new: T = unsafe { core::mem::zeroed() };
    *size(&mut new) = size_of::<T>() as u32;
    new
}

const NOW: u64 = 1_000_000_000;
const ITEM: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$900\r\n";

/// About as many kilobytes of commands.
fn commands(count: usize) -> Vec<u8> {
    let one = [ITEM, &[b'v'; 900], b"\r\n"].concat();
    one.repeat(count)
}

/// A connection whose handshake libsch makes, with none of it answered: commands are held.
fn holding() -> (*mut sch_conn, u64) {
    let (mut config, mut conn) = (null_mut(), null_mut());
    assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
    assert_eq!(c!(sch_config_set_handshake(config, SCH_HANDSHAKE_BY_LIBSCH)), SCH_OK);
    assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, config, &mut conn)), SCH_OK);
    assert_eq!(c!(sch_config_free(config)), SCH_OK);
    let mut dial: sch_dial = zeroed(|d: &mut sch_dial| &mut d.struct_size);
    assert_eq!(c!(sch_conn_dial(conn, NOW, 0, &mut dial)), SCH_OK);
    let peer = b"10.0.0.1:6379";
    assert_eq!(c!(sch_conn_connected(conn, NOW, dial.transport, peer.as_ptr().cast(), peer.len())), SCH_OK);
    (conn, dial.transport)
}

fn submit(conn: *mut sch_conn, data: &[u8]) -> (sch_status, sch_submitted) {
    let mut said: sch_submitted = zeroed(|s: &mut sch_submitted| &mut s.struct_size);
    (c!(sch_conn_submit(conn, NOW, data.as_ptr(), data.len(), &mut said)), said)
}

/// Writes the region, and answers how long it was.
fn write(conn: *mut sch_conn, transport: u64) -> usize {
    let (mut data, mut len) = (null(), 0);
    assert_eq!(c!(sch_conn_region(conn, transport, &mut data, &mut len)), SCH_OK);
    assert_eq!(c!(sch_conn_wrote(conn, NOW, transport, len)), SCH_OK);
    len
}

fn receive(conn: *mut sch_conn, transport: u64, mut data: &[u8]) {
    let mut spans = [const { sch_span { data: null(), len: 0 } }; 16];
    while !data.is_empty() {
        let (mut consumed, mut count) = (0, 0);
        let (at, len, out) = (data.as_ptr(), data.len(), spans.as_mut_ptr());
        let status = c!(sch_conn_receive(conn, NOW, transport, at, len, out, 16, &mut consumed, &mut count));
        assert_eq!(status, SCH_OK);
        data = &data[consumed..];
        drain(conn);
    }
}

/// Does what is asked; the transport of an OPEN.
fn drain(conn: *mut sch_conn) -> Option<u64> {
    let mut opened = None;
    loop {
        let mut a: sch_action = zeroed(|a: &mut sch_action| &mut a.struct_size);
        match c!(sch_conn_poll_action(conn, &mut a)) {
            SCH_OK if a.kind == SCH_ACTION_OPEN => opened = Some(a.transport),
            SCH_OK if a.kind == SCH_ACTION_SWAP => assert_eq!(c!(sch_conn_swapped(conn, NOW)), SCH_OK),
            SCH_OK => {}
            status => {
                assert_eq!(status, SCH_EMPTY);
                return opened;
            }
        }
    }
}

/// Nothing that libsch sizes itself is as large.
const LARGE: usize = 64 << 10;
const HELLO: &[u8] = b"%1\r\n+proto\r\n:3\r\n";

/// A whole life: a handshake with commands held behind it, a handoff with commands held in it, a notification of each kind.
fn story() -> sch_status {
    let (conn, first) = holding();
    let many = commands(400);
    let (status, said) = submit(conn, &many);
    assert!(status == SCH_OK || (status, said.held, said.write_now) == (SCH_ERR_NO_MEMORY, 0, 0));
    let (again, rest) = submit(conn, &many[said.held..]);
    assert_eq!((again, rest.held), (SCH_OK, many.len() - said.held));
    drain(conn);
    write(conn, first);
    receive(conn, first, HELLO);
    write(conn, first);
    receive(conn, first, b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
    assert_eq!(c!(sch_conn_free(conn)), SCH_OK);
    status
}

#[test]
fn s4_held_commands_that_do_not_fit_into_memory_are_not_taken() {
    let (conn, transport) = holding();
    drain(conn);
    write(conn, transport);
    let (few, many) = (commands(2), commands(4000));
    assert_eq!(submit(conn, &few).0, SCH_OK);
    // No memory for the bytes.
    let ((status, said), failed) = without(0, 100_000, || submit(conn, &many));
    assert_eq!((status, said.held, said.first, failed > many.len()), (SCH_ERR_NO_MEMORY, 0, 0, true));
    let (mut text, mut len) = (null(), 0);
    assert_eq!(c!(sch_conn_last_error(conn, &mut text, &mut len)), SCH_OK);
    // No memory for the record of one: the rest is not taken.
    let ((status, said), failed) = without(1, 100_000, || submit(conn, &many));
    assert!(failed > 0 && status == SCH_OK && said.held > 0 && said.held < many.len());
    let (status, rest) = submit(conn, &many[said.held..]);
    assert_eq!((status, rest.held), (SCH_OK, many.len() - said.held));
    // In order, each once.
    receive(conn, transport, HELLO);
    receive(conn, transport, &b"+OK\r\n".repeat(4));
    drain(conn);
    let (mut data, mut len) = (null(), 0);
    assert_eq!(c!(sch_conn_region(conn, transport, &mut data, &mut len)), SCH_OK);
    // SAFETY: lent until the next call.
    let region = unsafe { core::slice::from_raw_parts(data.cast::<u8>(), len) };
    assert!(region.ends_with(&[few, many].concat()), "{len}");
    assert_eq!(c!(sch_conn_free(conn)), SCH_OK);
}

#[test]
fn s4_a_map_that_does_not_fit_into_memory_leaves_the_old_one() {
    let mut cluster = null_mut();
    assert_eq!(c!(sch_cluster_new(SCH_ABI_VERSION, null(), &mut cluster)), SCH_OK);
    let load = |reply: &[u8]| {
        c!(sch_cluster_load_slots(cluster, NOW, reply.as_ptr(), reply.len(), c"s".as_ptr(), 1, 1, false, 0))
    };
    let owner = || {
        let mut node = 0;
        assert_eq!(c!(sch_cluster_owner(cluster, 5, &mut node)), SCH_OK);
        node
    };
    assert_eq!(load(b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n+a\r\n:1\r\n"), SCH_OK);
    let old = owner();
    let entry = |slot| format!("*3\r\n:{slot}\r\n:{slot}\r\n*2\r\n+b\r\n:1\r\n");
    let large = format!("*16384\r\n{}", (0..16384).map(entry).collect::<String>());
    let mut refused = 0;
    for nth in 0.. {
        let (status, failed) = without(nth, 300_000, || load(large.as_bytes()));
        if failed == 0 {
            assert_eq!(status, SCH_OK);
            break;
        }
        refused += 1;
        assert_eq!((status, owner()), (SCH_ERR_NO_MEMORY, old), "{failed} bytes");
    }
    assert!(refused > 0 && owner() != old);
    assert_eq!(c!(sch_cluster_free(cluster)), SCH_OK);
}

/// Run by the test below, once for each allocation of the story.
#[test]
#[ignore = "ends its process: started by s4_each_allocation_of_a_story_fails_in_turn"]
fn one_fails() {
    let nth = std::env::var("SCH_FAIL").ok().and_then(|n| n.parse().ok()).unwrap_or(u32::MAX);
    let (status, failed) = without(nth, 0, story);
    println!("story: {status} {failed}");
}

#[test]
fn s4_each_allocation_of_a_story_fails_in_turn() {
    let me = std::env::current_exe().expect("a path");
    let (mut aborted, mut refused, mut large) = (0, 0, Vec::new());
    for nth in 0.. {
        let run = Command::new(&me)
            .args(["--exact", "one_fails", "--ignored", "--nocapture"])
            .env("SCH_FAIL", nth.to_string())
            .env("RUST_BACKTRACE", "0")
            .output()
            .expect("it starts");
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        if run.status.success() {
            let said =
                out.lines().find_map(|line| line.split("story: ").nth(1)).expect("it says how it went");
            if said == "0 0" {
                break;
            }
            // The bytes were refused, or with the record of a command what follows it.
            assert!(
                said.starts_with(&format!("{SCH_ERR_NO_MEMORY} ")) || said.starts_with("0 "),
                "{nth}: {said}"
            );
            refused += 1;
        } else {
            let bytes = err.split("memory allocation of ").nth(1).and_then(|rest| rest.split(' ').next());
            let bytes: usize =
                bytes.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{nth}: {out}{err}"));
            aborted += 1;
            if bytes >= LARGE {
                large.push(bytes);
            }
        }
    }
    println!("{aborted} end the process, of them large {large:?}; {refused} are refused");
    assert!(refused > 2 && aborted > 10);
    // Held commands that leave behind bytes of libsch's own are copied there: that is not asked for.
    assert_eq!(large, [commands(400).len()], "bytes that a host or a server sizes");
}
