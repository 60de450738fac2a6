//! Random valid RESP3, for the tests of the framer and of values. Knows nothing of either.

/// A seeded xorshift.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn text(&mut self, alphabet: &[u8], max_len: u64) -> Vec<u8> {
        let len = self.below(max_len + 1);
        (0..len).map(|_| alphabet[self.below(alphabet.len() as u64) as usize]).collect()
    }
}

/// What a body may be made of: also what looks like frames.
const BODY: &[u8] = b"abc\r\n$*+:>|.;0129?-\0\xff";
/// What a line may be made of.
const LINE: &[u8] = b"abc $*+:>|.;0129?-\n\0\xff";

fn bulk(out: &mut Vec<u8>, kind: char, body: &[u8]) {
    out.extend_from_slice(format!("{kind}{}\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
    out.extend_from_slice(b"\r\n");
}

fn line(out: &mut Vec<u8>, kind: u8, text: &[u8]) {
    out.push(kind);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

/// An attribute of up to two pairs.
pub fn attribute(random: &mut Random, out: &mut Vec<u8>, depth: u32) {
    let pairs = random.below(3);
    out.extend_from_slice(format!("|{pairs}\r\n").as_bytes());
    for _ in 0..2 * pairs {
        element(random, out, depth.saturating_sub(1));
    }
}

/// A push.
pub fn push(random: &mut Random, out: &mut Vec<u8>, depth: u32) {
    let count = random.below(4);
    out.extend_from_slice(format!(">{count}\r\n").as_bytes());
    (0..count).for_each(|_| element(random, out, depth.saturating_sub(1)));
}

/// Any value inside an aggregate, with the attributes before it.
fn element(random: &mut Random, out: &mut Vec<u8>, depth: u32) {
    while depth > 0 && random.one_in(12) {
        attribute(random, out, depth);
    }
    if depth > 0 && random.one_in(15) { push(random, out, depth) } else { reply(random, out, depth) }
}

/// A value that is no push and has no attribute before it.
pub fn reply(random: &mut Random, out: &mut Vec<u8>, depth: u32) {
    match random.below(if depth > 0 { 19 } else { 13 }) {
        0 => out.extend_from_slice(b"+OK\r\n"),
        1 => line(out, b'+', &random.text(LINE, 30)),
        2 => line(out, b'-', &random.text(LINE, 60)),
        3 => line(out, b':', (random.below(u64::MAX) as i64).to_string().as_bytes()),
        4 => line(out, b',', &random.text(b"0123456789.e-", 12)),
        5 => line(out, b'(', &random.text(b"0123456789", 50)),
        6 => out.extend_from_slice([b"#t\r\n", b"#f\r\n"][random.below(2) as usize]),
        7 => out.extend_from_slice([&b"_\r\n"[..], b"$-1\r\n", b"*-1\r\n"][random.below(3) as usize]),
        8 => bulk(out, '$', &random.text(BODY, 12)),
        9 => bulk(out, '$', &random.text(BODY, 300)),
        10 => bulk(out, '!', &random.text(BODY, 30)),
        11 => bulk(out, '=', &[b"txt:", &random.text(BODY, 30)[..]].concat()),
        12 => {
            out.extend_from_slice(b"$?\r\n");
            for _ in 0..random.below(4) {
                bulk(out, ';', &[b"x", &random.text(BODY, 20)[..]].concat());
            }
            out.extend_from_slice(b";0\r\n");
        }
        13..16 => {
            let (kind, each) = [('*', 1), ('~', 1), ('%', 2)][random.below(3) as usize];
            let bound = if random.one_in(10) { 30 } else { 5 };
            let count = random.below(bound);
            out.extend_from_slice(format!("{kind}{count}\r\n").as_bytes());
            (0..count * each).for_each(|_| element(random, out, depth - 1));
        }
        16..18 => {
            let (kind, each) = [("*?\r\n", 1), ("~?\r\n", 1), ("%?\r\n", 2)][random.below(3) as usize];
            out.extend_from_slice(kind.as_bytes());
            (0..random.below(5) * each).for_each(|_| element(random, out, depth - 1));
            out.extend_from_slice(b".\r\n");
        }
        _ => {
            // Ten of the same, as lists are.
            out.extend_from_slice(b"*10\r\n");
            let mut same = Vec::new();
            reply(random, &mut same, depth.min(2) - 1);
            (0..10).for_each(|_| out.extend_from_slice(&same));
        }
    }
}
