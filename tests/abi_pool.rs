//! The pool through the C ABI, as a host with many connections uses it (P1 to P5, S4).

#![allow(unsafe_code, reason = "it calls the C ABI")]
#![allow(clippy::disallowed_methods)] // threads are part of what is tested

use core::ffi::c_void;
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicU32, Ordering};
use sch::ffi::action::*;
use sch::ffi::conn::*;
use sch::ffi::counts::*;
use sch::ffi::event::*;
use sch::ffi::join::*;
use sch::ffi::log::*;
use sch::ffi::pool::*;
use sch::ffi::status::*;
use sch::ffi::version::*;

#[path = "support/abi_pool.rs"]
mod support;

use support::*;

#[test]
fn p1_what_one_connection_reads_another_acts_on_and_both_swap_in_their_turn() {
    let pool = Pool::new();
    let a = Conn::new(&pool, "10.0.0.1:6379", SCH_UNOWNED_RETIRE, 1);
    let b = Conn::new(&pool, "10.0.0.1:6379", SCH_UNOWNED_RETIRE, 2);
    let elsewhere = Conn::new(&pool, "10.0.0.2:6379", SCH_UNOWNED_RETIRE, 3);
    a.reads(ms(1), MOVING);
    assert!(b.has_mail() && !elsewhere.has_mail());
    b.tick(ms(2));
    assert!(b.kinds().contains(&SCH_ACTION_RELAX));
    pool.tick(2, 250);
    for conn in [&a, &b] {
        assert!(conn.has_mail(), "its turn");
        conn.tick(ms(250));
        let actions = conn.actions();
        let open = actions.iter().find(|action| action.kind == SCH_ACTION_OPEN).expect("OPEN");
        conn.is_up(ms(260), open.transport, "10.0.0.9:6379");
        assert!(conn.kinds().contains(&SCH_ACTION_HOLD));
        assert_eq!(c!(sch_conn_held(conn.0, ms(261))), SCH_OK);
        assert!(conn.kinds().contains(&SCH_ACTION_SWAP));
        assert_eq!(c!(sch_conn_swapped(conn.0, ms(262))), SCH_OK);
        assert!(conn.kinds().contains(&SCH_ACTION_HANDOFF_FINISHED));
    }
    let counts = pool.counts();
    assert_eq!((counts.members, counts.handoffs_asked, counts.handoffs_swapped), (3, 2, 2));
    assert_eq!((counts.grants, counts.nodes), (2, 3));
    // They are at the new node now.
    a.reads_on(2, ms(300), b">4\r\n+MIGRATING\r\n:8\r\n:5\r\n$3\r\n[1]\r\n");
    assert!(b.has_mail() && !elsewhere.has_mail());
    let event = pool.event().expect("the MOVING");
    assert_eq!(
        (event.kind, event.notification, event.seq, event.has_seq),
        (1, SCH_NOTIFICATION_MOVING, 7, 1)
    );
    assert_eq!((event.member, event.user), (a.member(), 1));
    assert_eq!(pool.event().map(|e| e.notification), Some(SCH_NOTIFICATION_MIGRATING));
    assert!(pool.event().is_none());
}

#[test]
fn p1_who_nobody_owns_comes_through_the_events() {
    let pool = Pool::new();
    let reader = Conn::new(&pool, "10.0.0.1:6379", SCH_UNOWNED_RETIRE, 1);
    let retire = Conn::new(&pool, "10.0.0.1:6379", SCH_UNOWNED_RETIRE, 2);
    let handoff = Conn::new(&pool, "10.0.0.1:6379", SCH_UNOWNED_HANDOFF, 3);
    for conn in [&retire, &handoff] {
        assert_eq!(c!(sch_conn_give(conn.0, ms(1))), SCH_OK);
    }
    reader.reads(ms(2), MOVING);
    pool.tick(2, 250);
    let mut events = Vec::new();
    while let Some(event) = pool.event() {
        events.push((event.kind, event.user));
    }
    events.sort_unstable();
    assert_eq!(events, [(SCH_EVENT_MAINTENANCE, 1), (SCH_EVENT_RETIRE, 2), (SCH_EVENT_HANDOFF, 3)]);
    drop(retire);
    assert_eq!(c!(sch_conn_take(handoff.0, ms(250), 0)), SCH_OK);
    assert!(handoff.kinds().contains(&SCH_ACTION_OPEN), "it was granted, and taking it reads its mail");
    assert_eq!(pool.counts().members, 2);
}

