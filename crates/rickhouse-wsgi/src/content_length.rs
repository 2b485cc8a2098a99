//! The length of a response body, as an application declares it.

/// The value an application gave for `Content-Length` is none. `Display` is the text of the `ValueError` it gets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid Content-Length header value: '{}'", latin1(.0))]
pub struct InvalidContentLength(
    /// The value.
    pub Vec<u8>,
);

/// Reads the `Content-Length` of a response: decimal digits, before which white space and one `+` are tolerated, since applications
/// get away with them elsewhere. The front end writes its own digits, never these.
///
/// # Errors
///
/// It is no such number, or does not fit 64 bits.
pub fn parse_declared(value: &[u8]) -> Result<u64, InvalidContentLength> {
    // The white space of C: ASCII's, and the vertical tab.
    let start = value
        .iter()
        .position(|byte| !(byte.is_ascii_whitespace() || *byte == 0x0b))
        .unwrap_or(value.len());
    let number = &value[start..];
    let digits = number.strip_prefix(b"+").unwrap_or(number);
    parse_digits(digits).ok_or_else(|| InvalidContentLength(value.to_vec()))
}

/// Reads digits and nothing else, as RFC 9110 section 8.6 has it; what a request's `Content-Length` has to be.
pub fn parse_digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_a_length() {
        for (value, length) in [
            (&b"0"[..], 0),
            (b"42", 42),
            (b"007", 7),
            (b" \t\x0b+5", 5),
            (b"18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_declared(value), Ok(length));
        }
    }

    #[test]
    fn what_an_application_is_told() {
        let check = |value: &[u8], text: &str| {
            assert_eq!(parse_declared(value).unwrap_err().to_string(), text)
        };
        check(b"", "invalid Content-Length header value: ''");
        check(b"abc", "invalid Content-Length header value: 'abc'");
        check(b"-1", "invalid Content-Length header value: '-1'");
        check(b"-0", "invalid Content-Length header value: '-0'");
        check(b"5 ", "invalid Content-Length header value: '5 '");
        check(b"5, 5", "invalid Content-Length header value: '5, 5'");
        check(b"1e3", "invalid Content-Length header value: '1e3'");
        check(b"++5", "invalid Content-Length header value: '++5'");
        check(b"+ 5", "invalid Content-Length header value: '+ 5'");
        check(b"\xe4", "invalid Content-Length header value: 'ä'");
        check(
            b"18446744073709551616",
            "invalid Content-Length header value: '18446744073709551616'",
        );
    }

    proptest! {
        #[test]
        fn digits_are_what_rust_reads_without_a_sign(text in "[0-9+ -]{0,22}") {
            let expected = text.parse().ok().filter(|_| !text.starts_with('+'));
            prop_assert_eq!(parse_digits(text.as_bytes()), expected);
        }

        #[test]
        fn any_bytes(value: Vec<u8>) {
            let _ = parse_declared(&value);
            let text: Option<u64> = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok()).filter(|_| value[0] != b'+');
            prop_assert_eq!(parse_digits(&value), text);
        }
    }
}
