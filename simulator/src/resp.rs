//! RESP: a streaming parser of commands, a scanner of reply frames, and encoders.

use crate::limits::{MAX_ARGS, MAX_COMMAND, MAX_DEPTH, MAX_INLINE};
use bytes::{Bytes, BytesMut};

/// One parsed command: its arguments, and the bytes it came as.
pub struct Command {
    pub args: Vec<Bytes>,
    pub raw: Bytes,
}

fn line(buf: &[u8], from: usize) -> Option<(usize, usize)> {
    // (end of the text, start of what follows)
    let rest = buf.get(from..)?;
    let at = rest.windows(2).position(|w| w == b"\r\n")?;
    Some((from + at, from + at + 2))
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Where a command that is still incomplete got to, so that large ones are not examined again.
#[derive(Default)]
pub struct CommandParser {
    args_left: usize,
    spans: Vec<(usize, usize)>,
    at: usize,
    started: bool,
}

impl CommandParser {
    /// Takes the next whole command off the front of `buf`; `Ok(None)` when more input is needed.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Command>, String> {
        loop {
            if buf.is_empty() {
                return Ok(None);
            }
            if !self.started {
                if buf[0] != b'*' {
                    let Some(nl) = buf.iter().position(|b| *b == b'\n') else {
                        if buf.len() > MAX_INLINE {
                            return Err("Protocol error: too big inline request".into());
                        }
                        return Ok(None);
                    };
                    let text = buf.split_to(nl + 1).freeze();
                    let args = inline(&text);
                    if args.is_empty() {
                        continue;
                    }
                    return Ok(Some(Command { args, raw: text }));
                }
                let Some((end, next)) = line(buf, 1) else {
                    if buf.len() > 64 {
                        return Err("Protocol error: invalid multibulk length".into());
                    }
                    return Ok(None);
                };
                let n = number(&buf[1..end]).filter(|n| *n <= MAX_ARGS as i64);
                let n = n.ok_or("Protocol error: invalid multibulk length")?;
                if n <= 0 {
                    let _ = buf.split_to(next);
                    continue;
                }
                self.started = true;
                self.args_left = n as usize;
                self.at = next;
                self.spans.clear();
            }
            while self.args_left > 0 {
                let Some(first) = buf.get(self.at) else {
                    return Ok(None);
                };
                if *first != b'$' {
                    return Err(format!("Protocol error: expected '$', got '{}'", *first as char));
                }
                let Some((end, next)) = line(buf, self.at + 1) else {
                    if buf.len() - self.at > 64 {
                        return Err("Protocol error: invalid bulk length".into());
                    }
                    return Ok(None);
                };
                let n = number(&buf[self.at + 1..end]).filter(|n| *n >= 0);
                let n = n.ok_or("Protocol error: invalid bulk length")? as usize;
                if n > MAX_COMMAND || next + n > MAX_COMMAND {
                    return Err(format!("Protocol error: command larger than {MAX_COMMAND} bytes"));
                }
                if buf.len() < next + n + 2 {
                    buf.reserve((next + n + 2 - buf.len()).min(1 << 20));
                    return Ok(None);
                }
                self.spans.push((next, next + n));
                self.at = next + n + 2;
                self.args_left -= 1;
            }
            let whole = buf.split_to(self.at).freeze();
            let args = self.spans.iter().map(|(a, b)| whole.slice(*a..*b)).collect();
            self.started = false;
            return Ok(Some(Command { args, raw: whole }));
        }
    }
}

fn inline(text: &Bytes) -> Vec<Bytes> {
    let mut args = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        if text[at] == b'"' {
            let end = text[at + 1..].iter().position(|b| *b == b'"').map_or(text.len(), |e| at + 1 + e);
            args.push(text.slice(at + 1..end));
            at = end + 1;
            continue;
        }
        let end = text[at..].iter().position(|b| b.is_ascii_whitespace()).map_or(text.len(), |e| at + e);
        args.push(text.slice(at..end));
        at = end;
    }
    args
}

