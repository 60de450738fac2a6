//! Any order of calls through the exported functions, with any bytes. The input is a program: each operation is a byte, with its
//! arguments behind it. Three connections, one pool; handles live as the manual says, everything else is arbitrary. A small server
//! answers what is written, and `obey` does what libsch asks for, so that programs come as far as handoffs.
//!
//! Nothing panics, nothing that is lent cannot be read, a call that fails leaves its outputs untouched, what is given is never
//! more than what there is, actions end. Under AddressSanitizer, nothing is touched that was freed, and nothing leaks.

use crate::draw::Draw;
use core::ffi::{c_char, c_void};
use core::ptr::{null, null_mut};
use sch::ffi::action::*;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::counts::*;
use sch::ffi::event::*;
use sch::ffi::join::*;
use sch::ffi::pool::*;
use sch::ffi::push::*;
use sch::ffi::receive::*;
use sch::ffi::status::*;
use sch::ffi::version::*;

/// Calls one export.
macro_rules! c {
    ($call:expr) => {
        // SAFETY: handles are live, places are of this file.
        unsafe { $call }
    };
}

const MOST_CALLS: u32 = 400;
const UNTOUCHED: u64 = 0xa5a5_a5a5_a5a5_a5a5;

const WIRE: &[&[u8]] = &[
    b"+OK\r\n",
    b":1\r\n",
    b"_\r\n",
    b"-NOAUTH Authentication required.\r\n",
    b"-LOADING wait\r\n",
    b"-ERR unknown subcommand 'maint_notifications'\r\n",
    b"+QUEUED\r\n",
    b"*1\r\n+OK\r\n",
    b"%1\r\n+proto\r\n:3\r\n",
    b"*2\r\n+proto\r\n:2\r\n",
    b">4\r\n+MOVING\r\n:1\r\n:15\r\n+b:2\r\n",
    b">4\r\n+MOVING\r\n:2\r\n:1\r\n+c:3\r\n",
    b">4\r\n+MOVING\r\n:3\r\n:4\r\n_\r\n",
    b">4\r\n+MIGRATING\r\n:4\r\n:2\r\n+1\r\n",
    b">3\r\n+MIGRATED\r\n:5\r\n+1\r\n",
    b">4\r\n+FAILING_OVER\r\n:6\r\n:2\r\n+1\r\n",
    b">3\r\n+FAILED_OVER\r\n:7\r\n+1\r\n",
    b">3\r\n+SMIGRATING\r\n:8\r\n+1-9\r\n",
    b">3\r\n+SMIGRATED\r\n:9\r\n*1\r\n*3\r\n+a:1\r\n+b:2\r\n+1-9\r\n",
    b">3\r\n+subscribe\r\n+x\r\n:1\r\n",
    b">3\r\n+message\r\n+x\r\n+y\r\n",
    b">2\r\n+invalidate\r\n_\r\n",
    b"|1\r\n+a\r\n:1\r\n",
    b">4\r\n+MOV",
    b"$5\r\nab",
    b"*?\r\n",
    b"\xff",
];

const COMMANDS: &[&[u8]] = &[
    b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n",
    b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n",
    b"*1\r\n$5\r\nMULTI\r\n",
    b"*1\r\n$4\r\nEXEC\r\n",
    b"*1\r\n$7\r\nDISCARD\r\n",
    b"*2\r\n$5\r\nWATCH\r\n$1\r\nk\r\n",
    b"*3\r\n$5\r\nBLPOP\r\n$1\r\nk\r\n$1\r\n0\r\n",
    b"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nx\r\n",
    b"*1\r\n$11\r\nUNSUBSCRIBE\r\n",
    b"*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n",
    b"*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n",
    b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n",
    b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n",
    b"*3\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\nON\r\n",
    b"*1\r\n$6\r\nASKING\r\n",
    b"*1\r\n$5\r\nRESET\r\n",
    b"*1\r\n$7\r\nMONITOR\r\n",
    b"*2\r\n$3\r\nGET\r\n$1\r",
    b"\nk\r\n",
    b"PING\r\n",
    b"\r\n",
];

