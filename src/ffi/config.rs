//! Settings, one call each. Knows no connection.

use super::boundary::{Noun, Out, Outcome, bytes, change, create, free, optional_text, own, text};
use super::handle::{Handle, Text};
use super::log;
use super::status::{Failure, SCH_EMPTY, SCH_OK, sch_status, text_for};
use crate::cluster::{ClusterConfig, ClusterLimits};
use crate::config::{BlockingPolicy, Config, Handshake, LevelIn, LevelOut, Limits, OnLoss};
use crate::endpoint::{EndpointPolicy, EndpointType, ListEntry};
use crate::error::Error;
use crate::mem::{self, Room};
use crate::optin::Mode;
use crate::pool::{PoolConfig, PoolLimits};
use core::ffi::c_char;
use core::ops::{Deref, DerefMut};
use core::time::Duration;
use std::sync::Arc;

/// You state what you do; libsch sees notifications only.
pub const SCH_LEVEL_NOTIFIED: i32 = 1;
/// Libsch sees the bytes; you say how many replies are owed.
pub const SCH_LEVEL_TAPPED: i32 = 2;
/// Commands go through libsch too.
pub const SCH_LEVEL_MANAGED: i32 = 3;

/// Never opts in.
pub const SCH_MODE_DISABLED: i32 = 0;
/// Opts in, and does without if the server refuses.
pub const SCH_MODE_AUTO: i32 = 1;
/// Opts in, and a refusal is fatal for the connection.
pub const SCH_MODE_ENABLED: i32 = 2;

/// Judged from the peer's address and TLS.
pub const SCH_ENDPOINT_AUTO: i32 = 0;
/// An address of the private network.
pub const SCH_ENDPOINT_INTERNAL_IP: i32 = 1;
/// A name that resolves in the private network.
pub const SCH_ENDPOINT_INTERNAL_FQDN: i32 = 2;
/// A public address.
pub const SCH_ENDPOINT_EXTERNAL_IP: i32 = 3;
/// A public name.
pub const SCH_ENDPOINT_EXTERNAL_FQDN: i32 = 4;
/// No endpoint: back to the configured address.
pub const SCH_ENDPOINT_NONE: i32 = 5;

/// LOST names them; libsch goes on at `sch_conn_losses_settled`.
pub const SCH_ON_LOSS_REPORT: i32 = 1;
/// LOST carries an error reply for each.
pub const SCH_ON_LOSS_REPLY: i32 = 2;
/// Your stream is to be closed.
pub const SCH_ON_LOSS_CLOSE: i32 = 3;

/// The server's close.
pub const SCH_BLOCKING_WAIT_FOR_CLOSE: i32 = 1;
/// The swap, at the deadline and `drain_grace`.
pub const SCH_BLOCKING_SWAP: i32 = 2;

/// You make it, libsch watches it.
pub const SCH_HANDSHAKE_SEEN: i32 = 1;
/// Libsch makes it, from the settings.
pub const SCH_HANDSHAKE_BY_LIBSCH: i32 = 2;

/// All.
pub const SCH_POLICY_ANY: i32 = 1;
/// Names in the domain of the configured host.
pub const SCH_POLICY_CONFIGURED_DOMAIN: i32 = 2;
/// What `sch_config_allow_endpoint` adds, nothing else.
pub const SCH_POLICY_LIST: i32 = 3;

