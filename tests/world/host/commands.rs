//! What the driver's users ask for: whole commands and halves, what was not taken and is given again, what is withdrawn.

use super::super::ledger::{End, Expect};
use super::super::step::Kind;
use super::*;

pub(super) fn encode(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len());
    words.iter().for_each(|w| out += &format!("${}\r\n{w}\r\n", w.len()));
    out.into_bytes()
}

impl World {
    pub(super) fn submit(&mut self, kind: Kind, cut: u8) {
        self.finish_tail();
        if !self.tail.is_empty() || self.refused.is_some() {
            return;
        }
        let simple = self.skip || self.off || self.plain;
        let kind = match kind {
            Kind::Get | Kind::Set | Kind::Fail => kind,
            Kind::Select | Kind::ReplyOn if !self.plain => kind,
            _ if simple => Kind::Set,
            // An AUTH that is answered after newer credentials were handed over takes their place, and a handshake by libsch
            // has no second attempt.
            Kind::Auth if self.password.is_none() || self.by_libsch => Kind::Ping,
            // Where replies are not counted, records give way to new commands (N7): nobody can tell what was lost.
            Kind::Ssubscribe(_) if self.tight => Kind::Set,
            Kind::Monitor | Kind::Subscribe(_) | Kind::Psubscribe | Kind::UnsubscribeAll if self.tight => {
                Kind::Set
            }
            Kind::Unsubscribe(_) if self.tight => Kind::Set,
            _ => kind,
        };
        let id = self.next_id;
        let (text, watch) = (id.to_string(), "watched".to_owned());
        let key = format!("k{id}");
        let multi = self.in_multi.is_some();
        let mut expect = if multi { Expect::Queued(id) } else { Expect::Id(id) };
        let channel = |c: u8| format!("ch{}", c % 3);
        let words: Vec<String> = match kind {
            Kind::Get => vec!["GET".into(), key],
            Kind::Set => vec!["SET".into(), key, text],
            Kind::Blocking if !multi => vec!["BLPOP".into(), key, "0".into()],
            Kind::Multi if !multi => {
                expect = Expect::Ok;
                self.in_multi = Some(Vec::new());
                vec!["MULTI".into()]
            }
            Kind::Exec if multi => {
                expect = Expect::Exec(self.in_multi.take().unwrap());
                vec!["EXEC".into()]
            }
            Kind::Discard if multi => {
                expect = Expect::Ok;
                self.in_multi = None;
                vec!["DISCARD".into()]
            }
            // Inside MULTI only what has an id: EXEC's reply is compared.
            _ if multi => vec!["SET".into(), key, text],
            Kind::Fail => {
                expect = Expect::Error;
                vec!["FAIL".into()]
            }
            Kind::Skip | Kind::ReplyOff | Kind::ReplyOn => {
                (self.skip, self.off) = match kind {
                    Kind::Skip => (true, self.off),
                    Kind::ReplyOff => (self.skip, true),
                    _ => (self.skip, false),
                };
                expect = if kind == Kind::ReplyOn { Expect::Ok } else { Expect::Silent(None) };
                let word = match kind {
                    Kind::Skip => "SKIP",
                    Kind::ReplyOff => "OFF",
                    _ => "ON",
                };
                vec!["CLIENT".into(), "REPLY".into(), word.into()]
            }
            Kind::UnsubscribeAll => {
                expect = Expect::Confirmations;
                vec!["UNSUBSCRIBE".into()]
            }
            Kind::Psubscribe => {
                expect = Expect::Confirmation;
                vec!["PSUBSCRIBE".into(), "ch*".into()]
            }
            Kind::Ssubscribe(on) => {
                expect = Expect::Confirmation;
                vec![if on { "SSUBSCRIBE".into() } else { "SUNSUBSCRIBE".into() }, "sh".into()]
            }
            Kind::Auth => {
                expect = Expect::OkOrError;
                vec!["AUTH".into(), "u".into(), self.secret().expect("it is wanted")]
            }
            Kind::Asking => {
                expect = Expect::Ok;
                vec!["ASKING".into()]
            }
            Kind::Tracking => {
                expect = Expect::Ok;
                vec!["CLIENT".into(), "TRACKING".into(), "ON".into()]
            }
            Kind::Maint(on) => {
                expect = Expect::OkOrError;
                let word = if on { "ON" } else { "OFF" };
                vec!["CLIENT".into(), "MAINT_NOTIFICATIONS".into(), word.into()]
            }
            Kind::Hello2 => {
                expect = Expect::Hello;
                self.plain = true;
                vec!["HELLO".into(), "2".into()]
            }
            Kind::Reset => {
                expect = Expect::Reset;
                self.plain = true;
                vec!["RESET".into()]
            }
            Kind::Monitor => {
                expect = Expect::Ok;
                self.plain = true;
                vec!["MONITOR".into()]
            }
            Kind::Watch => {
                expect = Expect::Ok;
                vec!["WATCH".into(), watch]
            }
            Kind::Subscribe(c) => {
                expect = Expect::Confirmation;
                vec!["SUBSCRIBE".into(), channel(c)]
            }
            Kind::Unsubscribe(c) => {
                expect = Expect::Confirmation;
                vec!["UNSUBSCRIBE".into(), channel(c)]
            }
            Kind::Select => {
                expect = Expect::Ok;
                vec!["SELECT".into(), (id % 5).to_string()]
            }
            Kind::SetName => {
                expect = Expect::Ok;
                vec!["CLIENT".into(), "SETNAME".into(), format!("n{id}")]
            }
            Kind::NoTouch => {
                expect = Expect::Ok;
                vec!["CLIENT".into(), "NO-TOUCH".into(), "ON".into()]
            }
            _ => {
                expect = Expect::Pong;
                vec!["PING".into()]
            }
        };
        let is_prefix = matches!(kind, Kind::Skip | Kind::ReplyOff) && !multi;
        let silent = !multi && !is_prefix && kind != Kind::ReplyOn && (self.off || self.skip);
        if !is_prefix {
            self.skip = false;
        }
        if silent {
            expect = Expect::Silent(if let Expect::Id(id) = expect { Some(id) } else { None });
        }
        if let (Expect::Queued(id), Some(queue)) = (&expect, &mut self.in_multi) {
            queue.push(*id);
        }
        self.next_id += 1;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let bytes = encode(&words);
        // A prefix that is lost in part is told as never written, before what it was to prefix is submitted.
        let cut = if is_prefix { 0 } else { cut };
        let at = bytes.len() * usize::from(cut.min(8)) / 8;
        let now = if cut == 0 { bytes.len() } else { at.max(1) };
        self.tail = bytes[now..].to_vec();
        self.give(&bytes[..now], Some(expect));
    }

