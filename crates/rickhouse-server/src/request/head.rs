//! A parsed and checked request head, kept as ranges into the bytes it was read from, so that nothing is allocated per
//! request once the vectors have grown.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::framing::{Framing, FramingFields};
use super::view::Version;
use super::{Refusal, target};
use crate::settings::Limits;

/// Header fields parsed without a heap allocation.
const FIELDS_ON_STACK: usize = 128;

pub(super) type Span = Range<usize>;

/// Ranges into the input; reused from request to request.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) raw_path: Span,
    pub(crate) query: Span,
    pub(crate) version: Version,
    /// The percent-decoded path, when it differs from the one sent.
    pub(super) decoded_path: Vec<u8>,
    pub(super) path_is_decoded: bool,
    /// The authority that names the site: of the target, else of the `Host` field.
    pub(crate) host: Option<Span>,
    pub(crate) fields: Vec<(Span, Span)>,
    pub(crate) framing: Framing,
    pub(crate) expects_continue: bool,
    /// The client lets the connection live.
    pub(crate) keep_alive: bool,
}

impl Head {
    /// Parses and checks one complete head, which `input` consists of.
    pub(crate) fn parse(&mut self, input: &[u8], limits: &Limits) -> Result<(), Refusal> {
        let mut stack = [const { MaybeUninit::uninit() }; FIELDS_ON_STACK];
        let mut heap = Vec::new();
        let slots = match stack.get_mut(..limits.request_fields) {
            Some(slots) => slots,
            None => {
                heap.resize(limits.request_fields, MaybeUninit::uninit());
                &mut heap[..]
            }
        };
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(input, slots) {
            Ok(httparse::Status::Complete(length)) if length == input.len() => {}
            Ok(_) => return Err(Refusal::Malformed),
            Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
            Err(httparse::Error::Version) => return Err(refused_version(input)),
            Err(_) => return Err(Refusal::Malformed),
        }
        let span = |part: &[u8]| span_of(input, part);
        let (Some(method), Some(path), Some(version)) =
            (request.method, request.path, request.version)
        else {
            return Err(Refusal::Malformed);
        };
        self.version = if version == 0 {
            Version::Http10
        } else {
            Version::Http11
        };
        self.method = span(method.as_bytes());
        self.target = span(path.as_bytes());
        self.fields.clear();
        self.fields.extend(
            request
                .headers
                .iter()
                .map(|field| (span(field.name.as_bytes()), span(field.value))),
        );
        self.check_fields(request.headers)?;
        self.take_target(input)
    }

    /// The path, query and authority of the target.
    fn take_target(&mut self, input: &[u8]) -> Result<(), Refusal> {
        let parts = target::split(&input[self.method.clone()], &input[self.target.clone()])?;
        let base = self.target.start;
        let shift = |span: Span| base + span.start..base + span.end;
        self.raw_path = shift(parts.path);
        self.query = shift(parts.query);
        if let Some(authority) = parts.authority {
            self.host = Some(shift(authority));
        }
        let raw = &input[self.raw_path.clone()];
        self.path_is_decoded = raw.is_empty() || memchr::memchr(b'%', raw).is_some();
        if self.path_is_decoded {
            self.decoded_path.clear();
            target::decode_path(
                if raw.is_empty() { b"/" } else { raw },
                &mut self.decoded_path,
            )?;
        }
        Ok(())
    }

    fn check_fields(&mut self, fields: &[httparse::Header<'_>]) -> Result<(), Refusal> {
        let old = self.version == Version::Http10;
        let mut seen = Seen::default();
        self.host = None;
        for (field, spans) in fields.iter().zip(&self.fields) {
            // The length and first letter decide for nearly all fields that they do not concern us.
            let name = field.name.as_bytes();
            match (name.len(), name[0].to_ascii_lowercase()) {
                (4, b'h') if name.eq_ignore_ascii_case(b"host") => {
                    let first = self.host.replace(spans.1.clone()).is_none();
                    if !first || !target::is_host(field.value) {
                        return Err(Refusal::Malformed);
                    }
                }
                // RFC 9110 §10.1.1: ignored from HTTP/1.0.
                (6, b'e') if !old && name.eq_ignore_ascii_case(b"expect") => {
                    seen.expect(field.value)?;
                }
                (10, b'c') if name.eq_ignore_ascii_case(b"connection") => {
                    seen.connection(field.value)
                }
                (12, b'c') if name.eq_ignore_ascii_case(b"content-type") => seen.content_type()?,
                (14, b'c') if name.eq_ignore_ascii_case(b"content-length") => {
                    seen.framing.content_length(field.value)?;
                }
                (17, b't') if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                    seen.framing.transfer_encoding(field.value)?;
                }
                _ => {}
            }
        }
        if self.host.is_none() && !old {
            return Err(Refusal::Malformed);
        }
        self.framing = seen.framing.finish(old)?;
        self.expects_continue = seen.expects_continue;
        self.keep_alive = !seen.close && (!old || seen.keep_alive);
        Ok(())
    }
}

