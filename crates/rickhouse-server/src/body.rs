//! The body of one request: read ahead while no thread is held, then delivered to the handler.

use std::io::{self, ErrorKind};
use std::time::Duration;

use rickhouse_os::socket::Socket;

use crate::chunked::ChunkDecoder;
use crate::connection::Input;
use crate::pace::Pace;
use crate::request::Refusal;
use crate::request::framing::Framing;
use crate::settings::Limits;

/// Bytes decoded at a time while reading ahead.
const STEP: usize = 16 * 1024;
/// How many times what came is reserved for what will come.
const GROWTH: usize = 4;
/// How much of a body that nobody read is thrown away to keep its connection.
const DRAIN_LIMIT: usize = 64 * 1024;

/// Where the bytes of a body are, and where it ends.
#[derive(Debug, Default)]
pub(crate) struct Body {
    source: Source,
    /// The first byte of the input that is not consumed.
    at: usize,
    /// Where the head ends in the input.
    head_end: usize,
    /// Decoded ahead (chunked bodies only), delivered up to `decoded_at`.
    decoded: Vec<u8>,
    decoded_at: usize,
    /// Bytes of body decoded so far.
    received: u64,
    limit: Option<u64>,
    /// The client waits for `100 Continue`.
    awaits_continue: bool,
    /// Why nothing more can be read.
    broken: Option<ErrorKind>,
    /// The waits of the thread that reads.
    pace: Pace,
}

#[derive(Debug, Default)]
enum Source {
    #[default]
    None,
    Length {
        left: u64,
    },
    Chunked(ChunkDecoder),
}

/// What reading ahead came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadAhead {
    /// The whole body is in memory.
    Complete,
    /// More must arrive.
    NeedsMore,
    /// Too large to keep: the handler reads it as it arrives.
    Streams,
}

impl Body {
    /// Begins the body that follows a head of `head_end` bytes.
    pub(crate) fn begin(
        &mut self,
        framing: Framing,
        head_end: usize,
        awaits_continue: bool,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let limit = limits.request_body;
        self.source = match framing {
            Framing::None => Source::None,
            Framing::Length(left) if limit.is_some_and(|limit| left > limit) => {
                return Err(Refusal::BodyTooLarge);
            }
            Framing::Length(left) => Source::Length { left },
            Framing::Chunked => Source::Chunked(ChunkDecoder::default()),
        };
        (self.at, self.head_end) = (head_end, head_end);
        self.decoded.clear();
        (self.decoded_at, self.received, self.limit) = (0, 0, limit);
        self.awaits_continue =
            awaits_continue && framing != Framing::None && framing != Framing::Length(0);
        self.broken = None;
        // A body that would have been read ahead, had the client not asked to be told when to send it.
        let small =
            matches!(framing, Framing::Length(length) if length <= limits.request_buffer as u64);
        self.pace = if small {
            Pace::fixed()
        } else {
            Pace::default()
        };
        Ok(())
    }

    /// Takes what the input holds, without any I/O.
    pub(crate) fn read_ahead(
        &mut self,
        input: &mut Input,
        limits: &Limits,
    ) -> Result<ReadAhead, Refusal> {
        match &mut self.source {
            Source::None => return Ok(ReadAhead::Complete),
            Source::Length { left } => {
                let left = usize::try_from(*left).unwrap_or(usize::MAX);
                if input.end() - self.at >= left {
                    return Ok(ReadAhead::Complete);
                }
                if left > limits.request_buffer || self.awaits_continue {
                    return Ok(ReadAhead::Streams);
                }
                // One byte more: a read that leaves room has emptied the socket, and nobody has to look again. But no more
                // than a few times what came: a length is only a promise, and memory for it must be earned.
                let whole = self.at + left + 1;
                input.reserve_total(whole.min(input.end() * GROWTH));
                return Ok(ReadAhead::NeedsMore);
            }
            Source::Chunked(_) => {}
        }
        while self.decoded.len() <= limits.request_buffer
            && self.at < input.end()
            && !self.is_decoded()
        {
            let filled = self.decoded.len();
            self.decoded.resize(filled + STEP, 0);
            let mut ahead = std::mem::take(&mut self.decoded);
            let produced = self.decode(input, &mut ahead[filled..]);
            self.decoded = ahead;
            let produced = produced.map_err(|error| match error.kind() {
                ErrorKind::FileTooLarge => Refusal::BodyTooLarge,
                _ => Refusal::Malformed,
            });
            self.decoded
                .truncate(filled + produced.as_ref().copied().unwrap_or_default());
            produced?;
        }
        Ok(match self.is_decoded() {
            true => ReadAhead::Complete,
            false if self.awaits_continue || self.decoded.len() > limits.request_buffer => {
                ReadAhead::Streams
            }
            false => ReadAhead::NeedsMore,
        })
    }

