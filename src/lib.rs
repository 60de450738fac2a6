//! libsch: smart client handoffs for Redis drivers. A sans-IO core behind a C ABI.

pub mod endpoint;
pub mod notification;
pub mod optin;
pub mod resp;
pub mod time;
