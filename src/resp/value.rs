//! One bounded RESP value, for notifications and the few replies that must be read. Knows no Redis command.

use std::borrow::Cow;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A simple, bulk or verbatim string.
    Text(Cow<'a, [u8]>),
    /// A simple or bulk error.
    Error(Cow<'a, [u8]>),
    /// An integer.
    Integer(i64),
    /// A double, as sent.
    Double(&'a [u8]),
    /// A boolean.
    Boolean(bool),
    /// Any null.
    Null,
    /// An array, set or push.
    Array(Vec<Value<'a>>),
    /// A map.
    Map(Vec<(Value<'a>, Value<'a>)>),
}

/// How much of a value is read.
#[derive(Clone, Debug)]
pub struct ValueLimits {
    /// Nesting.
    pub max_depth: u8,
    /// Elements in all.
    pub max_elements: usize,
    /// Bytes in all.
    pub max_bytes: usize,
}

impl Default for ValueLimits {
    fn default() -> Self {
        Self { max_depth: 8, max_elements: 8192, max_bytes: 65536 }
    }
}

/// Why no value could be read.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// The bytes end too early.
    Incomplete,
    /// Nested too deeply.
    TooDeep,
    /// Too many elements.
    TooManyElements,
    /// Too many bytes.
    TooLong,
    /// Not RESP.
    Malformed,
    /// There is no memory for its elements.
    NoMemory,
}

impl Value<'_> {
    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&[u8]> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
    /// The integer, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Integer(n) => Some(*n),
            _ => None,
        }
    }
    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

/// Reads one value; answers it and how many bytes it took.
pub fn parse<'a>(data: &'a [u8], limits: &ValueLimits) -> Result<(Value<'a>, usize), ValueError> {
    let mut reader = Reader { data, at: 0, left: limits.max_elements, limits };
    let value = reader.value(0)?;
    Ok((value, reader.at))
}

struct Reader<'a, 'l> {
    data: &'a [u8],
    at: usize,
    left: usize,
    limits: &'l ValueLimits,
}

impl<'a> Reader<'a, '_> {
    fn line(&mut self) -> Result<&'a [u8], ValueError> {
        let rest = &self.data[self.at..];
        let end = rest.windows(2).position(|w| w == b"\r\n").ok_or(ValueError::Incomplete)?;
        self.at += end + 2;
        if self.at > self.limits.max_bytes {
            return Err(ValueError::TooLong);
        }
        Ok(&rest[..end])
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], ValueError> {
        if len > self.limits.max_bytes {
            return Err(ValueError::TooLong);
        }
        let rest = &self.data[self.at..];
        let text = rest.get(..len).ok_or(ValueError::Incomplete)?;
        let end = rest.get(len..len + 2).ok_or(ValueError::Incomplete)?;
        if end != b"\r\n" {
            return Err(ValueError::Malformed);
        }
        self.at += len + 2;
        Ok(text)
    }

    fn number(line: &[u8]) -> Result<i64, ValueError> {
        std::str::from_utf8(line).ok().and_then(|s| s.parse().ok()).ok_or(ValueError::Malformed)
    }

    fn blob(&mut self, line: &[u8]) -> Result<Option<Cow<'a, [u8]>>, ValueError> {
        if line == b"?" {
            let mut all = Vec::new();
            loop {
                let head = self.line()?;
                let len = match head.split_first() {
                    Some((b';', len)) => {
                        usize::try_from(Self::number(len)?).map_err(|_| ValueError::Malformed)?
                    }
                    _ => return Err(ValueError::Malformed),
                };
                if len == 0 {
                    return Ok(Some(Cow::Owned(all)));
                }
                let part = self.take(len)?;
                all.try_reserve(part.len()).map_err(|_| ValueError::NoMemory)?;
                all.extend_from_slice(part);
            }
        }
        match Self::number(line)? {
            -1 => Ok(None),
            n => Ok(Some(Cow::Borrowed(self.take(usize::try_from(n).map_err(|_| ValueError::Malformed)?)?))),
        }
    }

    fn many(&mut self, line: &[u8], each: usize, depth: u8) -> Result<Option<Vec<Value<'a>>>, ValueError> {
        if depth >= self.limits.max_depth {
            return Err(ValueError::TooDeep);
        }
        let mut items = Vec::new();
        if line == b"?" {
            while !self.data[self.at..].starts_with(b".\r\n") {
                Self::add(&mut items, self.value(depth + 1)?)?;
            }
            self.at += 3;
            return Ok(Some(items));
        }
        let n = match Self::number(line)? {
            -1 => return Ok(None),
            n => usize::try_from(n).map_err(|_| ValueError::Malformed)?.saturating_mul(each),
        };
        if n > self.left {
            return Err(ValueError::TooManyElements);
        }
        for _ in 0..n {
            Self::add(&mut items, self.value(depth + 1)?)?;
        }
        Ok(Some(items))
    }

    /// A server says how many there are.
    fn add<T>(to: &mut Vec<T>, one: T) -> Result<(), ValueError> {
        to.try_reserve(1).map_err(|_| ValueError::NoMemory)?;
        to.push(one);
        Ok(())
    }

    fn value(&mut self, depth: u8) -> Result<Value<'a>, ValueError> {
        self.left = self.left.checked_sub(1).ok_or(ValueError::TooManyElements)?;
        let (&kind, line) = self.line()?.split_first().ok_or(ValueError::Malformed)?;
        Ok(match kind {
            b'+' => Value::Text(Cow::Borrowed(line)),
            b'-' => Value::Error(Cow::Borrowed(line)),
            b':' => Value::Integer(Self::number(line)?),
            b',' | b'(' => Value::Double(line),
            b'_' => Value::Null,
            b'#' => Value::Boolean(line == b"t"),
            b'$' => self.blob(line)?.map_or(Value::Null, Value::Text),
            b'!' => self.blob(line)?.map_or(Value::Null, Value::Error),
            b'=' => match self.blob(line)? {
                Some(Cow::Borrowed(text)) if text.get(3) == Some(&b':') => {
                    Value::Text(Cow::Borrowed(&text[4..]))
                }
                _ => return Err(ValueError::Malformed),
            },
            b'*' | b'~' | b'>' => self.many(line, 1, depth)?.map_or(Value::Null, Value::Array),
            b'%' => {
                let mut flat = self.many(line, 2, depth)?.unwrap_or_default().into_iter();
                let mut pairs = Vec::new();
                while let (Some(k), Some(v)) = (flat.next(), flat.next()) {
                    Self::add(&mut pairs, (k, v))?;
                }
                Value::Map(pairs)
            }
            b'|' => {
                self.many(line, 2, depth)?;
                return self.value(depth + 1);
            }
            _ => return Err(ValueError::Malformed),
        })
    }
}
