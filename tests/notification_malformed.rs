//! N2: what is malformed acts as far as it could be read; nothing panics; every limit holds.

use sch::notification::{
    self, Body, Defect, Defects, Family, Kind, MAX_TIME, MovingTarget, NotificationError, NotificationLimits,
    Parsed, Shards, SlotRange, SlotRanges,
};
use sch::resp::value::Value;
use std::borrow::Cow;
use std::time::Duration;

fn parse(bytes: &[u8]) -> Parsed {
    notification::parse(bytes, &NotificationLimits::default()).unwrap()
}

fn shown(bytes: &[u8]) -> (String, Defects) {
    let parsed = parse(bytes);
    (parsed.notification.to_string(), parsed.defects)
}

fn defects(all: &[Defect]) -> Defects {
    all.iter().copied().collect()
}

#[test]
fn n2_malformed_ones_act_as_far_as_they_can_be_read() {
    let rows: &[(&[u8], &str, &[Defect])] = &[
        (b">2\r\n+MIGRATED\r\n_\r\n", "MIGRATED", &[Defect::SeqUnreadable]),
        (b">2\r\n+MIGRATED\r\n:-1\r\n", "MIGRATED", &[Defect::SeqUnreadable]),
        (b">2\r\n+MIGRATED\r\n+99999999999999999999\r\n", "MIGRATED", &[Defect::SeqUnreadable]),
        (b">2\r\n+MIGRATED\r\n:x\r\n", "MIGRATED", &[Defect::SeqMissing, Defect::Malformed]),
        (b">3\r\n+MIGRATED\r\n:1\r\n+shard-1,7\r\n", "MIGRATED seq=1 shards=7", &[Defect::ShardUnreadable]),
        (b">3\r\n+MIGRATED\r\n:1\r\n#t\r\n", "MIGRATED seq=1", &[Defect::ShardUnreadable]),
        (b">3\r\n+MIGRATED\r\n:1\r\n:-7\r\n", "MIGRATED seq=1", &[Defect::ShardUnreadable]),
        (b">2\r\n+MIGRATED\r\n*1\r\n:7\r\n", "MIGRATED shards=7", &[Defect::SeqUnreadable]),
        (b">4\r\n+MIGRATING\r\n:1\r\n_\r\n:7\r\n", "MIGRATING seq=1 shards=7", &[Defect::TimeUnreadable]),
        (b">4\r\n+MIGRATING\r\n:1\r\n:5\r\n%1\r\n+a\r\n:1\r\n", "MIGRATING seq=1 time=5", &[Defect::ShardUnreadable]),
        (b">4\r\n+MIGRATING\r\n:1\r\n:5\r\n", "MIGRATING seq=1 time=5", &[Defect::Truncated]),
        (b">3\r\n+MOVING\r\n:1\r\n+h:3\r\n", "MOVING seq=1 endpoint=h:3", &[Defect::TimeMissing]),
        (b">4\r\n+MOVING\r\n:1\r\n+soon\r\n+h:3\r\n", "MOVING seq=1 endpoint=h:3", &[Defect::TimeUnreadable]),
        (b">4\r\n+MOVING\r\n:1\r\n:2\r\n+h:99999\r\n", "MOVING seq=1 time=2 endpoint=unreadable", &[Defect::EndpointUnreadable]),
        (b">4\r\n+MOVING\r\n:1\r\n:2\r\n*2\r\n+h\r\n:3\r\n", "MOVING seq=1 time=2 endpoint=unreadable", &[Defect::EndpointUnreadable]),
        (b">4\r\n+MOVING\r\n:1\r\n:2\r\n-ERR no\r\n", "MOVING seq=1 time=2 endpoint=unreadable", &[Defect::EndpointUnreadable]),
        (b">4\r\n+MOVING\r\n:1\r\n:2\r\n$8\r\nh:1\r\nh:2\r\n", "MOVING seq=1 time=2 endpoint=unreadable", &[Defect::EndpointUnreadable]),
        (b">2\r\n+SMIGRATING\r\n:1\r\n", "SMIGRATING seq=1 slots=", &[Defect::SlotsMissing]),
        (b">3\r\n+SMIGRATING\r\n:1\r\n+16384,-1,9-8,x,0-16384,7,1--2,00000001\r\n", "SMIGRATING seq=1 slots=7", &[Defect::SlotUnreadable]),
        (b">2\r\n+SMIGRATED\r\n:1\r\n", "SMIGRATED seq=1", &[Defect::SlotsMissing]),
        (b">2\r\n+SMIGRATED\r\n*1\r\n*3\r\n+a:1\r\n+b:2\r\n+1\r\n", "SMIGRATED a:1>b:2=1", &[Defect::SeqUnreadable]),
        (b">4\r\n+SMIGRATED\r\n:1\r\n:15\r\n*1\r\n*3\r\n+a:1\r\n+b:2\r\n+1\r\n", "SMIGRATED seq=1 a:1>b:2=1", &[Defect::MoveUnreadable]),
        // One bad entry leaves the others.
        (b">3\r\n+SMIGRATED\r\n:1\r\n*3\r\n*1\r\n+a:1\r\n*3\r\n+a:1\r\n+b:2\r\n+x\r\n*3\r\n+a:1\r\n+c:3\r\n+5\r\n", "SMIGRATED seq=1 a:1>c:3=5", &[Defect::SlotsMissing, Defect::SlotUnreadable]),
        (b">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*3\r\n_\r\n+b:2\r\n+5\r\n", "SMIGRATED seq=1 ?>b:2=5", &[Defect::MoveUnreadable]),
        (b">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*3\r\n+a:1\r\n+b\r\n+5\r\n", "SMIGRATED seq=1", &[Defect::MoveUnreadable]),
        (b">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*3\r\n+a:1\r\n+b:2\r\n$0\r\n\r\n", "SMIGRATED seq=1", &[Defect::SlotsMissing, Defect::SlotUnreadable]),
        (b">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*0\r\n", "SMIGRATED seq=1", &[]),
        (b">7\r\n+SMIGRATED\r\n:1\r\n+a:1\r\n+b:2\r\n+a:1\r\n+c:3\r\n+5\r\n", "SMIGRATED seq=1 a:1>c:3=5", &[Defect::SlotsMissing]),
        (b">3\r\n+SMIGRATED\r\n:1\r\n#t\r\n", "SMIGRATED seq=1", &[Defect::MoveUnreadable, Defect::SlotsMissing]),
    ];
    for (bytes, line, wrong) in rows {
        assert_eq!(shown(bytes), ((*line).to_owned(), defects(wrong)), "{}", bytes.escape_ascii());
    }
}

