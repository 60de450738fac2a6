//! Which library this is.

use core::ffi::{CStr, c_char};

/// Major version.
pub const SCH_VERSION_MAJOR: u32 = 0;
/// Minor version.
pub const SCH_VERSION_MINOR: u32 = 1;
/// Patch version.
pub const SCH_VERSION_PATCH: u32 = 0;
/// The number of this header, for `sch_conn_new`. It grows when actions or fields are added; old numbers stay good.
pub const SCH_ABI_VERSION: u32 = 1;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(text) => text,
    Err(_) => panic!("a version has no NUL"),
};

/// The version of the library in use, as text such as "0.1.0".
///
/// Returns a static text with a NUL at its end, never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sch_version_string() -> *const c_char {
    VERSION.as_ptr()
}

/// The `SCH_ABI_VERSION` of the library in use. A header with this number or a lower one works with it.
#[unsafe(no_mangle)]
pub extern "C" fn sch_abi_version() -> u32 {
    SCH_ABI_VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_package() {
        let numbers = format!("{SCH_VERSION_MAJOR}.{SCH_VERSION_MINOR}.{SCH_VERSION_PATCH}");
        assert_eq!(numbers, env!("CARGO_PKG_VERSION"));
        assert_eq!(VERSION.to_str(), Ok(env!("CARGO_PKG_VERSION")));
    }
}
