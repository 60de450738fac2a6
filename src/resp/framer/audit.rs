//! How often each byte of a stream was examined: counted in test builds only.

/// The counts of one framer, over all its calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Audit {
    base: usize,
    pub(super) times: Vec<u8>,
}

impl Audit {
    /// The bytes `from..to` of this call's input were examined.
    pub(super) fn note(&mut self, from: usize, to: usize) {
        let (from, to) = (self.base + from, self.base + to);
        if self.times.len() < to {
            self.times.resize(to, 0);
        }
        self.times[from..to].iter_mut().for_each(|times| *times = times.saturating_add(1));
    }

    /// The call is over.
    pub(super) fn advance(&mut self, consumed: usize) {
        self.base += consumed;
    }
}
