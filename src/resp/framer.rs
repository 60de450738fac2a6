//! Bytes to frame boundaries. Bodies are skipped, not looked at; nothing is copied and, up to six levels of nesting, nothing
//! is allocated. Knows no Redis command: a push within an aggregate is an element like any other (N5).
//!
//! Each byte is examined at most twice however the input is split: once by the quick look at a whole element, and once
//! by the state that goes on where the input ended.

/// Limits of what is believed (S1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramerLimits {
    /// Nesting: 32; servers send 4 or 5. At most [`MAX_DEPTH`].
    pub max_depth: u8,
    /// Length of a bulk: 512 MiB, the server's own limit.
    pub max_bulk_len: u64,
    /// Length of a line: 64 KiB.
    pub max_line_len: u32,
    /// Elements of one aggregate: 2^32.
    pub max_elements: u64,
}

/// No nesting is followed deeper.
pub const MAX_DEPTH: u8 = 64;

impl Default for FramerLimits {
    fn default() -> Self {
        Self { max_depth: 32, max_bulk_len: 512 << 20, max_line_len: 64 << 10, max_elements: 1 << 32 }
    }
}

/// Why bytes are not RESP, or are over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No type begins with this byte.
    #[error("no RESP type begins with byte 0x{0:02x}")]
    UnknownType(u8),
    /// A length is no number, or one that its type cannot have.
    #[error("a length is not a number")]
    BadLength,
    /// CR LF is missing where a line or a bulk ends.
    #[error("CR LF is missing at the end of a line or bulk")]
    BadLineEnd,
    /// A line is longer than `max_line_len`.
    #[error("a line is longer than max_line_len")]
    LineTooLong,
    /// Nesting is deeper than `max_depth`.
    #[error("nesting is deeper than max_depth")]
    TooDeep,
    /// A bulk is longer than `max_bulk_len`.
    #[error("a bulk is longer than max_bulk_len")]
    BulkTooLong,
    /// An aggregate has more elements than `max_elements`.
    #[error("an aggregate has more elements than max_elements")]
    TooManyElements,
    /// `.` or `;` outside of what is streamed, or anything else inside a streamed string.
    #[error("a stream ends where none is open, or is broken")]
    UnexpectedStreamEnd,
}

/// Why a scan stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// All input is consumed, perhaps in the middle of a frame.
    NeedMore,
    /// As many frames as asked for have ended: at a boundary.
    Limit,
    /// The next byte, not consumed, is the `>` of a push at top level.
    Push,
    /// The next byte, not consumed, is the `|` of an attribute at top level.
    Attribute,
    /// Not RESP; final until `reset`.
    Error(FrameError),
}

/// Answer of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Bytes accounted for.
    pub consumed: usize,
    /// Frames that ended in them.
    pub frames: u64,
    /// Why it stopped.
    pub stop: Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the first byte of a value.
    Start,
    /// Within a line that only has to end.
    Line { len: u32, cr: bool },
    /// Within a line that is a length.
    Length { kind: u8, head: Head },
    /// Within a bulk: bytes left, its CR LF included.
    Body { left: u64 },
    /// Broken.
    Broken(FrameError),
}

/// A length being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    value: u64,
    digits: u8,
    /// `-`, `?` or neither came first.
    sign: u8,
    cr: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Of(u64),
    Null,
    Streamed,
}

/// An open aggregate: what is left of it, and its kind in the top bits.
type Level = u64;
const ATTRIBUTE: Level = 1 << 63;
const STREAM: Level = 1 << 62;
const STRING: Level = 1 << 61;
const LEFT: Level = STRING - 1;
/// Levels kept without allocation.
const INLINE: usize = 6;

/// Finds frame boundaries in any split of a stream.
#[derive(Clone, Debug)]
pub struct Framer {
    limits: FramerLimits,
    state: State,
    depth: u8,
    levels: [Level; INLINE],
    deeper: Vec<Level>,
    #[cfg(test)]
    examined: u64,
}

/// What a quick look at a value found.
enum Quick {
    /// It ends there.
    Whole(usize),
    /// Its length line ends there.
    Head(u8, Length, usize),
    /// It is not whole: go on byte by byte.
    Cut,
    Bad(FrameError),
}

impl Framer {
    /// A framer at a boundary.
    pub fn new(limits: FramerLimits) -> Self {
        let limits = FramerLimits { max_depth: limits.max_depth.clamp(1, MAX_DEPTH), ..limits };
        Self {
            limits,
            state: State::Start,
            depth: 0,
            levels: [0; INLINE],
            deeper: Vec::new(),
            #[cfg(test)]
            examined: 0,
        }
    }