pub fn run(data: &[u8]) {
    let mut play = Play {
        draw: Draw(data),
        now: 1_000_000_000,
        conns: [const { None }; 3],
        pool: null_mut(),
        woken: Box::new(0),
        calls: 0,
    };
    for at in 0..2 {
        play.open(at);
    }
    while !play.draw.is_over() && play.calls < MOST_CALLS {
        play.step();
    }
}

struct Conn {
    at: *mut sch_conn,
    /// Ids that libsch has named, the newest last.
    transports: Vec<u64>,
    level_out: i32,
    /// What the server says next, for the transport of the number.
    replies: Vec<(u64, Vec<u8>)>,
    heard: Box<Heard>,
}

/// What a log callback may touch: its connection is busy then.
struct Heard {
    conn: *mut sch_conn,
    lines: u64,
}

unsafe extern "C" fn hear(level: i32, text: *const c_char, len: usize, heard: *mut c_void) {
    assert!((1..=4).contains(&level));
    let mut active = false;
    // SAFETY: the text is lent for the call; `heard` lives as long as the connection.
    unsafe {
        let heard = &mut *heard.cast::<Heard>();
        heard.lines += 1;
        let text = core::slice::from_raw_parts(text.cast::<u8>(), len + 1);
        assert!(core::str::from_utf8(&text[..len]).is_ok() && text[len] == 0);
        assert_eq!(sch_conn_is_active(heard.conn, &mut active), SCH_ERR_BUSY);
    }
}

unsafe extern "C" fn wake(count: *mut c_void) {
    // SAFETY: lives longer than the pool.
    unsafe { *count.cast::<u64>() += 1 };
}

struct Play<'a> {
    draw: Draw<'a>,
    now: u64,
    conns: [Option<Conn>; 3],
    pool: *mut sch_pool,
    woken: Box<u64>,
    calls: u32,
}

impl Drop for Play<'_> {
    fn drop(&mut self) {
        let pool_first = self.draw.below(2) == 1;
        if pool_first {
            self.free_pool();
        }
        (0..3).for_each(|at| self.free(at));
        self.free_pool();
    }
}

fn sized<T>() -> Vec<u64> {
    let mut room = vec![UNTOUCHED; size_of::<T>().div_ceil(8)];
    // SAFETY: it is longer than that.
    unsafe { room.as_mut_ptr().cast::<u32>().write(size_of::<T>() as u32) };
    room
}

fn untouched(room: &[u64]) -> bool {
    room[1..].iter().all(|word| *word == UNTOUCHED) && room[0] >> 32 == UNTOUCHED >> 32
}

/// Reads what was lent.
fn lent(data: *const u8, len: usize) -> Vec<u8> {
    // SAFETY: as the call says that lent it.
    if len == 0 { Vec::new() } else { unsafe { core::slice::from_raw_parts(data, len) }.to_vec() }
}

