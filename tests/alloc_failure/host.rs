//! A host of level 3 with its servers. What a call refuses for want of memory it asks for once more: then all must be as it would
//! have been.

use super::allocator::{REFUSED, inside};
use super::server::Server;
use sch::ffi::action::*;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::log::*;
use sch::ffi::status::*;
use sch::ffi::version::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ptr::{null, null_mut};

/// Calls one export; one that has no memory is called again.
macro_rules! call {
    ($call:expr) => {{
        #[allow(unused_unsafe)] // a setting that a story makes
        // SAFETY: handles are live, places are of this test.
        let mut call = || unsafe { $call };
        match $crate::allocator::inside(&mut call) {
            SCH_ERR_NO_MEMORY => $crate::host::again(call),
            status => status,
        }
    }};
}
pub(crate) use call;

pub fn again(call: impl FnOnce() -> sch_status) -> sch_status {
    REFUSED.set(REFUSED.get() + 1);
    let status = inside(call);
    assert_ne!(status, SCH_ERR_NO_MEMORY, "there is memory again");
    status
}

pub fn zeroed<T>(size: impl FnOnce(&mut T) -> &mut u32) -> T {
    // SAFETY: structs of the ABI are plain numbers and pointers.
    let mut new: T = unsafe { core::mem::zeroed() };
    *size(&mut new) = size_of::<T>() as u32;
    new
}

pub const fn ms(ms: u64) -> u64 {
    ms * 1_000_000
}

/// What a story comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What the application sees: replies in order, messages, of which one may come twice, and what became of other commands.
    pub replies: Vec<u64>,
    pub messages: BTreeSet<String>,
    pub lost: Vec<(u64, i32)>,
    pub handed_back: Vec<u64>,
    /// What servers ran, in order.
    pub ran: Vec<u64>,
    /// How it came about: kinds of actions.
    pub manner: Vec<i32>,
}

pub struct Host {
    pub conn: *mut sch_conn,
    pub now: u64,
    pub lines: BTreeMap<u64, Server>,
    pub told: Told,
    /// Not taken yet.
    waiting: Vec<u8>,
    parser: Vec<u8>,
}

pub type Setting = fn(*mut sch_config) -> sch_status;

pub fn config(settings: &[Setting]) -> *mut sch_config {
    let mut config = null_mut();
    assert_eq!(call!(sch_config_new(&mut config)), SCH_OK);
    let (name, password, app) = (c"db.example.com", c"secret", c"application");
    assert_eq!(call!(sch_config_set_host(config, name.as_ptr(), 14)), SCH_OK);
    assert_eq!(call!(sch_config_set_password(config, password.as_ptr().cast(), 6)), SCH_OK);
    assert_eq!(call!(sch_config_set_client_name(config, app.as_ptr().cast(), 11)), SCH_OK);
    assert_eq!(call!(sch_config_set_handshake(config, SCH_HANDSHAKE_BY_LIBSCH)), SCH_OK);
    assert_eq!(call!(sch_config_set_log_level(config, SCH_LOG_DEBUG)), SCH_OK);
    settings.iter().for_each(|set| assert_eq!(call!(set(config)), SCH_OK));
    config
}

impl Host {
    /// A connection that has not dialled.
    pub fn new(settings: &[Setting]) -> Self {
        let (config, mut conn) = (config(settings), null_mut());
        assert_eq!(call!(sch_conn_new(SCH_ABI_VERSION, config, &mut conn)), SCH_OK);
        assert_eq!(call!(sch_config_free(config)), SCH_OK);
        let (lines, told) = (BTreeMap::new(), Told::default());
        Self { conn, now: ms(1000), lines, told, waiting: Vec::new(), parser: Vec::new() }
    }

