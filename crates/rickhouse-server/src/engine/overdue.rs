//! What becomes of connections and requests that waited too long; and the concierge's view of the queue.

use rickhouse_os::socket::Peeked;

use super::queue::Ready;
use super::{Context, Engine, Queueing};
use crate::connection::{After, Phase};
use crate::request::Refusal;
use crate::slab::Claimed;

/// For so long (milliseconds) a new connection is left to sibling processes, of which one may have an idle thread or (in a
/// reload) be about to come up: there it is served at once, here it waits for what runs.
const DOOR_PATIENCE: u64 = 200;

impl Engine {
    /// Ends an overdue connection, with an answer where the client waits for one.
    pub(crate) fn expire(&self, mut claimed: Claimed, context: &mut Context) {
        let connection = &mut *claimed.connection;
        let sent_something = connection
            .buffers
            .as_ref()
            .is_some_and(|buffers| !buffers.input.filled().is_empty());
        let owes_answer = match connection.phase {
            Phase::Head | Phase::Body => sent_something,
            Phase::Proxy | Phase::Complete | Phase::Flush(_) | Phase::Linger => false,
        };
        if !owes_answer {
            return self.dismiss(claimed, context);
        }
        let mut buffers = connection.buffers.take().unwrap_or_default();
        self.counters.mine().refused.add_one();
        self.answer_error(
            connection,
            &mut buffers,
            Refusal::TimedOut.status(),
            context,
        );
        connection.buffers = Some(buffers);
        self.drive(claimed, context, &mut Queueing);
    }

    /// Ends a connection on which nothing happens, unless a request has just come (and its event was not looked at yet,
    /// because everybody is busy).
    pub(crate) fn dismiss(&self, mut claimed: Claimed, context: &mut Context) {
        let connection = &mut *claimed.connection;
        if connection.phase != Phase::Head {
            return self.discard(claimed, context);
        }
        if connection.socket.peek() == Peeked::Bytes {
            connection.readable = true;
        } else {
            // As after a last response: a request that crosses our close is not answered by a reset.
            connection.phase = Phase::Flush(After::Linger);
        }
        self.drive(claimed, context, &mut Queueing);
    }

    /// Ends a connection without a complete request, because the server leaves. Who has begun to send one is told, so that
    /// it may ask elsewhere.
    pub(crate) fn send_away(&self, mut claimed: Claimed, context: &mut Context) {
        let connection = &mut *claimed.connection;
        match connection.phase {
            Phase::Proxy | Phase::Linger => self.discard(claimed, context),
            Phase::Head if connection.is_idle() => self.dismiss(claimed, context),
            Phase::Head => {
                if connection.socket.peek() == Peeked::Bytes {
                    connection.readable = true;
                } else {
                    self.shed(connection, context);
                }
                self.drive(claimed, context, &mut Queueing);
            }
            Phase::Body | Phase::Complete | Phase::Flush(_) => {
                self.drive(claimed, context, &mut Queueing);
            }
        }
    }

    /// Answers 503 to requests that waited too long for a thread.
    pub(crate) fn shed_overdue_requests(&self, now: u64, context: &mut Context) {
        while let Some(token) = self.queues.pop_request() {
            let Some(mut claimed) = self.slab.resume(token) else {
                continue;
            };
            if !self.waited_too_long(&claimed.connection, now) {
                claimed.note_news();
                self.slab.park(claimed);
                self.queues.unpop_request(token);
                return;
            }
            self.shed(&mut claimed.connection, context);
            self.drive(claimed, context, &mut Queueing);
        }
    }

    /// A connection with unread news, taken in place of the busy threads.
    pub(crate) fn take_news(&self, now: u64) -> Option<Claimed> {
        for _ in 0..self.queues.len() {
            match self.queues.pop_ready()? {
                Ready::Event(token, news) => {
                    if let Some(claimed) = self.slab.tell(token, news) {
                        return Some(claimed);
                    }
                }
                Ready::Owned(token) => {
                    if let Some(claimed) = self.slab.resume(token) {
                        return Some(claimed);
                    }
                }
                Ready::Door { index, since }
                    if now.saturating_sub(since) >= DOOR_PATIENCE || self.is_health_door(index) =>
                {
                    self.accept(index);
                }
                early @ Ready::Door { .. } => {
                    self.queues.push_ready(early);
                    self.pass_on_wake();
                }
            }
        }
        None
    }
}
