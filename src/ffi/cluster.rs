//! A cluster: who owns which slot. Threads share the handle; it lends nothing, all outputs are copies. Takes no decision.

use super::action::sch_slot_range;
use super::boundary::{Out, Outcome, SizedOut, TextOut, bare, bytes, create, peek, peek_beside, text};
use super::cluster_types::{
    flat, moves, number, ranges, sch_cluster_action, sch_cluster_counts, sch_cluster_move, sch_node,
    sch_redirection,
};
use super::config::{Settings, sch_config};
use super::conn::{Inner as ConnInner, sch_conn};
use super::log::{Teller, sch_log_fn};
use super::shared::{Gate, SharedNoun, free_shared, shared};
use super::status::{
    Failure, SCH_EMPTY, SCH_ERR_ABI, SCH_ERR_LIMIT, SCH_ERR_NO_MEMORY, SCH_ERR_NOT_A_SLOT_MAP, SCH_ERR_NULL,
    SCH_ERR_UNEXPECTED, SCH_MORE, SCH_OK, sch_status, text_for,
};
use super::version::SCH_ABI_VERSION;
use crate::cluster::{Cluster, ClusterConfig, LoadError, NodeId, key_slot};
use crate::endpoint::Endpoint;
use crate::time::Timestamp;
use core::ffi::{c_char, c_void};
use parking_lot::Mutex;
use std::borrow::Cow;

/// The slots of a cluster.
#[derive(Debug)]
pub struct sch_cluster {
    gate: Gate,
    cluster: Cluster,
    teller: Teller,
    /// Of the last call that failed, whoever made it.
    error: Mutex<Cow<'static, str>>,
}

impl SharedNoun for sch_cluster {
    fn gate(&self) -> &Gate {
        &self.gate
    }
}

impl sch_cluster {
    /// Keeps the text of a failure.
    fn told(&self, outcome: Outcome) -> Outcome {
        outcome.inspect_err(|failure| self.error.lock().clone_from(&failure.text))
    }

    /// The last thing that an input does: tells the lines that there are for the log.
    fn ends(&self, outcome: Outcome) -> Outcome {
        self.teller.tell(&self.cluster, || false);
        outcome
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let status = match error {
            LoadError::Limit { .. } => SCH_ERR_LIMIT,
            LoadError::NoMemory => SCH_ERR_NO_MEMORY,
            LoadError::ErrorReply(_) | LoadError::NotAMap(_) | LoadError::NoSlots => SCH_ERR_NOT_A_SLOT_MAP,
        };
        Self { status, text: text_for(&error) }
    }
}

const fn at(now_ns: u64) -> Timestamp {
    Timestamp::from_nanos(now_ns)
}

const fn known(has_seq: bool, seq: u64) -> Option<u64> {
    if has_seq { Some(seq) } else { None }
}

/// A number that is none names no node.
fn node_id(node: u64) -> NodeId {
    NodeId::try_from(node).unwrap_or(0)
}

/// A host and a port that come in.
///
/// # Safety
///
/// As `text`.
unsafe fn endpoint(host: *const c_char, len: usize, port: u16) -> Result<Endpoint, Failure> {
    // SAFETY: as the caller promises.
    let host = unsafe { text(host, len) }?;
    Ok(Endpoint::new(host, port)?)
}

fn give<T>(out: Out<T>, value: Option<T>) -> Outcome {
    let Some(value) = value else { return Ok(SCH_EMPTY) };
    out.put(value);
    Ok(SCH_OK)
}

/// Fills an array of the caller, which has room.
///
/// # Safety
///
/// `place` has room for all.
unsafe fn fill<T>(place: *mut T, all: impl Iterator<Item = T>) {
    for (n, one) in all.enumerate() {
        // SAFETY: as the caller promises.
        unsafe { place.add(n).write_unaligned(one) };
    }
}

