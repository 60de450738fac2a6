//! What one connection reads acts for all on the same node (P1), once for each identity (N3), in the order of seq (N4).

mod support {
    pub mod pool;
}

use sch::action::Outcome;
use sch::endpoint::EndpointPolicy;
use sch::exchange::{Heard, Told};
use sch::notification::Kind;
use sch::pool::{Event, JoinOptions, Member, Pool, PoolConfig, Unowned};
use support::pool::*;

fn maintenance(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Maintenance { .. })).count()
}

fn named(pool: &Pool, node: &str) -> Member {
    let peer = Some(peer("10.0.0.9:6379"));
    join(pool, JoinOptions { peer, node: Some(endpoint(node)), ..JoinOptions::default() })
}

fn finished(outcome: Outcome) -> Heard {
    Heard::Finished { outcome, took: ms(20), pause: ms(0) }
}

#[test]
fn p1_a_notification_is_told_to_all_on_the_same_node_and_to_nobody_else() {
    let pool = Pool::new(config());
    let reader = owned(&pool, "10.0.0.1:6379");
    let same = owned(&pool, "10.0.0.1:6379");
    let mapped = owned(&pool, "[::ffff:10.0.0.1]:6379");
    let resting = idle(&pool, "10.0.0.1:6379", Unowned::Retire);
    let other_port = owned(&pool, "10.0.0.1:6380");
    let other_host = owned(&pool, "10.0.0.2:6379");
    let unknown = join(&pool, JoinOptions::default());
    let _ = pool.report(at(5), &reader, read(notice(Kind::Migrating, 3, &[1]), at(4)));
    for member in [&same, &mapped, &resting] {
        assert!(member.has_mail());
        let told = mail(&pool, member);
        assert!(matches!(&told[..], [Told::Notice { arrived, .. }] if *arrived == at(4)), "{told:?}");
        assert!(!member.has_mail());
        assert!(mail(&pool, member).is_empty());
    }
    for member in [&reader, &other_port, &other_host, &unknown] {
        assert!(!member.has_mail());
        assert!(mail(&pool, member).is_empty());
    }
}

#[test]
fn p1_a_node_named_by_the_host_is_stronger_than_the_peer() {
    let pool = Pool::new(config());
    let (a, b, c) = (named(&pool, "node-1"), named(&pool, "node-1"), named(&pool, "node-2"));
    let by_peer = owned(&pool, "10.0.0.9:6379");
    let _ = pool.report(at(0), &a, read(notice(Kind::FailingOver, 1, &[1]), at(0)));
    assert!(b.has_mail() && !c.has_mail() && !by_peer.has_mail());
    // A new peer does not change it; a new name does.
    let _ = pool.moved(at(1), &c, Some(peer("10.0.0.1:6379")), None);
    assert!(!c.has_mail());
    let d = named(&pool, "node-2");
    let _ = pool.report(at(1), &d, read(notice(Kind::Migrating, 2, &[1]), at(1)));
    assert_eq!(words(&mail(&pool, &c)), ["MIGRATING seq=2 shards=1"]);
    let _ = pool.moved(at(1), &c, None, Some(endpoint("node-1")));
    assert_eq!(words(&mail(&pool, &c)), ["FAILING_OVER seq=1 shards=1"]);
}

#[test]
fn p1_an_unknown_peer_concerns_itself_and_is_granted_all_the_same() {
    let pool = Pool::new(config());
    let (a, b) = (join(&pool, JoinOptions::default()), join(&pool, JoinOptions::default()));
    for (member, now) in [(&a, 0), (&b, 100)] {
        let _ = pool.report(at(now), member, read(moving(1, Some("b")), at(now)));
    }
    let _ = pool.tick(at(200));
    assert_eq!(words(&mail(&pool, &a)), ["grant"]);
    assert_eq!(words(&mail(&pool, &b)), ["grant"]);
    assert_eq!((pool.counters().waves, maintenance(&events(&pool))), (1, 1));
}

