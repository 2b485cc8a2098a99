//! Moves a connection as far as it goes without waiting: reads, parses, sends what is pending.

use std::io::ErrorKind;

use rickhouse_os::clock;
use rickhouse_os::readiness::Interest;

use super::{Context, Engine, deadline};
use crate::body::ReadAhead;
use crate::connection::{After, Buffers, Connection, Phase, Role};
use crate::proxy::{self, Named, ProxyHeader};
use crate::request::Refusal;
use crate::request::environ::trusts;
use crate::request::framing::Framing;
use crate::request::scan::is_blank;
use crate::request::view::RequestHead;
use crate::slab::{Claimed, Token};

/// Requests of one connection that are run before others get their turn: a client that pipelines without end would
/// keep a thread for itself.
const RUNS_IN_A_ROW: u32 = 32;
/// How much is read and thrown away while a refused client keeps sending.
const LINGER_LIMIT: usize = 1 << 20;
/// How long a refused client may take to read our answer, in milliseconds.
const LINGER_MILLIS: u64 = 2000;

/// How far a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something must happen first.
    Wait,
    /// A request is complete: run the handler.
    Run,
    /// An answer stands in the output.
    Answer,
    /// It is over.
    Close,
}

/// Who drives a connection: decides what becomes of a complete request.
pub(crate) trait Runner {
    /// Runs the request and leaves its answer in the output, or puts the connection elsewhere and returns `None`.
    fn run(&mut self, engine: &Engine, claimed: Claimed, context: &mut Context) -> Option<Claimed>;
}

impl Engine {
    /// Drives an owned connection until it waits for something, is somebody else's, or is closed.
    pub(crate) fn drive(
        &self,
        mut claimed: Claimed,
        context: &mut Context,
        runner: &mut dyn Runner,
    ) {
        let mut runs = 0;
        loop {
            claimed.note_news();
            if runs == RUNS_IN_A_ROW {
                context.yielded = true;
                return self.put_back(claimed);
            }
            match self.advance(&mut claimed.connection, claimed.token, context) {
                // Our own: a health check, or the last one.
                Step::Answer => runs += 1,
                Step::Close => return self.discard(claimed, context),
                Step::Run => {
                    runs += 1;
                    match runner.run(self, claimed, context) {
                        Some(answered) => claimed = answered,
                        None => return,
                    }
                }
                Step::Wait => {
                    give_back(&mut claimed.connection, context);
                    let overdue = claimed.connection.deadline;
                    match self.slab.release(claimed, overdue) {
                        Some(with_news) => claimed = with_news,
                        None => return,
                    }
                }
            }
        }
    }

    /// Closes a connection and keeps its buffers.
    pub(super) fn discard(&self, mut claimed: Claimed, context: &mut Context) {
        if let Some(buffers) = claimed.connection.buffers.take() {
            context.keep(buffers);
        }
        self.close(claimed);
    }

    fn advance(&self, connection: &mut Connection, token: Token, context: &mut Context) -> Step {
        let mut buffers = connection
            .buffers
            .take()
            .unwrap_or_else(|| context.buffers());
        let step = loop {
            let step = match connection.phase {
                Phase::Proxy => self.proxy_header(connection, &mut buffers),
                Phase::Head => self.head(connection, &mut buffers, context),
                Phase::Body => self.body(connection, &mut buffers, context),
                Phase::Complete => Some(Step::Run),
                Phase::Flush(after) => self.flush(connection, &mut buffers, token, after),
                Phase::Linger => Some(linger(connection)),
            };
            if let Some(step) = step {
                break step;
            }
        };
        connection.buffers = Some(buffers);
        step
    }

    /// Reads the PROXY header. `None`: on to the next phase.
    fn proxy_header(&self, connection: &mut Connection, buffers: &mut Buffers) -> Option<Step> {
        // The header changes who the client is, so it is taken only from who may say so.
        if !connection.peer_is_trusted {
            return Some(Step::Close);
        }
        loop {
            match proxy::parse(buffers.input.filled()) {
                ProxyHeader::Malformed => return Some(Step::Close),
                ProxyHeader::Complete { length, client } => {
                    buffers.input.consume(length);
                    self.note_proxied(connection, client);
                    connection.phase = Phase::Head;
                    return None;
                }
                ProxyHeader::Incomplete => {
                    if let Some(step) = read_more(connection, buffers) {
                        return Some(step);
                    }
                }
            }
        }
    }

