//! The framer against two parsers that know nothing of it: the crate redis-protocol, and the values of this library. The first byte
//! says whether the rest is a stream as it is, or choices of which a valid one is made, whose frame ends are known. Then:
//!
//! * any split of the input ends the same frames at the same bytes, with the same error;
//! * of a valid stream nothing is refused, and frames end where they were made to end;
//! * where redis-protocol or the values end a frame, it ends;
//! * what redis-protocol reads is refused for one of the reasons that [`stricter`] names, and for no other.

use crate::draw::Draw;
use redis_protocol::resp3::decode;
use sch::resp::framer::{FrameError, Framer, FramerLimits, Stop};
use sch::resp::value::{ValueError, ValueLimits, parse};

/// Small, so that they are met; the generator stays within them.
const LIMITS: FramerLimits =
    FramerLimits { max_depth: 9, max_bulk_len: 1 << 16, max_line_len: 512, max_elements: 1 << 16 };
const VALUES: ValueLimits = ValueLimits { max_depth: 64, max_elements: 1 << 20, max_bytes: 1 << 20 };

pub fn run(data: &[u8]) {
    let Some((&mode, rest)) = data.split_first() else { return };
    if mode % 2 == 0 {
        return stream(rest, None);
    }
    let (mut draw, mut made, mut ends) = (Draw(rest), Vec::new(), Vec::new());
    while !draw.is_over() && made.len() < 4096 {
        ends.push(frame(&mut draw, &mut made));
    }
    stream(&made, Some(&ends));
}

/// What one pass says: where frames end, where it stopped, and why.
#[derive(Debug, PartialEq)]
struct Seen {
    ends: Vec<usize>,
    pos: usize,
    error: Option<FrameError>,
    boundary: bool,
}

/// Frame by frame, in parts whose sizes come from `sizes`, over and over.
fn pass(data: &[u8], sizes: &[usize]) -> Seen {
    let mut framer = Framer::new(LIMITS);
    let (mut pos, mut ends, mut turn) = (0, Vec::new(), 0);
    while pos < data.len() {
        let part = data.len().min(pos + sizes[turn % sizes.len()]);
        turn += 1;
        while pos < part {
            let before = pos;
            let mut scan = framer.scan(&data[pos..part], 1);
            assert!(scan.frames <= 1 && scan.consumed <= part - pos);
            pos += scan.consumed;
            if matches!(scan.stop, Stop::Push | Stop::Attribute) {
                assert!(framer.at_boundary() && scan.frames == 0);
                scan = framer.scan_one(&data[pos..part]);
                pos += scan.consumed;
            }
            if scan.frames == 1 {
                assert!(framer.at_boundary());
                ends.push(pos);
            }
            if let Stop::Error(error) = scan.stop {
                assert_eq!(framer.scan(&data[pos..], 9).stop, Stop::Error(error), "an error stays");
                return Seen { ends, pos, error: Some(error), boundary: framer.at_boundary() };
            }
            assert!(pos > before, "it goes on or says why not");
        }
    }
    Seen { ends, pos, error: None, boundary: framer.at_boundary() }
}

/// Many frames in one call, which is another way through the code.
fn at_once(data: &[u8]) -> (usize, usize, Option<FrameError>) {
    let mut framer = Framer::new(LIMITS);
    let (mut pos, mut frames) = (0, 0);
    loop {
        let mut scan = framer.scan(&data[pos..], u64::MAX);
        (pos, frames) = (pos + scan.consumed, frames + scan.frames as usize);
        if matches!(scan.stop, Stop::Push | Stop::Attribute) {
            scan = framer.scan_one(&data[pos..]);
            (pos, frames) = (pos + scan.consumed, frames + scan.frames as usize);
        }
        match scan.stop {
            Stop::Error(error) => return (frames, pos, Some(error)),
            Stop::NeedMore => return (frames, pos, None),
            _ if pos == data.len() => return (frames, pos, None),
            _ => {}
        }
    }
}

fn stream(data: &[u8], made: Option<&[usize]>) {
    let whole = pass(data, &[data.len().max(1)]);
    let middle = 1 + data.iter().map(|b| usize::from(*b)).sum::<usize>() % data.len().max(1);
    for sizes in [&[1][..], &[2, 5, 1], &[middle], &[7, 64, 3, 1, 16]] {
        assert_eq!(pass(data, sizes), whole, "parts of {sizes:?}");
    }
    assert_eq!(at_once(data), (whole.ends.len(), whole.pos, whole.error));
    if let Some(ends) = made {
        assert_eq!((&whole.ends[..], whole.error, whole.boundary), (ends, None, true), "of a valid stream");
    }
    let mut from = 0;
    for &end in &whole.ends {
        ended(&data[from..end], made.is_some());
        from = end;
    }
    if from < data.len() {
        unfinished(&data[from..], &whole);
    }
}

/// The framer says that this is one frame.
fn ended(frame: &[u8], valid: bool) {
    let attribute = frame[0] == b'|';
    match parse(frame, &VALUES) {
        Ok((_, len)) => assert_eq!(len, frame.len(), "the values end elsewhere"),
        // It reads what the attribute belongs to as well.
        Err(ValueError::Incomplete) => assert!(attribute, "the values want more"),
        Err(error) => assert!(!valid, "{error:?} in a valid frame"),
    }
    if let Ok(read) = decode::complete::decode(frame) {
        match read {
            Some((_, len)) => assert_eq!(len, frame.len(), "redis-protocol ends elsewhere"),
            // It reads what the attribute belongs to as well.
            None => assert!(attribute, "redis-protocol wants more: {}", frame.escape_ascii()),
        }
    }
}

