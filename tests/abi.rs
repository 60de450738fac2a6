//! The C ABI as C sees it, called from Rust: struct sizes, wrong order, the busy flag, level 1 and 2.

#![allow(unsafe_code, reason = "it calls the C ABI")]

use core::ffi::{c_char, c_void};
use core::ptr::{null, null_mut};
use sch::ffi::action::*;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::log::*;
use sch::ffi::push::*;
use sch::ffi::status::*;
use sch::ffi::version::*;
use std::mem::MaybeUninit;

/// Calls one export.
macro_rules! c {
    ($call:expr) => {
        // SAFETY: handles are live, places are of this test.
        unsafe { $call }
    };
}

struct Conn(*mut sch_conn);

impl Conn {
    fn new(level_in: i32, level_out: i32) -> Self {
        let mut config = null_mut();
        assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
        assert_eq!(c!(sch_config_set_level_in(config, level_in)), SCH_OK);
        assert_eq!(c!(sch_config_set_level_out(config, level_out)), SCH_OK);
        let mut conn = null_mut();
        assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, config, &mut conn)), SCH_OK);
        assert_eq!(c!(sch_config_free(config)), SCH_OK);
        Self(conn)
    }

    fn managed() -> Self {
        Self::new(SCH_LEVEL_TAPPED, SCH_LEVEL_MANAGED)
    }

    fn connected(self) -> Self {
        let mut dial = sized::<sch_dial>(size_of::<sch_dial>());
        assert_eq!(c!(sch_conn_dial(self.0, 1, 0, dial.as_mut_ptr().cast())), SCH_OK);
        assert_eq!(c!(sch_conn_connected(self.0, 1, 1, c"127.0.0.1:6379".as_ptr(), 14)), SCH_OK);
        self
    }

    fn poll(&self) -> Option<sch_action> {
        let mut action = MaybeUninit::<sch_action>::zeroed();
        // SAFETY: all zeros is an action.
        unsafe { (*action.as_mut_ptr()).struct_size = size_of::<sch_action>() as u32 };
        match c!(sch_conn_poll_action(self.0, action.as_mut_ptr())) {
            // SAFETY: filled.
            SCH_OK => Some(unsafe { action.assume_init() }),
            status => {
                assert_eq!(status, SCH_EMPTY);
                None
            }
        }
    }

    fn error(&self) -> String {
        let (mut text, mut len) = (null(), 0);
        assert_eq!(c!(sch_conn_last_error(self.0, &mut text, &mut len)), SCH_OK);
        // SAFETY: as the call says.
        let bytes = unsafe { core::slice::from_raw_parts(text.cast::<u8>(), len + 1) };
        assert_eq!(bytes[len], 0);
        String::from_utf8(bytes[..len].to_vec()).expect("UTF-8")
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        assert_eq!(c!(sch_conn_free(self.0)), SCH_OK);
    }
}

/// Room for a struct and more, filled with 0xa5, and its `struct_size`.
fn sized<T>(size: usize) -> Vec<u64> {
    let mut room = vec![0xa5a5_a5a5_a5a5_a5a5_u64; size_of::<T>() / 8 + 8];
    // SAFETY: it is longer than that.
    unsafe { room.as_mut_ptr().cast::<u32>().write(size as u32) };
    room
}

