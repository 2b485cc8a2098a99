//! The supervisor's loop: waits, tells the group what happened, does what the group says.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rickhouse_config::Config;
use rickhouse_os::child::Deadly;
use rickhouse_os::notify::State;
use rickhouse_os::poll;
use rickhouse_os::signals::{Notice, Signals};
use rickhouse_supervisor::control::{ToSupervisor, ToWorker};
use rickhouse_supervisor::{
    Action, Command, Event, Group, Report, Settings, Status, Urgency, WorkerId,
};
use tracing::{debug, error, info, warn};

use super::Logs;
use super::manager::Manager;
use super::news;
use super::processes::Processes;
use super::watcher::Watcher;
use crate::plan::EXIT_HANDLERS;

/// How much longer than its exit handlers a worker may take to end: it ends itself, the supervisor only makes sure.
const MARGIN: Duration = Duration::from_secs(1);

/// Keeps a group of processes as it should be.
#[derive(Debug)]
pub(super) struct Errand<'a> {
    group: Group,
    logs: &'a Logs,
    signals: Signals,
    manager: Manager,
    watcher: Option<Watcher>,
    /// Reported to the group after the one it is told now.
    events: VecDeque<Event>,
}

impl<'a> Errand<'a> {
    /// Nothing runs yet.
    pub(super) fn new(config: &Config, logs: &'a Logs, signals: Signals) -> anyhow::Result<Self> {
        let settings = Settings {
            workers: config.workers,
            startup_timeout: config.startup_timeout,
            graceful_timeout: config.graceful_timeout,
            silence: config.timeout,
            quick_stop: EXIT_HANDLERS + MARGIN,
        };
        let now = Instant::now();
        Ok(Self {
            group: Group::new(settings, now),
            logs,
            signals,
            manager: Manager::from_environment()?,
            watcher: config.reload.then(|| Watcher::new(config, now)),
            events: VecDeque::new(),
        })
    }

    /// Runs until the last worker is gone; returns the exit status.
    pub(super) fn run(&mut self, processes: &mut Processes<'_>) -> i32 {
        loop {
            // First of all what has arrived: a signal may have come before anything was started.
            self.gather(processes);
            self.events.push_back(Event::Tick);
            if let Some(code) = self.tell_group(processes) {
                return code;
            }
            self.wait(processes);
        }
    }

