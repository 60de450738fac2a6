//! The short way does what the long way does: two connections get the same calls, one by both ways and one by the long way alone, and
//! are the same after each. All that can be printed of a connection is compared, but for the framer between two frames, where what
//! it remembers of the last one is never looked at.

use super::*;
use crate::action::Action;
use crate::config::OnLoss;
use crate::conn::effect::Watched;
use crate::conn::inflight::{Own, Special};
use crate::optin::Mode;
use crate::resp::command::CommandLimits;
use crate::resp::framer::{Framer, FramerLimits};
use core::fmt::Write as _;
use std::sync::Arc;

const PROGRAMS: u64 = 85;
const STEPS: u64 = 120;
const MAX_ROOM: usize = 5;
const UNKNOWN: TransportId = TransportId::MAX;
const HELLO3: &[u8] = b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n";
const SUBSCRIBED: &[u8] = b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
const UNSUBSCRIBED: &[u8] = b">3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n";

/// The last three are wrong, or too long where limits are small.
const PLAIN: [&[u8]; 10] = [
    b"+OK\r\n",
    b":123456789\r\n",
    b"-ERR no\r\n",
    b"$3\r\nabc\r\n",
    b"$4\r\n\r\n\r\n\r\n",
    b"_\r\n",
    b"$0\r\n\r\n",
    b"+a\rb\r\n",
    b"+a line that is longer than a short limit of lines\r\n",
    b"$20\r\na body that is long.\r\n",
];
/// Not plain, each the answer to one command.
const LONGER: [&[u8]; 5] =
    [b"*2\r\n:1\r\n$1\r\nx\r\n", b"*0\r\n", b"%1\r\n+k\r\n+v\r\n", b"|1\r\n+k\r\n+v\r\n+OK\r\n", b"$-1\r\n"];
const PUSHES: [&[u8]; 7] = [
    b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n",
    b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nho\r\n",
    b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
    b">4\r\n$9\r\nMIGRATING\r\n:1\r\n:2\r\n$1\r\n1\r\n",
    b">3\r\n$8\r\nMIGRATED\r\n:2\r\n$1\r\n1\r\n",
    b">4\r\n$6\r\nMOVING\r\n:3\r\n:2\r\n$3\r\nb:2\r\n",
    b">4\r\n$6\r\nMOVING\r\n:4\r\n:3\r\n$3\r\nd:2\r\n",
];
const COMMANDS: [&[u8]; 9] = [
    b"GET k\r\n",
    b"SET k v\r\nGET k\r\nGET k\r\n",
    b"HELLO 3\r\nPING\r\n",
    b"SELECT 1\r\n",
    b"MULTI\r\nSET k v\r\nEXEC\r\n",
    b"SUBSCRIBE c\r\n",
    b"UNSUBSCRIBE c\r\n",
    b"CLIENT REPLY SKIP\r\nGET k\r\n",
    b"*2\r\n$3\r\nGET\r\n",
];

/// What is seen at a glance, and what is not: each is written as an array.
const WORDS: [&str; 14] = [
    "GET k",
    "get key:1",
    "SET k 0123456789",
    "SET k 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "SADD k 1 2 3 4 5 6 7 8 9 10",
    "SMEMBERS k",
    "ZRANGEBYSCORE k 0 1",
    "NEVERWAS k",
    "PING",
    "BLPOP k 0",
    "MULTI",
    "EXEC",
    "WATCH k",
    "CLIENT REPLY SKIP",
];
/// So few arguments that no command is only glanced at; none of the commands here has as many.
const TIGHT_ARGS: u32 = 8;

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

fn config(random: &mut Random) -> Config {
    let level_in = if random.chance(5) { LevelIn::Notified } else { LevelIn::Tapped };
    let managed = level_in == LevelIn::Tapped && random.chance(70);
    let level_out = match level_in {
        LevelIn::Notified => LevelOut::Notified,
        LevelIn::Tapped if managed => LevelOut::Managed,
        LevelIn::Tapped => random.of(&[LevelOut::Tapped, LevelOut::Notified]),
    };
    let by_libsch = level_out == LevelOut::Managed && random.chance(50);
    let mut config = Config {
        host: "a".into(),
        port: 1,
        level_in,
        level_out,
        mode: random.of(&[Mode::Auto, Mode::Auto, Mode::Disabled]),
        handshake: if by_libsch { Handshake::ByLibsch } else { Handshake::Seen },
        on_loss: random.of(&[OnLoss::Report, OnLoss::Reply]),
        log_level: random.of(&[None, None, Some(Level::Debug)]),
        trace: random.chance(10),
        ..Config::default()
    };
    if random.chance(30) {
        config.limits.max_in_flight = 4;
    }
    if random.chance(20) {
        config.limits.framer.max_line_len = 20;
        config.limits.framer.max_bulk_len = 10;
    }
    config
}

