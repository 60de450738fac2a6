//! The shape of an aggregate: where its types, lengths and line ends are. If the last aggregates had one shape, the next
//! may have it too, and is compared with it, a block at a time: how many elements it has does not matter then.

use memchr::memchr;

use super::Framer;
use super::bits::BLOCK;
use super::block::Block;
use super::guess::Head;

/// An aggregate with more blocks than these has no shape: a shape takes memory of the stack.
const BLOCKS: usize = 8;
/// So many aggregates of one size in a row have one shape, it is believed.
const ALIKE: u32 = 3;
/// A shape that so many aggregates in a row began with and did not have is forgotten.
const MISSES: u32 = 2;

/// What is known of the shapes of aggregates in one call.
pub(super) struct Shapes {
    /// Bytes of the last aggregate without another inside, and how many before it had as many.
    last: usize,
    alike: u32,
    /// The header of what has the shape.
    pub(super) head: Head,
    shape: Option<Shape>,
}

/// An aggregate of lines and bulks and nothing else.
struct Shape {
    /// Where each begins, and which tokens begin in it.
    blocks: [(usize, Block, u64); BLOCKS],
    used: usize,
    size: usize,
    kind: u8,
    elements: u64,
    misses: u32,
}

impl Shapes {
    pub(super) fn new() -> Self {
        Self { last: 0, alike: 0, head: Head::NONE, shape: None }
    }

    /// An aggregate of which nothing is left in doubt, and which has none inside, has ended: does it tell a shape?
    #[inline(always)]
    pub(super) fn is_telling(&mut self, size: usize) -> bool {
        self.alike = if size == self.last { self.alike + 1 } else { 0 };
        self.last = size;
        self.alike == ALIKE
    }
}

impl Shape {
    const NONE: Self =
        Self { blocks: [(0, Block::EMPTY, 0); BLOCKS], used: 0, size: 0, kind: 0, elements: 0, misses: 0 };

    /// Takes the shape of an aggregate that was framed, and gives its header. `None`: it is too small, or there is no
    /// room for it.
    fn take(&mut self, frame: &[u8]) -> Option<Head> {
        let word = u64::from_le_bytes(*frame.first_chunk()?);
        (self.size, self.kind) = (frame.len(), word as u8);
        self.begin(0)?;
        let mut at = self.expect_line(frame, 0)?;
        let head = Head::new(word, at);
        self.elements = number(frame, 0, at) << u8::from(self.kind == b'%');
        for _ in 0..self.elements {
            self.begin(at)?;
            at = match frame.get(at..at + 2)? {
                [b'$' | b'=' | b'!', b'0'..=b'9'] => {
                    let body = self.expect_line(frame, at)?;
                    let end = body + number(frame, at, body) as usize;
                    self.expect(frame, end, end + 2)?;
                    end + 2
                }
                // Nothing inside: `$-1`, `*0`.
                [b'$' | b'*' | b'%' | b'~', _] => self.expect_line(frame, at)?,
                _ => {
                    let end = line_end(frame, at)?;
                    self.expect(frame, at, at + 1)?;
                    self.expect_no_end(at + 1, end - 2)?;
                    self.expect(frame, end - 2, end)?;
                    end
                }
            };
        }
        (at == frame.len()).then_some(head)
    }

    /// The block of a byte, and where in it. `None`: there is no room.
    fn place(&mut self, at: usize) -> Option<(usize, usize)> {
        let last = self.used.checked_sub(1);
        if let Some(last) = last.filter(|last| at < self.blocks[*last].0 + BLOCK) {
            return Some((last, at - self.blocks[last].0));
        }
        self.blocks.get_mut(self.used)?.0 = at;
        self.used += 1;
        Some((self.used - 1, 0))
    }

    fn begin(&mut self, at: usize) -> Option<()> {
        let (block, at) = self.place(at)?;
        self.blocks[block].2 |= 1 << at;
        Some(())
    }

    /// All of the line at `at`; gives its end.
    fn expect_line(&mut self, frame: &[u8], at: usize) -> Option<usize> {
        let end = line_end(frame, at)?;
        self.expect(frame, at, end)?;
        Some(end)
    }

    /// What the frame has there.
    fn expect(&mut self, frame: &[u8], from: usize, to: usize) -> Option<()> {
        for (at, byte) in (from..to).zip(frame.get(from..to)?) {
            let (block, at) = self.place(at)?;
            self.blocks[block].1.expect(at, *byte);
        }
        Some(())
    }

