//! Interpreters by name, made when they are first needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use rickhouse_python::{ClassHandle, Interpreter, PyResult, Python, ThreadState};

use crate::hosted::{Hosted, Policy, Traits};
use crate::monitor::Monitor;
use crate::scripts::hook::Ssl;
use crate::scripts::process::Scripts;
use crate::scripts::record::{Level, Record};
use crate::scripts::settings::InterpreterSettings;
use crate::scripts::{setup, words};
use crate::watch::{Interrupts, Limits};

/// How long a monitor may take to end before it is left behind.
const MONITOR_PATIENCE: Duration = Duration::from_millis(500);

/// The interpreters of a process.
#[derive(Default)]
pub(crate) struct Interpreters {
    groups: RwLock<HashMap<String, Arc<InterpreterSettings>>>,
    made: RwLock<HashMap<Key, Arc<Named>>>,
    /// Held while one is made. Waited for detached; nothing that Python calls takes it.
    making: Mutex<Making>,
}

/// Which interpreter: the application group, and which of its copies.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) group: String,
    pub(crate) copy: usize,
}

/// An interpreter that scripts are loaded into.
pub(crate) struct Named {
    hosted: Hosted,
    monitor: Mutex<Option<Monitor>>,
    /// Made for the first access or authentication script.
    ssl: OnceLock<ClassHandle<Ssl>>,
}

/// What only the maker of interpreters needs.
#[derive(Default)]
struct Making {
    /// The main interpreter holds the standard library's extension modules (engine.md §3.4).
    extension_modules_imported: bool,
    /// Interpreters whose set-up failed. They cannot be ended, so the next attempt goes on with them.
    unfinished: HashMap<Key, &'static Interpreter>,
}

/// Why there is no interpreter; it was reported.
#[derive(Debug)]
pub(crate) struct Unavailable;

impl Interpreters {
    /// How the group's interpreters are made.
    pub(crate) fn settings(&self, scripts: &Scripts, group: &str) -> Arc<InterpreterSettings> {
        let known = read(&self.groups).get(group).cloned();
        known.unwrap_or_else(|| {
            let resolved = Arc::new((scripts.settings.interpreter)(group));
            let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(groups.entry(group.to_owned()).or_insert(resolved))
        })
    }

    pub(crate) fn find(&self, key: &Key) -> Option<Arc<Named>> {
        read(&self.made).get(key).cloned()
    }

    /// All made so far.
    pub(crate) fn all(&self) -> Vec<Arc<Named>> {
        read(&self.made).values().cloned().collect()
    }

    fn add(&self, key: Key, named: &Arc<Named>) {
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        made.insert(key, Arc::clone(named));
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

impl Key {
    /// How many interpreters serve `group`: at least one, and one only for the main interpreter.
    pub(crate) fn copies(settings: &InterpreterSettings, group: &str) -> usize {
        if group.is_empty() {
            1
        } else {
            settings.copies.max(1)
        }
    }

    /// The main interpreter.
    fn main() -> Self {
        Key {
            group: String::new(),
            copy: 0,
        }
    }
}

impl Named {
    /// The application group.
    pub(crate) fn name(&self) -> &str {
        &self.hosted.traits().name
    }

    pub(crate) fn hosted(&self) -> &Hosted {
        &self.hosted
    }

    /// The class of what environs of access and authentication scripts ask mod_ssl by.
    pub(crate) fn ssl<'py>(&self, py: Python<'py>) -> PyResult<'py, &ClassHandle<Ssl>> {
        if let Some(class) = self.ssl.get() {
            return Ok(class);
        }
        // Made before the cell is locked: that calls into Python. Of two threads one makes it in vain.
        let class = ClassHandle::new(py)?;
        Ok(self.ssl.get_or_init(|| class))
    }

    pub(crate) fn stop_monitor(&self) {
        let monitor = self.lock_monitor().take();
        if let Some(mut monitor) = monitor {
            monitor.stop(MONITOR_PATIENCE);
        }
    }

