//! A parsed request head as the handler sees it.

use super::head::{Head, Span};

/// HTTP version of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
}

impl Version {
    /// As it stands in a request line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        }
    }
}

/// A request head as the handler sees it.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    pub(crate) head: &'a Head,
    pub(crate) input: &'a [u8],
}

impl<'a> RequestHead<'a> {
    /// The method, as sent (methods are case-sensitive).
    #[must_use]
    pub fn method(&self) -> &'a [u8] {
        self.slice(&self.head.method)
    }

    /// The request target, as sent.
    #[must_use]
    pub fn target(&self) -> &'a [u8] {
        self.slice(&self.head.target)
    }

    /// The path, percent-decoded: any bytes.
    #[must_use]
    pub fn path(&self) -> &'a [u8] {
        if self.head.path_is_decoded {
            &self.head.decoded_path
        } else {
            self.slice(&self.head.raw_path)
        }
    }

    /// The query, as sent, without its question mark; empty when there is none.
    #[must_use]
    pub fn query(&self) -> &'a [u8] {
        self.slice(&self.head.query)
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// `host[:port]` of an absolute target, else of the `Host` field; `None` only for HTTP/1.0.
    #[must_use]
    pub fn host(&self) -> Option<&'a [u8]> {
        self.head.host.as_ref().map(|span| self.slice(span))
    }

    /// All header fields in order, names and values as sent (values without the space around them).
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let RequestHead { head, input } = *self;
        head.fields
            .iter()
            .map(move |(name, value)| (&input[name.clone()], &input[value.clone()]))
    }

    /// The first field of a name (case does not matter).
    #[must_use]
    pub fn field(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.fields()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn slice(&self, span: &Span) -> &'a [u8] {
        &self.input[span.clone()]
    }
}
