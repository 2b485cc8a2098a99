//! A request of httpd as the rules of rickhouse-directives look at it.

use std::borrow::Cow;

use rickhouse_directives::environ::{Redirected, RequestView};
use rickhouse_directives::groups::GroupView;
use rickhouse_httpd::Request;

use crate::child;

/// See the module.
pub(crate) struct View<'a, 'r> {
    request: &'a Request<'r>,
    remote_host: Option<Vec<u8>>,
    /// `REDIRECT_URL`
    redirected: Option<Vec<u8>>,
}

impl<'a, 'r> View<'a, 'r> {
    pub(crate) fn new(request: &'a Request<'r>) -> Self {
        Self {
            request,
            remote_host: None,
            redirected: redirect_url(request),
        }
    }

    /// As [`View::new`], with the client's name if `HostnameLookups` allows to find it out. May ask the network.
    pub(crate) fn with_remote_host(request: &'a mut Request<'r>) -> Self {
        let remote_host = request.remote_name().map(<[u8]>::to_vec);
        Self {
            remote_host,
            ..Self::new(request)
        }
    }
}

/// The URL before an internal redirect, as `QualifyRedirectURL` wants it.
fn redirect_url(request: &Request<'_>) -> Option<Vec<u8>> {
    let uri = request.redirected_from()?.uri.unwrap_or_default();
    if !request.qualifies_redirect_url() {
        return Some(uri.to_vec());
    }
    let scheme = request.scheme().unwrap_or_default();
    let name = request.server_name_for_url().unwrap_or_default();
    let port = format!(":{}", request.server_port());
    Some([scheme, b"://", name, port.as_bytes(), uri].concat())
}

/// The port that groups are named after: httpd's notion of it, which follows the client's `Host`, as long as that is a
/// port of this server. Otherwise each client could have interpreters made without end (DD §14 row 47).
fn known_port(request: &Request<'_>) -> u16 {
    let said = request.server_port();
    let listening = request.connection().local_port().unwrap_or(80);
    let known = [80, 443, listening, request.server().port()];
    if known.contains(&said) {
        said
    } else {
        listening
    }
}

impl GroupView for View<'_, '_> {
    fn server_name(&self) -> &[u8] {
        self.request.server().hostname().unwrap_or_default()
    }

    fn host(&self) -> Option<&[u8]> {
        self.request.hostname()
    }

    fn port(&self) -> u16 {
        known_port(self.request)
    }

    fn uri(&self) -> &[u8] {
        self.request.uri().unwrap_or_default()
    }

    fn path_info(&self) -> &[u8] {
        self.request.path_info().unwrap_or_default()
    }

    fn variable(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let tables = [self.request.notes(), self.request.subprocess_env()];
        let of_request = tables.into_iter().find_map(|table| table.get(name));
        let found = of_request.or_else(|| child::current()?.variable(name));
        found.map(Cow::Borrowed)
    }
}

impl RequestView for View<'_, '_> {
    fn each_header(&self, sink: &mut dyn FnMut(&[u8], &[u8])) {
        for (name, value) in self.request.headers_in().iter() {
            sink(name, value);
        }
    }

    fn each_variable(&self, sink: &mut dyn FnMut(&[u8], Option<&[u8]>)) {
        for (name, value) in self.request.subprocess_env().iter_optional() {
            sink(name, value);
        }
    }

    fn method(&self) -> &[u8] {
        self.request.method().unwrap_or_default()
    }

    fn is_get_or_head(&self) -> bool {
        self.request.is_get_or_head()
    }

    fn uri(&self) -> &[u8] {
        self.request.uri().unwrap_or_default()
    }

    fn request_line(&self) -> &[u8] {
        self.request.the_request().unwrap_or_default()
    }

    fn query(&self) -> Option<&[u8]> {
        self.request.args()
    }

    fn path_info(&self) -> Option<&[u8]> {
        self.request.path_info()
    }

    fn filename(&self) -> Option<&[u8]> {
        self.request.filename()
    }

    fn protocol(&self) -> &[u8] {
        self.request.protocol().unwrap_or_default()
    }

    fn server_software(&self) -> &[u8] {
        self.request.server().banner().unwrap_or_default()
    }

    fn server_name_for_url(&self) -> &[u8] {
        self.request.server_name_for_url().unwrap_or_default()
    }

    fn server_port(&self) -> u16 {
        self.request.server_port()
    }

    fn server_address(&self) -> Option<&[u8]> {
        self.request.connection().local_ip()
    }

    fn server_admin(&self) -> Option<&[u8]> {
        self.request.server().admin()
    }

    fn remote_address(&self) -> Option<&[u8]> {
        self.request.useragent_ip()
    }

    fn remote_port(&self) -> Option<u16> {
        self.request.useragent_port()
    }

    fn remote_host(&self) -> Option<&[u8]> {
        self.remote_host.as_deref()
    }

    fn user(&self) -> Option<&[u8]> {
        self.request.user()
    }

    fn auth_type(&self) -> Option<&[u8]> {
        self.request.authenticated_by()
    }

    fn document_root(&self) -> Option<&[u8]> {
        self.request.document_root()
    }

    fn context_prefix(&self) -> Option<&[u8]> {
        self.request.context_prefix()
    }

    fn context_document_root(&self) -> Option<&[u8]> {
        self.request.context_document_root()
    }

    fn scheme(&self) -> &[u8] {
        self.request.scheme().unwrap_or_default()
    }

    fn signature(&self) -> Option<&[u8]> {
        self.request.signature()
    }

    fn redirected(&self) -> Option<Redirected<'_>> {
        let before = self.request.redirected_from()?;
        Some(Redirected {
            url: self.redirected.as_deref().unwrap_or_default(),
            query: before.args,
            user: before.user,
        })
    }

    fn cgi_pass_auth(&self) -> bool {
        self.request.passes_authorization_to_cgi()
    }

    fn request_uri_is_current(&self) -> bool {
        self.request.cgi_variable_rule(c"REQUEST_URI") == Some(b"current-uri")
    }

    fn without_proxy_query(&self) -> bool {
        self.request.notes().get(b"proxy-noquery").is_some()
    }

    fn has_content_filter(&self) -> bool {
        self.request.has_content_filter()
    }

    fn is_tls(&self) -> bool {
        self.request.connection().is_https()
    }
}
