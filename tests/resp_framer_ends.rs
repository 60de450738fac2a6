//! Every type ends at its byte, and scans stop where they say, whatever the split (N1, N5, E3).

#[allow(dead_code)] // other tests use the rest of it
#[path = "support/resp_parts.rs"]
mod resp_parts;

use resp_parts::{assert_every_way, framer};
use sch::resp::framer::{Framer, FramerLimits, Scan, Stop};

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
fn a_framer_is_small() {
    assert!(size_of::<Framer>() <= 160, "{}", size_of::<Framer>());
}

#[test]
fn a_framer_is_send_sync_and_unwind_safe() {
    fn check<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    check::<Framer>();
}
