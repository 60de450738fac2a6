//! Where a connection can be, and how it gets there, in the words of `tests/scenarios/README.md`.

use sch::conn::Phase;

pub struct Situation {
    pub name: &'static str,
    pub phase: Phase,
    pub how: &'static str,
    /// Ids of the current, the candidate and the retired transport; 77 where there is none.
    ids: [u64; 3],
}

impl Situation {
    /// The input with the ids of this situation.
    pub fn fill(&self, input: &str) -> String {
        let names = ["CURRENT", "CANDIDATE", "RETIRED"];
        names
            .iter()
            .zip(self.ids)
            .fold(input.to_owned(), |line, (name, id)| line.replace(name, &id.to_string()))
    }
}

const NONE: u64 = 77;

macro_rules! serving {
    ($($more:literal)*) => {
        concat!(
            "dial\nconnected 1 10.0.0.1:1\nsubmit HELLO 3\nreceive 1 hello3\nreceive 1 +OK\nsubmit GET a\nreceive 1 $x\n",
            $($more, "\n",)*
        )
    };
}

macro_rules! notified {
    ($($more:literal)*) => {
        concat!(
            "config level=1\ndial\nconnected 1 10.0.0.1:1\nready 1\noptin_reply 1 +OK\n",
            $($more, "\n",)*
        )
    };
}

const fn at(name: &'static str, phase: Phase, ids: [u64; 3], how: &'static str) -> Situation {
    Situation { name, phase, how, ids }
}

