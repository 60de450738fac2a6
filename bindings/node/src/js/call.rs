//! One call from JavaScript: its arguments.

use super::fault::Fault;
use super::instance::Instance;
use super::value::Value;
use super::{MAX_ARGS, check};
use crate::clock;
use crate::cluster::Cluster;
use crate::conn::Conn;
use crate::pool::Pool;
use core::ptr::{null, null_mut};
use napi_sys as sys;

/// Whole numbers are exact in a double below this.
const EXACT: f64 = 9_007_199_254_740_992.0;
const HANDLE: &str = "a handle is a number";
const CONN: &str = "this connection was released, or belongs to another thread: make a new one";
const CLUSTER: &str = "this cluster was released, or belongs to another thread: make a new one";
const POOL: &str = "this pool was released, or belongs to another thread: make a new one";

/// One call from JavaScript. Node fills missing arguments with `undefined`.
pub struct Call {
    pub(super) env: sys::napi_env,
    pub(super) argv: [sys::napi_value; MAX_ARGS],
    pub(super) instance: *mut Instance,
}

impl Call {
    /// What belongs to this thread. The reference must not live while code of the application may run.
    #[allow(clippy::mut_from_ref, reason = "one call at a time is inside, and none keeps it over another")]
    pub fn instance(&self) -> &mut Instance {
        // SAFETY: lives as long as functions are called, on this thread only; no call keeps the reference while another
        // one can come in.
        unsafe { &mut *self.instance }
    }

    /// The connection that argument 0 names.
    pub fn conn(&self) -> Result<&mut Conn, Fault> {
        self.conn_at(0)
    }

    /// The connection that an argument names.
    pub fn conn_at(&self, at: usize) -> Result<&mut Conn, Fault> {
        let number = self.whole(at, HANDLE)?;
        self.instance().conns.get(number).ok_or(Fault::Released(CONN))
    }

    /// The cluster that argument 0 names.
    pub fn cluster(&self) -> Result<&mut Cluster, Fault> {
        let number = self.whole(0, HANDLE)?;
        self.instance().clusters.get(number).ok_or(Fault::Released(CLUSTER))
    }

    /// The pool that argument 0 names.
    pub fn pool(&self) -> Result<&mut Pool, Fault> {
        self.pool_at(0)
    }

    /// The pool that an argument names.
    pub fn pool_at(&self, at: usize) -> Result<&mut Pool, Fault> {
        let number = self.whole(at, HANDLE)?;
        self.instance().pools.get(number).ok_or(Fault::Released(POOL))
    }

    pub fn number(&self, at: usize, wrong: &'static str) -> Result<f64, Fault> {
        let mut out = 0.0;
        // SAFETY: `env` is of this call; `argv` was filled by Node.
        match unsafe { sys::napi_get_value_double(self.env, self.argv[at], &mut out) } {
            sys::Status::napi_ok => Ok(out),
            _ => Err(Fault::Argument(wrong)),
        }
    }

    /// A whole number from 0 that a double holds exactly.
    pub fn whole(&self, at: usize, wrong: &'static str) -> Result<u64, Fault> {
        let value = self.number(at, wrong)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
        let whole = value as u64;
        #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
        if value < EXACT && whole as f64 == value { Ok(whole) } else { Err(Fault::Argument(wrong)) }
    }

    /// A whole number of 32 bits.
    pub fn small(&self, at: usize, wrong: &'static str) -> Result<u32, Fault> {
        u32::try_from(self.whole(at, wrong)?).map_err(|_| Fault::Argument(wrong))
    }

    /// A port.
    pub fn port(&self, at: usize) -> Result<u16, Fault> {
        const PORT: &str = "a port is a whole number below 65536";
        u16::try_from(self.whole(at, PORT)?).map_err(|_| Fault::Argument(PORT))
    }

