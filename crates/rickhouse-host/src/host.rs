//! Interpreters with an application in each, from start to stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rickhouse_python::{Runtime, ThreadState};

use crate::application::{Application, import_extension_modules};
use crate::error::HostError;
use crate::monitor::Monitor;
use crate::settings::{Interpreters, Settings};
use crate::watch::InterpreterReport;

/// How long a monitor may take to end before it is left behind.
const MONITOR_PATIENCE: Duration = Duration::from_millis(500);

/// An application in all the interpreters that serve it. Belongs to the OS thread that made it, which should be the
/// process's main thread: interpreters are made, loaded and stopped by the same one.
pub struct Host {
    runtime: Runtime,
    homes: Vec<Home>,
}

/// An interpreter at home on this thread.
struct Home {
    application: Arc<Application>,
    monitor: Monitor,
    state: ThreadState,
}

impl Host {
    /// Makes the interpreters, one after the other, and loads the application into each.
    ///
    /// # Errors
    /// [`HostError`]; the interpreters made so far stay, so the process should end.
    pub fn start(
        runtime: Runtime,
        mut main: ThreadState,
        settings: &Settings,
    ) -> Result<Self, HostError> {
        let mut homes = Vec::new();
        match settings.interpreters {
            Interpreters::Main => homes.push(Home::open(main, settings, 1)?),
            Interpreters::Shared(count) | Interpreters::Own(count) => {
                prepare_main(&runtime, &mut main, settings)?;
                let own_gil = matches!(settings.interpreters, Interpreters::Own(_));
                for number in 1..=count {
                    let state = main
                        .attach(|py| runtime.new_interpreter(py, own_gil))
                        .map_err(|source| HostError::Interpreter { number, source })?;
                    homes.push(Home::open(state, settings, number)?);
                }
            }
        }
        Ok(Host { runtime, homes })
    }

    /// CPython, for what a log says about it.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The application in each interpreter; threads make their [`crate::Worker`]s of them.
    pub fn applications(&self) -> impl Iterator<Item = &Arc<Application>> {
        self.homes.iter().map(|home| &home.application)
    }

    /// What can be asked about the interpreters from other threads, without entering Python.
    pub fn watch(&self) -> Watch {
        Watch {
            applications: self.applications().cloned().collect(),
        }
    }

    /// The source files imported so far.
    pub fn loaded_files(&mut self) -> Vec<String> {
        let mut files: Vec<String> = self
            .homes
            .iter_mut()
            .flat_map(|home| {
                home.state
                    .attach(|py| home.application.hosted().loaded_files(py))
            })
            .collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Runs the exit handlers of every interpreter (`threading._shutdown`, `atexit`, flush). The process has to end by
    /// `_exit` afterwards, and should do so at its own deadline too: an application can keep this from returning.
    pub fn stop(mut self) {
        let began = Instant::now();
        for home in &mut self.homes {
            home.monitor.stop(MONITOR_PATIENCE);
            home.state
                .attach(|py| home.application.hosted().run_exit_handlers(py));
        }
        tracing::debug!(
            took_ms = began.elapsed().as_millis(),
            "exit handlers have run"
        );
    }
}

/// See [`Host::watch`].
#[derive(Clone)]
pub struct Watch {
    applications: Vec<Arc<Application>>,
}

impl Watch {
    /// The state of every interpreter.
    pub fn report(&self) -> Vec<InterpreterReport> {
        self.applications
            .iter()
            .map(|application| application.hosted().watch.report())
            .collect()
    }
}

impl Home {
    fn open(mut state: ThreadState, settings: &Settings, number: usize) -> Result<Self, HostError> {
        let application = Application::prepare(&mut state, settings)
            .map_err(|reason| HostError::Prepare { number, reason })?;
        application.load(&mut state).map_err(HostError::Load)?;
        let application = Arc::new(application);
        let monitor =
            Monitor::start(Arc::clone(&application), Application::hosted).map_err(|error| {
                HostError::Prepare {
                    number,
                    reason: format!("no monitor thread: {error}"),
                }
            })?;
        Ok(Home {
            application,
            monitor,
            state,
        })
    }
}

/// Before 3.14 several extension modules of the standard library keep memory of whichever interpreter imports them
/// first; that has to be the main interpreter, which never ends.
fn prepare_main(
    runtime: &Runtime,
    main: &mut ThreadState,
    settings: &Settings,
) -> Result<(), HostError> {
    let info = runtime.info();
    let separate_heaps =
        matches!(settings.interpreters, Interpreters::Own(_)) || info.free_threaded;
    if separate_heaps && info.version < (3, 14, 0) {
        import_extension_modules(main)
            .map_err(|reason| HostError::Prepare { number: 0, reason })?;
    }
    Ok(())
}
