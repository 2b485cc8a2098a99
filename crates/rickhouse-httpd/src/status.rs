//! What APR calls answer: `apr_status_t`.

use std::ffi::{c_char, c_int};
use std::{fmt, io};

use rickhouse_httpd_sys as sys;

use crate::outcome::Outcome;

/// `apr_status_t` that is not success: an `errno`, or a number of APR's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(c_int);

/// APR's error numbers below this one are `errno`.
const OWN: c_int = sys::APR_OS_START_ERROR as c_int;

impl Status {
    /// `APR_EGENERAL`, for what has no better number.
    pub const GENERAL: Self = Self(sys::APR_EGENERAL as c_int);
    /// `AP_FILTER_ERROR`; see [`is_answered`](Self::is_answered).
    pub const ANSWERED: Self = Self(sys::AP_FILTER_ERROR);

    /// Nothing for `APR_SUCCESS`.
    pub(crate) fn check(status: sys::apr_status_t) -> Result<(), Self> {
        if status == 0 {
            Ok(())
        } else {
            Err(Self(status))
        }
    }

    /// The number itself.
    pub fn code(self) -> c_int {
        self.0
    }

    /// Whether a filter has already sent an answer of its own: the handler must return [`Status::to_outcome`] and send
    /// nothing more.
    pub fn is_answered(self) -> bool {
        self == Self::ANSWERED
    }

    /// `APR_STATUS_IS_EAGAIN`: nothing is there yet.
    pub fn is_again(self) -> bool {
        self.0 == libc::EAGAIN
    }

    /// `APR_STATUS_IS_TIMEUP`: a time limit of the connection has passed.
    pub fn is_time_up(self) -> bool {
        self.0 == sys::APR_TIMEUP as c_int || self.0 == libc::ETIMEDOUT
    }

    /// `ap_map_http_request_error`: what to answer to a client whose body could not be read.
    pub fn to_outcome(self, otherwise: u16) -> Outcome {
        // SAFETY: a pure function of two numbers.
        let code = unsafe { sys::ap_map_http_request_error(self.0, c_int::from(otherwise)) };
        Outcome::from_code(code)
    }

    /// The status inside of an error that this crate made.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }

    fn kind(self) -> io::ErrorKind {
        match self.0 {
            code if self.is_time_up() || code == libc::EAGAIN => io::ErrorKind::TimedOut,
            libc::EPIPE | libc::ECONNRESET | libc::ECONNABORTED => io::ErrorKind::ConnectionAborted,
            code if code == sys::APR_EOF as c_int || code == sys::APR_INCOMPLETE as c_int => {
                io::ErrorKind::UnexpectedEof
            }
            code if 0 < code && code < OWN => io::Error::from_raw_os_error(code).kind(),
            _ => io::ErrorKind::Other,
        }
    }
}

impl fmt::Display for Status {
    /// The text of `apr_strerror`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_answered() {
            return formatter.write_str("a filter has answered the client");
        }
        let mut text: [c_char; 200] = [0; 200];
        // SAFETY: APR writes into the buffer, no more than its length with the NUL counted.
        unsafe { sys::apr_strerror(self.0, text.as_mut_ptr(), text.len()) };
        // SAFETY: APR has ended the text with a NUL; it is not changed while borrowed.
        let text = unsafe { crate::text::bytes(text.as_ptr()) }.unwrap_or_default();
        formatter.write_str(&String::from_utf8_lossy(text))
    }
}

impl std::error::Error for Status {}

impl From<Status> for io::Error {
    fn from(status: Status) -> Self {
        Self::new(status.kind(), status)
    }
}
