//! What servers may send as a notification. The first byte says how the rest is meant:
//!
//! * as bytes: reading them never panics, whatever the limits; what `sniff` has decided it does not take back when more
//!   comes; a value that is read whole means the same when it is handed over element by element;
//! * as choices: one notification is written in two forms of those that servers use (N1), and both are read as the same,
//!   without a defect; cut off anywhere it is still of the same type, or not yet known (N2).

use crate::draw::Draw;
use sch::notification::{
    Kind, Notification, NotificationError, NotificationLimits, SNIFF_LIMIT, Sniff, from_elements, parse,
    sniff,
};
use sch::resp::framer::{Framer, FramerLimits};
use sch::resp::value::{self, Value, ValueLimits};

pub fn run(data: &[u8]) {
    let Some((&mode, rest)) = data.split_first() else { return };
    match mode % 4 {
        0 => bytes(rest),
        // Something that looks like one more often.
        1 => bytes(&[b">", rest].concat()),
        _ => forms(&mut Draw(rest)),
    }
}

fn bytes(data: &[u8]) {
    let tight = NotificationLimits {
        max_bytes: 48,
        max_elements: 5,
        max_depth: 1,
        max_shards: 2,
        max_moves: 1,
        max_slot_ranges: 2,
    };
    let wide = NotificationLimits::default();
    for limits in [&wide, &tight] {
        if let Ok(read) = parse(data, limits) {
            within(&read.notification, limits);
            assert!(!read.notification.to_string().is_empty());
        }
    }
    let mut decided = None;
    for end in 0..=data.len().min(SNIFF_LIMIT + 2) {
        let now = sniff(&data[..end]);
        if let Some(before) = decided {
            assert_eq!(now, before, "decided, then taken back");
        } else if now != Sniff::NeedMore {
            decided = Some(now);
        }
        assert!(now != Sniff::NeedMore || end < SNIFF_LIMIT);
    }
    if data.first() == Some(&b'>') {
        let whole = parse(data, &wide);
        match decided {
            Some(Sniff::Ours(kind)) => assert_eq!(whole.as_ref().unwrap().notification.kind, kind),
            Some(_) => assert_eq!(whole, Err(NotificationError::NotOurs)),
            None => assert_eq!(whole, Err(NotificationError::Incomplete)),
        }
        // Only what the framer lets pass comes whole to a parser: it knows better where a line ends.
        let framed = Framer::new(FramerLimits::default()).scan_one(data);
        let values = ValueLimits { max_depth: 9, max_elements: 8192, max_bytes: 64 << 10 };
        if framed.frames == 1
            && let (Ok((Value::Array(elements), _)), Ok(read)) = (value::parse(data, &values), &whole)
        {
            assert_eq!(from_elements(&elements, &wide).as_ref(), Ok(read), "handed over element by element");
        }
    }
}

fn within(read: &Notification, limits: &NotificationLimits) {
    use sch::notification::Body;
    match &read.body {
        Body::Shards(Some(shards)) => assert!(shards.len() <= limits.max_shards),
        Body::Slots(slots) => assert!(slots.ranges().len() <= limits.max_slot_ranges),
        Body::SlotMoves(moves) => {
            assert!(moves.len() <= limits.max_moves);
            assert!(moves.iter().all(|one| one.slots.ranges().len() <= limits.max_slot_ranges));
        }
        _ => {}
    }
    if let Some(time) = read.duration() {
        assert!((1..=3600).contains(&time.as_secs()));
    }
}

/// What is said, apart from its form.
enum What {
    Moving { endpoint: Option<String> },
    Shards { ids: Vec<u64> },
    Slots { text: String },
    Moves { moves: Vec<[String; 3]> },
}

fn host(draw: &mut Draw<'_>) -> String {
    let port = 1 + draw.number() % 65535;
    match draw.below(4) {
        0 => format!("node{}.example.com:{port}", draw.byte()),
        1 => format!("10.0.{}.{}:{port}", draw.byte(), draw.byte()),
        2 => format!("[fd00::{:x}]:{port}", draw.byte()),
        _ => format!("h:{port}"),
    }
}

fn slots(draw: &mut Draw<'_>) -> String {
    let part = |draw: &mut Draw<'_>| {
        let first = draw.number() % 16384;
        let last = (first + draw.below(100)).min(16383);
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    (0..1 + draw.below(4)).map(|_| part(draw)).collect::<Vec<_>>().join(",")
}

