//! Named sequences of maintenance.

use crate::cluster::plan;
use crate::conn::Kill;
use crate::limits::{MAX_SCENARIO_RUNS, MAX_TIME_S};
use crate::maint::{self, Answer, WindowRequest};
use crate::serve;
use crate::state::{Endpoint, ServerKind, Sim, lock};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub const NAMES: [&str; 9] = [
    "rolling-upgrade",
    "in-place-upgrade",
    "maintenance-mode",
    "database-version-upgrade",
    "shard-migration",
    "failover",
    "endpoint-type-none",
    "server-without-feature",
    "resp2-only",
];
/// Largest factor on the times: the longest scenario time is 15 s.
const MAX_SCALE: f64 = 100.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioRequest {
    name: String,
    #[serde(default = "one")]
    scale: f64,
    endpoint: Option<String>,
    to: Option<String>,
}

fn one() -> f64 {
    1.0
}

pub fn state(sim: &Arc<Sim>, id: &str) -> Answer {
    let runs = lock(&sim.runs);
    let found = runs.iter().find(|r| r["id"].as_u64().is_some_and(|n| n.to_string() == id));
    found
        .cloned()
        .ok_or_else(|| (404, format!("no scenario run {id:?}; POST /v1/scenario starts one and says its id")))
}

pub fn start(sim: &Arc<Sim>, r: ScenarioRequest) -> Answer {
    let Some(name) = NAMES.into_iter().chain(plan::NAMES).find(|n| *n == r.name) else {
        return Err((
            422,
            format!(
                "name: no scenario {:?}; there are {}",
                r.name,
                [&NAMES[..], &plan::NAMES].concat().join(", ")
            ),
        ));
    };
    if !(r.scale > 0.0 && r.scale <= MAX_SCALE && 15.0 * r.scale <= MAX_TIME_S) {
        return Err((422, format!("scale must be more than 0 and at most {MAX_SCALE}")));
    }
    let pick = |field: &str, given: &Option<String>, index: usize| -> Result<Arc<Endpoint>, (u16, String)> {
        let found = match given {
            Some(n) => sim.endpoint(n),
            None => sim.endpoints.get(index),
        };
        found.ok_or_else(|| (404, format!("{field}: there is no such endpoint")))
    };
    let from = pick("endpoint", &r.endpoint, 0)?;
    let to = match r.to {
        None if !matches!(name, "rolling-upgrade" | "maintenance-mode") => from.clone(),
        ref given => {
            let other = sim.endpoints.iter().position(|e| e.name != from.name).unwrap_or(usize::MAX);
            pick("to", given, other)?
        }
    };
    let mut runs = lock(&sim.runs);
    if runs.iter().any(|r| r["state"] == "running") {
        return Err((409, "a scenario is running: wait until it is done".into()));
    }
    let id = runs.last().and_then(|r| r["id"].as_u64()).unwrap_or(0) + 1;
    let run = json!({"ok": true, "id": id, "name": name, "scale": r.scale, "state": "running", "steps": []});
    if runs.len() >= MAX_SCENARIO_RUNS {
        runs.remove(0);
    }
    runs.push(run.clone());
    drop(runs);
    let (asked, wanted) = (r.endpoint.is_some(), r.to.is_some());
    let run_of = Run { sim: sim.clone(), id, scale: r.scale, from, to, asked, wanted };
    tokio::spawn(async move {
        let result = run_of.play(name).await;
        run_of.change(|r| match result {
            Ok(()) => r["state"] = json!("done"),
            Err((_, text)) => {
                r["state"] = json!("failed");
                r["error"] = json!(text);
            }
        });
        run_of.sim.event("scenario_ended", json!({"id": id, "name": name}));
    });
    Ok(run)
}

struct Run {
    sim: Arc<Sim>,
    id: u64,
    scale: f64,
    from: Arc<Endpoint>,
    to: Arc<Endpoint>,
    /// The request named `from`, and `to`.
    asked: bool,
    wanted: bool,
}

type Step = Result<(), maint::Refused>;

impl Run {
    fn change(&self, f: impl FnOnce(&mut Value)) {
        if let Some(r) = lock(&self.sim.runs).iter_mut().find(|r| r["id"] == self.id) {
            f(r);
        }
    }

    fn step(&self, what: &str) {
        let ms = self.sim.ms();
        self.change(|r| {
            if let Some(steps) = r["steps"].as_array_mut() {
                steps.push(json!({"ms": ms, "step": what}));
            }
        });
    }

