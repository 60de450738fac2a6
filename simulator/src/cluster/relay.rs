//! In front of a real server: what the node answers itself, what waits, and what is counted until it is answered.

use super::data::one_slot;
use super::hash::slot;
use super::table::Redirect;
use super::{keys, topology};
use crate::conn::Conn;
use crate::resp;
use crate::state::{Sim, lock};
use bytes::Bytes;
use std::collections::BTreeSet;

/// An error for a command that is not executed, told to the real server in its own words: inside MULTI it must know.
const BAD_COMMAND: &[u8] = b"*1\r\n$3\r\nGET\r\n";
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const DISCARD: &[u8] = b"*1\r\n$7\r\nDISCARD\r\n";

/// What to do with a command.
pub enum Gate {
    /// Send it; its slot is counted as busy until the reply.
    Pass(Option<u16>),
    /// Send it; it may wait at the real server for as long as the slot stays there.
    Blocking(u16),
    /// Send this in its place, and answer with that.
    Instead(&'static [u8], Bytes),
    /// Its slot is frozen: ask again when slots changed.
    Wait,
}

/// What a connection to a node of a cluster has going on.
#[derive(Default)]
pub struct Relay {
    transaction: Option<BTreeSet<u16>>,
    channels: BTreeSet<Bytes>,
}

fn error(text: &str) -> Bytes {
    let mut out = Vec::new();
    resp::error(&mut out, text);
    out.into()
}

impl Relay {
    /// Looks at one command. `silent`: no reply will come.
    pub fn gate(&mut self, sim: &Sim, conn: &Conn, a: &[Bytes], silent: bool) -> Gate {
        if !topology::is_cluster(sim) {
            return Gate::Pass(None);
        }
        let name = String::from_utf8_lossy(&a[0]).to_ascii_uppercase();
        let ok = || Bytes::from_static(b"+OK\r\n");
        match (&name[..], a.len()) {
            ("READONLY" | "READWRITE" | "ASKING", 1) => return Gate::Instead(PING, ok()),
            ("SELECT", 2) if &a[1][..] != b"0" => {
                return Gate::Instead(BAD_COMMAND, error("ERR SELECT is not allowed in cluster mode"));
            }
            ("CLUSTER", 2..) => {
                let mut out = Vec::new();
                topology::command(sim, &conn.endpoint, conn.proto(), a, &mut out);
                return Gate::Instead(PING, out.into());
            }
            ("MULTI", 1) => self.transaction = Some(BTreeSet::new()),
            ("DISCARD" | "RESET", 1) => self.transaction = None,
            ("EXEC", 1) => return self.exec(sim, conn, silent),
            ("SUNSUBSCRIBE", _) => self.forget(&a[1..]),
            _ => {}
        }
        let slot = match one_slot(&name, a) {
            Ok(None) => return Gate::Pass(None),
            Ok(Some((slot, _))) => slot,
            Err(to) => return Gate::Instead(BAD_COMMAND, error(&topology::text_of(sim, to))),
        };
        // Inside MULTI nothing blocks.
        let blocking = keys::may_block(&name, a) && self.transaction.is_none() && !silent;
        let counted = !silent && name != "SSUBSCRIBE" && !blocking;
        let gate = admit(sim, conn, slot, counted, BAD_COMMAND);
        if let (Gate::Pass(_), Some(slots)) = (&gate, &mut self.transaction) {
            slots.insert(slot);
        }
        if matches!(gate, Gate::Pass(_)) && name == "SSUBSCRIBE" {
            self.channels.extend(a[1..].iter().map(|c| Bytes::copy_from_slice(c)));
        }
        match gate {
            Gate::Pass(_) if blocking => Gate::Blocking(slot),
            gate => gate,
        }
    }

    fn exec(&mut self, sim: &Sim, conn: &Conn, silent: bool) -> Gate {
        let slots = self.transaction.clone().unwrap_or_default();
        let gate = match (slots.len(), slots.first()) {
            (0, _) | (_, None) => Gate::Pass(None),
            (1, Some(slot)) => admit(sim, conn, *slot, !silent, DISCARD),
            _ => Gate::Instead(DISCARD, error(&topology::text_of(sim, Redirect::CrossSlot))),
        };
        if !matches!(gate, Gate::Wait) {
            self.transaction = None;
        }
        gate
    }

    fn forget(&mut self, channels: &[Bytes]) {
        match channels {
            [] => self.channels.clear(),
            some => self.channels.retain(|c| !some.contains(c)),
        }
    }

    /// Shard channels whose slots left this node: the command that ends them, once.
    pub fn lost_channels(&mut self, sim: &Sim, conn: &Conn) -> Option<Bytes> {
        if self.channels.is_empty() {
            return None;
        }
        let lost: Vec<Bytes> = {
            let data = lock(&sim.data);
            let table = data.slots.as_ref()?;
            let here = |c: &&Bytes| table.owner(slot(c)) != conn.endpoint.index;
            self.channels.iter().filter(here).cloned().collect()
        };
        self.forget_each(&lost)
    }

    fn forget_each(&mut self, lost: &[Bytes]) -> Option<Bytes> {
        if lost.is_empty() {
            return None;
        }
        self.forget(lost);
        let mut out = Vec::new();
        resp::array(&mut out, 1 + lost.len());
        resp::bulk(&mut out, b"SUNSUBSCRIBE");
        lost.iter().for_each(|c| resp::bulk(&mut out, c));
        Some(out.into())
    }
}

/// The redirection for a slot that is no longer at this node.
pub fn moved_away(sim: &Sim, conn: &Conn, slot: u16) -> Option<Bytes> {
    let owner = lock(&sim.data).slots.as_ref()?.owner(slot);
    (owner != conn.endpoint.index).then(|| error(&topology::text_of(sim, Redirect::Moved(slot, owner))))
}

fn admit(sim: &Sim, conn: &Conn, slot: u16, counted: bool, refused: &'static [u8]) -> Gate {
    let mut data = lock(&sim.data);
    let Some(table) = &mut data.slots else { return Gate::Pass(None) };
    if table.is_frozen(slot) {
        return Gate::Wait;
    }
    if let Err(to) = table.route(conn.endpoint.index, slot, false, 1, || 1) {
        return Gate::Instead(refused, error(&topology::text_of(sim, to)));
    }
    if counted {
        table.sent(slot);
    }
    Gate::Pass(counted.then_some(slot))
}

/// The reply of a counted command came, or never will.
pub fn answered(sim: &Sim, slot: u16) {
    let mut data = lock(&sim.data);
    let Some(table) = &mut data.slots else { return };
    table.answered(slot);
    if table.is_frozen(slot) {
        drop(data);
        sim.slots_changed.notify_waiters();
    }
}

/// A server that stands alone says so in HELLO; the node in front of it does not.
pub fn hello(sim: &Sim, frame: &[u8]) -> Bytes {
    const ALONE: &[u8] = b"$10\r\nstandalone\r\n";
    let at = frame.windows(ALONE.len()).position(|w| w == ALONE);
    match at.filter(|_| topology::is_cluster(sim)) {
        Some(at) => [&frame[..at], b"$7\r\ncluster\r\n", &frame[at + ALONE.len()..]].concat().into(),
        None => Bytes::copy_from_slice(frame),
    }
}