#[test]
fn n3_the_feed_has_each_identity_once_however_many_read_it() {
    let pool = Pool::new(config());
    let a: Vec<_> = (0..10).map(|_| owned(&pool, "10.0.0.1:6379")).collect();
    let b: Vec<_> = (0..10).map(|_| owned(&pool, "10.0.0.2:6379")).collect();
    for member in a.iter().chain(&b) {
        let _ = pool.report(at(0), member, read(notice(Kind::Migrating, 0, &[1]), at(0)));
    }
    assert_eq!(maintenance(&events(&pool)), 1, "type and seq");
    for member in a.iter().chain(&b) {
        let _ = pool.report(at(0), member, read(moving(1, Some("c")), at(0)));
    }
    assert_eq!(maintenance(&events(&pool)), 2, "several proxies may move in one event");
    let counters = pool.counters();
    assert_eq!((counters.notifications, counters.notifications_duplicate), (40, 19 + 18));
    assert_eq!(counters.waves, 1, "they go to one place");
    // The same MOVING after its deadline is new.
    let _ = pool.report(at(15_000), &a[3], read(moving(1, Some("c")), at(15_000)));
    assert_eq!(maintenance(&events(&pool)), 1);
    // Seqs are believed again after ten minutes.
    let _ = pool.report(at(600_000), &a[3], read(notice(Kind::Migrating, 0, &[1]), at(600_000)));
    assert_eq!(maintenance(&events(&pool)), 1);
}

#[test]
fn n3_without_a_seq_the_same_text_is_one_notification_for_a_moment() {
    let pool = Pool::new(config());
    let members: Vec<_> = (0..100).map(|_| owned(&pool, "10.0.0.1:6379")).collect();
    let nameless = |seconds: u64| {
        let mut n = notice(Kind::Migrating, 0, &[1]);
        n.seq = None;
        read(n, at(seconds * 1000))
    };
    for member in &members {
        let _ = pool.report(at(0), member, nameless(0));
    }
    assert_eq!(maintenance(&events(&pool)), 1);
    let _ = pool.report(at(5_000), &members[0], nameless(5));
    assert_eq!(maintenance(&events(&pool)), 1);
}

#[test]
fn p1_facts_of_a_mailbox_are_merged_and_bounded() {
    let mut config = config();
    config.limits.max_facts = 4;
    let pool = Pool::new(config);
    let (reader, resting) = (owned(&pool, "10.0.0.1:6379"), idle(&pool, "10.0.0.1:6379", Unowned::Retire));
    let say = |n| drop(pool.report(at(0), &reader, read(n, at(0))));
    // Who has read neither needs the end only, or the last MOVING only.
    say(notice(Kind::Migrating, 1, &[1]));
    say(notice(Kind::Migrated, 2, &[1]));
    assert_eq!(words(&mail(&pool, &resting)), ["MIGRATED seq=2 shards=1"]);
    say(moving(3, Some("b")));
    say(moving(4, Some("c")));
    let told = words(&mail(&pool, &resting));
    assert_eq!(told, ["MOVING seq=4 time=15 endpoint=c:6379"], "and no grant before its turn");
    // Beyond the limit the oldest gives way.
    for seq in 10..16 {
        say(notice(Kind::Migrating, seq, &[seq]));
    }
    let told = words(&mail(&pool, &resting));
    let wanted: Vec<String> = (12..16).map(|seq| format!("MIGRATING seq={seq} shards={seq}")).collect();
    assert_eq!(told, wanted);
    assert!(pool.counters().facts_dropped >= 2);
}

#[test]
fn p1_who_joins_is_told_what_is_in_force() {
    let pool = Pool::new(config());
    let reader = owned(&pool, "10.0.0.1:6379");
    let say = |now, n| drop(pool.report(at(now), &reader, read(n, at(now))));
    let newcomer = |now| {
        let options = JoinOptions { peer: Some(peer("10.0.0.1:6379")), ..JoinOptions::default() };
        let member = pool.join(at(now), options).0.expect("room");
        words(&mail(&pool, &member))
    };
    say(0, notice(Kind::Migrating, 1, &[1, 2]));
    say(1, notice(Kind::Migrated, 2, &[1]));
    assert_eq!(newcomer(2), ["MIGRATING seq=1 shards=1,2", "MIGRATED seq=2 shards=1"]);
    say(3, notice(Kind::FailingOver, 3, &[7]));
    say(4, notice(Kind::FailedOver, 4, &[7]));
    assert_eq!(newcomer(5).len(), 2, "a failover that is over concerns nobody who comes after it");
    say(6, moving(5, Some("b")));
    assert!(newcomer(14_000).iter().any(|told| told.starts_with("MOVING seq=5")));
    assert_eq!(newcomer(15_006), ["MIGRATING seq=1 shards=1,2", "MIGRATED seq=2 shards=1"]);
    assert!(newcomer(600_001).is_empty(), "windows end by themselves");
}

