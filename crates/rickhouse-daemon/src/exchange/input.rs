//! The request's body.

use std::io::{self, ErrorKind, IoSliceMut};
use std::ops::Range;

use rickhouse_os::stream::Stream;
use rickhouse_wire::body::{Decoder, Event, HEADER};
use rickhouse_wire::{Body, response};

use super::{Rules, write_all};
use crate::frames::timed_out;

/// What is read beyond what was asked for, at most.
const SPILL: usize = 64 << 10;

/// See the [module documentation](self).
pub(super) enum Input<'a> {
    /// All of it was received with the request; what is not read yet.
    Memory(&'a [u8]),
    /// It comes in frames.
    Framed(Framed<'a>),
}

pub(super) struct Framed<'a> {
    stream: &'a Stream,
    rules: &'a Rules<'a>,
    decoder: Decoder,
    state: State,
    /// How many bytes are still to come, if the client told it.
    left: Option<u64>,
    /// Received and not decoded yet.
    spill: &'a mut Vec<u8>,
    rest: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The child waits for `CONTINUE`.
    Held,
    Open,
    Ended,
    Failed(ErrorKind),
}

impl<'a> Input<'a> {
    pub(super) fn new(
        stream: &'a Stream,
        body: Body,
        attached: &'a [u8],
        spill: &'a mut Vec<u8>,
        rules: &'a Rules<'a>,
    ) -> Self {
        match body {
            Body::None | Body::Attached(_) => Input::Memory(attached),
            Body::Framed(length) => Input::Framed(Framed {
                left: length,
                stream,
                rules,
                decoder: Decoder::default(),
                state: State::Held,
                spill,
                rest: 0..0,
            }),
        }
    }

    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self, Input::Memory(_))
    }

    /// How many bytes are still to come, if the client told it.
    pub(super) fn left(&self) -> Option<u64> {
        match self {
            Input::Memory(rest) => Some(rest.len() as u64),
            Input::Framed(framed) => framed.left,
        }
    }

    /// Whether the child was told to send the body.
    pub(super) fn is_asked_for(&self) -> bool {
        matches!(self, Input::Framed(framed) if framed.state != State::Held)
    }

    pub(super) fn admit(&mut self) -> io::Result<()> {
        match self {
            Input::Memory(_) => Ok(()),
            Input::Framed(framed) => framed.admit(),
        }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::Memory(rest) => {
                let count = rest.len().min(buffer.len());
                let (taken, left) = rest.split_at(count);
                buffer[..count].copy_from_slice(taken);
                *rest = left;
                Ok(count)
            }
            Input::Framed(framed) => framed.read(buffer),
        }
    }
}

impl Framed<'_> {
    fn admit(&mut self) -> io::Result<()> {
        if self.state != State::Held {
            return Ok(());
        }
        self.state = State::Open;
        let mut frame = Vec::with_capacity(HEADER);
        response::write_continue(&mut frame);
        let sent = self.begin(&frame);
        self.noted(sent)
    }

    fn begin(&mut self, frame: &[u8]) -> io::Result<()> {
        write_all(self.stream, frame, self.rules.socket_timeout)?;
        // The next read waits for the client.
        self.stream.set_read_timeout(self.rules.socket_timeout)?;
        self.spill.resize(SPILL, 0);
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.admit()?;
        match self.state {
            State::Ended => return Ok(0),
            State::Failed(kind) => return Err(kind.into()),
            State::Held | State::Open if buffer.is_empty() => return Ok(0),
            State::Held | State::Open => {}
        }
        let count = self.next_data(buffer);
        if let (Some(left), Ok(count)) = (&mut self.left, &count) {
            *left = left.saturating_sub(*count as u64);
        }
        self.noted(count)
    }

    /// Reads until there is data or an end.
    fn next_data(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut rest = &self.spill[self.rest.clone()];
            let event = self.decoder.next_up_to(&mut rest, buffer.len());
            let event = event.map_err(io::Error::other)?;
            let count = match event {
                Some(Event::Data(data)) => {
                    buffer[..data.len()].copy_from_slice(data);
                    Some(data.len())
                }
                Some(Event::End) => {
                    self.state = State::Ended;
                    Some(0)
                }
                Some(Event::Abort) => return Err(ErrorKind::UnexpectedEof.into()),
                None => None,
            };
            self.rest.start = self.rest.end - rest.len();
            if let Some(count) = count {
                return Ok(count);
            }
            let count = self.receive(buffer)?;
            if count > 0 {
                return Ok(count);
            }
        }
    }

    /// Receives once: data straight to where it is wanted, and what follows it aside. Tells how much data came.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let direct = self.decoder.data_left().min(buffer.len());
        let mut pieces = [
            IoSliceMut::new(&mut buffer[..direct]),
            IoSliceMut::new(self.spill),
        ];
        let count = self.stream.recv_pieces(&mut pieces).map_err(timed_out)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let data = count.min(direct);
        self.decoder.skip(data);
        self.rest = 0..count - data;
        Ok(data)
    }

    fn noted<R>(&mut self, outcome: io::Result<R>) -> io::Result<R> {
        if let Err(error) = &outcome {
            self.state = State::Failed(error.kind());
        }
        outcome
    }
}
