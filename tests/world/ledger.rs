//! The reference: what became of every command, and what must hold of it. Knows nothing of libsch's inside.

use super::server::Log;
use sch::conn::Counters;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a submitted command is to be answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A bulk with this id.
    Id(u64),
    Ok,
    Pong,
    Queued(u64),
    /// An array of these ids.
    Exec(Vec<u64>),
    Hello,
    /// A confirmation by push.
    Confirmation,
    /// One for each subscription, or one.
    Confirmations,
    /// No reply (CLIENT REPLY).
    Silent(Option<u64>),
    Error,
    OkOrError,
    Reset,
    /// A slot map.
    Map,
}

/// How a command ended (L1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Answered,
    /// Answered with MOVED or ASK.
    Redirected,
    NeverWritten,
    NotExecuted,
    Unknown,
    HandedBack,
    Withdrawn,
}

#[derive(Clone, Debug)]
struct Entry {
    expect: Expect,
    end: Option<End>,
}

/// A server says that another one has the slot: the command did not run.
pub fn is_redirection(frame: &str) -> bool {
    frame.starts_with("-MOVED ") || frame.starts_with("-ASK ")
}

#[derive(Debug, Default)]
pub struct Ledger {
    entries: BTreeMap<u64, Entry>,
    /// Commands whose reply the host waits for, in order.
    waiting: VecDeque<u64>,
    pub relaxed: bool,
    pub handoffs_finished: u64,
    pub messages: BTreeMap<u64, u32>,
    last_invalidate: u64,
}

impl Ledger {
    pub fn submitted(&mut self, number: u64, expect: Expect) {
        let last = self.entries.keys().next_back().copied().unwrap_or(0);
        assert!(number > last, "L1: number {number} after {last}");
        if !matches!(expect, Expect::Silent(_)) {
            self.waiting.push_back(number);
        }
        self.entries.insert(number, Entry { expect, end: None });
    }

    pub fn end(&mut self, number: u64, end: End) {
        let entry =
            self.entries.get_mut(&number).unwrap_or_else(|| panic!("L1: {number} was never submitted"));
        assert_eq!(entry.end, None, "L1: command {number} ended twice; now {end:?}");
        entry.end = Some(end);
        if !matches!(end, End::Answered | End::Redirected) {
            self.waiting.retain(|n| *n != number);
        }
    }

    /// The command whose reply must come next.
    fn next(&mut self, frame: &str) -> (u64, Expect) {
        let number = self.waiting.pop_front().unwrap_or_else(|| panic!("order: nobody waits for {frame:?}"));
        (number, self.entries[&number].expect.clone())
    }

    /// A reply reached the host's parser.
    pub fn answered(&mut self, frame: &str) -> u64 {
        let (number, expect) = self.next(frame);
        if matches!(expect, Expect::Id(_)) && is_redirection(frame) {
            self.end(number, End::Redirected);
            return number;
        }
        let bulk = |id: &u64| format!("${}\r\n{id}\r\n", id.to_string().len());
        let fits = match &expect {
            Expect::Id(id) => frame == bulk(id),
            Expect::Ok => frame == "+OK\r\n",
            Expect::Pong => frame == "+PONG\r\n",
            Expect::Queued(_) => frame == "+QUEUED\r\n",
            Expect::Exec(ids) => {
                let all: String = ids.iter().map(bulk).collect();
                frame == format!("*{}\r\n{all}", ids.len()) || frame == "_\r\n"
            }
            Expect::Hello => ["%", "*", "-NOPROTO"].iter().any(|start| frame.starts_with(start)),
            Expect::Error => frame.starts_with('-'),
            Expect::OkOrError => frame == "+OK\r\n" || frame.starts_with('-'),
            Expect::Reset => frame == "+RESET\r\n",
            Expect::Map => frame.starts_with('*'),
            Expect::Confirmation | Expect::Confirmations | Expect::Silent(_) => false,
        };
        assert!(fits, "order: command {number} waits for {expect:?} and got {frame:?}");
        self.end(number, End::Answered);
        number
    }

    /// A push reached the host's parser.
    pub fn pushed(&mut self, frame: &str) {
        let words: Vec<&str> = frame.split("\r\n").collect();
        match words[2] {
            "invalidate" => self.invalidate(words[4].parse().unwrap()),
            "message" => self.message(words[6].parse::<u64>().unwrap() * 3),
            "pmessage" => self.message(words[8].parse::<u64>().unwrap() * 3 + 1),
            "smessage" => self.message(words[6].parse::<u64>().unwrap() * 3 + 2),
            // Its slot went elsewhere: the server says so by itself.
            "sunsubscribe" if words[4] == "gone" => {}
            "subscribe" | "unsubscribe" | "psubscribe" | "ssubscribe" | "sunsubscribe" => {
                let left = words.iter().rev().find(|w| w.starts_with(':')).unwrap();
                self.confirmed(left[1..].parse().unwrap());
            }
            other => panic!("N6: the push {other} reached the driver"),
        }
    }

