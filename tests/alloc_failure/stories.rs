//! What happens to a connection, a pool and a cluster, each in one function that can be told again and again.

use super::host::*;
use super::server::numbered;
use sch::ffi::action::*;
use sch::ffi::cluster::*;
use sch::ffi::cluster_types::*;
use sch::ffi::config::*;
use sch::ffi::join::*;
use sch::ffi::log::SCH_LOG_DEBUG;
use sch::ffi::pool::*;
use sch::ffi::status::*;
use sch::ffi::version::*;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};

const MOVING: &[u8] = b">4\r\n+MOVING\r\n:7\r\n:15\r\n$10\r\nb.com:6379\r\n";

fn all(numbers: core::ops::Range<u64>, padding: usize) -> Vec<u8> {
    numbers.flat_map(|number| numbered(number, padding)).collect()
}

/// A handshake by libsch, with commands held behind it.
pub fn handshake() -> Told {
    let mut host = Host::new(&[]);
    host.dial();
    host.submit(&all(1..300, 900));
    host.settle();
    host.submit(&all(300..310, 10));
    host.settle();
    host.close()
}

fn serving(settings: &[Setting]) -> Host {
    let mut host = Host::new(settings);
    host.dial();
    host.settle();
    host.submit(b"*3\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n$4\r\nmore\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n");
    host.settle();
    host.submit(&all(3..10, 10));
    host.settle();
    host
}

/// MOVING, a candidate whose session is made, a hold while replies are owed, a swap, held commands after it; messages on both
/// transports, and the old one goes.
pub fn handoff() -> Told {
    let mut host = serving(&[]);
    let old = host.current();
    host.server().is_mute = true;
    host.submit(&all(10..30, 10));
    host.server().said.extend_from_slice(MOVING);
    host.settle();
    host.submit(&all(30..60, 300));
    for server in host.lines.values_mut() {
        server.publish("soon");
    }
    host.settle();
    host.lines.get_mut(&old).expect("it is there").speak();
    host.settle();
    for server in host.lines.values_mut() {
        server.publish("late");
    }
    host.settle();
    host.pass(ms(20_000));
    host.submit(&all(60..70, 10));
    host.settle();
    host.close()
}

/// The transport goes with replies owed and commands that were not written: LOST, HAND_BACK, and another one.
pub fn loss() -> Told {
    let mut host = serving(&[|config| {
        // SAFETY: the config is live.
        unsafe { sch_config_set_on_loss(config, SCH_ON_LOSS_REPORT) }
    }]);
    let old = host.current();
    host.server().is_mute = true;
    host.submit(&all(10..30, 10));
    host.settle();
    // Of the last ones, two and a half are not written.
    let unwritten = [&numbered(28, 10)[9..], &numbered(29, 10)[..]].concat();
    host.server().ran.truncate(25);
    host.closed(old, &unwritten);
    host.settle();
    host.dial();
    host.settle();
    host.submit(&all(30..40, 10));
    host.settle();
    host.close()
}

/// The transport goes while a handoff is under way: what was not written waits for the candidate.
pub fn loss_in_a_handoff() -> Told {
    let mut host = serving(&[]);
    let old = host.current();
    host.server().is_mute = true;
    host.submit(&all(10..30, 10));
    host.server().said.extend_from_slice(MOVING);
    let moving = core::mem::take(&mut host.server().said);
    host.receive(old, &moving, 7);
    host.server().ran.truncate(26);
    host.closed(old, &numbered(29, 10));
    host.submit(&all(30..60, 300));
    host.settle();
    host.pass(ms(20_000));
    host.submit(&all(60..70, 10));
    host.settle();
    host.close()
}

/// The old transport answers nothing up to the end of the grace: the swap is forced, what was written is lost.
pub fn forced() -> Told {
    let mut host = serving(&[]);
    host.server().is_mute = true;
    host.submit(&all(10..30, 10));
    host.server().said.extend_from_slice(MOVING);
    host.settle();
    // For another attempt, where the first had no memory.
    host.pass(ms(500));
    host.submit(&all(30..60, 300));
    host.settle();
    host.pass(ms(40_000));
    host.submit(&all(60..70, 10));
    host.settle();
    host.close()
}

/// Channels of shards are given up while a handoff is under way, and another one ends unasked, before that is answered.
pub fn channels_that_end() -> Told {
    let mut host = Host::new(&[]);
    host.dial();
    host.settle();
    for channel in ["a", "b", "c"] {
        host.submit(format!("*2\r\n$10\r\nSSUBSCRIBE\r\n$1\r\n{channel}\r\n").as_bytes());
    }
    host.settle();
    let old = host.current();
    host.server().is_mute = true;
    host.submit(b"*3\r\n$12\r\nSUNSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n");
    host.submit(&all(5..10, 10));
    host.server().said.extend_from_slice(MOVING);
    host.settle();
    // For another attempt, where the first had no memory.
    host.pass(ms(500));
    host.server().said.extend_from_slice(b">3\r\n$12\r\nsunsubscribe\r\n$1\r\nc\r\n$1\r\n0\r\n");
    host.settle();
    host.lines.get_mut(&old).expect("it is there").speak();
    host.settle();
    host.pass(ms(20_000));
    host.submit(&all(10..20, 10));
    host.settle();
    host.close()
}

