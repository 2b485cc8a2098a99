//! Records in httpd's error log. httpd adds time, process and client; the words come from [`messages`] and the engine.
//!
//! [`messages`]: rickhouse_directives::messages

mod reporter;
mod scope;

use rickhouse_directives::messages::{Level, Message};
use rickhouse_httpd::log::{self, At, Scope};
use rickhouse_httpd::{Request, Server, at};

pub(crate) use reporter::HttpdReporter;
pub(crate) use scope::{during, script};

/// Writes a record about one request; it names the request's file (DD §11.1).
pub(crate) fn request(request: &Request<'_>, message: &Message) {
    let script = request.filename().unwrap_or_default();
    let text = message.in_script(script);
    log::write(
        request.log_scope(),
        level(message.level),
        at!(),
        format_args!("{text}"),
    );
}

/// Writes a record about a server, or the main one for what concerns the process.
pub(crate) fn server(server: Server<'_>, message: &Message) {
    let scope = Scope::Server(server);
    log::write(
        scope,
        level(message.level),
        at!(),
        format_args!("{message}"),
    );
}

/// Writes a record about the process, from wherever.
pub(crate) fn process(message: &Message) {
    log::write(
        Scope::Main,
        level(message.level),
        at!(),
        format_args!("{message}"),
    );
}

fn level(level: Level) -> log::Level {
    match level {
        Level::Alert => log::Level::Alert,
        Level::Critical => log::Level::Critical,
        Level::Error => log::Level::Error,
        Level::Warning => log::Level::Warning,
    }
}

/// Records of Python code name no place in a source file of ours; what comes from `logging` has one of its own.
const PYTHON: At<'static> = At {
    file: c"python",
    line: 0,
};
