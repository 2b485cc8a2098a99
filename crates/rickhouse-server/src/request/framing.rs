//! How long a request body is (RFC 9112 §6): the rules that keep a second request from being smuggled inside a first.

use rickhouse_wsgi::content_length::parse_digits;
use rickhouse_wsgi::header::is_token;

use super::Refusal;

/// How the end of a request body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Framing {
    /// No body at all.
    #[default]
    None,
    /// Exactly this many bytes (may be zero, said by the client).
    Length(u64),
    /// The chunked coding.
    Chunked,
}

/// Collects the framing fields of one head.
#[derive(Debug, Default)]
pub(crate) struct FramingFields {
    length: Option<u64>,
    chunked: bool,
}

impl FramingFields {
    /// A `Content-Length` field. A second one is refused even when it agrees: a proxy in front may have merged or chosen.
    pub(crate) fn content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let length = parse_digits(value).ok_or(Refusal::Malformed)?;
        match self.length.replace(length) {
            None => Ok(()),
            Some(_) => Err(Refusal::Malformed),
        }
    }

    /// A `Transfer-Encoding` field. Exactly one, exactly `chunked`: other codings would have to be undone by us.
    pub(crate) fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if std::mem::replace(&mut self.chunked, true) {
            return Err(Refusal::Malformed);
        }
        if value.eq_ignore_ascii_case(b"chunked") {
            return Ok(());
        }
        let unknown = value
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|coding| is_token(coding) && !coding.eq_ignore_ascii_case(b"chunked"));
        Err(if unknown {
            Refusal::NotImplemented
        } else {
            Refusal::Malformed
        })
    }

    /// The framing, once all fields were seen.
    pub(crate) fn finish(self, http_1_0: bool) -> Result<Framing, Refusal> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Refusal::Malformed),
            (true, None) if http_1_0 => Err(Refusal::Malformed),
            (true, None) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        lengths: &[&str],
        encodings: &[&str],
        http_1_0: bool,
        expected: Result<Framing, Refusal>,
    ) {
        let mut fields = FramingFields::default();
        let collected = lengths
            .iter()
            .try_for_each(|value| fields.content_length(value.as_bytes()))
            .and_then(|()| {
                encodings
                    .iter()
                    .try_for_each(|value| fields.transfer_encoding(value.as_bytes()))
            });
        assert_eq!(
            collected.and_then(|()| fields.finish(http_1_0)),
            expected,
            "{lengths:?} {encodings:?}"
        );
    }

    #[test]
    fn only_one_reading_is_possible() {
        use Framing::{Chunked, Length, None};
        use Refusal::{Malformed, NotImplemented};
        check(&[], &[], false, Ok(None));
        check(&["0"], &[], false, Ok(Length(0)));
        check(&["007"], &[], false, Ok(Length(7)));
        check(&[], &["Chunked"], false, Ok(Chunked));
        for length in ["", "+1", "-1", "1 ", "1,1", "0x1", "99999999999999999999"] {
            check(&[length], &[], false, Err(Malformed));
        }
        check(&["1", "1"], &[], false, Err(Malformed));
        check(&["1"], &["chunked"], false, Err(Malformed));
        check(&[], &["chunked", "chunked"], false, Err(Malformed));
        check(&[], &["chunked, chunked"], false, Err(Malformed));
        check(&[], &[""], false, Err(Malformed));
        check(&[], &["chunked"], true, Err(Malformed));
        check(&[], &["gzip, chunked"], false, Err(NotImplemented));
        check(&[], &["identity"], false, Err(NotImplemented));
        check(&[], &["xchunked"], false, Err(NotImplemented));
    }
}
