//! Whether the request is ours, and whether it may be.

use rickhouse_directives::alias::Overrides;
use rickhouse_directives::gate::{self, Admitted, File, Gate, GateView};
use rickhouse_directives::messages;
use rickhouse_directives::settings::Effective;
use rickhouse_httpd::{FileKind, Outcome, Request};

use crate::child::Child;
use crate::handler::Admission;
use crate::log;
use crate::module::Wsgi;

/// Lets the request in, or says how it ends.
pub(super) fn admit(request: &mut Request<'_>, child: &Child) -> Result<Admission, Outcome> {
    let decision = decide(request, |effective, admitted| {
        let admission = Admission::new(request, child, effective, admitted);
        Decision::Go(Box::new(admission))
    });
    match decision {
        Decision::Go(admission) => Ok(*admission),
        Decision::End(outcome) => Err(outcome),
        // httpd's own filter answers 413 while the body is discarded.
        Decision::TooLarge => match request.discard_body() {
            Outcome::Ok => Err(Outcome::Http(413)),
            outcome => Err(outcome),
        },
    }
}

/// Says how a request ends in a process that cannot serve it. To decline one of ours would have httpd send the script's text.
pub(super) fn refuse(request: &Request<'_>) -> Outcome {
    let decision = decide(request, |_, _| {
        log::request(request, &messages::python_not_initialised());
        Decision::End(Outcome::INTERNAL_ERROR)
    });
    match decision {
        Decision::End(outcome) => outcome,
        Decision::TooLarge | Decision::Go(_) => Outcome::INTERNAL_ERROR,
    }
}

enum Decision {
    Go(Box<Admission>),
    TooLarge,
    End(Outcome),
}

/// What the gate says; `go` decides about a request that is ours.
fn decide(
    request: &Request<'_>,
    go: impl FnOnce(Effective<'_>, &Admitted<'_>) -> Decision,
) -> Decision {
    let server = request.server();
    let server = &server.config::<Wsgi>().0;
    let effective = Effective::new(&request.dir_config::<Wsgi>().0, server);
    match gate::decide(&view(request), effective) {
        Gate::Decline => Decision::End(Outcome::Declined),
        Gate::Refuse { status, message } => {
            log::request(request, &message);
            Decision::End(Outcome::Http(status))
        }
        Gate::TooLarge => Decision::TooLarge,
        Gate::Go(admitted) => go(effective, &admitted),
    }
}

fn view<'a>(request: &'a Request<'_>) -> GateView<'a> {
    let (notes, headers) = (request.notes(), request.headers_in());
    GateView {
        handler: request.handler(),
        alias: Overrides::from_notes(|name| notes.get(name.as_bytes())),
        exec_cgi: request.allows_exec_cgi(),
        file: match request.file_info().kind {
            FileKind::Missing => File::Missing,
            FileKind::Directory => File::Directory,
            FileKind::Regular | FileKind::Other => File::Present,
        },
        path_info: request.path_info(),
        path_info_refused: request.refuses_path_info(),
        transfer_encoding: headers.get(b"Transfer-Encoding"),
        content_length: headers.get(b"Content-Length"),
        body_limit: request.body_limit().unwrap_or_default(),
    }
}
