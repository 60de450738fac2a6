//! Who owns each slot: one word a slot, read without a lock. Knows no addresses.

use super::nodes::NodeId;
use super::slot::SLOTS;
use crate::error::Result;
use crate::mem;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

/// The owners, shared by who writes under the lock and who reads without. 64 KiB.
///
/// A word is the number of a node and not an index of 16 bits: numbers are never used again, so that a reader that comes late
/// finds no node, never another one.
#[derive(Clone, Debug)]
pub(super) struct SlotMap(Arc<[AtomicU32; SLOTS]>);

impl SlotMap {
    /// One without owners, if there is memory for it.
    pub(super) fn new() -> Result<Self> {
        mem::shared([const { AtomicU32::new(0) }; SLOTS]).map(Self)
    }

    pub(super) fn owner(&self, slot: u16) -> Option<NodeId> {
        let id = self.0.get(usize::from(slot))?.load(Ordering::Acquire);
        (id != 0).then_some(id)
    }

    /// Sets the owner; answers who it was.
    pub(super) fn set(&self, slot: u16, owner: Option<NodeId>) -> Option<NodeId> {
        let id = self.0.get(usize::from(slot))?.swap(owner.unwrap_or(0), Ordering::AcqRel);
        (id != 0).then_some(id)
    }
}
