//! `wsgi.input` (PEP 3333 "Input and Error Streams").

use std::io;
use std::sync::Arc;

use rickhouse_python::{
    Args, BytesBuffer, Class, Error, ErrorKind, Method, MethodBody, NextBody, Object, PyResult,
    Python, ScopeError,
};

use crate::adapter::client_error::READ_FAILED;
use crate::adapter::request::Request;
use crate::exchange::Exchange;

/// How much is asked for at once when the size is open.
const CHUNK: usize = 64 * 1024;

/// The most that one read from the client asks for: memory follows what arrives, not what the application hopes for.
const LARGEST_READ: usize = 4 * CHUNK;

/// What is read where there is no room, to see whether the body goes on.
const PROBE: usize = 4 * 1024;

/// `mod_wsgi.Input`.
pub(crate) struct Input {
    request: Arc<Request>,
}

/// What was read ahead, for lines.
#[derive(Default)]
pub(crate) struct InputState {
    ahead: Vec<u8>,
    taken: usize,
    ended: bool,
    pub(super) failed: bool,
}

impl InputState {
    pub(crate) fn reset(&mut self) {
        self.ahead.clear();
        self.taken = 0;
        self.ended = false;
        self.failed = false;
    }

    fn rest(&self) -> &[u8] {
        &self.ahead[self.taken..]
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
        if self.taken == self.ahead.len() {
            self.ahead.clear();
            self.taken = 0;
        }
    }

    /// All that is ahead, from its first byte on, to be extended and given back.
    fn take_ahead(&mut self) -> Vec<u8> {
        let taken = std::mem::take(&mut self.taken);
        self.ahead.drain(..taken);
        std::mem::take(&mut self.ahead)
    }
}

impl Input {
    pub(crate) fn new(request: Arc<Request>) -> Self {
        Input { request }
    }

    fn read<'py>(&self, py: Python<'py>, size: Option<usize>) -> PyResult<'py> {
        self.in_turn(py, "read", |reader| reader.read(size))
    }

    fn readline<'py>(&self, py: Python<'py>, caller: &str, limit: Option<usize>) -> PyResult<'py> {
        self.in_turn(py, caller, |reader| reader.readline(limit))
    }

    /// Reads as soon as no other thread of the application uses the request. The turn is for all of a call: of two threads
    /// that read, each gets bytes that follow each other.
    fn in_turn<'py>(
        &self,
        py: Python<'py>,
        caller: &str,
        work: impl FnOnce(&mut Reader<'_, '_, 'py>) -> Result<Object<'py>, Unread<'py>>,
    ) -> PyResult<'py> {
        let read = |exchange: &mut dyn Exchange| {
            // The state is taken along: the lock around it must not be held while detached, and the turn keeps others away.
            let mut state = std::mem::take(&mut *self.request.input());
            let outcome = if state.failed {
                Err(io::Error::other("input is already in error state").into())
            } else {
                work(&mut Reader {
                    py,
                    exchange,
                    state: &mut state,
                })
            };
            state.failed |= matches!(outcome, Err(Unread::Client(_)));
            *self.request.input() = state;
            outcome
        };
        // The exception is made outside of the turn: making one can run the application's finalizers.
        self.request
            .in_turn(py, read)
            .map_err(|error| unusable(py, caller, error))?
            .map_err(|failure| failure.raised(py))
    }
}

/// Why nothing was read.
enum Unread<'py> {
    /// The client does not send it.
    Client(io::Error),
    /// There is no memory for it; an application may go on with less.
    NoMemory,
    /// As CPython said.
    Python(Error<'py>),
}

impl From<io::Error> for Unread<'_> {
    fn from(error: io::Error) -> Self {
        Unread::Client(error)
    }
}

impl<'py> Unread<'py> {
    fn raised(self, py: Python<'py>) -> Error<'py> {
        match self {
            Unread::Client(failure) => {
                let text = format!("{READ_FAILED}: {failure}");
                Error::new(py, ErrorKind::Os, &text)
            }
            Unread::NoMemory => Error::new(py, ErrorKind::Memory, ""),
            Unread::Python(error) => error,
        }
    }
}

/// A thread's turn at the body.
struct Reader<'a, 'e, 'py> {
    py: Python<'py>,
    exchange: &'a mut (dyn Exchange + 'e),
    state: &'a mut InputState,
}