pub const SITUATIONS: &[Situation] = &[
    at("Detached", Phase::Detached, [NONE, NONE, NONE], "dial\n"),
    at("Handshaking", Phase::Handshaking, [1, NONE, NONE], "dial\nconnected 1 10.0.0.1:1\n"),
    at(
        "Handshaking, by libsch",
        Phase::Handshaking,
        [1, NONE, NONE],
        "config handshake=libsch\ndial\nconnected 1 10.0.0.1:1\n",
    ),
    at("Serving", Phase::Serving, [1, NONE, NONE], serving!()),
    at("Serving, a reply owed", Phase::Serving, [1, NONE, NONE], serving!("submit GET b")),
    at("Serving, relaxed", Phase::Serving, [1, NONE, NONE], serving!("receive 1 >MIGRATING,1,30,0")),
    at(
        "Detached, another place known",
        Phase::Detached,
        [NONE, NONE, NONE],
        serving!("submit BLPOP q 0" "receive 1 >MOVING,1,15,b:2" "closed 1" "connect_failed 2" "tick 200s" "losses_settled"),
    ),
    at("Waiting", Phase::Waiting, [1, NONE, NONE], serving!("receive 1 >MOVING,1,15,b:2" "connect_failed 2")),
    at("Waiting, no endpoint", Phase::Waiting, [1, NONE, NONE], serving!("receive 1 >MOVING,1,15,_")),
    at("Opening", Phase::Opening, [1, 2, NONE], serving!("receive 1 >MOVING,1,15,b:2")),
    at(
        "Opening, the current is dead",
        Phase::Opening,
        [NONE, 2, NONE],
        serving!("receive 1 >MOVING,1,15,b:2" "closed 1"),
    ),
    at(
        "Opening, the current is dead with a reply owed",
        Phase::Opening,
        [NONE, 2, NONE],
        serving!("submit INCR a" "receive 1 >MOVING,1,15,b:2" "closed 1"),
    ),
    at(
        "Rebuilding",
        Phase::Rebuilding,
        [1, 2, NONE],
        serving!("receive 1 >MOVING,1,15,b:2" "connected 2 10.0.0.2:2"),
    ),
    at(
        "Ready, a transaction open",
        Phase::Ready,
        [1, 2, NONE],
        serving!("submit MULTI" "receive 1 +OK" "receive 1 >MOVING,1,15,b:2" "connected 2 10.0.0.2:2" "receive 2 hello3 +OK"),
    ),
    at(
        "Draining, a command that blocks",
        Phase::Draining,
        [1, 2, NONE],
        serving!("submit BLPOP q 0" "receive 1 >MOVING,1,15,b:2" "connected 2 10.0.0.2:2" "receive 2 hello3 +OK"),
    ),
    at(
        "Draining",
        Phase::Draining,
        [1, 2, NONE],
        serving!("submit GET b" "receive 1 >MOVING,1,15,b:2" "connected 2 10.0.0.2:2" "receive 2 hello3 +OK"),
    ),
    at(
        "Draining, commands held",
        Phase::Draining,
        [1, 2, NONE],
        serving!("submit GET b" "receive 1 >MOVING,1,15,b:2" "connected 2 10.0.0.2:2" "receive 2 hello3 +OK" "submit SET a 1"),
    ),
    at(
        "Swapping",
        Phase::Swapping,
        [1, 2, NONE],
        serving!("receive 1 >MOVING,1,15,b:2" "connected 2 10.0.0.2:2" "receive 2 hello3 +OK"),
    ),
    at(
        "Swapping, commands held",
        Phase::Swapping,
        [1, 2, NONE],
        serving!("receive 1 >MOVING,1,15,b:2" "connected 2 10.0.0.2:2" "receive 2 hello3 +OK" "submit SET a 1"),
    ),
    at(
        "Serving, subscriptions overlap",
        Phase::Serving,
        [2, NONE, 1],
        serving!("submit SUBSCRIBE c" "receive 1 >subscribe,c,1" "receive 1 >MOVING,1,15,b:2" "connected 2 10.0.0.2:2" "receive 2 hello3 +OK >subscribe,c,1" "receive 1 +PONG" "swapped"),
    ),
    at(
        "Rebuilding, in the current's handshake",
        Phase::Rebuilding,
        [1, 2, NONE],
        "dial\nconnected 1 10.0.0.1:1\nsubmit HELLO 3\nreceive 1 hello3\nreceive 1 >MOVING,1,15,b:2 +OK\nconnected 2 10.0.0.2:2\n",
    ),
    at(
        "Ready, in the current's handshake",
        Phase::Ready,
        [1, 2, NONE],
        "dial\nconnected 1 10.0.0.1:1\nsubmit HELLO 3\nreceive 1 hello3\nreceive 1 >MOVING,1,15,b:2 +OK\nconnected 2 10.0.0.2:2\nreceive 2 hello3 +OK\n",
    ),
    at("Failed", Phase::Failed, [1, NONE, NONE], serving!("receive 1 raw:nonsense\\r\\n")),
    at("Closed", Phase::Closed, [NONE, NONE, NONE], serving!("close")),
    at(
        "Handshaking, level 1",
        Phase::Handshaking,
        [1, NONE, NONE],
        "config level=1\ndial\nconnected 1 10.0.0.1:1\n",
    ),
    at("Serving, level 1", Phase::Serving, [1, NONE, NONE], notified!()),
    at("Opening, level 1", Phase::Opening, [1, 2, NONE], notified!("push 1 >MOVING,1,15,b:2")),
    at(
        "Rebuilding, level 1",
        Phase::Rebuilding,
        [1, 2, NONE],
        notified!("push 1 >MOVING,1,15,b:2" "connected 2 10.0.0.2:2"),
    ),
    at(
        "Draining, level 1",
        Phase::Draining,
        [1, 2, NONE],
        notified!("push 1 >MOVING,1,15,b:2" "connected 2 10.0.0.2:2" "ready 2" "optin_reply 2 +OK"),
    ),
    at(
        "Swapping, level 1",
        Phase::Swapping,
        [1, 2, NONE],
        notified!("push 1 >MOVING,1,15,b:2" "connected 2 10.0.0.2:2" "ready 2" "optin_reply 2 +OK" "held"),
    ),
    at(
        "Draining, in 2 out 1, a reply owed",
        Phase::Draining,
        [1, 2, NONE],
        concat!(
            "config level=1 level-in=tapped\ndial\nconnected 1 10.0.0.1:1\nready 1\nreceive 1 +OK\nin_flight 1\n",
            "receive 1 >MOVING,1,15,b:2\nconnected 2 10.0.0.2:2\nready 2\nreceive 2 +OK\nheld\n",
        ),
    ),
    at(
        "Draining, in 1 out 2, a reply owed",
        Phase::Draining,
        [1, 2, NONE],
        concat!(
            "config level=2 level-in=notified\ndial\nconnected 1 10.0.0.1:1\nready 1\noptin_reply 1 +OK\nowe 1 1\n",
            "push 1 >MOVING,1,15,b:2\nconnected 2 10.0.0.2:2\nready 2\noptin_reply 2 +OK\nheld\n",
        ),
    ),
];
