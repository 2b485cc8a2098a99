//! A process that runs scripts, from CPython's start to the exit handlers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rickhouse_python::{InitError, PythonInfo, Runtime, ThreadState, is_attached};

use crate::report::{Report, Reporter};
use crate::scripts::interpreters::{Interpreters, Named};
use crate::scripts::loader::LoadLock;
use crate::scripts::record::{Level, Record};
use crate::scripts::settings::{ProcessKind, ProcessSettings};
use crate::scripts::thread::ScriptThread;
use crate::scripts::words;
use crate::watch::InterpreterReport;

/// Python in this process, with the interpreters that scripts are loaded into. There is one, and it is never undone:
/// after [`Scripts::stop`] the process has to end.
pub struct Scripts {
    pub(crate) settings: ProcessSettings,
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) runtime: Runtime,
    pub(crate) interpreters: Interpreters,
    pub(crate) load_lock: LoadLock,
    stopped: AtomicBool,
}

/// Why scripts cannot be run in this process. It has been reported, but for the last word, which depends on the process.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// CPython did not start: codes 0001 and 0028.
    #[error("Python did not start")]
    Python(#[source] InitError),
    /// It did, but its main interpreter could not be set up: codes 0002 and 0029. The text is the exception.
    #[error("the main interpreter could not be set up: {0}")]
    MainInterpreter(String),
}

impl Scripts {
    /// Starts CPython and sets up its main interpreter (DD §9.2, §9.3). The calling thread, which should be the process's
    /// main thread, gets number 0; it is the one to run import scripts on, and to call [`Scripts::stop`].
    ///
    /// # Errors
    /// [`StartError`]; the process can go on without Python.
    pub fn start(
        settings: ProcessSettings,
        reporter: Arc<dyn Reporter>,
    ) -> Result<(Arc<Scripts>, ScriptThread), StartError> {
        let say = |record: Record| reporter.report(&Report::Record(&record));
        let process = words::words(&settings.process);
        if let Some(home) = &settings.init.home {
            describe_home(home, &process, &say);
        }
        let free_threading = if settings.init.free_threading && Runtime::is_free_threaded_build() {
            " with free-threading enabled"
        } else {
            ""
        };
        say(Record::process(
            Level::Info,
            None,
            format!("Initializing Python runtime in {process}{free_threading}."),
        ));
        let (runtime, main) = Runtime::initialize(&settings.init).map_err(|error| {
            let text = format!(
                "Python interpreter configuration failed in {process}: {}",
                error.reason
            );
            say(Record::process(Level::Critical, 36, text));
            StartError::Python(error)
        })?;
        say(Record::process(
            Level::Info,
            None,
            format!("Attaching to Python main interpreter in {process}."),
        ));
        let scripts = Arc::new(Scripts {
            settings,
            reporter,
            runtime,
            interpreters: Interpreters::default(),
            load_lock: LoadLock::default(),
            stopped: AtomicBool::new(false),
        });
        scripts.start_main(main, &process)
    }

    fn start_main(
        self: Arc<Self>,
        mut main: ThreadState,
        process: &str,
    ) -> Result<(Arc<Scripts>, ScriptThread), StartError> {
        self.open_main(&mut main).map_err(|reason| {
            let text = format!("Python based handlers will not be available in {process}.");
            self.say(Record::process(Level::Error, 38, text));
            StartError::MainInterpreter(reason)
        })?;
        let thread = ScriptThread::new(&self, 0, main);
        Ok((self, thread))
    }

    /// A place for the calling OS thread, which keeps it for its life. `number` is the thread's in this process: 0 is the
    /// main thread's, and no two threads that live at the same time have the same.
    pub fn thread(self: &Arc<Self>, number: usize) -> ScriptThread {
        ScriptThread::new(self, number, ThreadState::new(self.runtime.main()))
    }

    /// What can be asked about the interpreters without entering Python.
    pub fn watch(self: &Arc<Self>) -> Watch {
        Watch(Arc::clone(self))
    }

    /// Which CPython this is.
    pub fn python(&self) -> PythonInfo {
        self.runtime.info()
    }

