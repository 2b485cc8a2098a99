//! Entries of an environ as Python values (DD §6.1).

use std::num::NonZeroUsize;

use rickhouse_host::Value;
use rickhouse_httpd::Request;

/// The value of an entry that is a text to httpd.
pub(crate) fn of<'a>(key: &[u8], value: Option<&'a [u8]>) -> Value<'a> {
    match value {
        None => Value::None,
        Some(path) if is_path(key) => Value::FileSystem(path),
        Some(text) => Value::Text(text),
    }
}

/// Entries that are decoded as names of files are.
pub(crate) fn is_path(key: &[u8]) -> bool {
    key == b"DOCUMENT_ROOT" || key == b"SCRIPT_FILENAME"
}

/// `apache.request_rec`, for `WSGIPassApacheRequest`.
pub(crate) fn request_rec(request: &Request<'_>) -> Option<Value<'static>> {
    NonZeroUsize::new(request.address().expose_provenance()).map(Value::Capsule)
}
