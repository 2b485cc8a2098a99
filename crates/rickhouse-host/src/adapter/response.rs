//! `start_response` and `write` (PEP 3333 "The start_response() Callable").

use std::io;
use std::ops::Range;
use std::sync::Arc;

use rickhouse_python::{
    Args, Class, Error, ErrorKind, Handle, Method, MethodBody, Object, PyResult, Python, ScopeError,
};
use rickhouse_wsgi::{content_length, header, status};

use crate::adapter::client_error::output_error;
use crate::adapter::request::Request;
use crate::exchange::{Exchange, ResponseHead};
use crate::hosted::Policy;

/// `mod_wsgi.Adapter`: `start_response` and `write` are its bound methods.
pub(crate) struct Adapter {
    request: Arc<Request>,
    write_name: Handle,
}

impl Adapter {
    /// `write_name` is the interned `str` "write": `start_response` looks it up in every request.
    pub(crate) fn new(request: Arc<Request>, write_name: Handle) -> Self {
        Adapter {
            request,
            write_name,
        }
    }
}

impl Class for Adapter {
    const NAME: &'static std::ffi::CStr = c"mod_wsgi.Adapter";

    fn methods() -> Vec<Method<Self>> {
        vec![Method::of::<StartResponse>(), Method::of::<Write>()]
    }
}

/// The head that `start_response` left, and how far the response has come.
#[derive(Default)]
pub(crate) struct ResponseState {
    head: Option<Head>,
    /// The head was handed to the front end.
    sent: bool,
    /// The request is over.
    finished: bool,
    /// Body bytes handed over so far.
    pub(crate) body_bytes: u64,
    /// An output failed: the client is gone.
    pub(crate) broken: bool,
    /// The Content-Length that the application gave.
    declared: Option<u64>,
    /// The Content-Length that the client was given.
    promised: Option<u64>,
    spare: Head,
}

/// A checked response head: all texts in one buffer, so that a request costs no allocation per header.
#[derive(Default)]
struct Head {
    status: u16,
    text: Vec<u8>,
    reason: Range<usize>,
    headers: Vec<(Range<usize>, Range<usize>)>,
}

impl ResponseState {
    pub(crate) fn reset(&mut self) {
        if let Some(head) = self.head.take() {
            self.spare = head;
        }
        self.sent = false;
        self.finished = false;
        self.body_bytes = 0;
        self.broken = false;
        self.declared = None;
        self.promised = None;
    }

    /// How many body bytes may still be handed over under `policy`: httpd does not cut a body at its Content-Length.
    pub(crate) fn left(&self, policy: Policy) -> u64 {
        match (policy, self.promised) {
            (Policy::Httpd, Some(promised)) => promised.saturating_sub(self.body_bytes),
            _ => u64::MAX,
        }
    }

    /// Whether fewer bytes were handed over than the Content-Length promises.
    pub(crate) fn is_short(&self) -> bool {
        self.declared
            .is_some_and(|declared| self.body_bytes < declared)
    }

    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Forgets an unsent head, for a response that the adapter makes itself.
    pub(crate) fn discard_head(&mut self) {
        self.head = None;
    }
}

/// Hands the head to the front end, once; `complete` is the size of the whole body when the adapter has all of it.
pub(crate) fn send_head<'py>(
    py: Python<'py>,
    request: &Request,
    exchange: &mut dyn Exchange,
    complete: Option<u64>,
) -> PyResult<'py, ()> {
    match hand_over_head(request, exchange, complete) {
        Ok(()) => Ok(()),
        // The exceptions are made without the lock: making one can run the application's finalizers.
        Err(HeadError::Missing) => {
            let text = "start_response() must be called before response content is produced";
            Err(Error::new(py, ErrorKind::Runtime, text))
        }
        Err(HeadError::Refused(text)) => Err(Error::new(py, ErrorKind::Value, &text)),
        Err(HeadError::Output(failure)) => Err(output_error(py, &failure)),
    }
}

