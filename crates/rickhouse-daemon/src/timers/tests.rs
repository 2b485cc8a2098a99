//! The timers by the rows of DD §14.4 and the sections of §4.5, under a clock that the tests move.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn seconds(count: u64) -> Duration {
    SECOND * u32::try_from(count).expect("small")
}

/// A process under test.
struct Process {
    timers: Timers,
    view: View,
    now: Instant,
    said: Vec<String>,
    stopped: bool,
}

impl Process {
    /// With everything off but what `change` sets, and four idle workers.
    fn new(change: impl FnOnce(&mut TimerSettings)) -> Self {
        let mut settings = TimerSettings {
            deadlock: None,
            ..TimerSettings::default()
        };
        change(&mut settings);
        let now = Instant::now();
        Process {
            timers: Timers::new(settings, "g", 1, now),
            view: View {
                threads: vec![ThreadView::default(); 4],
                ..View::default()
            },
            now,
            said: Vec::new(),
            stopped: false,
        }
    }

    fn event(&mut self, event: Event) -> &mut Self {
        for action in self.timers.handle(event, &self.view, self.now) {
            assert!(!self.stopped, "nothing follows a stop: {action:?}");
            match action {
                Action::Info(text) | Action::SignalsLost(text) => self.said.push(text),
                Action::Stop => self.stopped = true,
            }
        }
        self
    }

    /// Lets time pass, looking as often as the timers want to.
    fn pass(&mut self, time: Duration) -> &mut Self {
        let end = self.now + time;
        let mut looks = 0;
        while self.now < end && !self.stopped {
            let step = self
                .timers
                .next_look(&self.view, self.now)
                .min(end - self.now);
            assert!(step >= Duration::from_millis(1), "no spinning");
            looks += 1;
            assert!(looks < 5000, "no spinning");
            self.now += step;
            for thread in &mut self.view.threads {
                thread.age = thread.age.map(|age| age + step);
                thread.interrupted = thread.interrupted.map(|since| since + step);
            }
            self.view.idle_for = self.view.idle_for.map(|idle| idle + step);
            self.view.starting_for = self.view.starting_for.map(|since| since + step);
            self.event(Event::Tick);
        }
        self
    }

    /// Worker `number` accepts a connection.
    fn begin(&mut self, number: usize) -> &mut Self {
        self.view.threads[number].age = Some(Duration::ZERO);
        self
    }

    fn end(&mut self, number: usize) -> &mut Self {
        self.view.threads[number] = ThreadView::default();
        self.event(Event::RequestEnded)
    }

    fn check(&mut self, stopped: bool, reason: &str, said: &[&str]) -> &mut Self {
        let found = self.timers.reason().map_or("", Reason::as_str);
        assert_eq!((self.stopped, found), (stopped, reason), "{:?}", self.said);
        assert_eq!(self.said, said);
        self
    }
}

const REQUEST_STOPPING: &str =
    "Daemon process request time limit exceeded, stopping daemon process 'g'.";
const REQUEST_DRAINING: &str = "Daemon process request time limit exceeded; waiting for in-flight requests to complete in daemon process 'g'.";
const GRACEFUL_DRAINING: &str =
    "Graceful restart requested; waiting for in-flight requests to complete in daemon process 'g'.";
const GRACEFUL_STOPPING: &str =
    "Graceful restart requested; triggering immediate shutdown of daemon process 'g'.";
const MAXIMUM_DRAINING: &str =
    "Maximum requests reached; attempting graceful shutdown of daemon process 'g'.";
const DRAINED: &str =
    "Requests have completed; triggering immediate shutdown of daemon process 'g'.";
const EXPIRED: &str =
    "Daemon process restart timer expired in daemon process 'g'; forcing shutdown.";

#[test]
fn the_request_timeout_grows_with_the_logarithm_of_the_threads() {
    for (threads, factor) in [(1, 1.0), (2, 1.69), (10, 3.30), (25, 4.22)] {
        let scaled = scaled_request_timeout(seconds(100), threads).as_secs_f64() / 100.0;
        assert!((scaled - factor).abs() < 0.005, "{threads}: {scaled}");
    }
}

#[test]
fn row_67_timers_need_neither_deadlock_nor_inactivity_timeout() {
    let mut process = Process::new(|settings| settings.request = Some(seconds(10)));
    process.begin(0).pass(seconds(10)).check(false, "", &[]);
    process
        .pass(SECOND)
        .check(true, "request_timeout", &[REQUEST_STOPPING]);
    assert_eq!(process.timers.offender(), Some(0));
}