    /// No frame is open.
    #[inline]
    pub fn at_boundary(&self) -> bool {
        self.depth == 0 && self.state == State::Start
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Runs over top-level frames until `max_frames` have ended, or a push or an attribute begins.
    pub fn scan(&mut self, data: &[u8], max_frames: u64) -> Scan {
        self.run::<false>(data, max_frames)
    }

    /// Runs to the end of one frame, whatever it is; an attribute counts as one.
    pub fn scan_one(&mut self, data: &[u8]) -> Scan {
        self.run::<true>(data, 1)
    }

    fn run<const ANY: bool>(&mut self, data: &[u8], max_frames: u64) -> Scan {
        let mut at = 0;
        let mut frames = 0;
        let stop = loop {
            if self.state == State::Start {
                if self.depth == 0 {
                    if frames == max_frames {
                        break Stop::Limit;
                    }
                    match data.get(at) {
                        None => break Stop::NeedMore,
                        Some(b'>') if !ANY => break Stop::Push,
                        Some(b'|') if !ANY => break Stop::Attribute,
                        Some(_) => {}
                    }
                } else if at == data.len() {
                    break Stop::NeedMore;
                }
                match self.value(data, &mut at) {
                    Ok(ended) => frames += u64::from(ended),
                    Err(error) => break self.break_at(error),
                }
            } else if at == data.len() {
                break Stop::NeedMore;
            } else {
                match self.go_on(data, &mut at) {
                    Ok(ended) => frames += u64::from(ended),
                    Err(error) => break self.break_at(error),
                }
            }
        };
        Scan { consumed: at, frames, stop }
    }

    #[cold]
    fn break_at(&mut self, error: FrameError) -> Stop {
        self.state = State::Broken(error);
        Stop::Error(error)
    }

    /// A value begins at `at`. True if a top-level frame ended.
    #[inline]
    fn value(&mut self, data: &[u8], at: &mut usize) -> Result<bool, FrameError> {
        if matches!(data[*at], b'.' | b';') || (self.depth > 0 && self.top() & STRING != 0) {
            self.check_streamed(data[*at])?;
        }
        match quick(data, *at, &self.limits) {
            Quick::Whole(end) => {
                self.examine(data, *at, end);
                let chunk = data[*at] == b';';
                *at = end;
                if chunk { Ok(false) } else { Ok(self.complete()) }
            }
            Quick::Head(kind, length, end) => {
                self.examine(data, *at, end);
                *at = end;
                self.head(kind, length)
            }
            Quick::Cut => {
                let kind = data[*at];
                self.examine(data, *at, data.len());
                *at += 1;
                self.state = match kind {
                    b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_' | b'.' => {
                        State::Line { len: 0, cr: false }
                    }
                    b'$' | b'!' | b'=' | b'*' | b'~' | b'%' | b'>' | b'|' | b';' => {
                        State::Length { kind, head: Head { value: 0, digits: 0, sign: 0, cr: false } }
                    }
                    other => return Err(FrameError::UnknownType(other)),
                };
                if kind == b'.' {
                    self.state =
                        State::Length { kind, head: Head { value: 0, digits: 1, sign: 0, cr: false } };
                }
                Ok(false)
            }
            Quick::Bad(error) => Err(error),
        }
    }

    #[cfg(test)]
    fn examine(&mut self, data: &[u8], from: usize, to: usize) {
        // What the quick look reads: lines, but of a bulk only its length and its end.
        let bulk = matches!(data[from], b'$' | b'!' | b'=' | b';');
        self.examined += if bulk { (to - from).min(24) } else { to - from } as u64;
    }

    #[cfg(not(test))]
    #[inline(always)]
    fn examine(&mut self, _: &[u8], _: usize, _: usize) {}

    /// Within a value that an earlier input began.
    fn go_on(&mut self, data: &[u8], at: &mut usize) -> Result<bool, FrameError> {
        match self.state {
            State::Start => Ok(false),
            State::Broken(error) => Err(error),
            State::Line { len, cr } => self.go_on_line(data, at, len, cr),
            State::Length { kind, head } => self.go_on_length(data, at, kind, head),
            State::Body { left } => self.go_on_body(data, at, left),
        }
    }