    /// The settings it was started with.
    pub fn settings(&self) -> &ProcessSettings {
        &self.settings
    }

    /// Ends Python's part of the process's life: exit handlers run in every interpreter, the main one last, unless
    /// `destroy` (`WSGIDestroyInterpreter`) is off; afterwards no thread enters Python any more. CPython is not finalised.
    ///
    /// Requests that still run are neither waited for nor interrupted. An application can keep this from returning. It
    /// does nothing when the calling thread is inside Python, as in a signal handler, and when it was called before.
    pub fn stop(&self, thread: &mut ScriptThread, destroy: bool) {
        if is_attached() || self.stopped.swap(true, Ordering::AcqRel) {
            return;
        }
        let made = self.interpreters.all();
        made.iter().for_each(|named| named.stop_monitor());
        if !destroy {
            return;
        }
        let process = words::words(&self.settings.process);
        self.info(format!("Destroying Python sub-interpreters in {process}."));
        let (main, subs): (Vec<_>, Vec<_>) =
            made.into_iter().partition(|named| named.name().is_empty());
        for named in subs.iter().chain(&main) {
            if !named.name().is_empty() {
                let name = named.name();
                self.info(format!("Destroying sub-interpreter '{name}' in {process}."));
            }
            thread.run_exit_handlers(named);
        }
        self.info(format!("Terminating Python runtime in {process}."));
        self.info(format!("Python runtime has shut down in {process}."));
    }

    /// As [`Scripts::stop`] without exit handlers, and fit for a signal handler: all it does is to store that no thread
    /// enters Python any more. Places of threads that are dropped afterwards are left as they are.
    pub fn leave(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// A daemon group with `threads=0` runs service scripts only.
    pub(crate) fn runs_service(&self) -> bool {
        let daemon = matches!(self.settings.process, ProcessKind::Daemon(_));
        daemon && self.settings.threads_per_process == 0
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Reports a record; by a detached thread.
    pub(crate) fn say(&self, record: Record) {
        self.reporter.report(&Report::Record(&record));
    }

    pub(crate) fn info(&self, text: String) {
        self.say(Record::process(Level::Info, None, text));
    }
}

/// See [`Scripts::watch`].
#[derive(Clone)]
pub struct Watch(Arc<Scripts>);

impl Watch {
    pub(crate) fn scripts(&self) -> &Scripts {
        &self.0
    }

    /// The state of every interpreter made so far, with its application group.
    pub fn report(&self) -> Vec<(String, InterpreterReport)> {
        let describe = |named: &Arc<Named>| {
            let report = named.hosted().watch.report();
            (named.name().to_owned(), report)
        };
        self.0.interpreters.all().iter().map(describe).collect()
    }

    /// How long ago the request that a thread serves was interrupted, by the thread's number; `None` for a request that
    /// runs undisturbed.
    pub fn interrupted(&self, thread: usize) -> Option<Duration> {
        let interpreters = self.0.interpreters.all();
        let interrupted = |named: &Arc<Named>| named.hosted().watch.interrupted(thread);
        interpreters.iter().find_map(interrupted)
    }
}

/// What is wrong with a Python home is said, and the home is tried anyway.
fn describe_home(home: &Path, process: &str, say: &dyn Fn(Record)) {
    let shown = home.display();
    say(Record::process(
        Level::Info,
        None,
        format!("Python home set to '{shown}' for {process}."),
    ));
    let warn = |code, text: String| say(Record::process(Level::Warning, code, text));
    match std::fs::metadata(home) {
        Err(_) => warn(
            100,
            format!(
                "Unable to stat Python home '{shown}'. Python interpreter may not be able to be initialized correctly."
            ),
        ),
        Ok(found) if !found.is_dir() => warn(
            101,
            format!("Python home '{shown}' for {process} is not a directory."),
        ),
        // Reading an entry that always exists needs what CPython needs: permission to search the folder.
        Ok(_) if std::fs::metadata(home.join(".")).is_err() => warn(
            102,
            format!("Python home '{shown}' for {process} is not accessible."),
        ),
        Ok(_) => {}
    }
}
