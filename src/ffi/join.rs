//! A connection as the member of a pool: after each input, what it heard goes to the pool, and its mail comes back. Takes no
//! decision.

use super::boundary::{Out, Outcome, change, optional_text, peek};
use super::conn::{Inner, sch_conn};
use super::pool::{self, SCH_UNOWNED_HANDOFF, SCH_UNOWNED_RETIRE, sch_pool};
use super::shared::shared;
use super::status::{Failure, SCH_ERR_LIMIT, SCH_ERR_UNEXPECTED, SCH_OK, sch_status};
use crate::conn::{Connection, Phase};
use crate::endpoint::Endpoint;
use crate::exchange::Told;
use crate::mem::Vacant;
use crate::pool::{JoinOptions, Member, Unowned, Wakes};
use crate::time::Timestamp;
use core::ffi::c_char;
use std::sync::Arc;

/// What is told may make a connection say something, which may bring more mail. It settles in two rounds; what does not
/// waits for the next input.
const ROUNDS: usize = 4;

const NOT_JOINED: Failure =
    Failure::new(SCH_ERR_UNEXPECTED, "it is no member of a pool: call sch_conn_join first");

/// The pool's side of a connection; leaves the pool when dropped.
#[derive(Debug)]
pub(super) struct Joined {
    pool: Arc<pool::Inner>,
    member: Member,
    /// The transport whose peer the pool knows.
    current: Option<u64>,
    mail: Vec<Told>,
    now: Timestamp,
    /// Of the exchange that `settle` made within this call.
    wakes: Option<Wakes>,
}

impl Drop for Joined {
    fn drop(&mut self) {
        let wakes = self.pool.pool.leave(self.now, self.member.id());
        self.pool.tell(&wakes);
    }
}

impl Joined {
    /// A defect showed: the pool forgets the member without asking what it knows of the time.
    fn eject(&self) -> Wakes {
        self.pool.pool.eject(self.member.id())
    }

    fn report(&self, conn: &mut Connection, now: Timestamp, wakes: &mut Wakes) {
        while let Some(heard) = conn.poll_heard() {
            wakes.merge(self.pool.pool.report(now, &self.member, heard));
        }
    }

    /// After what was heard: the end of a handoff is that of the node it led away from.
    fn follow(&mut self, conn: &Connection, now: Timestamp, wakes: &mut Wakes) {
        let current = conn.current();
        if current.is_some() && current != self.current {
            self.current = current;
            wakes.merge(self.pool.pool.moved(now, &self.member, conn.peer(), None));
        }
    }

    fn exchange(&mut self, conn: &mut Connection, now: Timestamp) -> Wakes {
        let mut wakes = Wakes::default();
        self.now = now;
        for _ in 0..ROUNDS {
            self.report(conn, now, &mut wakes);
            self.follow(conn, now, &mut wakes);
            // What was put off would be done for the first letter, within the call that put it off (E4).
            if !self.member.has_mail() || conn.has_put_off() {
                break;
            }
            self.pool.pool.mail(&self.member, &mut self.mail);
            for told in self.mail.drain(..) {
                // It refuses only when it is closed, and then needs to know nothing.
                let _ = conn.handle_told(now, told);
            }
        }
        self.mail = Vec::new();
        wakes
    }
}

/// Wake-ups that are due, for when nothing behind the handle is borrowed.
pub(super) struct Due(Arc<pool::Inner>, Wakes);

impl Due {
    pub(super) fn wake(self) {
        self.0.tell(&self.1);
    }
}

impl Inner {
    /// The exchange at once, for a call that answers what comes of it. The wake-ups wait for its end.
    pub(super) fn settle(&mut self) {
        if let (Some(now), Some(joined)) = (self.now.get(), self.joined.as_mut()) {
            joined.wakes = Some(joined.exchange(&mut self.conn, now));
        }
    }

    /// After an input: both sides say what they have to say.
    pub(super) fn exchange(&mut self) -> Option<Due> {
        let now = self.now.take()?;
        let joined = self.joined.as_mut()?;
        let settled = joined.wakes.take();
        let wakes = settled.unwrap_or_else(|| joined.exchange(&mut self.conn, now));
        let pool = Arc::clone(&joined.pool);
        if self.conn.phase() == Phase::Closed {
            self.joined = None;
        }
        Some(Due(pool, wakes))
    }

