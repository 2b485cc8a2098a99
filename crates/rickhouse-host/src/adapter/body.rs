//! One request through the application: the call, the body, `close()` (PEP 3333 "Buffering and Streaming").

use std::os::fd::AsFd;

use rickhouse_python::{Error, ErrorKind, Object, PyResult, Python};

use crate::adapter::client_error::{is_about_client, output_error};
use crate::adapter::request::Request;
use crate::adapter::response::{send_block, send_head};
use crate::exchange::{Exchange, Failure};
use crate::hosted::{Hosted, Policy};
use crate::log;
use crate::report::{Phase, Report};

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

/// What a request calls, and with what.
pub(crate) struct Arguments<'a, 'py> {
    pub(crate) callable: &'a Object<'py>,
    pub(crate) environ: &'a Object<'py>,
    pub(crate) start_response: &'a Object<'py>,
    /// See [`Subject::script`].
    pub(crate) script: &'a str,
}

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The request line; empty outside requests.
    pub(crate) request: &'a str,
    /// The script that runs; empty in the standalone server.
    pub(crate) script: &'a str,
}

/// Calls the application and sends what it returns. The exchange is lent to `request` meanwhile.
pub(crate) fn run<'py>(
    py: Python<'py>,
    hosted: &Hosted,
    request: &Request,
    arguments: &Arguments<'_, 'py>,
) -> Outcome {
    let called = arguments
        .callable
        .call(py, &[arguments.environ, arguments.start_response]);
    let ended = match called {
        Ok(result) => {
            let sent = send_result(py, hosted, request, &result);
            close(py, hosted, request, arguments.script, &result);
            sent
        }
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => {
            complete(py, request);
            Outcome::Responded
        }
        Err(error) => fail(py, hosted, request, arguments.script, error),
    }
}

/// The application is done: nothing more comes from its other threads either. Tells the front end when the body is
/// shorter than its Content-Length.
fn complete(py: Python<'_>, request: &Request) {
    let completed = request.exchange.with_turn(py, |exchange| {
        let mut state = request.response();
        state.finish();
        if state.is_short() {
            exchange.fell_short();
        }
    });
    completed.expect("the exchange is lent for as long as the request runs");
}

fn send_result<'py>(
    py: Python<'py>,
    hosted: &Hosted,
    request: &Request,
    result: &Object<'py>,
) -> PyResult<'py, ()> {
    if result.is_plain_sequence() {
        return send_sequence(py, request, result);
    }
    if request.response().body_bytes == 0
        && result.is_instance(&hosted.file_wrapper(py))?
        && let Some(region) = hosted.file_region(py, result)?
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
        let whole = total as u64 <= request.response().left(request.policy);
        if whole && total <= exchange.room() {
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

/// Sends a file by the kernel. A declared Content-Length decides how much of it, but never more than there is.
fn send_region<'py>(py: Python<'py>, request: &Request, region: &FileRegion) -> PyResult<'py, ()> {
    with_exchange(py, request, |exchange| {
        send_head(py, request, exchange, Some(region.length))?;
        let length = region.length.min(request.response().left(request.policy));
        if length == 0 && request.policy == Policy::Httpd {
            return Ok(());
        }
        let outcome = py.detach(|| exchange.send_file(region.file.as_fd(), region.offset, length));
        outcome.map_err(|failure| {
            request.response().broken = true;
            output_error(py, &failure)
        })?;
        request.response().body_bytes += length;
        Ok(())
    })
}

/// `close()` of the result is called whatever happened; what it raises is logged and changes nothing.
fn close<'py>(
    py: Python<'py>,
    hosted: &Hosted,
    request: &Request,
    script: &str,
    result: &Object<'py>,
) {
    if result.is_plain_sequence() {
        return;
    }
    let (phase, outcome) = match result.optional_attr(&hosted.close_name(py)) {
        Ok(None) => return,
        Ok(Some(close)) => (Phase::Request, close.call(py, &[]).map(drop)),
        Err(error) => (Phase::CloseLookup, Err(error)),
    };
    if let Err(error) = outcome
        && !error.is_instance(py, &hosted.request_timeout(py))
    {
        let subject = Subject {
            request: &log::label(py, request),
            script,
        };
        log::exception(py, hosted, &subject, phase, &error);
    }
}

/// Ends the request after an exception: the client gets an error page or a visible truncation, the log the traceback.
fn fail<'py>(
    py: Python<'py>,
    hosted: &Hosted,
    request: &Request,
    script: &str,
    error: Error<'py>,
) -> Outcome {
    let (sent, response_broken) = {
        let state = request.response();
        (state.body_bytes > 0, state.broken)
    };
    let label = log::label(py, request);
    if error.is_instance(py, &hosted.request_timeout(py)) {
        request.response().discard_head();
        log::interrupted(py, hosted, &label, sent);
        end(py, request, Failure::Timeout);
        return Outcome::TimedOut;
    }
    // A client that leaves, or sends a body that is none, must not fill the log. The application's own mistakes are worth
    // a traceback even then.
    let broken = (response_broken || request.input().failed)
        && error.is(py, ErrorKind::Os)
        && is_about_client(&error.describe(py));
    if broken {
        let reason = &error.describe(py);
        let request = &label;
        hosted.report(py, &Report::ClientGone { request, reason });
    } else {
        let subject = Subject {
            request: &label,
            script,
        };
        log::exception(py, hosted, &subject, Phase::Request, &error);
    }
    end(py, request, Failure::Application);
    if broken {
        Outcome::Responded
    } else {
        Outcome::Failed
    }
}

fn end(py: Python<'_>, request: &Request, failure: Failure) {
    let ended = request.exchange.with_turn(py, |exchange| {
        request.response().finish();
        exchange.fail(failure);
    });
    ended.expect("the exchange is lent for as long as the request runs");
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
