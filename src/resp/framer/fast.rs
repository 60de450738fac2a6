//! Whole tokens, through words of the input: what nearly every reply is made of.

use memchr::memchr;

use super::guess::Guess;
use super::lines::{WINDOW, ends_line, first_word, line_ends, short_window};
use super::step::State;
use super::{Broken, Framer};

/// `+OK\r\n` as a little-endian word, and `$-1\r\n`; `FIVE_BYTES` cuts a word to their size.
const OK_LINE: u64 = u64::from_le_bytes(*b"+OK\r\n\0\0\0");
const NULL_BULK: u64 = u64::from_le_bytes(*b"$-1\r\n\0\0\0");
const FIVE_BYTES: u64 = 0xff_ffff_ffff;

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
        let mut short;
        let mut odd = None;
        let mut pos = start;
        let mut left = self.left;
        // At depth 0 `left` is what the caller wants, and may be 0 on entry; deeper it never is.
        while left != 0 {
            let rest = &data[pos..];
            let window = match rest.first_chunk::<WINDOW>() {
                Some(window) => window,
                None if rest.is_empty() => break,
                None => {
                    short = short_window(rest);
                    &short
                }
            };
            let word = first_word(window);
            let end = match word as u8 {
                b'+' if word & FIVE_BYTES == ok_line => {
                    self.note(pos, pos + 5);
                    pos + 5
                }
                b'+' | b'-' | b':' | b',' | b'_' | b'#' | b'(' => {
                    let (returns, feeds) = line_ends(window);
                    let allowed = returns & line_mask;
                    let first = allowed & allowed.wrapping_neg();
                    self.note_token(pos, rest.len(), window, WINDOW);
                    if first << 1 & feeds == 0 {
                        match self.long_line(rest, pos, returns) {
                            Some(size) => pos + size,
                            None => break,
                        }
                    } else {
                        pos + if first == guess.line { guess.line_size } else { guess.learn_line(first) }
                    }
                }
                b'$' | b'=' | b'!' => {
                    self.note_token(pos, rest.len(), window, 8);
                    let size = if guess.bulks[0].head.is_of(word) {
                        guess.bulks[0].size
                    } else if guess.bulks[1].head.is_of(word) {
                        guess.bulks[1].size
                    } else if let Some(size) = guess.learn_bulk(word) {
                        size
                    } else if word & FIVE_BYTES == NULL_BULK {
                        5
                    } else {
                        break;
                    };
                    if size > rest.len() {
                        break;
                    }
                    self.note_end(word, pos + size);
                    if !ends_line(rest, size) {
                        break;
                    }
                    pos + size
                }
                kind @ (b'*' | b'%' | b'~') => {
                    self.note_token(pos, rest.len(), window, 8);
                    if !guess.aggregate.head.is_of(word) && !guess.learn_aggregate(word) {
                        break;
                    }
                    let elements = guess.aggregate.elements;
                    if elements != 0 {
                        if self.depth >= self.limits.max_depth {
                            break;
                        }
                        self.open_plain(kind, left - 1, elements);
                        pos += guess.aggregate.size;
                        left = elements;
                        continue;
                    }
                    pos + guess.aggregate.size
                }
                other => {
                    odd = Some(other);
                    break;
                }
            };
            pos = end;
            left -= 1;
            if left == 0 && self.depth > 0 {
                self.left = 0;
                self.close().map_err(|error| Broken { at: pos, error })?;
                left = self.left;
                if self.state != State::Type {
                    break;
                }
            }
        }
        self.left = left;
        Ok((pos, odd))
    }

    /// The size of a line that ends beyond its window, if it does, whole and within the limit.
    #[inline(never)]
    fn long_line(&mut self, rest: &[u8], _pos: usize, returns: u32) -> Option<usize> {
        const LAST: usize = WINDOW - 1;
        if returns & ((1 << LAST) - 1) != 0 {
            return None;
        }
        // The type, and the line, and one more: that may be the `\r`.
        let look = rest.len().min((self.limits.max_line_len as usize).saturating_add(2));
        let found = memchr(b'\r', rest.get(LAST..look)?);
        self.note(
            _pos + WINDOW.min(look),
            _pos + found.map_or(look, |at| rest.len().min(LAST + at + 2)).max(WINDOW.min(look)),
        );
        let size = LAST + found? + 2;
        ends_line(rest, size).then_some(size)
    }

    /// Tests count here what was looked at of a token that begins at `pos`: no more than `most`, and of it.
    #[inline(always)]
    fn note_token(&mut self, _pos: usize, _rest: usize, _window: &[u8; WINDOW], _most: usize) {
        #[cfg(test)]
        {
            let token = _window.iter().position(|&byte| byte == b'\r').map_or(WINDOW, |at| at + 2);
            self.audit.note(_pos, _pos + token.min(_most).min(_rest));
        }
    }

    /// Tests count here the end of a bulk, which `$-1` has not.
    #[inline(always)]
    fn note_end(&mut self, _word: u64, _end: usize) {
        #[cfg(test)]
        if _word & FIVE_BYTES != NULL_BULK {
            self.audit.note(_end - 2, _end);
        }
    }
}
