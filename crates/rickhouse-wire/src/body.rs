//! Body frames, child to daemon: `DATA` (1), `END` (2), `ABORT` (3).
//!
//! The end is a frame of its own, so that a body whose rest never came is not taken for a short one.

use crate::error::WireError;
use crate::frame::{self, DATA, Piece, Splitter};

const END: u8 = 2;
const ABORT: u8 = 3;

/// Bytes of the header in front of each piece of data.
pub const HEADER: usize = frame::HEADER;

/// The header of `length` bytes of data, which follow it at once.
#[must_use]
pub fn data(length: u32) -> [u8; HEADER] {
    frame::header(DATA, length)
}

/// The body is complete.
#[must_use]
pub fn end() -> [u8; HEADER] {
    frame::header(END, 0)
}

/// The client went away or sent nonsense: the rest of the body will not come.
#[must_use]
pub fn abort() -> [u8; HEADER] {
    frame::header(ABORT, 0)
}

/// What comes out of body frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Bytes of the body; never empty.
    Data(&'a [u8]),
    /// The body is complete. Nothing follows.
    End,
    /// The rest of the body will not come. Nothing follows.
    Abort,
}

/// Reads body frames from a stream, whatever pieces it comes in.
#[derive(Debug, Default)]
pub struct Decoder {
    frames: Splitter,
}

impl Decoder {
    /// Takes one event from the front of `input`; `None` when `input` is used up.
    ///
    /// # Errors
    /// [`WireError`] for what is no body frame; nothing sensible follows.
    pub fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Event<'a>>, WireError> {
        self.next_up_to(input, usize::MAX)
    }

    /// As [`Decoder::next`], but takes no more than `most` bytes of data; the rest stays in `input`.
    ///
    /// # Errors
    /// As [`Decoder::next`].
    pub fn next_up_to<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        most: usize,
    ) -> Result<Option<Event<'a>>, WireError> {
        let piece = self.frames.next(input, most, |_| 0)?;
        match piece {
            None => Ok(None),
            Some(Piece::Data(bytes)) => Ok(Some(Event::Data(bytes))),
            Some(Piece::Frame { kind: END, .. }) => Ok(Some(Event::End)),
            Some(Piece::Frame { kind: ABORT, .. }) => Ok(Some(Event::Abort)),
            Some(Piece::Frame { kind, .. }) => Err(WireError::Unknown {
                what: "the kind of a body frame",
                value: kind.into(),
            }),
        }
    }

    /// How many of the next bytes of the stream are data: these may be received straight to where they are wanted, and
    /// are then told by [`Decoder::skip`].
    #[must_use]
    pub fn data_left(&self) -> usize {
        self.frames.data_left() as usize
    }

    /// Takes note of data that was received without this decoder; at most [`Decoder::data_left`].
    pub fn skip(&mut self, count: usize) {
        self.frames.skip_data(count);
    }
}
