//! Random streams, valid and damaged: any split ends the same way, and values end where frames do (S4).

#[allow(dead_code)] // other tests use the rest of it
#[path = "support/resp_random.rs"]
mod resp_random;

use resp_random::Random;
use sch::resp::framer::{FrameError, Framer, FramerLimits, Stop};
use sch::resp::value::{ValueLimits, parse};

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

/// What is a whole reply to the short way is one to the long way, and most small replies are.
#[test]
fn a_whole_reply_is_one_frame_to_its_end() {
    let limits = FramerLimits { max_line_len: 20, max_bulk_len: 40, ..FramerLimits::default() };
    let (mut whole, mut others) = (0, 0);
    for seed in 1..=20_000 {
        let mut random = Random(seed * 0x9e37_79b9);
        let mut data = Vec::new();
        (0..1 + random.below(8) / 7).for_each(|_| resp_random::reply(&mut random, &mut data, 1));
        data.truncate(data.len() - (random.below(16) / 15) as usize);
        for _ in 0..random.below(6) / 4 {
            let at = random.below(data.len() as u64) as usize;
            data[at] = b"+-:$*%~>|!=,(#_.;?0123456789\r\nx"[random.below(31) as usize];
        }
        let is_whole = Framer::new(limits).is_whole(&data);
        let scan = Framer::new(limits).scan(&data, 1);
        let one = scan.frames == 1 && scan.consumed == data.len();
        assert!(one || !is_whole, "seed {seed}: {}", data.escape_ascii());
        if one && b"+-:#_,($".contains(&data[0]) && !data.starts_with(b"$-1") && !data.starts_with(b"$?") {
            assert!(is_whole, "seed {seed}: {}", data.escape_ascii());
        }
        (whole, others) = (whole + u32::from(is_whole), others + u32::from(!is_whole));
    }
    // Both are tried.
    assert!(whole > 2_000 && others > 2_000, "{whole}, {others}");
}

#[test]
fn framer_and_values_agree_on_every_end_of_random_streams() {
    let wide = ValueLimits { max_depth: 64, max_elements: 1 << 20, max_bytes: 1 << 20 };
    for seed in 1..=400 {
        let mut random = Random(seed * 0x5851_f42d);
        let mut data = Vec::new();
        (0..30).for_each(|_| resp_random::reply(&mut random, &mut data, 5));
        let (mut framer, mut pos) = (Framer::new(FramerLimits::default()), 0);
        while pos < data.len() {
            let scan = framer.scan(&data[pos..], 1);
            assert_eq!((scan.frames, scan.stop), (1, Stop::Limit), "seed {seed}");
            let value = parse(&data[pos..], &wide).map(|(_, used)| used);
            assert_eq!(value, Ok(scan.consumed), "seed {seed}: {}", data[pos..].escape_ascii());
            pos += scan.consumed;
        }
    }
}
