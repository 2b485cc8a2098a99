//! Access-log formats: Apache's `LogFormat` strings, and three by name.

use std::str::FromStr;

use crate::error::LogFormatError;

const COMMON: &str = r#"%h %l %u %t "%r" %>s %b"#;
const COMBINED: &str = r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#;

/// How an access-log line looks.
///
/// Made from `common`, `combined`, `json`, or a string of text and Apache's directives: `%a %A %b %B %D %h %H %k %l %m %p
/// %P %q %r %s %t %T %u %U %v %V %X %{Name}i %{Name}o %{c}a %{remote}p %{s|ms|us}T %%`. Times are UTC. Whatever a client
/// or the application chose is escaped (`\xHH` for every byte that is not printable ASCII, for `"` and for `\`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFormat {
    pub(super) style: Style,
    /// Names of `%{Name}o`, by the index their directives hold.
    pub(super) response_fields: Vec<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Json,
    Directives(Vec<Directive>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    Text(String),
    Client,
    Peer,
    PeerPort,
    LocalAddress,
    LocalPort,
    BytesOrDash,
    Bytes,
    Took(Unit),
    Protocol,
    KeepAlives,
    Method,
    ProcessId,
    Query,
    RequestLine,
    Status,
    Time,
    Path,
    Host,
    ConnectionState,
    RequestField(Vec<u8>),
    /// Index into the format's response fields.
    ResponseField(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
}

impl LogFormat {
    /// Apache's `common`.
    #[must_use]
    pub fn common() -> LogFormat {
        COMMON.parse().expect("a constant that the tests parse")
    }

    /// Apache's `combined`: the default.
    #[must_use]
    pub fn combined() -> LogFormat {
        COMBINED.parse().expect("a constant that the tests parse")
    }

    /// One JSON object per line.
    #[must_use]
    pub fn json() -> LogFormat {
        LogFormat {
            style: Style::Json,
            response_fields: Vec::new(),
        }
    }
}

impl FromStr for LogFormat {
    type Err = LogFormatError;

    fn from_str(format: &str) -> Result<LogFormat, LogFormatError> {
        match format {
            "common" => return Ok(LogFormat::common()),
            "combined" => return Ok(LogFormat::combined()),
            "json" => return Ok(LogFormat::json()),
            _ => {}
        }
        let mut compiler = Compiler::default();
        let mut rest = format;
        while let Some((text, directive)) = rest.split_once('%') {
            compiler.text(text);
            rest = compiler.directive(directive)?;
        }
        compiler.text(rest);
        Ok(LogFormat {
            style: Style::Directives(compiler.directives),
            response_fields: compiler.response_fields,
        })
    }
}

#[derive(Default)]
struct Compiler {
    directives: Vec<Directive>,
    response_fields: Vec<Vec<u8>>,
}

impl Compiler {
    fn text(&mut self, text: &str) {
        match self.directives.last_mut() {
            _ if text.is_empty() => {}
            Some(Directive::Text(before)) => before.push_str(text),
            _ => self.directives.push(Directive::Text(text.into())),
        }
    }

    /// Compiles what follows a `%`; returns what follows the directive.
    fn directive<'a>(&mut self, after: &'a str) -> Result<&'a str, LogFormatError> {
        // `<` and `>` choose between the original and the final request after internal redirects: here they are one.
        let after = after.trim_start_matches(['<', '>']);
        let (name, after) = match after.strip_prefix('{') {
            Some(named) => {
                let (name, after) = named.split_once('}').ok_or(LogFormatError::Unfinished)?;
                (Some(name), after)
            }
            None => (None, after),
        };
        let letter = after.chars().next().ok_or(LogFormatError::Unfinished)?;
        let unknown = || {
            let name = name.map(|name| format!("{{{name}}}")).unwrap_or_default();
            LogFormatError::Unknown(format!("%{name}{letter}"))
        };
        match (letter, name) {
            ('%', None) => self.text("%"),
            ('l' | 'u', None) => self.text("-"),
            _ => {
                let directive = self.meaning(letter, name).ok_or_else(unknown)?;
                self.directives.push(directive);
            }
        }
        Ok(&after[letter.len_utf8()..])
    }

    fn meaning(&mut self, letter: char, name: Option<&str>) -> Option<Directive> {
        Some(match (letter, name) {
            ('a' | 'h', None) => Directive::Client,
            ('a', Some("c")) => Directive::Peer,
            ('A', None) => Directive::LocalAddress,
            ('b', None) => Directive::BytesOrDash,
            ('B', None) => Directive::Bytes,
            ('D', None) | ('T', Some("us")) => Directive::Took(Unit::Microseconds),
            ('T', None | Some("s")) => Directive::Took(Unit::Seconds),
            ('T', Some("ms")) => Directive::Took(Unit::Milliseconds),
            ('H', None) => Directive::Protocol,
            ('k', None) => Directive::KeepAlives,
            ('m', None) => Directive::Method,
            ('p', None | Some("canonical" | "local")) => Directive::LocalPort,
            ('p', Some("remote")) => Directive::PeerPort,
            ('P', None | Some("pid")) => Directive::ProcessId,
            ('q', None) => Directive::Query,
            ('r', None) => Directive::RequestLine,
            ('s', None) => Directive::Status,
            ('t', None) => Directive::Time,
            ('U', None) => Directive::Path,
            ('v' | 'V', None) => Directive::Host,
            ('X', None) => Directive::ConnectionState,
            ('i', Some(name)) if !name.is_empty() => Directive::RequestField(name.into()),
            ('o', Some(name)) if !name.is_empty() => {
                self.response_fields.push(name.into());
                Directive::ResponseField(self.response_fields.len() - 1)
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mistakes_are_found_when_configured() {
        for (format, error) in [
            ("%", LogFormatError::Unfinished),
            ("a %{x", LogFormatError::Unfinished),
            ("%{x}", LogFormatError::Unfinished),
            ("%Z", LogFormatError::Unknown("%Z".into())),
            ("%i", LogFormatError::Unknown("%i".into())),
            ("%{x}h", LogFormatError::Unknown("%{x}h".into())),
            ("%é", LogFormatError::Unknown("%é".into())),
        ] {
            assert_eq!(format.parse::<LogFormat>(), Err(error), "{format}");
        }
        assert_ne!(LogFormat::common(), LogFormat::combined());
    }

    proptest! {
        #[test]
        fn any_format_compiles_or_names_its_mistake(format in "[%{}<>a-zA-Zé ]{0,20}") {
            let _ = format.parse::<LogFormat>();
        }
    }
}
