//! libsch beside other readers, on the streams and goals of DESIGN section 6, in one run. Prints `name value unit goal`,
//! separated by tabs; the goal is `-` where there is none. `compare times` measures nanoseconds of CPU time a frame, the median of rounds
//! that take turns. `compare counts` only calls everything once, through `compare_counted`, for an instruction counter;
//! it names what it calls in that order, and of how many frames.

mod floor;
mod others;
mod ours;
#[allow(dead_code)] // tests use the rest of it
#[path = "../../../tests/support/resp_random.rs"]
mod resp_random;
#[path = "../../../tests/support/resp_streams.rs"]
mod resp_streams;

use resp_streams::STREAMS;
use std::hint::black_box;
use std::time::Duration;

const BYTES: usize = 4 << 20;
/// An instruction counter is slow, and exact.
const COUNTED_BYTES: usize = 256 << 10;
const ROUNDS: usize = 15;
/// "A whole `receive` may cost twice that."
const RECEIVE_SHARE: f64 = 2.0;
const WHOLE: usize = usize::MAX;
/// Frames from here on are long.
const LONG: usize = 4 << 10;

pub struct Kind {
    name: &'static str,
    /// Of the goal of the stream; none for others.
    share: Option<f64>,
    work: Box<dyn FnMut(&[u8], usize)>,
    /// Not measured: owes what will be received.
    before: Box<dyn FnMut(u64)>,
    /// One frame a call is measured too.
    singly: bool,
    /// No reader, but what none goes below: with long frames, which are few, that is most of the figure.
    floor: bool,
}

/// So that each reader finds the stream in the same caches, whatever the one before it did: a host has just received it.
fn look_at(data: &[u8]) {
    const LINE: usize = 64;
    black_box(data.iter().step_by(LINE).fold(0_u8, |sum, byte| sum.wrapping_add(*byte)));
}

fn kinds() -> Vec<Kind> {
    let nothing = || Box::new(|_: u64| {});
    fn shared<T>(what: T) -> std::rc::Rc<std::cell::RefCell<T>> {
        std::rc::Rc::new(std::cell::RefCell::new(what))
    }
    let (rust, owing) = {
        let r = shared(ours::Receiver::new());
        (r.clone(), r)
    };
    let c = std::rc::Rc::new(std::cell::RefCell::new(ours::CReceiver::new()));
    let c_owing = c.clone();
    fn other(name: &'static str, read: fn(&[u8]) -> u64) -> Kind {
        let work = Box::new(move |data: &[u8], _: usize| {
            black_box(read(black_box(data)));
        });
        Kind { name, share: None, work, before: Box::new(|_| {}), singly: false, floor: false }
    }
    let floor = |name, work, before| Kind { name, share: None, work, before, singly: false, floor: true };
    let (frames, counted) = {
        let f = shared(0);
        (f.clone(), f)
    };
    vec![
        floor(
            "nothing but the same lines touched",
            Box::new(move |data, _| {
                black_box(floor::touch(black_box(data), *frames.borrow()));
            }),
            Box::new(move |frames| *counted.borrow_mut() = frames),
        ),
        Kind {
            name: "framer",
            share: Some(1.0),
            work: Box::new(|data, part| {
                black_box(ours::framer(black_box(data), part));
            }),
            before: nothing(),
            singly: true,
            floor: false,
        },
        Kind {
            name: "receive, Rust",
            share: Some(RECEIVE_SHARE),
            work: Box::new(move |data, part| {
                rust.borrow_mut().receive(black_box(data), part);
            }),
            before: Box::new(move |frames| owing.borrow_mut().owe(frames)),
            singly: true,
            floor: false,
        },
        Kind {
            name: "receive, C",
            share: Some(RECEIVE_SHARE),
            work: Box::new(move |data, part| {
                c.borrow_mut().receive(black_box(data), part);
            }),
            before: Box::new(move |frames| c_owing.borrow_mut().owe(frames)),
            singly: true,
            floor: false,
        },
        other("hiredis reader", others::hiredis),
        other("redis-rs", others::redis_rs),
        other("redis-protocol", others::redis_protocol),
    ]
}

/// CPU time of this thread, which is the only one: what else runs takes turns, and those are not counted.
fn cpu() -> Duration {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

/// An instruction counter knows this by its name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn compare_counted(kind: &mut Kind, data: &&[u8], part: usize) {
    (kind.work)(data, part);
}

fn main() {
    let counts = match std::env::args().nth(1).as_deref() {
        Some("times") => false,
        Some("counts") => true,
        _ => panic!("compare times | counts"),
    };
    let mut kinds = kinds();
    for stream in STREAMS {
        let Some(goal) = stream.goal else { continue };
        let (data, frames) = stream.bytes(if counts { COUNTED_BYTES } else { BYTES });
        assert_eq!((ours::framer(&data, WHOLE), others::hiredis(&data)), (frames, frames));
        assert_eq!((others::redis_rs(&data), others::redis_protocol(&data)), (frames, frames));
        let one = data.len() / frames as usize;
        for (part, how) in [(data.len(), ""), (one, ", one a call")] {
            let mut times = vec![Vec::new(); kinds.len()];
            for _ in 0..if counts { 1 } else { ROUNDS } {
                for (kind, times) in kinds.iter_mut().zip(&mut times) {
                    if part == one && !kind.singly || kind.floor && (counts || one < LONG) {
                        continue;
                    }
                    (kind.before)(frames);
                    if !counts {
                        look_at(&data);
                    }
                    let (before, start) = (cpu(), cpu());
                    compare_counted(kind, &data.as_slice(), part);
                    // To ask the clock is a system call: of few frames it would be most of the figure.
                    let spent = (cpu() - start).saturating_sub(start - before);
                    times.push(spent.as_nanos() as f64 / frames as f64);
                    if counts {
                        println!("{}, {}{how}\t{frames}", stream.name, kind.name);
                    }
                }
            }
            for (kind, times) in
                kinds.iter().zip(&mut times).filter(|(_, times)| !counts && !times.is_empty())
            {
                times.sort_by(f64::total_cmp);
                // The goals are those of whole buffers.
                let goal = kind
                    .share
                    .filter(|_| part != one)
                    .map_or("-".into(), |share| format!("{}", share * goal));
                println!("{}, {}{how}\t{:.2}\tns\t{goal}", stream.name, kind.name, times[times.len() / 2]);
            }
        }
    }
}
