//! One whole small reply and nothing else: what a client that waits for each reply reads nearly every time.

use super::Framer;

/// Longer lines are for the other readers, which look at more than a byte at a time.
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
                middle.len() <= LINE.min(self.limits.max_line_len as usize)
                    && middle.iter().all(|byte| *byte != b'\r')
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
}
