//! Sending a response while its handler runs: what may wait for the client.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::BorrowedFd;

use rickhouse_os::sendfile::send_file;

use super::Exchange;

impl Exchange<'_> {
    /// Sends the head and what was pushed (if not sent yet) and `data`, in one call to the kernel where it takes all.
    /// Waits for a slow client, up to the write timeout between two pieces, and in all up to the write timeout plus one
    /// second per KiB that it took.
    ///
    /// # Errors
    /// The client is gone (`BrokenPipe`, `ConnectionReset`) or too slow (`TimedOut`); the response is cut short.
    pub fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.check_started()?;
        let data = self.response.admit(data);
        let out = &mut self.buffers.out;
        let tail: &[u8] = if data.is_empty() {
            b""
        } else {
            self.response.open_chunk(&mut out.bytes, data.len() as u64);
            self.response.close_chunk()
        };
        self.send_all([data, tail], false)
    }

    /// Sends what is buffered. Waits as [`Exchange::write`] does.
    ///
    /// # Errors
    /// As [`Exchange::write`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.check_started()?;
        self.send_all([&[], &[]], false)
    }

    /// Sends `length` bytes of a file from `offset`, without copying them through the process.
    ///
    /// # Errors
    /// As [`Exchange::write`]; `UnexpectedEof` when the file is shorter.
    pub fn send_file(&mut self, file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
        self.check_started()?;
        let mut left = self.response.admit_count(length);
        if left == 0 {
            return self.flush();
        }
        self.response.open_chunk(&mut self.buffers.out.bytes, left);
        self.send_all([&[], &[]], true)?;
        let mut position = offset;
        while left > 0 {
            match send_file(&self.connection.socket, file, position, left) {
                Ok(0) => {
                    self.broken = true;
                    return Err(io::Error::new(
                        ErrorKind::UnexpectedEof,
                        "the file is shorter than announced",
                    ));
                }
                Ok(count) => {
                    self.pace.moved(count);
                    position += count as u64;
                    left -= count as u64;
                }
                Err(error) => self.wait_after(error)?,
            }
        }
        self.send_all([self.response.close_chunk(), &[]], false)
    }

    fn check_started(&mut self) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::new(
                ErrorKind::BrokenPipe,
                "the response was cut short",
            ));
        }
        if self.response.ends_with_connection() {
            self.connection.reset_on_close(true);
        }
        if self.response.is_started() {
            return Ok(());
        }
        Err(io::Error::new(
            ErrorKind::InvalidInput,
            "the response was not started",
        ))
    }

    /// Sends the output and two more pieces, waiting for the client as needed.
    fn send_all(&mut self, pieces: [&[u8]; 2], more: bool) -> io::Result<()> {
        let [mut first, mut second] = pieces;
        loop {
            let pending = self.buffers.out.pending();
            let pending_len = pending.len();
            if pending_len + first.len() + second.len() == 0 {
                return Ok(());
            }
            let result = match (first, second) {
                ([], []) if !more => self.connection.socket.send(pending),
                _ => {
                    let slices = [
                        IoSlice::new(pending),
                        IoSlice::new(first),
                        IoSlice::new(second),
                    ];
                    self.connection.socket.send_pieces(&slices, more)
                }
            };
            let count = match result {
                Ok(count) => count,
                Err(error) => {
                    self.wait_after(error)?;
                    continue;
                }
            };
            self.sent = true;
            self.pace.moved(count);
            self.buffers.out.advance(count.min(pending_len));
            let rest = count.saturating_sub(pending_len);
            let of_first = rest.min(first.len());
            (first, second) = (&first[of_first..], &second[rest - of_first..]);
        }
    }

    fn wait_writable(&mut self) -> io::Result<bool> {
        let socket = &self.connection.socket;
        self.pace.wait(self.engine.write_wait(), |allowed| {
            socket.wait_writable(allowed)
        })
    }

    /// After a failed send: waits when the socket was full, otherwise gives up.
    pub(super) fn wait_after(&mut self, error: io::Error) -> io::Result<()> {
        let outcome = match error.kind() {
            ErrorKind::Interrupted => return Ok(()),
            ErrorKind::WouldBlock => match self.wait_writable() {
                Ok(true) => return Ok(()),
                Ok(false) => io::Error::new(
                    ErrorKind::TimedOut,
                    "the client takes the response too slowly",
                ),
                Err(error) => error,
            },
            _ => error,
        };
        self.broken = true;
        self.sent = true;
        Err(outcome)
    }
}