#[test]
fn e4_mail_of_the_pool_closes_no_transport_in_the_call_that_gives_bytes_for_it() {
    let pool = Pool::new();
    let reader = Conn::new(&pool, "10.0.0.1:6379", SCH_UNOWNED_RETIRE, 1);
    let conn = Conn::managed(&pool, "10.0.0.1:6379");
    reader.reads(ms(1), b">4\r\n+MIGRATING\r\n:8\r\n:5\r\n$3\r\n[1]\r\n");
    assert!(conn.has_mail());
    // No HELLO 3 under `enabled`: the connection ends for it.
    assert_eq!(conn.submits(ms(2), b"GET k\r\n"), 7);
    assert!(!conn.kinds().contains(&SCH_ACTION_CLOSE), "its bytes are for that transport");
    assert!(conn.has_mail(), "it waits, too");
    let (mut due, mut at) = (false, 0);
    assert_eq!(c!(sch_conn_next_deadline(conn.0, &mut due, &mut at)), SCH_OK);
    assert_eq!((due, at), (true, ms(2)));
    conn.tick(ms(2));
    assert!(conn.kinds().contains(&SCH_ACTION_CLOSE));
    assert!(!conn.has_mail());
}

#[test]
fn p3_a_connection_that_leaves_waits_for_nobody() {
    let pool = Pool::new();
    let (a, b) = (Conn::new(&pool, "10.0.0.1:1", 1, 0), Conn::new(&pool, "10.0.0.1:1", 1, 0));
    a.reads(ms(1), MOVING);
    b.tick(ms(1));
    assert!(!b.kinds().contains(&SCH_ACTION_OPEN));
    assert_eq!(c!(sch_conn_leave(b.0, ms(2))), SCH_OK);
    b.tick(ms(2));
    assert!(b.kinds().contains(&SCH_ACTION_OPEN));
    assert_eq!(c!(sch_conn_close(a.0, ms(3))), SCH_OK);
    assert_eq!(pool.counts().members, 0);
    let mut has = false;
    assert_eq!(c!(sch_conn_has_mail(a.0, &mut has)), SCH_ERR_UNEXPECTED);
}

