use proptest::prelude::*;

use super::*;
use crate::proxies::{ProxyHeader, TrustedNetworks};
use crate::settings::MapHead;

/// A request as plain data.
struct Request {
    headers: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, Option<&'static str>)>,
    method: &'static str,
    uri: String,
    path_info: Option<String>,
    peer: &'static str,
    protocol: &'static str,
    pass_auth: bool,
    current_uri: bool,
    content_filter: bool,
    tls: bool,
    without_query: bool,
    redirected: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            headers: vec![("Host", "h".to_owned())],
            variables: Vec::new(),
            method: "GET",
            uri: "/app/x".to_owned(),
            path_info: Some("/x".to_owned()),
            peer: "10.0.0.9",
            protocol: "HTTP/1.1",
            pass_auth: false,
            current_uri: false,
            content_filter: false,
            tls: false,
            without_query: false,
            redirected: false,
        }
    }
}

impl RequestView for Request {
    fn each_header(&self, sink: &mut dyn FnMut(&[u8], &[u8])) {
        for (name, value) in &self.headers {
            sink(name.as_bytes(), value.as_bytes());
        }
    }

    fn each_variable(&self, sink: &mut dyn FnMut(&[u8], Option<&[u8]>)) {
        for (name, value) in &self.variables {
            sink(name.as_bytes(), value.map(str::as_bytes));
        }
    }

    fn method(&self) -> &[u8] {
        self.method.as_bytes()
    }

    fn is_get_or_head(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }

    fn uri(&self) -> &[u8] {
        self.uri.as_bytes()
    }

    fn request_line(&self) -> &[u8] {
        b"GET /app/%78?q=1 HTTP/1.1"
    }

    fn query(&self) -> Option<&[u8]> {
        Some(b"q=1")
    }

    fn path_info(&self) -> Option<&[u8]> {
        self.path_info.as_deref().map(str::as_bytes)
    }

    fn filename(&self) -> Option<&[u8]> {
        Some(b"/srv/app.wsgi?tail")
    }

    fn protocol(&self) -> &[u8] {
        self.protocol.as_bytes()
    }

    fn server_software(&self) -> &[u8] {
        b"Apache"
    }

    fn server_name_for_url(&self) -> &[u8] {
        b"<\"h\"&"
    }

    fn server_port(&self) -> u16 {
        8443
    }

    fn server_address(&self) -> Option<&[u8]> {
        Some(b"127.0.0.1")
    }

    fn server_admin(&self) -> Option<&[u8]> {
        None
    }

    fn remote_address(&self) -> Option<&[u8]> {
        Some(self.peer.as_bytes())
    }

    fn remote_port(&self) -> Option<u16> {
        Some(65535)
    }

    fn remote_host(&self) -> Option<&[u8]> {
        Some(b"client.example")
    }

    fn user(&self) -> Option<&[u8]> {
        Some(b"alice")
    }

    fn auth_type(&self) -> Option<&[u8]> {
        Some(b"Basic")
    }

    fn document_root(&self) -> Option<&[u8]> {
        Some(b"/srv/www")
    }

    fn context_prefix(&self) -> Option<&[u8]> {
        Some(b"")
    }

    fn context_document_root(&self) -> Option<&[u8]> {
        Some(b"/srv/www")
    }

    fn scheme(&self) -> &[u8] {
        b"http"
    }

    fn signature(&self) -> Option<&[u8]> {
        Some(b"<address>")
    }

    fn redirected(&self) -> Option<Redirected<'_>> {
        self.redirected.then_some(Redirected {
            url: b"/before",
            query: Some(b"b"),
            user: None,
        })
    }

    fn cgi_pass_auth(&self) -> bool {
        self.pass_auth
    }

    fn request_uri_is_current(&self) -> bool {
        self.current_uri
    }

    fn without_proxy_query(&self) -> bool {
        self.without_query
    }

    fn has_content_filter(&self) -> bool {
        self.content_filter
    }

    fn is_tls(&self) -> bool {
        self.tls
    }
}

const RULES: Rules<'static> = Rules {
    map_head: MapHead::Auto,
    pass_authorization: false,
    proxy_headers: None,
    proxies: None,
};

fn built(request: &Request, rules: &Rules<'_>) -> Environ {
    let mut environ = Environ::new();
    build(request, rules, &mut environ);
    environ
}

/// The value as text; an entry without a value is `None` in the inner place.
fn get(environ: &Environ, key: &str) -> Option<Option<String>> {
    let (_, value) = environ.iter().find(|(found, _)| *found == key.as_bytes())?;
    Some(value.map(|value| String::from_utf8(value.to_vec()).unwrap()))
}

fn text(environ: &Environ, key: &str) -> String {
    get(environ, key)
        .unwrap_or_else(|| panic!("{key} is there"))
        .unwrap_or_default()
}

