//! `POST /v1/slots`: slots change hands, announced, with their keys.

use super::copy;
use super::data::Data;
use super::frames::{Form, Shape, Shift};
use super::hash::slot;
use super::ranges::{self, SlotSet};
use crate::limits::MAX_MS;
use crate::maint::{self, Answer, Refused, millis};
use crate::pubsub::Space;
use crate::state::{Endpoint, Sim, lock};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Announce {
    #[default]
    All,
    Source,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveSlots {
    /// Source, destination, slots (`all`: what the source has).
    moves: Vec<(String, String, String)>,
    #[serde(default = "two_thousand")]
    ms: u64,
    #[serde(default)]
    smigrated_after_ms: u64,
    #[serde(default)]
    stall_ms: u64,
    #[serde(default)]
    one_by_one_ms: u64,
    #[serde(default)]
    remove_sources: bool,
    #[serde(default = "two_thousand")]
    close_after_ms: u64,
    #[serde(default)]
    announce: Announce,
    #[serde(default = "yes")]
    starter: bool,
    #[serde(default = "yes")]
    terminator: bool,
    #[serde(default = "yes")]
    sunsubscribe: bool,
    #[serde(default)]
    form: Form,
    #[serde(default)]
    simple: bool,
    #[serde(default)]
    unbracketed: bool,
    #[serde(default)]
    element_per_range: bool,
    seq: Option<i64>,
    smigrated_seq: Option<i64>,
}

pub const MOVING: &str = "slots are moving: wait until they have";

fn two_thousand() -> u64 {
    2000
}
fn yes() -> bool {
    true
}

struct Leg {
    from: Arc<Endpoint>,
    to: Arc<Endpoint>,
    slots: SlotSet,
}

/// A move of slots that was accepted and whose SMIGRATING was sent.
pub struct Started {
    r: MoveSlots,
    legs: Vec<Leg>,
    begin: Instant,
    seq: i64,
    sent: usize,
}

fn legs(sim: &Sim, data: &Data, r: &MoveSlots) -> Result<Vec<Leg>, Refused> {
    let table = data.slots.as_ref().ok_or((409, "there are no slots: start with --cluster N".to_string()))?;
    let mut taken = SlotSet::new();
    let mut legs = Vec::new();
    for (from, to, text) in &r.moves {
        let node = |name: &str| {
            let found = sim.endpoint(name).filter(|e| table.members.contains(&e.index));
            found.ok_or_else(|| (404, format!("moves: {name:?} is no node of the cluster")))
        };
        let (from, to) = (node(from)?, node(to)?);
        let own = table.of(from.index);
        let slots = match &text[..] {
            "all" => own.clone(),
            text => ranges::parse(text).map_err(|e| (422, e))?,
        };
        if from.index == to.index {
            return Err((422, format!("moves: from {:?} to itself", from.name)));
        }
        if let Some(other) = slots.iter().find(|s| !own.contains(s)) {
            return Err((422, format!("moves: slot {other} is not one of {:?}", from.name)));
        }
        if slots.is_empty() || !taken.is_disjoint(&slots) {
            return Err((422, "moves: no slots, or the same slot twice".into()));
        }
        taken.extend(&slots);
        legs.push(Leg { from, to, slots });
    }
    if r.one_by_one_ms > 0 && legs.iter().any(|l| l.from.upstream.is_some()) {
        return Err((422, "one_by_one_ms is for the embedded data sets".into()));
    }
    if legs.is_empty() {
        return Err((422, "moves: give [[\"source\", \"destination\", \"slots\"], ...]".into()));
    }
    if r.remove_sources {
        let emptied = |leg: &Leg| table.of(leg.from.index).is_subset(&taken);
        let receives = |leg: &Leg| legs.iter().any(|other| other.to.index == leg.from.index);
        if let Some(leg) = legs.iter().find(|leg| !emptied(leg) || receives(leg)) {
            return Err((422, format!("remove_sources: {:?} would still have slots", leg.from.name)));
        }
    }
    Ok(legs)
}

/// Accepts the request and sends SMIGRATING.
pub fn start(sim: &Arc<Sim>, r: MoveSlots) -> Result<Started, Refused> {
    for (field, ms) in [
        ("ms", r.ms),
        ("smigrated_after_ms", r.smigrated_after_ms),
        ("one_by_one_ms", r.one_by_one_ms),
        ("close_after_ms", r.close_after_ms),
    ] {
        millis(field, ms)?;
    }
    if r.stall_ms > r.ms.min(MAX_MS) {
        return Err((422, "stall_ms must be at most ms".into()));
    }
    if sim.slots_moving.swap(true, Ordering::SeqCst) {
        return Err((409, MOVING.into()));
    }
    let legs =
        legs(sim, &lock(&sim.data), &r).inspect_err(|_| sim.slots_moving.store(false, Ordering::SeqCst))?;
    let all: SlotSet = legs.iter().flat_map(|l| l.slots.iter().copied()).collect();
    let told = match r.announce {
        Announce::All => names(sim),
        Announce::Source => {
            let sources: BTreeSet<String> = legs.iter().map(|l| l.from.name.clone()).collect();
            sources.into_iter().collect()
        }
    };
    let (seq, sent) = if r.starter {
        maint::announce_slots(sim, &told, false, r.seq, |seq| shape(&r).smigrating(seq, &all))
    } else {
        (-1, 0)
    };
    Ok(Started { r, legs, begin: Instant::now(), seq, sent })
}

fn shape(r: &MoveSlots) -> Shape {
    Shape {
        form: r.form,
        simple: r.simple,
        unbracketed: r.unbracketed,
        element_per_range: r.element_per_range,
    }
}

fn names(sim: &Sim) -> Vec<String> {
    sim.endpoints.iter().map(|e| e.name.clone()).collect()
}

impl Started {
    pub fn answer(&self) -> Answer {
        let seq = self.r.starter.then_some(self.seq);
        Ok(json!({"ok": true, "seq": seq, "sent": self.sent}))
    }

    /// The rest: the move itself, SMIGRATED, and the end of nodes that go.
    pub async fn finish(self, sim: &Arc<Sim>) -> Result<(), Refused> {
        if let Err(text) = self.switch(sim).await {
            sim.event("slots_failed", json!({"error": text}));
            return Err((500, text));
        }
        if self.r.remove_sources {
            super::nodes::close(sim, &self.sources(), Duration::from_millis(self.r.close_after_ms)).await;
        }
        Ok(())
    }

    fn sources(&self) -> Vec<Arc<Endpoint>> {
        let mut list: Vec<_> = self.legs.iter().map(|l| l.from.clone()).collect();
        list.dedup_by_key(|e| e.index);
        list
    }

    async fn switch(&self, sim: &Arc<Sim>) -> Result<(), String> {
        let sources = self.sources();
        if self.r.stall_ms > 0 {
            let time = Duration::from_millis(self.r.stall_ms);
            sources.iter().for_each(|e| e.set_faults(|f| f.freeze = true));
            sim.event("frozen", json!({"endpoints": names_of(&sources), "for_ms": self.r.stall_ms}));
            tokio::time::sleep(time).await;
            sources.iter().for_each(|e| e.set_faults(|f| f.freeze = false));
            sim.event("unfrozen", json!({"endpoints": names_of(&sources)}));
        }
        tokio::time::sleep_until(self.begin + Duration::from_millis(self.r.ms)).await;
        if self.r.one_by_one_ms > 0 {
            self.one_by_one(sim).await;
        }
        let (mut shifts, mut result) = (Vec::new(), Ok(()));
        for leg in &self.legs {
            result = self.hand_over(sim, leg).await;
            if result.is_err() {
                break;
            }
            let (from, to) = (leg.from.address(), leg.to.address());
            shifts.push(Shift { from, to, slots: leg.slots.clone() });
        }
        if self.r.remove_sources && result.is_ok() {
            for source in &sources {
                lock(&sim.data).leave(source.index);
            }
        }
        if !self.r.terminator {
            lock(&sim.maint).forget_slots();
            sim.slots_moving.store(false, Ordering::SeqCst);
        } else {
            tokio::time::sleep(Duration::from_millis(self.r.smigrated_after_ms)).await;
            // When a move failed too: who relaxed is told that it is over, and what did move.
            maint::announce_slots(sim, &names(sim), true, self.r.smigrated_seq, |seq| {
                // Whoever sees it may start the next one.
                sim.slots_moving.store(false, Ordering::SeqCst);
                shape(&self.r).smigrated(seq, &shifts)
            });
        }
        result
    }

    /// The owner changes, together with the keys and the shard channels.
    async fn hand_over(&self, sim: &Arc<Sim>, leg: &Leg) -> Result<(), String> {
        let copied = match &leg.from.upstream {
            Some(_) => Some(copy::freeze_and_copy(sim, &leg.from, &leg.to, &leg.slots).await?),
            None => None,
        };
        let moved = {
            let mut data = lock(&sim.data);
            let keys = data.hand_over(leg.from.index, leg.to.index, &leg.slots);
            if self.r.sunsubscribe {
                let moved = |c: &crate::conn::Conn, channel: &[u8]| {
                    c.endpoint.index == leg.from.index && leg.slots.contains(&slot(channel))
                };
                lock(&sim.pubsub).end_where(Space::Shard, moved);
            }
            keys
        };
        if let Some(keys) = &copied {
            copy::clear(sim, &leg.from, &leg.slots, keys).await;
        }
        let keys = copied.map_or(moved, |k| k.len());
        sim.grew.notify_waiters();
        sim.slots_changed.notify_waiters();
        sim.event(
            "slots_moved",
            json!({"from": leg.from.name, "to": leg.to.name, "slots": ranges::text(&leg.slots), "keys": keys}),
        );
        Ok(())
    }

    /// Keys go ahead of their slots, spread over the time.
    async fn one_by_one(&self, sim: &Arc<Sim>) {
        let total: usize = {
            let mut data = lock(&sim.data);
            if let Some(table) = &mut data.slots {
                self.legs.iter().for_each(|l| table.leave_one_by_one(&l.slots, l.to.index));
            }
            self.legs.iter().map(|l| data.keys_in(l.from.index, &l.slots)).sum()
        };
        sim.event("slots_leaving", json!({"keys": total}));
        let each = Duration::from_millis(self.r.one_by_one_ms) / (total as u32).max(1);
        for leg in &self.legs {
            while lock(&sim.data).send_one(leg.from.index, leg.to.index, &leg.slots) {
                tokio::time::sleep(each).await;
            }
        }
    }
}

fn names_of(list: &[Arc<Endpoint>]) -> Vec<&str> {
    list.iter().map(|e| &e.name[..]).collect()
}

/// Accepts, answers, and does the rest in the background.
pub fn post(sim: &Arc<Sim>, r: MoveSlots) -> Answer {
    let started = start(sim, r)?;
    let answer = started.answer();
    let sim = sim.clone();
    tokio::spawn(async move { started.finish(&sim).await.is_ok() });
    answer
}
