//! The outbound command reader: every input whole, byte by byte, at every split, and with bytes after it.

use sch::resp::command::{Args, CommandError, CommandLimits, CommandReader, Head, Keep, Step};

/// What a test keeps: everything of KEEP, the second word of BOX and, if that is KEEP, everything.
fn decide(head: &Head<'_>) -> Keep {
    match (head.name, head.second) {
        (b"KEEP", _) | (b"BOX", Some(b"keep")) => Keep::Args,
        (b"BOX", None) => Keep::Second,
        _ => Keep::Nothing,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Command { name: Vec<u8>, argc: u32, len: u64, kept: Vec<Vec<u8>> },
    Blank { len: u64 },
    Error(CommandError),
}

fn owned(args: Args<'_>) -> Vec<Vec<u8>> {
    args.iter().map(<[u8]>::to_vec).collect()
}

fn feed(reader: &mut CommandReader, mut data: &[u8], seen: &mut Vec<Seen>) {
    loop {
        let read = reader.read(data, decide);
        data = &data[read.consumed..];
        match read.step {
            Step::NeedMore => {
                assert!(data.is_empty(), "NeedMore consumes all");
                return;
            }
            Step::Command => {
                assert!(reader.at_boundary());
                seen.push(Seen::Command {
                    name: reader.name().to_vec(),
                    argc: reader.argc(),
                    len: reader.len(),
                    kept: owned(reader.args()),
                });
            }
            Step::Blank => seen.push(Seen::Blank { len: reader.len() }),
            Step::Error(error) => {
                assert!(!reader.at_boundary());
                if !matches!(seen.last(), Some(Seen::Error(_))) {
                    seen.push(Seen::Error(error));
                }
                return;
            }
        }
    }
}

fn limits() -> CommandLimits {
    CommandLimits { max_args: 20, max_bulk_len: 1000, max_inline_len: 100, max_kept_len: 60 }
}

fn in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
    let mut reader = CommandReader::new(limits());
    let mut seen = Vec::new();
    for piece in pieces {
        feed(&mut reader, piece, &mut seen);
    }
    seen
}

/// Reads the input in every way and checks that they agree; the answer of the whole.
fn read(input: &[u8]) -> Vec<Seen> {
    let whole = in_pieces([input]);
    assert_eq!(in_pieces(input.chunks(1)), whole, "byte by byte: {}", input.escape_ascii());
    for split in 1..input.len() {
        let (head, tail) = input.split_at(split);
        assert_eq!(in_pieces([head, tail]), whole, "split at {split}: {}", input.escape_ascii());
    }
    for size in 2..8 {
        assert_eq!(in_pieces(input.chunks(size)), whole, "pieces of {size}: {}", input.escape_ascii());
    }
    if !matches!(whole.last(), Some(Seen::Error(_))) {
        let mut more = input.to_vec();
        more.extend_from_slice(b"*1\r\n$5\r\nAFTER\r\n*2\r\n$");
        let mut with = in_pieces([more.as_slice()]);
        if with.pop() == Some(command("AFTER", 1, 15, &[])) {
            assert_eq!(with, whole, "with bytes after it");
        }
    }
    whole
}

fn command(name: &str, argc: u32, len: u64, kept: &[&str]) -> Seen {
    Seen::Command {
        name: name.as_bytes().to_vec(),
        argc,
        len,
        kept: kept.iter().map(|arg| arg.as_bytes().to_vec()).collect(),
    }
}

fn error(input: &[u8]) -> CommandError {
    match read(input).pop() {
        Some(Seen::Error(error)) => error,
        other => panic!("no error but {other:?}: {}", input.escape_ascii()),
    }
}

#[test]
fn commands_end_where_they_end() {
    assert_eq!(
        read(b"*3\r\n$3\r\nset\r\n$3\r\nkey\r\n$5\r\nvalue\r\n*1\r\n$4\r\nPing\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n"),
        [command("SET", 3, 33, &[]), command("PING", 1, 14, &[]), command("GET", 2, 19, &[])]
    );
}

#[test]
fn bodies_are_not_looked_at() {
    let body = "*1\r\n$1\r\nX\r\n".repeat(20);
    let input = format!("*2\r\n$3\r\nSET\r\n${}\r\n{body}\r\n", body.len());
    assert_eq!(read(input.as_bytes()), [command("SET", 2, input.len() as u64, &[])]);
}