    fn time(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds * self.scale)
    }

    async fn pause(&self, seconds: f64) {
        tokio::time::sleep(self.time(seconds)).await;
    }

    fn notify(&self, kind: &'static str) -> Step {
        self.step(kind);
        let r = WindowRequest {
            endpoint: Some(self.from.name.clone()),
            time_s: 10.0 * self.scale,
            ..WindowRequest::default()
        };
        maint::window(&self.sim, kind, &r).map(drop)
    }

    /// Starter, the usual two seconds, replies held, terminator.
    async fn window(&self, starter: &'static str, terminator: &'static str, held: f64) -> Step {
        self.notify(starter)?;
        self.pause(2.0).await;
        self.step("replies held");
        maint::freeze(&self.sim, Some(&self.from.name), self.time(held)).await;
        self.notify(terminator)
    }

    async fn moving(&self, to: Option<&str>) -> Step {
        self.step("MOVING");
        let ms = (2000.0 * self.scale) as u64;
        let r = json!({"from": self.from.name, "to": to, "time_s": 15.0 * self.scale, "close_after_ms": ms});
        let r = serde_json::from_value(r).map_err(|e| (500, e.to_string()))?;
        let node = self.from.node.load(std::sync::atomic::Ordering::SeqCst);
        let id = maint::start_move(&self.sim, r).await?["move"].as_u64().unwrap_or(u64::MAX);
        self.pause(17.0).await;
        while lock(&self.sim.maint).is_moving(id)
            || !self.sim.connections(Some(&self.from.name), Some(node)).is_empty()
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.step("old node closed");
        Ok(())
    }

    /// Everybody is disconnected and refused for a while, as when a process is started again.
    async fn restart(&self, away: f64) -> Step {
        self.step("connections closed, refused");
        serve::refuse(&self.sim, &self.from, true).await.map_err(|e| (500, e))?;
        self.sim.end(&self.sim.connections(Some(&self.from.name), None), Kill::Close).await;
        self.pause(away).await;
        serve::refuse(&self.sim, &self.from, false).await.map_err(|e| (500, e))?;
        self.step("accepts again");
        Ok(())
    }

    /// A server of this kind is started in the place, serves, is started again, and gives the place back.
    async fn other_server(&self, kind: ServerKind) -> Step {
        let before = std::mem::replace(&mut lock(&self.sim.settings).kind, kind);
        let result = async {
            self.restart(0.5).await?;
            self.pause(5.0).await;
            self.restart(1.0).await?;
            self.pause(5.0).await;
            Ok(())
        };
        let result = result.await;
        lock(&self.sim.settings).kind = before;
        self.step("as before");
        result
    }

    async fn play(&self, name: &str) -> Step {
        if plan::NAMES.contains(&name) {
            let (of, to) = (self.asked.then_some(&self.from), self.wanted.then_some(&self.to));
            return plan::play(&self.sim, name, of, to, self.scale, |what| self.step(what)).await;
        }
        if lock(&self.from.faults).gone {
            serve::refuse(&self.sim, &self.from, false).await.map_err(|e| (409, e))?;
        }
        match name {
            "rolling-upgrade" => {
                self.window("MIGRATING", "MIGRATED", 0.8).await?;
                self.pause(1.0).await;
                self.moving(Some(&self.to.name)).await
            }
            "in-place-upgrade" => {
                self.window("MIGRATING", "MIGRATED", 0.8).await?;
                self.pause(1.0).await;
                self.restart(1.0).await
            }
            "maintenance-mode" => {
                self.window("FAILING_OVER", "FAILED_OVER", 0.5).await?;
                self.pause(1.0).await;
                self.moving(Some(&self.to.name)).await
            }
            "database-version-upgrade" => {
                self.window("MIGRATING", "MIGRATED", 0.8).await?;
                self.pause(1.0).await;
                self.window("FAILING_OVER", "FAILED_OVER", 0.5).await
            }
            "shard-migration" => self.window("MIGRATING", "MIGRATED", 0.8).await,
            "failover" => self.window("FAILING_OVER", "FAILED_OVER", 1.5).await,
            "endpoint-type-none" => self.moving(None).await,
            "server-without-feature" => self.other_server(ServerKind::OpenSource).await,
            "resp2-only" => self.other_server(ServerKind::Resp2Only).await,
            other => Err((500, format!("scenario {other} has no steps"))),
        }
    }
}