/// All that is to be the same.
fn state(c: &Connection) -> String {
    let mut text = format!("{c:?}");
    // Between two commands nothing in the reader of commands is looked at.
    if let Some(start) = text.find("CommandReader { state: Start, len: ") {
        let end = text[start..].find('}').expect("it closes");
        text.replace_range(start..=start + end, "CommandReader");
    }
    text = text.replace(
        &format!("max_args: {TIGHT_ARGS},"),
        &format!("max_args: {},", CommandLimits::default().max_args),
    );
    for slot in [Slot::Current, Slot::Candidate, Slot::Retired] {
        if let Some(t) = c.in_slot(slot) {
            write!(text, " {slot:?} at boundary: {}", t.inbound.at_boundary()).unwrap();
        }
    }
    while let Some(start) = text.find("Framer { ") {
        let mut open = 0;
        let end = text[start..].find(|byte| {
            open += i32::from(byte == '{') - i32::from(byte == '}');
            byte == '}' && open == 0
        });
        text.replace_range(start..start + end.expect("it closes"), "Framer");
    }
    text
}

fn same(one: &str, other: &str, what: &str) {
    let differs = |(a, b): (u8, u8)| a != b;
    let at = one.bytes().zip(other.bytes()).position(differs).unwrap_or(one.len().min(other.len()));
    let near = |text: &str| text.chars().skip(at.saturating_sub(80)).take(120).collect::<String>();
    assert!(one == other, "{what}:\n{}\n{}", near(one), near(other));
}

struct Both {
    random: Random,
    now: Timestamp,
    /// By the short way where it is one.
    short: Connection,
    long: Connection,
    state: String,
    /// What has begun on a transport, and not ended.
    open: Option<(TransportId, &'static [u8])>,
    short_ways: u64,
    runs: u64,
    short_ticks: u64,
}

impl Both {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let config = config(&mut random);
        Self::with(random, config)
    }

    fn with(random: Random, config: Config) -> Self {
        let made = || Connection::new(config.clone()).expect("settings");
        let (short, mut long) = (made(), made());
        Arc::make_mut(&mut long.config).limits.command.max_args = TIGHT_ARGS;
        let state = state(&short);
        Self {
            random,
            now: Timestamp::from_nanos(1),
            short,
            long,
            state,
            open: None,
            short_ways: 0,
            runs: 0,
            short_ticks: 0,
        }
    }

    /// The same call of both.
    fn call<T: PartialEq + core::fmt::Debug>(&mut self, call: impl Fn(&mut Connection, Timestamp) -> T) -> T {
        let answer = call(&mut self.short, self.now);
        assert_eq!(answer, call(&mut self.long, self.now));
        self.compare();
        answer
    }

    fn compare(&mut self) {
        self.state = state(&self.short);
        same(&self.state, &state(&self.long), "both are the same");
    }

    fn tick(&mut self) {
        let plain = self.short.tick_plain(self.now);
        if plain {
            self.short_ticks += 1;
        } else {
            same(&self.state, &state(&self.short), "a tick that is declined changes nothing");
        }
        let ticked = if plain { Ok(()) } else { self.short.tick_any(self.now) };
        assert_eq!(ticked, self.long.tick_any(self.now));
        self.compare();
    }

    fn receive(&mut self, id: TransportId, data: &[u8]) {
        let room = if self.random.chance(30) { self.random.below(MAX_ROOM) } else { MAX_ROOM };
        let mut data = data;
        // What is not taken comes again, once the host has acted.
        for _ in 0..8 {
            let Some(consumed) = self.receive_once(id, data, room) else { return };
            data = &data[consumed..];
            if data.is_empty() {
                return;
            }
            self.drain();
        }
    }

