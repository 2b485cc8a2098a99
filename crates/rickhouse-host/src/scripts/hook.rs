//! Calling a function of a script that is no application: access, authentication and dispatch scripts (DD §5.10, §5.11).

use std::ffi::CStr;
use std::path::Path;
use std::sync::Arc;

use rickhouse_python::{
    Args, Class, Dict, Error, ErrorKind, Lendable, Method, MethodBody, Object, PyResult, Python,
    ScopeError, Scoped,
};

use crate::adapter::Subject;
use crate::environ::extra;
use crate::exchange::Value;
use crate::hosted::Hosted;
use crate::log;
use crate::report::{Phase, Report};
use crate::scripts::interpreters::{Named, Unavailable};
use crate::scripts::loader::modified;
use crate::scripts::record::{Level, Record};
use crate::scripts::search::{self, File, When};
use crate::scripts::thread::{Entrance, ScriptThread, version};
use crate::scripts::{VERSION, words};

/// A script to call a function of, and where.
#[derive(Debug, Clone, Copy)]
pub struct HookCall<'a> {
    /// The script file.
    pub script: &'a Path,
    /// The interpreter it runs in.
    pub application_group: &'a str,
}

/// The request that a hook's script decides on.
///
/// The host adds `mod_wsgi.process_group`, `mod_wsgi.application_group` and `wsgi.errors`, for access and authentication
/// scripts also `mod_wsgi.version`, `apache.version`, `mod_ssl.is_https` and `mod_ssl.var_lookup`. It removes
/// `HTTP_PROXY`, which programs take for their own configuration, and for dispatch scripts `mod_wsgi.callable_object`.
pub trait HookRequest: Send {
    /// Gives the entries of the environ to `sink` (DD §6.4; for dispatch scripts those of DD §5.10).
    fn environ(&self, sink: &mut dyn FnMut(&[u8], Value<'_>));

    /// Whether the connection is encrypted.
    fn is_https(&mut self) -> bool;

    /// A variable of mod_ssl; latin-1 text.
    fn ssl_variable(&mut self, name: &[u8]) -> Option<Vec<u8>>;
}

/// A hook's function gave no answer; it was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookFailure;

/// Which kind of script, as messages name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hook {
    /// In "Unable to acquire ... for".
    pub(crate) name: &'static str,
    /// The code of that message.
    pub(crate) unacquired: u16,
    /// A dispatch script's environ is a different one.
    pub(crate) dispatch: bool,
}

/// A hook's module and environ, in its interpreter.
pub(crate) struct Inside<'a, 'py> {
    pub(crate) py: Python<'py>,
    pub(crate) hosted: &'a Hosted,
    pub(crate) script: &'a Path,
    pub(crate) module: Object<'py>,
    pub(crate) environ: Object<'py>,
}

impl Inside<'_, '_> {
    /// Reports a record about the request.
    pub(crate) fn say(&self, code: u16, text: String) {
        let record = Record::request(Level::Error, code, text);
        self.hosted.report(self.py, &Report::Record(&record));
    }
}

impl<'py> Inside<'_, 'py> {
    /// A function of the script; `None` when it has none.
    pub(crate) fn function(&self, name: &str) -> PyResult<'py, Option<Object<'py>>> {
        self.module.optional_attr(&self.py.str_interned(name)?)
    }
}

impl ScriptThread {
    /// Loads the script, makes the environ and runs `work` with both; an exception that `work` returns is reported.
    pub(crate) fn inside<R>(
        &mut self,
        hook: Hook,
        call: &HookCall<'_>,
        request: &mut dyn HookRequest,
        work: impl for<'py> FnOnce(&Inside<'_, 'py>) -> PyResult<'py, Result<R, HookFailure>>,
    ) -> Result<R, HookFailure> {
        if self.is_stopped() {
            return Err(HookFailure);
        }
        let group = call.application_group;
        let Entrance {
            scripts,
            kit,
            state,
            ..
        } = match self.enter(group) {
            Ok(entrance) => entrance,
            Err(Unavailable) => {
                let interpreter = words::interpreter(group);
                let text = format!("Unable to acquire {interpreter} for {} hook.", hook.name);
                self.say(Record::request(Level::Error, hook.unacquired, text));
                return Err(HookFailure);
            }
        };
        let file = File {
            script: call.script,
            modified: modified(call.script),
            when: When::Request,
        };
        state.attach(|py| {
            let hosted = kit.named.hosted();
            let module = search::module(py, scripts, hosted, &mut kit.names, file)
                .map_err(|_| HookFailure)?;
            let lent: Arc<Scoped<RequestFamily>> = Arc::new(Scoped::vacant());
            let apache = scripts.settings.apache.version;
            let outcome = lent.lend(py, request, || {
                let environ = Environ::new(py, &kit.named, hook, &lent, apache)?;
                let inside = Inside {
                    py,
                    hosted,
                    script: call.script,
                    module,
                    environ: environ.dict.as_object().clone(),
                };
                let outcome = work(&inside);
                // What the script wrote without a newline becomes a record, and later writes are refused.
                environ.log.call_method(py, c"expire", &[])?;
                outcome
            });
            outcome.unwrap_or_else(|error| {
                report(py, hosted, call.script, &error);
                Err(HookFailure)
            })
        })
    }
}

