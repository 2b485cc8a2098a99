//! The access log: one line per response, in a format compiled once.

mod format;
mod render;

use std::time::{Duration, SystemTime};

use crate::connection::Connection;
use crate::request::environ::Origin;
use crate::request::view::RequestHead;

pub use format::LogFormat;

/// Where access-log lines go.
pub trait AccessSink: Send + Sync {
    /// Takes one line, without a line end. Called from the thread that answered, outside Python; it should not wait long.
    fn log(&self, line: &[u8]);
}

/// Response fields the format asked for: index of the directive's field, and its value.
pub(crate) type ResponseFields = Vec<(usize, Vec<u8>)>;

/// The format and where its lines go.
pub(crate) struct AccessLog {
    format: LogFormat,
    sink: Box<dyn AccessSink>,
}

/// What one line is about.
pub(crate) struct Entry<'a> {
    /// Absent when the request was refused before its head was understood.
    pub(crate) head: Option<RequestHead<'a>>,
    /// The request line as received.
    pub(crate) request_line: &'a [u8],
    pub(crate) connection: &'a Connection,
    pub(crate) origin: Origin,
    pub(crate) status: u16,
    pub(crate) body_bytes: u64,
    pub(crate) took: Duration,
    pub(crate) ended: SystemTime,
    pub(crate) complete: bool,
    pub(crate) keeps_alive: bool,
    pub(crate) response_fields: &'a [(usize, Vec<u8>)],
}

impl AccessLog {
    pub(crate) fn new(format: LogFormat, sink: Box<dyn AccessSink>) -> AccessLog {
        AccessLog { format, sink }
    }

    pub(crate) fn log(&self, entry: &Entry<'_>) {
        let mut line = Vec::with_capacity(256);
        render::line(&self.format, entry, &mut line);
        self.sink.log(&line);
    }

    pub(crate) fn wants_response_fields(&self) -> bool {
        !self.format.response_fields.is_empty()
    }

    /// Keeps a response field if the format names it.
    pub(crate) fn keep_field(&self, kept: &mut ResponseFields, name: &[u8], value: &[u8]) {
        for (index, wanted) in self.format.response_fields.iter().enumerate() {
            if wanted.eq_ignore_ascii_case(name) {
                kept.push((index, value.to_vec()));
            }
        }
    }
}

impl std::fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessLog")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
