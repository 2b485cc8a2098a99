//! The exceptions for a client that cannot be read from or written to.

use std::io;

use rickhouse_python::{Error, ErrorKind, Python};

/// How the texts of our exceptions for a client that is gone begin.
const CLIENT_CLOSED: &str = "mod_wsgi client connection closed";
const WRITE_FAILED: &str = "mod_wsgi failed to write response data";
pub(crate) const READ_FAILED: &str = "mod_wsgi request data read error";

/// Whether the text of an `OSError` is one of ours about the client. Frameworks raise it again as an exception of their
/// own kind with the same text, so the exception itself says less.
pub(crate) fn is_about_client(text: &str) -> bool {
    [CLIENT_CLOSED, WRITE_FAILED, READ_FAILED]
        .iter()
        .any(|ours| text.contains(ours))
}

/// The exception for a response that cannot be sent.
pub(crate) fn output_error<'py>(py: Python<'py>, failure: &io::Error) -> Error<'py> {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    let text = match failure.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset => CLIENT_CLOSED.to_owned(),
        _ => format!("{WRITE_FAILED}: {failure}"),
    };
    Error::new(py, ErrorKind::Os, &text)
}
