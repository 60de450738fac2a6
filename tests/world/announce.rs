//! What servers announce: the bytes of a notification, and beside them what it says. Knows nothing of libsch.

use super::step::Notice;

/// Whose end, or beginning, is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Migration,
    Failover,
    SlotMigration,
}

/// What a notification says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    Starts { family: Family, keys: Vec<u64> },
    Ends { family: Family, keys: Vec<u64> },
    Moving { seconds: u64, to: Option<String> },
}

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    pub frame: String,
    pub seq: Option<u64>,
    pub says: Says,
}

/// All that was announced so far.
#[derive(Debug, Default)]
pub struct Announcer {
    seq: u64,
    said: Vec<Announced>,
}

fn text(t: &str) -> String {
    format!("${}\r\n{t}\r\n", t.len())
}

/// The shards of a mask: a number where there is one, else text.
fn shards(mask: u8) -> (Vec<u64>, String) {
    let some: Vec<u64> = (0..4).filter(|n| mask & (1 << n) != 0).collect();
    match some[..] {
        [] => (vec![u64::from(mask % 3)], format!(":{}\r\n", mask % 3)),
        [one] => (some, format!(":{one}\r\n")),
        _ => {
            let list: Vec<String> = some.iter().map(u64::to_string).collect();
            (some, text(&list.join(",")))
        }
    }
}

impl Announcer {
    /// `None`: there is nothing to say, or not here.
    pub fn announce(&mut self, notice: Notice) -> Option<Announced> {
        if let Notice::Elsewhere(which) = notice {
            let shard = which / 6;
            self.announce(match which % 6 {
                0 => Notice::Migrating { shard },
                1 => Notice::Migrated { shard },
                2 => Notice::FailingOver,
                3 => Notice::FailedOver,
                4 => Notice::Smigrating,
                _ => Notice::Smigrated,
            });
            return None;
        }
        if let Notice::Again { back } = notice {
            let said = self.said.len().checked_sub(1 + usize::from(back))?;
            return Some(self.said[said].clone());
        }
        let announced = self.anew(notice, self.seq);
        self.seq += 1;
        self.said.push(announced.clone());
        Some(announced)
    }

    /// The notification that `frame` is.
    pub fn find(&self, frame: &str) -> Option<&Announced> {
        self.said.iter().rev().find(|said| said.frame == frame)
    }

    fn anew(&self, notice: Notice, seq: u64) -> Announced {
        use Family::*;
        let starts = |family, keys| Says::Starts { family, keys };
        let ends = |family, keys| Says::Ends { family, keys };
        let slots = || (1..=100).collect::<Vec<u64>>();
        let (frame, says) = match notice {
            Notice::Moving { time, to } => {
                let seconds = u64::from(time % 20);
                let to = to.map(|n| format!("node{}:1", n % 4));
                let name = to.as_deref().map_or("_\r\n".into(), text);
                (
                    format!(">4\r\n{}:{seq}\r\n:{seconds}\r\n{name}", text("MOVING")),
                    Says::Moving { seconds, to },
                )
            }
            Notice::Migrating { shard } => {
                let (keys, shards) = shards(shard);
                (format!(">4\r\n+MIGRATING\r\n:{seq}\r\n:10\r\n{shards}"), starts(Migration, keys))
            }
            Notice::Migrated { shard } => {
                let (keys, shards) = shards(shard);
                (format!(">3\r\n+MIGRATED\r\n:{seq}\r\n{shards}"), ends(Migration, keys))
            }
            Notice::FailingOver => {
                (format!(">3\r\n{}:{seq}\r\n:10\r\n", text("FAILING_OVER")), starts(Failover, vec![]))
            }
            Notice::FailedOver => {
                (format!(">2\r\n{}:{seq}\r\n", text("FAILED_OVER")), ends(Failover, vec![]))
            }
            Notice::Smigrating => {
                (format!(">3\r\n+SMIGRATING\r\n:{seq}\r\n+1-100\r\n"), starts(SlotMigration, slots()))
            }
            Notice::Smigrated => (
                format!(">3\r\n+SMIGRATED\r\n:{seq}\r\n*1\r\n*3\r\n+a:1\r\n+b:1\r\n+1-100\r\n"),
                ends(SlotMigration, slots()),
            ),
            Notice::Malformed(which) => return malformed(which, seq),
            Notice::Again { .. } | Notice::Elsewhere(_) => unreachable!("nothing new"),
        };
        Announced { frame, seq: Some(seq), says }
    }
}

/// It acts as far as it can be read (N2).
fn malformed(which: u8, seq: u64) -> Announced {
    let (frame, seq, says) = match which % 4 {
        0 => (">1\r\n+MOVING\r\n".to_owned(), None, Says::Moving { seconds: 0, to: None }),
        1 => (
            format!(">3\r\n+SMIGRATED\r\n:{seq}\r\n*1\r\n:5\r\n"),
            Some(seq),
            Says::Ends { family: Family::SlotMigration, keys: vec![] },
        ),
        2 => (
            format!(">2\r\n{}_\r\n", text("MIGRATED")),
            None,
            Says::Ends { family: Family::Migration, keys: vec![] },
        ),
        _ => (
            format!("|1\r\n+a\r\n:1\r\n>2\r\n+FAILING_OVER\r\n+{seq}\r\n"),
            Some(seq),
            Says::Starts { family: Family::Failover, keys: vec![] },
        ),
    };
    Announced { frame, seq, says }
}
