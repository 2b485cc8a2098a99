//! Request headers as entries of the environ (RFC 3875 section 4.1.18, PEP 3333 "environ Variables").

/// What becomes of a request header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `CONTENT_TYPE`.
    ContentType,
    /// `CONTENT_LENGTH`, whose value is the framing's and never the header's text.
    ContentLength,
    /// `HTTP_…`; [`write_key`] gives the name.
    Http,
    /// Nothing: it is kept from the application. A name with anything but letters, digits and `-` could stand for the entry of
    /// another header (`X_Real_IP` for `X-Real-IP`, which a proxy checked); `Proxy` would be taken for the variable `HTTP_PROXY`,
    /// which HTTP clients of the application obey.
    Refused,
}

/// What becomes of the request header of this name.
pub fn classify(name: &[u8]) -> Field {
    let is_clean = !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    if !is_clean || name.eq_ignore_ascii_case(b"proxy") {
        Field::Refused
    } else if name.eq_ignore_ascii_case(b"content-type") {
        Field::ContentType
    } else if name.eq_ignore_ascii_case(b"content-length") {
        Field::ContentLength
    } else {
        Field::Http
    }
}

/// Appends the key of a header that is [`Field::Http`]: `HTTP_`, then the name in upper case with `_` for `-`.
pub fn write_key(name: &[u8], key: &mut Vec<u8>) {
    key.extend_from_slice(b"HTTP_");
    key.extend(name.iter().map(|byte| {
        if *byte == b'-' {
            b'_'
        } else {
            byte.to_ascii_uppercase()
        }
    }));
}

/// What stands between the values of a header that came several times: `"; "` for `Cookie` (RFC 6265 section 4.2.1, RFC 9113
/// section 8.2.3), `", "` for all others (RFC 9110 section 5.3).
pub fn join_separator(name: &[u8]) -> &'static [u8] {
    if name.eq_ignore_ascii_case(b"cookie") {
        b"; "
    } else {
        b", "
    }
}

/// Appends the values of a header that came several times, joined.
pub fn join_values<'a>(
    name: &[u8],
    values: impl IntoIterator<Item = &'a [u8]>,
    joined: &mut Vec<u8>,
) {
    for (at, value) in values.into_iter().enumerate() {
        if at > 0 {
            joined.extend_from_slice(join_separator(name));
        }
        joined.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key(name: &[u8]) -> Vec<u8> {
        let mut key = Vec::new();
        write_key(name, &mut key);
        key
    }

    #[test]
    fn what_becomes_of_a_header() {
        let check = |name: &[u8], field: Field| {
            assert_eq!(classify(name), field, "{}", crate::PyBytesRepr(name))
        };
        check(b"Host", Field::Http);
        check(b"X-Forwarded-For", Field::Http);
        check(b"x-1", Field::Http);
        check(b"-", Field::Http);
        check(b"Proxy-Status", Field::Http);
        check(b"CONTENT-type", Field::ContentType);
        check(b"content-LENGTH", Field::ContentLength);
        for refused in [
            &b""[..],
            b"Proxy",
            b"PROXY",
            b"X_Real_IP",
            b"Content_Length",
            b"a.b",
            b"a b",
            b"a\0",
            b"\xe4",
            b"a:b",
        ] {
            check(refused, Field::Refused);
        }
    }

    #[test]
    fn keys() {
        assert_eq!(key(b"Accept-Encoding"), b"HTTP_ACCEPT_ENCODING");
        assert_eq!(key(b"x-y1"), b"HTTP_X_Y1");
    }

    #[test]
    fn joins() {
        let check = |name: &[u8], values: &[&[u8]], expected: &[u8]| {
            let mut joined = Vec::new();
            join_values(name, values.iter().copied(), &mut joined);
            assert_eq!(joined, expected);
        };
        check(b"Cookie", &[b"a=1", b"b=2"], b"a=1; b=2");
        check(b"cookie", &[b"a=1"], b"a=1");
        check(b"Accept", &[b"a", b"", b"b"], b"a, , b");
        check(b"Accept", &[], b"");
    }

    proptest! {
        #[test]
        fn different_headers_never_share_a_key(names in proptest::collection::vec("[a-cA-C_.-]{1,3}", 0..40)) {
            let mut keys: BTreeMap<Vec<u8>, String> = BTreeMap::new();
            for name in names.iter().filter(|name| classify(name.as_bytes()) == Field::Http) {
                let earlier = keys.insert(key(name.as_bytes()), name.to_ascii_lowercase());
                prop_assert!(earlier.is_none_or(|earlier| earlier == name.to_ascii_lowercase()));
            }
        }

        #[test]
        fn a_key_is_a_good_variable(name: Vec<u8>) {
            if classify(&name) == Field::Http {
                prop_assert!(key(&name).iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_')));
            }
        }
    }
}