#[test]
fn h10_where_to_dial_follows_the_move_and_leaves_out_what_refuses() {
    let pool = Pool::new();
    let configured = ("db.example.com".to_owned(), 6379, false);
    let target = ("b.com".to_owned(), 6379, false);
    assert_eq!(pool.places(0).1, [configured.clone()].as_slice());
    let reader = Conn::new(&pool, "10.0.0.1:6379", SCH_UNOWNED_RETIRE, 1);
    reader.reads(ms(1), MOVING);
    let from = ("10.0.0.1".to_owned(), 6379, false);
    assert_eq!(pool.places(ms(2)).1, [target.clone(), from.clone(), configured.clone()]);
    (0..3).for_each(|_| pool.dialled(ms(3), "b.com", false));
    assert_eq!(pool.places(ms(4)).1, [from, configured.clone()]);
    assert_eq!(pool.places(ms(53)).1[0], ("b.com".to_owned(), 6379, true), "the probe");
    pool.dialled(ms(54), "b.com", true);
    assert_eq!(pool.places(ms(15_001)).1, [configured, target]);
    let kinds: Vec<i32> = std::iter::from_fn(|| pool.event().map(|event| event.kind)).collect();
    for wanted in [SCH_EVENT_BREAKER_OPENED, SCH_EVENT_BREAKER_CLOSED, SCH_EVENT_LATE] {
        assert!(kinds.contains(&wanted), "{wanted} of {kinds:?}");
    }
    // SAFETY: all zeros are counters.
    let mut counters: sch_endpoint_counters = unsafe { core::mem::zeroed() };
    counters.struct_size = size_of::<sch_endpoint_counters>() as u32;
    let status = c!(sch_pool_endpoint_counters(pool.0, c"b.com".as_ptr(), 5, 6379, &mut counters));
    assert_eq!((status, counters.dials, counters.dials_failed, counters.probes), (SCH_OK, 4, 3, 1));
    let status = c!(sch_pool_endpoint_counters(pool.0, c"none".as_ptr(), 4, 6379, &mut counters));
    assert_eq!(status, SCH_EMPTY);

    // A new connection goes there: its id, and its TLS name if it had one.
    let conn = Conn::alone("10.0.0.1:1");
    // SAFETY: all zeros is a dial.
    let mut dial: sch_dial = unsafe { core::mem::zeroed() };
    dial.struct_size = size_of::<sch_dial>() as u32;
    assert_eq!(c!(sch_conn_dial_to(conn.0, 0, c"b.com".as_ptr(), 5, 6379, &mut dial)), SCH_OK);
    assert_eq!((dial.transport, dial.port, dial.host_len, dial.has_tls), (2, 6379, 5, 0));
    assert_eq!(c!(sch_conn_dial_to(conn.0, 0, c"b.com".as_ptr(), 5, 0, &mut dial)), SCH_ERR_ARGUMENT);
    assert_eq!(c!(sch_conn_dial_to(conn.0, 0, null(), 5, 1, &mut dial)), SCH_ERR_NULL);

    // Nothing at all to dial: when to ask again.
    let pool = Pool::new();
    (0..3).for_each(|_| pool.dialled(0, "db.example.com", false));
    let (status, places, retry) = pool.places(ms(1));
    assert_eq!((status, places.len(), retry), (SCH_EMPTY, 0, ms(50)));
}

#[test]
fn o2_a_refused_opt_in_is_known_to_all() {
    let pool = Pool::new();
    let refused = |now| {
        // SAFETY: all zeros is a place.
        let (mut place, mut count, mut retry): (sch_place, _, _) = (unsafe { core::mem::zeroed() }, 0, 0);
        assert_eq!(c!(sch_pool_where_to_dial(pool.0, now, &mut place, 1, &mut count, &mut retry)), SCH_OK);
        (place.optin_refused, place.optin_refused_until_ns)
    };
    assert_eq!(refused(0), (0, 0));
    assert_eq!(c!(sch_pool_optin_refused(pool.0, 0, c"db.example.com".as_ptr(), 14, 6379)), SCH_OK);
    assert_eq!(refused(1), (1, ms(600_000)));
    assert_eq!(refused(ms(600_000)), (0, 0));
}

/// What a callback sees.
struct Seen {
    woken: AtomicU32,
    pool: *mut sch_pool,
    conn: *mut sch_conn,
    waiter: u32,
    answers: [sch_status; 3],
}

unsafe extern "C" fn wake(data: *mut c_void) {
    // SAFETY: what the test gave; one thread.
    let seen = unsafe { &mut *data.cast::<Seen>() };
    seen.woken.fetch_add(1, Ordering::Relaxed);
    // The pool may be used from here.
    assert_eq!(c!(sch_pool_tick(seen.pool, ms(1))), SCH_OK);
    seen.answers = [
        c!(sch_pool_remove_waiter(seen.pool, seen.waiter)),
        c!(sch_conn_tick(seen.conn, ms(1))),
        c!(sch_pool_free(seen.pool)),
    ];
}

