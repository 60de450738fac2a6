//! Nanoseconds a frame, on 4 MB buffers, beside a plain boundary loop in the same run. Absolute times drift: compare ratios.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // a benchmark reads the clock

use sch::resp::framer::{Framer, FramerLimits};
use std::hint::black_box;
use std::time::Instant;

const BYTES: usize = 4 << 20;

fn repeat(frame: &str) -> (Vec<u8>, usize) {
    let count = BYTES / frame.len();
    (frame.repeat(count).into_bytes(), count)
}

fn best(mut run: impl FnMut()) -> f64 {
    (0..15)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_nanos() as f64
        })
        .fold(f64::MAX, f64::min)
}

/// The least that any reader does: find each line, skip each body.
fn plain_loop(data: &[u8]) -> usize {
    let (mut at, mut lines) = (0, 0);
    while at < data.len() {
        let kind = data[at];
        let mut end = at + 1;
        let mut n = 0usize;
        while data[end] != b'\r' {
            n = n.wrapping_mul(10).wrapping_add(usize::from(data[end].wrapping_sub(b'0')));
            end += 1;
        }
        at = end + 2 + if kind == b'$' { n + 2 } else { 0 };
        lines += 1;
    }
    lines
}

fn main() {
    let bulk = |n: usize| format!("${n}\r\n{}\r\n", "x".repeat(n));
    let streams: Vec<(&str, String, f64)> = vec![
        ("+OK", "+OK\r\n".into(), 3.5),
        ("integers, 9 digits", ":123456789\r\n".into(), 5.0),
        ("100-byte bulks", bulk(100), 6.0),
        ("16 KB bulks", bulk(16384), 10.0),
        ("arrays of 10 x 20 bytes", format!("*10\r\n{}", bulk(20).repeat(10)), 45.0),
        ("maps of 5 fields", format!("%5\r\n{}", "$5\r\nfield\r\n:12\r\n".repeat(5)), 35.0),
    ];
    println!("{:<26}{:>10}{:>12}{:>8}{:>8}", "stream", "framer ns", "plain loop", "goal", "ratio");
    for (name, frame, goal) in streams {
        let (data, count) = repeat(&frame);
        let framer = best(|| {
            let mut framer = Framer::new(FramerLimits::default());
            let scan = framer.scan(black_box(&data), u64::MAX);
            assert_eq!(scan.frames as usize, count);
        }) / count as f64;
        let plain = best(|| {
            black_box(plain_loop(black_box(&data)));
        }) / count as f64;
        println!("{name:<26}{framer:>10.2}{plain:>12.2}{goal:>8.1}{:>8.2}", framer / goal);
    }
}