    fn go_on_line(&mut self, data: &[u8], at: &mut usize, len: u32, cr: bool) -> Result<bool, FrameError> {
        let rest = &data[*at..];
        if cr {
            self.count_examined(1);
            *at += 1;
            return if rest[0] == b'\n' {
                self.state = State::Start;
                Ok(self.complete())
            } else {
                Err(FrameError::BadLineEnd)
            };
        }
        let found = memchr::memchr(b'\r', rest);
        let more = found.unwrap_or(rest.len());
        self.count_examined(more + usize::from(found.is_some()));
        let len = u64::from(len) + more as u64;
        if len > u64::from(self.limits.max_line_len) {
            return Err(FrameError::LineTooLong);
        }
        match found {
            Some(end) => {
                *at += end + 1;
                self.state = State::Line { len: len as u32, cr: true };
            }
            None => {
                *at = data.len();
                self.state = State::Line { len: len as u32, cr: false };
            }
        }
        Ok(false)
    }

    fn go_on_length(
        &mut self,
        data: &[u8],
        at: &mut usize,
        kind: u8,
        mut head: Head,
    ) -> Result<bool, FrameError> {
        while let Some(&byte) = data.get(*at) {
            *at += 1;
            self.count_examined(1);
            if head.cr {
                if byte != b'\n' {
                    return Err(FrameError::BadLineEnd);
                }
                self.state = State::Start;
                if kind == b'.' {
                    return Ok(self.end_stream());
                }
                return self.head(kind, head.length(kind)?);
            }
            head.push(byte)?;
            if kind == b'.' && byte != b'\r' {
                return Err(FrameError::BadLineEnd);
            }
        }
        self.state = State::Length { kind, head };
        Ok(false)
    }

    fn go_on_body(&mut self, data: &[u8], at: &mut usize, left: u64) -> Result<bool, FrameError> {
        let have = (data.len() - *at) as u64;
        let skip = left.saturating_sub(2).min(have);
        *at += skip as usize;
        let mut left = left - skip;
        while left <= 2 && left > 0 {
            let Some(&byte) = data.get(*at) else { break };
            self.count_examined(1);
            if byte != if left == 2 { b'\r' } else { b'\n' } {
                return Err(FrameError::BadLineEnd);
            }
            *at += 1;
            left -= 1;
        }
        if left > 0 {
            self.state = State::Body { left };
            return Ok(false);
        }
        self.state = State::Start;
        // A chunk of a streamed string is no value of its own.
        if self.depth > 0 && self.top() & STRING != 0 { Ok(false) } else { Ok(self.complete()) }
    }

    #[cfg(test)]
    fn count_examined(&mut self, n: usize) {
        self.examined += n as u64;
    }

    #[cfg(not(test))]
    #[inline(always)]
    fn count_examined(&mut self, _: usize) {}

    /// A length line has ended.
    #[inline]
    fn head(&mut self, kind: u8, length: Length) -> Result<bool, FrameError> {
        match (kind, length) {
            (b';', Length::Of(0)) => Ok(self.end_stream()),
            (b'$' | b'!' | b'=' | b';', Length::Of(len)) => {
                if len > self.limits.max_bulk_len {
                    return Err(FrameError::BulkTooLong);
                }
                self.state = State::Body { left: len + 2 };
                Ok(false)
            }
            (b'$' | b'*', Length::Null) => Ok(self.complete()),
            (b'$', Length::Streamed) => self.open(STRING),
            (b'*' | b'~' | b'%' | b'>', Length::Streamed) => self.open(STREAM),
            (b'.', _) => Ok(self.end_stream()),
            (b'*' | b'~' | b'>' | b'%' | b'|', Length::Of(count)) => {
                if count > self.limits.max_elements {
                    return Err(FrameError::TooManyElements);
                }
                let attribute = kind == b'|';
                let left = if matches!(kind, b'%' | b'|') { count.saturating_mul(2) & LEFT } else { count };
                match (left, attribute) {
                    (0, false) => Ok(self.complete()),
                    (0, true) => Ok(self.depth == 0),
                    (left, true) => self.open(left | ATTRIBUTE),
                    (left, false) => self.open(left),
                }
            }
            _ => Err(FrameError::BadLength),
        }
    }

    #[inline]
    fn open(&mut self, level: Level) -> Result<bool, FrameError> {
        if self.depth >= self.limits.max_depth {
            return Err(FrameError::TooDeep);
        }
        match self.levels.get_mut(usize::from(self.depth)) {
            Some(place) => *place = level,
            None => self.deeper.push(level),
        }
        self.depth += 1;
        Ok(false)
    }

