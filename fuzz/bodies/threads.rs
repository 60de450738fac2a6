//! A pool and a cluster that threads share, through the exported functions. The input is a program, dealt to 2 to 4 real threads; each
//! has connections of its own, at level 1 or 3, with servers that have no sockets, and drives them as a host does. They join, read,
//! are taken and given, wait for wake-ups, leave and are freed in any order; some wander to another thread. Handles are freed in the
//! middle as the header allows: when nobody can come in any more. And misuse: calls on a connection that another thread is using.
//!
//! Nothing panics and nobody waits for ever; what a second caller gets is SCH_ERR_BUSY or what a first one would; each event and
//! each mail comes once, those of one member in order; no more handoffs are under way than the pool has places for. Then the
//! threads end, and faults with them: all places and grants are back, as a MOVING shows that everybody follows, and the accounts
//! balance. Under ThreadSanitizer, no data race.
//!
//! What happens between threads differs from run to run: an input that failed once may have to be run more often to fail again.

use crate::draw::Draw;
use core::cell::Cell;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::io::Write as _;
use std::time::{Duration, Instant};

/// So long without a call is a deadlock, also on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    /// Where this thread notes what it does.
    static PLACE: Cell<*const Place> = const { Cell::new(core::ptr::null()) };
}

/// What a thread is doing, for the diagnosis of a deadlock.
#[derive(Default)]
struct Place {
    calls: AtomicU64,
    line: AtomicU32,
    file: AtomicU32,
}

/// This thread notes there as long as this lives: not after a run that failed, whose places are gone.
struct Noting<'a>(PhantomData<&'a Place>);

impl<'a> Noting<'a> {
    fn at(place: &'a Place) -> Self {
        PLACE.set(place);
        Self(PhantomData)
    }
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        PLACE.set(core::ptr::null());
    }
}

const FILES: [&str; 7] = [
    "threads_cluster.rs",
    "threads_conn.rs",
    "threads_play.rs",
    "threads_quiet.rs",
    "threads_wake.rs",
    "threads_wire.rs",
    "threads_world.rs",
];

fn note(file: &str, line: u32) {
    // SAFETY: null, or borrowed by a `Noting`.
    let Some(place) = (unsafe { PLACE.get().as_ref() }) else { return };
    let index = FILES.iter().position(|name| file.ends_with(name)).expect("a file of this target");
    place.file.store(index as u32, Ordering::Relaxed);
    place.line.store(line, Ordering::Relaxed);
    place.calls.store(place.calls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Of a struct of the ABI.
fn zeroed<T>() -> T {
    // SAFETY: plain numbers and pointers.
    unsafe { core::mem::zeroed() }
}

/// Calls one export, and notes where.
macro_rules! c {
    ($call:expr) => {{
        super::note(file!(), line!());
        // SAFETY: handles are live, places are of the caller.
        unsafe { $call }
    }};
}

/// All zeros, but for its size.
macro_rules! sized {
    ($kind:ty) => {{
        let mut out: $kind = super::zeroed();
        out.struct_size = size_of::<$kind>() as u32;
        out
    }};
}

#[path = "threads_cluster.rs"]
mod cluster;
#[path = "threads_conn.rs"]
mod conn;
#[path = "threads_play.rs"]
mod play;
#[path = "threads_quiet.rs"]
mod quiet;
#[path = "threads_wake.rs"]
mod wake;
#[path = "threads_wire.rs"]
mod wire;
#[path = "threads_world.rs"]
mod world;

use play::{Done, Player};
use world::World;

pub fn run(data: &[u8]) {
    let mut draw = Draw(data);
    let world = World::new(&mut draw);
    let threads = world.plan.threads;
    // In turn, so that what one thread does moves to no other when a program grows at its end.
    let deal = |thread: usize| draw.0.iter().copied().skip(thread).step_by(threads).collect::<Vec<u8>>();
    let programs: Vec<Vec<u8>> = (0..threads).map(deal).collect();
    let done: Vec<Done> = std::thread::scope(|scope| {
        let players = programs.iter().enumerate().map(|(thread, program)| {
            let world = &world;
            scope.spawn(move || {
                let _noting = Noting::at(&world.places[thread]);
                let ended = world.ends();
                let done = Player::new(world, thread, program).play();
                drop(ended);
                done
            })
        });
        let players: Vec<_> = players.collect();
        watch(&world);
        players
            .into_iter()
            .map(|player| player.join().unwrap_or_else(|why| std::panic::resume_unwind(why)))
            .collect()
    });
    let _noting = Noting::at(&world.places[threads]);
    quiet::settle(&world, done);
}

/// To stderr itself: what a test prints is lost with its process.
fn say(line: core::fmt::Arguments) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Waits until all threads have ended. If they stand still, says where, and ends the process: they cannot be.
fn watch(world: &World) {
    let mut before = 0;
    let mut since = Instant::now();
    while !world.have_ended(Duration::from_secs(1)) {
        let calls: u64 = world.places.iter().map(|place| place.calls.load(Ordering::Relaxed)).sum();
        if calls != before {
            (before, since) = (calls, Instant::now());
        } else if since.elapsed() > PATIENCE {
            for (thread, place) in world.places.iter().enumerate() {
                let file = FILES[place.file.load(Ordering::Relaxed) as usize];
                let (line, calls) = (place.line.load(Ordering::Relaxed), place.calls.load(Ordering::Relaxed));
                if calls == 0 {
                    continue;
                }
                say(format_args!("thread {thread}: {calls} calls, the last from {file}:{line}"));
            }
            say(format_args!("DEADLOCK: no call for {PATIENCE:?}"));
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_fails_leaves_no_note() {
        let failed = std::panic::catch_unwind(|| {
            let place = Place::default();
            let _noting = Noting::at(&place);
            note("threads_conn.rs", 7);
            assert_eq!(place.line.load(Ordering::Relaxed), 8, "fails");
        });
        assert!(failed.is_err() && PLACE.get().is_null());
    }
}