/// Nesting of replies. 32; servers send 4 or 5. At most 64.
pub const SCH_LIMIT_MAX_REPLY_DEPTH: i32 = 1;
/// Bytes of one string of a reply. 512 MiB, the server's own limit.
pub const SCH_LIMIT_MAX_REPLY_BULK: i32 = 2;
/// Bytes of one line of a reply. 64 KiB.
pub const SCH_LIMIT_MAX_REPLY_LINE: i32 = 3;
/// Elements of one array of a reply. 2^32.
pub const SCH_LIMIT_MAX_REPLY_ELEMENTS: i32 = 4;
/// Arguments of one command. 1,048,576, the server's own limit.
pub const SCH_LIMIT_MAX_COMMAND_ARGS: i32 = 5;
/// Bytes of one argument. 512 MiB, the server's default.
pub const SCH_LIMIT_MAX_COMMAND_BULK: i32 = 6;
/// Bytes of an inline command. 64 KiB, as in the server.
pub const SCH_LIMIT_MAX_COMMAND_INLINE: i32 = 7;
/// Bytes of arguments kept of one command that must be read. 64 KiB, thousands of channels.
pub const SCH_LIMIT_MAX_COMMAND_KEPT: i32 = 8;
/// Bytes of a push that is buffered. 64 KiB; at least 1,024.
pub const SCH_LIMIT_MAX_PUSH_BYTES: i32 = 9;
/// Bytes of a leading attribute kept back. 1 KiB.
pub const SCH_LIMIT_MAX_ATTRIBUTE_BYTES: i32 = 10;
/// Bytes kept of a reply that libsch must read. 4 KiB, HELLO has 200; at least 256.
pub const SCH_LIMIT_MAX_REPLY_BYTES: i32 = 11;
/// Held bytes. 16 MiB, one second of 128 Mbit/s. Of a command whose first part is held the rest is taken too; that part counts for
/// all that its argument announces.
pub const SCH_LIMIT_MAX_HELD_BYTES: i32 = 12;
/// Held commands. 100,000.
pub const SCH_LIMIT_MAX_HELD_COMMANDS: i32 = 13;
/// Commands written and not answered. 1,000,000, of 4 bytes each.
pub const SCH_LIMIT_MAX_IN_FLIGHT: i32 = 14;
/// Open relaxed windows. 64, the oldest gives way; at least 1.
pub const SCH_LIMIT_MAX_WINDOWS: i32 = 15;
/// Notifications remembered, to know duplicates. 64; at least 1.
pub const SCH_LIMIT_MAX_MARKS: i32 = 16;
/// Bytes of session state to rebuild. 1 MiB, names of subscriptions above all.
pub const SCH_LIMIT_MAX_SESSION_BYTES: i32 = 17;
/// Attempts of one handoff. 200, reached after three minutes.
pub const SCH_LIMIT_MAX_ATTEMPTS: i32 = 18;
/// Messages remembered while two transports deliver. 1,024.
pub const SCH_LIMIT_MAX_OVERLAP_MESSAGES: i32 = 19;
/// Bytes of them. 1 MiB.
pub const SCH_LIMIT_MAX_OVERLAP_BYTES: i32 = 20;
/// Log lines kept until they are read. 1,024.
pub const SCH_LIMIT_MAX_LINES: i32 = 21;
/// Members of a pool. 1,000,000, ten times the largest pool known; at least 1, as each limit of a pool.
pub const SCH_LIMIT_MAX_POOL_MEMBERS: i32 = 41;
/// Events that wait to be polled from a pool. 1,024, whose room is taken at once; at most 65,536.
pub const SCH_LIMIT_MAX_POOL_EVENTS: i32 = 42;
/// Notifications in force at one node of a pool; the oldest gives way. 64.
pub const SCH_LIMIT_MAX_POOL_FACTS: i32 = 43;
/// Notifications remembered by a pool, to know duplicates; two for each node that told it. 256.
pub const SCH_LIMIT_MAX_POOL_MARKS: i32 = 44;
/// MOVINGs under way in a pool; of the oldest all members may go on at once. 64.
pub const SCH_LIMIT_MAX_POOL_WAVES: i32 = 45;
/// Endpoints with a breaker and counters; of those that work the oldest gives way. 256.
pub const SCH_LIMIT_MAX_POOL_ENDPOINTS: i32 = 46;
/// Servers remembered as refusing the opt-in; the oldest gives way. 256.
pub const SCH_LIMIT_MAX_POOL_REFUSALS: i32 = 47;
/// Moves that `sch_pool_where_to_dial` remembers; the oldest gives way. 8.
pub const SCH_LIMIT_MAX_POOL_MOVES: i32 = 48;
/// Waiters of a pool. 65,536, one a thread.
pub const SCH_LIMIT_MAX_POOL_WAITERS: i32 = 49;
/// Nodes of a cluster, replicas included. 4,096; at least 1.
pub const SCH_LIMIT_MAX_CLUSTER_NODES: i32 = 61;
/// Replicas of one shard; more are left out. 16.
pub const SCH_LIMIT_MAX_CLUSTER_REPLICAS: i32 = 62;
/// Bytes of a reply to CLUSTER SLOTS or SHARDS. 16 MiB, each slot apart with two replicas takes 4.
pub const SCH_LIMIT_MAX_CLUSTER_REPLY_BYTES: i32 = 63;
/// Elements of one. 1,000,000.
pub const SCH_LIMIT_MAX_CLUSTER_REPLY_ELEMENTS: i32 = 64;
/// Nesting of one. 8, servers send 4; at most 32.
pub const SCH_LIMIT_MAX_CLUSTER_REPLY_DEPTH: i32 = 65;
/// SMIGRATED remembered by a cluster, to know duplicates. 64; at least 1.
pub const SCH_LIMIT_MAX_CLUSTER_MARKS: i32 = 66;
/// SLOTS_MOVED that wait to be polled from a cluster; the oldest gives way. 64; at least 1.
pub const SCH_LIMIT_MAX_CLUSTER_EVENTS: i32 = 67;
/// SMIGRATED kept during a reload; beyond, the map is loaded once more. 16.
pub const SCH_LIMIT_MAX_CLUSTER_REPLAY: i32 = 68;
/// Entries of `sch_cluster_map_address`. 4,096.
pub const SCH_LIMIT_MAX_CLUSTER_ADDRESSES: i32 = 69;

