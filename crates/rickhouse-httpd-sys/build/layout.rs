//! The layout check: what the bindings say on sizes and offsets, asked of a C compiler and the installed headers.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::floor::GROWING;
use crate::headers::Headers;

/// Structures that have no `typedef`.
const TAGGED: &[&str] = &[
    "ap_logconf",
    "hostent",
    "htaccess_result",
    "in6_addr",
    "in_addr",
    "rlimit",
    "tms",
];

/// Writes the statements of `bindings` as C into the folder `out`; `scripts/httpd-bindings` compiles them, too.
pub(crate) fn write(bindings: &str, out: &Path) -> PathBuf {
    let file = out.join("layout.c");
    std::fs::write(&file, program(bindings)).expect("OUT_DIR can be written to");
    file
}

/// Compiles what `write` wrote; nothing of it is linked.
///
/// # Panics
/// When the headers disagree with the bindings: the module would write into the wrong places.
pub(crate) fn check(file: &Path, headers: &Headers) {
    let mut build = cc::Build::new();
    build
        .file(file)
        .include("bindings")
        .warnings(false)
        .cargo_metadata(false);
    for argument in headers.arguments() {
        build.flag(argument);
    }
    if let Err(error) = build.try_compile("rickhouse-httpd-layout") {
        panic!(
            "the installed httpd headers and the bindings of rickhouse-httpd-sys disagree (or no C compiler was found); \
             the feature `bindgen` makes bindings for these headers: {error}"
        );
    }
}

fn program(bindings: &str) -> String {
    let mut text = String::from("#include <stddef.h>\n#include \"wrapper.h\"\n");
    // The statements as one line each, whatever rustfmt made of them.
    let flat = bindings.split_whitespace().collect::<Vec<_>>().join(" ");
    for statement in flat.split("[\"").skip(1) {
        let Some((title, rest)) = statement.split_once("\"]") else {
            continue;
        };
        let Some(value) = number_before(rest, "usize") else {
            continue;
        };
        let assertion = if let Some(field) = title.strip_prefix("Offset of field: ") {
            offset(field, value)
        } else if let Some(name) = title.strip_prefix("Size of ") {
            size(name, value)
        } else {
            None
        };
        if let Some(assertion) = assertion {
            writeln!(text, "_Static_assert({assertion}, \"{title}\");")
                .expect("writing to a string cannot fail");
        }
    }
    text
}

fn offset(field: &str, value: &str) -> Option<String> {
    let (name, field) = field.split_once("::")?;
    // Bit fields and anonymous unions are bindgen's inventions.
    (!field.starts_with("_bitfield") && !field.starts_with("__bindgen") && !is_invented(name))
        .then(|| format!("offsetof({}, {}) == {value}", spelled(name), c_name(field)))
}

fn size(name: &str, value: &str) -> Option<String> {
    (!GROWING.contains(&name) && !is_invented(name))
        .then(|| format!("sizeof({}) == {value}", spelled(name)))
}

/// Names that bindgen made for what has none in C.
fn is_invented(name: &str) -> bool {
    name.starts_with("__")
        || name.contains("__bindgen")
        || name == "apr_bucket_brigade_apr_bucket_list"
}

fn spelled(name: &str) -> String {
    let is_tagged =
        TAGGED.contains(&name) || name.starts_with("sockaddr") || name.ends_with("_struct");
    if is_tagged {
        format!("struct {name}")
    } else {
        name.to_owned()
    }
}

/// bindgen appends `_` to what is a keyword in Rust.
fn c_name(field: &str) -> &str {
    field.strip_suffix('_').unwrap_or(field)
}

/// The digits right before the first `suffix`.
fn number_before<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (before, _) = text.split_once(suffix)?;
    let start = before
        .rfind(|letter: char| !letter.is_ascii_digit())
        .map_or(0, |place| place + 1);
    before.get(start..).filter(|digits| !digits.is_empty())
}
