//! What the client and the log get when there is no response, or not all of it (DD §8.7, §12.5).

use std::io;

use rickhouse_directives::Shown;
use rickhouse_directives::daemon::DaemonProcess;
use rickhouse_directives::messages::{self, Message};
use rickhouse_httpd::{Outcome, Request, Status};
use rickhouse_os::privileges;
use rickhouse_relay::Failure;

use crate::groups::Running;

/// The record and the status for a request without a response.
pub(super) fn describe(
    why: &Failure,
    group: &DaemonProcess,
    running: &Running,
) -> (Message, Outcome) {
    let name = Shown(&group.name);
    let socket = running.socket.display();
    let (message, status) = match why {
        Failure::Socket(_) => (messages::daemon_socket_failed(name, socket), 500),
        Failure::Backlog => (messages::daemon_backlog_full(name, socket), 503),
        Failure::Connect(_) => {
            let uid = privileges::effective_user();
            (messages::daemon_connect_failed(name, socket, uid), 503)
        }
        Failure::Send { again: false, .. } => (messages::send_failed(name, socket), 500),
        Failure::Send { again: true, .. } => (messages::resend_failed(name, socket), 500),
        Failure::Rejected(count) => (messages::too_many_rejections(name, count), 503),
        Failure::Body(error) => return (messages::body_read_failed(error), unreadable(error)),
        Failure::HeaderTooLong => (messages::response_line_too_long(name), 500),
        Failure::Timeout => (messages::response_head_timeout(name), 504),
        Failure::Closed => (messages::daemon_closed(name), 502),
        Failure::Read(error) => (messages::response_head_failed(name, error), 502),
        Failure::Malformed(nonsense) => (messages::malformed_response(nonsense, name), 500),
    };
    (message, Outcome::Http(status))
}

/// The record for a response that ends too early.
pub(super) fn truncation(why: &Failure, group: &DaemonProcess) -> Message {
    match why {
        Failure::Body(error) => messages::body_read_failed(error),
        Failure::Malformed(nonsense) => messages::malformed_response(nonsense, Shown(&group.name)),
        _ => messages::daemon_response_failed(),
    }
}

/// The record and the status for a client that takes no more of its response. One that has left is nobody's failure.
pub(super) fn client_lost(
    request: &Request<'_>,
    flushing: bool,
    error: &io::Error,
) -> (Option<Message>, Outcome) {
    let message = match (error.kind(), flushing) {
        (io::ErrorKind::TimedOut, true) => Some(messages::client_read_timeout()),
        (io::ErrorKind::TimedOut, false) => Some(messages::client_write_timeout()),
        _ => None,
    };
    let outcome = match Status::of(error) {
        Some(status) if status.is_answered() => status.to_outcome(500),
        _ if request.connection().is_aborted() || request.has_begun() => Outcome::Ok,
        _ => Outcome::INTERNAL_ERROR,
    };
    (message, outcome)
}

/// The status for a client whose body cannot be read.
fn unreadable(error: &io::Error) -> Outcome {
    match Status::of(error) {
        Some(status) => status.to_outcome(500),
        // Our own clock.
        None if error.kind() == io::ErrorKind::TimedOut => Outcome::Http(408),
        None => Outcome::INTERNAL_ERROR,
    }
}
