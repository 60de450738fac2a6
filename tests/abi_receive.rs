//! `sch_conn_receive_with` does what `sch_conn_receive` does, and says what would else be asked by further calls.

#![allow(unsafe_code, reason = "it calls the C ABI")]

use core::ffi::c_void;
use core::ptr::{null, null_mut};
use sch::ffi::action::*;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::join::*;
use sch::ffi::pool::*;
use sch::ffi::receive::*;
use sch::ffi::status::*;
use sch::ffi::version::*;

/// Calls one export.
macro_rules! c {
    ($call:expr) => {
        // SAFETY: handles are live, places are of this test.
        unsafe { $call }
    };
}

const HELLO: &[u8] = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
const PROTO: &[u8] = b"%1\r\n$5\r\nproto\r\n:3\r\n";
const MOVING: &[u8] = b">4\r\n$6\r\nMOVING\r\n:7\r\n:15\r\n$10\r\nb.com:6379\r\n";
const SPANS: usize = 4;
const NO_SPAN: sch_span = sch_span { data: null(), len: 7 };

/// What both calls answer: the status, what was taken, what is to be parsed.
type Answer = (sch_status, usize, Vec<Vec<u8>>);

fn copied(spans: &[sch_span]) -> Vec<Vec<u8>> {
    // SAFETY: as the call says.
    spans.iter().map(|s| unsafe { core::slice::from_raw_parts(s.data, s.len) }.to_vec()).collect()
}

struct Conn {
    at: *mut sch_conn,
    spans: Box<[sch_span; SPANS]>,
    call: sch_receive_call,
}

impl Conn {
    /// Serving and opted in, at level 3 or at level 2.
    fn new(level_out: i32) -> Self {
        let (mut config, mut at) = (null_mut(), null_mut());
        assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
        assert_eq!(c!(sch_config_set_level_in(config, SCH_LEVEL_TAPPED)), SCH_OK);
        assert_eq!(c!(sch_config_set_level_out(config, level_out)), SCH_OK);
        assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, config, &mut at)), SCH_OK);
        assert_eq!(c!(sch_config_free(config)), SCH_OK);
        let mut spans = Box::new([NO_SPAN; SPANS]);
        // SAFETY: all zeros is a call, and a dial.
        let (mut call, mut dial): (sch_receive_call, sch_dial) = unsafe { core::mem::zeroed() };
        call.struct_size = size_of::<sch_receive_call>() as u32;
        (call.spans, call.cap) = (spans.as_mut_ptr(), SPANS);
        dial.struct_size = size_of::<sch_dial>() as u32;
        assert_eq!(c!(sch_conn_dial(at, 1, 0, &mut dial)), SCH_OK);
        assert_eq!(c!(sch_conn_connected(at, 1, 1, c"10.0.0.1:6379".as_ptr(), 13)), SCH_OK);
        Self { at, spans, call }
    }

    fn submit(&self, data: &[u8]) {
        // SAFETY: all zeros is a submitted.
        let mut out: sch_submitted = unsafe { core::mem::zeroed() };
        out.struct_size = size_of::<sch_submitted>() as u32;
        assert_eq!(c!(sch_conn_submit(self.at, 2, data.as_ptr(), data.len(), &mut out)), SCH_OK);
    }

    fn wrote_all(&self) {
        let (mut data, mut len) = (null(), 0);
        assert_eq!(c!(sch_conn_region(self.at, 1, &mut data, &mut len)), SCH_OK);
        assert_eq!(c!(sch_conn_wrote(self.at, 2, 1, len)), SCH_OK);
    }

    fn opted_in(mut self) -> Self {
        self.submit(HELLO);
        assert_eq!(self.with(2, 1, PROTO).0, SCH_OK);
        self.wrote_all();
        assert_eq!(self.with(2, 1, b"+OK\r\n").0, SCH_OK);
        self.actions();
        self
    }

    fn plain(&mut self, now: u64, transport: u64, data: &[u8]) -> Answer {
        let (mut taken, mut count) = (7, 0);
        let (at, len) = (data.as_ptr(), data.len());
        let spans = self.spans.as_mut_ptr();
        let status =
            c!(sch_conn_receive(self.at, now, transport, at, len, spans, SPANS, &mut taken, &mut count));
        (status, taken, copied(&self.spans[..count]))
    }

    fn with(&mut self, now: u64, transport: u64, data: &[u8]) -> Answer {
        (self.call.now_ns, self.call.transport) = (now, transport);
        (self.call.consumed, self.call.count) = (7, 0);
        let status = c!(sch_conn_receive_with(self.at, data.as_ptr(), data.len(), &mut self.call));
        (status, self.call.consumed, copied(&self.spans[..self.call.count]))
    }

    /// What waits, by polling it.
    fn actions(&self) -> Vec<i32> {
        let mut out = Vec::new();
        loop {
            // SAFETY: all zeros is an action.
            let mut action: sch_action = unsafe { core::mem::zeroed() };
            action.struct_size = size_of::<sch_action>() as u32;
            match c!(sch_conn_poll_action(self.at, &mut action)) {
                SCH_OK => out.push(action.kind),
                status => {
                    assert_eq!(status, SCH_EMPTY);
                    return out;
                }
            }
        }
    }

    fn deadline(&self) -> (bool, u64) {
        let mut out = (false, 7);
        assert_eq!(c!(sch_conn_next_deadline(self.at, &mut out.0, &mut out.1)), SCH_OK);
        out
    }

    /// What the struct says of the deadline.
    fn told_deadline(&self) -> (bool, u64) {
        (self.call.has_deadline == 1, self.call.deadline_ns)
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        assert_eq!(c!(sch_conn_free(self.at)), SCH_OK);
    }
}

