//! Response frames, daemon to child.
//!
//! | kind | name | payload |
//! |---|---|---|
//! | 1 | `DATA` | bytes of the body |
//! | 2 | `END` | – |
//! | 3 | `ABORT` | – |
//! | 4 | `CONTINUE` | – |
//! | 5 | `REJECTED` | – |
//! | 6 | `TIMEOUT` | – |
//! | 7 | `HEAD` | 2 bytes status, 0 to 99 or 200 to 999, 1 byte 1 if the application declared the length, 1 byte zero, 8 bytes length of the body (all ones: unknown), then the reason and all header names and values, each 4 bytes of length and its bytes |
//! | 8 | `FILE` | 8 bytes offset, 8 bytes length; a descriptor comes with the frame's bytes or with some before them (`SCM_RIGHTS`) |
//! | 9 | `FAIL` | 2 bytes status, 400 to 599 |
//!
//! An answer is `HEAD`, any number of `DATA` and `FILE`, and `END`; or `FAIL` alone; or it breaks off by `ABORT` or by
//! the end of the stream, which must be made visible to the client.

use std::ops::RangeInclusive;

use crate::error::WireError;
use crate::frame::{self, DATA, Piece, Splitter};
use crate::pairs::{Headers, Reader, write_text};

const END: u8 = 2;
const ABORT: u8 = 3;
const CONTINUE: u8 = 4;
const REJECTED: u8 = 5;
const TIMEOUT: u8 = 6;
const HEAD: u8 = 7;
const FILE: u8 = 8;
const FAIL: u8 = 9;

/// The most bytes of a `HEAD`: 16 MiB. What a child takes of it is its own, smaller limit (`header-buffer-size`).
pub const MAX_HEAD: u32 = 16 << 20;
/// Bytes of a frame's header.
pub const HEADER: usize = frame::HEADER;
const UNKNOWN_LENGTH: u64 = u64::MAX;

/// The head of a response.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a, H> {
    /// 0 to 99, or 200 to 999: never an interim one, after which a client waits for another.
    pub status: u16,
    /// The reason phrase, possibly empty.
    pub reason: &'a [u8],
    /// Length of the body in bytes, when it is known.
    pub length: Option<u64>,
    /// Whether `headers` holds the Content-Length already.
    pub length_declared: bool,
    /// Names and values.
    pub headers: H,
}

/// Appends `CONTINUE`: the body may be sent.
pub fn write_continue(buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(&frame::header(CONTINUE, 0));
}

/// Appends `REJECTED`: this process restarts, try another one.
pub fn write_rejected(buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(&frame::header(REJECTED, 0));
}

/// Appends `TIMEOUT`: the request waited too long in the queue.
pub fn write_timeout(buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(&frame::header(TIMEOUT, 0));
}

/// Appends the head of a response.
///
/// # Errors
/// [`WireError::Length`] above [`MAX_HEAD`]; the buffer is as before then.
pub fn write_head<'h>(
    buffer: &mut Vec<u8>,
    head: Head<'_, impl IntoIterator<Item = (&'h [u8], &'h [u8])>>,
) -> Result<(), WireError> {
    let begin = buffer.len();
    buffer.extend_from_slice(&frame::header(HEAD, 0));
    buffer.extend_from_slice(&head.status.to_le_bytes());
    buffer.extend_from_slice(&[head.length_declared.into(), 0]);
    buffer.extend_from_slice(&head.length.unwrap_or(UNKNOWN_LENGTH).to_le_bytes());
    write_text(buffer, head.reason);
    for (name, value) in head.headers {
        write_text(buffer, name);
        write_text(buffer, value);
    }
    let payload = begin + HEADER;
    let length = buffer.len() - payload;
    match u32::try_from(length) {
        Ok(length) if length <= MAX_HEAD => {
            buffer[begin..payload].copy_from_slice(&frame::header(HEAD, length));
            Ok(())
        }
        _ => {
            buffer.truncate(begin);
            Err(WireError::Length {
                what: "the response's head",
                length: length as u64,
            })
        }
    }
}

/// The header of `length` bytes of data, which follow it at once.
#[must_use]
pub fn data(length: u32) -> [u8; HEADER] {
    frame::header(DATA, length)
}

/// Appends `FILE`: `length` bytes from `offset` of the file whose descriptor goes with the write that begins with this
/// frame or with frames in front of it.
pub fn write_file(buffer: &mut Vec<u8>, offset: u64, length: u64) {
    buffer.extend_from_slice(&frame::header(FILE, 16));
    buffer.extend_from_slice(&offset.to_le_bytes());
    buffer.extend_from_slice(&length.to_le_bytes());
}

/// `END`: the response is complete.
#[must_use]
pub fn end() -> [u8; HEADER] {
    frame::header(END, 0)
}

/// `ABORT`: the rest of the response will not come, and the client must be able to see that.
#[must_use]
pub fn abort() -> [u8; HEADER] {
    frame::header(ABORT, 0)
}

