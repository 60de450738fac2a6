//! Inputs of a cluster. Argument 0 is the handle, argument 1 the time where there is one.

use crate::action::text;
use crate::config;
use crate::js::{Answer, Call, Fault, Function, Value};
use crate::log::{self, Log};
use crate::plain::{empty, host, seq};
use sch::ffi::cluster::*;
use sch::ffi::cluster_types::sch_redirection;
use sch::ffi::status::{SCH_EMPTY, SCH_OK, sch_status};

pub const FUNCTIONS: &[Function] = &[
    ("clusterOpen", open),
    ("clusterRelease", release),
    ("clusterLastError", last_error),
    ("clusterMapAddress", map_address),
    ("clusterLoadSlots", |c| load(c, sch_cluster_load_slots)),
    ("clusterLoadShards", |c| load(c, sch_cluster_load_shards)),
    ("clusterReloadStarted", reload_started),
    ("clusterReloadFailed", |c| plain(c, sch_cluster_reload_failed)),
    ("clusterAskReload", |c| plain(c, sch_cluster_ask_reload)),
    ("clusterSlotsMoved", slots_moved),
    ("clusterReloadAsked", reload_asked),
    ("clusterPush", push),
    ("clusterRedirected", redirected),
    ("clusterMoved", moved),
    ("clusterSubscribe", subscribe),
    ("clusterUnsubscribe", unsubscribe),
    ("clusterTakeLog", |c| c.cluster()?.log.take(c)),
    ("clusterTick", |c| plain(c, sch_cluster_tick)),
];

pub const SLOT: &str = "a slot is a whole number below 16384";

/// A cluster of libsch.
pub struct Cluster {
    raw: *mut sch_cluster,
    /// Outlives the handle: what drops it frees that before.
    log: Log,
}

impl Cluster {
    pub const fn raw(&self) -> *mut sch_cluster {
        self.raw
    }

    pub fn deadline(&self) -> Option<u64> {
        let (mut has, mut at) = (false, 0);
        // SAFETY: the handle is live, the places are of this function.
        let status = unsafe { sch_cluster_next_deadline(self.raw, &mut has, &mut at) };
        (status == SCH_OK && has).then_some(at)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SAFETY: taken over in `open`, freed once. No call is inside: all are of this thread, and this is none of them.
        unsafe { sch_cluster_free(self.raw) };
    }
}

impl Call {
    /// A slot, or another number of 16 bits, which libsch refuses.
    pub fn slot(&self, at: usize) -> Result<u16, Fault> {
        u16::try_from(self.whole(at, SLOT)?).map_err(|_| Fault::Argument(SLOT))
    }

    /// A seq, as it was given or read: `undefined` is none.
    fn seq(&self, at: usize) -> Result<(bool, u64), Fault> {
        const SEQ: &str = "a seq is a whole number";
        if self.is_undefined(at) {
            return Ok((false, 0));
        }
        let value = self.number(at, SEQ)?;
        if value < 0.0 || value.fract() != 0.0 || !value.is_finite() {
            return Err(Fault::Argument(SEQ));
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "beyond the range it is the end of it"
        )]
        Ok((true, value as u64))
    }
}

/// A call that takes the time only.
fn plain(call: &Call, f: unsafe extern "C" fn(*const sch_cluster, u64) -> sch_status) -> Answer {
    let now = call.now()?;
    // SAFETY: the handle is live.
    call.int(unsafe { f(call.cluster()?.raw, now) })
}

/// `[...settings], log level`: a handle, or `[status, text]`.
fn open(call: &Call) -> Answer {
    let level = log::level(call)?;
    match config::open(call, sch_cluster_new)? {
        Ok(raw) => {
            let log = Log::new(level, |level, callback, data| {
                // SAFETY: the handle is live, and the lines outlive it.
                unsafe { sch_cluster_set_log(raw, level, callback, data) };
            });
            let number = call.instance().clusters.put(Cluster { raw, log }).ok_or(Fault::Full)?;
            call.make(number)
        }
        Err(why) => call.make(why),
    }
}

/// Frees the cluster. What was released before is fine: the garbage collector may come second.
fn release(call: &Call) -> Answer {
    let number = call.whole(0, "a handle is a number")?;
    let released = call.instance().clusters.take(number);
    call.make(released.is_some())
}

/// What to do about the call that failed last, or nothing.
fn last_error(call: &Call) -> Answer {
    let (cluster, mut why, mut len) = (call.cluster()?.raw, [0u8; 256], 0);
    // SAFETY: the handle is live, the places are of this function; libsch has filled what `len` and the room allow.
    let why = unsafe {
        let status = sch_cluster_last_error(cluster, why.as_mut_ptr().cast(), why.len(), &mut len);
        (status == SCH_OK).then(|| text(why.as_ptr().cast(), len.min(why.len() - 1)))
    };
    call.make(why.map_or(Value::Undefined, Value::Text))
}

/// `handle, from, to`.
fn map_address(call: &Call) -> Answer {
    let (from, to) = (call.text(1)?, call.text(2)?);
    let (f, t) = (from.as_ptr().cast(), to.as_ptr().cast());
    // SAFETY: the handle is live, the texts are of this function.
    call.int(unsafe { sch_cluster_map_address(call.cluster()?.raw, f, from.len(), t, to.len()) })
}

