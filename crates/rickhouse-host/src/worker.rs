//! A thread that serves requests in one interpreter.

use std::sync::Arc;
use std::time::Duration;

use rickhouse_python::{
    Handle, PyResult, Python, ThreadIdent, ThreadState, request_async_exception,
};

use crate::adapter::{self, Outcome, Request};
use crate::application::Application;
use crate::environ::{self, EnvironBuilder};
use crate::exchange::{Exchange, Failure};
use crate::log;
use crate::watch::ThreadWatch;

/// Serves requests on the OS thread it was made on, in one interpreter.
pub struct Worker {
    application: Arc<Application>,
    number: usize,
    requests: u64,
    // Declared before `state`: the references in here are let go while the thread state still exists.
    kit: Kit,
    state: ThreadState,
}

/// What a thread keeps from one request to the next.
#[derive(Default)]
struct Kit {
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

impl Worker {
    /// Makes the thread's state in the application's interpreter. `number` counts the interpreter's threads from 0.
    pub fn new(application: &Arc<Application>, number: usize) -> Self {
        Worker {
            application: Arc::clone(application),
            number,
            requests: 0,
            kit: Kit::default(),
            state: ThreadState::new(application.interpreter()),
        }
    }

    /// How long the latest request waited to enter the interpreter.
    pub fn last_wait(&self) -> Duration {
        self.state.last_wait()
    }

    /// Runs one request: the call, the iteration and `close()` all on this thread.
    pub fn handle(&mut self, exchange: &mut dyn Exchange) {
        self.requests += 1;
        let watch = &self.application.watch;
        let thread = watch.thread(self.number);
        thread.begin(self.requests, watch.now_ms(), exchange.request_line());
        let (application, kit) = (&self.application, &mut self.kit);
        self.state.attach(|py| {
            serve(py, application, kit, exchange, thread);
            end(py, thread);
        });
    }
}

/// Ends the request for the monitor: an interruption that came too late is taken back, and no other one follows. Called
/// as soon as the application is done, so that neither our own Python code nor the next request is hit by it.
fn end(py: Python<'_>, thread: &ThreadWatch) {
    let interrupted = thread.end();
    if interrupted {
        request_async_exception(py, ThreadIdent::current(), None);
    }
}

fn serve(
    py: Python<'_>,
    application: &Application,
    kit: &mut Kit,
    exchange: &mut dyn Exchange,
    thread: &ThreadWatch,
) {
    if let Err(error) = serve_prepared(py, application, kit, exchange, thread) {
        // Making the objects of a request fails only without memory, or when an interruption hits it.
        let timed_out = error.is_instance(py, &application.request_timeout(py));
        if timed_out {
            log::interrupted(py, "", false);
            exchange.fail(Failure::Timeout);
        } else {
            log::exception(py, application, "", &error);
            exchange.fail(Failure::Application);
        }
    }
}

fn serve_prepared<'py>(
    py: Python<'py>,
    application: &Application,
    kit: &mut Kit,
    exchange: &mut dyn Exchange,
    thread: &ThreadWatch,
) -> PyResult<'py, ()> {
    let objects = match kit.objects.take() {
        Some(objects) => objects,
        None => RequestObjects::new(py, application)?,
    };
    let builder = match &mut kit.environ {
        Some(builder) => builder,
        None => kit.environ.insert(application.environ_builder(py)?),
    };
    let request = Arc::clone(&objects.request);
    let outcome = request.exchange.lend(py, exchange, || {
        let environ = environ::build(
            py,
            builder,
            &request,
            &objects.input.bind(py),
            &objects.errors.bind(py),
        )?;
        let start_response = objects.start_response.bind(py);
        let outcome = adapter::run(py, application, &request, &environ, &start_response);
        end(py, thread);
        PyResult::Ok(outcome)
    })?;
    kit.objects = objects.after_request(py, application, outcome);
    Ok(())
}

impl RequestObjects {
    fn new<'py>(py: Python<'py>, application: &Application) -> PyResult<'py, Self> {
        let request = Request::new();
        let write_name = application.write_name(py);
        let adapter = application.classes().adapter(py, &request, &write_name)?;
        let input = application.classes().input(py, &request)?;
        let (errors, errors_log) = application.errors_stream(py)?;
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
    fn after_request(
        self,
        py: Python<'_>,
        application: &Application,
        outcome: Outcome,
    ) -> Option<Self> {
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
        let pending = log.attr_by(&application.pending_name(py)).ok()?;
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
