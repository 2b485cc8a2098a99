//! The request frame.

use std::ops::Range;

use crate::error::WireError;
use crate::pairs::{Entries, Reader, Value, write_entry, write_text};
use crate::token::Token;

/// The most bytes of a request frame: 16 MiB, as the original (DD §8.2).
pub const MAX_REQUEST: usize = 16 << 20;
/// The most bytes of a body that rides along with its request frame: 128 KiB.
pub const MAX_ATTACHED: u32 = 128 << 10;

const MAGIC: [u8; 4] = *b"RKW1";
const FIXED: usize = 80;
/// Where the length stands.
const LENGTH: Range<usize> = 4..8;

/// The body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// So many bytes follow the request frame at once.
    Attached(u32),
    /// It follows in frames once the daemon has said `Continue`; with its length in bytes if the client told it.
    Framed(Option<u64>),
}

/// What is done about a script that has changed since it was loaded (DD §5.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reload {
    /// Nothing.
    #[default]
    Off,
    /// It is loaded again in this process.
    InPlace,
    /// The request is rejected and the process restarts.
    Reject,
}

/// Facts about a request that are yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// `wsgi.url_scheme` is `https`.
    pub https: bool,
    /// `WSGIIgnoreActivity`: the request does not put off the inactivity timer.
    pub ignore_activity: bool,
    /// The child takes [files](crate::response::Event::File) instead of data.
    pub accepts_files: bool,
}

/// What a request frame says besides its environ. The texts are in the order of the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// The origin token, as presented.
    pub token: [u8; Token::SIZE],
    /// Index of the virtual host in httpd's list of servers.
    pub server: u32,
    /// The body.
    pub body: Body,
    /// What to do about a changed script.
    pub reload: Reload,
    /// Yes or no.
    pub flags: Flags,
    /// When httpd received the request, microseconds since the Unix epoch.
    pub received: i64,
    /// When the child began to connect, microseconds since the Unix epoch.
    pub queued: i64,
    /// Attempts to connect, from 1 (`daemon_connects`).
    pub connects: u32,
    /// Of these, how many were made because a process answered `REJECTED` (`daemon_restarts`).
    pub restarts: u32,
    /// File of the WSGI script, or of the resource when there is a handler script; as seen outside of a chroot.
    pub script: &'a [u8],
    /// File of the handler script (`WSGIHandlerScript`), empty without one; as seen outside of a chroot.
    pub handler_script: &'a [u8],
    /// Name of the application group; empty for the main interpreter.
    pub application_group: &'a str,
    /// Name of the callable.
    pub callable: &'a str,
    /// httpd's id of the request (`%L`), possibly empty.
    pub request_id: &'a [u8],
    /// httpd's id of the connection, possibly empty.
    pub connection_id: &'a [u8],
    /// The request's method, for log records.
    pub method: &'a [u8],
    /// The request's target as the client sent it, for log records.
    pub target: &'a [u8],
}

/// Writes one request frame into a buffer that the caller keeps from one request to the next.
#[derive(Debug)]
pub struct RequestWriter<'b> {
    buffer: &'b mut Vec<u8>,
}

