//! Waiters: one for each event loop or thread of the host (P5). The pool only names those to be woken; who called does
//! it, when no lock is held any more. Knows no descriptors.

/// Names one waiter of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(pub(super) u32);

impl WaiterId {
    /// The one of that number. Of no use if there is none: nobody is woken.
    pub const fn from_index(index: u32) -> Self {
        Self(index)
    }

    /// Its number: small, reused after `remove_waiter`.
    pub const fn index(self) -> u32 {
        self.0
    }
}

/// Who is to be woken after a call. Waking may be spurious, and several calls may be answered by one.
#[derive(Debug, Default)]
#[must_use = "a waiter that is not woken does not read its mail"]
pub struct Wakes {
    waiters: Vec<WaiterId>,
    feed: bool,
}

impl Wakes {
    /// The waiters, each once.
    pub fn waiters(&self) -> &[WaiterId] {
        &self.waiters
    }

    /// True if whoever polls events and ticks is to look again: an event came, or the deadline is nearer.
    pub const fn feed(&self) -> bool {
        self.feed
    }

    /// Adds what another call answered.
    pub fn merge(&mut self, other: Self) {
        self.feed |= other.feed;
        self.waiters.extend(other.waiters);
        self.waiters.sort_unstable();
        self.waiters.dedup();
    }
}

/// The waiters of a pool, and those noted to be woken.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// Whether it is in use, and whether it is noted already.
    known: Vec<Option<bool>>,
    free: Vec<u32>,
    wakes: Wakes,
}

impl Waiters {
    pub(super) fn add(&mut self, limit: usize) -> Option<WaiterId> {
        if let Some(index) = self.free.pop() {
            self.known[index as usize] = Some(false);
            return Some(WaiterId(index));
        }
        if self.known.len() >= limit {
            return None;
        }
        self.known.push(Some(false));
        Some(WaiterId(self.known.len() as u32 - 1))
    }

    pub(super) fn remove(&mut self, id: WaiterId) {
        if let Some(known @ Some(_)) = self.known.get_mut(id.0 as usize) {
            *known = None;
            self.free.push(id.0);
            self.wakes.waiters.retain(|noted| *noted != id);
        }
    }

    pub(super) fn note(&mut self, id: WaiterId) {
        if let Some(Some(noted @ false)) = self.known.get_mut(id.0 as usize) {
            *noted = true;
            self.wakes.waiters.push(id);
        }
    }

    pub(super) fn note_feed(&mut self) {
        self.wakes.feed = true;
    }

    /// What was noted since.
    pub(super) fn take(&mut self) -> Wakes {
        for id in &self.wakes.waiters {
            if let Some(Some(noted)) = self.known.get_mut(id.0 as usize) {
                *noted = false;
            }
        }
        core::mem::take(&mut self.wakes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p5_a_waiter_is_noted_once_a_call_and_not_after_its_removal() {
        let mut waiters = Waiters::default();
        let (a, b) = (waiters.add(2).unwrap(), waiters.add(2).unwrap());
        assert_eq!(waiters.add(2), None);
        for _ in 0..3 {
            waiters.note(a);
            waiters.note(b);
        }
        assert_eq!(waiters.take().waiters(), [a, b]);
        assert!(waiters.take().waiters().is_empty());
        waiters.note(a);
        waiters.remove(a);
        waiters.note(a);
        waiters.note(b);
        assert_eq!(waiters.take().waiters(), [b]);
        assert_eq!(waiters.add(2), Some(a));
    }
}