    pub(super) fn finish_tail(&mut self) {
        if self.refused.is_some() {
            return;
        }
        let tail = std::mem::take(&mut self.tail);
        if !tail.is_empty() {
            self.give(&tail, None);
        }
    }

    pub(super) fn give(&mut self, bytes: &[u8], expect: Option<Expect>) {
        let submitted = match self.conn.handle_submit(self.at(), bytes) {
            Ok(submitted) => submitted,
            Err(error) => {
                // Without a transport nothing begins; of a command that has begun, the rest is still to be said.
                writeln!(self.story, "submit: {error}").unwrap();
                match expect {
                    Some(expect) => self.withdraw(&expect),
                    None => self.tail = bytes.to_vec(),
                }
                if self.tail_expect.is_none() && !bytes.starts_with(b"*") {
                    self.tail = bytes.to_vec();
                } else {
                    self.tail.clear();
                }
                self.actions();
                return;
            }
        };
        let taken = submitted.write_now + submitted.held;
        if taken == 0
            && let Some(expect) = expect
        {
            writeln!(self.story, "not taken").unwrap();
            assert_eq!(submitted.count, 0, "E4: what is not taken has no number");
            self.refused = Some((bytes.to_vec(), expect));
            self.actions();
            return;
        }
        assert_eq!(taken, bytes.len(), "E4: what has begun is taken");
        writeln!(self.story, "{submitted:?}").unwrap();
        assert_eq!(submitted.count, u64::from(expect.is_some()), "E4: a command begins with its first byte");
        if let Some(expect) = expect {
            self.ledger.submitted(submitted.first, expect);
        }
        if submitted.write_now > 0 {
            let socket = self.sockets.get_mut(&submitted.transport).expect("E4: a live transport");
            socket.out.extend_from_slice(&bytes[..submitted.write_now]);
        }
        self.actions();
    }

    /// RESUME: what was not taken is given again.
    pub(super) fn give_again(&mut self) {
        // A broken connection forgets old records for new commands (S2): the driver is about to close it.
        if std::mem::take(&mut self.resume)
            && !self.broken
            && let Some((bytes, expect)) = self.refused.take()
        {
            self.give(&bytes, Some(expect));
        }
    }

    /// A command that never began takes its part in the driver's transaction with it.
    pub(super) fn withdraw(&mut self, expect: &Expect) {
        match expect {
            Expect::Queued(id) => {
                if let Some(queue) = &mut self.in_multi {
                    queue.retain(|q| q != id);
                }
            }
            Expect::Exec(_) | Expect::Ok => self.in_multi = None,
            _ => {}
        }
    }

    pub(super) fn cancel(&mut self, back: u8) {
        let number = self.conn.counters().commands.saturating_sub(u64::from(back));
        // Within a transaction a withdrawn command would have to be taken off EXEC's reply; drivers do not cancel there.
        if number == 0 || self.in_multi.is_some() || !self.tail.is_empty() {
            return;
        }
        if !self.ledger.is_plain(number) {
            return;
        }
        let answer = self.conn.cancel(self.at(), number).expect("cancel");
        writeln!(self.story, "cancel {number}: {answer:?}").unwrap();
        if answer == sch::conn::Cancelled::Withdrawn {
            self.ledger.end(number, End::Withdrawn);
        }
        self.actions();
    }
}
