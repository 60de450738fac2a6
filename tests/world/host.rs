//! The driver: its sockets, its parser, and what it does with each action. The real thing under test is its [`Connection`].

use super::announce::Announcer;
use super::ledger::{End, Expect, Ledger};
use super::server::{Log, Server};
use super::step::{Kind, Notice, Setup, Step};
use sch::action::{Action, CloseReason, LostOutcome, OffReason};
use sch::config::{BlockingPolicy, Config, Handshake, OnLoss};
use sch::conn::{Connection, Phase, Source, Span, Wait};
use sch::resp::value;
use sch::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

#[derive(Debug)]
struct Socket {
    connecting: bool,
    /// Bytes that `submit` gave, not yet written.
    out: Vec<u8>,
    server: Server,
}

#[derive(Debug)]
pub struct World {
    pub conn: Connection,
    pub now: u64,
    sockets: BTreeMap<u64, Socket>,
    /// Sockets that the driver closed: what they were sent still runs.
    zombies: Vec<Server>,
    log: Log,
    pub ledger: Ledger,
    parser: Vec<u8>,
    /// The rest of a command that is half submitted.
    tail: Vec<u8>,
    tail_expect: Option<Expect>,
    in_multi: Option<Vec<u64>>,
    next_id: u64,
    next_push: u64,
    announcer: Announcer,
    swap_asked: bool,
    /// The current transport said what is no RESP: the driver closes it.
    broken: bool,
    lazy_swap: bool,
    refuse_optin: bool,
    /// How often it has changed, if servers want one.
    password: Option<u64>,
    on_loss: OnLoss,
    by_libsch: bool,
    tight: bool,
    /// The next command, or all, have no reply.
    skip: bool,
    off: bool,
    /// RESP2 is spoken, or a stream follows: only plain commands from here on.
    plain: bool,
    /// What `submit` did not take: given again after RESUME.
    refused: Option<(Vec<u8>, Expect)>,
    resume: bool,
    closed: bool,
    /// Every action, in words: the same steps must give the same text.
    pub story: String,
}

fn encode(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len());
    words.iter().for_each(|w| out += &format!("${}\r\n{w}\r\n", w.len()));
    out.into_bytes()
}

impl World {
    pub fn new(setup: Setup) -> Self {
        let on_loss = [OnLoss::Report, OnLoss::Reply, OnLoss::Close][usize::from(setup.on_loss % 3)];
        let blocking =
            if setup.swap_over_blocking { BlockingPolicy::Swap } else { BlockingPolicy::WaitForClose };
        let handshake = if setup.by_libsch { Handshake::ByLibsch } else { Handshake::Seen };
        let mut config = Config {
            handshake,
            host: "node0".into(),
            port: 1,
            seed: setup.seed,
            on_loss,
            blocking,
            ..Config::default()
        };
        if setup.wants_password {
            (config.username, config.password) = (Some("u".into()), Some("p0".into()));
        }
        if setup.tight {
            config.limits.max_held_bytes = 120;
            config.limits.max_held_commands = 4;
            config.limits.max_in_flight = 4;
        }
        let mut world = Self {
            conn: Connection::new(config).expect("config"),
            now: 1_000_000_000,
            sockets: BTreeMap::new(),
            zombies: Vec::new(),
            log: Log::default(),
            ledger: Ledger::default(),
            parser: Vec::new(),
            tail: Vec::new(),
            tail_expect: None,
            in_multi: None,
            next_id: 1,
            next_push: 1,
            announcer: Announcer::default(),
            swap_asked: false,
            broken: false,
            lazy_swap: setup.lazy_swap,
            refuse_optin: setup.refuse_optin,
            password: setup.wants_password.then_some(0),
            on_loss,
            by_libsch: setup.by_libsch,
            tight: setup.tight,
            skip: false,
            off: false,
            plain: false,
            refused: None,
            resume: false,
            closed: false,
            story: String::new(),
        };
        world.dial();
        world
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_nanos(self.now)
    }

    fn dial(&mut self) {
        let dial = self.conn.dial(self.at(), 0).expect("dial").expect("an address");
        self.socket(dial.transport);
    }

    fn socket(&mut self, id: u64) {
        let mut server = Server::default();
        server.refuse_optin = self.refuse_optin;
        server.password = self.password;
        self.sockets.insert(id, Socket { connecting: true, out: Vec::new(), server });
    }