fn bytes_of(room: &[u64]) -> Vec<u8> {
    room.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Too small is refused without a trace, exact is filled, longer is filled no further than the struct.
fn grows<T>(call: &dyn Fn(*mut T) -> sch_status) {
    for size in [0, 3, 4, size_of::<T>() - 1] {
        let mut room = sized::<T>(size);
        let before = room.clone();
        assert_eq!(call(room.as_mut_ptr().cast()), SCH_ERR_STRUCT_SIZE, "{size}");
        assert_eq!(room, before);
    }
    for size in [size_of::<T>(), size_of::<T>() + 40] {
        let mut room = sized::<T>(size);
        assert_eq!(call(room.as_mut_ptr().cast()), SCH_OK, "{size}");
        let bytes = bytes_of(&room);
        assert_eq!(bytes[..4], (size as u32).to_ne_bytes());
        assert!(bytes[size_of::<T>()..].iter().all(|b| *b == 0xa5));
        assert!(bytes[4..size_of::<T>()].iter().any(|b| *b != 0xa5));
    }
}

#[test]
fn structs_are_written_as_far_as_their_size_and_no_further() {
    let conn = Conn::managed();
    grows::<sch_dial>(&|out| c!(sch_conn_dial(conn.0, 1, 0, out)));
    grows::<sch_counters>(&|out| c!(sch_conn_counters(conn.0, out)));
    let conn = Conn::managed().connected();
    grows::<sch_submitted>(&|out| c!(sch_conn_submit(conn.0, 1, null(), 0, out)));
    // Each close gives an action.
    let conn = Conn::managed().connected();
    moving(&conn);
    grows::<sch_action>(&|out| c!(sch_conn_poll_action(conn.0, out)));
    grows::<sch_slot_move>(&|out| {
        let conn = smigrated();
        c!(sch_conn_slot_move(conn.0, 0, out))
    });
}

fn receive(conn: &Conn, data: &[u8]) -> (sch_status, usize) {
    let mut spans = [sch_span { data: null(), len: 0 }; 16];
    let (mut consumed, mut count) = (0, 0);
    let status = c!(sch_conn_receive(
        conn.0,
        2,
        1,
        data.as_ptr(),
        data.len(),
        spans.as_mut_ptr(),
        spans.len(),
        &mut consumed,
        &mut count
    ));
    (status, consumed)
}

fn opted_in(conn: &Conn) {
    const HELLO: &[u8] = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
    let mut out = sized::<sch_submitted>(size_of::<sch_submitted>());
    assert_eq!(c!(sch_conn_submit(conn.0, 2, HELLO.as_ptr(), HELLO.len(), out.as_mut_ptr().cast())), SCH_OK);
    assert_eq!(receive(conn, b"%1\r\n$5\r\nproto\r\n:3\r\n").0, SCH_OK);
    let (mut data, mut len) = (null(), 0);
    assert_eq!(c!(sch_conn_region(conn.0, 1, &mut data, &mut len)), SCH_OK);
    assert_eq!(c!(sch_conn_wrote(conn.0, 2, 1, len)), SCH_OK);
    assert_eq!(receive(conn, b"+OK\r\n").0, SCH_OK);
    while conn.poll().is_some() {}
}

/// Two actions wait then: RELAX and OPEN.
fn moving(conn: &Conn) {
    opted_in(conn);
    assert_eq!(receive(conn, b">4\r\n$6\r\nMOVING\r\n:7\r\n:15\r\n$6\r\nb:6380\r\n").0, SCH_OK);
}

fn smigrated() -> Conn {
    let conn = Conn::managed().connected();
    opted_in(&conn);
    let push = b">3\r\n$9\r\nSMIGRATED\r\n:8\r\n*1\r\n*3\r\n$3\r\na:1\r\n$3\r\nb:2\r\n$3\r\n1-5\r\n";
    assert_eq!(receive(&conn, push).0, SCH_OK);
    let kinds: Vec<i32> = core::iter::from_fn(|| conn.poll()).map(|a| a.kind).collect();
    assert_eq!(kinds, [SCH_ACTION_SLOTS_MOVED]);
    conn
}

#[test]
fn wrong_order_is_an_error_with_advice_and_changes_nothing() {
    let conn = Conn::managed();
    let (mut text, mut len) = (null(), 0);
    assert_eq!(c!(sch_conn_last_error(conn.0, &mut text, &mut len)), SCH_EMPTY);
    assert_eq!(c!(sch_conn_swapped(conn.0, 1)), SCH_ERR_UNEXPECTED);
    assert!(conn.error().contains("SWAP"));
    assert_eq!(c!(sch_conn_held(conn.0, 1)), SCH_ERR_UNEXPECTED);
    assert_eq!(c!(sch_conn_swap_refused(conn.0, 1)), SCH_ERR_UNEXPECTED);
    assert_eq!(c!(sch_conn_wrote(conn.0, 1, 1, 1)), SCH_ERR_UNKNOWN_TRANSPORT);
    assert_eq!(c!(sch_conn_connected(conn.0, 1, 9, null(), 0)), SCH_ERR_UNKNOWN_TRANSPORT);
    assert_eq!(c!(sch_conn_connect_failed(conn.0, 1, 9)), SCH_ERR_UNKNOWN_TRANSPORT);
    assert_eq!(c!(sch_conn_closed(conn.0, 1, 9, null(), 0)), SCH_ERR_UNKNOWN_TRANSPORT);
    assert_eq!(c!(sch_conn_in_flight(conn.0, 1, 1)), SCH_ERR_WRONG_LEVEL);
    assert_eq!(c!(sch_conn_fence(conn.0, 1, SCH_FENCE_OTHER, true)), SCH_ERR_WRONG_LEVEL);
    assert_eq!(c!(sch_conn_fence(conn.0, 1, 77, true)), SCH_ERR_ARGUMENT);
    assert_eq!(c!(sch_conn_owe(conn.0, 1, 1)), SCH_ERR_NOT_CONNECTED);
    let mut out = sized::<sch_submitted>(size_of::<sch_submitted>());
    let before = out.clone();
    assert_eq!(c!(sch_conn_submit(conn.0, 1, null(), 0, out.as_mut_ptr().cast())), SCH_ERR_NOT_CONNECTED);
    assert_eq!(out, before);
    assert_eq!(c!(sch_conn_connected(conn.0, 1, 1, c"nonsense".as_ptr(), 8)), SCH_ERR_ARGUMENT);
    let mut phase = 0;
    assert_eq!(c!(sch_conn_phase(conn.0, &mut phase)), SCH_OK);
    assert_eq!(phase, SCH_PHASE_DETACHED);
    assert_eq!(c!(sch_conn_close(conn.0, 1)), SCH_OK);
    assert_eq!(c!(sch_conn_close(conn.0, 1)), SCH_ERR_CLOSED);
    assert_eq!(c!(sch_conn_tick(conn.0, 1)), SCH_ERR_CLOSED);
    let (mut data, mut len) = (null(), 0);
    assert_eq!(c!(sch_conn_salvage(conn.0, &mut data, &mut len)), SCH_ERR_UNEXPECTED);
}

#[test]
fn receive_leaves_its_outputs_alone_when_it_fails() {
    let conn = Conn::managed().connected();
    let (mut consumed, mut count) = (7, 7);
    let data = b"+OK\r\n";
    let mut span = [sch_span { data: null(), len: 7 }; 2];
    for (cap, transport, status) in [(1, 1, SCH_ERR_LIMIT), (2, 9, SCH_ERR_UNKNOWN_TRANSPORT)] {
        let answer = c!(sch_conn_receive(
            conn.0,
            1,
            transport,
            data.as_ptr(),
            5,
            span.as_mut_ptr(),
            cap,
            &mut consumed,
            &mut count
        ));
        assert_eq!((answer, consumed, count, span[0].len), (status, 7, 7, 7));
    }
    let answer =
        c!(sch_conn_receive(conn.0, 1, 1, data.as_ptr(), 5, null_mut(), 2, &mut consumed, &mut count));
    assert_eq!((answer, consumed, count), (SCH_ERR_NULL, 7, 7));
}

#[test]
fn an_abi_of_the_future_is_refused_and_so_are_settings_that_cannot_work() {
    let mut conn = core::ptr::dangling_mut();
    let before = conn;
    assert_eq!(c!(sch_conn_new(0, null(), &mut conn)), SCH_ERR_ABI);
    assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION + 1, null(), &mut conn)), SCH_ERR_ABI);
    let mut config = null_mut();
    assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
    let (mut text, mut len) = (null(), 0);
    assert_eq!(c!(sch_config_problem(config, &mut text, &mut len)), SCH_EMPTY);
    assert_eq!(c!(sch_config_set_port(config, 0)), SCH_OK);
    assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, config, &mut conn)), SCH_ERR_CONFIG);
    assert_eq!(conn, before);
    assert_eq!(c!(sch_config_problem(config, &mut text, &mut len)), SCH_OK);
    assert!(len > 10);
    for status in [
        c!(sch_config_set_mode(config, 9)),
        c!(sch_config_set_limit(config, 99, 1)),
        c!(sch_config_set_limit(config, SCH_LIMIT_MAX_REPLY_DEPTH, 256)),
        c!(sch_config_set_host(config, c"\xff".as_ptr(), 1)),
        c!(sch_config_allow_endpoint(config, c"10.0.0.0/99".as_ptr(), 11)),
        c!(sch_config_set_log_level(config, -1)),
    ] {
        assert_eq!(status, SCH_ERR_ARGUMENT);
    }
    assert_eq!(c!(sch_config_free(config)), SCH_OK);
    assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, null(), &mut conn)), SCH_OK);
    assert_eq!(c!(sch_conn_free(conn)), SCH_OK);
}

