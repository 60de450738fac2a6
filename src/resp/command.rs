//! What a client writes, read as it goes by: where each command ends, its name, how many arguments it has and, where
//! the caller asks for them, the arguments. Knows no Redis command: what to keep is the caller's decision.
//!
//! Bytes come in any pieces. The common case, a command that is whole in one piece and of which nothing is kept, copies
//! only the name and allocates nothing; bodies are skipped and never looked at.
//!
//! The reader is stricter than a Redis server in one point: every line and every body must end with CR LF (Redis skips
//! those two bytes unseen; only inline commands may end with LF alone, as there). Servers disagree about what such input means, so
//! nothing after it could be counted. What a server would refuse with `-ERR Protocol error` (and close) is an error here too.

use crate::error;
use crate::mem::Room;
use crate::rare::Rare;
use std::fmt;
use std::io::Write;

/// Bytes of a command name that are kept. No Redis command comes near.
pub const NAME_LEN: usize = 32;

/// Kept for each argument beside its bytes, and counted against [`CommandLimits::max_kept_len`].
const KEPT_OVERHEAD: usize = size_of::<u32>();

/// Limits of a [`CommandReader`]. Beyond one, a command is an error, except for `max_kept_len`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandLimits {
    /// Arguments of one command, its name included. 1,048,576: what Redis took up to version 6.2.
    pub max_args: u32,
    /// Bytes of one argument. 512 MiB: the default of the server's `proto-max-bulk-len`.
    pub max_bulk_len: u64,
    /// Bytes of an inline command. 64 KiB, as in the server.
    pub max_inline_len: u32,
    /// Bytes of arguments kept for one command (each costs 4 more). Beyond it the rest is not kept, and
    /// [`Args::is_complete`] says so: 64 KiB, enough for a SUBSCRIBE of thousands of channels.
    pub max_kept_len: u32,
}

impl Default for CommandLimits {
    fn default() -> Self {
        Self {
            max_args: 1024 * 1024,
            max_bulk_len: 512 * 1024 * 1024,
            max_inline_len: 64 * 1024,
            max_kept_len: 64 * 1024,
        }
    }
}

/// Why a stream of commands can no longer be read. Final: what follows has no boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The line after `*` is no number.
    #[error("invalid number of arguments")]
    Count,
    /// More arguments than [`CommandLimits::max_args`].
    #[error("too many arguments")]
    TooManyArgs,
    /// An argument does not begin with `$`, or the line after it is no length.
    #[error("invalid argument length")]
    Length,
    /// An argument longer than [`CommandLimits::max_bulk_len`].
    #[error("argument too long")]
    ArgTooLong,
    /// An argument is not followed by CR LF.
    #[error("argument without CR LF at its end")]
    Terminator,
    /// An inline command longer than [`CommandLimits::max_inline_len`].
    #[error("inline command too long")]
    InlineTooLong,
    /// An inline command with unbalanced quotes.
    #[error("unbalanced quotes in an inline command")]
    InlineQuotes,
    /// An inline command with a NUL byte, which a server would wait behind for ever.
    #[error("NUL in an inline command")]
    InlineNul,
}

/// How a call of [`CommandReader::read`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All data is consumed and no command ended: the reader is within one, or at a boundary if the data was empty.
    NeedMore,
    /// A command ended at `consumed`. The getters speak of it until the next `read`.
    Command,
    /// An empty line or an empty array ended at `consumed`: bytes that are no command and have no reply.
    Blank,
    /// From somewhere before `consumed` on, the bytes have no boundaries that could be known. They, and all that comes
    /// later, should go by untouched.
    Error(CommandError),
}

/// The answer of [`CommandReader::read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Bytes of the data that are accounted for; the next `read` begins after them.
    pub consumed: usize,
    /// What was found.
    pub step: Step,
}

/// What the reader should keep of a command, beside its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing (more).
    Nothing,
    /// The second argument, and ask again when it is known: the first word is only half of the name.
    Second,
    /// All arguments.
    Args,
}

