//! The seam between the adapter and a front end.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;

use rickhouse_python::Lendable;

/// The head of a response, as the application gave it and the adapter checked it.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a> {
    /// Three digits.
    pub status: u16,
    /// The reason phrase, possibly empty.
    pub reason: &'a [u8],
    /// Names and values, in the application's order.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// The length of the body when it is known: the application's Content-Length, or the size of a complete body.
    pub length: Option<u64>,
    /// Whether `headers` holds the Content-Length already.
    pub length_declared: bool,
}

/// Why a request ends without the application's response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The application raised, or broke the protocol: 500.
    Application,
    /// The request was interrupted because it ran for too long: 504.
    Timeout,
}

/// One request and its response, as the adapter sees them (design: "the seam").
///
/// Methods that may block on the client (`read`, `write`, `flush`, `send_file`) are called by a detached thread, all
/// others while it is attached. Every failure of the client ends as an [`io::Error`]; the adapter never retries.
pub trait Exchange: Send {
    /// Gives every CGI entry of the environ (PEP 3333 "environ Variables") to `sink`, values as bytes.
    fn environ(&self, sink: &mut dyn FnMut(&[u8], &[u8]));

    /// Gives the entries of the environ that are no plain texts, after those of [`Exchange::environ`]. They are set anew
    /// for each request, so a text that is ASCII anyway is better given there.
    fn extras(&self, _sink: &mut dyn FnMut(&[u8], Value<'_>)) {}

    /// The interpreter was acquired and the script need not be reloaded elsewhere: a front end in another process may
    /// send the body now. Called once, before a script is imported. An error ends the request.
    ///
    /// It is called while attached, and must not block: every request would pay for letting go of the interpreter and
    /// coming back, for a few bytes that a front end waits for.
    ///
    /// # Errors
    /// The front end is gone.
    fn admit(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The script is loaded, whether or not it has the callable. Called while attached; must not block.
    fn loaded(&mut self) {}

    /// The application is done and gave less than its Content-Length. The client has to see that: a front end closes the
    /// connection, unless the response has no body by nature (`HEAD`, 204, 304).
    fn fell_short(&mut self) {}

    /// `wsgi.url_scheme` is `https`.
    fn is_https(&self) -> bool;

    /// Whether the whole request body is in memory, so that `read` does not block.
    fn body_in_memory(&self) -> bool;

    /// How many body bytes are still to come, where the client has said so. It decides how much memory is asked for at
    /// once, and nothing else: a filter of the server can make the body longer or shorter.
    fn body_left(&self) -> Option<u64> {
        None
    }

    /// Reads body bytes; 0 means the end. The first read asks for the body when the client waits to be asked.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Takes the response's head. It reaches the wire with the first body bytes, or at the end.
    fn start(&mut self, head: &ResponseHead<'_>) -> io::Result<()>;

    /// How many body bytes [`Exchange::push`] takes without blocking.
    fn room(&self) -> usize;

    /// Copies body bytes into the front end's buffer.
    fn push(&mut self, data: &[u8]);

    /// Sends the head, what was pushed, and `data`.
    fn write(&mut self, data: &[u8]) -> io::Result<()>;

    /// Sends the head and what was pushed.
    fn flush(&mut self) -> io::Result<()>;

    /// Sends `length` bytes of a regular file from `offset`, by the kernel where that is possible.
    fn send_file(&mut self, file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()>;

    /// Ends the request without (the rest of) the application's response: an error page when nothing was sent yet,
    /// otherwise a truncation that the client can see.
    fn fail(&mut self, failure: Failure);

    /// Whether the response's head was taken by [`Exchange::start`].
    fn started(&self) -> bool;

    /// The request line, for log records: method and target. Any byte may occur; the log escapes it.
    fn request_line(&self) -> (&[u8], &[u8]);
}

/// A value of the environ.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// A `str` of latin-1 characters.
    Text(&'a [u8]),
    /// A `str` in the encoding of the file system (`os.fsdecode`).
    FileSystem(&'a [u8]),
    /// An `int`.
    Int(i64),
    /// A `float`.
    Float(f64),
    /// A tuple of three `int`s.
    Version(u32, u32, u32),
    /// `None`
    None,
    /// A capsule without a name around an address (of exposed provenance) that only extension modules look at.
    Capsule(NonZeroUsize),
}

/// The family of exchanges, for [`rickhouse_python::Scoped`].
pub(crate) struct ExchangeFamily;

impl Lendable for ExchangeFamily {
    type Of<'a> = dyn Exchange + 'a;
}
