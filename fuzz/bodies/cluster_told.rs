//! What a host of a cluster was told, and what must be so then: the oracle of the target.

use core::ffi::c_char;
use sch::ffi::cluster::*;
use sch::ffi::cluster_types::*;
use sch::ffi::status::*;
use std::collections::BTreeMap;

type Place = (Vec<u8>, u16);

/// Slots whose owners are compared often; all are at the end.
pub const WATCHED: [u16; 12] = [0, 1, 5, 9, 99, 100, 199, 8191, 8192, 12182, 16382, 16383];

pub const UNTOUCHED: u64 = 0xa5a5_a5a5_a5a5_a5a5;

#[derive(Default)]
pub struct Told {
    /// DIAL_NODE came, and no DRAIN_NODE.
    dialled: BTreeMap<u64, Place>,
    /// Every number ever seen; without a place once it is forgotten.
    numbers: BTreeMap<u64, Option<Place>>,
    /// Slots with subscriptions: how many, and where the host was sent.
    pub subscribed: BTreeMap<u16, (u64, u64)>,
    dials: u64,
    drains: u64,
}

fn place(host: &[c_char], len: u32, port: u16) -> Place {
    let host: Vec<u8> = host.iter().map(|c| *c as u8).collect();
    assert_eq!(host[len as usize], 0);
    (host[..len as usize].to_vec(), port)
}

pub fn owner(cluster: *const sch_cluster, slot: u16) -> u64 {
    let mut node = UNTOUCHED;
    // SAFETY: the handle is live.
    match unsafe { sch_cluster_owner(cluster, slot, &mut node) } {
        SCH_OK => assert!(node != 0 && node != UNTOUCHED),
        status => {
            assert_eq!((status, node), (SCH_EMPTY, UNTOUCHED));
            node = 0;
        }
    }
    node
}

pub fn watched(cluster: *const sch_cluster) -> [u64; 12] {
    WATCHED.map(|slot| owner(cluster, slot))
}

impl Told {
    /// What is known of a node: a number stays while its place does, and once forgotten it stays so.
    pub fn node(&mut self, cluster: *const sch_cluster, number: u64) -> Option<sch_node> {
        // SAFETY: plain numbers; the handle is live.
        let mut node: sch_node = unsafe { core::mem::zeroed() };
        node.struct_size = size_of::<sch_node>() as u32;
        match unsafe { sch_cluster_node(cluster, number, &mut node) } {
            SCH_OK => {
                let here = place(&node.host, node.host_len, node.port);
                let known = self.numbers.entry(number).or_insert_with(|| Some(here.clone()));
                assert_eq!(known.as_ref(), Some(&here), "number {number}");
                Some(node)
            }
            status => {
                assert_eq!((status, node.host_len, node.port), (SCH_EMPTY, 0, 0));
                if let Some(known) = self.numbers.get_mut(&number) {
                    *known = None;
                }
                None
            }
        }
    }

    /// One that the library names is known.
    pub fn known(&mut self, cluster: *const sch_cluster, number: u64) -> sch_node {
        self.node(cluster, number).unwrap_or_else(|| panic!("{number} is not known"))
    }

    /// An action was taken.
    pub fn take(&mut self, cluster: *const sch_cluster, a: &sch_cluster_action, slots: &[u16]) {
        match a.kind {
            SCH_CLUSTER_DIAL_NODE => {
                let here = place(&a.host, a.host_len, a.port);
                self.dials += 1;
                let node = self.known(cluster, a.node);
                assert_eq!(place(&node.host, node.host_len, node.port), here);
                assert!(node.slots > 0, "dialled for nothing");
                assert_eq!(self.dialled.insert(a.node, here), None, "dialled twice");
            }
            SCH_CLUSTER_DRAIN_NODE => {
                self.drains += 1;
                let here = place(&a.host, a.host_len, a.port);
                match self.dialled.remove(&a.node) {
                    Some(there) => assert_eq!(here, there),
                    None => assert_eq!(a.gone, 1, "drained without being dialled"),
                }
                match self.node(cluster, a.node) {
                    Some(node) => assert_eq!((node.slots, a.gone), (0, 0)),
                    None => assert_eq!(a.gone, 1),
                }
            }
            SCH_CLUSTER_MOVE_SUBSCRIPTIONS => {
                assert!(!slots.is_empty());
                for slot in slots {
                    assert_eq!(owner(cluster, *slot), a.node);
                    let (_, on) = self.subscribed.get_mut(slot).expect("something is subscribed there");
                    assert_eq!(*on, a.old_node);
                    *on = a.node;
                }
            }
            SCH_CLUSTER_RELOAD_SLOTS => {
                assert!(a.reasons != 0 && a.reasons < 32 && a.attempt > 0);
                assert_eq!(a.node == 0, a.host_len == 0);
                if a.node != 0 {
                    let node = self.known(cluster, a.node);
                    assert_eq!(
                        place(&node.host, node.host_len, node.port),
                        place(&a.host, a.host_len, a.port)
                    );
                }
            }
            kind => assert_eq!(kind, SCH_CLUSTER_SLOTS_MOVED),
        }
    }

    /// All actions were polled: the host has connections to owners, and to no other.
    pub fn settled(&mut self, cluster: *const sch_cluster) {
        for number in self.dialled.keys().copied().collect::<Vec<_>>() {
            assert!(self.known(cluster, number).slots > 0, "{number} is neither used nor withdrawn");
        }
        for slot in WATCHED {
            let owner = owner(cluster, slot);
            assert!(
                owner == 0 || self.dialled.contains_key(&owner),
                "slot {slot}: {owner} was never dialled"
            );
        }
        for (slot, (_, on)) in &self.subscribed {
            let owner = owner(cluster, *slot);
            assert!(owner == 0 || owner == *on, "slot {slot}: subscribed on {on}, owned by {owner}");
        }
        // SAFETY: plain numbers; the handle is live.
        let mut counts: sch_cluster_counts = unsafe { core::mem::zeroed() };
        counts.struct_size = size_of::<sch_cluster_counts>() as u32;
        assert_eq!(unsafe { sch_cluster_counters(cluster, &mut counts) }, SCH_OK);
        assert_eq!((counts.nodes_dialled, counts.nodes_drained), (self.dials, self.drains));
    }

    /// Every slot: as [`Told::settled`], and the numbers of slots are right.
    pub fn counted(&mut self, cluster: *const sch_cluster) {
        let mut owned: BTreeMap<u64, u32> = self.dialled.keys().map(|number| (*number, 0)).collect();
        for slot in 0..16384 {
            let owner = owner(cluster, slot);
            if owner != 0 {
                *owned.get_mut(&owner).unwrap_or_else(|| panic!("slot {slot}: {owner} was never dialled")) +=
                    1;
            }
        }
        for (number, slots) in owned {
            assert_eq!(self.known(cluster, number).slots, slots);
        }
    }
}
