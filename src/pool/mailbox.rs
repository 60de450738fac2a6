//! The mailbox of a member: one slot of merged facts, and one word that says whether there are any (P5). Knows nothing of
//! what is in it; this file is also compiled by the model check.
//!
//! Facts of a node are on a *board* that all its members share: each member keeps only how far it has read. What is for
//! one member alone is in its slot.
//!
//! Why nothing is lost: who posts puts the content down first and sets [`MAIL`] after it; who takes clears [`MAIL`] first and looks
//! after that. A post that comes in between leaves the word set for another look, which may find nothing.
//!
//! Locks: slot, then board. Neither is held while anything else is called.

use super::sync::{Arc, AtomicU32, Mutex, Ordering};
use std::collections::VecDeque;

/// There may be mail.
pub(super) const MAIL: u32 = 1;
/// The member is owned by a user.
pub(super) const OWNED: u32 = 2;
/// The member is part of a wave: taking and giving it back concerns the pool.
pub(super) const WAVE: u32 = 4;

/// Facts that all members of a node share, numbered from 1 in the order they came.
#[derive(Debug)]
pub(super) struct Board<F> {
    log: Mutex<Log<F>>,
}

#[derive(Debug)]
struct Log<F> {
    facts: VecDeque<(u64, F)>,
    last: u64,
}

impl<F: Clone> Board<F> {
    pub(super) fn new() -> Self {
        Self { log: Mutex::new(Log { facts: VecDeque::new(), last: 0 }) }
    }

    /// Adds a fact. Beyond `limit` the oldest gives way. Answers how many there are, and whether one gave way.
    pub(super) fn post(&self, fact: F, limit: usize) -> (usize, bool) {
        let mut log = self.log.lock();
        log.last += 1;
        let number = log.last;
        log.facts.push_back((number, fact));
        let over = log.facts.len() > limit;
        if over {
            log.facts.pop_front();
        }
        (log.facts.len(), over)
    }

    /// The number of the last fact.
    pub(super) fn last(&self) -> u64 {
        self.log.lock().last
    }

    /// Keeps what `keep` says; answers how many that are.
    pub(super) fn retain(&self, mut keep: impl FnMut(&F) -> bool) -> usize {
        let mut log = self.log.lock();
        log.facts.retain(|(_, fact)| keep(fact));
        log.facts.len()
    }

    /// All facts, oldest first.
    pub(super) fn all(&self) -> Vec<F> {
        self.log.lock().facts.iter().map(|(_, fact)| fact.clone()).collect()
    }

    /// Gives the facts after `read` to `each`; answers the number of the last one.
    fn after(&self, read: u64, mut each: impl FnMut(&F)) -> u64 {
        let log = self.log.lock();
        // The newest are at the end: count back to where they begin.
        let unread = log.facts.iter().rev().take_while(|(number, _)| *number > read).count();
        let start = log.facts.len() - unread;
        log.facts.range(start..).for_each(|(_, fact)| each(fact));
        log.last
    }
}

/// The mailbox of one member.
#[derive(Debug)]
pub(super) struct Slot<P, F> {
    word: AtomicU32,
    /// Who is to be woken; the number means nothing here.
    waiter: AtomicU32,
    inside: Mutex<Inside<P, F>>,
}

#[derive(Debug)]
struct Inside<P, F> {
    board: Option<Arc<Board<F>>>,
    /// The number of the last fact on the board that was read, or is not to be.
    read: u64,
    /// For this member alone, in order.
    own: Vec<P>,
}

impl<P, F: Clone> Slot<P, F> {
    pub(super) fn new(waiter: u32) -> Self {
        Self {
            word: AtomicU32::new(0),
            waiter: AtomicU32::new(waiter),
            inside: Mutex::new(Inside { board: None, read: 0, own: Vec::new() }),
        }
    }

    /// Before [`OWNED`] is set: who sees that bit sees this.
    pub(super) fn set_waiter(&self, waiter: u32) {
        self.waiter.store(waiter, Ordering::Relaxed);
    }

    pub(super) fn waiter(&self) -> u32 {
        self.waiter.load(Ordering::Relaxed)
    }

    /// The one atomic load.
    pub(super) fn has_mail(&self) -> bool {
        self.word.load(Ordering::Acquire) & MAIL != 0
    }

    pub(super) fn word(&self) -> u32 {
        self.word.load(Ordering::Acquire)
    }

    /// Sets bits, answers the word before. Content that was put down before is seen by who sees the bits.
    pub(super) fn set(&self, bits: u32) -> u32 {
        self.word.fetch_or(bits, Ordering::AcqRel)
    }

    /// Clears bits, answers the word before.
    pub(super) fn clear(&self, bits: u32) -> u32 {
        self.word.fetch_and(!bits, Ordering::AcqRel)
    }

    /// Puts something in that is for this member alone; answers the word before.
    pub(super) fn post(&self, one: P) -> u32 {
        self.inside.lock().own.push(one);
        self.set(MAIL)
    }

    /// From here on this board is read, from its end; what was unread on another one is dropped.
    pub(super) fn change_board(&self, board: Option<Arc<Board<F>>>) {
        let last = board.as_ref().map_or(0, |board| board.last());
        let mut inside = self.inside.lock();
        inside.board = board;
        inside.read = last;
    }

    /// Takes all there is: of the board first, which came before what follows from it. `board` and `own` are called under
    /// the lock of this slot and do nothing but put away.
    pub(super) fn take(&self, board: impl FnMut(&F), mut own: impl FnMut(P)) {
        self.clear(MAIL);
        let mut guard = self.inside.lock();
        let inside = &mut *guard;
        if let Some(shared) = &inside.board {
            inside.read = shared.after(inside.read, board);
        }
        // The room is given back: most mailboxes are empty for days.
        for one in core::mem::take(&mut inside.own) {
            own(one);
        }
    }

    /// Takes out of what is for this member alone all that `which` says; true if there was any.
    pub(super) fn withdraw(&self, which: impl Fn(&P) -> bool) -> bool {
        let mut inside = self.inside.lock();
        let before = inside.own.len();
        inside.own.retain(|one| !which(one));
        before > inside.own.len()
    }

    /// Whether something that is for this member alone was not taken yet.
    pub(super) fn holds(&self, which: impl Fn(&P) -> bool) -> bool {
        self.inside.lock().own.iter().any(which)
    }
}
