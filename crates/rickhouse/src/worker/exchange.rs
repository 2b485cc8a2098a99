//! Joins the front end's exchange to the engine's: the one place where HTTP and WSGI meet.

use std::io;
use std::os::fd::BorrowedFd;

use rickhouse_host::{Failure, ResponseHead};

/// A request of the front end, as the engine wants to see it.
pub(super) struct Bridge<'a, 'request>(pub(super) &'a mut rickhouse_server::Exchange<'request>);

impl rickhouse_host::Exchange for Bridge<'_, '_> {
    fn environ(&self, sink: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.environ(sink);
    }

    fn is_https(&self) -> bool {
        self.0.is_https()
    }

    fn body_in_memory(&self) -> bool {
        self.0.body_buffered()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn start(&mut self, head: &ResponseHead<'_>) -> io::Result<()> {
        // The front end reads a declared length from its field.
        let length = if head.length_declared {
            None
        } else {
            head.length
        };
        self.0.start(
            head.status,
            head.reason,
            &mut head.headers.iter().copied(),
            length,
        )
    }

    fn room(&self) -> usize {
        self.0.buffered_room()
    }

    fn push(&mut self, data: &[u8]) {
        self.0.push(data);
    }

    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn send_file(&mut self, file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
        self.0.send_file(file, offset, length)
    }

    fn fail(&mut self, failure: Failure) {
        self.0.fail(match failure {
            Failure::Application => 500,
            Failure::Timeout => 504,
        });
    }

    fn started(&self) -> bool {
        self.0.started()
    }

    fn request_line(&self) -> (&[u8], &[u8]) {
        let head = self.0.head();
        (head.method(), head.target())
    }
}