    fn receive_once(&mut self, id: TransportId, data: &[u8], room: usize) -> Option<usize> {
        let (mut some, mut others) = ([Span::EMPTY; MAX_ROOM], [Span::EMPTY; MAX_ROOM]);
        let received = if room >= SPANS_A_STEP && self.short.receive_plain(self.now, id, data) {
            self.short_ways += 1;
            some[0] = Span { source: Source::Input, start: 0, len: data.len() };
            Ok(Received { consumed: data.len(), spans: 1 })
        } else {
            same(&self.state, &state(&self.short), "what is declined changes nothing");
            self.runs += u64::from(room >= SPANS_A_STEP && self.short.is_steady(self.now, id));
            self.short.receive_any(self.now, id, data, &mut some[..room])
        };
        assert_eq!(received, self.long.receive_long(self.now, id, data, &mut others[..room], None));
        let spans = received.as_ref().map_or(0, |received| received.spans);
        assert_eq!(some[..spans], others[..spans]);
        assert_eq!(self.short.owned(), self.long.owned());
        self.compare();
        received.ok().map(|received| received.consumed)
    }

    /// What a host does with the actions.
    fn drain(&mut self) {
        loop {
            let action = self.short.poll_action();
            assert_eq!(action, self.long.poll_action());
            let Some(action) = action else { break };
            match action {
                Action::Open { transport: id, .. } if self.random.chance(80) => {
                    _ = self.call(|c, now| c.handle_connected(now, id, None));
                }
                Action::Open { transport: id, .. } => {
                    _ = self.call(|c, now| c.handle_connect_failed(now, id))
                }
                Action::Write { transport: id } | Action::Flush { transport: id, .. } => self.wrote(id),
                Action::SendOptin { .. } | Action::Hold { .. } => _ = self.call(|c, now| c.handle_held(now)),
                Action::Swap { .. } => _ = self.call(|c, now| c.handle_swapped(now)),
                Action::Lost { .. } if self.random.chance(70) => {
                    _ = self.call(|c, now| c.handle_losses_settled(now))
                }
                _ => {}
            }
        }
        self.compare();
    }

    fn wrote(&mut self, id: TransportId) {
        let len = self.short.region(id).len();
        if self.random.chance(90) {
            _ = self.call(|c, now| c.handle_wrote(now, id, len));
        }
    }

    /// All regions, and no action is answered.
    fn write_all(&mut self) {
        while self.call(|c, _| c.poll_action()).is_some() {}
        for id in 1..=2 {
            let len = self.short.region(id).len();
            _ = self.call(|c, now| c.handle_wrote(now, id, len));
        }
    }

    fn dial(&mut self) {
        let Ok(Some(dial)) = self.call(|c, now| c.dial(now, 0)) else { return };
        _ = self.call(|c, now| c.handle_connected(now, dial.transport, None));
        self.drain();
        _ = self.call(|c, now| c.handle_ready(now, dial.transport));
    }

