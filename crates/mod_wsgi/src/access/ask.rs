//! Asking a script about a request.

use std::ffi::CString;

use rickhouse_directives::Shown;
use rickhouse_directives::environ::{self, Environ};
use rickhouse_directives::groups;
use rickhouse_directives::messages;
use rickhouse_directives::scripts::HookScript;
use rickhouse_directives::settings::Effective;
use rickhouse_host::Value;
use rickhouse_host::scripts::{HookCall, HookFailure, HookRequest, ScriptThread};
use rickhouse_httpd::Request;
use send_wrapper::SendWrapper;

use crate::child::Child;
use crate::module::Wsgi;
use crate::view::View;
use crate::{child, log, seats, values};

/// The request that a script is asked about. Its thread is httpd's; to others mod_ssl says nothing.
pub(crate) struct Subject<'a, 'r> {
    request: SendWrapper<&'a mut Request<'r>>,
    environ: &'a Environ,
    remote_host: Vec<u8>,
    pass_apache_request: bool,
}

impl<'a, 'r> Subject<'a, 'r> {
    /// `environ` is what the script gets; texts only.
    pub(crate) fn new(
        request: &'a mut Request<'r>,
        environ: &'a Environ,
        pass_apache_request: bool,
    ) -> Self {
        let remote_host = request.remote_host().unwrap_or_default().to_vec();
        Self {
            request: SendWrapper::new(request),
            environ,
            remote_host,
            pass_apache_request,
        }
    }

    /// The client's name if look-ups are on, otherwise its address.
    pub(crate) fn remote_host(&self) -> &[u8] {
        &self.remote_host
    }
}

impl HookRequest for Subject<'_, '_> {
    fn environ(&self, sink: &mut dyn FnMut(&[u8], Value<'_>)) {
        for (key, value) in self.environ.iter() {
            sink(key, values::of(key, value));
        }
        if self.pass_apache_request
            && self.request.valid()
            && let Some(capsule) = values::request_rec(&self.request)
        {
            sink(b"apache.request_rec", capsule);
        }
    }

    fn is_https(&mut self) -> bool {
        self.request.valid() && self.request.connection().is_https()
    }

    fn ssl_variable(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        let name = CString::new(name).ok()?;
        if !self.request.valid() {
            return None;
        }
        self.request.tls_variable(&name).map(<[u8]>::to_vec)
    }
}

/// Asks an access or authentication script of the request's place. Whatever keeps it from answering has been recorded.
pub(super) fn ask<T>(
    request: &mut Request<'_>,
    script: &HookScript,
    question: impl FnOnce(
        &mut ScriptThread,
        &HookCall<'_>,
        &mut Subject<'_, '_>,
    ) -> Result<T, HookFailure>,
) -> Result<T, HookFailure> {
    let mut environ = Environ::new();
    let group = {
        let view = View::with_remote_host(request);
        let group = groups::hook_group(script.application_group.as_deref(), &view).into_owned();
        environ::build_auth(&view, &group, &mut environ);
        group
    };
    let pass = pass_apache_request(request);
    let mut subject = Subject::new(request, &environ, pass);
    ask_in(&mut subject, script, &group, question)
}

/// Asks a script in the interpreter of `group`.
pub(crate) fn ask_in<'a, 'r, T>(
    subject: &mut Subject<'a, 'r>,
    script: &HookScript,
    group: &[u8],
    question: impl FnOnce(
        &mut ScriptThread,
        &HookCall<'_>,
        &mut Subject<'a, 'r>,
    ) -> Result<T, HookFailure>,
) -> Result<T, HookFailure> {
    let Some(scripts) = child::current().and_then(Child::scripts) else {
        // `.htaccess` can name a script where nothing in the server's own files needed Python (DD §14 row 65).
        log::request(&subject.request, &messages::python_not_initialised());
        return Err(HookFailure);
    };
    let Ok(application_group) = str::from_utf8(group) else {
        let message = messages::name_is_no_text("application group", Shown(group));
        log::request(&subject.request, &message);
        return Err(HookFailure);
    };
    let call = HookCall {
        script: script.path.as_path(),
        application_group,
    };
    let file = subject.request.filename().unwrap_or_default().to_vec();
    log::during(&file, || {
        seats::with(scripts, |seat| question(seat, &call, subject))
    })
}

fn pass_apache_request(request: &Request<'_>) -> bool {
    let server = request.server();
    let effective = Effective::new(&request.dir_config::<Wsgi>().0, &server.config::<Wsgi>().0);
    effective.pass_apache_request()
}
