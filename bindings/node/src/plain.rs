//! Plain structs of the C ABI: made empty, and read.

use crate::action::text;
use crate::js::Value;
use core::ffi::c_char;

/// A struct that tells its size, empty, for libsch to fill.
macro_rules! empty {
    ($name:ident) => {{
        // SAFETY: integers and texts, for all of which 0 is a value.
        let mut out: $name = unsafe { core::mem::zeroed() };
        out.struct_size = size_of::<$name>() as u32;
        out
    }};
}
pub(crate) use empty;

/// Counters: a struct of two `u32` and then only `u64`.
pub trait Counters {}

impl Counters for sch::ffi::conn::sch_counters {}
impl Counters for sch::ffi::counts::sch_pool_counts {}
impl Counters for sch::ffi::counts::sch_endpoint_counters {}
impl Counters for sch::ffi::cluster_types::sch_cluster_counts {}

/// The numbers in the order of the header, which `lib/words.ts` names.
pub fn numbers<T: Counters>(counters: &T) -> Value {
    let count = size_of::<T>() / size_of::<u64>() - 1;
    // SAFETY: `repr(C)`, of the kind that the trait says: `count` numbers follow the first eight bytes.
    let all =
        unsafe { core::slice::from_raw_parts(core::ptr::from_ref(counters).cast::<u64>().add(1), count) };
    Value::List(all.iter().map(|n| (*n).into()).collect())
}

/// A host that stands in a struct.
pub fn host(host: &[c_char], len: u32) -> String {
    // SAFETY: memory of the struct.
    unsafe { text(host.as_ptr(), host.len().min(len as usize)) }
}

/// A seq: where a double has not all its digits, the next lower one that it has. To repeat what is known harms nothing,
/// to leave out what is not does.
pub fn seq(has: bool, seq: u64) -> Value {
    let exact = if seq < 1 << 53 { seq } else { seq & !0x7ff };
    has.then_some(exact).into()
}