#[test]
fn arguments_are_kept_only_where_asked_for() {
    assert_eq!(
        read(b"*4\r\n$4\r\nkeep\r\n$1\r\na\r\n$0\r\n\r\n$2\r\n\r\n\r\n*2\r\n$1\r\nX\r\n$1\r\ny\r\n"),
        [command("KEEP", 4, 35, &["KEEP", "a", "", "\r\n"]), command("X", 2, 18, &[])]
    );
    assert_eq!(read(b"*1\r\n$4\r\nKEEP\r\n"), [command("KEEP", 1, 14, &["KEEP"])]);
}

#[test]
fn the_second_word_can_decide() {
    assert_eq!(
        read(b"*3\r\n$3\r\nbox\r\n$4\r\nkeep\r\n$1\r\nz\r\n*3\r\n$3\r\nBOX\r\n$4\r\ndrop\r\n$1\r\nz\r\n*1\r\n$3\r\nBOX\r\n"),
        [
            command("BOX", 3, 30, &["BOX", "keep", "z"]),
            command("BOX", 3, 30, &["BOX", "drop"]),
            command("BOX", 1, 13, &["BOX"])
        ]
    );
}

#[test]
fn keeping_ends_at_its_limit() {
    // Each costs 4 more than its bytes: 8 for the name and 51 for the next are within 60, one more byte is not.
    let fits = format!("*2\r\n$4\r\nKEEP\r\n$48\r\n{}\r\n", "x".repeat(48));
    assert_eq!(read(fits.as_bytes()), [command("KEEP", 2, 69, &["KEEP", &"x".repeat(48)])]);
    let exceeds = format!("*3\r\n$4\r\nKEEP\r\n$49\r\n{}\r\n$1\r\ny\r\n", "x".repeat(49));
    assert_eq!(read(exceeds.as_bytes()), [command("KEEP", 3, 77, &["KEEP"])]);
}

#[test]
fn kept_arguments_know_whether_they_are_all() {
    let mut reader = CommandReader::new(limits());
    reader.read(b"*3\r\n$4\r\nKEEP\r\n$1\r\na\r\n$1\r\nb\r\n", decide);
    let args = reader.args();
    assert!(args.is_complete() && !args.is_empty());
    let tail = args.tail(1);
    assert_eq!((tail.argc(), tail.len(), tail.is_complete()), (2, 2, true));
    assert_eq!(owned(tail), [b"a", b"b"]);
    assert_eq!((tail.get(0), tail.get(1), tail.get(2)), (Some(&b"a"[..]), Some(&b"b"[..]), None));
    assert_eq!((tail.tail(9).argc(), tail.tail(9).get(0)), (0, None));
    let mut out = Vec::new();
    args.encode(&mut out);
    assert_eq!(out, b"*3\r\n$4\r\nKEEP\r\n$1\r\na\r\n$1\r\nb\r\n");
    assert_eq!(format!("{args:?}"), "Args { argc: 3, kept: 3, .. }");

    reader.read(b"*2\r\n$3\r\nSET\r\n$1\r\na\r\n", decide);
    assert!(reader.args().is_empty() && !reader.args().is_complete());
}

#[test]
fn long_names_are_cut_and_say_so() {
    for (len, cut) in [(31, false), (32, false), (33, true), (200, true)] {
        let input = format!("*2\r\n${len}\r\n{}\r\n$1\r\na\r\n", "n".repeat(len));
        let seen = read(input.as_bytes());
        assert_eq!(seen, [command(&"N".repeat(len.min(32)), 2, input.len() as u64, &[])]);
        let mut reader = CommandReader::new(limits());
        reader.read(input.as_bytes(), decide);
        assert_eq!(reader.name_truncated(), cut);
    }
}

#[test]
fn names_of_every_length_are_in_upper_case() {
    for len in 0..=32 {
        let name: String = ('a'..='z').chain('0'..='9').cycle().take(len).collect();
        let input = format!("*2\r\n${len}\r\n{name}\r\n$1\r\na\r\n");
        assert_eq!(read(input.as_bytes()), [command(&name.to_uppercase(), 2, input.len() as u64, &[])]);
    }
}

#[test]
fn only_letters_change_case() {
    let name: Vec<u8> = (0..=255).filter(|byte| !b"\r\n".contains(byte)).collect();
    for part in name.chunks(8) {
        let mut input = format!("*1\r\n${}\r\n", part.len()).into_bytes();
        input.extend_from_slice(part);
        input.extend_from_slice(b"\r\n");
        let mut reader = CommandReader::new(limits());
        assert_eq!(reader.read(&input, decide).step, Step::Command);
        assert_eq!(reader.name(), part.to_ascii_uppercase());
    }
}