/// What the fields of one head said so far.
#[derive(Default)]
struct Seen {
    framing: FramingFields,
    content_type: bool,
    expects_continue: bool,
    close: bool,
    keep_alive: bool,
}

impl Seen {
    fn expect(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
        if self.expects_continue {
            Ok(())
        } else {
            Err(Refusal::UnknownExpectation)
        }
    }

    fn connection(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn content_type(&mut self) -> Result<(), Refusal> {
        if std::mem::replace(&mut self.content_type, true) {
            Err(Refusal::Malformed)
        } else {
            Ok(())
        }
    }
}

/// The request line names no version that we speak: another HTTP, or no HTTP at all.
fn refused_version(input: &[u8]) -> Refusal {
    let line = input
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let version = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    match version {
        // A version we speak, behind a request line that is none.
        b"HTTP/1.0" | b"HTTP/1.1" => Refusal::Malformed,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Refusal::UnsupportedVersion
        }
        _ => Refusal::Malformed,
    }
}

/// Where `part`, a piece of `whole`, is in it.
fn span_of(whole: &[u8], part: &[u8]) -> Span {
    if part.is_empty() {
        return 0..0;
    }
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use super::super::view::RequestHead;
    use super::*;
    use proptest::prelude::*;

    fn parse(head: &str) -> Result<Head, Refusal> {
        let mut parsed = Head::default();
        parsed
            .parse(
                head.as_bytes(),
                &Limits {
                    request_fields: 4,
                    ..Limits::default()
                },
            )
            .map(|()| parsed)
    }

    fn check_refused(head: &str, refusal: Refusal) {
        assert_eq!(parse(head).map(drop), Err(refusal), "{head:?}");
    }

    #[test]
    fn parts_come_out_as_sent_and_decoded() {
        let text = "GET http://b/a%20c?x=%20 HTTP/1.1\r\nHost: a\r\nX-Y:  z \r\n\r\n";
        let head = parse(text).unwrap();
        let view = RequestHead {
            head: &head,
            input: text.as_bytes(),
        };
        assert_eq!(
            (view.method(), view.path(), view.query()),
            (&b"GET"[..], &b"/a c"[..], &b"x=%20"[..])
        );
        assert_eq!(
            (view.host(), view.field(b"x-y")),
            (Some(&b"b"[..]), Some(&b"z"[..]))
        );
        assert!(head.keep_alive && head.framing == Framing::None);
    }

    #[test]
    fn what_is_refused() {
        use Refusal::*;
        for (head, refusal) in [
            ("GET / HTTP/1.1\r\n\r\n", Malformed),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Malformed),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Malformed),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Malformed),
            ("GET / HTTP/1.1\r\nHost: a\r\nA\r\n\r\n", Malformed),
            ("GET / HTTP/1.1\r\nHost: a\r\nA: \x01\r\n\r\n", Malformed),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Malformed),
            ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", Malformed),
            ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", Malformed),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Type: a\r\nContent-Type: a\r\n\r\n",
                Malformed,
            ),
            ("GET /\r\n\r\n", Malformed),
            ("GET / /b HTTP/1.1\r\nHost: a\r\n\r\n", Malformed),
            ("GET HTTP/1.1\r\nHost: a\r\n\r\n", Malformed),
            ("GET / HTTQ/1.1\r\nHost: a\r\n\r\n", Malformed),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", UnsupportedVersion),
            ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", UnsupportedVersion),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n",
                UnknownExpectation,
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n",
                HeadTooLarge,
            ),
        ] {
            check_refused(head, refusal);
        }
    }

    #[test]
    fn expectations_are_of_http_1_1() {
        let expects = |head: &str| parse(head).map(|head| head.expects_continue);
        assert_eq!(
            expects("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n"),
            Ok(true)
        );
        for expectation in ["100-continue", "tea"] {
            let head = format!("POST / HTTP/1.0\r\nExpect: {expectation}\r\n\r\n");
            assert_eq!(expects(&head), Ok(false), "{expectation}");
        }
    }

    #[test]
    fn connections_live_by_version_and_wish() {
        for (head, lives) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
                false,
            ),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ] {
            assert_eq!(parse(head).unwrap().keep_alive, lives, "{head:?}");
        }
    }

    proptest! {
        #[test]
        fn no_head_panics(head in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = Head::default().parse(&head, &Limits::default());
        }

        #[test]
        fn nearly_good_heads_do_not_panic_either(
            target in "[/*?%a-f0-9:#]{0,12}", name in "[!-~]{0,12}", value in "[ -~]{0,20}", minor in 0u8..4,
        ) {
            let text = format!("GET {target} HTTP/1.{minor}\r\nHost: a\r\n{name}: {value}\r\n\r\n");
            let mut head = Head::default();
            if head.parse(text.as_bytes(), &Limits::default()).is_ok() {
                let view = RequestHead { head: &head, input: text.as_bytes() };
                prop_assert_eq!(view.target(), target.as_bytes());
                prop_assert_eq!(view.field(b"host").is_some(), true);
            }
        }
    }
}
