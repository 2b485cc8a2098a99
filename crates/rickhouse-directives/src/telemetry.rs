//! `WSGITelemetryService`, `WSGISlowRequests` and `WSGITelemetryOptions` (DD §2.8).

use crate::rejected::Rejected;
use crate::text::{Shown, Text};
use crate::value;

/// Where metrics are sent, and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// As written: `unix:` and the path.
    pub target: Text,
    /// Seconds between two reports.
    pub interval: f64,
}

impl Telemetry {
    /// The path of the socket.
    pub fn path(&self) -> &[u8] {
        self.target.strip_prefix(UNIX).unwrap_or(&self.target)
    }

    /// Reads the arguments of `WSGITelemetryService`.
    ///
    /// # Errors
    /// For the cases of DD §2.8, and for a path that is longer than a socket's can be.
    pub fn parse(target: &[u8], second: Option<&[u8]>) -> Result<Self, Rejected> {
        if target.is_empty() {
            return Err("WSGITelemetryService target required".into());
        }
        let path = target.strip_prefix(UNIX).filter(|path| !path.is_empty());
        let path = path.ok_or(NO_TARGET)?;
        if path.len() > crate::socket::PATH_MAX {
            return Err(format!(
                "WSGITelemetryService target is too long, a socket's path has at most {} bytes",
                crate::socket::PATH_MAX
            )
            .into());
        }
        let interval = match second {
            None => 1.0,
            Some(second) => Self::interval(second)?,
        };
        Ok(Self {
            target: target.into(),
            interval,
        })
    }

    fn interval(second: &[u8]) -> Result<f64, Rejected> {
        let interval = second
            .strip_prefix(b"interval=")
            .ok_or("WSGITelemetryService second argument must be 'interval=N'")?;
        value::number::<f64>(interval)
            .filter(|interval| interval.is_finite() && *interval >= 0.5)
            .ok_or_else(|| "WSGITelemetryService interval must be at least 0.5 seconds".into())
    }
}

const UNIX: &[u8] = b"unix:";
const NO_TARGET: &str = "WSGITelemetryService target must be 'unix:/path' (remote 'udp:host:port' targets are no longer supported)";

/// Reads `WSGISlowRequests`; zero is none (DD §14, row 87).
///
/// # Errors
/// When it is empty, no number, or below zero.
pub fn slow_requests(value: &[u8]) -> Result<Option<f64>, Rejected> {
    if value.is_empty() {
        return Err("WSGISlowRequests threshold required".into());
    }
    let threshold = value::number::<f64>(value).filter(|seconds| seconds.is_finite());
    let threshold = threshold.ok_or("WSGISlowRequests threshold must be a number of seconds")?;
    if threshold < 0.0 {
        return Err("WSGISlowRequests threshold must be non-negative".into());
    }
    Ok(Some(threshold).filter(|threshold| *threshold > 0.0))
}

/// `WSGITelemetryOptions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TelemetryFlags {
    /// `CaptureUserAgent`.
    pub capture_user_agent: bool,
}

impl TelemetryFlags {
    const ALL: Self = Self {
        capture_user_agent: true,
    };
    const NONE: Self = Self {
        capture_user_agent: false,
    };

    /// What holds after a `WSGITelemetryOptions`: signed flags change what held before, others replace it.
    ///
    /// # Errors
    /// For the cases of DD §2.8.
    pub fn after(self, line: &[u8]) -> Result<Self, Rejected> {
        let mut flags = self;
        let mut form = None;
        for word in crate::words::Words::new(line) {
            let (sign, name) = match word.split_first() {
                Some((sign @ (b'+' | b'-'), name)) => (Some(*sign), name),
                _ => (None, &word[..]),
            };
            if sign.is_some() && name.is_empty() {
                return Err(reject("bare '+' / '-' is not a flag"));
            }
            match form {
                None if sign.is_none() => flags = Self::NONE,
                Some(signed) if signed != sign.is_some() => {
                    return Err(reject(
                        "cannot mix +/- form with absolute names in a single directive",
                    ));
                }
                _ => {}
            }
            form = Some(sign.is_some());
            flags.apply(sign, name)?;
        }
        form.map(|_| flags)
            .ok_or_else(|| reject("at least one flag required"))
    }

