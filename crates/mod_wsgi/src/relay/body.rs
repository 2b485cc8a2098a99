//! The body of the request, as far as the child deals with it before it connects.

use std::io;

use rickhouse_directives::gate;
use rickhouse_httpd::Request;
use rickhouse_relay::Outgoing;
use rickhouse_wire::Body;

use crate::handler::Admission;

/// What was read of a body before the daemon was asked.
#[derive(Default)]
pub(super) struct Begun {
    /// The body, or its beginning.
    pub(super) bytes: Vec<u8>,
    /// Why it is only the beginning.
    pub(super) error: Option<io::Error>,
    /// The client waits for leave to send it.
    pub(super) is_expected: bool,
}

/// How the body gets to the daemon, and what was read of it for that.
///
/// One that cannot be read to its end goes there all the same, as a framed one that is broken off: what to do about that
/// is the application's decision.
pub(super) fn begin(request: &mut Request<'_>, admission: &Admission) -> (Body, Begun) {
    let is_expected = request.headers_in().get(b"Expect").is_some();
    let length = match admission.body {
        gate::Body::None => return (Body::None, Begun::default()),
        gate::Body::Length(length) => Some(length),
        gate::Body::Chunked => None,
    };
    let mut begun = Begun {
        is_expected,
        ..Begun::default()
    };
    let body = Outgoing::body(length, is_expected);
    let Body::Attached(size) = body else {
        return (body, begun);
    };
    begun.bytes = vec![0; size as usize];
    match fill(request, &mut begun.bytes) {
        Ok(()) => (body, begun),
        Err((read, error)) => {
            begun.bytes.truncate(read);
            begun.error = Some(error);
            (Body::Framed(length), begun)
        }
    }
}

/// Reads as much as fits; otherwise how far it came.
fn fill(request: &mut Request<'_>, bytes: &mut [u8]) -> Result<(), (usize, io::Error)> {
    let mut read = 0;
    while read < bytes.len() {
        match request.read_body(&mut bytes[read..]) {
            Ok(0) => return Err((read, io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => read += count,
            Err(error) => return Err((read, error)),
        }
    }
    Ok(())
}
