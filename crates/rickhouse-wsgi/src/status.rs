//! The status of a response.

use crate::PyBytesRepr;

/// Why the status an application gave is none. `Display` is the text of the `ValueError` it gets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// It does not start with three digits, or there is a fourth.
    #[error("status code must be a 3 digit integer: {}", PyBytesRepr(.0))]
    NotThreeDigits(Vec<u8>),
    /// Something other than a space follows the digits.
    #[error("no space following status code: {}", PyBytesRepr(.0))]
    NoSpace(Vec<u8>),
    /// There is a control character behind the space, NUL included.
    #[error("control character in status reason phrase: {}", PyBytesRepr(.0))]
    ControlCharacter(Vec<u8>),
}

/// Reads a status such as `200 OK` (PEP 3333; RFC 9112 section 4): the code, and the reason phrase, which may be empty. `200` alone
/// is one as well. Any three digits are a code; whether it may be sent as a final status is the front end's to decide.
///
/// # Errors
///
/// It is none; the error carries the whole status.
pub fn parse(status: &[u8]) -> Result<(u16, &[u8]), StatusError> {
    let digits = status
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits != 3 {
        return Err(StatusError::NotThreeDigits(status.to_vec()));
    }
    let (code, rest) = status.split_at(3);
    let code = code
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let reason = match rest {
        [] => rest,
        [b' ', reason @ ..] => reason,
        _ => return Err(StatusError::NoSpace(status.to_vec())),
    };
    if reason.iter().any(u8::is_ascii_control) {
        return Err(StatusError::ControlCharacter(status.to_vec()));
    }
    Ok((code, reason))
}

/// Whether a response with this status has a body (RFC 9110 sections 15.2, 15.3.5 and 15.4.5).
pub fn has_body(code: u16) -> bool {
    code >= 200 && code != 204 && code != 304
}

/// The usual reason phrase (RFC 9110 section 15, RFC 6585, RFC 7725 and the IANA registry); empty for a code without one.
pub fn phrase(code: u16) -> &'static str {
    match code {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_a_status() {
        let check =
            |status: &[u8], code: u16, reason: &[u8]| assert_eq!(parse(status), Ok((code, reason)));
        check(b"200 OK", 200, b"OK");
        check(b"200", 200, b"");
        check(b"200 ", 200, b"");
        check(b"404 Not Found", 404, b"Not Found");
        check(b"200  two spaces", 200, b" two spaces");
        check(b"000 x", 0, b"x");
        check(b"999 \xe4\xff", 999, b"\xe4\xff");
    }

    #[test]
    fn what_an_application_is_told() {
        let check =
            |status: &[u8], text: &str| assert_eq!(parse(status).unwrap_err().to_string(), text);
        check(b"", "status code must be a 3 digit integer: b''");
        check(b"OK", "status code must be a 3 digit integer: b'OK'");
        check(b"20 OK", "status code must be a 3 digit integer: b'20 OK'");
        check(
            b"2000 OK",
            "status code must be a 3 digit integer: b'2000 OK'",
        );
        check(
            b" 200 OK",
            "status code must be a 3 digit integer: b' 200 OK'",
        );
        check(b"200OK", "no space following status code: b'200OK'");
        check(b"200\tOK", "no space following status code: b'200\\tOK'");
        check(b"200\0", "no space following status code: b'200\\x00'");
        check(
            b"200 O\nK",
            "control character in status reason phrase: b'200 O\\nK'",
        );
        check(
            b"200 it's\0",
            "control character in status reason phrase: b\"200 it's\\x00\"",
        );
        check(
            b"200 \t",
            "control character in status reason phrase: b'200 \\t'",
        );
        check(
            b"200 \x7f",
            "control character in status reason phrase: b'200 \\x7f'",
        );
    }

    #[test]
    fn phrases_are_good_reasons() {
        for code in 0..=u16::MAX {
            let reason = phrase(code);
            if !reason.is_empty() {
                let status = format!("{code} {reason}");
                assert_eq!(parse(status.as_bytes()), Ok((code, reason.as_bytes())));
            }
        }
        assert_eq!(
            (phrase(413), phrase(431), phrase(299)),
            ("Content Too Large", "Request Header Fields Too Large", "")
        );
    }

    #[test]
    fn which_have_a_body() {
        for (code, expected) in [
            (100, false),
            (101, false),
            (199, false),
            (200, true),
            (204, false),
            (205, true),
            (304, false),
            (500, true),
        ] {
            assert_eq!(has_body(code), expected, "{code}");
        }
    }

    /// The rules as the reference page words them.
    fn naive(status: &[u8]) -> Option<u16> {
        let text: String = status.iter().map(|byte| char::from(*byte)).collect();
        let code = text
            .get(..3)
            .filter(|code| code.chars().all(|digit| digit.is_ascii_digit()))?;
        let rest = &text[3..];
        (rest.is_empty()
            || rest.starts_with(' ') && !rest.chars().any(|letter| letter.is_ascii_control()))
        .then(|| code.parse().unwrap())
    }

    proptest! {
        #[test]
        fn any_bytes(status: Vec<u8>) {
            prop_assert_eq!(parse(&status).ok().map(|(code, _)| code), naive(&status));
        }

        #[test]
        fn nearly_a_status(status in "[0-9]{2,4}[ \\t\0a]?[a-z \\n\0\u{7f}]{0,3}") {
            prop_assert_eq!(parse(status.as_bytes()).ok().map(|(code, _)| code), naive(status.as_bytes()));
        }
    }
}
