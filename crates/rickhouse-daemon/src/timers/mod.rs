//! What ends a daemon process, and when: a state machine (DD §4.4, §4.5).
//!
//! [`Timers`] decides and does nothing. Events, what can be seen of the workers, and the time go in; log texts and the
//! decision to stop come out, so that every order of events can be tested without threads or a clock. Rows 67 to 71 of
//! DD §14 are done right here: see the tests by their numbers.

mod reason;
#[cfg(test)]
mod tests;
mod texts;

use std::time::{Duration, Instant};

pub use reason::Reason;

use crate::settings::{TimerSettings, scaled_request_timeout};
use texts::Texts;

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Nothing but time has passed.
    Tick,
    /// `SIGINT`, `SIGTERM`, or a failure that leaves nothing to do but end.
    Terminate,
    /// `SIGUSR1`.
    Graceful,
    /// `SIGXCPU`.
    CpuTime,
    /// A worker has ended a request.
    RequestEnded,
    /// So many requests are answered that the process may be replaced; `idle`: no other one runs.
    MaximumRequests {
        /// No request runs.
        idle: bool,
    },
    /// A request was rejected because its script has changed.
    ScriptChanged,
    /// No signal can be read any more.
    SignalsLost,
}

/// What can be seen of the process at a moment.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The workers.
    pub threads: Vec<ThreadView>,
    /// For how long the interpreter that was silent longest could not be entered.
    pub silence: Duration,
    /// Since when nothing has happened in any request; `None` before the first.
    pub idle_for: Option<Duration>,
    /// How long ago the first request began, while none has its script loaded yet.
    pub starting_for: Option<Duration>,
}

/// One worker.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThreadView {
    /// How long ago the connection being served was accepted.
    pub age: Option<Duration>,
    /// How long ago the request was interrupted.
    pub interrupted: Option<Duration>,
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Log this at level INFO.
    Info(String),
    /// Log this at level ALERT under code 0023.
    SignalsLost(String),
    /// End the process, for [`Timers::reason`]. Always the last action, and given once.
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Requests are still accepted (row 72), but the process ends when none runs, or at this time.
    Draining(Instant),
    Stopping,
}

/// While something is due, or is waited for that no event tells.
const SOON: Duration = Duration::from_secs(1);

/// See the [module documentation](self).
#[derive(Debug)]
pub struct Timers {
    settings: TimerSettings,
    texts: Texts,
    began: Instant,
    /// The age from which a request is too old.
    too_old: Option<Duration>,
    /// The age from which a request is given up: it keeps nobody waiting any more.
    lost: Option<Duration>,
    phase: Phase,
    /// When the next look was to be.
    due: Option<Instant>,
    reason: Option<Reason>,
    offender: Option<usize>,
    actions: Vec<Action>,
}

impl Timers {
    /// The timers of a process of `group` with so many workers that begins to serve now.
    #[must_use]
    pub fn new(settings: TimerSettings, group: &str, threads: usize, now: Instant) -> Self {
        let total = settings.request.unwrap_or_default() + settings.interrupt.unwrap_or_default();
        Timers {
            too_old: settings
                .request
                .map(|timeout| scaled_request_timeout(timeout, threads)),
            lost: (!total.is_zero()).then_some(total),
            settings,
            texts: Texts::of(group),
            began: now,
            phase: Phase::Serving,
            due: None,
            reason: None,
            offender: None,
            actions: Vec::new(),
        }
    }

    /// Takes one event, which happened when the process looked like `view`, at time `now` (which never goes back), and
    /// tells what is to be done.
    pub fn handle(&mut self, event: Event, view: &View, now: Instant) -> Vec<Action> {
        match event {
            Event::Tick | Event::RequestEnded => {}
            Event::Terminate => self.stop(Reason::ShutdownSignal),
            Event::Graceful => self.graceful(view, now),
            Event::CpuTime => {
                let texts = [Texts::cpu_draining, Texts::cpu_stopping];
                self.drain(
                    Reason::CpuTimeLimit,
                    self.settings.graceful,
                    texts,
                    view,
                    now,
                );
            }
            Event::MaximumRequests { idle } => self.maximum_requests(idle, view, now),
            Event::ScriptChanged => self.stop(Reason::ScriptReload),
            Event::SignalsLost => {
                if self.phase != Phase::Stopping {
                    let text = self.texts.signals_lost();
                    self.actions.push(Action::SignalsLost(text));
                }
                self.stop(Reason::SignalPipeError);
            }
        }
        self.look(view, now);
        std::mem::take(&mut self.actions)
    }

