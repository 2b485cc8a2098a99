//! The child's side of a request that a daemon process answers: connect, send the request, relay both bodies at the same
//! time, and tell what went wrong in terms that can be mapped to a status and a record (DD §8).
//!
//! No httpd here: the request it works for is a [`Client`]. One thread, blocking: it is the thread that httpd gave to the
//! request. Nothing is kept from one request to the next but [spare buffers](scratch).
//!
//! # Order of things
//!
//! A connection carries one request. What is known when it is made (the request frame, and a small body) is sent at once.
//! A body that does not ride along is *framed*, and taken from the client only after the daemon has said that it wants it:
//! a daemon that restarts instead has lost nothing, and the request is sent to another one. From then on whichever side
//! has something is served, so that an application may answer before it has read (DD §14, row 30).
//!
//! # What goes wrong
//!
//! Before the head of a response: a [`Failure`]. After it a status is out of reach: the client is shown that the response
//! is incomplete, see [`Piece::Truncated`], and [`Answer::Truncated`] tells the reason.
#![forbid(unsafe_code)]

mod attempts;
mod client;
mod connect;
mod exchange;
mod failure;
mod head;
mod held;
pub mod scratch;
mod stop;
mod upload;

pub use attempts::{Daemon, Limits, Outgoing, relay};
pub use client::{Before, Body, Client, Piece, Then};
pub use failure::{Answer, Failure, Nonsense};
