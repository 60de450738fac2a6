//! One whole line or bulk and nothing else: what a client that waits for each reply reads nearly every time. It needs no
//! guesses, which are only good for what follows.

use super::bits::{WINDOW, line_ends};
use super::lines::{first_word, short_window, small_header};
use super::{Framer, Scan, Stop};

/// Longer lines are for the other readers.
const LINE: usize = 32;
/// Digits of a length that are read here.
const DIGITS: usize = 8;

impl Framer {
    /// At a boundary: `data` is one line or bulk from its type to its end, within the limits. `false` decides nothing.
    #[inline(always)] // in one place: the steady path
    pub fn is_whole(&self, data: &[u8]) -> bool {
        let [kind, middle @ .., b'\r', b'\n'] = data else { return false };
        match kind {
            b'+' | b':' | b'-' | b'_' | b'#' | b',' | b'(' => {
                middle.len() <= LINE.min(self.limits.max_line_len as usize) && !has_return(middle)
            }
            b'$' => self.is_whole_bulk(middle),
            _ => false,
        }
    }

    /// `middle` is what lies between `$` and the last `\r\n`.
    fn is_whole_bulk(&self, middle: &[u8]) -> bool {
        let mut len = 0;
        for (digits, byte) in middle.iter().enumerate().take(DIGITS + 1) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return digits > 0
                    && *byte == b'\r'
                    && middle.get(digits + 1) == Some(&b'\n')
                    && middle.len() == digits + 2 + len
                    && len as u64 <= self.limits.max_bulk_len;
            }
            len = len * 10 + usize::from(digit);
        }
        false
    }

    /// The scan of input that is one line or bulk and nothing else. `None`: nothing has changed.
    #[inline(always)]
    pub(super) fn scan_whole(&mut self, data: &[u8], max_frames: u64) -> Option<Scan> {
        if !self.at_boundary() || max_frames == 0 {
            return None;
        }
        let size = self.first_size(data)?;
        self.note_whole(data, size);
        if size != data.len() {
            return None;
        }
        #[cfg(test)]
        self.audit.advance(size);
        Some(Scan {
            consumed: size,
            frames: 1,
            stop: if max_frames == 1 { Stop::Limit } else { Stop::NeedMore },
        })
    }

    /// The size of the short line or the bulk that `data` begins with, if it is whole and within the limits. `None` decides nothing.
    #[inline(always)]
    fn first_size(&self, data: &[u8]) -> Option<usize> {
        // By value: what is written to memory in two halves is not read as a whole for a dozen cycles.
        let window = match data.first_chunk::<WINDOW>() {
            Some(window) => *window,
            None if data.is_empty() => return None,
            None => short_window(data),
        };
        match window[0] {
            b'+' | b'-' | b':' | b',' | b'_' | b'#' | b'(' => {
                let (returns, feeds) = line_ends(&window);
                let end = returns & returns.wrapping_neg();
                let size = end.trailing_zeros() as usize + 2;
                let ends = end << 1 & feeds != 0 && size - 3 <= self.limits.max_line_len as usize;
                ends.then_some(size)
            }
            b'$' => {
                let (len, header) = small_header(first_word(&window))?;
                let body_end = header + len as usize;
                let ends = data.get(body_end..)?.starts_with(b"\r\n") && len <= self.limits.max_bulk_len;
                ends.then_some(body_end + 2)
            }
            _ => None,
        }
    }

    /// Tests count here what was looked at of a whole line or bulk.
    #[inline(always)]
    fn note_whole(&mut self, _data: &[u8], _size: usize) {
        #[cfg(test)]
        {
            let line = _data.iter().position(|&byte| byte == b'\r').map_or(_size, |at| at + 2);
            self.audit.note(0, line);
            if line < _size {
                self.audit.note(_size - 2, _size);
            }
        }
    }
}

/// Is a `\r` among a few bytes? Those of a number are two words that overlap.
#[inline(always)]
fn has_return(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) if bytes.len() <= 16 => {
            let zero = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
            let returns = |word: &[u8; 8]| zero(u64::from_le_bytes(*word) ^ (ONES * u64::from(b'\r')));
            returns(first) | returns(last) != 0
        }
        _ => bytes.contains(&b'\r'),
    }
}
