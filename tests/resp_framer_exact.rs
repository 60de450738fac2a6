//! The framer from outside, at every byte: where each error is, what each limit counts (S1, S2, N1, N5, E3).

use sch::resp::framer::{FrameError, Framer, FramerLimits, Scan, Stop};

#[allow(dead_code)] // other tests use the rest of it
#[path = "support/resp_random.rs"]
mod resp_random;

use resp_random::Random;
use sch::resp::value::{ValueLimits, parse};

/// Each type of RESP3 in one frame that is no push and no attribute at its top.
const FRAMES: &[&[u8]] = &[
    b"+OK\r\n",
    b"+\r\n",
    b"+PONG\r\n",
    b"+a line that is longer than any window of the fast reader\r\n",
    b"-ERR unknown command\r\n",
    b":0\r\n",
    b":-123456789\r\n",
    b",3.14\r\n",
    b",-inf\r\n",
    b"_\r\n",
    b"#t\r\n",
    b"#f\r\n",
    b"(3492890328409238509324850943850943825024385\r\n",
    b"$0\r\n\r\n",
    b"$5\r\nhello\r\n",
    b"$5\r\n\r\n\r\n\r\r\n",
    b"$-1\r\n",
    b"$26\r\nabcdefghijklmnopqrstuvwxyz\r\n",
    b"!21\r\nSYNTAX invalid syntax\r\n",
    b"=15\r\ntxt:Some string\r\n",
    b"$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;1\r\nd\r\n;0\r\n",
    b"$?\r\n;0\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*3\r\n:1\r\n:2\r\n:3\r\n",
    b"*2\r\n*1\r\n+a\r\n*2\r\n$1\r\nx\r\n_\r\n",
    b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n",
    b"~2\r\n+a\r\n+b\r\n",
    b"~0\r\n",
    b"%2\r\n+first\r\n:1\r\n+second\r\n*1\r\n:2\r\n",
    b"%0\r\n",
    b"*?\r\n:1\r\n*0\r\n:3\r\n.\r\n",
    b"*?\r\n.\r\n",
    b"~?\r\n+a\r\n.\r\n",
    b"%?\r\n+a\r\n:1\r\n+b\r\n%?\r\n.\r\n.\r\n",
    b"*2\r\n>2\r\n+message\r\n+x\r\n:1\r\n",
    b"*2\r\n|1\r\n+ttl\r\n:3600\r\n:1\r\n|0\r\n|1\r\n*1\r\n:1\r\n|1\r\n:1\r\n:2\r\n+x\r\n*1\r\n:2\r\n",
    b"*?\r\n|1\r\n+a\r\n+b\r\n:1\r\n.\r\n",
    b"*1\r\n$?\r\n;3\r\nabc\r\n;0\r\n",
    b"*1\r\n>?\r\n+a\r\n:1\r\n.\r\n",
    b"*01\r\n$00003\r\nabc\r\n",
];

fn framer() -> Framer {
    Framer::new(FramerLimits::default())
}

fn limited(change: impl FnOnce(&mut FramerLimits)) -> Framer {
    let mut limits = FramerLimits::default();
    change(&mut limits);
    Framer::new(limits)
}

/// Runs over parts of a stream; the sums, and the last stop.
fn scan_parts<'a>(framer: &mut Framer, parts: impl IntoIterator<Item = &'a [u8]>) -> Scan {
    let mut sum = Scan { consumed: 0, frames: 0, stop: Stop::NeedMore };
    for part in parts {
        let scan = framer.scan(part, u64::MAX);
        sum = Scan {
            consumed: sum.consumed + scan.consumed,
            frames: sum.frames + scan.frames,
            stop: scan.stop,
        };
        if scan.stop != Stop::NeedMore {
            break;
        }
        assert_eq!(scan.consumed, part.len());
    }
    sum
}

