//! CGI and WSGI rules as pure functions: environ names, status and header checks, body lengths, proxy headers.
#![forbid(unsafe_code)]
