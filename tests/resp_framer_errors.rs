//! Each error is at its byte, whatever the split, and stays (S2).

#[allow(dead_code)] // other tests use the rest of it
#[path = "support/resp_parts.rs"]
mod resp_parts;

use resp_parts::{assert_error, assert_every_way, framer};
use sch::resp::framer::{FrameError, FramerLimits, Scan, Stop};

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
