//! Checks the committed bindings against installed headers, or makes new ones.
//!
//! Without headers and without the feature `bindgen` there is nothing to do: the committed bindings are complete.

#[cfg(feature = "bindgen")]
mod allowlist;
mod floor;
#[cfg(feature = "bindgen")]
mod generate;
mod headers;
mod layout;

use std::path::PathBuf;

use headers::Headers;

/// The bindings for every 64-bit Linux: x86-64 and AArch64 give the same ones, as `scripts/httpd-bindings` checks.
#[cfg(not(feature = "bindgen"))]
const COMMITTED: &str = "bindings/linux-lp64.rs";

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=bindings");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names OUT_DIR"));
    let headers = Headers::find();
    let bindings = bindings(headers.as_ref());
    std::fs::write(out.join("bindings.rs"), &bindings).expect("OUT_DIR can be written to");
    let statements = layout::write(&bindings, &out);
    if let Some(headers) = headers.filter(|_| is_native()) {
        layout::check(&statements, &headers);
    }
}

#[cfg(feature = "bindgen")]
fn bindings(headers: Option<&Headers>) -> String {
    generate::generate(
        headers.expect("the feature `bindgen` needs httpd's headers, which apxs tells of"),
    )
}

#[cfg(not(feature = "bindgen"))]
fn bindings(_: Option<&Headers>) -> String {
    let family = |name: &str| std::env::var(name).unwrap_or_default();
    let (system, width) = (
        family("CARGO_CFG_TARGET_OS"),
        family("CARGO_CFG_TARGET_POINTER_WIDTH"),
    );
    assert!(
        system == "linux" && width == "64",
        "bindings are kept for 64-bit Linux only: the feature `bindgen` makes them for {system} with {width} bits"
    );
    std::fs::read_to_string(COMMITTED).expect("the committed bindings are there")
}

/// Whether the installed headers are those of the machine that is built for.
fn is_native() -> bool {
    let is_other = std::env::var_os("RICKHOUSE_BINDINGS_TARGET").is_some();
    !is_other && std::env::var_os("HOST") == std::env::var_os("TARGET")
}
