//! A queue of small records that is counted off from its front far more often than it is looked at. Knows nothing of what they
//! mean.

use crate::error::{Error, Result};
use core::fmt;
use std::alloc::{Layout, handle_alloc_error};

/// The fewest places that are asked for.
const FEWEST: usize = 4;

/// Records, each at the place that its position in the life of the queue gives it: to count some off is to move one number.
#[derive(Default)]
pub(super) struct Ring<T> {
    /// None, or a power of two of them.
    places: Box<[T]>,
    /// Position of the first record.
    front: u64,
    len: usize,
}

impl<T: Copy + Default> Ring<T> {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn front(&self) -> u64 {
        self.front
    }

    /// The place of the record number `nth`, from 0, or of what will be it.
    #[inline]
    fn place(&self, nth: usize) -> usize {
        (self.front as usize).wrapping_add(nth) & self.places.len().wrapping_sub(1)
    }

    #[inline]
    pub(super) fn get(&self, nth: usize) -> Option<T> {
        if nth < self.len { self.places.get(self.place(nth)).copied() } else { None }
    }

    #[inline]
    pub(super) fn last(&self) -> Option<T> {
        if self.len == 0 { None } else { self.get(self.len - 1) }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = T> + ExactSizeIterator {
        (0..self.len).map(|nth| self.places[self.place(nth)])
    }

    /// So many more go in without an allocation.
    #[inline]
    pub(super) fn spare(&self) -> usize {
        self.places.len() - self.len
    }

    /// Makes it at least `more`. An error, and nothing has changed.
    #[inline]
    pub(super) fn room(&mut self, more: usize) -> Result<()> {
        if more <= self.spare() { Ok(()) } else { self.grow(more) }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, more: usize) -> Result<()> {
        let no_memory = || Error::NoMemory { bytes: more.saturating_mul(size_of::<T>()) };
        let wanted = self.len.checked_add(more).and_then(usize::checked_next_power_of_two);
        let wanted = wanted.ok_or_else(no_memory)?.max(FEWEST);
        let mut places = Vec::new();
        places.try_reserve_exact(wanted).map_err(|_| no_memory())?;
        places.resize(wanted, T::default());
        let mut grown = Self { places: places.into_boxed_slice(), front: self.front, len: 0 };
        let begin = if self.is_empty() { 0 } else { self.place(0) };
        let (from_begin, before_end) = self.places.split_at(begin);
        let before_end = &before_end[..self.len.min(before_end.len())];
        grown.extend(before_end);
        grown.extend(&from_begin[..self.len - before_end.len()]);
        *self = grown;
        Ok(())
    }

    /// Where there is no memory for it, the process is aborted: `room` comes before.
    #[inline]
    pub(super) fn push_back(&mut self, record: T) {
        if self.len == self.places.len() {
            return self.push_more(record);
        }
        let place = self.place(self.len);
        self.places[place] = record;
        self.len += 1;
    }

    /// The same for some, in their order.
    #[inline(always)] // in one place that matters
    pub(super) fn extend(&mut self, records: &[T]) {
        if records.is_empty() || records.len() > self.spare() {
            return records.iter().for_each(|record| self.push_back(*record));
        }
        let start = self.place(self.len);
        let (before_end, from_begin) = records.split_at(records.len().min(self.places.len() - start));
        self.places[start..start + before_end.len()].copy_from_slice(before_end);
        self.places[..from_begin.len()].copy_from_slice(from_begin);
        self.len += records.len();
    }

    #[cold]
    #[inline(never)]
    fn push_more(&mut self, record: T) {
        if self.grow(1).is_err() {
            handle_alloc_error(Layout::new::<T>());
        }
        let place = self.place(self.len);
        self.places[place] = record;
        self.len += 1;
    }

    /// Counts off `n` of the oldest; `n` is at most `len`.
    #[inline]
    pub(super) fn drop_front(&mut self, n: usize) {
        debug_assert!(n <= self.len);
        self.front += n as u64;
        self.len -= n;
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        let record = self.get(0)?;
        self.drop_front(1);
        Some(record)
    }

    pub(super) fn pop_back(&mut self) -> Option<T> {
        let record = self.get(self.len.checked_sub(1)?)?;
        self.len -= 1;
        Some(record)
    }

    /// Gives the memory of an empty queue back; its positions go on.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            self.places = Box::default();
        }
    }
}

impl<T: Copy + Default + fmt::Debug> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} ", self.front)?;
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Against the queue of the standard library, with ends that wrap around and memory that is given back.
    #[test]
    fn s1_a_ring_is_a_queue() {
        let (mut ring, mut queue, mut front) = (Ring::<u32>::default(), VecDeque::new(), 0);
        let mut state = 1_u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for step in 0..20_000_u32 {
            match below(13) {
                0..5 => {
                    ring.push_back(step);
                    queue.push_back(step);
                }
                5..7 => {
                    let more = below(9) as usize;
                    ring.room(more).expect("memory");
                    let before = ring.places.as_ptr();
                    for record in 0..more as u32 {
                        ring.push_back(record);
                        queue.push_back(record);
                    }
                    assert_eq!(ring.places.as_ptr(), before, "there was room");
                }
                7..9 => {
                    front += u64::from(!queue.is_empty());
                    assert_eq!(ring.pop_front(), queue.pop_front());
                }
                9 => assert_eq!(ring.pop_back(), queue.pop_back()),
                10 => {
                    let n = below(queue.len() as u64 + 1) as usize;
                    front += n as u64;
                    ring.drop_front(n);
                    queue.drain(..n);
                }
                11 => {
                    let records: Vec<u32> = (0..below(12) as u32).collect();
                    ring.extend(&records);
                    queue.extend(&records);
                }
                _ => ring.shrink(),
            }
            assert_eq!((ring.front(), ring.len(), ring.is_empty()), (front, queue.len(), queue.is_empty()));
            assert!(
                ring.iter().eq(queue.iter().copied()) && ring.iter().rev().eq(queue.iter().rev().copied())
            );
            let nth = below(queue.len() as u64 + 2) as usize;
            assert_eq!(ring.get(nth), queue.get(nth).copied());
        }
    }

    #[test]
    fn s1_no_room_changes_nothing() {
        let mut ring = Ring::<u32>::default();
        ring.push_back(7);
        assert!(ring.room(usize::MAX).is_err() && ring.room(usize::MAX / 4).is_err());
        assert_eq!((ring.pop_front(), ring.pop_front(), ring.front()), (Some(7), None, 1));
    }

    #[test]
    fn s1_an_empty_ring_gives_its_memory_back() {
        let mut ring = Ring::<u32>::default();
        ring.push_back(7);
        ring.shrink();
        assert_eq!((ring.places.len(), ring.pop_front()), (FEWEST, Some(7)));
        ring.shrink();
        assert_eq!((ring.places.len(), ring.front()), (0, 1));
        ring.extend(&[]);
        ring.extend(&[8]);
        assert_eq!(ring.pop_front(), Some(8));
    }
}
