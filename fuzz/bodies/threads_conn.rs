//! One connection and its host: level 1, which takes nothing that is lent, or level 3, with commands. Its sockets are in
//! `threads_wire.rs`.

use super::wake::within;
use super::wire::{OK, Server};
use super::world::World;
use core::ffi::{c_char, c_void};
use core::ptr::null;
use core::sync::atomic::Ordering;
use sch::ffi::action::*;
use sch::ffi::cluster::*;
use sch::ffi::config::*;
use sch::ffi::conn::*;
use sch::ffi::join::*;
use sch::ffi::push::*;
use sch::ffi::status::*;

/// Above what one connection of a short program can do without an end.
pub const MOST_TURNS: u32 = 10_000;

pub struct Conn {
    pub raw: *mut sch_conn,
    pub is_light: bool,
    /// What it is called in events: its place among all.
    pub user: u64,
    /// It is in the first pool from the start to the end, at one node.
    pub stays: bool,
    /// The pool it has joined, by its number.
    pub joined: Option<u64>,
    /// OPEN came, and it is not connected yet; whether it counts as an attempt under a grant.
    pub pending: Option<(u64, bool)>,
    pub refuses: bool,
    /// Notifications that it read while it was a member.
    pub read: u64,
    pub swapped: u64,
    pub(super) servers: Vec<Server>,
    pub(super) current: u64,
    pub(super) submitted: u64,
    pub(super) answered: u64,
    pub(super) lost: u64,
}

// SAFETY: a connection may move between threads.
unsafe impl Send for Conn {}

unsafe extern "C" fn hear(_: i32, text: *const c_char, len: usize, conn: *mut c_void) {
    let mut phase = 0;
    // SAFETY: the text is lent for the call; the connection lives while it speaks.
    unsafe {
        assert_eq!(*text.add(len), 0);
        assert_eq!(sch_conn_phase(conn.cast(), &mut phase), SCH_ERR_BUSY);
    }
}

impl Conn {
    pub fn open(world: &World, user: u64, is_light: bool, node: usize) -> Self {
        let raw = world.new_conn(if is_light { SCH_LEVEL_NOTIFIED } else { SCH_LEVEL_MANAGED });
        let mut conn = Self {
            raw,
            is_light,
            user,
            stays: false,
            joined: None,
            pending: None,
            refuses: false,
            read: 0,
            swapped: 0,
            servers: Vec::new(),
            current: 0,
            submitted: 0,
            answered: 0,
            lost: 0,
        };
        assert_eq!(c!(sch_conn_set_log(raw, 4, Some(hear), raw.cast())), SCH_OK);
        conn.dial(world, |_| node);
        conn.settle(world);
        conn
    }

    fn dial(&mut self, world: &World, node: impl Fn(u64) -> usize) {
        let (now, dial) = (world.now(), core::cell::RefCell::new(sized!(sch_dial)));
        self.must(world, |conn| c!(sch_conn_dial(conn, now, 0, &mut *dial.borrow_mut())));
        let transport = dial.into_inner().transport;
        self.current = transport;
        self.connect(world, transport, node(transport));
        if !self.is_light {
            // The handshake is over with the first command: until then there is no swap.
            self.greet(world);
            self.ask(world);
        }
    }

    /// A handoff may end without a transport: the old one was given up at its deadline, and the time for the answer to SWAP passed
    /// before the host gave it. Then a host dials again.
    pub fn dial_again(&mut self, world: &World) {
        self.obey(world);
        let phase = core::cell::Cell::new(0);
        self.must(world, |conn| c!(sch_conn_phase(conn, phase.as_ptr())));
        if phase.get() == SCH_PHASE_DETACHED {
            self.dial(world, |transport| world.place_of(transport));
            self.obey(world);
        }
    }

    /// Its current transport has a socket: CLOSE has not come for it.
    pub fn is_connected(&self) -> bool {
        self.server(self.current).is_some()
    }

    /// A call of its owner. Another thread may be in one of its own: then it is made again.
    pub fn call(&self, world: &World, call: impl Fn(*mut sch_conn) -> sch_status) -> sch_status {
        let status = core::cell::Cell::new(SCH_ERR_BUSY);
        world.until("the connection is not busy", || {
            status.set(within(self.raw, || call(self.raw)));
            status.get() != SCH_ERR_BUSY
        });
        assert!(status.get() > SCH_ERR_FATAL, "{}", status.get());
        status.get()
    }