/// The same end whole, byte by byte, in every two parts, and for every size of parts.
fn assert_every_way(limits: FramerLimits, data: &[u8], want: Scan) {
    let fresh = || Framer::new(limits);
    assert_eq!(scan_parts(&mut fresh(), [data]), want, "whole {:?}", data.escape_ascii().to_string());
    for size in 1..=data.len() {
        let got = scan_parts(&mut fresh(), data.chunks(size));
        assert_eq!(got, want, "by {size} {:?}", data.escape_ascii().to_string());
    }
    for at in 0..=data.len() {
        let (a, b) = data.split_at(at);
        assert_eq!(scan_parts(&mut fresh(), [a, b]), want, "at {at} {:?}", data.escape_ascii().to_string());
    }
}

/// The error comes at the same byte whatever the split, also with a stream of small frames around it.
fn assert_error_with(limits: FramerLimits, data: &[u8], at: usize, error: FrameError) {
    for (before, after) in [(0, 0), (3, 0), (0, 40), (3, 40)] {
        let stream = [&b"+OK\r\n".repeat(before)[..], data, &b"x".repeat(after)[..]].concat();
        let want = Scan { consumed: 5 * before + at, frames: before as u64, stop: Stop::Error(error) };
        assert_every_way(limits, &stream, want);
    }
}

fn assert_error(data: &[u8], at: usize, error: FrameError) {
    assert_error_with(FramerLimits::default(), data, at, error);
}

#[test]
fn every_type_ends_where_it_must_whatever_the_split() {
    for frame in FRAMES {
        let want = Scan { consumed: frame.len(), frames: 1, stop: Stop::NeedMore };
        assert_every_way(FramerLimits::default(), frame, want);
    }
}

#[test]
fn every_type_ends_before_trailing_bytes() {
    for frame in FRAMES {
        for trailing in [&b"+OK\r\n"[..], b"$5", b"garbage that is no frame at all, and long", b"\r\n"] {
            let data = [frame, trailing].concat();
            for scan in [framer().scan(&data, 1), framer().scan_one(&data)] {
                assert_eq!(scan, Scan { consumed: frame.len(), frames: 1, stop: Stop::Limit });
            }
        }
    }
}

#[test]
fn every_type_in_one_stream_is_counted_whatever_the_split() {
    let data = FRAMES.concat();
    let want = Scan { consumed: data.len(), frames: FRAMES.len() as u64, stop: Stop::NeedMore };
    assert_every_way(FramerLimits::default(), &data, want);
}

#[test]
fn a_frame_without_its_last_byte_needs_more_and_is_no_boundary() {
    for frame in FRAMES {
        for len in 1..frame.len() {
            let mut framer = framer();
            let want = Scan { consumed: len, frames: 0, stop: Stop::NeedMore };
            assert_eq!(framer.scan(&frame[..len], 1), want);
            assert!(!framer.at_boundary());
            let rest = framer.scan(&frame[len..], 1);
            assert_eq!(rest, Scan { consumed: frame.len() - len, frames: 1, stop: Stop::Limit });
            assert!(framer.at_boundary());
        }
    }
}

#[test]
fn max_frames_stops_at_that_boundary() {
    let data = b"+OK\r\n".repeat(100);
    for wanted in [1, 2, 50, 99, 100] {
        let scan = framer().scan(&data, wanted);
        assert_eq!(scan, Scan { consumed: 5 * wanted as usize, frames: wanted, stop: Stop::Limit });
    }
    assert_eq!(framer().scan(&data, 101), Scan { consumed: 500, frames: 100, stop: Stop::NeedMore });
}

#[test]
fn max_frames_zero_consumes_nothing() {
    assert_eq!(framer().scan(b"+OK\r\n", 0), Scan { consumed: 0, frames: 0, stop: Stop::Limit });
    let mut open = framer();
    open.scan(b"*2\r\n+a\r\n", 9);
    assert_eq!(open.scan(b"+b\r\n", 0), Scan { consumed: 0, frames: 0, stop: Stop::Limit });
    assert_eq!(open.scan(b"+b\r\n", 1), Scan { consumed: 4, frames: 1, stop: Stop::Limit });
}

