//! What the driver does with each action, what it answers, and what it calls by mistake.

use super::super::step::Lapse;
use super::commands::key;
use super::*;
use sch::action::{Action, LostOutcome, OffReason, Outcome, RestoreReason};
use sch::conn::Span;

impl Host {
    pub(super) fn actions(&mut self) {
        if self.parsing {
            return;
        }
        while let Some(action) = self.conn.poll_action() {
            writeln!(self.story, "{action}").unwrap();
            self.levels.check(&action);
            self.act(action);
        }
        self.tx_just_ended = false;
        if !self.closed {
            let c = self.conn.counters();
            self.windows.handoffs_run(self.now, c.handoffs_started - self.ledger.handoffs_finished);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Relax { .. } => self.ledger.relax(),
            Action::Restore { reason } => {
                self.ledger.restore();
                if reason == RestoreReason::Ended {
                    self.windows.all_end();
                }
            }
            Action::Open { transport, .. } => {
                self.check_open();
                self.open(transport, false);
            }
            Action::Hold { transport } => self.hold(transport),
            Action::Release { transport } => {
                self.check_release(transport);
                (self.holding, self.hold_asked) = (false, false);
            }
            Action::Swap { old, new, .. } => {
                self.check_swap(old, new);
                self.swap_asked = Some(new);
                if !self.setup.lazy_swap {
                    self.answer_swap(true);
                }
            }
            Action::Close { transport, reason } => {
                self.check_close(transport, reason);
                if self.swap_asked == Some(transport) {
                    self.swap_asked = None;
                }
                let mine = self.leave(transport);
                self.forget(transport);
                if mine {
                    self.mine_is_gone();
                }
            }
            Action::Lost { first, count, outcome, replies, .. } => self.lost(first, count, outcome, &replies),
            Action::TransactionBroken => {
                self.check_broken();
                self.fences[HostFence::Transaction as usize - 1] = false;
                (self.tx, self.watching) = (None, false);
            }
            Action::SendOptin { transport, data, replies } => {
                let link =
                    self.links.get_mut(&transport).expect("SEND_OPTIN is for a transport that there is");
                assert!(link.greeted, "E8: SEND_OPTIN before the driver's handshake has ended");
                link.out.extend_from_slice(&data);
                link.waiting.extend((0..replies).map(|_| Waits::Own));
            }
            Action::SchOff { reason, .. } => match reason {
                OffReason::Uncounted => {
                    assert!(!std::mem::replace(&mut self.uncounted, true), "N7: said twice");
                    let miscounted =
                        self.links.get(&self.mine).is_some_and(|link| link.miscounted || link.spoilt);
                    assert!(miscounted, "N7: all was counted");
                }
                OffReason::Broken => self.broken = true,
                _ => {}
            },
            Action::HandoffFinished { outcome, seq, .. } => {
                self.check_finished();
                (self.holding, self.hold_asked, self.swap_asked) = (false, false, None);
                self.ledger.handoffs_finished += 1;
                self.windows.handoff_ended(self.now, seq, outcome == Outcome::Swapped);
            }
            Action::SlotsMoved { seq, .. } => {
                let new = seq.is_none_or(|seq| self.slots_moved.insert(seq));
                assert!(new, "N3: SLOTS_MOVED twice for {seq:?}");
            }
            _ => {}
        }
    }

    // ---- questions -----------------------------------------------------------------------------------------------------

    fn hold(&mut self, transport: u64) {
        self.check_hold(transport);
        (self.holding, self.held_since) = (true, self.now);
        if self.lapses(Lapse::NeverHeld) {
            return;
        }
        self.hold_asked = true;
        if !self.setup.lazy_hold {
            self.answer_hold();
        }
    }

