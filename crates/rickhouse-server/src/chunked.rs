//! The chunked transfer coding of request bodies (RFC 9112 §7.1), decoded as bytes arrive.
//!
//! Strict on purpose: two parties that disagree on where a body ends is how requests are smuggled. Extensions and
//! trailers are dropped, and bounded for the whole body.

use rickhouse_wsgi::header::is_token;

/// Bytes of chunk extensions that one body may carry in all.
const EXTENSION_LIMIT: u32 = 8 * 1024;
/// Bytes of trailer fields that one body may carry in all.
const TRAILER_LIMIT: u32 = 8 * 1024;
/// Hexadecimal digits of a chunk size: 15 keep it far from overflow.
const SIZE_DIGITS: u8 = 15;

/// A body that does not follow the coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChunkError {
    /// The chunk size is missing, not hexadecimal, or absurd.
    #[error("bad chunk size")]
    Size,
    /// A line or a chunk does not end in CRLF.
    #[error("a chunk does not end where its size says")]
    End,
    /// A control character in an extension or a trailer.
    #[error("a control character in a chunk extension or trailer")]
    Control,
    /// A trailer that does not begin as a header field does.
    #[error("a trailer is not a header field")]
    Trailer,
    /// Extensions or trailers beyond their bound.
    #[error("chunk extensions or trailers are too long")]
    TooLong,
}

/// Decoder state between two pieces of input.
#[derive(Clone, Debug)]
pub(crate) struct ChunkDecoder {
    state: State,
    extension_bytes: u32,
    trailer_bytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size {
        value: u64,
        digits: u8,
    },
    /// White space after the size, which only an extension may follow.
    Blank {
        size: u64,
    },
    Extension {
        size: u64,
    },
    SizeLf {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

const LINE_START: State = State::Size {
    value: 0,
    digits: 0,
};

/// What one call moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes of input used up.
    pub(crate) consumed: usize,
    /// Bytes of body written to the output.
    pub(crate) produced: usize,
}

impl Default for ChunkDecoder {
    fn default() -> ChunkDecoder {
        ChunkDecoder {
            state: LINE_START,
            extension_bytes: 0,
            trailer_bytes: 0,
        }
    }
}

impl ChunkDecoder {
    /// Whether the last chunk and the trailers were read; nothing more is consumed then.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Decodes until the input is used up, the output is full, or the body has ended.
    ///
    /// # Errors
    /// [`ChunkError`]; the connection must then be closed, since nobody knows where the next request begins.
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<Progress, ChunkError> {
        let mut moved = Progress::default();
        while moved.consumed < input.len() && self.state != State::Done {
            if let State::Data { left } = self.state {
                let room = (output.len() - moved.produced).min(input.len() - moved.consumed);
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(room);
                if count == 0 {
                    break;
                }
                output[moved.produced..][..count]
                    .copy_from_slice(&input[moved.consumed..][..count]);
                moved.produced += count;
                moved.consumed += count;
                let left = left - count as u64;
                self.state = if left == 0 {
                    State::DataCr
                } else {
                    State::Data { left }
                };
            } else {
                self.state = self.step(input[moved.consumed])?;
                moved.consumed += 1;
            }
        }
        Ok(moved)
    }

    /// One byte outside chunk data.
    fn step(&mut self, byte: u8) -> Result<State, ChunkError> {
        let expect = |wanted: u8, next: State| {
            if byte == wanted {
                Ok(next)
            } else {
                Err(ChunkError::End)
            }
        };
        match self.state {
            State::Size { value, digits } => self.size_byte(byte, value, digits),
            State::Blank { size } => {
                bounded(byte, &mut self.extension_bytes, EXTENSION_LIMIT)?;
                match byte {
                    b' ' | b'\t' => Ok(State::Blank { size }),
                    b';' => Ok(State::Extension { size }),
                    _ => Err(ChunkError::Size),
                }
            }
            State::Extension { size } => {
                bounded(byte, &mut self.extension_bytes, EXTENSION_LIMIT)?;
                Ok(if byte == b'\r' {
                    State::SizeLf { size }
                } else {
                    State::Extension { size }
                })
            }
            State::SizeLf { size: 0 } => expect(b'\n', State::TrailerStart),
            State::SizeLf { size } => expect(b'\n', State::Data { left: size }),
            State::DataCr => expect(b'\r', State::DataLf),
            State::DataLf => expect(b'\n', LINE_START),
            State::TrailerStart if byte == b'\r' => Ok(State::EndLf),
            State::TrailerStart | State::TrailerName => {
                bounded(byte, &mut self.trailer_bytes, TRAILER_LIMIT)?;
                match byte {
                    b':' if self.state == State::TrailerName => Ok(State::TrailerValue),
                    byte if is_token(&[byte]) => Ok(State::TrailerName),
                    _ => Err(ChunkError::Trailer),
                }
            }
            State::TrailerValue => {
                bounded(byte, &mut self.trailer_bytes, TRAILER_LIMIT)?;
                Ok(if byte == b'\r' {
                    State::TrailerLf
                } else {
                    State::TrailerValue
                })
            }
            State::TrailerLf => expect(b'\n', State::TrailerStart),
            State::EndLf => expect(b'\n', State::Done),
            State::Data { .. } | State::Done => Ok(self.state),
        }
    }

