//! Named sequences of maintenance.
use crate::maint::Answer;
use crate::state::Sim;
use serde_json::Value;
use std::sync::Arc;

pub fn state(_: &Arc<Sim>, _: &str) -> Answer {
    Err((404, "not yet".into()))
}
pub fn start(_: &Arc<Sim>, _: Value) -> Answer {
    Err((404, "not yet".into()))
}