fn forms(draw: &mut Draw<'_>) {
    let kind = Kind::ALL[draw.below(7) as usize];
    let (seq, time) = (draw.number() >> 1, draw.number() as i64);
    let what = match kind {
        Kind::Moving => What::Moving { endpoint: (draw.below(3) > 0).then(|| host(draw)) },
        Kind::Smigrating => What::Slots { text: slots(draw) },
        Kind::Smigrated => {
            let moves = (0..1 + draw.below(3)).map(|_| [host(draw), host(draw), slots(draw)]).collect();
            What::Moves { moves }
        }
        _ => What::Shards { ids: (0..1 + draw.below(3)).map(|_| draw.number() >> 1).collect() },
    };
    let mut plain = Vec::new();
    write(&mut Draw(&[]), &mut plain, kind, seq, time, &what);
    let mut other = Vec::new();
    if draw.below(4) == 0 {
        other.extend_from_slice(draw.of(&[
            &b"|1\r\n+ttl\r\n:3\r\n"[..],
            b"|0\r\n",
            b"|1\r\n$1\r\na\r\n*1\r\n_\r\n",
        ]));
    }
    let push = other.len();
    write(draw, &mut other, kind, seq, time, &what);
    let limits = NotificationLimits::default();
    let one = parse(&plain, &limits).expect("ours");
    assert!(one.defects.is_empty(), "{:?} in {}", one.defects, plain.escape_ascii());
    assert_eq!((one.notification.kind, one.notification.seq), (kind, Some(seq)));
    let two = parse(&other, &limits).expect("ours");
    assert_eq!(two, one, "{} and {}", plain.escape_ascii(), other.escape_ascii());
    // The framer, which the bytes pass first, ends it at the same place.
    let scan = Framer::new(FramerLimits::default()).scan_one(&other[push..]);
    assert_eq!((scan.frames, scan.consumed), (1, other.len() - push));
    for end in 0..other.len() {
        match parse(&other[..end], &limits) {
            Ok(cut) => assert_eq!(cut.notification.kind, kind),
            Err(error) => assert_ne!(error, NotificationError::NotOurs, "{}", other[..end].escape_ascii()),
        }
    }
}

/// Writes it; a draw that is used up writes the plainest form.
fn write(draw: &mut Draw<'_>, out: &mut Vec<u8>, kind: Kind, seq: u64, time: i64, what: &What) {
    let mut elements: Vec<Vec<u8>> = vec![text(draw, kind.name(), true), number(draw, seq as i64)];
    if kind == Kind::Moving || kind.is_starter() && kind != Kind::Smigrating {
        elements.push(number(draw, time));
    }
    match what {
        What::Moving { endpoint: Some(endpoint) } => elements.push(text(draw, endpoint, false)),
        What::Moving { endpoint: None } => {
            let null =
                draw.of(&[&b"_\r\n"[..], b"$-1\r\n", b"*-1\r\n", b"$4\r\nnull\r\n", b"+null\r\n", b""]);
            if !null.is_empty() {
                elements.push(null.to_vec());
            }
        }
        What::Shards { ids } => elements.push(shards(draw, ids)),
        What::Slots { text: slots } => elements.push(text(draw, slots, false)),
        What::Moves { moves } => elements.extend(slot_moves(draw, moves)),
    }
    aggregate(draw, out, b'>', &elements);
}

fn aggregate(draw: &mut Draw<'_>, out: &mut Vec<u8>, kind: u8, elements: &[Vec<u8>]) {
    let streamed = draw.below(5) == 1;
    out.push(kind);
    let head = if streamed { "?".to_owned() } else { elements.len().to_string() };
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(b"\r\n");
    elements.iter().for_each(|element| out.extend_from_slice(element));
    if streamed {
        out.extend_from_slice(b".\r\n");
    }
}

fn text(draw: &mut Draw<'_>, text: &str, may_be_streamed: bool) -> Vec<u8> {
    match draw.below(4) {
        0 => format!("${}\r\n{text}\r\n", text.len()).into_bytes(),
        1 => format!("+{text}\r\n").into_bytes(),
        2 => format!("={}\r\ntxt:{text}\r\n", text.len() + 4).into_bytes(),
        _ if may_be_streamed || text.len() > 2 => {
            let (a, b) = text.split_at(1 + draw.below(text.len() as u64 - 1) as usize);
            format!("$?\r\n;{}\r\n{a}\r\n;{}\r\n{b}\r\n;0\r\n", a.len(), b.len()).into_bytes()
        }
        _ => format!("$0{}\r\n{text}\r\n", text.len()).into_bytes(),
    }
}

fn number(draw: &mut Draw<'_>, number: i64) -> Vec<u8> {
    match draw.below(3) {
        0 => format!(":{number}\r\n").into_bytes(),
        _ => text(draw, &number.to_string(), false),
    }
}

fn shards(draw: &mut Draw<'_>, ids: &[u64]) -> Vec<u8> {
    let list = |between: &str| ids.iter().map(u64::to_string).collect::<Vec<_>>().join(between);
    match draw.below(6) {
        0 => text(draw, &list(","), false),
        1 => text(draw, &format!("[\"{}\"]", list("\",\"")), false),
        2 => text(draw, &format!("[{}]", list(", ")), false),
        3 if ids.len() == 1 => format!(":{}\r\n", ids[0]).into_bytes(),
        n => {
            let kind = draw.of(b"*~");
            let each: Vec<Vec<u8>> = ids
                .iter()
                .map(|id| if n == 4 { number(draw, *id as i64) } else { text(draw, &id.to_string(), false) })
                .collect();
            let mut out = Vec::new();
            aggregate(draw, &mut out, kind, &each);
            out
        }
    }
}

/// Nested, in pairs, or flat.
fn slot_moves(draw: &mut Draw<'_>, moves: &[[String; 3]]) -> Vec<Vec<u8>> {
    if draw.below(3) == 2 {
        return moves.iter().flatten().map(|part| text(draw, part, false)).collect();
    }
    let triplets: Vec<Vec<u8>> = moves
        .iter()
        .map(|one| {
            let parts: Vec<Vec<u8>> = one.iter().map(|part| text(draw, part, false)).collect();
            let mut out = Vec::new();
            aggregate(draw, &mut out, b'*', &parts);
            out
        })
        .collect();
    let mut out = Vec::new();
    aggregate(draw, &mut out, b'*', &triplets);
    vec![out]
}