#[test]
fn p5_a_waiter_is_woken_by_callback_without_any_lock() {
    let pool = Pool::new();
    let (a, b) = (Conn::new(&pool, "10.0.0.1:1", 1, 0), Conn::new(&pool, "10.0.0.1:1", 1, 0));
    let mut seen = Seen { woken: AtomicU32::new(0), pool: pool.0, conn: a.0, waiter: 0, answers: [0; 3] };
    let data: *mut Seen = &mut seen;
    let mut waiter = 0;
    assert_eq!(c!(sch_pool_add_waiter(pool.0, Some(wake), data.cast(), &mut waiter)), SCH_OK);
    assert!(waiter > 0);
    c!((*data).waiter = waiter);
    assert_eq!(c!(sch_conn_take(b.0, 0, waiter)), SCH_OK);
    a.reads(ms(1), b">4\r\n+MIGRATING\r\n:8\r\n:5\r\n$3\r\n[1]\r\n");
    assert_eq!(c!((*data).woken.load(Ordering::Relaxed)), 1);
    assert_eq!(c!((*data).answers), [SCH_ERR_BUSY; 3], "remove_waiter, conn_tick, pool_free");
    assert_eq!(c!(sch_pool_remove_waiter(pool.0, waiter)), SCH_OK);
    assert_eq!(c!(sch_pool_remove_waiter(pool.0, waiter)), SCH_ERR_ARGUMENT);
    a.reads(ms(2), b">4\r\n+MIGRATED\r\n:9\r\n:5\r\n$3\r\n[1]\r\n");
    assert_eq!(c!((*data).woken.load(Ordering::Relaxed)), 1);
    assert_eq!(c!(sch_conn_take(b.0, 0, waiter)), SCH_ERR_ARGUMENT);
}

#[test]
fn p5_a_waiter_is_woken_by_descriptor_and_one_that_may_block_is_refused() {
    let pool = Pool::new();
    let (a, b) = (Conn::new(&pool, "10.0.0.1:1", 1, 0), Conn::new(&pool, "10.0.0.1:1", 1, 0));
    let mut waiter = 0;
    // SAFETY: no pointers.
    let (blocks, event) = unsafe { (libc::eventfd(0, 0), libc::eventfd(0, libc::EFD_NONBLOCK)) };
    for bad in [-1, 1 << 20, blocks] {
        assert_eq!(c!(sch_pool_add_waiter_fd(pool.0, bad, &mut waiter)), SCH_ERR_ARGUMENT);
    }
    assert_eq!(c!(sch_pool_add_waiter_fd(pool.0, event, &mut waiter)), SCH_OK);
    assert_eq!(c!(sch_conn_take(b.0, 0, waiter)), SCH_OK);
    let count = || {
        let mut count = 0_u64;
        // SAFETY: eight bytes.
        let len = unsafe { libc::read(event, (&raw mut count).cast(), 8) };
        if len == 8 { count } else { 0 }
    };
    assert_eq!(count(), 0);
    a.reads(ms(1), b">4\r\n+MIGRATING\r\n:8\r\n:5\r\n$3\r\n[1]\r\n");
    assert_eq!((count(), b.has_mail()), (1, true));
    // As the waiter of the pool: for events and for the deadline.
    assert_eq!(c!(sch_pool_watch(pool.0, 77)), SCH_ERR_ARGUMENT);
    assert_eq!(c!(sch_pool_watch(pool.0, waiter)), SCH_OK);
    assert_eq!(c!(sch_conn_give(b.0, ms(2))), SCH_OK);
    a.reads(ms(3), MOVING);
    assert_eq!(count(), 1);
    let (mut has, mut deadline) = (false, 0);
    assert_eq!(c!(sch_pool_next_deadline(pool.0, &mut has, &mut deadline)), SCH_OK);
    assert!(has && deadline <= ms(15_003));
    assert_eq!(c!(sch_pool_remove_waiter(pool.0, waiter)), SCH_OK);
    // SAFETY: they are ours.
    unsafe { (libc::close(event), libc::close(blocks)) };
}

