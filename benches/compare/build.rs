//! Links the reader of hiredis, which `make bench` fetched and built.

fn main() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../build/hiredis");
    println!("cargo:rustc-link-search=native={root}");
    println!("cargo:rustc-link-lib=static=hiredis");
    println!("cargo:rerun-if-changed={root}/libhiredis.a");
}