    /// The connection is poisoned: its member goes, the pool stays.
    pub(super) fn eject(&mut self) -> Option<Due> {
        let joined = self.joined.take()?;
        let wakes = joined.eject();
        Some(Due(Arc::clone(&joined.pool), wakes))
    }

    fn join(&mut self, pool: &Arc<pool::Inner>, now: Timestamp, options: JoinOptions) -> Outcome {
        const TWICE: Failure = Failure::new(SCH_ERR_UNEXPECTED, "it is a member already: leave first");
        const FULL: Failure = Failure::new(
            SCH_ERR_LIMIT,
            "the pool has max_pool_members: leave with those that are not needed",
        );
        if self.joined.is_some() {
            return Err(TWICE);
        }
        let place = Vacant::new()?;
        self.conn.handle_joined(now)?;
        let (current, peer) = (self.conn.current(), self.conn.peer());
        let (member, wakes) = pool.pool.try_join(now, JoinOptions { peer, ..options });
        pool.tell(&wakes);
        let member = match member {
            Ok(Some(member)) => member,
            refused => {
                self.conn.handle_left(now)?;
                return Err(refused.map_or_else(Failure::from, |_| FULL));
            }
        };
        let joined = Joined { pool: Arc::clone(pool), member, current, mail: Vec::new(), now, wakes: None };
        self.joined = Some(place.fill(joined));
        Ok(SCH_OK)
    }
}

