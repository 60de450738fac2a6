//! What the host does with each action.

use super::faults::ANSWER_MOST;
use super::net::{Event, State};
use super::world::World;
use crate::world::ledger::End;
use sch::action::{Action, CloseReason, LostOutcome, OffReason, Outcome, RestoreReason, TransportId};
use sch::config::OnLoss;
use sch::conn::Phase;

/// For what must be met in a run of many seeds.
fn name_of(action: &Action) -> &'static str {
    match action {
        Action::Restore { reason: RestoreReason::Terminated } => "restore, terminated",
        Action::Restore { reason: RestoreReason::Expired } => "restore, expired",
        Action::Close { reason: CloseReason::Swapped, .. } => "close, swapped",
        Action::Close { reason: CloseReason::AttemptFailed, .. } => "close, attempt failed",
        Action::Close { reason: CloseReason::Superseded, .. } => "close, superseded",
        Action::Close { reason: CloseReason::HandoffEnded, .. } => "close, handoff ended",
        Action::Close { reason: CloseReason::Loss, .. } => "close, loss",
        Action::Lost { outcome: LostOutcome::Unknown, .. } => "lost, unknown",
        Action::Lost { outcome: LostOutcome::NotExecuted, .. } => "lost, not executed",
        Action::Lost { outcome: LostOutcome::NeverWritten, .. } => "lost, never written",
        Action::HandBack { .. } => "hand back",
        Action::ResetParser => "reset parser",
        Action::Overdue { .. } => "overdue",
        Action::Swap { old: None, .. } => "swap, the old one is dead",
        Action::HandoffFinished { outcome: Outcome::Swapped, .. } => "handoff swapped",
        Action::HandoffFinished { outcome: Outcome::Failed, .. } => "handoff failed",
        Action::HandoffFinished { outcome: Outcome::Refused, .. } => "handoff refused",
        Action::HandoffFinished { outcome: Outcome::Superseded, .. } => "handoff superseded",
        Action::SchOff { .. } => "sch off",
        _ => "another",
    }
}

impl World {
    pub fn actions(&mut self, client: usize) -> bool {
        let mut moved = false;
        while let Some(action) = self.clients[client].conn.poll_action() {
            moved = true;
            self.note(client, format_args!("{action}"));
            self.story.met.insert(name_of(&action));
            self.act(client, action);
        }
        moved
    }

    fn act(&mut self, client: usize, action: Action) {
        let c = &mut self.clients[client];
        match action {
            Action::Relax { .. } => c.ledger.relax(),
            Action::Restore { .. } => c.ledger.restore(),
            Action::Open { transport, endpoint, .. } => self.connect(client, transport, &endpoint, true),
            Action::Close { transport, reason } => {
                if reason == CloseReason::Loss {
                    c.parser.clear();
                }
                if let Some(socket) = self.net.find(client, transport) {
                    self.net.close(socket);
                    let delay = self.delay();
                    self.net.send_to_server(socket, delay, Event::ClientClosed { socket });
                }
                let was_mine = self.leave(client, transport);
                self.forget(client, transport, was_mine);
            }
            Action::Swap { old, new, .. } => {
                let open =
                    self.net.find(client, new).is_some_and(|s| self.net.sockets[s].state == State::Open);
                assert!(open, "H4: SWAP to a candidate that is not open");
                self.check_swap(client, old, new);
                self.clients[client].unanswered_swap = true;
                let ok = self.is_quiet || !self.random.chance(self.setup.refuse_swap);
                if self.random.chance(self.setup.lazy) {
                    let at = self.net.now + self.random.below(ANSWER_MOST);
                    self.net.push(at, Event::AnswerSwap { client, transport: new, ok });
                } else {
                    self.answer_swap(client, new, ok);
                }
            }
            Action::Lost { first, count, outcome, replies, .. } => {
                let is_known = outcome == LostOutcome::Unknown || self.level(client) == 3;
                assert!(is_known, "L1: level 2 knows nothing else than Unknown");
                if self.level(client) == 2 {
                    self.story.met.insert("level 2, lost");
                }
                let c = &mut self.clients[client];
                let end = match outcome {
                    LostOutcome::Unknown => End::Unknown,
                    LostOutcome::NotExecuted => End::NotExecuted,
                    LostOutcome::NeverWritten => End::NeverWritten,
                };
                c.ledger.lost(first, count, end);
                self.try_again(client, first, count, end);
                let c = &mut self.clients[client];
                if self.setup.on_loss == OnLoss::Reply {
                    let errors = replies.iter().filter(|b| **b == b'\n').count();
                    c.ledger.stood_in(first, count, errors);
                } else if !std::mem::replace(&mut c.settling, true) {
                    let late = if self.random.chance(self.setup.lazy) { ANSWER_MOST } else { 1 };
                    let at = self.net.now + self.random.below(late);
                    self.net.push(at, Event::SettleLosses { client });
                }
            }
            Action::HandBack { first, count, .. } => {
                c.ledger.handed_back(first, count);
                self.try_again(client, first, count, End::HandedBack);
            }
            Action::ResetParser => c.parser.clear(),
            Action::HandoffFinished { .. } => {
                c.ledger.handoffs_finished += 1;
                self.check_finished(client);
            }
            Action::SchOff { reason: OffReason::Broken, .. } => panic!("S2: all of it is RESP3"),
            Action::SchOff { reason: OffReason::Uncounted, .. } => {
                assert_eq!(self.level(client), 3, "N7: all was counted");
            }
            Action::SlotsMoved { seq, moves } => self.slots_moved(client, seq, &moves),
            Action::Hold { .. }
            | Action::Release { .. }
            | Action::TransactionBroken
            | Action::SendOptin { .. } => self.act_unmanaged(client, action),
            Action::Write { .. } | Action::Flush { .. } | Action::Resume => {
                assert_eq!(self.level(client), 3, "vocabulary: {action}");
            }
            _ => {}
        }
    }

    pub fn answer_swap(&mut self, client: usize, transport: TransportId, ok: bool) {
        let now = self.at();
        let c = &mut self.clients[client];
        // It may be over meanwhile, or another one be asked.
        let asked = c.unanswered_swap && c.conn.phase() == Phase::Swapping;
        if !asked || self.net.find(client, transport).is_none() {
            return;
        }
        c.unanswered_swap = false;
        let answer = if ok { c.conn.handle_swapped(now) } else { c.conn.handle_swap_refused(now) };
        assert!(answer.is_ok() || c.conn.phase() != Phase::Swapping, "an answer to SWAP: {answer:?}");
        if ok && answer.is_ok() {
            self.swapped(client, transport);
        }
        self.note(client, format_args!("swapped: {ok}"));
    }

    pub fn settle_losses(&mut self, client: usize) {
        let now = self.at();
        let c = &mut self.clients[client];
        c.settling = false;
        c.conn.handle_losses_settled(now).expect("settled");
        self.pump(client);
    }
}
