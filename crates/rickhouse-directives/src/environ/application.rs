//! The environ of an application (DD §5.5 to §5.7, §6.1, §6.2).

use std::io::Write;

use rickhouse_wsgi::environ::{Field, classify, write_key};

use crate::environ::{Environ, RequestView};
use crate::paths;
use crate::proxies::{ProxyHeader, TrustedNetworks};
use crate::settings::{Effective, MapHead, Target};
use crate::trusted_proxy;

/// What the configuration says about an environ.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// `WSGIMapHEADToGET`.
    pub map_head: MapHead,
    /// `WSGIPassAuthorization`, as [`Target`] has it.
    pub pass_authorization: bool,
    /// `WSGITrustedProxyHeaders`.
    pub proxy_headers: Option<&'a [ProxyHeader]>,
    /// `WSGITrustedProxies`.
    pub proxies: Option<&'a TrustedNetworks>,
}

impl<'a> Rules<'a> {
    /// Of one request.
    pub fn new(effective: Effective<'a>, target: Target<'_>) -> Self {
        Self {
            map_head: effective.map_head(),
            pass_authorization: target.pass_authorization,
            proxy_headers: effective.trusted_proxy_headers(),
            proxies: effective.trusted_proxies(),
        }
    }
}

/// Collects the entries that are texts, `HTTPS` among them for a dispatch script's sake. Before an application gets them,
/// [`Environ::take_https`] has to be called.
pub fn build(request: &dyn RequestView, rules: &Rules<'_>, environ: &mut Environ) {
    environ.clear();
    push_headers(request, rules.pass_authorization, environ);
    push_server(request, environ);
    push_client(request, environ);
    push_place(request, environ);
    push_redirect(request, environ);
    push_line(request, rules.map_head, environ);
    // What was computed counts more than what the configuration or another module set.
    let computed = environ.len();
    request.each_variable(&mut |name, value| environ.set_behind(computed, name, value));
    let scheme_decided = rules
        .proxy_headers
        .is_some_and(|headers| trusted_proxy::apply(headers, rules.proxies, environ));
    if !scheme_decided && request.is_tls() {
        environ.set(b"HTTPS", b"1");
    }
}

/// What a request is known by inside the module; texts of [`push_identity`].
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The daemon group, empty for embedded mode.
    pub process_group: &'a [u8],
    /// The interpreter, empty for the main one.
    pub application_group: &'a [u8],
    /// What is called; `None` for a dispatch script, which is asked for it.
    pub callable_object: Option<&'a [u8]>,
    /// The handler's name.
    pub request_handler: &'a [u8],
    /// The path of the handler script, empty if there is none.
    pub handler_script: &'a [u8],
    /// The host name of the local address, empty if it has none.
    pub listener_host: &'a [u8],
    /// The local port.
    pub listener_port: u16,
    /// The process id of the httpd child.
    pub server_pid: u32,
    /// httpd's id of the request (`%L`), if it has one.
    pub request_id: Option<&'a [u8]>,
    /// httpd's id of the connection, if it has one.
    pub connection_id: Option<&'a [u8]>,
}

/// Adds the entries that begin with `mod_wsgi.` and are texts (DD §6.2).
pub fn push_identity(identity: &Identity<'_>, environ: &mut Environ) {
    environ.set(b"mod_wsgi.process_group", identity.process_group);
    environ.set(b"mod_wsgi.application_group", identity.application_group);
    match identity.callable_object {
        Some(name) => environ.set(b"mod_wsgi.callable_object", name),
        None => {
            environ.remove(b"mod_wsgi.callable_object");
        }
    }
    environ.set(b"mod_wsgi.request_handler", identity.request_handler);
    environ.set(b"mod_wsgi.handler_script", identity.handler_script);
    environ.set(b"mod_wsgi.listener_host", identity.listener_host);
    let mut digits = [0; 10];
    environ.set(
        b"mod_wsgi.listener_port",
        decimal(identity.listener_port.into(), &mut digits),
    );
    environ.set(
        b"mod_wsgi.server_pid",
        decimal(identity.server_pid, &mut digits),
    );
    for (key, id) in [
        (&b"mod_wsgi.request_id"[..], identity.request_id),
        (b"mod_wsgi.connection_id", identity.connection_id),
    ] {
        if let Some(id) = id {
            environ.set(key, id);
        }
    }
}

impl Environ {
    /// Takes `HTTPS` out, and all else that an application does not get (DD §5.7, §6.1); whether `wsgi.url_scheme` is `https`.
    pub fn take_https(&mut self) -> bool {
        let value = self.get(b"HTTPS");
        let https = value.is_some_and(|value| value == b"1" || value.eq_ignore_ascii_case(b"on"));
        self.retain(|key| key != b"HTTPS" && key != b"PATH" && !key.starts_with(b"mod_wsgi.x-"));
        https
    }
}

/// `HTTP_…`, `CONTENT_TYPE` and `CONTENT_LENGTH`.
pub(super) fn push_headers(
    request: &dyn RequestView,
    with_authorization: bool,
    environ: &mut Environ,
) {
    let both = request.cgi_pass_auth();
    request.each_header(&mut |name, value| match classify(name) {
        Field::ContentType => environ.push(b"CONTENT_TYPE", Some(value)),
        Field::ContentLength => environ.push(b"CONTENT_LENGTH", Some(value)),
        Field::Refused => {}
        Field::Http => {
            let passed = match credentials(name) {
                None => true,
                Some(Credentials::Client) => both || with_authorization,
                Some(Credentials::Proxy) => both,
            };
            if passed {
                environ.push_with_key(|key| write_key(name, key), value);
            }
        }
    });
}

