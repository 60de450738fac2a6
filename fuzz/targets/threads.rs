#![no_main]

#[path = "../bodies/draw.rs"]
mod draw;
#[path = "../bodies/threads.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