/// What is known of a command when the reader asks what to keep of it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The name in upper case, at most [`NAME_LEN`] bytes of it.
    pub name: &'a [u8],
    /// The second argument as written: only when asked again after [`Keep::Second`].
    pub second: Option<&'a [u8]>,
    /// The number of arguments, the name included.
    pub argc: u32,
}

/// The arguments kept of a command, from its name on (that one in upper case, the others as written).
///
/// Its `Debug` form shows no argument: they may be credentials or the user's data.
#[derive(Clone, Copy, Default)]
pub struct Args<'a> {
    bytes: &'a [u8],
    /// Where each argument ends in `bytes`.
    ends: &'a [u32],
    start: u32,
    argc: u32,
}

impl<'a> Args<'a> {
    /// How many are kept.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many the command has (of a tail: how many of it), kept or not.
    pub fn argc(&self) -> u32 {
        self.argc
    }

    /// Whether all are kept.
    pub fn is_complete(&self) -> bool {
        self.ends.len() as u64 == u64::from(self.argc)
    }

    /// One of them.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => self.start as usize,
        };
        self.bytes.get(start..end)
    }

    /// Those after the first `count`.
    #[must_use]
    pub fn tail(&self, count: usize) -> Args<'a> {
        let skipped = count.min(self.ends.len());
        let start = match skipped.checked_sub(1) {
            Some(last) => self.ends[last],
            None => self.start,
        };
        let argc = self.argc.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        Args { bytes: self.bytes, ends: &self.ends[skipped..], start, argc }
    }

    /// All that are kept, in order.
    pub fn iter(&self) -> ArgsIter<'a> {
        ArgsIter { bytes: self.bytes, ends: self.ends.iter(), start: self.start }
    }

    /// What `encode` appends is no longer than this.
    pub fn encoded_len(&self) -> usize {
        /// A type, a length, and the ends of both lines.
        const HEAD: usize = 1 + 20 + 2 + 2;
        HEAD + self.iter().map(|arg| HEAD + arg.len()).sum::<usize>()
    }

    /// Appends the kept arguments to `out` as one command.
    pub fn encode(&self, out: &mut Vec<u8>) {
        // A vector takes everything.
        let _ = write!(out, "*{}\r\n", self.ends.len());
        for arg in self.iter() {
            let _ = write!(out, "${}\r\n", arg.len());
            out.extend_from_slice(arg);
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Args")
            .field("argc", &self.argc)
            .field("kept", &self.ends.len())
            .finish_non_exhaustive()
    }
}

impl<'a> IntoIterator for Args<'a> {
    type Item = &'a [u8];
    type IntoIter = ArgsIter<'a>;

    fn into_iter(self) -> ArgsIter<'a> {
        self.iter()
    }
}

/// The arguments of [`Args`], in order.
#[derive(Clone)]
pub struct ArgsIter<'a> {
    bytes: &'a [u8],
    ends: std::slice::Iter<'a, u32>,
    start: u32,
}

impl<'a> Iterator for ArgsIter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = *self.ends.next()?;
        let arg = self.bytes.get(self.start as usize..end as usize);
        self.start = end;
        arg
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ends.size_hint()
    }
}

impl ExactSizeIterator for ArgsIter<'_> {}

/// A number on a line of its own, read byte by byte, by the server's rules: no plus, no leading zero.
#[derive(Clone, Copy, Debug, Default)]
struct Number {
    value: u64,
    digits: u8,
    negative: bool,
    cr: bool,
}

enum Line {
    Partial,
    Value { negative: bool, value: u64 },
    Bad,
}