struct Seen {
    conn: *mut sch_conn,
    lines: u32,
}

#[test]
fn settings_that_change_are_those_of_later_connections_only() {
    let dialled = |conn: &Conn| {
        let mut room = sized::<sch_dial>(size_of::<sch_dial>());
        let dial = room.as_mut_ptr().cast::<sch_dial>();
        assert_eq!(c!(sch_conn_dial(conn.0, 1, 0, dial)), SCH_OK);
        // SAFETY: filled, and the name lives until the next call.
        let host = unsafe { core::slice::from_raw_parts((*dial).host.cast::<u8>(), (*dial).host_len) };
        String::from_utf8(host.to_vec()).expect("UTF-8")
    };
    let mut config = null_mut();
    assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
    let conns = [c"a", c"b"].map(|host| {
        assert_eq!(c!(sch_config_set_host(config, host.as_ptr(), 1)), SCH_OK);
        let mut conn = null_mut();
        assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, config, &mut conn)), SCH_OK);
        Conn(conn)
    });
    assert_eq!(c!(sch_config_set_host(config, c"c".as_ptr(), 1)), SCH_OK);
    assert_eq!(conns.each_ref().map(dialled), ["a", "b"]);
    assert_eq!(c!(sch_config_free(config)), SCH_OK);
    assert_eq!(conns.each_ref().map(dialled), ["a", "b"]);
}

