//! Bytes to frame boundaries, whatever the split of the input. Owns where a reply begins and ends; knows no Redis
//! command, keeps no byte, and does not know what a frame says. Up to six levels of nesting, nothing is allocated.
//!
//! # How it works
//!
//! A frame is a tree of *tokens*: a line (`+OK`), a header with its body (`$3`, `abc`), a header that opens a level
//! (`*2`), the end of a streamed level (`.`). Three readers share one state:
//!
//! * `few` and `fast` read whole tokens through words of the input, as long as they lie whole in it: the first does an
//!   aggregate at the head of a call, if it is small, the second whatever is left;
//! * `step` takes any token from its first byte on, in as many parts as it comes in.
//!
//! The first two never leave a token half read: they either consume it, or leave it to the last. So a byte is *examined*
//! (read for a decision about the token it belongs to) at most twice, however the input is split, and bytes of a body are
//! not examined at all.
//!
//! Replies repeat themselves, so the fast reader has expectations before it reads: `guess` of one token, `runs` of tokens
//! that are alike, `shape` of a whole aggregate. What is as expected is consumed; what is not ends the expectation at the
//! first token that differs, and this one is read on from there. All before it is consumed, so nothing is read again. The
//! one thing read twice by the fast reader is an aggregate that a shape is learnt from, which `step` never has seen.
//! `whole` and `few` are for input that is one small reply: there nothing is to be expected.
//!
//! # Rules
//!
//! * A line ends at its first `\r`, which must be followed by `\n`. A lone `\n` ends nothing.
//! * A length is digits, or `-1` (only `$` and `*`), or `?` (only `$ * ~ % >`).
//! * What a line says is not looked at: `:abc` is a frame.
//! * A push inside an aggregate is an element (N5). An attribute inside an aggregate is not: it belongs to what
//!   follows it.
//! * An error stays until [`Framer::reset`].

pub(super) mod bits;
mod block;
mod fast;
mod few;
mod guess;
mod levels;
mod lines;
mod runs;
mod shape;
mod step;
mod whole;

#[cfg(test)]
mod audit;
#[cfg(test)]
mod tests;

use levels::LEFT_CAP;
use step::State;

/// How many open levels are kept without an allocation.
const NEAR_LEVELS: usize = 6;
/// Levels beyond those.
const FAR_LEVELS: usize = MAX_DEPTH as usize - NEAR_LEVELS;
/// No limit lets an aggregate announce more than this, so that the count of a map can be doubled.
const ELEMENTS_CAP: u64 = LEFT_CAP >> 2;

/// No nesting is followed deeper, whatever the limit says.
pub const MAX_DEPTH: u8 = 64;

/// Limits of what is believed (S1). Whatever goes beyond one is a [`FrameError`], never memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramerLimits {
    /// Levels of aggregates (and attributes) inside each other; an empty one opens none. 32: servers send 4 or 5,
    /// scripts may return more. From 1 to [`MAX_DEPTH`].
    pub max_depth: u8,
    /// Bytes of one bulk, or of all chunks of one streamed string: 512 MiB, the server's own limit.
    pub max_bulk_len: u64,
    /// Bytes of one line after its type, its end not counted: 64 KiB.
    pub max_line_len: u32,
    /// Elements of one aggregate, or pairs of one map or attribute: 2^32.
    pub max_elements: u64,
}

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
    /// A bulk, or what a streamed string has announced, is longer than `max_bulk_len`.
    #[error("a bulk is longer than max_bulk_len")]
    BulkTooLong,
    /// An aggregate, announced or streamed, has more elements than `max_elements`.
    #[error("an aggregate has more elements than max_elements")]
    TooManyElements,
    /// `.` or `;` outside of what is streamed, between a key and its value or after an attribute, or anything else
    /// than a chunk inside a streamed string.
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
    /// Not RESP, or over a limit; final until `reset`. The bytes before `consumed` are fine.
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

/// A wrong byte: where in the input of this call, and what is wrong.
struct Broken {
    at: usize,
    error: FrameError,
}

/// What `Framer::run` stops at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Ordinary replies only.
    Replies,
    /// Any frame.
    Anything,
}

/// Finds frame boundaries in any split of a stream. Holds no byte of it.
#[derive(Clone, Debug)]
pub struct Framer {
    limits: FramerLimits,
    state: State,
    /// Open levels.
    depth: u8,
    /// Elements that the innermost open level still wants; at depth 0, frames that the caller still wants.
    left: u64,
    /// What the innermost open level is; nothing at depth 0.
    is: u64,
    /// Both in one, of the levels around it, the outermost (the caller's) first.
    near: [u64; NEAR_LEVELS],
    far: Option<Box<[u64; FAR_LEVELS]>>,
    /// Bytes that the open streamed string has announced so far.
    chunked: u64,
    #[cfg(test)]
    audit: audit::Audit,
}

impl Framer {
    /// A framer at a boundary.
    pub fn new(limits: FramerLimits) -> Self {
        let limits = FramerLimits {
            max_depth: limits.max_depth.clamp(1, MAX_DEPTH),
            max_elements: limits.max_elements.min(ELEMENTS_CAP),
            ..limits
        };
        Self {
            limits,
            state: State::Type,
            depth: 0,
            left: 0,
            is: 0,
            near: [0; NEAR_LEVELS],
            far: None,
            chunked: 0,
            #[cfg(test)]
            audit: audit::Audit::default(),
        }
    }

