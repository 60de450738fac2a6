//! How the handoffs of one MOVING are spread over a pool (P3, P4), in virtual time.

mod support {
    pub mod pool;
}

use sch::exchange::Heard;
use sch::notification::Notification;
use sch::pool::{Event, MAX_CONCURRENCY, MIN_CONCURRENCY, Member, Pool, Unowned};
use support::pool::*;

#[test]
fn p3_10_000_members_are_done_before_the_deadline_when_connects_are_fast() {
    let pool = Pool::new(config());
    let mut world = World::new(&pool, 6_000, 4_000, Some("b"));
    world.read(at(0), 7_000, moving(1, Some("b")));
    world.run(at(0), at(30_000), &mut |_| (ms(20), true));
    assert_eq!(world.done_by(at(15_000)), 10_000);
    let counters = pool.counters();
    assert_eq!((counters.handoffs_asked, counters.handoffs_swapped), (10_000, 10_000));
    assert_eq!((counters.grants, counters.handoffs_late, counters.grants_lapsed), (10_000, 0, 0));
    assert!(world.peak <= 90, "spread: {} at once", world.peak);
    let last = world.ready.iter().flatten().max().unwrap();
    assert!(*last <= at(12_500), "80 % of the time: {last:?}");
}

#[test]
fn p3_those_who_are_late_are_counted_when_connects_are_slow() {
    let pool = Pool::new(config());
    let mut world = World::new(&pool, 10_000, 0, Some("b"));
    world.read(at(0), 0, moving(1, Some("b")));
    world.run(at(0), at(14_999), &mut |_| (ms(2_000), true));
    assert!(world.peak > 200 && world.peak <= MAX_CONCURRENCY as usize, "{} at once", world.peak);
    let done = world.done_by(at(14_999));
    assert!(done > 1_000, "{done} done");
    assert_eq!(pool.counters().handoffs_late, 0);
    world.run(at(14_999), at(74_999), &mut |_| (ms(2_000), true));
    let late = world.events.iter().find_map(|event| match event {
        Event::Late { seq: Some(1), members, .. } => Some(u64::from(*members)),
        _ => None,
    });
    assert_eq!(late, Some(pool.counters().handoffs_late));
    assert_eq!(late, Some(10_000 - world.done_by(at(15_000)) as u64));
    // What is late is handed off all the same.
    assert!(world.done_by(at(74_999)) > 9_000, "{}", world.done_by(at(74_999)));
}

#[test]
fn p3_concurrency_follows_what_is_measured() {
    let peak = |took: u64| {
        let pool = Pool::new(config());
        let mut world = World::new(&pool, 5_000, 0, Some("b"));
        world.read(at(0), 0, moving(1, Some("b")));
        world.run(at(0), at(15_000), &mut |_| (ms(took), true));
        assert_eq!(world.done_by(at(15_000)), 5_000);
        world.peak
    };
    let (fast, slow) = (peak(10), peak(400));
    assert!(slow > 2 * fast, "{fast} and {slow} at once");
}

#[test]
fn p3_idle_members_go_first_and_busy_ones_when_they_are_given_back() {
    let pool = Pool::new(config());
    let mut world = World::new(&pool, 500, 500, Some("b"));
    world.read(at(0), 999, moving(1, Some("b")));
    world.run(at(0), at(15_000), &mut |_| (ms(50), true));
    let first_busy = world.order.iter().position(|index| *index >= 500).unwrap();
    assert_eq!(first_busy, 500, "all idle ones before the first busy one");
    assert_eq!(world.order.len(), 1_000);

    // One that becomes free goes before those that stay busy.
    let pool = Pool::new(config());
    let world = World::new(&pool, 0, 200, Some("b"));
    let _ = pool.report(at(0), &world.members[0], read(moving(1, Some("b")), at(0)));
    let free = (0..200).rev().find(|index| !grant_in(&pool, &world, *index)).unwrap();
    let _ = pool.give(at(1), &world.members[free]);
    let mut now = 1;
    while !events(&pool).iter().any(|e| matches!(e, Event::Handoff { user, .. } if *user == free as u64)) {
        now += 13; // the first ones start in steps
        assert!(now < 120, "its turn does not come");
        let _ = pool.tick(at(now));
    }
    let granted = (0..200).filter(|index| grant_in(&pool, &world, *index)).count();
    assert!(granted < 20, "{granted} went before it");
}

fn grant_in(pool: &Pool, world: &World, index: usize) -> bool {
    words(&mail(pool, &world.members[index])).contains(&"grant".to_owned())
}

