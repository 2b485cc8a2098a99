//! Answers: those of the handler, and the server's own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime};

use rickhouse_lane::Member;
use rickhouse_os::clock;
use rickhouse_wsgi::status::phrase;

use super::drive::Runner;
use super::{Context, Engine, deadline};
use crate::access::Entry;
use crate::connection::{After, Buffers, Connection, Phase};
use crate::exchange::{Exchange, Handler, Outcome};
use crate::request::environ::Origin;
use crate::request::view::RequestHead;
use crate::response::{Facts, OwnFields, Response};
use crate::slab::{Claimed, Token};

/// A thread that runs requests on itself.
pub(crate) struct OnThisThread<'a, 'lane> {
    pub(crate) handler: &'a mut dyn Handler,
    pub(crate) member: &'a mut Member<'lane>,
}

impl Runner for OnThisThread<'_, '_> {
    fn run(
        &mut self,
        engine: &Engine,
        mut claimed: Claimed,
        context: &mut Context,
    ) -> Option<Claimed> {
        let queued_at = claimed.connection.complete_at;
        if queued_at != 0 && engine.waited_too_long(queued_at, clock::monotonic_millis()) {
            engine.shed(&mut claimed.connection, context);
            return Some(claimed);
        }
        self.member.begin();
        engine.run_request(&mut claimed, self.handler, context);
        self.member.end();
        Some(claimed)
    }
}

/// The concierge: requests are queued for the threads that run them.
pub(crate) struct Queueing;

impl Runner for Queueing {
    fn run(
        &mut self,
        engine: &Engine,
        mut claimed: Claimed,
        context: &mut Context,
    ) -> Option<Claimed> {
        if engine.queues.requests() >= engine.settings.limits.queue {
            engine.shed(&mut claimed.connection, context);
            return Some(claimed);
        }
        let complete_at = clock::monotonic_millis();
        claimed.connection.complete_at = complete_at;
        let token = claimed.token;
        engine.slab.park(claimed);
        engine.queues.push_request(token, complete_at);
        if engine.has_pollers() {
            engine.wake.wake();
        }
        None
    }
}

impl Engine {
    fn run_request(&self, claimed: &mut Claimed, handler: &mut dyn Handler, context: &mut Context) {
        let connection = &mut *claimed.connection;
        let mut buffers = connection.buffers.take().unwrap_or_default();
        let began = self.access.is_some().then(Instant::now);
        self.counters.mine().begun.add_one();
        connection.served += 1;
        context.date.refresh();
        let mut exchange = Exchange::new(
            self,
            claimed.token,
            connection,
            &mut buffers,
            &context.date.line,
        );
        if catch_unwind(AssertUnwindSafe(|| handler.handle(&mut exchange))).is_err() {
            tracing::error!("a handler panicked; its request is answered 500 or cut short");
            exchange.fail(500);
        }
        let outcome = exchange.finish();
        let Exchange {
            response,
            logged_fields,
            origin,
            ..
        } = exchange;
        let after = self.settle(claimed.token, connection, &mut buffers, outcome, &response);
        if response.ends_with_connection() && outcome == Outcome::Cut {
            connection.reset_on_close(true);
        }
        let flushed = buffers.out.send(&connection.socket);
        if let Ok(false) = flushed {
            connection.deadline = deadline(clock::monotonic_millis(), self.settings.timeouts.write);
            if response.ends_with_connection() {
                connection.reset_on_close(true);
            }
        }
        let sent = flushed.is_ok();
        let complete = sent && outcome == Outcome::Complete;
        if complete {
            self.counters.mine().finished.add_one();
        } else {
            self.counters.mine().aborted.add_one();
        }
        connection.phase = Phase::Flush(if sent { after } else { After::CutShort });
        if let Some(began) = began {
            let keeps_alive = after == After::NextRequest;
            self.log(
                connection,
                &buffers,
                origin,
                &response,
                began.elapsed(),
                &logged_fields,
                (complete, keeps_alive),
            );
        }
        connection.buffers = Some(buffers);
    }

    /// What comes after a response of the handler.
    fn settle(
        &self,
        token: Token,
        connection: &Connection,
        buffers: &mut Buffers,
        outcome: Outcome,
        response: &Response,
    ) -> After {
        let at_next = buffers
            .body
            .skip_rest(&mut buffers.input, &connection.socket);
        match outcome {
            Outcome::Cut => After::CutShort,
            Outcome::Complete if !at_next => After::Linger,
            Outcome::Complete if response.keeps_alive => After::NextRequest,
            // Bytes beyond the request would make the kernel reset the connection when we close it.
            Outcome::Complete
                if buffers.body.consumed() < buffers.input.end()
                    || connection.readable
                    || self.slab.heard_readable(token) =>
            {
                After::Linger
            }
            Outcome::Complete => After::Close,
        }
    }

