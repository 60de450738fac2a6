//! Runs of tokens that are alike, which are what is left when nothing else is between them: loops of few instructions.

use super::Framer;
use super::bits::{BLOCK, WINDOW};
use super::block::Block;
use super::guess::BulkGuess;
use super::lines::first_word;

/// What a run has left.
pub(super) struct AfterRun<'a> {
    pub(super) rest: &'a [u8],
    /// Frames or elements still wanted.
    pub(super) left: u64,
    /// The next one is as guessed too, but not whole.
    pub(super) cut: bool,
}

impl Framer {
    /// Bulks whose headers are the same; the first is there, and at least one is wanted.
    #[inline(always)]
    pub(super) fn bulks<'a>(
        &mut self,
        data: &[u8],
        mut rest: &'a [u8],
        mut left: u64,
        bulk: &BulkGuess,
    ) -> AfterRun<'a> {
        let BulkGuess { head, body_end } = *bulk;
        let body_end = body_end as usize;
        // The next window is inside too: so nothing else asks for the end of the input.
        while rest.len() >= body_end + 2 + WINDOW {
            self.note_bulk(data.len() - rest.len(), rest, body_end);
            if rest[body_end..body_end + 2] != *b"\r\n" {
                return AfterRun { rest, left, cut: true };
            }
            rest = &rest[body_end + 2..];
            left -= 1;
            let window = rest.first_chunk().expect("a window is there");
            if left == 0 || !head.is_of(first_word(window)) {
                return AfterRun { rest, left, cut: false };
            }
        }
        self.note_bulk(data.len() - rest.len(), rest, body_end);
        match rest.get(body_end..).and_then(|end| end.strip_prefix(b"\r\n")) {
            Some(rest) => AfterRun { rest, left: left - 1, cut: false },
            None => AfterRun { rest, left, cut: true },
        }
    }

    /// Lines of `size` bytes as those of the block, up to the first that is another, or while there is a whole block.
    #[inline(never)]
    pub(super) fn lines<'a>(
        &mut self,
        data: &[u8],
        mut rest: &'a [u8],
        mut left: u64,
        block: &Block,
        size: usize,
    ) -> (&'a [u8], u64) {
        let count = BLOCK / size;
        while left >= count as u64
            && let Some(bytes) = rest.first_chunk::<BLOCK>()
        {
            let unlike = block.unlike(bytes);
            // What follows the first unlike byte is not decided upon.
            let alike = unlike.map_or(count, |at| at / size);
            let pos = data.len() - rest.len();
            self.note(pos, pos + alike * size);
            rest = &rest[alike * size..];
            left -= alike as u64;
            if unlike.is_some() {
                break;
            }
        }
        (rest, left)
    }

    /// Tests count here what was looked at of a bulk that begins at `pos`: its header, and its end if it is there.
    #[inline(always)]
    pub(super) fn note_bulk(&mut self, _pos: usize, _rest: &[u8], _body_end: usize) {
        #[cfg(test)]
        {
            let header = _rest.iter().position(|&byte| byte == b'\r').map_or(_rest.len(), |at| at + 2);
            self.audit.note(_pos, _pos + header.min(_rest.len()));
            if _rest.len() >= _body_end + 2 {
                self.audit.note(_pos + _body_end, _pos + _body_end + 2);
            }
        }
    }
}
