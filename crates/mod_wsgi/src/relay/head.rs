//! The head of a daemon's response, put where httpd looks for it (DD §8.5).

use rickhouse_directives::response::{self, Mode, Outcome, Placement, status_line};
use rickhouse_httpd::{HasNul, Request};
use rickhouse_wire::Headers;
use rickhouse_wire::response::Head;

/// What becomes of the response.
pub(super) fn outcome<'h>(head: &Head<'h, Headers<'h>>, error_override: bool) -> Outcome<'h> {
    let mut headers = head.headers;
    let location = headers.find(|(name, _)| name.eq_ignore_ascii_case(b"location"));
    response::outcome(
        head.status,
        location.map(|(_, value)| value),
        error_override,
    )
}

/// Sets status and headers.
///
/// # Errors
/// A header with a NUL, which the daemon's rules for headers do not let pass.
pub(super) fn place(request: &mut Request<'_>, head: &Head<'_, Headers<'_>>) -> Result<(), HasNul> {
    request.set_status(head.status);
    request.set_status_line(&status_line(head.status, head.reason))?;
    // The type of the script's file says nothing about the response (DD §14 row 20).
    request.clear_content_type();
    for (name, value) in head.headers {
        place_header(request, name, value)?;
    }
    // The body is held to this, and not to what a header may say besides: of two, the last would be the client's.
    match head.length {
        Some(length) => request.set_content_length(length),
        None => request.headers_out().unset(b"Content-Length"),
    }
    Ok(())
}

fn place_header(request: &mut Request<'_>, name: &[u8], value: &[u8]) -> Result<(), HasNul> {
    // Goes with httpd's own error pages, too: without it a 401 asks for nothing.
    if name.eq_ignore_ascii_case(b"www-authenticate") {
        return request.err_headers_out().add(name, value);
    }
    match response::placement(name, Mode::Daemon) {
        Placement::ContentType => request.set_content_type(value),
        Placement::Drop => Ok(()),
        Placement::Replace => request.headers_out().set(name, value),
        Placement::Add => request.headers_out().add(name, value),
        Placement::Merge => request.headers_out().merge(name, value),
    }
}
