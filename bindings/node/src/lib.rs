//! The addon: libsch's C functions as plain functions of Node-API. Takes no decision; the idiom of Node is in `lib/*.ts`.
//!
//! A handle is a number that this process never gives twice, so a stale one, or one of another thread, is refused and never
//! followed. A call on the way of bytes answers one small integer: 0, nothing is to be done; above 0, bits of [`todo`];
//! below 0, an `sch_status`.

mod action;
mod calls;
mod clock;
mod cluster;
mod cluster_look;
mod config;
mod conn;
mod js;
mod log;
mod look;
mod member;
mod plain;
mod pool;
mod slots;
mod waiters;

use js::Instance;
use napi_sys as sys;
use std::sync::Once;

/// What a call leaves to be done, as bits.
pub mod todo {
    /// What goes to the parser is not the data as it is: `spans` says what.
    pub const SPANS: i32 = 1;
    /// `poll` has an action.
    pub const ACTIONS: i32 = 2;
    /// The deadline is another one than was told last.
    pub const DEADLINE: i32 = 4;
    /// `takeLog` has lines.
    pub const LOG: i32 = 8;
}

/// Finds the functions of Node-API, once for all threads. What `setup` answers must live as long as they are called.
fn symbols() {
    static FOUND: Once = Once::new();
    // SAFETY: inside `Once`, before any call: no thread uses a function of Node-API of this addon meanwhile.
    FOUND.call_once(|| core::mem::forget(unsafe { sys::setup() }));
}

/// Called by Node once for each thread that loads the addon.
///
/// # Safety
///
/// Called by Node with an environment of this thread and an object to fill.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn napi_register_module_v1(
    env: sys::napi_env,
    exports: sys::napi_value,
) -> sys::napi_value {
    symbols();
    let functions = [
        calls::FUNCTIONS,
        look::FUNCTIONS,
        member::FUNCTIONS,
        pool::FUNCTIONS,
        cluster::FUNCTIONS,
        cluster_look::FUNCTIONS,
    ];
    let functions = functions.into_iter().flatten();
    // SAFETY: Node calls with an environment of this thread.
    match unsafe { Instance::install(env, exports, functions) } {
        Ok(()) => exports,
        Err(fault) => {
            // SAFETY: as above.
            unsafe { fault.throw(env) };
            exports
        }
    }
}

/// The version of Node-API that is used: 8, which Node 12.22, 14.17, 15.12, 16 and all later have.
///
/// # Safety
///
/// None is needed; the ABI wants it so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn node_api_module_get_api_version_v1() -> i32 {
    8
}
