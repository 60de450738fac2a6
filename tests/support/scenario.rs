//! Replays a scenario file on a connection. The format is in `tests/scenarios/README.md`; bindings replay the same files.
#![allow(dead_code)]

use sch::config::*;
use sch::conn::*;
use sch::endpoint::{Endpoint, EndpointPolicy, EndpointType, PeerAddr};
use sch::exchange::{Heard, Told};
use sch::time::Timestamp;
use std::fmt::Write;
use std::time::Duration;

/// How received bytes are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Whole,
    ByteByByte,
    /// Every token brings the first byte of the one behind it, and lacks its own first.
    Trailing,
}

pub struct Runner {
    pub conn: Option<Connection>,
    config: Config,
    now: Timestamp,
    split: Split,
    auto_wrote: bool,
    /// Only actions are said, as a trace says them.
    only_actions: bool,
    /// What `take` left.
    rest: Vec<u8>,
    out: String,
    /// Lines of the log are kept here instead of being said.
    watched: Option<Vec<String>>,
}

pub fn duration(text: &str) -> Duration {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let value: f64 = text[..split].parse().unwrap_or_else(|_| panic!("no duration: {text:?}"));
    let unit = match &text[split..] {
        "s" => 1e9,
        "ms" => 1e6,
        "us" => 1e3,
        "ns" | "" => 1.0,
        other => panic!("no unit: {other:?}"),
    };
    Duration::from_nanos((value * unit).round() as u64)
}