    pub(super) fn must(&self, world: &World, call: impl Fn(*mut sch_conn) -> sch_status) {
        assert_eq!(self.call(world, call), SCH_OK);
    }

    pub fn node(&self) -> usize {
        self.server(self.current).map_or(0, |server| server.node)
    }

    pub fn counters(&self, world: &World) -> sch_counters {
        let out = core::cell::RefCell::new(sized!(sch_counters));
        self.must(world, |conn| c!(sch_conn_counters(conn, &mut *out.borrow_mut())));
        out.into_inner()
    }

    pub fn has_mail(&self, world: &World) -> bool {
        let has = core::cell::Cell::new(false);
        self.must(world, |conn| c!(sch_conn_has_mail(conn, has.as_ptr())));
        has.get()
    }

    // ---- what a host does ------------------------------------------------------------------------------------------

    /// Reads a notification on its current transport, unless that is closed. Where others may call too, it may be closed without
    /// its host knowing: then CLOSE is waiting.
    pub fn read(&mut self, world: &World, push: &[u8]) {
        let transport = self.current;
        if !self.is_connected() {
            return;
        }
        if self.is_light {
            let swallowed = core::cell::Cell::new(false);
            let (now, at, len) = (world.now(), push.as_ptr(), push.len());
            let push = |conn| c!(sch_conn_push(conn, now, transport, at, len, swallowed.as_ptr()));
            let status = self.call(world, push);
            if status == SCH_ERR_UNKNOWN_TRANSPORT {
                self.obey(world);
                return assert!(self.server(transport).is_none(), "{transport} is not known, and not closed");
            }
            assert_eq!(status, SCH_OK);
            assert!(swallowed.get());
        } else {
            self.says(transport, push);
            self.deliver(world);
        }
        if self.joined.is_some() {
            self.read += 1;
            world.books.read[self.node()].fetch_add(1, Ordering::Relaxed);
        }
        self.obey(world);
    }

    /// Polls all actions and does them. Connects are begun only.
    pub fn obey(&mut self, world: &World) {
        for turn in 0.. {
            assert!(turn < MOST_TURNS, "actions do not end");
            let out = core::cell::RefCell::new(sized!(sch_action));
            let status = self.call(world, |conn| c!(sch_conn_poll_action(conn, &mut *out.borrow_mut())));
            if status != SCH_OK {
                return assert_eq!(status, SCH_EMPTY);
            }
            let (a, now) = (out.into_inner(), world.now());
            match a.kind {
                SCH_ACTION_OPEN => {
                    assert!(self.pending.is_none(), "one attempt at a time");
                    let counts = self.joined.is_some() && world.is_calm();
                    self.pending = Some((a.transport, counts));
                    if counts {
                        let open = world.books.open.fetch_add(1, Ordering::Relaxed) + 1;
                        assert!(open <= u64::from(sch::pool::MIN_CONCURRENCY), "{open} attempts at once");
                    }
                }
                SCH_ACTION_CLOSE => {
                    self.attempt_is_over(world, a.transport);
                    self.servers.retain(|server| server.transport != a.transport);
                }
                SCH_ACTION_WRITE | SCH_ACTION_FLUSH => self.write(world, a.transport),
                SCH_ACTION_HOLD => {
                    self.call(world, |conn| c!(sch_conn_in_flight(conn, now, 0)));
                    self.call(world, |conn| c!(sch_conn_held(conn, now)));
                }
                SCH_ACTION_SWAP => {
                    let status = self.call(world, |conn| c!(sch_conn_swapped(conn, now)));
                    self.current = if status == SCH_OK { a.transport } else { self.current };
                }
                SCH_ACTION_LOST => {
                    self.lost += a.count;
                    self.call(world, |conn| c!(sch_conn_losses_settled(conn, now)));
                }
                SCH_ACTION_HAND_BACK => self.lost += a.count,
                SCH_ACTION_SEND_OPTIN => {
                    for _ in 0..a.replies {
                        let (at, len) = (OK.as_ptr(), OK.len());
                        self.call(world, |c| c!(sch_conn_optin_reply(c, now, a.transport, at, len)));
                    }
                }
                SCH_ACTION_SLOTS_MOVED => self.tell(world, now),
                SCH_ACTION_RELOAD_SLOTS => {
                    let (has, seq) = (a.has_seq != 0, a.seq);
                    world.cluster(|cluster| c!(sch_cluster_reload_asked(cluster, now, has, seq)));
                }
                SCH_ACTION_HANDOFF_FINISHED => self.swapped += u64::from(a.outcome == SCH_OUTCOME_SWAPPED),
                _ => {}
            }
        }
    }

