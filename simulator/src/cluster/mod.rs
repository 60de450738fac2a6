//! Several nodes as one database: slots, redirections, moves of slots with their data.

pub mod copy;
pub mod data;
pub mod endpoints;
mod frames;
pub mod hash;
pub mod http;
pub mod keys;
pub mod moves;
pub mod nodes;
pub mod plan;
pub mod ranges;
pub mod relay;
mod table;
pub mod topology;
