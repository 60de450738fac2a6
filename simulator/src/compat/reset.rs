//! Back to how it was at the start.

use super::Compat;
use crate::cluster::moves::{self, MoveSlots};
use crate::cluster::nodes::{self, AddNode};
use crate::serve;
use crate::state::{Faults, Sim, lock};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Which node each slot belonged to at the start.
pub type Owners = BTreeMap<usize, std::collections::BTreeSet<u16>>;

pub fn owners(sim: &Sim) -> Owners {
    lock(&sim.data).slots.as_ref().map(|t| t.owners()).unwrap_or_default()
}

/// Everything: topology, interceptors, databases, what is kept for those who opt in later. Actions stay readable.
pub async fn all(sim: &Arc<Sim>) -> Result<(), String> {
    sim.interceptors.clear();
    lock(&sim.maint).forget_windows();
    topology(sim).await?;
    lock(&sim.compat).databases = Compat::default().databases;
    Ok(())
}

/// Endpoints accept and work, slots are where they were, nodes that came later have left.
pub async fn topology(sim: &Arc<Sim>) -> Result<(), String> {
    let start = {
        let mut compat = lock(&sim.compat);
        compat.nodes = Default::default();
        compat.owners.clone()
    };
    let members = lock(&sim.data).slots.as_ref().map(|t| t.members.clone());
    for e in sim.endpoints.iter() {
        let back = members.as_ref().is_some_and(|m| !m.contains(&e.index) && start.contains_key(&e.index));
        if back {
            let r = AddNode { name: Some(e.name.clone()), ..AddNode::default() };
            nodes::add(sim, r).await.map_err(|(_, text)| text)?;
        } else if members.as_ref().is_none_or(|m| m.contains(&e.index)) {
            serve::refuse(sim, &e, false).await?;
            e.set_faults(|f| *f = Faults::default());
        }
    }
    if start.is_empty() {
        return Ok(());
    }
    let mut moves = Vec::new();
    let name = |n: usize| sim.endpoints.get(n).map_or_else(String::new, |e| e.name.clone());
    for (now, has) in owners(sim) {
        for (then, had) in start.iter().filter(|(then, _)| **then != now) {
            let slots: Vec<String> = has.intersection(had).map(u16::to_string).collect();
            if !slots.is_empty() {
                moves.push((name(now), name(*then), slots.join(",")));
            }
        }
    }
    if !moves.is_empty() {
        let r =
            json!({"moves": moves, "ms": 0, "starter": false, "terminator": false, "sunsubscribe": false});
        let r: MoveSlots = serde_json::from_value(r).map_err(|e| e.to_string())?;
        moves::start(sim, r).map_err(|(_, text)| text)?.finish(sim).await.map_err(|(_, text)| text)?;
    }
    let late: Vec<_> = sim.endpoints.iter().skip(lock(&sim.compat).at_start).collect();
    let late: Vec<_> = late.into_iter().filter(|e| lock(&sim.data).leave(e.index)).collect();
    nodes::close(sim, &late, Duration::ZERO).await;
    Ok(())
}
