//! The request target (RFC 9112 §3.2): its form checked against the method, split, and its path percent-decoded.

use std::ops::Range;

use rickhouse_wsgi::content_length::parse_digits;

use super::Refusal;

/// Where the parts of a target are, as ranges of the target itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// `host[:port]` of the absolute form; it replaces the `Host` field.
    pub(crate) authority: Option<Range<usize>>,
    /// The path as sent; empty stands for `/` (absolute form without a path).
    pub(crate) path: Range<usize>,
    /// What follows the first `?`; empty when there is none.
    pub(crate) query: Range<usize>,
}

/// Splits a target, or refuses it when this form is not for this method.
pub(crate) fn split(method: &[u8], target: &[u8]) -> Result<Target, Refusal> {
    if method == b"CONNECT" {
        return Err(Refusal::NotImplemented);
    }
    if target.contains(&b'#') {
        return Err(Refusal::Malformed);
    }
    let whole = 0..target.len();
    if target == b"*" {
        let asterisk = Target {
            authority: None,
            path: whole,
            query: 1..1,
        };
        return if method == b"OPTIONS" {
            Ok(asterisk)
        } else {
            Err(Refusal::Malformed)
        };
    }
    if target.first() == Some(&b'/') {
        return Ok(split_query(target, None, 0));
    }
    let scheme = ["http://", "https://"]
        .into_iter()
        .find(|scheme| {
            target
                .get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
        })
        .ok_or(Refusal::Malformed)?;
    let rest = &target[scheme.len()..];
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    // An http URI names a host (RFC 9110 §4.2.1), also before a port.
    if matches!(rest[..end], [] | [b':', ..]) || !is_host(&rest[..end]) {
        return Err(Refusal::Malformed);
    }
    let authority = scheme.len()..scheme.len() + end;
    let path = authority.end;
    Ok(split_query(target, Some(authority), path))
}

fn split_query(target: &[u8], authority: Option<Range<usize>>, path: usize) -> Target {
    let mark = memchr::memchr(b'?', &target[path..]).map_or(target.len(), |at| path + at);
    let query = (mark + 1).min(target.len())..target.len();
    Target {
        authority,
        path: path..mark,
        query,
    }
}

/// Whether a `Host` value follows `uri-host [":" port]` (RFC 9110 §7.2). Empty is allowed there.
pub(crate) fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !value[colon..].contains(&b']') => (&value[..colon], &value[colon + 1..]),
        _ => (value, &value[..0]),
    };
    let port_fits =
        port.is_empty() || parse_digits(port).is_some_and(|port| port <= u64::from(u16::MAX));
    let host_fits = match host.strip_prefix(b"[") {
        Some(literal) => literal.strip_suffix(b"]").is_some_and(is_ip_literal),
        None => is_reg_name(host),
    };
    port_fits && host_fits
}

fn is_ip_literal(text: &[u8]) -> bool {
    let address =
        std::str::from_utf8(text).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
    let future = matches!(text, [b'v' | b'V', rest @ ..] if rest.contains(&b'.'))
        && text
            .iter()
            .all(|byte| is_unreserved_or_sub_delim(*byte) || *byte == b':');
    address || future
}

fn is_reg_name(text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'%' if decode_pair(&text[at..]).is_some() => at += 3,
            byte if is_unreserved_or_sub_delim(byte) => at += 1,
            _ => return false,
        }
    }
    true
}

fn is_unreserved_or_sub_delim(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// Appends the percent-decoded path; any byte may come out, `/` and NUL included.
pub(crate) fn decode_path(path: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
    let mut rest = path;
    while let Some(mark) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..mark]);
        out.push(decode_pair(&rest[mark..]).ok_or(Refusal::Malformed)?);
        rest = &rest[mark + 3..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// The byte that `%XX` at the start of `text` stands for.
fn decode_pair(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
    u8::try_from(digit(1)? << 4 | digit(2)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(method: &str, target: &str, expected: Result<(Option<&str>, &str, &str), Refusal>) {
        let got = split(method.as_bytes(), target.as_bytes());
        let got = got.map(|t| {
            (
                t.authority.map(|range| &target[range]),
                &target[t.path],
                &target[t.query],
            )
        });
        assert_eq!(got, expected, "{method} {target}");
    }

    #[test]
    fn the_form_must_fit_the_method() {
        check("GET", "/", Ok((None, "/", "")));
        check("GET", "//a//b?c?d", Ok((None, "//a//b", "c?d")));
        check("GET", "http://h:8/p?q", Ok((Some("h:8"), "/p", "q")));
        check("GET", "HTTPS://[::1]?q", Ok((Some("[::1]"), "", "q")));
        check("OPTIONS", "*", Ok((None, "*", "")));
        for (method, target) in [
            ("GET", "*"),
            ("GET", "foo"),
            ("GET", "t:80"),
            ("GET", "?q"),
            ("GET", ""),
            ("GET", "/a#b"),
            ("GET", "http:///p"),
            ("GET", "http://u@h/"),
            ("GET", "ftp://h/"),
            ("GET", "http://a b/"),
        ] {
            check(method, target, Err(Refusal::Malformed));
        }
        check("CONNECT", "h:443", Err(Refusal::NotImplemented));
    }

    #[test]
    fn host_grammar() {
        for good in [
            "",
            "a",
            "a.b-c:80",
            "a:",
            "[::1]",
            "[::1]:8",
            "1.2.3.4:65535",
            "a%20b",
            "[v1.x:y]",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "a b", "a/b", "a:65536", "a:x", "[::1", "[zz]", "a@b", "a,b:c", "::1", "a\\b", "a%2",
            "é", "a:1:2", "[::1]x",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn paths_decode_to_bytes() {
        for (path, expected) in [
            ("/a%20b%00%ff", Ok(&b"/a b\0\xff"[..])),
            ("/%2F%2e", Ok(b"//.")),
            ("/%", Err(())),
            ("/%4", Err(())),
            ("/%4x", Err(())),
        ] {
            let mut out = Vec::new();
            assert_eq!(
                decode_path(path.as_bytes(), &mut out)
                    .map(|()| &out[..])
                    .map_err(drop),
                expected,
                "{path}"
            );
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(path in proptest::collection::vec(any::<u8>(), 0..40)) {
            let encoded: String = path.iter().map(|byte| format!("%{byte:02X}")).collect();
            let mut out = Vec::new();
            prop_assert_eq!(decode_path(encoded.as_bytes(), &mut out), Ok(()));
            prop_assert_eq!(out, path);
        }

        #[test]
        fn any_target_is_split_or_refused(target in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(parts) = split(b"GET", &target) {
                let mut out = Vec::new();
                let _ = decode_path(&target[parts.path], &mut out);
            }
            is_host(&target);
        }
    }
}