#[test]
fn p1_who_joins_the_target_or_may_have_come_to_the_new_proxy_is_not_moved_again() {
    let pool = Pool::new(config());
    let reader = owned(&pool, "10.0.0.1:6379");
    let _ = pool.report(at(0), &reader, read(moving(1, None), at(0)));
    let newcomer = |now| {
        let options = JoinOptions { peer: Some(peer("10.0.0.1:6379")), ..JoinOptions::default() };
        pool.join(at(now), options).0.expect("room").has_mail()
    };
    assert!(newcomer(7_499));
    assert!(!newcomer(7_500), "from half time on the configured address may be the new proxy (H7)");

    let pool = Pool::new(config());
    let reader = owned(&pool, "10.0.0.1:6379");
    let _ = pool.report(at(0), &reader, read(moving(1, Some("10.0.0.1")), at(0)));
    assert!(!owned(&pool, "10.0.0.1:6379").has_mail(), "it is where the MOVING leads");
}

#[test]
fn p1_a_member_that_swapped_is_at_its_new_node() {
    let pool = Pool::new(config());
    let (a, b) = (owned(&pool, "10.0.0.1:6379"), owned(&pool, "10.0.0.1:6379"));
    let _ = pool.report(at(0), &a, read(moving(1, Some("10.0.0.2")), at(0)));
    let _ = pool.tick(at(200));
    let _ = pool.report(
        at(210),
        &a,
        Heard::Attempt { endpoint: Some(endpoint("10.0.0.2")), ok: true, took: ms(10) },
    );
    let _ = pool.moved(at(220), &a, Some(peer("10.0.0.2:6379")), None);
    let _ = pool.report(at(220), &a, finished(Outcome::Swapped));
    assert_eq!(words(&mail(&pool, &a)), Vec::<String>::new());
    mail(&pool, &b);
    let _ = pool.report(at(300), &b, read(notice(Kind::Migrating, 2, &[1]), at(300)));
    assert!(!a.has_mail());
    let _ = pool.report(at(300), &a, read(notice(Kind::Migrating, 3, &[1]), at(300)));
    assert!(!b.has_mail());
    assert_eq!(pool.counters().nodes, 2);
}

#[test]
fn n4_a_starter_that_was_overtaken_is_told_to_nobody() {
    let pool = Pool::new(config());
    let (reader, other) = (owned(&pool, "10.0.0.1:6379"), owned(&pool, "10.0.0.1:6379"));
    let _ = pool.report(at(0), &reader, read(notice(Kind::Migrated, 9, &[1]), at(0)));
    mail(&pool, &other);
    let _ = pool.report(at(1), &reader, read(notice(Kind::Migrating, 8, &[1]), at(1)));
    assert!(!other.has_mail());
    assert_eq!(pool.counters().notifications_stale, 1);
}

