//! Commands in the form in which drivers write most of them, seen at a glance: an array of one to nine arguments, of which the
//! first has at most eight bytes and none more than five digits of length, all there. What is of another form, or wrong, is left
//! to the reader of `command`. Knows no Redis command: what a name means is asked once, and remembered for as long as a pipeline.

use super::command::upper;
use super::framer::bits::{WINDOW, of_window};

/// The most arguments, and
pub(crate) const MAX_ARGS: u32 = 9;
/// the longest one, that are seen at a glance.
pub(crate) const MAX_BULK_LEN: u64 = 99_999;
/// Each argument with its line.
pub(crate) const MAX_COMMAND_LEN: usize = MAX_ARGS as usize * (MAX_BULK_LEN as usize + 16);

/// The head of a command: `*`, one digit, a line end, `$`, one digit, a line end.
const HEAD: u64 = u64::from_le_bytes(*b"*0\r\n$0\r\n");
/// The digits' low halves in it.
const HEAD_DIGITS: u64 = 0x0000_0f00_0000_0f00;
const LINE_END: [u8; 2] = *b"\r\n";
const WORD: usize = 8;
/// Heads that are remembered, a power of two,
const HEADS: usize = 4;
/// and of how many arguments after the name the lengths are.
const LENGTHS: usize = 3;

/// What begins as a command did before: its number of arguments, and its name.
#[derive(Clone, Copy)]
struct Head<T> {
    window: [u8; WINDOW],
    /// The bytes of the window that are the head.
    mask: u32,
    /// Arguments after the name.
    more: u8,
    /// Where the name ends.
    end: u8,
    said: T,
}

/// The line of an argument's length, behind the line end before it.
#[derive(Clone, Copy)]
struct Length {
    line: u64,
    /// Bits of the word behind the line.
    unused: u32,
    /// From the end of one argument to the end of the next.
    step: u32,
}

impl Length {
    /// None that is remembered: no argument begins with NUL, and what does goes on from there to no line end.
    const NONE: Self = Self { line: 0, unused: 0, step: 0 };

    #[inline(always)]
    fn is_of(&self, line: u64) -> bool {
        (line ^ self.line) << self.unused == 0
    }
}

/// Sees commands, and remembers what was said of the last ones, and how long their arguments were.
pub(crate) struct Glance<T> {
    known: [(Head<T>, [Length; LENGTHS]); HEADS],
}

impl<T: Copy> Glance<T> {
    pub(crate) fn new(nothing: T) -> Self {
        // No command begins with NUL.
        let none = Head { window: [0; WINDOW], mask: u32::MAX, more: 0, end: 0, said: nothing };
        Self { known: [(none, [Length::NONE; LENGTHS]); HEADS] }
    }

    /// As `glance`.
    #[inline(always)] // in one place: the steady path
    pub(crate) fn next<'a>(
        &mut self,
        data: &'a [u8],
        say: impl FnOnce(u64, usize) -> Option<T>,
    ) -> Option<(&'a [u8], T)> {
        let window = data.first_chunk::<WINDOW>()?;
        // The number of arguments, and the first letter of the name.
        let (known, lengths) = &mut self.known[usize::from(window[1] ^ window[WORD]) % HEADS];
        if of_window(window, &known.window) & known.mask != known.mask {
            *known = head(window, say)?;
        }
        let mut rest = data.get(usize::from(known.end)..)?;
        let more = usize::from(known.more);
        for length in lengths.iter_mut().take(more) {
            if !length.is_of(word(rest)?) {
                let new = argument(rest)?;
                if new.line == Length::NONE.line {
                    rest = rest.get(new.step as usize..)?;
                    continue;
                }
                *length = new;
            }
            rest = rest.get(length.step as usize..)?;
        }
        for _ in LENGTHS..more {
            rest = rest.get(argument(rest)?.step as usize..)?;
        }
        Some((rest.strip_prefix(&LINE_END)?, known.said))
    }
}

