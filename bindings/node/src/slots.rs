//! Handles as numbers. A number names a place and a serial that is given once in the process, so what was released, or
//! belongs to another thread, is not found.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of a number for the place: four million connections of one thread.
const PLACE_BITS: u32 = 22;
/// Numbers are whole in a double up to this many bits.
const NUMBER_BITS: u32 = 53;

/// The next serial of the process.
static SERIAL: AtomicU64 = AtomicU64::new(1);

pub struct Slots<T> {
    places: Vec<(u64, Option<Box<T>>)>,
    free: Vec<usize>,
}

impl<T> Slots<T> {
    pub const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    /// Keeps `value`. `None` if there are no more numbers.
    pub fn put(&mut self, value: T) -> Option<u64> {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let place = self.free.pop().unwrap_or(self.places.len());
        if place >> PLACE_BITS != 0 || serial >> (NUMBER_BITS - PLACE_BITS) != 0 {
            return None;
        }
        let number = serial << PLACE_BITS | place as u64;
        let filled = (number, Some(Box::new(value)));
        match self.places.get_mut(place) {
            Some(empty) => *empty = filled,
            None => self.places.push(filled),
        }
        Some(number)
    }

    pub fn get(&mut self, number: u64) -> Option<&mut T> {
        let place = (number & ((1 << PLACE_BITS) - 1)) as usize;
        match self.places.get_mut(place) {
            Some((there, Some(value))) if *there == number => Some(value),
            _ => None,
        }
    }

    /// Gives back what the number names; it names nothing afterwards.
    pub fn take(&mut self, number: u64) -> Option<Box<T>> {
        self.get(number)?;
        let place = (number & ((1 << PLACE_BITS) - 1)) as usize;
        self.free.push(place);
        self.places[place].1.take()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}