    /// A transport to the first address.
    pub fn dial(&mut self) -> u64 {
        let mut dial: sch_dial = zeroed(|d: &mut sch_dial| &mut d.struct_size);
        assert_eq!(call!(sch_conn_dial(self.conn, self.now, 0, &mut dial)), SCH_OK);
        self.connected(dial.transport, "10.0.0.1:6379");
        dial.transport
    }

    fn connected(&mut self, transport: u64, peer: &str) {
        let (text, len) = (peer.as_ptr().cast(), peer.len());
        assert_eq!(call!(sch_conn_connected(self.conn, self.now, transport, text, len)), SCH_OK);
        self.lines.insert(transport, Server::default());
    }

    pub fn current(&self) -> u64 {
        let mut transport = 0;
        let status = call!(sch_conn_current(self.conn, &mut transport));
        assert!(status == SCH_OK || status == SCH_EMPTY);
        transport
    }

    /// The server at the other end of the transport in use.
    pub fn server(&mut self) -> &mut Server {
        let current = self.current();
        self.lines.get_mut(&current).expect("it is connected")
    }

    /// Gives bytes of commands; what is not taken waits for RESUME, here for the next call.
    pub fn submit(&mut self, data: &[u8]) {
        self.waiting.extend_from_slice(data);
        let mut waiting = core::mem::take(&mut self.waiting);
        loop {
            let mut said: sch_submitted = zeroed(|s: &mut sch_submitted| &mut s.struct_size);
            let (data, len) = (waiting.as_ptr(), waiting.len());
            assert_eq!(call!(sch_conn_submit(self.conn, self.now, data, len, &mut said)), SCH_OK);
            if let Some(server) = self.lines.get_mut(&said.transport) {
                server.take(&waiting[..said.write_now]);
            }
            let taken = said.write_now + said.held;
            waiting.drain(..taken);
            if waiting.is_empty() || taken == 0 {
                break;
            }
        }
        self.waiting = waiting;
    }

    /// Does what is asked. True if there was anything.
    pub fn drain(&mut self) -> bool {
        let mut any = false;
        loop {
            let mut action: sch_action = zeroed(|a: &mut sch_action| &mut a.struct_size);
            let status = call!(sch_conn_poll_action(self.conn, &mut action));
            if status == SCH_EMPTY {
                return any;
            }
            assert_eq!(status, SCH_OK);
            any = true;
            self.told.manner.push(action.kind);
            self.act(&action);
        }
    }

    fn act(&mut self, action: &sch_action) {
        let (conn, now) = (self.conn, self.now);
        match action.kind {
            SCH_ACTION_OPEN => self.connected(action.transport, "10.0.0.2:6379"),
            SCH_ACTION_SWAP => assert_eq!(call!(sch_conn_swapped(conn, now)), SCH_OK),
            SCH_ACTION_CLOSE => self.gone(action.transport),
            SCH_ACTION_LOST => {
                let all = action.first..action.first + action.count;
                self.told.lost.extend(all.map(|number| (number, action.outcome)));
                assert_eq!(call!(sch_conn_losses_settled(conn, now)), SCH_OK);
            }
            SCH_ACTION_HAND_BACK => {
                // SAFETY: lent until the next call.
                let data = unsafe { core::slice::from_raw_parts(action.data, action.data_len) };
                let mut server = Server::default();
                server.take(data);
                self.told.handed_back.append(&mut server.ran);
            }
            SCH_ACTION_RESET_PARSER => self.parser.clear(),
            _ => {}
        }
    }

    pub fn gone(&mut self, transport: u64) {
        if let Some(mut server) = self.lines.remove(&transport) {
            self.told.ran.append(&mut server.ran);
        }
    }

    /// The other side has closed; `unwritten` had been given to write and was not.
    pub fn closed(&mut self, transport: u64, unwritten: &[u8]) {
        let (data, len) = (unwritten.as_ptr(), unwritten.len());
        assert_eq!(call!(sch_conn_closed(self.conn, self.now, transport, data, len)), SCH_OK);
        self.gone(transport);
    }