    fn secret(&self) -> Option<String> {
        self.password.map(|n| format!("p{n}"))
    }

    fn rotate(&mut self, tell: bool) {
        let Some(n) = &mut self.password else { return };
        *n += 1;
        // A handshake by libsch must know it beforehand: there is no second attempt.
        if tell || self.by_libsch {
            self.credentials();
        }
    }

    fn credentials(&mut self) {
        let secret = self.secret().expect("it was asked for, so it is wanted");
        self.conn.handle_credentials(self.at(), Some("u"), secret.as_bytes()).expect("credentials");
        self.actions();
    }

    /// The `n`th of the sockets that are connected.
    fn nth(&self, n: u8) -> Option<u64> {
        let live: Vec<u64> = self.sockets.iter().filter(|(_, s)| !s.connecting).map(|(id, _)| *id).collect();
        (!live.is_empty()).then(|| live[usize::from(n) % live.len()])
    }

    pub fn apply(&mut self, step: &Step) {
        writeln!(self.story, "> {step:?}").unwrap();
        if self.closed {
            return;
        }
        match *step {
            Step::Submit { kind, cut } => self.submit(kind, cut),
            Step::Flow { socket, n } => {
                if let Some(id) = self.nth(socket) {
                    self.flow(id, usize::from(n) + 1);
                }
            }
            Step::Serve { socket, n } => {
                if let Some(id) = self.nth(socket) {
                    self.sockets.get_mut(&id).unwrap().server.serve(usize::from(n) + 1, &mut self.log);
                }
            }
            Step::Deliver { socket, n, spans } => {
                if let Some(id) = self.nth(socket) {
                    self.deliver(id, usize::from(n) + 1, usize::from(spans % 8) + 2);
                }
            }
            Step::Turn { socket } => {
                if let Some(id) = self.nth(socket) {
                    self.turn(id);
                }
            }
            Step::Notify { socket, notice } => self.notify(socket, notice),
            Step::Invalidate { socket } => self.invalidate(socket),
            Step::Publish { channel } => self.publish(channel),
            Step::ShardGone { socket } => self.shard_gone(socket),
            Step::Rotate { tell } => self.rotate(tell),
            Step::Connect { ok } => self.connect(ok),
            Step::Kill { socket, silent } => self.kill(socket, silent),
            Step::Garbage { any } => self.garbage(any),
            Step::Close => self.close(),
            // Of levels 1 and 2.
            Step::AnswerHold | Step::Lapse(_) | Step::Resp3(_) => {}
            Step::AnswerSwap { ok } => self.answer_swap(ok),
            Step::Unblock { socket } => {
                if let Some(id) = self.nth(socket) {
                    self.sockets.get_mut(&id).unwrap().server.unblock();
                }
            }
            Step::Advance { ms } => self.advance(u64::from(ms) * 1_000_000),
            Step::Back { ms } => {
                let then = Timestamp::from_nanos(self.now.saturating_sub(u64::from(ms) * 1_000_000));
                self.conn.handle_tick(then).expect("tick");
                self.actions();
            }
            Step::Cancel { back } => self.cancel(back),
            Step::Mistake(which) => self.mistake(which),
        }
        self.end_broken();
        if !self.closed {
            self.redial();
        }
        self.ledger.check(&self.log);
        self.check_relaxed();
    }

    /// E9: nothing is left to poll, to write or to wait for.
    fn close(&mut self) {
        self.conn.close(self.at()).expect("close");
        self.closed = true;
        self.actions();
        assert_eq!(self.conn.next_deadline(), None, "E9: no timer after close");
        assert_eq!(self.conn.wait_on(&mut []), 0, "E9: no transport after close");
        assert!(self.conn.handle_tick(self.at()).is_err(), "E9: no input after close");
        for (_, socket) in std::mem::take(&mut self.sockets) {
            self.zombies.push(socket.server);
        }
        if let Some((_, expect)) = self.refused.take() {
            self.withdraw(&expect);
        }
    }

    fn check_relaxed(&self) {
        let (short, long) = (Duration::from_millis(500), Duration::from_secs(3600));
        let effective = self.conn.effective_timeout(Some(short));
        assert_eq!(effective != Some(short), self.ledger.relaxed, "R1: the timeout and RELAX disagree");
        assert_eq!(
            self.conn.effective_timeout(Some(long)),
            Some(long),
            "R1: a long timeout is never shortened"
        );
        assert_eq!(self.conn.effective_timeout(None), None, "R1: infinite stays infinite");
    }

