//! What each limit of the framer counts (S1).

#[allow(dead_code)] // other tests use the rest of it
#[path = "support/resp_parts.rs"]
mod resp_parts;

use resp_parts::{assert_error, assert_error_with, assert_every_way, limited, scan_parts};
use sch::resp::framer::{FrameError, Framer, FramerLimits, Scan, Stop};

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
