//! libsch: smart client handoffs for Redis drivers. A sans-IO core behind a C ABI.

pub mod commands;
pub mod resp;
