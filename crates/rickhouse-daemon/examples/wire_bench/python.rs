//! Python, as httpd's module runs it.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rickhouse_daemon::{Ended, Engine, Handler, StartError, StartStep, WireExchange};
use rickhouse_host::scripts::{
    self, ApacheInfo, Call, InterpreterSettings, ProcessKind, ProcessSettings, Reload,
    ScriptThread, Scripts,
};
use rickhouse_host::{InitConfig, Report, Reporter};
use rickhouse_wire::RequestFrame;

pub(crate) fn start() -> Result<Arc<Python>, StartError> {
    let scripts = Scripts::start(settings(), Arc::new(Errors)).map_err(|error| StartError {
        step: StartStep::Python,
        reason: error.to_string(),
    })?;
    MAIN.set(Some(scripts.1));
    Ok(Arc::new(Python(scripts.0)))
}

thread_local! {
    /// The main thread's place.
    static MAIN: RefCell<Option<ScriptThread>> = const { RefCell::new(None) };
}

pub(crate) struct Python(Arc<Scripts>);

pub(crate) struct Thread(ScriptThread);

/// Says what goes wrong.
struct Errors;

impl Reporter for Errors {
    fn report(&self, report: &Report<'_>) {
        report.records(&ProcessKind::Daemon("bench".to_owned()), &mut |record| {
            if matches!(
                record.level,
                scripts::Level::Error | scripts::Level::Critical
            ) {
                eprintln!("{}", record.text("bench"));
            }
        });
    }
}

fn settings() -> ProcessSettings {
    ProcessSettings {
        process: ProcessKind::Daemon("bench".to_owned()),
        init: InitConfig {
            program: std::env::var_os("PYO3_PYTHON").map(Into::into),
            free_threading: true,
            ..InitConfig::default()
        },
        base_path: Vec::new(),
        home: None,
        python_eggs: None,
        user: None,
        multithread: true,
        multiprocess: false,
        run_once: false,
        maximum_processes: 1,
        threads_per_process: 15,
        case_sensitive: true,
        replace_streams: true,
        switch_interval: None,
        request_timeout: None,
        configured_timeout: None,
        interrupt_timeout: Duration::ZERO,
        heartbeat: true,
        apache: ApacheInfo::default(),
        interpreter: Box::new(|_| InterpreterSettings::default()),
    }
}

impl Engine for Python {
    type Handler = Thread;

    fn import(&self) {}

    fn handler(self: &Arc<Self>, number: usize) -> Thread {
        Thread(self.0.thread(number + 1))
    }

    fn interrupted(&self, _number: usize) -> Option<Duration> {
        None
    }

    fn silence(&self) -> Duration {
        let reports = self.0.watch().report();
        let silences = reports.iter().map(|(_, report)| report.silent_for);
        silences.max().unwrap_or_default()
    }

    fn publish_signal(&self, _signal: &str) {}

    fn publish_stopping(&self, _reason: &str) {}

    fn dump_stacks(&self, _number: usize) {}

    fn stop(&self) {
        if let Some(mut main) = MAIN.take() {
            self.0.stop(&mut main, true);
        }
    }
}

impl Handler for Thread {
    fn handle(&mut self, request: &RequestFrame<'_>, exchange: &mut WireExchange<'_>) -> Ended {
        let head = &request.head;
        let script = Path::new(OsStr::from_bytes(head.script));
        let call = Call {
            script,
            application_group: head.application_group,
            callable: head.callable,
            resource: script,
            mtime: None,
            reload: Reload::Reject,
            age: exchange.age(),
        };
        match self.0.handle(&call, exchange) {
            scripts::Ended::Rejected => Ended::Rejected,
            _ => Ended::Answered,
        }
    }
}