#[test]
fn a_request() {
    let environ = built(&Request::default(), &RULES);
    let expected = [
        ("HTTP_HOST", "h"),
        ("SERVER_SOFTWARE", "Apache"),
        ("SERVER_NAME", "&lt;&quot;h&quot;&amp;"),
        ("SERVER_ADDR", "127.0.0.1"),
        ("SERVER_PORT", "8443"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("DOCUMENT_ROOT", "/srv/www"),
        ("REMOTE_ADDR", "10.0.0.9"),
        ("REMOTE_PORT", "65535"),
        ("REMOTE_USER", "alice"),
        ("AUTH_TYPE", "Basic"),
        ("CONTEXT_PREFIX", ""),
        ("CONTEXT_DOCUMENT_ROOT", "/srv/www"),
        ("REQUEST_SCHEME", "http"),
        ("SCRIPT_FILENAME", "/srv/app.wsgi?tail"),
        ("REQUEST_METHOD", "GET"),
        ("QUERY_STRING", "q=1"),
        ("REQUEST_URI", "/app/%78?q=1"),
        ("SCRIPT_NAME", "/app"),
        ("mod_wsgi.script_name", "/app"),
        ("PATH_INFO", "/x"),
        ("mod_wsgi.path_info", "/x"),
    ];
    let found: Vec<(String, String)> = environ
        .iter()
        .map(|(key, value)| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            (text(key), text(value.unwrap()))
        })
        .collect();
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn headers() {
    let names = [
        "Content-Type",
        "Content-Length",
        "X_Real_IP",
        "a.b",
        "Proxy",
        "Authorization",
        "Proxy-Authorization",
        "X-A",
    ];
    let headers = names.map(|name| (name, name.to_lowercase()));
    let keys = |pass_auth: bool, pass_authorization: bool| -> Vec<String> {
        let request = Request {
            headers: headers.to_vec(),
            pass_auth,
            ..Request::default()
        };
        let environ = built(
            &request,
            &Rules {
                pass_authorization,
                ..RULES
            },
        );
        let keys = environ
            .iter()
            .map(|(key, _)| String::from_utf8(key.to_vec()).unwrap());
        keys.filter(|key| key.starts_with("HTTP_") || key.starts_with("CONTENT_"))
            .collect()
    };
    let authorization = "HTTP_AUTHORIZATION";
    let proxy = "HTTP_PROXY_AUTHORIZATION";
    assert_eq!(
        keys(false, false),
        ["CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_X_A"]
    );
    assert_eq!(
        keys(false, true),
        ["CONTENT_TYPE", "CONTENT_LENGTH", authorization, "HTTP_X_A"]
    );
    assert_eq!(
        keys(true, false),
        [
            "CONTENT_TYPE",
            "CONTENT_LENGTH",
            authorization,
            proxy,
            "HTTP_X_A"
        ]
    );
}

#[test]
fn paths() {
    let check =
        |uri: &str, path_info: Option<&str>, protocol: &'static str, expected: (&str, &str)| {
            let request = Request {
                uri: uri.to_owned(),
                path_info: path_info.map(str::to_owned),
                protocol,
                ..Request::default()
            };
            let environ = built(&request, &RULES);
            assert_eq!(
                (
                    &*text(&environ, "SCRIPT_NAME"),
                    &*text(&environ, "PATH_INFO")
                ),
                expected,
                "{uri}"
            );
        };
    check("/app", None, "HTTP/1.1", ("/app", ""));
    check("/", Some("/"), "HTTP/1.1", ("", "/"));
    check("//a//b///c", Some("///c"), "HTTP/1.1", ("/a/b", "/c"));
    check("/page", Some("/x"), "INCLUDED", ("/page", "/x"));
}

#[test]
fn variables_of_the_configuration() {
    let request = Request {
        variables: vec![
            ("MINE", Some("1")),
            ("MINE", Some("2")),
            ("EMPTY", None),
            ("REMOTE_ADDR", Some("6.6.6.6")),
            ("PATH", Some("/bin")),
            ("mod_wsgi.x-magic", Some("x")),
        ],
        ..Request::default()
    };
    let mut environ = built(&request, &RULES);
    assert!(!environ.take_https());
    assert_eq!(get(&environ, "MINE"), Some(Some("2".to_owned())));
    assert_eq!(get(&environ, "EMPTY"), Some(None));
    assert_eq!(text(&environ, "REMOTE_ADDR"), "10.0.0.9");
    assert_eq!(
        (get(&environ, "PATH"), get(&environ, "mod_wsgi.x-magic")),
        (None, None)
    );
}

#[test]
fn the_scheme() {
    let check = |tls: bool, variable: Option<&'static str>, expected: bool| {
        let variables = variable
            .map(|value| ("HTTPS", Some(value)))
            .into_iter()
            .collect();
        let mut environ = built(
            &Request {
                tls,
                variables,
                ..Request::default()
            },
            &RULES,
        );
        assert_eq!(environ.take_https(), expected, "{tls} {variable:?}");
        assert_eq!(get(&environ, "HTTPS"), None);
    };
    check(false, None, false);
    check(true, None, true);
    check(true, Some("off"), true);
    check(false, Some("On"), true);
    check(false, Some("1"), true);
    check(false, Some("true"), false);
}

