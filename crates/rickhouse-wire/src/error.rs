//! What can be wrong with a frame.

/// Bytes that are no frame, or a value that no frame can hold. The connection is of no use afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The first bytes are not the magic of this version.
    #[error("not a request frame of this version")]
    Magic,
    /// A length is above its bound, or below what the frame must hold.
    #[error("{what} has an impossible length of {length} bytes")]
    Length {
        /// Which part.
        what: &'static str,
        /// The length it claims.
        length: u64,
    },
    /// A part ends beyond its frame.
    #[error("{0} ends outside of its frame")]
    Truncated(&'static str),
    /// Bytes are left over behind the last part of a frame.
    #[error("{0} bytes are left over in a frame")]
    Trailing(usize),
    /// A number that stands for nothing.
    #[error("{what} has the unknown value {value}")]
    Unknown {
        /// Which part.
        what: &'static str,
        /// Its value.
        value: u32,
    },
    /// A text that must be UTF-8 is not.
    #[error("{0} is not UTF-8")]
    Text(&'static str),
}
