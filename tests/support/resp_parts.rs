//! Runs a framer over a stream whole and in parts, and wants the same end of each.

use sch::resp::framer::{FrameError, Framer, FramerLimits, Scan, Stop};

pub fn framer() -> Framer {
    Framer::new(FramerLimits::default())
}

pub fn limited(change: impl FnOnce(&mut FramerLimits)) -> Framer {
    let mut limits = FramerLimits::default();
    change(&mut limits);
    Framer::new(limits)
}

/// Runs over parts of a stream; the sums, and the last stop.
pub fn scan_parts<'a>(framer: &mut Framer, parts: impl IntoIterator<Item = &'a [u8]>) -> Scan {
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
pub fn assert_every_way(limits: FramerLimits, data: &[u8], want: Scan) {
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
pub fn assert_error_with(limits: FramerLimits, data: &[u8], at: usize, error: FrameError) {
    for (before, after) in [(0, 0), (3, 0), (0, 40), (3, 40)] {
        let stream = [&b"+OK\r\n".repeat(before)[..], data, &b"x".repeat(after)[..]].concat();
        let want = Scan { consumed: 5 * before + at, frames: before as u64, stop: Stop::Error(error) };
        assert_every_way(limits, &stream, want);
    }
}

pub fn assert_error(data: &[u8], at: usize, error: FrameError) {
    assert_error_with(FramerLimits::default(), data, at, error);
}