pub fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut chars = text.bytes();
    while let Some(b) = chars.next() {
        if b != b'\\' {
            out.push(b);
            continue;
        }
        match chars.next() {
            Some(b'r') => out.push(b'\r'),
            Some(b'n') => out.push(b'\n'),
            Some(b's') => out.push(b' '),
            Some(b'f') => {
                let n: Vec<u8> = chars.by_ref().take_while(|b| *b != b';').collect();
                let n: usize = std::str::from_utf8(&n).unwrap().parse().expect("\\f<number>;");
                out.resize(out.len() + n, b'x');
            }
            Some(b'x') => {
                let hex = [chars.next().unwrap(), chars.next().unwrap()];
                out.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

fn words(escaped: &str) -> String {
    String::from_utf8(unescape(escaped)).expect("text")
}

fn bulk(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(format!("${}\r\n", text.len()).as_bytes());
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

/// `a,b,c`: numbers are integers, `_` is null, all else bulk strings.
fn elements(kind: char, text: &str) -> Vec<u8> {
    let parts: Vec<&str> = if text.is_empty() { vec![] } else { text.split(',').collect() };
    let mut out = format!("{kind}{}\r\n", parts.len()).into_bytes();
    for part in parts {
        if part == "_" {
            out.extend_from_slice(b"_\r\n");
        } else if part.parse::<i64>().is_ok() {
            out.extend_from_slice(format!(":{part}\r\n").as_bytes());
        } else {
            bulk(&mut out, &unescape(&part.replace(';', ",")));
        }
    }
    out
}

/// The bytes that a token of `receive` and `push` stands for.
pub fn token(text: &str) -> Vec<u8> {
    match text {
        "hello3" => b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n".to_vec(),
        "hello2" => b"*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:2\r\n".to_vec(),
        _ if text.starts_with("raw:") => unescape(&text[4..]),
        _ if text.starts_with('>') => elements('>', &text[1..]),
        _ if text.starts_with('*') => elements('*', &text[1..]),
        _ if text.starts_with('|') => elements('|', &text[1..]).into_iter().collect(),
        _ if text.starts_with('$') => {
            let mut out = Vec::new();
            bulk(&mut out, &unescape(&text[1..]));
            out
        }
        _ => {
            let mut out = unescape(text);
            out.extend_from_slice(b"\r\n");
            out
        }
    }
}

/// `SET a 1 | GET a` as commands.
pub fn commands(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for command in text.split(" | ") {
        let args: Vec<&str> = command.split_whitespace().collect();
        out.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
        for arg in args {
            bulk(&mut out, &unescape(arg));
        }
    }
    out
}

fn heard_line(heard: &Heard) -> String {
    match heard {
        Heard::Notice { notification, arrived } => {
            format!("heard {notification} at={:?}", Duration::from_nanos(arrived.as_nanos()))
        }
        Heard::Attempt { endpoint, ok, took } => {
            let endpoint = endpoint.as_ref().map_or("configured".to_owned(), ToString::to_string);
            format!("heard attempt {endpoint} {} took={took:?}", if *ok { "ok" } else { "failed" })
        }
        Heard::Finished { outcome, took, pause } => {
            format!("heard finished {outcome:?} took={took:?} pause={pause:?}").to_lowercase()
        }
        Heard::OptinRefused { endpoint } => format!("heard refused {endpoint}"),
        other => panic!("{other:?}"),
    }
}

impl Runner {
    pub fn new(split: Split) -> Self {
        Self {
            conn: None,
            config: Config { host: "a".into(), port: 1, ..Config::default() },
            now: Timestamp::from_nanos(0),
            split,
            auto_wrote: true,
            only_actions: false,
            rest: Vec::new(),
            out: String::new(),
            watched: None,
        }
    }

    /// The phases that the connection goes through are kept.
    pub fn watch_phases(&mut self) {
        self.watched = Some(Vec::new());
    }

    /// From where to where it went.
    pub fn transitions(&mut self) -> std::collections::BTreeSet<(String, String)> {
        let lines = self.watched.take().unwrap_or_default();
        let pairs = lines.iter().filter_map(|l| l.strip_prefix("event=phase from=")?.split_once(" to="));
        pairs.map(|(from, to)| (from.to_owned(), to.to_owned())).collect()
    }

    /// The connection keeps a trace.
    pub fn keep_trace(&mut self) {
        self.config.trace = true;
    }

    fn conn(&mut self) -> &mut Connection {
        if self.conn.is_none() {
            if self.watched.is_some() {
                self.config.log_level = Some(sch::log::Level::Debug);
            }
            self.conn = Some(Connection::new(self.config.clone()).expect("config"));
        }
        self.conn.as_mut().unwrap()
    }

    fn configure(&mut self, text: &str) {
        for pair in text.split_whitespace() {
            let (key, value) = pair.split_once('=').unwrap_or_else(|| panic!("config {pair:?}"));
            let c = &mut self.config;
            match key {
                "level" => {
                    let (i, o) = match value {
                        "1" => (LevelIn::Notified, LevelOut::Notified),
                        "2" => (LevelIn::Tapped, LevelOut::Tapped),
                        _ => (LevelIn::Tapped, LevelOut::Managed),
                    };
                    (c.level_in, c.level_out) = (i, o);
                }
                "mode" => {
                    c.mode = match value {
                        "enabled" => sch::optin::Mode::Enabled,
                        "disabled" => sch::optin::Mode::Disabled,
                        _ => sch::optin::Mode::Auto,
                    }
                }
                "handshake" => {
                    c.handshake = if value == "libsch" { Handshake::ByLibsch } else { Handshake::Seen }
                }
                "host" => c.host = value.into(),
                "port" => c.port = value.parse().unwrap(),
                "tls" => c.tls = value == "yes",
                "type" => c.endpoint_type = EndpointType::from_name(value),
                "relaxed" => c.relaxed_timeout = duration(value),
                "post-handoff" => c.post_handoff_relaxed = Some(duration(value)),
                "migration-window" => c.migration_window = duration(value),
                "failover-window" => c.failover_window = duration(value),
                "handoff-timeout" => c.handoff_timeout = duration(value),
                "drain-grace" => c.drain_grace = duration(value),
                "hold-timeout" => c.hold_timeout = Some(duration(value)),
                "keep-trying" => c.keep_trying = duration(value),
                "overlap" => c.overlap = duration(value),
                "connect-budget" => c.connect_budget = duration(value),
                "on-loss" => {
                    c.on_loss = match value {
                        "reply" => OnLoss::Reply,
                        "close" => OnLoss::Close,
                        _ => OnLoss::Report,
                    }
                }
                "blocking" => {
                    c.blocking =
                        if value == "swap" { BlockingPolicy::Swap } else { BlockingPolicy::WaitForClose }
                }
                "reset-parser" => c.can_reset_parser = value == "yes",
                "keep-credentials" => c.keep_credentials = value == "yes",
                "username" => c.username = Some(words(value)),
                "password" => c.password = Some(unescape(value)),
                "name" => c.client_name = Some(unescape(value)),
                "lib" => c.lib_info = words(value).split_once('/').map(|(a, b)| (a.into(), b.into())),
                "db" => c.database = value.parse().unwrap(),
                "policy" => {
                    c.endpoint_policy = match value {
                        "any" => EndpointPolicy::Any,
                        "domain" => EndpointPolicy::ConfiguredDomain,
                        suffix if suffix.starts_with("suffix:") => EndpointPolicy::Suffix(suffix[7..].into()),
                        list => EndpointPolicy::list(list.split(',')).expect("policy"),
                    }
                }
                "max-held-bytes" => c.limits.max_held_bytes = value.parse().unwrap(),
                "max-held-commands" => c.limits.max_held_commands = value.parse().unwrap(),
                "max-in-flight" => c.limits.max_in_flight = value.parse().unwrap(),
                "max-push-bytes" => c.limits.max_push_bytes = value.parse().unwrap(),
                "max-attribute-bytes" => c.limits.max_attribute_bytes = value.parse().unwrap(),
                "max-windows" => c.limits.max_windows = value.parse().unwrap(),
                "max-marks" => c.limits.max_marks = value.parse().unwrap(),
                "max-session-bytes" => c.limits.max_session_bytes = value.parse().unwrap(),
                "max-attempts" => c.limits.max_attempts = value.parse().unwrap(),
                "max-overlap-messages" => c.limits.max_overlap_messages = value.parse().unwrap(),
                "max-overlap-bytes" => c.limits.max_overlap_bytes = value.parse().unwrap(),
                "mark-age" => c.mark_age = duration(value),
                "log" => {
                    c.log_level = Some(match value {
                        "error" => sch::log::Level::Error,
                        "warn" => sch::log::Level::Warn,
                        "info" => sch::log::Level::Info,
                        _ => sch::log::Level::Debug,
                    })
                }
                "level-in" => {
                    c.level_in = if value == "notified" { LevelIn::Notified } else { LevelIn::Tapped }
                }
                "level-out" => {
                    c.level_out = match value {
                        "notified" => LevelOut::Notified,
                        "tapped" => LevelOut::Tapped,
                        _ => LevelOut::Managed,
                    }
                }
                "tls-name" => c.tls_server_name = Some(value.into()),
                "moving-extra" => c.moving_extra = duration(value),
                "backoff-min" => c.backoff_min = duration(value),
                "backoff-max" => c.backoff_max = duration(value),
                "attempt-min" => c.attempt_min = duration(value),
                "refusal-memory" => c.refusal_memory = duration(value),
                "optin-retry" => c.optin_retry = duration(value),
                "seed" => c.seed = value.parse().unwrap(),
                "max-reply-bytes" => c.limits.max_reply_bytes = value.parse().unwrap(),
                "max-depth" => c.limits.framer.max_depth = value.parse().unwrap(),
                "max-bulk-len" => c.limits.framer.max_bulk_len = value.parse().unwrap(),
                "max-line-len" => c.limits.framer.max_line_len = value.parse().unwrap(),
                "max-elements" => c.limits.framer.max_elements = value.parse().unwrap(),
                "max-args" => c.limits.command.max_args = value.parse().unwrap(),
                "max-command-bulk-len" => c.limits.command.max_bulk_len = value.parse().unwrap(),
                "max-inline-len" => c.limits.command.max_inline_len = value.parse().unwrap(),
                "max-kept-len" => c.limits.command.max_kept_len = value.parse().unwrap(),
                "wrote" => self.auto_wrote = value == "auto",
                "say" => self.only_actions = value == "actions",
                other => panic!("unknown setting {other:?}"),
            }
        }
    }

    fn say(&mut self, line: impl AsRef<str>) {
        if !self.only_actions {
            self.say_action(line);
        }
    }

    fn say_action(&mut self, line: impl AsRef<str>) {
        self.out.push_str(line.as_ref());
        self.out.push('\n');
    }

    fn answer<T>(&mut self, result: sch::error::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.say(format!("error {error}"));
                None
            }
        }
    }

    fn actions(&mut self) {
        if let (Some(watched), Some(conn)) = (&mut self.watched, &mut self.conn) {
            watched.extend(std::iter::from_fn(|| conn.poll_log()).map(|(_, line)| line));
        }
        loop {
            let Some(action) = self.conn().poll_action() else { return };
            let mut line = action.to_string();
            if self.only_actions {
                self.say_action(line);
                continue;
            }
            use sch::action::Action;
            match &action {
                Action::Write { transport } | Action::Flush { transport, .. } => {
                    let (id, auto, now) = (*transport, self.auto_wrote, self.now);
                    let bytes = self.conn().region(id).to_vec();
                    write!(line, " \"{}\"", bytes.escape_ascii()).unwrap();
                    self.say(line);
                    if auto && !bytes.is_empty() {
                        let result = self.conn().handle_wrote(now, id, bytes.len());
                        self.answer(result);
                    }
                    continue;
                }
                Action::SendOptin { data, .. } | Action::HandBack { data, .. } => {
                    write!(line, " \"{}\"", data.escape_ascii()).unwrap();
                }
                Action::Lost { replies, .. } if !replies.is_empty() => {
                    write!(line, " \"{}\"", replies.escape_ascii()).unwrap();
                }
                _ => {}
            }
            self.say(line);
        }
    }

    fn receive(&mut self, id: u64, tokens: &[Vec<u8>]) {
        let (mut passed, mut ends, mut len) = (Vec::new(), Vec::new(), 0);
        for token in tokens {
            len += token.len();
            ends.push(len + 1);
        }
        let data = &tokens.concat()[..];
        let mut at = 0;
        let now = self.now;
        let (start, closed) = (self.out.len(), format!("close {id} "));
        while at < data.len() || data.is_empty() {
            if self.out[start..].lines().any(|line| line.starts_with(&closed)) {
                break; // a host that has closed it reads no more
            }
            let end = match self.split {
                Split::Whole => data.len(),
                Split::ByteByByte => (at + 1).min(data.len()),
                Split::Trailing => {
                    ends.iter().find(|end| **end > at).map_or(data.len(), |end| (*end).min(data.len()))
                }
            };
            let mut spans = [Span::EMPTY; 16];
            let received = match self.conn().handle_receive(now, id, &data[at..end], &mut spans) {
                Ok(received) => received,
                Err(error) => {
                    self.say(format!("error {error}"));
                    break;
                }
            };
            for span in &spans[..received.spans] {
                let range = span.start..span.start + span.len;
                match span.source {
                    Source::Input => passed.extend_from_slice(&data[at..end][range]),
                    Source::Owned => passed.extend_from_slice(&self.conn().owned()[range]),
                }
            }
            if !passed.is_empty() && (received.consumed < end - at || end == data.len()) {
                let text = passed.escape_ascii().to_string();
                self.say(format!("pass \"{text}\""));
                passed.clear();
            }
            let before = self.out.len();
            self.actions();
            if received.consumed == 0 && received.spans == 0 && self.out.len() == before {
                if end > at {
                    self.say(format!("left {}", data.len() - at));
                }
                break;
            }
            at += received.consumed;
            if data.is_empty() {
                break;
            }
        }
        if !passed.is_empty() {
            let text = passed.escape_ascii().to_string();
            self.say(format!("pass \"{text}\""));
        }
    }

    /// One call, with an array of `n` spans. What it does not take is the `rest`.
    fn take(&mut self, id: u64, n: usize, data: &[u8]) {
        let mut spans = vec![Span::EMPTY; n];
        let now = self.now;
        let result = self.conn().handle_receive(now, id, data, &mut spans);
        let Some(received) = self.answer(result) else { return };
        for span in &spans[..received.spans] {
            let range = span.start..span.start + span.len;
            let (from, bytes) = match span.source {
                Source::Input => ("input", &data[range]),
                Source::Owned => ("owned", &self.conn().owned()[range]),
            };
            let line = format!("span {from} \"{}\"", bytes.escape_ascii());
            self.say(line);
        }
        self.say(format!("took {} of {}", received.consumed, data.len()));
        self.rest = data[received.consumed..].to_vec();
    }

    fn submit(&mut self, data: &[u8]) {
        let now = self.now;
        let result = self.conn().handle_submit(now, data);
        if let Some(s) = self.answer(result) {
            let mut line = format!("first={} count={}", s.first, s.count);
            if s.write_now > 0 {
                write!(line, " write-now={} to={}", s.write_now, s.transport).unwrap();
            }
            if s.held > 0 {
                write!(line, " held={}", s.held).unwrap();
            }
            let not_taken = data.len() - s.write_now - s.held;
            if not_taken > 0 {
                write!(line, " not-taken={not_taken}").unwrap();
            }
            self.say(line);
        }
    }

    /// One line of input.
    fn input(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let args: Vec<&str> = rest.split_whitespace().collect();
        let now = self.now;
        let id = |i: usize| -> u64 { args[i].parse().unwrap_or_else(|_| panic!("no id in {line:?}")) };
        macro_rules! call {
            ($call:expr) => {{
                let result = $call;
                self.answer(result);
            }};
        }
        match word {
            "config" => return self.configure(rest),
            "at" => {
                self.now = Timestamp::from_nanos(duration(args[0]).as_nanos() as u64);
                return;
            }
            "tick" => {
                if let Some(at) = args.first() {
                    self.now = Timestamp::from_nanos(duration(at).as_nanos() as u64);
                }
                let now = self.now;
                call!(self.conn().handle_tick(now));
            }
            "dial" => {
                let nth = args.first().map_or(0, |a| a.parse().unwrap());
                let result = self.conn().dial(now, nth);
                match self.answer(result) {
                    Some(Some(d)) => {
                        let tls = d.tls_server_name.map(|n| format!(" tls={n}")).unwrap_or_default();
                        self.say(format!("transport {} {}{tls}", d.transport, d.endpoint));
                    }
                    Some(None) => self.say("no more"),
                    None => {}
                }
            }
            "dial-to" => {
                let endpoint = Endpoint::parse(args[0].as_bytes(), None).expect("endpoint");
                let result = self.conn().dial_to(now, endpoint);
                if let Some(d) = self.answer(result) {
                    let tls = d.tls_server_name.map(|n| format!(" tls={n}")).unwrap_or_default();
                    self.say(format!("transport {} {}{tls}", d.transport, d.endpoint));
                }
            }
            "connected" => {
                let peer = args.get(1).map(|p| PeerAddr::parse(p.as_bytes()).expect("peer"));
                call!(self.conn().handle_connected(now, id(0), peer));
            }
            "connect_failed" => call!(self.conn().handle_connect_failed(now, id(0))),
            "closed" => {
                let unwritten = match args.get(1) {
                    Some(raw) if raw.starts_with("raw:") => unescape(&raw[4..]),
                    Some(_) => commands(rest.split_once(' ').unwrap().1),
                    None => Vec::new(),
                };
                call!(self.conn().handle_closed(now, id(0), &unwritten));
            }
            "submit" => self.submit(&commands(rest)),
            "submit-raw" => self.submit(&unescape(rest)),
            "receive" => {
                let tokens: Vec<Vec<u8>> = args[1..].iter().map(|t| token(t)).collect();
                self.receive(id(0), &tokens);
            }
            "take" => {
                let data: Vec<u8> = args[2..].iter().flat_map(|t| token(t)).collect();
                self.take(id(0), args[1].parse().unwrap(), &data);
            }
            "rest" => {
                let data = std::mem::take(&mut self.rest);
                self.take(id(0), args[1].parse().unwrap(), &data);
            }
            "push" | "push_head" => {
                let raw = token(args[1]);
                let result = match word {
                    "push" => self.conn().handle_push(now, id(0), &raw),
                    _ => self.conn().handle_push_head(now, id(0), &raw),
                };
                if let Some(verdict) = self.answer(result) {
                    self.say(format!("{verdict:?}").to_lowercase());
                }
            }
            "optin_reply" => {
                let raw = token(&args[1..].join(" "));
                call!(self.conn().handle_optin_reply(now, id(0), &raw));
            }
            "wrote" => call!(self.conn().handle_wrote(now, id(0), args[1].parse().unwrap())),
            "owe" => call!(self.conn().handle_owe_on(now, id(0), args[1].parse().unwrap())),
            "in_flight" => call!(self.conn().handle_in_flight(now, id(0))),
            "fence" => {
                let fence = match args[0] {
                    "transaction" => HostFence::Transaction,
                    "blocking" => HostFence::Blocking,
                    "other" => HostFence::Other,
                    _ => HostFence::NoHandoff,
                };
                call!(self.conn().handle_fence(now, fence, args[1] == "open"));
            }
            "cancel" => {
                let result = self.conn().cancel(now, id(0));
                if let Some(answer) = self.answer(result) {
                    self.say(format!("{answer:?}").to_lowercase());
                }
            }
            "held" => call!(self.conn().handle_held(now)),
            "swapped" => call!(self.conn().handle_swapped(now)),
            "swap_refused" => call!(self.conn().handle_swap_refused(now)),
            "ready" => call!(self.conn().handle_ready(now, id(0))),
            "resp2" => call!(self.conn().handle_resp2(now, id(0))),
            "losses_settled" => call!(self.conn().handle_losses_settled(now)),
            "credentials" => {
                let user = (args[0] != "-").then(|| words(args[0]));
                let password = args.get(1).map_or(Vec::new(), |p| unescape(p));
                call!(self.conn().handle_credentials(now, user.as_deref(), &password))
            }
            "joined" => call!(self.conn().handle_joined(now)),
            "left" => call!(self.conn().handle_left(now)),
            "told" => {
                let time = |text: &str| Timestamp::from_nanos(duration(text).as_nanos() as u64);
                let told = match args[0] {
                    "grant" => Told::Grant,
                    "refused" => Told::OptinRefused {
                        endpoint: sch::endpoint::Endpoint::parse(args[1].as_bytes(), None).expect("endpoint"),
                        until: time(args[2]),
                    },
                    arrived => {
                        let parsed = sch::notification::parse(&token(args[1]), &Default::default());
                        let notification = std::sync::Arc::new(parsed.expect("push").notification);
                        Told::Notice { notification, arrived: time(arrived) }
                    }
                };
                call!(self.conn().handle_told(now, told));
            }
            "heard" => {
                while let Some(heard) = self.conn().poll_heard() {
                    self.say(heard_line(&heard));
                }
                return;
            }
            "close" => call!(self.conn().close(now)),
            "timeout" => {
                let configured = (args[0] != "infinite").then(|| duration(args[0]));
                let effective = self.conn().effective_timeout(configured);
                self.say(effective.map_or("infinite".into(), |d| format!("{d:?}")));
                return;
            }
            "deadline" => {
                let deadline = self.conn().next_deadline();
                let text = deadline.map(|d| format!("{:?}", Duration::from_nanos(d.as_nanos())));
                self.say(text.unwrap_or("none".into()));
                return;
            }
            "wait_on" => {
                let none = Wait { transport: 0, connecting: false, read: false, write: false };
                let mut waits = [none; 3];
                let n = self.conn().wait_on(&mut waits);
                for w in &waits[..n] {
                    let flags = [(w.connecting, "connecting"), (w.read, "read"), (w.write, "write")];
                    let names: Vec<&str> = flags.iter().filter(|f| f.0).map(|f| f.1).collect();
                    self.say(format!("{} {}", w.transport, names.join(" ")));
                }
                return;
            }
            "log" => {
                while let Some((level, line)) = self.conn().poll_log() {
                    self.say(format!("{} {line}", format!("{level:?}").to_lowercase()));
                }
                return;
            }
            "phase" => {
                let phase = self.conn().phase();
                self.say(format!("{phase:?}").to_lowercase());
                return;
            }
            "counter" => {
                let all = format!("{:?}", self.conn().counters());
                for name in args {
                    let at = all.find(&format!(" {name}: ")).unwrap_or_else(|| panic!("counter {name:?}"));
                    let value = all[at..].split(": ").nth(1).unwrap();
                    let value = value.split([',', ' ']).next().unwrap().to_owned();
                    self.say(format!("{name} {value}"));
                }
                return;
            }
            other => panic!("unknown input {other:?}"),
        }
        self.actions();
    }

    /// Runs the inputs of a block and answers what was said.
    pub fn block(&mut self, inputs: &str) -> String {
        self.out.clear();
        for line in inputs.lines() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                self.input(line);
            }
        }
        std::mem::take(&mut self.out)
    }
}

/// All scenario files: those of one connection, which every binding replays, and those of a pool's member.
pub fn files() -> Vec<std::path::PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
    let mut files: Vec<_> = [folder.to_owned(), format!("{folder}/pool")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("tests/scenarios"))
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    files.sort();
    files
}

/// Replays a whole file. Answers it as it should be.
pub fn replay(text: &str, split: Split) -> String {
    let mut runner = Runner::new(split);
    let mut out = String::new();
    for block in text.trim_end().split("\n\n") {
        let inputs = block.split("\n----").next().unwrap();
        out.push_str(inputs);
        out.push('\n');
        if inputs.lines().any(|l| !l.trim().is_empty() && !l.starts_with('#')) {
            let said = runner.block(inputs);
            if !said.is_empty() {
                out.push_str("----\n");
                out.push_str(&said);
            }
        }
        out.push('\n');
    }
    format!("{}\n", out.trim_end())
}