    /// A confirmation reached it.
    pub fn confirmed(&mut self, left: u64) {
        let (number, expect) = self.next("a confirmation");
        if expect == Expect::Confirmations && left > 0 {
            self.waiting.push_front(number);
            return;
        }
        let fits = matches!(expect, Expect::Confirmation | Expect::Confirmations);
        assert!(fits, "order: a confirmation came for command {number}");
        self.end(number, End::Answered);
    }

    /// An error in the place of a lost command's reply (L3).
    pub fn stood_in(&mut self, first: u64, count: u64, errors: usize) {
        assert_eq!(errors as u64, count, "L3: {errors} errors for {count} lost commands from {first}");
    }

    pub fn lost(&mut self, first: u64, count: u64, end: End) {
        for number in first..first + count {
            // L3: nothing newer has been answered.
            let newer = self.entries.range(number + 1..).find(|(_, e)| e.end == Some(End::Answered));
            assert!(newer.is_none(), "L3: {number} is lost after {newer:?} was answered");
            self.end(number, end);
        }
    }

    pub fn handed_back(&mut self, first: u64, count: u64) {
        (first..first + count).for_each(|n| self.end(n, End::HandedBack));
    }

    pub fn relax(&mut self) {
        assert!(!std::mem::replace(&mut self.relaxed, true), "R1: RELAX while relaxed");
    }

    pub fn restore(&mut self) {
        assert!(std::mem::replace(&mut self.relaxed, false), "R1: RESTORE while not relaxed");
    }

    pub fn message(&mut self, id: u64) {
        *self.messages.entry(id).or_default() += 1;
    }

    /// N5: pushes that are not ours come in order, once.
    pub fn invalidate(&mut self, id: u64) {
        assert!(id > self.last_invalidate, "N5: push {id} after {}", self.last_invalidate);
        self.last_invalidate = id;
    }

    pub fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What must hold at any time.
    pub fn check(&self, log: &Log) {
        let mut seen = BTreeSet::new();
        for id in &log.received {
            assert!(seen.insert(id), "L2: the command with id {id} was written twice");
        }
    }

    /// Each handoff that began has one end, and nothing stays relaxed.
    pub fn check_handoffs_ended(&self, c: &Counters) {
        assert!(!self.relaxed, "R3: relaxed for ever");
        assert_eq!(c.handoffs_started, self.handoffs_finished, "H13: one HANDOFF_FINISHED each");
        let ends = [
            c.handoffs_swapped,
            c.handoffs_failed,
            c.handoffs_refused,
            c.handoffs_superseded,
            c.handoffs_closed,
        ];
        assert_eq!(ends.iter().sum::<u64>(), c.handoffs_started, "H13: one outcome each");
    }

    /// What must hold when all is quiet.
    pub fn check_all_ended(&self, log: &Log) {
        let mut ran = log.executed.clone();
        ran.sort_unstable();
        let times = |id: &u64| ran.partition_point(|ran| ran <= id) - ran.partition_point(|ran| ran < id);
        for (number, entry) in &self.entries {
            if let (Expect::Silent(id), None) = (&entry.expect, entry.end) {
                let times = id.as_ref().map_or(0, times);
                assert!(times <= 1, "L2: command {number} ran {times} times");
                continue;
            }
            let end = entry.end.unwrap_or_else(|| panic!("L1: command {number} never ended: {entry:?}"));
            let id = match &entry.expect {
                Expect::Id(id) | Expect::Queued(id) | Expect::Silent(Some(id)) => *id,
                _ => continue,
            };
            let times = times(&id);
            let right = match end {
                End::Answered if matches!(entry.expect, Expect::Queued(_)) => times <= 1,
                End::Answered => times == 1,
                End::Redirected | End::NeverWritten | End::NotExecuted | End::HandedBack | End::Withdrawn => {
                    times == 0
                }
                End::Unknown => times <= 1,
            };
            assert!(right, "L1: command {number} ended as {end:?} and ran {times} times");
        }
        let answered: BTreeSet<u64> = self
            .entries
            .values()
            .filter(|e| e.end == Some(End::Answered))
            .filter_map(|e| if let Expect::Id(id) = e.expect { Some(id) } else { None })
            .collect();
        let ran: Vec<u64> = log.executed.iter().copied().filter(|id| answered.contains(id)).collect();
        assert!(ran.is_sorted(), "order: answered commands ran in the order {ran:?}");
    }
}

impl Ledger {
    pub fn has_ended(&self, number: u64) -> bool {
        self.entries.get(&number).is_none_or(|e| e.end.is_some())
    }

    /// A command whose withdrawal changes nothing else.
    pub fn is_plain(&self, number: u64) -> bool {
        self.entries.get(&number).is_some_and(|e| matches!(e.expect, Expect::Id(_)) && e.end.is_none())
    }
}