/// Why the head did not reach the front end.
enum HeadError {
    Missing,
    /// It cannot stand as it is; with the text for the application.
    Refused(String),
    /// The client is gone.
    Output(io::Error),
}

fn hand_over_head(
    request: &Request,
    exchange: &mut dyn Exchange,
    complete: Option<u64>,
) -> Result<(), HeadError> {
    /// Most responses have fewer headers, and then this is done without memory from the heap.
    const FEW: usize = 16;

    let mut state = request.response();
    if state.sent {
        return Ok(());
    }
    let head = state.head.as_ref().ok_or(HeadError::Missing)?;
    let declared = head.declared_length()?;
    // httpd frames the body itself, and would send an application's field as well (§14.1 row 22).
    let passes = |(name, _): &(&[u8], &[u8])| {
        request.policy == Policy::Standalone || !name.eq_ignore_ascii_case(b"transfer-encoding")
    };
    let fields = head.fields().filter(passes);
    let mut few: [(&[u8], &[u8]); FEW] = Default::default();
    let many: Vec<(&[u8], &[u8])>;
    let headers = if head.headers.len() <= FEW {
        let mut count = 0;
        for field in fields {
            few[count] = field;
            count += 1;
        }
        &few[..count]
    } else {
        many = fields.collect();
        &many
    };
    let started = exchange.start(&ResponseHead {
        status: head.status,
        reason: &head.text[head.reason.clone()],
        headers,
        length: declared.or(complete),
        length_declared: declared.is_some(),
    });
    match started {
        // The front end's word on the application's head, not on the client: nothing was sent.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            Err(HeadError::Refused(error.to_string()))
        }
        outcome => {
            state.sent = true;
            state.declared = declared;
            state.promised = declared.or(complete);
            state.broken |= outcome.is_err();
            outcome.map_err(HeadError::Output)
        }
    }
}

impl Head {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (&self.text[name.clone()], &self.text[value.clone()]))
    }

    /// The last one counts, as it is the one that replaces the others where the head is put together.
    fn declared_length(&self) -> Result<Option<u64>, HeadError> {
        let mut declared = None;
        for (name, value) in self.fields() {
            if name.eq_ignore_ascii_case(b"content-length") {
                let length = content_length::parse_declared(value);
                declared = Some(length.map_err(|error| HeadError::Refused(error.to_string()))?);
            }
        }
        Ok(declared)
    }

    fn clear(&mut self) {
        self.text.clear();
        self.headers.clear();
        self.reason = 0..0;
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let begin = self.text.len();
        self.text.extend_from_slice(bytes);
        begin..self.text.len()
    }

    /// Checks and stores what `start_response` was given; the order of the checks is part of the behaviour.
    fn fill<'py>(
        &mut self,
        py: Python<'py>,
        policy: Policy,
        status: &Object<'py>,
        headers: &Object<'py>,
    ) -> PyResult<'py, ()> {
        self.clear();
        self.fill_status(py, status)?;
        if policy == Policy::Httpd {
            refuse_interim(py, self.status)?;
        }
        for index in 0..headers.sequence_len() {
            let Some(item) = headers.sequence_item(py, index) else {
                break;
            };
            self.fill_header(py, &item)?;
        }
        Ok(())
    }

    fn fill_status<'py>(&mut self, py: Python<'py>, given: &Object<'py>) -> PyResult<'py, ()> {
        let parsed = native(py, given, |bytes| {
            status::parse(bytes)
                .map(|(code, reason)| (code, self.append(reason)))
                .map_err(|error| error.to_string())
        })?;
        let (code, reason) = parsed.map_err(|text| Error::new(py, ErrorKind::Value, &text))?;
        self.status = code;
        self.reason = reason;
        Ok(())
    }

    fn fill_header<'py>(&mut self, py: Python<'py>, item: &Object<'py>) -> PyResult<'py, ()> {
        if !item.is_tuple() {
            let text = format!("each header must be a 2-tuple, not {}", item.type_name());
            return Err(Error::new(py, ErrorKind::Type, &text));
        }
        let (2, Some(name), Some(value)) = (
            item.sequence_len(),
            item.sequence_item(py, 0),
            item.sequence_item(py, 1),
        ) else {
            let text = format!(
                "each header must be a 2-tuple, got length {}",
                item.sequence_len()
            );
            return Err(Error::new(py, ErrorKind::Value, &text));
        };
        let checked = native(py, &name, |bytes| {
            header::check_name(bytes)
                .map(|()| self.append(bytes))
                .map_err(|error| error.to_string())
        })?;
        let name = checked.map_err(|text| Error::new(py, ErrorKind::Value, &text))?;
        let checked = native(py, &value, |bytes| {
            header::check_value(bytes)
                .map(|()| self.append(bytes))
                .map_err(|error| error.to_string())
        })?;
        let value = checked.map_err(|text| Error::new(py, ErrorKind::Value, &text))?;
        self.headers.push((name, value));
        Ok(())
    }
}

