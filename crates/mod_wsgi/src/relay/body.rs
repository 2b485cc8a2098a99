//! The body of the request, as far as the child deals with it before it connects.

use std::io;

use rickhouse_directives::gate;
use rickhouse_httpd::Request;
use rickhouse_relay::Outgoing;
use rickhouse_wire::{self as wire, Body};

use crate::handler::Admission;

/// What is read at a time beyond the length that the client has declared.
const MORE: usize = 32 << 10;

/// What was read of a body before the daemon was asked.
#[derive(Default)]
pub(super) struct Begun {
    /// The body, or its beginning.
    pub(super) bytes: Vec<u8>,
    /// Why it is only the beginning; without one, more may come.
    pub(super) error: Option<io::Error>,
}

/// How the body gets to the daemon, and what was read of it for that.
///
/// One that cannot be read to its end goes there all the same, as a framed one that is broken off: what to do about that
/// is the application's decision.
pub(super) fn begin(request: &mut Request<'_>, admission: &Admission) -> (Body, Begun) {
    let length = match admission.body {
        gate::Body::None => return (Body::None, Begun::default()),
        gate::Body::Length(length) => Some(length),
        gate::Body::Chunked => None,
    };
    match Outgoing::body(length, request.expects_continue()) {
        Body::Attached(size) => attach(request, size as usize),
        body => (body, Begun::default()),
    }
}

/// Reads a body that the client says has `size` bytes, to be sent with the request. Input filters may make it shorter or
/// longer than that (mod_deflate): one that becomes too long to be attached is framed, and its length is unknown.
fn attach(request: &mut Request<'_>, size: usize) -> (Body, Begun) {
    let mut bytes = vec![0; size];
    let mut read = 0;
    let error = loop {
        if read == bytes.len() {
            if read >= wire::MAX_ATTACHED as usize {
                break None;
            }
            bytes.resize((read + MORE).min(wire::MAX_ATTACHED as usize), 0);
        }
        match request.read_body_or_end(&mut bytes[read..]) {
            Ok((count, false)) => read += count,
            Ok((count, true)) => {
                read += count;
                bytes.truncate(read);
                return (attached(read), Begun { bytes, error: None });
            }
            Err(error) => break Some(error),
        }
    };
    bytes.truncate(read);
    (Body::Framed(None), Begun { bytes, error })
}

fn attached(length: usize) -> Body {
    match u32::try_from(length) {
        Ok(length) if length > 0 => Body::Attached(length),
        _ => Body::None,
    }
}