/// Appends `FAIL`: instead of a response, an error page of httpd's with this status.
pub fn write_fail(buffer: &mut Vec<u8>, status: u16) {
    buffer.extend_from_slice(&frame::header(FAIL, 2));
    buffer.extend_from_slice(&status.to_le_bytes());
}

/// What comes out of response frames.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The body may be sent.
    Continue,
    /// The process restarts: connect again and send the request once more. Nothing follows.
    Rejected,
    /// The request waited too long in the queue. Nothing follows.
    Timeout,
    /// The head of the response.
    Head(Head<'a, Headers<'a>>),
    /// Bytes of the body; never empty.
    Data(&'a [u8]),
    /// A part of a file. Its descriptor came with this frame or with bytes before it: each of these events takes the
    /// oldest descriptor that no other one took.
    File {
        /// First byte.
        offset: u64,
        /// How many.
        length: u64,
    },
    /// The response is complete. Nothing follows.
    End,
    /// The rest will not come. Nothing follows.
    Abort,
    /// No response; the status of the error page to show. Nothing follows.
    Fail(u16),
}

/// Reads response frames from a stream, whatever pieces it comes in.
#[derive(Debug)]
pub struct Decoder {
    frames: Splitter,
    most_head: u32,
}

impl Default for Decoder {
    /// One that takes every `HEAD` up to [`MAX_HEAD`].
    fn default() -> Self {
        Decoder::up_to(MAX_HEAD)
    }
}

impl Decoder {
    /// One that refuses a `HEAD` of more than `head` bytes before it takes memory for it; [`MAX_HEAD`] holds all the same.
    #[must_use]
    pub fn up_to(head: u32) -> Self {
        Decoder {
            frames: Splitter::default(),
            most_head: head.min(MAX_HEAD),
        }
    }

    /// Takes one event from the front of `input`; `None` when `input` is used up.
    ///
    /// # Errors
    /// [`WireError`] for what is no response frame; nothing sensible follows. The order of frames is the caller's to check.
    pub fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Event<'a>>, WireError> {
        let most_head = self.most_head;
        let piece = self
            .frames
            .next(input, usize::MAX, |kind| most(kind, most_head))?;
        Ok(Some(match piece {
            None => return Ok(None),
            Some(Piece::Data(bytes)) => Event::Data(bytes),
            Some(Piece::Frame { kind, payload }) => event(kind, payload)?,
        }))
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

    /// Whether a stream that ends here ends between two frames.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.frames.is_between_frames()
    }
}

/// The most bytes of payload.
fn most(kind: u8, head: u32) -> u32 {
    match kind {
        HEAD => head,
        FILE => 16,
        FAIL => 2,
        _ => 0,
    }
}

fn event(kind: u8, payload: &[u8]) -> Result<Event<'_>, WireError> {
    let mut reader = Reader(payload);
    let event = match kind {
        END => Event::End,
        ABORT => Event::Abort,
        CONTINUE => Event::Continue,
        REJECTED => Event::Rejected,
        TIMEOUT => Event::Timeout,
        HEAD => return parse_head(payload).map(Event::Head),
        FILE => Event::File {
            offset: u64::from_le_bytes(reader.array("a file frame")?),
            length: u64::from_le_bytes(reader.array("a file frame")?),
        },
        FAIL => {
            let status = u16::from_le_bytes(reader.array("a failure")?);
            Event::Fail(checked(status, 400..=599, "the status of a failure")?)
        }
        kind => {
            return Err(WireError::Unknown {
                what: "the kind of a response frame",
                value: kind.into(),
            });
        }
    };
    match reader.0.len() {
        0 => Ok(event),
        left => Err(WireError::Trailing(left)),
    }
}

/// A status in its range: httpd takes any number for one, with meanings of its own for some.
fn checked(status: u16, range: RangeInclusive<u16>, what: &'static str) -> Result<u16, WireError> {
    if range.contains(&status) {
        return Ok(status);
    }
    Err(WireError::Unknown {
        what,
        value: status.into(),
    })
}

fn parse_head(payload: &[u8]) -> Result<Head<'_, Headers<'_>>, WireError> {
    const WHAT: &str = "the response's head";
    let mut reader = Reader(payload);
    let status = u16::from_le_bytes(reader.array(WHAT)?);
    const STATUS: &str = "the status of a response";
    let status = match status {
        0..=99 => status,
        _ => checked(status, 200..=999, STATUS)?,
    };
    let [declared, zero] = reader.array(WHAT)?;
    if declared > 1 || zero != 0 {
        return Err(WireError::Unknown {
            what: WHAT,
            value: u16::from_le_bytes([declared, zero]).into(),
        });
    }
    let length = u64::from_le_bytes(reader.array(WHAT)?);
    Ok(Head {
        status,
        reason: reader.text(WHAT)?,
        length: Some(length).filter(|length| *length != UNKNOWN_LENGTH),
        length_declared: declared == 1,
        headers: Headers::checked(reader.0)?,
    })
}