/// What is behind the command that begins `data`, and what `say` says of its name: of the name in upper case, NUL behind it, and of
/// its length. Nothing if it has nothing to say.
#[inline(always)] // in one place: the steady path
pub(crate) fn glance<T: Copy>(data: &[u8], say: impl FnOnce(u64, usize) -> Option<T>) -> Option<(&[u8], T)> {
    let head = head(data.first_chunk()?, say)?;
    let mut rest = data.get(usize::from(head.end)..)?;
    for _ in 0..head.more {
        rest = rest.get(argument(rest)?.step as usize..)?;
    }
    Some((rest.strip_prefix(&LINE_END)?, head.said))
}

#[inline(always)]
fn head<T>(window: &[u8; WINDOW], say: impl FnOnce(u64, usize) -> Option<T>) -> Option<Head<T>> {
    let (first, name) = window.split_at(WORD);
    let digits = u64::from_le_bytes(*first.first_chunk()?) ^ HEAD;
    let (args, len) = ((digits >> 8) as u8, (digits >> 40) as u8);
    if digits & !HEAD_DIGITS != 0 || !(1..=9).contains(&args) || !(1..=8).contains(&len) {
        return None;
    }
    let name = u64::from_le_bytes(*name.first_chunk()?) & (u64::MAX >> (64 - 8 * len));
    let said = say(upper(name), usize::from(len))?;
    let end = WORD as u8 + len;
    Some(Head { window: *window, mask: u32::MAX >> (32 - end), more: args - 1, end, said })
}

/// An argument, behind the end of the one before it.
#[inline(always)]
fn argument(rest: &[u8]) -> Option<Length> {
    // No whole one is shorter.
    let line = word(rest)?;
    length::<3, 1>(line)
        .or_else(|| length::<3, 2>(line))
        .or_else(|| length::<3, 3>(line))
        .or_else(|| long(rest))
}

/// One whose length does not fit into a word with the line end before it, and is not remembered.
#[inline(never)]
fn long(rest: &[u8]) -> Option<Length> {
    let line = word(rest.strip_prefix(&LINE_END)?)?;
    let Length { step, .. } = length::<1, 4>(line).or_else(|| length::<1, 5>(line))?;
    Some(Length { step: step + LINE_END.len() as u32, ..Length::NONE })
}