/// A line that cannot be had is not told.
unsafe extern "C" fn hear(_: i32, text: *const c_char, len: usize, _: *mut c_void) {
    // SAFETY: what the library lends.
    let text = unsafe { core::slice::from_raw_parts(text.cast::<u8>(), len + 1) };
    assert!(text.starts_with(b"event=") && text[len] == 0);
}

/// Three members of a pool, of which one is told that all move.
pub fn pool_wave() -> Told {
    let (config, mut pool) = (config(&[]), null_mut());
    assert_eq!(call!(sch_pool_new(SCH_ABI_VERSION, config, &mut pool)), SCH_OK);
    assert_eq!(call!(sch_pool_set_log(pool, SCH_LOG_DEBUG, Some(hear), null_mut())), SCH_OK);
    assert_eq!(call!(sch_config_free(config)), SCH_OK);
    let mut members: Vec<Host> = (0..3)
        .map(|user| {
            let mut host = Host::new(&[]);
            let (conn, now) = (host.conn, host.now);
            assert_eq!(call!(sch_conn_join(conn, now, pool, SCH_UNOWNED_HANDOFF, user, null(), 0)), SCH_OK);
            host.dial();
            host.settle();
            host.submit(&all(1..5, 10));
            host.settle();
            host
        })
        .collect();
    members[0].server().said.extend_from_slice(MOVING);
    members[0].settle();
    for _ in 0..6 {
        for host in &mut members {
            host.pass(ms(1000));
        }
        assert_eq!(call!(sch_pool_tick(pool, members[0].now)), SCH_OK);
    }
    let mut told = Told::default();
    for mut host in members {
        host.submit(&all(5..9, 10));
        host.settle();
        let one = host.close();
        told.replies.extend(one.replies);
        told.ran.extend(one.ran);
        told.manner.extend(one.manner);
    }
    assert_eq!(call!(sch_pool_free(pool)), SCH_OK);
    told
}

/// A map, a map that has changed, an SMIGRATED, subscriptions that go with their slots.
pub fn cluster() -> Told {
    let mut cluster = null_mut();
    assert_eq!(call!(sch_cluster_new(SCH_ABI_VERSION, null(), &mut cluster)), SCH_OK);
    assert_eq!(call!(sch_cluster_set_log(cluster, SCH_LOG_DEBUG, Some(hear), null_mut())), SCH_OK);
    let mut told = Told::default();
    let (mut slot, mut node) = (0, 0);
    for channel in [c"a", c"b"] {
        let place = channel.as_ptr().cast();
        let status = call!(sch_cluster_subscribe(cluster, place, 1, &mut slot, &mut node));
        assert!(status == SCH_OK || status == SCH_EMPTY);
    }
    let entry = |first: u32, last: u32, port: u16| {
        format!("*3\r\n:{first}\r\n:{last}\r\n*3\r\n+10.0.0.1\r\n:{port}\r\n+id{port}\r\n")
    };
    let maps = [
        format!("*2\r\n{}{}", entry(0, 8191, 1), entry(8192, 16383, 2)),
        format!("*3\r\n{}{}{}", entry(0, 8191, 1), entry(8192, 9999, 2), entry(10000, 16383, 3)),
    ];
    let mut now = ms(1000);
    for map in &maps {
        let (reply, asked) = (map.as_bytes(), c"10.0.0.1");
        let (data, len, host) = (reply.as_ptr(), reply.len(), asked.as_ptr());
        assert_eq!(call!(sch_cluster_load_slots(cluster, now, data, len, host, 8, 1, false, 0)), SCH_OK);
        told_by(cluster, &mut told);
        now += ms(1000);
    }
    let push = b">3\r\n+SMIGRATED\r\n:9\r\n*1\r\n*3\r\n+10.0.0.1:1\r\n+10.0.0.1:3\r\n+15495\r\n";
    let mut taken = false;
    assert_eq!(call!(sch_cluster_push(cluster, now, push.as_ptr(), push.len(), &mut taken)), SCH_OK);
    assert_eq!(call!(sch_cluster_ask_reload(cluster, now)), SCH_OK);
    told_by(cluster, &mut told);
    for slot in [0, 9000, 15495, 16383] {
        assert_eq!(call!(sch_cluster_owner(cluster, slot, &mut node)), SCH_OK);
        let mut place: sch_node = zeroed(|n: &mut sch_node| &mut n.struct_size);
        assert_eq!(call!(sch_cluster_node(cluster, node, &mut place)), SCH_OK);
        told.replies.push(u64::from(place.port));
    }
    assert_eq!(call!(sch_cluster_free(cluster)), SCH_OK);
    told
}

/// What the cluster asks: known nodes must be those that were told.
fn told_by(cluster: *mut sch_cluster, told: &mut Told) {
    let mut moves = [sch_cluster_move { source: 0, destination: 0, first_range: 0, ranges_len: 0 }; 16];
    let mut ranges = [sch_slot_range { first: 0, last: 0 }; 64];
    let mut kinds = BTreeMap::new();
    loop {
        let mut action: sch_cluster_action = zeroed(|a: &mut sch_cluster_action| &mut a.struct_size);
        let (to, into) = (moves.as_mut_ptr(), ranges.as_mut_ptr());
        match call!(sch_cluster_poll_action(cluster, &mut action, to, 16, into, 64)) {
            SCH_OK => *kinds.entry(action.kind).or_insert(0) += 1,
            status => {
                assert_eq!(status, SCH_EMPTY);
                break;
            }
        }
    }
    told.manner.extend(kinds.into_iter().flat_map(|(kind, count)| [kind, count]));
}