#[test]
fn empty_lines_and_empty_arrays_are_no_commands() {
    assert_eq!(
        read(b"\r\n\n*0\r\n*-1\r\n*-100\r\n  \r\nPING\r\n"),
        [
            Seen::Blank { len: 2 },
            Seen::Blank { len: 1 },
            Seen::Blank { len: 4 },
            Seen::Blank { len: 5 },
            Seen::Blank { len: 7 },
            Seen::Blank { len: 4 },
            command("PING", 1, 6, &["PING"])
        ]
    );
}

#[test]
fn inline_commands_are_split_as_the_server_splits_them() {
    assert_eq!(
        read(b"ping\n set  k\t\"a b\\x41\\n\\\"\\q\" 'it\\'s' x\"y\" \r\n*1\r\n$4\r\nPING\r\n"),
        [
            command("PING", 1, 5, &["PING"]),
            command("SET", 5, 39, &["SET", "k", "a bA\n\"q", "it's", "xy"]),
            command("PING", 1, 14, &[])
        ]
    );
    assert_eq!(read(b"box keep z\r\n"), [command("BOX", 3, 12, &["BOX", "keep", "z"])]);
    assert_eq!(read(b"SET k \"\"\r\n"), [command("SET", 3, 10, &["SET", "k", ""])]);
    assert_eq!(read(b"SET \"\\xzz\"\n"), [command("SET", 2, 11, &["SET", "xzz"])]);
    // Whatever does not begin with * is an inline command.
    assert_eq!(read(b"$3\r\n"), [command("$3", 1, 4, &["$3"])]);
}

#[test]
fn what_the_server_refuses_is_an_error() {
    for count in ["*x\r\n", "*\r\n", "*+1\r\n", "*01\r\n", "*-0\r\n", "*--1\r\n", "*1 \r\n", "*1\rx", "*1\n"]
    {
        assert_eq!(error(count.as_bytes()), CommandError::Count, "{count:?}");
    }
    assert_eq!(error(b"*1234567890123456789012345\r\n"), CommandError::Count);
    for length in ["$-1\r\n", "$x\r\n", "$\r\n", "$03\r\n", ":3\r\n", "3\r\n", "\r\n", "$3\rabc"] {
        assert_eq!(error(format!("*2\r\n{length}").as_bytes()), CommandError::Length, "{length:?}");
        assert_eq!(
            error(format!("*2\r\n$1\r\nX\r\n{length}").as_bytes()),
            CommandError::Length,
            "{length:?} as second"
        );
    }
    for end in ["abcd", "abc\n", "abc\rx", "abc\r\r"] {
        assert_eq!(error(format!("*1\r\n$3\r\n{end}").as_bytes()), CommandError::Terminator, "{end:?}");
    }
    for quotes in ["\"a", "'a", "\"a\"b", "'a'b", "\"a\\", "'a\\'"] {
        assert_eq!(error(format!("GET {quotes}\r\n").as_bytes()), CommandError::InlineQuotes, "{quotes:?}");
    }
    assert_eq!(error(b"GET \0\r\n"), CommandError::InlineNul);
}

#[test]
fn limits_by_name() {
    // max_args
    let args = |n: usize| format!("*{n}\r\n{}", "$1\r\na\r\n".repeat(n));
    assert_eq!(read(args(20).as_bytes()), [command("A", 20, 145, &[])]);
    assert_eq!(error(args(21).as_bytes()), CommandError::TooManyArgs);
    // max_bulk_len
    let bulk = |n: usize| format!("*2\r\n$1\r\na\r\n${n}\r\n{}\r\n", "x".repeat(n));
    assert_eq!(read(bulk(1000).as_bytes()), [command("A", 2, 1020, &[])]);
    assert_eq!(error(bulk(1001).as_bytes()), CommandError::ArgTooLong);
    assert_eq!(error(b"*1\r\n$1001\r\n"), CommandError::ArgTooLong);
    assert_eq!(error(b"*1\r\n$999999999999999999\r\n"), CommandError::ArgTooLong);
    // max_inline_len
    let inline = |n: usize| format!("{}\n", "x".repeat(n));
    assert_eq!(in_pieces([inline(100).as_bytes()]).len(), 1);
    assert_eq!(error(inline(101).as_bytes()), CommandError::InlineTooLong);
    assert_eq!(error(&[b'x'; 101]), CommandError::InlineTooLong);
}