#[test]
fn n5_push_at_top_level_stops_before_it() {
    let push = b">3\r\n+message\r\n+c\r\n$2\r\nhi\r\n";
    for trailing in [&b""[..], b"+and some more bytes than a window has\r\n"] {
        let mut framer = framer();
        let data = [b"+OK\r\n:1\r\n", &push[..], trailing].concat();
        assert_eq!(framer.scan(&data, 9), Scan { consumed: 9, frames: 2, stop: Stop::Push });
        assert!(framer.at_boundary());
        assert_eq!(framer.scan(&data[9..], 9), Scan { consumed: 0, frames: 0, stop: Stop::Push });
        let want = Scan { consumed: push.len(), frames: 1, stop: Stop::Limit };
        assert_eq!(framer.scan_one(&data[9..]), want);
        assert!(framer.at_boundary());
    }
}

#[test]
fn n5_push_inside_aggregate_is_an_element() {
    // What the server answers to SUBSCRIBE inside MULTI: one push for the only element of EXEC.
    let data = b"*1\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
    assert_every_way(
        FramerLimits::default(),
        &data.repeat(2),
        Scan { consumed: 2 * data.len(), frames: 2, stop: Stop::NeedMore },
    );
}

#[test]
fn a_push_frame_may_come_in_any_parts() {
    let push = b">2\r\n+message\r\n*2\r\n$2\r\nhi\r\n>1\r\n+x\r\n";
    for at in 1..push.len() {
        let mut framer = framer();
        let first = framer.scan_one(&push[..at]);
        assert_eq!(first, Scan { consumed: at, frames: 0, stop: Stop::NeedMore });
        let rest = [&push[at..], b"+OK\r\n"].concat();
        // `scan` goes on with an open push as well, and counts it.
        let mut other = framer.clone();
        let want = Scan { consumed: push.len() - at, frames: 1, stop: Stop::Limit };
        assert_eq!(framer.scan_one(&rest), want);
        assert_eq!(other.scan(&rest, 1), want);
        assert_eq!(
            other.scan(&rest[want.consumed..], 9),
            Scan { consumed: 5, frames: 1, stop: Stop::NeedMore }
        );
    }
}

#[test]
fn e3_attribute_at_top_level_stops_before_it_and_is_a_frame_of_its_own() {
    let attribute = b"|1\r\n+key\r\n%1\r\n+a\r\n*?\r\n:1\r\n.\r\n";
    for at in 0..attribute.len() {
        let mut framer = framer();
        let data = [b"+OK\r\n", &attribute[..], b">1\r\n+x\r\n"].concat();
        assert_eq!(framer.scan(&data, 9), Scan { consumed: 5, frames: 1, stop: Stop::Attribute });
        assert_eq!(framer.scan_one(&data[5..5 + at]).consumed, at);
        let want = Scan { consumed: attribute.len() - at, frames: 1, stop: Stop::Limit };
        assert_eq!(framer.scan_one(&data[5 + at..]), want);
        assert!(framer.at_boundary());
        assert_eq!(framer.scan(&data[5 + attribute.len()..], 9).stop, Stop::Push);
    }
    assert_eq!(framer().scan_one(b"|0\r\n+x\r\n"), Scan { consumed: 4, frames: 1, stop: Stop::Limit });
}

#[test]
fn n1_attribute_inside_an_aggregate_is_no_element() {
    let data = b"*2\r\n|1\r\n+ttl\r\n:1\r\n+a\r\n|1\r\n+k\r\n|0\r\n+v\r\n>1\r\n+b\r\n";
    let want = Scan { consumed: data.len(), frames: 1, stop: Stop::NeedMore };
    assert_every_way(FramerLimits::default(), data, want);
}

#[test]
fn s2_unknown_type_is_an_error() {
    for byte in (0..=255).filter(|byte| !b"+-:,_#($=!*%~>|.;".contains(byte)) {
        assert_error(&[byte], 0, FrameError::UnknownType(byte));
        assert_error(&[b'*', b'1', b'\r', b'\n', byte], 4, FrameError::UnknownType(byte));
    }
}