    #[inline]
    fn top(&self) -> Level {
        match self.levels.get(usize::from(self.depth).wrapping_sub(1)) {
            Some(level) => *level,
            None => self.deeper.last().copied().unwrap_or(0),
        }
    }

    #[inline]
    fn top_mut(&mut self) -> Option<&mut Level> {
        match self.levels.get_mut(usize::from(self.depth).wrapping_sub(1)) {
            Some(level) => Some(level),
            None => self.deeper.last_mut(),
        }
    }

    fn close(&mut self) {
        if usize::from(self.depth) > INLINE {
            self.deeper.pop();
        }
        self.depth -= 1;
    }

    /// A value has ended. True if it was a top-level frame.
    #[inline]
    fn complete(&mut self) -> bool {
        loop {
            if self.depth == 0 {
                return true;
            }
            let Some(top) = self.top_mut() else { return true };
            if *top & (STREAM | STRING) != 0 {
                return false;
            }
            *top -= 1;
            if *top & LEFT != 0 {
                return false;
            }
            let attribute = *top & ATTRIBUTE != 0;
            self.close();
            if attribute {
                // It leads a value and is none itself.
                return self.depth == 0;
            }
        }
    }

    /// `.` or `;0`: the innermost stream ends, and is a value.
    fn end_stream(&mut self) -> bool {
        self.close();
        self.complete()
    }

    /// Within a stream: chunks in a string, an end only where it may be.
    fn check_streamed(&self, kind: u8) -> Result<(), FrameError> {
        let top = if self.depth > 0 { self.top() } else { 0 };
        let fits = match kind {
            b';' => top & STRING != 0,
            b'.' => top & STREAM != 0,
            _ => top & STRING == 0,
        };
        if fits { Ok(()) } else { Err(FrameError::UnexpectedStreamEnd) }
    }
}

impl Head {
    #[inline]
    fn push(&mut self, byte: u8) -> Result<(), FrameError> {
        match byte {
            b'0'..=b'9' if self.sign != b'?' && self.digits < 20 => {
                self.digits += 1;
                self.value = self
                    .value
                    .checked_mul(10)
                    .and_then(|v| v.checked_add(u64::from(byte - b'0')))
                    .ok_or(FrameError::BadLength)?;
            }
            b'-' | b'?' if self.digits == 0 && self.sign == 0 => self.sign = byte,
            b'\r' if self.digits > 0 || self.sign == b'?' => self.cr = true,
            _ => return Err(FrameError::BadLength),
        }
        Ok(())
    }

    fn length(self, kind: u8) -> Result<Length, FrameError> {
        match (self.sign, self.value, kind) {
            (0, value, _) => Ok(Length::Of(value)),
            (b'-', 1, b'$' | b'*') if self.digits == 1 => Ok(Length::Null),
            (b'?', _, b'$' | b'*' | b'~' | b'%' | b'>') => Ok(Length::Streamed),
            _ => Err(FrameError::BadLength),
        }
    }
}

const EIGHT_CR: u64 = 0x0d0d_0d0d_0d0d_0d0d;
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The end of the line that begins at `from`: position of its CR. Eight bytes a step, because most lines are short.
#[inline]
fn line_end(data: &[u8], from: usize, limit: usize) -> Result<Option<usize>, FrameError> {
    let mut at = from;
    while let Some(eight) = data.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let diff = u64::from_le_bytes(*eight) ^ EIGHT_CR;
        let hit = diff.wrapping_sub(LOW) & !diff & HIGH;
        if hit != 0 {
            return Ok(Some(at + (hit.trailing_zeros() / 8) as usize));
        }
        at += 8;
        if at - from > 64 {
            break;
        }
    }
    let end = memchr::memchr(b'\r', &data[at..]).map(|i| at + i);
    if end.unwrap_or(data.len()) - from > limit { Err(FrameError::LineTooLong) } else { Ok(end) }
}

/// Looks at the value that begins at `at`, in one piece if it is whole.
#[inline]
fn quick(data: &[u8], at: usize, limits: &FramerLimits) -> Quick {
    match data[at] {
        b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_' => quick_line(data, at, limits),
        kind @ (b'$' | b'!' | b'=' | b';') => quick_bulk(data, at, kind, limits),
        kind @ (b'*' | b'~' | b'%' | b'>' | b'|') => match quick_length(data, at + 1) {
            Ok(Some((value, end))) => Quick::Head(kind, Length::Of(value), end),
            Ok(None) => quick_odd(data, at, kind),
            Err(error) => Quick::Bad(error),
        },
        b'.' => quick_odd(data, at, b'.'),
        other => Quick::Bad(FrameError::UnknownType(other)),
    }
}

