//! What one thread keeps for itself.

use std::time::{Duration, SystemTime};

use rickhouse_os::clock;
use rickhouse_os::readiness::Events;

use super::BATCH;
use crate::connection::Buffers;

/// Buffers a thread keeps for its next connections.
const SPARE_BUFFERS: usize = 4;

/// What a thread keeps from connection to connection.
#[derive(Debug)]
pub(crate) struct Context {
    pub(super) events: Events,
    #[expect(clippy::vec_box, reason = "the boxes move to and from connections")]
    spare: Vec<Box<Buffers>>,
    /// A connection with more to do was put back: others must get their turn first.
    pub(super) yielded: bool,
    pub(super) date: DateLine,
}

impl Context {
    pub(crate) fn new() -> Context {
        Context {
            events: Events::with_capacity(BATCH),
            spare: Vec::new(),
            yielded: false,
            date: DateLine::default(),
        }
    }

    pub(super) fn buffers(&mut self) -> Box<Buffers> {
        self.spare.pop().unwrap_or_default()
    }

    pub(super) fn keep(&mut self, mut buffers: Box<Buffers>) {
        if self.spare.len() < SPARE_BUFFERS && buffers.worth_keeping() {
            buffers.next_request(usize::MAX);
            self.spare.push(buffers);
        }
    }
}

/// The `Date` line of a response, formatted once per second.
#[derive(Debug, Default)]
pub(super) struct DateLine {
    second: u64,
    pub(super) line: Vec<u8>,
}

impl DateLine {
    pub(super) fn refresh(&mut self) {
        let now = clock::unix_seconds();
        if now != self.second || self.line.is_empty() {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
            self.line = format!("Date: {}\r\n", httpdate::HttpDate::from(at)).into_bytes();
            self.second = now;
        }
    }
}
