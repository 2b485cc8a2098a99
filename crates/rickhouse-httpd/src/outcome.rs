//! What hooks and providers answer.

use std::ffi::c_int;

use rickhouse_httpd_sys as sys;

/// What a request hook returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// `OK`: done with this phase.
    Ok,
    /// `DECLINED`: another module's business.
    Declined,
    /// `DONE`: the response is complete, skip all other phases.
    Done,
    /// A status, for which httpd makes the answer.
    Http(u16),
    /// `AP_FILTER_ERROR`: a filter has made the answer.
    Answered,
}

impl Outcome {
    /// Status 500.
    pub const INTERNAL_ERROR: Self = Self::Http(500);
    /// Status 403.
    pub const FORBIDDEN: Self = Self::Http(403);

    pub(crate) fn code(self) -> c_int {
        match self {
            Self::Ok => sys::OK as c_int,
            Self::Declined => sys::DECLINED,
            Self::Done => sys::DONE,
            Self::Http(status) => c_int::from(status),
            Self::Answered => sys::AP_FILTER_ERROR,
        }
    }

    pub(crate) fn from_code(code: c_int) -> Self {
        match code {
            0 => Self::Ok,
            sys::DECLINED => Self::Declined,
            sys::DONE => Self::Done,
            sys::AP_FILTER_ERROR => Self::Answered,
            // httpd treats numbers that are no status as 500, too.
            other => u16::try_from(other).map_or(Self::INTERNAL_ERROR, Self::Http),
        }
    }
}

/// A start-up hook could not do its work; the reason has been logged, and httpd does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

/// `authn_status`: what an authentication provider says of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// The password is right.
    Granted,
    /// The password is wrong.
    Denied,
    /// The user is known (digest authentication: a hash was found).
    UserFound,
    /// The user is not known here; the next provider is asked.
    UserNotFound,
    /// Nothing could be found out: status 500.
    Error,
}

impl Authentication {
    pub(crate) fn code(self) -> sys::authn_status {
        match self {
            Self::Granted => sys::AUTH_GRANTED,
            Self::Denied => sys::AUTH_DENIED,
            Self::UserFound => sys::AUTH_USER_FOUND,
            Self::UserNotFound => sys::AUTH_USER_NOT_FOUND,
            Self::Error => sys::AUTH_GENERAL_ERROR,
        }
    }
}

/// `authz_status`: what an authorisation provider says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization {
    /// The request fulfils the `Require` line.
    Granted,
    /// It does not.
    Denied,
    /// The line says nothing about this request.
    Neutral,
    /// Nothing could be found out: status 500.
    Error,
    /// No user is known yet: httpd asks for one.
    DeniedNoUser,
}

impl Authorization {
    pub(crate) fn code(self) -> sys::authz_status {
        match self {
            Self::Granted => sys::AUTHZ_GRANTED,
            Self::Denied => sys::AUTHZ_DENIED,
            Self::Neutral => sys::AUTHZ_NEUTRAL,
            Self::Error => sys::AUTHZ_GENERAL_ERROR,
            Self::DeniedNoUser => sys::AUTHZ_DENIED_NO_USER,
        }
    }
}
