//! What most connections never need: made on first use, given back when it is empty again. Knows nothing of what it is.

use crate::error::Result;
use crate::mem::Place;

/// A `T` that takes a word while there is nothing in it.
///
/// What is looked at is not made: `get` answers `None` for a `T` that is as `T::default()` makes it. Nothing gives it back
/// but `give_back_if`, which is called when a connection rests: what is used again and again is made once.
#[derive(Debug)]
pub(crate) struct Rare<T>(Option<Place<T>>);

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Rare<T> {
    /// What there is.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }

    /// What there is, to be changed.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// Gives the memory back if nothing is in it that has to stay.
    pub(crate) fn give_back_if(&mut self, is_empty: impl FnOnce(&mut T) -> bool) {
        if self.0.as_deref_mut().is_some_and(is_empty) {
            self.0 = None;
        }
    }
}

impl<T> Rare<T> {
    /// One with something in it.
    pub(crate) fn of(all: T) -> Result<Self> {
        Ok(Self(Some(Place::new(all)?)))
    }
}

impl<T: Default> Rare<T> {
    /// Makes it, so that `make` needs no memory.
    pub(crate) fn room(&mut self) -> Result<()> {
        if self.0.is_none() {
            self.0 = Some(Place::new(T::default())?);
        }
        Ok(())
    }

    /// For something to be put in.
    #[inline]
    pub(crate) fn make(&mut self) -> &mut T {
        self.0.get_or_insert_with(|| Place::of(T::default()))
    }

    /// Puts something in that is left out if there is no memory for it.
    #[inline]
    pub(crate) fn with(&mut self, put: impl FnOnce(&mut T)) {
        if self.room().is_ok() {
            put(self.make());
        }
    }

    /// All of it, and nothing stays.
    pub(crate) fn take(&mut self) -> T {
        self.0.take().map_or_else(T::default, Place::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_when_something_is_put_in_and_given_back_when_it_is_empty() {
        let mut list = Rare::<Vec<u8>>::default();
        assert_eq!((size_of_val(&list), list.get()), (size_of::<usize>(), None));
        list.make().push(1);
        list.give_back_if(|list| list.is_empty());
        assert_eq!(list.get(), Some(&vec![1]));
        list.make().clear();
        list.give_back_if(|list| list.is_empty());
        assert_eq!(list.get(), None);
        assert_eq!(list.take(), Vec::<u8>::new());
    }
}