unsafe extern "C" fn callback(level: i32, text: *const c_char, len: usize, user_data: *mut c_void) {
    // SAFETY: it is what `set_log` was given.
    let seen = unsafe { &mut *user_data.cast::<Seen>() };
    let mut value = 0;
    assert_eq!(c!(sch_conn_tick(seen.conn, 9)), SCH_ERR_BUSY);
    assert_eq!(c!(sch_conn_current(seen.conn, &mut value)), SCH_ERR_BUSY);
    assert_eq!(c!(sch_conn_free(seen.conn)), SCH_ERR_BUSY);
    assert_eq!(c!(sch_conn_tick(seen.conn, 9)), SCH_ERR_BUSY, "a refusal opens no door");
    // SAFETY: a text with a NUL after `len` bytes.
    assert_eq!(unsafe { *text.add(len) }, 0);
    assert!((SCH_LOG_ERROR..=SCH_LOG_DEBUG).contains(&level));
    seen.lines += 1;
}

#[test]
fn from_inside_the_log_callback_everything_is_busy() {
    let conn = Conn::managed().connected();
    let mut seen = Seen { conn: conn.0, lines: 0 };
    let user_data = (&raw mut seen).cast();
    assert_eq!(c!(sch_conn_set_log(conn.0, 9, Some(callback), user_data)), SCH_ERR_ARGUMENT);
    assert_eq!(c!(sch_conn_set_log(conn.0, SCH_LOG_DEBUG, Some(callback), user_data)), SCH_OK);
    moving(&conn);
    assert_eq!(c!(sch_conn_closed(conn.0, 3, 1, null(), 0)), SCH_OK);
    assert_eq!(c!(sch_conn_close(conn.0, 3)), SCH_OK);
    assert_eq!(c!(sch_conn_set_log(conn.0, SCH_LOG_DEBUG, None, null_mut())), SCH_OK);
    assert!(seen.lines > 0);
}

