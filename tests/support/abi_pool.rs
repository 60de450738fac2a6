//! A pool and its members through the C ABI.
#![allow(dead_code)] // each test uses a part

use core::ffi::{c_char, c_void};
use core::ptr::{null, null_mut};
use sch::ffi::action::*;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::counts::*;
use sch::ffi::event::*;
use sch::ffi::join::*;
use sch::ffi::log::*;
use sch::ffi::pool::*;
use sch::ffi::push::*;
use sch::ffi::status::*;
use sch::ffi::version::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Calls one export.
macro_rules! c {
    ($call:expr) => {
        // SAFETY: handles are live, places are of this test.
        unsafe { $call }
    };
}
pub(crate) use c;

pub const fn ms(ms: u64) -> u64 {
    ms * 1_000_000
}

pub const MOVING: &[u8] = b">4\r\n+MOVING\r\n:7\r\n:15\r\n$10\r\nb.com:6379\r\n";

pub struct Pool(pub *mut sch_pool);

// SAFETY: a pool is shared by threads.
unsafe impl Sync for Pool {}

impl Pool {
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// With these limits.
    pub fn with(limits: &[(i32, u64)]) -> Self {
        let mut config = null_mut();
        assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
        assert_eq!(c!(sch_config_set_host(config, c"db.example.com".as_ptr(), 14)), SCH_OK);
        for (limit, value) in limits {
            assert_eq!(c!(sch_config_set_limit(config, *limit, *value)), SCH_OK);
        }
        let mut pool = null_mut();
        assert_eq!(c!(sch_pool_new(SCH_ABI_VERSION, config, &mut pool)), SCH_OK);
        assert_eq!(c!(sch_config_free(config)), SCH_OK);
        Self(pool)
    }

    pub fn event(&self) -> Option<sch_pool_event> {
        // SAFETY: all zeros is an event.
        let mut event: sch_pool_event = unsafe { core::mem::zeroed() };
        event.struct_size = size_of::<sch_pool_event>() as u32;
        match c!(sch_pool_poll_event(self.0, &mut event)) {
            SCH_OK => Some(event),
            status => {
                assert_eq!(status, SCH_EMPTY);
                None
            }
        }
    }

    pub fn counts(&self) -> sch_pool_counts {
        // SAFETY: all zeros are counts.
        let mut counts: sch_pool_counts = unsafe { core::mem::zeroed() };
        counts.struct_size = size_of::<sch_pool_counts>() as u32;
        assert_eq!(c!(sch_pool_counters(self.0, &mut counts)), SCH_OK);
        counts
    }

    pub fn places(&self, now: u64) -> (sch_status, Vec<(String, u16, bool)>, u64) {
        let empty: sch_place = {
            // SAFETY: all zeros is a place.
            unsafe { core::mem::zeroed() }
        };
        let (mut places, mut count, mut retry) = ([empty; 4], 0, 0);
        let status = c!(sch_pool_where_to_dial(self.0, now, places.as_mut_ptr(), 4, &mut count, &mut retry));
        let named = |p: &sch_place| (text(&p.host, p.host_len), p.port, p.is_probe == 1);
        (status, places[..count].iter().map(named).collect(), retry)
    }

    /// The first of them, as it is.
    pub fn place(&self, now: u64) -> sch_place {
        // SAFETY: all zeros is a place.
        let mut place: sch_place = unsafe { core::mem::zeroed() };
        let (mut count, mut retry) = (0, 0);
        assert_eq!(c!(sch_pool_where_to_dial(self.0, now, &mut place, 1, &mut count, &mut retry)), SCH_OK);
        place
    }

    /// The hosts that there are counters of.
    pub fn endpoints(&self) -> Vec<String> {
        // SAFETY: all zeros is a place.
        let (mut places, mut count) = ([unsafe { core::mem::zeroed::<sch_place>() }; 8], 0);
        assert_eq!(c!(sch_pool_endpoints(self.0, places.as_mut_ptr(), places.len(), &mut count)), SCH_OK);
        places[..count].iter().map(|p| text(&p.host, p.host_len)).collect()
    }

