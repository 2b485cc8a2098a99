//! `ap_regex_t`: httpd's regular expressions, for directives that take one.

use std::ffi::{CString, c_char};
use std::fmt;
use std::ops::Range;

use rickhouse_httpd_sys as sys;

use crate::pool::Pool;
use crate::text::{HasNul, bytes};

/// A compiled expression, which belongs to no pool.
pub struct Regex(Box<sys::ap_regex_t>);

// SAFETY: httpd matches with an expression from many threads at once (AliasMatch); it is not changed by that.
unsafe impl Send for Regex {}
// SAFETY: as above.
unsafe impl Sync for Regex {}

/// Why an expression cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRegex(String);

impl fmt::Display for BadRegex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for BadRegex {}

/// Where an expression and its groups were found; the first range is the whole.
#[derive(Clone)]
pub struct Captures {
    found: [sys::ap_regmatch_t; Self::MOST],
    subject: CString,
}

impl Regex {
    /// `ap_regcomp` with `AP_REG_EXTENDED`, as for `AliasMatch`.
    ///
    /// # Errors
    /// When it is no expression.
    pub fn new(pattern: &[u8]) -> Result<Self, BadRegex> {
        let pattern = CString::new(pattern).map_err(|_| BadRegex(HasNul.to_string()))?;
        // SAFETY: numbers and pointers, for which nothing but zero is right before the call below.
        let mut regex: Box<sys::ap_regex_t> = Box::new(unsafe { std::mem::zeroed() });
        // SAFETY: the structure is ours, the pattern lives.
        let failed = unsafe {
            sys::ap_regcomp(
                &raw mut *regex,
                pattern.as_ptr(),
                sys::AP_REG_EXTENDED as i32,
            )
        };
        if failed == 0 {
            return Ok(Self(regex));
        }
        let mut text: [c_char; 200] = [0; 200];
        // SAFETY: httpd writes into the buffer, no more than its length.
        unsafe { sys::ap_regerror(failed, &raw const *regex, text.as_mut_ptr(), text.len()) };
        // SAFETY: httpd has ended the text with a NUL.
        let text = unsafe { bytes(text.as_ptr()) }.unwrap_or_default();
        // httpd pads the text with blanks.
        Err(BadRegex(
            String::from_utf8_lossy(text.trim_ascii()).into_owned(),
        ))
    }

    /// `ap_regexec`: the first place in `subject`, and its groups up to the ninth.
    pub fn find(&self, subject: &[u8]) -> Option<Captures> {
        let subject = CString::new(subject).ok()?;
        let mut found = [sys::ap_regmatch_t {
            rm_so: -1,
            rm_eo: -1,
        }; Captures::MOST];
        let (regex, text) = (&raw const *self.0, subject.as_ptr());
        // SAFETY: the expression is compiled, the subject lives, there is room for as many groups as we say.
        let failed = unsafe { sys::ap_regexec(regex, text, found.len(), found.as_mut_ptr(), 0) };
        (failed == 0).then_some(Captures { found, subject })
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: `new` compiled it, once, and nobody uses it any more.
        unsafe { sys::ap_regfree(&raw mut *self.0) };
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Regex").finish_non_exhaustive()
    }
}

impl Captures {
    /// `AP_MAX_REG_MATCH`: the whole and nine groups.
    const MOST: usize = sys::AP_MAX_REG_MATCH as usize;

    /// Where group `number` is in the subject; 0 is the whole.
    pub fn range(&self, number: usize) -> Option<Range<usize>> {
        let group = self.found.get(number)?;
        let start = usize::try_from(group.rm_so).ok()?;
        Some(start..usize::try_from(group.rm_eo).ok()?)
    }

    /// `ap_pregsub`: `template` with `$0` to `$9` and `&` replaced by what was found. Nothing where the result is too
    /// long for httpd.
    pub fn substitute(&self, pool: Pool<'_>, template: &[u8]) -> Option<Vec<u8>> {
        let template = CString::new(template).ok()?;
        let (template, subject, pool) = (template.as_ptr(), self.subject.as_ptr(), pool.as_ptr());
        let (groups, length) = (self.found.as_ptr().cast_mut(), self.found.len());
        // SAFETY: all texts live and the groups, which are only read, are of this subject.
        let text = unsafe { sys::ap_pregsub(pool, template, subject, length, groups) };
        // SAFETY: httpd has made the text in the pool.
        unsafe { bytes(text) }.map(<[u8]>::to_vec)
    }
}
