//! Values of JavaScript in and out, and what belongs to one thread of Node. Knows no connection.

use crate::clock;
use crate::conn::Conn;
use crate::slots::Slots;
use core::ffi::{c_char, c_void};
use core::ptr::{null, null_mut};
use napi_sys as sys;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The most arguments that a function takes.
pub const MAX_ARGS: usize = 7;
/// Numbers that `shared` has: what a call answers beside its integer.
pub const SHARED: usize = 8;
/// Whole numbers are exact in a double below this.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Why a call ends with an exception.
#[derive(Debug)]
pub enum Fault {
    /// The caller's mistake.
    Argument(&'static str),
    /// The handle names nothing.
    Released,
    /// There are no more handles.
    Full,
    /// A defect of the addon showed.
    Panic,
    /// An exception is under way, or Node-API refused.
    Pending,
}

impl Fault {
    /// # Safety
    ///
    /// `env` is of this thread, inside a call.
    pub unsafe fn throw(self, env: sys::napi_env) {
        let (code, text, is_type) = match self {
            Self::Argument(text) => (c"SCH_ERR_ARGUMENT", text, true),
            Self::Released => (c"SCH_ERR_CLOSED", "this connection was released: make a new one", false),
            Self::Full => (c"SCH_ERR_LIMIT", "there are no more handles in this process", false),
            Self::Panic => {
                (c"SCH_ERR_PANIC", "a defect of the addon of libsch showed: please report it", false)
            }
            Self::Pending => (c"SCH_ERR_UNEXPECTED", "Node-API refused a call", false),
        };
        let mut pending = false;
        // SAFETY: `env` as the caller promises; texts end with a NUL or have their length.
        unsafe {
            if sys::napi_is_exception_pending(env, &mut pending) == sys::Status::napi_ok && pending {
                return;
            }
            let (mut c, mut m, mut error) = (null_mut(), null_mut(), null_mut());
            sys::napi_create_string_utf8(env, code.as_ptr(), -1, &mut c);
            sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len().cast_signed(), &mut m);
            if is_type {
                sys::napi_create_type_error(env, c, m, &mut error);
            } else {
                sys::napi_create_error(env, c, m, &mut error);
            }
            sys::napi_throw(env, error);
        }
    }
}

pub type Answer = Result<sys::napi_value, Fault>;
/// The work of one function.
pub type Work = fn(&Call) -> Answer;
/// A function by its name.
pub type Function = (&'static str, Work);

/// What belongs to one thread of Node that has loaded the addon; freed when the thread ends.
pub struct Instance {
    pub conns: Slots<Conn>,
    /// Numbers that JavaScript reads after a call.
    shared: *mut f64,
}

/// What a function of JavaScript carries: its work, and where it belongs. Lives as long as the thread's Node.
struct Bound {
    work: Work,
    instance: *mut Instance,
}

/// Everything that one thread's Node owns.
struct Owned {
    instance: *mut Instance,
    bound: Vec<*mut Bound>,
}

unsafe extern "C" fn finalize(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: from `Box::into_raw` in `install`; Node calls once, when no function can be called any more.
    unsafe {
        let owned = Box::from_raw(data.cast::<Owned>());
        owned.bound.iter().for_each(|bound| drop(Box::from_raw(*bound)));
        drop(Box::from_raw(owned.instance));
    }
}

fn check(status: sys::napi_status) -> Result<(), Fault> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(Fault::Pending) }
}

impl Instance {
    /// Makes what this thread needs and puts the functions, and `shared`, on `exports`.
    ///
    /// # Safety
    ///
    /// `env` is of this thread, inside the call that registers the addon.
    pub unsafe fn install<'a>(
        env: sys::napi_env,
        exports: sys::napi_value,
        functions: impl Iterator<Item = &'a Function>,
    ) -> Result<(), Fault> {
        let instance = Box::into_raw(Box::new(Self { conns: Slots::new(), shared: null_mut() }));
        let mut bound = Vec::new();
        // SAFETY: `env` as the caller promises; all pointers are of this function, or leaked until `finalize`.
        unsafe {
            let (mut buffer, mut data, mut shared) = (null_mut(), null_mut(), null_mut());
            check(sys::napi_create_arraybuffer(env, SHARED * size_of::<f64>(), &mut data, &mut buffer))?;
            let kind = sys::TypedarrayType::float64_array;
            check(sys::napi_create_typedarray(env, kind, SHARED, buffer, 0, &mut shared))?;
            check(sys::napi_set_named_property(env, exports, c"shared".as_ptr(), shared))?;
            // The buffer must not go while `instance` writes there: a strong reference, for as long as the thread has.
            check(sys::napi_create_reference(env, buffer, 1, &mut null_mut()))?;
            (*instance).shared = data.cast();
            for (name, work) in functions {
                let one = Box::into_raw(Box::new(Bound { work: *work, instance }));
                bound.push(one);
                let (text, len) = (name.as_ptr().cast::<c_char>(), name.len().cast_signed());
                let (mut function, mut key) = (null_mut(), null_mut());
                check(sys::napi_create_function(env, text, len, Some(enter), one.cast(), &mut function))?;
                check(sys::napi_create_string_utf8(env, text, len, &mut key))?;
                check(sys::napi_set_property(env, exports, key, function))?;
            }
            let owned = Box::into_raw(Box::new(Owned { instance, bound }));
            check(sys::napi_set_instance_data(env, owned.cast(), Some(finalize), null_mut()))
        }
    }
}