#[test]
fn n5_other_pushes_are_not_ours() {
    let limits = NotificationLimits::default();
    for (bytes, error) in [
        (b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n".as_slice(), NotificationError::NotOurs),
        (b">2\r\n+moving\r\n:1\r\n", NotificationError::NotOurs),
        (b">2\r\n+MOVINGS\r\n:1\r\n", NotificationError::NotOurs),
        (b"*2\r\n+MOVING\r\n:1\r\n", NotificationError::NotOurs),
        (b">0\r\n", NotificationError::NotOurs),
        (b">-1\r\n", NotificationError::NotOurs),
        (b">2\r\n:1\r\n+MOVING\r\n", NotificationError::NotOurs),
        (b"", NotificationError::Incomplete),
        (b">2\r\n+MOV", NotificationError::Incomplete),
        (b"|1\r\n+a\r\n", NotificationError::BadAttribute),
        (b"|1", NotificationError::Incomplete),
        (b"|x\r\n", NotificationError::BadAttribute),
    ] {
        assert_eq!(notification::parse(bytes, &limits), Err(error), "{}", bytes.escape_ascii());
    }
}

/// Level 1 hosts hand over elements.
#[test]
fn elements_read_as_the_frame_does() {
    let limits = NotificationLimits::default();
    let text = |text: &'static str| Value::Text(Cow::Borrowed(text.as_bytes()));
    let elements = [text("MOVING"), Value::Integer(1), Value::Integer(2), text("h:3")];
    let parsed = notification::from_elements(&elements, &limits).unwrap();
    assert_eq!(parsed, parse(b">4\r\n+MOVING\r\n:1\r\n:2\r\n+h:3\r\n"));
    assert_eq!(notification::from_elements(&[], &limits), Err(NotificationError::NotOurs));
    assert_eq!(notification::from_elements(&elements[1..], &limits), Err(NotificationError::NotOurs));
    let tight = NotificationLimits { max_elements: 2, ..limits };
    let parsed = notification::from_elements(&elements, &tight).unwrap();
    assert_eq!(parsed.defects, defects(&[Defect::OverLimit, Defect::TimeMissing]));
}

fn limited(limits: NotificationLimits, bytes: &[u8]) -> Parsed {
    let parsed = notification::parse(bytes, &limits).unwrap();
    assert!(parsed.defects.contains(Defect::OverLimit), "{limits:?}");
    assert!(parse(bytes).defects.is_empty());
    parsed
}

const MOVES: &[u8] =
    b">3\r\n+SMIGRATED\r\n:1\r\n*2\r\n*3\r\n+a:1\r\n+b:2\r\n+1,3,5,7,9\r\n*3\r\n+a:1\r\n+c:3\r\n+2\r\n";
const SHARDS: &[u8] = b">3\r\n+MIGRATED\r\n:1\r\n+1,1,1,2,3,4,5,6,7,8,9\r\n";

#[test]
fn s1_max_bytes() {
    let parsed = limited(NotificationLimits { max_bytes: 24, ..Default::default() }, SHARDS);
    assert_eq!(parsed.notification.to_string(), "MIGRATED seq=1");
    assert!(!parsed.defects.contains(Defect::Truncated));
}

#[test]
fn s1_max_elements() {
    let parsed = limited(NotificationLimits { max_elements: 5, ..Default::default() }, MOVES);
    assert_eq!(parsed.notification.to_string(), "SMIGRATED seq=1");
    let parsed = limited(NotificationLimits { max_elements: 2, ..Default::default() }, SHARDS);
    assert_eq!(parsed.notification.to_string(), "MIGRATED seq=1");
}

#[test]
fn s1_max_depth() {
    let parsed = limited(NotificationLimits { max_depth: 1, ..Default::default() }, MOVES);
    assert_eq!(parsed.notification.to_string(), "SMIGRATED seq=1");
    // Elements that a host has built may nest as they like.
    let mut nested = Value::Integer(7);
    for _ in 0..50 {
        nested = Value::Array(vec![nested]);
    }
    for kind in Kind::ALL {
        let elements =
            [Value::Text(kind.name().as_bytes().into()), Value::Integer(1), nested.clone(), nested.clone()];
        let parsed = notification::from_elements(&elements, &NotificationLimits::default()).unwrap();
        assert!(!parsed.defects.is_empty(), "{kind}");
    }
}

#[test]
fn s1_max_shards() {
    let parsed = limited(NotificationLimits { max_shards: 2, ..Default::default() }, SHARDS);
    let shards = parsed.notification.shards().unwrap();
    assert_eq!(shards.len(), 2);
}

#[test]
fn s1_max_moves() {
    let parsed = limited(NotificationLimits { max_moves: 1, ..Default::default() }, MOVES);
    assert_eq!(parsed.notification.to_string(), "SMIGRATED seq=1 a:1>b:2=1,3,5,7,9");
}

#[test]
fn s1_max_slot_ranges() {
    let parsed = limited(NotificationLimits { max_slot_ranges: 2, ..Default::default() }, MOVES);
    assert_eq!(parsed.notification.to_string(), "SMIGRATED seq=1 a:1>b:2=1,3 a:1>c:3=2");
    // Ranges count when merged.
    let limits = NotificationLimits { max_slot_ranges: 1, ..Default::default() };
    let parsed = notification::parse(b">3\r\n+SMIGRATING\r\n:1\r\n+5,4,3,2,1,0\r\n", &limits).unwrap();
    assert_eq!(
        (parsed.notification.to_string().as_str(), parsed.defects),
        ("SMIGRATING seq=1 slots=0-5", Defects::NONE)
    );
}

#[test]
fn s1_a_length_from_the_wire_allocates_nothing() {
    let (line, wrong) = shown(b">4000000000\r\n+SMIGRATED\r\n:1\r\n*4000000000\r\n");
    assert_eq!(line, "SMIGRATED seq=1");
    assert!(wrong.contains(Defect::OverLimit) || wrong.contains(Defect::Truncated));
    let (line, _) = shown(b">4\r\n+MOVING\r\n:1\r\n:2\r\n$4000000000\r\nh");
    assert_eq!(line, "MOVING seq=1 time=2 endpoint=null");
}

#[test]
fn kinds_and_families() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.name().as_bytes()), Some(kind));
        assert_eq!(kind.family().is_some(), kind.is_starter() != kind.is_terminator());
    }
    assert_eq!(Kind::Moving.family(), None);
    assert_eq!(Kind::Migrating.family(), Some(Family::Migration));
    assert_eq!(Kind::FailedOver.family(), Some(Family::Failover));
    assert_eq!(Kind::Smigrated.family(), Some(Family::SlotMigration));
    assert_eq!(Kind::from_name(b"moving"), None);
}

