//! Many threads on one pool (P5): nothing is lost, nothing waits for ever. Bounded rounds, no sleeps.
#![allow(clippy::disallowed_methods)] // threads are what is tested

mod support {
    pub mod pool;
}

use sch::action::Outcome;
use sch::exchange::{Heard, Told};
use sch::notification::Kind;
use sch::pool::{Event, Member, Pool, Unowned};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use support::pool::*;

const READERS: u64 = 4;
const NOTICES: u64 = 50;

#[test]
fn p5_every_fact_reaches_every_mailbox_whatever_the_threads_do() {
    let mut config = config();
    config.limits.max_facts = 4096;
    config.limits.max_marks = 4096;
    let pool = Pool::new(config);
    let over = AtomicBool::new(false);
    let members: Vec<Vec<Member>> =
        (0..4).map(|_| (0..100).map(|_| owned(&pool, "10.0.0.1:6379")).collect()).collect();
    let take = |own: &[Member], got: &mut [BTreeSet<u64>]| {
        for (member, got) in own.iter().zip(got) {
            if member.has_mail() {
                for told in mail(&pool, member) {
                    let Told::Notice { notification, .. } = told else { panic!("{told:?}") };
                    assert!(got.insert(notification.seq.unwrap()), "told twice");
                }
            }
        }
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|reader| {
                let pool = &pool;
                scope.spawn(move || {
                    let me = owned(pool, "10.0.0.1:6379");
                    for n in 0..NOTICES {
                        let seq = n * READERS + reader;
                        let n = read(notice(Kind::Migrating, seq, &[seq]), at(seq));
                        let _ = pool.report(at(seq), &me, n);
                    }
                    let _ = pool.leave(at(0), me.id());
                })
            })
            .collect();
        // Others come and go meanwhile.
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let some: Vec<Member> = (0..20).map(|_| owned(&pool, "10.0.0.1:6379")).collect();
                some.iter().for_each(|member| drop(pool.leave(at(0), member.id())));
            }
        });
        let takers: Vec<_> = members
            .iter()
            .map(|own| {
                let (take, over) = (&take, &over);
                scope.spawn(move || {
                    let mut got = vec![BTreeSet::new(); own.len()];
                    while !over.load(Ordering::Acquire) {
                        take(own, &mut got);
                    }
                    take(own, &mut got);
                    got
                })
            })
            .collect();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        over.store(true, Ordering::Release);
        for taker in takers {
            for got in taker.join().unwrap() {
                assert_eq!(got.len() as u64, READERS * NOTICES);
            }
        }
    });
    assert_eq!(pool.counters().members, 400);
}

/// Users check members out and in while a MOVING hands all of them off: each is granted, by its owner or by the feed.
#[test]
fn p5_a_wave_ends_while_members_are_taken_and_given_back() {
    const MEMBERS: usize = 2_000;
    let pool = Pool::new(config());
    let members: Vec<Member> = (0..MEMBERS).map(|_| idle(&pool, "10.0.0.1:6379", Unowned::Handoff)).collect();
    let busy: Vec<AtomicBool> = (0..MEMBERS).map(|_| AtomicBool::new(false)).collect();
    let done: Vec<AtomicBool> = (0..MEMBERS).map(|_| AtomicBool::new(false)).collect();
    let count = AtomicUsize::new(0);
    // Time is what has been done: it goes on as long as anybody works.
    let now = || at(count.load(Ordering::Relaxed) as u64);
    let work = |index: usize| {
        if busy[index].swap(true, Ordering::AcqRel) {
            return;
        }
        let member = &members[index];
        member.take();
        if member.has_mail() && mail(&pool, member).contains(&Told::Grant) {
            let heard = Heard::Attempt { endpoint: Some(endpoint("b")), ok: true, took: ms(1) };
            let _ = pool.report(now(), member, heard);
            let heard = Heard::Finished { outcome: Outcome::Swapped, took: ms(1), pause: ms(0) };
            let _ = pool.report(now(), member, heard);
            assert!(!done[index].swap(true, Ordering::Relaxed), "handed off twice");
            count.fetch_add(1, Ordering::Relaxed);
        }
        // Before it is given back: from then on the feed may name it to another thread.
        busy[index].store(false, Ordering::Release);
        let _ = pool.give(now(), member);
    };
    let first = owned(&pool, "10.0.0.1:6379");
    let _ = pool.report(at(0), &first, read(moving(1, Some("b")), at(0)));
    let _ = pool.leave(at(0), first.id());
    let index_of = |id| members.iter().position(|member| member.id() == id).unwrap();
    let rounds = AtomicUsize::new(0);
    thread::scope(|scope| {
        for user in 0..3 {
            let (work, count, rounds) = (&work, &count, &rounds);
            scope.spawn(move || {
                let mut index = user * 7919;
                while count.load(Ordering::Relaxed) < MEMBERS {
                    index = (index + 1_237) % MEMBERS;
                    work(index);
                    assert!(rounds.fetch_add(1, Ordering::Relaxed) < 50_000_000, "the wave does not end");
                }
            });
        }
        scope.spawn(|| {
            let mut ticks = 0;
            while count.load(Ordering::Relaxed) < MEMBERS {
                ticks += 1;
                let _ = pool.tick(at(count.load(Ordering::Relaxed) as u64 + (ticks / 10_000)));
                if let Some(Event::Handoff { member, .. }) = pool.poll_event() {
                    work(index_of(member));
                }
            }
        });
    });
    let counters = pool.counters();
    assert_eq!(counters.handoffs_swapped, MEMBERS as u64);
}

#[test]
fn p5_a_pool_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Pool>();
    shared::<Member>();
}
