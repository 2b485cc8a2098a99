//! The request on its way to the daemon.

use std::io::{self, IoSlice};

use rickhouse_os::stream::Stream;
use rickhouse_wire::body;

use crate::attempts::Outgoing;
use crate::client::{Body, Client};

/// The most bytes of a body frame.
const PIECE: usize = 64 << 10;

/// How far the request has come.
#[derive(Debug)]
pub(crate) struct Upload<'o> {
    outgoing: &'o Outgoing<'o>,
    stage: Stage,
    /// Bytes of the present stage's message that the daemon has.
    sent: usize,
    /// Body frames that are being sent, as far as `filled`.
    frames: Vec<u8>,
    filled: usize,
    /// Bytes of the body that the client has given.
    taken: u64,
    /// Bytes of all messages that the daemon has.
    delivered: u64,
    /// The daemon has asked for the body.
    asked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The request frame and the attached body are being sent.
    Request,
    /// The daemon has not said yet that it wants the body.
    Held,
    /// Body frames are being sent; then more of the body is read.
    Body,
    /// The last body frame is being sent.
    End,
    /// There is nothing left to send, or nobody who wants it.
    Over,
}

/// What stopped [`Upload::push`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// There is no room at the daemon.
    Room,
    /// The client has sent no more.
    Client,
    /// Nothing of the request is left to send, at least for now.
    Nothing,
}

/// An error while sending, by whose it is and what was being sent.
#[derive(Debug)]
pub(crate) enum Broken {
    Request(io::Error),
    Client(io::Error),
    Body(io::Error),
    End(io::Error),
}

impl<'o> Upload<'o> {
    pub(crate) fn new(outgoing: &'o Outgoing<'o>) -> Self {
        Upload {
            outgoing,
            stage: Stage::Request,
            sent: 0,
            frames: Vec::new(),
            filled: 0,
            taken: 0,
            delivered: 0,
            asked: false,
        }
    }

    /// The daemon wants the body; whether that was the question.
    pub(crate) fn wanted(&mut self) -> bool {
        let held = self.stage == Stage::Held;
        if held {
            self.stage = Stage::Body;
            self.asked = true;
        }
        held
    }

    /// Whether the request can be sent to another daemon: nothing was taken of a body that cannot be had twice.
    pub(crate) fn is_repeatable(&self) -> bool {
        !self.asked
    }

    /// Whether nothing of the request is left to be read from the client or sent.
    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Whether the request frame, with what is attached to it, is still on its way.
    pub(crate) fn is_request_unsent(&self) -> bool {
        self.stage == Stage::Request
    }

    /// Bytes of the body that the client has given so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Bytes of all kinds that the daemon has been sent so far.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The daemon has no need of the rest.
    pub(crate) fn cancel(&mut self) {
        self.stage = Stage::Over;
    }

    /// Whether what comes next can be told from what was sent: a frame has not been begun.
    fn between_frames(&self) -> bool {
        self.sent == self.filled
    }

    /// Sends what can be sent without waiting.
    pub(crate) fn push(
        &mut self,
        stream: &Stream,
        client: &mut impl Client,
    ) -> Result<Wait, Broken> {
        loop {
            match self.stage {
                Stage::Over | Stage::Held => return Ok(Wait::Nothing),
                Stage::Request => {
                    if !self.send(stream).map_err(Broken::Request)? {
                        return Ok(Wait::Room);
                    }
                    self.sent = 0;
                    self.stage = match self.outgoing.framed {
                        true => Stage::Held,
                        false => Stage::Over,
                    };
                }
                Stage::Body | Stage::End => {
                    let sent = self.send(stream);
                    let at_end = self.stage == Stage::End;
                    if !sent.map_err(if at_end { Broken::End } else { Broken::Body })? {
                        return Ok(Wait::Room);
                    }
                    if at_end {
                        self.stage = Stage::Over;
                    } else if !self.fill(client).map_err(Broken::Client)? {
                        return Ok(Wait::Client);
                    }
                }
            }
        }
    }

    /// Tells the daemon that the body will not come, as far as it listens.
    pub(crate) fn abort(&mut self, stream: &Stream) {
        if self.stage == Stage::Body && self.between_frames() {
            // Closing the connection tells the same, only less clearly.
            let _closed = stream.send_now(&[IoSlice::new(&body::abort())], None);
        }
        self.cancel();
    }

    /// Makes the next frames of what the client has sent; whether there are any.
    fn fill(&mut self, client: &mut impl Client) -> io::Result<bool> {
        // Data with its header, and the header that ends the body.
        const DATA_END: usize = body::HEADER + PIECE;
        self.frames.resize(DATA_END + body::HEADER, 0);
        self.sent = 0;
        self.filled = 0;
        let mut end = body::HEADER;
        let complete = loop {
            if end == DATA_END {
                break false;
            }
            match client.read_body(&mut self.frames[end..DATA_END])? {
                Body::Some(count) => end = DATA_END.min(end + count),
                Body::None => break false,
                Body::End => break true,
            }
        };
        self.taken += (end - body::HEADER) as u64;
        if let Some(length) = u32::try_from(end - body::HEADER)
            .ok()
            .filter(|length| *length > 0)
        {
            self.frames[..body::HEADER].copy_from_slice(&body::data(length));
            self.filled = end;
        }
        if complete {
            self.frames[self.filled..][..body::HEADER].copy_from_slice(&body::end());
            self.filled += body::HEADER;
            self.stage = Stage::End;
        }
        Ok(self.filled > 0)
    }

    /// Sends what is left of the present stage's message; whether that was all.
    fn send(&mut self, stream: &Stream) -> io::Result<bool> {
        let (first, second) = match self.stage {
            Stage::Request => (&*self.outgoing.frame, self.outgoing.attached),
            _ => (&self.frames[..self.filled], &b""[..]),
        };
        let total = first.len() + second.len();
        while self.sent < total {
            let begun = first.get(self.sent..).unwrap_or_default();
            let rest = &second[self.sent.saturating_sub(first.len())..];
            match stream.send_now(&[IoSlice::new(begun), IoSlice::new(rest)], None) {
                Ok(count) => {
                    self.sent += count;
                    self.delivered += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