/// Reports an exception of a hook's script.
fn report<'py>(py: Python<'py>, hosted: &Hosted, script: &Path, error: &Error<'py>) {
    let subject = Subject {
        request: "",
        script: &script.to_string_lossy(),
    };
    log::exception(py, hosted, &subject, Phase::Request, error);
}

/// The environ of a hook's script, and the log under its `wsgi.errors`.
struct Environ<'py> {
    dict: Dict<'py>,
    log: Object<'py>,
}

impl<'py> Environ<'py> {
    fn new(
        py: Python<'py>,
        named: &Named,
        hook: Hook,
        lent: &Arc<Scoped<RequestFamily>>,
        apache: (u32, u32, u32),
    ) -> PyResult<'py, Self> {
        let hosted = named.hosted();
        let dict = Dict::new(py)?;
        lent.with(|request| entries(py, hook, request, &dict))
            .map_err(|_| expired(py))??;
        dict.set_str(py, "mod_wsgi.process_group", &py.str("")?)?;
        let group = hosted.traits().name.as_bytes();
        dict.set_str(py, "mod_wsgi.application_group", &py.str_latin1(group)?)?;
        if !hook.dispatch {
            dict.set_str(py, "mod_wsgi.version", &extra(py, version(VERSION))?)?;
            dict.set_str(py, "apache.version", &extra(py, version(apache))?)?;
            let ssl = Ssl {
                request: Arc::clone(lent),
            };
            let ssl = named.ssl(py)?.instance(py, ssl)?;
            dict.set_str(py, "mod_ssl.is_https", &ssl.attr(c"is_https")?)?;
            dict.set_str(py, "mod_ssl.var_lookup", &ssl.attr(c"var_lookup")?)?;
        }
        let (errors, log) = hosted.errors_stream(py, "<log>")?;
        dict.set_str(py, "wsgi.errors", &errors)?;
        Ok(Environ { dict, log })
    }
}

fn entries<'py>(
    py: Python<'py>,
    hook: Hook,
    request: &mut dyn HookRequest,
    dict: &Dict<'py>,
) -> PyResult<'py, ()> {
    let mut outcome = Ok(());
    request.environ(&mut |key, value| {
        let left_out =
            key == b"HTTP_PROXY" || (hook.dispatch && key == b"mod_wsgi.callable_object");
        if outcome.is_ok() && !left_out {
            outcome = py
                .str_latin1(key)
                .and_then(|key| dict.set(py, &key, &extra(py, value)?));
        }
    });
    outcome
}

/// The family of hook requests, for [`Scoped`].
struct RequestFamily;

impl Lendable for RequestFamily {
    type Of<'a> = dyn HookRequest + 'a;
}

/// What the environ's `mod_ssl` functions are methods of.
pub(crate) struct Ssl {
    request: Arc<Scoped<RequestFamily>>,
}

impl Class for Ssl {
    const NAME: &'static CStr = c"mod_wsgi.Auth";

    fn methods() -> Vec<Method<Self>> {
        vec![Method::of::<IsHttps>(), Method::of::<VarLookup>()]
    }
}

struct IsHttps;

impl MethodBody<Ssl> for IsHttps {
    const NAME: &'static CStr = c"is_https";
    const DOC: &'static CStr = c"is_https() -> 1 when the connection is encrypted, else 0";

    fn call<'py>(this: &Ssl, _: &Object<'py>, py: Python<'py>, _: Args<'_, 'py>) -> PyResult<'py> {
        let https = this.request.with(|request| request.is_https());
        py.int(https.map_err(|error| unusable(py, error))?.into())
    }
}

struct VarLookup;

impl MethodBody<Ssl> for VarLookup {
    const NAME: &'static CStr = c"var_lookup";
    const DOC: &'static CStr = c"var_lookup(name) -> a variable of mod_ssl, or None";

    fn call<'py>(
        this: &Ssl,
        _: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let [name] = args.positional() else {
            let text = "var_lookup() takes exactly one argument";
            return Err(Error::new(py, ErrorKind::Type, text));
        };
        let name = match name.as_bytes() {
            Some(bytes) => bytes.to_vec(),
            None if name.is_str() => name.with_latin1(py, <[u8]>::to_vec)?,
            None => {
                let text = format!("variable name must be a string, not {}", name.type_name());
                return Err(Error::new(py, ErrorKind::Type, &text));
            }
        };
        let value = this.request.with(|request| request.ssl_variable(&name));
        match value.map_err(|error| unusable(py, error))? {
            Some(value) => py.str_latin1(&value),
            None => Ok(py.none()),
        }
    }
}

fn unusable(py: Python<'_>, error: ScopeError) -> Error<'_> {
    match error {
        ScopeError::Vacant => expired(py),
        ScopeError::Busy => Error::new(
            py,
            ErrorKind::Runtime,
            "the request is in use by another thread",
        ),
    }
}

fn expired(py: Python<'_>) -> Error<'_> {
    Error::new(py, ErrorKind::Runtime, "request object has expired")
}