/// Makes a cluster without a map, for connections that are made with `config` (NULL: the defaults): TLS, seed and
/// `mark_age` are those of the cluster, too. One cluster is for all connections to it, of all threads.
///
/// Returns SCH_OK: `*cluster_out` is yours, for `sch_cluster_free`; SCH_ERR_ABI; SCH_ERR_CONFIG: `sch_config_problem`
/// says why; SCH_ERR_BUSY: another thread changes `config`; SCH_ERR_NO_MEMORY: none was made; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_new(
    abi: u32,
    config: *const sch_config,
    cluster_out: *mut *mut sch_cluster,
) -> sch_status {
    let make = || {
        if abi == 0 || abi > SCH_ABI_VERSION {
            return Err(Failure::new(SCH_ERR_ABI, "the header is newer than the library"));
        }
        let mut settings = ClusterConfig::default();
        if !config.is_null() {
            let copy = |c: &Settings| -> Outcome {
                settings = c.cluster();
                Ok(SCH_OK)
            };
            // SAFETY: as the caller promises.
            let status = unsafe { peek_beside(config, copy) };
            if status != SCH_OK {
                return Err(Failure::new(status, "the settings cannot be read"));
            }
        }
        let cluster = Cluster::new(settings)?;
        let error = Mutex::new(Cow::Borrowed(""));
        Ok(sch_cluster { gate: Gate::default(), cluster, teller: Teller::default(), error })
    };
    // SAFETY: as the caller promises.
    unsafe { create(cluster_out, make) }
}

/// Frees a cluster. NULL is fine.
///
/// Returns SCH_OK; SCH_ERR_BUSY: a call of another thread is inside, or this is its log callback: nothing is freed.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_free(cluster: *mut sch_cluster) -> sch_status {
    // SAFETY: as the caller promises.
    unsafe { free_shared(cluster) }
}

/// What to do about the last call that failed, of any thread: as much of the text as fits into `cap` bytes, and a NUL.
///
/// Returns SCH_OK: `*len_out` is the length of the whole text; SCH_EMPTY: none failed yet; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_last_error(
    cluster: *const sch_cluster,
    text: *mut c_char,
    cap: usize,
    len_out: *mut usize,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let (text, len_out) = unsafe { (TextOut::new(text, cap)?, Out::new(len_out)?) };
        let error = c.error.lock().clone();
        if error.is_empty() {
            return Ok(SCH_EMPTY);
        }
        text.put(&error);
        len_out.put(error.len());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, work) }
}

/// What servers write as `from` is dialled as `to` from now on: in maps, SMIGRATED and redirections. Each is `host:port`,
/// or `host` alone: from any port, to the same port. What is loaded already stays as it is.
///
/// Returns SCH_OK; SCH_ERR_CONFIG: no address; SCH_ERR_ARGUMENT: not UTF-8; SCH_ERR_LIMIT; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_map_address(
    cluster: *const sch_cluster,
    from: *const c_char,
    from_len: usize,
    to: *const c_char,
    to_len: usize,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let (from, to) = unsafe { (text(from, from_len)?, text(to, to_len)?) };
        c.cluster.map_address(from, to)?;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.told(work(c))) }
}

/// The whole reply to CLUSTER SLOTS, RESP2 or RESP3, of the node that you dialled as `asked_host`, `asked_port`: nodes
/// without a host are there. `seq`, if `has_seq`, is that of SCH_CLUSTER_RELOAD_SLOTS or of `sch_cluster_reload_started`:
/// SMIGRATED up to it is in the reply already.
///
/// Returns SCH_OK; SCH_ERR_NOT_A_SLOT_MAP: an error reply, another one, or one without slots; SCH_ERR_LIMIT;
/// SCH_ERR_NO_MEMORY: the map goes on as it was, and you say `sch_cluster_reload_failed`; SCH_ERR_ARGUMENT: `asked` is no endpoint; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_load_slots(
    cluster: *const sch_cluster,
    now_ns: u64,
    reply: *const u8,
    reply_len: usize,
    asked_host: *const c_char,
    asked_host_len: usize,
    asked_port: u16,
    has_seq: bool,
    seq: u64,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let reply = unsafe { bytes(reply, reply_len) }?;
        // SAFETY: as the caller promises.
        let asked = unsafe { endpoint(asked_host, asked_host_len, asked_port) }?;
        c.cluster.load_slots(at(now_ns), reply, &asked, known(has_seq, seq))?;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.ends(c.told(work(c)))) }
}

