//! Any order of calls with any bytes on a live connection, through the C ABI (S4): nothing panics, a failure leaves its
//! outputs untouched, spans can be read. A small server answers what is written, so that play comes as far as handoffs;
//! how wild the host and the server are depends on the seed. `SCH_SEEDS=1000` tries more; `SCH_SEED=7` tries one.

#![allow(unsafe_code, reason = "it calls the C ABI")]
#![allow(clippy::disallowed_methods)] // a test may be told how much to try

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
use std::collections::{BTreeMap, VecDeque};

/// Calls one export.
macro_rules! c {
    ($call:expr) => {
        // SAFETY: handles are live, places are of this test.
        unsafe { $call }
    };
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

const REPLIES: &[&[u8]] = &[
    b"+OK\r\n",
    b"+OK\r\n",
    b"+OK\r\n",
    b":1\r\n",
    b"_\r\n",
    b"$3\r\nabc\r\n",
    b"-ERR unknown subcommand 'maint_notifications'\r\n",
    b"-NOAUTH Authentication required.\r\n",
    b"-LOADING wait\r\n",
    b"+QUEUED\r\n",
    b"*1\r\n+OK\r\n",
    b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n",
    b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n",
    b"*2\r\n$5\r\nproto\r\n:2\r\n",
    b">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$3\r\nb:2\r\n",
    b">4\r\n$6\r\nMOVING\r\n:2\r\n:1\r\n$3\r\nc:3\r\n",
    b">4\r\n$6\r\nMOVING\r\n:3\r\n:4\r\n_\r\n",
    b">4\r\n$6\r\nMOVING\r\n:9\r\n:-4\r\n$9\r\n[fd00::1]:\r\n",
    b">4\r\n$9\r\nMIGRATING\r\n:4\r\n:2\r\n$1\r\n1\r\n",
    b">3\r\n$8\r\nMIGRATED\r\n:5\r\n$1\r\n1\r\n",
    b">4\r\n$12\r\nFAILING_OVER\r\n:6\r\n:2\r\n$1\r\n1\r\n",
    b">3\r\n$11\r\nFAILED_OVER\r\n:7\r\n$1\r\n1\r\n",
    b">3\r\n$10\r\nSMIGRATING\r\n:8\r\n$3\r\n1-9\r\n",
    b">3\r\n$9\r\nSMIGRATED\r\n:9\r\n*1\r\n*3\r\n$3\r\na:1\r\n$3\r\nb:2\r\n$3\r\n1-9\r\n",
    b">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n",
    b">3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n",
    b">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\ny\r\n",
    b"|1\r\n+a\r\n+b\r\n",
    b">2\r\n$6\r\nMOV",
    b"$100\r\nabc",
    b"?what\r\n",
    b"\0\xff",
    b"",
];

const COMMANDS: &[&[u8]] = &[
    b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n",
    b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n",
    b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    b"*2\r\n$3\r\nGET\r\n$1\r",
    b"\nk\r\n",
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
    b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$2\r\nON\r\n",
    b"*3\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\nON\r\n",
    b"*1\r\n$6\r\nASKING\r\n",
    b"*1\r\n$5\r\nRESET\r\n",
    b"*1\r\n$7\r\nMONITOR\r\n",
    b"PING\r\n",
    b"\r\n",
    b"*x\r\n",
    b"",
];

/// Answers what it is sent, with whole frames.
#[derive(Default)]
struct Server {
    unread: Vec<u8>,
    frames: VecDeque<Vec<u8>>,
    /// The first frame is the rest of one.
    cut: bool,
    queued: Option<usize>,
    /// It knows nobody.
    locked: bool,
}

impl Server {
    fn take(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        while let Some((words, len)) = command(&self.unread) {
            self.unread.drain(..len);
            self.answer(&words);
        }
    }

    fn answer(&mut self, words: &[Vec<u8>]) {
        let name = words.first().map(|w| w.to_ascii_uppercase()).unwrap_or_default();
        let frame: &[u8] = match (&name[..], self.queued) {
            (b"EXEC", Some(n)) => {
                self.queued = None;
                self.frames.push_back([format!("*{n}\r\n").as_bytes(), &b"+OK\r\n".repeat(n)].concat());
                return;
            }
            (b"DISCARD", _) => {
                self.queued = None;
                b"+OK\r\n"
            }
            (_, Some(n)) => {
                self.queued = Some(n + 1);
                b"+QUEUED\r\n"
            }
            (b"MULTI", _) => {
                self.queued = Some(0);
                b"+OK\r\n"
            }
            (b"HELLO" | b"AUTH", _) if self.locked => {
                self.locked = false;
                b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
            }
            (b"HELLO", _) => b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n",
            (b"SUBSCRIBE", _) => b">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n",
            (b"UNSUBSCRIBE", _) => b">3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n",
            (b"GET" | b"BLPOP", _) => b"_\r\n",
            _ => b"+OK\r\n",
        };
        self.frames.push_back(frame.to_vec());
    }

    /// At most so many bytes of what it has to say.
    fn give(&mut self, most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(frame) = self.frames.front_mut() {
            let n = frame.len().min(most - out.len());
            out.extend(frame.drain(..n));
            self.cut = !frame.is_empty();
            if self.cut {
                break;
            }
            self.frames.pop_front();
        }
        out
    }

    /// What was given and not taken.
    fn take_back(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.frames.push_front(rest.to_vec());
            self.cut = true;
        }
    }
}

