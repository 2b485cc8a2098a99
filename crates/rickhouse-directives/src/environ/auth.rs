//! The environ of access and authentication scripts (DD §6.4).

use crate::environ::application::{push_headers, push_peer, push_server, push_target, split_path};
use crate::environ::{Environ, RequestView};

/// Collects the entries that are texts, but for `mod_wsgi.application_group`'s, which is `application_group`. Neither authorization header is
/// among them, and no variable of the configuration.
pub fn build_auth(request: &dyn RequestView, application_group: &[u8], environ: &mut Environ) {
    environ.clear();
    push_headers(request, false, environ);
    for key in [&b"HTTP_AUTHORIZATION"[..], b"HTTP_PROXY_AUTHORIZATION"] {
        environ.remove(key);
    }
    push_server(request, environ);
    push_some(b"SERVER_SIGNATURE", request.signature(), environ);
    push_some(b"REMOTE_HOST", request.remote_host(), environ);
    push_peer(request, environ);
    environ.push(b"REQUEST_METHOD", Some(request.method()));
    push_target(request, environ);
    let (script_name, path_info) = split_path(request);
    environ.push(b"SCRIPT_NAME", Some(script_name));
    environ.push(b"PATH_INFO", Some(path_info));
    environ.push(b"mod_wsgi.process_group", Some(b""));
    environ.push(b"mod_wsgi.application_group", Some(application_group));
}

fn push_some(key: &[u8], value: Option<&[u8]>, environ: &mut Environ) {
    if value.is_some() {
        environ.push(key, value);
    }
}
