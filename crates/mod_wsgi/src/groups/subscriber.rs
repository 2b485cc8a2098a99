//! What rickhouse-daemon has to say, in httpd's log.

use std::fmt::{self, Write as _};

use rickhouse_httpd::at;
use rickhouse_httpd::log::{self as httpd_log, Level, Scope};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Sends all events of this process to httpd's log from now on. For a forked process; there, once.
pub(super) fn install() {
    // Only the parent could have installed another one, and it does not.
    let _installed = tracing::subscriber::set_global_default(HttpdSubscriber);
}

/// Events with the fields `code` (`WSGI0084`) and `level`, for levels that tracing lacks. There are no spans.
struct HttpdSubscriber;

impl Subscriber for HttpdSubscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        httpd_log::is_enabled(Scope::Current, level(*metadata.level()))
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
        httpd_log::write(Scope::Current, level, at!(), format_args!("{code}{text}"));
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

fn level(level: tracing::Level) -> Level {
    match level {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warning,
        tracing::Level::INFO => Level::Info,
        tracing::Level::DEBUG => Level::Debug,
        tracing::Level::TRACE => Level::Trace1,
    }
}
