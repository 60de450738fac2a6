//! Any token in any parts, from its first byte on.

use memchr::memchr;

use super::{Broken, FrameError, Framer};

/// A length has no more: 2^64 has 20.
const MAX_DIGITS: u8 = 20;

/// Where in a token the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// At the type of a frame or an element.
    Type,
    /// At the type of the element that an attribute belongs to.
    AfterAttribute,
    /// In a line, after `seen` bytes of it.
    Line { seen: u32 },
    /// After the `\r` of a line.
    LineFeed,
    /// In a length.
    Length { kind: u8, form: Form, digits: u8, value: u64 },
    /// After the `\r` of a length.
    LengthFeed { kind: u8, form: Form, value: u64 },
    /// In the body of a bulk or a chunk, with `left` bytes of it to come.
    Body { chunk: bool, left: u64 },
    /// After a body.
    BodyReturn { chunk: bool },
    /// After a body and its `\r`.
    BodyFeed { chunk: bool },
    /// At the `;` of a chunk.
    Chunk,
    /// After the `.` of a streamed aggregate.
    EndReturn,
    /// After the `.` of a streamed aggregate and its `\r`.
    EndFeed,
    /// Broken until it is reset.
    Failed(FrameError),
}

/// The forms of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Digits.
    Count,
    /// `-1`.
    Null,
    /// `?`.
    Streamed,
}

impl Framer {
    /// Takes at least the one byte at `pos`, and no more than the token that it belongs to.
    pub(super) fn step(&mut self, data: &[u8], pos: usize, byte: u8) -> Result<usize, Broken> {
        let next = pos + 1;
        let wrong = |error| Err(Broken { at: pos, error });
        let beyond = |error| Broken { at: next, error };
        match self.state {
            State::Line { seen } => return self.line(data, pos, seen),
            State::Body { chunk, left } => return Ok(self.body(data, pos, chunk, left)),
            _ => self.note(pos, next),
        }
        match self.state {
            State::Type | State::AfterAttribute => match self.begin(byte) {
                Ok(state) => self.state = state,
                Err(error) => return wrong(error),
            },
            State::Length { kind, form, digits, value } => match self.length(kind, form, digits, value, byte)
            {
                Ok(state) => self.state = state,
                Err(error) => return wrong(error),
            },
            State::BodyReturn { chunk } if byte == b'\r' => self.state = State::BodyFeed { chunk },
            State::EndReturn if byte == b'\r' => self.state = State::EndFeed,
            State::LineFeed if byte == b'\n' => self.end_element().map_err(beyond)?,
            State::LengthFeed { kind, form, value } if byte == b'\n' => {
                self.end_header(kind, form, value).map_err(beyond)?
            }
            State::BodyFeed { chunk: true } if byte == b'\n' => self.state = State::Chunk,
            State::BodyFeed { chunk: false } if byte == b'\n' => self.end_element().map_err(beyond)?,
            State::EndFeed if byte == b'\n' => self.end_stream().map_err(beyond)?,
            State::Chunk if byte == b';' => {
                self.state = State::Length { kind: b';', form: Form::Count, digits: 0, value: 0 };
            }
            State::Chunk => return wrong(FrameError::UnexpectedStreamEnd),
            _ => return wrong(FrameError::BadLineEnd),
        }
        Ok(next)
    }

    /// The state after the type of a frame or an element.
    fn begin(&self, byte: u8) -> Result<State, FrameError> {
        match byte {
            b'+' | b'-' | b':' | b',' | b'_' | b'#' | b'(' => Ok(State::Line { seen: 0 }),
            b'$' | b'=' | b'!' | b'*' | b'%' | b'~' | b'>' | b'|' => {
                Ok(State::Length { kind: byte, form: Form::Count, digits: 0, value: 0 })
            }
            b'.' => {
                let ends = self.state == State::Type && self.stream_may_end();
                if ends { Ok(State::EndReturn) } else { Err(FrameError::UnexpectedStreamEnd) }
            }
            b';' => Err(FrameError::UnexpectedStreamEnd),
            _ => Err(FrameError::UnknownType(byte)),
        }
    }

