//! What the parser of a link gives, frame by frame: pushes, which go to libsch where in is notified, and replies, each to the one who waits for it.

use super::super::step::Lapse;
use super::super::windows::Move;
use super::wire::{frames, is_push};
use super::*;
use sch::conn::PushVerdict;

impl Host {
    /// Frames that the parser of a link has whole. They come before the actions: CLOSE ends the parser they wait in.
    pub(super) fn parse(&mut self, id: u64) {
        let (frames, garbage) = frames(&mut self.link(id).parser);
        for frame in frames {
            // Where in is notified the link may go in the middle of what it has read.
            if !self.links.contains_key(&id) {
                return;
            }
            writeln!(self.story, "frame {id} {frame:?}").unwrap();
            if self.level_in == 2 {
                let link = self.link(id);
                let expected = link.passes.pop_front();
                assert_eq!(expected.as_ref(), Some(&frame), "E3, N6: the next frame for the parser");
            }
            if is_push(&frame) {
                self.pushed(id, &frame);
            } else {
                self.replied(id, &frame);
            }
        }
        let Some(link) = self.links.get(&id) else { return };
        if self.level_in == 2 && !garbage {
            assert!(link.passes.is_empty(), "E3: {:?} does not come to the parser", link.passes);
        }
        if garbage && id != self.mine {
            self.drop_if_known(id);
        } else if garbage {
            self.broken = true;
        }
    }

    fn drop_if_known(&mut self, id: u64) {
        if self.level_in == 1 {
            self.drop_link(id);
        } // in tapped: CLOSE is on its way
    }

    fn pushed(&mut self, id: u64, frame: &str) {
        if self.level_in == 1 {
            // A driver's parser does not hand over attributes.
            let push = &frame[frame.find('>').expect("a push")..];
            let times = 1 + usize::from(self.lapses(Lapse::PushTwice));
            for _ in 0..times {
                let began = self.conn.counters().handoffs_started;
                let verdict = self.conn.handle_push(self.at(), id, push.as_bytes());
                let Ok(verdict) = verdict else {
                    return self.actions(); // what was due has just closed the link
                };
                let ours = self.notified(id, frame);
                let expected = if ours { PushVerdict::Swallowed } else { PushVerdict::Yours };
                assert_eq!(verdict, expected, "N5, N6: {frame:?}");
                self.check_moves(began);
                self.actions();
            }
            if self.announcer.find(frame).is_some() {
                return;
            }
        }
        assert!(self.announcer.find(frame).is_none(), "N6: {frame:?} reached the parser");
        let name = frame.split("\r\n").nth(2);
        if matches!(name, Some("subscribe" | "unsubscribe")) {
            if id == self.mine {
                self.confirmed();
            }
        } else {
            self.ledger.pushed(frame);
        }
    }

    /// True if it is a notification: the reference learns of it.
    pub(super) fn notified(&mut self, id: u64, frame: &str) -> bool {
        let Some(announced) = self.announcer.find(frame) else { return false };
        let came = self.windows.came(self.now, id, announced);
        let seq = announced.seq;
        self.moves.extend((came == Some(Move::New)).then_some(seq));
        true
    }

    fn replied(&mut self, id: u64, frame: &str) {
        let waits = self.link(id).waiting.pop_front();
        match waits.unwrap_or_else(|| panic!("order: nobody waits for {frame:?}")) {
            Waits::Own => {
                if self.lapses(Lapse::ForgetOptinReply) {
                    return;
                }
                // The link may have been closed by what came before.
                _ = self.conn.handle_optin_reply(self.at(), id, frame.as_bytes());
            }
            Waits::Hello(number) => {
                if let Some(number) = number {
                    assert_eq!(self.ledger.answered(frame), number, "order");
                }
                self.idle(id);
                self.greeted(id, frame.starts_with('%'));
            }
            Waits::Command { number, blocking, ends_tx, .. } => {
                assert_eq!(self.ledger.answered(frame), number, "order");
                self.idle(id);
                if blocking && !self.waits_for_blocking() {
                    self.state(HostFence::Blocking, false);
                }
                if ends_tx {
                    self.end_tx();
                }
            }
        }
        self.actions();
    }

    fn waits_for_blocking(&self) -> bool {
        let waiting = self.links.get(&self.mine).map(|link| link.waiting.iter());
        waiting.is_some_and(|mut all| all.any(|w| matches!(w, Waits::Command { blocking: true, .. })))
    }

    /// In notified: nothing is in flight any more.
    fn idle(&mut self, id: u64) {
        let Some(link) = self.links.get(&id) else { return };
        let none = !link.waiting.iter().any(|w| !matches!(w, Waits::Own));
        if self.level_in == 1
            && id == self.mine
            && (none || self.habit(0))
            && !self.lapses(Lapse::ForgetInFlight)
        {
            self.count();
        }
    }

    fn greeted(&mut self, id: u64, resp3: bool) {
        if let Some(link) = self.links.get_mut(&id) {
            link.greeted = true;
        }
        if self.lapses(Lapse::NeverReady) {
            return;
        }
        // What came before may have closed it.
        if !resp3 {
            _ = self.conn.handle_resp2(self.at(), id);
            return;
        }
        if self.lapses(Lapse::ReadyTwice) {
            _ = self.conn.handle_ready(self.at(), id);
        }
        _ = self.conn.handle_ready(self.at(), id);
    }
}