    fn lock_monitor(&self) -> MutexGuard<'_, Option<Monitor>> {
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scripts {
    /// Sets up the main interpreter; the text is the exception that kept it from being done.
    pub(crate) fn open_main(&self, main: &mut ThreadState) -> Result<(), String> {
        if let Some(seconds) = self.settings.switch_interval {
            setup::apply_process_interval(self, main, seconds);
        }
        let settings = self.interpreters.settings(self, "");
        self.finish(main, Key::main(), &settings).map(drop)
    }

    /// The interpreter `key`, made if need be by the calling thread, which is detached. A new one comes with the
    /// thread's state in it.
    pub(crate) fn interpreter(
        &self,
        main: &mut ThreadState,
        key: &Key,
        settings: &InterpreterSettings,
    ) -> Result<(Arc<Named>, Option<ThreadState>), Unavailable> {
        if let Some(named) = self.interpreters.find(key) {
            return Ok((named, None));
        }
        let mut making = self
            .interpreters
            .making
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(named) = self.interpreters.find(key) {
            return Ok((named, None));
        }
        let outcome = self.make(&mut making, main, key, settings);
        outcome.map_err(|Unavailable| {
            let interpreter = words::interpreter(&key.group);
            let process = words::words(&self.settings.process);
            let text = format!(
                "Python based handlers will not be available for {interpreter} in {process}."
            );
            self.say(Record::process(Level::Error, 103, text));
            Unavailable
        })
    }

    fn make(
        &self,
        making: &mut Making,
        main: &mut ThreadState,
        key: &Key,
        settings: &InterpreterSettings,
    ) -> Result<(Arc<Named>, Option<ThreadState>), Unavailable> {
        let mut state = match making.unfinished.get(key) {
            Some(interpreter) => ThreadState::new(interpreter),
            None => self.create(making, main, key, settings)?,
        };
        match self.finish(&mut state, key.clone(), settings) {
            Ok(named) => {
                making.unfinished.remove(key);
                Ok((named, Some(state)))
            }
            Err(_reported) => {
                making.unfinished.insert(key.clone(), state.interpreter());
                Err(Unavailable)
            }
        }
    }

    fn create(
        &self,
        making: &mut Making,
        main: &mut ThreadState,
        key: &Key,
        settings: &InterpreterSettings,
    ) -> Result<ThreadState, Unavailable> {
        let own_gil = self.own_gil(key, settings);
        let info = self.runtime.info();
        let separate_heaps = own_gil || info.free_threaded;
        if separate_heaps && info.version < (3, 14, 0) && !making.extension_modules_imported {
            main.attach(|py| self.import_extension_modules(py));
            making.extension_modules_imported = true;
        }
        let (name, process) = (&key.group, words::words(&self.settings.process));
        let with = if own_gil { " with own GIL" } else { "" };
        self.info(format!(
            "Creating sub-interpreter '{name}' in {process}{with}."
        ));
        let made = main.attach(|py| self.runtime.new_interpreter(py, own_gil));
        made.map_err(|error| {
            let interpreter = words::interpreter(name);
            let text = format!("Unable to setup {interpreter} in {process}. {error}");
            self.say(Record::process(Level::Critical, 35, text));
            Unavailable
        })
    }

    fn own_gil(&self, key: &Key, settings: &InterpreterSettings) -> bool {
        if !settings.own_gil || self.runtime.info().version < (3, 12, 0) {
            return false;
        }
        if self.runtime.info().gil_enabled {
            return true;
        }
        let interpreter = words::interpreter(&key.group);
        let process = words::words(&self.settings.process);
        let text = format!(
            "Skipping per-interpreter GIL for {interpreter} in {process}; free-threading is active."
        );
        self.say(Record::process(Level::Warning, 202, text));
        false
    }

    fn import_extension_modules(&self, py: Python<'_>) {
        let Some(main) = self.interpreters.find(&Key::main()) else {
            return;
        };
        // Single modules that do not import are passed over by the function itself.
        let outcome = main
            .hosted()
            .bootstrap(py)
            .call_method(py, c"import_extension_modules", &[]);
        if let Err(error) = outcome {
            setup::report(py, main.hosted(), &error);
        }
    }

    /// Sets an interpreter up and takes it into use; the text is the exception that kept it from being done.
    fn finish(
        &self,
        state: &mut ThreadState,
        key: Key,
        settings: &InterpreterSettings,
    ) -> Result<Arc<Named>, String> {
        let interpreter = state.interpreter();
        let hosted = state
            .attach(|py| setup::set_up(py, self, interpreter, self.traits(&key.group), settings))?;
        let named = Arc::new(Named {
            hosted,
            monitor: Mutex::default(),
            ssl: OnceLock::new(),
        });
        if self.settings.request_timeout.is_some() || self.settings.heartbeat {
            let started = Monitor::start(Arc::clone(&named), Named::hosted);
            let monitor = started.map_err(|error| {
                let (interpreter, process) = (
                    words::interpreter(&key.group),
                    words::words(&self.settings.process),
                );
                let reason = format!("no monitor thread: {error}");
                let text = format!("Unable to setup {interpreter} in {process}. {reason}");
                self.say(Record::process(Level::Critical, 35, text));
                reason
            })?;
            *named.lock_monitor() = Some(monitor);
        }
        self.interpreters.add(key, &named);
        Ok(named)
    }

    fn traits(&self, group: &str) -> Traits {
        let settings = &self.settings;
        let interrupts = if settings.interrupt_timeout.is_zero() {
            Interrupts::Never
        } else {
            Interrupts::Once
        };
        Traits {
            name: group.to_owned(),
            reporter: Arc::clone(&self.reporter),
            limits: Limits {
                request_timeout: settings.request_timeout,
                configured_timeout: settings.configured_timeout,
                interrupt_timeout: settings.interrupt_timeout,
                interrupts,
            },
            policy: Policy::Httpd,
            multithread: settings.multithread,
            multiprocess: settings.multiprocess,
            run_once: settings.run_once,
        }
    }
}