    /// Goes on in a line up to its `\r`.
    fn line(&mut self, data: &[u8], pos: usize, seen: u32) -> Result<usize, Broken> {
        let rest = &data[pos..];
        let room = (self.limits.max_line_len - seen) as usize;
        // One more than there is room for: that may be the `\r`.
        let look = rest.len().min(room.saturating_add(1));
        let (state, end) = match memchr(b'\r', &rest[..look]) {
            Some(at) => (State::LineFeed, pos + at + 1),
            None if look > room => {
                self.note(pos, pos + look);
                return Err(Broken { at: pos + room, error: FrameError::LineTooLong });
            }
            None => (State::Line { seen: seen + look as u32 }, pos + look),
        };
        self.note(pos, end);
        self.state = state;
        Ok(end)
    }

    /// The state after one more byte of a length.
    fn length(&self, kind: u8, form: Form, digits: u8, value: u64, byte: u8) -> Result<State, FrameError> {
        match (form, byte) {
            (Form::Count, b'0'..=b'9') if digits < MAX_DIGITS => {
                let digit = u64::from(byte - b'0');
                let value = value.checked_mul(10).and_then(|tens| tens.checked_add(digit));
                let value = value.ok_or(FrameError::BadLength)?;
                Ok(State::Length { kind, form, digits: digits + 1, value })
            }
            (Form::Count, b'-') if digits == 0 && matches!(kind, b'$' | b'*') => {
                Ok(State::Length { kind, form: Form::Null, digits: 0, value: 0 })
            }
            (Form::Null, b'1') if digits == 0 => Ok(State::Length { kind, form, digits: 1, value: 0 }),
            (Form::Count, b'?') if digits == 0 && matches!(kind, b'$' | b'*' | b'~' | b'%' | b'>') => {
                Ok(State::Length { kind, form: Form::Streamed, digits: 1, value: 0 })
            }
            (_, b'\r') if digits > 0 => {
                if form == Form::Count {
                    self.check_length(kind, value)?;
                }
                Ok(State::LengthFeed { kind, form, value })
            }
            _ => Err(FrameError::BadLength),
        }
    }

    /// Is a length within the limits?
    fn check_length(&self, kind: u8, value: u64) -> Result<(), FrameError> {
        let len = match kind {
            b'$' | b'=' | b'!' => value,
            b';' => self.chunked.saturating_add(value),
            _ if value > self.limits.max_elements => return Err(FrameError::TooManyElements),
            _ => return Ok(()),
        };
        if len > self.limits.max_bulk_len { Err(FrameError::BulkTooLong) } else { Ok(()) }
    }

    /// A header is complete: goes on to what it announces.
    fn end_header(&mut self, kind: u8, form: Form, value: u64) -> Result<(), FrameError> {
        match (kind, form) {
            (_, Form::Null) | (b';', Form::Count) if value == 0 => return self.end_element(),
            (b'$' | b'=' | b'!', Form::Count) if value == 0 => {
                self.state = State::BodyReturn { chunk: false }
            }
            (b'$' | b'=' | b'!', Form::Count) => self.state = State::Body { chunk: false, left: value },
            (b';', _) => {
                self.chunked += value;
                self.state = State::Body { chunk: true, left: value };
            }
            (b'$', _) => {
                self.chunked = 0;
                self.state = State::Chunk;
            }
            (b'|', Form::Count) if value == 0 && self.depth > 0 => self.state = State::AfterAttribute,
            (_, Form::Count) if value == 0 => return self.end_element(),
            (_, form) => {
                self.state = State::Type;
                return self.open(kind, (form == Form::Count).then_some(value));
            }
        }
        Ok(())
    }

    /// Skips a body, or as much of it as there is. `left` is not 0.
    fn body(&mut self, data: &[u8], pos: usize, chunk: bool, left: u64) -> usize {
        let here = data.len() - pos;
        match usize::try_from(left) {
            Ok(left) if left <= here => {
                self.state = State::BodyReturn { chunk };
                pos + left
            }
            _ => {
                self.state = State::Body { chunk, left: left - here as u64 };
                data.len()
            }
        }
    }
}