    /// Whether no read will wait for the client.
    pub(crate) fn is_buffered(&self, input: &Input) -> bool {
        match &self.source {
            Source::None => true,
            Source::Length { left } => (input.end() - self.at) as u64 >= *left,
            Source::Chunked(decoder) => decoder.is_done(),
        }
    }

    /// The client waits for `100 Continue` before it sends the body. Taken once.
    pub(crate) fn take_awaits_continue(&mut self, input: &Input) -> bool {
        std::mem::take(&mut self.awaits_continue) && self.at == input.end()
    }

    /// The client still waits to be told to send the body.
    pub(crate) fn awaits_continue(&self) -> bool {
        self.awaits_continue
    }

    /// Delivers body bytes; 0 is the end. Waits for the client, as [`Pace`] has it.
    pub(crate) fn read(
        &mut self,
        input: &mut Input,
        socket: &Socket,
        out: &mut [u8],
        timeout: Duration,
    ) -> io::Result<usize> {
        if let Some(kind) = self.broken {
            return Err(io::Error::new(kind, "the request body was broken off"));
        }
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let error = match self.read_now(input, socket, out) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let wait = |allowed| socket.wait_readable(allowed);
                    if self.pace.wait(timeout, wait)? {
                        continue;
                    }
                    io::Error::new(
                        ErrorKind::TimedOut,
                        "the client stopped sending the request body, or sends it too slowly",
                    )
                }
                Err(error) => error,
                Ok(count) => {
                    self.pace.moved(count);
                    return Ok(count);
                }
            };
            self.broken = Some(error.kind());
            return Err(error);
        }
    }

    /// What the client did wrong, when the body cannot be read to its end.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        Some(match self.broken? {
            ErrorKind::FileTooLarge => Refusal::BodyTooLarge,
            ErrorKind::TimedOut => Refusal::TimedOut,
            _ => Refusal::Malformed,
        })
    }

    /// Tries to get past a body that the handler did not read, without waiting. `true` when the connection stands at the
    /// next request.
    pub(crate) fn skip_rest(&mut self, input: &mut Input, socket: &Socket) -> bool {
        if self.broken.is_some() || self.awaits_continue {
            return false;
        }
        if let Source::Length { left } = &mut self.source {
            let buffered = ((input.end() - self.at) as u64).min(*left);
            self.at += usize::try_from(buffered).unwrap_or_default();
            *left -= buffered;
        }
        self.decoded_at = self.decoded.len();
        // As a rule there is nothing left, and a buffer would be cleared for nothing.
        if matches!(self.source, Source::None | Source::Length { left: 0 }) {
            return true;
        }
        let mut skipped = 0;
        let mut scratch = [0u8; 4096];
        while skipped <= DRAIN_LIMIT {
            match self.read_now(input, socket, &mut scratch) {
                Ok(0) => return true,
                Ok(count) => skipped += count,
                Err(_) => return false,
            }
        }
        false
    }

    /// Where the next request begins in the input; meaningful after [`Body::skip_rest`] said `true`.
    pub(crate) fn consumed(&self) -> usize {
        self.at
    }

    pub(crate) fn capacity(&self) -> usize {
        self.decoded.capacity()
    }

    fn is_decoded(&self) -> bool {
        matches!(&self.source, Source::Chunked(decoder) if decoder.is_done())
    }

    /// Delivers without waiting.
    fn read_now(
        &mut self,
        input: &mut Input,
        socket: &Socket,
        out: &mut [u8],
    ) -> io::Result<usize> {
        match &mut self.source {
            Source::None | Source::Length { left: 0 } => Ok(0),
            Source::Length { left } => {
                let room = out.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let buffered = room.min(input.end() - self.at);
                let count = if buffered > 0 {
                    out[..buffered].copy_from_slice(&input.filled()[self.at..][..buffered]);
                    self.at += buffered;
                    buffered
                } else {
                    some(socket.recv(&mut out[..room])?)?
                };
                *left -= count as u64;
                Ok(count)
            }
            Source::Chunked(_) => self.read_chunked(input, socket, out),
        }
    }

    fn read_chunked(
        &mut self,
        input: &mut Input,
        socket: &Socket,
        out: &mut [u8],
    ) -> io::Result<usize> {
        let ahead = &self.decoded[self.decoded_at..];
        if !ahead.is_empty() {
            let count = ahead.len().min(out.len());
            out[..count].copy_from_slice(&ahead[..count]);
            self.decoded_at += count;
            return Ok(count);
        }
        while !self.is_decoded() {
            if self.at == input.end() {
                some(input.fill(socket)?.0)?;
            }
            let count = self.decode(input, out)?;
            if count > 0 {
                return Ok(count);
            }
        }
        Ok(0)
    }

    /// Decodes from the input. What was consumed of it is dropped once nothing follows, so that it does not grow.
    fn decode(&mut self, input: &mut Input, out: &mut [u8]) -> io::Result<usize> {
        let Source::Chunked(decoder) = &mut self.source else {
            return Ok(0);
        };
        let moved = decoder
            .decode(&input.filled()[self.at..], out)
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        self.at += moved.consumed;
        self.received += moved.produced as u64;
        if self.limit.is_some_and(|limit| self.received > limit) {
            return Err(io::Error::new(
                ErrorKind::FileTooLarge,
                "the request body is larger than allowed",
            ));
        }
        if self.at == input.end() {
            input.truncate(self.head_end);
            self.at = self.head_end;
        }
        Ok(moved.produced)
    }
}

