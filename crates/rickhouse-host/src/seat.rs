//! What a thread keeps of an interpreter, from one request to the next.

use std::sync::Arc;

use rickhouse_python::{Handle, Object, PyResult, Python, ThreadIdent, request_async_exception};

use crate::adapter::{self, Outcome, Request, Subject};
use crate::environ::{self, EnvironBuilder};
use crate::exchange::{Exchange, Failure};
use crate::hosted::{Hosted, Policy};
use crate::log;
use crate::report::Phase;
use crate::watch::ThreadWatch;

/// A thread's place in one interpreter: the objects it serves requests with, and what the monitor knows of it.
pub(crate) struct Seat {
    watch: Arc<ThreadWatch>,
    requests: u64,
    /// Entries of the environ that never change; see [`Hosted::environ_builder`].
    fixed: Vec<(&'static str, Handle)>,
    environ: Option<EnvironBuilder>,
    objects: Option<RequestObjects>,
}

/// The Python objects of a request. They serve the next one too when the application has kept none of them.
struct RequestObjects {
    request: Arc<Request>,
    adapter: Handle,
    start_response: Handle,
    input: Handle,
    errors: Handle,
    errors_log: Handle,
}

/// What finding the callable came to.
pub(crate) enum Found<'py> {
    /// It is to be called.
    Callable(Object<'py>),
    /// There is none, and everything was reported; the request fails.
    Nothing,
    /// Looking for it was interrupted by the request timeout.
    TimedOut,
    /// The request is left alone.
    Left(Left),
}

/// Why nothing is done about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// It is another process's.
    Rejected,
    /// The front end is gone.
    NotAdmitted,
}

/// How a request ended.
pub(crate) enum Served {
    /// The callable was called.
    Called(Outcome),
    /// It was not found; the request has failed.
    NotFound,
    /// See [`Found::Left`]: nothing was done to the exchange.
    Left(Left),
}

impl Seat {
    /// The place of the thread with this number.
    pub(crate) fn new(hosted: &Hosted, number: usize) -> Self {
        Seat {
            watch: hosted.watch.thread(number),
            requests: 0,
            fixed: Vec::new(),
            environ: None,
            objects: None,
        }
    }

    /// As [`Seat::new`], with entries of the environ that never change.
    pub(crate) fn with_fixed(mut self, fixed: Vec<(&'static str, Handle)>) -> Self {
        self.fixed = fixed;
        self
    }

    /// A request begins; `age_ms` is how long ago it did.
    pub(crate) fn begin(&mut self, hosted: &Hosted, age_ms: u64, request_line: (&[u8], &[u8])) {
        self.requests += 1;
        let began = hosted.watch.now_ms().saturating_sub(age_ms);
        self.watch.begin(self.requests, began, request_line);
    }

    /// Runs the request, from finding the callable to `close()`.
    pub(crate) fn serve<'py>(
        &mut self,
        py: Python<'py>,
        hosted: &Hosted,
        exchange: &mut dyn Exchange,
        script: &str,
        find: impl FnOnce(&mut dyn Exchange) -> Found<'py>,
    ) -> Served {
        let served = match find(exchange) {
            Found::Callable(callable) => {
                let call = Call { callable, script };
                Served::Called(self.call(py, hosted, exchange, &call))
            }
            Found::Nothing => {
                exchange.fail(Failure::Application);
                Served::NotFound
            }
            Found::TimedOut => {
                exchange.fail(Failure::Timeout);
                Served::Called(Outcome::TimedOut)
            }
            Found::Left(reason) => Served::Left(reason),
        };
        end(py, &self.watch);
        served
    }