/// A response of status 1xx is none: the client waits for the real one, and takes the next response for it. The
/// standalone server's front end refuses them itself, and those below 100 as well.
fn refuse_interim(py: Python<'_>, status: u16) -> PyResult<'_, ()> {
    if !(100..200).contains(&status) {
        return Ok(());
    }
    let text = format!("status code must not be that of an interim response: {status}");
    Err(Error::new(py, ErrorKind::Value, &text))
}

/// A native string (PEP 3333): a `str` of latin-1 characters.
fn native<'py, R>(
    py: Python<'py>,
    given: &Object<'py>,
    work: impl FnOnce(&[u8]) -> R,
) -> PyResult<'py, R> {
    if !given.is_str() {
        let text = format!("must be str, not {}", given.type_name());
        return Err(Error::new(py, ErrorKind::Type, &text));
    }
    given.with_latin1(py, work)
}

struct StartResponse;

impl MethodBody<Adapter> for StartResponse {
    const NAME: &'static std::ffi::CStr = c"start_response";
    const DOC: &'static std::ffi::CStr = c"start_response(status, headers, exc_info=None) -> write";

    fn call<'py>(
        this: &Adapter,
        instance: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        if args.has_keywords() {
            return Err(Error::new(
                py,
                ErrorKind::Type,
                "start_response() takes no keyword arguments",
            ));
        }
        let (status, headers, exc_info) = match args.positional() {
            [status, headers] => (status, headers, None),
            [status, headers, exc_info] => {
                (status, headers, (!exc_info.is_none()).then_some(exc_info))
            }
            given => return Err(wrong_count(py, given.len())),
        };
        this.start(py, status, headers, exc_info)?;
        instance.attr_by(&this.write_name.bind(py))
    }
}

impl Adapter {
    fn start<'py>(
        &self,
        py: Python<'py>,
        status: &Object<'py>,
        headers: &Object<'py>,
        exc_info: Option<&Object<'py>>,
    ) -> PyResult<'py, ()> {
        let (finished, sent, spare) = {
            let mut state = self.request.response();
            (state.finished, state.sent, std::mem::take(&mut state.spare))
        };
        if finished {
            return Err(Error::new(
                py,
                ErrorKind::Runtime,
                "start_response() called after request completed",
            ));
        }
        if !headers.is_list() {
            let text = format!(
                "start_response() argument 2 must be list, not {}",
                headers.type_name()
            );
            return Err(Error::new(py, ErrorKind::Type, &text));
        }
        match exc_info {
            Some(exc_info) if !exc_info.is_tuple() => {
                let text = "start_response() argument 'exc_info' must be a 3-tuple or None";
                return Err(Error::new(py, ErrorKind::Runtime, text));
            }
            Some(exc_info) if sent => return Err(raise_again(py, exc_info)),
            None if sent => {
                let text = "start_response() called more than once without exc_info";
                return Err(Error::new(py, ErrorKind::Runtime, text));
            }
            _ => {}
        }
        // Filled outside the lock: encoding a subclass of `str` can run the application's code.
        let mut head = spare;
        head.fill(py, self.request.policy, status, headers)?;
        self.request.response().head = Some(head);
        Ok(())
    }
}

