//! The rules of CGI (RFC 3875) and WSGI (PEP 3333) that need neither Python nor a socket: what a status and a header of an
//! application have to look like, which request headers become entries of the environ and under which names, and whom to
//! believe about the client.
//!
//! Everything here is a function of its arguments, works on bytes (WSGI's strings are bytes in latin-1), and never panics,
//! whatever it is given. The texts of the errors are what an application sees in its `ValueError`.
#![forbid(unsafe_code)]

pub mod content_length;
pub mod environ;
pub mod header;
pub mod proxy;
mod py_bytes_repr;
pub mod status;

pub use py_bytes_repr::PyBytesRepr;