    /// Argument 1, the time in nanoseconds: below 0 is the addon's own clock.
    pub fn now(&self) -> Result<u64, Fault> {
        let value = self.number(1, "a time is a number of nanoseconds")?;
        if value < 0.0 {
            return Ok(clock::now());
        }
        if value.is_nan() || value >= EXACT * 2.0 {
            return Err(Fault::Argument("a time is a number of nanoseconds"));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
        Ok(value as u64)
    }

    pub fn flag(&self, at: usize) -> Result<bool, Fault> {
        let mut out = false;
        // SAFETY: as `number`.
        match unsafe { sys::napi_get_value_bool(self.env, self.argv[at], &mut out) } {
            sys::Status::napi_ok => Ok(out),
            _ => Err(Fault::Argument("true or false was expected")),
        }
    }

    pub fn is_undefined(&self, at: usize) -> bool {
        let mut kind = sys::ValueType::napi_undefined;
        // SAFETY: as `number`.
        let status = unsafe { sys::napi_typeof(self.env, self.argv[at], &mut kind) };
        status == sys::Status::napi_ok && kind == sys::ValueType::napi_undefined
    }

    /// The bytes of a `Buffer` or `Uint8Array`, where they are. To be used before the call returns, and not across a
    /// call that may run code of the application, which could take the memory away.
    pub fn bytes(&self, at: usize) -> Result<(*const u8, usize), Fault> {
        let (mut kind, mut len, mut data) = (-1, 0, null_mut());
        // SAFETY: as `number`; a value that is no typed array is refused.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.env,
                self.argv[at],
                &mut kind,
                &mut len,
                &mut data,
                null_mut(),
                null_mut(),
            )
        };
        if status != sys::Status::napi_ok || kind != sys::TypedarrayType::uint8_array {
            return Err(Fault::Argument("a Buffer or Uint8Array was expected"));
        }
        // What was transferred to another thread has no memory.
        Ok(if data.is_null() { (null(), 0) } else { (data.cast_const().cast(), len) })
    }

    /// As `bytes`; `undefined` is empty.
    pub fn optional_bytes(&self, at: usize) -> Result<(*const u8, usize), Fault> {
        if self.is_undefined(at) { Ok((null(), 0)) } else { self.bytes(at) }
    }

    /// A string; `undefined` is empty.
    pub fn text(&self, at: usize) -> Result<String, Fault> {
        if self.is_undefined(at) { Ok(String::new()) } else { self.text_of(self.argv[at]) }
    }

    fn text_of(&self, value: sys::napi_value) -> Result<String, Fault> {
        let mut len = 0;
        // SAFETY: as `number`; the buffer has room for the text and a NUL.
        unsafe {
            if sys::napi_get_value_string_utf8(self.env, value, null_mut(), 0, &mut len)
                != sys::Status::napi_ok
            {
                return Err(Fault::Argument("a string was expected"));
            }
            let mut out = vec![0u8; len + 1];
            check(sys::napi_get_value_string_utf8(
                self.env,
                value,
                out.as_mut_ptr().cast(),
                len + 1,
                &mut len,
            ))?;
            out.truncate(len);
            String::from_utf8(out).map_err(|_| Fault::Argument("a string was expected"))
        }
    }

    /// A list of strings, numbers, booleans and bytes, copied.
    pub fn list(&self, at: usize) -> Result<Vec<Value>, Fault> {
        let wrong = Fault::Argument("a list of settings was expected");
        let mut len = 0;
        // SAFETY: as `number`.
        if unsafe { sys::napi_get_array_length(self.env, self.argv[at], &mut len) } != sys::Status::napi_ok {
            return Err(wrong);
        }
        (0..len).map(|i| self.element(self.argv[at], i)).collect()
    }

    fn element(&self, list: sys::napi_value, i: u32) -> Result<Value, Fault> {
        let (mut value, mut kind) = (null_mut(), sys::ValueType::napi_undefined);
        // SAFETY: as `number`; each getter is used for the kind that Node said.
        unsafe {
            check(sys::napi_get_element(self.env, list, i, &mut value))?;
            check(sys::napi_typeof(self.env, value, &mut kind))?;
            match kind {
                sys::ValueType::napi_boolean => {
                    let mut out = false;
                    check(sys::napi_get_value_bool(self.env, value, &mut out))?;
                    Ok(Value::Bool(out))
                }
                sys::ValueType::napi_number => {
                    let mut out = 0.0;
                    check(sys::napi_get_value_double(self.env, value, &mut out))?;
                    Ok(Value::Number(out))
                }
                sys::ValueType::napi_string => self.text_of(value).map(Value::Text),
                _ => {
                    let one = Self { env: self.env, argv: [value; MAX_ARGS], instance: self.instance };
                    let (data, len) = one.bytes(0)?;
                    let bytes = if len == 0 { &[] } else { core::slice::from_raw_parts(data, len) };
                    Ok(Value::Bytes(bytes.to_vec()))
                }
            }
        }
    }
}
