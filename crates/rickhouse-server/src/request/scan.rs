//! Finds the end of a request head in bytes that arrive piece by piece, looking at each byte once, and enforces what
//! concerns lines as such: CRLF only, no folding, length limits.

use super::Refusal;
use crate::settings::Limits;

/// Where the scan of one head stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeadScan {
    /// Everything before was looked at.
    seen: usize,
    /// Where the unfinished line begins.
    line: usize,
    /// The request line is complete.
    past_request_line: bool,
}

impl HeadScan {
    /// Looks at the new bytes of `input`, which begins with the head. `Some(length)` once the head is complete, its blank
    /// line included.
    pub(crate) fn advance(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, Refusal> {
        for at in memchr::memchr_iter(b'\n', &input[self.seen..]) {
            let lf = self.seen + at;
            if lf == self.line || input[lf - 1] != b'\r' {
                return Err(Refusal::Malformed);
            }
            let line = &input[self.line..lf - 1];
            self.check_line(line.len(), lf + 1, limits)?;
            if line.is_empty() {
                return if self.past_request_line {
                    Ok(Some(lf + 1))
                } else {
                    Err(Refusal::Malformed)
                };
            }
            if self.past_request_line && matches!(line[0], b' ' | b'\t') {
                return Err(Refusal::Malformed);
            }
            self.past_request_line = true;
            self.line = lf + 1;
        }
        self.seen = input.len();
        self.check_line(input.len() - self.line, input.len(), limits)?;
        Ok(None)
    }

    fn check_line(&self, line: usize, head: usize, limits: &Limits) -> Result<(), Refusal> {
        if !self.past_request_line && line > limits.request_line {
            return Err(Refusal::TargetTooLong);
        }
        if self.past_request_line && line > limits.request_field_size
            || head > limits.request_header_size
        {
            return Err(Refusal::HeadTooLarge);
        }
        Ok(())
    }
}

/// The empty line that RFC 9112 §2.2 has a server ignore before a request.
pub(crate) const BLANK_LINE: &[u8] = b"\r\n";

/// Whether this is nothing but an empty line, or the beginning of one (or nothing at all).
pub(crate) fn is_blank(input: &[u8]) -> bool {
    BLANK_LINE.starts_with(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(input: &[u8]) -> Result<Option<usize>, Refusal> {
        HeadScan::default().advance(
            input,
            &Limits {
                request_line: 20,
                request_field_size: 30,
                request_header_size: 90,
                ..Limits::default()
            },
        )
    }

    #[test]
    fn lines_end_in_crlf_and_have_limits() {
        let long = "x".repeat(40);
        for (input, expected) in [
            ("GET / HTTP/1.1\r\n\r\nrest", Ok(Some(18))),
            ("GET / HTTP/1.1\r\nA: b\r\n\r\n", Ok(Some(24))),
            ("GET / HTTP/1.1\r\nA: b\r\n", Ok(None)),
            ("GET / HTTP/1.1\n\n", Err(Refusal::Malformed)),
            ("\nGET / HTTP/1.1\r\n", Err(Refusal::Malformed)),
            (
                "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
                Err(Refusal::Malformed),
            ),
            (
                "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
                Err(Refusal::Malformed),
            ),
            (&format!("GET /{long}"), Err(Refusal::TargetTooLong)),
            (
                &format!("GET / HTTP/1.1\r\nA: {long}"),
                Err(Refusal::HeadTooLarge),
            ),
            (
                &format!("GET / HTTP/1.1\r\n{}", "A: bcdefgh\r\n".repeat(9)),
                Err(Refusal::HeadTooLarge),
            ),
        ] {
            assert_eq!(whole(input.as_bytes()), expected, "{input:?}");
        }
    }

    proptest! {
        #[test]
        fn the_answer_does_not_depend_on_the_pieces(
            input in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'a'), Just(b' '), any::<u8>()], 0..80),
            cuts in proptest::collection::vec(1usize..9, 0..80),
        ) {
            let limits = Limits::default();
            let (mut scan, mut end, mut answer) = (HeadScan::default(), 0, Ok(None));
            for cut in cuts.iter().copied().chain([input.len()]) {
                end = (end + cut).min(input.len());
                answer = scan.advance(&input[..end], &limits);
                if answer != Ok(None) { break; }
            }
            prop_assert_eq!(answer, HeadScan::default().advance(&input, &limits));
        }
    }
}
