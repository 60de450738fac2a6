//! Memory that may not be there. What a host or a server sizes is asked for here, before anything has changed; what cannot be had is
//! an error, or the part that needs it is left out. Knows nothing of what it is for.

use crate::error::{Error, Result};
use core::fmt;
use core::ops::{Deref, DerefMut};
use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

const fn no_memory<T>(more: usize) -> Error {
    Error::NoMemory { bytes: more.saturating_mul(size_of::<T>()) }
}

/// A list that can be asked for room, after which so many more go in without an allocation.
pub(crate) trait Room {
    /// Room for `more`, or an error and nothing has changed.
    fn room(&mut self, more: usize) -> Result<()>;
}

impl<T> Room for Vec<T> {
    #[inline]
    fn room(&mut self, more: usize) -> Result<()> {
        self.try_reserve(more).map_err(|_| no_memory::<T>(more))
    }
}

impl<T> Room for VecDeque<T> {
    #[inline]
    fn room(&mut self, more: usize) -> Result<()> {
        self.try_reserve(more).map_err(|_| no_memory::<T>(more))
    }
}

impl Room for String {
    fn room(&mut self, more: usize) -> Result<()> {
        self.try_reserve(more).map_err(|_| no_memory::<u8>(more))
    }
}

impl<T: Eq + Hash, S: BuildHasher> Room for HashSet<T, S> {
    fn room(&mut self, more: usize) -> Result<()> {
        self.try_reserve(more).map_err(|_| no_memory::<T>(more))
    }
}

/// A copy.
pub(crate) fn copy<T: Copy>(all: &[T]) -> Result<Vec<T>> {
    let mut out = Vec::new();
    out.try_reserve_exact(all.len()).map_err(|_| no_memory::<T>(all.len()))?;
    out.extend_from_slice(all);
    Ok(out)
}

/// A value of its own place in memory: a box that can be asked for.
#[derive(Debug)]
pub(crate) struct Place<T>(Box<[T; 1]>);

/// A place with nothing in it yet.
#[derive(Debug)]
pub(crate) struct Vacant<T>(Vec<T>);

impl<T> Vacant<T> {
    pub(crate) fn new() -> Result<Self> {
        let mut none = Vec::new();
        none.try_reserve_exact(1).map_err(|_| no_memory::<T>(1))?;
        Ok(Self(none))
    }

    /// Puts `value` there, without an allocation.
    pub(crate) fn fill(mut self, value: T) -> Place<T> {
        self.0.push(value);
        Place(self.0.into_boxed_slice().try_into().unwrap_or_else(|_| unreachable!("it is one")))
    }
}

impl<T> Place<T> {
    pub(crate) fn new(value: T) -> Result<Self> {
        Ok(Vacant::new()?.fill(value))
    }

    /// One whose memory is not asked for.
    pub(crate) fn of(value: T) -> Self {
        Self(Box::new([value]))
    }

    /// As `Box::into_raw`: an array of one is as what is in it.
    pub(crate) fn into_raw(self) -> *mut T {
        Box::into_raw(self.0).cast()
    }

    pub(crate) fn into_inner(self) -> T {
        let [value] = *self.0;
        value
    }
}

impl<T> Deref for Place<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.0[0]
    }
}

impl<T> DerefMut for Place<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0[0]
    }
}

/// Asks for so many bytes and gives them back: for what cannot be asked for itself, just before it is made.
pub(crate) fn ask(bytes: usize) -> Result<()> {
    let mut place = Vec::<u8>::new();
    place.try_reserve_exact(bytes).map_err(|_| no_memory::<u8>(bytes))
}

/// A value that is shared. The language has none that can be asked for.
pub(crate) fn shared<T>(value: T) -> Result<Arc<T>> {
    /// Two counts.
    const COUNTS: usize = 2 * size_of::<usize>();
    ask(size_of::<T>() + COUNTS)?;
    Ok(Arc::new(value))
}

/// Text that is being written as long as there is memory for it.
#[derive(Default)]
struct Text(String);

impl fmt::Write for Text {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0.try_reserve(part.len()).map_err(|_| fmt::Error)?;
        self.0.push_str(part);
        Ok(())
    }
}

/// The whole text, or none.
pub(crate) fn text(write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) -> Option<String> {
    let mut text = Text::default();
    write(&mut text).ok().map(|()| text.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_what_cannot_be_had_is_an_error_and_changes_nothing() {
        let mut list = vec![1_u64];
        let bytes = isize::MAX as usize / 8 * 8;
        assert_eq!(list.room(isize::MAX as usize / 8), Err(Error::NoMemory { bytes }));
        assert_eq!(VecDeque::from(list.clone()).room(usize::MAX), Err(Error::NoMemory { bytes: usize::MAX }));
        list.room(100).expect("memory");
        assert!(list.capacity() > 100 && list == [1]);
    }

    #[test]
    fn a_place_is_as_large_as_what_is_in_it() {
        let mut place = Place::new([7_u64; 9]).expect("memory");
        place[8] = 8;
        assert_eq!((size_of_val(&place), place.into_inner()[7..].to_vec()), (size_of::<usize>(), vec![7, 8]));
        assert_eq!(text(|t| write!(t, "{}", 7)).as_deref(), Some("7"));
        assert_eq!(text(|_| Err(fmt::Error)), None);
    }
}
