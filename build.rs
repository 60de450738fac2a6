//! Link arguments only: the soname. Never writes into the source tree.
#[allow(clippy::disallowed_methods)] // a build script asks its environment for the target
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libsch.so.0");
    }
}
