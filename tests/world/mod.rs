//! A small world around one connection, managed (`host`) or not (`unmanaged`): a driver, sockets, servers that answer when told, and a ledger of what became of
//! every command. Steps change it; after each, and when all is quiet, the rules of DESIGN must hold.
#![allow(dead_code)]

pub mod announce;
pub mod host;
pub mod ledger;
pub mod server;
pub mod step;
pub mod unmanaged;
pub mod windows;
