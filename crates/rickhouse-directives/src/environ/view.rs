//! What a request has to tell.

use crate::environ::Value;

/// A request of httpd, read only. Everything is bytes as httpd holds them; nothing here may block except [`RequestView::remote_host`].
pub trait RequestView {
    /// Gives every request header, names as the client wrote them.
    fn each_header(&self, sink: &mut dyn FnMut(&[u8], &[u8]));
    /// Gives every variable of the request (`SetEnv`, `SetEnvIf`, mod_ssl …); a later one of the same name counts.
    fn each_variable(&self, sink: &mut dyn FnMut(&[u8], Value<'_>));
    /// The method, as the client wrote it.
    fn method(&self) -> &[u8];
    /// Whether httpd's number of the method is that of GET, as it is for HEAD too.
    fn is_get_or_head(&self) -> bool;
    /// The decoded path.
    fn uri(&self) -> &[u8];
    /// The request line.
    fn request_line(&self) -> &[u8];
    /// The query, without `?`.
    fn query(&self) -> Option<&[u8]>;
    /// What follows the file's part of the path.
    fn path_info(&self) -> Option<&[u8]>;
    /// The file that the request was mapped to.
    fn filename(&self) -> Option<&[u8]>;
    /// `HTTP/1.1`, or `INCLUDED` for a request that another one includes.
    fn protocol(&self) -> &[u8];
    /// The banner, as `ServerTokens` has it.
    fn server_software(&self) -> &[u8];
    /// The host for URLs of the server to itself, IPv6 addresses in brackets, not escaped.
    fn server_name_for_url(&self) -> &[u8];
    /// The port for URLs of the server to itself.
    fn server_port(&self) -> u16;
    /// The local address of the connection.
    fn server_address(&self) -> Option<&[u8]>;
    /// `ServerAdmin`.
    fn server_admin(&self) -> Option<&[u8]>;
    /// The client's address, as mod_remoteip sees it.
    fn remote_address(&self) -> Option<&[u8]>;
    /// The client's port.
    fn remote_port(&self) -> Option<u16>;
    /// The client's name, if `HostnameLookups` looked for it. May ask the network.
    fn remote_host(&self) -> Option<&[u8]>;
    /// The user that httpd authenticated.
    fn user(&self) -> Option<&[u8]>;
    /// How.
    fn auth_type(&self) -> Option<&[u8]>;
    /// The document root of the server.
    fn document_root(&self) -> Option<&[u8]>;
    /// The prefix of the mapping that led to the file.
    fn context_prefix(&self) -> Option<&[u8]>;
    /// The folder that the prefix stands for.
    fn context_document_root(&self) -> Option<&[u8]>;
    /// The scheme of the connection: `http`, `https`.
    fn scheme(&self) -> &[u8];
    /// The signature for pages of the server (`ServerSignature`).
    fn signature(&self) -> Option<&[u8]>;
    /// Of the request that led to this one by an internal redirect.
    fn redirected(&self) -> Option<Redirected<'_>>;
    /// Whether `CGIPassAuth On` was said.
    fn cgi_pass_auth(&self) -> bool;
    /// Whether `CGIVar REQUEST_URI current-uri` was said.
    fn request_uri_is_current(&self) -> bool;
    /// Whether the note `proxy-noquery` is set.
    fn without_proxy_query(&self) -> bool;
    /// Whether the first output filter is one for contents (below the protocol).
    fn has_content_filter(&self) -> bool;
    /// Whether mod_ssl says that the connection is encrypted.
    fn is_tls(&self) -> bool;
}

/// The request before an internal redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redirected<'a> {
    /// Its URL, qualified where `QualifyRedirectURL` says so.
    pub url: &'a [u8],
    /// Its query.
    pub query: Option<&'a [u8]>,
    /// Its user.
    pub user: Option<&'a [u8]>,
}
