//! What the mailbox is built of. The model check (`tests/pool_model.rs`) compiles the mailbox with other ones of the same
//! names.

pub(super) use parking_lot::Mutex;
pub(super) use std::sync::Arc;
pub(super) use std::sync::atomic::{AtomicU32, Ordering};