impl<'b> RequestWriter<'b> {
    /// Empties `buffer` and begins a frame in it.
    pub fn new(buffer: &'b mut Vec<u8>, head: &RequestHead<'_>) -> Self {
        let (body, length) = match head.body {
            Body::None => (0, 0),
            Body::Attached(length) => (1, length.into()),
            Body::Framed(Some(length)) => (2, length),
            Body::Framed(None) => (3, 0),
        };
        let reload = match head.reload {
            Reload::Off => 0,
            Reload::InPlace => 1,
            Reload::Reject => 2,
        };
        let flags = u16::from(head.flags.https)
            | u16::from(head.flags.ignore_activity) << 1
            | u16::from(head.flags.accepts_files) << 2;
        buffer.clear();
        buffer.extend_from_slice(&MAGIC);
        buffer.extend_from_slice(&[0; 4]);
        buffer.extend_from_slice(&head.token);
        buffer.extend_from_slice(&head.server.to_le_bytes());
        buffer.extend_from_slice(&[body, reload]);
        buffer.extend_from_slice(&flags.to_le_bytes());
        buffer.extend_from_slice(&length.to_le_bytes());
        buffer.extend_from_slice(&head.received.to_le_bytes());
        buffer.extend_from_slice(&head.queued.to_le_bytes());
        buffer.extend_from_slice(&head.connects.to_le_bytes());
        buffer.extend_from_slice(&head.restarts.to_le_bytes());
        debug_assert_eq!(buffer.len(), FIXED);
        for text in [
            head.script,
            head.handler_script,
            head.application_group.as_bytes(),
            head.callable.as_bytes(),
            head.request_id,
            head.connection_id,
            head.method,
            head.target,
        ] {
            write_text(buffer, text);
        }
        RequestWriter { buffer }
    }

    /// Adds an environ entry. Of two with the same name the later one wins.
    pub fn environ(&mut self, name: &[u8], value: Value<'_>) {
        // One that cannot fit makes the frame fail in `finish`; the bytes need not be copied for that.
        if self.buffer.len() <= MAX_REQUEST {
            write_entry(self.buffer, name, value);
        }
    }

    /// Completes the frame: the buffer holds it now, to be sent with the attached body behind it.
    ///
    /// # Errors
    /// [`WireError::Length`] for a frame above [`MAX_REQUEST`] or an attached body above [`MAX_ATTACHED`].
    pub fn finish(self) -> Result<(), WireError> {
        let length = self.buffer.len();
        let bytes = checked_length(length as u64)?.to_le_bytes();
        self.buffer[LENGTH].copy_from_slice(&bytes);
        RequestFrame::fixed_part(self.buffer).map(drop)
    }
}

/// Notes in a complete frame how many attempts to connect there were when it is sent: [`RequestHead::connects`] and
/// [`RequestHead::restarts`].
pub fn set_attempts(frame: &mut [u8], connects: u32, restarts: u32) {
    let places = [(72, connects), (76, restarts)];
    for (place, number) in places {
        if let Some(bytes) = frame.get_mut(place..place + 4) {
            bytes.copy_from_slice(&number.to_le_bytes());
        }
    }
}

/// The length in bytes of the request frame that `bytes` begin, as soon as enough of them are there to tell.
///
/// # Errors
/// [`WireError`] when no request frame of this version begins so.
pub fn frame_length(bytes: &[u8]) -> Result<Option<usize>, WireError> {
    let known = bytes.len().min(MAGIC.len());
    if bytes[..known] != MAGIC[..known] {
        return Err(WireError::Magic);
    }
    let Some(length) = bytes.get(LENGTH).and_then(|length| length.first_chunk()) else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(*length);
    checked_length(length.into())?;
    Ok(Some(length as usize))
}

/// The token of the request frame that `bytes` begin, as soon as it is there: who sends it can be told before the rest
/// is waited for, and before memory is taken for it.
#[must_use]
pub fn frame_token(bytes: &[u8]) -> Option<&[u8; Token::SIZE]> {
    bytes.get(LENGTH.end..)?.first_chunk()
}

fn checked_length(length: u64) -> Result<u32, WireError> {
    let impossible = WireError::Length {
        what: "a request frame",
        length,
    };
    let possible = FIXED as u64..=MAX_REQUEST as u64;
    let known = u32::try_from(length).ok();
    known
        .filter(|_| possible.contains(&length))
        .ok_or(impossible)
}

/// A request frame, read where it lies.
#[derive(Debug, Clone)]
pub struct RequestFrame<'a> {
    /// All but the environ.
    pub head: RequestHead<'a>,
    /// The environ.
    pub environ: Entries<'a>,
}

