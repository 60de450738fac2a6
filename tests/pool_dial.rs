//! Where new connections are dialled (H10), and one at a time where an endpoint refuses (P4).

mod support {
    pub mod pool;
}

use sch::endpoint::Endpoint;
use sch::pool::{Event, Pool, PoolConfig};
use support::pool::*;

fn choices(pool: &Pool, now: u64) -> Vec<Endpoint> {
    pool.where_to_dial(at(now)).0.targets.into_iter().map(|target| target.endpoint).collect()
}

#[test]
fn h10_new_dials_follow_the_move_and_come_back_to_the_configured_address() {
    let pool = Pool::new(config());
    let (configured, old, new) = (endpoint("db.example.com"), endpoint("10.0.0.1"), endpoint("b"));
    assert_eq!(choices(&pool, 0), [endpoint("db.example.com")]);
    let reader = owned(&pool, "10.0.0.1:6379");
    let _ = pool.report(at(0), &reader, read(moving(1, Some("b")), at(0)));
    assert_eq!(choices(&pool, 14_999), [new.clone(), old, configured.clone()]);
    assert_eq!(choices(&pool, 15_000), [configured.clone(), new.clone()]);
    let _ = pool.dial_result(at(15_001), &new, true);
    let _ = pool.dial_result(at(15_001), &configured, false);
    assert_eq!(choices(&pool, 15_002), [configured.clone(), new.clone()]);
    let _ = pool.dial_result(at(15_003), &configured, true);
    assert_eq!(choices(&pool, 15_004), [configured]);
}

#[test]
fn h10_a_null_endpoint_changes_nothing() {
    let pool = Pool::new(config());
    let reader = owned(&pool, "10.0.0.1:6379");
    let _ = pool.report(at(0), &reader, read(moving(1, None), at(0)));
    assert_eq!(choices(&pool, 1), [endpoint("db.example.com")]);
}

#[test]
fn p4_a_refusing_endpoint_is_dialled_by_one_connection_at_a_time() {
    let pool = Pool::new(config());
    let configured = endpoint("db.example.com");
    for _ in 0..3 {
        let _ = pool.dial_result(at(0), &configured, false);
    }
    assert!(events(&pool).contains(&Event::BreakerOpened { endpoint: configured.clone() }));
    let (blocked, _) = pool.where_to_dial(at(49));
    assert_eq!((blocked.targets.len(), blocked.retry_at), (0, Some(at(50))));
    let (probe, _) = pool.where_to_dial(at(50));
    assert!(probe.targets[0].is_probe && probe.retry_at.is_none());
    for now in 51..60 {
        assert!(choices(&pool, now).is_empty(), "one probe at a time");
    }
    let _ = pool.dial_result(at(60), &configured, true);
    assert_eq!(choices(&pool, 60), [endpoint("db.example.com")]);
    assert!(events(&pool).contains(&Event::BreakerClosed { endpoint: configured.clone() }));
    let counters = pool.endpoint_counters(&configured).unwrap();
    assert_eq!((counters.dials, counters.dials_failed, counters.probes), (4, 3, 1));
    assert_eq!((pool.counters().dials_blocked, pool.counters().dials), (10, 4));
    assert_eq!(pool.endpoints(), [configured]);
}

#[test]
fn p4_recovers_by_time_without_any_news() {
    let pool = Pool::new(config());
    let configured = endpoint("db.example.com");
    for _ in 0..3 {
        let _ = pool.dial_result(at(0), &configured, false);
    }
    assert_eq!(choices(&pool, 50).len(), 1); // the probe, whose end is never told
    assert!(choices(&pool, 5_049).is_empty());
    assert_eq!(choices(&pool, 5_050).len(), 1);
    assert_eq!(choices(&pool, 60_000).len(), 1);
    assert_eq!(choices(&pool, 60_000).len(), 1);
}

/// A probe may take as long as an attempt: until then no second one goes.
#[test]
fn p4_a_probe_whose_end_is_not_told_has_the_time_of_an_attempt() {
    for (handoff_timeout, attempt_min, lease) in [(60_000, 1_000, 20_000), (3_000, 2_000, 2_000)] {
        let (handoff_timeout, attempt_min) = (ms(handoff_timeout), ms(attempt_min));
        let pool = Pool::new(PoolConfig { handoff_timeout, attempt_min, ..config() });
        for _ in 0..3 {
            let _ = pool.dial_result(at(0), &endpoint("db.example.com"), false);
        }
        assert!(pool.where_to_dial(at(50)).0.targets[0].is_probe);
        let (blocked, _) = pool.where_to_dial(at(50 + lease - 1));
        assert_eq!((blocked.targets.len(), blocked.retry_at), (0, Some(at(50 + lease))));
        assert!(pool.where_to_dial(at(50 + lease)).0.targets[0].is_probe);
    }
}

#[test]
fn p4_an_endpoint_that_refuses_gives_way_to_one_that_works() {
    let pool = Pool::new(config());
    let reader = owned(&pool, "10.0.0.1:6379");
    let _ = pool.report(at(0), &reader, read(moving(1, Some("b")), at(0)));
    for _ in 0..3 {
        let _ = pool.dial_result(at(1), &endpoint("b"), false);
    }
    let fallback = [endpoint("10.0.0.1"), endpoint("db.example.com")];
    assert_eq!(choices(&pool, 2), fallback);
    assert_eq!(choices(&pool, 51)[0], endpoint("b"), "the probe");
    assert_eq!(choices(&pool, 52), fallback);
}
