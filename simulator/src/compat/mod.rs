//! The two HTTP interfaces other drivers' own suites are written for: the RESP proxy's and the fault injector's. They
//! are served beside `/v1`, on the same port: the suites take base URLs, and the paths do not collide.

mod actions;
mod databases;
mod fault_injector;
pub mod interceptors;
mod proxy;
mod reset;
mod rladmin;
mod steps;
mod text;
mod triggers;

pub use text::now;

use crate::maint::Answer;
use crate::state::{Sim, lock};
use std::sync::Arc;

pub const ROUTES: &str = "those of the RESP proxy and of the fault injector (see the README)";

/// What the two interfaces remember.
#[derive(Default)]
pub struct Compat {
    pub actions: actions::Actions,
    pub databases: databases::Databases,
    pub nodes: proxy::Nodes,
    /// Who had which slots at the start, and how many endpoints there were.
    pub owners: reset::Owners,
    pub at_start: usize,
}

/// Before anybody can change anything.
pub fn start(sim: &Sim) {
    let mut compat = lock(&sim.compat);
    compat.owners = reset::owners(sim);
    compat.at_start = sim.endpoints.len();
}

/// None: the route is not one of these.
pub async fn route(sim: &Arc<Sim>, method: &str, path: &str, query: &str, body: &[u8]) -> Option<Answer> {
    let query = text::Query::parse(query);
    let parts: Vec<String> = path.split('/').skip(1).map(text::percent_decoded).collect();
    let parts: Vec<&str> = parts.iter().map(|p| &p[..]).collect();
    match proxy::route(sim, method, &parts, &query, body).await {
        Some(answer) => Some(answer),
        None => fault_injector::route(sim, method, &parts, &query, body),
    }
}
