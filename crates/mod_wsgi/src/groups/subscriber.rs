//! What rickhouse-daemon has to say, in httpd's log.

use std::fmt::{self, Write as _};

use rickhouse_httpd::at;
use rickhouse_httpd::log::{self as httpd_log, Level, Scope};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

/// Sends all events of this process to httpd's log from now on. For a forked process; there, once.
pub(super) fn install() {
    // Only the parent could have installed another one, and it does not.
    let _installed = tracing::subscriber::set_global_default(HttpdSubscriber);
}

/// Events with the fields `code` (`WSGI0084`) and `level`, for levels that tracing lacks. There are no spans.
struct HttpdSubscriber;

impl Subscriber for HttpdSubscriber {
    /// The answer depends on the thread's scope: it must not be remembered for a place in the code.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    /// An event with tracing's level of errors may be critical, or an alert: its fields say so, and httpd decides then.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let level = match level(*metadata.level()) {
            Level::Error => Level::Alert,
            level => level,
        };
        httpd_log::is_enabled(scope(metadata), level)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut said = Said {
            level: level(*event.metadata().level()),
            code: String::new(),
            text: String::new(),
        };
        event.record(&mut said);
        let Said { level, code, text } = said;
        let scope = scope(event.metadata());
        httpd_log::write(scope, level, at!(), format_args!("{code}{text}"));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Said {
    level: Level,
    code: String,
    text: String,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match (field.name(), value) {
            ("code", code) => self.code = format!("{code}: "),
            ("level", "alert") => self.level = Level::Alert,
            ("level", "crit") => self.level = Level::Critical,
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text cannot fail.
        let _written = match field.name() {
            "message" => write!(self.text, "{value:?}"),
            name => write!(self.text, " {name}={value:?}"),
        };
    }
}

/// What an event is about.
fn scope(metadata: &Metadata<'_>) -> Scope<'static> {
    match metadata.target() {
        rickhouse_daemon::PROCESS => Scope::Main,
        _ => Scope::Current,
    }
}

fn level(level: tracing::Level) -> Level {
    match level {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warning,
        tracing::Level::INFO => Level::Info,
        tracing::Level::DEBUG => Level::Debug,
        tracing::Level::TRACE => Level::Trace1,
    }
}
