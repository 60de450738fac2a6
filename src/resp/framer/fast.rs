//! Whole tokens, through words of the input: what nearly every reply is made of.

use memchr::memchr;

use super::bits::{WINDOW, line_ends};
use super::block::Block;
use super::guess::{BEFORE_RUN, Guess};
use super::lines::{FIVE_BYTES, NULL_BULK, first_word, short_window};
use super::runs::AfterRun;
use super::shape::{AfterShape, Shapes};
use super::step::State;
use super::{Broken, Framer};

/// `+OK\r\n` as a little-endian word.
const OK_LINE: u64 = u64::from_le_bytes(*b"+OK\r\n\0\0\0");
/// What makes a run of `+OK` likely, and what it is made of.
const OK_RUN: &[u8] = b"+OK\r\n+OK\r\n+OK\r\n";
const OK_LINES: Block = Block::of_lines(b'+', 5);

impl Framer {
    /// Consumes tokens that lie whole in the input, up to the first that does not or is unusual, or up to the last
    /// frame that is wanted. Comes with `State::Type`, and goes with it, but for an attribute that just ended.
    ///
    /// The byte is the type where it stopped, if that alone was the reason.
    pub(super) fn fast(&mut self, data: &[u8], start: usize) -> Result<(usize, Option<u8>), Broken> {
        // A `\r` beyond the line limit is not seen here, so that the other reader finds the error.
        let line_mask = u32::MAX >> (30 - self.limits.max_line_len.min(30));
        let ok_line = if self.limits.max_line_len >= 2 { OK_LINE } else { 0 };
        let mut guess = Guess::new(&self.limits);
        let mut shapes = Shapes::new();
        // The input left when the innermost level was opened, if another was not since.
        let mut opened = 0;
        let mut short;
        let mut odd = None;
        let mut rest = &data[start..];
        let mut left = self.left;
        // At depth 0 `left` is what the caller wants, and may be 0 on entry; deeper it never is.
        'input: while left != 0 {
            // One frame or element after the other, until a level ends.
            while left != 0 {
                let pos = data.len() - rest.len();
                let window = match rest.first_chunk::<WINDOW>() {
                    Some(window) => window,
                    None if rest.is_empty() => break 'input,
                    None => {
                        short = short_window(rest);
                        &short
                    }
                };
                let word = first_word(window);
                let after = match word as u8 {
                    _ if guess.bulks[0].head.is_of(word) => {
                        let cut;
                        AfterRun { rest, left, cut } = self.bulks(data, rest, left, &guess.bulks[0]);
                        if cut {
                            break 'input;
                        }
                        continue;
                    }
                    kind if kind == guess.line_kind => {
                        let after = self.after_line(rest, pos, window, line_mask, &mut guess);
                        if guess.before_run == 0 {
                            guess.before_run = BEFORE_RUN;
                            let size = guess.line_size;
                            if let Some(after) = after.filter(|after| after.first() == Some(&kind)) {
                                let block = Block::of_lines(kind, size);
                                (rest, left) = self.lines(data, after, left - 1, &block, size);
                                continue;
                            }
                        }
                        after
                    }
                    b'+' if word & FIVE_BYTES == ok_line => {
                        if rest.starts_with(OK_RUN) {
                            let (after, wanted) = self.lines(data, rest, left, &OK_LINES, 5);
                            if wanted < left {
                                (rest, left) = (after, wanted);
                                continue;
                            }
                        }
                        self.note(pos, pos + 5);
                        rest.get(5..)
                    }
                    b'+' | b'-' | b':' | b',' | b'_' | b'#' | b'(' => {
                        (guess.line_kind, guess.before_run) = (word as u8, BEFORE_RUN);
                        self.after_line(rest, pos, window, line_mask, &mut guess)
                    }
                    b'$' | b'=' | b'!' => {
                        if guess.bulks[1].head.is_of(word) {
                            self.after_bulk(rest, pos, window, guess.bulks[1].body_end)
                        } else if let Some(body_end) = guess.learn_bulk(word) {
                            self.after_bulk(rest, pos, window, body_end)
                        } else {
                            self.note_token(pos, rest.len(), window, 8);
                            rest.get(5..).filter(|_| word & FIVE_BYTES == NULL_BULK)
                        }
                    }
                    kind @ (b'*' | b'%' | b'~') => {
                        if shapes.head.is_of(word) && self.depth < self.limits.max_depth {
                            let none;
                            AfterShape { rest, left, none } = self.shaped(data, rest, left, &mut shapes);
                            if !none {
                                opened = 0;
                                continue;
                            }
                        }
                        self.note_token(pos, rest.len(), window, 8);
                        if !guess.aggregate.head.is_of(word) && !guess.learn_aggregate(word) {
                            break 'input;
                        }
                        let Some(after) = rest.get(guess.aggregate.size..) else { break 'input };
                        let elements = guess.aggregate.elements;
                        if elements != 0 {
                            if self.depth >= self.limits.max_depth {
                                break 'input;
                            }
                            self.open_plain(kind, left - 1, elements);
                            left = elements;
                            opened = rest.len();
                            rest = after;
                            continue;
                        }
                        Some(after)
                    }
                    other => {
                        odd = Some(other);
                        break 'input;
                    }
                };
                let Some(after) = after else { break 'input };
                rest = after;
                left -= 1;
            }
            if self.depth > 0 {
                if opened != 0 && shapes.is_telling(opened - rest.len()) {
                    let (from, to) = (data.len() - opened, data.len() - rest.len());
                    self.learn_shape(&mut shapes, data, from, to);
                }
                opened = 0;
                self.left = 0;
                self.close().map_err(|error| Broken { at: data.len() - rest.len(), error })?;
                left = self.left;
                if self.state != State::Type {
                    break;
                }
            }
        }
        self.left = left;
        Ok((data.len() - rest.len(), odd))
    }

    /// What follows a line that lies whole in the input and ends as it must.
    #[inline(always)]
    fn after_line<'a>(
        &mut self,
        rest: &'a [u8],
        pos: usize,
        window: &[u8; WINDOW],
        mask: u32,
        guess: &mut Guess,
    ) -> Option<&'a [u8]> {
        let (returns, feeds) = line_ends(window);
        let allowed = returns & mask;
        let first = allowed & allowed.wrapping_neg();
        self.note_token(pos, rest.len(), window, WINDOW);
        if first << 1 & feeds == 0 {
            self.after_long_line(rest, pos, returns)
        } else if first == guess.line {
            guess.before_run -= 1;
            rest.get(guess.line_size..)
        } else {
            rest.get(guess.learn_line(first)..)
        }
    }

    /// What follows a bulk that lies whole in the input and ends as it must.
    #[inline(always)]
    fn after_bulk<'a>(
        &mut self,
        rest: &'a [u8],
        pos: usize,
        window: &[u8; WINDOW],
        body_end: u32,
    ) -> Option<&'a [u8]> {
        self.note_token(pos, rest.len(), window, 8);
        let body_end = body_end as usize;
        let (end, after) = rest.get(body_end..)?.split_first_chunk::<2>()?;
        self.note(pos + body_end, pos + body_end + 2);
        (end == b"\r\n").then_some(after)
    }

    /// What follows a line that ends beyond its window, if it does, whole and within the limit.
    #[inline(never)]
    fn after_long_line<'a>(&mut self, rest: &'a [u8], pos: usize, returns: u32) -> Option<&'a [u8]> {
        const LAST: usize = WINDOW - 1;
        if returns & ((1 << LAST) - 1) != 0 {
            return None;
        }
        // The type, and the line, and one more: that may be the `\r`.
        let look = rest.len().min((self.limits.max_line_len as usize).saturating_add(2));
        let found = memchr(b'\r', rest.get(LAST..look)?);
        let seen = found.map_or(look, |at| rest.len().min(LAST + at + 2));
        self.note(pos + WINDOW.min(seen), pos + seen);
        let (end, after) = rest[LAST + found?..].split_first_chunk::<2>()?;
        (end == b"\r\n").then_some(after)
    }

    /// Tests count here what was looked at of a token that begins at `pos`: no more than `most`, and of it.
    #[inline(always)]
    pub(super) fn note_token(&mut self, _pos: usize, _rest: usize, _window: &[u8; WINDOW], _most: usize) {
        #[cfg(test)]
        {
            let token = _window.iter().position(|&byte| byte == b'\r').map_or(WINDOW, |at| at + 2);
            self.audit.note(_pos, _pos + token.min(_most).min(_rest));
        }
    }
}
