//! A thread that runs scripts, in whichever interpreters it is sent to.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rickhouse_python::{Handle, PyResult, Python, ThreadState};

use crate::adapter::Outcome;
use crate::environ::extra;
use crate::exchange::{Exchange, Failure, Value};
use crate::hosted::Hosted;
use crate::scripts::call::{Call, Ended};
use crate::scripts::interpreters::{Key, Named, Unavailable};
use crate::scripts::loader::{self, Names};
use crate::scripts::process::Scripts;
use crate::scripts::record::Record;
use crate::scripts::search::File;
use crate::scripts::settings::InterpreterSettings;
use crate::scripts::{VERSION, search, setup, words};
use crate::seat::{Left, Seat, Served};

/// A thread's places in the interpreters of a process; it stays on the OS thread that it was made for. Thread states are
/// kept, so that `threading.local` survives from one request to the next.
///
/// Dropped at the end of the thread it takes its thread states back from CPython, unless the process is stopping: then
/// it leaves them, and Python alone.
pub struct ScriptThread {
    scripts: Arc<Scripts>,
    number: usize,
    /// By application group, and then by the number of the copy.
    places: HashMap<String, Vec<Option<Place>>>,
    /// The state in the main interpreter. On CPython before 3.12 a thread's first state is the one that extension modules
    /// find by `PyGILState_Ensure`, and that has to be this.
    main: ThreadState,
    last_wait: Duration,
}

/// A thread's place in one interpreter.
struct Place {
    // Declared before `state`: the references in here are let go while the thread state still exists.
    kit: Kit,
    /// `None` in the main interpreter, whose state is the thread's first one.
    state: Option<ThreadState>,
}

/// What the thread keeps of an interpreter.
pub(crate) struct Kit {
    pub(crate) named: Arc<Named>,
    pub(crate) names: Names,
    seat: Option<Seat>,
}

/// A thread in front of an interpreter that it can attach to.
pub(crate) struct Entrance<'a> {
    pub(crate) scripts: &'a Scripts,
    pub(crate) kit: &'a mut Kit,
    pub(crate) state: &'a mut ThreadState,
    number: usize,
}

impl ScriptThread {
    pub(crate) fn new(scripts: &Arc<Scripts>, number: usize, main: ThreadState) -> Self {
        ScriptThread {
            scripts: Arc::clone(scripts),
            number,
            places: HashMap::new(),
            main,
            last_wait: Duration::ZERO,
        }
    }

    /// The thread's number in the process.
    pub fn number(&self) -> usize {
        self.number
    }

    /// How long the latest request waited to enter its interpreter.
    pub fn last_wait(&self) -> Duration {
        self.last_wait
    }

    /// Runs one request: finds the interpreter and the script, calls the callable, sends what it returns, calls `close()`.
    pub fn handle(&mut self, call: &Call<'_>, exchange: &mut dyn Exchange) -> Ended {
        if self.scripts.is_stopped() {
            exchange.fail(Failure::Application);
            return Ended::Stopped;
        }
        let Ok(entrance) = self.enter(call.application_group) else {
            let record = words::unacquired_handler(call.application_group, &self.scripts);
            self.scripts.say(record);
            exchange.fail(Failure::Application);
            return Ended::NotFound;
        };
        let (ended, waited) = entrance.handle(call, exchange);
        self.last_wait = waited;
        ended
    }

    /// Loads a script before requests come, into every copy of the interpreter: `WSGIImportScript` and preloaded aliases
    /// (DD §5.13). What goes wrong is reported and ignored. A script that is loaded and has not changed is not loaded
    /// again.
    pub fn import(&mut self, application_group: &str, script: &Path) {
        if self.is_stopped() {
            return;
        }
        let settings = self.settings_of(application_group);
        for copy in 0..Key::copies(&settings, application_group) {
            self.import_copy(application_group, copy, script);
        }
    }

    fn import_copy(&mut self, group: &str, copy: usize, script: &Path) {
        let Ok(entrance) = self.enter_copy(group, copy) else {
            self.say(words::unacquired_preload(group));
            return;
        };
        let Entrance {
            scripts,
            kit,
            state,
            ..
        } = entrance;
        let modified = loader::modified(script);
        state.attach(|py| {
            let (hosted, names) = (kit.named.hosted(), &mut kit.names);
            let file = File {
                script,
                modified,
                when: search::When::Startup,
            };
            // Every failure was reported.
            let _module = search::module(py, scripts, hosted, names, file);
        });
    }

    /// For a service script (a daemon group with `threads=0`, DD §4.6): SIGTERM raises `SystemExit` in the main
    /// interpreter. To be called on the process's main thread, before the script is imported.
    pub fn exit_on_sigterm(&mut self) {
        if let Ok(Entrance { kit, state, .. }) = self.enter("") {
            state.attach(|py| setup::exit_on_sigterm(py, kit.named.hosted()));
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.scripts.is_stopped()
    }

    pub(crate) fn say(&self, record: Record) {
        self.scripts.say(record);
    }

    /// The entrance to the interpreter of an application group, which is made if need be.
    pub(crate) fn enter(&mut self, group: &str) -> Result<Entrance<'_>, Unavailable> {
        // Known groups first: the settings are behind a lock.
        let copies = match self.places.get(group) {
            Some(places) => places.len(),
            None => Key::copies(&self.settings_of(group), group),
        };
        self.enter_copy(group, self.number % copies)
    }