#[test]
fn s4_null_and_nonsense_are_refused_and_leave_outputs_alone() {
    let pool = Pool::new();
    let conn = Conn::alone("10.0.0.1:1");
    let (p, none) = (pool.0, null::<sch_pool>());
    let (mut n, mut size, mut has) = (7_u64, 7_usize, true);
    let mut waiter = 7_u32;
    let mut other = null_mut();
    let (host, len) = (c"h".as_ptr(), 1);
    assert_eq!(c!(sch_pool_free(null_mut())), SCH_OK);
    let nulls = [
        c!(sch_pool_new(SCH_ABI_VERSION, null(), null_mut())),
        c!(sch_pool_add_waiter_fd(none, 1, &mut waiter)),
        c!(sch_pool_add_waiter_fd(p, 1, null_mut())),
        c!(sch_pool_add_waiter(p, None, null_mut(), &mut waiter)),
        c!(sch_pool_remove_waiter(none, 1)),
        c!(sch_pool_watch(none, 1)),
        c!(sch_pool_poll_event(none, null_mut())),
        c!(sch_pool_poll_event(p, null_mut())),
        c!(sch_pool_tick(none, 1)),
        c!(sch_pool_next_deadline(none, &mut has, &mut n)),
        c!(sch_pool_next_deadline(p, null_mut(), &mut n)),
        c!(sch_pool_where_to_dial(p, 0, null_mut(), 4, &mut size, &mut n)),
        c!(sch_pool_dial_result(p, 0, null(), 4, 1, true)),
        c!(sch_pool_optin_refused(none, 0, host, len, 1)),
        c!(sch_pool_counters(p, null_mut())),
        c!(sch_pool_set_log(none, SCH_LOG_DEBUG, Some(hear), null_mut())),
        c!(sch_pool_endpoints(p, null_mut(), 4, &mut size)),
        c!(sch_pool_endpoint_counters(p, host, len, 1, null_mut())),
        c!(sch_conn_join(conn.0, 0, null(), 1, 0, null(), 0)),
        c!(sch_conn_join(null_mut(), 0, p, 1, 0, null(), 0)),
        c!(sch_conn_has_mail(null(), &mut has)),
    ];
    assert!(nulls.iter().all(|status| *status == SCH_ERR_NULL), "{nulls:?}");
    let arguments = [
        c!(sch_pool_add_waiter_fd(p, -1, &mut waiter)),
        c!(sch_pool_remove_waiter(p, 0)),
        c!(sch_pool_remove_waiter(p, u32::MAX)),
        c!(sch_pool_watch(p, u32::MAX)),
        c!(sch_pool_set_log(p, SCH_LOG_DEBUG + 1, Some(hear), null_mut())),
        c!(sch_pool_set_log(p, -1, None, null_mut())),
        c!(sch_pool_dial_result(p, 0, host, len, 0, true)),
        c!(sch_pool_dial_result(p, 0, c"a b".as_ptr(), 3, 1, true)),
        c!(sch_conn_join(conn.0, 0, p, 3, 0, null(), 0)),
        c!(sch_conn_join(conn.0, 0, p, 1, 0, c"nonsense".as_ptr(), 8)),
    ];
    assert!(arguments.iter().all(|status| *status == SCH_ERR_ARGUMENT), "{arguments:?}");
    assert_eq!(c!(sch_pool_new(SCH_ABI_VERSION + 1, null(), &mut other)), SCH_ERR_ABI);
    let (mut due, mut at) = (true, 7);
    assert_eq!((c!(sch_pool_next_deadline(p, &mut due, &mut at)), due, at), (SCH_OK, false, 0));
    for status in [
        c!(sch_conn_leave(conn.0, 0)),
        c!(sch_conn_take(conn.0, 0, 0)),
        c!(sch_conn_give(conn.0, 0)),
        c!(sch_conn_has_mail(conn.0, &mut has)),
        c!(sch_conn_member(conn.0, &mut n)),
    ] {
        assert_eq!(status, SCH_ERR_UNEXPECTED);
    }
    assert_eq!((n, size, has, waiter, other.is_null()), (7, 7, true, 7, true));
    assert_eq!(c!(sch_conn_join(conn.0, 0, p, 1, 0, c"n:1".as_ptr(), 3)), SCH_OK);
    assert_eq!(c!(sch_conn_join(conn.0, 0, p, 1, 0, null(), 0)), SCH_ERR_UNEXPECTED);
}