    fn wait(&self, processes: &Processes<'_>) {
        let now = Instant::now();
        let due = self
            .group
            .next_deadline(now)
            .map(|deadline| deadline.saturating_duration_since(now));
        let rounds = [self.manager.next_beat(), processes.next_look(now)];
        let rounds = rounds
            .into_iter()
            .flatten()
            .map(|at| at.saturating_duration_since(now));
        let look = self
            .watcher
            .as_ref()
            .map(|watcher| watcher.next_look().saturating_duration_since(now));
        let timeout = due.into_iter().chain(rounds).chain(look).min();
        let mut descriptors = processes.channels();
        descriptors.push(self.signals.as_fd());
        if let Err(error) = poll::readable(&descriptors, timeout) {
            // Out of memory for a handful of numbers: nothing better to do than to try again, slowly.
            error!(code = "RH0111", %error, "cannot wait for events");
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// Notes everything that has happened. What a worker said comes before its end, which is learnt first so that
    /// nothing it said can be missed.
    fn gather(&mut self, processes: &mut Processes<'_>) {
        let now = Instant::now();
        for notice in self.signals.pending() {
            self.note_signal(notice);
        }
        let ended = processes.ended();
        for (id, message) in processes.messages(now) {
            self.note_message(id, message);
        }
        let lost = processes.lost(now).into_iter().map(Event::ChannelLost);
        self.events.extend(lost);
        self.events.extend(
            ended
                .into_iter()
                .map(|(id, ending)| Event::Exited(id, ending)),
        );
        self.events.extend(
            processes
                .beats()
                .into_iter()
                .map(|(id, at)| Event::Alive(id, at)),
        );
        if let Some(path) = self.watcher.as_mut().and_then(|watcher| watcher.look(now)) {
            info!(code = "RH0124", path = %path.display(), "source code changed");
            self.events.push_back(Event::Command(Command::Reload));
        }
        self.manager.beat(now);
    }

    fn note_message(&mut self, id: WorkerId, message: ToSupervisor) {
        self.events.push_back(match message {
            ToSupervisor::Loading => Event::Loading(id),
            ToSupervisor::Ready => Event::Ready(id),
            ToSupervisor::BootFailed(failure) => Event::BootFailed(id, failure),
            ToSupervisor::Retire(reason) => Event::RetireRequested(id, reason),
            ToSupervisor::Loaded(files) => {
                self.watcher
                    .iter_mut()
                    .for_each(|watcher| watcher.add(&files));
                return;
            }
        });
    }

    fn note_signal(&mut self, notice: Notice) {
        let command = match notice {
            Notice::Terminate => Command::Stop(Urgency::Graceful),
            Notice::Interrupt | Notice::Quit => Command::Stop(Urgency::Fast),
            Notice::HangUp => Command::Reload,
            Notice::TerminalIn => Command::More,
            Notice::TerminalOut => Command::Fewer,
            Notice::User1 => {
                self.reopen_logs();
                Command::ReopenLogs
            }
            Notice::User2 => {
                info!(
                    code = "RH0135",
                    "SIGUSR2 has no meaning here; nothing is done"
                );
                return;
            }
            // Who has ended is looked at in every round.
            Notice::Child => return,
        };
        self.events.push_back(Event::Command(command));
    }

    /// The supervisor first: it has the privileges to make the new files.
    fn reopen_logs(&self) {
        match self.logs.reopen() {
            Ok(()) => info!(code = "RH0125", "log files opened again"),
            Err(error) => error!(code = "RH0126", "log files not opened again: {error:#}"),
        }
    }

    /// Tells the group all there is to tell; `Some` is the end.
    fn tell_group(&mut self, processes: &mut Processes<'_>) -> Option<i32> {
        while let Some(event) = self.events.pop_front() {
            let exited = if let Event::Exited(id, _) = event {
                Some(id)
            } else {
                None
            };
            for action in self.group.handle(event, Instant::now()) {
                if let Action::Exit(code) = action {
                    return Some(code);
                }
                self.carry_out(action, processes);
            }
            if let Some(id) = exited {
                processes.forget(id);
            }
        }
        None
    }

    fn carry_out(&mut self, action: Action, processes: &mut Processes<'_>) {
        match action {
            Action::Spawn(id, generation) => match processes.spawn(id) {
                Ok(()) => {
                    debug!(code = "RH0112", worker = %id, %generation, pid = processes.pid(id), "worker started")
                }
                Err(error) => self
                    .events
                    .push_back(Event::SpawnFailed(id, format!("{error:#}"))),
            },
            Action::Drain(id, within) => heard(id, processes.tell(id, &ToWorker::Drain { within })),
            Action::Stop(id) => heard(id, processes.tell(id, &ToWorker::Stop)),
            Action::ReopenLogs(id) => heard(id, processes.tell(id, &ToWorker::ReopenLogs)),
            Action::Abort(id) => heard(id, processes.signal(id, Deadly::Abort)),
            Action::Kill(id) => heard(id, processes.signal(id, Deadly::Kill)),
            Action::Announce(status) => self.announce(status),
            Action::Report(report) => self.report(&report, processes),
            // Taken by the caller: it ends the loop.
            Action::Exit(_) => {}
        }
    }

    fn announce(&self, status: Status) {
        self.manager.tell(&match status {
            Status::Ready => State::Ready,
            Status::Reloading => State::Reloading,
            Status::Stopping => State::Stopping,
        });
        self.manager.tell(&State::Status(format!(
            "{} workers in service",
            self.group.serving()
        )));
    }

    fn report(&self, report: &Report, processes: &Processes<'_>) {
        news::log(report, |id| processes.pid(id));
    }
}

fn heard(id: WorkerId, outcome: anyhow::Result<()>) {
    if let Err(error) = outcome {
        warn!(code = "RH0127", worker = %id, "worker cannot be reached: {error:#}");
    }
}
