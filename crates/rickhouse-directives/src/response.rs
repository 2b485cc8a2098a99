//! What httpd is to do with the head of a response (DD §5.9, §8.5).
//!
//! The head comes over our own wire as status, reason and headers, not as text that has to be read again. Hence what mod_wsgi does to an
//! application's head on the way (DD §14, rows 14, 15, 17 and 19) does not happen.

/// Where the application ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In httpd's child.
    Embedded,
    /// In a daemon.
    Daemon,
}

/// The status line behind the protocol: `404 Not Here`. Without a reason it is the number alone, and httpd adds its own phrase.
pub fn status_line(status: u16, reason: &[u8]) -> Vec<u8> {
    let separator: &[u8] = if reason.is_empty() { b"" } else { b" " };
    [format!("{status:03}").as_bytes(), separator, reason].concat()
}

/// What becomes of one header of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// It is the response's content type, which httpd keeps apart; the value as it is.
    ContentType,
    /// It takes the place of an earlier one.
    Replace,
    /// It is a line of its own.
    Add,
    /// Its value is joined with that of an earlier one by a comma.
    Merge,
    /// It speaks of how the body is framed, which is httpd's business (DD §14, row 22).
    Drop,
}

/// What becomes of the header of this name. Repeated headers are joined in daemon mode only (DD §14, row 18); those whose values have commas of
/// their own never are.
pub fn placement(name: &[u8], mode: Mode) -> Placement {
    const SINGLE: [&[u8]; 3] = [b"location", b"content-length", b"content-range"];
    const SEPARATE: [&[u8]; 2] = [b"set-cookie", b"www-authenticate"];
    let is_one_of = |names: &[&[u8]]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if name.eq_ignore_ascii_case(b"content-type") {
        Placement::ContentType
    } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
        Placement::Drop
    } else if is_one_of(&SINGLE) {
        Placement::Replace
    } else if mode == Mode::Embedded || is_one_of(&SEPARATE) {
        Placement::Add
    } else {
        Placement::Merge
    }
}

/// What becomes of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The client gets it.
    Send,
    /// Its body is discarded; the client gets what a GET of this path gets.
    Redirect(&'a [u8]),
    /// Its body is discarded; httpd makes a page for this status.
    ErrorPage(u16),
}

/// What becomes of the response of an application in a daemon. `location` is its `Location`.
pub fn outcome(status: u16, location: Option<&[u8]>, error_override: bool) -> Outcome<'_> {
    match location {
        Some(path) if status == 200 && path.starts_with(b"/") => Outcome::Redirect(path),
        _ if error_override && has_page(status) => Outcome::ErrorPage(status),
        _ => Outcome::Send,
    }
}

/// Whether httpd has pages for an error of this status. Those that it does not know (418) it would answer as 500: the application's own
/// response stays (DD §14, row 23).
fn has_page(status: u16) -> bool {
    matches!(status, 400..=417 | 421..=426 | 428 | 429 | 431 | 451 | 500..=508 | 510 | 511)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines() {
        assert_eq!(status_line(404, b"Not Here"), b"404 Not Here");
        assert_eq!(status_line(200, b""), b"200");
        assert_eq!(status_line(99, b""), b"099");
    }

    #[test]
    fn placements() {
        let check = |name: &str, embedded: Placement, daemon: Placement| {
            assert_eq!(
                placement(name.as_bytes(), Mode::Embedded),
                embedded,
                "{name}"
            );
            assert_eq!(placement(name.as_bytes(), Mode::Daemon), daemon, "{name}");
        };
        check(
            "content-TYPE",
            Placement::ContentType,
            Placement::ContentType,
        );
        check("Location", Placement::Replace, Placement::Replace);
        check("Content-Length", Placement::Replace, Placement::Replace);
        check("Content-Range", Placement::Replace, Placement::Replace);
        check("Transfer-Encoding", Placement::Drop, Placement::Drop);
        check("Connection", Placement::Add, Placement::Merge);
        check("Set-Cookie", Placement::Add, Placement::Add);
        check("WWW-Authenticate", Placement::Add, Placement::Add);
        check("Vary", Placement::Add, Placement::Merge);
        check("Status", Placement::Add, Placement::Merge);
        check("Last-Modified", Placement::Add, Placement::Merge);
    }

    #[test]
    fn outcomes() {
        let check =
            |status: u16, location: Option<&str>, error_override: bool, expected: Outcome<'_>| {
                let location = location.map(str::as_bytes);
                assert_eq!(
                    outcome(status, location, error_override),
                    expected,
                    "{status}"
                );
            };
        check(200, None, true, Outcome::Send);
        check(200, Some("/x"), false, Outcome::Redirect(b"/x"));
        check(302, Some("/x"), true, Outcome::Send);
        check(200, Some("http://h/x"), true, Outcome::Send);
        check(404, None, false, Outcome::Send);
        check(404, None, true, Outcome::ErrorPage(404));
        check(404, Some("/x"), true, Outcome::ErrorPage(404));
        check(599, None, true, Outcome::Send);
        check(511, None, true, Outcome::ErrorPage(511));
        check(399, None, true, Outcome::Send);
        check(418, None, true, Outcome::Send);
    }
}