/// A header with a secret of the client's.
#[derive(Clone, Copy)]
enum Credentials {
    Client,
    Proxy,
}

fn credentials(name: &[u8]) -> Option<Credentials> {
    if name.eq_ignore_ascii_case(b"authorization") {
        Some(Credentials::Client)
    } else if name.eq_ignore_ascii_case(b"proxy-authorization") {
        Some(Credentials::Proxy)
    } else {
        None
    }
}

/// What is said about the server.
pub(super) fn push_server(request: &dyn RequestView, environ: &mut Environ) {
    let mut digits = [0; 10];
    environ.push(b"SERVER_SOFTWARE", Some(request.server_software()));
    environ.push_with(b"SERVER_NAME", |value| {
        escape_html(request.server_name_for_url(), value);
    });
    push_some(b"SERVER_ADDR", request.server_address(), environ);
    let port = decimal(request.server_port().into(), &mut digits);
    environ.push(b"SERVER_PORT", Some(port));
    push_some(b"SERVER_ADMIN", request.server_admin(), environ);
    environ.push(b"SERVER_PROTOCOL", Some(request.protocol()));
    push_some(b"DOCUMENT_ROOT", request.document_root(), environ);
}

fn push_client(request: &dyn RequestView, environ: &mut Environ) {
    push_peer(request, environ);
    push_some(b"REMOTE_USER", request.user(), environ);
    push_some(b"AUTH_TYPE", request.auth_type(), environ);
}

/// The client's address and port.
pub(super) fn push_peer(request: &dyn RequestView, environ: &mut Environ) {
    push_some(b"REMOTE_ADDR", request.remote_address(), environ);
    if let Some(port) = request.remote_port() {
        let mut digits = [0; 10];
        environ.push(b"REMOTE_PORT", Some(decimal(port.into(), &mut digits)));
    }
}

fn push_place(request: &dyn RequestView, environ: &mut Environ) {
    push_some(b"CONTEXT_PREFIX", request.context_prefix(), environ);
    push_some(
        b"CONTEXT_DOCUMENT_ROOT",
        request.context_document_root(),
        environ,
    );
    environ.push(b"REQUEST_SCHEME", Some(request.scheme()));
    if let Some(filename) = request.filename() {
        let end = memchr::memchr(b'?', filename).filter(|_| request.without_proxy_query());
        let filename = &filename[..end.unwrap_or(filename.len())];
        environ.push(b"SCRIPT_FILENAME", Some(filename));
    }
}

fn push_redirect(request: &dyn RequestView, environ: &mut Environ) {
    if let Some(before) = request.redirected() {
        environ.push(b"REDIRECT_URL", Some(before.url));
        push_some(b"REDIRECT_QUERY_STRING", before.query, environ);
        push_some(b"REDIRECT_REMOTE_USER", before.user, environ);
    }
}

fn push_line(request: &dyn RequestView, map_head: MapHead, environ: &mut Environ) {
    environ.push(b"REQUEST_METHOD", Some(method(request, map_head)));
    push_target(request, environ);
    let (script_name, path_info) = split_path(request);
    for (key, copy, path) in [
        (
            &b"SCRIPT_NAME"[..],
            &b"mod_wsgi.script_name"[..],
            script_name,
        ),
        (b"PATH_INFO", b"mod_wsgi.path_info", path_info),
    ] {
        environ.push_with(key, |value| paths::collapse_slashes(path, value));
        environ.push_with(copy, |value| paths::collapse_slashes(path, value));
    }
}

/// The query and the target of the request line.
pub(super) fn push_target(request: &dyn RequestView, environ: &mut Environ) {
    environ.push(b"QUERY_STRING", Some(request.query().unwrap_or_default()));
    let target = if request.request_uri_is_current() {
        request.uri()
    } else {
        paths::target_of(request.request_line())
    };
    environ.push(b"REQUEST_URI", Some(target));
}

/// `SCRIPT_NAME` and `PATH_INFO`, their slashes as they are.
pub(super) fn split_path(request: &dyn RequestView) -> (&[u8], &[u8]) {
    let path_info = request.path_info().unwrap_or_default();
    if path_info.is_empty() || request.protocol() == b"INCLUDED" {
        (request.uri(), path_info)
    } else {
        (paths::script_of(request.uri(), path_info), path_info)
    }
}

/// `REQUEST_METHOD`: HEAD as GET where filters want to see the content (DD §5.6).
fn method(request: &dyn RequestView, map_head: MapHead) -> &[u8] {
    let as_get = match map_head {
        MapHead::Off => false,
        MapHead::On => true,
        MapHead::Auto => request.has_content_filter(),
    };
    if as_get && request.is_get_or_head() {
        b"GET"
    } else {
        request.method()
    }
}

fn push_some(key: &[u8], value: Option<&[u8]>, environ: &mut Environ) {
    if value.is_some() {
        environ.push(key, value);
    }
}

fn decimal(number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut rest = &mut digits[..];
    // Ten digits are enough for every u32.
    let _ = write!(rest, "{number}");
    let unused = rest.len();
    &digits[..digits.len() - unused]
}

/// As httpd escapes names in its pages: a host name can come from the client.
fn escape_html(text: &[u8], escaped: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'<' => escaped.extend_from_slice(b"&lt;"),
            b'>' => escaped.extend_from_slice(b"&gt;"),
            b'&' => escaped.extend_from_slice(b"&amp;"),
            b'"' => escaped.extend_from_slice(b"&quot;"),
            byte => escaped.push(byte),
        }
    }
}
