//! Why a directive is not accepted.

use std::borrow::Cow;

/// The text that httpd prints behind file and line when it refuses to start, without the directive's name: httpd does not add it either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rejected(Cow<'static, str>);

impl Rejected {
    /// A text that is always the same.
    pub const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// A text with something of the configuration in it.
    pub fn with(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl From<Rejected> for String {
    fn from(rejected: Rejected) -> Self {
        rejected.0.into_owned()
    }
}

impl From<&'static str> for Rejected {
    fn from(text: &'static str) -> Self {
        Self::fixed(text)
    }
}

impl From<String> for Rejected {
    fn from(text: String) -> Self {
        Self::with(text)
    }
}
