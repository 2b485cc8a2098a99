//! Requests for a part of a response (RFC 9110 section 14).
//!
//! httpd cuts a part out of any response of status 200 whose whole body is in its first pass through the filters. A body of
//! ours is there or not for reasons of its own: how long it is, how fast a daemon writes. What an application makes is a
//! whole then, as with mod_wsgi, or the part that the application has cut out itself; a file is httpd's to cut.

use rickhouse_httpd::Request;

/// Whether the client asks for a part.
pub(crate) fn asked_for(request: &Request<'_>) -> bool {
    // The second one is that of clients from before RFC 2068; httpd takes it for the first.
    let names: [&[u8]; 2] = [b"Range", b"Request-Range"];
    let headers = request.headers_in();
    names.into_iter().any(|name| headers.get(name).is_some())
}
