//! Whether a response's head is fit to be passed on. The daemon runs as another user, and what it says is not taken on trust.

use rickhouse_wire::Headers;
use rickhouse_wire::response::Head;
use rickhouse_wsgi::header::is_token;

use crate::failure::{Failure, Nonsense};

/// The most bytes of a reason phrase.
const MAX_REASON: usize = 1 << 10;
/// The most headers.
const MAX_HEADERS: usize = 1000;
/// The least bound for all of a head, in bytes.
const LEAST_BOUND: u32 = 1 << 20;

/// The most bytes of a head where a line of it may have `line`.
pub(crate) fn bound(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX).max(LEAST_BOUND)
}

/// Checks a head. No line of it may have more than `line` bytes (`header-buffer-size`).
pub(crate) fn check(head: &Head<'_, Headers<'_>>, line: usize) -> Result<(), Failure> {
    let malformed = |what| Err(Failure::Malformed(Nonsense::Head(what)));
    if head.headers.count() > MAX_HEADERS {
        return malformed("too many headers");
    }
    if head.reason.len() > MAX_REASON || !is_text(head.reason) {
        return malformed("a reason phrase that is none");
    }
    // As the lines would be written: a status and a space in front; name, colon, space, value.
    if head.reason.len() + 4 > line {
        return Err(Failure::HeaderTooLong);
    }
    for (name, value) in head.headers {
        if name.len() + value.len() + 2 > line {
            return Err(Failure::HeaderTooLong);
        }
        if !is_token(name) {
            return malformed("a header whose name is no token");
        }
        if !is_text(value) {
            return malformed("a control character in a header");
        }
    }
    Ok(())
}

fn is_text(bytes: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    !bytes.iter().any(is_control)
}