/// The connection becomes a member of `pool`, owned by a user. From here on what one member reads acts for all on the same
/// node, and handoffs wait for their turn. Libsch does the talking: after each input of the connection it brings what was
/// read to the pool and acts on its mail, so a `sch_conn_tick` is what a wake-up asks for.
///
/// `unowned` is SCH_UNOWNED_*: what shall become of it when its node moves and nobody owns it. `user` is what you call it,
/// for events. `node` names the node, for hosts that know better than the address that each `sch_conn_connected` says; or
/// (NULL, 0).
///
/// Returns SCH_OK; SCH_ERR_ARGUMENT: `unowned` is none, or `node` is not host:port; SCH_ERR_UNEXPECTED: it is a member
/// already; SCH_ERR_LIMIT: the pool is full; SCH_ERR_NULL; and what every call answers (SCH_ERR_NO_MEMORY: it has not joined).
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_join(
    conn: *mut sch_conn,
    now_ns: u64,
    pool: *const sch_pool,
    unowned: i32,
    user: u64,
    node: *const c_char,
    node_len: usize,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let node = match unsafe { optional_text(node, node_len) }? {
            None => None,
            Some(name) => Some(Endpoint::parse(name.as_bytes(), None)?),
        };
        let unowned = match unowned {
            SCH_UNOWNED_RETIRE => Unowned::Retire,
            SCH_UNOWNED_HANDOFF => Unowned::Handoff,
            _ => return Err(Failure::argument("unowned is one of SCH_UNOWNED_*")),
        };
        let now = c.at(now_ns);
        let mut inner = None;
        let find = |p: &sch_pool| -> Outcome {
            inner = Some(Arc::clone(p.inner()));
            Ok(SCH_OK)
        };
        // SAFETY: as the caller promises.
        let status = unsafe { shared(pool, find) };
        let Some(inner) = inner else { return Err(Failure::new(status, "the pool cannot be used")) };
        c.join(&inner, now, JoinOptions { node, unowned, user, ..JoinOptions::default() })
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// The connection leaves its pool. A handoff that waited for its turn begins at once.
///
/// Returns SCH_OK; SCH_ERR_UNEXPECTED: it is no member; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_leave(conn: *mut sch_conn, now_ns: u64) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        let now = Timestamp::from_nanos(now_ns);
        let mut joined = c.joined.take().ok_or(NOT_JOINED)?;
        let wakes = joined.exchange(&mut c.conn, now);
        joined.pool.tell(&wakes);
        c.conn.handle_left(now)?;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// A user owns the connection from here on, as at first. `waiter` is who is woken for its mail, from
/// `sch_pool_add_waiter`; 0 is nobody: then ask `sch_conn_has_mail` before you write. Its mail is acted on at once: drain the
/// actions before you write.
///
/// Returns SCH_OK; SCH_ERR_UNEXPECTED: it is no member; SCH_ERR_ARGUMENT: there is no such waiter; and what every call
/// answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_take(conn: *mut sch_conn, now_ns: u64, waiter: u32) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        let joined = c.joined.as_ref().ok_or(NOT_JOINED)?;
        joined.member.set_waiter(joined.pool.waitings.known(waiter)?);
        joined.member.take();
        c.at(now_ns);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Nobody owns the connection: it rests in your pool of connections. Its mail waits until it is taken; if its node moves,
/// an event says what to do.
///
/// Returns SCH_OK; SCH_ERR_UNEXPECTED: it is no member; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_give(conn: *mut sch_conn, now_ns: u64) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        let now = Timestamp::from_nanos(now_ns);
        let joined = c.joined.as_mut().ok_or(NOT_JOINED)?;
        joined.now = now;
        let wakes = joined.pool.pool.give(now, &joined.member);
        joined.pool.tell(&wakes);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Whether there is mail: then call `sch_conn_tick` and drain the actions. One atomic load.
///
/// Returns SCH_OK: `*has_mail_out` is set, also to true for nothing; SCH_ERR_UNEXPECTED: it is no member; and what every
/// call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_has_mail(conn: *const sch_conn, has_mail_out: *mut bool) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(has_mail_out) }?;
        out.put(c.joined.as_ref().ok_or(NOT_JOINED)?.member.has_mail());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

/// The number of this member in events, never 0 and never used again.
///
/// Returns SCH_OK: `*member_out` is set; SCH_ERR_UNEXPECTED: it is no member; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_member(conn: *const sch_conn, member_out: *mut u64) -> sch_status {
    let work = |c: &Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(member_out) }?;
        out.put(c.joined.as_ref().ok_or(NOT_JOINED)?.member.id().as_u64());
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { peek(conn, work) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::config::sch_config;
    use crate::ffi::conn::{sch_conn_free, sch_conn_new};
    use crate::ffi::pool::{sch_pool_free, sch_pool_new, sch_pool_tick};
    use crate::ffi::status::{SCH_ERR_PANIC, SCH_ERR_POISONED};
    use crate::ffi::version::SCH_ABI_VERSION;
    use core::ptr::{null, null_mut};

    #[test]
    fn s4_one_panic_poisons_one_member_and_not_the_pool() {
        let (mut pool, mut conns) = (null_mut(), [null_mut(); 2]);
        // SAFETY: handles are live until they are freed, places are of this test.
        unsafe {
            assert_eq!(sch_pool_new(SCH_ABI_VERSION, null::<sch_config>(), &mut pool), SCH_OK);
            for conn in &mut conns {
                assert_eq!(sch_conn_new(SCH_ABI_VERSION, null::<sch_config>(), conn), SCH_OK);
                assert_eq!(sch_conn_join(*conn, 1, pool, SCH_UNOWNED_RETIRE, 0, null(), 0), SCH_OK);
            }
            assert_eq!(change(conns[0], |_| panic!("a defect")), SCH_ERR_PANIC);
            assert_eq!(sch_conn_take(conns[0], 1, 0), SCH_ERR_POISONED);
            let counters = (*pool).inner().pool.counters();
            assert_eq!((counters.members, counters.members_ejected), (1, 1));
            assert_eq!(shared(pool, |_: &sch_pool| panic!("another")), SCH_ERR_PANIC);
            assert_eq!(sch_pool_tick(pool, 2), SCH_OK);
            assert_eq!(sch_conn_take(conns[1], 2, 0), SCH_OK);
            assert_eq!(conns.map(|conn| sch_conn_free(conn)), [SCH_OK; 2]);
            assert_eq!((*pool).inner().pool.counters().members, 0);
            assert_eq!(sch_pool_free(pool), SCH_OK);
        }
    }

    #[test]
    fn s4_a_pool_is_not_freed_while_a_call_is_inside() {
        let mut pool = null_mut();
        // SAFETY: the handle is live until `free`.
        unsafe {
            assert_eq!(sch_pool_new(SCH_ABI_VERSION, null::<sch_config>(), &mut pool), SCH_OK);
            let inside = |_: &sch_pool| Ok(sch_pool_free(pool));
            assert_eq!(shared(pool, inside), crate::ffi::status::SCH_ERR_BUSY);
            assert_eq!(sch_pool_free(pool), SCH_OK);
        }
    }
}
