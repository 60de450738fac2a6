//! The routes about nodes and slots.

use super::{moves, nodes};
use crate::http::parse;
use crate::maint::Answer;
use crate::state::Sim;
use std::sync::Arc;

pub const ROUTES: &str = "GET /v1/endpoints, POST /v1/slots, /v1/node_add, /v1/node_remove";

/// None: the route is not one of these.
pub async fn route(sim: &Arc<Sim>, method: &str, path: &str, body: &[u8]) -> Option<Answer> {
    Some(match (method, path) {
        ("GET", "/v1/endpoints") => Ok(nodes::list(sim)),
        ("POST", "/v1/slots") => parse(body).and_then(|r| moves::post(sim, r)),
        ("POST", "/v1/node_add") => match parse(body) {
            Ok(r) => nodes::post_add(sim, r).await,
            Err(e) => Err(e),
        },
        ("POST", "/v1/node_remove") => match parse(body) {
            Ok(r) => nodes::post_remove(sim, r).await,
            Err(e) => Err(e),
        },
        _ => return None,
    })
}