/// A reload that a cluster asks for waits for a random part of this. 200, so that clients do not ask together.
pub const SCH_CLUSTER_TIME_RELOAD_JITTER: i32 = 1;
/// Reloads are at least this far apart. 1,000.
pub const SCH_CLUSTER_TIME_RELOAD_INTERVAL: i32 = 2;
/// A reload that is not answered by then has failed. 10,000; above 0.
pub const SCH_CLUSTER_TIME_RELOAD_TIMEOUT: i32 = 3;
/// First pause after a failed reload. 100; above 0.
pub const SCH_CLUSTER_TIME_BACKOFF_MIN: i32 = 4;
/// Longest pause after failed reloads. 10,000.
pub const SCH_CLUSTER_TIME_BACKOFF_MAX: i32 = 5;

const NO_SUCH: Failure = Failure::argument("no such number: use the constants of the header");

/// Settings of connections to be made. One may serve many, which share them: they take 1 KiB once, not for each. A change
/// concerns connections that are made after it; it may be freed at any time. Several threads may make connections from one at
/// the same time.
#[derive(Debug)]
pub struct sch_config(Handle<Settings>);

/// What is behind it.
#[derive(Debug)]
pub struct Settings {
    /// Shared with the connections made so far; copied when it changes.
    config: Arc<Config>,
    cluster: ClusterConfig,
    pool: PoolLimits,
    problem: Text,
}

impl Settings {
    pub(super) fn new() -> Result<Self, Failure> {
        let config = mem::shared(Config::default())?;
        Ok(Self {
            config,
            cluster: ClusterConfig::default(),
            pool: PoolLimits::default(),
            problem: Text::default(),
        })
    }

    /// For one connection more.
    pub(super) fn share(&self) -> Arc<Config> {
        Arc::clone(&self.config)
    }

    /// Those of a cluster of connections that are made with these settings.
    pub(super) fn cluster(&self) -> ClusterConfig {
        let (tls, mark_age, seed) = (self.config.tls, self.config.mark_age, self.config.seed);
        ClusterConfig { tls, mark_age, seed, ..self.cluster.clone() }
    }

    /// Those of a pool of such connections, checked.
    pub(super) fn pool(&self) -> Result<PoolConfig, Error> {
        self.config.validate()?;
        let settings = PoolConfig { limits: self.pool.clone(), ..PoolConfig::from(&*self.config) };
        settings.validate().map(|()| settings)
    }
}

impl Deref for Settings {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

impl DerefMut for Settings {
    fn deref_mut(&mut self) -> &mut Config {
        Arc::make_mut(&mut self.config)
    }
}

impl Noun for sch_config {
    type Inner = Settings;

    fn handle(&self) -> &Handle<Settings> {
        &self.0
    }