impl Play<'_> {
    fn said(&mut self, status: sch_status) -> sch_status {
        self.calls += 1;
        assert!(status > SCH_ERR_FATAL, "{status}");
        status
    }

    fn time(&mut self) -> u64 {
        let step = [0, 0, 0, 1_000_000, 50_000_000, 1_000_000_000, 20_000_000_000];
        self.now = match self.draw.byte() {
            0xff => self.now / 2,
            0xfe => self.now.saturating_add(u64::MAX / 2),
            n => self.now.saturating_add(step[n as usize % step.len()]),
        };
        self.now
    }

    fn free(&mut self, at: usize) {
        if let Some(conn) = self.conns[at].take() {
            assert_eq!(c!(sch_conn_free(conn.at)), SCH_OK);
        }
    }

    fn free_pool(&mut self) {
        assert_eq!(c!(sch_pool_free(self.pool)), SCH_OK);
        self.pool = null_mut();
    }

    fn set(&mut self, config: *mut sch_config) {
        let n = self.draw.number();
        let small = (n % 8) as i32;
        let text = self.draw.bytes(12);
        let (data, chars, len) = (text.as_ptr(), text.as_ptr().cast(), text.len());
        let setters: &[unsafe extern "C" fn(*mut sch_config, u64) -> sch_status] = &[
            sch_config_set_attempt_min_ms,
            sch_config_set_backoff_max_ms,
            sch_config_set_backoff_min_ms,
            sch_config_set_connect_budget_ms,
            sch_config_set_drain_grace_ms,
            sch_config_set_handoff_timeout_ms,
            sch_config_set_hold_timeout_ms,
            sch_config_set_keep_trying_ms,
            sch_config_set_mark_age_ms,
            sch_config_set_migration_window_ms,
            sch_config_set_optin_retry_ms,
            sch_config_set_overlap_ms,
            sch_config_set_post_handoff_relaxed_ms,
            sch_config_set_relaxed_timeout_ms,
            sch_config_set_seed,
        ];
        let status = c!(match self.draw.below(20) {
            0..4 => sch_config_set_limit(config, self.draw.below(24) as i32, n),
            4..7 => self.draw.of(setters)(config, n),
            7 => sch_config_set_blocking(config, small),
            8 => sch_config_set_can_reset_parser(config, n % 2 == 1),
            9 => sch_config_set_client_name(config, data, len),
            10 => sch_config_set_database(config, n as u32),
            11 => sch_config_set_endpoint_policy(config, small),
            12 => sch_config_set_endpoint_type(config, small),
            13 => sch_config_set_handshake(config, small),
            14 => sch_config_set_host(config, chars, len),
            15 => sch_config_set_keep_credentials(config, n % 2 == 1),
            16 => sch_config_set_mode(config, small),
            17 => sch_config_set_on_loss(config, small),
            18 => sch_config_set_password(config, data, len),
            _ => sch_config_set_tls(config, n % 2 == 1),
        });
        self.said(status);
    }

    fn open(&mut self, at: usize) {
        self.free(at);
        let (mut config, mut conn) = (null_mut(), null_mut());
        assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
        let (level_in, level_out) =
            self.draw.of(&[(2, 3), (1, 1), (2, 2), (2, 3), (2, 3), (1, 2), (2, 1), (2, 3)]);
        assert_eq!(c!(sch_config_set_level_in(config, level_in)), SCH_OK);
        assert_eq!(c!(sch_config_set_level_out(config, level_out)), SCH_OK);
        assert_eq!(c!(sch_config_set_trace(config, self.draw.below(4) == 3)), SCH_OK);
        for _ in 0..self.draw.below(4) {
            self.set(config);
        }
        let status = c!(sch_conn_new(SCH_ABI_VERSION, config, &mut conn));
        if self.said(status) == SCH_OK {
            let mut heard = Box::new(Heard { conn, lines: 0 });
            let user: *mut Heard = &mut *heard;
            assert_eq!(c!(sch_conn_set_log(conn, 4, Some(hear), user.cast())), SCH_OK);
            self.conns[at] =
                Some(Conn { at: conn, transports: Vec::new(), level_out, replies: Vec::new(), heard });
            self.dial(at);
        } else {
            assert!(conn.is_null());
        }
        if self.pool.is_null() {
            let status = c!(sch_pool_new(SCH_ABI_VERSION, config, &mut self.pool));
            if self.said(status) == SCH_OK {
                let (mut waiter, count): (u32, *mut u64) = (0, &mut *self.woken);
                assert_eq!(c!(sch_pool_add_waiter(self.pool, Some(wake), count.cast(), &mut waiter)), SCH_OK);
                assert_eq!(c!(sch_pool_watch(self.pool, waiter)), SCH_OK);
            }
        }
        assert_eq!(c!(sch_config_free(config)), SCH_OK);
    }

    fn conn(&mut self, at: usize) -> &mut Conn {
        self.conns[at].as_mut().expect("it is open")
    }

    /// Mostly the newest.
    fn transport(&mut self, at: usize) -> u64 {
        let choice = self.draw.byte();
        let known = &self.conn(at).transports;
        match choice {
            0xff => u64::MAX,
            0xf0..0xff => u64::from(choice & 7),
            n => known.iter().rev().nth(usize::from(n) % known.len().clamp(1, 3)).copied().unwrap_or(1),
        }
    }

    fn dial(&mut self, at: usize) {
        let (now, raw) = (self.time(), self.conn(at).at);
        let mut dial = sized::<sch_dial>();
        let out = dial.as_mut_ptr().cast();
        let status = match self.draw.below(8) {
            7 => {
                let (host, port) = (self.draw.bytes(9), self.draw.number() as u16);
                c!(sch_conn_dial_to(raw, now, host.as_ptr().cast(), host.len(), port, out))
            }
            6 => c!(sch_conn_dial(raw, now, self.draw.number() as usize, out)),
            _ => c!(sch_conn_dial(raw, now, 0, out)),
        };
        if self.said(status) != SCH_OK {
            return assert!(untouched(&dial));
        }
        // SAFETY: filled.
        let dial = unsafe { &*dial.as_ptr().cast::<sch_dial>() };
        assert_eq!(lent(dial.host.cast(), dial.host_len + 1)[dial.host_len], 0);
        self.conn(at).transports.push(dial.transport);
        if self.draw.below(8) != 7 {
            self.connected(at, dial.transport);
        }
    }

    fn connected(&mut self, at: usize, id: u64) {
        let raw = self.conn(at).at;
        let peer: &[u8] = if self.draw.below(16) == 15 { self.draw.bytes(20) } else { b"10.0.0.1:6379" };
        let now = self.time();
        let status = c!(sch_conn_connected(raw, now, id, peer.as_ptr().cast(), peer.len()));
        if self.said(status) == SCH_OK && self.conn(at).level_out < 3 && self.draw.below(8) != 7 {
            let status = c!(sch_conn_ready(raw, now, id));
            self.said(status);
        }
    }

    /// The server's side: an answer for each command in these bytes.
    fn serve(&mut self, at: usize, id: u64, bytes: &[u8]) {
        for command in bytes.split(|b| *b == b'*').skip(1) {
            let has = |word: &[u8]| command.windows(word.len()).any(|w| w == word);
            let reply: &[u8] = if has(b"HELLO") {
                b"%1\r\n+proto\r\n:3\r\n"
            } else if has(b"SUBSCRIBE") {
                b">3\r\n+subscribe\r\n+x\r\n:1\r\n"
            } else if has(b"EXEC") {
                b"*0\r\n"
            } else {
                b"+OK\r\n"
            };
            self.conn(at).replies.push((id, reply.to_vec()));
        }
    }

    fn receive(&mut self, at: usize, id: u64, data: &[u8]) {
        let (now, raw) = (self.time(), self.conn(at).at);
        let cap = [16, 16, 3, 2, 1, 0][self.draw.below(6) as usize];
        // What goes in may be moved after the call, and ends where it ends.
        let data = data.to_vec().into_boxed_slice();
        let mut spans = vec![sch_span { data: null(), len: UNTOUCHED as usize }; cap].into_boxed_slice();
        let (mut consumed, mut count) = (UNTOUCHED as usize, UNTOUCHED as usize);
        // Which of the two calls it is takes no byte of the program: those that are kept stay what they are.
        let status = if self.calls.is_multiple_of(2) {
            c!(sch_conn_receive(
                raw,
                now,
                id,
                data.as_ptr(),
                data.len(),
                spans.as_mut_ptr(),
                cap,
                &mut consumed,
                &mut count
            ))
        } else {
            let mut call = sch_receive_call {
                struct_size: size_of::<sch_receive_call>() as u32,
                now_ns: now,
                transport: id,
                spans: spans.as_mut_ptr(),
                cap,
                consumed,
                count,
                // SAFETY: all zeros is a call.
                ..unsafe { core::mem::zeroed() }
            };
            let status = c!(sch_conn_receive_with(raw, data.as_ptr(), data.len(), &mut call));
            (consumed, count) = (call.consumed, call.count);
            status
        };
        if self.said(status) < 0 {
            assert_eq!((consumed, count), (UNTOUCHED as usize, UNTOUCHED as usize));
            return assert!(spans.iter().all(|span| span.len == UNTOUCHED as usize));
        }
        assert!(consumed <= data.len() && count <= cap);
        for span in &spans[..count] {
            std::hint::black_box(lent(span.data, span.len));
        }
    }

    fn submit(&mut self, at: usize, data: &[u8]) {
        let (now, raw) = (self.time(), self.conn(at).at);
        let mut room = sized::<sch_submitted>();
        let status = c!(sch_conn_submit(raw, now, data.as_ptr(), data.len(), room.as_mut_ptr().cast()));
        if self.said(status) < 0 {
            return assert!(untouched(&room));
        }
        // SAFETY: filled.
        let s = unsafe { &*room.as_ptr().cast::<sch_submitted>() };
        assert!(s.write_now + s.held <= data.len());
        assert_eq!(s.write_now > 0, s.transport != 0);
        if s.write_now > 0 {
            self.serve(at, s.transport, &data[..s.write_now]);
        }
    }

    fn write(&mut self, at: usize, id: u64) {
        let raw = self.conn(at).at;
        let (mut data, mut len) = (null(), 0);
        assert_eq!(c!(sch_conn_region(raw, id, &mut data, &mut len)), SCH_OK);
        let region = lent(data, len);
        let wrote = match self.draw.byte() {
            0xff => usize::MAX,
            0xfe => len + 1,
            n @ 0xf0..0xfe => usize::from(n & 7).min(len),
            _ => len,
        };
        let now = self.time();
        let status = c!(sch_conn_wrote(raw, now, id, wrote));
        if self.said(status) >= 0 {
            assert!(wrote <= len);
            self.serve(at, id, &region[..wrote]);
        }
    }

    /// Some of the frames, or bytes of the input.
    fn wire(&mut self, choices: &[&'static [u8]]) -> Vec<u8> {
        let mut data = Vec::new();
        for _ in 0..=self.draw.below(3) {
            match self.draw.byte() {
                0xff => data.extend_from_slice(self.draw.bytes(64)),
                n => data.extend_from_slice(choices[usize::from(n) % choices.len()]),
            }
        }
        data
    }

    /// Polls all actions, and answers as a host would, or not.
    fn obey(&mut self, at: usize) {
        let obedient = self.draw.below(8) != 7;
        for turn in 0.. {
            assert!(turn < 10_000, "actions do not end");
            let raw = self.conn(at).at;
            let mut room = sized::<sch_action>();
            let status = c!(sch_conn_poll_action(raw, room.as_mut_ptr().cast()));
            if self.said(status) != SCH_OK {
                assert_eq!(status, SCH_EMPTY);
                return assert!(untouched(&room));
            }
            // SAFETY: filled.
            let a = unsafe { room.as_ptr().cast::<sch_action>().read() };
            let data = lent(a.data, a.data_len);
            std::hint::black_box((
                lent(a.host.cast(), a.host_len),
                lent(a.tls_server_name.cast(), a.tls_server_name_len),
            ));
            self.text(at);
            if a.kind == SCH_ACTION_OPEN {
                self.conn(at).transports.push(a.transport);
            }
            if a.kind == SCH_ACTION_SLOTS_MOVED {
                self.slot_moves(at, a.count);
            }
            if !obedient {
                continue;
            }
            let now = self.now;
            match a.kind {
                SCH_ACTION_OPEN => self.connected(at, a.transport),
                SCH_ACTION_WRITE | SCH_ACTION_FLUSH => self.write(at, a.transport),
                SCH_ACTION_SWAP => drop(self.said(c!(sch_conn_swapped(raw, now)))),
                SCH_ACTION_HOLD => {
                    // Where it is of no use it is refused.
                    if self.conn(at).level_out < 3 {
                        self.said(c!(sch_conn_in_flight(raw, now, 0)));
                    }
                    self.said(c!(sch_conn_held(raw, now)));
                }
                SCH_ACTION_LOST => drop(self.said(c!(sch_conn_losses_settled(raw, now)))),
                SCH_ACTION_SEND_OPTIN => {
                    for _ in 0..a.replies {
                        let ok = b"+OK\r\n";
                        self.said(c!(sch_conn_optin_reply(raw, now, a.transport, ok.as_ptr(), ok.len())));
                    }
                    self.serve(at, a.transport, &data);
                }
                SCH_ACTION_NEED_CREDENTIALS => {
                    self.said(c!(sch_conn_credentials(raw, now, c"u".as_ptr(), 1, b"p".as_ptr(), 1)));
                }
                SCH_ACTION_HAND_BACK if !data.is_empty() && turn < 3 => self.submit(at, &data),
                _ => {}
            }
        }
    }

    fn text(&mut self, at: usize) {
        let cap = self.draw.below(40) as usize;
        let (mut room, mut len) = (vec![0x55_u8; cap].into_boxed_slice(), 0);
        let raw = self.conn(at).at;
        let status = c!(sch_conn_action_text(raw, room.as_mut_ptr().cast(), cap, &mut len));
        if self.said(status) == SCH_OK && cap > 0 {
            let end = room.iter().position(|b| *b == 0).expect("a NUL");
            assert!(end <= len && core::str::from_utf8(&room[..end]).is_ok());
        }
    }

    fn slot_moves(&mut self, at: usize, count: u64) {
        for index in (0..count).chain([u64::MAX]) {
            let mut room = sized::<sch_slot_move>();
            let raw = self.conn(at).at;
            let status = c!(sch_conn_slot_move(raw, index as usize, room.as_mut_ptr().cast()));
            if self.said(status) != SCH_OK {
                assert!(index >= count && untouched(&room));
                continue;
            }
            // SAFETY: filled.
            let one = unsafe { &*room.as_ptr().cast::<sch_slot_move>() };
            std::hint::black_box((
                lent(one.source_host.cast(), one.source_host_len),
                lent(one.destination_host.cast(), one.destination_host_len),
            ));
            // SAFETY: as the call says.
            let ranges = if one.ranges_len == 0 {
                &[][..]
            } else {
                unsafe { core::slice::from_raw_parts(one.ranges, one.ranges_len) }
            };
            assert!(ranges.iter().all(|range| range.first <= range.last && range.last < 16384));
        }
    }

    fn push(&mut self, at: usize, id: u64) {
        let (now, raw) = (self.time(), self.conn(at).at);
        let mut swallowed = false;
        let status = if self.draw.below(3) > 0 {
            let data = self.wire(WIRE);
            c!(sch_conn_push(raw, now, id, data.as_ptr(), data.len(), &mut swallowed))
        } else {
            let elements = self.draw.number();
            self.said(c!(sch_conn_push_begin(raw, elements)));
            for _ in 0..self.draw.below(8) {
                let text = match self.draw.below(6) {
                    0 => self.draw.bytes(20),
                    n => [&b"MOVING"[..], b"SMIGRATED", b"MIGRATING", b"b:2", b"1-5"][n as usize - 1],
                };
                let status = c!(match self.draw.below(5) {
                    0 => sch_conn_push_integer(raw, self.draw.number() as i64),
                    1 => sch_conn_push_null(raw),
                    2 => sch_conn_push_array(raw, self.draw.number()),
                    _ => sch_conn_push_text(raw, text.as_ptr(), text.len()),
                });
                self.said(status);
            }
            c!(sch_conn_push_end(raw, now, id, &mut swallowed))
        };
        self.said(status);
    }

    /// One of the calls that take numbers at most.
    fn say(&mut self, at: usize, id: u64) {
        let (now, raw, n) = (self.time(), self.conn(at).at, self.draw.number());
        let mut out = false;
        let status = c!(match self.draw.below(17) {
            0 => sch_conn_held(raw, now),
            1 => sch_conn_swapped(raw, now),
            2 => sch_conn_swap_refused(raw, now),
            3 => sch_conn_ready(raw, now, id),
            4 => sch_conn_resp2(raw, now, id),
            5 => sch_conn_losses_settled(raw, now),
            6 => sch_conn_in_flight(raw, now, n),
            7 => sch_conn_owe(raw, now, n),
            8 => sch_conn_owe_on(raw, now, id, n),
            9 => sch_conn_fence(raw, now, (n % 6) as i32, self.draw.below(2) == 1),
            10 => sch_conn_cancel(raw, now, n, &mut out),
            11 => sch_conn_connect_failed(raw, now, id),
            12 => {
                let (user, secret) = (self.draw.bytes(5), self.draw.bytes(5));
                let user_at = user.as_ptr().cast();
                sch_conn_credentials(raw, now, user_at, user.len(), secret.as_ptr(), secret.len())
            }
            13 => {
                let reply = self.wire(WIRE);
                sch_conn_optin_reply(raw, now, id, reply.as_ptr(), reply.len())
            }
            14 => sch_conn_take(raw, now, n as u32),
            15 => sch_conn_give(raw, now),
            _ => sch_conn_tick(raw, now),
        });
        self.said(status);
    }

    fn pooled(&mut self, at: usize) {
        let (now, raw, pool) = (self.time(), self.conn(at).at, self.pool);
        let n = self.draw.number();
        let mut has = false;
        let status = c!(match self.draw.below(10) {
            0 | 1 => {
                let node: &[u8] = if n == 9 { self.draw.bytes(9) } else { b"" };
                sch_conn_join(raw, now, pool, (n % 3) as i32, n, node.as_ptr().cast(), node.len())
            }
            2 => sch_conn_leave(raw, now),
            3 => {
                let host = if n == 9 { self.draw.bytes(9) } else { b"b" };
                sch_pool_dial_result(
                    pool,
                    now,
                    host.as_ptr().cast(),
                    host.len(),
                    n as u16,
                    self.draw.below(2) == 0,
                )
            }
            4 => {
                let cap = self.draw.below(4) as usize;
                let mut places = vec![UNTOUCHED; size_of::<sch_place>() / 8 * cap].into_boxed_slice();
                let (mut count, mut retry) = (0, 0);
                let out = places.as_mut_ptr().cast();
                let status = sch_pool_where_to_dial(pool, now, out, cap, &mut count, &mut retry);
                assert!(count <= cap);
                status
            }
            5 => sch_pool_poll_event(pool, sized::<sch_pool_event>().as_mut_ptr().cast()),
            6 => {
                let mut room = sized::<sch_endpoint_counters>();
                sch_pool_endpoint_counters(pool, c"b".as_ptr(), 1, n as u16, room.as_mut_ptr().cast())
            }
            7 => sch_pool_optin_refused(pool, now, c"b".as_ptr(), 1, n as u16),
            8 => sch_conn_has_mail(raw, &mut has),
            _ => sch_pool_tick(pool, now),
        });
        self.said(status);
        if !pool.is_null() {
            let mut room = sized::<sch_pool_counts>();
            assert_eq!(c!(sch_pool_counters(pool, room.as_mut_ptr().cast())), SCH_OK);
            // SAFETY: filled.
            assert!(unsafe { &*room.as_ptr().cast::<sch_pool_counts>() }.members <= 3);
        }
    }

    fn look(&mut self, at: usize) {
        let raw = self.conn(at).at;
        let (mut has, mut infinite, mut ns, mut ms, mut count) = (false, false, 0, 0, 0);
        assert_eq!(c!(sch_conn_next_deadline(raw, &mut has, &mut ns)), SCH_OK);
        if has && self.draw.below(2) == 1 {
            self.now = self.now.max(ns);
            self.said(c!(sch_conn_tick(raw, self.now)));
        }
        let configured = self.draw.number();
        self.said(c!(sch_conn_effective_timeout_ms(raw, configured, has, &mut ms, &mut infinite)));
        assert!(infinite == has && (infinite || ms >= configured));
        assert_eq!(c!(sch_conn_counters(raw, sized::<sch_counters>().as_mut_ptr().cast())), SCH_OK);
        let mut waits = [sch_wait { transport: 0, connecting: 0, read: 0, write: 0, reserved: [0; 5] }; 3];
        let cap = self.draw.below(4) as usize;
        self.said(c!(sch_conn_wait_on(raw, waits.as_mut_ptr(), cap, &mut count)));
        let mut phase = 0;
        assert_eq!(c!(sch_conn_phase(raw, &mut phase)), SCH_OK);
        assert!((SCH_PHASE_DETACHED..=SCH_PHASE_CLOSED).contains(&phase));
        let (mut text, mut len) = (null(), 0);
        if self.said(c!(sch_conn_last_error(raw, &mut text, &mut len))) == SCH_OK {
            assert!(core::str::from_utf8(&lent(text.cast(), len)).is_ok());
        }
        while c!(sch_conn_poll_trace(raw, &mut text, &mut len)) == SCH_OK {
            assert!(core::str::from_utf8(&lent(text.cast(), len)).is_ok());
        }
        let (mut data, mut len) = (null(), 0);
        assert_eq!(c!(sch_conn_salvage(raw, &mut data, &mut len)), SCH_ERR_UNEXPECTED);
    }

    fn step(&mut self) {
        let at = self.draw.below(3) as usize;
        if self.conns[at].is_none() {
            return self.open(at);
        }
        let id = self.transport(at);
        match self.draw.below(32) {
            0..6 => {
                // What the server has to say, whole or in part.
                let own: Vec<u8> = self
                    .conn(at)
                    .replies
                    .iter()
                    .filter(|(of, _)| *of == id)
                    .flat_map(|(_, r)| r.clone())
                    .collect();
                self.conn(at).replies.retain(|(of, _)| *of != id);
                self.receive(at, id, &own);
                self.obey(at);
            }
            6..10 => {
                let data = self.wire(WIRE);
                self.receive(at, id, &data);
                self.obey(at);
            }
            10 => {
                let data = self.wire(WIRE);
                self.receive(at, id, &data);
            }
            11..15 => {
                let data = self.wire(COMMANDS);
                self.submit(at, &data);
                self.obey(at);
            }
            15 => {
                let data = self.wire(COMMANDS);
                self.submit(at, &data);
            }
            16 | 17 => self.write(at, id),
            18 | 19 => self.push(at, id),
            20 | 21 => self.say(at, id),
            22 | 23 => self.look(at),
            24 | 25 => self.pooled(at),
            26 => {
                let (now, raw) = (self.time(), self.conn(at).at);
                let data = if self.draw.below(2) == 1 { self.wire(COMMANDS) } else { Vec::new() };
                self.said(c!(sch_conn_closed(raw, now, id, data.as_ptr(), data.len())));
                self.conn(at).replies.retain(|(of, _)| *of != id);
            }
            27 => self.dial(at),
            28 => self.obey(at),
            29 => match self.draw.below(4) {
                0 => self.open(at),
                1 => {
                    let (now, raw) = (self.time(), self.conn(at).at);
                    self.said(c!(sch_conn_close(raw, now)));
                }
                2 => self.free_pool(),
                _ => {
                    self.free(at);
                }
            },
            30 => self.connected(at, id),
            _ => {
                std::hint::black_box(self.conn(at).heard.lines);
                self.obey(at);
            }
        }
    }
}
