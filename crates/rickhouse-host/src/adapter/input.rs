//! `wsgi.input` (PEP 3333 "Input and Error Streams").

use std::io;
use std::sync::Arc;

use rickhouse_python::{
    Args, Class, Error, ErrorKind, Method, MethodBody, NextBody, Object, PyResult, Python,
    ScopeError,
};

use crate::adapter::client_error::READ_FAILED;
use crate::adapter::request::Request;
use crate::exchange::Exchange;

/// How much is asked for at once when the size is open.
const CHUNK: usize = 64 * 1024;

/// The most that one read from the client asks for: memory follows what arrives, not what the application hopes for.
const LARGEST_READ: usize = 4 * CHUNK;

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

    fn take(&mut self, count: usize) -> Vec<u8> {
        let bytes = self.rest()[..count].to_vec();
        self.taken += count;
        if self.taken == self.ahead.len() {
            self.ahead.clear();
            self.taken = 0;
        }
        bytes
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

    fn read<'py>(&self, py: Python<'py>, size: Option<usize>) -> PyResult<'py, Vec<u8>> {
        self.in_turn(py, "read", |reader| reader.read(size))
    }

    fn readline<'py>(
        &self,
        py: Python<'py>,
        caller: &str,
        limit: Option<usize>,
    ) -> PyResult<'py, Vec<u8>> {
        self.in_turn(py, caller, |reader| reader.readline(limit))
    }

    /// Reads as soon as no other thread of the application uses the request. The turn is for all of a call: of two threads
    /// that read, each gets bytes that follow each other.
    fn in_turn<'py>(
        &self,
        py: Python<'py>,
        caller: &str,
        work: impl FnOnce(&mut Reader<'_, '_, 'py>) -> io::Result<Vec<u8>>,
    ) -> PyResult<'py, Vec<u8>> {
        let read = |exchange: &mut dyn Exchange| {
            // The state is taken along: the lock around it must not be held while detached, and the turn keeps others away.
            let mut state = std::mem::take(&mut *self.request.input());
            let outcome = if state.failed {
                Err(io::Error::other("input is already in error state"))
            } else {
                work(&mut Reader {
                    py,
                    exchange,
                    state: &mut state,
                })
            };
            state.failed |= outcome.is_err();
            *self.request.input() = state;
            outcome
        };
        // The exception is made outside of the turn: making one can run the application's finalizers.
        self.request
            .in_turn(py, read)
            .map_err(|error| unusable(py, caller, error))?
            .map_err(|failure| {
                let text = format!("{READ_FAILED}: {failure}");
                Error::new(py, ErrorKind::Os, &text)
            })
    }
}

/// A thread's turn at the body.
struct Reader<'a, 'e, 'py> {
    py: Python<'py>,
    exchange: &'a mut (dyn Exchange + 'e),
    state: &'a mut InputState,
}

impl Reader<'_, '_, '_> {
    /// Exactly `size` bytes, or everything when it is `None`; less at the end only.
    fn read(&mut self, size: Option<usize>) -> io::Result<Vec<u8>> {
        let ready = size.unwrap_or(usize::MAX).min(self.state.rest().len());
        let mut data = self.state.take(ready);
        if size == Some(0) {
            // Tells a client that waits for `100 Continue` to go on (directives-and-daemon §7.10).
            self.fill(&mut data, 0)?;
            return Ok(data);
        }
        loop {
            let wanted = size.map_or(CHUNK, |size| size - data.len());
            if wanted == 0 || self.fill(&mut data, wanted)? == 0 {
                return Ok(data);
            }
        }
    }

    /// Up to and including a newline, at most `limit` bytes.
    fn readline(&mut self, limit: Option<usize>) -> io::Result<Vec<u8>> {
        let limit = limit.unwrap_or(usize::MAX);
        let mut searched = 0;
        loop {
            let rest = self.state.rest();
            let window = &rest[..rest.len().min(limit)];
            if let Some(newline) = window[searched..].iter().position(|byte| *byte == b'\n') {
                return Ok(self.state.take(searched + newline + 1));
            }
            searched = window.len();
            if searched == limit || self.state.ended {
                return Ok(self.state.take(searched));
            }
            let mut ahead = self.state.take_ahead();
            let filled = self.fill(&mut ahead, CHUNK.min(limit));
            self.state.ahead = ahead;
            filled?;
        }
    }

    /// Appends up to `wanted` bytes from the client to `data`; 0 means the end.
    fn fill(&mut self, data: &mut Vec<u8>, wanted: usize) -> io::Result<usize> {
        if self.state.ended {
            return Ok(0);
        }
        let before = data.len();
        data.resize(before + wanted.min(LARGEST_READ), 0);
        let outcome = self.read_some(&mut data[before..]);
        data.truncate(before + *outcome.as_ref().unwrap_or(&0));
        let count = outcome?;
        self.state.ended = count == 0 && wanted > 0;
        Ok(count)
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
    if line.is_empty() {
        Ok(None)
    } else {
        py.bytes(&line).map(Some)
    }
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
        py.bytes(&this.read(py, size)?)
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
        py.bytes(&this.readline(py, "readline", limit)?)
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
            if line.is_empty() {
                break;
            }
            total += line.len();
            lines.push(py.bytes(&line)?);
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
