//! What the engine has to say, as records.

use rickhouse_host::scripts::{Level, ProcessKind, Record, Scope};
use rickhouse_host::{Report, Reporter};
use rickhouse_httpd::log::{self, At};

use crate::log::{PYTHON, script};

/// Writes the engine's reports to httpd's log: about the request that the thread serves, if they are about one and it does.
pub(crate) struct HttpdReporter {
    process: ProcessKind,
}

impl HttpdReporter {
    /// For the engine of this process.
    pub(crate) fn new(process: ProcessKind) -> Self {
        Self { process }
    }
}

impl Reporter for HttpdReporter {
    fn report(&self, report: &Report<'_>) {
        report.records(&self.process, &mut write);
    }

    fn is_enabled(&self, level: Level, in_request: bool) -> bool {
        let about = if in_request {
            Scope::Request
        } else {
            Scope::Process
        };
        log::is_enabled(scope(about), self::level(level))
    }
}

fn write(record: &Record) {
    let (scope, level) = (scope(record.scope), level(record.level));
    if log::is_enabled(scope, level) {
        let text = script(|script| record.text(script));
        let at = record.place.as_ref().map_or(PYTHON, |place| At {
            file: &place.file,
            line: place.line,
        });
        log::write(scope, level, at, format_args!("{text}"));
    }
}

/// httpd knows which request the thread is inside of, if any.
fn scope(scope: Scope) -> log::Scope<'static> {
    match scope {
        Scope::Process => log::Scope::Main,
        Scope::Request | Scope::RequestHeader | Scope::RequestDetail => log::Scope::Current,
    }
}

fn level(level: Level) -> log::Level {
    match level {
        Level::Critical => log::Level::Critical,
        Level::Error => log::Level::Error,
        Level::Warning => log::Level::Warning,
        Level::Info => log::Level::Info,
        Level::Debug => log::Level::Debug,
        Level::Trace => log::Level::Trace1,
    }
}