#[test]
fn s2_bad_lengths_are_errors_at_their_byte() {
    for kind in "$=!*%~".chars() {
        for (length, at) in [
            ("\r\n", 1),
            ("x", 1),
            ("1x", 2),
            ("+1", 1),
            (" 1", 1),
            ("1 \r\n", 2),
            ("-\r\n", 2),
            ("-2", 2),
            ("-0", 2),
            ("-11", 3),
            ("--1", 2),
            ("0-1", 2),
            ("1\n", 2),
            ("?1", 2),
            ("1?", 2),
            ("??", 2),
            ("18446744073709551616", 20),
            ("000000000000000000000", 21),
            ("99999999999999999999999", 20),
        ] {
            let negative = length.starts_with('-') && !"$*".contains(kind);
            let streamed = length.starts_with('?') && !"$*%~>".contains(kind);
            let at = if negative || streamed { 1 } else { at };
            assert_error(format!("{kind}{length}").as_bytes(), at, FrameError::BadLength);
        }
    }
    assert_error(b"*1\r\n>-1\r\n", 5, FrameError::BadLength);
    assert_error(b"*1\r\n|?\r\n", 5, FrameError::BadLength);
    assert_error(b"%-1\r\n", 1, FrameError::BadLength);
    assert_error(b"$?\r\n;-1\r\n", 5, FrameError::BadLength);
    assert_error(b"$?\r\n;?\r\n", 5, FrameError::BadLength);
}

#[test]
fn s2_bad_line_ends_are_errors_at_their_byte() {
    assert_error(b"+OK\r+", 4, FrameError::BadLineEnd);
    assert_error(b"+OK\r\r\n", 4, FrameError::BadLineEnd);
    assert_error(b":1\rx\n", 3, FrameError::BadLineEnd);
    assert_error(b"+a line longer than a window\r.\n", 29, FrameError::BadLineEnd);
    assert_error(b"_\r_", 2, FrameError::BadLineEnd);
    assert_error(b"$1\rx", 3, FrameError::BadLineEnd);
    assert_error(b"$1\r\nxx\r\n", 5, FrameError::BadLineEnd);
    assert_error(b"$1\r\nx\n", 5, FrameError::BadLineEnd);
    assert_error(b"$1\r\nx\rx", 6, FrameError::BadLineEnd);
    assert_error(b"$0\r\n$0\r\n", 4, FrameError::BadLineEnd);
    assert_error(b"*1\rx", 3, FrameError::BadLineEnd);
    assert_error(b"*?\r\n.x", 5, FrameError::BadLineEnd);
    assert_error(b"*?\r\n.\rx", 6, FrameError::BadLineEnd);
    assert_error(b"$?\r\n;1\r\nax", 9, FrameError::BadLineEnd);
    // The same header as the bulk before, another end.
    assert_error(b"*3\r\n$3\r\nabc\r\n$3\r\nabc\r\n$3\r\nabc\rd", 30, FrameError::BadLineEnd);
}

#[test]
fn a_lone_line_feed_ends_nothing() {
    let data = b"+a\nb\n\r\n";
    assert_every_way(FramerLimits::default(), data, Scan { consumed: 7, frames: 1, stop: Stop::NeedMore });
    assert_eq!(framer().scan(b"+OK\n+OK\n+OK\n+OK\n+OK\n", 9).frames, 0);
}

#[test]
fn s2_ends_of_streams_where_none_is_open_are_errors() {
    assert_error(b".\r\n", 0, FrameError::UnexpectedStreamEnd);
    assert_error(b"*1\r\n.\r\n", 4, FrameError::UnexpectedStreamEnd);
    assert_error(b"*?\r\n*1\r\n.\r\n", 8, FrameError::UnexpectedStreamEnd);
    assert_error(b"%?\r\n+key\r\n.\r\n", 10, FrameError::UnexpectedStreamEnd);
    assert_error(b"%?\r\n*0\r\n.\r\n", 8, FrameError::UnexpectedStreamEnd);
    assert_error(b"*?\r\n|0\r\n.\r\n", 8, FrameError::UnexpectedStreamEnd);
    assert_error(b"*?\r\n|1\r\n+a\r\n+b\r\n.\r\n", 16, FrameError::UnexpectedStreamEnd);
}

