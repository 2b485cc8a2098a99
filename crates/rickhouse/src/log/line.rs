//! How a record looks: `time LEVEL [pid] CODE message field=value …`.
//!
//! Nothing that comes from outside can forge a record: control characters are escaped, and the lines of a longer text
//! (a traceback in the field `detail`) are indented, while a record starts in the first column.

use std::fmt::{self, Write};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Put before the lines of a longer text.
const INDENT: &str = "\n    ";

/// The format of the error log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneLine;

impl<S, N> FormatEvent<S, N> for OneLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        write!(
            line,
            "{time} {:<5} [{}]",
            event.metadata().level(),
            std::process::id()
        )?;
        let mut parts = Parts::default();
        event.record(&mut parts);
        parts.write_head(&mut line)?;
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                line.write_str(fields)?;
            }
        }
        parts.write_tail(&mut line)?;
        writeln!(line)
    }
}

/// The fields of a span.
impl<'writer> FormatFields<'writer> for OneLine {
    fn format_fields<R: RecordFields>(&self, mut line: Writer<'writer>, fields: R) -> fmt::Result {
        let mut parts = Parts::default();
        fields.record(&mut parts);
        parts.write_head(&mut line)?;
        parts.write_tail(&mut line)
    }
}

/// What a record consists of, in the order it is shown.
#[derive(Debug, Default)]
struct Parts {
    code: String,
    message: String,
    /// ` name=value` each.
    fields: String,
    detail: String,
}

impl Parts {
    fn write_head(&self, line: &mut impl Write) -> fmt::Result {
        for text in [&self.code, &self.message]
            .into_iter()
            .filter(|text| !text.is_empty())
        {
            write!(line, " {}", Escaped(text))?;
        }
        Ok(())
    }

    fn write_tail(&self, line: &mut impl Write) -> fmt::Result {
        line.write_str(&self.fields)?;
        self.detail
            .lines()
            .try_for_each(|text| write!(line, "{INDENT}{}", Escaped(text)))
    }

    fn add(&mut self, name: &str, value: &str) {
        match name {
            "message" => self.message.push_str(value),
            "code" => self.code.push_str(value),
            "detail" => self.detail.push_str(value),
            _ if value.is_empty() || value.contains([' ', '"', '=']) => {
                let _infallible = write!(
                    self.fields,
                    " {name}=\"{}\"",
                    Escaped(&value.replace('"', "\\\""))
                );
            }
            _ => {
                let _infallible = write!(self.fields, " {name}={}", Escaped(value));
            }
        }
    }
}

impl Visit for Parts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            let _infallible = write!(text, ": {error}");
            cause = error.source();
        }
        self.add(field.name(), &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field.name(), &format!("{value:?}"));
    }
}

/// Shows a text with its control characters escaped: line ends, terminal sequences, and what else could deceive.
#[derive(Debug)]
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| {
            // The separators end a line for some readers, the overrides turn the text of others around.
            let deceives = matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if character.is_control() || deceives {
                write!(f, "{}", character.escape_default())
            } else {
                f.write_char(character)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What `log` makes of the records that `write` produces.
    fn logged(write: impl FnOnce()) -> String {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let subscriber = tracing_subscriber::fmt()
            .event_format(OneLine)
            .fmt_fields(OneLine)
            .with_writer(move || Sink(Arc::clone(&sink)))
            .finish();
        tracing::subscriber::with_default(subscriber, write);
        String::from_utf8(lines.lock().expect("no panic").clone()).expect("text")
    }

    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_record_is_a_line_with_code_message_and_fields() {
        let text = logged(|| {
            tracing::warn!(
                code = "RH0000",
                worker = 3,
                why = "two words",
                "it happened"
            )
        });
        let (time, rest) = text.split_once(' ').expect("a time");
        assert!(humantime::parse_rfc3339(time).is_ok(), "{time}");
        let expected = format!(
            "WARN  [{}] RH0000 it happened worker=3 why=\"two words\"\n",
            std::process::id()
        );
        assert_eq!(rest, expected);
    }

    #[test]
    fn spans_come_along() {
        let text = logged(|| {
            tracing::info_span!("request", id = 7).in_scope(|| tracing::info!(n = 1, "inside"))
        });
        assert!(text.ends_with("inside id=7 n=1\n"), "{text}");
    }

    #[test]
    fn nothing_forges_a_record() {
        let evil = "a\nb\r\x1b[2J\u{202e}";
        let text =
            logged(|| tracing::info!(target = evil, detail = "first\nsecond\x1b\n", "said {evil}"));
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].contains(r"said a\nb\r\u{1b}[2J\u{202e} target=a\nb\r\u{1b}[2J\u{202e}"),
            "{text}"
        );
        assert_eq!(lines[1..], ["    first", r"    second\u{1b}"]);
    }
}
