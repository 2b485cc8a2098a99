//! Requests that daemon processes answer (DD §8). The work is rickhouse-relay's; this is what it needs of httpd, and what
//! httpd and its log make of how it ends.

mod body;
mod client;
mod failure;
mod head;
mod precondition;
mod request_frame;

use std::time::Duration;

use rickhouse_directives::Shown;
use rickhouse_directives::daemon::DaemonProcess;
use rickhouse_directives::global::GlobalConfig;
use rickhouse_directives::messages::{self, Message};
use rickhouse_httpd::log::{self as httpd_log, Level};
use rickhouse_httpd::{Outcome, Request, at};
use rickhouse_relay::{Answer, Daemon, Failure, Limits, Outgoing};

use crate::groups::{self, Running};
use crate::handler::Admission;
use crate::log;
use client::{HttpdClient, Instead};

/// Has a daemon of the request's process group answer it, if that may and can be.
pub(crate) fn serve(
    request: &mut Request<'_>,
    config: &GlobalConfig,
    mut admission: Admission,
) -> Outcome {
    let (group, running) = match precondition::check(request, config, &admission) {
        Ok(found) => found,
        Err(refusal) => {
            log::request(request, &refusal.message);
            return Outcome::Http(refusal.status);
        }
    };
    let (body, mut begun) = body::begin(request, &admission);
    admission.identify(request);
    let mut frame = match request_frame::write(request, &mut admission, running, body) {
        Ok(frame) => frame,
        // httpd's own limits for a request are far below what a daemon takes, until somebody raises them.
        Err(error) => {
            let group = Shown(&group.name);
            log::request(request, &messages::request_too_large(group, error));
            return Outcome::INTERNAL_ERROR;
        }
    };
    let framed = matches!(body, rickhouse_wire::Body::Framed(_));
    // What rides along is kept for as long as the request may have to be sent again.
    let attached = if framed {
        Vec::new()
    } else {
        std::mem::take(&mut begun.bytes)
    };
    let mut outgoing = Outgoing {
        frame: &mut frame,
        attached: &attached,
        framed,
        head_only: request.is_head(),
    };
    let limits = limits(request, group);
    let daemon = Daemon {
        socket: &running.socket,
        connect_timeout: group.connect_timeout,
        rejections: rejections(group),
    };
    let mut client = HttpdClient::new(request, group, admission.switches, begun);
    let answer = rickhouse_relay::relay(&mut client, &daemon, &mut outgoing, &limits);
    drop(client);
    match answer {
        Ok(answer) => finish(request, group, answer),
        Err(failure) => fail(request, group, running, failure),
    }
}

/// After how many rejections a request is given up. A process rejects a request once, and then accepts nothing.
fn rejections(group: &DaemonProcess) -> u32 {
    group.processes.saturating_mul(2).saturating_add(1)
}

fn limits(request: &Request<'_>, group: &DaemonProcess) -> Limits {
    let timeout = patience(request.server().timeout());
    Limits {
        daemon: group.socket_timeout.unwrap_or(timeout),
        client: timeout,
        flush_delay: group.response_flush_delay,
        flush_after: group.response_buffer_size,
        header: group.header_buffer_size,
    }
}

/// `Timeout 0` does not mean that there is no time for a daemon to answer in.
fn patience(timeout: Duration) -> Duration {
    match timeout {
        Duration::ZERO => Duration::MAX,
        timeout => timeout,
    }
}

/// The daemon has answered.
fn finish(request: &mut Request<'_>, group: &DaemonProcess, answer: Answer<Instead>) -> Outcome {
    match answer {
        Answer::Complete | Answer::Truncated(None) => Outcome::Ok,
        Answer::Truncated(Some(why)) => {
            log::request(request, &failure::truncation(&why, group));
            debug(request, &why);
            Outcome::Ok
        }
        Answer::Instead(Instead::Page(status)) => {
            request.set_status(200);
            request.clear_status_line();
            Outcome::Http(status)
        }
        // The target was a header's value, and httpd takes no header with a NUL.
        Answer::Instead(Instead::Redirect(target)) => {
            match request.redirect_internally(&target, true) {
                Ok(()) => Outcome::Ok,
                Err(_) => Outcome::INTERNAL_ERROR,
            }
        }
        // The request was interrupted, and that is all there is to say (DD §14 row 13).
        Answer::Status(504) => empty(request, 504),
        Answer::Status(status) => Outcome::Http(status),
        // The daemon has said so in its log (0084).
        Answer::QueueTimeout => Outcome::Http(504),
        Answer::ClientLost { flushing, error } => {
            let (message, outcome) = failure::client_lost(request, flushing, &error);
            message
                .iter()
                .for_each(|message| log::request(request, message));
            let is_open = request.has_begun() && !request.connection().is_aborted();
            if is_open && outcome == Outcome::Ok {
                // It was not the client that failed: it must not take a part of the response for all of it.
                let _gone = request.end_truncated();
            }
            outcome
        }
    }
}

/// Answers with a status and an empty body.
fn empty(request: &mut Request<'_>, status: u16) -> Outcome {
    request.set_status(status);
    request.clear_status_line();
    request.set_content_length(0);
    // A client that has left misses nothing.
    let _gone = request.end();
    Outcome::Ok
}

/// There is no answer.
fn fail(request: &Request<'_>, group: &DaemonProcess, running: &Running, why: Failure) -> Outcome {
    let (message, outcome) = failure::describe(&why, group, running);
    log::request(request, &message);
    debug(request, &why);
    outcome
}

/// What an operator's record leaves out.
fn debug(request: &Request<'_>, why: &Failure) {
    let mut reasons = String::new();
    let mut next = std::error::Error::source(why);
    while let Some(source) = next {
        reasons = format!("{reasons}: {source}");
        next = source.source();
    }
    let scope = request.log_scope();
    httpd_log::write(scope, Level::Debug, at!(), format_args!("{why}{reasons}"));
}

/// A refusal before anything was sent to a daemon.
struct Refusal {
    status: u16,
    message: Message,
}

/// Where a child finds the group it may use.
type Found<'a> = (&'a DaemonProcess, &'static Running);

/// What a child knows of the running groups.
fn running(group: &DaemonProcess) -> Option<&'static Running> {
    groups::running(group.id)
}
