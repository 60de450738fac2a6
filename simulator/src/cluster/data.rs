//! The data sets of all nodes and the table of their slots, under one lock: a command is routed and executed, or a
//! slot changes hands with its keys, and nothing comes between.

use super::hash::slot;
use super::keys;
use super::ranges::SlotSet;
use super::table::{Redirect, SlotTable};
use crate::store::Store;
use bytes::Bytes;

/// A cluster has one database number.
const DB: usize = 0;

pub struct Data {
    /// One that all endpoints share, or one for each node of a cluster.
    stores: Vec<Store>,
    pub slots: Option<SlotTable>,
}

impl Data {
    pub fn shared() -> Self {
        Data { stores: vec![Store::new()], slots: None }
    }

    pub fn cluster(owners: usize, members: usize) -> Self {
        Data {
            stores: (0..members).map(|_| Store::new()).collect(),
            slots: Some(SlotTable::new(owners, members)),
        }
    }

    pub fn store(&mut self, node: usize) -> &mut Store {
        let shared = self.slots.is_none();
        &mut self.stores[if shared { 0 } else { node }]
    }

    /// A node without slots joins, with an empty data set.
    pub fn join(&mut self, node: usize) {
        while self.stores.len() <= node {
            self.stores.push(Store::new());
        }
        if let Some(table) = &mut self.slots {
            self.stores[node] = Store::new();
            table.members.insert(node);
        }
    }

    /// A node is no longer of the cluster; false when it still has slots.
    pub fn leave(&mut self, node: usize) -> bool {
        let Some(table) = self.slots.as_mut().filter(|t| t.of(node).is_empty()) else { return false };
        table.members.remove(&node);
        true
    }

    /// Whether this node is the one to execute the command, and the slot of its keys if it has any.
    pub fn route(
        &mut self,
        node: usize,
        name: &str,
        a: &[Bytes],
        asked: bool,
    ) -> Result<Option<u16>, Redirect> {
        let Some(table) = &self.slots else { return Ok(None) };
        let Some((slot, keys)) = one_slot(name, a)? else { return Ok(None) };
        let channels = matches!(name, "SSUBSCRIBE" | "SPUBLISH");
        let store = &mut self.stores[node];
        let here = || if channels { keys.len() } else { keys.iter().filter(|k| store.has(DB, k)).count() };
        table.route(node, slot, asked, keys.len(), here)?;
        Ok(Some(slot))
    }

    /// Routes all the commands of a transaction: one slot for them together.
    pub fn route_all(&mut self, node: usize, commands: &[Vec<Bytes>], asked: bool) -> Result<(), Redirect> {
        if self.slots.is_none() {
            return Ok(());
        }
        let mut slot = None;
        for a in commands {
            let name = String::from_utf8_lossy(&a[0]).to_ascii_uppercase();
            if let Some(own) = self.route(node, &name, a, asked)?
                && slot.replace(own).is_some_and(|before| before != own)
            {
                return Err(Redirect::CrossSlot);
            }
        }
        Ok(())
    }

    /// The slots change their owner, and their keys go with them.
    pub fn hand_over(&mut self, from: usize, to: usize, slots: &SlotSet) -> usize {
        let entries = self.stores[from].take_where(DB, |key| slots.contains(&slot(key)));
        let n = entries.len();
        entries.into_iter().for_each(|(key, entry)| self.stores[to].put_entry(DB, key, entry));
        if let Some(table) = &mut self.slots {
            table.give(slots, to);
        }
        n
    }

    /// One key of these slots goes ahead of its slot; false when none is left.
    pub fn send_one(&mut self, from: usize, to: usize, slots: &SlotSet) -> bool {
        let mut first = true;
        let one = |key: &[u8]| slots.contains(&slot(key)) && std::mem::take(&mut first);
        let entry = self.stores[from].take_where(DB, one).pop();
        let found = entry.is_some();
        entry.into_iter().for_each(|(key, entry)| self.stores[to].put_entry(DB, key, entry));
        found
    }

    pub fn keys_in(&mut self, node: usize, slots: &SlotSet) -> usize {
        self.stores.get_mut(node).map_or(0, |s| s.count_where(DB, |key| slots.contains(&slot(key))))
    }
}

/// The slot all keys of a command share, and the keys.
pub fn one_slot<'a>(name: &str, a: &'a [Bytes]) -> Result<Option<(u16, Vec<&'a Bytes>)>, Redirect> {
    let keys = keys::of(name, a);
    let Some(first) = keys.first().map(|k| slot(k)) else { return Ok(None) };
    if keys.iter().any(|k| slot(k) != first) {
        return Err(Redirect::CrossSlot);
    }
    Ok(Some((first, keys)))
}
