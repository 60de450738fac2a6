//! The framer on any split of any stream: boundaries, errors, limits (E3, N5, S1).

use sch::resp::framer::{FrameError, Framer, FramerLimits, Scan, Stop};

const FRAMES: &[&str] = &[
    "+OK\r\n",
    "+\r\n",
    "-ERR x\r\n",
    ":-12\r\n",
    ":123456789012\r\n",
    ",3.14\r\n",
    "(3492890328409238509324850943850943825024385\r\n",
    "#t\r\n",
    "_\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "$0\r\n\r\n",
    "$5\r\nhe\r\no\r\n",
    "!5\r\nERR x\r\n",
    "=7\r\ntxt:abc\r\n",
    "*0\r\n",
    "%0\r\n",
    "*2\r\n$1\r\na\r\n:1\r\n",
    "~2\r\n+a\r\n+b\r\n",
    "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n",
    "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
    "$?\r\n;4\r\nabcd\r\n;1\r\ne\r\n;0\r\n",
    "*?\r\n:1\r\n*2\r\n:1\r\n:2\r\n.\r\n",
    "%?\r\n+k\r\n:1\r\n.\r\n",
    "*2\r\n>2\r\n+message\r\n:1\r\n:2\r\n",
    "*2\r\n|1\r\n+ttl\r\n:3\r\n:1\r\n|0\r\n:2\r\n",
    "*1\r\n$?\r\n;0\r\n",
];

fn framer() -> Framer {
    Framer::new(FramerLimits::default())
}

#[test]
fn every_type_ends_where_it_ends_in_every_split() {
    for frame in FRAMES {
        let bytes = frame.as_bytes();
        let trailing = [bytes, b"+next\r\n"].concat();
        let scan = framer().scan(&trailing, 1);
        assert_eq!((scan.consumed, scan.frames, scan.stop), (bytes.len(), 1, Stop::Limit), "{frame:?}");
        for cut in 0..bytes.len() {
            let mut f = framer();
            let first = f.scan(&bytes[..cut], 9);
            assert_eq!(
                (first.consumed, first.frames, first.stop),
                (cut, 0, Stop::NeedMore),
                "{frame:?} {cut}"
            );
            assert_eq!(f.at_boundary(), cut == 0, "{frame:?} {cut}");
            let second = f.scan(&bytes[cut..], 9);
            assert_eq!((second.consumed, second.frames), (bytes.len() - cut, 1), "{frame:?} {cut}");
            assert!(f.at_boundary());
        }
        let mut f = framer();
        let ended: u64 = bytes.iter().map(|b| f.scan(&[*b], 9).frames).sum();
        assert_eq!(ended, 1, "{frame:?} byte by byte");
    }
}

#[test]
fn n5_push_inside_an_aggregate_is_an_element() {
    let scan = framer().scan(b"*1\r\n>2\r\n$7\r\nmessage\r\n:1\r\n:5\r\n", 9);
    assert_eq!((scan.frames, scan.stop), (2, Stop::NeedMore));
}

#[test]
fn a_push_and_an_attribute_at_top_level_stop_a_scan_before_them() {
    let mut f = framer();
    assert_eq!(f.scan(b":1\r\n>1\r\n+x\r\n", 9), Scan { consumed: 4, frames: 1, stop: Stop::Push });
    assert_eq!(f.scan_one(b">1\r\n+x\r\n:2\r\n"), Scan { consumed: 8, frames: 1, stop: Stop::Limit });
    assert_eq!(
        f.scan(b"|1\r\n+k\r\n+v\r\n:2\r\n", 9),
        Scan { consumed: 0, frames: 0, stop: Stop::Attribute }
    );
    assert_eq!(f.scan_one(b"|1\r\n+k\r\n+v\r\n:2\r\n").consumed, 12);
    assert_eq!(f.scan_one(b"|0\r\n:2\r\n").consumed, 4);
}