/// A read that must bring something: the end of the stream inside a body is an error, never the end of the body.
fn some(count: usize) -> io::Result<usize> {
    if count > 0 {
        return Ok(count);
    }
    Err(io::Error::new(
        ErrorKind::UnexpectedEof,
        "the client closed the connection inside the request body",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"HEAD";

    fn limits() -> Limits {
        Limits {
            request_buffer: 10,
            request_body: Some(20),
            ..Limits::default()
        }
    }

    fn check(framing: Framing, wire: &[u8], expected: Result<ReadAhead, Refusal>) {
        let mut input = Input::with(&[HEAD, wire].concat());
        let mut body = Body::default();
        let got = body
            .begin(framing, HEAD.len(), false, &limits())
            .and_then(|()| body.read_ahead(&mut input, &limits()));
        assert_eq!(
            got,
            expected,
            "{framing:?} {:?}",
            String::from_utf8_lossy(wire)
        );
    }

    #[test]
    fn memory_grows_with_what_arrives() {
        let limits = Limits {
            request_buffer: 256 << 10,
            ..Limits::default()
        };
        let mut body = Body::default();
        let mut input = Input::with(HEAD);
        let framing = Framing::Length(256 << 10);
        body.begin(framing, HEAD.len(), false, &limits).unwrap();
        for arrived in [0, 1000, 30_000, 100_000] {
            input.append(&vec![b'x'; arrived]);
            assert_eq!(
                body.read_ahead(&mut input, &limits),
                Ok(ReadAhead::NeedsMore)
            );
            assert!(input.size() <= input.end() * GROWTH, "{}", input.size());
        }
        assert_eq!(input.size(), HEAD.len() + (256 << 10) + 1);
    }

    #[test]
    fn small_bodies_are_read_ahead_and_large_ones_stream() {
        check(Framing::None, b"next", Ok(ReadAhead::Complete));
        check(Framing::Length(4), b"abc", Ok(ReadAhead::NeedsMore));
        check(Framing::Length(4), b"abcdnext", Ok(ReadAhead::Complete));
        check(Framing::Length(11), b"abc", Ok(ReadAhead::Streams));
        check(Framing::Length(21), b"abc", Err(Refusal::BodyTooLarge));
        check(Framing::Chunked, b"3\r\nabc\r\n", Ok(ReadAhead::NeedsMore));
        check(
            Framing::Chunked,
            b"3\r\nabc\r\n0\r\n\r\nnext",
            Ok(ReadAhead::Complete),
        );
        check(
            Framing::Chunked,
            b"b\r\n0123456789a\r\n",
            Ok(ReadAhead::Streams),
        );
        check(Framing::Chunked, b"zz", Err(Refusal::Malformed));
        check(
            Framing::Chunked,
            b"19\r\n0123456789012345678901234",
            Err(Refusal::BodyTooLarge),
        );
    }
}
