//! No memory (S4). What a host or a server sizes is asked for: SCH_ERR_NO_MEMORY, and nothing has changed; or libsch does without.
//! Shown by failing each allocation of a story in turn, after which the application must have had and seen the same. What still ends
//! the process is counted, and may not become more. `SCH_WHERE=1 cargo test --test alloc_failure -- --nocapture` says where each
//! allocation is made, and how its failure ended.
#![allow(unsafe_code)] // an allocator that fails, and calls of the C ABI
#![allow(clippy::disallowed_methods)] // may be told to say where memory was asked for

mod alloc_failure {
    pub mod allocator;
    pub mod host;
    pub mod server;
    pub mod stories;
}
use alloc_failure::{allocator, host, stories};

use allocator::{REFUSED, each, without};
use host::{Told, zeroed};
use sch::ffi::action::*;
use sch::ffi::cluster::*;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::status::*;
use sch::ffi::version::*;
use std::backtrace::Backtrace;
use std::collections::BTreeMap;
use std::ptr::{null, null_mut};

/// Calls one export.
macro_rules! c {
    ($call:expr) => {
        // SAFETY: handles are live, places are of this file.
        unsafe { $call }
    };
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

const HELLO: &[u8] = b"%1\r\n+proto\r\n:3\r\n";

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

/// What one failure came to: the application must have had and seen the same.
fn judge(whole: &Told, told: &Told) -> String {
    let traffic = |told: &Told| {
        (
            told.replies.clone(),
            told.lost.clone(),
            told.handed_back.clone(),
            told.ran.clone(),
            told.messages.clone(),
        )
    };
    assert_eq!(traffic(told), traffic(whole), "the host's own");
    let manner = if told.manner == whole.manner { "the same" } else { "another way" };
    format!("{} {manner}", REFUSED.get())
}

/// Fails each allocation of the story in turn, or one of `stride`: how many there are, and how many of them end the process.
fn fail_each(story: fn() -> Told, stride: u32) -> (usize, usize) {
    let ends = each(story, stride, judge);
    let mut ways = BTreeMap::<&str, Vec<usize>>::new();
    let mut wrong = 0;
    for end in &ends {
        let aborted = !end.is_alive && end.said.contains("memory allocation of ");
        let way = match end.said.as_str() {
            _ if aborted => "ends the process",
            "0 the same" => "is not seen",
            "0 another way" => "goes another way",
            said if end.is_alive && said.ends_with(" the same") => "is refused, and goes on",
            said if end.is_alive && said.ends_with(" another way") => "is refused, and goes another way",
            _ => "is wrong",
        };
        ways.entry(way).or_default().push(end.bytes);
        if way == "is wrong" {
            wrong += 1;
            println!("{} bytes, {}", end.bytes, end.said);
        }
        if let Some(place) = &end.place {
            println!("{way}: {} bytes: {}", end.bytes, innermost(place));
        }
    }
    for (way, bytes) in &ways {
        println!("{way}: {}, of at most {} bytes", bytes.len(), bytes.iter().max().unwrap_or(&0));
    }
    assert_eq!(wrong, 0);
    (ends.len(), ways.get("ends the process").map_or(0, Vec::len))
}

/// The innermost places of libsch.
fn innermost(place: &Backtrace) -> String {
    let text = place.to_string();
    let places = text.lines().filter_map(|line| line.trim().strip_prefix("at ./src/"));
    places.take(8).collect::<Vec<_>>().join(" < ")
}

/// `most`: so many of them may end the process, as `docs/TESTING.md` tells ("No memory"); `least`: the story has at least so many
/// allocations, else it proves less than it says.
fn fails_in_turn(story: fn() -> Told, most: usize, least: usize) {
    fails_one_of(1, story, most, least);
}

fn fails_one_of(stride: usize, story: fn() -> Told, most: usize, least: usize) {
    let (all, ended) = fail_each(story, stride as u32);
    assert!(all >= least / stride, "{all} allocations, {} at least", least / stride);
    assert!(ended <= most, "{ended} of {all} end the process, {most} at most");
}

#[test]
fn s4_each_allocation_of_a_handshake_fails_in_turn() {
    fails_in_turn(stories::handshake, 2, 40);
}

#[test]
fn s4_each_allocation_of_a_handoff_fails_in_turn() {
    fails_in_turn(stories::handoff, 2, 120);
}

#[test]
fn s4_each_allocation_of_a_loss_fails_in_turn() {
    fails_in_turn(stories::loss, 2, 70);
}

#[test]
fn s4_each_allocation_of_a_loss_in_a_handoff_fails_in_turn() {
    fails_in_turn(stories::loss_in_a_handoff, 2, 100);
}

/// The same for stories that take long: one allocation of four, all with `SCH_LONG=1`.
fn fails_in_part(story: fn() -> Told, most: usize, most_of_part: usize, least: usize) {
    const STRIDE: usize = 4;
    let is_long = std::env::var_os("SCH_LONG").is_some();
    let (stride, most) = if is_long { (1, most) } else { (STRIDE, most_of_part) };
    fails_one_of(stride, story, most, least);
}

#[test]
fn s4_each_allocation_of_a_forced_swap_fails_in_turn() {
    fails_in_turn(stories::forced, 2, 100);
}

#[test]
fn s4_each_allocation_of_channels_that_end_fails_in_turn() {
    fails_in_turn(stories::channels_that_end, 2, 100);
}

#[test]
fn s4_each_allocation_of_a_wave_fails_in_turn() {
    fails_in_part(stories::pool_wave, 55, 16, 300);
}

#[test]
fn s4_each_allocation_of_a_cluster_fails_in_turn() {
    fails_in_part(stories::cluster, 41, 12, 60);
}