impl<'py> Reader<'_, '_, 'py> {
    /// Exactly `size` bytes, or everything when it is `None`; less at the end only.
    fn read(&mut self, size: Option<usize>) -> Result<Object<'py>, Unread<'py>> {
        if size == Some(0) {
            // Tells a client that waits for `100 Continue` to go on (directives-and-daemon §7.10).
            if !self.state.ended {
                self.read_some(&mut [])?;
            }
            return self.py.bytes(b"").map_err(Unread::Python);
        }
        let most = size.unwrap_or(usize::MAX);
        let ahead = self.state.rest().len().min(most);
        let room = most.min(ahead.saturating_add(self.expected()));
        // Nothing was taken yet: without memory for all of it the application can still read less.
        let mut data = BytesBuffer::with_room(self.py, room).map_err(Unread::Python)?;
        data.extend(&self.state.rest()[..ahead]);
        self.state.consume(ahead);
        while data.len() < most && !self.state.ended {
            data = self.read_on(data, most)?;
        }
        data.finish(self.py).map_err(|error| self.lost(error))
    }

    /// How many bytes are likely to come.
    fn expected(&self) -> usize {
        match (self.state.ended, self.exchange.body_left()) {
            (true, _) => 0,
            (false, Some(left)) => usize::try_from(left).unwrap_or(usize::MAX),
            (false, None) => CHUNK,
        }
    }

    /// Reads once, into `data`, which is to become `most` bytes.
    fn read_on(
        &mut self,
        mut data: BytesBuffer<'py>,
        most: usize,
    ) -> Result<BytesBuffer<'py>, Unread<'py>> {
        if data.room_left() > 0 {
            let wanted = (most - data.len()).min(LARGEST_READ);
            let count = self.read_some(data.spare(wanted))?;
            data.advance(count);
            self.state.ended = count == 0;
            return Ok(data);
        }
        // Mostly the body ends here: room is made when it does not.
        let mut next = [0; PROBE];
        let wanted = (most - data.len()).min(PROBE);
        let count = self.read_some(&mut next[..wanted])?;
        self.state.ended = count == 0;
        if count == 0 {
            return Ok(data);
        }
        let more = data.len().max(CHUNK).min(most - data.len());
        let mut data = data.grow(self.py, more).map_err(|error| self.lost(error))?;
        data.extend(&next[..count]);
        Ok(data)
    }

    /// What was read already is gone: reading on would leave a gap.
    fn lost(&mut self, error: Error<'py>) -> Unread<'py> {
        self.state.failed = true;
        Unread::Python(error)
    }

    /// Up to and including a newline, at most `limit` bytes.
    fn readline(&mut self, limit: Option<usize>) -> Result<Object<'py>, Unread<'py>> {
        let limit = limit.unwrap_or(usize::MAX);
        let mut searched = 0;
        loop {
            let rest = self.state.rest();
            let window = &rest[..rest.len().min(limit)];
            if let Some(newline) = window[searched..].iter().position(|byte| *byte == b'\n') {
                return self.take(searched + newline + 1);
            }
            searched = window.len();
            if searched == limit || self.state.ended {
                return self.take(searched);
            }
            let mut ahead = self.state.take_ahead();
            let filled = self.fill(&mut ahead, CHUNK.min(limit));
            self.state.ahead = ahead;
            filled?;
        }
    }

    /// The next `count` bytes of what is ahead; they stay there when there is no memory.
    fn take(&mut self, count: usize) -> Result<Object<'py>, Unread<'py>> {
        let bytes = self.py.bytes(&self.state.rest()[..count]);
        let bytes = bytes.map_err(Unread::Python)?;
        self.state.consume(count);
        Ok(bytes)
    }

    /// Appends up to `wanted` bytes from the client to `ahead`.
    fn fill(&mut self, ahead: &mut Vec<u8>, wanted: usize) -> Result<(), Unread<'py>> {
        let before = ahead.len();
        ahead.try_reserve(wanted).map_err(|_| Unread::NoMemory)?;
        ahead.resize(before + wanted, 0);
        let outcome = self.read_some(&mut ahead[before..]);
        let count = *outcome.as_ref().unwrap_or(&0);
        ahead.truncate(before + count);
        outcome?;
        self.state.ended = count == 0;
        Ok(())
    }