#[test]
fn h8_a_newer_moving_supersedes_and_an_older_one_is_ignored() {
    let pool = Pool::new(config());
    let (a, b) = (owned(&pool, "10.0.0.1:6379"), owned(&pool, "10.0.0.1:6379"));
    let say = |now, m: &Member, n| drop(pool.report(at(now), m, read(n, at(now))));
    say(0, &a, moving(1, Some("b")));
    let _ = pool.tick(at(200));
    assert_eq!(words(&mail(&pool, &b)), ["MOVING seq=1 time=15 endpoint=b:6379", "grant"]);
    say(1_000, &a, moving(2, Some("c")));
    let _ = pool.tick(at(1_200));
    let told = words(&mail(&pool, &b));
    assert_eq!(told, ["MOVING seq=2 time=15 endpoint=c:6379", "grant"]);
    // The end of the older handoff is not that of the newer.
    let _ = pool.report(at(1_201), &b, finished(Outcome::Superseded));
    let _ = pool.report(at(1_201), &a, finished(Outcome::Superseded));
    say(1_300, &b, moving(1, Some("b")));
    let _ = pool.tick(at(1_400));
    assert!(!b.has_mail());
    assert_eq!(pool.counters().handoffs_late, 0);
    let _ = pool.tick(at(16_000));
    let late: Vec<u32> = events(&pool)
        .iter()
        .filter_map(|e| if let Event::Late { seq: Some(2), members, .. } = e { Some(*members) } else { None })
        .collect();
    assert_eq!(late, [2], "both wait for their way to c");
}

#[test]
fn h8_an_older_moving_that_comes_later_is_told_to_nobody() {
    let pool = Pool::new(config());
    let (a, b) = (owned(&pool, "10.0.0.1:6379"), owned(&pool, "10.0.0.1:6379"));
    let _ = pool.report(at(0), &a, read(moving(5, Some("c")), at(0)));
    mail(&pool, &b);
    let _ = pool.report(at(1), &a, read(moving(3, Some("b")), at(1)));
    assert!(!b.has_mail());
    assert_eq!((pool.counters().notifications_stale, pool.counters().waves), (1, 1));
    assert_eq!(pool.where_to_dial(at(2)).0.targets[0].endpoint, endpoint("c"));
}

#[test]
fn n3_the_same_seq_to_another_place_is_another_moving() {
    let pool = Pool::new(config());
    let (a, b) = (owned(&pool, "10.0.0.1:6379"), owned(&pool, "10.0.0.1:6379"));
    for to in ["b", "c"] {
        let _ = pool.report(at(0), &a, read(moving(1, Some(to)), at(0)));
        assert_eq!(words(&mail(&pool, &b)), [format!("MOVING seq=1 time=15 endpoint={to}:6379")]);
    }
    assert_eq!((pool.counters().waves, maintenance(&events(&pool))), (2, 2));
}

#[test]
fn s3_a_moving_that_the_policy_forbids_is_told_and_not_followed() {
    let pool = Pool::new(PoolConfig { endpoint_policy: EndpointPolicy::ConfiguredDomain, ..config() });
    let (a, b) = (owned(&pool, "10.0.0.1:6379"), owned(&pool, "10.0.0.1:6379"));
    let _ = pool.report(at(0), &a, read(moving(1, Some("evil.example.org")), at(0)));
    let _ = pool.tick(at(14_000));
    assert_eq!(words(&mail(&pool, &b)), ["MOVING seq=1 time=15 endpoint=evil.example.org:6379"], "no grant");
    assert!(events(&pool).contains(&Event::EndpointRefused { endpoint: endpoint("evil.example.org") }));
    assert_eq!((pool.counters().endpoints_refused, pool.counters().waves), (1, 0));
    assert_eq!(pool.where_to_dial(at(1)).0.targets.len(), 1);
    let _ = pool.report(at(2), &a, read(moving(2, Some("other.example.com")), at(2)));
    assert_eq!(pool.counters().waves, 1);
}

#[test]
fn o2_a_server_that_refused_the_opt_in_is_not_asked_again_for_ten_minutes() {
    let pool = Pool::new(config());
    let b = endpoint("b");
    let first = owned(&pool, "10.0.0.1:6379");
    let _ = pool.report(at(0), &first, Heard::OptinRefused { endpoint: b.clone() });
    let told = |member: &Member| {
        mail(&pool, member).iter().any(|t| matches!(t, Told::OptinRefused { endpoint, .. } if *endpoint == b))
    };
    assert!(told(&owned(&pool, "10.0.0.2:6379")), "who joins is told");
    // Who is about to go there is told before its grant.
    let reader = owned(&pool, "10.0.0.3:6379");
    mail(&pool, &reader);
    let _ = pool.report(at(0), &reader, read(moving(1, Some("b")), at(0)));
    let _ = pool.tick(at(200));
    assert_eq!(words(&mail(&pool, &reader)), ["refused b:6379", "grant"]);
    let advice = pool.where_to_dial(at(300)).0;
    assert_eq!((&advice.targets[0].endpoint, advice.targets[0].optin_refused_until), (&b, Some(at(600_000))));
    assert_eq!(pool.optin_refused_until(at(599_999), &b), Some(at(600_000)));
    assert_eq!(pool.optin_refused_until(at(600_000), &b), None);
}

