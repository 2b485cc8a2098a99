//! The watchdog thread: shows the pulse, counts the requests, and notices what cannot be interrupted.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rickhouse_config::Config;
use rickhouse_host::{InterpreterReport, Watch};
use rickhouse_supervisor::RetireReason;
use rickhouse_supervisor::control::{ToSupervisor, WorkerEnd, shorten};
use rickhouse_supervisor::pulse::Pulse;
use tracing::error;

use super::course::Course;
use super::stacks;

/// Between two looks, at most.
const INTERVAL: Duration = Duration::from_millis(500);
/// The same where requests are counted: how far a worker goes beyond its share depends on it.
const COUNTING_INTERVAL: Duration = Duration::from_millis(50);

/// The running watchdog.
#[derive(Clone)]
pub(super) struct Watchdog {
    watch: Arc<OnceLock<Watch>>,
}

impl Watchdog {
    /// Starts the thread; it runs until the process ends.
    pub(super) fn start(
        pulse: Pulse,
        course: Arc<Course>,
        config: &Config,
        supervisor: WorkerEnd,
    ) -> std::io::Result<Self> {
        let watch = Arc::new(OnceLock::new());
        let mut round = Round {
            pulse,
            course,
            watch: Arc::clone(&watch),
            supervisor,
            share: share(config),
            silence: config.timeout,
            retiring: false,
            hopeless: false,
        };
        let interval = if round.share.is_some() {
            COUNTING_INTERVAL
        } else {
            INTERVAL
        };
        let interval = config
            .timeout
            .map_or(interval, |timeout| interval.min(timeout / 4));
        thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || {
                loop {
                    round.run();
                    thread::sleep(interval);
                }
            })?;
        Ok(Self { watch })
    }

    /// There are interpreters to look at from now on.
    pub(super) fn observe(&self, watch: Watch) {
        // Called once, after the host has started.
        let _already = self.watch.set(watch);
    }
}

struct Round {
    pulse: Pulse,
    course: Arc<Course>,
    watch: Arc<OnceLock<Watch>>,
    supervisor: WorkerEnd,
    /// Requests this worker is to answer before it is replaced.
    share: Option<u64>,
    /// How long an interpreter may be impossible to enter.
    silence: Option<Duration>,
    /// The supervisor has been asked for a replacement.
    retiring: bool,
    /// At the last look only stuck requests were left of a drain.
    hopeless: bool,
}

impl Round {
    fn run(&mut self) {
        self.pulse.beat();
        let Some(watch) = self.watch.get() else {
            return;
        };
        let reports = watch.report();
        if !self.retiring
            && let Some(reason) = self.reason_to_retire(&reports)
        {
            self.retiring = true;
            explain(&reason);
            // Without a supervisor the control thread is ending the worker already.
            let _orphaned = self.supervisor.send(&ToSupervisor::Retire(reason));
        }
        self.cut_short(hopeless(&reports, self.silence));
    }

    fn reason_to_retire(&self, reports: &[InterpreterReport]) -> Option<RetireReason> {
        match self.course.lost_threads() {
            0 => reason_to_retire(reports, self.share, self.silence),
            lost => Some(RetireReason::Stuck {
                text: format!("{lost} of its threads ended by a panic"),
            }),
        }
    }

    /// Ends a drain that waits only for hopeless requests: longer waiting helps nobody. Two looks in a row have to
    /// agree, as a request may be between two threads.
    fn cut_short(&mut self, hopeless: u64) {
        let hopeless = hopeless > 0
            && self.course.deadline().is_some()
            && self.course.unfinished() <= hopeless;
        if hopeless && self.hopeless {
            self.course.stop();
        }
        self.hopeless = hopeless;
    }
}

/// The worker's share of requests: the configured number, and up to the jitter on top, so that workers that were
/// started together are not replaced together.
fn share(config: &Config) -> Option<u64> {
    let extra = match config.max_requests_jitter {
        0 => 0,
        jitter => random() % (jitter + 1),
    };
    config.max_requests.map(|share| share.saturating_add(extra))
}

/// Differs from process to process, which is all that is asked of it.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(Instant::now())
}