#[test]
fn level_1_hands_over_pushes_whole_or_by_element() {
    let conn = Conn::new(SCH_LEVEL_NOTIFIED, SCH_LEVEL_NOTIFIED).connected();
    assert_eq!(c!(sch_conn_ready(conn.0, 2, 1)), SCH_OK);
    let action = conn.poll().expect("the opt-in");
    assert_eq!((action.kind, action.replies, action.transport), (SCH_ACTION_SEND_OPTIN, 1, 1));
    assert!(action.data_len > 50);
    assert_eq!(c!(sch_conn_optin_reply(conn.0, 2, 1, b"+OK\r\n".as_ptr(), 5)), SCH_OK);
    assert_eq!(c!(sch_conn_optin_reply(conn.0, 2, 1, b"+OK\r\n".as_ptr(), 5)), SCH_ERR_UNEXPECTED);
    let mut swallowed = false;
    let push = b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n";
    assert_eq!(c!(sch_conn_push(conn.0, 2, 1, push.as_ptr(), push.len(), &mut swallowed)), SCH_OK);
    assert!(!swallowed);
    let half = b">4\r\n$6\r\nMOV";
    assert_eq!(
        c!(sch_conn_push(conn.0, 2, 1, half.as_ptr(), half.len(), &mut swallowed)),
        SCH_ERR_NOT_A_PUSH
    );
    // By element, with an array inside and one that is empty.
    assert_eq!(c!(sch_conn_push_end(conn.0, 2, 1, &mut swallowed)), SCH_ERR_UNEXPECTED);
    assert_eq!(c!(sch_conn_push_integer(conn.0, 1)), SCH_ERR_UNEXPECTED);
    assert_eq!(c!(sch_conn_push_begin(conn.0, 4)), SCH_OK);
    assert_eq!(c!(sch_conn_push_text(conn.0, b"MIGRATING".as_ptr(), 9)), SCH_OK);
    assert_eq!(c!(sch_conn_push_integer(conn.0, 12)), SCH_OK);
    assert_eq!(c!(sch_conn_push_end(conn.0, 2, 1, &mut swallowed)), SCH_ERR_UNEXPECTED);
    assert_eq!(c!(sch_conn_push_integer(conn.0, 10)), SCH_OK);
    assert_eq!(c!(sch_conn_push_array(conn.0, 2)), SCH_OK);
    assert_eq!(c!(sch_conn_push_text(conn.0, b"1".as_ptr(), 1)), SCH_OK);
    assert_eq!(c!(sch_conn_push_array(conn.0, 0)), SCH_OK);
    assert_eq!(c!(sch_conn_push_null(conn.0)), SCH_ERR_UNEXPECTED, "it is full");
    assert_eq!(c!(sch_conn_push_end(conn.0, 2, 1, &mut swallowed)), SCH_OK);
    assert!(swallowed);
    let action = conn.poll().expect("a window");
    assert_eq!((action.kind, action.reason), (SCH_ACTION_RELAX, SCH_WINDOW_MIGRATION));
    // Limits.
    assert_eq!(c!(sch_conn_push_begin(conn.0, 1)), SCH_OK);
    let long = vec![b'x'; 70_000];
    assert_eq!(c!(sch_conn_push_text(conn.0, long.as_ptr(), long.len())), SCH_ERR_LIMIT);
    for _ in 0..15 {
        assert_eq!(c!(sch_conn_push_array(conn.0, 1)), SCH_OK);
    }
    assert_eq!(c!(sch_conn_push_array(conn.0, 1)), SCH_ERR_LIMIT);
    assert_eq!(c!(sch_conn_in_flight(conn.0, 2, 5)), SCH_OK);
}

#[test]
fn the_text_of_an_action_is_copied_as_far_as_there_is_room() {
    let conn = Conn::managed();
    let mut len = 77;
    let mut room = [0x55u8; 64];
    let text = |room: &mut [u8], cap: usize, len: &mut usize| {
        c!(sch_conn_action_text(conn.0, room.as_mut_ptr().cast(), cap, len))
    };
    assert_eq!(text(&mut room, 64, &mut len), SCH_EMPTY);
    assert_eq!((len, room), (77, [0x55; 64]));
    let conn = conn.connected();
    moving(&conn);
    while conn.poll().is_some_and(|a| a.kind != SCH_ACTION_OPEN) {}
    let text = |room: &mut [u8], cap: usize, len: &mut usize| {
        c!(sch_conn_action_text(conn.0, room.as_mut_ptr().cast(), cap, len))
    };
    assert_eq!(text(&mut room, 64, &mut len), SCH_OK);
    let line = b"open 2 b:6380 attempt=1 by=";
    assert!(len > line.len() && room.starts_with(line) && room[len..len + 2] == [0, 0x55]);
    let whole = len;
    // Cut, with a NUL, and never beyond what there is.
    for cap in 1..=whole {
        room.fill(0x55);
        assert_eq!(text(&mut room, cap, &mut len), SCH_OK);
        assert_eq!((len, room[cap - 1], room[cap]), (whole, 0, 0x55), "{cap}");
    }
    room.fill(0x55);
    assert_eq!(text(&mut room, 0, &mut len), SCH_OK);
    assert_eq!((len, room), (whole, [0x55; 64]));
    assert_eq!(c!(sch_conn_action_text(conn.0, null_mut(), 0, &mut len)), SCH_OK);
    len = 77;
    assert_eq!(c!(sch_conn_action_text(conn.0, null_mut(), 1, &mut len)), SCH_ERR_NULL);
    assert_eq!(c!(sch_conn_action_text(null(), room.as_mut_ptr().cast(), 64, &mut len)), SCH_ERR_NULL);
    assert_eq!(c!(sch_conn_action_text(conn.0, room.as_mut_ptr().cast(), 64, null_mut())), SCH_ERR_NULL);
    assert_eq!((len, room), (77, [0x55; 64]));
}

