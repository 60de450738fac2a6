//! The mailbox under every order of its steps that the memory model allows (P5): its source, compiled with loom's locks and
//! atomics in place of the real ones.
#![allow(dead_code, clippy::disallowed_methods)] // a part of the mailbox is used; threads are what is checked

mod sync {
    pub(super) use loom::sync::Arc;
    pub(super) use loom::sync::atomic::{AtomicU32, Ordering};

    /// As `parking_lot::Mutex`: no poison.
    #[derive(Debug)]
    pub(super) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(super) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(super) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().expect("no panic inside")
        }
    }
}

#[path = "../src/pool/mailbox.rs"]
mod mailbox;

use loom::thread;
use mailbox::{Board, MAIL, OWNED, Slot, WAVE};
use sync::{Arc, Mutex};

/// All orders with at most so many preemptions: two find every known mistake of this kind, three are to be sure.
fn check(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(run);
}

fn take(slot: &Slot<u32, u32>, got: &mut Vec<u32>) {
    let mut own = Vec::new();
    slot.take(|fact| got.push(*fact), |one| own.push(one));
    got.append(&mut own);
}

/// One thread posts on the board, another into the slot, a third reads whenever there is mail. What it did not get, the word
/// says is still there.
#[test]
fn p5_nothing_posted_is_lost_or_told_twice() {
    check(3, || {
        let board = Arc::new(Board::new());
        let slot = Arc::new(Slot::<u32, u32>::new(0));
        slot.change_board(Some(board.clone()));
        let poster = {
            let (board, slot) = (board.clone(), slot.clone());
            thread::spawn(move || {
                for fact in [1, 2] {
                    board.post(fact, 8);
                    slot.set(MAIL);
                }
            })
        };
        let granter = {
            let slot = slot.clone();
            thread::spawn(move || {
                slot.post(10);
            })
        };
        let mut got = Vec::new();
        for _ in 0..2 {
            if slot.has_mail() {
                take(&slot, &mut got);
            }
        }
        poster.join().unwrap();
        granter.join().unwrap();
        if slot.has_mail() {
            take(&slot, &mut got);
        }
        assert!(!slot.has_mail());
        got.sort_unstable();
        assert_eq!(got, [1, 2, 10]);
    });
}

/// A wave begins while an owner gives its member back: it is queued as idle, by the one or the other.
#[test]
fn p3_a_member_given_back_while_a_wave_begins_is_found_idle() {
    check(3, || {
        let slot = Arc::new(Slot::<u32, u32>::new(0));
        slot.set(OWNED);
        let state = Arc::new(Mutex::new((false, false))); // is part, is queued as idle
        let enroller = {
            let (slot, state) = (slot.clone(), state.clone());
            thread::spawn(move || {
                let mut state = state.lock();
                let word = slot.set(WAVE);
                *state = (true, word & OWNED == 0);
            })
        };
        if slot.clear(OWNED) & WAVE != 0 {
            let mut state = state.lock();
            if state.0 {
                state.1 = true;
            }
        }
        enroller.join().unwrap();
        assert_eq!(*state.lock(), (true, true));
    });
}

/// A member is granted while its owner gives it back: its owner is woken before it gives it back, or the feed has it.
#[test]
fn p1_a_grant_reaches_the_owner_or_the_feed() {
    check(3, || {
        let slot = Arc::new(Slot::<u32, u32>::new(0));
        slot.set(OWNED | WAVE);
        let state = Arc::new(Mutex::new((false, false))); // granted, fed
        let granter = {
            let (slot, state) = (slot.clone(), state.clone());
            thread::spawn(move || {
                let mut state = state.lock();
                let word = slot.post(10);
                *state = (true, word & OWNED == 0);
            })
        };
        let mut got = Vec::new();
        if slot.has_mail() {
            take(&slot, &mut got);
        }
        if slot.clear(OWNED) & WAVE != 0 {
            let mut state = state.lock();
            state.1 |= state.0;
        }
        granter.join().unwrap();
        assert!(state.lock().1, "nobody owns it now: the feed must have it");
        if got.is_empty() {
            assert!(slot.has_mail());
        }
    });
}