    /// What the server answers next on `slot`, if it owes something.
    fn answer(&mut self, slot: Slot) -> Option<&'static [u8]> {
        let Some(t) = self.short.transport(slot) else {
            return self.random.chance(10).then_some(PLAIN[0]);
        };
        let owed = !t.owed.is_empty();
        let sound = PLAIN.len() - if self.random.chance(98) { 3 } else { 0 };
        let answer = match t.owed.front_special() {
            Some(Special::Own(Own::Hello) | Special::Watched(Watched::Hello { .. })) => Some(HELLO3),
            Some(Special::Pushes { subscribe: true, .. }) => Some(SUBSCRIBED),
            Some(Special::Pushes { .. }) => Some(UNSUBSCRIBED),
            Some(_) => Some(&b"+OK\r\n"[..]),
            None => None,
        };
        Some(match answer {
            Some(answer) => answer,
            None if !owed && self.random.chance(99) => self.random.of(&PUSHES),
            None if self.random.chance(10) => self.random.of(&LONGER),
            None => self.random.of(&PLAIN[..sound]),
        })
    }

    /// What is still to come of a frame that has begun on `id`.
    fn rest(&mut self, id: TransportId) -> Option<&'static [u8]> {
        self.open.take_if(|(of, _)| *of == id).map(|(_, rest)| rest)
    }

    fn reconnect(&mut self, id: TransportId) {
        _ = self.call(|c, now| c.handle_closed(now, id, b""));
        self.drain();
        self.dial();
    }

    /// Some commands in one or two parts.
    fn pipeline(&mut self) {
        let mut bytes = Vec::new();
        for _ in 0..self.random.of(&[1, 1, 1, 2, 2, 3, 6, 34]) {
            let words =
                if self.random.chance(90) { self.random.of(&WORDS[..8]) } else { self.random.of(&WORDS) };
            let args: Vec<&str> = words.split(' ').take(TIGHT_ARGS as usize).collect();
            bytes.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
            args.iter()
                .for_each(|arg| bytes.extend_from_slice(format!("${}\r\n{arg}\r\n", arg.len()).as_bytes()));
        }
        let cut = if self.random.chance(50) { self.random.below(bytes.len()) } else { bytes.len() };
        let mut rest = bytes;
        for part in [cut, usize::MAX] {
            let part: Vec<u8> = rest.drain(..part.min(rest.len())).collect();
            let taken = self.call(|c, now| c.handle_submit(now, &part));
            // What is not taken is given up: within a command nothing is left.
            if taken.is_ok_and(|taken| taken.write_now + taken.held < part.len()) {
                return;
            }
        }
    }

    fn step(&mut self) {
        if self.short.phase == Phase::Failed && self.random.chance(20) {
            self.reconnect(self.short.current.as_ref().map_or(UNKNOWN, |t| t.id));
        }
        let slot = self.random.of(&[Slot::Current, Slot::Current, Slot::Candidate, Slot::Retired]);
        let id = self.short.in_slot(slot).map_or(UNKNOWN, |t| t.id);
        match self.random.below(100) {
            0..60 => {
                let Some(answer) = self.rest(id).or_else(|| self.answer(slot)) else { return };
                let cut =
                    if self.random.chance(90) { answer.len() } else { 1 + self.random.below(answer.len()) };
                let (first, rest) = answer.split_at(cut);
                self.open = (!rest.is_empty()).then_some((id, rest)).or(self.open);
                self.receive(id, first);
            }
            60 if self.random.chance(10) => {
                // More to do than `receive` goes on with.
                let storm = b">1\r\n$9\r\nSMIGRATED\r\n".repeat(MAX_ACTIONS + 1);
                let rest = self.rest(id).unwrap_or_default();
                self.receive_once(id, rest, MAX_ROOM);
                self.receive_once(id, &storm, MAX_ROOM);
            }
            60..65 => {
                let next = self.rest(id).or_else(|| self.answer(slot));
                let mut joined = next.unwrap_or_default().to_vec();
                joined.extend_from_slice(self.random.of(&PUSHES));
                self.receive(id, &joined);
            }
            65..69 if self.short.is_managed() => self.pipeline(),
            69..80 if self.short.is_managed() => {
                let plain = self.random.chance(60);
                let command = if plain { COMMANDS[1] } else { self.random.of(&COMMANDS) };
                _ = self.call(|c, now| c.handle_submit(now, command));
                if command == COMMANDS[8] {
                    _ = self.call(|c, now| c.handle_submit(now, b"$1\r\nk\r\n"));
                }
            }
            65..80 => {
                let n = self.random.below(6) as u64;
                let counts = self.short.config.level_out == LevelOut::Notified;
                _ = self
                    .call(|c, now| if counts { c.handle_in_flight(now, n) } else { c.handle_owe(now, 3) });
            }
            80..86 => {
                let on = self.random.of(&[0, 1, 1_000_000, 150_000_000, 1_000_000_000, 60_000_000_000]);
                self.now = Timestamp::from_nanos(self.now.as_nanos() + on);
            }
            86 => self.now = Timestamp::from_nanos(self.now.as_nanos().saturating_sub(5)),
            87..90 => self.tick(),
            90..97 => self.drain(),
            97 => self.reconnect(id),
            98 => _ = self.call(|c, now| c.handle_fence(now, HostFence::Transaction, false)),
            _ => _ = self.call(|c, now| c.handle_credentials(now, None, b"secret")),
        }
        if self.random.chance(70) {
            self.drain();
        }
    }
}