    /// Reads without letting go of the interpreter when nothing can block.
    fn read_some(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let exchange = &mut *self.exchange;
        if exchange.body_in_memory() {
            exchange.read(target)
        } else {
            self.py.detach(|| exchange.read(target))
        }
    }
}

fn unusable<'py>(py: Python<'py>, caller: &str, error: ScopeError) -> Error<'py> {
    let text = match error {
        ScopeError::Vacant if caller == "__next__" => {
            "iteration of wsgi.input attempted after request completed".to_owned()
        }
        ScopeError::Vacant => format!("{caller}() called on wsgi.input after request completed"),
        ScopeError::Busy => format!("{caller}() called on wsgi.input inside of another call"),
    };
    Error::new(py, ErrorKind::Runtime, &text)
}

impl Class for Input {
    const NAME: &'static std::ffi::CStr = c"mod_wsgi.Input";
    const NEXT: Option<NextBody<Self>> = Some(next_line);

    fn methods() -> Vec<Method<Self>> {
        vec![
            Method::of::<Read>(),
            Method::of::<ReadLine>(),
            Method::of::<ReadLines>(),
            Method::of::<Close>(),
        ]
    }
}

fn next_line<'py>(this: &Input, py: Python<'py>) -> PyResult<'py, Option<Object<'py>>> {
    let line = this.readline(py, "__next__", None)?;
    Ok(Some(line).filter(|line| line.as_bytes() != Some(b"")))
}

/// The one optional argument of the reading methods: a size, negative for "no limit".
fn size_argument<'py>(
    py: Python<'py>,
    name: &str,
    args: Args<'_, 'py>,
) -> PyResult<'py, Option<usize>> {
    if args.has_keywords() {
        return Err(Error::new(
            py,
            ErrorKind::Type,
            &format!("{name}() takes no keyword arguments"),
        ));
    }
    match args.positional() {
        [] => Ok(None),
        [size] => Ok(usize::try_from(size.to_i64()?).ok()),
        given => {
            let text = format!("{name}() takes at most 1 argument ({} given)", given.len());
            Err(Error::new(py, ErrorKind::Type, &text))
        }
    }
}

struct Read;

impl MethodBody<Input> for Read {
    const NAME: &'static std::ffi::CStr = c"read";
    const DOC: &'static std::ffi::CStr = c"read([size]) -> bytes";

    fn call<'py>(
        this: &Input,
        _instance: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let size = size_argument(py, "read", args)?;
        this.read(py, size)
    }
}

struct ReadLine;

impl MethodBody<Input> for ReadLine {
    const NAME: &'static std::ffi::CStr = c"readline";
    const DOC: &'static std::ffi::CStr = c"readline([size]) -> bytes";

    fn call<'py>(
        this: &Input,
        _instance: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let limit = size_argument(py, "readline", args)?;
        this.readline(py, "readline", limit)
    }
}

struct ReadLines;

impl MethodBody<Input> for ReadLines {
    const NAME: &'static std::ffi::CStr = c"readlines";
    const DOC: &'static std::ffi::CStr = c"readlines([hint]) -> list of bytes";

    fn call<'py>(
        this: &Input,
        _instance: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        let hint = size_argument(py, "readlines", args)?.filter(|hint| *hint > 0);
        let mut lines = Vec::new();
        let mut total = 0;
        while hint.is_none_or(|hint| total < hint) {
            let line = this.readline(py, "readlines", None)?;
            let length = line.as_bytes().map_or(0, <[u8]>::len);
            if length == 0 {
                break;
            }
            total += length;
            // A body of newlines only has eight times its size in here.
            if lines.try_reserve(1).is_err() {
                return Err(Unread::NoMemory.raised(py));
            }
            lines.push(line);
        }
        py.list(&lines)
    }
}

struct Close;

impl MethodBody<Input> for Close {
    const NAME: &'static std::ffi::CStr = c"close";
    const DOC: &'static std::ffi::CStr = c"close(): does nothing; the body belongs to the server.";

    fn call<'py>(
        this: &Input,
        _instance: &Object<'py>,
        py: Python<'py>,
        _args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        if this.request.response().is_finished() {
            return Err(unusable(py, "close", ScopeError::Vacant));
        }
        Ok(py.none())
    }
}
