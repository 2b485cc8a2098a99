//! A part of a response that is kept while its client is busy sending.

use std::os::fd::OwnedFd;

use crate::client::Piece;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Held {
    parts: Vec<Part>,
    size: usize,
}

#[derive(Debug)]
enum Part {
    Data(Vec<u8>),
    File {
        /// Until it is handed out.
        file: Option<OwnedFd>,
        offset: u64,
        length: u64,
    },
}

impl Held {
    /// Keeps a piece; a flush has nothing to say about what is kept, and the end of a response is not for keeping.
    pub(crate) fn keep(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Data(data) => {
                self.size += data.len();
                match self.parts.last_mut() {
                    Some(Part::Data(before)) => before.extend_from_slice(data),
                    _ => self.parts.push(Part::Data(data.to_vec())),
                }
            }
            Piece::File {
                file,
                offset,
                length,
            } => self.parts.push(Part::File {
                file: Some(file),
                offset,
                length,
            }),
            Piece::Flush | Piece::End | Piece::Truncated => {}
        }
    }

    /// Bytes of data; files take no memory.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The pieces, in order. The descriptors are handed out with them, and files are told once.
    pub(crate) fn pieces(&mut self) -> Vec<Piece<'_>> {
        self.parts.iter_mut().filter_map(Part::piece).collect()
    }
}

impl Part {
    /// `None` for a file that was handed out before.
    fn piece(&mut self) -> Option<Piece<'_>> {
        match self {
            Part::Data(data) => Some(Piece::Data(data)),
            Part::File {
                file,
                offset,
                length,
            } => Some(Piece::File {
                file: file.take()?,
                offset: *offset,
                length: *length,
            }),
        }
    }
}
