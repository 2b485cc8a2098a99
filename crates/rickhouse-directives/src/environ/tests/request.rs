//! A request as plain data.

use crate::environ::{Environ, Redirected, RequestView, Rules, build};
use crate::settings::MapHead;

/// What the tests vary.
pub(super) struct Request {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) variables: Vec<(&'static str, Option<&'static str>)>,
    pub(super) method: &'static str,
    pub(super) uri: String,
    pub(super) path_info: Option<String>,
    pub(super) peer: &'static str,
    pub(super) protocol: &'static str,
    pub(super) pass_auth: bool,
    pub(super) current_uri: bool,
    pub(super) content_filter: bool,
    pub(super) tls: bool,
    pub(super) without_query: bool,
    pub(super) redirected: bool,
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

pub(super) const RULES: Rules<'static> = Rules {
    map_head: MapHead::Auto,
    pass_authorization: false,
    proxy_headers: None,
    proxies: None,
};

pub(super) fn built(request: &Request, rules: &Rules<'_>) -> Environ {
    let mut environ = Environ::new();
    build(request, rules, &mut environ);
    environ
}

/// The value as text; an entry without a value is `None` in the inner place.
pub(super) fn get(environ: &Environ, key: &str) -> Option<Option<String>> {
    let (_, value) = environ.iter().find(|(found, _)| *found == key.as_bytes())?;
    Some(value.map(|value| String::from_utf8(value.to_vec()).unwrap()))
}

pub(super) fn text(environ: &Environ, key: &str) -> String {
    get(environ, key)
        .unwrap_or_else(|| panic!("{key} is there"))
        .unwrap_or_default()
}
