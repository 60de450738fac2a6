//! What clients are told about the cluster: redirections and the command CLUSTER.

use super::hash::{SLOTS, slot};
use super::ranges::{SlotSet, runs, texts};
use super::table::Redirect;
use crate::resp;
use crate::session::unknown_sub;
use crate::state::{Endpoint, Sim, lock};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub fn is_cluster(sim: &Sim) -> bool {
    lock(&sim.settings).cluster
}

/// As INFO and HELLO call it.
pub fn mode(sim: &Sim) -> &'static str {
    if is_cluster(sim) { "cluster" } else { "standalone" }
}

/// `HOST:PORT` as in a redirection: an IPv6 address stands there without brackets.
fn plain(ep: &Endpoint) -> String {
    format!("{}:{}", ep.ip, ep.port)
}

/// The error line of a redirection.
pub fn text_of(sim: &Sim, redirect: Redirect) -> String {
    let at = |node: usize| sim.endpoints.get(node).map_or_else(String::new, |e| plain(&e));
    match redirect {
        Redirect::Moved(slot, to) => format!("MOVED {slot} {}", at(to)),
        Redirect::Ask(slot, to) => format!("ASK {slot} {}", at(to)),
        Redirect::TryAgain => "TRYAGAIN Multiple keys request during rehashing of slot".into(),
        Redirect::CrossSlot => "CROSSSLOT Keys in request don't hash to the same slot".into(),
    }
}

/// Forty hexadecimal digits that stay the same for a name.
pub fn node_id(name: &str) -> String {
    let mut h = 0xcbf2_9ce4_8422_2325u64;
    let mut part = |salt: u8| {
        for b in name.bytes().chain([salt]) {
            h = (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
        }
        h
    };
    format!("{:016x}{:016x}{:08x}", part(1), part(2), part(3) as u32)
}

/// What one look at the table shows.
struct View {
    owners: BTreeMap<usize, SlotSet>,
    members: BTreeSet<usize>,
    nodes: Vec<Arc<Endpoint>>,
}

fn view(sim: &Sim) -> Option<View> {
    let data = lock(&sim.data);
    let table = data.slots.as_ref()?;
    Some(View {
        owners: table.owners(),
        members: table.members.clone(),
        nodes: sim.endpoints.iter().collect(),
    })
}

/// `CLUSTER ...`.
pub fn command(sim: &Sim, me: &Endpoint, proto: u8, a: &[Bytes], out: &mut Vec<u8>) {
    let Some(view) = view(sim) else {
        return resp::error(out, "ERR This instance has cluster support disabled");
    };
    let sub = String::from_utf8_lossy(a.get(1).map_or(&[][..], |s| s)).to_ascii_uppercase();
    match (&sub[..], a.len()) {
        ("SLOTS", 2) => slots(&view, out),
        ("SHARDS", 2) => shards(&view, proto, out),
        ("NODES", 2) => resp::bulk(out, nodes(&view, me).as_bytes()),
        ("INFO", 2) => resp::bulk(out, info(&view).as_bytes()),
        ("MYID", 2) => resp::bulk(out, node_id(&me.name).as_bytes()),
        ("KEYSLOT", 3) => resp::int(out, i64::from(slot(&a[2]))),
        ("COUNTKEYSINSLOT", 3) => {
            match std::str::from_utf8(&a[2]).ok().and_then(|t| t.parse::<u16>().ok()).filter(|s| *s < SLOTS) {
                Some(s) => {
                    resp::int(out, lock(&sim.data).keys_in(me.index, &SlotSet::from([s])) as i64);
                }
                None => resp::error(out, "ERR Invalid or out of range slot"),
            }
        }
        _ => unknown_sub(out, "CLUSTER", a.get(1).map_or(&[][..], |s| s)),
    }
}

fn slots(view: &View, out: &mut Vec<u8>) {
    let mut entries: Vec<(u16, u16, usize)> = Vec::new();
    for (node, slots) in &view.owners {
        entries.extend(runs(slots).into_iter().map(|(a, b)| (a, b, *node)));
    }
    entries.sort_unstable();
    resp::array(out, entries.len());
    for (from, to, node) in entries {
        let ep = &view.nodes[node];
        resp::array(out, 3);
        resp::int(out, i64::from(from));
        resp::int(out, i64::from(to));
        resp::array(out, 4);
        resp::bulk(out, ep.ip.to_string().as_bytes());
        resp::int(out, i64::from(ep.port));
        resp::bulk(out, node_id(&ep.name).as_bytes());
        resp::array(out, 0);
    }
}

fn shards(view: &View, proto: u8, out: &mut Vec<u8>) {
    resp::array(out, view.members.len());
    let none = SlotSet::new();
    for node in &view.members {
        let ep = &view.nodes[*node];
        resp::map(out, proto, 2);
        resp::bulk(out, b"slots");
        let runs = runs(view.owners.get(node).unwrap_or(&none));
        resp::array(out, 2 * runs.len());
        for (from, to) in runs {
            resp::int(out, i64::from(from));
            resp::int(out, i64::from(to));
        }
        resp::bulk(out, b"nodes");
        resp::array(out, 1);
        resp::map(out, proto, 7);
        let ip = ep.ip.to_string();
        resp::bulk(out, b"id");
        resp::bulk(out, node_id(&ep.name).as_bytes());
        resp::bulk(out, if ep.tls { b"tls-port" } else { b"port" });
        resp::int(out, i64::from(ep.port));
        for (field, value) in [("ip", &ip[..]), ("endpoint", &ip), ("role", "master")] {
            resp::bulk(out, field.as_bytes());
            resp::bulk(out, value.as_bytes());
        }
        resp::bulk(out, b"replication-offset");
        resp::int(out, 0);
        resp::bulk(out, b"health");
        resp::bulk(out, b"online");
    }
}

fn nodes(view: &View, me: &Endpoint) -> String {
    let none = SlotSet::new();
    let line = |node: &usize| {
        let ep = &view.nodes[*node];
        let flags = if ep.index == me.index { "myself,master" } else { "master" };
        let mut line =
            format!("{} {}@{} {flags} - 0 0 {} connected", node_id(&ep.name), plain(ep), ep.port, node + 1);
        for run in texts(view.owners.get(node).unwrap_or(&none)) {
            line.push(' ');
            line.push_str(&run);
        }
        line + "\n"
    };
    view.members.iter().map(line).collect()
}

fn info(view: &View) -> String {
    format!(
        "cluster_enabled:1\r\ncluster_state:ok\r\ncluster_slots_assigned:{SLOTS}\r\ncluster_slots_ok:{SLOTS}\r\ncluster_known_nodes:{}\r\ncluster_size:{}\r\n",
        view.members.len(),
        view.owners.len()
    )
}
