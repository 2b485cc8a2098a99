//! A request that has passed the gate, with all that the configuration says about it.

use rickhouse_directives::environ::{self, Environ, Identity, Rules};
use rickhouse_directives::gate::{Admitted, Body};
use rickhouse_directives::groups;
use rickhouse_directives::messages::{self, Message};
use rickhouse_directives::scripts::HookScript;
use rickhouse_directives::settings::{AllowedProcesses, Callable, Effective};
use rickhouse_directives::{Shown, Text};
use rickhouse_httpd::Request;

use crate::child::Child;
use crate::handler::Switches;
use crate::view::View;

/// Owns what it knows: from here on the request changes.
pub(crate) struct Admission {
    /// The file that the request was mapped to.
    pub(crate) resource: Vec<u8>,
    /// The handler script that answers for it.
    pub(crate) handler_script: Option<Text>,
    /// The daemon group, empty for embedded mode.
    pub(crate) process_group: Vec<u8>,
    /// The interpreter, empty for the main one.
    pub(crate) application_group: Vec<u8>,
    /// What is called.
    pub(crate) callable: Vec<u8>,
    /// The body, as announced.
    pub(crate) body: Body,
    /// When httpd received the request, in seconds since 1970.
    pub(crate) request_start: f64,
    /// Switches of the request's place.
    pub(crate) switches: Switches,
    /// The entries that are texts, without those of [`Admission::identify`]; `HTTPS` is among them.
    pub(crate) environ: Environ,
    /// `WSGIDispatchScript`
    pub(crate) dispatch_script: Option<HookScript>,
    /// `WSGIRestrictProcess`
    pub(crate) restriction: Option<AllowedProcesses>,
}

impl Admission {
    pub(crate) fn new(
        request: &Request<'_>,
        child: &Child,
        effective: Effective<'_>,
        admitted: &Admitted<'_>,
    ) -> Self {
        let view = View::new(request);
        let target = admitted.target;
        let callable = match target.callable {
            Callable::Configured(name) => groups::callable_object(name, &view).into_owned(),
            Callable::Literal(name) => name.to_vec(),
        };
        let mut environ = Environ::new();
        environ::build(&view, &Rules::new(effective, target), &mut environ);
        let case = child.config.case();
        Self {
            resource: request.filename().unwrap_or_default().to_vec(),
            handler_script: admitted.handler_script.map(|script| script.path.clone()),
            process_group: groups::process_group(target.process_group, &view).into_owned(),
            application_group: groups::application_group(target.application_group, &view, case)
                .into_owned(),
            callable,
            body: admitted.body,
            request_start: request.time() as f64 / 1e6,
            switches: Switches::of(effective),
            environ,
            dispatch_script: effective.dispatch_script().cloned(),
            restriction: effective.restrict_process().cloned(),
        }
    }

    /// The script that is run.
    pub(crate) fn script(&self) -> &[u8] {
        self.handler_script.as_deref().unwrap_or(&self.resource)
    }

    /// The application group and the callable, as Python knows them.
    ///
    /// # Errors
    /// When one is no text: there it would be one with others that are none.
    pub(crate) fn names(&self) -> Result<(&str, &str), Message> {
        let text = |what, name| {
            str::from_utf8(name).map_err(|_| messages::name_is_no_text(what, Shown(name)))
        };
        let group = text("application group", &self.application_group)?;
        let callable = text("callable object", &self.callable)?;
        Ok((group, callable))
    }

    /// Adds the entries of the environ that begin with `mod_wsgi.` and are texts (DD §6.2), once the groups are settled.
    pub(crate) fn identify(&mut self, request: &Request<'_>) {
        let mut environ = std::mem::take(&mut self.environ);
        environ::push_identity(&self.identity(request, Some(&self.callable)), &mut environ);
        self.environ = environ;
    }

    /// What the request is known by as things are.
    pub(crate) fn identity<'a>(
        &'a self,
        request: &'a Request<'_>,
        callable_object: Option<&'a [u8]>,
    ) -> Identity<'a> {
        let connection = request.connection();
        Identity {
            process_group: &self.process_group,
            application_group: &self.application_group,
            callable_object,
            request_handler: request.handler().unwrap_or_default(),
            handler_script: self.handler_script.as_deref().unwrap_or_default(),
            listener_host: connection.local_host().unwrap_or_default(),
            listener_port: connection.local_port().unwrap_or_default(),
            server_pid: std::process::id(),
            request_id: request.log_id(),
            connection_id: connection.log_id(),
        }
    }
}
