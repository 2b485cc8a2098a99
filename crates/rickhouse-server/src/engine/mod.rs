//! What all threads of a server share, and how a thread finds its next piece of work.
//!
//! Every thread waits on one edge-triggered readiness set, so whoever is idle takes the next event: that is the load
//! balancing. A thread that gets several events while nobody else waits puts the rest into the ready queue, which every
//! thread looks at before it waits.

mod accept;
mod context;
mod drive;
mod overdue;
mod queue;
mod run;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rickhouse_os::clock;
use rickhouse_os::readiness::{Event, Events, Readiness, Wake};

use crate::access::AccessLog;
use crate::bell::Bell;
use crate::connection::Role;
use crate::error::ServerError;
use crate::settings::Settings;
use crate::slab::{Claimed, PEER_CLOSED, READABLE, Slab, Token, WRITABLE};
use crate::stats::{Counters, Padded};

pub(crate) use accept::Door;
pub(crate) use context::Context;
use queue::{Queues, Ready};
pub(crate) use run::{OnThisThread, Queueing};

/// Events one thread takes at a time when nobody else waits.
const BATCH: usize = 32;
/// The token of the wake-up. Tokens below 2^32 are listeners, those of connections carry a generation.
const WAKE: u64 = u32::MAX as u64;
/// Stands for "no limit" where the system wants a time.
const FOREVER: Duration = Duration::from_secs(1 << 30);

/// The life of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Life {
    Serving = 0,
    /// Accepts nothing new; ends when nothing is open, or at the deadline.
    Draining = 1,
    Stopped = 2,
}

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) settings: Settings,
    pub(crate) access: Option<AccessLog>,
    pub(crate) slab: Slab,
    pub(crate) counters: Counters,
    pub(crate) ready: AtomicBool,
    pub(crate) bell: Bell,
    readiness: Readiness,
    wake: Wake,
    queues: Queues,
    doors: Vec<Door>,
    /// The doors are shut because there are too many connections (or no descriptors).
    full: AtomicBool,
    open: AtomicUsize,
    life: AtomicU8,
    drain: Mutex<Option<Drain>>,
    /// Threads that wait on the readiness set now. Written at each wait, so it has its own cache line.
    pollers: Padded<AtomicUsize>,
}

/// When a drain began and must end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    pub(crate) began: u64,
    pub(crate) deadline: Instant,
}

/// What a thread does next.
#[derive(Debug)]
pub(crate) enum Work {
    Connection(Claimed),
    Stop,
}

impl Engine {
    pub(crate) fn new(
        mut settings: Settings,
        doors: Vec<Door>,
        access: Option<AccessLog>,
    ) -> Result<Engine, ServerError> {
        settings.limits.connections = settings.limits.connections.max(1);
        let readiness = Readiness::new().map_err(ServerError::Readiness)?;
        let wake = Wake::new(&readiness, WAKE).map_err(ServerError::Readiness)?;
        let engine = Engine {
            slab: Slab::new(settings.limits.connections),
            settings,
            access,
            counters: Counters::default(),
            ready: AtomicBool::new(false),
            bell: Bell::default(),
            readiness,
            wake,
            queues: Queues::default(),
            doors,
            full: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            life: AtomicU8::new(Life::Serving as u8),
            drain: Mutex::new(None),
            pollers: Padded::default(),
        };
        for (index, door) in engine.doors.iter().enumerate() {
            door.watch(&engine.readiness, index)?;
        }
        Ok(engine)
    }

    pub(crate) fn life(&self) -> Life {
        match self.life.load(Relaxed) {
            0 => Life::Serving,
            1 => Life::Draining,
            _ => Life::Stopped,
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Relaxed) && self.life() == Life::Serving
    }