#[test]
fn h1_times_that_can_be_none() {
    let of = |time: i64| {
        let frame = format!(">3\r\n+MOVING\r\n:1\r\n:{time}\r\n");
        parse(frame.as_bytes()).notification.duration()
    };
    assert_eq!(of(15), Some(Duration::from_secs(15)));
    assert_eq!(of(3600), Some(MAX_TIME));
    for time in [0, -1, 3601, i64::MAX, i64::MIN] {
        assert_eq!(of(time), None, "{time}");
    }
    assert_eq!(parse(b">2\r\n+MIGRATED\r\n:1\r\n").notification.duration(), None);
}

#[test]
fn a_host_without_port_is_at_the_configured_one() {
    let Body::Moving(target) = parse(b">4\r\n+MOVING\r\n:1\r\n:2\r\n+H.test\r\n").notification.body else {
        panic!()
    };
    assert_eq!(target, MovingTarget::Portless("h.test".to_owned()));
    assert_eq!(target.endpoint(7000).unwrap().to_string(), "h.test:7000");
    assert_eq!(MovingTarget::Null.endpoint(7000), None);
    assert_eq!(MovingTarget::Unreadable.endpoint(7000), None);
}

#[test]
fn r2_shards_are_sets_of_numbers() {
    let mut open: Shards = [3, 1, 2, 3].into_iter().collect();
    assert_eq!(open.ids(), [1, 2, 3]);
    let gone: Shards = [2, 9].into_iter().collect();
    assert!(open.intersects(&gone));
    assert_eq!(open.subtract(&gone), 1);
    assert!(!open.intersects(&gone) && open.contains(3) && !open.contains(2));
    assert_eq!((open.len(), open.is_empty(), open.to_string().as_str()), (2, false, "1,3"));
}

