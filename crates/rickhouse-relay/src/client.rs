//! What the relay asks of the request it works for.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rickhouse_wire::Headers;
use rickhouse_wire::response::Head;

/// A request of httpd's, with the client behind it.
pub trait Client {
    /// What a request ends with when the daemon's answer is not passed on (DD §5.9, §8.5).
    type Instead;

    /// Reads some of the request's body into `buffer`, which is not empty; with what the kernel and the filters have at
    /// hand, without waiting.
    ///
    /// # Errors
    /// When the body cannot be read to its end. It is not asked again then.
    fn read_body(&mut self, buffer: &mut [u8]) -> io::Result<Body>;

    /// What becomes readable when [`Client::read_body`] has more; `None` where nothing does (a stream of HTTP/2).
    fn body_source(&self) -> Option<BorrowedFd<'_>>;

    /// The response is complete, and the request's body was not read to its end: the connection cannot serve another request
    /// before it is, which nobody is to wait for. [`Piece::End`] follows, and the head before it where it has not been sent.
    fn leave_body(&mut self);

    /// Takes the head of the response. The length in it is what the body is held to; a header that tells another one is not
    /// to be passed on.
    fn head(&mut self, head: &Head<'_, Headers<'_>>) -> Then<Self::Instead>;

    /// Passes pieces of the response on, in order; the vector is empty afterwards. May wait for the client.
    ///
    /// # Errors
    /// When the client takes no more. Nothing is passed on then any more.
    fn send(&mut self, pieces: &mut Vec<Piece<'_>>) -> io::Result<()>;

    /// Something to be logged without consequence for the response.
    fn note(&mut self, before: Before<'_>);
}

/// What a read of the client's body brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// So many bytes, more than none.
    Some(usize),
    /// Nothing yet.
    None,
    /// The body is complete.
    End,
}

/// What to do with the body of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then<I> {
    /// Pass it on.
    PassOn,
    /// Read it to its end for the daemon's sake, drop it, and end the request with this.
    Discard(I),
}

/// A part of the response's body.
#[derive(Debug)]
pub enum Piece<'a> {
    /// Bytes, valid while [`Client::send`] runs.
    Data(&'a [u8]),
    /// A part of a regular file.
    File {
        /// The file.
        file: OwnedFd,
        /// Its first byte that counts.
        offset: u64,
        /// How many do.
        length: u64,
    },
    /// What was passed on so far shall leave.
    Flush,
    /// The response is complete.
    End,
    /// The rest of the response will not come, and the client has to be able to see that.
    Truncated,
}

/// What happened before the response, or beside it.
#[derive(Debug)]
pub enum Before<'a> {
    /// The daemon restarts because of a changed script; the request is sent again, for the n-th time.
    Reconnecting(u32),
    /// The daemon takes no more of the request's body; its response is awaited all the same.
    BodyRefused(&'a io::Error),
    /// As above, for the frame that ends the body.
    EndRefused(&'a io::Error),
}