#[test]
fn methods() {
    let check = |method: &'static str, map_head: MapHead, content_filter: bool, expected: &str| {
        let request = Request {
            method,
            content_filter,
            ..Request::default()
        };
        let environ = built(&request, &Rules { map_head, ..RULES });
        assert_eq!(
            text(&environ, "REQUEST_METHOD"),
            expected,
            "{method} {map_head:?}"
        );
    };
    check("HEAD", MapHead::Off, true, "HEAD");
    check("HEAD", MapHead::On, false, "GET");
    check("HEAD", MapHead::Auto, false, "HEAD");
    check("HEAD", MapHead::Auto, true, "GET");
    check("POST", MapHead::On, true, "POST");
    check("GET", MapHead::Off, false, "GET");
}

#[test]
fn what_httpd_can_be_told_about_names() {
    let request = Request {
        current_uri: true,
        without_query: true,
        redirected: true,
        ..Request::default()
    };
    let environ = built(&request, &RULES);
    assert_eq!(text(&environ, "REQUEST_URI"), "/app/x");
    assert_eq!(text(&environ, "SCRIPT_FILENAME"), "/srv/app.wsgi");
    assert_eq!(text(&environ, "REDIRECT_URL"), "/before");
    assert_eq!(text(&environ, "REDIRECT_QUERY_STRING"), "b");
    assert_eq!(get(&environ, "REDIRECT_REMOTE_USER"), None);
}

#[test]
fn identities() {
    let identity = Identity {
        process_group: b"g",
        application_group: b"",
        callable_object: Some(b"application"),
        request_handler: b"wsgi-script",
        handler_script: b"",
        listener_host: b"",
        listener_port: 80,
        server_pid: u32::MAX,
        request_id: Some(b"id"),
        connection_id: None,
    };
    let request = Request {
        variables: vec![("mod_wsgi.process_group", Some("forged"))],
        ..Request::default()
    };
    let mut environ = built(&request, &RULES);
    push_identity(&identity, &mut environ);
    for (key, value) in [
        ("process_group", "g"),
        ("application_group", ""),
        ("callable_object", "application"),
        ("listener_port", "80"),
        ("server_pid", "4294967295"),
        ("request_id", "id"),
    ] {
        assert_eq!(text(&environ, &format!("mod_wsgi.{key}")), value);
    }
    assert_eq!(get(&environ, "mod_wsgi.connection_id"), None);
    push_identity(
        &Identity {
            callable_object: None,
            ..identity
        },
        &mut environ,
    );
    assert_eq!(get(&environ, "mod_wsgi.callable_object"), None);
}

#[test]
fn the_environ_of_authentication() {
    let request = Request {
        headers: vec![
            ("Authorization", "x".to_owned()),
            ("Proxy-Authorization", "x".to_owned()),
            ("Proxy", "x".to_owned()),
            ("X-A", "1".to_owned()),
        ],
        variables: vec![("MINE", Some("1"))],
        pass_auth: true,
        method: "HEAD",
        uri: "/app//x".to_owned(),
        path_info: Some("//x".to_owned()),
        ..Request::default()
    };
    let mut environ = Environ::new();
    build_auth(&request, b"group", &mut environ);
    let keys: Vec<_> = environ
        .iter()
        .map(|(key, _)| String::from_utf8(key.to_vec()).unwrap())
        .collect();
    let expected = [
        "HTTP_X_A",
        "SERVER_SOFTWARE",
        "SERVER_NAME",
        "SERVER_ADDR",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "DOCUMENT_ROOT",
        "SERVER_SIGNATURE",
        "REMOTE_HOST",
        "REMOTE_ADDR",
        "REMOTE_PORT",
        "REQUEST_METHOD",
        "QUERY_STRING",
        "REQUEST_URI",
        "SCRIPT_NAME",
        "PATH_INFO",
        "mod_wsgi.process_group",
        "mod_wsgi.application_group",
    ];
    assert_eq!(keys, expected);
    assert_eq!(
        (
            &*text(&environ, "REQUEST_METHOD"),
            &*text(&environ, "PATH_INFO")
        ),
        ("HEAD", "//x")
    );
    assert_eq!(text(&environ, "mod_wsgi.application_group"), "group");
}

/// What `WSGITrustedProxyHeaders` and `WSGITrustedProxies` make of a request with these headers.
fn behind_proxy(configured: &str, proxies: Option<&str>, request: &Request) -> Environ {
    let headers: Vec<ProxyHeader> = crate::proxies::parse_headers(configured.as_bytes()).unwrap();
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

#[test]
fn the_room_is_used_again() {
    let mut environ = Environ::new();
    build(&Request::default(), &RULES, &mut environ);
    let first: Vec<_> = environ
        .iter()
        .map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)))
        .collect();
    build(&Request::default(), &RULES, &mut environ);
    let second: Vec<_> = environ
        .iter()
        .map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)))
        .collect();
    assert_eq!(first, second);
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
