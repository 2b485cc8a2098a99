//! A process that runs scripts, its folder, and what it reports.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rickhouse_host::scripts::{
    ApacheInfo, Call, Ended, InterpreterSettings, Level, ProcessKind, ProcessSettings, Reload,
    ScriptThread, Scripts,
};
use rickhouse_host::{InitConfig, Report, Reporter};

use crate::support::MemoryExchange;

/// A process with one thread, in a folder of its own.
pub(crate) struct Process {
    pub(crate) scripts: Arc<Scripts>,
    pub(crate) thread: ScriptThread,
    pub(crate) log: Arc<Log>,
    pub(crate) folder: tempfile::TempDir,
}

/// What was reported, in mod_wsgi's words: `LEVEL text`.
pub(crate) struct Log {
    process: ProcessKind,
    lines: Mutex<Vec<String>>,
}

impl Reporter for Log {
    fn report(&self, report: &Report<'_>) {
        report.records(&self.process, &mut |record| {
            let level = match record.level {
                Level::Critical => "crit",
                Level::Error => "error",
                Level::Warning => "warn",
                Level::Info => "info",
                Level::Debug => "debug",
                Level::Trace => "trace",
            };
            let place = record.place.as_ref().map(|place| {
                let file = Path::new(OsStr::from_bytes(place.file.to_bytes()));
                let file = file.file_name().unwrap_or_default().display();
                format!(" @{file}:{}", place.line)
            });
            let line = format!("{level} {}{}", record.text("S"), place.unwrap_or_default());
            self.lock().push(line);
        });
    }

    fn is_enabled(&self, level: Level, in_request: bool) -> bool {
        // As a server whose LogLevel is info, with a directory of debug.
        level
            <= if in_request {
                Level::Debug
            } else {
                Level::Info
            }
    }
}

impl Log {
    pub(crate) fn new(settings: &ProcessSettings) -> Arc<Self> {
        Arc::new(Log {
            process: settings.process.clone(),
            lines: Mutex::default(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was reported since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lock())
    }

    /// As [`Log::take`], as one text.
    pub(crate) fn text(&self) -> String {
        self.take().join("\n")
    }
}

/// Settings of a child of httpd without any directive.
pub(crate) fn settings() -> ProcessSettings {
    let program = std::env::var_os("PYO3_PYTHON").expect("PYO3_PYTHON names the Python under test");
    ProcessSettings {
        process: ProcessKind::Embedded,
        init: InitConfig {
            program: Some(program.into()),
            free_threading: true,
            ..InitConfig::default()
        },
        base_path: Vec::new(),
        home: None,
        python_eggs: None,
        user: None,
        multithread: true,
        multiprocess: true,
        run_once: false,
        maximum_processes: 4,
        threads_per_process: 3,
        case_sensitive: true,
        replace_streams: true,
        switch_interval: None,
        request_timeout: None,
        configured_timeout: None,
        interrupt_timeout: Duration::from_secs(5),
        heartbeat: false,
        apache: ApacheInfo {
            version: (2, 4, 57),
            description: "Apache/2.4.57 (Test)".to_owned(),
            mpm_name: "event".to_owned(),
            build_date: "today".to_owned(),
            maximum_processes: 16,
            threads_per_process: 25,
        },
        interpreter: Box::new(|_| InterpreterSettings::default()),
    }
}

impl Process {
    /// Starts a process whose settings `change` has changed.
    pub(crate) fn start(change: impl FnOnce(&mut ProcessSettings)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut settings = settings();
        change(&mut settings);
        let log = Log::new(&settings);
        let (scripts, thread) = Scripts::start(settings, Arc::clone(&log) as Arc<dyn Reporter>)
            .unwrap_or_else(|error| panic!("{error}: {:?}", log.take()));
        Process {
            scripts,
            thread,
            log,
            folder,
        }
    }

    /// The version of the Python under test.
    pub(crate) fn version(&self) -> (u8, u8, u8) {
        self.scripts.python().version
    }

    /// Whether the process runs without the GIL.
    pub(crate) fn is_free_threaded(&self) -> bool {
        !self.scripts.python().gil_enabled
    }

    /// A script file of this name.
    pub(crate) fn script(&self, name: &str, source: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, source).expect("the temporary folder can be written to");
        path
    }

    /// A request for `script` in the interpreter `group`.
    pub(crate) fn get(&mut self, group: &str, script: &Path) -> (Ended, MemoryExchange) {
        let mut exchange = MemoryExchange::get("/");
        let ended = self.thread.handle(&call(group, script), &mut exchange);
        (ended, exchange)
    }

    /// Evaluates `expression` in a request of the interpreter `group` and returns its `str`.
    pub(crate) fn evaluate(&mut self, group: &str, expression: &str) -> String {
        let script = self.folder.path().join("evaluate.wsgi");
        if !script.exists() {
            self.script("evaluate.wsgi", EVALUATE);
        }
        let mut exchange = MemoryExchange::get("/");
        exchange.entries[3].1 = expression.as_bytes().to_vec();
        let ended = self.thread.handle(&call(group, &script), &mut exchange);
        assert_eq!(ended, Ended::Responded, "{}", self.log.text());
        exchange.text()
    }

    /// As [`Process::get`]: the body of a response that is complete.
    pub(crate) fn text(&mut self, group: &str, script: &Path) -> String {
        let (ended, exchange) = self.get(group, script);
        assert_eq!(ended, Ended::Responded, "{:?}", self.log.take());
        exchange.text()
    }
}

const EVALUATE: &str = r#"
import os, sys
def application(environ, start_response):
    start_response("200 OK", [])
    try:
        value = eval(environ["QUERY_STRING"], {**globals(), "environ": environ})
    except Exception as error:
        value = f"{type(error).__name__}: {error}"
    return [str(value).encode()]
"#;

/// A virtual environment of the Python under test, and its folder for packages.
pub(crate) fn virtual_environment() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let program = std::env::var_os("PYO3_PYTHON").expect("PYO3_PYTHON names the Python under test");
    let made = std::process::Command::new(program)
        .args(["-m", "venv", "--without-pip"])
        .arg(folder.path())
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    let lib = std::fs::read_dir(folder.path().join("lib")).expect("it has a lib folder");
    let version = lib.flatten().next().expect("with one folder in it");
    let packages = version.path().join("site-packages");
    (folder, packages)
}

/// A call of `application` that reloads in place.
pub(crate) fn call<'a>(group: &'a str, script: &'a Path) -> Call<'a> {
    Call {
        script,
        application_group: group,
        callable: "application",
        resource: script,
        mtime: None,
        reload: Reload::InPlace,
        age: Duration::ZERO,
    }
}
