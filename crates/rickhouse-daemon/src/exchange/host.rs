//! The exchange as the engine's adapter wants to see it.

use std::io;
use std::os::fd::BorrowedFd;

use rickhouse_host::{Exchange, Failure, ResponseHead};

use crate::exchange::WireExchange;

impl Exchange for WireExchange<'_> {
    fn environ(&self, sink: &mut dyn FnMut(&[u8], &[u8])) {
        self.environ(sink);
    }

    fn is_https(&self) -> bool {
        self.request().head.flags.https
    }

    fn body_in_memory(&self) -> bool {
        self.body_in_memory()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read(buffer)
    }

    fn start(&mut self, head: &ResponseHead<'_>) -> io::Result<()> {
        self.start(head)
    }

    fn room(&self) -> usize {
        self.room()
    }

    fn push(&mut self, data: &[u8]) {
        self.push(data);
    }

    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush()
    }

    fn send_file(&mut self, file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
        self.send_file(file, offset, length)
    }

    fn fail(&mut self, failure: Failure) {
        self.fail(match failure {
            Failure::Application => 500,
            Failure::Timeout => 504,
        });
    }

    fn started(&self) -> bool {
        self.started()
    }

    fn request_line(&self) -> (&[u8], &[u8]) {
        let head = &self.request().head;
        (head.method, head.target)
    }
}
