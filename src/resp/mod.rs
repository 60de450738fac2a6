//! Bytes of RESP: frame boundaries, one bounded value, one outbound command. Knows no Redis command and no maintenance.

pub mod command;
pub mod framer;
pub(crate) mod glance;
pub mod value;
