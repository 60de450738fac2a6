//! Nanoseconds a frame, on 4 MB buffers, beside a plain boundary loop in the same run. Absolute times drift: compare ratios.
//!
//! `cargo bench --bench framer -- NAME [ROUNDS]` runs the streams whose names begin so; under an instruction counter,
//! ROUNDS 0 leaves only one run of the framer.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // a benchmark reads the clock

#[allow(dead_code)] // tests use the rest of it
#[path = "../tests/support/resp_random.rs"]
mod resp_random;
#[path = "../tests/support/resp_streams.rs"]
mod resp_streams;

use resp_streams::STREAMS;
use sch::resp::framer::{Framer, FramerLimits};
use std::hint::black_box;
use std::time::Instant;

const BYTES: usize = 4 << 20;

fn nanoseconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_nanos() as f64
}

fn framed(data: &[u8], frames: u64) {
    let scan = Framer::new(FramerLimits::default()).scan(black_box(data), u64::MAX);
    assert_eq!((scan.consumed, scan.frames), (data.len(), frames));
}

/// As a client without pipelining reads: one frame a call.
fn framed_singly(data: &[u8], frames: u64) {
    let size = data.len() / frames as usize;
    let mut framer = Framer::new(FramerLimits::default());
    let ended: u64 = data.chunks_exact(size).map(|one| framer.scan(black_box(one), 1).frames).sum();
    assert_eq!(ended, frames);
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
        let body = kind == b'$' && data[at + 1] != b'-';
        at = end + 2 + if body { n + 2 } else { 0 };
        lines += 1;
    }
    lines
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let rounds: usize = words.get(1).map_or(15, |rounds| rounds.parse().expect("ROUNDS is a number"));
    println!(
        "{:<26}{:>10}{:>12}{:>12}{:>8}{:>8}",
        "stream", "framer ns", "one a call", "plain loop", "goal", "ratio"
    );
    for stream in STREAMS {
        if words.first().is_some_and(|word| !stream.name.starts_with(word.as_str())) {
            continue;
        }
        let (data, frames) = stream.bytes(BYTES);
        if rounds == 0 {
            println!("{}: {frames} frames", stream.name);
            framed(&data, frames);
            continue;
        }
        let (mut whole, mut single, mut plain) = (f64::MAX, f64::MAX, f64::MAX);
        for _ in 0..rounds {
            whole = whole.min(nanoseconds(|| framed(&data, frames)) / frames as f64);
            plain = plain.min(nanoseconds(|| assert!(plain_loop(black_box(&data)) > 0)) / frames as f64);
            if stream.goal.is_some() {
                single = single.min(nanoseconds(|| framed_singly(&data, frames)) / frames as f64);
            }
        }
        let goal = stream.goal.map_or(String::new(), |goal| format!("{goal:.1}"));
        let ratio = stream.goal.map_or(String::new(), |goal| format!("{:.2}", whole / goal));
        let single = if stream.goal.is_some() { format!("{single:.2}") } else { String::new() };
        println!("{:<26}{whole:>10.2}{single:>12}{plain:>12.2}{goal:>8}{ratio:>8}", stream.name);
    }
}
