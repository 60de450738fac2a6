//! Tests of the framer that look inside: how often bytes are examined, and that both ways to find line ends agree.

#[allow(dead_code)] // other tests use the rest of it
#[path = "../../../tests/support/resp_random.rs"]
mod resp_random;
#[allow(dead_code)] // the bench has goals
#[path = "../../../tests/support/resp_streams.rs"]
mod resp_streams;

use super::bits::{self, BLOCK, WINDOW, words};
use super::lines::{short_window, small_header};
use super::*;
use resp_random::Random;
use resp_streams::STREAMS;

/// Runs over a whole stream in parts of sizes that `size` draws, and gives the frames and the framer.
fn run_parts(data: &[u8], mut size: impl FnMut() -> usize) -> (u64, Framer) {
    let mut framer = Framer::new(FramerLimits::default());
    let (mut pos, mut frames) = (0, 0);
    while pos < data.len() {
        let end = data.len().min(pos + size());
        while pos < end {
            let scan = framer.scan(&data[pos..end], u64::MAX);
            pos += scan.consumed;
            frames += scan.frames;
            match scan.stop {
                Stop::NeedMore => assert_eq!(pos, end),
                Stop::Push | Stop::Attribute => {
                    let scan = framer.scan_one(&data[pos..end]);
                    pos += scan.consumed;
                    frames += scan.frames;
                }
                stop => panic!("{stop:?}"),
            }
        }
    }
    (frames, framer)
}

/// No byte was examined more than twice; those of a body not at all.
fn assert_examined_at_most_twice(framer: &Framer, data: &[u8]) {
    let worst = framer.audit.times.iter().enumerate().max_by_key(|(_, times)| **times);
    let Some((at, times)) = worst else { return };
    let around = data[at.saturating_sub(20)..data.len().min(at + 20)].escape_ascii();
    assert!(*times <= 2, "byte {at} was examined {times} times: {around}");
}

#[test]
fn no_byte_is_examined_more_than_twice_however_the_input_is_split() {
    for seed in 1..=60 {
        println!("seed {seed}");
        let mut random = Random(seed * 0x9e37_79b9);
        let (mut data, mut begun) = (Vec::new(), 0);
        while data.len() < 3000 {
            match random.below(8) {
                0 => resp_random::push(&mut random, &mut data, 4),
                1 => resp_random::attribute(&mut random, &mut data, 4),
                _ => resp_random::reply(&mut random, &mut data, 4),
            }
            begun += 1;
        }
        every_split(&data, begun, seed);
    }
}

#[test]
fn a_long_line_in_any_parts_is_examined_at_most_twice() {
    let data = [b"+", &[b'x'; 5000][..], b"\r\n"].concat();
    for size in 1..200 {
        let (frames, framer) = run_parts(&data, || size);
        assert_eq!(frames, 1);
        assert_examined_at_most_twice(&framer, &data);
    }
}

#[test]
fn the_body_of_a_bulk_is_not_examined() {
    let data = [b"$5000\r\n", &[b'x'; 5000][..], b"\r\n"].concat();
    for size in [1, 7, 100, 4096, data.len()] {
        let (_, framer) = run_parts(&data, || size);
        assert!(framer.audit.times[8..5007].iter().all(|times| *times == 0), "by {size}");
    }
}

#[test]
fn both_ways_to_compare_bytes_agree() {
    let mut random = Random(7);
    for _ in 0..30_000 {
        let [one, other] = [(); 2]
            .map(|()| [(); BLOCK].map(|()| b"\r\n\x0c\x0e\x8d\x8a\0\xffxy"[random.below(10) as usize]));
        let window = |all: &[u8; BLOCK]| -> [u8; WINDOW] { *all.first_chunk().expect("a window") };
        let by_words = words::of_window(&window(&one), &window(&other));
        assert_eq!(bits::of_window(&window(&one), &window(&other)), by_words, "{one:?} {other:?}");
        let same: Vec<usize> = (0..BLOCK).filter(|at| one[*at] == other[*at]).collect();
        let bits = same.iter().fold(0, |bits, at| bits | bits::place(*at));
        let words = same.iter().fold(0, |bits, at| bits | words::place(*at));
        assert_eq!((bits::of_block(&one, &other), words::of_block(&one, &other)), (bits, words));
        if let Some(first) = same.first() {
            assert_eq!((bits::lowest(bits), words::lowest(words)), (*first, *first));
        }
    }
    for count in 1..=BLOCK {
        let fold = |place: fn(usize) -> u64| (0..count).fold(0, |bits, at| bits | place(at));
        assert_eq!(bits::first(count), fold(bits::place));
        assert_eq!(words::first(count), fold(words::place));
    }
}

