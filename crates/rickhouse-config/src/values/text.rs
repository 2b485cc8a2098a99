//! Texts with a grammar of their own: URL paths, the mount path, a header value.

use super::Complaint;

/// A path a client asks for (RFC 9112 section 3.2.1, without a query).
pub(crate) fn check_url_path(text: &str) -> Result<(), Complaint> {
    if !text.starts_with('/') {
        return Err(Complaint::new(format!(
            "{text:?} does not start with \"/\""
        )));
    }
    if text
        .bytes()
        .any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'?' | b'#'))
    {
        return Err(Complaint::new(format!(
            "{text:?} has a character that cannot be in the path of a URL"
        )));
    }
    Ok(())
}

/// `SCRIPT_NAME` (PEP 3333): empty, or segments with a slash before each.
pub(crate) fn check_root_path(text: &str) -> Result<(), Complaint> {
    if text.is_empty() {
        return Ok(());
    }
    check_url_path(text)?;
    if text.ends_with('/') {
        let shorter = text.trim_end_matches('/');
        return Err(
            Complaint::new(format!("{text:?} ends with \"/\"")).hint(format!("write {shorter:?}"))
        );
    }
    Ok(())
}

/// A header value of our own: visible ASCII and single spaces between (RFC 9110 section 5.5, without obs-text).
pub(crate) fn check_header_text(text: &str) -> Result<(), Complaint> {
    if text
        .bytes()
        .any(|byte| !byte.is_ascii_graphic() && byte != b' ')
    {
        return Err(Complaint::new(format!(
            "{text:?} has a character other than printable ASCII"
        )));
    }
    if text.trim() != text {
        return Err(Complaint::new(format!(
            "{text:?} starts or ends with a space"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_paths() {
        for good in ["/", "/healthz", "/a/b-c_d.e~f", "/%20"] {
            assert_eq!(check_url_path(good), Ok(()), "{good}");
        }
        for bad in ["", "healthz", "/a b", "/a?b", "/a#b", "/\n", "/é"] {
            assert!(check_url_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn root_paths() {
        for good in ["", "/app", "/a/b"] {
            assert_eq!(check_root_path(good), Ok(()), "{good}");
        }
        for bad in ["/", "app", "/app/", "/a b"] {
            assert!(check_root_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn header_texts() {
        for good in ["", "rickhouse", "a b/1.0 (c)"] {
            assert_eq!(check_header_text(good), Ok(()), "{good}");
        }
        for bad in [" a", "a ", "a\tb", "a\r\nb", "é", "\0"] {
            assert!(check_header_text(bad).is_err(), "{bad:?}");
        }
    }
}