    /// The cluster takes the moves that were polled last. Where others may call too, something may have come between.
    fn tell(&self, world: &World, now: u64) {
        world.cluster(|cluster| {
            let status = self.call(world, |conn| c!(sch_cluster_slots_moved(cluster, now, conn)));
            assert!(status == SCH_OK || self.is_light && status == SCH_ERR_UNEXPECTED, "{status}");
            world.books.smigrated.fetch_add(u64::from(status == SCH_OK), Ordering::Relaxed);
        });
    }

    pub fn tick(&mut self, world: &World) {
        let now = world.now();
        self.must(world, |conn| c!(sch_conn_tick(conn, now)));
        self.obey(world);
    }

    /// Until there is nothing to be done at this moment.
    pub fn settle(&mut self, world: &World) {
        for turn in 0.. {
            assert!(turn < 100, "it does not settle");
            self.tick(world);
            self.dial_again(world);
            self.finish_pending(world);
            self.deliver(world);
            self.obey(world);
            if self.pending.is_none() && self.servers.iter().all(|server| server.says.is_empty()) {
                return;
            }
        }
    }

    // ---- its pool --------------------------------------------------------------------------------------------------

    pub fn join(&mut self, world: &World, unowned: i32) {
        let (user, now) = (self.user, world.now());
        let joined = world.pool(|pool, generation| {
            let join = |conn| c!(sch_conn_join(conn, now, pool, unowned, user, null(), 0));
            (self.call(world, join), generation)
        });
        match joined {
            Some((SCH_OK, generation)) => {
                assert!(self.joined.is_none());
                self.joined = Some(generation);
                if generation == 0 {
                    world.books.joined.fetch_add(1, Ordering::Relaxed);
                }
            }
            Some((status, _)) => assert!(self.joined.is_some() && status == SCH_ERR_UNEXPECTED, "{status}"),
            None => {}
        }
        self.obey(world);
    }

    pub fn leave(&mut self, world: &World) {
        let now = world.now();
        let status = self.call(world, |conn| c!(sch_conn_leave(conn, now)));
        assert_eq!(status, if self.joined.take().is_some() { SCH_OK } else { SCH_ERR_UNEXPECTED });
        self.obey(world);
    }

    /// A user takes it, and is woken by the waiter of this pool.
    pub fn take(&mut self, world: &World, waiter: Option<(u64, u32)>) {
        let waiter = waiter.filter(|(generation, _)| Some(*generation) == self.joined).map_or(0, |(_, n)| n);
        let now = world.now();
        let status = self.call(world, |conn| c!(sch_conn_take(conn, now, waiter)));
        assert_eq!(status, if self.joined.is_some() { SCH_OK } else { SCH_ERR_UNEXPECTED });
        self.obey(world);
    }

    pub fn give(&mut self, world: &World) {
        let now = world.now();
        let status = self.call(world, |conn| c!(sch_conn_give(conn, now)));
        assert_eq!(status, if self.joined.is_some() { SCH_OK } else { SCH_ERR_UNEXPECTED });
    }

    /// Freed, when those who could call it have gone.
    pub fn free(mut self, world: &World) {
        if let Some((transport, _)) = self.pending {
            self.attempt_is_over(world, transport);
        }
        world.wait_for_guests();
        let raw = self.raw;
        assert_eq!(within(raw, || c!(sch_conn_free(raw))), SCH_OK);
    }

    /// Each command has come to one end.
    pub fn check_commands(&self) {
        assert_eq!(
            self.answered + self.lost,
            self.submitted,
            "answered {}, lost {}",
            self.answered,
            self.lost
        );
    }
}
