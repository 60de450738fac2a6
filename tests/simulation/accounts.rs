//! What must hold when all is quiet, and when all is done.

use super::client::TIMEOUT;
use super::world::World;
use sch::conn::Phase;
use std::collections::BTreeSet;

/// Something that the application wants done: a read or a write, tried until it is answered or reported.
#[derive(Debug, Default)]
pub struct Request {
    pub is_read: bool,
    /// In a cluster: where its slot is.
    pub group: usize,
    /// The commands it was sent as.
    pub tries: Vec<u64>,
    pub answers: u32,
    /// The application was told that it may have run.
    pub is_reported: bool,
}

impl World {
    /// Every connection is back to steady.
    pub fn check_steady(&self) {
        for (n, c) in self.clients.iter().enumerate() {
            assert_eq!(c.conn.phase(), Phase::Serving, "client {n} is not steady");
            assert_eq!(
                c.conn.effective_timeout(Some(TIMEOUT)),
                Some(TIMEOUT),
                "R3: client {n} is relaxed for ever"
            );
            let current = c.conn.current().expect("one that serves has a transport");
            assert!(c.conn.region(current).is_empty(), "client {n} has not written all");
            let open: Vec<u64> = self.net.live[n].iter().map(|s| self.net.sockets[*s].transport).collect();
            assert_eq!(open, [current], "H13: client {n} has no socket but the current one");
            c.driver.iter().for_each(|driver| driver.check_steady(current));
        }
    }

    pub fn check_accounts(&self) {
        for (n, c) in self.clients.iter().enumerate() {
            assert!(!c.ledger.waits(), "client {n} has no answer to what it sent at the end");
            c.ledger.check_all_ended(&self.log);
            let twice: u64 = c.ledger.messages.values().map(|n| u64::from(*n) - 1).sum();
            let doubtful = c.conn.counters().overlap_doubtful;
            assert!(twice <= doubtful, "F2: {twice} messages came twice to client {n}, {doubtful} in doubt");
            self.check_handoffs(n);
        }
        self.retired.iter().for_each(|ledger| ledger.check_all_ended(&self.log));
        let mut ran = BTreeSet::new();
        for id in &self.log.executed {
            assert!(ran.insert(*id), "L2: command {id} was executed twice");
        }
        for (n, r) in self.requests.iter().enumerate() {
            let times = r.tries.iter().filter(|id| ran.contains(id)).count();
            assert_eq!(r.answers + u32::from(r.is_reported), 1, "L1: request {n} ends once: {r:?}");
            assert!(r.answers == 0 || times > 0, "L1: request {n} was answered and did not run: {r:?}");
            assert!(r.is_read || times <= 1, "L2: request {n} is a write and ran {times} times: {r:?}");
        }
    }

    /// H13: each handoff ended once, in one way.
    fn check_handoffs(&self, client: usize) {
        let c = &self.clients[client];
        let k = c.conn.counters();
        let ends = [
            k.handoffs_swapped,
            k.handoffs_failed,
            k.handoffs_refused,
            k.handoffs_superseded,
            k.handoffs_closed,
        ];
        assert_eq!(ends.iter().sum::<u64>(), k.handoffs_started, "H13: one outcome each, client {client}");
        let told = c.ledger.handoffs_finished;
        assert_eq!(told, k.handoffs_started, "H13: one HANDOFF_FINISHED each, client {client}");
    }

    /// E9: nothing is left to poll, to write or to wait for.
    pub fn check_closed(&mut self, client: usize) {
        let c = &mut self.clients[client];
        assert!(c.conn.poll_action().is_none(), "E9: no action is left");
        assert_eq!(c.conn.next_deadline(), None, "E9: no timer after close");
        assert_eq!(c.conn.wait_on(&mut []), 0, "E9: no transport after close");
        assert!(!c.ledger.relaxed, "R1: what is closed is not relaxed");
        self.check_handoffs(client);
    }

    pub fn close_all_clients(&mut self) {
        for client in 0..self.clients.len() {
            let now = self.at();
            let c = &mut self.clients[client];
            c.conn.close(now).expect("close");
            let polled = std::iter::from_fn(|| c.conn.poll_action()).count();
            assert_eq!(polled, 0, "E9: a steady client has nothing to hand back");
            self.check_closed(client);
            let c = &mut self.clients[client];
            if let (Some(pool), Some(member)) = (&self.pool, c.member.take()) {
                let _ = pool.leave(now, member.id());
            }
        }
        if let Some(pool) = &self.pool {
            assert_eq!(pool.counters().members, 0, "the pool has no member left");
        }
    }
}