impl Number {
    /// Reads on up to the LF that ends the line.
    fn read(&mut self, data: &[u8], pos: &mut usize) -> Line {
        while let Some(&byte) = data.get(*pos) {
            *pos += 1;
            match byte {
                b'\n' if self.cr => return Line::Value { negative: self.negative, value: self.value },
                _ if self.cr => return Line::Bad,
                b'0'..=b'9' if self.digits == 0 || self.value != 0 => {
                    self.digits += 1;
                    self.value = self.value * 10 + u64::from(byte - b'0');
                    // 18 digits are more than any limit and fit.
                    if self.digits > 18 || (self.negative && self.value == 0) {
                        return Line::Bad;
                    }
                }
                b'-' if self.digits == 0 && !self.negative => self.negative = true,
                b'\r' if self.digits > 0 => self.cr = true,
                _ => return Line::Bad,
            }
        }
        Line::Partial
    }
}

/// A line `<mark><number>CR LF` that is whole and plain; for anything else the byte-by-byte way finds out.
#[inline(always)]
fn short_line(data: &[u8], pos: usize, mark: u8) -> Option<(u32, usize)> {
    let rest = data.get(pos..)?;
    // The most common by far: one digit.
    if let Some(&[m, d, b'\r', b'\n']) = rest.first_chunk()
        && m == mark
        && d.is_ascii_digit()
    {
        return Some((u32::from(d - b'0'), pos + 4));
    }
    longer_line(rest, mark).map(|(value, size)| (value, pos + size))
}

#[inline(never)]
fn longer_line(rest: &[u8], mark: u8) -> Option<(u32, usize)> {
    let (&m, digits) = rest.split_first()?;
    let first = digits.first()?;
    if m != mark || !(b'1'..=b'9').contains(first) {
        return None;
    }
    let mut value = 0;
    for (index, &byte) in digits.iter().take(10).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            if index == 9 {
                return None;
            }
            value = value * 10 + u32::from(digit);
        } else {
            return (byte == b'\r' && digits.get(index + 1) == Some(&b'\n')).then_some((value, index + 3));
        }
    }
    None
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Between two commands.
    Start,
    /// In the line after `*`.
    Count(Number),
    /// Before the `$` of an argument.
    Mark,
    /// In the line after `$`.
    Length(Number),
    /// In an argument, or in the CR LF after it, which `left` includes.
    Body {
        left: u64,
    },
    /// In an inline command.
    Inline,
    Failed(CommandError),
}

/// What outlives a call of `read`, and may hold credentials: wiped when it is dropped.
#[derive(Default)]
struct Kept {
    /// The arguments.
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// An inline command that came in parts.
    line: Vec<u8>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl Kept {
    /// Room for one argument more.
    fn room(&mut self, len: usize) -> error::Result<()> {
        self.ends.room(1)?;
        self.bytes.room(len)
    }

    fn push(&mut self, arg: &[u8]) {
        self.bytes.extend_from_slice(arg);
        self.end();
    }

    fn end(&mut self) {
        // Lossless: what is kept is limited by a u32.
        self.ends.push(self.bytes.len() as u32);
    }

    fn args(&self, argc: u32) -> Args<'_> {
        Args { bytes: &self.bytes, ends: &self.ends, start: 0, argc }
    }

    fn wipe(&mut self) {
        for bytes in [&mut self.bytes, &mut self.line] {
            bytes.fill(0);
            std::hint::black_box(&mut *bytes);
            bytes.clear();
        }
        self.ends.clear();
    }

    fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.bytes.is_empty() && self.line.is_empty()
    }
}

/// Reads commands as a client writes them. See the module.
pub struct CommandReader {
    limits: CommandLimits,
    state: State,
    argc: u32,
    /// Arguments not yet read to the end, the current one included.
    args_left: u32,
    len: u64,
    keep: Keep,
    name: [u8; NAME_LEN],
    /// The length of the name as written, which may exceed what is kept of it.
    name_len: u64,
    kept: Rare<Kept>,
}

impl CommandReader {
    /// A reader at a command boundary.
    pub fn new(limits: CommandLimits) -> Self {
        Self {
            limits,
            state: State::Start,
            argc: 0,
            args_left: 0,
            len: 0,
            keep: Keep::Nothing,
            name: [0; NAME_LEN],
            name_len: 0,
            kept: Rare::default(),
        }
    }