#[inline(always)]
fn word(rest: &[u8]) -> Option<u64> {
    rest.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// A length in its line, of `DIGITS` digits after `BEFORE` bytes.
#[inline(always)]
fn length<const BEFORE: usize, const DIGITS: usize>(line: u64) -> Option<Length> {
    let Line { unused, form, halves, six } = const { Line::new(BEFORE, DIGITS) };
    let digits = (line << unused >> unused) ^ form;
    // Each digit has its low half alone, and not more than 9 there.
    if (digits | digits.wrapping_add(six)) & !halves != 0 {
        return None;
    }
    let digit = |nth: usize| (digits >> (8 * (BEFORE + nth))) as u32 & 0xf;
    if DIGITS > 1 && digit(0) == 0 {
        return None;
    }
    let len = (0..DIGITS).fold(0, |len, nth| 10 * len + digit(nth));
    Some(Length { line, unused, step: len + (BEFORE + DIGITS + LINE_END.len()) as u32 })
}

/// The form of such a line.
struct Line {
    unused: u32,
    /// With zeroes for digits.
    form: u64,
    /// The low halves of the digits.
    halves: u64,
    /// What carries a digit beyond 9 out of its half.
    six: u64,
}

impl Line {
    const fn new(before: usize, digits: usize) -> Self {
        let mut form = [0; WORD];
        let (mut halves, mut six, mut nth) = (0, 0, 0);
        if before == 3 {
            (form[0], form[1]) = (b'\r', b'\n');
        }
        form[before - 1] = b'$';
        while nth < digits {
            form[before + nth] = b'0';
            halves |= 0xf << (8 * (before + nth));
            six |= 6 << (8 * (before + nth));
            nth += 1;
        }
        form[before + digits] = b'\r';
        form[before + digits + 1] = b'\n';
        Self { unused: 64 - 8 * (before + digits + 2) as u32, form: u64::from_le_bytes(form), halves, six }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::command::{CommandLimits, CommandReader, Keep, Step};

    const TEXTS: [&[u8]; 12] = [
        b"*1\r\n$4\r\nPING\r\n",
        b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        b"*3\r\n$3\r\nset\r\n$0\r\n\r\n$12\r\nabcdefghijkl\r\n",
        b"*2\r\n$8\r\nSMEMBERS\r\n$5\r\nkey:1\r\n",
        b"*2\r\n$1\r\nx\r\n$100\r\n0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n",
        b"*9\r\n$4\r\nSADD\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n",
        b"*1\r\n$9\r\nSINTERCRD\r\n",
        b"*0\r\n",
        b"*2\r\n$3\r\nGET\r\n$01\r\nk\r\n",
        b"*2\r\n$3\r\nGET\r\n$10\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
        b"GET k\r\n*1\r\n$4\r\nPING\r\n",
        b"*2\r\n$3\r\nGET\r\n$1000\r\nk\r\n",
    ];

    /// What the reader says of the command that begins `data`: its name and its end.
    fn read(data: &[u8]) -> Option<(Vec<u8>, usize)> {
        let mut reader = CommandReader::new(CommandLimits::default());
        let read = reader.read(data, |_| Keep::Nothing);
        (read.step == Step::Command && !reader.name_truncated())
            .then(|| (reader.name().to_vec(), read.consumed))
    }

    /// Whether a glance sees a command; what it sees, new or as one that is known, is what the reader reads.
    fn check(data: &[u8], known: &mut Glance<(u64, usize)>) -> bool {
        let asked = glance(data, |name, len| Some((name, len)));
        let seen = known.next(data, |name, len| Some((name, len)));
        assert_eq!(asked, seen, "{}", data.escape_ascii());
        let Some((behind, (name, len))) = seen else { return false };
        let end = data.len() - behind.len();
        let name = name.to_le_bytes()[..len].to_vec();
        assert_eq!(Some((name, end)), read(data), "{}", data.escape_ascii());
        true
    }

    /// E4: whatever a glance takes for a command is what the reader finds there; cut, or with any byte changed, too.
    #[test]
    fn e4_a_glance_sees_what_the_reader_reads() {
        let mut known = Glance::new((0, 0));
        let mut seen = 0;
        for text in TEXTS {
            for behind in ["", "*", "\r\n", "*1\r\n$4\r\nPING\r\n"] {
                let whole = [text, behind.as_bytes()].concat();
                seen += usize::from(check(&whole, &mut known));
                for cut in 0..whole.len() {
                    check(&whole[..cut], &mut known);
                }
                for at in 0..text.len().min(40) {
                    let mut changed = whole.clone();
                    for byte in 0..=255 {
                        changed[at] = byte;
                        check(&changed, &mut known);
                        // So that it is known again.
                        check(&whole, &mut known);
                    }
                }
            }
        }
        // A PING with fewer than two bytes behind it is left to the reader.
        assert_eq!(seen, 4 * 6 + 2);
    }

    /// E4: of every length that is written in up to five digits.
    #[test]
    fn e4_a_glance_reads_lengths_of_five_digits() {
        let mut known = Glance::new((0, 0));
        let body = vec![b'x'; 100_002];
        for len in (0..1100).chain([9_999, 10_000, 16_384, 65_535, 99_999, 100_000]) {
            let mut text = format!("*2\r\n$3\r\nGET\r\n${len}\r\n").into_bytes();
            text.extend_from_slice(&body[..len]);
            text.extend_from_slice(b"\r\n");
            assert_eq!(check(&text, &mut known), len < 100_000, "{len}");
            for digits in ["0", "+", "-", "x"] {
                let wrong = text.iter().position(|byte| *byte == b'T').unwrap_or_default() + 4;
                let text = [&text[..wrong], digits.as_bytes(), &text[wrong..]].concat();
                assert!(!check(&text, &mut known));
            }
        }
    }

    /// E4: of an argument whose length is not remembered nothing is: what is no argument is not taken for one like it.
    #[test]
    fn e4_a_long_argument_is_seen_anew() {
        let long = [&b"*2\r\n$3\r\nGET\r\n$1000\r\n"[..], &[b'x'; 1000], b"\r\n"].concat();
        for byte in [0, b'x', u8::MAX] {
            let mut known = Glance::new((0, 0));
            assert!(check(&long, &mut known));
            let mut wrong = long.clone();
            wrong[b"*2\r\n$3\r\nGET".len()..][..8].fill(byte);
            assert!(!check(&wrong, &mut known));
        }
    }
}
