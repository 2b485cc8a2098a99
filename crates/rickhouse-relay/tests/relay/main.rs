//! The relay between a daemon that follows a script and a client that keeps what it is given.

mod hostile;
mod requests;
mod responses;
mod silence;
mod support;
