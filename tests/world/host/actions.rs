//! What the driver does with each action, what it answers, the credentials that it hands over, and what it calls by mistake.

use super::super::ledger::End;
use super::*;
use sch::action::{Action, CloseReason, LostOutcome, OffReason};

impl World {
    pub(super) fn actions(&mut self) {
        while let Some(action) = self.conn.poll_action() {
            writeln!(self.story, "{action}").unwrap();
            match action {
                Action::Relax { .. } => self.ledger.relax(),
                Action::Restore { .. } => self.ledger.restore(),
                Action::Open { transport, .. } => self.socket(transport),
                Action::Resume => self.resume = true,
                Action::Close { transport, reason, .. } => {
                    if reason == CloseReason::Loss {
                        self.parser.clear();
                    }
                    if let Some(socket) = self.sockets.remove(&transport) {
                        self.zombies.push(socket.server);
                    }
                }
                Action::Swap { new, .. } => {
                    assert!(
                        self.sockets.get(&new).is_some_and(|s| !s.connecting),
                        "H4: SWAP to a dead candidate"
                    );
                    self.swap_asked = true;
                    if !self.lazy_swap {
                        self.answer_swap(true);
                    }
                }
                Action::Lost { first, count, outcome, replies, .. } => {
                    self.ledger.lost(
                        first,
                        count,
                        match outcome {
                            LostOutcome::Unknown => End::Unknown,
                            LostOutcome::NotExecuted => End::NotExecuted,
                            LostOutcome::NeverWritten => End::NeverWritten,
                        },
                    );
                    if self.on_loss == OnLoss::Reply {
                        let errors = replies.iter().filter(|b| **b == b'\n').count();
                        self.ledger.stood_in(first, count, errors);
                    } else if !self.closed {
                        self.conn.handle_losses_settled(self.at()).expect("settled");
                    }
                }
                Action::HandBack { first, count, data } => {
                    assert!(data.starts_with(b"*") || count == 0, "E9: whole commands come back");
                    self.ledger.handed_back(first, count);
                }
                // One in four is not answered: the attempt fails at its time.
                Action::NeedCredentials { .. } if !self.next_id.is_multiple_of(4) => self.credentials(),
                Action::ResetParser => self.parser.clear(),
                Action::SchOff { reason: OffReason::Broken, .. } => self.broken = true,
                Action::HandoffFinished { .. } => self.ledger.handoffs_finished += 1,
                _ => {}
            }
        }
        self.give_again();
    }

    pub(super) fn answer_swap(&mut self, ok: bool) {
        if !std::mem::take(&mut self.swap_asked) || self.conn.phase() != Phase::Swapping {
            return;
        }
        let answer =
            if ok { self.conn.handle_swapped(self.at()) } else { self.conn.handle_swap_refused(self.at()) };
        answer.expect("an answer to SWAP");
        self.actions();
        self.redial();
    }

    pub(super) fn secret(&self) -> Option<String> {
        self.password.map(|n| format!("p{n}"))
    }

    pub(super) fn rotate(&mut self, tell: bool) {
        let Some(n) = &mut self.password else { return };
        *n += 1;
        // A handshake by libsch must know it beforehand: there is no second attempt.
        if tell || self.by_libsch {
            self.credentials();
        }
    }

    pub(super) fn credentials(&mut self) {
        let secret = self.secret().expect("it was asked for, so it is wanted");
        self.conn.handle_credentials(self.at(), Some("u"), secret.as_bytes()).expect("credentials");
        self.actions();
    }

    pub(super) fn mistake(&mut self, which: u8) {
        let (now, phase) = (self.at(), self.conn.phase());
        let text = match which % 8 {
            0 => self.conn.handle_connected(now, 999, None).unwrap_err().to_string(),
            1 => self.conn.handle_closed(now, 998, b"x").unwrap_err().to_string(),
            2 => self.conn.handle_wrote(now, 997, 1).unwrap_err().to_string(),
            3 => self.conn.handle_held(now).unwrap_err().to_string(),
            4 if phase != Phase::Swapping => self.conn.handle_swapped(now).unwrap_err().to_string(),
            5 => self.conn.handle_in_flight(now, 5).unwrap_err().to_string(),
            6 => self.conn.handle_push(now, 1, b">2\r\n").unwrap_err().to_string(),
            _ => match self.conn.current() {
                Some(id) => {
                    let much = self.conn.region(id).len() + 1;
                    self.conn.handle_wrote(now, id, much).unwrap_err().to_string()
                }
                None => return,
            },
        };
        assert!(text.len() > 10, "an error says what to do: {text:?}");
        self.actions();
    }
}