/// The words of the first command, and its length.
fn command(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let line = |from: usize| {
        let len = bytes.get(from..)?.windows(2).position(|w| w == b"\r\n")?;
        Some((&bytes[from..from + len], from + len + 2))
    };
    let number = |text: &[u8]| core::str::from_utf8(text.get(1..)?).ok()?.parse::<usize>().ok();
    let (head, mut at) = line(0)?;
    if head.first() != Some(&b'*') {
        return Some((vec![head.to_vec()], at));
    }
    let mut words = Vec::new();
    for _ in 0..number(head)? {
        let (head, from) = line(at)?;
        let len = number(head)?;
        words.push(bytes.get(from..from + len)?.to_vec());
        at = from + len + 2;
    }
    (at <= bytes.len()).then_some((words, at))
}

struct Player {
    random: Random,
    /// Of a hundred: how often something is done that a good host or server would not do.
    wild: u64,
    level_out: i32,
    servers: BTreeMap<u64, Server>,
    /// Given to write, not written.
    unwritten: Vec<u8>,
    conn: *mut sch_conn,
    /// A pool, and another member at the same node; or NULL.
    pool: *mut sch_pool,
    other: *mut sch_conn,
    now: u64,
    calls: Vec<String>,
    met: [u64; 32],
}

const UNTOUCHED: u64 = 0xa5a5_a5a5_a5a5_a5a5;

fn sized<T>() -> Vec<u64> {
    let mut room = vec![UNTOUCHED; size_of::<T>() / 8 + 1];
    // SAFETY: it is longer than that.
    unsafe { room.as_mut_ptr().cast::<u32>().write(size_of::<T>() as u32) };
    room
}

/// A connection at level 1 that is a member and can read notifications.
fn member_of(pool: *mut sch_pool) -> *mut sch_conn {
    let (mut config, mut conn) = (null_mut(), null_mut());
    assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
    assert_eq!(c!(sch_config_set_level_in(config, SCH_LEVEL_NOTIFIED)), SCH_OK);
    assert_eq!(c!(sch_config_set_level_out(config, SCH_LEVEL_NOTIFIED)), SCH_OK);
    assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, config, &mut conn)), SCH_OK);
    assert_eq!(c!(sch_config_free(config)), SCH_OK);
    let mut dial = sized::<sch_dial>();
    assert_eq!(c!(sch_conn_dial(conn, 1, 0, dial.as_mut_ptr().cast())), SCH_OK);
    assert_eq!(c!(sch_conn_connected(conn, 1, 1, c"10.0.0.1:6379".as_ptr(), 13)), SCH_OK);
    assert_eq!(c!(sch_conn_join(conn, 1, pool, SCH_UNOWNED_RETIRE, 8, null(), 0)), SCH_OK);
    conn
}

