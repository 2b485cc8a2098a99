//! Scripts that decide who may come in (DD §5.11).

use rickhouse_httpd::{Authentication, Authorization, Outcome, Request};

pub(crate) fn check_access(_: &mut Request<'_>) -> Outcome {
    Outcome::Declined
}

pub(crate) fn check_password(_: &mut Request<'_>, _: &[u8], _: &[u8]) -> Authentication {
    Authentication::Error
}

pub(crate) fn realm_hash(
    _: &mut Request<'_>,
    _: &[u8],
    _: &[u8],
) -> Result<Vec<u8>, Authentication> {
    Err(Authentication::Error)
}

pub(crate) fn check_groups(_: &mut Request<'_>, _: &[u8]) -> Authorization {
    Authorization::Denied
}