    fn note_proxied(&self, connection: &mut Connection, named: Named) {
        match named {
            Named::Proxy => {}
            Named::Client(client) => {
                connection.set_peer(Some(client));
                connection.peer_is_trusted = trusts(&self.settings.trusted_peers, Some(client));
            }
            // The address stays the proxy's, for want of a better one; what the request says of itself is not the proxy's.
            Named::Somebody => connection.peer_is_trusted = false,
        }
    }

    /// Reads a request head.
    fn head(
        &self,
        connection: &mut Connection,
        buffers: &mut Buffers,
        context: &mut Context,
    ) -> Option<Step> {
        loop {
            // A blank line is kept until more comes: it is not the first of many, nor the beginning of a head.
            let was_blank = is_blank(buffers.input.filled());
            if !was_blank {
                match buffers.scan_head(&self.settings.limits) {
                    Ok(Some(end)) => return self.understood(connection, buffers, end, context),
                    Ok(None) => {}
                    Err(refusal) => return self.refuse(connection, buffers, refusal, context),
                }
            }
            if let Some(step) = read_more(connection, buffers) {
                return Some(step);
            }
            let begins = was_blank && !is_blank(buffers.input.filled());
            if begins && connection.served > 0 {
                connection.deadline =
                    deadline(clock::monotonic_millis(), self.settings.timeouts.header);
            }
        }
    }

    /// Parses a complete head and decides what it needs.
    fn understood(
        &self,
        connection: &mut Connection,
        buffers: &mut Buffers,
        end: usize,
        context: &mut Context,
    ) -> Option<Step> {
        let Buffers {
            input,
            head,
            body,
            head_end,
            ..
        } = buffers;
        let limits = &self.settings.limits;
        let begun = head.parse(&input.filled()[..end], limits).and_then(|()| {
            *head_end = end;
            body.begin(head.framing, end, head.expects_continue, limits)
        });
        if let Err(refusal) = begun {
            return self.refuse(connection, buffers, refusal, context);
        }
        connection.phase = Phase::Body;
        if head.framing != Framing::None {
            connection.deadline = deadline(clock::monotonic_millis(), self.settings.timeouts.body);
        }
        let view = RequestHead {
            head,
            input: &input.filled()[..end],
        };
        if let Some(status) = self.health_status(connection.role, &view) {
            self.answer_health(connection, buffers, status, context);
            return Some(Step::Answer);
        }
        None
    }

    /// Reads a body ahead.
    fn body(
        &self,
        connection: &mut Connection,
        buffers: &mut Buffers,
        context: &mut Context,
    ) -> Option<Step> {
        loop {
            let Buffers { input, body, .. } = buffers;
            match body.read_ahead(input, &self.settings.limits) {
                Ok(ReadAhead::Complete | ReadAhead::Streams) => {
                    connection.phase = Phase::Complete;
                    connection.complete_at = 0;
                    return Some(Step::Run);
                }
                Ok(ReadAhead::NeedsMore) => {}
                Err(refusal) => return self.refuse(connection, buffers, refusal, context),
            }
            if let Some(step) = read_more(connection, buffers) {
                return Some(step);
            }
            // Counted from the last piece that came.
            connection.deadline = deadline(clock::monotonic_millis(), self.settings.timeouts.body);
        }
    }