    fn note(_: &mut Settings, _: &str) {}
}

fn to<T: TryFrom<u64>>(value: u64) -> Result<T, Failure> {
    T::try_from(value).map_err(|_| Failure::argument("the value is too large for this limit"))
}

fn set_cluster_limit(limits: &mut ClusterLimits, limit: i32, value: u64) -> Result<(), Failure> {
    match limit {
        SCH_LIMIT_MAX_CLUSTER_NODES => limits.max_nodes = to(value)?,
        SCH_LIMIT_MAX_CLUSTER_REPLICAS => limits.max_replicas = to(value)?,
        SCH_LIMIT_MAX_CLUSTER_REPLY_BYTES => limits.max_reply_bytes = to(value)?,
        SCH_LIMIT_MAX_CLUSTER_REPLY_ELEMENTS => limits.max_reply_elements = to(value)?,
        SCH_LIMIT_MAX_CLUSTER_REPLY_DEPTH => limits.max_reply_depth = to(value)?,
        SCH_LIMIT_MAX_CLUSTER_MARKS => limits.max_marks = to(value)?,
        SCH_LIMIT_MAX_CLUSTER_EVENTS => limits.max_events = to(value)?,
        SCH_LIMIT_MAX_CLUSTER_REPLAY => limits.max_replay = to(value)?,
        SCH_LIMIT_MAX_CLUSTER_ADDRESSES => limits.max_addresses = to(value)?,
        _ => return Err(NO_SUCH),
    }
    Ok(())
}

fn set_pool_limit(limits: &mut PoolLimits, limit: i32, value: u64) -> Result<(), Failure> {
    let which = match limit {
        SCH_LIMIT_MAX_POOL_MEMBERS => &mut limits.max_members,
        SCH_LIMIT_MAX_POOL_EVENTS => &mut limits.max_events,
        SCH_LIMIT_MAX_POOL_FACTS => &mut limits.max_facts,
        SCH_LIMIT_MAX_POOL_MARKS => &mut limits.max_marks,
        SCH_LIMIT_MAX_POOL_WAVES => &mut limits.max_waves,
        SCH_LIMIT_MAX_POOL_ENDPOINTS => &mut limits.max_endpoints,
        SCH_LIMIT_MAX_POOL_REFUSALS => &mut limits.max_refusals,
        SCH_LIMIT_MAX_POOL_MOVES => &mut limits.max_moves,
        SCH_LIMIT_MAX_POOL_WAITERS => &mut limits.max_waiters,
        _ => return Err(NO_SUCH),
    };
    *which = to(value)?;
    Ok(())
}

fn set_limit(limits: &mut Limits, limit: i32, value: u64) -> Result<(), Failure> {
    match limit {
        SCH_LIMIT_MAX_REPLY_DEPTH => limits.framer.max_depth = to(value)?,
        SCH_LIMIT_MAX_REPLY_BULK => limits.framer.max_bulk_len = to(value)?,
        SCH_LIMIT_MAX_REPLY_LINE => limits.framer.max_line_len = to(value)?,
        SCH_LIMIT_MAX_REPLY_ELEMENTS => limits.framer.max_elements = to(value)?,
        SCH_LIMIT_MAX_COMMAND_ARGS => limits.command.max_args = to(value)?,
        SCH_LIMIT_MAX_COMMAND_BULK => limits.command.max_bulk_len = to(value)?,
        SCH_LIMIT_MAX_COMMAND_INLINE => limits.command.max_inline_len = to(value)?,
        SCH_LIMIT_MAX_COMMAND_KEPT => limits.command.max_kept_len = to(value)?,
        SCH_LIMIT_MAX_PUSH_BYTES => limits.max_push_bytes = to(value)?,
        SCH_LIMIT_MAX_ATTRIBUTE_BYTES => limits.max_attribute_bytes = to(value)?,
        SCH_LIMIT_MAX_REPLY_BYTES => limits.max_reply_bytes = to(value)?,
        SCH_LIMIT_MAX_HELD_BYTES => limits.max_held_bytes = to(value)?,
        SCH_LIMIT_MAX_HELD_COMMANDS => limits.max_held_commands = to(value)?,
        SCH_LIMIT_MAX_IN_FLIGHT => limits.max_in_flight = to(value)?,
        SCH_LIMIT_MAX_WINDOWS => limits.max_windows = to(value)?,
        SCH_LIMIT_MAX_MARKS => limits.max_marks = to(value)?,
        SCH_LIMIT_MAX_SESSION_BYTES => limits.max_session_bytes = to(value)?,
        SCH_LIMIT_MAX_ATTEMPTS => limits.max_attempts = to(value)?,
        SCH_LIMIT_MAX_OVERLAP_MESSAGES => limits.max_overlap_messages = to(value)?,
        SCH_LIMIT_MAX_OVERLAP_BYTES => limits.max_overlap_bytes = to(value)?,
        SCH_LIMIT_MAX_LINES => limits.max_lines = to(value)?,
        _ => return Err(NO_SUCH),
    }
    Ok(())
}

/// Makes settings with their defaults.
///
/// Returns SCH_OK: `*config_out` is yours, for `sch_config_free`; SCH_ERR_NO_MEMORY: none was made; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_new(config_out: *mut *mut sch_config) -> sch_status {
    // SAFETY: as the caller promises.
    unsafe { create(config_out, || Ok(sch_config(Handle::new(Settings::new()?)))) }
}

