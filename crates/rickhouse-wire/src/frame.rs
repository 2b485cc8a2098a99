//! The frames that bodies and responses are made of: eight bytes of header, then the payload.

use crate::error::WireError;

/// Bytes of a frame's header.
pub(crate) const HEADER: usize = 8;
/// The kind of a frame whose payload is handed out in pieces, in both directions.
pub(crate) const DATA: u8 = 1;

/// The header of a frame with `length` bytes of payload.
pub(crate) fn header(kind: u8, length: u32) -> [u8; HEADER] {
    let [a, b, c, d] = length.to_le_bytes();
    [kind, 0, 0, 0, a, b, c, d]
}

/// What a stream of frames yields.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// Bytes of a data frame; never empty.
    Data(&'a [u8]),
    /// Any other frame, complete.
    Frame { kind: u8, payload: &'a [u8] },
}

/// Cuts a stream into frames, whatever pieces it comes in.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    /// Beginning of a frame that has not come completely; or, if `taken`, the frame handed out last.
    partial: Vec<u8>,
    taken: bool,
    /// Payload bytes of the present data frame that have not come yet.
    data_left: u32,
}

impl Splitter {
    /// Takes one piece from the front of `input`, of data at most `most` bytes. `None` means that more input is needed.
    ///
    /// `limit` tells the most bytes of payload for each kind but data; unknown kinds are its caller's to judge when they
    /// come out.
    pub(crate) fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        most: usize,
        limit: impl Fn(u8) -> u32,
    ) -> Result<Option<Piece<'a>>, WireError> {
        if std::mem::take(&mut self.taken) {
            self.partial.clear();
        }
        loop {
            if self.data_left > 0 {
                return Ok(self.data(input, most));
            }
            let Some((kind, length)) = self.header(input, &limit)? else {
                return Ok(None);
            };
            if kind == DATA {
                self.partial.clear();
                self.data_left = length;
                continue;
            }
            return Ok(self.whole(input, kind, length as usize));
        }
    }

    /// Payload bytes of the present data frame that have not come yet.
    pub(crate) fn data_left(&self) -> u32 {
        self.data_left
    }

    /// Takes note of data that its reader received directly, past this splitter. More than [`Self::data_left`] cannot be.
    pub(crate) fn skip_data(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.data_left = self.data_left.saturating_sub(count);
    }

    /// Whether the stream may end here without having lost anything of a frame.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.data_left == 0 && (self.taken || self.partial.is_empty())
    }

    fn data<'i>(&mut self, input: &mut &'i [u8], most: usize) -> Option<Piece<'i>> {
        let count = input.len().min(most).min(self.data_left as usize);
        let (data, rest) = input.split_at(count);
        *input = rest;
        self.skip_data(count);
        (!data.is_empty()).then_some(Piece::Data(data))
    }

    /// Reads a header from what was kept and `input`. A complete one is taken off `input` for data frames and when part
    /// of it had been kept; otherwise it stays there, in front of its payload.
    fn header(
        &mut self,
        input: &mut &[u8],
        limit: impl Fn(u8) -> u32,
    ) -> Result<Option<(u8, u32)>, WireError> {
        if self.partial.is_empty() && input.len() >= HEADER {
            let (kind, length) = parse_header(input, limit)?;
            if kind == DATA {
                *input = &input[HEADER..];
            }
            return Ok(Some((kind, length)));
        }
        if !self.keep(input, HEADER) {
            return Ok(None);
        }
        parse_header(&self.partial, limit).map(Some)
    }

    fn whole<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        kind: u8,
        length: usize,
    ) -> Option<Piece<'a>> {
        let total = HEADER + length;
        if self.partial.is_empty() && input.len() >= total {
            let (frame, rest) = input.split_at(total);
            *input = rest;
            let payload = &frame[HEADER..];
            return Some(Piece::Frame { kind, payload });
        }
        if !self.keep(input, total) {
            return None;
        }
        self.taken = true;
        let payload = &self.partial[HEADER..];
        Some(Piece::Frame { kind, payload })
    }

    /// Moves bytes from `input` until `total` are kept; whether they are.
    fn keep(&mut self, input: &mut &[u8], total: usize) -> bool {
        let wanted = total.saturating_sub(self.partial.len());
        let (kept, rest) = input.split_at(wanted.min(input.len()));
        self.partial.extend_from_slice(kept);
        *input = rest;
        self.partial.len() >= total
    }
}

fn parse_header(bytes: &[u8], limit: impl Fn(u8) -> u32) -> Result<(u8, u32), WireError> {
    let Some([kind, x, y, z, a, b, c, d]) = bytes.first_chunk::<HEADER>() else {
        return Err(WireError::Truncated("a frame header"));
    };
    if [*x, *y, *z] != [0; 3] {
        return Err(WireError::Unknown {
            what: "the reserved part of a frame header",
            value: u32::from_le_bytes([*x, *y, *z, 0]),
        });
    }
    let length = u32::from_le_bytes([*a, *b, *c, *d]);
    if *kind != DATA && length > limit(*kind) {
        return Err(WireError::Length {
            what: "a frame",
            length: length.into(),
        });
    }
    Ok((*kind, length))
}