/// The one door of every function: arguments, panics, exceptions.
unsafe extern "C" fn enter(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut argv = [null_mut(); MAX_ARGS];
    let mut argc = MAX_ARGS;
    let mut data = null_mut();
    // SAFETY: Node calls with both; the places are of this function.
    let status =
        unsafe { sys::napi_get_cb_info(env, info, &mut argc, argv.as_mut_ptr(), null_mut(), &mut data) };
    if status != sys::Status::napi_ok {
        return null_mut();
    }
    // SAFETY: `data` is the `Bound` that `install` gave this function; it lives as long as functions are called.
    let bound = unsafe { &*data.cast::<Bound>() };
    let call = Call { env, argv, instance: bound.instance };
    match catch_unwind(AssertUnwindSafe(|| (bound.work)(&call))) {
        Ok(Ok(value)) => value,
        Ok(Err(fault)) => {
            // SAFETY: of this thread, inside a call.
            unsafe { fault.throw(env) };
            null_mut()
        }
        Err(_) => {
            // SAFETY: as above.
            unsafe { Fault::Panic.throw(env) };
            null_mut()
        }
    }
}

/// One call from JavaScript. Node fills missing arguments with `undefined`.
pub struct Call {
    env: sys::napi_env,
    argv: [sys::napi_value; MAX_ARGS],
    instance: *mut Instance,
}

/// A value of JavaScript to be made. What it is made of is owned: making it may run code of the application.
#[derive(Debug)]
pub enum Value {
    Undefined,
    Bool(bool),
    Number(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
}

impl From<u64> for Value {
    #[allow(clippy::cast_precision_loss, reason = "ids and counts stay below 2^53, times for a hundred days")]
    fn from(value: u64) -> Self {
        Self::Number(value as f64)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::from(value as u64)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Number(f64::from(value))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Number(f64::from(value))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Undefined, Into::into)
    }
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
        let number = self.whole(0, "a handle is a number")?;
        self.instance().conns.get(number).ok_or(Fault::Released)
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

    /// Puts numbers where JavaScript reads them after the call.
    pub fn share<const N: usize>(&self, numbers: [u64; N]) {
        const { assert!(N <= SHARED) };
        for (i, number) in numbers.into_iter().enumerate() {
            // SAFETY: `shared` has SHARED doubles, as checked, and a reference keeps it.
            #[allow(clippy::cast_precision_loss, reason = "ids and counts stay below 2^53")]
            unsafe {
                (*self.instance).shared.add(i).write(number as f64);
            }
        }
    }

    /// A small integer.
    pub fn int(&self, value: i32) -> Answer {
        let mut out = null_mut();
        // SAFETY: `env` is of this call.
        check(unsafe { sys::napi_create_int32(self.env, value, &mut out) })?;
        Ok(out)
    }

    pub fn make(&self, value: impl Into<Value>) -> Answer {
        let mut out = null_mut();
        // SAFETY: `env` is of this call; what is given lives until the call returns, Node copies it.
        unsafe {
            check(match value.into() {
                Value::Undefined => sys::napi_get_undefined(self.env, &mut out),
                Value::Bool(value) => sys::napi_get_boolean(self.env, value, &mut out),
                Value::Number(value) => sys::napi_create_double(self.env, value, &mut out),
                Value::Text(text) => {
                    let (data, len) = (text.as_ptr().cast(), text.len().cast_signed());
                    sys::napi_create_string_utf8(self.env, data, len, &mut out)
                }
                Value::Bytes(bytes) => {
                    let data = bytes.as_ptr().cast();
                    sys::napi_create_buffer_copy(self.env, bytes.len(), data, null_mut(), &mut out)
                }
                Value::List(values) => {
                    check(sys::napi_create_array_with_length(self.env, values.len(), &mut out))?;
                    for (i, value) in (0u32..).zip(values) {
                        let value = self.make(value)?;
                        check(sys::napi_set_element(self.env, out, i, value))?;
                    }
                    sys::Status::napi_ok
                }
            })?;
        }
        Ok(out)
    }
}