/// The whole reply to CLUSTER SHARDS, likewise. It tells of nodes without slots, of health, and of both ports: with TLS
/// (`sch_config_set_tls`) the `tls-port` counts.
///
/// Returns as `sch_cluster_load_slots`.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_load_shards(
    cluster: *const sch_cluster,
    now_ns: u64,
    reply: *const u8,
    reply_len: usize,
    asked_host: *const c_char,
    asked_host_len: usize,
    asked_port: u16,
    has_seq: bool,
    seq: u64,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let reply = unsafe { bytes(reply, reply_len) }?;
        // SAFETY: as the caller promises.
        let asked = unsafe { endpoint(asked_host, asked_host_len, asked_port) }?;
        c.cluster.load_shards(at(now_ns), reply, &asked, known(has_seq, seq))?;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.ends(c.told(work(c)))) }
}

/// You are about to ask a node for the map on your own account, as at your start. What is told meanwhile is repeated on
/// what you load.
///
/// Returns SCH_OK: load with `*has_seq_out` and `*seq_out`; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_reload_started(
    cluster: *const sch_cluster,
    now_ns: u64,
    has_seq_out: *mut bool,
    seq_out: *mut u64,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let (has_seq_out, seq_out) = unsafe { (Out::new(has_seq_out)?, Out::new(seq_out)?) };
        let seq = c.cluster.reload_started(at(now_ns));
        has_seq_out.put(seq.is_some());
        seq_out.put(seq.unwrap_or(0));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.ends(work(c))) }
}

/// The map that was asked for did not come: no connection, an error, no map. It will be asked for again, after a pause
/// that grows.
///
/// Returns SCH_OK, also when none is under way; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_reload_failed(cluster: *const sch_cluster, now_ns: u64) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        c.cluster.reload_failed(at(now_ns));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.ends(work(c))) }
}

/// The map is not to be trusted: CLUSTERDOWN, a node that cannot be reached, or there is none yet. One
/// SCH_CLUSTER_RELOAD_SLOTS follows, however many ask.
///
/// Returns SCH_OK; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_ask_reload(cluster: *const sch_cluster, now_ns: u64) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        c.cluster.ask_reload(at(now_ns));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.ends(work(c))) }
}

/// `conn` told SCH_ACTION_SLOTS_MOVED, and that is the action polled from it last: the cluster takes its moves.
///
/// Returns SCH_OK; SCH_ERR_UNEXPECTED: the last action of `conn` was another one; SCH_ERR_BUSY: another call is inside
/// `conn`; SCH_ERR_POISONED: `conn` is; SCH_ERR_NO_MEMORY: call it again before `conn`, else ask for the map; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_slots_moved(
    cluster: *const sch_cluster,
    now_ns: u64,
    conn: *const sch_conn,
) -> sch_status {
    const NO_MEMORY: Failure =
        Failure::new(SCH_ERR_NO_MEMORY, "no memory: call it again, before the connection");
    const OTHER: Failure =
        Failure::new(SCH_ERR_UNEXPECTED, "call it right after SLOTS_MOVED was polled from the connection");
    let work = |c: &sch_cluster| -> Outcome {
        let take = |conn: &ConnInner| -> Outcome {
            let (seq, moves) = conn.slots_moved().ok_or(OTHER)?;
            c.cluster.try_slots_moved(at(now_ns), seq, moves)?;
            Ok(SCH_OK)
        };
        // SAFETY: as the caller promises.
        match unsafe { peek(conn, take) } {
            SCH_OK => Ok(SCH_OK),
            SCH_ERR_UNEXPECTED => Err(OTHER),
            SCH_ERR_NO_MEMORY => Err(NO_MEMORY),
            status => Err(Failure::new(status, "the connection cannot be read")),
        }
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.ends(c.told(work(c)))) }
}