    /// Reads up to the end of one command. `decide` is asked once the name is known, before any later argument is
    /// read, and once more where it answered [`Keep::Second`].
    ///
    /// The last argument is complete only with its CR LF, so the decision of a command comes with its end at the latest.
    #[inline]
    pub fn read(&mut self, data: &[u8], mut decide: impl FnMut(&Head<'_>) -> Keep) -> Read {
        if data.is_empty() {
            return Read { consumed: 0, step: self.idle() };
        }
        let pos = match self.state {
            State::Start => {
                self.begin();
                match self.read_whole(data, &mut decide) {
                    Ok(consumed) => {
                        self.len = consumed as u64;
                        return Read { consumed, step: Step::Command };
                    }
                    Err(pos) => pos,
                }
            }
            _ => 0,
        };
        self.read_parts(data, pos, &mut decide)
    }

    /// Whether the next byte begins a command.
    pub fn at_boundary(&self) -> bool {
        matches!(self.state, State::Start)
    }

    /// Bytes of the command that just ended, or of the open one so far.
    #[expect(clippy::len_without_is_empty, reason = "the length of a command, not of a collection")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// As `len`, with the rest of the argument that has been announced.
    pub fn announced(&self) -> u64 {
        let left = if let State::Body { left } = self.state { left } else { 0 };
        self.len.saturating_add(left)
    }

    /// The name in upper case of the command that just ended, or of the open one as far as it is known; at most
    /// [`NAME_LEN`] bytes of it.
    #[inline]
    pub fn name(&self) -> &[u8] {
        &self.name[..self.name_len.min(NAME_LEN as u64) as usize]
    }

    /// Whether [`Self::name`] is only the beginning of the name.
    pub fn name_truncated(&self) -> bool {
        self.name_len > NAME_LEN as u64
    }

    /// What was kept: nothing, or the name and what follows.
    pub fn args(&self) -> Args<'_> {
        self.kept.get().map_or(Args { argc: self.argc, ..Args::default() }, |kept| kept.args(self.argc))
    }

    /// The number of arguments, the name included.
    #[inline]
    pub fn argc(&self) -> u32 {
        self.argc
    }

    /// Something is kept of a command.
    #[inline]
    pub(crate) fn keeps(&self) -> bool {
        self.kept.get().is_some_and(|kept| !kept.is_empty())
    }

    /// Forgets everything; the next byte begins a command.
    pub fn reset(&mut self) {
        self.begin();
        self.state = State::Start;
    }

    /// Gives memory back, and with it the arguments of the command that just ended. At a boundary only.
    pub(crate) fn rest(&mut self) {
        debug_assert!(self.at_boundary());
        self.kept = Rare::default();
    }

    fn idle(&self) -> Step {
        match self.state {
            State::Failed(error) => Step::Error(error),
            _ => Step::NeedMore,
        }
    }

    #[inline]
    fn begin(&mut self) {
        self.len = 0;
        self.argc = 0;
        self.name_len = 0;
        self.keep = Keep::Nothing;
        if let Some(kept) = self.kept.get_mut()
            && !kept.is_empty()
        {
            kept.wipe();
        }
    }

