//! What must hold below level 3, each with the name of its rule. Changes nothing.

use super::*;
use sch::action::{Action, CloseReason};

const VOCABULARY: &str = include_str!("../../../docs/VOCABULARY.md");
/// Longer than any hold can last: 60 s after a deadline (H5), an answer that never comes (E5), the steps of the clock.
const LONGEST_HOLD: u64 = 150_000_000_000;

/// The actions that a level may see, as the docs say.
#[derive(Debug)]
pub(super) struct Levels(BTreeSet<&'static str>);

impl Levels {
    pub(super) fn of((level_in, level_out): (u8, u8)) -> Self {
        let rows = VOCABULARY.split("## Inputs").next().expect("the actions come first").lines();
        let cells = |row: &'static str| row.split('|').map(str::trim).collect::<Vec<_>>();
        let sees = |levels: &str| match levels.strip_prefix("in ") {
            Some(levels) => levels.contains(&level_in.to_string()),
            None => levels.contains(&level_out.to_string()),
        };
        let seen = rows.map(cells).filter(|cells| cells.len() > 3 && sees(cells[2]));
        Self(seen.map(|cells| cells[1]).collect())
    }

    pub(super) fn check(&self, action: &Action) {
        let debug = format!("{action:?}");
        let name: String = debug.chars().take_while(char::is_ascii_alphanumeric).collect();
        let mut word = String::new();
        for c in name.chars() {
            if c.is_ascii_uppercase() && !word.is_empty() {
                word.push('_');
            }
            word.push(c.to_ascii_uppercase());
        }
        assert!(self.0.contains(word.as_str()), "vocabulary: {word} is not for this level");
    }
}

impl Host {
    /// After every step.
    pub(super) fn check(&mut self) {
        self.ledger.check(&self.log);
        if self.closed {
            return;
        }
        self.windows.check(self.now, self.ledger.relaxed);
        let long = Duration::from_secs(3600);
        let effective = self.conn.effective_timeout(Some(TIMEOUT));
        assert_eq!(effective != Some(TIMEOUT), self.ledger.relaxed, "R1: the timeout and RELAX disagree");
        assert_eq!(self.conn.effective_timeout(Some(long)), Some(long), "R1: never shortened");
        assert_eq!(self.conn.effective_timeout(None), None, "R1: infinite stays infinite");
        assert_eq!(self.conn.current().unwrap_or(0), self.mine, "E5: the transport in use");
        let held = self.now - self.held_since;
        assert!(!self.holding || held < LONGEST_HOLD, "H13: the hold has lasted for {held} ns");
        for (id, link) in &self.links {
            assert!(self.conn.region(*id).is_empty(), "WRITE is of level 3: bytes of libsch in a region");
            assert!(
                *id == self.mine || !link.dialed || link.connecting,
                "E1: a dialled link that is not used"
            );
        }
        assert_eq!(
            self.conn.counters().commands,
            if self.setup.levels == (1, 1) { 0 } else { self.numbers },
            "L1: numbers"
        );
    }

    /// N3, H1, H8: a new MOVING begins a handoff, waits for one that cannot give way, or only relaxes.
    pub(super) fn check_moves(&mut self, began: u64) {
        let new = std::mem::take(&mut self.moves);
        let begun = (self.conn.counters().handoffs_started - began) as usize;
        let may = new.len() + usize::from(self.move_waits);
        assert!(begun <= may, "N3, H1, H8: {begun} handoffs begun by {may} new MOVING");
        if begun >= new.len() {
            self.move_waits &= begun <= new.len() && self.conn.phase() != Phase::Serving;
            return;
        }
        if matches!(self.conn.phase(), Phase::Draining | Phase::Swapping) {
            self.move_waits = true;
            return;
        }
        let dead = self.conn.current().is_none();
        let forbidden = self.fences[HostFence::NoHandoff as usize - 1] || self.is_miscounted();
        assert!(dead || forbidden, "H1: {} MOVING are new, {begun} handoffs begin", new.len());
        self.move_waits |= dead;
        if forbidden {
            new[begun..].iter().for_each(|seq| self.windows.only_relaxes(*seq));
        }
    }

    fn is_miscounted(&self) -> bool {
        self.uncounted || self.links.get(&self.mine).is_some_and(|link| link.miscounted)
    }

    pub(super) fn check_open(&self) {
        let candidates = self.links.iter().filter(|(id, link)| **id != self.mine && !link.leaving).count();
        assert_eq!(candidates, 0, "H3: one candidate at a time");
    }

    pub(super) fn check_hold(&self, transport: u64) {
        assert!(!self.holding, "H13: HOLD in a hold");
        assert_eq!(transport, self.mine, "H4: HOLD is for the transport in use");
        assert!(!self.fences[..3].contains(&true), "F1, F3, H4: HOLD over a fence: {:?}", self.fences);
        let ready = self.links.iter().any(|(id, link)| *id != self.mine && link.greeted);
        assert!(ready, "H2: HOLD without a candidate that is ready");
    }

    pub(super) fn check_release(&self, transport: u64) {
        assert_eq!(transport, self.mine, "H13: RELEASE names the transport to write to");
    }

    /// Either drained and with nothing open, or over what has gone (H4, H5).
    pub(super) fn check_swap(&self, old: Option<u64>, new: u64) {
        assert!(self.links.get(&new).is_some_and(|link| link.greeted), "H2: the candidate is not ready");
        assert_eq!(old.unwrap_or(0), self.mine, "H5: SWAP from the transport in use");
        let Some(link) = old.and_then(|old| self.links.get(&old)) else { return };
        assert!(self.holding, "E5: SWAP before HOLD was answered");
        assert!(!self.fences[..3].contains(&true), "F1, F3: SWAP over a fence: {:?}", self.fences);
        let waiting = link.waiting.iter().any(|w| !matches!(w, Waits::Own));
        assert!(!waiting || link.miscounted, "H4: SWAP with replies owed: {:?}", link.waiting);
    }

    /// H4: the old transport has given all that it owed.
    pub(super) fn check_swapped(&self, old: u64) {
        let Some(link) = self.links.get(&old) else { return };
        assert!(link.waiting.is_empty() || link.miscounted, "H4: swapped with replies owed");
    }

    /// The transport in use is closed by a swap that is forced, or because the driver cannot go on with it (H5, F3).
    pub(super) fn check_close(&self, transport: u64, reason: CloseReason) {
        if transport != self.mine || reason != CloseReason::Swapped {
            let loss = matches!(reason, CloseReason::Loss | CloseReason::HostClosed);
            assert!(transport != self.mine || loss, "H2: the transport in use is closed: {reason:?}");
            return;
        }
        assert!(
            self.windows.grace_is_over(self.now),
            "H5: a swap is forced before the deadline and its grace"
        );
        let blocked = self.fences[HostFence::Blocking as usize - 1];
        assert!(!blocked || self.setup.swap_over_blocking, "F3: a swap is forced over a blocking command");
    }

    /// H5: only a transaction that is open breaks.
    pub(super) fn check_broken(&self) {
        let open = self.fences[HostFence::Transaction as usize - 1];
        assert!(open || self.tx_just_ended, "H5: TRANSACTION_BROKEN, and none is open");
    }

    /// H5: it is told before the driver goes on.
    pub(super) fn check_transaction(&self) {
        let open = self.fences[HostFence::Transaction as usize - 1];
        assert!(
            !open || self.closed,
            "H5: the transport of a transaction has gone, and it is not told as broken"
        );
    }

    /// H13: every path out ends the hold first.
    pub(super) fn check_finished(&self) {
        let gone = self.closed || !self.links.contains_key(&self.mine);
        assert!(!self.holding || gone, "H13: HANDOFF_FINISHED in a hold");
    }

    /// E9: nothing is left to poll, to wait for or to say.
    pub(super) fn check_closed(&mut self) {
        assert_eq!(self.conn.next_deadline(), None, "E9: no timer after close");
        assert_eq!(self.conn.wait_on(&mut []), 0, "E9: no transport after close");
        let now = self.at();
        assert!(self.conn.handle_tick(now).is_err(), "E9: no input after close");
    }

    /// When all is quiet.
    pub(super) fn check_settled(&mut self) {
        self.ledger.check_all_ended(&self.log);
        assert!(!self.holding, "H13: held for ever");
        assert_eq!(self.swap_asked, None, "E5: SWAP was never answered, nor taken back");
        self.ledger.check_handoffs_ended(&self.conn.counters());
        assert!(self.links.len() <= 1, "H13: a candidate is left: {:?}", self.links.keys());
        let rests = matches!(self.conn.phase(), Phase::Serving | Phase::Handshaking | Phase::Detached);
        assert!(self.closed || rests, "not steady: {:?}", self.conn.phase());
    }
}
