//! Each limit of a pool, set through the C ABI and reached (S1): an error that changes nothing, or counted; never growth.

#![allow(unsafe_code, reason = "it calls the C ABI")]

use core::ffi::c_void;
use core::ptr::{null, null_mut};
use sch::ffi::config::*;
use sch::ffi::event::*;
use sch::ffi::join::*;
use sch::ffi::pool::*;
use sch::ffi::status::*;
use sch::ffi::version::*;

#[path = "support/abi_pool.rs"]
mod support;

use support::*;

const NODE: &str = "10.0.0.1:6379";

fn member(pool: &Pool, peer: &str) -> Conn {
    Conn::new(pool, peer, SCH_UNOWNED_RETIRE, 0)
}

fn migrating(seq: u64) -> String {
    format!(">4\r\n+MIGRATING\r\n:{seq}\r\n:5\r\n$3\r\n[{seq}]\r\n")
}

fn moving(seq: u64, host: &str) -> String {
    format!(">4\r\n+MOVING\r\n:{seq}\r\n:15\r\n+{host}:6379\r\n")
}

fn hosts(pool: &Pool, now: u64) -> Vec<String> {
    pool.places(now).1.into_iter().map(|(host, ..)| host).collect()
}

#[test]
fn s1_max_pool_members() {
    let pool = Pool::with(&[(SCH_LIMIT_MAX_POOL_MEMBERS, 2)]);
    let (a, _b) = (member(&pool, NODE), member(&pool, NODE));
    let third = Conn::alone(NODE);
    let join = || c!(sch_conn_join(third.0, ms(1), pool.0, SCH_UNOWNED_RETIRE, 0, null(), 0));
    assert_eq!(join(), SCH_ERR_LIMIT);
    assert_eq!((pool.counts().members, pool.counts().members_refused), (2, 1));
    assert_eq!(c!(sch_conn_take(third.0, ms(1), 0)), SCH_ERR_UNEXPECTED, "it is no member");
    drop(a);
    assert_eq!(join(), SCH_OK);
}

#[test]
fn s1_max_pool_events() {
    let pool = Pool::with(&[(SCH_LIMIT_MAX_POOL_EVENTS, 2)]);
    let conn = member(&pool, NODE);
    (1..6).for_each(|seq| conn.reads(ms(1), migrating(seq).as_bytes()));
    let told: Vec<_> = core::iter::from_fn(|| pool.event()).map(|e| (e.kind, e.seq)).collect();
    assert_eq!(told[..2], [(SCH_EVENT_MAINTENANCE, 1), (SCH_EVENT_MAINTENANCE, 2)]);
    assert_eq!(told[2..].iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [SCH_EVENT_DROPPED]);
    assert_eq!(pool.counts().events_dropped, 3);
}

#[test]
fn s1_max_pool_facts() {
    let pool = Pool::with(&[(SCH_LIMIT_MAX_POOL_FACTS, 2)]);
    let (reader, other) = (member(&pool, NODE), member(&pool, NODE));
    (1..6).for_each(|seq| reader.reads(ms(1), migrating(seq).as_bytes()));
    other.tick(ms(2));
    assert_eq!((pool.counts().facts_dropped, other.told()), (3, 2));
}

#[test]
fn s1_max_pool_marks() {
    // Two marks for each: that the pool knows it, and that the node does.
    for (marks, duplicates) in [(2, 0), (4, 1)] {
        let pool = Pool::with(&[(SCH_LIMIT_MAX_POOL_MARKS, marks)]);
        let (a, b) = (member(&pool, NODE), member(&pool, NODE));
        (1..3).for_each(|seq| a.reads(ms(1), migrating(seq).as_bytes()));
        b.reads(ms(1), migrating(1).as_bytes());
        assert_eq!(pool.counts().notifications_duplicate, duplicates);
    }
}

#[test]
fn s1_max_pool_waves() {
    let pool = Pool::with(&[(SCH_LIMIT_MAX_POOL_WAVES, 1)]);
    let (a, b) = (member(&pool, NODE), member(&pool, "10.0.0.2:6379"));
    a.reads(ms(1), moving(1, "c.com").as_bytes());
    assert_eq!(pool.counts().waves_evicted, 0);
    b.reads(ms(1), moving(2, "d.com").as_bytes());
    assert_eq!((pool.counts().waves, pool.counts().waves_evicted), (2, 1));
    assert!(a.has_mail(), "nobody waits for a wave that is gone");
}