    /// A command that is whole in `data` and of which nothing is kept: where it ends. Otherwise, how far it was
    /// read; the state says what comes there.
    #[inline]
    fn read_whole(
        &mut self,
        data: &[u8],
        decide: &mut impl FnMut(&Head<'_>) -> Keep,
    ) -> Result<usize, usize> {
        let (argc, mut pos) = match short_line(data, 0, b'*') {
            Some((argc @ 1.., pos)) if argc <= self.limits.max_args => (argc, pos),
            _ => return Err(0),
        };
        self.argc = argc;
        self.args_left = argc;
        self.state = State::Mark;

        let (body, end) = self.whole_arg(data, pos).ok_or(pos)?;
        self.set_name(&data[body..], end - 2 - body);
        pos = end;
        self.args_left -= 1;
        self.decide_on_name(decide);
        if self.keep != Keep::Nothing {
            return if self.args_left == 0 { Ok(self.finish(pos)) } else { Err(pos) };
        }
        while self.args_left > 0 {
            let (_, end) = self.whole_arg(data, pos).ok_or(pos)?;
            self.args_left -= 1;
            pos = end;
        }
        Ok(self.finish(pos))
    }

    #[inline]
    fn finish(&mut self, pos: usize) -> usize {
        self.state = State::Start;
        pos
    }

    /// An argument that is whole in `data`: where its body begins, and where the next argument does.
    #[inline]
    fn whole_arg(&self, data: &[u8], pos: usize) -> Option<(usize, usize)> {
        let (len, body) = short_line(data, pos, b'$')?;
        let tail = data.get(body.checked_add(len as usize)?..)?;
        (tail.first_chunk() == Some(b"\r\n") && u64::from(len) <= self.limits.max_bulk_len)
            .then_some((body, body + len as usize + 2))
    }

    /// Takes the name from the beginning of `data`: a short one, which most are, in one go.
    #[inline]
    fn set_name(&mut self, data: &[u8], len: usize) {
        self.name_len = len as u64;
        if len <= 8
            && let Some(chunk) = data.first_chunk::<8>()
        {
            self.name[..8].copy_from_slice(&upper(u64::from_le_bytes(*chunk)).to_le_bytes());
        } else {
            let len = len.min(NAME_LEN);
            for (to, from) in self.name[..len].iter_mut().zip(data) {
                *to = from.to_ascii_uppercase();
            }
        }
    }

    fn add_to_name(&mut self, part: &[u8]) {
        let at = self.name_len.min(NAME_LEN as u64) as usize;
        for (to, from) in self.name[at..].iter_mut().zip(part) {
            *to = from.to_ascii_uppercase();
        }
        self.name_len += part.len() as u64;
    }

    #[inline]
    fn decide_on_name(&mut self, decide: &mut impl FnMut(&Head<'_>) -> Keep) {
        self.keep = decide(&Head { name: self.name(), second: None, argc: self.argc });
        if self.keep != Keep::Nothing {
            self.keep_name();
        }
    }

    #[cold]
    fn keep_name(&mut self) {
        let len = self.name_len.min(NAME_LEN as u64) as usize;
        if self.kept.room().and_then(|()| self.kept.make().room(len)).is_ok() {
            self.kept.make().push(&self.name[..len]);
        } else {
            self.keep = Keep::Nothing;
        }
    }

    fn read_parts(
        &mut self,
        data: &[u8],
        mut pos: usize,
        decide: &mut impl FnMut(&Head<'_>) -> Keep,
    ) -> Read {
        let step = loop {
            if pos == data.len() {
                break self.idle();
            }
            match self.state {
                State::Start if data[pos] == b'*' => {
                    pos += 1;
                    self.state = State::Count(Number::default());
                }
                State::Start => self.state = State::Inline,
                State::Count(mut number) => match number.read(data, &mut pos) {
                    Line::Partial => self.state = State::Count(number),
                    Line::Bad => break self.fail(CommandError::Count),
                    Line::Value { negative: true, .. } | Line::Value { value: 0, .. } => {
                        self.state = State::Start;
                        break Step::Blank;
                    }
                    Line::Value { value, .. } if value > u64::from(self.limits.max_args) => {
                        break self.fail(CommandError::TooManyArgs);
                    }
                    Line::Value { value, .. } => {
                        self.argc = value as u32;
                        self.args_left = value as u32;
                        self.state = State::Mark;
                    }
                },
                State::Mark => {
                    if data[pos] != b'$' {
                        break self.fail(CommandError::Length);
                    }
                    pos += 1;
                    self.state = State::Length(Number::default());
                }
                State::Length(mut number) => match number.read(data, &mut pos) {
                    Line::Partial => self.state = State::Length(number),
                    Line::Bad | Line::Value { negative: true, .. } => break self.fail(CommandError::Length),
                    Line::Value { value, .. } if value > self.limits.max_bulk_len => {
                        break self.fail(CommandError::ArgTooLong);
                    }
                    Line::Value { value, .. } => {
                        self.begin_arg(value);
                        self.state = State::Body { left: value + 2 };
                    }
                },
                State::Body { left } => match self.read_body(data, &mut pos, left) {
                    0 if self.end_arg(decide) => break Step::Command,
                    0 => self.state = State::Mark,
                    u64::MAX => break self.fail(CommandError::Terminator),
                    left => self.state = State::Body { left },
                },
                State::Inline => match self.read_inline(data, &mut pos, decide) {
                    Step::NeedMore => {}
                    step => break step,
                },
                State::Failed(error) => break Step::Error(error),
            }
        };
        self.len += pos as u64;
        Read { consumed: pos, step }
    }

    fn fail(&mut self, error: CommandError) -> Step {
        self.state = State::Failed(error);
        Step::Error(error)
    }

    fn in_name(&self) -> bool {
        self.args_left == self.argc
    }

    /// Whether there is room to keep an argument of this length; if not, none is kept from here on.
    fn begin_arg(&mut self, len: u64) {
        if self.keep != Keep::Nothing && !self.in_name() {
            let kept = self.kept.make();
            let used = kept.bytes.len() + (kept.ends.len() + 1) * KEPT_OVERHEAD;
            let fits = (used as u64).saturating_add(len) <= u64::from(self.limits.max_kept_len);
            // What there is no memory for is as what is over the limit.
            if !fits || kept.room(len as usize).is_err() {
                self.keep = Keep::Nothing;
            }
        }
    }

    /// What is left of the argument, its CR LF included; `u64::MAX` if that is something else.
    fn read_body(&mut self, data: &[u8], pos: &mut usize, mut left: u64) -> u64 {
        let there = (data.len() - *pos) as u64;
        let take = there.min(left.saturating_sub(2));
        if take > 0 {
            let part = &data[*pos..*pos + take as usize];
            if self.in_name() {
                self.add_to_name(part);
            } else if self.keep != Keep::Nothing {
                self.kept.make().bytes.extend_from_slice(part);
            }
            *pos += take as usize;
            left -= take;
        }
        while let (1..=2, Some(&byte)) = (left, data.get(*pos)) {
            if byte != if left == 2 { b'\r' } else { b'\n' } {
                return u64::MAX;
            }
            *pos += 1;
            left -= 1;
        }
        left
    }

    /// Whether this was the last argument.
    fn end_arg(&mut self, decide: &mut impl FnMut(&Head<'_>) -> Keep) -> bool {
        let name = self.in_name();
        self.args_left -= 1;
        if name {
            self.decide_on_name(decide);
        } else if self.keep != Keep::Nothing {
            self.kept.make().end();
            if self.keep == Keep::Second {
                let second = self.args().get(1);
                self.keep = decide(&Head { name: self.name(), second, argc: self.argc });
            }
        }
        if self.args_left == 0 {
            self.state = State::Start;
        }
        self.args_left == 0
    }

    #[cold]
    fn read_inline(
        &mut self,
        data: &[u8],
        pos: &mut usize,
        decide: &mut impl FnMut(&Head<'_>) -> Keep,
    ) -> Step {
        let rest = &data[*pos..];
        let found = memchr::memchr2(b'\n', 0, rest);
        let part = &rest[..found.unwrap_or(rest.len())];
        *pos += part.len();
        // What there is no memory for is as what is over the limit.
        if self.kept.room().is_err() {
            return self.fail(CommandError::InlineTooLong);
        }
        let kept = self.kept.make();
        let len = kept.line.len() + part.len();
        let mut room = || -> error::Result<()> {
            kept.line.room(part.len())?;
            kept.bytes.room(len)?;
            kept.ends.room(len / 2 + 1)
        };
        if len > self.limits.max_inline_len as usize || room().is_err() {
            return self.fail(CommandError::InlineTooLong);
        }
        if found.is_some_and(|at| rest[at] == 0) {
            return self.fail(CommandError::InlineNul);
        }
        if found.is_none() {
            kept.line.extend_from_slice(part);
            return Step::NeedMore;
        }
        *pos += 1;
        let Kept { bytes, ends, line } = kept;
        let whole = if line.is_empty() {
            part
        } else {
            line.extend_from_slice(part);
            line
        };
        if !split_line(whole.strip_suffix(b"\r").unwrap_or(whole), bytes, ends) {
            return self.fail(CommandError::InlineQuotes);
        }
        self.state = State::Start;
        // Lossless: there are no more than there are bytes in the line.
        self.argc = ends.len() as u32;
        self.args_left = 0;
        if self.argc == 0 {
            return Step::Blank;
        }
        bytes[..ends[0] as usize].make_ascii_uppercase();
        let args = kept.args(self.argc);
        let (name, second) = (args.get(0).unwrap_or_default(), args.get(1));
        let kept = name.len().min(NAME_LEN);
        self.name[..kept].copy_from_slice(&name[..kept]);
        self.name_len = name.len() as u64;
        let head = Head { name: &self.name[..kept], second: None, argc: self.argc };
        if decide(&head) == Keep::Second && second.is_some() {
            decide(&Head { second, ..head });
        }
        Step::Command
    }
}

impl fmt::Debug for CommandReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandReader")
            .field("state", &self.state)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// Eight bytes with ASCII letters in upper case.
#[inline]
pub(crate) const fn upper(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = word & (ONES * 0x7f);
    let from_a = low + ONES * (0x80 - b'a' as u64);
    let past_z = low + ONES * (0x80 - b'z' as u64 - 1);
    word ^ ((from_a & !past_z & !word & (ONES * 0x80)) >> 2)
}

/// Splits an inline command as the server does: words, "escaped \n \x41" and 'literal \'' strings. False if a quote
/// has no end, or is followed by anything but space.
fn split_line(line: &[u8], bytes: &mut Vec<u8>, ends: &mut Vec<u32>) -> bool {
    const SPACES: &[u8] = b" \t\n\r\x0b\x0c";
    let mut rest = line;
    loop {
        while let Some((first, tail)) = rest.split_first()
            && SPACES.contains(first)
        {
            rest = tail;
        }
        if rest.is_empty() {
            return true;
        }
        loop {
            match rest {
                [] => break,
                [b' ' | b'\n' | b'\r' | b'\t', tail @ ..] => {
                    rest = tail;
                    break;
                }
                [quote @ (b'"' | b'\''), tail @ ..] => {
                    let Some(tail) = split_quoted(tail, *quote, bytes) else { return false };
                    rest = tail;
                    if rest.first().is_some_and(|byte| !SPACES.contains(byte)) {
                        return false;
                    }
                    break;
                }
                [byte, tail @ ..] => {
                    bytes.push(*byte);
                    rest = tail;
                }
            }
        }
        ends.push(bytes.len() as u32); // lossless, as a line is limited by a u32
    }
}

/// The inside of a quoted string; what comes after its end.
fn split_quoted<'a>(mut rest: &'a [u8], quote: u8, out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match (rest, quote) {
            ([], _) => return None,
            ([byte, tail @ ..], _) if *byte == quote => return Some(tail),
            ([b'\\', b'x', high, low, tail @ ..], b'"')
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.push(hex(*high) * 16 + hex(*low));
                rest = tail;
            }
            ([b'\\', byte, tail @ ..], b'"') => {
                out.push(match byte {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                rest = tail;
            }
            ([b'\\', b'\'', tail @ ..], b'\'') => {
                out.push(b'\'');
                rest = tail;
            }
            ([byte, tail @ ..], _) => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}
