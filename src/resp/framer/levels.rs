//! Open levels: what they want, and what closes them.

use super::step::State;
use super::{FAR_LEVELS, FrameError, Framer, NEAR_LEVELS};

/// What a level is, in the top bits that the count of its elements leaves free: it ends by `.`,
const STREAMED: u64 = 1 << 63;
/// its elements are pairs,
const PAIRS: u64 = 1 << 62;
/// it is an attribute inside another level, and no element of it.
const PREFIX: u64 = 1 << 61;
/// The most that a level can want.
pub(super) const LEFT_CAP: u64 = PREFIX - 1;

impl Framer {
    /// An element that opens no level has ended.
    pub(super) fn end_element(&mut self) -> Result<(), FrameError> {
        self.state = State::Type;
        self.left -= 1;
        self.close()
    }

    /// The innermost level has ended by `.`.
    pub(super) fn end_stream(&mut self) -> Result<(), FrameError> {
        self.state = State::Type;
        self.leave();
        self.close()
    }

    /// May the innermost level end by `.` here?
    pub(super) fn stream_may_end(&self) -> bool {
        // `left` began at an odd number, so between pairs it is odd again.
        let inside_pair = self.is & PAIRS != 0 && self.left & 1 == 0;
        self.is & STREAMED != 0 && !inside_pair
    }

    /// Opens a level of `count` elements or pairs, which is not 0, or `None` for a streamed one.
    pub(super) fn open(&mut self, kind: u8, count: Option<u64>) -> Result<(), FrameError> {
        if self.depth == self.limits.max_depth {
            return Err(FrameError::TooDeep);
        }
        let pairs = matches!(kind, b'%' | b'|');
        let mut is = if pairs { PAIRS } else { 0 };
        if kind == b'|' && self.depth > 0 {
            is |= PREFIX;
        } else {
            self.left -= 1;
        }
        // A streamed level may have as many as any other: one more would bring `left` to 0, which is the error.
        let mut left = count.unwrap_or(self.limits.max_elements) << u8::from(pairs);
        if count.is_none() {
            is |= STREAMED;
            left += 1;
        }
        self.enter(is, left);
        Ok(())
    }

    /// Opens a level of a plain kind that wants `left` elements; `outside` is left of the level around it. The caller
    /// has looked at the depth.
    #[inline(always)]
    pub(super) fn open_plain(&mut self, kind: u8, outside: u64, left: u64) {
        self.left = outside;
        self.enter(if kind == b'%' { PAIRS } else { 0 }, left);
    }

    #[inline(always)]
    fn enter(&mut self, is: u64, left: u64) {
        let around = usize::from(self.depth);
        match self.near.get_mut(around) {
            Some(place) => *place = self.left | self.is,
            None => self.enter_far(around - NEAR_LEVELS),
        }
        self.depth += 1;
        self.is = is;
        self.left = left;
    }

    #[cold]
    fn enter_far(&mut self, place: usize) {
        let far = self.far.get_or_insert_with(|| Box::new([0; FAR_LEVELS]));
        far[place] = self.left | self.is;
    }

    /// Closes every level that wants no more elements.
    pub(super) fn close(&mut self) -> Result<(), FrameError> {
        while self.left == 0 && self.depth > 0 {
            if self.is & STREAMED != 0 {
                return Err(FrameError::TooManyElements);
            }
            let prefix = self.is & PREFIX != 0;
            self.leave();
            if prefix {
                self.state = State::AfterAttribute;
            }
        }
        Ok(())
    }

    /// Closes every level that wants no more elements, of which none is streamed or an attribute; gives what the innermost
    /// open level still wants, or the caller, which may be 0.
    #[inline(always)]
    pub(super) fn close_plain(&mut self) -> u64 {
        self.left = 0;
        while self.left == 0 && self.depth > 0 {
            self.leave();
        }
        self.left
    }

    /// Goes back to the level around the innermost one.
    fn leave(&mut self) {
        self.depth -= 1;
        let around = usize::from(self.depth);
        let level = match (self.near.get(around), &self.far) {
            (Some(level), _) => *level,
            (None, Some(far)) => far[around - NEAR_LEVELS],
            (None, None) => 0, // never: `enter` has made room
        };
        self.left = level & LEFT_CAP;
        self.is = level & !LEFT_CAP;
    }
}
