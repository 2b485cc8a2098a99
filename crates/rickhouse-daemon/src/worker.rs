//! A thread that answers requests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rickhouse_host::{Exchange as _, Failure};
use rickhouse_os::group_socket::is_exhaustion;
use rickhouse_os::stream::Stream;
use rickhouse_wire::{RequestFrame, response};
use tracing::{debug, error};

use crate::engine::{Ended, Engine, Handler};
use crate::exchange::{Buffers, Rules, WireExchange, inside, write_all};
use crate::frames::{Incoming, Received, Stranger, Unreadable};
use crate::notice::Notice;
use crate::process::Process;

/// What a worker reuses from one request to the next.
struct Kit<H> {
    handler: H,
    incoming: Incoming,
    buffers: Buffers,
}

/// The life of worker `number`: until the process stops.
pub(crate) fn work<E: Engine>(process: &Arc<Process<E>>, number: usize) {
    let group = &process.group;
    debug!("Starting thread {number} in daemon process '{group}'.");
    let mut kit = Kit {
        handler: process.engine.handler(number),
        incoming: Incoming::new(),
        buffers: Buffers::default(),
    };
    let lane = process.lane(number);
    let slot = &process.slots[number];
    slot.enter();
    let mut member = lane.join();
    while member.wait_for_turn() {
        slot.accepting();
        let accepted = accept(process);
        slot.accepted();
        let Some(stream) = accepted else {
            break;
        };
        member.begin();
        serve(process, &mut kit, &stream, Instant::now());
        drop(stream);
        slot.elsewhere();
        member.end();
        after_request(process);
    }
    slot.elsewhere();
    drop(member);
    drop(kit);
    debug!("Exiting thread {number} in daemon process '{group}'.");
}

/// The next connection; `None` when the process stops, or has to because it cannot accept any more.
fn accept<E: Engine>(process: &Process<E>) -> Option<Stream> {
    let mut said = false;
    loop {
        let error = match process.listener.accept_unless(|| process.is_stopping()) {
            Ok(accepted) => return accepted,
            Err(error) => error,
        };
        let passes = is_exhaustion(&error);
        if !said {
            let path = process.socket_path.display();
            error!(
                code = "WSGI0018",
                level = "crit",
                "Unable to poll daemon socket for '{path}': {error}."
            );
        }
        said = true;
        if !passes {
            process.fail();
            process.notify(Notice::AcceptFailed);
            return None;
        }
        // Siblings may accept meanwhile, and what other threads hold will be given back.
        thread::sleep(ACCEPT_PAUSE);
    }
}

/// How long a worker waits for descriptors or memory to be given back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

fn after_request<E: Engine>(process: &Process<E>) {
    if process.count_request() {
        if process.is_active() {
            process.notify(Notice::MaximumRequests);
        } else {
            // Before this thread, or another one, accepts one connection too many.
            process.stop_accepting();
            process.notify(Notice::MaximumRequestsIdle);
        }
    }
    if process.is_draining() {
        process.notify(Notice::RequestEnded);
    }
}

/// One connection.
fn serve<E: Engine>(
    process: &Process<E>,
    kit: &mut Kit<E::Handler>,
    stream: &Stream,
    accepted: Instant,
) {
    let (token, timeout) = (&process.token, process.socket_timeout);
    let received = match kit.incoming.receive(stream, token, timeout) {
        Ok(received) => received,
        Err(reason) => return report(&reason),
    };
    let Received {
        mut frame,
        attached,
    } = received;
    if process.is_stopping() {
        // Only now that the request was read: a child that is cut off while it writes may not look for an answer. And only
        // when its next attempt cannot reach this process again.
        process.end_accepting();
        return answer(process, stream, response::write_rejected);
    }
    if waited_too_long(process.queue_timeout, frame.head.received) {
        let group = &process.group;
        error!(
            code = "WSGI0084",
            "Queue timeout expired for WSGI daemon process '{group}'."
        );
        return answer(process, stream, response::write_timeout);
    }
    if !enter_chroot(process, &mut frame) {
        return;
    }
    process.activity.request_began();
    let rules = Rules {
        socket_timeout: process.socket_timeout,
        send_buffer: process.send_buffer,
        chroot: process.chroot.as_deref(),
        activity: &process.activity,
    };
    let mut exchange =
        WireExchange::new(stream, &frame, attached, &mut kit.buffers, &rules, accepted);
    let handler = &mut kit.handler;
    // A bug of ours must cost one request and not the thread; the panic hook has reported it.
    let ended = catch_unwind(AssertUnwindSafe(|| handler.handle(&frame, &mut exchange)));
    match ended {
        Ok(Ended::Answered) => exchange.finish(),
        Ok(Ended::Rejected) => {
            process.end_accepting();
            exchange.reject();
            exchange.finish();
            process.notify(Notice::ScriptChanged);
        }
        Err(_reported) => exchange.fail(Failure::Application),
    }
}

/// There is no request to answer.
fn report(why: &Unreadable) {
    match why {
        Unreadable::Stranger(Stranger::NoToken) => error!(
            code = "WSGI0033",
            level = "alert",
            "Request origin could not be validated; missing magic token."
        ),
        Unreadable::Stranger(Stranger::WrongToken) => error!(
            code = "WSGI0034",
            level = "alert",
            "Request origin could not be validated; magic token mismatch."
        ),
        reason => error!(
            code = "WSGI0080",
            "Unable to read incoming WSGI request from Apache child: {reason}."
        ),
    }
}

fn answer<E: Engine>(process: &Process<E>, stream: &Stream, write: fn(&mut Vec<u8>)) {
    let mut frame = Vec::with_capacity(response::HEADER);
    write(&mut frame);
    // A child that has left needs no answer.
    let _gone = write_all(stream, &frame, process.socket_timeout);
}

/// The time counts from httpd's reception of the request (DD §8.3, row 75).
fn waited_too_long(limit: Option<Duration>, received_micros: i64) -> bool {
    let Some(limit) = limit else {
        return false;
    };
    let received = Duration::from_micros(u64::try_from(received_micros).unwrap_or(0));
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().saturating_sub(received) > limit
}

/// Makes the script's path what it is inside of the chroot; `false` for one outside (DD §4.7).
fn enter_chroot<E: Engine>(process: &Process<E>, frame: &mut RequestFrame<'_>) -> bool {
    let Some(root) = process.chroot.as_deref() else {
        return true;
    };
    let head = &mut frame.head;
    let Some(script) = inside(root, head.script) else {
        let (script, root) = (String::from_utf8_lossy(head.script), root.display());
        error!(
            code = "WSGI0081",
            "WSGI script '{script}' is not located within chroot directory '{root}'."
        );
        return false;
    };
    head.script = script;
    // A handler script is configured, not mapped: one that is not below the root is named as the process sees it.
    head.handler_script = inside(root, head.handler_script).unwrap_or(head.handler_script);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_timeout_counts_from_the_reception() {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        let micros = |age: u64| {
            i64::try_from(now.as_micros()).expect("fits")
                - i64::try_from(age).expect("fits") * 1_000_000
        };
        let limit = Some(Duration::from_secs(10));
        assert!(!waited_too_long(limit, micros(5)));
        assert!(waited_too_long(limit, micros(20)));
        assert!(!waited_too_long(None, micros(20)));
        assert!(
            !waited_too_long(limit, i64::MAX),
            "a clock that was set back"
        );
    }
}
