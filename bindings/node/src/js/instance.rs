//! What belongs to one thread of Node that has loaded the addon, and the door of its functions.

use super::call::Call;
use super::fault::Fault;
use super::{Function, MAX_ARGS, SHARED, Work, check};
use crate::conn::Conn;
use crate::slots::Slots;
use core::ffi::{c_char, c_void};
use core::ptr::null_mut;
use napi_sys as sys;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What belongs to one thread of Node that has loaded the addon; freed when the thread ends.
pub struct Instance {
    pub conns: Slots<Conn>,
    /// Numbers that JavaScript reads after a call.
    pub(super) shared: *mut f64,
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