#[test]
fn p5_owners_are_woken_through_their_waiter_once_a_call_and_idle_members_are_not() {
    let pool = Pool::new(config());
    let (one, two) = (pool.add_waiter().unwrap(), pool.add_waiter().unwrap());
    let with = |waiter, idle| {
        let peer = Some(peer("10.0.0.1:6379"));
        join(&pool, JoinOptions { peer, idle, waiter: Some(waiter), ..JoinOptions::default() })
    };
    let reader = owned(&pool, "10.0.0.1:6379");
    let _of_one: Vec<_> = (0..50).map(|_| with(one, false)).collect();
    let of_two = with(two, true);
    let wakes = pool.report(at(0), &reader, read(notice(Kind::Migrating, 1, &[1]), at(0)));
    assert_eq!((wakes.waiters(), wakes.feed()), (&[one][..], true));
    // Taken by another thread: that one is woken.
    of_two.set_waiter(Some(one));
    of_two.take();
    pool.remove_waiter(two);
    let wakes = pool.report(at(0), &reader, read(notice(Kind::Migrating, 2, &[1]), at(0)));
    assert_eq!(wakes.waiters(), [one]);
    let wakes = pool.tick(at(0));
    assert!(wakes.waiters().is_empty() && !wakes.feed());
}

#[test]
fn p5_a_nearer_deadline_wakes_who_ticks() {
    let pool = Pool::new(config());
    let reader = owned(&pool, "10.0.0.1:6379");
    assert_eq!(pool.next_deadline(), None);
    let wakes = pool.report(at(0), &reader, read(moving(1, Some("b")), at(0)));
    assert!(wakes.feed());
    assert!(pool.next_deadline().is_some_and(|at_| at_ <= at(15_000)));
}

#[test]
fn s1_max_members_max_waves_and_max_waiters_are_limits() {
    let mut config = config();
    config.limits.max_members = 3;
    config.limits.max_waves = 2;
    config.limits.max_waiters = 1;
    let pool = Pool::new(config);
    let members: Vec<_> = (0..3).map(|n| owned(&pool, &format!("10.0.0.{n}:6379"))).collect();
    assert!(pool.join(at(0), JoinOptions::default()).0.is_none());
    assert_eq!((pool.counters().members, pool.counters().members_refused), (3, 1));
    for (seq, member) in (1..).zip(&members) {
        let _ = pool.report(at(0), member, read(moving(seq, Some(&format!("b{seq}"))), at(0)));
    }
    assert_eq!(pool.counters().waves_evicted, 1);
    let _ = pool.tick(at(200));
    // Nobody waits for a wave that is not there any more.
    for member in &members {
        assert_eq!(words(&mail(&pool, member)), ["grant"]);
    }
    assert!(pool.add_waiter().is_some() && pool.add_waiter().is_none());
}

#[test]
fn s4_a_member_can_be_ejected_and_the_others_stay() {
    let pool = Pool::new(config());
    let (bad, reader, other) =
        (owned(&pool, "10.0.0.1:6379"), owned(&pool, "10.0.0.1:6379"), owned(&pool, "10.0.0.1:6379"));
    let _ = pool.report(at(0), &reader, read(moving(1, Some("b")), at(0)));
    let _ = pool.eject(bad.id());
    let _ = pool.eject(bad.id());
    assert_eq!((pool.counters().members, pool.counters().members_ejected), (2, 2));
    let _ = pool.tick(at(200));
    assert!(words(&mail(&pool, &other)).contains(&"grant".to_owned()));
    // Its old handle harms nobody.
    let _ = pool.report(at(300), &bad, read(moving(2, Some("c")), at(300)));
    bad.take();
    let _ = pool.give(at(300), &bad);
    assert!(!other.has_mail());
}