/// A connection told SCH_ACTION_RELOAD_SLOTS, with its `has_seq` and `seq`. Once for each seq, whoever tells it.
///
/// Returns SCH_OK; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_reload_asked(
    cluster: *const sch_cluster,
    now_ns: u64,
    has_seq: bool,
    seq: u64,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        c.cluster.handle_reload_asked(at(now_ns), known(has_seq, seq));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.ends(work(c))) }
}

/// One push, as it came, of a connection that libsch does not drive: SMIGRATED is taken, all else left alone.
///
/// Returns SCH_OK: `*taken_out` says which; SCH_ERR_NO_MEMORY: hand it over again; SCH_ERR_NULL; SCH_ERR_ARGUMENT.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_push(
    cluster: *const sch_cluster,
    now_ns: u64,
    data: *const u8,
    len: usize,
    taken_out: *mut bool,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let (data, taken_out) = unsafe { (bytes(data, len)?, Out::new(taken_out)?) };
        taken_out.put(c.cluster.try_push(at(now_ns), data)?);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.ends(work(c))) }
}

/// The text of an error reply (with or without `-` and line end) of the node that you dialled as `asked_host`,
/// `asked_port`. MOVED patches its slot and asks for one reload; ASK changes nothing.
///
/// Returns SCH_OK: `redirection_out` says where to send the command; SCH_EMPTY: it is no redirection;
/// SCH_ERR_ARGUMENT: `asked` is no endpoint; SCH_ERR_STRUCT_SIZE; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_redirected(
    cluster: *const sch_cluster,
    now_ns: u64,
    error: *const u8,
    error_len: usize,
    asked_host: *const c_char,
    asked_host_len: usize,
    asked_port: u16,
    redirection_out: *mut sch_redirection,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let (error, out) = unsafe { (bytes(error, error_len)?, SizedOut::new(redirection_out)?) };
        // SAFETY: as the caller promises.
        let asked = unsafe { endpoint(asked_host, asked_host_len, asked_port) }?;
        let Some(to) = c.cluster.handle_redirection(at(now_ns), error, &asked) else { return Ok(SCH_EMPTY) };
        out.put(&sch_redirection::from(&to));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.ends(c.told(work(c)))) }
}

/// A command was answered with MOVED, and your parser has read it: `slot` is at `host`, `port`.
///
/// Returns SCH_OK: `*node_out` is the node there, 0 if there is no room for it; SCH_ERR_ARGUMENT: no endpoint;
/// SCH_ERR_CONFIG: no slot; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_moved(
    cluster: *const sch_cluster,
    now_ns: u64,
    slot: u16,
    host: *const c_char,
    host_len: usize,
    port: u16,
    node_out: *mut u64,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let (place, out) = unsafe { (endpoint(host, host_len, port)?, Out::new(node_out)?) };
        out.put(number(c.cluster.handle_moved(at(now_ns), slot, &place)?));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.ends(c.told(work(c)))) }
}

/// You subscribe to a shard channel: on `*node_out`, 0 if its slot `*slot_out` has no owner yet. Say it once for each
/// channel; an SUNSUBSCRIBE that you did not send changes nothing here, SCH_CLUSTER_MOVE_SUBSCRIPTIONS follows.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_subscribe(
    cluster: *const sch_cluster,
    channel: *const u8,
    len: usize,
    slot_out: *mut u16,
    node_out: *mut u64,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let channel = unsafe { bytes(channel, len) }?;
        // SAFETY: as the caller promises.
        let (slot_out, node_out) = unsafe { (Out::new(slot_out)?, Out::new(node_out)?) };
        let (slot, node) = c.cluster.subscribe(channel);
        slot_out.put(slot);
        node_out.put(number(node));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, work) }
}

