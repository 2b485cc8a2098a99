//! One request through the application: the call, the body, `close()` (PEP 3333 "Buffering and Streaming").

use std::os::fd::AsFd;

use rickhouse_python::{Error, ErrorKind, Object, PyResult, Python};

use crate::adapter::request::Request;
use crate::adapter::response::{is_about_client, output_error, send_block, send_head};
use crate::application::Application;
use crate::exchange::{Exchange, Failure};
use crate::log;

/// How a request ended, for metrics and the worker's bookkeeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The response is complete, or the client left.
    Responded,
    /// The application raised.
    Failed,
    /// The request was interrupted by the request timeout.
    TimedOut,
}

/// Calls the application and sends what it returns. The exchange is lent to `request` meanwhile.
pub(crate) fn run<'py>(
    py: Python<'py>,
    application: &Application,
    request: &Request,
    environ: &Object<'py>,
    start_response: &Object<'py>,
) -> Outcome {
    let callable = application.callable(py);
    let ended = match callable.call(py, &[environ, start_response]) {
        Ok(result) => {
            let sent = send_result(py, application, request, &result);
            close(py, application, request, &result);
            sent
        }
        Err(error) => Err(error),
    };
    let outcome = match ended {
        Ok(()) => Outcome::Responded,
        Err(error) => fail(py, application, request, error),
    };
    request.response().finish();
    outcome
}

fn send_result<'py>(
    py: Python<'py>,
    application: &Application,
    request: &Request,
    result: &Object<'py>,
) -> PyResult<'py, ()> {
    if result.is_plain_sequence() {
        return send_sequence(py, request, result);
    }
    if request.response().body_bytes == 0
        && result.is_instance(&application.file_wrapper(py))?
        && let Some(region) = application.file_region(py, result)?
    {
        return send_region(py, request, &region);
    }
    send_iterable(py, request, result)
}

/// A list or tuple of blocks is a whole body: no code of the application runs between its blocks, so they may be sent
/// together, with their length.
fn send_sequence<'py>(
    py: Python<'py>,
    request: &Request,
    blocks: &Object<'py>,
) -> PyResult<'py, ()> {
    let mut total = 0;
    let mut kept = Vec::with_capacity(blocks.sequence_len());
    for index in 0..blocks.sequence_len() {
        let Some(block) = blocks.sequence_item(py, index) else {
            break;
        };
        total += block_bytes(py, &block)?.len();
        kept.push(block);
    }
    with_exchange(py, request, |exchange| {
        send_head(py, request, exchange, Some(total as u64))?;
        if total <= exchange.room() {
            kept.iter()
                .filter_map(Object::as_bytes)
                .for_each(|block| exchange.push(block));
            request.response().body_bytes += total as u64;
            return Ok(());
        }
        kept.iter()
            .try_for_each(|block| send_block(py, request, exchange, block))
    })
}

/// Any other iterable: each block is sent before the next is asked for.
fn send_iterable<'py>(
    py: Python<'py>,
    request: &Request,
    result: &Object<'py>,
) -> PyResult<'py, ()> {
    let mut blocks = result.iter()?;
    while let Some(block) = blocks.next_item()? {
        if block_bytes(py, &block)?.is_empty() {
            continue;
        }
        with_exchange(py, request, |exchange| {
            send_block(py, request, exchange, &block)
        })?;
    }
    let nothing_sent = request.response().body_bytes == 0;
    with_exchange(py, request, |exchange| {
        send_head(py, request, exchange, nothing_sent.then_some(0))
    })
}

fn block_bytes<'a, 'py>(py: Python<'py>, block: &'a Object<'py>) -> PyResult<'py, &'a [u8]> {
    block.as_bytes().ok_or_else(|| {
        let text = format!(
            "response iterable must yield bytes, not {}",
            block.type_name()
        );
        Error::new(py, ErrorKind::Type, &text)
    })
}

/// The part of a regular file that a file wrapper stands for.
pub(crate) struct FileRegion {
    pub(crate) file: std::os::fd::OwnedFd,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// Sends a file by the kernel. A declared Content-Length decides how much of it; the front end, which knows the
/// declared length, cuts the surplus.
fn send_region<'py>(py: Python<'py>, request: &Request, region: &FileRegion) -> PyResult<'py, ()> {
    with_exchange(py, request, |exchange| {
        send_head(py, request, exchange, Some(region.length))?;
        let outcome =
            py.detach(|| exchange.send_file(region.file.as_fd(), region.offset, region.length));
        outcome.map_err(|failure| {
            request.response().broken = true;
            output_error(py, &failure)
        })?;
        request.response().body_bytes += region.length;
        Ok(())
    })
}

/// `close()` of the result is called whatever happened; what it raises is logged and changes nothing.
fn close<'py>(py: Python<'py>, application: &Application, request: &Request, result: &Object<'py>) {
    if result.is_plain_sequence() {
        return;
    }
    let outcome = match result.optional_attr(&application.close_name(py)) {
        Ok(None) => return,
        Ok(Some(close)) => close.call(py, &[]).map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = outcome
        && !error.is_instance(py, &application.request_timeout(py))
    {
        log::exception(py, application, &log::label(request), &error);
    }
}

/// Ends the request after an exception: the client gets an error page or a visible truncation, the log the traceback.
fn fail<'py>(
    py: Python<'py>,
    application: &Application,
    request: &Request,
    error: Error<'py>,
) -> Outcome {
    let (sent, response_broken) = {
        let state = request.response();
        (state.body_bytes > 0, state.broken)
    };
    // A client that leaves, or sends a body that is none, must not fill the log.
    let broken = response_broken || request.input().failed;
    let label = log::label(request);
    if error.is_instance(py, &application.request_timeout(py)) {
        request.response().discard_head();
        log::interrupted(py, &label, sent);
        end(py, request, Failure::Timeout);
        return Outcome::TimedOut;
    }
    // The application's own mistakes are worth a traceback even when the client has left.
    let broken = broken && error.is(py, ErrorKind::Os) && is_about_client(&error.describe(py));
    if broken {
        log::client_gone(py, &label, &error.describe(py));
    } else {
        log::exception(py, application, &label, &error);
    }
    end(py, request, Failure::Application);
    if broken {
        Outcome::Responded
    } else {
        Outcome::Failed
    }
}

fn end(py: Python<'_>, request: &Request, failure: Failure) {
    request
        .exchange
        .with_turn(py, |exchange| exchange.fail(failure))
        .expect("the exchange is lent for as long as the request runs");
}

/// Uses the exchange as soon as no other thread of the application does, which may be reading the body.
fn with_exchange<'py, R>(
    py: Python<'py>,
    request: &Request,
    work: impl FnOnce(&mut dyn Exchange) -> PyResult<'py, R>,
) -> PyResult<'py, R> {
    request
        .exchange
        .with_turn(py, |exchange| work(exchange))
        .expect("the exchange is lent for as long as the request runs")
}