type Load = unsafe extern "C" fn(
    *const sch_cluster,
    u64,
    *const u8,
    usize,
    *const core::ffi::c_char,
    usize,
    u16,
    bool,
    u64,
) -> sch_status;

/// `handle, now, reply, host, port, seq`.
fn load(call: &Call, f: Load) -> Answer {
    let (now, host, port, (has, seq)) = (call.now()?, call.text(3)?, call.port(4)?, call.seq(5)?);
    let (cluster, (data, len)) = (call.cluster()?.raw, call.bytes(2)?);
    // SAFETY: the handle is live, the text is of this function; `data` is memory of an argument, and no code of the
    // application runs meanwhile.
    call.int(unsafe { f(cluster, now, data, len, host.as_ptr().cast(), host.len(), port, has, seq) })
}

/// `handle, now`: the seq to load with, nothing, or a status.
fn reload_started(call: &Call) -> Answer {
    let (now, mut has, mut number) = (call.now()?, false, 0);
    // SAFETY: the handle is live, the places are of this function.
    match unsafe { sch_cluster_reload_started(call.cluster()?.raw, now, &mut has, &mut number) } {
        SCH_OK => call.make(seq(has, number)),
        status => call.make(status),
    }
}

/// `handle, now, connection`.
fn slots_moved(call: &Call) -> Answer {
    let (now, conn, cluster) = (call.now()?, call.conn_at(2)?.raw(), call.cluster()?.raw);
    // SAFETY: the handles are live.
    call.int(unsafe { sch_cluster_slots_moved(cluster, now, conn) })
}

/// `handle, now, seq`.
fn reload_asked(call: &Call) -> Answer {
    let (now, (has, seq)) = (call.now()?, call.seq(2)?);
    // SAFETY: the handle is live.
    call.int(unsafe { sch_cluster_reload_asked(call.cluster()?.raw, now, has, seq) })
}

/// `handle, now, bytes`: whether it was taken, or a status.
fn push(call: &Call) -> Answer {
    let (now, (data, len), mut taken) = (call.now()?, call.bytes(2)?, false);
    // SAFETY: the handle is live, the place is of this function, `data` as in `load`.
    match unsafe { sch_cluster_push(call.cluster()?.raw, now, data, len, &mut taken) } {
        SCH_OK => call.make(taken),
        status => call.make(status),
    }
}

/// `handle, now, error, host, port`: `[slot, host, port, node, is ask]`, nothing, or a status.
fn redirected(call: &Call) -> Answer {
    let (now, asked, port) = (call.now()?, call.text(3)?, call.port(4)?);
    let (cluster, (data, len), mut r) = (call.cluster()?.raw, call.bytes(2)?, empty!(sch_redirection));
    // SAFETY: the handle is live, the text and the place are of this function, `data` as in `load`.
    let status = unsafe {
        let asked_text = asked.as_ptr().cast();
        sch_cluster_redirected(cluster, now, data, len, asked_text, asked.len(), port, &mut r)
    };
    match status {
        SCH_OK => call.make(Value::List(vec![
            u32::from(r.slot).into(),
            Value::Text(host(&r.host, r.host_len)),
            u32::from(r.port).into(),
            r.node.into(),
            (r.is_ask == 1).into(),
        ])),
        SCH_EMPTY => call.make(Value::Undefined),
        status => call.make(status),
    }
}

/// `handle, now, slot, host, port`: the node, 0 if there is no room, or a status.
fn moved(call: &Call) -> Answer {
    let (now, slot, host, port) = (call.now()?, call.slot(2)?, call.text(3)?, call.port(4)?);
    let (cluster, mut node) = (call.cluster()?.raw, 0);
    // SAFETY: the handle is live, the text and the place are of this function.
    match unsafe { sch_cluster_moved(cluster, now, slot, host.as_ptr().cast(), host.len(), port, &mut node) }
    {
        SCH_OK => call.make(node),
        status => call.make(status),
    }
}

/// `handle, channel`: `[slot, node]`, or a status.
fn subscribe(call: &Call) -> Answer {
    let (cluster, (data, len)) = (call.cluster()?.raw, call.bytes(1)?);
    let (mut slot, mut node) = (0, 0);
    // SAFETY: the handle is live, the places are of this function, `data` as in `load`.
    match unsafe { sch_cluster_subscribe(cluster, data, len, &mut slot, &mut node) } {
        SCH_OK => call.make(Value::List(vec![u32::from(slot).into(), node.into()])),
        status => call.make(status),
    }
}

/// `handle, channel`: whether one of its slot was said, or a status.
fn unsubscribe(call: &Call) -> Answer {
    let (cluster, (data, len)) = (call.cluster()?.raw, call.bytes(1)?);
    // SAFETY: the handle is live, `data` as in `load`.
    match unsafe { sch_cluster_unsubscribe(cluster, data, len) } {
        SCH_OK => call.make(true),
        SCH_EMPTY => call.make(false),
        status => call.make(status),
    }
}
