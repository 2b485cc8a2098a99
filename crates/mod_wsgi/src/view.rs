//! A request of httpd as the rules of rickhouse-directives look at it.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rickhouse_directives::environ::{Redirected, RequestView};
use rickhouse_directives::groups::GroupView;
use rickhouse_httpd::Request;

/// See the module.
pub(crate) struct View<'a, 'r>(pub(crate) &'a Request<'r>);

impl GroupView for View<'_, '_> {
    fn server_name(&self) -> &[u8] {
        self.0.server().hostname().unwrap_or_default()
    }

    fn host(&self) -> Option<&[u8]> {
        self.0.hostname()
    }

    fn port(&self) -> u16 {
        self.0.server_port()
    }

    fn uri(&self) -> &[u8] {
        self.0.uri().unwrap_or_default()
    }

    fn path_info(&self) -> &[u8] {
        self.0.path_info().unwrap_or_default()
    }

    fn variable(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let tables = [self.0.notes(), self.0.subprocess_env()];
        let of_request = tables.into_iter().find_map(|table| table.get(name));
        of_request.map(Cow::Borrowed).or_else(|| {
            let value = std::env::var_os(OsStr::from_bytes(name))?;
            Some(Cow::Owned(value.into_vec()))
        })
    }
}

impl RequestView for View<'_, '_> {
    fn each_header(&self, sink: &mut dyn FnMut(&[u8], &[u8])) {
        for (name, value) in self.0.headers_in().iter() {
            sink(name, value);
        }
    }

    fn each_variable(&self, sink: &mut dyn FnMut(&[u8], Option<&[u8]>)) {
        for (name, value) in self.0.subprocess_env().iter_optional() {
            sink(name, value);
        }
    }

    fn authorization(&self) -> Option<&[u8]> {
        self.0.headers_in().get(b"Authorization")
    }

    fn method(&self) -> &[u8] {
        self.0.method().unwrap_or_default()
    }

    fn is_get_or_head(&self) -> bool {
        self.0.is_get_or_head()
    }

    fn uri(&self) -> &[u8] {
        self.0.uri().unwrap_or_default()
    }

    fn request_line(&self) -> &[u8] {
        self.0.the_request().unwrap_or_default()
    }

    fn query(&self) -> Option<&[u8]> {
        self.0.args()
    }

    fn path_info(&self) -> Option<&[u8]> {
        self.0.path_info()
    }

    fn filename(&self) -> Option<&[u8]> {
        self.0.filename()
    }

    fn protocol(&self) -> &[u8] {
        self.0.protocol().unwrap_or_default()
    }

    fn server_software(&self) -> &[u8] {
        rickhouse_httpd::server_banner()
    }

    fn server_name_for_url(&self) -> &[u8] {
        self.0.server_name_for_url()
    }

    fn server_port(&self) -> u16 {
        self.0.server_port()
    }

    fn server_address(&self) -> Option<&[u8]> {
        self.0.connection().local_ip()
    }

    fn server_admin(&self) -> Option<&[u8]> {
        self.0.server().admin()
    }

    fn remote_address(&self) -> Option<&[u8]> {
        self.0.useragent_ip()
    }

    fn remote_port(&self) -> Option<u16> {
        self.0.useragent_port()
    }

    fn remote_host(&self) -> Option<&[u8]> {
        self.0.remote_host()
    }

    fn user(&self) -> Option<&[u8]> {
        self.0.user()
    }

    fn auth_type(&self) -> Option<&[u8]> {
        self.0.ap_auth_type()
    }

    fn document_root(&self) -> Option<&[u8]> {
        self.0.document_root()
    }

    fn context_prefix(&self) -> Option<&[u8]> {
        self.0.context_prefix()
    }

    fn context_document_root(&self) -> Option<&[u8]> {
        self.0.context_document_root()
    }

    fn scheme(&self) -> &[u8] {
        self.0.http_scheme()
    }

    fn signature(&self) -> Option<&[u8]> {
        self.0.signature()
    }

    fn redirected(&self) -> Option<Redirected<'_>> {
        let before = self.0.prev()?;
        Some(Redirected {
            url: before.url,
            query: before.args,
            user: before.user,
        })
    }

    fn cgi_pass_auth(&self) -> bool {
        self.0.cgi_pass_auth()
    }

    fn request_uri_is_current(&self) -> bool {
        self.0.cgi_request_uri_is_current()
    }

    fn without_proxy_query(&self) -> bool {
        self.0.notes().get(b"proxy-noquery").is_some()
    }

    fn has_content_filter(&self) -> bool {
        self.0.first_output_filter_is_for_content()
    }

    fn is_tls(&self) -> bool {
        self.0.connection().is_tls()
    }
}