    fn size_byte(&mut self, byte: u8, value: u64, digits: u8) -> Result<State, ChunkError> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            if digits == SIZE_DIGITS {
                return Err(ChunkError::Size);
            }
            return Ok(State::Size {
                value: value << 4 | u64::from(digit),
                digits: digits + 1,
            });
        }
        match byte {
            _ if digits == 0 => Err(ChunkError::Size),
            b'\r' => Ok(State::SizeLf { size: value }),
            b';' => Ok(State::Extension { size: value }),
            // RFC 9112 §7.1.1 has `BWS ";"`.
            b' ' | b'\t' => Ok(State::Blank { size: value }),
            _ => Err(ChunkError::Size),
        }
    }
}

/// Counts one byte of an extension or trailer and refuses control characters other than the CR that ends it.
fn bounded(byte: u8, count: &mut u32, limit: u32) -> Result<(), ChunkError> {
    *count += 1;
    if *count > limit {
        return Err(ChunkError::TooLong);
    }
    let control = byte.is_ascii_control() && byte != b'\t' && byte != b'\r';
    if control {
        Err(ChunkError::Control)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes `wire` in pieces of the given sizes; the body and how many bytes were consumed, or the error.
    fn decode(
        wire: &[u8],
        pieces: &[usize],
        room: usize,
    ) -> Result<(Vec<u8>, usize, bool), ChunkError> {
        let (mut decoder, mut body, mut at) = (ChunkDecoder::default(), Vec::new(), 0);
        let mut sizes = pieces
            .iter()
            .copied()
            .chain(std::iter::repeat(wire.len().max(1)));
        let mut end = 0;
        loop {
            if at == end {
                if end == wire.len() || decoder.is_done() {
                    return Ok((body, at, decoder.is_done()));
                }
                end = (end + sizes.next().unwrap_or(1).max(1)).min(wire.len());
            }
            let mut output = vec![0; room];
            let moved = decoder.decode(&wire[at..end], &mut output)?;
            body.extend_from_slice(&output[..moved.produced]);
            at += moved.consumed;
            if decoder.is_done() {
                return Ok((body, at, true));
            }
        }
    }

    fn check(wire: &str, expected: Result<&str, ChunkError>) {
        let got =
            decode(wire.as_bytes(), &[], 64).map(|(body, ..)| String::from_utf8(body).unwrap());
        assert_eq!(got, expected.map(str::to_owned), "{wire:?}");
    }

    #[test]
    fn the_grammar_is_kept_to_the_letter() {
        check("3\r\nabc\r\n0\r\n\r\n", Ok("abc"));
        check("3;a=b\r\nabc\r\n00\r\n\r\n", Ok("abc"));
        check(
            "A\r\n0123456789\r\n0\r\nX-Trailer: dropped\r\n\r\n",
            Ok("0123456789"),
        );
        check("3\nabc\r\n", Err(ChunkError::Size));
        check("3\r\nabcd", Err(ChunkError::End));
        check("3\r\nabc\n", Err(ChunkError::End));
        check("3;a\nb\r\n", Err(ChunkError::Control));
        check("3 \t; a=b\r\nabc\r\n0\r\n\r\n", Ok("abc"));
        check("3 5\r\nabc", Err(ChunkError::Size));
        check("3 abc\r\nabc", Err(ChunkError::Size));
        check("3 \r\nabc", Err(ChunkError::Size));
        check("0x3\r\nabc", Err(ChunkError::Size));
        check("-1\r\n", Err(ChunkError::Size));
        check("\r\n", Err(ChunkError::Size));
        check(" 3\r\n", Err(ChunkError::Size));
        check("1000000000000000\r\n", Err(ChunkError::Size));
        check("0\r\nTrailer: a\nb\r\n", Err(ChunkError::Control));
        check("0\r\nTrailer\r\n\r\n", Err(ChunkError::Trailer));
        check("0\r\n: a\r\n\r\n", Err(ChunkError::Trailer));
        check("0\r\na b: c\r\n\r\n", Err(ChunkError::Trailer));
        check(
            &format!("3;{}\r\n", "x".repeat(9000)),
            Err(ChunkError::TooLong),
        );
        check(
            &format!("3{};\r\n", " ".repeat(9000)),
            Err(ChunkError::TooLong),
        );
        check(
            &format!("0\r\n{}\r\n", "x".repeat(9000)),
            Err(ChunkError::TooLong),
        );
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_out_however_it_is_split(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8),
            pieces in proptest::collection::vec(1usize..9, 0..40),
            room in 1usize..50,
            next in proptest::collection::vec(any::<u8>(), 0..10),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let end = wire.len();
            wire.extend_from_slice(&next);
            prop_assert_eq!(decode(&wire, &pieces, room), Ok((chunks.concat(), end, true)));
        }

        #[test]
        fn any_bytes_give_the_same_answer_however_they_are_split(
            wire in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'1'), Just(b'0'), Just(b';'), any::<u8>()], 0..60),
            pieces in proptest::collection::vec(1usize..5, 0..60),
        ) {
            prop_assert_eq!(decode(&wire, &pieces, 7), decode(&wire, &[], 1000));
        }
    }
}
