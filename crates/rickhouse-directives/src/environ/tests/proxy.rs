use proptest::prelude::*;

use super::request::{RULES, Request, built, get, text};
use crate::environ::{Environ, Rules};
use crate::proxies::{self, ProxyHeader, TrustedNetworks};

/// What `WSGITrustedProxyHeaders` and `WSGITrustedProxies` make of a request with these headers.
fn behind_proxy(configured: &str, proxies: Option<&str>, request: &Request) -> Environ {
    let headers: Vec<ProxyHeader> = proxies::parse_headers(configured.as_bytes()).unwrap();
    let proxies = proxies.map(|line| TrustedNetworks::parse(line.as_bytes()).unwrap());
    let rules = Rules {
        proxy_headers: Some(&headers),
        proxies: proxies.as_ref(),
        ..RULES
    };
    built(request, &rules)
}

fn with_headers(headers: &[(&'static str, &str)]) -> Request {
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    Request {
        headers: headers.collect(),
        ..Request::default()
    }
}

#[test]
fn forwarded_for() {
    let check = |proxies: Option<&str>, list: &str, address: &str, header: Option<&str>| {
        let request = with_headers(&[("X-Forwarded-For", list), ("X-Real-IP", "6.6.6.6")]);
        let environ = behind_proxy("X-Forwarded-For", proxies, &request);
        assert_eq!(text(&environ, "REMOTE_ADDR"), address, "{proxies:?} {list}");
        assert_eq!(
            get(&environ, "HTTP_X_FORWARDED_FOR"),
            header.map(|header| Some(header.to_owned())),
            "{list}"
        );
        assert_eq!(get(&environ, "HTTP_X_REAL_IP"), None);
    };
    check(
        None,
        "1.1.1.1, 2.2.2.2",
        "1.1.1.1",
        Some("1.1.1.1, 2.2.2.2"),
    );
    check(None, " , ,2.2.2.2", "2.2.2.2", Some(" , ,2.2.2.2"));
    check(None, "", "10.0.0.9", Some(""));
    let proxies = Some("10.0.0.0/8");
    check(
        proxies,
        "6.6.6.6,1.1.1.1, 10.0.0.2 ,, 10.0.0.3",
        "1.1.1.1",
        Some("1.1.1.1, 10.0.0.2, 10.0.0.3"),
    );
    check(
        proxies,
        "10.0.0.1, 10.0.0.2",
        "10.0.0.1",
        Some("10.0.0.1, 10.0.0.2"),
    );
    check(proxies, "1.1.1.1, 2.2.2.2", "2.2.2.2", Some("2.2.2.2"));
    check(proxies, "1.1.1.1, unknown", "unknown", Some("unknown"));
    check(proxies, ",", "10.0.0.9", Some(","));
    check(Some("11.0.0.0/8"), "1.1.1.1", "10.0.0.9", None);
    check(Some(""), "1.1.1.1", "10.0.0.9", None);
}

/// `RequestHeader add` makes a second header of a name that the client has sent.
#[test]
fn headers_that_are_there_twice() {
    let request = with_headers(&[
        ("X-Forwarded-For", "1.1.1.1, 10.0.0.2"),
        ("X-Real-IP", "6.6.6.6"),
        ("X-Forwarded-For", "9.9.9.9"),
        ("X-Real-IP", "7.7.7.7"),
    ]);
    let seen = |environ: &Environ, name: &str| -> Vec<String> {
        let entries = environ.iter().filter(|(key, _)| *key == name.as_bytes());
        let texts = entries.map(|(_, value)| String::from_utf8(value.unwrap().to_vec()).unwrap());
        texts.collect()
    };
    let trusted = behind_proxy("X-Forwarded-For", Some("10.0.0.0/8"), &request);
    assert_eq!(text(&trusted, "REMOTE_ADDR"), "1.1.1.1");
    assert_eq!(
        seen(&trusted, "HTTP_X_FORWARDED_FOR"),
        ["1.1.1.1, 10.0.0.2"]
    );
    assert!(seen(&trusted, "HTTP_X_REAL_IP").is_empty());
    let untrusted = behind_proxy("X-Forwarded-For", Some("11.0.0.0/8"), &request);
    assert!(seen(&untrusted, "HTTP_X_FORWARDED_FOR").is_empty());
    assert!(seen(&untrusted, "HTTP_X_REAL_IP").is_empty());
    let by_scheme = with_headers(&[
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Proto", "http"),
    ]);
    let mut secure = behind_proxy("X-Forwarded-Proto", None, &by_scheme);
    assert_eq!(seen(&secure, "HTTP_X_FORWARDED_PROTO"), ["https"]);
    assert!(secure.take_https());
}

#[test]
fn other_headers_of_proxies() {
    let request = with_headers(&[
        ("Host", "inner"),
        ("X-Forwarded-Host", "outer:81"),
        ("X-Host", "other"),
        ("X-Forwarded-Server", "name"),
        ("X-Forwarded-Port", "82"),
        ("X-Script-Name", "/a//b"),
        ("X-Real-IP", "not an address"),
        ("X-Forwarded-For", "6.6.6.6"),
    ]);
    let environ = behind_proxy(
        "X-Host X-Forwarded-Host X-Forwarded-Server X-Forwarded-Port X-Script-Name X-Real-IP",
        None,
        &request,
    );
    for (key, value) in [
        ("HTTP_HOST", "outer:81"),
        ("SERVER_NAME", "name"),
        ("SERVER_PORT", "82"),
        ("SCRIPT_NAME", "/a//b"),
        ("mod_wsgi.mount_point", "/a//b"),
        ("mod_wsgi.script_name", "/app"),
        ("REMOTE_ADDR", "not an address"),
        ("HTTP_X_FORWARDED_HOST", "outer:81"),
    ] {
        assert_eq!(text(&environ, key), value, "{key}");
    }
    for gone in ["HTTP_X_HOST", "HTTP_X_FORWARDED_FOR"] {
        assert_eq!(get(&environ, gone), None, "{gone}");
    }
}

#[test]
fn only_configured_categories_are_touched() {
    let request = with_headers(&[
        ("X-Forwarded-Port", "82"),
        ("X-Scheme", "https"),
        ("X-Real-IP", "1.1.1.1"),
    ]);
    let environ = behind_proxy("X-Forwarded-For", None, &request);
    assert_eq!(
        (
            &*text(&environ, "SERVER_PORT"),
            &*text(&environ, "REMOTE_ADDR")
        ),
        ("8443", "10.0.0.9")
    );
    assert_eq!(
        (
            &*text(&environ, "HTTP_X_FORWARDED_PORT"),
            &*text(&environ, "HTTP_X_SCHEME")
        ),
        ("82", "https")
    );
    assert_eq!(get(&environ, "HTTP_X_REAL_IP"), None);
}

#[test]
fn schemes_of_proxies() {
    let check =
        |header: &'static str, value: &str, tls: bool, proxies: Option<&str>, expected: bool| {
            let request = Request {
                tls,
                ..with_headers(&[(header, value)])
            };
            let mut environ = behind_proxy(header, proxies, &request);
            assert_eq!(environ.take_https(), expected, "{header} {value} {tls}");
        };
    check("X-Forwarded-Proto", "HTTPS", false, None, true);
    check("X-Forwarded-Proto", "http", true, None, false);
    check("X-Forwarded-Proto", "gopher", true, None, false);
    check("X-Forwarded-Proto", "https", false, Some("11.0.0.1"), false);
    check("X-Forwarded-Proto", "http", true, Some("11.0.0.1"), true);
    check("X-Forwarded-Ssl", "On", false, None, true);
    check("X-Https", "1", false, None, true);
    check("X-Https", "0", true, None, false);
    check("X-Https", "https", false, None, false);
    check("X-Scheme", "https", false, None, true);
}

proptest! {
    #[test]
    fn keys_are_unique(
        values in proptest::collection::vec("[ -~]{0,8}", 8),
        uri in "[/a-c]{0,8}",
        path_info in proptest::option::of("[/a-c]{0,4}"),
        proxied: bool,
    ) {
        let names = ["Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Script-Name", "Content-Length", "Authorization", "X-Host", "X-A"];
        let headers = names.into_iter().zip(values).collect();
        let request = Request { headers, uri, path_info, variables: vec![("A", None), ("A", Some("b"))], ..Request::default() };
        let configured = if proxied { "X-Forwarded-For X-Forwarded-Proto X-Script-Name X-Host" } else { "" };
        let mut environ = behind_proxy(configured, Some("10.0.0.0/8"), &request);
        environ.take_https();
        let mut keys: Vec<_> = environ.iter().map(|(key, _)| key.to_vec()).collect();
        let count = keys.len();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), count);
    }
}
