//! The reference for what notifications do to timeouts and handoffs: duplicates and order (N3, N4), windows (R1 to R3, R5). Written
//! from the rules; knows nothing of libsch.

use super::announce::{Announced, Family, Says};
use std::collections::{BTreeMap, BTreeSet};

const SECOND: u64 = 1_000_000_000;
/// Marks age out (N4).
const MARK_AGE: u64 = 600 * SECOND;
/// What a MOVING without a time has (H1).
const NO_TIME: u64 = 15;

#[derive(Debug)]
struct Window {
    family: Family,
    keys: Vec<u64>,
    seq: Option<u64>,
    until: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    seq: u64,
    to: Option<String>,
    node: u64,
}

/// What became of a MOVING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Known, or older than the one that is followed.
    Ignored,
    New,
}

/// A MOVING: its seq and endpoint.
type Followed = (Option<u64>, Option<String>);

#[derive(Debug, Default)]
pub struct Windows {
    open: Vec<Window>,
    /// Starters and terminators: family, whether it ends, seq, when.
    seen: Vec<(Family, bool, u64, u64)>,
    moves: Vec<(Identity, u64)>,
    /// The latest MOVING that is followed: its seq and endpoint.
    latest: Option<Followed>,
    before: Option<Followed>,
    /// When the time of each MOVING is over, by seq.
    deadlines: BTreeMap<Option<u64>, u64>,
    handoffs: u64,
    moving_until: u64,
    post_until: u64,
    /// Up to here the MOVING window may be open or not: one that waited for another was dropped, or followed.
    unsure_until: u64,
    /// Identities that may have begun a handoff, and how often one ended.
    distinct: BTreeMap<Option<u64>, BTreeSet<Identity>>,
    without_seq: u64,
    ended: BTreeMap<Option<u64>, u64>,
}

impl Windows {
    /// A notification has come on `node`.
    pub fn came(&mut self, now: u64, node: u64, n: &Announced) -> Option<Move> {
        match &n.says {
            Says::Starts { family, keys } => self.starts(now, *family, keys, n.seq),
            Says::Ends { family, keys } => self.ends(now, *family, keys, n.seq),
            Says::Moving { seconds, to } => return Some(self.moving(now, node, n.seq, *seconds, to)),
        }
        None
    }

    /// N3: identity is (type, seq).
    fn is_new(&mut self, now: u64, family: Family, ends: bool, seq: u64) -> bool {
        self.seen.retain(|(.., at)| now - at < MARK_AGE);
        let known = self.seen.iter().any(|(f, e, s, _)| (*f, *e, *s) == (family, ends, seq));
        if !known {
            self.seen.push((family, ends, seq, now));
        }
        !known
    }

    fn starts(&mut self, now: u64, family: Family, keys: &[u64], seq: Option<u64>) {
        if let Some(seq) = seq {
            if !self.is_new(now, family, false, seq) {
                return;
            }
            // N4: older than the last terminator of its kind.
            if self.seen.iter().any(|(f, ends, s, _)| *f == family && *ends && *s > seq) {
                return;
            }
        }
        let lasts = if family == Family::Failover { 60 } else { 600 };
        let until = now + lasts * SECOND;
        match self.open.iter_mut().find(|w| w.family == family && w.keys == keys) {
            Some(same) => {
                same.until = same.until.max(until);
                same.seq = same.seq.max(seq);
            }
            None => self.open.push(Window { family, keys: keys.to_vec(), seq, until }),
        }
    }

    fn ends(&mut self, now: u64, family: Family, keys: &[u64], seq: Option<u64>) {
        if seq.is_some_and(|seq| !self.is_new(now, family, true, seq)) {
            return;
        }
        // N4: it closes nothing that started after it.
        let earlier = |w: &Window| w.family == family && !(w.seq.is_some() && seq.is_some() && w.seq > seq);
        let mut shrunk = false;
        for window in self.open.iter_mut().filter(|w| earlier(w)) {
            let before = window.keys.len();
            window.keys.retain(|k| !keys.contains(k));
            if window.keys.len() < before {
                shrunk = true;
                window.until = if window.keys.is_empty() { 0 } else { window.until };
            }
        }
        self.open.retain(|w| w.until > 0);
        if !shrunk && let Some(oldest) = self.open.iter().position(earlier) {
            self.open.remove(oldest);
        }
    }