#[test]
fn row_68_maximum_requests_drain_once_and_keep_their_deadline() {
    let mut process = Process::new(|_| {});
    process
        .begin(0)
        .begin(1)
        .event(Event::MaximumRequests { idle: false });
    process.check(false, "maximum_requests", &[MAXIMUM_DRAINING]);
    for _ in 0..14 {
        process
            .pass(SECOND)
            .event(Event::MaximumRequests { idle: false });
        process.end(1).begin(1);
    }
    process.check(false, "maximum_requests", &[MAXIMUM_DRAINING]);
    process.pass(seconds(2));
    process.check(true, "maximum_requests", &[MAXIMUM_DRAINING, EXPIRED]);
}

#[test]
fn maximum_requests_of_an_idle_process_end_it_at_once() {
    let text = "Maximum requests reached; triggering immediate shutdown of daemon process 'g'.";
    let mut process = Process::new(|_| {});
    process.event(Event::MaximumRequests { idle: false });
    process.check(true, "maximum_requests", &[text]);
    // The last worker may have begun to reject another connection meanwhile.
    let mut process = Process::new(|_| {});
    process
        .begin(0)
        .event(Event::MaximumRequests { idle: true });
    process.check(true, "maximum_requests", &[text]);
}

#[test]
fn row_69_a_graceful_timeout_of_zero_waits_for_nobody() {
    let mut process = Process::new(|settings| settings.graceful = Duration::ZERO);
    process.begin(0).event(Event::Graceful);
    process.check(true, "graceful_signal", &[GRACEFUL_STOPPING]);
    let mut process = Process::new(|settings| {
        settings.graceful = Duration::ZERO;
        settings.restart_interval = Some(seconds(60));
    });
    process.begin(0).pass(seconds(61));
    let text = "Application restart timer expired, stopping process 'g'.";
    process.check(true, "restart_interval", &[text]);
}

#[test]
fn row_70_a_restart_interval_that_drains_keeps_its_reason() {
    let mut process = Process::new(|settings| settings.restart_interval = Some(seconds(60)));
    process.pass(seconds(59)).begin(0).pass(seconds(2));
    let text = "Application restart timer expired; waiting for in-flight requests to complete in process 'g'.";
    process.check(false, "restart_interval", &[text]);
    process.pass(seconds(3)).end(0);
    process.check(true, "restart_interval", &[text, DRAINED]);
}

#[test]
fn row_71_the_cpu_limit_ends_the_process_even_if_it_waits_for_nobody() {
    let mut process = Process::new(|settings| settings.graceful = Duration::ZERO);
    process.begin(0).event(Event::CpuTime);
    let text = "Exceeded CPU time limit; triggering immediate shutdown of daemon process 'g'.";
    process.check(true, "cpu_time_limit", &[text]);
    let mut process = Process::new(|_| {});
    process.begin(0).event(Event::CpuTime);
    let text = "Exceeded CPU time limit; waiting for in-flight requests to complete in daemon process 'g'.";
    process.check(false, "cpu_time_limit", &[text]).end(0);
    process.check(true, "cpu_time_limit", &[text, DRAINED]);
}

#[test]
fn row_72_a_drain_lasts_while_new_requests_come_but_not_beyond_its_deadline() {
    let mut process = Process::new(|_| {});
    process.begin(0).event(Event::Graceful).begin(1).end(0);
    process.check(false, "graceful_signal", &[GRACEFUL_DRAINING]);
    process.pass(seconds(16));
    process.check(true, "graceful_signal", &[GRACEFUL_DRAINING, EXPIRED]);
}

#[test]
fn row_73_inactivity_counts_from_the_first_request() {
    let mut process = Process::new(|settings| settings.inactivity = Some(seconds(30)));
    process.pass(seconds(1000)).check(false, "", &[]);
    process.view.idle_for = Some(Duration::ZERO);
    process.begin(0).pass(seconds(100)).check(false, "", &[]);
    process.end(0);
    let text = "Daemon process idle inactivity timer expired, stopping process 'g'.";
    process.check(true, "inactivity_timeout", &[text]);
}

#[test]
fn row_74_the_startup_timer_counts_from_the_first_request() {
    let mut process = Process::new(|settings| settings.startup = Some(seconds(30)));
    process.pass(seconds(1000)).check(false, "", &[]);
    process.view.starting_for = Some(Duration::ZERO);
    process.pass(seconds(29)).check(false, "", &[]);
    process.pass(seconds(2));
    let text = "Application startup timer expired, stopping daemon process 'g'.";
    process.check(true, "startup_timeout", &[text]);
}