/// The framer wants more, or refuses what begins here.
fn unfinished(rest: &[u8], whole: &Seen) {
    if let Ok(Some((_, len))) = decode::complete::decode(rest) {
        let error = whole.error.expect("redis-protocol ends a frame and the framer wants more");
        assert!(
            stricter(error, &rest[..len], true),
            "{error} in what redis-protocol reads: {}",
            rest[..len].escape_ascii()
        );
    }
    if let (Ok((_, len)), Some(error)) = (parse(rest, &VALUES), whole.error) {
        assert!(
            stricter(error, &rest[..len], false),
            "{error} in what the values read: {}",
            rest[..len].escape_ascii()
        );
    }
}

/// Where the framer refuses on purpose what others let pass.
fn stricter(error: FrameError, frame: &[u8], by_redis_protocol: bool) -> bool {
    let holds = |what: &dyn Fn(u8, u8) -> bool| frame.windows(2).any(|pair| what(pair[0], pair[1]));
    match error {
        // Limits of this run.
        FrameError::LineTooLong
        | FrameError::TooDeep
        | FrameError::BulkTooLong
        | FrameError::TooManyElements => true,
        // A line ends at its first CR. (redis-protocol does not look what follows a bulk.)
        FrameError::BadLineEnd => by_redis_protocol || holds(&|a, b| a == b'\r' && b != b'\n'),
        // `+3` and `-0` are numbers to them, and no lengths; an attribute is never streamed.
        FrameError::BadLength => holds(&|a, b| b"$!=*~%>|;".contains(&a) && b"+-?".contains(&b)),
        // Ends and chunks of streams that nobody began are elements to redis-protocol.
        FrameError::UnexpectedStreamEnd => {
            by_redis_protocol
                && (matches!(frame[0], b'.' | b';') || holds(&|a, b| a == b'\n' && matches!(b, b'.' | b';')))
        }
        FrameError::UnknownType(_) => false,
    }
}

fn frame(draw: &mut Draw<'_>, out: &mut Vec<u8>) -> usize {
    match draw.below(10) {
        0 => aggregate(draw, out, b'|', 2, 3),
        1 => aggregate(draw, out, b'>', 1, 3),
        _ => value(draw, out, 4, false),
    }
    out.len()
}

fn blob(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    out.extend_from_slice(body.len().to_string().as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out.extend_from_slice(b"\r\n");
}

fn aggregate(draw: &mut Draw<'_>, out: &mut Vec<u8>, kind: u8, each: u64, depth: u64) {
    let count = if draw.below(16) == 0 { draw.below(256) } else { draw.below(4) };
    let streamed = kind != b'|' && draw.below(6) == 0;
    out.push(kind);
    let head = if streamed { "?".to_owned() } else { count.to_string() };
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(b"\r\n");
    for _ in 0..count * each {
        value(draw, out, depth - 1, true);
    }
    if streamed {
        out.extend_from_slice(b".\r\n");
    }
}

/// `inside` an aggregate there may be an attribute before it; at top level that would be a frame of its own.
fn value(draw: &mut Draw<'_>, out: &mut Vec<u8>, depth: u64, inside: bool) {
    match draw.below(if depth == 0 { 14 } else { 19 + u64::from(inside) }) {
        0 => out.extend_from_slice(b"+OK\r\n"),
        kind @ (1 | 2) => {
            out.push(b"+-"[kind as usize - 1]);
            out.extend(draw.bytes(40).iter().filter(|b| !matches!(b, b'\r' | b'\n')));
            out.extend_from_slice(b"\r\n");
        }
        3 => out.extend_from_slice(format!(":{}\r\n", draw.number() as i64).as_bytes()),
        4 => out.extend_from_slice(draw.of(&[&b",1.5\r\n"[..], b",inf\r\n", b",-inf\r\n", b",0\r\n"])),
        5 => out.extend_from_slice(format!("({}\r\n", draw.number()).as_bytes()),
        6 => out.extend_from_slice(draw.of(&[&b"#t\r\n"[..], b"#f\r\n"])),
        7 => out.extend_from_slice(draw.of(&[&b"_\r\n"[..], b"$-1\r\n", b"*-1\r\n"])),
        8 | 9 => blob(out, b'$', draw.bytes(255)),
        10 => {
            // Longer than any word or line.
            let (len, with) = (draw.below(16) * 517, draw.byte());
            blob(out, b'$', &vec![with; len as usize]);
        }
        11 => blob(out, b'!', draw.bytes(60)),
        12 => blob(out, b'=', &[draw.of(&[&b"txt:"[..], b"mkd:"]), draw.bytes(60)].concat()),
        13 => {
            out.extend_from_slice(b"$?\r\n");
            for _ in 0..draw.below(4) {
                let body = draw.bytes(60);
                if !body.is_empty() {
                    blob(out, b';', body);
                }
            }
            out.extend_from_slice(b";0\r\n");
        }
        14 | 15 => aggregate(draw, out, b'*', 1, depth),
        16 => aggregate(draw, out, b'~', 1, depth),
        17 => aggregate(draw, out, b'%', 2, depth),
        18 => aggregate(draw, out, b'>', 1, depth),
        _ => {
            aggregate(draw, out, b'|', 2, depth);
            value(draw, out, depth - 1, true);
        }
    }
}