    fn call<'py>(
        &mut self,
        py: Python<'py>,
        hosted: &Hosted,
        exchange: &mut dyn Exchange,
        call: &Call<'_, 'py>,
    ) -> Outcome {
        match self.call_prepared(py, hosted, exchange, call) {
            Ok(outcome) => outcome,
            // Making the objects of a request fails only without memory, or when an interruption hits it.
            Err(error) if error.is_instance(py, &hosted.request_timeout(py)) => {
                log::interrupted(py, hosted, "", false);
                exchange.fail(Failure::Timeout);
                Outcome::TimedOut
            }
            Err(error) => {
                let subject = Subject {
                    request: "",
                    script: call.script,
                };
                log::exception(py, hosted, &subject, Phase::Request, &error);
                exchange.fail(Failure::Application);
                Outcome::Failed
            }
        }
    }

    fn call_prepared<'py>(
        &mut self,
        py: Python<'py>,
        hosted: &Hosted,
        exchange: &mut dyn Exchange,
        call: &Call<'_, 'py>,
    ) -> PyResult<'py, Outcome> {
        let objects = match self.objects.take() {
            Some(objects) => objects,
            None => RequestObjects::new(py, hosted)?,
        };
        let builder = match &mut self.environ {
            Some(builder) => builder,
            None => self
                .environ
                .insert(environ_builder(py, hosted, &self.fixed)?),
        };
        let request = Arc::clone(&objects.request);
        let current = match hosted.policy() {
            Policy::Httpd => Some(adapter::CurrentLog::set(objects.errors_log.clone_ref(py))),
            Policy::Standalone => None,
        };
        let watch = &self.watch;
        let outcome = request.exchange.lend(py, exchange, || {
            let environ = environ::build(
                py,
                builder,
                &request,
                &objects.input.bind(py),
                &objects.errors.bind(py),
            )?;
            let arguments = adapter::Arguments {
                callable: &call.callable,
                environ: &environ,
                start_response: &objects.start_response.bind(py),
                script: call.script,
            };
            let outcome = adapter::run(py, hosted, &request, &arguments);
            end(py, watch);
            PyResult::Ok(outcome)
        })?;
        drop(current);
        self.objects = objects.after_request(py, hosted, outcome);
        Ok(outcome)
    }
}

/// What is called.
struct Call<'a, 'py> {
    callable: Object<'py>,
    script: &'a str,
}

fn environ_builder<'py>(
    py: Python<'py>,
    hosted: &Hosted,
    fixed: &[(&'static str, Handle)],
) -> PyResult<'py, EnvironBuilder> {
    let fixed: Vec<(&str, Object<'py>)> = fixed
        .iter()
        .map(|(key, value)| (*key, value.bind(py)))
        .collect();
    hosted.environ_builder(py, &fixed)
}

/// Ends the request for the monitor: an interruption that came too late is taken back, and no other one follows. Called
/// as soon as the application is done, so that neither our own Python code nor the next request is hit by it.
fn end(py: Python<'_>, thread: &ThreadWatch) {
    let interrupted = thread.end();
    if interrupted {
        request_async_exception(py, ThreadIdent::current(), None);
    }
}

impl RequestObjects {
    fn new<'py>(py: Python<'py>, hosted: &Hosted) -> PyResult<'py, Self> {
        let request = Request::new(hosted.policy());
        let write_name = hosted.write_name(py);
        let adapter = hosted.classes().adapter(py, &request, &write_name)?;
        let input = hosted.classes().input(py, &request)?;
        let (errors, errors_log) = hosted.errors_stream(py, "<wsgi.errors>")?;
        Ok(RequestObjects {
            start_response: Handle::new(py, &adapter.attr(c"start_response")?),
            adapter: Handle::new(py, &adapter),
            input: Handle::new(py, &input),
            errors: Handle::new(py, &errors),
            errors_log: Handle::new(py, &errors_log),
            request,
        })
    }

    /// Keeps the objects for the next request if nobody else has them; otherwise ends them.
    fn after_request(self, py: Python<'_>, hosted: &Hosted, outcome: Outcome) -> Option<Self> {
        let unshared = outcome == Outcome::Responded
            && self.start_response.is_unique()
            && self.adapter_is_ours()
            && self.input.is_unique()
            && self.errors.is_unique()
            && self.log_is_ours();
        let log = self.errors_log.bind(py);
        if !unshared {
            // A record that cannot be written has no other place to go.
            let _unwritable = log.call_method(py, c"expire", &[]);
            return None;
        }
        let pending = log.attr_by(&hosted.pending_name(py)).ok()?;
        if pending.as_bytes() != Some(b"") {
            log.call_method(py, c"flush", &[]).ok()?;
        }
        self.request.reset();
        Some(self)
    }

    /// The log is referred to by us and by the text stream above it only: no `wsgi.errors.buffer` was kept.
    fn log_is_ours(&self) -> bool {
        self.errors_log.reference_count() == Some(2)
    }

    /// The adapter is referred to by us and by the bound `start_response` only: no `write` was kept.
    fn adapter_is_ours(&self) -> bool {
        self.adapter.reference_count() == Some(2)
    }
}