    /// Anything but the end of a line.
    fn expect_no_end(&mut self, from: usize, to: usize) -> Option<()> {
        for at in from..to {
            let (block, at) = self.place(at)?;
            self.blocks[block].1.expect_other(at, b'\r');
        }
        Some(())
    }

    /// How much input it is compared with.
    #[inline(always)]
    fn reach(&self) -> usize {
        self.blocks[self.used - 1].0 + BLOCK
    }

    /// The first token that is not as expected: which, and where it begins. There is input as far as the shape reaches.
    #[inline(always)]
    fn unlike(&self, rest: &[u8]) -> Option<(u64, usize)> {
        for (nth, (at, block, _)) in self.blocks[..self.used].iter().enumerate() {
            let bytes = rest.get(*at..).and_then(|rest| rest.first_chunk());
            if let Some(unlike) = bytes.map_or(Some(0), |bytes| block.unlike(bytes)) {
                return Some(self.token_of(nth, unlike));
            }
        }
        None
    }

    /// The token that a byte of a block belongs to.
    #[cold]
    fn token_of(&self, nth: usize, byte: usize) -> (u64, usize) {
        let (mut before, mut begins) = (0, 0);
        for (place, (at, _, starts)) in self.blocks[..=nth].iter().enumerate() {
            let starts = if place == nth { starts & u64::MAX >> (BLOCK - 1 - byte) } else { *starts };
            before += u64::from(starts.count_ones());
            if starts != 0 {
                begins = at + starts.ilog2() as usize;
            }
        }
        (before - 1, begins)
    }
}

/// What aggregates of one shape have left.
pub(super) struct AfterShape<'a> {
    pub(super) rest: &'a [u8],
    pub(super) left: u64,
    /// Nothing was as expected.
    pub(super) none: bool,
}

impl Framer {
    /// Learns the shape of an aggregate that was framed. Its bytes are examined for the second time.
    #[inline(never)]
    pub(super) fn learn_shape(&mut self, shapes: &mut Shapes, data: &[u8], from: usize, to: usize) {
        shapes.alike = 0;
        let shape = shapes.shape.insert(Shape::NONE);
        shapes.head = shape.take(&data[from..to]).unwrap_or(Head::NONE);
        self.note_shape(from, shape, to - from);
    }

    /// Tests count here what was looked at of an aggregate of this shape that begins at `pos`, up to `end` in it.
    #[inline(always)]
    fn note_shape(&mut self, _pos: usize, _shape: &Shape, _end: usize) {
        #[cfg(test)]
        for (at, block, _) in &_shape.blocks[.._shape.used] {
            (0..BLOCK).filter(|bit| block.sees(*bit) && at + bit < _end).for_each(|bit| {
                self.audit.note(_pos + at + bit, _pos + at + bit + 1);
            });
        }
    }

    /// Aggregates of the known shape, as many as there are; of the first that has it not, what comes before the first
    /// token that is not as expected. That there is one level more is allowed.
    #[inline(never)]
    pub(super) fn shaped<'a>(
        &mut self,
        data: &[u8],
        mut rest: &'a [u8],
        mut left: u64,
        shapes: &mut Shapes,
    ) -> AfterShape<'a> {
        let mut none = true;
        let Some(shape) = &mut shapes.shape else { return AfterShape { rest, left, none } };
        while left > 0 && rest.len() >= shape.reach() {
            let unlike = shape.unlike(rest);
            let Some((nth, begins)) = unlike else {
                shape.misses = 0;
                none = false;
                self.note_shape(data.len() - rest.len(), shape, shape.size);
                rest = &rest[shape.size..];
                left -= 1;
                continue;
            };
            // What follows the first unlike byte is not decided upon.
            if nth > 0 {
                none = false;
                self.note_shape(data.len() - rest.len(), shape, begins);
                self.open_plain(shape.kind, left - 1, shape.elements);
                left = shape.elements - (nth - 1);
                rest = &rest[begins..];
                shape.misses += 1;
            }
            if shape.misses == MISSES {
                shapes.head = Head::NONE;
            }
            break;
        }
        AfterShape { rest, left, none }
    }
}

/// Where the line ends that begins at `at`, its end included.
fn line_end(frame: &[u8], at: usize) -> Option<usize> {
    Some(at + memchr(b'\r', frame.get(at..)?)? + 2)
}

/// The length in the header from `at` to `end`, which has been believed before.
fn number(frame: &[u8], at: usize, end: usize) -> u64 {
    let digits = frame.get(at + 1..end - 2).unwrap_or_default();
    digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit.wrapping_sub(b'0')))
}