#[test]
fn e3_the_short_way_does_what_the_long_way_does() {
    let (mut short_ways, mut runs, mut ticks) = (0, 0, 0);
    for seed in 1..=PROGRAMS {
        let mut both = Both::new(seed);
        both.dial();
        for _ in 0..STEPS {
            both.step();
        }
        (short_ways, runs) = (short_ways + both.short_ways, runs + both.runs);
        ticks += both.short_ticks;
    }
    assert!(short_ways > PROGRAMS * STEPS / 25, "the shortest way was gone {short_ways} times");
    assert!(ticks > PROGRAMS, "the short tick came {ticks} times");
    assert!(runs > PROGRAMS * STEPS / 20, "the way of runs was tried {runs} times");
}

/// What is small is taken if it is one reply by the framer, and never else.
#[test]
fn e3_what_is_short_is_one_reply() {
    let is_one = |data: &[u8]| {
        let scan = Framer::new(FramerLimits::default()).scan(data, 1);
        (scan.frames, scan.consumed) == (1, data.len())
    };
    let mut random = Random(7);
    let (mut lines, mut bulks, mut others) = (0, 0, 0);
    for _ in 0..200_000 {
        let body: Vec<u8> = (0..random.below(20)).map(|_| random.of(b"aaaaaa0$+:\r\n")).collect();
        let mut data = match random.below(3) {
            0 => [b"$", body.len().to_string().as_bytes(), b"\r\n", &body, b"\r\n"].concat(),
            1 => [&[random.of(b"+-:_#,(")][..], &body, b"\r\n"].concat(),
            _ => [&body[..], b"\r\n"].concat(),
        };
        if random.chance(30) {
            let at = random.below(data.len());
            data[at] = random.of(b"0123a$+\r\n");
        }
        if random.chance(10) {
            data.truncate(random.below(data.len() + 1));
        }
        let (short, one) = (is_short(&data), is_one(&data));
        assert!(one || !short, "{}", data.escape_ascii());
        match data.first() {
            Some(b'+' | b'-') if data.len() > b"+\r\n".len() && data.len() <= LINE => {
                assert_eq!(short, one, "{}", data.escape_ascii());
                lines += u32::from(one);
            }
            Some(b'$') => {
                assert_eq!(short, one && data[1] != b'-', "{}", data.escape_ascii());
                bulks += u32::from(one);
            }
            _ => others += u32::from(one),
        }
    }
    assert!(lines > 5_000 && bulks > 20_000 && others > 1_000, "{lines} {bulks} {others}");
}

/// A frame of up to the longest line that is looked at is within limits, else it is not looked at.
#[test]
fn s1_small_limits_keep_from_the_shortest_way() {
    let is_long = |max_line_len, max_bulk_len| {
        let mut config = Config::default();
        config.limits.framer = FramerLimits { max_line_len, max_bulk_len, ..FramerLimits::default() };
        is_long_by(&config)
    };
    let (line, bulk) = (LINE as u32, 1_000_000);
    assert!(!is_long(line, bulk) && is_long(line - 1, bulk) && is_long(line, bulk - 1));
}

/// A message of the old transport waits for room in the array of spans: no reply goes before it (F2).
#[test]
fn e3_the_short_way_passes_no_message_that_waits() {
    let config = Config { host: "a".into(), port: 1, ..Config::default() };
    let mut both = Both::with(Random(0), config);
    let submit = |both: &mut Both, command: &'static [u8]| {
        both.call(|c, now| c.handle_submit(now, command)).expect("it is taken");
        both.write_all();
    };
    let receive = |both: &mut Both, id: TransportId, frames: &[&[u8]]| {
        assert_eq!(both.receive_once(id, &frames.concat(), MAX_ROOM), Some(frames.concat().len()));
        both.write_all();
    };
    both.dial();
    submit(&mut both, b"HELLO 3\r\nSUBSCRIBE c\r\n");
    receive(&mut both, 1, &[HELLO3, SUBSCRIBED]);
    receive(&mut both, 1, &[b"+OK\r\n", PUSHES[5]]);
    _ = both.call(|c, now| c.handle_connected(now, 2, None));
    both.write_all();
    receive(&mut both, 2, &[HELLO3, b"+OK\r\n", SUBSCRIBED]);
    receive(&mut both, 1, &[b"+PONG\r\n"]);
    _ = both.call(|c, now| c.handle_swapped(now));
    both.write_all();
    submit(&mut both, b"GET k\r\nGET k\r\n");
    receive(&mut both, 2, &[b"$3\r\na"]);
    receive(&mut both, 1, &[PUSHES[0]]);
    assert_eq!(both.receive_once(2, b"bc\r\n", SPANS_A_STEP), Some(4));
    assert_ne!(both.short.overlap.get().expect("both are read").stashed_bytes(), 0);
    receive(&mut both, 2, &[b"+OK\r\n"]);
}

