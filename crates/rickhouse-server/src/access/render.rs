//! Writes one access-log line.

use std::io::Write as _;
use std::time::SystemTime;

use super::Entry;
use super::format::{Directive, LogFormat, Style, Unit};
use crate::connection::LocalName;

const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";

pub(super) fn line(format: &LogFormat, entry: &Entry<'_>, out: &mut Vec<u8>) {
    match &format.style {
        Style::Json => json(entry, out),
        Style::Directives(directives) => directives
            .iter()
            .for_each(|directive| one(directive, entry, out)),
    }
}

fn one(directive: &Directive, entry: &Entry<'_>, out: &mut Vec<u8>) {
    let head = entry.head.as_ref();
    match directive {
        Directive::Text(text) => out.extend_from_slice(text.as_bytes()),
        Directive::Client => shown(entry.origin.address, out),
        Directive::Peer => shown(entry.connection.peer.map(|peer| peer.ip()), out),
        Directive::PeerPort => shown(entry.connection.peer.map(|peer| peer.port()), out),
        Directive::LocalAddress => shown(local(entry).map(|(address, _)| address), out),
        Directive::LocalPort => shown(local(entry).map(|(_, port)| port), out),
        Directive::BytesOrDash => shown(Some(entry.body_bytes).filter(|bytes| *bytes > 0), out),
        Directive::Bytes => shown(Some(entry.body_bytes), out),
        Directive::Took(Unit::Seconds) => shown(Some(entry.took.as_secs()), out),
        Directive::Took(Unit::Milliseconds) => shown(Some(entry.took.as_millis()), out),
        Directive::Took(Unit::Microseconds) => shown(Some(entry.took.as_micros()), out),
        Directive::Protocol => shown(head.map(|head| head.version().as_str()), out),
        Directive::KeepAlives => shown(Some(entry.connection.served.saturating_sub(1)), out),
        Directive::Method => escaped(head.map(|head| head.method()), out),
        Directive::ProcessId => shown(Some(std::process::id()), out),
        Directive::Query => {
            let query = head.map(|head| head.query()).unwrap_or_default();
            if !query.is_empty() {
                out.push(b'?');
                escape(query, out);
            }
        }
        Directive::RequestLine => escaped(Some(entry.request_line), out),
        Directive::Status => shown(Some(entry.status), out),
        Directive::Time => time(entry.ended, out),
        Directive::Path => escaped(head.map(|head| head.path()), out),
        Directive::Host => escaped(head.and_then(|head| head.host()), out),
        Directive::ConnectionState => out.push(match (entry.complete, entry.keeps_alive) {
            (false, _) => b'X',
            (true, true) => b'+',
            (true, false) => b'-',
        }),
        Directive::RequestField(name) => escaped(head.and_then(|head| head.field(name)), out),
        Directive::ResponseField(index) => {
            let value = entry.response_fields.iter().find(|(kept, _)| kept == index);
            escaped(value.map(|(_, value)| value.as_slice()), out);
        }
    }
}

fn local<'a>(entry: &Entry<'a>) -> Option<(&'a str, &'a str)> {
    match &*entry.connection.local {
        LocalName::Internet { host, port, .. } => Some((host, port)),
        LocalName::Unix => None,
    }
}

/// A value that no client chose, or a dash. Writing to a vector cannot fail.
fn shown(value: Option<impl std::fmt::Display>, out: &mut Vec<u8>) {
    let _ = match value {
        Some(value) => write!(out, "{value}"),
        None => write!(out, "-"),
    };
}

fn escaped(value: Option<&[u8]>, out: &mut Vec<u8>) {
    match value {
        Some(value) if !value.is_empty() => escape(value, out),
        _ => out.push(b'-'),
    }
}

/// Nothing that goes through here can end a line, close a quote, or reach a terminal.
fn escape(value: &[u8], out: &mut Vec<u8>) {
    for byte in value {
        match byte {
            b'"' | b'\\' => {
                let _ = write!(out, "\\x{byte:02x}");
            }
            b' '..=b'~' => out.push(*byte),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
}

/// `[06/Nov/1994:08:49:37 +0000]`, rearranged from the fixed form of an HTTP date (`Sun, 06 Nov 1994 08:49:37 GMT`).
fn time(at: SystemTime, out: &mut Vec<u8>) {
    let http = httpdate::fmt_http_date(at);
    let _ = write!(
        out,
        "[{}/{}/{}:{} +0000]",
        &http[5..7],
        &http[8..11],
        &http[12..16],
        &http[17..25]
    );
}

fn json(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let head = entry.head.as_ref();
    let http = httpdate::fmt_http_date(entry.ended);
    let month = MONTHS.find(&http[8..11]).unwrap_or_default() / 3 + 1;
    let millis = entry
        .ended
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .subsec_millis();
    let _ = write!(
        out,
        r#"{{"time":"{}-{month:02}-{}T{}.{millis:03}Z","remote_addr":"{}","#,
        &http[12..16],
        &http[5..7],
        &http[17..25],
        entry
            .origin
            .address
            .map(|address| address.to_string())
            .unwrap_or_default(),
    );
    for (key, value) in [
        ("method", head.map(|head| head.method())),
        ("target", head.map(|head| head.target())),
        (
            "protocol",
            head.map(|head| head.version().as_str().as_bytes()),
        ),
        ("request_line", head.is_none().then_some(entry.request_line)),
        ("host", head.and_then(|head| head.host())),
        ("referer", head.and_then(|head| head.field(b"referer"))),
        (
            "user_agent",
            head.and_then(|head| head.field(b"user-agent")),
        ),
    ] {
        if let Some(value) = value {
            let _ = write!(out, r#""{key}":"#);
            json_string(value, out);
            out.push(b',');
        }
    }
    let _ = write!(
        out,
        r#""status":{},"bytes":{},"duration_us":{},"complete":{}}}"#,
        entry.status,
        entry.body_bytes,
        entry.took.as_micros(),
        entry.complete,
    );
}

/// Bytes as latin-1 text in JSON, in ASCII only.
fn json_string(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in value {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b' '..=b'~' => out.push(*byte),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn times_are_rearranged_right() {
        let mut out = Vec::new();
        time(
            SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777),
            &mut out,
        );
        assert_eq!(out, b"[06/Nov/1994:08:49:37 +0000]");
    }

    proptest! {
        #[test]
        fn nothing_escaped_can_forge_a_line(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut out = Vec::new();
            escape(&value, &mut out);
            prop_assert!(out.iter().all(|byte| (b' '..=b'~').contains(byte) && *byte != b'"'));
            let mut json = Vec::new();
            json_string(&value, &mut json);
            let text: String = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(text, value.iter().map(|byte| char::from(*byte)).collect::<String>());
        }
    }
}
