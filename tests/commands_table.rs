//! The table of commands: what it says, that it is not stale, and that it is fast to look up.

use sch::commands::{self, Class, Effect, Facts, Replies, Topic, lookup, meaning};
use sch::resp::command::{CommandLimits, CommandReader, Keep, Step};
use std::process::Command;

fn root() -> &'static str {
    env!("CARGO_MANIFEST_DIR")
}

/// `SCH_BLESS=1` rewrites the table instead.
#[test]
#[allow(clippy::disallowed_methods, reason = "SCH_BLESS is how generated files are rewritten")]
fn the_table_is_what_the_server_says() {
    let bless = std::env::var("SCH_BLESS").is_ok_and(|value| value == "1");
    let mut command = Command::new("python3");
    command.arg(format!("{}/tools/gen_commands.py", root()));
    if !bless {
        command.arg("--stdout");
    }
    let output = command.output().expect("python3 is needed to ask redis-server for its commands");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    if !bless {
        let table =
            std::fs::read(format!("{}/src/commands/table.rs", root())).expect("src/commands/table.rs");
        let version = commands::SERVER_VERSION;
        assert!(
            table == output.stdout,
            "src/commands/table.rs (of redis-server {version}) is stale: SCH_BLESS=1 cargo test"
        );
    }
}

