//! The end: threads and faults are over. What was begun ends, all follow one more MOVING, and the accounts balance.

use super::cluster;
use super::conn::Conn;
use super::play::{Done, Told, next_event, told};
use super::wake::{Woken, wake};
use super::world::{Mode, NODES, World};
use core::sync::atomic::Ordering;
use sch::ffi::counts::*;
use sch::ffi::event::*;
use sch::ffi::pool::*;
use sch::ffi::status::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const SECOND: u64 = 1_000_000_000;

fn counts(world: &World) -> sch_pool_counts {
    let mut counts = sized!(sch_pool_counts);
    world.pool(|pool, _| assert_eq!(c!(sch_pool_counters(pool, &mut counts)), SCH_OK));
    counts
}

fn tick(world: &World) {
    let now = world.now();
    world.pool(|pool, _| assert_eq!(c!(sch_pool_tick(pool, now)), SCH_OK));
}

pub fn settle(world: &World, done: Vec<Done>) {
    let (mut conns, mut events, mut slots_moved) = (Vec::new(), Vec::new(), Vec::new());
    let mut waiters = Vec::new();
    for one in done {
        conns.extend(one.conns);
        events.push(one.events);
        slots_moved.extend(one.slots_moved);
        waiters.extend(one.waiter);
    }
    conns.extend(world.shelf.lock().expect("no panic under it").take());
    cluster::settle(world, slots_moved);
    for conn in &mut conns {
        conn.refuses = false;
        conn.settle(world);
    }
    if world.plan.mode == Mode::Pure {
        check_mail(world, &conns);
    }
    assert_eq!(world.books.open.load(Ordering::Relaxed), 0, "no attempt is under way");
    world.is_over();
    end_what_was_begun(world, &mut conns);
    everybody_follows(world, &mut conns);
    for conn in &conns {
        conn.check_commands();
    }
    check_events(world, events);
    conns.into_iter().for_each(|conn| conn.free(world));
    let counts = counts(world);
    assert_eq!((counts.members, counts.members_ejected), (0, 0));
    if world.is_first_pool() {
        let books = &world.books;
        let known = [&books.joined, &books.dials, &books.blocked].map(|n| n.load(Ordering::Relaxed));
        assert_eq!([counts.members_joined, counts.dials, counts.dials_blocked], known);
    }
    world.pass(86_400 * SECOND);
    tick(world);
    assert_eq!(self::counts(world).nodes, 0, "nothing is known of a node without members");
    world.pool(|pool, generation| {
        for (_, waiter) in waiters.into_iter().filter(|(of, _)| *of == generation) {
            assert_eq!(c!(sch_pool_remove_waiter(pool, waiter)), SCH_OK);
        }
    });
    world.close();
}

/// Who was a member of one node all the time has heard all that others read there, once.
fn check_mail(world: &World, conns: &[Conn]) {
    for conn in conns.iter().filter(|conn| conn.stays) {
        let (counters, read) = (conn.counters(world), world.books.read[conn.node()].load(Ordering::Relaxed));
        assert_eq!(
            counters.notifications_told,
            read - conn.read,
            "told of {read} read, {} by itself",
            conn.read
        );
        assert_eq!(counters.notifications_duplicate, 0);
    }
}

/// Time passes until no handoff is left.
fn end_what_was_begun(world: &World, conns: &mut [Conn]) {
    for _ in 0..25 {
        world.pass(5 * SECOND);
        tick(world);
        conns.iter_mut().for_each(|conn| conn.settle(world));
    }
}

