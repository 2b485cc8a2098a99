//! Lets tests and the example link.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // httpd's and APR's symbols are there once httpd loads the module; the tests of this crate never call them.
    println!("cargo::rustc-link-arg=-Wl,--unresolved-symbols=ignore-all,-z,lazy");
    // The example is an httpd module: see "httpd" in SAFETY.md.
    println!("cargo::rustc-link-arg-examples=-Wl,-z,nodelete");
}