    /// How long nothing will happen by time alone, if everything stays as in `view`. What begins meanwhile ends later.
    #[must_use]
    pub fn next_look(&mut self, view: &View, now: Instant) -> Duration {
        let wait = self.quiet_time(view, now);
        self.due = Some(now + wait);
        wait
    }

    fn quiet_time(&self, view: &View, now: Instant) -> Duration {
        /// A timer is over a moment *after* its time: do not look a moment before.
        const GRAIN: Duration = Duration::from_millis(10);

        let left = |timeout: Duration, elapsed: Option<Duration>| {
            let left = timeout.saturating_sub(elapsed.unwrap_or_default());
            if left.is_zero() { SOON } else { left + GRAIN }
        };
        let oldest = view.threads.iter().filter_map(|thread| thread.age).max();
        let draining = match self.phase {
            Phase::Draining(deadline) => Some(SOON.min(left(deadline - now, None))),
            _ => None,
        };
        let interval = self.settings.restart_interval;
        let interval = interval.filter(|_| self.phase == Phase::Serving);
        let uptime = Some(now.saturating_duration_since(self.began));
        [
            self.too_old.map(|timeout| left(timeout, oldest)),
            self.settings
                .startup
                .map(|timeout| left(timeout, view.starting_for)),
            interval.map(|timeout| left(timeout, uptime)),
            self.settings
                .deadlock
                .map(|timeout| left(timeout, Some(view.silence))),
            self.settings
                .inactivity
                .map(|timeout| left(timeout, view.idle_for)),
            draining,
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(Duration::from_secs(3600))
    }

    /// Whether the process ends as soon as no request runs: every end of one is to be told.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining(_))
    }

    /// Why the process ends: the first reason there was, even if another one was the last straw.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// The worker whose request took too long, if that is why.
    #[must_use]
    pub fn offender(&self) -> Option<usize> {
        self.offender
    }

    /// Everything that time decides, in the order of DD §4.4.
    fn look(&mut self, view: &View, now: Instant) {
        self.request_timeout(view, now);
        self.startup(view);
        self.restart_interval(view, now);
        self.deadlock(view, now);
        self.inactivity(view);
        self.end_of_drain(view, now);
    }

    fn request_timeout(&mut self, view: &View, now: Instant) {
        let Some(too_old) = self.too_old else {
            return;
        };
        let patience = self.settings.interrupt;
        let beyond_help = |thread: &ThreadView| {
            let age = thread.age.filter(|age| *age > too_old)?;
            match (patience, thread.interrupted) {
                (None, _) => Some(()),
                (Some(patience), Some(interrupted)) => (interrupted > patience).then_some(()),
                // It could not even be interrupted: something holds the interpreter.
                (Some(patience), None) => (age > too_old + patience).then_some(()),
            }
        };
        let offender = view
            .threads
            .iter()
            .position(|thread| beyond_help(thread).is_some());
        if offender.is_some() && self.phase == Phase::Serving {
            self.offender = offender;
            let texts = [Texts::request_draining, Texts::request_stopping];
            self.drain(
                Reason::RequestTimeout,
                self.settings.graceful,
                texts,
                view,
                now,
            );
        }
    }

    fn startup(&mut self, view: &View) {
        if is_over(self.settings.startup, view.starting_for) {
            self.stop_because(Reason::StartupTimeout, Texts::startup);
        }
    }