/// You do not want that shard channel any more.
///
/// Returns SCH_OK; SCH_EMPTY: none of its slot was said; SCH_ERR_ARGUMENT; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_unsubscribe(
    cluster: *const sch_cluster,
    channel: *const u8,
    len: usize,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let channel = unsafe { bytes(channel, len) }?;
        Ok(if c.cluster.unsubscribe(channel) { SCH_OK } else { SCH_EMPTY })
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, work) }
}

/// Time has passed.
///
/// Returns SCH_OK; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_tick(cluster: *const sch_cluster, now_ns: u64) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        c.cluster.tick(at(now_ns));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.ends(work(c))) }
}

/// When `sch_cluster_tick` is due. Takes no lock.
///
/// Returns SCH_OK: `*has_out` says whether there is a deadline, `*deadline_ns_out` which; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_next_deadline(
    cluster: *const sch_cluster,
    has_out: *mut bool,
    deadline_ns_out: *mut u64,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let (has_out, deadline_ns_out) = unsafe { (Out::new(has_out)?, Out::new(deadline_ns_out)?) };
        let deadline = c.cluster.next_deadline();
        has_out.put(deadline.is_some());
        deadline_ns_out.put(deadline.map_or(0, Timestamp::as_nanos));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, work) }
}

/// The next thing to do: of several threads that poll, each gets another one. Its moves go to `moves`, which has room for
/// `moves_cap`, their ranges to `ranges`; 1,024 and 16,384 are always enough. Poll after every input; without anything to
/// give it takes no lock.
///
/// Returns SCH_OK; SCH_EMPTY: nothing; SCH_MORE: an array is too small, `moves_len` and `ranges_len` of `action_out` say
/// what it takes, and it stays the next; SCH_ERR_STRUCT_SIZE; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_poll_action(
    cluster: *const sch_cluster,
    action_out: *mut sch_cluster_action,
    moves_out: *mut sch_cluster_move,
    moves_cap: usize,
    ranges_out: *mut sch_slot_range,
    ranges_cap: usize,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { SizedOut::new(action_out) }?;
        if (moves_out.is_null() && moves_cap > 0) || (ranges_out.is_null() && ranges_cap > 0) {
            return Err(Failure::new(SCH_ERR_NULL, "an array is NULL"));
        }
        let fits = |found: &sch_cluster_action| {
            found.moves_len as usize <= moves_cap && found.ranges_len as usize <= ranges_cap
        };
        let mut found = None;
        let action = c.cluster.poll_action_if(|action| fits(found.insert(flat(action))));
        let Some(found) = found else { return Ok(SCH_EMPTY) };
        out.put(&found);
        let Some(action) = action else { return Ok(SCH_MORE) };
        // SAFETY: they fit, and the caller's arrays are as long as the caller says.
        unsafe {
            fill(moves_out, moves(&action));
            fill(ranges_out, ranges(&action));
        }
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.ends(work(c))) }
}

/// The slot of a key, or of a shard channel, as the server has it: of `{tag}` only what is inside counts.
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_key_slot(key: *const u8, len: usize, slot_out: *mut u16) -> sch_status {
    let work = || -> Outcome {
        // SAFETY: as the caller promises.
        let (key, slot_out) = unsafe { (bytes(key, len)?, Out::new(slot_out)?) };
        slot_out.put(key_slot(key));
        Ok(SCH_OK)
    };
    // SAFETY: `work` is as the caller promises.
    unsafe { bare(work) }
}

/// The owner of a slot: one atomic load. The number of a node is above 0, stays while its address does, and is never used
/// again: keep your connections by it.
///
/// Returns SCH_OK; SCH_EMPTY: none is known; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_owner(
    cluster: *const sch_cluster,
    slot: u16,
    node_out: *mut u64,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(node_out) }?;
        give(out, c.cluster.owner(slot).map(u64::from))
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, work) }
}