#[inline]
fn quick_line(data: &[u8], at: usize, limits: &FramerLimits) -> Quick {
    match line_end(data, at + 1, limits.max_line_len as usize) {
        Err(error) => Quick::Bad(error),
        Ok(None) => Quick::Cut,
        Ok(Some(cr)) => match data.get(cr + 1) {
            Some(b'\n') => Quick::Whole(cr + 2),
            Some(_) => Quick::Bad(FrameError::BadLineEnd),
            None => Quick::Cut,
        },
    }
}

#[inline]
fn quick_bulk(data: &[u8], at: usize, kind: u8, limits: &FramerLimits) -> Quick {
    match quick_length(data, at + 1) {
        Ok(Some((len, end))) if len <= limits.max_bulk_len => {
            let Some(after) = usize::try_from(len).ok().and_then(|len| end.checked_add(len)) else {
                return Quick::Head(kind, Length::Of(len), end);
            };
            match data.get(after..).and_then(|rest| rest.first_chunk::<2>()) {
                Some(b"\r\n") if kind != b';' || len > 0 => Quick::Whole(after + 2),
                Some(_) if kind != b';' || len > 0 => Quick::Bad(FrameError::BadLineEnd),
                _ => Quick::Head(kind, Length::Of(len), end),
            }
        }
        Ok(Some(_)) => Quick::Bad(FrameError::BulkTooLong),
        Ok(None) => quick_odd(data, at, kind),
        Err(error) => Quick::Bad(error),
    }
}

/// A plain number and its CR LF, whole: the number and where it ends.
#[inline]
fn quick_length(data: &[u8], from: usize) -> Result<Option<(u64, usize)>, FrameError> {
    let mut value: u64 = 0;
    let mut at = from;
    loop {
        match data.get(at) {
            Some(byte @ b'0'..=b'9') if at - from < 19 => {
                value = value * 10 + u64::from(byte - b'0');
                at += 1;
            }
            Some(b'\r') if at > from => {
                return match data.get(at + 1) {
                    Some(b'\n') => Ok(Some((value, at + 2))),
                    Some(_) => Err(FrameError::BadLineEnd),
                    None => Ok(None),
                };
            }
            _ => return Ok(None),
        }
    }
}

/// A length that is not a plain number, or is cut: `-1`, `?`, or the `.` of a stream.
#[cold]
fn quick_odd(data: &[u8], at: usize, kind: u8) -> Quick {
    let mut head = Head { value: 0, digits: u8::from(kind == b'.'), sign: 0, cr: false };
    for (index, &byte) in data.iter().enumerate().skip(at + 1) {
        if head.cr {
            if byte != b'\n' {
                return Quick::Bad(FrameError::BadLineEnd);
            }
            return match head.length(kind) {
                _ if kind == b'.' => Quick::Head(kind, Length::Of(0), index + 1),
                Ok(length) => Quick::Head(kind, length, index + 1),
                Err(error) => Quick::Bad(error),
            };
        }
        if kind == b'.' && byte != b'\r' {
            return Quick::Bad(FrameError::BadLineEnd);
        }
        if let Err(error) = head.push(byte) {
            return Quick::Bad(error);
        }
    }
    Quick::Cut
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of everything that can be cut.
    const STREAM: &[u8] = b"+a line that is longer than sixteen bytes\r\n:12\r\n$12\r\nhello\r\nworld\r\n*3\r\n$3\r\nabc\r\n%1\r\n+k\r\n#t\r\n*?\r\n_\r\n.\r\n$?\r\n;2\r\nhi\r\n;0\r\n*-1\r\n";

    #[test]
    fn each_byte_is_examined_at_most_twice_however_the_input_is_split() {
        for step in 1..STREAM.len() {
            let mut framer = Framer::new(FramerLimits::default());
            for piece in STREAM.chunks(step) {
                let scan = framer.scan(piece, u64::MAX);
                assert_eq!(scan.stop, Stop::NeedMore, "steps of {step}");
            }
            let (examined, len) = (framer.examined, STREAM.len() as u64);
            assert!(examined <= 2 * len, "steps of {step}: {examined} of {len}");
        }
    }
}
