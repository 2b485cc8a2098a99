//! The records that an operator may search for: number, level and text of each in one place (DD §12).
//!
//! A number keeps its meaning for ever. For each there is a function that takes what is particular and gives the [`Message`]; texts end up in
//! httpd's error log behind `WSGInnnn: `. Records of level INFO and below carry no number and are not here.

mod auth;
mod python;
mod request;
mod run;
mod start;
mod table;
pub mod wording;

use std::borrow::Cow;
use std::fmt;

pub use auth::*;
pub use python::*;
pub use request::*;
pub use run::*;
pub use start::*;
pub use table::{SECTIONS, all};

use crate::text::Shown;

/// How urgent a record is: httpd's level of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A check of security or a step of a start stops a process or group.
    Alert,
    /// A process has lost something it cannot do without.
    Critical,
    /// A request or an operation failed.
    Error,
    /// Something is ignored or degraded; service goes on.
    Warning,
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Alert => "alert",
            Self::Critical => "crit",
            Self::Error => "error",
            Self::Warning => "warn",
        })
    }
}

/// What is known of a message without an occasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The number.
    pub code: u16,
    /// Its level.
    pub level: Level,
    /// Its text, with what is particular as `{name}`.
    pub text: &'static str,
    /// When it is written, and what follows.
    pub meaning: &'static str,
}

/// A record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The number.
    pub code: u16,
    /// Its level.
    pub level: Level,
    /// The text, without the number.
    pub text: Cow<'static, str>,
}

impl Message {
    /// As a record about a request, which names the script in front of the number.
    pub fn in_script<'a>(&'a self, script: &'a [u8]) -> InScript<'a> {
        InScript {
            script,
            message: self,
            code_first: false,
        }
    }

    /// As the header of a traceback about a request, where the script stands behind the number (DD §11.2).
    pub fn naming_script<'a>(&'a self, script: &'a [u8]) -> InScript<'a> {
        InScript {
            code_first: true,
            ..self.in_script(script)
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "WSGI{:04}: {}", self.code, self.text)
    }
}

/// A message about a request: see [`Message::in_script`] and [`Message::naming_script`].
#[derive(Debug, Clone, Copy)]
pub struct InScript<'a> {
    script: &'a [u8],
    message: &'a Message,
    code_first: bool,
}

impl fmt::Display for InScript<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Message { code, text, .. } = self.message;
        let script = Shown(self.script);
        if self.code_first {
            write!(out, "WSGI{code:04}: [script {script}] {text}")
        } else {
            write!(out, "[script {script}] WSGI{code:04}: {text}")
        }
    }
}

/// Declares messages: `number Level name(particulars) "text" => "meaning";`.
macro_rules! messages {
    ($($code:literal $level:ident $name:ident($($particular:ident),*) $text:literal => $meaning:literal;)*) => {
        $(
            #[doc = concat!("`WSGI", stringify!($code), "`: ", $meaning)]
            pub fn $name($($particular: impl std::fmt::Display),*) -> $crate::messages::Message {
                $crate::messages::Message {
                    code: $code,
                    level: $crate::messages::Level::$level,
                    text: format!($text).into(),
                }
            }
        )*

        pub(super) const KNOWN: &[$crate::messages::Known] = &[
            $($crate::messages::Known {
                code: $code,
                level: $crate::messages::Level::$level,
                text: $text,
                meaning: $meaning,
            },)*
        ];
    };
}
use messages;
