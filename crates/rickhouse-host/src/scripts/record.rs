//! Log records in the words of mod_wsgi.

use std::ffi::CString;

/// A log record, without what its place in a log adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// How bad it is.
    pub level: Level,
    /// The message code, `WSGInnnn`; records below warning have none.
    pub code: Option<u16>,
    /// What it is about.
    pub scope: Scope,
    /// Any bytes may occur where the application or the configuration had a say.
    pub message: Vec<u8>,
    /// Where in the application's sources it was made, where that is known.
    pub place: Option<Place>,
}

/// A line of a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its path.
    pub file: CString,
    /// The line, from 1.
    pub line: u32,
}

/// httpd's log levels, as far as they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `crit`
    Critical,
    /// `error`
    Error,
    /// `warn`
    Warning,
    /// `info`
    Info,
    /// `debug`
    Debug,
    /// `trace1`
    Trace,
}

impl Level {
    /// The level of a record of Python's `logging` with this `levelno` (DD §11.4).
    pub(crate) fn of_logging(number: i64) -> Self {
        match number {
            50.. => Level::Critical,
            40.. => Level::Error,
            30.. => Level::Warning,
            20.. => Level::Info,
            _ => Level::Debug,
        }
    }
}

/// What a record is about, which decides where its `[script <path>]` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The process.
    Process,
    /// The request that the calling thread serves.
    Request,
    /// As [`Scope::Request`]: the first record of an exception, whose code comes before the script.
    RequestHeader,
    /// As [`Scope::Request`]: the lines of its traceback, which do not name the script.
    RequestDetail,
}

impl Record {
    /// A record about the process.
    pub fn process(level: Level, code: impl Into<Option<u16>>, message: impl Into<String>) -> Self {
        Self::new(level, code.into(), Scope::Process, message)
    }

    /// A record about the calling thread's request.
    pub fn request(level: Level, code: impl Into<Option<u16>>, message: impl Into<String>) -> Self {
        Self::new(level, code.into(), Scope::Request, message)
    }

    pub(crate) fn new(
        level: Level,
        code: Option<u16>,
        scope: Scope,
        message: impl Into<String>,
    ) -> Self {
        Record {
            level,
            code,
            scope,
            message: message.into().into_bytes(),
            place: None,
        }
    }

    /// The whole text: code, script, message. `script` is what `[script <path>]` shows in records about a request; empty
    /// leaves that out.
    pub fn text(&self, script: &str) -> String {
        let code = self
            .code
            .map(|code| format!("WSGI{code:04}: "))
            .unwrap_or_default();
        let script = match self.scope {
            Scope::Request | Scope::RequestHeader if !script.is_empty() => {
                format!("[script {script}] ")
            }
            _ => String::new(),
        };
        let message = String::from_utf8_lossy(&self.message);
        match self.scope {
            Scope::RequestHeader => format!("{code}{script}{message}"),
            _ => format!("{script}{code}{message}"),
        }
    }
}