#[test]
fn s2_anything_but_a_chunk_in_a_streamed_string_is_an_error() {
    assert_error(b"$?\r\n+a\r\n", 4, FrameError::UnexpectedStreamEnd);
    assert_error(b"$?\r\n;1\r\na\r\n$1\r\n", 11, FrameError::UnexpectedStreamEnd);
    assert_error(b";1\r\na\r\n", 0, FrameError::UnexpectedStreamEnd);
}

#[test]
fn s2_an_error_stays_until_reset() {
    let mut framer = framer();
    let broken = Stop::Error(FrameError::UnknownType(b'?'));
    assert_eq!(framer.scan(b"+OK\r\n*1\r\n?", 9), Scan { consumed: 9, frames: 1, stop: broken });
    assert!(!framer.at_boundary());
    for _ in 0..2 {
        assert_eq!(framer.scan(b"+OK\r\n", 9), Scan { consumed: 0, frames: 0, stop: broken });
        assert_eq!(framer.scan_one(b"+OK\r\n"), Scan { consumed: 0, frames: 0, stop: broken });
    }
    framer.reset();
    assert!(framer.at_boundary());
    assert_eq!(framer.scan(b"+OK\r\n", 9), Scan { consumed: 5, frames: 1, stop: Stop::NeedMore });
}

#[test]
fn reset_forgets_an_open_frame() {
    let mut framer = framer();
    framer.scan(b"*2\r\n$5\r\nab", 9);
    framer.reset();
    assert!(framer.at_boundary());
    assert_eq!(framer.scan(b"+OK\r\n", 9), Scan { consumed: 5, frames: 1, stop: Stop::NeedMore });
}

#[test]
fn s1_max_depth_counts_levels_and_is_capped_at_64() {
    for (set, real) in [(0, 1), (1, 1), (5, 5), (7, 7), (32, 32), (64, 64), (200, 64)] {
        let limits = FramerLimits { max_depth: set, ..FramerLimits::default() };
        for kind in ["*1\r\n", "~1\r\n", "*?\r\n", "*1\r\n|1\r\n:1\r\n"] {
            let levels = kind.matches("\r\n").count().min(2);
            if levels > 1 && real % 2 == 1 {
                continue;
            }
            let open = kind.repeat(real / levels);
            let mut framer = Framer::new(limits);
            let scan = framer.scan(open.as_bytes(), 9);
            assert_eq!(scan, Scan { consumed: open.len(), frames: 0, stop: Stop::NeedMore }, "{kind} {set}");
            for more in ["*1\r\n", "*?\r\n", "%1\r\n", "~1\r\n and what is more than a window"] {
                let scan = framer.clone().scan(more.as_bytes(), 9);
                let want = Scan { consumed: 4, frames: 0, stop: Stop::Error(FrameError::TooDeep) };
                assert_eq!(scan, want, "{kind} {set}");
            }
            // What is empty opens no level.
            for more in ["*0\r\n", "%0\r\n", "|0\r\n", "*0\r\n\r\n and what is more than a window"] {
                let stop = framer.clone().scan(more.as_bytes(), 9).stop;
                assert_ne!(stop, Stop::Error(FrameError::TooDeep), "{kind} {set}");
            }
        }
    }
    let limits = FramerLimits { max_depth: 2, ..FramerLimits::default() };
    assert_error_with(limits, b"*1\r\n*1\r\n*1\r\n", 12, FrameError::TooDeep);
    let nested = [b"*1\r\n".repeat(64), b"*0\r\n".to_vec()].concat();
    let mut deep = limited(|limits| limits.max_depth = 64);
    let want = Scan { consumed: 3 * nested.len(), frames: 3, stop: Stop::NeedMore };
    assert_eq!(scan_parts(&mut deep, [&nested.repeat(3)[..]]), want);
}