    /// Sends the rest of a response, then does what comes after it.
    fn flush(
        &self,
        connection: &mut Connection,
        buffers: &mut Buffers,
        token: Token,
        after: After,
    ) -> Option<Step> {
        let before = buffers.out.pending().len();
        match buffers.out.send(&connection.socket) {
            Err(_gone) => return Some(Step::Close),
            Ok(false) => {
                // Only the client's taking something renews the deadline, not what else is heard from it.
                if buffers.out.pending().len() < before {
                    connection.deadline =
                        deadline(clock::monotonic_millis(), self.settings.timeouts.write);
                }
                return Some(self.watch_writes(connection, token));
            }
            Ok(true) => {}
        }
        match after {
            After::CutShort => return Some(Step::Close),
            After::Close => {
                end_stream(connection);
                return Some(Step::Close);
            }
            After::Linger => {
                connection.reset_on_close(false);
                connection.socket.shutdown_write();
                connection.deadline = clock::monotonic_millis() + LINGER_MILLIS;
                connection.readable = true;
                connection.phase = Phase::Linger;
            }
            After::NextRequest => {
                buffers.next_request(buffers.body.consumed());
                // Some of the next head may be here already; then nothing later begins its time.
                let timeouts = &self.settings.timeouts;
                let limit = if is_blank(buffers.input.filled()) {
                    timeouts.keep_alive
                } else {
                    timeouts.header
                };
                connection.deadline = deadline(clock::monotonic_millis(), limit);
                connection.phase = Phase::Head;
            }
        }
        None
    }

    fn watch_writes(&self, connection: &mut Connection, token: Token) -> Step {
        if !connection.watches_writes {
            let watched = self
                .readiness
                .change(&connection.socket, token.0, Interest::ReadWrite);
            connection.watches_writes = watched.is_ok();
        }
        if connection.watches_writes {
            Step::Wait
        } else {
            Step::Close
        }
    }

    /// Answers a request that is none, and ends the connection.
    fn refuse(
        &self,
        connection: &mut Connection,
        buffers: &mut Buffers,
        refusal: Refusal,
        context: &mut Context,
    ) -> Option<Step> {
        self.counters.mine().refused.add_one();
        self.answer_error(connection, buffers, refusal.status(), context);
        Some(Step::Answer)
    }

    /// What to answer to a health check; `None` when this is not one.
    fn health_status(&self, role: Role, head: &RequestHead<'_>) -> Option<u16> {
        let readiness = || if self.is_ready() { 200 } else { 503 };
        let is = |path: &Option<String>| {
            path.as_ref()
                .is_some_and(|path| path.as_bytes() == head.path())
        };
        match role {
            Role::Health if head.path() == b"/healthz" => Some(200),
            Role::Health if head.path() == b"/readyz" => Some(readiness()),
            Role::Traffic if is(&self.settings.health_path) => Some(200),
            Role::Traffic if is(&self.settings.ready_path) => Some(readiness()),
            Role::Health => Some(404),
            Role::Traffic => None,
        }
    }
}

/// The response is sent: where the end of the stream is a part of it, it is sent as well. (Closing alone would not do if
/// the application forked: a copy of the descriptor keeps the stream open.)
fn end_stream(connection: &mut Connection) {
    if connection.resets {
        connection.reset_on_close(false);
        connection.socket.shutdown_write();
    }
}

/// Reads once. `None` when something came.
fn read_more(connection: &mut Connection, buffers: &mut Buffers) -> Option<Step> {
    if !connection.readable {
        return Some(Step::Wait);
    }
    match buffers.input.fill(&connection.socket) {
        Ok((0, _)) => Some(Step::Close),
        Ok((_, full)) => {
            // A read that left room emptied the socket: what comes later is reported anew. Only the end of the stream, if
            // it was reported already, is not.
            connection.readable = full || connection.peer_closed;
            None
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            connection.readable = false;
            Some(Step::Wait)
        }
        Err(_reset) => Some(Step::Close),
    }
}

/// Throws away what comes, until the client closes.
fn linger(connection: &mut Connection) -> Step {
    let mut scratch = [0u8; 16 * 1024];
    loop {
        match connection.socket.recv(&mut scratch) {
            Ok(0) => return Step::Close,
            Ok(count) => {
                connection.discarded += count;
                if connection.discarded > LINGER_LIMIT {
                    return Step::Close;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Wait,
            Err(_reset) => return Step::Close,
        }
    }
}

/// Takes the buffers of a connection that needs none while it waits.
fn give_back(connection: &mut Connection, context: &mut Context) {
    let unused =
        |buffers: &Buffers| buffers.input.filled().is_empty() && buffers.out.pending().is_empty();
    if connection
        .buffers
        .as_ref()
        .is_some_and(|buffers| unused(buffers))
    {
        connection
            .buffers
            .take()
            .into_iter()
            .for_each(|buffers| context.keep(buffers));
    }
}