/// What repeats itself, with other bytes in it each time: lines, bulks, and aggregates of them.
fn repeated(random: &mut Random, data: &mut Vec<u8>) {
    const KINDS: &[u8] = b"++:-,_#(";
    let size = |random: &mut Random, long| match random.below(9) {
        0 => random.below(long),
        _ => random.below(14),
    };
    let mut tokens = Vec::new();
    for _ in 0..random.below(3) * random.below(5) {
        tokens.push((KINDS[random.below(8) as usize], size(random, 40)));
        tokens.push((b'$', size(random, 200)));
    }
    let head = match (tokens.len(), random.below(3)) {
        (0, _) => String::new(),
        (many, 0) => format!("%{}\r\n", many / 2),
        (many, _) => format!("*{many}\r\n"),
    };
    if tokens.is_empty() {
        let kind = if random.below(3) == 0 { b'$' } else { KINDS[random.below(8) as usize] };
        tokens.push((kind, random.below(17)));
    }
    let count = 1 + random.below(30);
    // And the same one level deeper, or two.
    for level in 0..1 + random.below(3) {
        data.extend_from_slice(b"*1\r\n".repeat(level as usize / 2).as_slice());
        if level > 0 {
            data.extend_from_slice(format!("*{count}\r\n").as_bytes());
        }
        for _ in 0..count {
            data.extend_from_slice(head.as_bytes());
            // Now and then one is a byte longer.
            let longer = random.below(6 * tokens.len() as u64) as usize;
            for (nth, (kind, size)) in tokens.iter().enumerate() {
                let size = size + u64::from(nth == longer);
                data.push(*kind);
                if *kind == b'$' {
                    data.extend_from_slice(format!("{size}\r\n").as_bytes());
                }
                data.extend((0..size).map(|_| b"OK0123"[random.below(6) as usize]));
                data.extend_from_slice(b"\r\n");
            }
        }
    }
}

#[test]
fn what_repeats_itself_is_framed_as_byte_by_byte() {
    let mut random = Random(13);
    for round in 0..2500 {
        let mut data = Vec::new();
        for _ in 0..1 + random.below(4) {
            repeated(&mut random, &mut data);
        }
        for _ in 0..random.below(3) {
            let at = random.below(data.len() as u64) as usize;
            data[at] = b"\r\n+$*:12a>|"[random.below(11) as usize];
        }
        let limits = FramerLimits {
            max_line_len: [64 << 10, 8, 1][random.below(12).min(2) as usize],
            max_depth: 1 + random.below(4) as u8,
            ..FramerLimits::default()
        };
        let want = if random.below(2) == 0 { u64::MAX } else { 1 + random.below(60) };
        assert_framed_as_byte_by_byte(&data, limits, want, round);
    }
}

/// In one call, and in as many as there are bytes; gives the answer.
fn assert_framed_as_byte_by_byte(data: &[u8], limits: FramerLimits, want: u64, round: u64) -> Scan {
    let mut framer = Framer::new(limits);
    let whole = framer.scan(data, want);
    let mut slow = Framer::new(limits);
    let mut single = Scan { consumed: 0, frames: 0, stop: Stop::NeedMore };
    while single.stop == Stop::NeedMore && single.consumed < data.len() {
        let scan = slow.scan(&data[single.consumed..][..1], want - single.frames);
        single.consumed += scan.consumed;
        single.frames += scan.frames;
        single.stop = scan.stop;
    }
    assert_eq!(whole, single, "round {round}, {limits:?}, {want}: {}", data.escape_ascii());
    // Both are in the middle of the same.
    let open = |framer: &Framer| (framer.state, framer.depth, framer.is);
    assert_eq!(open(&framer), open(&slow), "round {round}: {}", data.escape_ascii());
    assert_examined_at_most_twice(&framer, data);
    whole
}

