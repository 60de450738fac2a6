//! Which pushes are ours, from as few of their first bytes as it takes.

use super::Kind;

/// What the first bytes of a push tell.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Sniff {
    /// A maintenance notification of this kind.
    Ours(Kind),
    /// Any other push, or no push at all.
    NotOurs,
    /// The bytes so far fit, but end too early.
    NeedMore,
}

/// The longest name.
const MAX_NAME: usize = Kind::FailingOver.name().len();

/// Digits in a length; more are no length.
const MAX_DIGITS: usize = 10;

/// A type byte, a length, CR LF.
const MAX_LINE: usize = 1 + MAX_DIGITS + 2;

/// With this many bytes of a push, [`sniff`] never needs more: the worst case is the longest name, streamed in chunks of
/// one byte, with lengths full of zeros.
pub const SNIFF_LIMIT: usize = MAX_LINE + 4 + MAX_NAME * (MAX_LINE + 3) + MAX_LINE + 1;

/// Decides whether a push is ours, looking no further than it must. `prefix` starts at its `>`; it may be cut anywhere,
/// and may go on with whatever follows.
///
/// The name may be a simple, bulk, verbatim or streamed string, the push may be streamed. A name ends with its string, or
/// at a blank: one old description of the protocol has the whole notification in one string. An attribute inside the push
/// and before its name makes it another push: nobody sends that, and it would have to be read to any length.
pub fn sniff(prefix: &[u8]) -> Sniff {
    let rest = match prefix.split_first() {
        None => return Sniff::NeedMore,
        Some((b'>', rest)) => rest,
        Some(_) => return Sniff::NotOurs,
    };
    let rest = match line(rest) {
        Line::Length(Some(0), _) | Line::Bad => return Sniff::NotOurs,
        Line::NeedMore => return Sniff::NeedMore,
        Line::Length(_, rest) => rest,
    };
    match rest.split_first() {
        None => Sniff::NeedMore,
        Some((b'+', name)) => {
            let name = &name[..name.len().min(MAX_NAME + 1)];
            match memchr::memchr(b'\r', name) {
                Some(end) => compare(&name[..end], Some(end)),
                None => compare(name, None),
            }
        }
        Some((marker @ (b'$' | b'='), rest)) => match line(rest) {
            Line::Bad => Sniff::NotOurs,
            Line::NeedMore => Sniff::NeedMore,
            Line::Length(None, rest) if *marker == b'$' => streamed(rest),
            Line::Length(None, _) => Sniff::NotOurs,
            Line::Length(Some(len), rest) if *marker == b'$' => bulk(rest, len),
            Line::Length(Some(len), rest) => verbatim(rest, len),
        },
        Some(_) => Sniff::NotOurs,
    }
}

pub(super) enum Line<'a> {
    /// A length, `None` if it is `?`; and what follows the line.
    Length(Option<usize>, &'a [u8]),
    NeedMore,
    Bad,
}

/// Reads a length and its CR LF.
pub(super) fn line(bytes: &[u8]) -> Line<'_> {
    let digits = bytes.iter().take(MAX_DIGITS + 1).take_while(|b| b.is_ascii_digit()).count();
    let (len, rest) = match (digits, bytes.first()) {
        (_, None) => return Line::NeedMore,
        (0, Some(b'?')) => (None, &bytes[1..]),
        (0, Some(_)) => return Line::Bad,
        (digits, Some(_)) if digits > MAX_DIGITS => return Line::Bad,
        (digits, Some(_)) => {
            let (number, rest) = bytes.split_at(digits);
            let number = number.iter().fold(0u64, |n, b| n * 10 + u64::from(b - b'0'));
            match usize::try_from(number) {
                Ok(number) => (Some(number), rest),
                Err(_) => return Line::Bad,
            }
        }
    };
    match rest {
        [b'\r', b'\n', rest @ ..] => Line::Length(len, rest),
        [] | [b'\r'] => Line::NeedMore,
        _ => Line::Bad,
    }
}

fn bulk(text: &[u8], len: usize) -> Sniff {
    compare(&text[..text.len().min(len).min(MAX_NAME + 1)], Some(len))
}

/// Three letters and a colon come first.
fn verbatim(text: &[u8], len: usize) -> Sniff {
    let Some(len) = len.checked_sub(4) else { return Sniff::NotOurs };
    match text.get(3) {
        Some(b':') => bulk(&text[4..], len),
        Some(_) => Sniff::NotOurs,
        None => compare(b"", Some(len)),
    }
}

fn streamed(mut rest: &[u8]) -> Sniff {
    let mut name = [0; MAX_NAME + 1];
    let mut held = 0;
    loop {
        let (len, chunk) = match rest.split_first() {
            None => return Sniff::NeedMore,
            Some((b';', length)) => match line(length) {
                Line::Length(Some(len), chunk) => (len, chunk),
                Line::NeedMore => return Sniff::NeedMore,
                Line::Length(None, _) | Line::Bad => return Sniff::NotOurs,
            },
            Some(_) => return Sniff::NotOurs,
        };
        if len == 0 {
            return compare(&name[..held], Some(held));
        }
        let there = chunk.len().min(len).min(name.len() - held);
        name[held..held + there].copy_from_slice(&chunk[..there]);
        held += there;
        match compare(&name[..held], None) {
            Sniff::NeedMore => {}
            known => return known,
        }
        rest = match chunk.get(len..).unwrap_or_default() {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return Sniff::NeedMore,
            _ => return Sniff::NotOurs,
        };
    }
}

/// Compares the beginning of a text with all names. `len` is how long the whole text is, if that is known.
fn compare(text: &[u8], len: Option<usize>) -> Sniff {
    // Most pushes are messages; they end here.
    if text.first().is_some_and(|first| !b"MFS".contains(first)) {
        return Sniff::NotOurs;
    }
    let mut possible = false;
    for kind in Kind::ALL {
        let name = kind.name().as_bytes();
        if len.is_some_and(|len| len < name.len()) {
            continue;
        }
        if let Some(after) = text.strip_prefix(name) {
            match after.first() {
                Some(b' ') => return Sniff::Ours(kind),
                Some(_) => {}
                None if len == Some(name.len()) => return Sniff::Ours(kind),
                None => possible = true,
            }
        } else {
            possible |= name.starts_with(text);
        }
    }
    if possible { Sniff::NeedMore } else { Sniff::NotOurs }
}
