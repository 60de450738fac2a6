//! libsch itself: its framer, a whole `receive` in Rust, and `sch_conn_receive` of the shared library as built for users.
//! The connections are at level 2 with all replies owed beforehand, so that each `receive` only takes them off.

use std::ffi::{CString, c_void};
use std::time::Duration;

use sch::config::{Config, LevelOut};
use sch::conn::Connection;
use sch::optin::Mode;
use sch::resp::framer::{Framer, FramerLimits};
use sch::time::Timestamp;

/// Room for the owed replies of one buffer.
const IN_FLIGHT: usize = 4 << 20;
const LEVEL_TAPPED: i32 = 2;
const MODE_DISABLED: i32 = 0;
const LIMIT_MAX_IN_FLIGHT: i32 = 14;
const SPANS: usize = 16;

pub fn framer(data: &[u8], part: usize) -> u64 {
    let mut framer = Framer::new(FramerLimits::default());
    data.chunks(part).map(|part| framer.scan(part, u64::MAX).frames).sum()
}

/// The Rust API.
pub struct Receiver {
    conn: Connection,
    id: u64,
}

impl Receiver {
    pub fn new() -> Self {
        let mut config = Config {
            host: "a".into(),
            port: 1,
            level_out: LevelOut::Tapped,
            mode: Mode::Disabled,
            ..Config::default()
        };
        config.limits.max_in_flight = IN_FLIGHT;
        let mut conn = Connection::new(config).expect("a configuration");
        let now = Timestamp::from_nanos(1);
        let id = conn.dial(now, 0).expect("a dial").expect("a choice").transport;
        conn.handle_connected(now, id, None).expect("connected");
        conn.handle_ready(now, id).expect("ready");
        while conn.poll_action().is_some() {}
        Self { conn, id }
    }

    pub fn owe(&mut self, frames: u64) {
        self.conn.handle_owe(Timestamp::from_nanos(1), frames).expect("room");
    }

    pub fn receive(&mut self, data: &[u8], part: usize) -> u64 {
        let mut spans = [sch::conn::Span::EMPTY; SPANS];
        let now = Timestamp::from_nanos(1) + Duration::from_nanos(1);
        let mut given = 0;
        for part in data.chunks(part) {
            let received = self.conn.handle_receive(now, self.id, part, &mut spans).expect("received");
            assert_eq!(received.consumed, part.len());
            given += spans[..received.spans].iter().map(|span| span.len).sum::<usize>();
        }
        assert_eq!(given, data.len());
        given as u64
    }
}

#[repr(C)]
struct Dial {
    struct_size: u32,
    rest: [u32; 1],
    transport: u64,
    more: [u64; 8],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Span {
    data: *const u8,
    len: usize,
}

type Owe = unsafe extern "C" fn(*mut c_void, u64, u64) -> i32;
type Receive = unsafe extern "C" fn(
    *mut c_void,
    u64,
    u64,
    *const u8,
    usize,
    *mut Span,
    usize,
    *mut usize,
    *mut usize,
) -> i32;

/// The C API, through the dynamic linker.
pub struct CReceiver {
    conn: *mut c_void,
    id: u64,
    owe: Owe,
    receive: Receive,
}

impl CReceiver {
    pub fn new() -> Self {
        let library = std::env::var("SCH_LIBRARY").unwrap_or_else(|_| "target/release/libsch.so".into());
        // SAFETY: the types are those of sch.h; the connection lives as long as the process.
        unsafe {
            let handle = libc::dlopen(CString::new(library).expect("a path").as_ptr(), libc::RTLD_NOW);
            assert!(!handle.is_null(), "libsch.so is built before, and SCH_LIBRARY says where it is");
            macro_rules! call {
                ($name:literal, $type:ty $(, $argument:expr)*) => {{
                    let place = libc::dlsym(handle, concat!($name, "\0").as_ptr().cast());
                    assert!(!place.is_null(), $name);
                    let status = std::mem::transmute::<*mut c_void, $type>(place)($($argument),*);
                    assert_eq!(status, 0, $name);
                }};
            }
            let (mut config, mut conn) = (std::ptr::null_mut::<c_void>(), std::ptr::null_mut::<c_void>());
            type Set<T> = unsafe extern "C" fn(*mut c_void, T) -> i32;
            call!("sch_config_new", unsafe extern "C" fn(*mut *mut c_void) -> i32, &mut config);
            call!(
                "sch_config_set_host",
                unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32,
                config,
                b"a".as_ptr(),
                1
            );
            call!("sch_config_set_port", Set<u16>, config, 1);
            call!("sch_config_set_level_out", Set<i32>, config, LEVEL_TAPPED);
            call!("sch_config_set_mode", Set<i32>, config, MODE_DISABLED);
            call!(
                "sch_config_set_limit",
                unsafe extern "C" fn(*mut c_void, i32, u64) -> i32,
                config,
                LIMIT_MAX_IN_FLIGHT,
                IN_FLIGHT as u64
            );
            let version = libc::dlsym(handle, c"sch_abi_version".as_ptr());
            let version = std::mem::transmute::<*mut c_void, extern "C" fn() -> u32>(version)();
            call!(
                "sch_conn_new",
                unsafe extern "C" fn(u32, *mut c_void, *mut *mut c_void) -> i32,
                version,
                config,
                &mut conn
            );
            let mut dial =
                Dial { struct_size: size_of::<Dial>() as u32, rest: [0], transport: 0, more: [0; 8] };
            call!(
                "sch_conn_dial",
                unsafe extern "C" fn(*mut c_void, u64, usize, *mut Dial) -> i32,
                conn,
                1,
                0,
                &mut dial
            );
            let id = dial.transport;
            call!(
                "sch_conn_connected",
                unsafe extern "C" fn(*mut c_void, u64, u64, *const u8, usize) -> i32,
                conn,
                1,
                id,
                b"10.0.0.7:6379".as_ptr(),
                13
            );
            call!("sch_conn_ready", unsafe extern "C" fn(*mut c_void, u64, u64) -> i32, conn, 1, id);
            let owe = std::mem::transmute::<*mut c_void, Owe>(libc::dlsym(handle, c"sch_conn_owe".as_ptr()));
            let receive = libc::dlsym(handle, c"sch_conn_receive".as_ptr());
            Self { conn, id, owe, receive: std::mem::transmute::<*mut c_void, Receive>(receive) }
        }
    }

    pub fn owe(&mut self, frames: u64) {
        // SAFETY: as in `new`.
        assert_eq!(unsafe { (self.owe)(self.conn, 1, frames) }, 0);
    }

    pub fn receive(&mut self, data: &[u8], part: usize) -> u64 {
        let mut spans = [Span { data: std::ptr::null(), len: 0 }; SPANS];
        let mut given = 0;
        for part in data.chunks(part) {
            let (mut consumed, mut count) = (0, 0);
            // SAFETY: as in `new`; all the places outlive the call.
            let status = unsafe {
                (self.receive)(
                    self.conn,
                    2,
                    self.id,
                    part.as_ptr(),
                    part.len(),
                    spans.as_mut_ptr(),
                    SPANS,
                    &mut consumed,
                    &mut count,
                )
            };
            assert_eq!((status, consumed), (0, part.len()));
            given += spans[..count].iter().map(|span| span.len).sum::<usize>();
        }
        assert_eq!(given, data.len());
        given as u64
    }
}