    fn apply(&mut self, sign: Option<u8>, name: &[u8]) -> Result<(), Rejected> {
        let whole = [("None", Self::NONE), ("All", Self::ALL)];
        if let Some((known, flags)) = whole
            .iter()
            .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
        {
            if sign.is_some() {
                return Err(reject(&format!("'{known}' may not have a +/- prefix")));
            }
            *self = *flags;
        } else if name.eq_ignore_ascii_case(b"CaptureUserAgent") {
            self.capture_user_agent = sign != Some(b'-');
        } else {
            let name = Shown(name);
            return Err(reject(&format!("unknown flag '{name}'")));
        }
        Ok(())
    }
}

fn reject(text: &str) -> Rejected {
    format!("WSGITelemetryOptions: {text}").into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn services() {
        let parse = |target: &str, second: Option<&str>| {
            Telemetry::parse(target.as_bytes(), second.map(str::as_bytes)).map_err(String::from)
        };
        let service = parse("unix:/run/t", None).unwrap();
        assert_eq!((service.path(), service.interval), (&b"/run/t"[..], 1.0));
        assert_eq!(
            parse("unix:/t", Some("interval=0.5")).unwrap().interval,
            0.5
        );
        let check = |target: &str, second: Option<&str>, text: &str| {
            assert_eq!(
                parse(target, second),
                Err(format!("WSGITelemetryService {text}"))
            );
        };
        check("", None, "target required");
        let no_target =
            "target must be 'unix:/path' (remote 'udp:host:port' targets are no longer supported)";
        check("udp:/x", None, no_target);
        check("unix:", None, no_target);
        for interval in ["0.4", "-1", "x", "", "1s", "nan", "inf"] {
            let second = format!("interval={interval}");
            check(
                "unix:/t",
                Some(&second),
                "interval must be at least 0.5 seconds",
            );
        }
        check(
            "unix:/t",
            Some("every=1"),
            "second argument must be 'interval=N'",
        );
        let long = format!("unix:/{}", "x".repeat(crate::socket::PATH_MAX));
        check(
            &long,
            None,
            "target is too long, a socket's path has at most 107 bytes",
        );
    }

    #[test]
    fn thresholds() {
        let check = |value: &str, expected: Result<Option<f64>, &str>| {
            let expected = expected.map_err(|text| format!("WSGISlowRequests threshold {text}"));
            assert_eq!(
                slow_requests(value.as_bytes()).map_err(String::from),
                expected,
                "{value}"
            );
        };
        check("0", Ok(None));
        check("0.5", Ok(Some(0.5)));
        check("", Err("required"));
        check("-1", Err("must be non-negative"));
        for rubbish in ["x", "1s", "nan", "inf"] {
            check(rubbish, Err("must be a number of seconds"));
        }
    }

    #[test]
    fn flags() {
        let check = |before: bool, line: &str, expected: Result<bool, &str>| {
            let before = TelemetryFlags {
                capture_user_agent: before,
            };
            let found = before
                .after(line.as_bytes())
                .map(|flags| flags.capture_user_agent);
            let expected = expected.map_err(|text| format!("WSGITelemetryOptions: {text}"));
            assert_eq!(found.map_err(String::from), expected, "{line}");
        };
        check(false, "captureuseragent", Ok(true));
        check(true, "None", Ok(false));
        check(false, "all", Ok(true));
        check(false, "All None", Ok(false));
        check(false, "None CaptureUserAgent", Ok(true));
        check(false, "+CaptureUserAgent", Ok(true));
        check(true, "-CaptureUserAgent", Ok(false));
        check(true, "-CaptureUserAgent +CaptureUserAgent", Ok(true));
        check(false, "", Err("at least one flag required"));
        check(false, "+", Err("bare '+' / '-' is not a flag"));
        check(false, "-", Err("bare '+' / '-' is not a flag"));
        let mixed = "cannot mix +/- form with absolute names in a single directive";
        check(false, "+CaptureUserAgent CaptureUserAgent", Err(mixed));
        check(false, "All -CaptureUserAgent", Err(mixed));
        check(false, "+none", Err("'None' may not have a +/- prefix"));
        check(false, "-All", Err("'All' may not have a +/- prefix"));
        check(false, "Other", Err("unknown flag 'Other'"));
        check(false, "-Other", Err("unknown flag 'Other'"));
    }

    proptest! {
        #[test]
        fn any_line(line: Vec<u8>) {
            let _ = TelemetryFlags::default().after(&line);
            let _ = slow_requests(&line);
            let _ = Telemetry::parse(&line, Some(&line));
        }
    }
}
