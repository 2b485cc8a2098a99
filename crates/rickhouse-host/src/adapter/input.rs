//! `wsgi.input` (PEP 3333 "Input and Error Streams").

use std::io;
use std::sync::Arc;

use rickhouse_python::{
    Args, Class, Error, ErrorKind, Method, MethodBody, NextBody, Object, PyResult, Python,
    ScopeError,
};

use crate::adapter::client_error::{READ_FAILED, is_elsewhere};
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
}

impl Input {
    pub(crate) fn new(request: Arc<Request>) -> Self {
        Input { request }
    }

    /// Exactly `size` bytes, or everything when it is `None`; less at the end only.
    fn read<'py>(&self, py: Python<'py>, size: Option<usize>) -> PyResult<'py, Vec<u8>> {
        self.check_usable(py, "read")?;
        let mut data = {
            let mut state = self.request.input();
            let ready = size.unwrap_or(usize::MAX).min(state.rest().len());
            state.take(ready)
        };
        if size == Some(0) {
            // Tells a client that waits for `100 Continue` to go on (directives-and-daemon §7.10).
            self.fill(py, "read", &mut data, 0)?;
            return Ok(data);
        }
        loop {
            let wanted = size.map_or(CHUNK, |size| size - data.len());
            if wanted == 0 || self.fill(py, "read", &mut data, wanted)? == 0 {
                return Ok(data);
            }
        }
    }

    /// Up to and including a newline, at most `limit` bytes.
    fn readline<'py>(
        &self,
        py: Python<'py>,
        caller: &str,
        limit: Option<usize>,
    ) -> PyResult<'py, Vec<u8>> {
        self.check_usable(py, caller)?;
        let limit = limit.unwrap_or(usize::MAX);
        let mut searched = 0;
        loop {
            {
                let mut state = self.request.input();
                let rest = state.rest();
                let window = &rest[..rest.len().min(limit)];
                // Another thread may have taken some of it meanwhile.
                let begin = searched.min(window.len());
                if let Some(newline) = window[begin..].iter().position(|byte| *byte == b'\n') {
                    return Ok(state.take(begin + newline + 1));
                }
                if window.len() == limit || state.ended {
                    let count = window.len();
                    return Ok(state.take(count));
                }
                searched = window.len();
            }
            let mut more = Vec::new();
            self.fill(py, caller, &mut more, CHUNK.min(limit))?;
            let mut state = self.request.input();
            let taken = state.taken;
            state.ahead.drain(..taken);
            state.taken = 0;
            state.ahead.extend_from_slice(&more);
        }
    }

    /// Appends up to `wanted` bytes from the client to `data`; 0 means the end.
    fn fill<'py>(
        &self,
        py: Python<'py>,
        caller: &str,
        data: &mut Vec<u8>,
        wanted: usize,
    ) -> PyResult<'py, usize> {
        if self.request.input().ended {
            return Ok(0);
        }
        let before = data.len();
        data.resize(before + wanted.min(LARGEST_READ), 0);
        let target = &mut data[before..];
        let outcome = self
            .request
            .exchange
            .with(|exchange| read_some(py, exchange, target));
        let outcome = outcome.map_err(|error| unusable(py, caller, error))?;
        match outcome {
            Ok(count) => {
                data.truncate(before + count);
                if count == 0 && wanted > 0 {
                    self.request.input().ended = true;
                }
                Ok(count)
            }
            Err(failure) => {
                data.truncate(before);
                // Another thread's attempt took nothing from the one that may read.
                self.request.input().failed |= !is_elsewhere(&failure);
                let text = format!("{READ_FAILED}: {failure}");
                Err(Error::new(py, ErrorKind::Os, &text))
            }
        }
    }

    fn check_usable<'py>(&self, py: Python<'py>, caller: &str) -> PyResult<'py, ()> {
        self.request
            .exchange
            .with(|_| ())
            .map_err(|error| unusable(py, caller, error))?;
        if self.request.input().failed {
            let text = format!("{READ_FAILED}: input is already in error state");
            return Err(Error::new(py, ErrorKind::Os, &text));
        }
        Ok(())
    }
}

/// Reads without letting go of the interpreter when nothing can block.
fn read_some(py: Python<'_>, exchange: &mut dyn Exchange, target: &mut [u8]) -> io::Result<usize> {
    if exchange.body_in_memory() {
        exchange.read(target)
    } else {
        py.detach(|| exchange.read(target))
    }
}

fn unusable<'py>(py: Python<'py>, caller: &str, error: ScopeError) -> Error<'py> {
    let text = match error {
        ScopeError::Vacant if caller == "__next__" => {
            "iteration of wsgi.input attempted after request completed".to_owned()
        }
        ScopeError::Vacant => format!("{caller}() called on wsgi.input after request completed"),
        ScopeError::Busy => "wsgi.input is in use by another thread".to_owned(),
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
        this.request
            .exchange
            .with(|_| ())
            .map_err(|error| unusable(py, "close", error))?;
        Ok(py.none())
    }
}
