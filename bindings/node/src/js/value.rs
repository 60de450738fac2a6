//! Values of JavaScript to be made, and what a call answers.

use super::call::Call;
use super::{Answer, SHARED, check};
use core::ptr::null_mut;
use napi_sys as sys;

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