/// Frees settings. NULL is fine.
///
/// Returns SCH_OK; SCH_ERR_BUSY: another call uses them, they are not freed.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_free(config: *mut sch_config) -> sch_status {
    // SAFETY: as the caller promises.
    unsafe { free(config) }
}

/// What is wrong with the settings as they are, as a sentence.
///
/// Returns SCH_OK: there is a problem, `*text_out` has `*len_out` bytes and a NUL after them, until the next call on
/// `config`; SCH_EMPTY: there is none; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_problem(
    config: *mut sch_config,
    text_out: *mut *const c_char,
    len_out: *mut usize,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        // SAFETY: as the caller promises.
        let (text_out, len_out) = unsafe { (Out::new(text_out)?, Out::new(len_out)?) };
        let checked = c.pool().and_then(|_| c.cluster().validate());
        let Err(problem) = checked else { return Ok(SCH_EMPTY) };
        c.problem.set(&text_for(&problem))?;
        text_out.put(c.problem.as_ptr());
        len_out.put(c.problem.len());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Adds a target that MOVING may name, and makes the policy a list: `host`, `host:port`, `.suffix` or `address/bits`.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: not UTF-8, or none of these; SCH_ERR_NULL; SCH_ERR_BUSY. The text is copied.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_allow_endpoint(
    config: *mut sch_config,
    data: *const c_char,
    len: usize,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        // SAFETY: as the caller promises.
        let text = unsafe { text(data, len) }?;
        let entry = ListEntry::parse(text)?;
        match &mut c.endpoint_policy {
            EndpointPolicy::List(entries) => {
                entries.room(1)?;
                entries.push(entry);
            }
            other => {
                let mut entries = Vec::new();
                entries.room(1)?;
                entries.push(entry);
                *other = EndpointPolicy::List(entries);
            }
        }
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// How replies come in: SCH_LEVEL_NOTIFIED or SCH_LEVEL_TAPPED. Default tapped, which levels 2 and 3 have. Notified does not go
/// with managed.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_level_in(config: *mut sch_config, level: i32) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.level_in = match level {
            SCH_LEVEL_NOTIFIED => LevelIn::Notified,
            SCH_LEVEL_TAPPED => LevelIn::Tapped,
            _ => return Err(NO_SUCH),
        };
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// How commands go out: SCH_LEVEL_NOTIFIED, SCH_LEVEL_TAPPED or SCH_LEVEL_MANAGED. Default managed (level 3).
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_level_out(config: *mut sch_config, level: i32) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.level_out = match level {
            SCH_LEVEL_NOTIFIED => LevelOut::Notified,
            SCH_LEVEL_TAPPED => LevelOut::Tapped,
            SCH_LEVEL_MANAGED => LevelOut::Managed,
            _ => return Err(NO_SUCH),
        };
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Whether the connection opts in: SCH_MODE_*. Default auto, which costs nothing where the server does not know it.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_mode(config: *mut sch_config, mode: i32) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.mode = match mode {
            SCH_MODE_DISABLED => Mode::Disabled,
            SCH_MODE_AUTO => Mode::Auto,
            SCH_MODE_ENABLED => Mode::Enabled,
            _ => return Err(NO_SUCH),
        };
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Which kind of endpoint MOVING shall name: SCH_ENDPOINT_*. Default auto: judged from the peer's address and TLS.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_endpoint_type(
    config: *mut sch_config,
    endpoint_type: i32,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.endpoint_type = match endpoint_type {
            SCH_ENDPOINT_AUTO => None,
            SCH_ENDPOINT_INTERNAL_IP => Some(EndpointType::InternalIp),
            SCH_ENDPOINT_INTERNAL_FQDN => Some(EndpointType::InternalFqdn),
            SCH_ENDPOINT_EXTERNAL_IP => Some(EndpointType::ExternalIp),
            SCH_ENDPOINT_EXTERNAL_FQDN => Some(EndpointType::ExternalFqdn),
            SCH_ENDPOINT_NONE => Some(EndpointType::None),
            _ => return Err(NO_SUCH),
        };
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// The configured host: where to dial without maintenance, and the TLS name for endpoints that are addresses.
/// Default `localhost`.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: not UTF-8; SCH_ERR_NULL; SCH_ERR_BUSY. The text is copied.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_host(
    config: *mut sch_config,
    data: *const c_char,
    len: usize,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        // SAFETY: as the caller promises.
        let text = unsafe { text(data, len) }?;
        c.host = own(text)?;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// The configured port. Default 6379.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_port(config: *mut sch_config, port: u16) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.port = port;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Whether transports are TLS. Default false.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_tls(config: *mut sch_config, tls: bool) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.tls = tls;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// A name for SNI and certificate checks in place of the one that libsch finds. Default none; empty is none.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: not UTF-8; SCH_ERR_NULL; SCH_ERR_BUSY. The text is copied.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_tls_server_name(
    config: *mut sch_config,
    data: *const c_char,
    len: usize,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        // SAFETY: as the caller promises.
        let text = unsafe { optional_text(data, len) }?;
        c.tls_server_name = text;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Floor of timeouts in a window. Default 10,000, as all drivers have it; 0 turns relaxing off. Milliseconds, at
