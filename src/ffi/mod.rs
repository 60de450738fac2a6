//! The C ABI: pointers, panics and status codes, one noun per file. Takes no decision; `include/sch.h` is generated from it.

#![allow(unsafe_code, reason = "this is the border to C")]
#![allow(non_camel_case_types, reason = "types have their C names")]

pub mod action;
mod boundary;
pub mod cluster;
pub mod cluster_types;
pub mod config;
pub mod conn;
pub mod counts;
pub mod event;
mod handle;
pub mod join;
pub mod log;
pub mod pool;
pub mod push;
pub mod receive;
mod shared;
pub mod status;
pub mod version;
pub mod wake;
