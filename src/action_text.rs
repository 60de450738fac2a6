//! Actions as text: one line each, the same in the trace, in scenario files and in every language.

use crate::action::{Action, waiting};
use core::fmt::{self, Write};
use core::time::Duration;

/// A duration as `10s`, `7500ms` or nanoseconds, the shortest exact form.
pub(crate) struct Short(pub(crate) Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos.is_multiple_of(1_000_000_000) {
            write!(f, "{}s", nanos / 1_000_000_000)
        } else if nanos.is_multiple_of(1_000_000) {
            write!(f, "{}ms", nanos / 1_000_000)
        } else {
            write!(f, "{nanos}ns")
        }
    }
}

/// A variant's name in lower case with hyphens: `NotExecuted` is `not-executed`.
pub(crate) struct Word<T: fmt::Debug>(pub(crate) T);

impl<T: fmt::Debug> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Hyphens { out: f, is_first: true }, "{:?}", self.0)
    }
}

/// Writes a name on as it comes, without a copy of it.
struct Hyphens<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    is_first: bool,
}

impl fmt::Write for Hyphens<'_, '_> {
    fn write_str(&mut self, name: &str) -> fmt::Result {
        for c in name.chars() {
            if c.is_ascii_uppercase() && !self.is_first {
                self.out.write_char('-')?;
            }
            self.is_first = false;
            self.out.write_char(c.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

/// ` seq=7`, or nothing.
pub(crate) struct Seq(pub(crate) Option<u64>);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(seq) => write!(f, " seq={seq}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Relax { floor, reason } => write!(f, "relax {} {}", Short(*floor), Word(reason)),
            Action::Restore { reason } => write!(f, "restore {}", Word(reason)),
            Action::Write { transport } => write!(f, "write {transport}"),
            Action::Open { transport, endpoint, tls_server_name, attempt, by } => {
                let by = Duration::from_nanos(by.as_nanos());
                write!(f, "open {transport} {endpoint} attempt={attempt} by={}", Short(by))?;
                match tls_server_name {
                    Some(name) => write!(f, " tls={name}"),
                    None => Ok(()),
                }
            }
            Action::Hold { transport } => write!(f, "hold {transport}"),
            Action::Swap { old, new, flush_tracking } => {
                match old {
                    Some(old) => write!(f, "swap {old} -> {new}")?,
                    None => write!(f, "swap none -> {new}")?,
                }
                if *flush_tracking { f.write_str(" flush-tracking") } else { Ok(()) }
            }
            Action::Flush { transport, first, count } => {
                write!(f, "flush {transport} first={first} count={count}")
            }
            Action::Release { transport } => write!(f, "release {transport}"),
            Action::Close { transport, reason } => write!(f, "close {transport} {}", Word(reason)),
            Action::Lost { first, count, outcome, class, replies } => {
                write!(f, "lost first={first} count={count} {} {}", Word(outcome), Word(class))?;
                if replies.is_empty() { Ok(()) } else { write!(f, " replies={}", replies.len()) }
            }
            Action::HandBack { first, count, data } => {
                write!(f, "hand-back first={first} count={count} bytes={}", data.len())
            }
            Action::Resume => f.write_str("resume"),
            Action::ResetParser => f.write_str("reset-parser"),
            Action::TransactionBroken => f.write_str("transaction-broken"),
            Action::SendOptin { transport, replies, .. } => {
                write!(f, "send-optin {transport} replies={replies}")
            }
            Action::NeedCredentials { transport } => write!(f, "need-credentials {transport}"),
            Action::Overdue { waiting_for } => write!(f, "overdue{}", Waiting(*waiting_for)),
            Action::HandoffFinished { outcome, seq, duration, pause, attempts, held, lost } => {
                write!(f, "handoff-finished {}{}", Word(outcome), Seq(*seq))?;
                write!(f, " duration={} pause={}", Short(*duration), Short(*pause))?;
                write!(f, " attempts={attempts} held={held} lost={lost}")
            }
            Action::SchOff { reason, fatal } => {
                write!(f, "sch-off {}{}", Word(reason), if *fatal { " fatal" } else { "" })
            }
            Action::SlotsMoved { seq, moves } => {
                write!(f, "slots-moved{}", Seq(*seq))?;
                moves.iter().try_for_each(|m| write!(f, " {m}"))
            }
            Action::ReloadSlots { seq } => write!(f, "reload-slots{}", Seq(*seq)),
        }
    }
}

struct Waiting(u32);

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (waiting::CANDIDATE, "candidate"),
            (waiting::REPLIES, "replies"),
            (waiting::TRANSACTION, "transaction"),
            (waiting::BLOCKING, "blocking"),
            (waiting::HOST_FENCE, "host-fence"),
            (waiting::HALF_WRITTEN, "half-written"),
            (waiting::ANSWER, "answer"),
            (waiting::HANDSHAKE, "handshake"),
        ];
        names.iter().filter(|(bit, _)| self.0 & bit != 0).try_for_each(|(_, name)| write!(f, " {name}"))
    }
}
