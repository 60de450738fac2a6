#![no_main]

#[path = "../bodies/cluster.rs"]
mod body;
#[path = "../bodies/draw.rs"]
mod draw;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
