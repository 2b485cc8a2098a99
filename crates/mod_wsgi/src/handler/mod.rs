//! The handler: from a request to the process that answers it (DD §5.3).

mod admission;
mod gate;
mod switches;

use rickhouse_directives::{Shown, messages};
use rickhouse_httpd::{Outcome, Request};

pub(crate) use admission::Admission;
pub(crate) use switches::Switches;

use crate::child::{self, Child};
use crate::{embedded, log, relay};

/// Answers a request for a WSGI script; all others are declined.
pub(crate) fn handle(request: &mut Request<'_>) -> Outcome {
    if request.handler().is_none() {
        return Outcome::Declined;
    }
    let Some(child) = child::current() else {
        return gate::refuse(request);
    };
    match gate::admit(request, child) {
        Ok(admission) => {
            // `mod_wsgi.request_id` (DD §6.2).
            request.make_log_id();
            serve(request, child, admission)
        }
        Err(outcome) => outcome,
    }
}

fn serve(request: &mut Request<'_>, child: &'static Child, mut admission: Admission) -> Outcome {
    if let Err(outcome) = embedded::dispatch(request, child, &mut admission) {
        return outcome;
    }
    if let Err(message) = admission.names() {
        log::request(request, &message);
        return Outcome::INTERNAL_ERROR;
    }
    let group = &admission.process_group;
    if admission
        .restriction
        .as_ref()
        .is_some_and(|allowed| !allowed.admit(group))
    {
        log::request(request, &messages::daemon_group_restricted(Shown(group)));
        return Outcome::INTERNAL_ERROR;
    }
    if admission.process_group.is_empty() {
        embedded::serve(request, child, admission)
    } else {
        relay::serve(request, &child.config, admission)
    }
}
