//! A thread that serves requests in one interpreter.

use std::sync::Arc;
use std::time::Duration;

use rickhouse_python::ThreadState;

use crate::application::Application;
use crate::exchange::Exchange;
use crate::seat::{Found, Seat};

/// Serves requests on the OS thread it was made on, in one interpreter.
pub struct Worker {
    application: Arc<Application>,
    // Declared before `state`: the references in here are let go while the thread state still exists.
    seat: Seat,
    state: ThreadState,
}

impl Worker {
    /// Makes the thread's state in the application's interpreter. `number` counts the interpreter's threads from 0.
    pub fn new(application: &Arc<Application>, number: usize) -> Self {
        Worker {
            application: Arc::clone(application),
            seat: Seat::new(application.hosted(), number),
            state: ThreadState::new(application.interpreter()),
        }
    }

    /// How long the latest request waited to enter the interpreter.
    pub fn last_wait(&self) -> Duration {
        self.state.last_wait()
    }

    /// Runs one request: the call, the iteration and `close()` all on this thread.
    pub fn handle(&mut self, exchange: &mut dyn Exchange) {
        let (application, seat) = (&self.application, &mut self.seat);
        seat.begin(application.hosted(), 0, exchange.request_line());
        self.state.attach(|py| {
            let callable = |_: &mut dyn Exchange| Found::Callable(application.callable(py));
            seat.serve(py, application.hosted(), exchange, "", callable);
        });
    }
}