/// The owner of the slot of a key.
///
/// Returns as `sch_cluster_owner`, and SCH_ERR_ARGUMENT.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_owner_of_key(
    cluster: *const sch_cluster,
    key: *const u8,
    len: usize,
    node_out: *mut u64,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let (key, out) = unsafe { (bytes(key, len)?, Out::new(node_out)?) };
        give(out, c.cluster.owner_of_key(key).map(u64::from))
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, work) }
}

/// The replica number `nth`, from 0, of the owner of a slot.
///
/// Returns SCH_OK; SCH_EMPTY: there are no more; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_replica(
    cluster: *const sch_cluster,
    slot: u16,
    nth: usize,
    node_out: *mut u64,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(node_out) }?;
        give(out, c.cluster.replica(slot, nth).map(u64::from))
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, work) }
}

/// What is known of a node, its address above all.
///
/// Returns SCH_OK; SCH_EMPTY: its number is forgotten (DRAIN_NODE said so): look up the owner again; SCH_ERR_STRUCT_SIZE;
/// SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_node(
    cluster: *const sch_cluster,
    node: u64,
    node_out: *mut sch_node,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { SizedOut::new(node_out) }?;
        let Some(found) = c.cluster.node(node_id(node)) else { return Ok(SCH_EMPTY) };
        out.put(&sch_node::from(&found));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, work) }
}

/// The number of the node at `host`, `port`, as servers write it or as it is dialled.
///
/// Returns SCH_OK; SCH_EMPTY: it is not known; SCH_ERR_ARGUMENT: no endpoint; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_find_node(
    cluster: *const sch_cluster,
    host: *const c_char,
    host_len: usize,
    port: u16,
    node_out: *mut u64,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let (place, out) = unsafe { (endpoint(host, host_len, port)?, Out::new(node_out)?) };
        give(out, c.cluster.find_node(&place).map(u64::from))
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.told(work(c))) }
}

/// The counters since the cluster was made.
///
/// Returns SCH_OK; SCH_ERR_STRUCT_SIZE; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_counters(
    cluster: *const sch_cluster,
    counters_out: *mut sch_cluster_counts,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { SizedOut::new(counters_out) }?;
        out.put(&sch_cluster_counts::from(c.cluster.counters()));
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, work) }
}

/// Sets where log lines of the cluster go: `callback` gets those up to `level`, SCH_LOG_*, and `user_data`; NULL, or
/// SCH_LOG_NONE, turns the log off, as at first. What it tells, level by level:
///
///   info   an SMIGRATED that is new, and what became of its slots; a map that is wanted, asked for, loaded; nodes to dial and to
///          drain; subscriptions that move
///   warn   a reload that failed, a reply that is no map, an SMIGRATED that could not be read in full, a limit that was met
///   debug  an SMIGRATED that does nothing, and why; MOVED; more reasons for a map that is wanted already
///
/// The form of a line and the rules of a callback are those of `sch_pool_set_log`: lines come at the end of a call on the cluster,
/// one thread tells at a time, the cluster may be called from inside, but neither freed nor this.
///
/// Returns SCH_OK: the callback before is not called any more; SCH_ERR_ARGUMENT: no such level; SCH_ERR_BUSY: the callback
/// before is being called, by another thread or around this call: nothing was changed, try again; SCH_ERR_NULL.
///
/// # Safety
///
/// As the manual says of pointers; `callback` can be called with `user_data` until it is replaced or the handle is free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_cluster_set_log(
    cluster: *const sch_cluster,
    level: i32,
    callback: sch_log_fn,
    user_data: *mut c_void,
) -> sch_status {
    let work = |c: &sch_cluster| -> Outcome { c.teller.set(&c.cluster, level, callback, user_data) };
    // SAFETY: as the caller promises.
    unsafe { shared(cluster, |c| c.told(work(c))) }
}