    fn enter_copy(&mut self, group: &str, copy: usize) -> Result<Entrance<'_>, Unavailable> {
        if !matches!(
            self.places.get(group).and_then(|places| places.get(copy)),
            Some(Some(_))
        ) {
            let settings = self.settings_of(group);
            let place = self.open(group, copy, &settings)?;
            let places = self.places.entry(group.to_owned()).or_default();
            places.resize_with(Key::copies(&settings, group), || None);
            places[copy] = Some(place);
        }
        let places = self.places.get_mut(group).ok_or(Unavailable)?;
        let place = places.get_mut(copy).and_then(Option::as_mut);
        let place = place.ok_or(Unavailable)?;
        Ok(Entrance {
            scripts: &self.scripts,
            kit: &mut place.kit,
            state: place.state.as_mut().unwrap_or(&mut self.main),
            number: self.number,
        })
    }

    fn settings_of(&self, group: &str) -> Arc<InterpreterSettings> {
        self.scripts.interpreters.settings(&self.scripts, group)
    }

    fn open(
        &mut self,
        group: &str,
        copy: usize,
        settings: &InterpreterSettings,
    ) -> Result<Place, Unavailable> {
        let key = Key {
            group: group.to_owned(),
            copy,
        };
        let (named, born_with) = self.scripts.interpreter(&mut self.main, &key, settings)?;
        let interpreter = named.hosted().interpreter();
        let state = match born_with {
            None if interpreter.is_main() => None,
            None => Some(ThreadState::new(interpreter)),
            born_with => born_with,
        };
        let kit = Kit {
            named,
            names: Names::default(),
            seat: None,
        };
        Ok(Place { kit, state })
    }

    /// Runs the exit handlers of an interpreter, for [`Scripts::stop`].
    pub(crate) fn run_exit_handlers(&mut self, named: &Named) {
        let hosted = named.hosted();
        let own = self
            .places
            .values_mut()
            .flatten()
            .flatten()
            .find(|place| std::ptr::eq(&raw const *place.kit.named, named))
            .and_then(|place| place.state.as_mut());
        match own {
            Some(state) => state.attach(|py| hosted.run_exit_handlers(py)),
            None if hosted.interpreter().is_main() => {
                self.main.attach(|py| hosted.run_exit_handlers(py));
            }
            None => {
                let mut state = ThreadState::new(hosted.interpreter());
                state.attach(|py| hosted.run_exit_handlers(py));
                state.abandon();
            }
        }
    }
}

impl Drop for ScriptThread {
    fn drop(&mut self) {
        if !self.scripts.is_stopped() {
            return;
        }
        self.main.abandon();
        // With the references in them: this may be a signal handler that has interrupted Python, or the C library's memory.
        std::mem::forget(std::mem::take(&mut self.places));
    }
}

impl Entrance<'_> {
    fn handle(self, call: &Call<'_>, exchange: &mut dyn Exchange) -> (Ended, Duration) {
        let Entrance {
            scripts,
            kit,
            state,
            number,
        } = self;
        let file = File {
            script: call.script,
            modified: call.mtime.or_else(|| loader::modified(call.script)),
            when: search::When::Request,
        };
        let script = call.script.to_string_lossy();
        let Kit { named, names, seat } = kit;
        let hosted = named.hosted();
        let served = state.attach(|py| {
            let Some(seat) = take_seat(py, scripts, hosted, seat, number) else {
                exchange.fail(Failure::Application);
                return Served::NotFound;
            };
            let age_ms = u64::try_from(call.age.as_millis()).unwrap_or(u64::MAX);
            seat.begin(hosted, age_ms, exchange.request_line());
            seat.serve(py, hosted, exchange, &script, |exchange| {
                search::find(py, scripts, hosted, names, file, call, exchange)
            })
        });
        (ended(served), state.last_wait())
    }
}

/// The thread's seat in the interpreter; `None` when there is no memory for it, which was reported.
fn take_seat<'a>(
    py: Python<'_>,
    scripts: &Scripts,
    hosted: &Hosted,
    seat: &'a mut Option<Seat>,
    number: usize,
) -> Option<&'a mut Seat> {
    if seat.is_none() {
        match fixed_entries(py, scripts, hosted, number) {
            Ok(fixed) => *seat = Some(Seat::new(hosted, number).with_fixed(fixed)),
            Err(error) => setup::report(py, hosted, &error),
        }
    }
    seat.as_mut()
}

/// The entries of the environ that are the same for all requests of a thread in an interpreter (DD §6.2).
fn fixed_entries<'py>(
    py: Python<'py>,
    scripts: &Scripts,
    hosted: &Hosted,
    number: usize,
) -> PyResult<'py, Vec<(&'static str, Handle)>> {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let entries = [
        ("mod_wsgi.version", version(VERSION)),
        ("apache.version", version(scripts.settings.apache.version)),
        (
            "mod_wsgi.process_group",
            Value::Text(scripts.settings.process.group().as_bytes()),
        ),
        (
            "mod_wsgi.application_group",
            Value::Text(hosted.traits().name.as_bytes()),
        ),
        ("mod_wsgi.thread_id", Value::Int(number)),
    ];
    let keep = |(key, value)| Ok((key, Handle::new(py, &extra(py, value)?)));
    entries.into_iter().map(keep).collect()
}

pub(crate) fn version((major, minor, micro): (u32, u32, u32)) -> Value<'static> {
    Value::Version(major, minor, micro)
}

fn ended(served: Served) -> Ended {
    match served {
        Served::Called(Outcome::Responded) => Ended::Responded,
        Served::Called(Outcome::Failed) => Ended::Failed,
        Served::Called(Outcome::TimedOut) => Ended::TimedOut,
        Served::NotFound => Ended::NotFound,
        Served::Left(Left::Rejected) => Ended::Rejected,
        Served::Left(Left::NotAdmitted) => Ended::NotAdmitted,
    }
}