/// An aggregate at the head of a call, of what it may have inside, cut or damaged, at every limit.
#[test]
fn a_small_aggregate_is_framed_as_byte_by_byte() {
    let (mut random, mut ends) = (Random(17), [0_u32; 3]);
    for round in 0..20_000 {
        let mut data = Vec::new();
        while !matches!(data.first(), Some(b'*' | b'%' | b'~')) {
            data.clear();
            resp_random::reply(&mut random, &mut data, 1 + round % 4);
        }
        let one = data.len();
        if random.below(3) == 0 {
            resp_random::reply(&mut random, &mut data, 2);
        }
        match random.below(4) {
            0 => data.truncate(1 + random.below(data.len() as u64) as usize),
            1 => {
                let at = random.below(data.len() as u64) as usize;
                data[at] = b"\r\n+$*:%~12?a>|"[random.below(14) as usize];
            }
            _ => {}
        }
        let mut one_of = |wide: u64, narrow: &[u64]| match random.below(4) {
            0 => narrow[random.below(narrow.len() as u64) as usize],
            _ => wide,
        };
        let limits = FramerLimits {
            max_line_len: one_of(64 << 10, &[0, 1, 8]) as u32,
            max_depth: one_of(32, &[1, 2, 3]) as u8,
            max_bulk_len: one_of(512 << 20, &[0, 3, 20]),
            max_elements: one_of(1 << 32, &[0, 1, 3]),
        };
        let want = one_of(u64::MAX, &[1, 2]);
        let scan = assert_framed_as_byte_by_byte(&data, limits, want, round.into());
        ends[if scan.consumed < one { 0 } else { 1 + usize::from(scan.stop == Stop::Limit) }] += 1;
    }
    // All of them are met.
    assert!(ends.iter().all(|count| *count > 1000), "{ends:?}");
}

#[test]
fn nothing_is_allocated_for_six_levels() {
    let mut framer = Framer::new(FramerLimits::default());
    framer.scan(&b"*1\r\n".repeat(6), 1);
    assert!(framer.far.is_none());
    framer.scan(b"*1\r\n", 1);
    assert!(framer.far.is_some());
}

/// Splits of every kind: whole, byte by byte, in parts of any one size, and in parts of random sizes.
fn every_split(data: &[u8], want: u64, seed: u64) {
    let mut random = Random(seed);
    for fixed in (1..40).chain([100, 1000, data.len()]) {
        let (frames, framer) = run_parts(data, || fixed);
        assert_eq!(frames, want, "by {fixed}");
        assert!(framer.at_boundary());
        assert_examined_at_most_twice(&framer, data);
    }
    for _ in 0..20 {
        let bound = 1 + random.below(200);
        let (frames, framer) = run_parts(data, || 1 + random.below(bound) as usize);
        assert_eq!(frames, want);
        assert!(framer.at_boundary());
        assert_examined_at_most_twice(&framer, data);
    }
}

#[test]
fn streams_of_the_bench_are_examined_at_most_twice_however_they_are_split() {
    for stream in STREAMS {
        println!("{}", stream.name);
        let (data, frames) = stream.bytes(4000);
        every_split(&data, frames, 0x51_7cc1);
    }
}

#[test]
fn streams_of_the_bench_are_examined_once_when_they_come_whole() {
    for stream in STREAMS {
        let (data, _) = stream.bytes(100_000);
        let (_, framer) = run_parts(&data, || data.len());
        let twice = framer.audit.times.iter().filter(|times| **times > 1).count();
        assert!(twice * 1000 < data.len(), "{}: {twice} of {}", stream.name, data.len());
    }
}

#[test]
fn small_headers_are_read_as_digit_by_digit() {
    for len in 0..100_000_u32 {
        for width in 1..=5 {
            let text = format!("{len:0width$}");
            let mut header = format!("${text}\r\n").into_bytes();
            header.resize(8, b'7');
            let word = u64::from_le_bytes(header.try_into().expect("eight bytes"));
            assert_eq!(small_header(word), Some((u64::from(len), text.len() + 3)), "{text}");
        }
    }
    let mut random = Random(11);
    for _ in 0..1_000_000 {
        let bytes = [(); 8].map(|()| b"0189\r\n/:-?\0\xb0\xff"[random.below(13) as usize]);
        let digits = bytes[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let ends = digits > 0 && bytes[1 + digits..].starts_with(b"\r\n");
        let text = std::str::from_utf8(&bytes[1..1 + digits]).expect("digits");
        let want = ends.then(|| (text.parse().expect("a number"), digits + 3));
        assert_eq!(small_header(u64::from_le_bytes(bytes)), want, "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_short_window_is_the_input_and_zeros() {
    for len in 1..WINDOW {
        let rest: Vec<u8> = (0..len as u8).map(|at| 0xff - at).collect();
        let window = short_window(&rest);
        assert_eq!(window[..len], rest[..]);
        assert!(window[len..].iter().all(|byte| *byte == 0));
    }
}
