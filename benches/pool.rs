//! What a pool costs with 100,000 members: one MOVING, the bytes of a member, ticks. CPU time of this thread, which is the only
//! one; prints figures, asserts none.
#![allow(missing_docs, clippy::disallowed_methods, clippy::disallowed_types)] // a bench measures time
#![allow(unsafe_code)] // the allocator that counts

use sch::action::Outcome;
use sch::config::Config;
use sch::endpoint::{Endpoint, PeerAddr};
use sch::exchange::{Heard, Told};
use sch::notification::{Body, Kind, MovingTarget, Notification};
use sch::pool::{Event, JoinOptions, Member, Pool, PoolConfig, Unowned};
use sch::time::Timestamp;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const MEMBERS: usize = 100_000;

struct Counting;
static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work; a block is counted with what glibc adds to it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(taken(layout.size()), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(taken(layout.size()), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(place, layout) }
    }
}

/// 8 bytes before each block, in steps of 16.
fn taken(size: usize) -> usize {
    (size + 8).next_multiple_of(16).max(32)
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn cpu() -> Duration {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

fn timed<R>(what: &str, work: impl FnOnce() -> R) -> R {
    let before = cpu();
    let result = work();
    println!("{what:<72} {:>10.3} ms", (cpu() - before).as_secs_f64() * 1e3);
    result
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

fn pool() -> Pool {
    Pool::new(PoolConfig::from(&Config::default()))
}

fn members(pool: &Pool, idle: bool) -> Vec<Member> {
    let peer = Some(PeerAddr::parse(b"10.0.0.1:6379").expect("an address"));
    let join = |user| {
        let unowned = Unowned::Handoff;
        pool.join(at(0), JoinOptions { peer, idle, unowned, user, ..JoinOptions::default() }).0.expect("room")
    };
    (0..MEMBERS as u64).map(join).collect()
}

fn notice(kind: Kind, seq: u64, body: Body) -> Heard {
    let notification = Notification { kind, seq: Some(seq), time: Some(15), body };
    Heard::Notice { notification, arrived: at(1) }
}

fn target() -> Endpoint {
    Endpoint::new("b", 6379).expect("a name")
}

fn moving(seq: u64) -> Heard {
    notice(Kind::Moving, seq, Body::Moving(MovingTarget::Named(target())))
}

/// All the calls of all members' handoffs, as their owners would make them.
fn hand_all_off(pool: &Pool, members: &[Member]) -> usize {
    let (mut done, mut now, mut out) = (0, 1, Vec::new());
    while done < MEMBERS && now < 60_000 {
        now += 1;
        let _ = pool.tick(at(now));
        while let Some(event) = pool.poll_event() {
            let Event::Handoff { user, .. } = event else { continue };
            let member = &members[user as usize];
            member.take();
            pool.mail(member, &mut out);
            debug_assert!(out.contains(&Told::Grant));
            out.clear();
            let took = Duration::from_millis(20);
            let endpoint = Some(target());
            let _ = pool.report(at(now), member, Heard::Attempt { endpoint, ok: true, took });
            let pause = Duration::ZERO;
            let _ = pool.report(at(now), member, Heard::Finished { outcome: Outcome::Swapped, took, pause });
            let _ = pool.give(at(now), member);
            done += 1;
        }
    }
    done
}

fn main() {
    println!("{MEMBERS} members of one node");
    let before = LIVE.load(Ordering::Relaxed);
    let one = pool();
    let all = timed("join all", || members(&one, true));
    println!(
        "{:<72} {:>10} bytes",
        "memory of a member, quiet",
        (LIVE.load(Ordering::Relaxed) - before) / MEMBERS
    );
    timed("100,000 x has_mail", || assert!(!all.iter().any(Member::has_mail)));
    timed("100,000 x take and give", || {
        for member in &all {
            member.take();
            drop(one.give(at(1), member));
        }
    });
    timed("one MIGRATING, told to all", || {
        drop(one.report(at(1), &all[0], notice(Kind::Migrating, 1, Body::Shards(None))));
    });
    timed("one MOVING, told to all, all queued (first call)", || drop(one.report(at(1), &all[0], moving(2))));
    println!(
        "{:<72} {:>10} bytes",
        "memory of a member, in a wave",
        (LIVE.load(Ordering::Relaxed) - before) / MEMBERS
    );
    let done =
        timed("their 100,000 handoffs: events, grants, mail, reports, give", || hand_all_off(&one, &all));
    println!("{:<72} {done:>10}", "handed off");
    println!(
        "{:<72} {:>10} bytes",
        "memory of a member, after it",
        (LIVE.load(Ordering::Relaxed) - before) / MEMBERS
    );
    timed("the same MOVING read by each of the 100,000", || {
        for member in &all {
            drop(one.report(at(2), member, moving(2)));
        }
    });
    timed("leave all", || all.iter().for_each(|member| drop(one.leave(at(100_000), member.id()))));

    let two = pool();
    let all = members(&two, false);
    timed("one MOVING with all owned and no waiter", || drop(two.report(at(1), &all[0], moving(1))));

    // Each of 1,000 nodes under a starter of its own: 1,000 timers; 1 % of members' nodes are due.
    let three = pool();
    for n in 0..1000_u32 {
        let peer =
            PeerAddr::parse(format!("10.1.{}.{}:6379", n / 250, n % 250).as_bytes()).expect("an address");
        let options = || JoinOptions { peer: Some(peer), ..JoinOptions::default() };
        for _ in 0..99 {
            let _ = three.join(at(0), options());
        }
        let reader = three.join(at(0), options()).0.expect("room");
        let after = if n < 10 { 0 } else { 1000 };
        let Heard::Notice { notification, .. } = notice(Kind::Migrating, u64::from(n), Body::Shards(None))
        else {
            return;
        };
        let _ = three.report(at(after), &reader, Heard::Notice { notification, arrived: at(after) });
    }
    let due = three.next_deadline().expect("windows end");
    let just_before = Timestamp::from_nanos(due.as_nanos() - 1);
    timed("1,000 ticks with nothing due", || (0..1000).for_each(|_| drop(three.tick(just_before))));
    timed("one tick with 1 % due (10 of 1,000 nodes)", || drop(three.tick(due)));
    timed("one tick with the other 99 % due", || drop(three.tick(at(601_000))));
}
