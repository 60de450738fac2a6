//! The scenarios in which slots change hands: who gives what to whom.

use super::moves::{self, MoveSlots};
use super::nodes::{self, AddNode};
use super::ranges::{SlotSet, text};
use crate::maint::Refused;
use crate::state::{Endpoint, Sim, lock};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const NAMES: [&str; 5] =
    ["slot-migrate-existing", "slot-migrate-new-node", "node-remove", "node-replace", "slot-shuffle"];

type Moves = Vec<(usize, usize, SlotSet)>;

/// The first `n` of `parts` equal parts of the slots.
fn part(slots: &SlotSet, n: usize, parts: usize) -> SlotSet {
    slots.iter().take(slots.len() * n / parts).copied().collect()
}

/// What moves, from a look at the owners: `of` is the node meant, `new` one without slots.
fn plan(name: &str, owners: &BTreeMap<usize, SlotSet>, of: usize, to: Option<usize>, new: usize) -> Moves {
    let own = owners.get(&of).cloned().unwrap_or_default();
    let others: Vec<usize> = owners.keys().copied().filter(|n| *n != of).collect();
    match name {
        "slot-migrate-existing" => {
            let to = to.or(others.first().copied());
            to.map(|to| (of, to, part(&own, 1, 2))).into_iter().collect()
        }
        "slot-migrate-new-node" => {
            owners.iter().map(|(n, s)| (*n, new, part(s, 1, owners.len() + 1))).collect()
        }
        "node-remove" => {
            let mut rest = own;
            let mut moves = Moves::new();
            for (i, to) in others.iter().enumerate() {
                let share = part(&rest, 1, others.len() - i);
                rest = rest.difference(&share).copied().collect();
                moves.push((of, *to, share));
            }
            moves
        }
        "node-replace" => vec![(of, new, own)],
        // Everybody gives half of what it has to the next one.
        _ => {
            let ring: Vec<usize> = owners.keys().copied().collect();
            let next = |i: usize| ring[(i + 1) % ring.len()];
            ring.iter().enumerate().map(|(i, n)| (*n, next(i), part(&owners[n], 1, 2))).collect()
        }
    }
}

/// Plays one of `NAMES`. `of`: the node that gives; without it, the first that has slots.
pub async fn play(
    sim: &Arc<Sim>,
    name: &str,
    of: Option<&Arc<Endpoint>>,
    to: Option<&Arc<Endpoint>>,
    scale: f64,
    step: impl Fn(&str),
) -> Result<(), Refused> {
    let look = || lock(&sim.data).slots.as_ref().map(|t| (t.owners(), t.members.clone()));
    let (owners, members) = look().ok_or((409, "there is no cluster: start with --cluster N".to_string()))?;
    let of = of.map(|e| e.index).filter(|n| owners.contains_key(n)).or(owners.keys().next().copied());
    let of = of.unwrap_or(0);
    let mut new = usize::MAX;
    if matches!(name, "slot-migrate-new-node" | "node-replace") {
        // One that has no slots, or one that has left, or one nobody knew.
        let idle = |n: &usize| !owners.contains_key(n);
        let idle = to.map(|e| e.index).filter(idle).or(members.iter().copied().find(idle));
        let known = idle.and_then(|n| sim.endpoints.get(n));
        new = match known {
            Some(e) if members.contains(&e.index) => e.index,
            known => {
                let r = AddNode { name: known.map(|e| e.name.clone()), ..AddNode::default() };
                let e = nodes::add(sim, r).await?;
                step(&format!("node {} added", e.name));
                e.index
            }
        };
    }
    let name_of = |n: usize| sim.endpoints.get(n).map_or_else(String::new, |e| e.name.clone());
    let moves: Vec<_> = plan(name, &owners, of, to.map(|e| e.index), new)
        .into_iter()
        .filter(|(.., slots)| !slots.is_empty())
        .map(|(from, to, slots)| (name_of(from), name_of(to), text(&slots)))
        .collect();
    let ms = (2000.0 * scale) as u64;
    let r = json!({"moves": moves, "ms": ms, "close_after_ms": ms,
        "remove_sources": matches!(name, "node-remove" | "node-replace")});
    let r: MoveSlots = serde_json::from_value(r).map_err(|e| (500, e.to_string()))?;
    let started = moves::start(sim, r)?;
    step("SMIGRATING");
    started.finish(sim).await?;
    step("slots moved, SMIGRATED");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners() -> BTreeMap<usize, SlotSet> {
        BTreeMap::from([(0, (0..10).collect()), (1, (10..20).collect()), (2, (20..30).collect())])
    }

    fn after(moves: &Moves) -> BTreeMap<usize, usize> {
        let mut owners = owners();
        for (from, to, slots) in moves {
            owners.entry(*from).or_default().retain(|s| !slots.contains(s));
            owners.entry(*to).or_default().extend(slots);
        }
        owners.iter().map(|(n, s)| (*n, s.len())).collect()
    }

    #[test]
    fn every_scenario_leaves_each_slot_with_one_owner() {
        for (name, sizes) in [
            ("slot-migrate-existing", [5, 15, 10, 0]),
            ("slot-migrate-new-node", [8, 8, 8, 6]),
            ("node-remove", [0, 15, 15, 0]),
            ("node-replace", [0, 10, 10, 10]),
            ("slot-shuffle", [10, 10, 10, 0]),
        ] {
            let moves = plan(name, &owners(), 0, None, 3);
            let after = after(&moves);
            let got: Vec<usize> = (0..4).map(|n| after.get(&n).copied().unwrap_or(0)).collect();
            assert_eq!(got, sizes, "{name}");
        }
    }

    #[test]
    fn a_shuffle_moves_slots_at_every_node() {
        let moves = plan("slot-shuffle", &owners(), 0, None, 3);
        assert_eq!(
            moves.iter().map(|(a, b, s)| (*a, *b, s.len())).collect::<Vec<_>>(),
            [(0, 1, 5), (1, 2, 5), (2, 0, 5)]
        );
    }
}
