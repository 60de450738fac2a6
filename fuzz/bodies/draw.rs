//! Choices drawn from the bytes of an input. When they are used up, every choice is the first one.

#![allow(dead_code)] // each target uses some of it

pub struct Draw<'a>(pub &'a [u8]);

impl<'a> Draw<'a> {
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        u64::from(self.byte()) % bound
    }

    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Mostly small, sometimes anything.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            0xff => u64::MAX,
            0xfe => {
                let (taken, rest) = self.0.split_at(self.0.len().min(8));
                self.0 = rest;
                taken.iter().fold(0, |n, b| n << 8 | u64::from(*b))
            }
            n => u64::from(n),
        }
    }

    /// Up to so many bytes of the input itself.
    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let len = (self.byte() as usize).min(most).min(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}
