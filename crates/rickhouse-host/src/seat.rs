//! What a thread keeps of an interpreter, from one request to the next.

use std::sync::Arc;

use rickhouse_python::{
    Dict, Handle, Object, PyResult, Python, ThreadIdent, request_async_exception,
};

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
    errors: Errors,
}

/// `wsgi.errors`.
struct Errors {
    stream: Handle,
    log: Handle,
    /// The `__dict__` of either, which is its own for good, and the number of attributes it was made with.
    attributes: [(Handle, usize); 2],
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
            Policy::Httpd => Some(adapter::CurrentLog::set(objects.errors.log.clone_ref(py))),
            Policy::Standalone => None,
        };
        let watch = &self.watch;
        let outcome = request.exchange.lend(py, exchange, || {
            let environ = environ::build(
                py,
                builder,
                &request,
                &objects.input.bind(py),
                &objects.errors.stream.bind(py),
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
        Ok(RequestObjects {
            start_response: Handle::new(py, &adapter.attr(c"start_response")?),
            adapter: Handle::new(py, &adapter),
            input: Handle::new(py, &input),
            errors: Errors::new(py, hosted)?,
            request,
        })
    }

    /// Keeps the objects for the next request if nobody else has them; otherwise ends them.
    fn after_request(mut self, py: Python<'_>, hosted: &Hosted, outcome: Outcome) -> Option<Self> {
        let unshared = outcome == Outcome::Responded
            && self.start_response.is_unique()
            && self.adapter_is_ours()
            && self.input.is_unique();
        let errors_as_new = self.errors.are_as_new(py, hosted);
        if !unshared || !errors_as_new {
            self.errors.end(py, hosted);
        }
        if !unshared {
            return None;
        }
        if !errors_as_new {
            // Nothing that an application has done to the stream may reach the next request.
            self.errors = Errors::new(py, hosted).ok()?;
        }
        self.request.reset();
        Some(self)
    }

    /// The adapter is referred to by us and by the bound `start_response` only: no `write` was kept.
    fn adapter_is_ours(&self) -> bool {
        self.adapter.reference_count() == Some(2)
    }
}

impl Errors {
    fn new<'py>(py: Python<'py>, hosted: &Hosted) -> PyResult<'py, Self> {
        let (stream, log) = hosted.errors_stream(py, "<wsgi.errors>")?;
        let attributes = |object: &Object<'py>| {
            let dict = object.attr(c"__dict__")?;
            let handle = Handle::new(py, &dict);
            PyResult::Ok((handle, Dict::from_object(dict).map_or(0, |dict| dict.len())))
        };
        Ok(Errors {
            attributes: [attributes(&stream)?, attributes(&log)?],
            stream: Handle::new(py, &stream),
            log: Handle::new(py, &log),
        })
    }

    /// Nobody else has any of it, or has done anything with it.
    fn are_as_new(&self, py: Python<'_>, hosted: &Hosted) -> bool {
        let unused = || {
            let used = self.log.bind(py).attr_by(&hosted.used_name(py));
            used.is_ok_and(|used| matches!(used.is_true(), Ok(false)))
        };
        let has_its_own = |(attributes, count): &(Handle, usize)| {
            let as_many = || Dict::from_object(attributes.bind(py)).map(|dict| dict.len());
            attributes.reference_count() == Some(2) && as_many() == Some(*count)
        };
        // The log is the stream's `buffer`, too.
        self.stream.is_unique()
            && self.log.reference_count() == Some(2)
            && self.attributes.iter().all(has_its_own)
            && unused()
    }

    fn end(&self, py: Python<'_>, hosted: &Hosted) {
        hosted.end_log(py, &self.stream.bind(py), &self.log.bind(py));
    }
}