/// most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_relaxed_timeout_ms(
    config: *mut sch_config,
    value_ms: u64,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.relaxed_timeout = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// End of a migration window whose terminator does not come. Default 600,000, the longest that Redis designs for.
/// Milliseconds, at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_migration_window_ms(
    config: *mut sch_config,
    value_ms: u64,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.migration_window = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// End of a failover window whose terminator does not come. Default 60,000, likewise. Milliseconds, at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_failover_window_ms(
    config: *mut sch_config,
    value_ms: u64,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.failover_window = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// A MOVING window lasts at least the time of the MOVING and this. Default 2,000. Milliseconds, at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_moving_extra_ms(
    config: *mut sch_config,
    value_ms: u64,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.moving_extra = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Timeouts stay relaxed this long after a swap. Default: twice the relaxed timeout, as caches and pools are cold.
/// Milliseconds, at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_post_handoff_relaxed_ms(
    config: *mut sch_config,
    value_ms: u64,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.post_handoff_relaxed = Some(Duration::from_millis(value_ms));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Time of a MOVING that names none which can be believed. Default 15,000, what servers send. Not 0. Milliseconds,
/// at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_handoff_timeout_ms(
    config: *mut sch_config,
    value_ms: u64,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.handoff_timeout = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// A drain may go on after the deadline. Default 5,000: servers were seen to close up to 4.1 s late. Milliseconds,
/// at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_drain_grace_ms(config: *mut sch_config, value_ms: u64) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.drain_grace = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Held commands wait this long for a candidate once the current transport is dead. Default: the relaxed timeout.
/// Milliseconds, at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_hold_timeout_ms(
    config: *mut sch_config,
    value_ms: u64,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.hold_timeout = Some(Duration::from_millis(value_ms));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// First pause between attempts. Default 50, below what a user notices. Not 0. Milliseconds, at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_backoff_min_ms(config: *mut sch_config, value_ms: u64) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.backoff_min = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Longest pause between attempts. Default 1,000, so that a node that comes up is found within it. Milliseconds, at