    /// Whether a request that was queued at `complete_at` (monotonic milliseconds) is too old to be answered.
    pub(crate) fn waited_too_long(&self, complete_at: u64, now: u64) -> bool {
        let limit = self.settings.timeouts.queue;
        let waited = Duration::from_millis(now.saturating_sub(complete_at));
        !limit.is_zero() && waited > limit
    }

    /// Answers 503 in place of the handler.
    pub(crate) fn shed(&self, connection: &mut Connection, context: &mut Context) {
        self.counters.mine().shed.add_one();
        let mut buffers = connection.buffers.take().unwrap_or_default();
        self.answer_error(connection, &mut buffers, 503, context);
        connection.buffers = Some(buffers);
    }

    /// Puts an error answer into the output; the connection ends after it.
    pub(super) fn answer_error(
        &self,
        connection: &mut Connection,
        buffers: &mut Buffers,
        status: u16,
        context: &mut Context,
    ) {
        let retry: &[(&[u8], &[u8])] = if status == 503 {
            &[(b"Retry-After", b"1")]
        } else {
            &[]
        };
        self.answer(connection, buffers, status, retry, false, context);
        connection.deadline = deadline(clock::monotonic_millis(), self.settings.timeouts.write);
        connection.phase = Phase::Flush(After::Linger);
    }

    /// Puts the answer to a health check into the output.
    pub(super) fn answer_health(
        &self,
        connection: &mut Connection,
        buffers: &mut Buffers,
        status: u16,
        context: &mut Context,
    ) {
        self.counters.mine().health_checks.add_one();
        connection.served += 1;
        let at_next = buffers
            .body
            .skip_rest(&mut buffers.input, &connection.socket);
        let keep_alive = at_next && buffers.head.keep_alive && self.keeps_alive();
        self.answer(
            connection,
            buffers,
            status,
            &[(b"Cache-Control", b"no-store")],
            keep_alive,
            context,
        );
        connection.deadline = deadline(clock::monotonic_millis(), self.settings.timeouts.write);
        connection.phase = Phase::Flush(if keep_alive {
            After::NextRequest
        } else {
            After::Linger
        });
    }

    fn answer(
        &self,
        connection: &Connection,
        buffers: &mut Buffers,
        status: u16,
        extra: &[(&[u8], &[u8])],
        keep_alive: bool,
        context: &mut Context,
    ) {
        context.date.refresh();
        let (text, own) = (
            phrase(status),
            OwnFields {
                server: self.settings.server_header.as_bytes(),
                date: &context.date.line,
            },
        );
        let page = format!("{status} {text}\n");
        let understood = buffers.head_end > 0;
        let is_head = understood && buffers.view().method() == b"HEAD";
        let facts = Facts {
            is_head,
            version: buffers.head.version,
            keep_alive,
        };
        let fields: [(&[u8], &[u8]); 1] = [(b"Content-Type", b"text/plain; charset=utf-8")];
        let mut fields = fields.into_iter().chain(extra.iter().copied());
        buffers.out.clear();
        let mut response = Response::default();
        let out = &mut buffers.out.bytes;
        // Our own head is well formed; were it not, the client would get the closed connection alone.
        if response
            .start(
                out,
                facts,
                (status, text.as_bytes()),
                &mut fields,
                Some(page.len() as u64),
                &own,
            )
            .is_ok()
        {
            out.extend_from_slice(response.admit(page.as_bytes()));
        }
        if self.access.is_some() {
            let origin = if understood {
                Origin::of(connection, &buffers.view(), &self.settings)
            } else {
                Origin::direct(connection)
            };
            self.log(
                connection,
                buffers,
                origin,
                &response,
                Duration::ZERO,
                &[],
                (true, keep_alive),
            );
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one log line, from as many places"
    )]
    fn log(
        &self,
        connection: &Connection,
        buffers: &Buffers,
        origin: Origin,
        response: &Response,
        took: Duration,
        response_fields: &[(usize, Vec<u8>)],
        (complete, keeps_alive): (bool, bool),
    ) {
        let Some(access) = &self.access else { return };
        let input = buffers.input.filled();
        let line_end = memchr::memchr(b'\n', input).unwrap_or(input.len());
        let head: Option<RequestHead<'_>> = (buffers.head_end > 0).then(|| buffers.view());
        access.log(&Entry {
            head,
            request_line: input[..line_end].trim_ascii_end(),
            connection,
            origin,
            status: response.status,
            body_bytes: response.body_bytes,
            took,
            ended: SystemTime::now(),
            complete,
            keeps_alive,
            response_fields,
        });
    }
}
