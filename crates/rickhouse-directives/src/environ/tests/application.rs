use super::request::{RULES, Request, built, get, text};
use crate::environ::{Environ, Identity, Rules, build, build_auth, push_identity};
use crate::settings::MapHead;

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
