//! What must hold when all is quiet, and when all is done.

use super::client::TIMEOUT;
use super::world::World;
use sch::conn::Phase;

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
        }
    }

    pub fn check_accounts(&self) {
        for (n, c) in self.clients.iter().enumerate() {
            assert!(!c.ledger.waits(), "client {n} has no answer to what it sent at the end");
            c.ledger.check_all_ended(&self.log);
            let k = c.conn.counters();
            let ends = [
                k.handoffs_swapped,
                k.handoffs_failed,
                k.handoffs_refused,
                k.handoffs_superseded,
                k.handoffs_closed,
            ];
            assert_eq!(ends.iter().sum::<u64>(), k.handoffs_started, "H13: one outcome each, client {n}");
            assert_eq!(
                c.ledger.handoffs_finished, k.handoffs_started,
                "H13: one HANDOFF_FINISHED each, client {n}"
            );
        }
        let mut once = std::collections::BTreeSet::new();
        for id in &self.log.executed {
            assert!(once.insert(id), "L2: command {id} was executed twice");
        }
    }
}