#[test]
fn s1_max_bulk_len_bounds_every_bulk() {
    let limits = FramerLimits { max_bulk_len: 10, ..FramerLimits::default() };
    for kind in ["$", "=", "!"] {
        let fits = format!("{kind}10\r\ntxt:567890\r\n").repeat(2);
        assert_every_way(
            limits,
            fits.as_bytes(),
            Scan { consumed: fits.len(), frames: 2, stop: Stop::NeedMore },
        );
        let long = format!("{kind}11\r\ntxt:5678901\r\n");
        assert_error_with(limits, long.as_bytes(), 3, FrameError::BulkTooLong);
        let huge = format!("{kind}18446744073709551615\r\n");
        assert_error_with(limits, huge.as_bytes(), 21, FrameError::BulkTooLong);
    }
    assert_error(b"$536870913\r\n", 10, FrameError::BulkTooLong);
}

#[test]
fn s1_max_bulk_len_bounds_the_sum_of_chunks() {
    let limits = FramerLimits { max_bulk_len: 10, ..FramerLimits::default() };
    let fits = b"*2\r\n$?\r\n;5\r\n12345\r\n;5\r\n67890\r\n;0\r\n$?\r\n;5\r\n12345\r\n;5\r\n67890\r\n;0\r\n";
    assert_every_way(limits, fits, Scan { consumed: fits.len(), frames: 1, stop: Stop::NeedMore });
    assert_error_with(limits, b"$?\r\n;5\r\n12345\r\n;6\r\n678901\r\n;0\r\n", 17, FrameError::BulkTooLong);
    let huge =
        limited(|limits| limits.max_bulk_len = u64::MAX).scan(b"$?\r\n;18446744073709551615\r\nabc", 9);
    assert_eq!(huge.stop, Stop::NeedMore);
}