    pub fn dialled(&self, now: u64, host: &str, ok: bool) {
        let (text, len) = (host.as_ptr().cast(), host.len());
        assert_eq!(c!(sch_pool_dial_result(self.0, now, text, len, 6379, ok)), SCH_OK);
    }

    /// Runs the pool for a while.
    pub fn tick(&self, from_ms: u64, to_ms: u64) {
        (from_ms..to_ms).step_by(10).for_each(|now| assert_eq!(c!(sch_pool_tick(self.0, ms(now))), SCH_OK));
    }
}

/// What a log callback got. It checks that it is never called twice at once.
#[derive(Default)]
pub struct Heard {
    inside: AtomicBool,
    lines: Mutex<Vec<String>>,
}

impl Heard {
    pub fn data(&self) -> *mut c_void {
        (&raw const *self).cast_mut().cast()
    }

    /// The lines since this was asked last, each behind the number of its level.
    pub fn take(&self) -> Vec<String> {
        core::mem::take(&mut self.lines.lock().unwrap())
    }
}

pub unsafe extern "C" fn hear(level: i32, text: *const c_char, len: usize, heard: *mut c_void) {
    // SAFETY: a `Heard` that outlives the handle, and a text of `len` bytes with a NUL after them.
    let (heard, text) = unsafe {
        let text = core::slice::from_raw_parts(text.cast::<u8>(), len + 1);
        (&*heard.cast::<Heard>(), core::str::from_utf8(text).expect("UTF-8"))
    };
    assert!(!heard.inside.swap(true, Ordering::SeqCst), "one line at a time");
    assert!(text.ends_with('\0') && text.starts_with("event=") && text.len() <= SCH_LINE_SIZE);
    heard.lines.lock().unwrap().push(format!("{level} {}", &text[..len]));
    heard.inside.store(false, Ordering::SeqCst);
}

impl Drop for Pool {
    fn drop(&mut self) {
        assert_eq!(c!(sch_pool_free(self.0)), SCH_OK);
    }
}

pub fn text(host: &[c_char], len: u32) -> String {
    assert_eq!(host[len as usize], 0);
    host[..len as usize].iter().map(|c| *c as u8 as char).collect()
}

/// A connection at level 1, ready, a member.
pub struct Conn(pub *mut sch_conn);

impl Conn {
    /// As `set` says, and the transport of its first dial.
    fn dialled(set: impl FnOnce(*mut sch_config)) -> (Self, u64) {
        let (mut config, mut conn) = (null_mut(), null_mut());
        assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
        set(config);
        assert_eq!(c!(sch_conn_new(SCH_ABI_VERSION, config, &mut conn)), SCH_OK);
        assert_eq!(c!(sch_config_free(config)), SCH_OK);
        let conn = Self(conn);
        // SAFETY: all zeros is a dial.
        let mut dial: sch_dial = unsafe { core::mem::zeroed() };
        dial.struct_size = size_of::<sch_dial>() as u32;
        assert_eq!(c!(sch_conn_dial(conn.0, 0, 0, &mut dial)), SCH_OK);
        (conn, dial.transport)
    }

    pub fn alone(peer: &str) -> Self {
        let (conn, transport) = Self::dialled(|config| {
            assert_eq!(c!(sch_config_set_level_in(config, SCH_LEVEL_NOTIFIED)), SCH_OK);
            assert_eq!(c!(sch_config_set_level_out(config, SCH_LEVEL_NOTIFIED)), SCH_OK);
        });
        conn.is_up(0, transport, peer);
        conn
    }

    pub fn new(pool: &Pool, peer: &str, unowned: i32, user: u64) -> Self {
        let conn = Self::alone(peer);
        assert_eq!(c!(sch_conn_join(conn.0, 0, pool.0, unowned, user, null(), 0)), SCH_OK);
        conn.actions();
        conn
    }

