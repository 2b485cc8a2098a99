//! The headers of a response, as an application may give them.

use crate::PyBytesRepr;

/// Why a header is none. `Display` is the text of the `ValueError` the application gets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The name is empty.
    #[error("header name is empty")]
    EmptyName,
    /// The name has a control character: a tab, NUL and DEL are some.
    #[error("control character in header name: {}", PyBytesRepr(.0))]
    ControlInName(Vec<u8>),
    /// The name has a space.
    #[error("space character in header name: {}", PyBytesRepr(.0))]
    SpaceInName(Vec<u8>),
    /// The value has a line break, with which an application would be writing headers of a client's choice.
    #[error("carriage return/line feed character in header value: {}", PyBytesRepr(.0))]
    LineBreakInValue(Vec<u8>),
    /// The value has a NUL, which recipients written in C take for its end.
    #[error("control character in header value: {}", PyBytesRepr(.0))]
    NulInValue(Vec<u8>),
}

/// Checks a name as `start_response` does. It is laxer than HTTP: see [`is_token`].
///
/// # Errors
///
/// The first thing that is wrong with it; the error carries the whole name.
pub fn check_name(name: &[u8]) -> Result<(), HeaderError> {
    if name.is_empty() {
        return Err(HeaderError::EmptyName);
    }
    match name
        .iter()
        .find(|byte| byte.is_ascii_control() || **byte == b' ')
    {
        None => Ok(()),
        Some(b' ') => Err(HeaderError::SpaceInName(name.to_vec())),
        Some(_) => Err(HeaderError::ControlInName(name.to_vec())),
    }
}

/// Checks a value as `start_response` does: what RFC 9110 section 5.5 calls dangerous is refused, other control characters are not.
///
/// # Errors
///
/// The first thing that is wrong with it; the error carries the whole value.
pub fn check_value(value: &[u8]) -> Result<(), HeaderError> {
    match value.iter().find(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        None => Ok(()),
        Some(0) => Err(HeaderError::NulInValue(value.to_vec())),
        Some(_) => Err(HeaderError::LineBreakInValue(value.to_vec())),
    }
}

/// Whether a name is a token of HTTP (RFC 9110 section 5.6.2). [`check_name`] lets others pass, such as one with a colon, which on the
/// wire would be another header: a front end that writes headers itself has to refuse them.
pub fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| TOKEN_BYTES[usize::from(*byte)])
}

/// The answer for each byte: it is asked for each byte of each header of each response.
const TOKEN_BYTES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut byte = 0;
    while byte < bytes.len() {
        bytes[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        bytes[others[at] as usize] = true;
        at += 1;
    }
    bytes
};

/// Whether a header is about one connection only (RFC 9110 section 7.6.1, PEP 3333 "Other HTTP Features"): the front end's business, never
/// an application's.
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 10] = [
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"trailers",
        b"transfer-encoding",
        b"upgrade",
    ];
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names() {
        for good in [&b"Content-Type"[..], b"x", b"X_Y", b"a:b", b"\xe4"] {
            assert_eq!(check_name(good), Ok(()));
        }
        let check =
            |name: &[u8], text: &str| assert_eq!(check_name(name).unwrap_err().to_string(), text);
        check(b"", "header name is empty");
        check(b"a\tb", "control character in header name: b'a\\tb'");
        check(b"a\x7f", "control character in header name: b'a\\x7f'");
        check(b"a\0b", "control character in header name: b'a\\x00b'");
        check(
            b"a\r\nb c",
            "control character in header name: b'a\\r\\nb c'",
        );
        check(b"a b\n", "space character in header name: b'a b\\n'");
    }

    #[test]
    fn values() {
        for good in [
            &b""[..],
            b"text/plain",
            b"a\tb",
            b" a ",
            b"\x01\x7f",
            b"\xe4\xff",
        ] {
            assert_eq!(check_value(good), Ok(()));
        }
        let check = |value: &[u8], text: &str| {
            assert_eq!(check_value(value).unwrap_err().to_string(), text)
        };
        check(
            b"a\rb",
            "carriage return/line feed character in header value: b'a\\rb'",
        );
        check(
            b"a\n",
            "carriage return/line feed character in header value: b'a\\n'",
        );
        check(
            b"it's\n",
            "carriage return/line feed character in header value: b\"it's\\n\"",
        );
        check(
            b"a\0b\n",
            "control character in header value: b'a\\x00b\\n'",
        );
    }

    #[test]
    fn tokens() {
        for byte in 0..=u8::MAX {
            // RFC 9110: any VCHAR, except delimiters.
            let expected = byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte);
            assert_eq!(is_token(&[b'x', byte]), expected, "{byte:#x}");
        }
        assert!(!is_token(b""));
    }

    #[test]
    fn what_concerns_one_connection() {
        for name in [
            &b"Connection"[..],
            b"TE",
            b"transfer-encoding",
            b"Keep-Alive",
            b"UPGRADE",
            b"Trailer",
        ] {
            assert!(is_hop_by_hop(name));
        }
        for name in [
            &b"Content-Length"[..],
            b"Date",
            b"",
            b"Connections",
            b"Set-Cookie",
        ] {
            assert!(!is_hop_by_hop(name));
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let good_name = !bytes.is_empty() && bytes.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
            prop_assert_eq!(check_name(&bytes).is_ok(), good_name);
            let good_value = !bytes.contains(&b'\r') && !bytes.contains(&b'\n') && !bytes.contains(&0);
            prop_assert_eq!(check_value(&bytes).is_ok(), good_value);
            if is_token(&bytes) {
                prop_assert!(good_name && good_value);
            }
        }
    }
}