#[test]
fn text_with_a_nul_inside_is_refused() {
    let mut config = null_mut();
    assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
    let host = b"db.example\0.evil.test";
    assert_eq!(c!(sch_config_set_host(config, host.as_ptr().cast(), host.len())), SCH_ERR_ARGUMENT);
    assert_eq!(
        c!(sch_config_set_tls_server_name(config, host.as_ptr().cast(), host.len())),
        SCH_ERR_ARGUMENT
    );
    assert_eq!(c!(sch_config_free(config)), SCH_OK);
}

#[test]
fn a_push_over_the_limit_acts_as_far_as_it_was_read() {
    let conn = Conn::new(SCH_LEVEL_NOTIFIED, SCH_LEVEL_NOTIFIED).connected();
    assert_eq!(c!(sch_conn_ready(conn.0, 1, 1)), SCH_OK);
    while conn.poll().is_some() {}
    assert_eq!(c!(sch_conn_optin_reply(conn.0, 1, 1, b"+OK".as_ptr(), 3)), SCH_OK);
    let long = vec![b'1'; 70 << 10];
    let hand_over = |name: &[u8]| {
        assert_eq!(c!(sch_conn_push_begin(conn.0, 4)), SCH_OK);
        assert_eq!(c!(sch_conn_push_text(conn.0, name.as_ptr(), name.len())), SCH_OK);
        assert_eq!(c!(sch_conn_push_integer(conn.0, 3)), SCH_OK);
        assert_eq!(c!(sch_conn_push_array(conn.0, 1)), SCH_OK);
        assert_eq!(c!(sch_conn_push_text(conn.0, long.as_ptr(), long.len())), SCH_OK);
        assert_eq!(c!(sch_conn_push_null(conn.0)), SCH_OK);
        let mut swallowed = false;
        assert_eq!(c!(sch_conn_push_end(conn.0, 2, 1, &mut swallowed)), SCH_OK);
        swallowed
    };
    assert!(hand_over(b"SMIGRATED"));
    let kinds: Vec<i32> = std::iter::from_fn(|| conn.poll()).map(|a| a.kind).collect();
    assert!(kinds.contains(&SCH_ACTION_RELOAD_SLOTS), "{kinds:?}");
    assert!(!hand_over(b"message"));
}

#[test]
fn level_2_counts_what_is_owed() {
    let conn = Conn::new(SCH_LEVEL_TAPPED, SCH_LEVEL_TAPPED).connected();
    assert_eq!(c!(sch_conn_owe(conn.0, 2, 1)), SCH_OK);
    assert_eq!(receive(&conn, b"+OK\r\n"), (SCH_OK, 5));
    assert_eq!(c!(sch_conn_owe(conn.0, 2, 1)), SCH_OK);
    assert_eq!(c!(sch_conn_owe(conn.0, 2, u64::MAX)), SCH_ERR_LIMIT);
    assert_eq!(c!(sch_conn_fence(conn.0, 2, SCH_FENCE_BLOCKING, true)), SCH_OK);
    let mut out = sized::<sch_submitted>(size_of::<sch_submitted>());
    assert_eq!(c!(sch_conn_submit(conn.0, 2, null(), 0, out.as_mut_ptr().cast())), SCH_ERR_WRONG_LEVEL);
}

#[test]
fn a_connection_may_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<sch_conn>();
}
