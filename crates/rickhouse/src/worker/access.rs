//! The access log's way to its file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rickhouse_server::AccessSink;
use tracing::error;

use crate::log::Output;

/// Appends lines to the access log. When that fails (a full disk, a closed pipe) requests go on; the error log says so
/// once until it works again.
#[derive(Debug)]
pub(super) struct AccessFile {
    output: Arc<Output>,
    failing: AtomicBool,
}

impl AccessFile {
    pub(super) fn new(output: Arc<Output>) -> Self {
        Self {
            output,
            failing: AtomicBool::new(false),
        }
    }
}

impl AccessSink for AccessFile {
    fn log(&self, line: &[u8]) {
        let outcome = self.output.append_line(line);
        let failed_before = self.failing.swap(outcome.is_err(), Ordering::Relaxed);
        if let Err(error) = outcome
            && !failed_before
        {
            error!(code = "RH0208", %error, "cannot write the access log");
        }
    }
}