    /// At a command boundary, and with what is in flight said before.
    pub(super) fn answer_hold(&mut self) {
        if !self.hold_asked || self.conn.phase() != Phase::Draining {
            return;
        }
        self.hold_asked = false;
        // Level 1 must; of the others some do.
        let level_1 = self.setup.levels == (1, 1);
        if level_1 && self.lapses(Lapse::HeldUncounted) {
            self.link(self.mine).miscounted = true;
        } else if level_1 || (self.states_count() && self.habit(0) && self.habit(5)) {
            // Not `count`: the actions of this input are being drained.
            let told = self.conn.counters().commands;
            self.conn.handle_in_flight(self.at(), self.unanswered()).expect("in_flight");
            self.numbers += self.conn.counters().commands - told;
        }
        // What is due goes first: the hold may have ended with it.
        if self.conn.handle_held(self.at()).is_err() {
            assert_ne!(self.conn.phase(), Phase::Draining, "E5: HOLD was asked, and its answer is refused");
        }
        self.actions();
    }

    pub(super) fn answer_swap(&mut self, ok: bool) {
        let Some(new) = self.swap_asked.take() else { return };
        if self.conn.phase() != Phase::Swapping {
            return;
        }
        let answer =
            if ok { self.conn.handle_swapped(self.at()) } else { self.conn.handle_swap_refused(self.at()) };
        match answer {
            Ok(()) if ok => {
                let old = std::mem::replace(&mut self.mine, new);
                self.check_swapped(old);
            }
            Ok(()) => {}
            // What is due goes first: it counts as refused since then.
            Err(_) => assert_ne!(
                self.conn.phase(),
                Phase::Swapping,
                "E5: SWAP was asked, and its answer is refused"
            ),
        }
        self.actions();
    }

    fn lost(&mut self, first: u64, count: u64, outcome: LostOutcome, replies: &[u8]) {
        assert_eq!(outcome, LostOutcome::Unknown, "L1: nothing else is known below level 3");
        for number in first..first + count {
            let miscounted = self.links.values().any(|link| link.miscounted);
            if miscounted && self.ledger.has_ended(key(number)) {
                continue;
            }
            self.ledger.lost(key(number), 1, End::Unknown);
        }
        if self.on_loss == OnLoss::Reply {
            let errors = replies.iter().filter(|b| **b == b'\n').count();
            self.ledger.stood_in(first, count, errors);
        } else if !self.closed {
            self.conn.handle_losses_settled(self.at()).expect("settled");
        }
    }

    // ---- mistakes that are refused ---------------------------------------------------------------------------------------

    /// Calls of other levels, answers that nobody asked for, transports that there are not.
    pub(super) fn mistake(&mut self, which: u8) {
        let (now, phase, mine) = (self.at(), self.conn.phase(), self.mine);
        let mut room = [Span::EMPTY; 4];
        let refused = match which % 14 {
            0 => self.conn.handle_connected(now, 999, None).err(),
            1 => self.conn.handle_closed(now, 998, b"x").err(),
            2 => self.conn.handle_wrote(now, mine, 1).err(),
            3 if phase != Phase::Draining => self.conn.handle_held(now).err(),
            4 if phase != Phase::Swapping => self.conn.handle_swapped(now).err(),
            5 if phase != Phase::Swapping => self.conn.handle_swap_refused(now).err(),
            6 => self.conn.handle_submit(now, b"*1\r\n$4\r\nPING\r\n").err(),
            7 => self.conn.handle_credentials(now, None, b"p").err(),
            8 => self.conn.cancel(now, 1).err(),
            9 if self.level_in == 1 => self.conn.handle_receive(now, mine, b"+OK\r\n", &mut room).err(),
            9 => self.conn.handle_push(now, mine, b">1\r\n+MOVING\r\n").err(),
            10 if self.level_out == 1 => self.conn.handle_owe_on(now, mine, 1).err(),
            10 if !self.states_count() => self.conn.handle_in_flight(now, 3).err(),
            11 if self.level_in == 2 => self.conn.handle_optin_reply(now, mine, b"+OK\r\n").err(),
            11 => self.conn.handle_push(now, mine, b">2\r\n+MIGR").err(),
            12 => self.conn.handle_ready(now, 997).err(),
            13 => self.conn.handle_resp2(now, 996).err(),
            _ => return,
        };
        let text = refused.unwrap_or_else(|| panic!("mistake {} is taken", which % 14)).to_string();
        assert!(text.len() > 10, "an error says what to do: {text:?}");
        self.actions();
    }
}