/// Each thing that makes plain commands more than plain: the next ones go the long way, in the same call and in one of their own.
#[test]
fn e4_the_short_way_is_gone_by_plain_commands_alone() {
    const PLAIN: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    const BEFORE: [&[u8]; 12] = [
        b"",
        b"*1\r\n$4\r\nPING\r\n",
        b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n",
        b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n",
        b"*1\r\n$6\r\nASKING\r\n",
        b"*1\r\n$5\r\nMULTI\r\n",
        b"*2\r\n$5\r\nWATCH\r\n$1\r\nk\r\n",
        b"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n",
        b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$44\r\n",
        b"*3\r\n$3\r\nSET\r\n$1",
        b"*x\r\n",
    ];
    for handshake in [Handshake::Seen, Handshake::ByLibsch] {
        for (hello, settled) in [(true, true), (true, false), (false, true), (false, false)] {
            for before in BEFORE {
                let config = Config { host: "a".into(), port: 1, handshake, ..Config::default() };
                let mut both = Both::with(Random(0), config);
                both.dial();
                if hello && handshake == Handshake::Seen {
                    _ = both.call(|c, now| c.handle_submit(now, b"HELLO 3\r\n"));
                }
                let hellos = if hello { HELLO3 } else { b"" };
                both.receive(1, hellos);
                if settled {
                    both.write_all();
                    _ = both.call(|c, now| c.handle_submit(now, b"PING\r\nPING\r\n"));
                    both.write_all();
                    both.receive(1, &b"+OK\r\n".repeat(4));
                    both.write_all();
                }
                _ = both.call(|c, now| c.handle_submit(now, before));
                for plain in [PLAIN, PLAIN, &[before, PLAIN].concat(), PLAIN] {
                    _ = both.call(|c, now| c.handle_submit(now, plain));
                }
                both.receive(1, &b"+OK\r\n".repeat(20));
                both.write_all();
                _ = both.call(|c, now| c.handle_submit(now, PLAIN));
            }
        }
    }
}

/// Where `receive` waits for the host no reply is taken, however short, and a tick of a closed connection is an error.
#[test]
fn s1_the_short_ways_end_where_the_long_ones_do() {
    let config = Config { host: "a".into(), port: 1, ..Config::default() };
    let mut both = Both::with(Random(0), config);
    both.dial();
    _ = both.call(|c, now| c.handle_submit(now, b"HELLO 3\r\n"));
    both.write_all();
    assert_eq!(both.receive_once(1, HELLO3, MAX_ROOM), Some(HELLO3.len()));
    both.write_all();
    _ = both.call(|c, now| c.handle_submit(now, b"GET k\r\n"));
    both.write_all();
    assert_eq!(both.receive_once(1, b"+OK\r\n", MAX_ROOM), Some(5), "of the opt-in");
    both.write_all();
    let storm = b">1\r\n$9\r\nSMIGRATED\r\n".repeat(MAX_ACTIONS + 1);
    both.receive_once(1, &storm[..storm.len() - 1], MAX_ROOM);
    assert_eq!(both.short.actions.len(), MAX_ACTIONS);
    assert_eq!(both.receive_once(1, b"+OK\r\n", MAX_ROOM), Some(0), "the host acts first");
    both.write_all();
    assert_eq!((both.receive_once(1, b"+OK\r\n", MAX_ROOM), both.short_ways), (Some(5), 1));
    both.tick();
    assert_eq!(both.short_ticks, 1);
    _ = both.call(|c, now| c.close(now));
    both.write_all();
    both.tick();
    assert_eq!(both.short_ticks, 1);
}
