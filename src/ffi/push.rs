//! Level 1: notifications, whole or element by element for hosts whose parser gives no bytes.

use super::boundary::{Out, Outcome, bytes, change};
use super::conn::{Inner, sch_conn};
use super::status::{Failure, SCH_ERR_LIMIT, SCH_ERR_UNEXPECTED, SCH_OK, sch_status};
use std::io::Write;

/// Arrays in arrays.
const MAX_DEPTH: usize = 16;

/// A push that is being written down.
#[derive(Debug, Default)]
pub(super) struct Builder {
    raw: Vec<u8>,
    /// Elements that each open array still wants; the push itself is the first.
    open: Vec<u64>,
    max_len: usize,
    /// The limit was reached after the name: what comes is counted and left out.
    short: bool,
}

const NOT_OPEN: Failure =
    Failure::new(SCH_ERR_UNEXPECTED, "no push is open, or it has all its elements: begin with push_begin");
const UNFINISHED: Failure =
    Failure::new(SCH_ERR_UNEXPECTED, "the push has not all the elements that were announced");
const TOO_LONG: Failure =
    Failure::new(SCH_ERR_LIMIT, "limit max_push_bytes reached by the name: this is no notification");
const TOO_DEEP: Failure =
    Failure::new(SCH_ERR_LIMIT, "arrays are nested deeper than 16: this is no notification");

impl Builder {
    fn begin(&mut self, elements: u64, max_len: usize) -> Result<(), Failure> {
        self.clear();
        self.max_len = max_len;
        self.open.push(elements);
        self.put(format_args!(">{elements}\r\n"), None)
    }

    /// One more element of the innermost array.
    fn element(&mut self, head: std::fmt::Arguments<'_>, body: Option<&[u8]>) -> Result<(), Failure> {
        if self.open.last().is_none_or(|left| *left == 0) {
            return Err(NOT_OPEN);
        }
        self.put(head, body)?;
        if let Some(left) = self.open.last_mut() {
            *left -= 1;
        }
        Ok(())
    }

    /// One that is no array.
    fn scalar(&mut self, head: std::fmt::Arguments<'_>, body: Option<&[u8]>) -> Outcome {
        self.element(head, body)?;
        self.close_full();
        Ok(SCH_OK)
    }

    fn array(&mut self, elements: u64) -> Result<(), Failure> {
        if self.open.len() >= MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        self.element(format_args!("*{elements}\r\n"), None)?;
        self.open.push(elements);
        self.close_full();
        Ok(())
    }

    fn close_full(&mut self) {
        while self.open.len() > 1 && self.open.last() == Some(&0) {
            self.open.pop();
        }
    }

    /// Beyond the limit nothing more is written down: a notification acts as far as it can be read (N2).
    fn put(&mut self, head: std::fmt::Arguments<'_>, body: Option<&[u8]>) -> Result<(), Failure> {
        const HEAD: usize = 32;
        if self.short {
            return Ok(());
        }
        if self.raw.len() + HEAD + body.map_or(0, <[u8]>::len) > self.max_len {
            let is_named = self.raw.contains(&b'$');
            self.short = is_named;
            return if is_named { Ok(()) } else { Err(TOO_LONG) };
        }
        let _ = self.raw.write_fmt(head); // a Vec takes everything
        if let Some(body) = body {
            self.raw.extend_from_slice(body);
            self.raw.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    /// The push, once it has all its elements, and whether all of them are written down.
    pub(super) fn written(&self) -> Result<(&[u8], bool), Failure> {
        match self.open.as_slice() {
            [] => Err(NOT_OPEN),
            [0] => Ok((&self.raw, !self.short)),
            _ => Err(UNFINISHED),
        }
    }

    /// No push is open.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn clear(&mut self) {
        const KEPT: usize = 256;
        if self.raw.capacity() > KEPT {
            self.raw = Vec::new(); // idle connections keep little
        }
        self.raw.clear();
        self.open.clear();
        self.short = false;
    }
}

/// Level 1: a push that your parser met, the whole frame from `>` to its end.
///
/// Returns SCH_OK: `*swallowed_out` is true if it was a maintenance notification, which nobody else needs, and false if
/// it is yours; SCH_ERR_NOT_A_PUSH; SCH_ERR_UNKNOWN_TRANSPORT; SCH_ERR_WRONG_LEVEL; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_push(
    conn: *mut sch_conn,
    now_ns: u64,
    transport: u64,
    data: *const u8,
    len: usize,
    swallowed_out: *mut bool,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let (data, out) = unsafe { (bytes(data, len)?, Out::new(swallowed_out)?) };
        out.put(c.handle_push(now_ns, transport, data)?);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Level 1: begins a push of `elements` elements, where your parser has values instead of bytes. What was begun before
/// and not ended is forgotten. Beyond SCH_LIMIT_MAX_PUSH_BYTES the rest is left out, and a notification acts as far as it
/// could be read.
///
/// Returns SCH_OK; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_push_begin(conn: *mut sch_conn, elements: u64) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        let max_len = c.conn.limits().max_push_bytes;
        c.push.make().begin(elements, max_len)?;
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Adds a string of any kind. The bytes are copied.
///
/// Returns SCH_OK; SCH_ERR_UNEXPECTED: no push is open, or it is full; SCH_ERR_LIMIT: it is a name, too long for
/// a notification;
/// and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_push_text(conn: *mut sch_conn, data: *const u8, len: usize) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let text = unsafe { bytes(data, len) }?;
        c.push.make().scalar(format_args!("${len}\r\n"), Some(text))
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}

/// Adds an integer.
///
/// Returns SCH_OK; SCH_ERR_UNEXPECTED and SCH_ERR_LIMIT as `sch_conn_push_text`; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_push_integer(conn: *mut sch_conn, value: i64) -> sch_status {
    // SAFETY: as the caller promises.
    unsafe { change(conn, |c| c.push.make().scalar(format_args!(":{value}\r\n"), None)) }
}

/// Adds a null.
///
/// Returns SCH_OK; SCH_ERR_UNEXPECTED and SCH_ERR_LIMIT as `sch_conn_push_text`; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_push_null(conn: *mut sch_conn) -> sch_status {
    // SAFETY: as the caller promises.
    unsafe { change(conn, |c| c.push.make().scalar(format_args!("_\r\n"), None)) }
}

/// Adds an array; the next `elements` elements are its own, and it ends with the last of them.
///
/// Returns SCH_OK; SCH_ERR_UNEXPECTED and SCH_ERR_LIMIT as `sch_conn_push_text`, also: nested deeper than 16; and what
/// every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_push_array(conn: *mut sch_conn, elements: u64) -> sch_status {
    // SAFETY: as the caller promises.
    unsafe { change(conn, |c| c.push.make().array(elements).map(|()| SCH_OK)) }
}

/// Ends the push and hands it over, as `sch_conn_push` does.
///
/// Returns SCH_OK: `*swallowed_out` as there; SCH_ERR_UNEXPECTED: elements are missing, the push stays open; the errors of
/// `sch_conn_push`; and what every call answers.
///
/// # Safety
///
/// As the manual says of pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sch_conn_push_end(
    conn: *mut sch_conn,
    now_ns: u64,
    transport: u64,
    swallowed_out: *mut bool,
) -> sch_status {
    let work = |c: &mut Inner| -> Outcome {
        // SAFETY: as the caller promises.
        let out = unsafe { Out::new(swallowed_out) }?;
        out.put(c.finish_push(now_ns, transport)?);
        Ok(SCH_OK)
    };
    // SAFETY: as the caller promises.
    unsafe { change(conn, work) }
}