#[test]
fn s1_errors_are_named_and_the_same_in_every_split() {
    let small = FramerLimits { max_depth: 2, max_bulk_len: 10, max_line_len: 8, max_elements: 3 };
    let cases: &[(&str, FrameError)] = &[
        ("?\r\n", FrameError::UnknownType(b'?')),
        ("*1\r\nx", FrameError::UnknownType(b'x')),
        ("$x\r\n", FrameError::BadLength),
        ("$\r\n", FrameError::BadLength),
        ("$-2\r\n", FrameError::BadLength),
        ("%-1\r\n", FrameError::BadLength),
        ("*99999999999999999999999\r\n", FrameError::BadLength),
        ("+ok\rx", FrameError::BadLineEnd),
        ("$1\rx", FrameError::BadLineEnd),
        ("$1\r\nabc", FrameError::BadLineEnd),
        ("+123456789\r\n", FrameError::LineTooLong),
        ("$11\r\n", FrameError::BulkTooLong),
        ("*4\r\n", FrameError::TooManyElements),
        ("*1\r\n*1\r\n*1\r\n:1\r\n", FrameError::TooDeep),
        (".\r\n", FrameError::UnexpectedStreamEnd),
        (";1\r\n", FrameError::UnexpectedStreamEnd),
        ("*1\r\n.\r\n", FrameError::UnexpectedStreamEnd),
        ("$?\r\n:1\r\n", FrameError::UnexpectedStreamEnd),
    ];
    for (text, error) in cases {
        for step in [text.len(), 1, 2, 3] {
            let mut f = Framer::new(small);
            let mut found = None;
            for piece in text.as_bytes().chunks(step) {
                if let Stop::Error(e) = f.scan(piece, 9).stop {
                    found = Some(e);
                    break;
                }
            }
            assert_eq!(found, Some(*error), "{text:?} in steps of {step}");
            assert!(matches!(f.scan(b"+OK\r\n", 1).stop, Stop::Error(_)), "an error is final");
        }
    }
}

#[test]
fn s1_nothing_is_allocated_by_a_length_from_the_wire() {
    let mut f = framer();
    assert_eq!(f.scan(b"*4294967296\r\n$536870912\r\nabc", 1).stop, Stop::NeedMore);
    assert!(std::mem::size_of::<Framer>() <= 160, "{}", std::mem::size_of::<Framer>());
}

/// xorshift64: the seed alone decides.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

#[test]
fn any_split_of_a_random_stream_gives_the_same_frames() {
    for seed in 1..300 {
        let mut random = Random(seed * 0x9e37_79b9);
        let picks: Vec<&str> = (0..20).map(|_| FRAMES[random.next(FRAMES.len() as u64) as usize]).collect();
        let stream = picks.concat().into_bytes();
        let mut f = framer();
        let (mut at, mut frames) = (0, 0);
        while at < stream.len() {
            let end = (at + 1 + random.next(40) as usize).min(stream.len());
            let scan = f.scan(&stream[at..end], 1 + random.next(3));
            frames += scan.frames;
            assert!(!matches!(scan.stop, Stop::Error(_)), "seed {seed}");
            at += scan.consumed;
        }
        assert_eq!(frames, 20, "seed {seed}");
        assert!(f.at_boundary());
    }
}

#[test]
fn s4_random_bytes_never_panic() {
    for seed in 1..3000 {
        let mut random = Random(seed * 0x2545_f491);
        let alphabet = b"+-:$*%~>|!=,(#_.;?0123456789\r\n\r\nab";
        let bytes: Vec<u8> =
            (0..200).map(|_| alphabet[random.next(alphabet.len() as u64) as usize]).collect();
        let mut f = framer();
        let mut at = 0;
        while at < bytes.len() {
            let end = (at + 1 + random.next(9) as usize).min(bytes.len());
            let scan =
                if random.next(2) == 0 { f.scan(&bytes[at..end], 2) } else { f.scan_one(&bytes[at..end]) };
            match scan.stop {
                Stop::Error(_) => f.reset(),
                Stop::Push | Stop::Attribute => {
                    f.scan_one(&bytes[at + scan.consumed..end]);
                }
                _ => {}
            }
            at = end;
        }
    }
}

#[test]
fn framer_and_value_parser_agree_on_where_frames_end() {
    use sch::resp::value::{ValueLimits, parse};
    let limits = ValueLimits { max_depth: 32, max_elements: 4096, max_bytes: 1 << 20 };
    for frame in FRAMES {
        let trailing = format!("{frame}+next\r\n");
        let (_, used) = parse(trailing.as_bytes(), &limits).unwrap_or_else(|e| panic!("{frame:?}: {e:?}"));
        assert_eq!(used, frame.len(), "{frame:?}");
    }
}