    fn moving(&mut self, now: u64, node: u64, seq: Option<u64>, seconds: u64, to: &Option<String>) -> Move {
        let deadline = now + if seconds == 0 { NO_TIME } else { seconds } * SECOND;
        let same = |(m, _): &&(Identity, u64)| Some(m.seq) == seq && m.to == *to;
        // N3: the same on another transport is new only after its deadline.
        let marked =
            self.moves.iter().rev().find(same).is_some_and(|(m, until)| m.node == node || now < *until);
        let known = match (&self.latest, seq) {
            _ if marked => true,
            (None, _) => false,
            // H8: the same or an older one is ignored.
            (Some((Some(latest), at)), Some(seq)) if seq == *latest => to.is_none() || to == at,
            (Some((Some(latest), _)), Some(seq)) => seq < *latest,
            (Some((_, at)), _) => to == at,
        };
        if known {
            return Move::Ignored;
        }
        if let Some(seq) = seq {
            let identity = Identity { seq, to: to.clone(), node };
            self.distinct.entry(Some(seq)).or_default().insert(identity.clone());
            self.moves.push((identity, deadline));
        } else {
            self.without_seq += 1;
        }
        self.before = self.latest.replace((seq, to.clone()));
        self.deadlines.insert(seq, deadline);
        Move::New
    }

    /// It could not be followed: no handoff on this connection.
    pub fn only_relaxes(&mut self, seq: Option<u64>) {
        self.moving_until = self.moving_until.max(self.deadlines[&seq] + 2 * SECOND);
        self.latest = self.before.take();
    }

    /// So many handoffs run: 0 or 1.
    pub fn handoffs_run(&mut self, now: u64, n: u64) {
        assert!(n <= 1, "H13: {n} handoffs at once");
        self.handoffs = n;
        if n == 0
            && let Some((seq, _)) = self.latest.take()
        {
            // One that waited may have been given up with the one before it, or relaxes alone.
            let late = self.deadlines[&seq] + 2 * SECOND;
            if late > now && self.ended.get(&seq).is_none_or(|n| *n == 0) {
                self.unsure_until = self.unsure_until.max(late);
            }
        }
    }

    /// R3, R5, N3: a handoff has ended.
    pub fn handoff_ended(&mut self, now: u64, seq: Option<u64>, swapped: bool) {
        let times = self.ended.entry(seq).or_default();
        *times += 1;
        let asked = match seq {
            Some(_) => self.distinct.get(&seq).map_or(0, BTreeSet::len) as u64,
            None => self.without_seq,
        };
        assert!(*times <= asked, "N3: {asked} MOVING with seq {seq:?} made {times} handoffs");
        self.moving_until = self.deadlines[&seq] + 2 * SECOND;
        if swapped {
            self.post_until = self.post_until.max(now + 20 * SECOND);
        }
    }

    /// H5: a swap may be forced.
    pub fn grace_is_over(&self, now: u64) -> bool {
        self.deadlines.values().any(|deadline| now >= deadline + 5 * SECOND)
    }

    /// SCH went off: all windows end.
    pub fn all_end(&mut self) {
        self.open.clear();
        (self.moving_until, self.post_until, self.unsure_until) = (0, 0, 0);
    }

    /// R1: relaxed while any window is open, and else not.
    pub fn check(&mut self, now: u64, relaxed: bool) {
        self.open.retain(|w| w.until > now);
        let must =
            !self.open.is_empty() || self.handoffs > 0 || now < self.moving_until || now < self.post_until;
        let may = must || now < self.unsure_until;
        assert!(relaxed || !must, "R1, R2, N4: not relaxed, and there is {:?}", self.open);
        assert!(!relaxed || may, "R2, R3, N3, N4: relaxed, and no window is open");
    }
}