/// Finds the end of the first whole frame in `buf`. Remembers where it stopped.
#[derive(Default)]
pub struct FrameScanner {
    at: usize,
    /// Elements still to come, innermost last.
    open: Vec<u64>,
}

impl FrameScanner {
    /// The length of the first frame once all of it is there. The caller then takes those bytes off.
    pub fn next(&mut self, buf: &[u8]) -> Result<Option<usize>, String> {
        loop {
            let Some(kind) = buf.get(self.at) else {
                return Ok(None);
            };
            let Some((end, next)) = line(buf, self.at + 1) else {
                return Ok(None);
            };
            let size = || {
                if &buf[self.at + 1..end] == b"?" {
                    return Err("streamed replies are not supported".to_string());
                }
                number(&buf[self.at + 1..end]).ok_or_else(|| "a reply with a bad length".to_string())
            };
            let mut children = 0u64;
            match kind {
                b'$' | b'=' | b'!' => {
                    let n = size()?;
                    if n >= 0 {
                        if buf.len() < next + n as usize + 2 {
                            return Ok(None);
                        }
                        self.at = next + n as usize + 2;
                    } else {
                        self.at = next;
                    }
                }
                b'*' | b'~' | b'>' => {
                    children = size()?.max(0) as u64;
                    self.at = next;
                }
                b'%' => {
                    children = 2 * size()?.max(0) as u64;
                    self.at = next;
                }
                b'|' => {
                    // Attributes come before the value they belong to.
                    children = 2 * size()?.max(0) as u64 + 1;
                    self.at = next;
                }
                b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => self.at = next,
                other => return Err(format!("a reply that starts with {:?}", *other as char)),
            }
            if children > 0 {
                if self.open.len() >= MAX_DEPTH {
                    return Err("a reply nested too deeply".into());
                }
                self.open.push(children);
                continue;
            }
            loop {
                match self.open.last_mut() {
                    None => {
                        let n = self.at;
                        self.at = 0;
                        return Ok(Some(n));
                    }
                    Some(left) => {
                        *left -= 1;
                        if *left > 0 {
                            break;
                        }
                        self.open.pop();
                    }
                }
            }
        }
    }
}

pub fn simple(out: &mut Vec<u8>, text: &str) {
    out.push(b'+');
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// An error line; line ends inside the text become blanks.
pub fn error(out: &mut Vec<u8>, text: &str) {
    out.push(b'-');
    out.extend(text.bytes().map(|b| if b == b'\r' || b == b'\n' { b' ' } else { b }));
    out.extend_from_slice(b"\r\n");
}

pub fn int(out: &mut Vec<u8>, n: i64) {
    head(out, b':', n);
}

pub fn bulk(out: &mut Vec<u8>, data: &[u8]) {
    head(out, b'$', data.len() as i64);
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// `_`, or `$-1` before RESP3.
pub fn null(out: &mut Vec<u8>, proto: u8) {
    out.extend_from_slice(if proto >= 3 { b"_\r\n" } else { b"$-1\r\n" });
}

/// `_`, or `*-1` before RESP3.
pub fn null_array(out: &mut Vec<u8>, proto: u8) {
    out.extend_from_slice(if proto >= 3 { b"_\r\n" } else { b"*-1\r\n" });
}

pub fn array(out: &mut Vec<u8>, n: usize) {
    head(out, b'*', n as i64);
}

/// A map of `n` pairs, or an array of twice as many elements before RESP3.
pub fn map(out: &mut Vec<u8>, proto: u8, n: usize) {
    if proto >= 3 { head(out, b'%', n as i64) } else { head(out, b'*', 2 * n as i64) }
}

pub fn set(out: &mut Vec<u8>, proto: u8, n: usize) {
    head(out, if proto >= 3 { b'~' } else { b'*' }, n as i64);
}

/// A push of `n` elements, or an array before RESP3.
pub fn push(out: &mut Vec<u8>, proto: u8, n: usize) {
    head(out, if proto >= 3 { b'>' } else { b'*' }, n as i64);
}

fn head(out: &mut Vec<u8>, kind: u8, n: i64) {
    use std::io::Write;
    let _ = write!(out, "{}{n}\r\n", kind as char);
}
