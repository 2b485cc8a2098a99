//! The concierge: one small thread that never runs a handler. It takes over the door when every other thread is busy, and
//! it enforces timeouts.

use std::time::{Duration, Instant};

use rickhouse_os::clock;
use rickhouse_os::readiness::Events;

use crate::engine::{Context, Engine, Life, Queueing};

/// Pause between two looks while requests run.
const BUSY_TICK: Duration = Duration::from_millis(10);
/// Pause between two looks, and between two scans for overdue connections, while connections are open.
const SCAN_TICK: Duration = Duration::from_millis(250);
const EVENTS: usize = 64;
/// Pieces of work in one tick; timeouts must get their turn.
const LOOKS: usize = 256;

/// What the concierge remembers from look to look.
pub(crate) struct Concierge<'a> {
    engine: &'a Engine,
    context: Context,
    events: Events,
    polls: u64,
    begun: u64,
    scanned: u64,
}

impl<'a> Concierge<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Concierge<'a> {
        Concierge {
            engine,
            context: Context::new(),
            events: Events::with_capacity(EVENTS),
            polls: 0,
            begun: 0,
            scanned: 0,
        }
    }

    /// Works until the server has stopped.
    pub(crate) fn run(&mut self) {
        while self.engine.life() != Life::Stopped {
            self.enforce();
            if self.everybody_is_busy() {
                self.attend();
            } else {
                self.rest();
            }
        }
        self.engine.pass_on_wake();
    }

    /// No thread waits, and none came back to wait since the last look.
    fn everybody_is_busy(&mut self) -> bool {
        let polls = self.engine.counters.polls();
        let unmoved = std::mem::replace(&mut self.polls, polls) == polls;
        let running = self.engine.counters.snapshot(0).running > 0;
        unmoved && running && !self.engine.has_pollers()
    }

    /// Does what idle threads would do, up to the handler.
    ///
    /// It looks at the readiness set and never waits on it: the kernel wakes one of the processes that wait for a
    /// connection, and that must be a sibling with an idle thread, not us.
    fn attend(&mut self) {
        self.engine.bell.sleep(BUSY_TICK);
        let now = clock::monotonic_millis();
        for _ in 0..LOOKS {
            if self.engine.has_pollers() {
                return;
            }
            if let Some(claimed) = self.engine.take_news(now) {
                self.engine.drive(claimed, &mut self.context, &mut Queueing);
            } else if !self.engine.look_for_others(&mut self.events) {
                return;
            }
        }
    }

    fn rest(&mut self) {
        let engine = self.engine;
        let stats = engine.counters.snapshot(0);
        let active =
            std::mem::replace(&mut self.begun, stats.begun) != stats.begun || stats.running > 0;
        let draining = engine.life() != Life::Serving;
        if active || draining {
            engine.bell.sleep(BUSY_TICK);
        } else if stats.open > 0 || engine.is_full() {
            engine.bell.sleep(SCAN_TICK);
        } else {
            engine.bell.sleep_unless(|| {
                engine.open_connections() > 0 || engine.is_full() || engine.life() != Life::Serving
            });
        }
    }

    fn enforce(&mut self) {
        let now = clock::monotonic_millis();
        self.engine.shed_overdue_requests(now, &mut self.context);
        let draining = self.engine.life() == Life::Draining;
        if draining || now.saturating_sub(self.scanned) >= SCAN_TICK.as_millis() as u64 {
            self.scanned = now;
            self.scan(now);
            self.engine.reopen_doors();
        }
        if draining {
            self.drain(now);
        }
    }

    /// Ends what is overdue.
    fn scan(&mut self, now: u64) {
        for index in 0..self.engine.slab.used() {
            let Some(claimed) = self.engine.slab.claim_overdue(index, now) else {
                continue;
            };
            // Between the look and the claim another thread may have moved it on.
            let deadline = claimed.connection.deadline;
            if deadline != 0 && deadline <= now {
                self.engine.expire(claimed, &mut self.context);
            } else {
                self.engine.drive(claimed, &mut self.context, &mut Queueing);
            }
        }
    }

    fn drain(&mut self, now: u64) {
        let Some(drain) = self.engine.drain_state() else {
            return;
        };
        if Instant::now() >= drain.deadline {
            tracing::warn!(
                open = self.engine.open_connections(),
                "the drain ends at its deadline with connections open"
            );
            return self.engine.stop();
        }
        let grace = self.engine.settings.timeouts.drain_grace.as_millis() as u64;
        if now.saturating_sub(drain.began) >= grace {
            for index in 0..self.engine.slab.used() {
                let Some(claimed) = self.engine.slab.claim_idle(index) else {
                    continue;
                };
                self.engine.send_away(claimed, &mut self.context);
            }
        }
        self.engine.stop_if_drained();
    }
}