    /// Bytes of the server, in pieces of that size.
    pub fn receive(&mut self, transport: u64, bytes: &[u8], piece: usize) {
        for mut data in bytes.chunks(piece) {
            for _ in 0..1000 {
                if data.is_empty() || !self.lines.contains_key(&transport) {
                    break;
                }
                let mut spans = [const { sch_span { data: null(), len: 0 } }; 16];
                let (mut consumed, mut count) = (0, 0);
                let (at, len, out) = (data.as_ptr(), data.len(), spans.as_mut_ptr());
                let (conn, now) = (self.conn, self.now);
                let (took, filled) = (&mut consumed, &mut count);
                let status = call!(sch_conn_receive(conn, now, transport, at, len, out, 16, took, filled));
                assert_eq!(status, SCH_OK);
                for span in &spans[..count] {
                    // SAFETY: lent until the next call.
                    self.parser
                        .extend_from_slice(unsafe { core::slice::from_raw_parts(span.data, span.len) });
                }
                self.parse();
                data = &data[consumed..];
                self.drain();
            }
            assert!(data.is_empty() || !self.lines.contains_key(&transport), "it takes nothing");
        }
    }

    /// The application's parser: a push is seven lines, all else one.
    fn parse(&mut self) {
        loop {
            let text = String::from_utf8_lossy(&self.parser).into_owned();
            let count = if text.starts_with('>') { 7 } else { 1 };
            let Some((end, _)) = text.match_indices("\r\n").nth(count - 1) else { return };
            let frame = &text[..end];
            match frame.strip_prefix(':').and_then(|number| number.parse().ok()) {
                Some(number) => self.told.replies.push(number),
                None => _ = self.told.messages.insert(frame.replace("\r\n", " ")),
            }
            self.parser.drain(..end + 2);
        }
    }

    /// Until nobody has anything to say.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut any = self.drain();
            if !self.waiting.is_empty() {
                let before = self.waiting.len();
                self.submit(&[]);
                any |= self.waiting.len() < before;
            }
            for transport in self.lines.keys().copied().collect::<Vec<_>>() {
                any |= self.write(transport);
                let said = self.lines.get_mut(&transport).map(|server| core::mem::take(&mut server.said));
                let said = said.unwrap_or_default();
                any |= !said.is_empty();
                self.receive(transport, &said, 61);
            }
            if !any {
                return;
            }
        }
        panic!("it does not settle");
    }

    fn write(&mut self, transport: u64) -> bool {
        let (mut data, mut len) = (null(), 0);
        if call!(sch_conn_region(self.conn, transport, &mut data, &mut len)) != SCH_OK || len == 0 {
            return false;
        }
        // SAFETY: lent until the next call.
        let region = unsafe { core::slice::from_raw_parts(data, len) }.to_vec();
        assert_eq!(call!(sch_conn_wrote(self.conn, self.now, transport, len)), SCH_OK);
        if let Some(server) = self.lines.get_mut(&transport) {
            server.take(&region);
        }
        true
    }

    /// Time passes, with a tick at each deadline.
    pub fn pass(&mut self, time: u64) {
        let end = self.now + time;
        while self.now < end {
            let (mut has, mut deadline) = (false, 0);
            assert_eq!(call!(sch_conn_next_deadline(self.conn, &mut has, &mut deadline)), SCH_OK);
            self.now = if has { deadline.clamp(self.now + 1, end) } else { end };
            assert_eq!(call!(sch_conn_tick(self.conn, self.now)), SCH_OK);
            self.settle();
        }
    }

    /// The story's end.
    pub fn close(mut self) -> Told {
        assert_eq!(call!(sch_conn_close(self.conn, self.now)), SCH_OK);
        self.drain();
        for transport in self.lines.keys().copied().collect::<Vec<_>>() {
            self.gone(transport);
        }
        assert_eq!(call!(sch_conn_free(self.conn)), SCH_OK);
        self.told
    }
}