/// An attempt has a third of its MOVING's time: as long as that its place is taken, and a probe is the only one.
#[test]
fn p3_a_place_is_taken_for_as_long_as_an_attempt_may_take() {
    let pool = Pool::new(config());
    let members: Vec<Member> = (0..20).map(|_| owned(&pool, "10.0.0.1:6379")).collect();
    let long = Notification { time: Some(60), ..moving(1, Some("b")) };
    let _ = pool.report(at(0), &members[0], read(long, at(0)));
    // Each looks at its mail at once, and its attempt hangs.
    let mut granted = 0;
    let mut run = |to: u64| {
        for now in (0..to).step_by(100) {
            let _ = pool.tick(at(now));
            let took = |member: &&Member| words(&mail(&pool, member)).contains(&"grant".to_owned());
            granted += members.iter().filter(took).count();
        }
        (granted, pool.counters().grants_lapsed)
    };
    assert_eq!(run(20_900), (4, 0));
    let (granted, lapsed) = run(23_000);
    assert!(granted > 4 && lapsed == 4, "{granted} {lapsed}");
}

#[test]
fn p3_the_order_is_of_the_seed_alone() {
    let order = |seed: u64| {
        let pool = Pool::new(sch::pool::PoolConfig { seed, ..config() });
        let mut world = World::new(&pool, 100, 0, Some("b"));
        world.read(at(0), 0, moving(1, Some("b")));
        world.run(at(0), at(15_000), &mut |_| (ms(20), true));
        world.order
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
}

#[test]
fn p3_null_endpoint_goes_between_half_time_and_the_deadline() {
    let pool = Pool::new(config());
    let mut world = World::new(&pool, 2_000, 0, None);
    world.read(at(0), 0, moving(1, None));
    world.run(at(0), at(7_499), &mut |_| panic!("before half time"));
    world.run(at(7_499), at(30_000), &mut |_| (ms(20), true));
    assert_eq!(world.done_by(at(15_000)), 2_000);
}

#[test]
fn p4_null_endpoint_that_is_still_the_old_proxy_is_tried_by_one_at_a_time_and_no_dial_is_kept_away() {
    let pool = Pool::new(config());
    let mut world = World::new(&pool, 2_000, 0, None);
    world.read(at(0), 0, moving(1, None));
    // Until 11 s every candidate is the old proxy.
    world.run(at(0), at(30_000), &mut |now| (ms(20), now >= at(11_000)));
    assert_eq!(world.done_by(at(15_000)), 2_000);
    assert!(world.failures < 60, "{} useless attempts", world.failures);
    let advice = pool.where_to_dial(at(30_000)).0;
    assert_eq!(advice.targets[0].endpoint, endpoint("db.example.com"));
    assert_eq!(pool.counters().breakers_opened, 0);
}

#[test]
fn p4_an_endpoint_that_refuses_is_tried_by_one_at_a_time_and_recovers_by_time() {
    let pool = Pool::new(config());
    let mut world = World::new(&pool, 10_000, 0, Some("b"));
    world.read(at(0), 0, moving(1, Some("b")));
    world.run(at(0), at(15_000), &mut |now| (ms(5), now >= at(4_000)));
    // The first ones, then one after 50, 100, ... 1,000 ms.
    assert!(world.failures < 120, "{} refused attempts", world.failures);
    assert_eq!(world.done_by(at(15_000)), 10_000);
    let breaker = |e: &&Event| matches!(e, Event::BreakerOpened { .. } | Event::BreakerClosed { .. });
    let told: Vec<&Event> = world.events.iter().filter(breaker).collect();
    let b = endpoint("b");
    let wanted = [Event::BreakerOpened { endpoint: b.clone() }, Event::BreakerClosed { endpoint: b.clone() }];
    assert_eq!(told, wanted.iter().collect::<Vec<_>>());
    let counters = pool.endpoint_counters(&b).unwrap();
    assert_eq!((counters.breaker_opened, counters.breaker_open), (1, 0));
    assert_eq!(counters.attempts, 10_000 + world.failures as u64);
    assert_eq!(counters.attempts_failed, world.failures as u64);
    assert!(counters.probes >= 4, "{}", counters.probes);
}

#[test]
fn p3_a_grant_that_nobody_reads_gives_its_place_to_another() {
    let pool = Pool::new(config());
    let members: Vec<_> = (0..20).map(|_| owned(&pool, "10.0.0.1:6379")).collect();
    let _ = pool.report(at(0), &members[0], read(moving(1, Some("b")), at(0)));
    let mut granted_at = Vec::new();
    for now in (0..8_000).step_by(100) {
        let _ = pool.tick(at(now));
        granted_at.push(pool.counters().grants);
    }
    assert_eq!(granted_at[5], u64::from(MIN_CONCURRENCY), "no more than there are places");
    assert_eq!(*granted_at.last().unwrap(), 20, "but all within the time");
    assert!(pool.counters().grants_lapsed >= 16);
    // Late as it is, the grant is good: the attempt counts.
    for member in &members {
        assert_eq!(words(&mail(&pool, member)).last().map(String::as_str), Some("grant"));
        let heard = Heard::Attempt { endpoint: Some(endpoint("b")), ok: true, took: ms(10) };
        let _ = pool.report(at(9_000), member, heard);
    }
    let _ = pool.tick(at(15_000));
    assert_eq!(pool.counters().handoffs_late, 0);
}

#[test]
fn p3_a_failed_attempt_needs_another_grant_and_comes_after_the_others() {
    let pool = Pool::new(config());
    let mut world = World::new(&pool, 12, 0, Some("b"));
    world.read(at(0), 0, moving(1, Some("b")));
    let mut tries = 0;
    world.run(at(0), at(15_000), &mut |_| {
        tries += 1;
        (ms(20), tries != 1)
    });
    assert_eq!(world.order.len(), 13);
    assert_eq!(world.order[12], world.order[0]);
    assert_eq!(world.done_by(at(15_000)), 12);
}

#[test]
fn p1_unowned_members_are_retired_or_handed_off_as_said_at_joining() {
    let pool = Pool::new(config());
    let _retire: Vec<_> = (0..100).map(|_| idle(&pool, "10.0.0.1:6379", Unowned::Retire)).collect();
    let handoff: Vec<_> = (0..100).map(|_| idle(&pool, "10.0.0.1:6379", Unowned::Handoff)).collect();
    let reader = owned(&pool, "10.0.0.1:6379");
    let _ = pool.report(at(0), &reader, read(moving(1, Some("b")), at(0)));
    let mut counts = (0, 0);
    for now in 0..15_000 {
        let _ = pool.tick(at(now));
        let before = counts;
        for event in events(&pool) {
            match event {
                Event::Retire { member, .. } => {
                    counts.0 += 1;
                    let _ = pool.leave(at(now), member);
                }
                Event::Handoff { member, .. } => {
                    counts.1 += 1;
                    let member =
                        handoff.iter().find(|m| m.id() == member).expect("one that is to be handed off");
                    member.take();
                    assert_eq!(
                        words(&mail(&pool, member)),
                        ["MOVING seq=1 time=15 endpoint=b:6379", "grant"]
                    );
                    let heard = Heard::Attempt { endpoint: Some(endpoint("b")), ok: true, took: ms(100) };
                    let _ = pool.report(at(now), member, heard);
                }
                _ => {}
            }
        }
        assert!(counts.0 + counts.1 - before.0 - before.1 <= MIN_CONCURRENCY as usize, "not all at once");
    }
    assert_eq!(counts, (100, 100));
    assert_eq!(pool.counters().members, 101);
    assert_eq!(pool.counters().retired, 100);
}

#[test]
fn p3_idle_members_that_are_taken_before_their_turn_get_it_as_busy_ones() {
    let pool = Pool::new(config());
    let world = World::new(&pool, 10, 0, Some("b"));
    let _ = pool.report(at(0), &world.members[0], read(moving(1, Some("b")), at(0)));
    world.members.iter().for_each(|member| member.take());
    for now in (0..10_000).step_by(100) {
        let _ = pool.tick(at(now));
    }
    assert!((0..10).all(|index| grant_in(&pool, &world, index)));
    assert!(!events(&pool).iter().any(|event| matches!(event, Event::Handoff { .. })), "they have owners");
}

#[test]
fn p1_a_member_that_is_given_back_with_its_handoff_undone_comes_through_the_feed() {
    let pool = Pool::new(config());
    let world = World::new(&pool, 0, 1, Some("b"));
    let member = &world.members[0];
    let _ = pool.report(at(0), member, read(moving(1, Some("b")), at(0)));
    let _ = pool.tick(at(200));
    assert!(grant_in(&pool, &world, 0));
    let handoff = |event: &Event| matches!(event, Event::Handoff { .. });
    assert!(!events(&pool).iter().any(handoff));
    let _ = pool.give(at(201), member);
    assert!(events(&pool).iter().any(handoff), "whoever read the grant is gone");
    // Done: it may rest.
    let heard = Heard::Attempt { endpoint: Some(endpoint("b")), ok: true, took: ms(20) };
    let _ = pool.report(at(220), member, heard);
    let outcome = sch::action::Outcome::Swapped;
    let _ = pool.report(at(220), member, Heard::Finished { outcome, took: ms(20), pause: ms(0) });
    member.take();
    let _ = pool.give(at(230), member);
    assert!(!events(&pool).iter().any(handoff));
}

#[test]
fn s1_events_of_members_that_find_the_feed_full_come_when_there_is_room() {
    let mut config = config();
    config.limits.max_events = 3;
    let pool = Pool::new(config);
    let members: Vec<_> = (0..400).map(|_| idle(&pool, "10.0.0.1:6379", Unowned::Retire)).collect();
    let _ = pool.report(at(0), &members[0], read(moving(1, Some("b")), at(0)));
    for now in (0..15_000).step_by(10) {
        let _ = pool.tick(at(now));
    }
    let mut retired: Vec<_> = events(&pool)
        .into_iter()
        .filter_map(|event| match event {
            Event::Retire { member, .. } => Some(member),
            _ => None,
        })
        .collect();
    retired.sort_unstable();
    retired.dedup();
    assert_eq!(retired.len(), 400);
}