#[test]
fn s1_max_line_len_bounds_every_line() {
    for max in [0, 1, 2, 3, 12, 13, 14, 15, 16, 17, 40] {
        let limits = FramerLimits { max_line_len: max, ..FramerLimits::default() };
        let max = max as usize;
        for kind in "+-:,#_(".chars() {
            let fits = format!("{kind}{}\r\n", "1".repeat(max)).repeat(2);
            let want = Scan { consumed: fits.len(), frames: 2, stop: Stop::NeedMore };
            assert_every_way(limits, fits.as_bytes(), want);
            let long = format!("{kind}{}\r\n", "1".repeat(max + 1));
            let want = Scan { consumed: max + 1, frames: 0, stop: Stop::Error(FrameError::LineTooLong) };
            assert_every_way(limits, long.as_bytes(), want);
        }
        if max < 2 {
            let want = Scan { consumed: max + 1, frames: 0, stop: Stop::Error(FrameError::LineTooLong) };
            assert_every_way(limits, b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n", want);
        }
    }
}

#[test]
fn s1_max_elements_bounds_every_aggregate() {
    let limits = FramerLimits { max_elements: 3, ..FramerLimits::default() };
    for (kind, each) in [("*", 1), ("~", 1), ("%", 2)] {
        let fits = format!("{kind}3\r\n{}", ":1\r\n".repeat(3 * each));
        assert_every_way(
            limits,
            fits.as_bytes(),
            Scan { consumed: fits.len(), frames: 1, stop: Stop::NeedMore },
        );
        let large = format!("{kind}4\r\n");
        assert_error_with(limits, large.as_bytes(), 2, FrameError::TooManyElements);
        let huge = format!("{kind}18446744073709551615\r\n");
        assert_error_with(limits, huge.as_bytes(), 21, FrameError::TooManyElements);
    }
    assert_error_with(limits, b"*1\r\n>4\r\n", 6, FrameError::TooManyElements);
    assert_error_with(limits, b"*1\r\n|4\r\n", 6, FrameError::TooManyElements);
    assert_error(b"*4294967297\r\n", 11, FrameError::TooManyElements);
    let mut unbounded = limited(|limits| limits.max_elements = u64::MAX);
    assert_eq!(unbounded.scan(b"%576460752303423487\r\n:1\r\n:2\r\n:3\r\n", 9).stop, Stop::NeedMore);
    unbounded.reset();
    assert_eq!(unbounded.scan(b"%?\r\n:1\r\n:2\r\n.\r\n", 9).frames, 1);
}

#[test]
fn s1_max_elements_bounds_streamed_aggregates() {
    let limits = FramerLimits { max_elements: 3, ..FramerLimits::default() };
    for (kind, each) in [("*", 1), ("~", 1), ("%", 2)] {
        for element in [":1\r\n", "*0\r\n", "*1\r\n+x\r\n", "*?\r\n.\r\n"] {
            let fits = format!("{kind}?\r\n{}.\r\n", element.repeat(3 * each));
            let want = Scan { consumed: fits.len(), frames: 1, stop: Stop::NeedMore };
            assert_every_way(limits, fits.as_bytes(), want);
            let large = format!("{kind}?\r\n{}", element.repeat(3 * each + 1));
            assert_error_with(limits, large.as_bytes(), large.len(), FrameError::TooManyElements);
        }
    }
}

#[test]
fn a_framer_is_small() {
    assert!(size_of::<Framer>() <= 160, "{}", size_of::<Framer>());
}

#[test]
fn a_framer_is_send_sync_and_unwind_safe() {
    fn check<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    check::<Framer>();
}

/// Frames, bytes and the error of a stream in parts that `size` draws; pushes and attributes are frames too.
fn run_through(data: &[u8], mut size: impl FnMut() -> usize) -> (u64, usize, Option<FrameError>) {
    let mut framer = Framer::new(FramerLimits { max_line_len: 40, max_depth: 4, ..FramerLimits::default() });
    let (mut pos, mut frames) = (0, 0);
    while pos < data.len() {
        let end = data.len().min(pos + size());
        while pos < end {
            let mut scan = framer.scan(&data[pos..end], u64::MAX);
            if matches!(scan.stop, Stop::Push | Stop::Attribute) {
                (pos, frames) = (pos + scan.consumed, frames + scan.frames);
                scan = framer.scan_one(&data[pos..end]);
            }
            (pos, frames) = (pos + scan.consumed, frames + scan.frames);
            if let Stop::Error(error) = scan.stop {
                return (frames, pos, Some(error));
            }
        }
    }
    (frames, pos, None)
}

#[test]
fn s4_damaged_streams_end_the_same_way_whatever_the_split() {
    let mut broken = 0;
    for seed in 1..=4000 {
        let mut random = Random(seed * 0x9e37_79b9);
        let mut data = Vec::new();
        while data.len() < 300 {
            match random.below(8) {
                0 => resp_random::push(&mut random, &mut data, 3),
                1 => resp_random::attribute(&mut random, &mut data, 3),
                _ => resp_random::reply(&mut random, &mut data, 3),
            }
        }
        for _ in 0..random.below(4) {
            let at = random.below(data.len() as u64) as usize;
            data[at] = b"+-:$*%~>|!=,(#_.;?0123456789\r\nx"[random.below(31) as usize];
        }
        let whole = run_through(&data, || data.len());
        broken += u32::from(whole.2.is_some());
        for bound in [1, 2, 5, 17, 40, 200] {
            let parts = run_through(&data, || 1 + random.below(bound) as usize);
            assert_eq!(parts, whole, "seed {seed}, parts up to {bound}: {}", data.escape_ascii());
        }
    }
    // Neither all nor none: both ways are tried.
    assert!((400..3600).contains(&broken), "{broken}");
}

#[test]
fn framer_and_values_agree_on_every_end_of_random_streams() {
    let wide = ValueLimits { max_depth: 64, max_elements: 1 << 20, max_bytes: 1 << 20 };
    for seed in 1..=400 {
        let mut random = Random(seed * 0x5851_f42d);
        let mut data = Vec::new();
        (0..30).for_each(|_| resp_random::reply(&mut random, &mut data, 5));
        let (mut framer, mut pos) = (framer(), 0);
        while pos < data.len() {
            let scan = framer.scan(&data[pos..], 1);
            assert_eq!((scan.frames, scan.stop), (1, Stop::Limit), "seed {seed}");
            let value = parse(&data[pos..], &wide).map(|(_, used)| used);
            assert_eq!(value, Ok(scan.consumed), "seed {seed}: {}", data[pos..].escape_ascii());
            pos += scan.consumed;
        }
    }
}
