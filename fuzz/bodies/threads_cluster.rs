//! What threads do with a cluster that they share: nodes a and b, whose slots go to and fro.

use super::world::World;
use crate::draw::Draw;
use core::ptr::null_mut;
use core::sync::atomic::Ordering;
use sch::ffi::action::*;
use sch::ffi::cluster::*;
use sch::ffi::cluster_types::*;
use sch::ffi::status::*;
use std::collections::BTreeSet;

const MOVES: usize = 16;
const RANGES: usize = 256;
const MAP: &[u8] =
    b"*2\r\n*3\r\n:0\r\n:99\r\n*2\r\n$1\r\na\r\n:1\r\n*3\r\n:100\r\n:199\r\n*2\r\n$1\r\nb\r\n:1\r\n";

pub fn load(cluster: *const sch_cluster, now: u64, seq: Option<u64>) {
    let (has_seq, seq) = (seq.is_some(), seq.unwrap_or(0));
    let (at, len) = (MAP.as_ptr(), MAP.len());
    let status = c!(sch_cluster_load_slots(cluster, now, at, len, c"a".as_ptr(), 1, 1, has_seq, seq));
    assert_eq!(status, SCH_OK);
}

/// What moves follows from the seq, as with a server: told again, it is the same.
pub fn smigrated(seq: u64) -> String {
    let (from, to) = [("a:1", "b:1"), ("b:1", "a:1")][(seq % 2) as usize];
    let slots = ["0-49", "5", "100-150", "0-199"][(seq / 2 % 4) as usize];
    format!(">3\r\n+SMIGRATED\r\n:{seq}\r\n*1\r\n*3\r\n+{from}\r\n+{to}\r\n+{slots}\r\n")
}

/// Any of the calls. `told` are the seqs that this thread was given.
pub fn step(world: &World, draw: &mut Draw, told: &mut Vec<u64>) {
    let (what, now) = (draw.below(8), world.now());
    let seq = if what == 1 { draw.below(20) } else { world.seq() };
    let push = if what < 2 { smigrated(seq) } else { String::new() };
    world.cluster(|cluster| match what {
        0 | 1 => {
            let mut taken = false;
            assert_eq!(c!(sch_cluster_push(cluster, now, push.as_ptr(), push.len(), &mut taken)), SCH_OK);
            assert!(taken);
            world.books.smigrated.fetch_add(1, Ordering::Relaxed);
        }
        2 | 3 => poll(cluster, now, told),
        4 => assert_eq!(c!(sch_cluster_tick(cluster, now)), SCH_OK),
        5 => {
            let (error, mut to) = (b"-MOVED 7 b:1\r\n", sized!(sch_redirection));
            let (at, len, host) = (error.as_ptr(), error.len(), c"a".as_ptr());
            assert_eq!(c!(sch_cluster_redirected(cluster, now, at, len, host, 1, 1, &mut to)), SCH_OK);
        }
        6 => {
            let (mut has, mut seq) = (false, 0);
            assert_eq!(c!(sch_cluster_reload_started(cluster, now, &mut has, &mut seq)), SCH_OK);
            load(cluster, now, has.then_some(seq));
        }
        _ => look(cluster),
    });
}

/// An owner is a node that is known: both always are.
pub fn look(cluster: *const sch_cluster) {
    for slot in [0, 5, 99, 100, 150, 199] {
        let (mut node, mut known) = (0, sized!(sch_node));
        assert_eq!(c!(sch_cluster_owner(cluster, slot, &mut node)), SCH_OK);
        assert_eq!(c!(sch_cluster_node(cluster, node, &mut known)), SCH_OK);
        assert!(known.port == 1 && known.host_len == 1, "another node");
    }
}

/// All that waits.
pub fn poll(cluster: *const sch_cluster, now: u64, told: &mut Vec<u64>) {
    let mut moves = [sch_cluster_move { source: 0, destination: 0, first_range: 0, ranges_len: 0 }; MOVES];
    let mut ranges = [sch_slot_range { first: 0, last: 0 }; RANGES];
    loop {
        let mut a = sized!(sch_cluster_action);
        let (to, slots) = (moves.as_mut_ptr(), ranges.as_mut_ptr());
        match c!(sch_cluster_poll_action(cluster, &mut a, to, MOVES, slots, RANGES)) {
            SCH_OK => {}
            status => return assert_eq!(status, SCH_EMPTY),
        }
        match a.kind {
            SCH_CLUSTER_SLOTS_MOVED => told.push(a.seq),
            SCH_CLUSTER_RELOAD_SLOTS => load(cluster, now, (a.has_seq != 0).then_some(a.seq)),
            _ => {}
        }
    }
}

/// At the end: each seq was told once, and what was told to the cluster is accounted for.
pub fn settle(world: &World, mut told: Vec<u64>) {
    world.cluster(|cluster| {
        poll(cluster, world.now(), &mut told);
        look(cluster);
        let mut counts = sized!(sch_cluster_counts);
        assert_eq!(c!(sch_cluster_counters(cluster, &mut counts)), SCH_OK);
        let smigrated = world.books.smigrated.load(Ordering::Relaxed);
        if smigrated < u64::MAX / 2 {
            let once: BTreeSet<u64> = told.iter().copied().collect();
            assert_eq!(once.len(), told.len(), "told twice: {told:?}");
            assert_eq!(counts.smigrated, smigrated);
            assert_eq!(told.len() as u64 + counts.duplicate, smigrated, "{told:?}");
        }
        assert_eq!(
            c!(sch_cluster_poll_action(
                cluster,
                &mut sized!(sch_cluster_action),
                null_mut(),
                0,
                null_mut(),
                0
            )),
            SCH_EMPTY
        );
    });
}
