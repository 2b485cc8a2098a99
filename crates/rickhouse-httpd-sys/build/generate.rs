//! Makes the bindings with bindgen and cuts them down to the floor.

use std::fmt::Write as _;

use crate::allowlist::{FUNCTIONS, OPAQUE, TYPES, VARIABLES};
use crate::floor;
use crate::headers::Headers;

/// Chooses another target than the one that is built for, as clang spells it; `scripts/httpd-bindings` sets it.
const TARGET: &str = "RICKHOUSE_BINDINGS_TARGET";
/// More arguments for clang, separated by white space.
const CLANG_ARGUMENTS: &str = "RICKHOUSE_BINDINGS_CLANG_ARGS";

/// The bindings to the installed headers.
///
/// # Panics
/// When clang cannot read the headers.
pub(crate) fn generate(headers: &Headers) -> String {
    let mut builder = bindgen::Builder::default()
        .header("bindings/wrapper.h")
        .clang_args(headers.arguments())
        .prepend_enum_name(false)
        .layout_tests(true)
        .derive_debug(false)
        .derive_copy(true)
        .generate_comments(false)
        .generate_cstr(true)
        .sort_semantically(true)
        .merge_extern_blocks(true)
        .use_core()
        .formatter(bindgen::Formatter::Rustfmt)
        // A function-like macro on some systems, a constant on others, used by nobody here.
        .blocklist_item("IPPORT_RESERVED");
    println!("cargo::rerun-if-env-changed={TARGET}");
    println!("cargo::rerun-if-env-changed={CLANG_ARGUMENTS}");
    if let Ok(target) = std::env::var(TARGET) {
        builder = builder.clang_arg(format!("--target={target}"));
    }
    if let Ok(arguments) = std::env::var(CLANG_ARGUMENTS) {
        builder = builder.clang_args(arguments.split_whitespace());
    }
    for pattern in FUNCTIONS {
        builder = builder.allowlist_function(pattern);
    }
    for pattern in TYPES {
        builder = builder.allowlist_type(pattern);
    }
    for pattern in VARIABLES {
        builder = builder.allowlist_var(pattern);
    }
    for pattern in OPAQUE {
        builder = builder.opaque_type(pattern);
    }
    let found = builder.generate().expect("clang reads httpd's headers");
    let mut text = String::new();
    writeln!(
        text,
        "// Made by scripts/httpd-bindings. Fields newer than httpd 2.4.37 are left out."
    )
    .expect("writing to a string cannot fail");
    text.push_str(&floor::cut(&found.to_string()));
    text
}