#[test]
fn an_error_is_final_until_reset() {
    let mut reader = CommandReader::new(limits());
    let read = reader.read(b"*1\r\n$4\r\nPING\r\n", decide);
    assert_eq!((read.consumed, read.step), (14, Step::Command));
    assert_eq!(reader.read(b"*x", decide).step, Step::Error(CommandError::Count));
    let again = reader.read(b"*1\r\n$4\r\nPING\r\n", decide);
    assert_eq!((again.consumed, again.step), (0, Step::Error(CommandError::Count)));
    assert_eq!(reader.read(b"", decide).step, Step::Error(CommandError::Count));
    reader.reset();
    assert!(reader.at_boundary());
    assert_eq!(reader.read(b"*1\r\n$4\r\nPING\r\n", decide).step, Step::Command);
}

#[test]
fn an_open_command_says_how_far_it_is() {
    let mut reader = CommandReader::new(limits());
    assert!(reader.at_boundary());
    let read = reader.read(b"*2\r\n$3\r\nget\r\n$5\r\nab", decide);
    assert_eq!((read.consumed, read.step), (19, Step::NeedMore));
    assert_eq!(
        (reader.len(), reader.name(), reader.argc(), reader.at_boundary()),
        (19, &b"GET"[..], 2, false)
    );
    let read = reader.read(b"", decide);
    assert_eq!((read.consumed, read.step, reader.len()), (0, Step::NeedMore, 19));
    let read = reader.read(b"cde\r\n*1\r\n", decide);
    assert_eq!((read.consumed, read.step, reader.len()), (5, Step::Command, 24));
}

#[test]
fn the_decision_is_asked_for_once_and_comes_early() {
    let mut reader = CommandReader::new(limits());
    let mut asked = Vec::new();
    for byte in b"*3\r\n$3\r\nbox\r\n$4\r\nkeep\r\n" {
        reader.read(&[*byte], |head| {
            asked.push((head.name.to_vec(), head.second.map(<[u8]>::to_vec), head.argc));
            Keep::Second
        });
    }
    assert_eq!(asked, [(b"BOX".to_vec(), None, 3), (b"BOX".to_vec(), Some(b"keep".to_vec()), 3)]);
    assert_eq!(reader.len(), 23);
}

/// xorshift64: the same input for the same seed.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn random_input_does_not_panic_and_splits_do_not_matter() {
    const PIECES: [&[u8]; 22] = [
        b"*",
        b"$",
        b"\r\n",
        b"1",
        b"2",
        b"3",
        b"0",
        b"-",
        b"\r",
        b"\n",
        b"KEEP",
        b"box",
        b"keep",
        b" ",
        b"\"",
        b"'",
        b"\\",
        b"x",
        b"*1\r\n$4\r\nPING\r\n",
        b"*2\r\n$3\r\nGET\r\n$1\r\n",
        b"*3\r\n$3\r\nBOX\r\n",
        b"\0",
    ];
    for seed in 1..3000u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut input = Vec::new();
        for _ in 0..random(&mut state) % 30 {
            input.extend_from_slice(PIECES[(random(&mut state) % PIECES.len() as u64) as usize]);
        }
        let whole = in_pieces([input.as_slice()]);
        assert_eq!(in_pieces(input.chunks(1)), whole, "seed {seed}: {}", input.escape_ascii());
        let size = 1 + (random(&mut state) % 9) as usize;
        assert_eq!(in_pieces(input.chunks(size)), whole, "seed {seed}: {}", input.escape_ascii());
    }
}

#[test]
fn valid_commands_of_every_shape_are_all_found() {
    for seed in 1..400u64 {
        let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
        let mut input = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..1 + random(&mut state) % 8 {
            let argc = 1 + random(&mut state) % 12;
            let start = input.len();
            input.extend_from_slice(format!("*{argc}\r\n").as_bytes());
            for _ in 0..argc {
                let len = random(&mut state) % [4, 20, 200, 1001][(random(&mut state) % 4) as usize];
                input.extend_from_slice(format!("${len}\r\n").as_bytes());
                input.extend((0..len).map(|_| random(&mut state) as u8));
                input.extend_from_slice(b"\r\n");
            }
            expected.push((argc as u32, (input.len() - start) as u64));
        }
        for size in [1, 2, 7, 64, 1000, input.len()] {
            let seen = in_pieces(input.chunks(size));
            let found: Vec<_> = seen
                .iter()
                .map(|seen| match seen {
                    Seen::Command { argc, len, .. } => (*argc, *len),
                    other => panic!("seed {seed}: {other:?}"),
                })
                .collect();
            assert_eq!(found, expected, "seed {seed}, pieces of {size}");
        }
    }
}