/// A conversation, cut every `size` bytes.
fn both_answer_the_same(size: usize) {
    let mut wire = PROTO.to_vec();
    wire.extend_from_slice(b"+OK\r\n$5\r\nhello\r\n:1\r\n|1\r\n+a\r\n:1\r\n*2\r\n:1\r\n:2\r\n");
    wire.extend_from_slice(b">2\r\n+invalidate\r\n_\r\n");
    wire.extend_from_slice(b">3\r\n+MIGRATED\r\n:5\r\n+1\r\n:3\r\n");
    wire.extend_from_slice(MOVING);
    wire.extend_from_slice(b">4\r\n+MIGRATING\r\n:8\r\n:2\r\n+1\r\n+PONG\r\n:4\r\n:5\r\n");
    let (mut a, mut b) = (Conn::new(SCH_LEVEL_MANAGED), Conn::new(SCH_LEVEL_MANAGED));
    for conn in [&a, &b] {
        conn.submit(HELLO);
        conn.submit(&b"*1\r\n$4\r\nPING\r\n".repeat(8));
    }
    let (mut at, mut now, mut passed, mut acted) = (0, 10, 0, 0);
    while at < wire.len() {
        now += 1000;
        let data = &wire[at..wire.len().min(at + size)];
        let answer = b.with(now, 1, data);
        assert_eq!(answer, a.plain(now, 1, data), "{size} at {at}");
        let (status, taken, spans) = answer;
        assert_eq!(status, SCH_OK);
        let same = taken == data.len() && b.call.count == 1 && b.spans[0].data == data.as_ptr();
        assert_eq!(b.call.passes == 1, same && b.spans[0].len == data.len(), "{size} at {at}: {spans:?}");
        assert_eq!(b.told_deadline(), a.deadline(), "{size} at {at}");
        assert_eq!(b.told_deadline(), b.deadline());
        let actions = b.actions();
        assert_eq!(b.call.has_action == 1, !actions.is_empty(), "{size} at {at}: {actions:?}");
        assert_eq!(a.actions(), actions);
        at += taken;
        passed += usize::from(b.call.passes);
        acted += actions.len();
        for conn in [&a, &b] {
            conn.wrote_all();
        }
    }
    assert!(acted >= 3, "{acted}: it came as far as MOVING");
    assert!(passed > 0 || size > 64, "{passed} passed as they were");
}

#[test]
fn it_answers_as_receive_does_however_the_bytes_are_cut() {
    for size in [1, 2, 3, 7, 20, 1000] {
        both_answer_the_same(size);
    }
}

#[test]
fn the_steady_path_needs_no_other_call() {
    let mut conn = Conn::new(SCH_LEVEL_MANAGED).opted_in();
    let before = conn.deadline();
    conn.submit(b"*1\r\n$4\r\nPING\r\n");
    assert_eq!(conn.with(3, 1, b"+PONG\r\n"), (SCH_OK, 7, vec![b"+PONG\r\n".to_vec()]));
    assert_eq!((conn.call.passes, conn.call.has_action), (1, 0));
    assert_eq!(conn.told_deadline(), before);
    assert_eq!(conn.with(3, 1, MOVING), (SCH_OK, MOVING.len(), vec![]));
    assert_eq!((conn.call.passes, conn.call.has_action, conn.call.has_deadline), (0, 1, 1));
    assert!(conn.call.deadline_ns > 3);
    // Nothing was given, nothing passes.
    assert_eq!(c!(sch_conn_receive_with(conn.at, null(), 0, &mut conn.call)), SCH_OK);
    assert_eq!((conn.call.passes, conn.call.consumed, conn.call.count), (0, 0, 0));
}

