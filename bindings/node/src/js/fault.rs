//! Why a call ends with an exception.

use core::ptr::null_mut;
use napi_sys as sys;

/// Why a call ends with an exception.
#[derive(Debug)]
pub enum Fault {
    /// The caller's mistake.
    Argument(&'static str),
    /// The handle names nothing.
    Released(&'static str),
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
            Self::Released(text) => (c"SCH_ERR_CLOSED", text, false),
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
