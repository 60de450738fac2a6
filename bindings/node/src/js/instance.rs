//! What belongs to one thread of Node that has loaded the addon, and the door of its functions.

use super::call::Call;
use super::fault::Fault;
use super::value::Value;
use super::{Answer, Function, MAX_ARGS, SHARED, Work, check};
use crate::cluster::Cluster;
use crate::conn::Conn;
use crate::pool::Pool;
use crate::slots::Slots;
use crate::waiters::Bell;
use core::ffi::{c_char, c_void};
use core::ptr::null_mut;
use napi_sys as sys;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What belongs to one thread of Node that has loaded the addon; freed when the thread ends.
pub struct Instance {
    // In the order in which they go.
    pub conns: Slots<Conn>,
    pub pools: Slots<Pool>,
    pub clusters: Slots<Cluster>,
    pub bell: Arc<Bell>,
    /// The function of JavaScript that is called when the bell has rung; null if there is none.
    on_wake: sys::napi_ref,
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
        let instance = Box::into_raw(Box::new(Self {
            conns: Slots::new(),
            pools: Slots::new(),
            clusters: Slots::new(),
            bell: Arc::default(),
            on_wake: null_mut(),
            shared: null_mut(),
        }));
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

impl Instance {
    /// How many handles are live.
    pub fn live(&self) -> usize {
        self.conns.len() + self.pools.len() + self.clusters.len()
    }

    /// Argument 0 is called without arguments after a call that woke somebody. It is to ask `takeWoken` later.
    pub fn on_wake(call: &Call) -> Answer {
        let mut reference = null_mut();
        // SAFETY: of this thread, inside a call; a value that cannot be referred to is refused.
        unsafe {
            let mut kind = sys::ValueType::napi_undefined;
            check(sys::napi_typeof(call.env, call.argv[0], &mut kind))?;
            if kind != sys::ValueType::napi_function {
                return Err(Fault::Argument("a function was expected"));
            }
            check(sys::napi_create_reference(call.env, call.argv[0], 1, &mut reference))?;
            let before = core::mem::replace(&mut call.instance().on_wake, reference);
            if !before.is_null() {
                check(sys::napi_delete_reference(call.env, before))?;
            }
        }
        call.make(Value::Undefined)
    }
}

/// Tells JavaScript that somebody was woken. What stands in its way, as the end of the thread, ends the wake-up too.
///
/// # Safety
///
/// `env` is of this thread, inside a call, without an exception under way.
unsafe fn tell(env: sys::napi_env, on_wake: sys::napi_ref) {
    let (mut function, mut this) = (null_mut(), null_mut());
    // SAFETY: as the caller promises; the reference is one of `on_wake`.
    unsafe {
        if !on_wake.is_null()
            && sys::napi_get_reference_value(env, on_wake, &mut function) == sys::Status::napi_ok
            && sys::napi_get_undefined(env, &mut this) == sys::Status::napi_ok
        {
            let status = sys::napi_call_function(env, this, function, 0, core::ptr::null(), null_mut());
            if status == sys::Status::napi_pending_exception {
                // It is none of the call that was made.
                sys::napi_get_and_clear_last_exception(env, &mut this);
            }
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
    let answer = catch_unwind(AssertUnwindSafe(|| (bound.work)(&call)));
    // SAFETY: as for `call.instance()`: the work is done, and the reference ends before JavaScript is called.
    let (bell, on_wake) = unsafe { (&(*bound.instance).bell, (*bound.instance).on_wake) };
    // With an exception under way nothing can be called: then after the next call.
    if !matches!(answer, Ok(Err(Fault::Pending))) && bell.take_rung() {
        // SAFETY: of this thread, inside a call; what the work refuses is thrown below.
        unsafe { tell(env, on_wake) };
    }
    match answer {
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
