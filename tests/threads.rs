//! A pool and a cluster that threads share, at random (P5, S4): the body of the fuzz target of this name, by seed. What it demands
//! is said there. `SCH_SEEDS=1000` tries more, `SCH_FIRST_SEED` others; `SCH_SEED=7` tries one, a hundred times, because threads
//! do not do the same twice.

#![allow(unsafe_code, reason = "it calls the C ABI")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // threads, a watchdog, and a test may be told how much to try

#[path = "../fuzz/bodies/draw.rs"]
mod draw;
#[path = "../fuzz/bodies/threads.rs"]
mod threads;

/// splitmix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Which kind of run it is goes round, what happens in it is drawn.
fn program(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let len = 40 + next(&mut state) % 1000;
    let mut out: Vec<u8> = (0..len).map(|_| next(&mut state) as u8).collect();
    out[1] = (seed % 3) as u8;
    out
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn p5_many_threads_on_one_pool_and_one_cluster() {
    let (first, count, times) = match number("SCH_SEED") {
        Some(seed) => (seed, 1, 100),
        None => (number("SCH_FIRST_SEED").unwrap_or(0), number("SCH_SEEDS").unwrap_or(60), 1),
    };
    for seed in first..first + count {
        for _ in 0..times {
            let run = std::panic::catch_unwind(|| threads::run(&program(seed)));
            if let Err(why) = run {
                eprintln!("SCH_SEED={seed} cargo test --test threads");
                std::panic::resume_unwind(why);
            }
        }
    }
}
