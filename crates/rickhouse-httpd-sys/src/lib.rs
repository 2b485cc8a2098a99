//! Bindings to Apache httpd 2.4 and APR, and the macros of their headers that a binding generator cannot give.
//!
//! No logic is in here, and only `rickhouse-httpd` uses it.
//!
//! * The bindings in `bindings/` are made beforehand by `scripts/httpd-bindings`, so that building needs neither libclang
//!   nor httpd's headers. Where headers are found (`$RICKHOUSE_APXS`, `apxs`, the usual folders), a C compiler is
//!   asked whether it agrees with every size and offset in them, and a disagreement fails the build.
//! * The feature `bindgen` makes the bindings while building, for systems other than 64-bit Linux.
//! * **The floor is httpd 2.4.37.** Fields that came later are not in the bindings. Functions that came later must not be
//!   added to the list in `build/allowlist.rs`: httpd would refuse to load the module for want of the symbol.
//! * Structures of httpd grow at their end from release to release. Never make one, never index an array of them.

#[expect(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    clippy::all,
    clippy::missing_safety_doc,
    clippy::allow_attributes_without_reason,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    reason = "made by bindgen: names and documentation are those of the C headers"
)]
mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}
mod macros;

pub use bindings::*;
pub use macros::*;
