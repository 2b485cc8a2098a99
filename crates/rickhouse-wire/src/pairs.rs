//! Lists of names and values inside a frame: checked once, then read without copies.

use crate::error::WireError;

/// The value of an environ entry. Most are texts; the others have a Python type of their own (DD §6.1, §6.2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Becomes a `str` by latin-1.
    Text(&'a [u8]),
    /// Becomes a `str` by the file system's encoding.
    FileSystem(&'a [u8]),
    /// Becomes a `float`.
    Float(f64),
    /// Becomes an `int`.
    Int(i64),
    /// Becomes a tuple of three `int`.
    Version(u32, u32, u32),
    /// Becomes `None`.
    None,
}

const TEXT: u8 = 0;
const FILE_SYSTEM: u8 = 1;
const FLOAT: u8 = 2;
const INT: u8 = 3;
const VERSION: u8 = 4;
const NONE: u8 = 5;

/// Takes bytes off the front of a frame's payload.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn bytes(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(WireError::Truncated(what))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], WireError> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .ok_or(WireError::Truncated(what))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// Bytes with their length, four bytes, in front.
    pub(crate) fn text(&mut self, what: &'static str) -> Result<&'a [u8], WireError> {
        let length = self.u32(what)?;
        self.bytes(length as usize, what)
    }
}

/// The environ entries of a request frame, in the order they were written.
#[derive(Debug, Clone, Copy)]
pub struct Entries<'a>(&'a [u8]);

impl<'a> Entries<'a> {
    pub(crate) fn checked(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader(bytes);
        while !reader.0.is_empty() {
            entry(&mut reader)?;
        }
        Ok(Entries(bytes))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = Reader(self.0);
        // Checked when the frame was parsed: only the end is not an entry.
        let item = entry(&mut reader).ok();
        self.0 = reader.0;
        item
    }
}

fn entry<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], Value<'a>), WireError> {
    const WHAT: &str = "an environ entry";
    let [kind] = reader.array(WHAT)?;
    let name = reader.u32(WHAT)? as usize;
    let value = reader.u32(WHAT)? as usize;
    let name = reader.bytes(name, WHAT)?;
    let value = reader.bytes(value, WHAT)?;
    Ok((name, decode_value(kind, value)?))
}

fn decode_value(kind: u8, bytes: &[u8]) -> Result<Value<'_>, WireError> {
    const WHAT: &str = "an environ value";
    let mut reader = Reader(bytes);
    let value = match kind {
        TEXT => return Ok(Value::Text(bytes)),
        FILE_SYSTEM => return Ok(Value::FileSystem(bytes)),
        FLOAT => Value::Float(f64::from_le_bytes(reader.array(WHAT)?)),
        INT => Value::Int(i64::from_le_bytes(reader.array(WHAT)?)),
        VERSION => Value::Version(reader.u32(WHAT)?, reader.u32(WHAT)?, reader.u32(WHAT)?),
        NONE => Value::None,
        kind => {
            return Err(WireError::Unknown {
                what: WHAT,
                value: kind.into(),
            });
        }
    };
    match reader.0.len() {
        0 => Ok(value),
        left => Err(WireError::Trailing(left)),
    }
}

pub(crate) fn write_entry(buffer: &mut Vec<u8>, name: &[u8], value: Value<'_>) {
    match value {
        Value::Text(bytes) => write_raw_entry(buffer, TEXT, name, bytes),
        Value::FileSystem(bytes) => write_raw_entry(buffer, FILE_SYSTEM, name, bytes),
        Value::Float(number) => write_raw_entry(buffer, FLOAT, name, &number.to_le_bytes()),
        Value::Int(number) => write_raw_entry(buffer, INT, name, &number.to_le_bytes()),
        Value::Version(major, minor, patch) => {
            let mut bytes = [0; 12];
            for (place, number) in bytes.chunks_exact_mut(4).zip([major, minor, patch]) {
                place.copy_from_slice(&number.to_le_bytes());
            }
            write_raw_entry(buffer, VERSION, name, &bytes);
        }
        Value::None => write_raw_entry(buffer, NONE, name, b""),
    }
}

fn write_raw_entry(buffer: &mut Vec<u8>, kind: u8, name: &[u8], value: &[u8]) {
    buffer.push(kind);
    buffer.extend_from_slice(&length(name));
    buffer.extend_from_slice(&length(value));
    buffer.extend_from_slice(name);
    buffer.extend_from_slice(value);
}

/// Writes bytes behind their length.
pub(crate) fn write_text(buffer: &mut Vec<u8>, text: &[u8]) {
    buffer.extend_from_slice(&length(text));
    buffer.extend_from_slice(text);
}

/// The length as it is written. What is longer than four bytes can say is far above the bound of every frame, and the
/// frame is refused by that bound: the length here need not be right any more.
fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// The headers of a response, in the application's order.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    pub(crate) fn checked(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader(bytes);
        while !reader.0.is_empty() {
            header(&mut reader)?;
        }
        Ok(Headers(bytes))
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = Reader(self.0);
        let item = header(&mut reader).ok();
        self.0 = reader.0;
        item
    }
}

fn header<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], &'a [u8]), WireError> {
    Ok((reader.text("a header")?, reader.text("a header")?))
}
