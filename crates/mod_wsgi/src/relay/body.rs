//! The body of the request, as far as the child deals with it before it connects.

use std::io;

use rickhouse_directives::gate;
use rickhouse_httpd::Request;
use rickhouse_relay::Outgoing;
use rickhouse_wire::Body;

use crate::handler::Admission;

/// How the body gets to the daemon.
pub(super) fn announced(request: &Request<'_>, admission: &Admission) -> Body {
    let length = match admission.body {
        gate::Body::None => return Body::None,
        gate::Body::Length(length) => Some(length),
        gate::Body::Chunked => None,
    };
    Outgoing::body(length, request.headers_in().get(b"Expect").is_some())
}

/// Reads the body that rides along with the request frame; nothing for any other.
pub(super) fn attached(request: &mut Request<'_>, body: Body) -> io::Result<Vec<u8>> {
    let Body::Attached(length) = body else {
        return Ok(Vec::new());
    };
    let mut bytes = vec![0; length as usize];
    let mut read = 0;
    while read < bytes.len() {
        match request.read_body(&mut bytes[read..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => read += count,
        }
    }
    Ok(bytes)
}
