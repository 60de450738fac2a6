//! Values of JavaScript in and out, and what belongs to one thread of Node. Knows no connection.

mod call;
mod fault;
mod instance;
mod value;

pub use call::Call;
pub use fault::Fault;
pub use instance::Instance;
pub use value::Value;

use napi_sys as sys;

/// The most arguments that a function takes.
const MAX_ARGS: usize = 7;
/// Numbers that `shared` has: what a call answers beside its integer.
const SHARED: usize = 8;

pub type Answer = Result<sys::napi_value, Fault>;
/// The work of one function.
pub type Work = fn(&Call) -> Answer;
/// A function by its name.
pub type Function = (&'static str, Work);

fn check(status: sys::napi_status) -> Result<(), Fault> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(Fault::Pending) }
}