/// Runs one command, given as words, through the reader, and gives its facts and meaning to the check.
fn with<T>(words: &str, check: impl FnOnce(Facts, commands::Meaning<'_>) -> T) -> T {
    let words: Vec<&str> = words.split(' ').collect();
    let mut input = format!("*{}\r\n", words.len());
    for word in words {
        input += &format!("${}\r\n{word}\r\n", word.len());
    }
    let mut reader = CommandReader::new(CommandLimits { max_kept_len: 300, ..CommandLimits::default() });
    let mut facts = Facts::UNKNOWN;
    let read = reader.read(input.as_bytes(), |head| {
        facts = lookup(head.name, head.second.unwrap_or_default());
        facts.keep()
    });
    assert_eq!((read.step, read.consumed), (Step::Command, input.len()));
    check(facts, meaning(facts, reader.args()))
}

fn replies(words: &str) -> Replies {
    with(words, |_, meaning| meaning.replies)
}

fn effect(words: &str) -> String {
    with(words, |facts, meaning| {
        assert_eq!(
            facts.is_plain(),
            matches!(facts.keep(), Keep::Nothing) && is_none(meaning.effect),
            "{words}"
        );
        format!("{:?}", meaning.effect)
    })
}

fn is_none(effect: Effect<'_>) -> bool {
    matches!(effect, Effect::None)
}

fn blocks(words: &str) -> bool {
    with(words, |_, meaning| matches!(meaning.effect, Effect::Blocking))
}

fn class(name: &str, second: &str) -> Class {
    lookup(name.as_bytes(), second.as_bytes()).class()
}

/// The rows of the generated file, read as text: container, name, flags.
fn rows() -> Vec<(String, String, String)> {
    let table = std::fs::read_to_string(format!("{}/src/commands/table.rs", root())).expect("table");
    let rows: Vec<_> = table
        .lines()
        .filter_map(|line| line.strip_prefix("    row(\""))
        .map(|row| {
            let mut parts = row.split('"');
            let mut part = || parts.next().expect("three parts").to_owned();
            let (container, _, name, flags) = (part(), part(), part(), part());
            (container, name, flags)
        })
        .collect();
    assert!(rows.len() > 300);
    rows
}

#[test]
fn every_command_of_the_server_is_found_in_any_case() {
    for (container, name, flags) in rows() {
        let (first, second) = if container.is_empty() { (&name, "") } else { (&container, &*name) };
        let upper = lookup(first.as_bytes(), second.as_bytes());
        let lower = lookup(first.to_lowercase().as_bytes(), second.to_lowercase().as_bytes());
        assert_eq!(upper, lower, "{first} {second}");
        if flags.contains("READONLY") {
            assert_eq!(upper.class(), Class::ReadOnly, "{first} {second}");
        }
        if flags.contains("WRITE") {
            assert_eq!(upper.class(), Class::Write, "{first} {second}");
        }
        if flags.contains("BLOCKING") {
            assert!(!upper.is_plain(), "{first}");
        }
    }
}

#[test]
fn what_is_not_a_command_is_unknown() {
    for name in [
        "",
        "S",
        "SE",
        "SETT",
        "SEX",
        "GETT",
        "S\u{5}T",
        "CLIENT|ID",
        "LIST",
        "GEORADIUS\x7fRO",
        "ZREVRANGEBYSCORX",
        "GEORADIUSBYMEMBEX_RO",
        "GEORADIXSBYMEMBER_RO",
        "JSON.GET",
        "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
    ] {
        assert_eq!(lookup(name.as_bytes(), b""), Facts::UNKNOWN, "{name:?}");
    }
    assert_eq!(lookup(b"CLIENT", b"NONSENSE"), Facts::UNKNOWN);
    assert_eq!(Facts::UNKNOWN.class(), Class::Write);
    assert!(Facts::UNKNOWN.is_plain());
    // The second word of what is no container is an argument.
    assert_eq!(lookup(b"GET", b"REPLY"), lookup(b"GET", b""));
}

#[test]
fn classes() {
    for name in "GET MGET HGETALL EXISTS TTL SCAN KEYS DBSIZE PFCOUNT TOUCH EVAL_RO EVALSHA_RO FCALL_RO SORT_RO XREAD \
                 XRANGE PING ECHO TIME INFO ROLE LASTSAVE COMMAND"
        .split_whitespace()
    {
        assert_eq!(class(name, ""), Class::ReadOnly, "{name}");
    }
    for name in "SET DEL INCR GETDEL GETEX EVAL EVALSHA FCALL SORT XREADGROUP PUBLISH SPUBLISH WAIT WAITAOF BLPOP EXEC \
                 MULTI WATCH SELECT AUTH HELLO CLIENT CONFIG SUBSCRIBE DEBUG MIGRATE FLUSHALL FAILOVER BITFIELD"
        .split_whitespace()
    {
        assert_eq!(class(name, ""), Class::Write, "{name}");
    }
    for (name, second, expected) in [
        ("CLIENT", "ID", Class::ReadOnly),
        ("CLIENT", "KILL", Class::Write),
        ("CLIENT", "SETNAME", Class::Write),
        ("CONFIG", "GET", Class::ReadOnly),
        ("CONFIG", "SET", Class::Write),
        ("OBJECT", "ENCODING", Class::ReadOnly),
        ("XINFO", "STREAM", Class::ReadOnly),
        ("XGROUP", "CREATE", Class::Write),
        ("SCRIPT", "LOAD", Class::Write),
        ("CLUSTER", "SHARDS", Class::ReadOnly),
        ("CLUSTER", "RESET", Class::Write),
        ("MEMORY", "USAGE", Class::ReadOnly),
        ("ACL", "LOG", Class::Write),
    ] {
        assert_eq!(class(name, second), expected, "{name} {second}");
    }
}

#[test]
fn most_commands_are_plain() {
    let special: Vec<_> = rows()
        .into_iter()
        .filter(|(container, ..)| container.is_empty())
        .filter(|(_, name, _)| !lookup(name.as_bytes(), b"").is_plain())
        .map(|(_, name, _)| name)
        .collect();
    assert_eq!(
        special.join(" "),
        "ASKING AUTH BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN DEBUG DISCARD EXEC HELLO MONITOR \
         MULTI PSUBSCRIBE PSYNC PUNSUBSCRIBE QUIT READONLY READWRITE REPLCONF RESET SELECT SHUTDOWN SSUBSCRIBE \
         SUBSCRIBE SUNSUBSCRIBE SYNC UNSUBSCRIBE UNWATCH WAIT WATCH XREAD XREADGROUP"
    );
    for name in "ACL CLIENT CLUSTER COMMAND CONFIG FUNCTION LATENCY MEMORY MODULE OBJECT PUBSUB SCRIPT SLOWLOG XGROUP XINFO"
        .split(' ')
    {
        assert_eq!(lookup(name.as_bytes(), b"").keep(), Keep::Second, "{name}");
    }
}

#[test]
fn replies_by_shape() {
    for (words, expected) in [
        ("GET k", Replies::One),
        ("CLIENT LIST", Replies::One),
        ("CLIENT REPLY ON", Replies::One),
        ("CLIENT REPLY off", Replies::None),
        ("client reply Skip", Replies::None),
        ("CLIENT REPLY", Replies::One),
        ("CLIENT REPLY OFF x", Replies::One),
        ("CLIENT REPLY maybe", Replies::One),
        ("SUBSCRIBE a", Replies::Pushes(1)),
        ("SUBSCRIBE a a b", Replies::Pushes(3)),
        ("PSUBSCRIBE a*", Replies::Pushes(1)),
        ("SSUBSCRIBE a b", Replies::Pushes(2)),
        ("SUBSCRIBE", Replies::One),
        ("UNSUBSCRIBE", Replies::PushesUnknown),
        ("PUNSUBSCRIBE", Replies::PushesUnknown),
        ("SUNSUBSCRIBE", Replies::PushesUnknown),
        ("UNSUBSCRIBE a b c", Replies::Pushes(3)),
        ("MONITOR", Replies::Stream),
        ("MONITOR x", Replies::One),
        ("SYNC", Replies::NotResp),
        ("PSYNC ? -1", Replies::NotResp),
        ("REPLCONF ACK 1", Replies::None),
        ("REPLCONF capa eof", Replies::One),
        ("QUIT", Replies::Closes),
        ("SHUTDOWN", Replies::NoneOnSuccess),
        ("SHUTDOWN NOSAVE", Replies::NoneOnSuccess),
        ("SHUTDOWN ABORT", Replies::One),
        ("DEBUG SEGFAULT", Replies::NoneOnSuccess),
        ("DEBUG OBJECT k", Replies::One),
        ("MULTI", Replies::One),
        ("EXEC", Replies::One),
        ("RESET", Replies::One),
        ("NONSENSE x", Replies::One),
    ] {
        assert_eq!(replies(words), expected, "{words}");
    }
}

#[test]
fn blocking_is_seen() {
    for words in [
        "BLPOP k 0",
        "brpop k 1",
        "BLMOVE a b LEFT LEFT 0",
        "BZMPOP 0 1 k MIN",
        "WAIT 1 0",
        "WAITAOF 1 0 0",
        "XREAD BLOCK 0 STREAMS s $",
        "XREAD COUNT 10 block 5000 STREAMS s 0",
        "XREADGROUP GROUP g c BLOCK 1 STREAMS s >",
        "XREADGROUP GROUP g c COUNT 1 NOACK BLOCK 1 STREAMS s >",
        "DEBUG SLEEP 1",
    ] {
        assert!(blocks(words), "{words}");
    }
    for words in [
        "LPOP k",
        "XREAD STREAMS s 0",
        "XREAD COUNT 1 STREAMS BLOCK 0",
        "XREADGROUP GROUP BLOCK c STREAMS s >",
        "XREADGROUP GROUP g BLOCK COUNT 1 STREAMS s >",
        "XREAD",
    ] {
        assert!(!blocks(words), "{words}");
    }
    // Not all kept: in doubt it blocks, unless STREAMS was seen.
    let long = "x".repeat(400);
    assert!(blocks(&format!("XREADGROUP GROUP {long} c STREAMS s >")));
    assert!(!blocks(&format!("XREAD STREAMS {long} 0")));
}

#[test]
fn effects_are_read_from_the_arguments() {
    for (words, expected) in [
        ("GET k", "None"),
        ("HELLO", "Hello(Hello { proto: None, auth: None, name: None })"),
        ("hello 3", "Hello(Hello { proto: Some(3), auth: None, name: None })"),
        (
            "HELLO 3 setname n AUTH u p",
            "Hello(Hello { proto: Some(3), auth: Some(([117], Secret(..))), name: Some([110]) })",
        ),
        ("HELLO 2 AUTH u", "Hello(Hello { proto: Some(2), auth: None, name: None })"),
        ("HELLO x", "Hello(Hello { proto: None, auth: None, name: None })"),
        ("AUTH p", "Auth { user: None, pass: Secret(..) }"),
        ("AUTH u p", "Auth { user: Some([117]), pass: Secret(..) }"),
        ("AUTH", "None"),
        ("SELECT 5", "Select(Some(5))"),
        ("SELECT -1", "Select(Some(-1))"),
        ("SELECT +1", "Select(None)"),
        ("SELECT 01", "Select(None)"),
        ("SELECT", "None"),
        ("RESET", "Reset"),
        ("RESET x", "None"),
        ("MULTI x", "None"),
        ("MONITOR x", "None"),
        ("WATCH", "None"),
        ("QUIT", "Quit"),
        ("multi", "Multi"),
        ("EXEC", "Exec"),
        ("DISCARD", "Discard"),
        ("WATCH k", "Watch"),
        ("UNWATCH", "Unwatch"),
        ("MONITOR", "Monitor"),
        ("SYNC", "Sync"),
        ("CLIENT REPLY ON", "ReplyOn"),
        ("CLIENT REPLY OFF", "ReplyOff"),
        ("CLIENT REPLY SKIP", "ReplySkip"),
        ("CLIENT SETNAME n", "SetName([110])"),
        (
            "CLIENT SETINFO LIB-NAME n",
            "SetInfo { attribute: [76, 73, 66, 45, 78, 65, 77, 69], value: [110] }",
        ),
        ("CLIENT NO-EVICT on", "NoEvict(true)"),
        ("CLIENT NO-TOUCH OFF", "NoTouch(false)"),
        ("CLIENT CACHING YES", "Caching"),
        ("CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type none", "Maint { on: true }"),
        ("client maint_notifications off", "Maint { on: false }"),
        ("READONLY", "ReadOnly"),
        ("READWRITE", "ReadWrite"),
        ("ASKING", "Asking"),
        ("SHUTDOWN", "Shutdown"),
        ("SCRIPT DEBUG YES", "Debugger"),
        ("SCRIPT DEBUG NO", "None"),
        ("CLIENT CAPA redirect", "Capa(Args { argc: 3, kept: 3, .. })"),
    ] {
        if expected == "None" {
            with(words, |_, meaning| assert!(is_none(meaning.effect), "{words}"));
        } else {
            assert_eq!(effect(words), expected, "{words}");
        }
    }
}

#[test]
fn subscriptions_name_their_channels() {
    with("SSUBSCRIBE a bc", |_, meaning| {
        let Effect::Subscribe { topic: Topic::Shard, names } = meaning.effect else { panic!("{meaning:?}") };
        assert_eq!(names.iter().collect::<Vec<_>>(), [&b"a"[..], b"bc"]);
    });
    with("PUNSUBSCRIBE", |_, meaning| {
        let Effect::Unsubscribe { topic: Topic::Pattern, names } = meaning.effect else {
            panic!("{meaning:?}")
        };
        assert!(names.is_empty() && names.is_complete());
    });
    // The count is right even where the names are too many to keep.
    let long = "x".repeat(200);
    with(&format!("SUBSCRIBE {long} {long}"), |_, meaning| {
        assert_eq!(meaning.replies, Replies::Pushes(2));
        assert!(matches!(meaning.effect, Effect::Unreadable));
    });
}

#[test]
fn tracking_with_redirect_is_told_apart() {
    for (words, expected) in [
        ("CLIENT TRACKING on", Some((true, false))),
        ("CLIENT TRACKING OFF", Some((false, false))),
        ("CLIENT TRACKING ON REDIRECT 5", Some((true, true))),
        ("CLIENT TRACKING ON REDIRECT 0", Some((true, false))),
        ("CLIENT TRACKING ON BCAST PREFIX REDIRECT PREFIX b", Some((true, false))),
        ("CLIENT TRACKING ON OPTIN NOLOOP redirect 7", Some((true, true))),
        ("CLIENT TRACKING maybe", None),
    ] {
        with(words, |_, meaning| match meaning.effect {
            Effect::Tracking { on, redirect, args } => {
                assert_eq!(Some((on, redirect)), expected, "{words}");
                assert!(args.is_complete());
            }
            _ => assert_eq!(expected, None, "{words}"),
        });
    }
}

#[test]
fn inline_commands_mean_the_same() {
    let mut reader = CommandReader::new(CommandLimits::default());
    let mut facts = Facts::UNKNOWN;
    reader.read(b"client reply off\r\n", |head| {
        facts = lookup(head.name, head.second.unwrap_or_default());
        facts.keep()
    });
    assert_eq!(meaning(facts, reader.args()).replies, Replies::None);
}

#[test]
#[ignore = "a measurement: cargo test --release --test commands_table -- --ignored --nocapture"]
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a measurement needs a clock")]
fn measure() {
    use std::hint::black_box;
    use std::time::Instant;
    fn report(what: &str, mut run: impl FnMut() -> u64) {
        let mut best = f64::MAX;
        for _ in 0..9 {
            let start = Instant::now();
            let count = run();
            best = best.min(start.elapsed().as_secs_f64() * 1e9 / count as f64);
        }
        println!("{what}: {best:.1} ns");
    }
    const ROUNDS: u64 = 2_000_000;
    for names in
        [&["SET"][..], &["GET", "SET", "HGETALL", "ZREVRANGEBYSCORE", "INCR", "EXPIRE", "LPUSH", "MGET"]]
    {
        report(&format!("lookup of {names:?}"), || {
            for name in names.iter().cycle().take(ROUNDS as usize) {
                black_box(lookup(black_box(name.as_bytes()), b""));
            }
            ROUNDS
        });
    }
    report("lookup of an unknown command", || {
        for _ in 0..ROUNDS {
            black_box(lookup(black_box(b"JSON.GET"), b""));
        }
        ROUNDS
    });
    report("lookup of CLIENT SETINFO", || {
        for _ in 0..ROUNDS {
            black_box(lookup(black_box(b"CLIENT"), black_box(b"SETINFO")));
        }
        ROUNDS
    });
    for (what, command) in [
        ("*3 SET key value", "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n".to_owned()),
        ("*2 GET, key of 20", format!("*2\r\n$3\r\nGET\r\n$20\r\n{}\r\n", "k".repeat(20))),
        ("*3 SET, value of 100", format!("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$100\r\n{}\r\n", "v".repeat(100))),
        ("*1 PING", "*1\r\n$4\r\nPING\r\n".to_owned()),
        ("*5 CLIENT TRACKING ...", "*3\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\nON\r\n".to_owned()),
        ("*10 MSET", format!("*10\r\n$4\r\nMSET\r\n{}", "$5\r\nabcde\r\n".repeat(9))),
    ] {
        let data = command.repeat(1000);
        let mut reader = CommandReader::new(CommandLimits::default());
        report(&format!("read and look up {what}"), || {
            for _ in 0..200 {
                let mut rest = black_box(data.as_bytes());
                while !rest.is_empty() {
                    let mut facts = Facts::UNKNOWN;
                    let read = reader.read(rest, |head| {
                        facts = lookup(head.name, head.second.unwrap_or_default());
                        facts.keep()
                    });
                    black_box(facts);
                    rest = &rest[read.consumed..];
                }
            }
            200_000
        });
        report(&format!("read {what}"), || {
            for _ in 0..200 {
                let mut rest = black_box(data.as_bytes());
                while !rest.is_empty() {
                    rest = &rest[reader.read(rest, |_| Keep::Nothing).consumed..];
                }
            }
            200_000
        });
    }
}
