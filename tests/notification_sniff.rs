//! Which pushes are ours is known from as few bytes as it takes, and never from more than `SNIFF_LIMIT`.

use sch::notification::{Kind, SNIFF_LIMIT, Sniff, sniff};

/// How many bytes it takes, and what it is then.
fn decided(bytes: &[u8]) -> (usize, Sniff) {
    let at = (0..=bytes.len()).find(|&end| sniff(&bytes[..end]) != Sniff::NeedMore);
    let at = at.unwrap_or_else(|| panic!("undecided: {}", bytes.escape_ascii()));
    let known = sniff(&bytes[..at]);
    for end in at..=bytes.len() {
        assert_eq!(sniff(&bytes[..end]), known, "{} at {end}", bytes.escape_ascii());
    }
    (at, known)
}

fn forms(name: &str) -> [String; 6] {
    let len = name.len();
    let chunks = name.chars().map(|c| format!(";1\r\n{c}\r\n")).collect::<String>();
    [
        format!(">3\r\n+{name}\r\n:1\r\n:2\r\n"),
        format!(">3\r\n${len}\r\n{name}\r\n:1\r\n:2\r\n"),
        format!(">3\r\n={}\r\ntxt:{name}\r\n:1\r\n:2\r\n", len + 4),
        format!(">3\r\n$?\r\n{chunks};0\r\n:1\r\n:2\r\n"),
        format!(">?\r\n+{name}\r\n:1\r\n:2\r\n.\r\n"),
        format!(">1\r\n+{name} 1 2\r\n"),
    ]
}

#[test]
fn every_kind_in_every_form() {
    for kind in Kind::ALL {
        for form in forms(kind.name()) {
            assert_eq!(decided(form.as_bytes()).1, Sniff::Ours(kind), "{form:?}");
        }
    }
}

#[test]
fn names_that_only_resemble_ours_are_not() {
    for kind in Kind::ALL {
        let name = kind.name();
        for other in [
            &name[..name.len() - 1],
            &format!("{name}S"),
            &name.to_lowercase(),
            &format!(" {name}"),
            &name[1..],
        ] {
            if Kind::from_name(other.as_bytes()).is_none() {
                for form in &forms(other)[..5] {
                    assert_eq!(decided(form.as_bytes()).1, Sniff::NotOurs, "{form:?}");
                }
            }
        }
    }
}

#[test]
fn no_further_than_it_must() {
    for (bytes, at) in [
        (b">3\r\n$7\r\nmessage\r\n".as_slice(), 9),
        (b">3\r\n+message\r\n", 6),
        (b">3\r\n$5\r\nmeets\r\n", 8),
        (b">2\r\n$10\r\ninvalidate\r\n", 10),
        (b">2\r\n:1\r\n", 5),
        (b">0\r\n", 4),
        (b">x", 2),
        (b"*2\r\n", 1),
        (b">2\r\n$-1\r\n", 6),
        (b">2\r\n=?\r\n", 8),
        (b">2\r\n=10\r\ntxtMOVINGS\r\n", 13),
        (b">2\r\n$?\r\n;3\r\nmes\r\n", 13),
        (b">2\r\n$?\r\n;0\r\n", 12),
        (b">12345678901\r\n+MOVING\r\n", 12),
        (b">2\r\n$7\r\nMOVINGX\r\n", 15),
        (b">2\r\n$9\r\nMIGRATIONS", 16),
    ] {
        assert_eq!(decided(bytes), (at, Sniff::NotOurs), "{}", bytes.escape_ascii());
    }
    assert_eq!(decided(b">2\r\n$6\r\nMOVING\r\n").0, 14);
    assert_eq!(decided(b">2\r\n+MOVING\r\n").0, 12);
    assert_eq!(sniff(b""), Sniff::NeedMore);
}

#[test]
fn the_limit_is_reached_and_never_passed() {
    let worst = |name: &str, last: &str| {
        let chunks = name.chars().map(|c| format!(";0000000001\r\n{c}\r\n")).collect::<String>();
        format!(">0000000004\r\n$?\r\n{chunks}{last}")
    };
    let (at, known) = decided(worst("FAILING_OVER", ";0000000000\r\n").as_bytes());
    assert_eq!(known, Sniff::Ours(Kind::FailingOver));
    assert!(at <= SNIFF_LIMIT);
    let (at, known) = decided(worst("FAILING_OVER", ";0000000009\r\n all the rest").as_bytes());
    assert_eq!((at, known), (SNIFF_LIMIT, Sniff::Ours(Kind::FailingOver)));
}

#[test]
fn random_bytes_are_decided_within_the_limit() {
    let mut state = 0x5eed_0002_u64;
    let mut below = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound as u64) as usize
    };
    let words: [&[u8]; 16] = [
        b"+",
        b"$",
        b"=",
        b"?",
        b";",
        b"\r\n",
        b"1",
        b"0",
        b"12",
        b"M",
        b"MOV",
        b"ING",
        b"FAILING_",
        b"OVER",
        b" ",
        b"txt:",
    ];
    for _ in 0..40_000 {
        let mut bytes = b">3\r\n".to_vec();
        if below(2) == 0 {
            bytes.extend_from_slice(b"$?\r\n");
        }
        while bytes.len() < SNIFF_LIMIT {
            bytes.extend_from_slice(words[below(words.len())]);
        }
        assert_ne!(sniff(&bytes[..SNIFF_LIMIT]), Sniff::NeedMore, "{}", bytes.escape_ascii());
    }
}