/// All are members, taken, and woken by a waiter. One more notification reaches each, and each follows one more MOVING: no
/// place, no grant, no mail was lost.
fn everybody_follows(world: &World, conns: &mut [Conn]) {
    let generation = world.pool(|_, generation| generation);
    let woken: Vec<_> = conns.iter().map(|_| world.woken(generation.unwrap_or(0))).collect();
    for (conn, woken) in conns.iter_mut().zip(&woken) {
        if conn.joined != generation {
            conn.leave(world);
            conn.join(world, SCH_UNOWNED_HANDOFF);
        }
        let mut waiter = (generation.unwrap_or(0), 0);
        world.pool(|pool, _| {
            assert_eq!(c!(sch_pool_add_waiter(pool, Some(wake), woken.data(), &mut waiter.1)), SCH_OK);
        });
        conn.take(world, Some(waiter));
        conn.settle(world);
        assert!(conn.is_connected(), "connection {} has no transport", conn.user);
    }
    for node in 0..NODES.len() {
        let there: Vec<usize> = (0..conns.len()).filter(|at| conns[*at].node() == node).collect();
        hear_of_each_other(world, conns, &there, &woken);
        hear_of_each_other(world, conns, &there, &woken);
    }
    let swapped: Vec<u64> = conns.iter().map(|conn| conn.swapped).collect();
    let seq = world.seq() + (1 << 40);
    let push = format!(">4\r\n+MOVING\r\n:{seq}\r\n:15\r\n+last:1\r\n");
    for node in 0..NODES.len() {
        if let Some(conn) = conns.iter_mut().find(|conn| conn.node() == node) {
            conn.read(world, push.as_bytes());
        }
    }
    for _ in 0..40 {
        world.pass(SECOND / 4);
        tick(world);
        conns.iter_mut().for_each(|conn| conn.settle(world));
    }
    for (conn, before) in conns.iter().zip(swapped) {
        assert!(conn.swapped > before, "connection {} did not follow", conn.user);
    }
}

/// What one reads wakes all others at its node, and is told to each once, also when two read it.
fn hear_of_each_other(world: &World, conns: &mut [Conn], there: &[usize], woken: &[Arc<Woken>]) {
    let Some((reader, others)) = there.split_first() else { return };
    let heard = |conns: &[Conn]| -> Vec<u64> {
        others.iter().map(|at| conns[*at].counters(world).notifications_told).collect()
    };
    let wakes = || others.iter().map(|at| woken[*at].count.load(Ordering::Relaxed));
    let (before, woken_before) = (heard(conns), wakes().collect::<Vec<_>>());
    let push = format!(">4\r\n+MIGRATING\r\n:{}\r\n:600\r\n$3\r\n[9]\r\n", world.seq() + (1 << 40));
    conns[*reader].read(world, push.as_bytes());
    assert!(wakes().zip(woken_before).all(|(now, before)| now > before), "all are woken");
    assert!(others.iter().all(|at| conns[*at].has_mail(world)), "all have mail");
    if let Some(at) = others.first() {
        conns[*at].read(world, push.as_bytes());
    }
    others.iter().for_each(|at| conns[*at].tick(world));
    assert_eq!(heard(conns), before.iter().map(|told| told + 1).collect::<Vec<_>>());
}

/// Each event came once, those of one member in order to whoever polled, and what was dropped was said.
fn check_events(world: &World, mut threads: Vec<Vec<Told>>) {
    let mut rest = Vec::new();
    world.pool(|pool, generation| {
        rest.extend(core::iter::from_fn(|| next_event(pool)).filter(|_| generation == 0).map(|e| told(&e)));
    });
    threads.push(rest);
    let is_numbered = |e: &&Told| {
        let fresh = [SCH_NOTIFICATION_MIGRATING, SCH_NOTIFICATION_MIGRATED];
        e.kind == SCH_EVENT_MAINTENANCE && fresh.contains(&e.notification)
    };
    let mut once = BTreeSet::new();
    for events in &threads {
        let mut last = BTreeMap::new();
        for e in events.iter().filter(is_numbered) {
            assert!(once.insert(e.seq), "told twice: {e:?}");
            let before = last.insert(e.member, e.seq);
            assert!(
                before.is_none_or(|before| before < e.seq),
                "of {}: {before:?}, then {}",
                e.member,
                e.seq
            );
        }
    }
    if !world.is_first_pool() {
        return;
    }
    let all = || threads.iter().flatten();
    let of = |kind: i32| all().filter(|e| e.kind == kind).count() as u64;
    let said = |kind: i32| all().filter(|e| e.kind == kind).map(|e| e.count).sum::<u64>();
    let counts = counts(world);
    assert_eq!(said(SCH_EVENT_DROPPED), counts.events_dropped);
    let told = [
        (of(SCH_EVENT_MAINTENANCE), counts.notifications - counts.notifications_duplicate),
        (of(SCH_EVENT_BREAKER_OPENED), counts.breakers_opened),
        (of(SCH_EVENT_BREAKER_CLOSED), counts.breakers_closed),
        (of(SCH_EVENT_ENDPOINT_REFUSED), counts.endpoints_refused),
        (said(SCH_EVENT_LATE), counts.handoffs_late),
    ];
    for (came, made) in told {
        assert!(came == made || came < made && counts.events_dropped > 0, "{came} of {made}: {told:?}");
    }
}
