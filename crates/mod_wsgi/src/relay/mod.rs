//! The way of a request to a daemon process.

use rickhouse_directives::daemon::DaemonProcess;
use rickhouse_httpd::{Outcome, Request};

use crate::child::Child;
use crate::handler::Admission;
use crate::log;

/// Has a daemon process answer the request.
pub(crate) fn serve(request: &mut Request<'_>, child: &Child, admission: Admission) -> Outcome {
    let server = request.server();
    let group = &admission.process_group;
    match DaemonProcess::visible(&child.config.daemons, group, server.id(), server.hostname()) {
        Ok(_) => Outcome::INTERNAL_ERROR,
        Err(hidden) => {
            log::request(request, &hidden.message(group));
            Outcome::INTERNAL_ERROR
        }
    }
}