#[test]
fn a_stuck_request_does_not_keep_others_from_finishing() {
    let mut process = Process::new(|settings| settings.request = Some(seconds(10)));
    process.begin(2).pass(seconds(5)).begin(0).pass(seconds(6));
    process.check(false, "request_timeout", &[REQUEST_DRAINING]);
    assert_eq!(process.timers.offender(), Some(2));
    process.end(0);
    process.check(true, "request_timeout", &[REQUEST_DRAINING, DRAINED]);
}

#[test]
fn an_interrupted_request_gets_its_time_to_unwind() {
    let change = |settings: &mut TimerSettings| {
        settings.request = Some(seconds(10));
        settings.interrupt = Some(seconds(5));
    };
    let mut process = Process::new(change);
    process.begin(0).pass(seconds(12));
    process.view.threads[0].interrupted = Some(Duration::ZERO);
    process.pass(seconds(4)).check(false, "", &[]);
    process.end(0).pass(seconds(100)).check(false, "", &[]);

    process.begin(0).pass(seconds(12));
    process.view.threads[0].interrupted = Some(Duration::ZERO);
    process
        .pass(seconds(7))
        .check(true, "request_timeout", &[REQUEST_STOPPING]);

    // What cannot even be interrupted is given up after the same time.
    let mut process = Process::new(change);
    process.begin(0).pass(seconds(14)).check(false, "", &[]);
    process
        .pass(seconds(3))
        .check(true, "request_timeout", &[REQUEST_STOPPING]);
}

#[test]
fn a_silent_interpreter_ends_the_process() {
    let mut process = Process::new(|settings| settings.deadlock = Some(seconds(300)));
    process.view.silence = seconds(299);
    process.begin(0).event(Event::Tick).check(false, "", &[]);
    process.view.silence = seconds(300);
    process.event(Event::Tick);
    let text = "Daemon process deadlock timer expired, stopping daemon process 'g'.";
    process.check(true, "deadlock_timeout", &[text]);
}

#[test]
fn the_silence_of_a_frozen_process_proves_nothing() {
    let mut process = Process::new(|settings| settings.deadlock = Some(seconds(300)));
    process.pass(SECOND);
    process.now += seconds(1000);
    process.view.silence = seconds(1000);
    process.event(Event::Tick).check(false, "", &[]);
    let wait = process.timers.next_look(&process.view, process.now);
    assert_eq!(wait, SECOND);
    process.now += wait;
    process.event(Event::Tick);
    assert!(process.stopped, "it had its chance");
}

#[test]
fn an_eviction_has_its_own_time_and_words() {
    let mut process = Process::new(|settings| settings.eviction = Some(seconds(2)));
    process.begin(0).event(Event::Graceful).pass(seconds(3));
    let text = "Process eviction requested; waiting for in-flight requests to complete in daemon process 'g'.";
    process.check(true, "eviction_signal", &[text, EXPIRED]);
    let mut process = Process::new(|settings| settings.eviction = Some(seconds(2)));
    process.event(Event::Graceful);
    let text = "Process eviction requested; triggering immediate shutdown of daemon process 'g'.";
    process.check(true, "eviction_signal", &[text]);
}

#[test]
fn the_first_reason_is_kept_and_a_second_graceful_signal_changes_nothing() {
    let mut process = Process::new(|_| {});
    process.begin(0).event(Event::Graceful).pass(seconds(10));
    process.event(Event::Graceful).event(Event::CpuTime);
    process.check(false, "graceful_signal", &[GRACEFUL_DRAINING]);
    process.event(Event::Terminate);
    process.check(true, "graceful_signal", &[GRACEFUL_DRAINING]);
    process.event(Event::Terminate).event(Event::SignalsLost);
    process.check(true, "graceful_signal", &[GRACEFUL_DRAINING]);
}

#[test]
fn signals_and_changed_scripts_end_the_process_at_once() {
    let lost = "Read failed on signal pipe in daemon process 'g'.";
    for (event, reason, said) in [
        (Event::Terminate, "shutdown_signal", None),
        (Event::ScriptChanged, "script_reload", None),
        (Event::SignalsLost, "signal_pipe_error", Some(lost)),
    ] {
        let mut process = Process::new(|_| {});
        let said: Vec<&str> = said.into_iter().collect();
        process.begin(0).event(event).check(true, reason, &said);
    }
}

#[test]
fn an_idle_process_with_default_timers_sleeps_long() {
    let now = Instant::now();
    let mut timers = Timers::new(TimerSettings::default(), "g", 15, now);
    assert!(timers.next_look(&View::default(), now) >= seconds(300));
}