/// most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_backoff_max_ms(config: *mut sch_config, value_ms: u64) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.backoff_max = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// An attempt has at least this. Default 1,000, a TLS handshake over a slow link. Not 0. Milliseconds, at most a
/// day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_attempt_min_ms(config: *mut sch_config, value_ms: u64) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.attempt_min = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Without a candidate, attempts go on this long after the deadline. Default 60,000. Milliseconds, at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_keep_trying_ms(config: *mut sch_config, value_ms: u64) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.keep_trying = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Both subscriptions are read this long after the swap. Default 200. Milliseconds, at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_overlap_ms(config: *mut sch_config, value_ms: u64) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.overlap = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Where your connects block (TLS, DNS): OPEN asks for no more than this, 1,000 is good. Default 0: they do not
/// block. Milliseconds, at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_connect_budget_ms(
    config: *mut sch_config,
    value_ms: u64,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.connect_budget = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Seen notifications are remembered this long, to know duplicates. Default 600,000. Milliseconds, at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_mark_age_ms(config: *mut sch_config, value_ms: u64) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.mark_age = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// A refused opt-in is not tried again at the same address for this long. Default 600,000. Milliseconds, at most a
/// day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_refusal_memory_ms(
    config: *mut sch_config,
    value_ms: u64,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.refusal_memory = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// An opt-in that failed in another way is tried once more after this. Default 1,000. Milliseconds, at most a day.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_optin_retry_ms(config: *mut sch_config, value_ms: u64) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.optin_retry = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// What happens to replies that will never come: SCH_ON_LOSS_*. Default report, so that you tell each caller.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_on_loss(config: *mut sch_config, on_loss: i32) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.on_loss = match on_loss {
            SCH_ON_LOSS_REPORT => OnLoss::Report,
            SCH_ON_LOSS_REPLY => OnLoss::Reply,
            SCH_ON_LOSS_CLOSE => OnLoss::Close,
            _ => return Err(NO_SUCH),
        };
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Whether you can follow RESET_PARSER. Default true; if not, a reply cut in the middle closes the connection, and while SWAP
/// waits for its answer nothing is taken of what the old transport still brings.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_can_reset_parser(config: *mut sch_config, can: bool) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.can_reset_parser = can;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// What ends the wait for a blocking command after the deadline: SCH_BLOCKING_*. Default wait for close: nothing is
/// given up that might still be answered.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_blocking(config: *mut sch_config, policy: i32) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.blocking = match policy {
            SCH_BLOCKING_WAIT_FOR_CLOSE => BlockingPolicy::WaitForClose,
            SCH_BLOCKING_SWAP => BlockingPolicy::Swap,
            _ => return Err(NO_SUCH),
        };
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Seed of the jitter between attempts. Default 0. Give each connection its own, or they come back together.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_seed(config: *mut sch_config, seed: u64) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.seed = seed;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Who makes the first handshake of a level 3 connection: SCH_HANDSHAKE_*. Default seen: you do, and libsch watches
/// it.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_handshake(config: *mut sch_config, handshake: i32) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.handshake = match handshake {
            SCH_HANDSHAKE_SEEN => Handshake::Seen,
            SCH_HANDSHAKE_BY_LIBSCH => Handshake::ByLibsch,
            _ => return Err(NO_SUCH),
        };
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Whether libsch may keep credentials in memory, to authenticate candidates. Default true.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_keep_credentials(config: *mut sch_config, keep: bool) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.keep_credentials = keep;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// User for a handshake by libsch. Default none: with a password, the default user. Empty is none.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: not UTF-8; SCH_ERR_NULL; SCH_ERR_BUSY. The text is copied.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_username(
    config: *mut sch_config,
    data: *const c_char,
    len: usize,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        // SAFETY: as the caller promises.
        let text = unsafe { optional_text(data, len) }?;
        c.username = text;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Password for a handshake by libsch. Default none; empty is none.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: the length; SCH_ERR_NULL; SCH_ERR_BUSY. The bytes are copied.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_password(
    config: *mut sch_config,
    data: *const u8,
    len: usize,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        // SAFETY: as the caller promises.
        let bytes = unsafe { bytes(data, len) }?;
        c.password = (!bytes.is_empty()).then(|| mem::copy(bytes)).transpose()?;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// CLIENT SETNAME of a handshake by libsch. Default none; empty is none.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: the length; SCH_ERR_NULL; SCH_ERR_BUSY. The bytes are copied.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_client_name(
    config: *mut sch_config,
    data: *const u8,
    len: usize,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        // SAFETY: as the caller promises.
        let bytes = unsafe { bytes(data, len) }?;
        c.client_name = (!bytes.is_empty()).then(|| mem::copy(bytes)).transpose()?;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// CLIENT SETINFO LIB-NAME and LIB-VER of a handshake by libsch. Default none; an empty name is none.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: not UTF-8; SCH_ERR_NULL; SCH_ERR_BUSY. The text is copied.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_lib_info(
    config: *mut sch_config,
    name: *const c_char,
    name_len: usize,
    version: *const c_char,
    version_len: usize,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        // SAFETY: as the caller promises.
        let (name, version) =
            unsafe { (optional_text(name, name_len)?, optional_text(version, version_len)?) };
        c.lib_info = name.map(|name| (name, version.unwrap_or_default()));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// SELECT of a handshake by libsch. Default 0.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_database(config: *mut sch_config, database: u32) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.database = database;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Which targets of MOVING are followed: SCH_POLICY_*. Default any: who can write to the connection already has the
/// session. A list starts empty. The configured host is always allowed.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_endpoint_policy(config: *mut sch_config, policy: i32) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.endpoint_policy = match policy {
            SCH_POLICY_ANY => EndpointPolicy::Any,
            SCH_POLICY_CONFIGURED_DOMAIN => EndpointPolicy::ConfiguredDomain,
            SCH_POLICY_LIST => EndpointPolicy::List(Vec::new()),
            _ => return Err(NO_SUCH),
        };
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Lines are logged up to this level: SCH_LOG_*. Default none. `sch_conn_set_log` says where to.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_log_level(config: *mut sch_config, level: i32) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.log_level = log::level(level).ok_or(NO_SUCH)?;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Whether a trace is kept, for `sch_conn_poll_trace`. Default false: it costs memory.
///
/// Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_trace(config: *mut sch_config, trace: bool) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        c.trace = trace;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Sets a limit: SCH_LIMIT_*, whose texts say unit, default and reason.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such limit, or a value that its type cannot hold; SCH_ERR_NULL;
/// SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_limit(config: *mut sch_config, limit: i32, value: u64) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        match limit {
            SCH_LIMIT_MAX_CLUSTER_NODES.. => set_cluster_limit(&mut c.cluster.limits, limit, value)?,
            SCH_LIMIT_MAX_POOL_MEMBERS.. => set_pool_limit(&mut c.pool, limit, value)?,
            _ => set_limit(&mut c.limits, limit, value)?,
        }
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}

/// Sets a time of clusters: SCH_CLUSTER_TIME_*, whose texts say default and reason. Milliseconds, at most a day. TLS, the
/// seed and `mark_age` are those of the connections.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: no such time; SCH_ERR_NULL; SCH_ERR_BUSY.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_config_set_cluster_time_ms(
    config: *mut sch_config,
    time: i32,
    value_ms: u64,
) -> sch_status {
    let work = |c: &mut Settings| -> Outcome {
        let place = match time {
            SCH_CLUSTER_TIME_RELOAD_JITTER => &mut c.cluster.reload_jitter,
            SCH_CLUSTER_TIME_RELOAD_INTERVAL => &mut c.cluster.reload_interval,
            SCH_CLUSTER_TIME_RELOAD_TIMEOUT => &mut c.cluster.reload_timeout,
            SCH_CLUSTER_TIME_BACKOFF_MIN => &mut c.cluster.backoff_min,
            SCH_CLUSTER_TIME_BACKOFF_MAX => &mut c.cluster.backoff_max,
            _ => return Err(NO_SUCH),
        };
        *place = Duration::from_millis(value_ms);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(config, work) }
}