impl<'a> RequestFrame<'a> {
    /// Reads a frame of exactly the length that [`frame_length`] told.
    ///
    /// # Errors
    /// [`WireError`] for everything but a well-formed frame.
    pub fn parse(frame: &'a [u8]) -> Result<Self, WireError> {
        match frame_length(frame)? {
            Some(length) if length == frame.len() => {}
            _ => return Err(WireError::Truncated("a request frame")),
        }
        let (mut head, rest) = Self::fixed_part(frame)?;
        let mut reader = Reader(rest);
        head.script = reader.text("the script")?;
        head.handler_script = reader.text("the handler script")?;
        head.application_group = utf8(&mut reader, "the application group")?;
        head.callable = utf8(&mut reader, "the callable")?;
        head.request_id = reader.text("the request id")?;
        head.connection_id = reader.text("the connection id")?;
        head.method = reader.text("the method")?;
        head.target = reader.text("the target")?;
        Ok(RequestFrame {
            head,
            environ: Entries::checked(reader.0)?,
        })
    }

    /// What has a fixed place, and what follows it.
    fn fixed_part(frame: &'a [u8]) -> Result<(RequestHead<'a>, &'a [u8]), WireError> {
        const WHAT: &str = "a request frame";
        let mut reader = Reader(frame);
        reader.bytes(LENGTH.end, WHAT)?;
        let token = reader.array(WHAT)?;
        let server = reader.u32(WHAT)?;
        let [body, reload] = reader.array(WHAT)?;
        let flags = u16::from_le_bytes(reader.array(WHAT)?);
        let length = u64::from_le_bytes(reader.array(WHAT)?);
        let head = RequestHead {
            token,
            server,
            body: decode_body(body, length)?,
            reload: decode_reload(reload)?,
            flags: decode_flags(flags)?,
            received: i64::from_le_bytes(reader.array(WHAT)?),
            queued: i64::from_le_bytes(reader.array(WHAT)?),
            connects: reader.u32(WHAT)?,
            restarts: reader.u32(WHAT)?,
            script: b"",
            handler_script: b"",
            application_group: "",
            callable: "",
            request_id: b"",
            connection_id: b"",
            method: b"",
            target: b"",
        };
        Ok((head, reader.0))
    }
}

fn decode_body(kind: u8, length: u64) -> Result<Body, WireError> {
    let impossible = WireError::Length {
        what: "the body",
        length,
    };
    match kind {
        0 if length == 0 => Ok(Body::None),
        1 => match u32::try_from(length) {
            Ok(length) if length <= MAX_ATTACHED => Ok(Body::Attached(length)),
            _ => Err(impossible),
        },
        2 => Ok(Body::Framed(Some(length))),
        3 if length == 0 => Ok(Body::Framed(None)),
        0 | 3 => Err(impossible),
        kind => Err(WireError::Unknown {
            what: "the kind of body",
            value: kind.into(),
        }),
    }
}

fn decode_reload(value: u8) -> Result<Reload, WireError> {
    match value {
        0 => Ok(Reload::Off),
        1 => Ok(Reload::InPlace),
        2 => Ok(Reload::Reject),
        value => Err(WireError::Unknown {
            what: "the reload policy",
            value: value.into(),
        }),
    }
}

fn decode_flags(bits: u16) -> Result<Flags, WireError> {
    if bits > 0b111 {
        return Err(WireError::Unknown {
            what: "the set of flags",
            value: bits.into(),
        });
    }
    Ok(Flags {
        https: bits & 1 != 0,
        ignore_activity: bits & 2 != 0,
        accepts_files: bits & 4 != 0,
    })
}

fn utf8<'a>(reader: &mut Reader<'a>, what: &'static str) -> Result<&'a str, WireError> {
    std::str::from_utf8(reader.text(what)?).map_err(|_| WireError::Text(what))
}
