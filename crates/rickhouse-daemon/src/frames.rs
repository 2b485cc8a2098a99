//! Reading a request frame, and a body that rides along, from a connection.

use std::io;
use std::time::Duration;

use rickhouse_os::stream::Stream;
use rickhouse_wire::{Body, RequestFrame, WireError, frame_length};

/// Room that a thread keeps for requests: a usual one, with the largest attached body, is received in one call.
const KEPT: usize = 192 << 10;

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The connection failed or was silent for too long.
    Read(io::Error),
    /// It ended in the middle.
    Ended,
    /// These bytes are no request.
    Wire(WireError),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreadable::Read(error) => error.fmt(f),
            Unreadable::Ended => f.write_str("the connection ended"),
            Unreadable::Wire(error) => error.fmt(f),
        }
    }
}

impl From<WireError> for Unreadable {
    fn from(error: WireError) -> Self {
        Unreadable::Wire(error)
    }
}

/// Bytes received from one connection.
#[derive(Debug)]
pub(crate) struct Incoming {
    buffer: Vec<u8>,
    filled: usize,
}

/// A request that was received.
pub(crate) struct Received<'a> {
    pub(crate) frame: RequestFrame<'a>,
    /// The attached body.
    pub(crate) attached: &'a [u8],
}

impl Incoming {
    pub(crate) fn new() -> Self {
        // Zeroed pages come from the kernel when they are first touched.
        Incoming {
            buffer: vec![0; KEPT],
            filled: 0,
        }
    }

    /// Reads the request of a connection that was just accepted.
    pub(crate) fn receive(
        &mut self,
        stream: &Stream,
        timeout: Option<Duration>,
    ) -> Result<Received<'_>, Unreadable> {
        self.filled = 0;
        if self.buffer.len() > KEPT {
            self.buffer = vec![0; KEPT];
        }
        let mut source = Source {
            stream,
            timeout,
            patient: false,
        };
        let length = loop {
            if let Some(length) = frame_length(&self.buffer[..self.filled])? {
                break length;
            }
            self.more(&mut source)?;
        };
        self.fill(&mut source, length)?;
        let body = RequestFrame::parse(&self.buffer[..length])?.head.body;
        let total = match body {
            Body::Attached(attached) => length + attached as usize,
            Body::None | Body::Framed(_) => length,
        };
        self.fill(&mut source, total)?;
        if self.filled > total {
            // Nothing may follow before it was asked for.
            return Err(WireError::Trailing(self.filled - total).into());
        }
        let (frame, attached) = self.buffer[..total].split_at(length);
        Ok(Received {
            frame: RequestFrame::parse(frame)?,
            attached,
        })
    }

    /// Reads until `total` bytes are there.
    fn fill(&mut self, source: &mut Source<'_>, total: usize) -> Result<(), Unreadable> {
        if self.buffer.len() < total {
            self.buffer.resize(total, 0);
        }
        while self.filled < total {
            self.more(source)?;
        }
        Ok(())
    }

    fn more(&mut self, source: &mut Source<'_>) -> Result<(), Unreadable> {
        match source.read(&mut self.buffer[self.filled..]) {
            Ok(0) => Err(Unreadable::Ended),
            Ok(count) => {
                self.filled += count;
                Ok(())
            }
            Err(error) => Err(Unreadable::Read(error)),
        }
    }
}

/// A connection whose read timeout is set when the first read has to wait: most never do.
struct Source<'a> {
    stream: &'a Stream,
    timeout: Option<Duration>,
    patient: bool,
}

impl Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.patient {
            match self.stream.recv_now(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
            if self.timeout.is_some() {
                self.stream.set_read_timeout(self.timeout)?;
            }
            self.patient = true;
        }
        self.stream.recv(buffer).map_err(timed_out)
    }
}

/// A wait that ended by its timeout, named so.
pub(crate) fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        return io::ErrorKind::TimedOut.into();
    }
    error
}