/// Where its threads are, for whoever has to find out why a worker is stuck. Read without the GIL, which may never be
/// free again.
fn explain(reason: &RetireReason) {
    if matches!(reason, RetireReason::Stuck { .. }) {
        error!(
            code = "RH0209",
            detail = stacks::describe(rickhouse_host::stacks()),
            "the worker is stuck; its threads, most recent call first"
        );
    }
}

/// How many requests will not come to an end: those that cannot be interrupted, and all of an interpreter that cannot
/// be entered.
fn hopeless(reports: &[InterpreterReport], silence: Option<Duration>) -> u64 {
    let of = |report: &InterpreterReport| match is_silent(report, silence) {
        true => report.running,
        false => report.stuck.len(),
    };
    reports.iter().map(|report| of(report) as u64).sum()
}

fn is_silent(report: &InterpreterReport, silence: Option<Duration>) -> bool {
    silence.is_some_and(|limit| report.silent_for > limit)
}

fn reason_to_retire(
    reports: &[InterpreterReport],
    share: Option<u64>,
    silence: Option<Duration>,
) -> Option<RetireReason> {
    let mut text = String::new();
    for report in reports {
        for request in &report.stuck {
            let (line, seconds) = (&request.request_line, request.running_for.as_secs());
            let (interpreter, thread) = (request.interpreter, request.thread);
            let _infallible = writeln!(
                text,
                "interpreter {interpreter}, thread {thread}: {line} runs for {seconds} s"
            );
        }
        if is_silent(report, silence) {
            let (interpreter, seconds) = (report.interpreter, report.silent_for.as_secs());
            let _infallible = writeln!(
                text,
                "interpreter {interpreter}: something holds its GIL for {seconds} s"
            );
        }
    }
    if !text.is_empty() {
        return Some(RetireReason::Stuck {
            text: shorten(text),
        });
    }
    let answered = reports.iter().map(|report| report.finished).sum();
    share
        .filter(|share| answered >= *share)
        .map(|_| RetireReason::MaxRequests { answered })
}

#[cfg(test)]
mod tests {
    use rickhouse_host::StuckRequest;

    use super::*;

    fn report(finished: u64) -> InterpreterReport {
        InterpreterReport {
            interpreter: 1,
            silent_for: Duration::ZERO,
            running: 0,
            finished,
            stuck: Vec::new(),
        }
    }

    #[test]
    fn the_share_is_counted_over_all_interpreters() {
        let reports = [report(4), report(6)];
        assert_eq!(reason_to_retire(&reports, Some(11), None), None);
        assert_eq!(reason_to_retire(&reports, None, None), None);
        let answered = RetireReason::MaxRequests { answered: 10 };
        assert_eq!(reason_to_retire(&reports, Some(10), None), Some(answered));
    }

    fn stuck_request() -> StuckRequest {
        StuckRequest {
            interpreter: 1,
            thread: 2,
            request_line: "GET /slow".to_owned(),
            running_for: Duration::from_secs(9),
        }
    }

    #[test]
    fn what_is_stuck_is_named() {
        let reports = [InterpreterReport {
            stuck: vec![stuck_request()],
            ..report(100)
        }];
        let text = "interpreter 1, thread 2: GET /slow runs for 9 s\n".to_owned();
        assert_eq!(
            reason_to_retire(&reports, Some(1), None),
            Some(RetireReason::Stuck { text })
        );
    }

    #[test]
    fn an_interpreter_that_cannot_be_entered_is_stuck() {
        let (limit, silent_for) = (Duration::from_secs(30), Duration::from_secs(31));
        let reports = [InterpreterReport {
            silent_for,
            ..report(0)
        }];
        assert_eq!(reason_to_retire(&reports, None, None), None);
        let text = "interpreter 1: something holds its GIL for 31 s\n".to_owned();
        assert_eq!(
            reason_to_retire(&reports, None, Some(limit)),
            Some(RetireReason::Stuck { text })
        );
    }

    #[test]
    fn every_request_of_a_silent_interpreter_is_hopeless() {
        let held = InterpreterReport {
            silent_for: Duration::from_secs(31),
            running: 3,
            ..report(0)
        };
        let busy = InterpreterReport {
            running: 4,
            stuck: vec![stuck_request()],
            ..report(0)
        };
        let reports = [held, busy];
        assert_eq!(hopeless(&reports, Some(Duration::from_secs(30))), 4);
        assert_eq!(hopeless(&reports, None), 1);
    }
}