    /// Whether a connection may live beyond its present response.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.life() == Life::Serving && !self.settings.timeouts.keep_alive.is_zero()
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.open.load(SeqCst)
    }

    pub(crate) fn queued(&self) -> usize {
        self.queues.requests()
    }

    pub(crate) fn drain_state(&self) -> Option<Drain> {
        *self.drain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops accepting and begins to end what is open. A later deadline than the present one changes nothing.
    pub(crate) fn begin_drain(&self, deadline: Instant) {
        let mut drain = self.drain.lock().unwrap_or_else(PoisonError::into_inner);
        let began = drain.map_or_else(clock::monotonic_millis, |drain| drain.began);
        let deadline = drain.map_or(deadline, |drain| drain.deadline.min(deadline));
        *drain = Some(Drain { began, deadline });
        drop(drain);
        // Stands for the connections that are accepted a last time: without it the drain could end before them.
        self.open.fetch_add(1, SeqCst);
        let serving = Life::Serving as u8;
        if self
            .life
            .compare_exchange(serving, Life::Draining as u8, SeqCst, SeqCst)
            .is_ok()
        {
            self.shut_doors();
        }
        self.open.fetch_sub(1, SeqCst);
        self.bell.ring();
    }

    /// Ends a drain once nothing is open.
    pub(crate) fn stop_if_drained(&self) -> bool {
        let drained = self.life() == Life::Draining && self.open_connections() == 0;
        if drained {
            self.stop();
        }
        drained
    }

    /// Lets all threads go. Requests that run now are finished by their threads.
    pub(crate) fn stop(&self) {
        self.life.store(Life::Stopped as u8, SeqCst);
        self.wake.wake();
        self.bell.ring();
    }

    pub(crate) fn body_wait(&self) -> Duration {
        or_forever(self.settings.timeouts.body)
    }

    pub(crate) fn write_wait(&self) -> Duration {
        or_forever(self.settings.timeouts.write)
    }

    /// The next piece of work; waits for it.
    pub(crate) fn next_work(&self, context: &mut Context) -> Work {
        loop {
            if self.life() == Life::Stopped {
                // Each thread that leaves wakes the next.
                self.wake.wake();
                return Work::Stop;
            }
            if std::mem::take(&mut context.yielded) {
                self.look_for_others(&mut context.events);
            }
            if let Some(claimed) = self.take_queued() {
                return Work::Connection(claimed);
            }
            let others = self.pollers.0.fetch_add(1, SeqCst);
            // A thread that queues work looks for pollers afterwards, and a poller looks at the queue after it is counted.
            if self.queues.is_empty() && self.life() != Life::Stopped {
                // With others waiting, each takes one event, so that the kernel spreads them.
                let limit = if others == 0 { BATCH } else { 1 };
                self.poll(&mut context.events, limit, None);
            }
            self.pollers.0.fetch_sub(1, SeqCst);
            self.counters.mine().polls.add_one();
            if let Some(claimed) = self.sort_events(&context.events) {
                return Work::Connection(claimed);
            }
        }
    }

    /// Whether a thread waits for work now.
    pub(crate) fn has_pollers(&self) -> bool {
        self.pollers.0.load(SeqCst) > 0
    }

    fn poll(&self, events: &mut Events, limit: usize, timeout: Option<Duration>) {
        if let Err(error) = self.readiness.wait(events, limit, timeout) {
            // The set itself is broken, which no client can bring about. Without it there is nothing left to do.
            tracing::error!(%error, "cannot wait for connections");
            self.stop();
        }
    }

    /// Queues what the set reports, without waiting; `false` when that is nothing.
    pub(crate) fn look_for_others(&self, events: &mut Events) -> bool {
        self.poll(events, BATCH, Some(Duration::ZERO));
        for event in events.iter().filter(|event| event.token != WAKE) {
            self.queues.push_ready(if event.token < WAKE {
                Ready::door(event.token as usize)
            } else {
                Ready::Event(Token(event.token), news(event))
            });
        }
        self.pass_on_wake();
        !events.is_empty()
    }

    /// Wakes a thread that waits though there is work, or nothing left to wait for: the concierge may have taken a wake-up
    /// that was meant for it.
    pub(crate) fn pass_on_wake(&self) {
        if self.has_pollers() && (!self.queues.is_empty() || self.life() == Life::Stopped) {
            self.wake.wake();
        }
    }

    /// Takes the events of one wait: accepts at once, keeps the first connection, queues the others.
    fn sort_events(&self, events: &Events) -> Option<Claimed> {
        let mut first = None;
        let mut others = Vec::new();
        for event in events.iter() {
            match event.token {
                WAKE => {}
                token if token < WAKE => self.accept(token as usize),
                token if first.is_none() => first = self.slab.tell(Token(token), news(event)),
                token => others.push(Ready::Event(Token(token), news(event))),
            }
        }
        if !others.is_empty() {
            self.queues.push_all_ready(others);
            if self.has_pollers() {
                self.wake.wake();
            }
        }
        first
    }

    fn take_queued(&self) -> Option<Claimed> {
        loop {
            let ready = self.queues.pop()?;
            let claimed = match ready {
                Ready::Event(token, news) => self.slab.tell(token, news),
                Ready::Owned(token) => self.slab.resume(token),
                Ready::Door { index, .. } => {
                    self.accept(index);
                    None
                }
            };
            if !self.queues.is_empty() && self.has_pollers() {
                self.wake.wake();
            }
            if claimed.is_some() {
                return claimed;
            }
        }
    }

    /// Queues an owned connection for whoever comes next.
    pub(crate) fn put_back(&self, mut claimed: Claimed) {
        claimed.note_news();
        let token = claimed.token;
        self.slab.park(claimed);
        self.queues.push_ready(Ready::Owned(token));
        if self.has_pollers() {
            self.wake.wake();
        }
    }
}

impl Claimed {
    /// Moves the news into the connection, where its owner looks.
    pub(crate) fn note_news(&mut self) {
        let news = std::mem::take(&mut self.news);
        self.connection.readable |= news & (READABLE | PEER_CLOSED) != 0;
        self.connection.peer_closed |= news & PEER_CLOSED != 0;
    }
}

fn news(event: Event) -> u64 {
    let mut news = 0;
    for (reported, bit) in [
        (event.readable, READABLE),
        (event.writable, WRITABLE),
        (event.peer_closed, PEER_CLOSED),
    ] {
        news |= if reported { bit } else { 0 };
    }
    news
}

fn or_forever(limit: Duration) -> Duration {
    if limit.is_zero() { FOREVER } else { limit }
}

/// When something that begins at `now` (milliseconds) is overdue; 0 is never.
pub(crate) fn deadline(now: u64, limit: Duration) -> u64 {
    if limit.is_zero() {
        0
    } else {
        now.saturating_add(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
            .max(1)
    }
}

/// The doors of a server, and what they are for.
pub(crate) fn doors(
    traffic: Vec<rickhouse_os::listen::Listener>,
    health: Vec<rickhouse_os::listen::Listener>,
) -> Vec<Door> {
    let traffic = traffic
        .into_iter()
        .map(|listener| Door::new(listener, Role::Traffic));
    traffic
        .chain(
            health
                .into_iter()
                .map(|listener| Door::new(listener, Role::Health)),
        )
        .collect()
}