#[test]
fn slots_are_merged_sets() {
    let range = |first, last| SlotRange { first, last };
    let slots: SlotRanges =
        [range(7, 9), range(0, 3), range(4, 4), range(9, 8), range(1, 16384)].into_iter().collect();
    assert_eq!(slots.ranges(), [range(0, 4), range(7, 9)]);
    assert_eq!(slots.len(), 8);
    assert_eq!(slots.slots().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 7, 8, 9]);
    for slot in 0..=u16::MAX {
        assert_eq!(slots.contains(slot), slots.slots().any(|s| s == slot));
    }
    assert!(SlotRanges::default().is_empty());
}

/// S4: no bytes make it panic. Seeded, so that a failure repeats.
#[test]
fn s4_random_bytes() {
    let mut random = Xorshift(0x5eed_0001);
    let limits = NotificationLimits {
        max_shards: 4,
        max_moves: 3,
        max_slot_ranges: 3,
        max_elements: 40,
        ..Default::default()
    };
    let words: [&[u8]; 36] = [
        b">",
        b"*",
        b"|",
        b"%",
        b"~",
        b"+",
        b"$",
        b"=",
        b":",
        b"_\r\n",
        b"-",
        b"\r\n",
        b"\r",
        b"?",
        b".\r\n",
        b";",
        b"0",
        b"1",
        b"3",
        b"6\r\n",
        b"4\r\n",
        b"-1\r\n",
        b"MOVING",
        b"SMIGRATED",
        b"MIGRATING",
        b"FAILED_OVER",
        b"+a:1\r\n",
        b"+0-9,7\r\n",
        b":7\r\n",
        b"*3\r\n",
        b"*1\r\n",
        b" ",
        b"txt:",
        b"[::1]:2",
        b"\xff",
        b"16383",
    ];
    let starts: [&[u8]; 5] = [
        b">3\r\n+SMIGRATED\r\n:1\r\n",
        b">9\r\n+SMIGRATED\r\n:1\r\n",
        b">4\r\n+MOVING\r\n:1\r\n",
        b">5\r\n+MIGRATED\r\n",
        b"",
    ];
    for round in 0..60_000 {
        let mut bytes = starts[random.below(starts.len())].to_vec();
        for _ in 0..random.below(24) {
            if random.below(8) == 0 {
                bytes.push(random.below(256) as u8);
            } else {
                bytes.extend_from_slice(words[random.below(words.len())]);
            }
        }
        let Ok(parsed) = notification::parse(&bytes, &limits) else { continue };
        match &parsed.notification.body {
            Body::Shards(shards) => {
                assert!(shards.as_ref().is_none_or(|s| (1..=4).contains(&s.len())), "{round}")
            }
            Body::Slots(slots) => assert!(slots.ranges().len() <= 3, "{round}"),
            Body::SlotMoves(moves) => {
                assert!(moves.len() <= 3, "{round}");
                assert!(moves.iter().all(|m| (1..=3).contains(&m.slots.ranges().len())), "{round}");
            }
            Body::Moving(_) => {}
        }
        let _ = (parsed.notification.to_string(), parsed.defects.to_string());
    }
}

struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
