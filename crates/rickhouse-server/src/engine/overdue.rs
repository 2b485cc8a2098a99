//! What becomes of connections and requests that waited too long; and the concierge's view of the queue.

use super::queue::Ready;
use super::{Context, Engine, Queueing};
use crate::connection::{After, Phase};
use crate::request::Refusal;
use crate::slab::Claimed;

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
            return self.discard(claimed, context);
        }
        let mut buffers = connection.buffers.take().unwrap_or_default();
        self.counters.refused.add_one();
        self.answer_error(
            connection,
            &mut buffers,
            Refusal::TimedOut.status(),
            context,
        );
        connection.buffers = Some(buffers);
        self.drive(claimed, context, &mut Queueing);
    }

    /// Ends an idle connection of a draining server, unless a request has just come.
    pub(crate) fn dismiss(&self, mut claimed: Claimed, context: &mut Context) {
        claimed.note_news();
        let closes = claimed.connection.phase == Phase::Linger || !claimed.connection.readable;
        if !closes {
            return self.drive(claimed, context, &mut Queueing);
        }
        if claimed.connection.phase == Phase::Head {
            // As after a last response: a request that crosses our close is not answered by a reset.
            claimed.connection.phase = Phase::Flush(After::Linger);
            return self.drive(claimed, context, &mut Queueing);
        }
        self.discard(claimed, context);
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
    pub(crate) fn take_news(&self) -> Option<Claimed> {
        loop {
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
                Ready::Door(index) => self.accept(index),
            }
        }
    }
}
