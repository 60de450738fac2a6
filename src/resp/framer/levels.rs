//! Open levels: what they want, and what closes them.

use super::step::State;
use super::{FAR_LEVELS, FrameError, Framer, NEAR_LEVELS};

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

    /// Opens a level of `count` elements or pairs, which is not 0, or `None` for a streamed one.
    pub(super) fn open(&mut self, kind: u8, count: Option<u64>) -> Result<(), FrameError> {
        if self.depth == self.limits.max_depth {
            return Err(FrameError::TooDeep);
        }
        let pairs = matches!(kind, b'%' | b'|');
        let prefix = kind == b'|' && self.depth > 0;
        if !prefix {
            self.left -= 1;
        }
        let around = usize::from(self.depth);
        if around < NEAR_LEVELS {
            self.near[around] = self.left;
        } else {
            let far = self.far.get_or_insert_with(|| Box::new([0; FAR_LEVELS]));
            far[around - NEAR_LEVELS] = self.left;
        }
        self.depth += 1;
        self.streamed = self.streamed << 1 | u64::from(count.is_none());
        self.pairs = self.pairs << 1 | u64::from(pairs);
        self.attribute = self.attribute << 1 | u64::from(prefix);
        // A streamed level may have as many as any other: one more would bring `left` to 0, which is the error.
        let elements = count.unwrap_or(self.limits.max_elements) << u8::from(pairs);
        self.left = elements + u64::from(count.is_none());
        Ok(())
    }

    /// Closes every level that wants no more elements.
    pub(super) fn close(&mut self) -> Result<(), FrameError> {
        while self.left == 0 && self.depth > 0 {
            if self.streamed & 1 == 1 {
                return Err(FrameError::TooManyElements);
            }
            let prefix = self.attribute & 1 == 1;
            self.leave();
            if prefix {
                self.state = State::AfterAttribute;
            }
        }
        Ok(())
    }

    /// Goes back to the level around the innermost one.
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
        self.streamed >>= 1;
        self.pairs >>= 1;
        self.attribute >>= 1;
        let around = usize::from(self.depth);
        self.left = match &self.far {
            Some(far) if around >= NEAR_LEVELS => far[around - NEAR_LEVELS],
            _ => self.near[around],
        };
    }
}
