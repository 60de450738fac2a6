//! Bytes that come in at the end and leave at the front. Knows nothing of what they are.

use crate::error::Result;
use crate::mem::Room;
use core::fmt;
use core::ops::Deref;

/// The bytes.
#[derive(Debug, Default)]
pub(super) struct Region {
    all: Vec<u8>,
    /// So many of them have left.
    gone: usize,
}

impl Region {
    /// Room for so many bytes more.
    pub(super) fn room(&mut self, more: usize) -> Result<()> {
        if self.all.capacity() - self.all.len() < more && self.gone >= self.len() {
            self.forget_gone();
        }
        self.all.room(more)
    }

    fn forget_gone(&mut self) {
        self.all.drain(..self.gone);
        self.gone = 0;
    }

    /// Adds bytes; after `room` for them without an allocation.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.all.extend_from_slice(bytes);
    }

    /// Takes all of `other` to its end but the last `stays` bytes, without a copy where it can: how many.
    pub(super) fn append(&mut self, other: &mut Self, stays: usize) -> Result<usize> {
        let len = other.len() - stays;
        if self.is_empty() && stays == 0 {
            *self = core::mem::take(other);
        } else {
            self.room(len)?;
            self.push(&other[..len]);
            other.advance(len);
        }
        Ok(len)
    }

    /// The first bytes leave.
    pub(super) fn advance(&mut self, len: usize) {
        self.gone += len;
        debug_assert!(self.gone <= self.all.len());
        if self.gone == self.all.len() {
            self.all.clear();
            self.gone = 0;
        }
    }

    /// The last bytes leave.
    pub(super) fn truncate(&mut self, len: usize) {
        self.all.truncate(self.gone + len);
    }

    /// Takes the parts out that `keeps` does not want: of each length in turn, and what follows them stays.
    pub(super) fn retain(&mut self, parts: impl Iterator<Item = (usize, bool)>) {
        let (mut from, mut to) = (self.gone, self.gone);
        for (len, keeps) in parts {
            if keeps {
                self.all.copy_within(from..from + len, to);
                to += len;
            }
            from += len;
        }
        self.all.drain(to..from);
    }

    /// All of it, without a copy.
    pub(super) fn into_vec(mut self) -> Vec<u8> {
        self.forget_gone();
        self.all
    }
}

impl fmt::Write for Region {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.push(part.as_bytes());
        Ok(())
    }
}

impl From<Vec<u8>> for Region {
    fn from(all: Vec<u8>) -> Self {
        Self { all, gone: 0 }
    }
}

impl Deref for Region {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.all[self.gone..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_order_and_their_room_is_used_again() {
        let mut region = Region::default();
        region.room(8).expect("memory");
        region.push(b"abcdefgh");
        let (place, room) = (region.as_ptr(), region.all.capacity());
        region.advance(6);
        region.room(room - 2).expect("memory");
        assert_eq!((region.as_ptr(), &region[..]), (place, &b"gh"[..]));
        region.push(b"ijkl");
        region.retain([(1, true), (2, false), (1, true)].into_iter());
        assert_eq!(&region[..], b"gjkl");
        region.truncate(3);
        assert_eq!(region.into_vec(), b"gjk");
    }

    #[test]
    fn s4_room_that_cannot_be_had_leaves_what_is_there() {
        let mut region = Region::from(b"abc".to_vec());
        region.advance(1);
        assert!(region.room(isize::MAX as usize).is_err());
        assert_eq!(&region[..], b"bc");
    }
}