    fn restart_interval(&mut self, view: &View, now: Instant) {
        let uptime = now.saturating_duration_since(self.began);
        if self.phase == Phase::Serving && is_over(self.settings.restart_interval, Some(uptime)) {
            let texts = [Texts::interval_draining, Texts::interval_stopping];
            self.drain(
                Reason::RestartInterval,
                self.settings.graceful,
                texts,
                view,
                now,
            );
        }
    }

    fn deadlock(&mut self, view: &View, now: Instant) {
        // A process that did not run (frozen, or on an overloaded machine) could not enter its interpreters either. They
        // get until the next look to show that they can be.
        let was_frozen = self.due.is_some_and(|due| now > due + SOON);
        if was_frozen {
            return;
        }
        if is_over(self.settings.deadlock, Some(view.silence)) {
            self.stop_because(Reason::DeadlockTimeout, Texts::deadlock);
        }
    }

    fn inactivity(&mut self, view: &View) {
        if is_over(self.settings.inactivity, view.idle_for) && !self.is_active(view) {
            self.stop_because(Reason::InactivityTimeout, Texts::inactivity);
        }
    }

    fn end_of_drain(&mut self, view: &View, now: Instant) {
        let Phase::Draining(deadline) = self.phase else {
            return;
        };
        if !self.is_active(view) {
            self.say(Texts::drained);
        } else if now >= deadline {
            self.say(Texts::drain_expired);
        } else {
            return;
        }
        self.enter_stop();
    }

    fn graceful(&mut self, view: &View, now: Instant) {
        match self.settings.eviction.filter(|wait| !wait.is_zero()) {
            Some(wait) => {
                let texts = [Texts::eviction_draining, Texts::eviction_stopping];
                self.drain(Reason::EvictionSignal, wait, texts, view, now);
            }
            None => {
                let texts = [Texts::graceful_draining, Texts::graceful_stopping];
                self.drain(
                    Reason::GracefulSignal,
                    self.settings.graceful,
                    texts,
                    view,
                    now,
                );
            }
        }
    }

    fn maximum_requests(&mut self, idle: bool, view: &View, now: Instant) {
        let texts = [Texts::maximum_draining, Texts::maximum_stopping];
        let wait = if idle {
            Duration::ZERO
        } else {
            self.settings.graceful
        };
        self.drain(Reason::MaximumRequests, wait, texts, view, now);
    }

    /// Ends the process after the running requests, or at once when there are none or they are not waited for. Nothing
    /// that is asked for during a drain changes its deadline.
    fn drain(
        &mut self,
        reason: Reason,
        wait: Duration,
        [draining, stopping]: [fn(&Texts) -> String; 2],
        view: &View,
        now: Instant,
    ) {
        if self.phase != Phase::Serving {
            return;
        }
        if wait.is_zero() || !self.is_active(view) {
            return self.stop_because(reason, stopping);
        }
        self.reason.get_or_insert(reason);
        self.phase = Phase::Draining(now + wait);
        self.say(draining);
    }

    fn stop_because(&mut self, reason: Reason, text: fn(&Texts) -> String) {
        if self.phase != Phase::Stopping {
            self.say(text);
            self.stop(reason);
        }
    }

    fn stop(&mut self, reason: Reason) {
        self.reason.get_or_insert(reason);
        self.enter_stop();
    }

    fn enter_stop(&mut self) {
        if self.phase != Phase::Stopping {
            self.phase = Phase::Stopping;
            self.actions.push(Action::Stop);
        }
    }

    fn say(&mut self, text: fn(&Texts) -> String) {
        self.actions.push(Action::Info(text(&self.texts)));
    }

    /// Whether a request runs that is worth waiting for.
    fn is_active(&self, view: &View) -> bool {
        let mut ages = view.threads.iter().filter_map(|thread| thread.age);
        ages.any(|age| self.lost.is_none_or(|lost| age <= lost))
    }
}

fn is_over(timeout: Option<Duration>, elapsed: Option<Duration>) -> bool {
    timeout
        .zip(elapsed)
        .is_some_and(|(timeout, elapsed)| elapsed >= timeout)
}