    /// A copy, where it takes no memory: `None` inside of more levels than are kept without.
    pub(crate) fn copy(&self) -> Option<Self> {
        self.far.is_none().then(|| Self { far: None, ..self.clone() })
    }

    /// Runs over top-level frames until `max_frames` have ended, or a push or an attribute begins. With `max_frames` 0
    /// nothing is consumed and the answer is [`Stop::Limit`].
    ///
    /// A frame that `scan_one` left open is run to its end and counted, whatever its type.
    pub fn scan(&mut self, data: &[u8], max_frames: u64) -> Scan {
        if let Some(scan) = self.scan_whole(data, max_frames) {
            return scan;
        }
        self.scan_any(data, max_frames)
    }

    /// The same, if it is not one line or bulk.
    #[inline(never)] // who has one line or bulk does not pay for it
    fn scan_any(&mut self, data: &[u8], max_frames: u64) -> Scan {
        if self.at_boundary() && max_frames > 0 && matches!(data.first(), Some(b'*' | b'%' | b'~')) {
            return self.scan_aggregate(data, max_frames);
        }
        self.run(data, max_frames, Extent::Replies)
    }

    /// The same, where the first frame is an aggregate, at a boundary.
    #[inline(never)]
    fn scan_aggregate(&mut self, data: &[u8], max_frames: u64) -> Scan {
        self.left = max_frames.min(LEFT_CAP);
        let (mut pos, is_odd) = self.few(data);
        let mut broken = None;
        if is_odd && let Some(byte) = data.get(pos) {
            // No push or attribute of the top level: an aggregate is begun.
            match self.step(data, pos, *byte) {
                Ok(next) => pos = next,
                Err(Broken { at, error }) => {
                    self.state = State::Failed(error);
                    (pos, broken) = (at, Some(error));
                }
            }
        }
        #[cfg(test)]
        self.audit.advance(pos);
        let frames = u64::from(self.at_boundary() && pos > 0);
        let stop = match broken {
            Some(error) => Stop::Error(error),
            None if frames == max_frames => Stop::Limit,
            None if pos == data.len() => Stop::NeedMore,
            None => {
                let scan = self.run(&data[pos..], max_frames - frames, Extent::Replies);
                return Scan { consumed: pos + scan.consumed, frames: frames + scan.frames, ..scan };
            }
        };
        Scan { consumed: pos, frames, stop }
    }

    /// Runs to the end of one frame, whatever it is; an attribute counts as one.
    pub fn scan_one(&mut self, data: &[u8]) -> Scan {
        self.run(data, 1, Extent::Anything)
    }

    /// No frame is open. After an error one is.
    #[inline]
    pub fn at_boundary(&self) -> bool {
        self.depth == 0 && self.state == State::Type
    }

    /// Forgets everything: the next byte is the first of a frame.
    pub fn reset(&mut self) {
        *self = Self::new(self.limits);
    }

    fn run(&mut self, data: &[u8], max_frames: u64, extent: Extent) -> Scan {
        if let State::Failed(error) = self.state {
            return Scan { consumed: 0, frames: 0, stop: Stop::Error(error) };
        }
        if max_frames == 0 {
            return Scan { consumed: 0, frames: 0, stop: Stop::Limit };
        }
        // So many never come.
        let max_frames = max_frames.min(LEFT_CAP);
        if self.depth == 0 {
            self.left = max_frames;
        } else {
            // The frame that is open has been taken from the count, as `open` does.
            self.near[0] = max_frames - 1;
        }
        let (consumed, stop) = match self.run_tokens(data, extent) {
            Ok(end) => end,
            Err(broken) => {
                self.state = State::Failed(broken.error);
                (broken.at, Stop::Error(broken.error))
            }
        };
        #[cfg(test)]
        self.audit.advance(consumed);
        let frames = if self.depth == 0 { max_frames - self.left } else { max_frames - self.near[0] - 1 };
        Scan { consumed, frames, stop }
    }

    fn run_tokens(&mut self, data: &[u8], extent: Extent) -> Result<(usize, Stop), Broken> {
        let mut pos = 0;
        loop {
            let mut odd = None;
            if self.state == State::Type {
                (pos, odd) = self.fast(data, pos)?;
            }
            let boundary = self.at_boundary();
            if boundary && self.left == 0 {
                return Ok((pos, Stop::Limit));
            }
            // A type that the fast reader does not take has been read there.
            let Some(byte) = odd.or_else(|| data.get(pos).copied()) else { return Ok((pos, Stop::NeedMore)) };
            if boundary && extent == Extent::Replies && matches!(byte, b'>' | b'|') {
                self.note(pos, pos + 1);
                return Ok((pos, if byte == b'>' { Stop::Push } else { Stop::Attribute }));
            }
            pos = self.step(data, pos, byte)?;
        }
    }

    /// Tests count the examined bytes here.
    #[inline(always)]
    fn note(&mut self, _from: usize, _to: usize) {
        #[cfg(test)]
        self.audit.note(_from, _to);
    }
}
