//! Numbers with and without units, modes, and switches.

use std::time::Duration;

use bytesize::ByteSize;

use super::Complaint;

/// The longest duration an option takes. Far beyond any use, and far below where adding it to a clock could overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A whole number in decimal digits.
pub(crate) fn parse_whole(text: &str) -> Result<u64, Complaint> {
    // `u64::from_str` would take a sign as well.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Complaint::new(format!("{text:?} is not a whole number")));
    }
    text.parse()
        .map_err(|_| Complaint::new(format!("{text} is too large a number")))
}

/// `30s`, `1m30s`, `500ms`; a bare number is in seconds and may have a fraction.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, Complaint> {
    let not_one = || {
        Complaint::new(format!("{text:?} is not a duration"))
            .hint("write 30s, 1m30s, 500ms, or a number of seconds")
    };
    let too_long = || Complaint::new(format!("{text} is longer than a year"));
    let duration = if !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        let seconds: f64 = text.parse().map_err(|_| not_one())?;
        Duration::try_from_secs_f64(seconds).map_err(|_| too_long())?
    } else {
        match humantime::parse_duration(text) {
            Ok(duration) => duration,
            Err(humantime::DurationError::NumberOverflow) => return Err(too_long()),
            Err(_) => return Err(not_one()),
        }
    };
    if duration > LONGEST {
        Err(too_long())
    } else {
        Ok(duration)
    }
}

/// `64KiB` (1024), `64kB` or `64k` (1000), …; a bare number is in bytes.
pub(crate) fn parse_size(text: &str) -> Result<u64, Complaint> {
    let size: ByteSize = text.parse().map_err(|_| {
        Complaint::new(format!("{text:?} is not a size"))
            .hint("write 64KiB (1024 each), 64kB (1000 each), 1GiB, or a number of bytes")
    })?;
    // Sizes meet `off_t` sooner or later, and the crate saturates.
    if size.as_u64() > i64::MAX as u64 {
        return Err(Complaint::new(format!("{text} is too large a size")));
    }
    Ok(size.as_u64())
}

/// Permission bits in octal.
pub(crate) fn parse_octal(text: &str) -> Result<u32, Complaint> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let good = !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if good && mode <= 0o777 => Ok(mode),
        _ => Err(Complaint::new(format!(
            "{text:?} is not an octal mode between 0 and 777"
        ))),
    }
}

/// `true` or `false`, in the words operators use.
pub(crate) fn parse_switch(text: &str) -> Result<bool, Complaint> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(
            Complaint::new(format!("{text:?} is neither true nor false"))
                .hint("write true, 1, yes, on, or false, 0, no, off"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers() {
        assert_eq!(parse_whole("0"), Ok(0));
        assert_eq!(parse_whole("00042"), Ok(42));
        assert_eq!(parse_whole("18446744073709551615"), Ok(u64::MAX));
        for bad in ["", "x", "-1", "+1", "1.0", " 1", "1_000", "٣"] {
            assert_eq!(
                parse_whole(bad),
                Err(Complaint::new(format!("{bad:?} is not a whole number")))
            );
        }
        assert!(
            parse_whole("18446744073709551616")
                .unwrap_err()
                .message
                .contains("too large")
        );
    }

    #[test]
    fn durations() {
        let check = |text: &str, millis: u64| {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            )
        };
        check("0", 0);
        check("30", 30_000);
        check("0.5", 500);
        check(".5", 500);
        check("30s", 30_000);
        check("1m30s", 90_000);
        check("1m 30s", 90_000);
        check("500ms", 500);
        check("1h", 3_600_000);
        check("365d", 365 * 24 * 3_600_000);
        for bad in [
            "",
            "x",
            "-1",
            "-1s",
            "1e3",
            "NaN",
            "inf",
            ".",
            "1.2.3",
            "s",
            "30 parsecs",
        ] {
            assert!(
                parse_duration(bad)
                    .unwrap_err()
                    .message
                    .ends_with("is not a duration"),
                "{bad}"
            );
        }
        for long in [
            "366d",
            "99999999999999999999",
            "99999999999999999999s",
            "31536001",
        ] {
            assert!(
                parse_duration(long)
                    .unwrap_err()
                    .message
                    .ends_with("is longer than a year"),
                "{long}"
            );
        }
    }

    #[test]
    fn sizes() {
        let check = |text: &str, bytes: u64| assert_eq!(parse_size(text), Ok(bytes), "{text}");
        check("0", 0);
        check("8190", 8190);
        check("64KiB", 65536);
        check("64ki", 65536);
        check("64k", 64_000);
        check("64kB", 64_000);
        check("1.5 MiB", 1_572_864);
        check("1GiB", 1 << 30);
        for bad in ["", "x", "-1", "1 elephant", "KiB", "1KiBx", "."] {
            assert!(
                parse_size(bad)
                    .unwrap_err()
                    .message
                    .ends_with("is not a size"),
                "{bad}"
            );
        }
        for large in ["9223372036854775808", "99999999EiB", "8EiB"] {
            assert!(
                parse_size(large)
                    .unwrap_err()
                    .message
                    .ends_with("is too large a size"),
                "{large}"
            );
        }
    }

    #[test]
    fn modes() {
        assert_eq!(parse_octal("022"), Ok(0o22));
        assert_eq!(parse_octal("0o660"), Ok(0o660));
        assert_eq!(parse_octal("0"), Ok(0));
        for bad in [
            "",
            "8",
            "1000",
            "-1",
            "+7",
            "0x1",
            "rw-",
            "77777777777777777777",
        ] {
            assert!(parse_octal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn switches() {
        for yes in ["true", "1", "yes", "on", "True", "ON"] {
            assert_eq!(parse_switch(yes), Ok(true));
        }
        for no in ["false", "0", "no", "off", "False"] {
            assert_eq!(parse_switch(no), Ok(false));
        }
        for bad in ["", "y", "2", "enable"] {
            assert!(parse_switch(bad).is_err(), "{bad}");
        }
    }
}
