//! The frames between an httpd child and a daemon process: encode, decode, version.
//!
//! Bytes in, bytes out: whoever owns the socket reads and writes. One connection carries one request. The format is
//! private to one build of the module (both ends are replaced together), so there is one version and no negotiation;
//! its number is part of the magic, and a peer of another version is refused by it. All numbers are little-endian.
//!
//! # Child to daemon
//!
//! The request frame, then the body.
//!
//! | offset | bytes | request frame |
//! |---|---|---|
//! | 0 | 4 | magic `RKW1` |
//! | 4 | 4 | length of the frame in bytes, from the magic to the last environ entry, at most [`MAX_REQUEST`] |
//! | 8 | 32 | [origin token](Token) |
//! | 40 | 4 | index of the virtual host in httpd's list of servers |
//! | 44 | 1 | body: 0 none, 1 attached, 2 framed with known length, 3 framed with unknown length |
//! | 45 | 1 | [reload policy](Reload): 0 off, 1 in place, 2 reject |
//! | 46 | 2 | [flags](Flags): 1 https, 2 ignore activity, 4 files accepted |
//! | 48 | 8 | length of the body in bytes (0 when there is none or it is unknown) |
//! | 56 | 8 | when httpd received the request, microseconds since the Unix epoch |
//! | 64 | 8 | when the child began to connect, microseconds since the Unix epoch |
//! | 72 | 4 | attempts to connect, from 1 |
//! | 76 | 4 | of these, how many were made because a process answered `REJECTED` |
//! | 80 | … | eight texts, each 4 bytes of length and its bytes, in the order of [`RequestHead`]'s fields |
//! | … | … | environ entries up to the length of the frame: 1 byte of [kind](Value), 4 of name length, 4 of value length, name, value |
//!
//! An *attached* body follows the request frame as plain bytes, as many as its length says (at most [`MAX_ATTACHED`]).
//! A *framed* body follows as [body frames](body), and only after the daemon answered [`response::Event::Continue`].
//!
//! # Daemon to child
//!
//! [Response frames](response). The first is either a verdict (`Continue`, `Rejected`, `Timeout`) or the beginning of
//! the answer: `Continue` is sent for framed bodies only, and the answer follows it on the same connection.
//!
//! # Body and response frames
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 1 | kind |
//! | 1 | 3 | zero |
//! | 4 | 4 | length of the payload in bytes |
//! | 8 | … | payload |
//!
//! Payloads of `DATA` (kind 1 in both directions) are handed out as they come in and may have any length; all others
//! are collected and bounded. Whatever the bytes are, decoding ends in an event or a [`WireError`], never in a panic, and
//! never takes more memory than the bounds.
#![forbid(unsafe_code)]

pub mod body;
mod error;
mod frame;
mod pairs;
mod request;
pub mod response;
mod token;

pub use error::WireError;
pub use pairs::{Entries, Headers, Value};
pub use request::{
    Body, Flags, MAX_ATTACHED, MAX_REQUEST, Reload, RequestFrame, RequestHead, RequestWriter,
    frame_length, frame_token, set_attempts,
};
pub use token::Token;