#[test]
fn s1_max_pool_endpoints() {
    let pool = Pool::with(&[(SCH_LIMIT_MAX_POOL_ENDPOINTS, 2)]);
    ["a", "b", "c"].into_iter().for_each(|host| pool.dialled(ms(1), host, true));
    assert_eq!(pool.endpoints(), ["b", "c"]);
}

#[test]
fn s1_max_pool_refusals() {
    for (refusals, is_known) in [(1, false), (2, true)] {
        let pool = Pool::with(&[(SCH_LIMIT_MAX_POOL_REFUSALS, refusals)]);
        for host in ["db.example.com", "other.com"] {
            let status = c!(sch_pool_optin_refused(pool.0, ms(1), host.as_ptr().cast(), host.len(), 6379));
            assert_eq!(status, SCH_OK);
        }
        assert_eq!(pool.place(ms(2)).optin_refused_until_ns > 0, is_known);
    }
}

#[test]
fn s1_max_pool_moves() {
    let pool = Pool::with(&[(SCH_LIMIT_MAX_POOL_MOVES, 1)]);
    let (a, b) = (member(&pool, NODE), member(&pool, "10.0.0.2:6379"));
    a.reads(ms(1), moving(1, "c.com").as_bytes());
    assert_eq!(hosts(&pool, ms(2)), ["c.com", "10.0.0.1", "db.example.com"]);
    b.reads(ms(3), moving(2, "d.com").as_bytes());
    assert_eq!(hosts(&pool, ms(4)), ["d.com", "10.0.0.2", "db.example.com"]);
}

#[test]
fn s1_max_pool_waiters() {
    unsafe extern "C" fn nothing(_: *mut c_void) {}
    let pool = Pool::with(&[(SCH_LIMIT_MAX_POOL_WAITERS, 2)]);
    let (mut first, mut other) = (0, 0);
    let add = |out: &mut u32| c!(sch_pool_add_waiter(pool.0, Some(nothing), null_mut(), out));
    assert_eq!((add(&mut first), add(&mut other), add(&mut other)), (SCH_OK, SCH_OK, SCH_ERR_LIMIT));
    assert_eq!((first, other), (1, 2));
    assert_eq!(c!(sch_pool_remove_waiter(pool.0, first)), SCH_OK);
    assert_eq!(add(&mut other), SCH_OK);
}

#[test]
fn s1_limits_of_a_pool_that_cannot_work_are_named() {
    let mut config = null_mut();
    assert_eq!(c!(sch_config_new(&mut config)), SCH_OK);
    let is_refused = || {
        let (mut pool, mut text, mut len) = (null_mut(), null(), 0);
        let status = c!(sch_pool_new(SCH_ABI_VERSION, config, &mut pool));
        assert_eq!(c!(sch_pool_free(pool)), SCH_OK);
        let said = c!(sch_config_problem(config, &mut text, &mut len));
        assert_eq!(said == SCH_OK, status == SCH_ERR_CONFIG, "{status}");
        // SAFETY: lent until the next call on `config`.
        let text =
            if said == SCH_OK { unsafe { core::slice::from_raw_parts(text.cast(), len) } } else { &[] };
        assert_eq!(said == SCH_OK, String::from_utf8_lossy(text).contains("limit of a pool"));
        status == SCH_ERR_CONFIG
    };
    for limit in SCH_LIMIT_MAX_POOL_MEMBERS..=SCH_LIMIT_MAX_POOL_WAITERS {
        for (value, refused) in [(0, true), (1, false)] {
            assert_eq!(c!(sch_config_set_limit(config, limit, value)), SCH_OK);
            assert_eq!(is_refused(), refused, "{limit} {value}");
        }
    }
    for (value, refused) in [(65_536, false), (65_537, true), (u64::MAX, true), (1, false)] {
        assert_eq!(c!(sch_config_set_limit(config, SCH_LIMIT_MAX_POOL_EVENTS, value)), SCH_OK);
        assert_eq!(is_refused(), refused, "{value}");
    }
    // Without a room of their own, the others may be as large as they like.
    for limit in SCH_LIMIT_MAX_POOL_FACTS..=SCH_LIMIT_MAX_POOL_WAITERS {
        assert_eq!(c!(sch_config_set_limit(config, limit, u64::MAX)), SCH_OK);
    }
    assert!(!is_refused());
    for limit in [SCH_LIMIT_MAX_POOL_MEMBERS - 1, SCH_LIMIT_MAX_POOL_WAITERS + 1] {
        assert_eq!(c!(sch_config_set_limit(config, limit, 1)), SCH_ERR_ARGUMENT);
    }
    assert_eq!(c!(sch_config_free(config)), SCH_OK);
}