#[test]
fn s4_a_pool_may_be_freed_before_its_connections_and_the_other_way_round() {
    let pool = Pool::new();
    let (a, b) = (Conn::new(&pool, "10.0.0.1:1", 1, 0), Conn::new(&pool, "10.0.0.1:1", 1, 0));
    let gone = Conn::new(&pool, "10.0.0.1:1", 1, 0);
    drop(gone);
    assert_eq!(pool.counts().members, 2);
    drop(pool);
    a.reads(ms(1), b">4\r\n+MIGRATING\r\n:8\r\n:5\r\n$3\r\n[1]\r\n");
    assert!(b.has_mail());
    b.tick(ms(1));
    assert!(b.kinds().contains(&SCH_ACTION_RELAX));
}

#[test]
fn p5_threads_share_a_pool() {
    const THREADS: u64 = 4;
    const CONNS: u64 = 25;
    let pool = Pool::new();
    let mut waiter = 0;
    // SAFETY: no pointers.
    let event = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK) };
    assert_eq!(c!(sch_pool_add_waiter_fd(pool.0, event, &mut waiter)), SCH_OK);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let pool = &pool;
            scope.spawn(move || {
                let conns: Vec<Conn> = (0..CONNS).map(|n| Conn::new(pool, "10.0.0.1:1", 2, n)).collect();
                for round in 0..40 {
                    let now = ms(thread * 7 + round);
                    for (n, conn) in conns.iter().enumerate() {
                        assert_eq!(c!(sch_conn_take(conn.0, now, waiter)), SCH_OK);
                        let seq = round * THREADS + thread;
                        let push = format!(">4\r\n+MIGRATING\r\n:{seq}\r\n:5\r\n$3\r\n[1]\r\n");
                        if n as u64 == round % CONNS {
                            conn.reads(now, push.as_bytes());
                        }
                        conn.tick(now);
                        conn.actions();
                        assert_eq!(c!(sch_conn_give(conn.0, now)), SCH_OK);
                    }
                    assert_eq!(c!(sch_pool_tick(pool.0, now)), SCH_OK);
                    pool.event();
                    pool.places(now);
                }
                // What was read last by anybody reaches all of them.
                conns.iter().for_each(|conn| conn.tick(ms(100)));
            });
        }
    });
    let counts = pool.counts();
    assert_eq!((counts.members, counts.members_joined), (0, THREADS * CONNS));
    assert_eq!(counts.notifications, 40 * THREADS);
    assert_eq!(c!(sch_pool_remove_waiter(pool.0, waiter)), SCH_OK);
    // SAFETY: it is ours.
    unsafe { libc::close(event) };
}