impl Player {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let (mut config, mut conn) = (null_mut(), null_mut());
        assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
        let (level_in, level_out) =
            random.of(&[(1, 1), (2, 2), (2, 1), (1, 2), (2, 3), (2, 3), (2, 3), (2, 3)]);
        assert_eq!(c!(sch_config_set_level_in(config, level_in)), SCH_OK);
        assert_eq!(c!(sch_config_set_level_out(config, level_out)), SCH_OK);
        assert_eq!(c!(sch_config_set_on_loss(config, 1 + random.below(3) as i32)), SCH_OK);
        assert_eq!(c!(sch_config_set_blocking(config, 1 + random.below(2) as i32)), SCH_OK);
        if level_out == 3 && random.chance(40) {
            assert_eq!(c!(sch_config_set_handshake(config, SCH_HANDSHAKE_BY_LIBSCH)), SCH_OK);
        }
        if random.chance(40) {
            let small: [(i32, u64); 6] = [
                (SCH_LIMIT_MAX_HELD_BYTES, 40),
                (SCH_LIMIT_MAX_HELD_COMMANDS, 2),
                (SCH_LIMIT_MAX_IN_FLIGHT, 3),
                (SCH_LIMIT_MAX_PUSH_BYTES, 1024),
                (SCH_LIMIT_MAX_WINDOWS, 1),
                (SCH_LIMIT_MAX_MARKS, 1),
            ];
            let (limit, value) = random.of(&small);
            assert_eq!(c!(sch_config_set_limit(config, limit, value)), SCH_OK);
        }
        assert_eq!(c!(sch_config_set_seed(config, random.next())), SCH_OK);
        assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, config, &mut conn)), SCH_OK);
        let (mut pool, mut other) = (null_mut(), null_mut());
        if random.chance(50) {
            assert_eq!(c!(sch_pool_new(SCH_ABI_VERSION, config, &mut pool)), SCH_OK);
            other = member_of(pool);
            assert_eq!(c!(sch_conn_join(conn, 1, pool, 1 + random.below(2) as i32, 7, null(), 0)), SCH_OK);
        }
        assert_eq!(c!(sch_config_free(config)), SCH_OK);
        let wild = random.of(&[0, 1, 1, 5, 30]);
        let (servers, unwritten) = (BTreeMap::new(), Vec::new());
        let (calls, met) = (Vec::new(), [0; 32]);
        Self { random, wild, level_out, servers, unwritten, conn, pool, other, now: 1, calls, met }
    }

    fn said(&mut self, call: String, status: sch_status) -> bool {
        self.calls.push(format!("{call} -> {status}"));
        assert!(status > SCH_ERR_FATAL, "{}", self.calls.join("\n"));
        status >= 0
    }

    fn goes_wild(&mut self) -> bool {
        self.random.below(100) < self.wild
    }

    fn time(&mut self) -> u64 {
        let step = self.random.of(&[0, 0, 0, 1_000_000, 20_000_000, 400_000_000]);
        self.now = match self.random.below(400) {
            0 => self.now / 2,
            1 if self.wild > 0 => self.now.saturating_add(700_000_000_000),
            2..6 => self.now.saturating_add(5_000_000_000),
            _ => self.now.saturating_add(step),
        };
        self.now
    }

    /// Mostly one that there is.
    fn transport(&mut self) -> u64 {
        let mut waits = [sch_wait { transport: 0, connecting: 0, read: 0, write: 0, reserved: [0; 5] }; 3];
        let mut count = 0;
        assert_eq!(c!(sch_conn_wait_on(self.conn, waits.as_mut_ptr(), 3, &mut count)), SCH_OK);
        assert!(count <= 3);
        if count > 0 && !self.goes_wild() {
            waits[self.random.below(count as u64) as usize].transport
        } else if self.random.chance(5) {
            u64::MAX
        } else {
            self.random.below(6)
        }
    }

    fn dial(&mut self) {
        let mut dial = sized::<sch_dial>();
        let (now, nth) = (self.time(), if self.goes_wild() { usize::MAX } else { 0 });
        let status = c!(sch_conn_dial(self.conn, now, nth, dial.as_mut_ptr().cast()));
        self.said(format!("dial {nth}"), status);
        if status != SCH_OK {
            assert!(dial[1..].iter().all(|w| *w == UNTOUCHED));
            return;
        }
        // SAFETY: filled.
        let id = unsafe { (*dial.as_ptr().cast::<sch_dial>()).transport };
        if self.random.chance(90) {
            self.connected(id);
        } else if self.random.chance(80) {
            let status = c!(sch_conn_connect_failed(self.conn, now, id));
            self.said(format!("connect_failed {id}"), status);
        }
    }

    fn connected(&mut self, id: u64) {
        let odd = self.goes_wild();
        let peer: &[u8] = if odd { self.random.of(&[b"nonsense", b"\xff\xfe"]) } else { b"10.0.0.1:6379" };
        let peer = if self.random.chance(20) { b"" } else { peer };
        let now = self.time();
        let status = c!(sch_conn_connected(self.conn, now, id, peer.as_ptr().cast(), peer.len()));
        self.said(format!("connected {id} {}", peer.escape_ascii()), status);
        if status == SCH_OK && self.level_out < 3 && !self.goes_wild() {
            let status = c!(sch_conn_ready(self.conn, now, id));
            self.said(format!("ready {id}"), status);
        }
        let locked = self.random.chance(10);
        self.servers.entry(id).or_default().locked = locked;
    }

    /// What a socket brings.
    fn wire(&mut self, id: u64) -> Vec<u8> {
        let (garbage, push) = (self.random.chance(self.wild / 4), self.random.chance(12));
        let most = if self.random.chance(80) { 4096 } else { 1 + self.random.below(12) as usize };
        let server = self.servers.entry(id).or_default();
        let mut data = Vec::new();
        if garbage {
            data.extend_from_slice(self.random.of(REPLIES));
        } else if push && !server.cut {
            data.extend_from_slice(self.random.of(&REPLIES[14..REPLIES.len() - 6]));
        }
        data.extend(server.give(most));
        data
    }

    fn receive(&mut self) {
        let (now, id) = (self.time(), self.transport());
        let cap = if self.goes_wild() { self.random.below(2) as usize } else { self.random.of(&[16, 2, 3]) };
        let data = self.wire(id);
        let mut spans = [sch_span { data: null(), len: UNTOUCHED as usize }; 16];
        let (mut consumed, mut count) = (UNTOUCHED as usize, UNTOUCHED as usize);
        let status = if self.random.chance(50) {
            c!(sch_conn_receive(
                self.conn,
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
            let status = c!(sch_conn_receive_with(self.conn, data.as_ptr(), data.len(), &mut call));
            (consumed, count) = (call.consumed, call.count);
            status
        };
        if !self.said(format!("receive {id} {}", data.escape_ascii()), status) {
            assert_eq!((consumed, count), (UNTOUCHED as usize, UNTOUCHED as usize));
            assert!(spans.iter().all(|s| s.len == UNTOUCHED as usize));
            self.servers.entry(id).or_default().take_back(&data);
            return;
        }
        self.servers.entry(id).or_default().take_back(&data[consumed..]);
        assert!(consumed <= data.len() && count <= cap);
        for span in &spans[..count] {
            // SAFETY: as the call says.
            let bytes = unsafe { core::slice::from_raw_parts(span.data, span.len) };
            std::hint::black_box(bytes.iter().fold(0_u8, |a, b| a ^ b));
        }
    }

    fn submit(&mut self) {
        let mut data = Vec::new();
        for _ in 0..=self.random.below(3) {
            let wild = self.goes_wild() && self.random.chance(30);
            let from = if wild { COMMANDS } else { &COMMANDS[..14] };
            data.extend_from_slice(self.random.of(from));
        }
        let now = self.time();
        let mut room = sized::<sch_submitted>();
        let status = c!(sch_conn_submit(self.conn, now, data.as_ptr(), data.len(), room.as_mut_ptr().cast()));
        if !self.said(format!("submit {}", data.escape_ascii()), status) {
            assert!(room[1..].iter().all(|w| *w == UNTOUCHED));
            return;
        }
        // SAFETY: filled.
        let s = unsafe { &*room.as_ptr().cast::<sch_submitted>() };
        assert!(s.write_now + s.held <= data.len());
        assert_eq!(s.write_now > 0, s.transport != 0);
        if s.write_now > 0 {
            self.unwritten.extend_from_slice(&data[..s.write_now]);
            if self.random.chance(90) {
                let bytes = core::mem::take(&mut self.unwritten);
                self.servers.entry(s.transport).or_default().take(&bytes);
            }
        }
    }

    /// Levels 1 and 2: a fence opens, or closes.
    fn fence(&mut self) {
        let (now, fence) = (self.time(), 1 + self.random.below(3) as i32);
        let status = c!(sch_conn_fence(self.conn, now, fence, self.random.chance(30)));
        self.said(format!("fence {fence}"), status);
    }

    /// Below level 3: a write and what it is owed, said as the level does.
    fn owe(&mut self) {
        let (now, n) = (self.time(), self.random.below(3));
        let mut current = 0;
        let status = c!(sch_conn_current(self.conn, &mut current));
        self.said("current".into(), status);
        let status = match self.level_out {
            1 => c!(sch_conn_in_flight(self.conn, now, n)),
            _ => c!(sch_conn_owe(self.conn, now, n)),
        };
        if self.said(format!("owe {n}"), status) && status == SCH_OK {
            (0..n).for_each(|_| self.servers.entry(current).or_default().take(b"*1\r\n$4\r\nPING\r\n"));
        }
    }

    fn push(&mut self) {
        let data = self.random.of(REPLIES);
        let (now, id) = (self.time(), self.transport());
        let mut swallowed = false;
        let status = c!(sch_conn_push(self.conn, now, id, data.as_ptr(), data.len(), &mut swallowed));
        self.said(format!("push {id} {}", data.escape_ascii()), status);
    }

    fn built_push(&mut self) {
        let elements = self.random.of(&[0, 1, 3, 4, u64::MAX]);
        let status = c!(sch_conn_push_begin(self.conn, elements));
        self.said(format!("push_begin {elements}"), status);
        for _ in 0..self.random.below(6) {
            let text = self.random.of(&[&b"MOVING"[..], b"SMIGRATED", b"b:2", b""]);
            let status = match self.random.below(4) {
                0 => c!(sch_conn_push_integer(self.conn, self.random.next() as i64)),
                1 => c!(sch_conn_push_null(self.conn)),
                2 => c!(sch_conn_push_array(self.conn, self.random.of(&[0, 1, 2, u64::MAX]))),
                _ => c!(sch_conn_push_text(self.conn, text.as_ptr(), text.len())),
            };
            self.said("push element".into(), status);
        }
        let (now, id) = (self.time(), self.transport());
        let mut swallowed = false;
        let status = c!(sch_conn_push_end(self.conn, now, id, &mut swallowed));
        self.said(format!("push_end {id}"), status);
    }

    fn write(&mut self, id: u64) {
        let (mut data, mut len) = (null(), 0);
        assert_eq!(c!(sch_conn_region(self.conn, id, &mut data, &mut len)), SCH_OK);
        // SAFETY: as the call says.
        let region = if len == 0 { &[][..] } else { unsafe { core::slice::from_raw_parts(data, len) } };
        std::hint::black_box(region.iter().fold(0_u8, |a, b| a ^ b));
        let wrote = match self.random.below(10) {
            0 if self.wild > 4 => len + 1,
            1 => self.random.below(len as u64 + 1) as usize,
            2 if self.wild > 4 => usize::MAX,
            _ => len,
        };
        let region = region.to_vec();
        let now = self.time();
        let status = c!(sch_conn_wrote(self.conn, now, id, wrote));
        if self.said(format!("wrote {id} {wrote} of {len}"), status) {
            let before = core::mem::take(&mut self.unwritten);
            let server = self.servers.entry(id).or_default();
            server.take(&before);
            server.take(&region[..wrote]);
        }
    }

    fn closed(&mut self) {
        let mut unwritten = core::mem::take(&mut self.unwritten);
        if self.goes_wild() {
            unwritten.extend_from_slice(self.random.of(COMMANDS));
        }
        let (now, id) = (self.time(), self.transport());
        let status = c!(sch_conn_closed(self.conn, now, id, unwritten.as_ptr(), unwritten.len()));
        self.said(format!("closed {id} {}", unwritten.escape_ascii()), status);
    }

    /// A chance to go on after everything was closed.
    fn reconnect(&mut self) {
        let mut current = 0;
        let status = c!(sch_conn_current(self.conn, &mut current));
        self.said("current".into(), status);
        if current == 0 && self.random.chance(60) {
            self.unwritten.clear();
            self.dial();
        }
    }

    /// One of the calls that take a number at most.
    fn say(&mut self) {
        let (now, id) = (self.time(), self.transport());
        let n = self.random.of(&[0, 1, 2, 3, u64::MAX, u64::MAX - 1]);
        let what = self.random.below(16);
        let mut out = false;
        let status = c!(match what {
            0 => sch_conn_held(self.conn, now),
            1 => sch_conn_swapped(self.conn, now),
            2 => sch_conn_swap_refused(self.conn, now),
            3 | 4 => sch_conn_ready(self.conn, now, id),
            5 if self.random.chance(20) => sch_conn_resp2(self.conn, now, id),
            6 => sch_conn_losses_settled(self.conn, now),
            7 => sch_conn_in_flight(self.conn, now, n),
            8 => sch_conn_owe(self.conn, now, n),
            9 => sch_conn_owe_on(self.conn, now, id, n),
            10 => sch_conn_fence(self.conn, now, self.random.below(6) as i32, self.random.chance(40)),
            11 => sch_conn_cancel(self.conn, now, n, &mut out),
            12 => sch_conn_connect_failed(self.conn, now, id),
            13 => sch_conn_credentials(self.conn, now, c"u".as_ptr(), 1, b"p".as_ptr(), 1),
            14 => {
                let reply = self.random.of(REPLIES);
                sch_conn_optin_reply(self.conn, now, id, reply.as_ptr(), reply.len())
            }
            _ => sch_conn_tick(self.conn, now),
        });
        self.said(format!("call {what} transport={id} n={n}"), status);
    }

    /// Polls, and mostly does as asked.
    fn actions(&mut self) {
        for _ in 0..10_000 {
            let mut room = sized::<sch_action>();
            let status = c!(sch_conn_poll_action(self.conn, room.as_mut_ptr().cast()));
            self.said("poll".into(), status);
            if status != SCH_OK {
                assert_eq!(status, SCH_EMPTY);
                return;
            }
            // SAFETY: filled.
            let a = unsafe { room.as_ptr().cast::<sch_action>().read() };
            self.calls.push(format!("  action kind={} transport={}", a.kind, a.transport));
            self.met[a.kind as usize] += 1;
            let now = self.now;
            match a.kind {
                SCH_ACTION_SEND_OPTIN => {
                    for _ in 0..a.replies {
                        let status =
                            c!(sch_conn_optin_reply(self.conn, now, a.transport, b"+OK".as_ptr(), 3));
                        self.said("optin_reply".into(), status);
                        self.servers.entry(a.transport).or_default().take(b"PING\r\n");
                    }
                }
                SCH_ACTION_OPEN if self.random.chance(85) => self.connected(a.transport),
                SCH_ACTION_WRITE | SCH_ACTION_FLUSH if self.random.chance(90) => self.write(a.transport),
                SCH_ACTION_SWAP if self.random.chance(80) => {
                    let status = c!(sch_conn_swapped(self.conn, now));
                    self.said("swapped".into(), status);
                }
                SCH_ACTION_HOLD if self.random.chance(80) => {
                    if self.level_out == 1 {
                        let status = c!(sch_conn_in_flight(self.conn, now, 0));
                        self.said("in_flight".into(), status);
                    }
                    let status = c!(sch_conn_held(self.conn, now));
                    self.said("held".into(), status);
                }
                SCH_ACTION_LOST if self.random.chance(80) => {
                    let status = c!(sch_conn_losses_settled(self.conn, now));
                    self.said("losses_settled".into(), status);
                }
                SCH_ACTION_HAND_BACK if a.data_len > 0 && self.random.chance(50) => {
                    // SAFETY: borrowed until the next call that changes something.
                    let data = unsafe { core::slice::from_raw_parts(a.data, a.data_len) }.to_vec();
                    let mut room = sized::<sch_submitted>();
                    let status = c!(sch_conn_submit(
                        self.conn,
                        now,
                        data.as_ptr(),
                        data.len(),
                        room.as_mut_ptr().cast()
                    ));
                    self.said("submit what came back".into(), status);
                }
                _ => {}
            }
        }
        panic!("actions do not end:\n{}", self.calls.join("\n"));
    }

    /// Something about the pool.
    fn pooled(&mut self) {
        let now = self.time();
        let mut has = false;
        let what = self.random.below(12);
        let status = c!(match what {
            0 | 1 => {
                let data = self.random.of(&REPLIES[14..REPLIES.len() - 6]);
                sch_conn_push(self.other, now, 1, data.as_ptr(), data.len(), &mut has)
            }
            2 => sch_conn_take(self.conn, now, self.random.below(2) as u32),
            3 => sch_conn_give(self.conn, now),
            4 if self.goes_wild() => sch_conn_leave(self.conn, now),
            4 => sch_conn_join(self.conn, now, self.pool, 1 + self.random.below(2) as i32, 7, null(), 0),
            5 => sch_pool_dial_result(self.pool, now, c"b".as_ptr(), 1, 2, self.random.chance(50)),
            6 => {
                let mut places = [const { core::mem::MaybeUninit::<sch_place>::uninit() }; 2];
                let (mut count, mut retry) = (9, 0);
                let places = places.as_mut_ptr().cast();
                let status = sch_pool_where_to_dial(self.pool, now, places, 2, &mut count, &mut retry);
                assert!(status != SCH_OK || (1..=2).contains(&count));
                status
            }
            7 => sch_pool_poll_event(self.pool, sized::<sch_pool_event>().as_mut_ptr().cast()),
            8 => sch_conn_has_mail(self.conn, &mut has),
            _ => {
                let (status, mut ns) = (sch_pool_tick(self.pool, now), 0);
                self.said("pool tick".into(), status);
                sch_pool_next_deadline(self.pool, &mut has, &mut ns)
            }
        });
        self.said(format!("pool {what}"), status);
        let mut counts = sized::<sch_pool_counts>();
        assert_eq!(c!(sch_pool_counters(self.pool, counts.as_mut_ptr().cast())), SCH_OK);
        // SAFETY: filled.
        let counts = unsafe { &*counts.as_ptr().cast::<sch_pool_counts>() };
        assert!(counts.members <= 2 && counts.members_ejected == 0, "{}", self.calls.join("\n"));
    }

    fn look(&mut self) {
        let (mut has, mut ns, mut ms) = (false, 0, 0);
        assert_eq!(c!(sch_conn_next_deadline(self.conn, &mut has, &mut ns)), SCH_OK);
        if has && self.random.chance(30) {
            self.now = self.now.max(ns);
            let status = c!(sch_conn_tick(self.conn, self.now));
            self.said("tick".into(), status);
        }
        let timeout = self.random.of(&[0, 500, u64::MAX]);
        let status = c!(sch_conn_effective_timeout_ms(self.conn, timeout, has, &mut ms, &mut has));
        self.said("effective_timeout_ms".into(), status);
        let mut counters = sized::<sch_counters>();
        assert_eq!(c!(sch_conn_counters(self.conn, counters.as_mut_ptr().cast())), SCH_OK);
        let mut phase = 0;
        assert_eq!(c!(sch_conn_phase(self.conn, &mut phase)), SCH_OK);
        assert!((SCH_PHASE_DETACHED..=SCH_PHASE_CLOSED).contains(&phase));
    }

    /// Plays to the end; what it met, by kind of action.
    fn play(mut self, calls: u32) -> [u64; 32] {
        self.dial();
        for _ in 0..calls {
            match self.random.below(100) {
                0..45 => self.receive(),
                45..60 if self.level_out < 3 => self.owe(),
                45..60 => self.submit(),
                60..64 => self.push(),
                64..66 => self.built_push(),
                66..80 => {
                    let id = self.transport();
                    self.write(id);
                }
                80 => self.closed(),
                81..84 => self.reconnect(),
                84..88 if self.level_out < 3 => self.fence(),
                84..90 if self.goes_wild() => self.dial(),
                84..90 if self.goes_wild() => self.closed(),
                84..90 if self.goes_wild() => self.say(),
                84..92 if !self.pool.is_null() => self.pooled(),
                _ => self.look(),
            }
            if self.random.chance(85) {
                self.actions();
            }
        }
        if self.random.chance(80) {
            let status = c!(sch_conn_close(self.conn, self.now));
            self.said("close".into(), status);
            self.actions();
            self.say();
        }
        let pool_first = self.random.chance(50);
        if pool_first {
            assert_eq!(c!(sch_pool_free(self.pool)), SCH_OK);
        }
        assert_eq!(c!(sch_conn_free(self.conn)), SCH_OK);
        assert_eq!(c!(sch_conn_free(self.other)), SCH_OK);
        if !pool_first {
            assert_eq!(c!(sch_pool_free(self.pool)), SCH_OK);
        }
        self.met
    }
}

#[test]
fn any_order_of_calls_with_any_bytes() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SCH_SEED") {
        Some(one) => one..one + 1,
        None => 0..number("SCH_SEEDS").unwrap_or(300),
    };
    let (mut failed, mut met) = (Vec::new(), [0; 32]);
    let many = seeds.end - seeds.start >= 300;
    for seed in seeds {
        match std::panic::catch_unwind(|| Player::new(seed).play(300)) {
            Ok(one) => (0..32).for_each(|kind| met[kind] += one[kind]),
            Err(_) => failed.push(seed),
        }
    }
    assert!(failed.is_empty(), "SCH_SEED= one of {failed:?}");
    // Play that does not come so far proves nothing.
    for kind in (1..=21).filter(|_| many) {
        assert!(met[kind] > 0, "no action of kind {kind} was met: {met:?}");
    }
}