    /// One at level 3 that must opt in, connected.
    pub fn managed(pool: &Pool, peer: &str) -> Self {
        let (conn, transport) = Self::dialled(|config| {
            assert_eq!(c!(sch_config_set_mode(config, SCH_MODE_ENABLED)), SCH_OK);
        });
        let (text, len) = (peer.as_ptr().cast(), peer.len());
        assert_eq!(c!(sch_conn_connected(conn.0, 0, transport, text, len)), SCH_OK);
        assert_eq!(c!(sch_conn_join(conn.0, 0, pool.0, SCH_UNOWNED_RETIRE, 0, null(), 0)), SCH_OK);
        conn
    }

    /// How many bytes are to be written now.
    pub fn submits(&self, now: u64, data: &[u8]) -> usize {
        // SAFETY: all zeros is an answer.
        let mut submitted: sch_submitted = unsafe { core::mem::zeroed() };
        submitted.struct_size = size_of::<sch_submitted>() as u32;
        assert_eq!(c!(sch_conn_submit(self.0, now, data.as_ptr(), data.len(), &mut submitted)), SCH_OK);
        submitted.write_now
    }

    /// Connected, handshake made, opted in.
    pub fn is_up(&self, now: u64, transport: u64, peer: &str) {
        let (text, len) = (peer.as_ptr().cast(), peer.len());
        assert_eq!(c!(sch_conn_connected(self.0, now, transport, text, len)), SCH_OK);
        assert_eq!(c!(sch_conn_ready(self.0, now, transport)), SCH_OK);
        assert!(self.actions().iter().any(|a| a.kind == SCH_ACTION_SEND_OPTIN));
        assert_eq!(c!(sch_conn_optin_reply(self.0, now, transport, b"+OK\r\n".as_ptr(), 5)), SCH_OK);
    }

    pub fn actions(&self) -> Vec<sch_action> {
        let mut out = Vec::new();
        loop {
            // SAFETY: all zeros is an action.
            let mut action: sch_action = unsafe { core::mem::zeroed() };
            action.struct_size = size_of::<sch_action>() as u32;
            match c!(sch_conn_poll_action(self.0, &mut action)) {
                SCH_OK => out.push(action),
                status => {
                    assert_eq!(status, SCH_EMPTY);
                    return out;
                }
            }
        }
    }

    pub fn kinds(&self) -> Vec<i32> {
        self.actions().iter().map(|action| action.kind).collect()
    }

    pub fn has_mail(&self) -> bool {
        let mut has = false;
        assert_eq!(c!(sch_conn_has_mail(self.0, &mut has)), SCH_OK);
        has
    }

    pub fn reads(&self, now: u64, push: &[u8]) {
        let mut swallowed = false;
        assert_eq!(c!(sch_conn_push(self.0, now, 1, push.as_ptr(), push.len(), &mut swallowed)), SCH_OK);
        assert!(swallowed);
    }

    pub fn reads_on(&self, transport: u64, now: u64, push: &[u8]) {
        let mut swallowed = false;
        let status = c!(sch_conn_push(self.0, now, transport, push.as_ptr(), push.len(), &mut swallowed));
        assert_eq!((status, swallowed), (SCH_OK, true));
    }

    pub fn tick(&self, now: u64) {
        assert_eq!(c!(sch_conn_tick(self.0, now)), SCH_OK);
    }

    /// Notifications that the pool has told it.
    pub fn told(&self) -> u64 {
        // SAFETY: all zeros are counters.
        let mut counters: sch_counters = unsafe { core::mem::zeroed() };
        counters.struct_size = size_of::<sch_counters>() as u32;
        assert_eq!(c!(sch_conn_counters(self.0, &mut counters)), SCH_OK);
        counters.notifications_told
    }

    pub fn member(&self) -> u64 {
        let mut member = 0;
        assert_eq!(c!(sch_conn_member(self.0, &mut member)), SCH_OK);
        member
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        assert_eq!(c!(sch_conn_free(self.0)), SCH_OK);
    }
}
