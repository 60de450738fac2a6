//! The first frame of a call, if it is a small aggregate: token by token, with hardly an expectation, as those of `fast` cost
//! more than they save where a client waits for each reply. What is larger goes on there.

use super::Framer;
use super::bits::{WINDOW, line_ends};
use super::guess::BulkGuess;
use super::lines::{FIVE_BYTES, NULL_BULK, first_word, last_window, small_header};

/// For so many elements in all, expectations are not worth what they cost.
const ELEMENTS: u64 = 32;

impl Framer {
    /// Consumes the tokens of a frame that lie whole in the input, up to the first that does not, is unusual, or announces
    /// much. Comes at a boundary, with a frame wanted.
    ///
    /// True: the token where it stopped has been looked at, and is for `step`.
    #[inline(never)]
    pub(super) fn few(&mut self, data: &[u8]) -> (usize, bool) {
        let line_mask = u32::MAX >> (30 - self.limits.max_line_len.min(30));
        let mut room = ELEMENTS;
        let mut bulk = BulkGuess::NONE;
        let mut rest = data;
        let mut left = self.left;
        let is_odd = 'frame: loop {
            let pos = data.len() - rest.len();
            let short;
            let window = match rest.first_chunk::<WINDOW>() {
                Some(window) => window,
                None if rest.is_empty() => break 'frame false,
                None => {
                    short = last_window(data, rest);
                    &short
                }
            };
            let word = first_word(window);
            'ended: {
                // Where the two bytes are that end the token.
                let end = if bulk.head.is_of(word) {
                    self.note_bulk(pos, rest, bulk.body_end as usize);
                    bulk.body_end
                } else {
                    match word as u8 {
                        b'+' | b'-' | b':' | b',' | b'_' | b'#' | b'(' => {
                            self.note_token(pos, rest.len(), window, WINDOW);
                            match line_ends(window).0 & line_mask {
                                0 => break 'frame true,
                                returns => returns.trailing_zeros(),
                            }
                        }
                        b'$' | b'=' | b'!' => match BulkGuess::of(word, self.limits.max_bulk_len) {
                            Some(found) => {
                                bulk = found;
                                let run = self.bulks(data, rest, left, &bulk);
                                (rest, left) = (run.rest, run.left);
                                if run.cut {
                                    break 'frame true;
                                }
                                break 'ended;
                            }
                            None => {
                                self.note_token(pos, rest.len(), window, 8);
                                if word & FIVE_BYTES != NULL_BULK {
                                    break 'frame true;
                                }
                                3
                            }
                        },
                        kind @ (b'*' | b'%' | b'~') => {
                            self.note_token(pos, rest.len(), window, 8);
                            let header = small_header(word);
                            let header = header.filter(|(count, _)| *count <= self.limits.max_elements);
                            let Some((count, size)) = header else { break 'frame true };
                            let elements = count << u8::from(kind == b'%');
                            if elements > 0 {
                                if self.depth >= self.limits.max_depth {
                                    break 'frame true;
                                }
                                if elements > room {
                                    break 'frame false;
                                }
                                room -= elements;
                                self.open_plain(kind, left - 1, elements);
                                // One more, for the header.
                                left = elements + 1;
                            } else if self.depth == 0 {
                                rest = rest.get(size..).unwrap_or_default();
                                left -= 1;
                                break 'frame false;
                            }
                            size as u32 - 2
                        }
                        _ => {
                            self.note(pos, pos + 1);
                            break 'frame true;
                        }
                    }
                };
                let (start, end) = (end as usize, end as usize + 2);
                if rest.get(start..end) != Some(b"\r\n") {
                    break 'frame true;
                }
                rest = &rest[end..];
                left -= 1;
            }
            if left == 0 {
                left = self.close_plain();
                if self.depth == 0 {
                    break 'frame false;
                }
            }
        };
        self.left = left;
        (data.len() - rest.len(), is_odd)
    }
}
