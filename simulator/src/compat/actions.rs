//! Actions by number: pending, running, then success or failed.

use super::steps::Step;
use super::text::now;
use crate::limits::MAX_ACTIONS;
use crate::maint::{Answer, Refused};
use crate::state::{Sim, lock};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;

struct Action {
    id: u64,
    kind: String,
    status: &'static str,
    output: Value,
    error: Option<String>,
    submitted: String,
    started: Option<String>,
    ended: Option<String>,
}

#[derive(Default)]
pub struct Actions {
    list: VecDeque<Action>,
    last: u64,
}

impl Actions {
    fn add(&mut self, kind: &str) -> Result<u64, Refused> {
        if self.list.len() >= MAX_ACTIONS {
            let over = self.list.iter().position(|a| a.ended.is_some());
            let over = over.ok_or_else(|| (409, format!("{MAX_ACTIONS} actions are under way")))?;
            self.list.remove(over);
        }
        self.last += 1;
        self.list.push_back(Action {
            id: self.last,
            kind: kind.into(),
            status: "pending",
            output: Value::Null,
            error: None,
            submitted: now(),
            started: None,
            ended: None,
        });
        Ok(self.last)
    }

    pub fn all(&self) -> Value {
        let one = |a: &Action| json!({"job_id": a.id.to_string(), "action_type": a.kind, "status": a.status, "submitted_at": a.submitted});
        json!({"actions": self.list.iter().map(one).collect::<Vec<_>>()})
    }

    pub fn one(&self, id: &str) -> Answer {
        let found = self.list.iter().find(|a| a.id.to_string() == id);
        let a = found.ok_or((404, "Action not found".to_string()))?;
        let progress = if a.ended.is_some() { 100 } else { 0 };
        Ok(json!({"action_id": id, "status": a.status, "error": a.error, "output": a.output,
            "progress": progress, "start_time": a.started, "end_time": a.ended}))
    }
}

fn change(sim: &Sim, id: u64, status: &'static str, f: impl FnOnce(&mut Action)) {
    if let Some(a) = lock(&sim.compat).actions.list.iter_mut().find(|a| a.id == id) {
        a.status = status;
        f(a);
    }
    sim.event("action", json!({"action_id": id.to_string(), "status": status}));
}

/// Accepts the action, answers, and does it in the background.
pub fn start(sim: &Arc<Sim>, kind: &str, step: Step) -> Answer {
    let id = lock(&sim.compat).actions.add(kind)?;
    sim.event("action", json!({"action_id": id.to_string(), "type": kind, "status": "pending"}));
    let sim = sim.clone();
    tokio::spawn(async move {
        change(&sim, id, "running", |a| a.started = Some(now()));
        match step.run(&sim).await {
            Ok(output) => change(&sim, id, "success", |a| {
                a.output = output;
                a.ended = Some(now());
            }),
            Err(text) => change(&sim, id, "failed", |a| {
                a.error = Some(text);
                a.ended = Some(now());
            }),
        }
    });
    Ok(json!({"action_id": id.to_string(), "status": "pending", "message": format!("{kind} accepted")}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_are_kept_and_those_under_way_are_not_forgotten() {
        let mut actions = Actions::default();
        for _ in 0..MAX_ACTIONS {
            actions.add("wait").unwrap();
        }
        assert_eq!(actions.add("wait").unwrap_err().0, 409);
        actions.list[5].ended = Some(now());
        actions.add("wait").unwrap();
        assert_eq!(actions.list.len(), MAX_ACTIONS);
        assert_eq!(actions.one("6").unwrap_err().0, 404);
        assert!(actions.one("5").is_ok());
    }
}
