//! `WSGIDispatchScript`: a script that chooses where a request runs (DD §5.10).

use rickhouse_directives::environ;
use rickhouse_directives::groups;
use rickhouse_directives::scripts::HookScript;
use rickhouse_host::scripts::Dispatched;
use rickhouse_httpd::{Outcome, Request};

use crate::access::{Subject, ask_in};
use crate::child::Child;
use crate::handler::Admission;
use crate::view::View;

/// Asks the dispatch script of the request's place, if there is one, and changes the admission as it says.
pub(crate) fn dispatch(
    request: &mut Request<'_>,
    child: &Child,
    admission: &mut Admission,
) -> Result<(), Outcome> {
    let Some(script) = admission.dispatch_script.clone() else {
        return Ok(());
    };
    let dispatched = ask(request, &script, admission)?;
    let view = View::new(request);
    if let Some(name) = &dispatched.process_group {
        admission.process_group = groups::process_group(Some(name), &view).into_owned();
    }
    if let Some(name) = &dispatched.application_group {
        let case = child.config.case();
        admission.application_group =
            groups::application_group(Some(name), &view, case).into_owned();
    }
    if let Some(name) = &dispatched.callable_object {
        admission.callable = groups::callable_object(Some(name), &view).into_owned();
    }
    Ok(())
}

fn ask(
    request: &mut Request<'_>,
    script: &HookScript,
    admission: &Admission,
) -> Result<Dispatched, Outcome> {
    let name = script.application_group.as_deref();
    let group = groups::hook_group(name, &View::new(request)).into_owned();
    let mut environ = admission.environ.clone();
    let identity = admission.identity(request, None);
    environ::push_identity(&identity, &mut environ);
    let pass = admission.switches.pass_apache_request;
    let mut subject = Subject::new(request, &environ, pass);
    let asked = ask_in(&mut subject, script, &group, |seat, call, subject| {
        seat.dispatch(call, subject)
    });
    // It may be what keeps requests apart: without its word nothing runs (DD §14 row 49).
    asked.map_err(|_| Outcome::INTERNAL_ERROR)
}