#[test]
fn v2_the_log_of_a_pool_says_who_hears_who_is_granted_and_why_not() {
    let (pool, heard) = (Pool::new(), Heard::default());
    assert_eq!(c!(sch_pool_set_log(pool.0, SCH_LOG_DEBUG, Some(hear), heard.data())), SCH_OK);
    let a = Conn::new(&pool, "10.0.0.1:6379", SCH_UNOWNED_RETIRE, 1);
    let idle = Conn::new(&pool, "10.0.0.1:6379", SCH_UNOWNED_RETIRE, 2);
    let joined =
        |conn: &Conn, user| format!("4 event=joined member={} user={user} node=10.0.0.1:6379", conn.member());
    assert_eq!(heard.take(), [joined(&a, 1), joined(&idle, 2)]);
    assert_eq!(c!(sch_conn_give(idle.0, ms(1))), SCH_OK);
    a.reads(ms(1), MOVING);
    let (first, other) = (a.member(), idle.member());
    assert_eq!(
        heard.take(),
        [
            format!(
                "3 event=notification member={first} user=1 node=10.0.0.1:6379 told=1 \
                 type=MOVING seq=7 time=15 endpoint=b.com:6379"
            ),
            "3 event=wave-begun wave=1 seq=7 endpoint=b.com:6379 ttl_ms=15000".to_owned(),
            "4 event=no-grant wave=1 seq=7 endpoint=b.com:6379 why=not-begun left=2 running=0 retry_ms=68"
                .to_owned(),
        ]
    );
    a.reads(ms(1), MOVING);
    assert_eq!(heard.take(), [""; 0], "a connection that knows a notification does not tell it again");
    pool.tick(2, 250);
    let said = heard.take();
    let wanted = [
        format!("4 event=grant member={other} user=2 wave=1 to=retire left=2"),
        format!("4 event=fed what=retire member={other} user=2"),
        "4 event=no-grant wave=1 seq=7 endpoint=b.com:6379 why=places left=2 running=1 retry_ms=9".to_owned(),
        format!("4 event=grant member={first} user=1 wave=1 to=owner left=2"),
        "4 event=no-grant wave=1 seq=7 endpoint=b.com:6379 why=nobody-waits left=2 running=1".to_owned(),
    ];
    assert_eq!(said, wanted);
    drop(idle);
    assert_eq!(heard.take(), [format!("4 event=left member={other} user=2 node=10.0.0.1:6379")]);
    // Only what is asked for.
    assert_eq!(c!(sch_pool_set_log(pool.0, SCH_LOG_WARN, Some(hear), heard.data())), SCH_OK);
    pool.tick(250, 15_100);
    assert_eq!(heard.take(), ["2 event=late wave=1 seq=7 endpoint=b.com:6379 left=1"]);
    for (level, callback) in [(SCH_LOG_NONE, Some(hear as _)), (SCH_LOG_DEBUG, None)] {
        assert_eq!(c!(sch_pool_set_log(pool.0, level, callback, heard.data())), SCH_OK);
        pool.tick(15_100, 15_200);
        pool.dialled(ms(15_200), "x", false);
    }
    assert_eq!(heard.take(), [""; 0]);
}

#[test]
fn v2_the_log_of_a_pool_says_who_tries_what_refuses() {
    let (pool, heard) = (Pool::new(), Heard::default());
    assert_eq!(c!(sch_pool_set_log(pool.0, SCH_LOG_DEBUG, Some(hear), heard.data())), SCH_OK);
    (0..3).for_each(|_| pool.dialled(0, "db.example.com", false));
    pool.places(ms(1));
    pool.places(ms(60));
    pool.dialled(ms(61), "db.example.com", true);
    let (db, refused) =
        ("endpoint=db.example.com:6379", "4 event=dialled endpoint=db.example.com:6379 ok=false");
    let wanted = [
        refused.to_owned(),
        refused.to_owned(),
        refused.to_owned(),
        format!("2 event=breaker-opened {db}"),
        "4 event=where-to-dial places=none retry_ms=49".to_owned(),
        format!("4 event=probe {db} by=dial lease_ms=5000"),
        "4 event=where-to-dial places=db.example.com:6379".to_owned(),
        format!("4 event=dialled {db} ok=true"),
        format!("3 event=breaker-closed {db}"),
    ];
    assert_eq!(heard.take(), wanted);
}

/// What a log callback does that calls back.
struct CallsBack {
    pool: *mut sch_pool,
    conn: *mut sch_conn,
    answers: Vec<sch_status>,
    depth: u32,
    heard: Vec<String>,
}

