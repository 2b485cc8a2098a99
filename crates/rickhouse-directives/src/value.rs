//! Values of directives: switches and numbers. Where mod_wsgi takes leading digits and ignores what follows (DD §1.4), the whole value
//! has to be a number here: a mistyped unit is a mistake, not a smaller number.

use std::str::FromStr;

use crate::rejected::Rejected;

/// `On` or `Off`, in any case.
pub fn switch(value: &[u8]) -> Option<bool> {
    if value.eq_ignore_ascii_case(b"on") {
        Some(true)
    } else if value.eq_ignore_ascii_case(b"off") {
        Some(false)
    } else {
        None
    }
}

/// The value of a directive that is a switch.
///
/// # Errors
/// When it is neither `On` nor `Off`.
pub fn switch_of(directive: &str, value: &[u8]) -> Result<bool, Rejected> {
    switch(value).ok_or_else(|| format!("{directive} must be one of: Off | On").into())
}

/// A decimal number that is all of the value, with or without a sign.
pub fn number<T: FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// An octal number of at most twelve bits, as `umask` takes it.
pub fn octal_mode(value: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(value).ok()?;
    let mode = u32::from_str_radix(digits, 8).ok()?;
    (!digits.starts_with('+') && mode <= 0o7777).then_some(mode)
}

/// A number of seconds above zero. `inf` and `nan`, which Rust reads as numbers too, are no time to wait.
pub fn positive_seconds(value: &[u8]) -> Option<f64> {
    number::<f64>(value).filter(|seconds| seconds.is_finite() && *seconds > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches() {
        for (value, expected) in [
            ("On", Some(true)),
            ("oFF", Some(false)),
            ("yes", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(switch(value.as_bytes()), expected, "{value}");
        }
        let rejected = switch_of("WSGIErrorOverride", b"true").unwrap_err();
        assert_eq!(
            rejected.to_string(),
            "WSGIErrorOverride must be one of: Off | On"
        );
    }

    #[test]
    fn numbers() {
        assert_eq!(number::<u32>(b"007"), Some(7));
        assert_eq!(number::<i32>(b"-7"), Some(-7));
        for rubbish in ["", " 1", "1s", "abc", "0x10", "4294967296", "1.5", "-1"] {
            assert_eq!(number::<u32>(rubbish.as_bytes()), None, "{rubbish}");
        }
    }

    #[test]
    fn modes() {
        assert_eq!(octal_mode(b"0022"), Some(0o022));
        assert_eq!(octal_mode(b"0"), Some(0));
        for rubbish in ["", "8", "-1", "+7", "022x", "10000", "77777777777777"] {
            assert_eq!(octal_mode(rubbish.as_bytes()), None, "{rubbish}");
        }
    }

    #[test]
    fn seconds() {
        assert_eq!(positive_seconds(b"0.005"), Some(0.005));
        for rubbish in ["", "0", "-1", "inf", "nan", "1e999", "1s", "infinity"] {
            assert_eq!(positive_seconds(rubbish.as_bytes()), None, "{rubbish}");
        }
    }
}
