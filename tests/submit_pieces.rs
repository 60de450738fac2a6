//! E4: commands may be submitted in any pieces: what becomes of each byte, which numbers are given, and what is lost in the end are
//! the same for a pipeline at once (the short way) and for its bytes one by one (the long way).

use sch::action::Action;
use sch::config::{Config, Handshake};
use sch::conn::{Connection, Span};
use sch::time::Timestamp;

/// What a story ends with: what is told of each byte and each command.
#[derive(Debug, Default, PartialEq)]
struct Told {
    /// How many the host writes, then how many are held, and so on.
    bytes: Vec<(bool, usize)>,
    /// Numbers that were given.
    begun: Vec<u64>,
    actions: Vec<String>,
    /// What libsch wrote to each transport.
    wire: [Vec<u8>; 5],
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Start {
    Fresh,
    Serving,
    Opening,
    Fenced,
    Draining,
    Refused,
    ByLibsch,
    Dead,
    Region,
}

const STARTS: [Start; 9] = [
    Start::Fresh,
    Start::Serving,
    Start::Opening,
    Start::Fenced,
    Start::Draining,
    Start::Refused,
    Start::ByLibsch,
    Start::Dead,
    Start::Region,
];

const NOW: Timestamp = Timestamp::from_nanos(1_000_000);

struct Host {
    conn: Connection,
    told: Told,
    /// What the host was given to write.
    given: Vec<u8>,
    /// Regions are written when there is something.
    writes: bool,
}

impl Host {
    fn new(mut config: Config, start: Start) -> Self {
        if start == Start::ByLibsch {
            config.handshake = Handshake::ByLibsch;
        }
        let conn = Connection::new(config).expect("config");
        let mut host = Self { conn, told: Told::default(), given: Vec::new(), writes: true };
        let c = &mut host.conn;
        let dial = c.dial(NOW, 0).unwrap().unwrap();
        c.handle_connected(NOW, dial.transport, None).unwrap();
        if matches!(start, Start::Fresh | Start::ByLibsch) {
            host.drain();
            return host;
        }
        c.handle_submit(NOW, b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n").unwrap();
        host.receive(1, b"%1\r\n$5\r\nproto\r\n:3\r\n");
        host.receive(1, if start == Start::Refused { b"-ERR unknown subcommand\r\n" } else { b"+OK\r\n" });
        match start {
            Start::Opening => host.moving(),
            Start::Fenced => {
                let _ = host.conn.handle_submit(NOW, b"*1\r\n$5\r\nMULTI\r\n").unwrap();
                host.receive(1, b"+OK\r\n");
                host.moving();
                host.candidate();
            }
            Start::Draining => {
                let _ = host.conn.handle_submit(NOW, b"*1\r\n$4\r\nPING\r\n").unwrap();
                host.moving();
                host.candidate();
            }
            Start::Dead => {
                host.moving();
                host.conn.handle_closed(NOW, 1, b"").unwrap();
                host.drain();
            }
            Start::Region => {
                host.writes = false;
                let _ = host.conn.handle_submit(NOW, b"*1\r\n$4\r\nPING\r\n").unwrap();
                host.moving();
                host.candidate();
                let _ = host.conn.handle_submit(NOW, b"*1\r\n$4\r\nPING\r\n").unwrap();
                host.receive(1, b"+PONG\r\n");
            }
            _ => {}
        }
        host.told = Told::default();
        host
    }

    fn moving(&mut self) {
        self.receive(1, b">4\r\n+MOVING\r\n:1\r\n:15\r\n$3\r\nb:2\r\n");
    }

    fn candidate(&mut self) {
        self.conn.handle_connected(NOW, 2, None).unwrap();
        self.drain();
        self.receive(2, b"%1\r\n$5\r\nproto\r\n:3\r\n+OK\r\n");
    }

    fn taken(&self) -> usize {
        self.told.bytes.iter().map(|(_, len)| len).sum()
    }

    fn receive(&mut self, id: u64, bytes: &[u8]) {
        let mut spans = [Span::EMPTY; 16];
        let mut at = 0;
        while at < bytes.len() {
            let Ok(got) = self.conn.handle_receive(NOW, id, &bytes[at..], &mut spans) else { break };
            at += got.consumed;
            let idle = got.consumed == 0 && !self.conn.has_action();
            self.drain();
            if idle {
                break;
            }
        }
    }

    fn drain(&mut self) {
        loop {
            while let Some(action) = self.conn.poll_action() {
                // What was not whole yet is flushed in parts.
                if !matches!(action, Action::Flush { .. }) {
                    self.told.actions.push(format!("{action:?}"));
                }
                match action {
                    Action::Swap { .. } => drop(self.conn.handle_swapped(NOW)),
                    Action::Lost { .. } => drop(self.conn.handle_losses_settled(NOW)),
                    _ => {}
                }
            }
            let mut wrote = false;
            for id in 1..5 {
                let region = self.conn.region(id);
                if !region.is_empty() && self.writes {
                    self.told.wire[id as usize].extend_from_slice(region);
                    let len = region.len();
                    self.conn.handle_wrote(NOW, id, len).unwrap();
                    wrote = true;
                }
            }
            if !wrote && !self.conn.has_action() {
                return;
            }
        }
    }

    fn submit(&mut self, data: &[u8]) -> bool {
        let Ok(s) = self.conn.handle_submit(NOW, data) else { return false };
        assert!(s.write_now + s.held <= data.len());
        assert_eq!(s.transport == 0, s.write_now == 0, "{s:?}");
        self.given.extend_from_slice(&data[..s.write_now]);
        for (held, len) in [(false, s.write_now), (true, s.held)] {
            match self.told.bytes.last_mut() {
                Some((last, run)) if *last == held => *run += len,
                _ if len == 0 => {}
                _ => self.told.bytes.push((held, len)),
            }
        }
        // The number of a blank line in pieces goes to the next command.
        self.told.begun.retain(|number| *number < s.first);
        self.told.begun.extend((0..s.count).map(|n| s.first + n));
        s.write_now + s.held == data.len()
    }

    fn end(mut self, unwritten: usize, replies: usize) -> Told {
        self.drain();
        self.writes = true;
        self.drain();
        for _ in 0..replies {
            self.receive(1, b"+QUEUED\r\n");
        }
        let keep = self.given.len().saturating_sub(unwritten);
        let tail = self.given[keep..].to_vec();
        let _ = self.conn.handle_closed(NOW, 1, &tail);
        self.drain();
        let _ = self.conn.close(NOW);
        self.drain();
        let c = self.conn.counters();
        self.told.begun.retain(|number| *number <= c.commands);
        let counts = (c.commands, c.commands_lost, c.commands_handed_back, c.commands_held);
        self.told.actions.push(format!("{counts:?}"));
        if self.told.actions.iter().any(|action| action.contains("BrokenCommands")) {
            // Whether what is no command had begun as one depends on the pieces.
            self.told.begun.clear();
            self.told.actions.pop();
        }
        self.told
    }
}

fn bulk(args: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

struct Dice(u64);
impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

fn command(dice: &mut Dice, odd: usize) -> Vec<u8> {
    const NAMES: [&[u8]; 16] = [
        b"GET",
        b"SET",
        b"get",
        b"GeT",
        b"PING",
        b"x",
        b"SMEMBERS",
        b"SINTERCARD",
        b"SINTERCRD",
        b"G\0T",
        b"GET\0",
        b"\0",
        b"HGETALL",
        b"incr",
        b"EVALSHA",
        b"INCRBY",
    ];
    const BODIES: [&[u8]; 9] = [
        b"",
        b"k",
        b"*1\r\n$4\r\nPING\r\n",
        b"\r\n",
        b"0123456789",
        b"\0\0",
        b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nEXEC\r\n",
        b"$3\r\n",
        b"abc",
    ];
    if dice.roll(100) < odd {
        const ODD: [&[u8]; 28] = [
            b"*1\r\n$5\r\nMULTI\r\n",
            b"*1\r\n$4\r\nEXEC\r\n",
            b"*1\r\n$7\r\nDISCARD\r\n",
            b"*2\r\n$5\r\nWATCH\r\n$1\r\nk\r\n",
            b"*1\r\n$7\r\nUNWATCH\r\n",
            b"*3\r\n$5\r\nBLPOP\r\n$1\r\nk\r\n$1\r\n0\r\n",
            b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n",
            b"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n",
            b"*2\r\n$03\r\nGET\r\n$1\r\nk\r\n",
            b"*2\r\n$3\r\nGET\r\n$99999999999999999999\r\n",
            b"*2\r\n$3\r\nGET\r\n$01\r\nk\r\n",
            b"*02\r\n$3\r\nGET\r\n$1\r\nk\r\n",
            b"*0\r\n",
            b"*-1\r\n",
            b"\r\n",
            b"GET k\r\n",
            b"PING\n",
            b"*1\r\n$0\r\n\r\n",
            b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n",
            b"*1\r\n$6\r\nASKING\r\n",
            b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n",
            b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$2\r\nON\r\n",
            b"*3\r\n$6\r\nCLIENT\r\n$7\r\nCACHING\r\n$3\r\nYES\r\n",
            b"*1\r\n$5\r\nRESET\r\n",
            b"*1\r\n$7\r\nMONITOR\r\n",
            b"*1\r\n$4\r\nQUIT\r\n",
            b"*2\r\n$5\r\nHELLO\r\n$1\r\n2\r\n",
            b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n",
        ];
        return ODD[dice.roll(ODD.len())].to_vec();
    }
    let mut args: Vec<Vec<u8>> = vec![NAMES[dice.roll(NAMES.len())].to_vec()];
    for _ in 0..dice.roll(11) {
        let mut body = BODIES[dice.roll(BODIES.len())].to_vec();
        if dice.roll(20) == 0 {
            body = vec![b'z'; dice.roll(1200)];
        }
        args.push(body);
    }
    bulk(&args.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// Limits that are met, but for that of held bytes: a command in parts counts there for all that it announces.
fn config(dice: &mut Dice) -> Config {
    let mut config = Config { host: "a".into(), ..Config::default() };
    match dice.roll(4) {
        0 => config.limits.max_in_flight = 1 + dice.roll(40),
        1 => config.limits.max_held_commands = 1 + dice.roll(40) as u64,
        _ => {}
    }
    config
}

/// One pipeline, submitted whole, byte by byte, and in parts. The seed stands in what fails.
fn check(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
    let start = STARTS[dice.roll(STARTS.len())];
    let config = config(&mut dice);
    // What ends a handoff frees what is held, but not before the call has ended.
    let few = config.limits.max_held_commands < 100;
    let odd = if few { 0 } else { [0, 2, 10, 40][dice.roll(4)] };
    let commands = [1, 2, 5, 20, 33, 70][dice.roll(6)];
    let commands: Vec<_> = (0..commands).map(|_| command(&mut dice, odd)).collect();
    let blank = commands.iter().any(|c| matches!(c.as_slice(), b"\r\n" | b"*0\r\n" | b"*-1\r\n"));
    let data = commands.concat();
    let unwritten = if dice.roll(2) == 0 { 0 } else { dice.roll(data.len() + 1) };
    let replies = if dice.roll(2) == 0 { 0 } else { dice.roll(commands.len() + 1) };
    let tell = |pieces: &mut dyn FnMut() -> usize| {
        let mut host = Host::new(config.clone(), start);
        while host.taken() < data.len() {
            let at = host.taken();
            let end = data.len().min(at.saturating_add(pieces()));
            if !host.submit(&data[at..end]) {
                break;
            }
        }
        let mut told = host.end(unwritten, replies);
        if blank {
            // Of a blank line that is held nothing is written, but what had left before it was whole.
            told.wire = Default::default();
        }
        told
    };
    let whole = tell(&mut || usize::MAX);
    assert_eq!(whole, tell(&mut || 1), "seed {seed}, byte by byte, {start:?}");
    assert_eq!(whole, tell(&mut || 1 + dice.roll(60)), "seed {seed}, in parts, {start:?}");
}

#[test]
fn e4_pieces_do_not_matter() {
    for seed in 0..100 {
        check(seed);
    }
}