    // ---- commands --------------------------------------------------------------------------------------------------

    fn submit(&mut self, kind: Kind, cut: u8) {
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

    fn finish_tail(&mut self) {
        if self.refused.is_some() {
            return;
        }
        let tail = std::mem::take(&mut self.tail);
        if !tail.is_empty() {
            self.give(&tail, None);
        }
    }

    fn give(&mut self, bytes: &[u8], expect: Option<Expect>) {
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
    fn give_again(&mut self) {
        // A broken connection forgets old records for new commands (S2): the driver is about to close it.
        if std::mem::take(&mut self.resume)
            && !self.broken
            && let Some((bytes, expect)) = self.refused.take()
        {
            self.give(&bytes, Some(expect));
        }
    }

    /// A command that never began takes its part in the driver's transaction with it.
    fn withdraw(&mut self, expect: &Expect) {
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

    fn cancel(&mut self, back: u8) {
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

    // ---- sockets ---------------------------------------------------------------------------------------------------

    fn flow(&mut self, id: u64, n: usize) {
        let socket = self.sockets.get_mut(&id).unwrap();
        if socket.connecting {
            return;
        }
        let n_out = n.min(socket.out.len());
        let bytes: Vec<u8> = socket.out.drain(..n_out).collect();
        socket.server.feed(&bytes, &mut self.log);
        if socket.out.is_empty() && n > n_out {
            let region = self.conn.region(id);
            let bytes = region[..region.len().min(n - n_out)].to_vec();
            if !bytes.is_empty() {
                socket.server.feed(&bytes, &mut self.log);
                self.conn.handle_wrote(self.at(), id, bytes.len()).expect("wrote");
                self.actions();
            }
        }
    }

    fn deliver(&mut self, id: u64, n: usize, spans: usize) {
        let waits = [Wait { transport: 0, connecting: false, read: false, write: false }; 3];
        let mut waits = waits;
        let count = self.conn.wait_on(&mut waits);
        if !waits[..count].iter().any(|w| w.transport == id && w.read) {
            return;
        }
        let outbox = &mut self.sockets.get_mut(&id).unwrap().server.outbox;
        let n = n.min(outbox.len());
        let data: Vec<u8> = outbox.drain(..n).collect();
        let mut at = 0;
        loop {
            let mut room = vec![Span::EMPTY; spans];
            let received = match self.conn.handle_receive(self.at(), id, &data[at..], &mut room) {
                Ok(received) => received,
                Err(error) => {
                    writeln!(self.story, "receive {id}: {error}").unwrap();
                    self.actions(); // what was due has come all the same
                    break;
                }
            };
            for span in &room[..received.spans] {
                let range = span.start..span.start + span.len;
                match span.source {
                    Source::Input => self.parser.extend_from_slice(&data[at..][range]),
                    Source::Owned => {
                        let owned = self.conn.owned()[range].to_vec();
                        self.parser.extend_from_slice(&owned);
                    }
                }
            }
            self.parse();
            at += received.consumed;
            let before = self.story.len();
            self.actions();
            let moved = received.consumed > 0 || received.spans > 0 || self.story.len() > before;
            if !moved || (at == data.len() && received.spans == 0) || !self.sockets.contains_key(&id) {
                break;
            }
        }
        // What was not taken stays in the socket.
        if let Some(socket) = self.sockets.get_mut(&id) {
            data[at..].iter().rev().for_each(|b| socket.server.outbox.push_front(*b));
        }
    }

    /// Frames that the driver's parser has whole.
    fn parse(&mut self) {
        while !self.parser.is_empty() {
            let Ok((_, len)) = value::parse(&self.parser, &value::ValueLimits::default()) else { return };
            let frame: Vec<u8> = self.parser.drain(..len).collect();
            let frame = String::from_utf8(frame).expect("text");
            writeln!(self.story, "frame {frame:?}").unwrap();
            if !frame.starts_with('>') {
                self.ledger.answered(&frame);
                continue;
            }
            self.ledger.pushed(&frame);
        }
    }

    fn connect(&mut self, ok: bool) {
        let Some(id) = self.sockets.iter().find(|(_, s)| s.connecting).map(|(id, _)| *id) else { return };
        let mine = self.conn.current().is_none();
        if ok {
            self.conn.handle_connected(self.at(), id, None).expect("connected");
            self.sockets.get_mut(&id).unwrap().connecting = false;
            self.actions();
            if mine && self.conn.current() == Some(id) {
                self.handshake();
            }
        } else {
            self.sockets.remove(&id);
            self.conn.handle_connect_failed(self.at(), id).expect("connect_failed");
            self.actions();
            self.redial();
        }
    }

    /// The driver's own: HELLO 3. What was left of a command whose first bytes went elsewhere is forgotten with its reply.
    fn handshake(&mut self) {
        // What was not taken was never submitted: its caller is told of the reconnect.
        if let Some((_, expect)) = self.refused.take() {
            self.withdraw(&expect);
        }
        self.tail.clear();
        self.in_multi = None;
        (self.skip, self.off, self.plain) = (false, false, false);
        if self.by_libsch {
            return;
        }
        let secret = self.secret();
        let words = match &secret {
            Some(secret) => vec!["HELLO", "3", "AUTH", "u", secret],
            None => vec!["HELLO", "3"],
        };
        self.give(&encode(&words), Some(Expect::Hello));
    }

    fn redial(&mut self) {
        let idle = self.conn.current().is_none() && self.sockets.is_empty();
        if idle && matches!(self.conn.phase(), Phase::Detached) {
            self.dial();
        }
    }

    fn kill(&mut self, socket: u8, silent: bool) {
        let Some(id) = self.nth(socket) else { return };
        if !silent {
            for _ in 0..100 {
                self.deliver(id, usize::MAX - 1, 16);
                if self.sockets.get(&id).is_none_or(|s| s.server.outbox.is_empty()) {
                    break;
                }
            }
        }
        let Some(socket) = self.sockets.remove(&id) else { return };
        if Some(id) == self.conn.current() && std::mem::take(&mut self.broken) {
            self.parser.clear();
        }
        self.zombies.push(socket.server);
        self.conn.handle_closed(self.at(), id, &socket.out).expect("closed");
        self.actions();
        self.redial();
    }

    fn end_broken(&mut self) {
        if std::mem::take(&mut self.broken)
            && let Some(id) = self.conn.current()
            && let Some(socket) = self.sockets.remove(&id)
        {
            self.parser.clear();
            self.zombies.push(socket.server);
            self.conn.handle_closed(self.at(), id, &socket.out).expect("closed");
            self.actions();
            self.redial();
        }
    }

    fn garbage(&mut self, any: Option<u8>) {
        let candidate =
            self.sockets.iter().find(|(id, s)| Some(**id) != self.conn.current() && !s.connecting);
        let candidate = candidate.map(|(id, _)| *id);
        let Some(id) = any.map_or(candidate, |n| self.nth(n)) else { return };
        self.sockets.get_mut(&id).unwrap().server.send("HTTP/1.1 400\r\n");
    }

    // ---- servers say -----------------------------------------------------------------------------------------------

    fn notify(&mut self, socket: u8, notice: Notice) {
        let Some(id) = self.nth(socket) else { return };
        let server = &mut self.sockets.get_mut(&id).unwrap().server;
        if !server.opted_in {
            return;
        }
        if let Some(announced) = self.announcer.announce(notice) {
            server.send(&announced.frame);
        }
    }

    /// Only the current transport's: those of another are not the driver's.
    fn invalidate(&mut self, _socket: u8) {
        let Some(id) = self.conn.current() else { return };
        let n = self.next_push;
        self.next_push += 1;
        let id_text = n.to_string();
        let server = &mut self.sockets.get_mut(&id).unwrap().server;
        server.send(
            &format!(">2\r\n$10\r\ninvalidate\r\n*1\r\n${}\r\n{id_text}\r\n", id_text.len())
                .replace("*1\r\n", ""),
        );
    }

    fn publish(&mut self, channel: u8) {
        let channel = format!("ch{}", channel % 3);
        let n = self.next_push.to_string();
        self.next_push += 1;
        for socket in self.sockets.values_mut().filter(|s| s.server.subscriptions.contains(&channel)) {
            let frame = format!(">3\r\n$7\r\nmessage\r\n$3\r\n{channel}\r\n${}\r\n{n}\r\n", n.len());
            socket.server.send(&frame);
        }
        for socket in self.sockets.values_mut().filter(|s| s.server.shard) {
            let frame = format!(">3\r\n$8\r\nsmessage\r\n$2\r\nsh\r\n${}\r\n{n}\r\n", n.len());
            socket.server.send(&frame);
        }
        for socket in self.sockets.values_mut().filter(|s| s.server.patterns) {
            let frame =
                format!(">4\r\n$8\r\npmessage\r\n$3\r\nch*\r\n$3\r\n{channel}\r\n${}\r\n{n}\r\n", n.len());
            socket.server.send(&frame);
        }
    }

    /// N5: it answers nobody.
    fn shard_gone(&mut self, socket: u8) {
        let Some(id) = self.nth(socket) else { return };
        let server = &mut self.sockets.get_mut(&id).unwrap().server;
        if server.shard {
            server.send(">3\r\n$12\r\nsunsubscribe\r\n$4\r\ngone\r\n:1\r\n");
        }
    }

    // ---- answers ---------------------------------------------------------------------------------------------------

    fn answer_swap(&mut self, ok: bool) {
        if !std::mem::take(&mut self.swap_asked) || self.conn.phase() != Phase::Swapping {
            return;
        }
        let answer =
            if ok { self.conn.handle_swapped(self.at()) } else { self.conn.handle_swap_refused(self.at()) };
        answer.expect("an answer to SWAP");
        self.actions();
        self.redial();
    }

    fn advance(&mut self, nanos: u64) {
        self.now += nanos;
        self.conn.handle_tick(self.at()).expect("tick");
        self.actions();
        self.redial();
    }

    fn mistake(&mut self, which: u8) {
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

    // ---- actions ---------------------------------------------------------------------------------------------------

    fn actions(&mut self) {
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

    /// All that is under way on a socket comes to its end.
    fn turn(&mut self, id: u64) {
        if self.sockets.contains_key(&id) {
            self.flow(id, 1 << 20);
        }
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.server.serve(1000, &mut self.log);
            if !socket.connecting {
                self.deliver(id, 1 << 20, 16);
            }
        }
    }

    // ---- the end ---------------------------------------------------------------------------------------------------

    fn snapshot(&self) -> (usize, usize, u64) {
        (self.story.len(), self.log.executed.len(), self.now)
    }

    /// No more faults: everything must come back to steady within a bound, and all accounts must balance.
    pub fn settle(&mut self) {
        for round in 0.. {
            if self.closed {
                break;
            }
            assert!(round < 3000, "not steady after {round} rounds: {:?}", self.conn.phase());
            let before = self.snapshot();
            self.redial();
            self.connect(true);
            self.answer_swap(true);
            if self.conn.phase() != Phase::Detached {
                self.finish_tail();
            }
            assert!(round < 2900 || self.refused.is_none(), "E4: RESUME never came");
            if self.in_multi.is_some() && self.tail.is_empty() {
                self.submit(Kind::Exec, 0);
            }
            let ids: Vec<u64> = self.sockets.keys().copied().collect();
            for id in ids {
                if let Some(socket) = self.sockets.get_mut(&id) {
                    socket.server.unblock();
                }
                self.turn(id);
            }
            self.end_broken();
            for zombie in &mut self.zombies {
                zombie.unblock();
                zombie.serve(1000, &mut self.log);
            }
            if self.snapshot() != before {
                continue;
            }
            match self.conn.next_deadline() {
                Some(at) => {
                    let wait = at.as_nanos().saturating_sub(self.now).max(1);
                    assert!(wait <= 700_000_000_000, "R3: a deadline {wait} ns away");
                    self.advance(wait);
                }
                None => break,
            }
        }
        self.ledger.check(&self.log);
        self.ledger.check_all_ended(&self.log);
        let c = self.conn.counters();
        self.ledger.check_handoffs_ended(&c);
        assert!(self.sockets.len() <= 1, "H13: a candidate is left: {:?}", self.sockets.keys());
        let twice: u64 = self.ledger.messages.values().map(|n| u64::from(*n) - 1).sum();
        assert!(
            twice <= c.overlap_doubtful,
            "F2: {twice} messages came twice, {} in doubt",
            c.overlap_doubtful
        );
        assert!(self.refused.is_none() || self.conn.current().is_none(), "E4: RESUME never came");
        assert!(
            self.closed || matches!(self.conn.phase(), Phase::Serving | Phase::Handshaking | Phase::Detached),
            "not steady: {:?}",
            self.conn.phase()
        );
    }
}

impl Drop for World {
    /// What happened up to a failure.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- story ----\n{}---- {:?}", self.story, self.conn.phase());
        }
    }
}
