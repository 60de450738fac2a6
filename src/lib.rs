//! libsch: smart client handoffs for Redis drivers. A sans-IO core behind a C ABI.

pub mod action;
mod action_text;
pub mod cluster;
pub mod commands;
pub mod config;
pub mod conn;
pub mod endpoint;
pub mod error;
pub mod exchange;
pub mod ffi;
pub mod log;
mod mem;
pub mod notification;
pub mod optin;
pub mod pool;
mod rare;
pub mod resp;
pub mod time;
