//! The head of an application's response, put where httpd looks for it (DD §7.4).

use std::io;

use rickhouse_directives::response::{Mode, Placement, placement, status_line};
use rickhouse_host::ResponseHead;
use rickhouse_httpd::{HasNul, Request};

/// Sets status and headers.
pub(super) fn place(request: &mut Request<'_>, head: &ResponseHead<'_>) -> io::Result<()> {
    request.set_status(head.status);
    request.set_status_line(&status_line(head.status, head.reason))?;
    // The type of the script's file says nothing about the response (DD §14 row 20).
    request.clear_content_type();
    for &(name, value) in head.headers {
        place_header(request, name, value)?;
    }
    if let Some(length) = head.length {
        request.set_content_length(length);
    }
    request.expect_no_continue();
    Ok(())
}

fn place_header(request: &mut Request<'_>, name: &[u8], value: &[u8]) -> Result<(), HasNul> {
    // Goes with httpd's own error pages, too: without it a 401 asks for nothing.
    let challenge = name.eq_ignore_ascii_case(b"www-authenticate");
    match placement(name, Mode::Embedded) {
        Placement::ContentType => request.set_content_type(value),
        Placement::Drop => Ok(()),
        _ if challenge => request.err_headers_out().add(name, value),
        Placement::Replace => request.headers_out().set(name, value),
        Placement::Add | Placement::Merge => request.headers_out().add(name, value),
    }
}

/// The head of an empty response to a request that was interrupted (DD §7.7).
pub(super) fn place_timeout(request: &mut Request<'_>) -> Result<(), HasNul> {
    request.set_status(504);
    request.set_status_line(b"504 Gateway Timeout")?;
    request.clear_content_type();
    Ok(())
}

/// Undoes [`place`] before anything was sent, for a page of httpd's.
pub(super) fn take_back(request: &mut Request<'_>) {
    request.headers_out().clear();
    request.err_headers_out().unset(b"WWW-Authenticate");
    request.set_status(200);
    request.clear_status_line();
}