unsafe extern "C" fn call_back(_: i32, text: *const core::ffi::c_char, len: usize, data: *mut c_void) {
    // SAFETY: what the test gave; one thread.
    let (calls, text) =
        unsafe { (&mut *data.cast::<CallsBack>(), core::slice::from_raw_parts(text.cast::<u8>(), len)) };
    assert_eq!(calls.depth, 0, "not from inside itself");
    calls.depth += 1;
    let text = String::from_utf8_lossy(text).into_owned();
    if text.contains("type=MIGRATING") {
        let status = c!(sch_pool_dial_result(calls.pool, ms(1), c"x".as_ptr(), 1, 1, false));
        calls.answers = vec![
            status,
            c!(sch_conn_tick(calls.conn, ms(1))),
            c!(sch_pool_set_log(calls.pool, SCH_LOG_NONE, None, null_mut())),
            c!(sch_pool_free(calls.pool)),
        ];
        assert!(calls.heard.is_empty(), "the line of that dial waits");
    }
    calls.heard.push(text);
    calls.depth -= 1;
}

#[test]
fn p5_a_log_callback_may_call_the_pool_and_its_lines_come_after_it() {
    let pool = Pool::new();
    let a = Conn::new(&pool, "10.0.0.1:1", 1, 0);
    let mut calls = CallsBack { pool: pool.0, conn: a.0, answers: Vec::new(), depth: 0, heard: Vec::new() };
    let data: *mut CallsBack = &mut calls;
    assert_eq!(c!(sch_pool_set_log(pool.0, SCH_LOG_DEBUG, Some(call_back), data.cast())), SCH_OK);
    a.reads(ms(1), b">4\r\n+MIGRATING\r\n:8\r\n:5\r\n$3\r\n[1]\r\n");
    let calls = c!(&*data);
    assert_eq!(calls.answers, [SCH_OK, SCH_ERR_BUSY, SCH_ERR_BUSY, SCH_ERR_BUSY]);
    assert!(calls.heard[0].starts_with("event=notification"));
    assert_eq!(calls.heard[1..], ["event=dialled endpoint=x:1 ok=false"]);
    assert_eq!(c!(sch_pool_set_log(pool.0, SCH_LOG_NONE, None, null_mut())), SCH_OK);
}

/// A waiter whose callback makes the pool say something.
struct Wakes {
    pool: *mut sch_pool,
    heard: Heard,
    /// What was heard while it was being woken.
    meanwhile: Vec<String>,
}

unsafe extern "C" fn wake_and_dial(data: *mut c_void) {
    // SAFETY: what the test gave; one thread.
    let wakes = unsafe { &mut *data.cast::<Wakes>() };
    assert_eq!(c!(sch_pool_dial_result(wakes.pool, ms(1), c"x".as_ptr(), 1, 1, false)), SCH_OK);
    wakes.meanwhile.append(&mut wakes.heard.take());
}

#[test]
fn p5_no_line_is_told_from_inside_a_wake_up() {
    let pool = Pool::new();
    let (a, b) = (Conn::new(&pool, "10.0.0.1:1", 1, 0), Conn::new(&pool, "10.0.0.1:1", 1, 0));
    let mut wakes = Wakes { pool: pool.0, heard: Heard::default(), meanwhile: Vec::new() };
    let data: *mut Wakes = &mut wakes;
    let mut waiter = 0;
    assert_eq!(c!(sch_pool_add_waiter(pool.0, Some(wake_and_dial), data.cast(), &mut waiter)), SCH_OK);
    assert_eq!(c!(sch_conn_take(b.0, 0, waiter)), SCH_OK);
    assert_eq!(c!(sch_pool_set_log(pool.0, SCH_LOG_DEBUG, Some(hear), (*data).heard.data())), SCH_OK);
    a.reads(ms(1), b">4\r\n+MIGRATING\r\n:8\r\n:5\r\n$3\r\n[1]\r\n");
    let wakes = c!(&*data);
    assert_eq!(wakes.meanwhile, [""; 0]);
    let said = wakes.heard.take();
    assert!(said[0].contains("type=MIGRATING"), "{said:?}");
    assert_eq!(said[1..], ["4 event=dialled endpoint=x:1 ok=false"]);
    assert_eq!(c!(sch_pool_set_log(pool.0, SCH_LOG_NONE, None, null_mut())), SCH_OK);
}