#[test]
fn null_and_garbage_are_refused_and_nothing_is_written() {
    let mut conn = Conn::new(SCH_LEVEL_MANAGED).opted_in();
    conn.submit(b"*1\r\n$4\r\nPING\r\n");
    let data: &[u8] = b"+PONG\r\n";
    let (at, len) = (data.as_ptr(), data.len());
    let spans: *mut sch_span = conn.spans.as_mut_ptr();
    let good = sch_receive_call { now_ns: 3, transport: 1, ..conn.call };
    let huge = isize::MAX as usize + 1;
    let wrong = [
        (sch_receive_call { struct_size: 0, ..good }, len, SCH_ERR_STRUCT_SIZE),
        (
            sch_receive_call { struct_size: size_of::<sch_receive_call>() as u32 - 1, ..good },
            len,
            SCH_ERR_STRUCT_SIZE,
        ),
        (sch_receive_call { spans: null_mut(), ..good }, len, SCH_ERR_NULL),
        (sch_receive_call { cap: 1, ..good }, len, SCH_ERR_LIMIT),
        (sch_receive_call { spans: null_mut(), cap: 0, ..good }, len, SCH_ERR_LIMIT),
        (sch_receive_call { transport: 9, ..good }, len, SCH_ERR_UNKNOWN_TRANSPORT),
        (good, huge, SCH_ERR_ARGUMENT),
    ];
    conn.spans.fill(NO_SPAN);
    for (given, len, status) in wrong {
        let answers =
            sch_receive_call { passes: 9, has_action: 9, consumed: 9, count: 9, deadline_ns: 9, ..given };
        let mut call = answers;
        assert_eq!(c!(sch_conn_receive_with(conn.at, at, len, &mut call)), status);
        assert_eq!(format!("{call:?}"), format!("{answers:?}"));
        assert!(conn.spans.iter().all(|span| span.len == NO_SPAN.len));
    }
    let mut call = good;
    assert_eq!(c!(sch_conn_receive_with(null_mut(), at, len, &mut call)), SCH_ERR_NULL);
    assert_eq!(c!(sch_conn_receive_with(conn.at, null(), len, &mut call)), SCH_ERR_NULL);
    assert_eq!(c!(sch_conn_receive_with(conn.at, at, len, null_mut())), SCH_ERR_NULL);
    // None of it has touched the connection. What was set stays as it was set, at any alignment.
    let mut room = vec![0xa5_u8; size_of::<sch_receive_call>() + 64];
    let place = room[1..].as_mut_ptr().cast::<sch_receive_call>();
    let larger = sch_receive_call { struct_size: good.struct_size + 40, ..good };
    // SAFETY: there is room for it.
    unsafe { place.write_unaligned(larger) };
    assert_eq!(c!(sch_conn_receive_with(conn.at, at, len, place)), SCH_OK);
    // SAFETY: as above.
    let found = unsafe { place.read_unaligned() };
    assert_eq!((found.struct_size, found.now_ns, found.transport), (larger.struct_size, 3, 1));
    assert_eq!((found.spans, found.cap), (spans, SPANS));
    assert_eq!((found.passes, found.consumed, found.count), (1, len, 1));
    assert!(room[1 + size_of::<sch_receive_call>()..].iter().all(|b| *b == 0xa5));
    let ended = Conn::new(SCH_LEVEL_TAPPED);
    c!(sch_conn_close(ended.at, 4));
    assert_eq!(c!(sch_conn_receive_with(ended.at, at, len, &mut call)), SCH_ERR_CLOSED);
}

unsafe extern "C" fn count(user_data: *mut c_void) {
    // SAFETY: lives longer than the pool.
    unsafe { *user_data.cast::<u32>() += 1 };
}

#[test]
fn what_the_pool_has_for_it_is_an_action_too_and_what_it_reads_wakes_others() {
    let (mut config, mut pool, mut waiter, mut woken) = (null_mut(), null_mut(), 0, 0_u32);
    assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
    assert_eq!(c!(sch_pool_new(SCH_ABI_VERSION, config, &mut pool)), SCH_OK);
    assert_eq!(c!(sch_config_free(config)), SCH_OK);
    assert_eq!(c!(sch_pool_add_waiter(pool, Some(count), (&raw mut woken).cast(), &mut waiter)), SCH_OK);
    let mut reader = Conn::new(SCH_LEVEL_MANAGED).opted_in();
    let mut other = Conn::new(SCH_LEVEL_MANAGED).opted_in();
    for conn in [&reader, &other] {
        conn.submit(b"*1\r\n$4\r\nPING\r\n");
        assert_eq!(c!(sch_conn_join(conn.at, 3, pool, SCH_UNOWNED_RETIRE, 1, null(), 0)), SCH_OK);
        assert_eq!(c!(sch_conn_take(conn.at, 3, waiter)), SCH_OK);
        assert_eq!(conn.actions(), []);
    }
    assert_eq!(reader.with(4, 1, MOVING).0, SCH_OK);
    assert!(woken > 0, "the other has mail");
    let mut has_mail = false;
    assert_eq!(c!(sch_conn_has_mail(other.at, &mut has_mail)), SCH_OK);
    assert!(has_mail);
    // The bytes have nothing to do with it.
    assert_eq!(other.with(5, 1, b"+PONG\r\n").0, SCH_OK);
    assert_eq!((other.call.passes, other.call.has_action), (1, 1));
    assert_eq!(other.told_deadline(), other.deadline());
    assert!(other.actions().contains(&SCH_ACTION_RELAX));
    drop((reader, other));
    assert_eq!(c!(sch_pool_free(pool)), SCH_OK);
}