/// The exception of `exc_info`, to be raised again because the head is on its way already.
fn raise_again<'py>(py: Python<'py>, exc_info: &Object<'py>) -> Error<'py> {
    let (3, Some(class), Some(value), Some(traceback)) = (
        exc_info.sequence_len(),
        exc_info.sequence_item(py, 0),
        exc_info.sequence_item(py, 1),
        exc_info.sequence_item(py, 2),
    ) else {
        let text = format!(
            "function takes exactly 3 arguments ({} given)",
            exc_info.sequence_len()
        );
        return Error::new(py, ErrorKind::Type, &text);
    };
    Error::from_exc_info(py, &class, &value, &traceback)
}

fn wrong_count(py: Python<'_>, given: usize) -> Error<'_> {
    let text = if given < 2 {
        format!("start_response() takes at least 2 arguments ({given} given)")
    } else {
        format!("start_response() takes at most 3 arguments ({given} given)")
    };
    Error::new(py, ErrorKind::Type, &text)
}

struct Write;

impl MethodBody<Adapter> for Write {
    const NAME: &'static std::ffi::CStr = c"write";
    const DOC: &'static std::ffi::CStr = c"write(data): send a block of the response body.";

    fn call<'py>(
        this: &Adapter,
        _instance: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py> {
        if args.has_keywords() {
            return Err(Error::new(
                py,
                ErrorKind::Type,
                "write() takes no keyword arguments",
            ));
        }
        let [data] = args.positional() else {
            let text = format!(
                "write() takes exactly one argument ({} given)",
                args.positional().len()
            );
            return Err(Error::new(py, ErrorKind::Type, &text));
        };
        if this.request.response().is_finished() {
            return Err(unwritable(py, ScopeError::Vacant));
        }
        if data.as_bytes().is_none() {
            let text = format!("write() argument must be bytes, not {}", data.type_name());
            return Err(Error::new(py, ErrorKind::Type, &text));
        }
        let sent = this
            .request
            .in_turn(py, |exchange| send_block(py, &this.request, exchange, data));
        sent.map_err(|error| unwritable(py, error))??;
        Ok(py.none())
    }
}

fn unwritable(py: Python<'_>, error: ScopeError) -> Error<'_> {
    let text = match error {
        ScopeError::Vacant => "write() called after request completed",
        ScopeError::Busy => "write() called inside of another call for the request",
    };
    Error::new(py, ErrorKind::Runtime, text)
}

/// Sends the head, if it is still to be sent, and a block (PEP 3333: no block may be delayed).
pub(crate) fn send_block<'py>(
    py: Python<'py>,
    request: &Request,
    exchange: &mut dyn Exchange,
    block: &Object<'py>,
) -> PyResult<'py, ()> {
    send_head(py, request, exchange, None)?;
    let data = block.as_bytes().unwrap_or_default();
    let left = usize::try_from(request.response().left(request.policy)).unwrap_or(usize::MAX);
    let data = &data[..data.len().min(left)];
    if data.is_empty() {
        return Ok(());
    }
    // `bytes` never change, and `block` is kept by this frame: the slice may be read while detached.
    let outcome = py.detach(|| exchange.write(data));
    let mut state = request.response();
    match outcome {
        Ok(()) => {
            state.body_bytes += data.len() as u64;
            Ok(())
        }
        Err(failure) => {
            state.broken = true;
            drop(state);
            Err(output_error(py, &failure))
        }
    }
}
