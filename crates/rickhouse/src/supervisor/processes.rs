//! The worker processes: made, spoken to, listened to, reaped.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use rickhouse_config::{GilMode, ResolvedGil};
use rickhouse_os::child::{self, ChildId, Deadly, Ending};
use rickhouse_os::credentials::Identity;
use rickhouse_os::exec::Exec;
use rickhouse_os::{activation, notify, process, shared};
use rickhouse_supervisor::WorkerId;
use rickhouse_supervisor::control::{self, SupervisorEnd, ToSupervisor, ToWorker};
use rickhouse_supervisor::pulse::Pulse;

use super::Setup;
use super::listeners::Listeners;
use crate::invocation;
use crate::plan::{self, Plan};

/// Every worker process there is, under the number the group knows it by.
#[derive(Debug)]
pub(super) struct Processes<'a> {
    setup: &'a Setup,
    listeners: &'a Listeners,
    by_worker: BTreeMap<WorkerId, Process>,
}

#[derive(Debug)]
struct Process {
    /// `None` once it has been reaped: its number may be anybody's then.
    child: Option<ChildId>,
    /// For the log.
    pid: u32,
    control: SupervisorEnd,
    pulse: Pulse,
    channel: Channel,
}

/// What there is to expect from a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Open,
    /// Messages have arrived that were not taken yet.
    Full,
    /// The worker's end is gone since then; mostly the process is about to end.
    Closed(Instant),
    /// The process lives all the same, and the group knows it.
    Lost,
}

/// Messages that are taken from a worker at a time, so that none can keep the supervisor from the others.
const MESSAGES_PER_ROUND: usize = 64;

/// From the end of a worker's channel to the end of its process, at most.
const LAST_BREATH: Duration = Duration::from_secs(1);

impl<'a> Processes<'a> {
    pub(super) fn new(setup: &'a Setup, listeners: &'a Listeners) -> Self {
        Self {
            setup,
            listeners,
            by_worker: BTreeMap::new(),
        }
    }

    /// Starts the process of a worker.
    pub(super) fn spawn(&mut self, id: WorkerId) -> anyhow::Result<()> {
        let (control, theirs) = control::pair().context("cannot make a control channel")?;
        let pulse = Pulse::create()?;
        let plan = shared::memory_file(&serde_json::to_vec(&self.plan(id))?)?;
        let mut descriptors = self.listeners.descriptors();
        descriptors.push((plan::CONTROL.to_owned(), theirs.as_fd()));
        descriptors.push((plan::PULSE.to_owned(), pulse.as_fd()));
        descriptors.push((plan::PLAN.to_owned(), plan.as_fd()));
        let mut command = self
            .command(Exec::descriptor_argument(&descriptors))
            .into_iter();
        let program = command
            .next()
            .context("the interpreter is not known: sys.executable is empty")?
            .into();
        let forget = activation::VARIABLES
            .into_iter()
            .chain(notify::VARIABLES)
            .map(OsString::from)
            .collect();
        let child = Exec {
            program,
            arguments: command.collect(),
            forget,
            environment: self.environment(),
            descriptors,
        }
        .spawn()?;
        self.by_worker.insert(
            id,
            Process {
                child: Some(child),
                pid: child.as_u32(),
                control,
                pulse,
                channel: Channel::Open,
            },
        );
        Ok(())
    }

    /// Process id of a worker, for the log.
    pub(super) fn pid(&self, id: WorkerId) -> Option<u32> {
        Some(self.by_worker.get(&id)?.pid)
    }

    /// Tells a worker something. One that does not listen any more is left to the deadlines of the group; it may notice
    /// that the channel has ended, and take that for the end of its supervisor.
    pub(super) fn tell(&self, id: WorkerId, message: &ToWorker) -> anyhow::Result<()> {
        let process = self.by_worker.get(&id).context("no such process")?;
        if process.channel == Channel::Lost {
            process.control.hang_up();
            anyhow::bail!("its channel is lost");
        }
        Ok(process.control.send(message)?)
    }

    /// Signals a worker; one that has been reaped is beyond that.
    pub(super) fn signal(&self, id: WorkerId, signal: Deadly) -> anyhow::Result<()> {
        let process = self.by_worker.get(&id).context("no such process")?;
        match process.child {
            Some(child) => Ok(child::send(child, signal)?),
            None => Ok(()),
        }
    }

    /// What becomes readable when a worker says something.
    pub(super) fn channels(&self) -> Vec<BorrowedFd<'_>> {
        self.by_worker
            .values()
            .filter(|process| matches!(process.channel, Channel::Open | Channel::Full))
            .map(|process| process.control.as_fd())
            .collect()
    }

    /// When there is something to do although no channel becomes readable.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        let look = |process: &Process| match process.channel {
            Channel::Full => Some(now),
            Channel::Closed(since) => Some(since + LAST_BREATH),
            Channel::Open | Channel::Lost => None,
        };
        self.by_worker.values().filter_map(look).min()
    }

    /// Who has ended; they are forgotten by [`Processes::forget`], when their last words have been read.
    pub(super) fn ended(&mut self) -> Vec<(WorkerId, Ending)> {
        let children: Vec<ChildId> = self
            .by_worker
            .values()
            .filter_map(|process| process.child)
            .collect();
        let reaped = child::reap(&children);
        let mut ended = Vec::with_capacity(reaped.len());
        for (child, ending) in reaped {
            for (id, process) in &mut self.by_worker {
                if process.child == Some(child) {
                    process.child = None;
                    ended.push((*id, ending));
                }
            }
        }
        ended
    }

    pub(super) fn forget(&mut self, id: WorkerId) {
        self.by_worker.remove(&id);
    }

    /// What the workers have said; of one that has ended, all of it.
    pub(super) fn messages(&mut self, now: Instant) -> Vec<(WorkerId, ToSupervisor)> {
        let mut all = Vec::new();
        for (id, process) in &mut self.by_worker {
            if !matches!(process.channel, Channel::Open | Channel::Full) {
                continue;
            }
            let limit = process.child.map_or(usize::MAX, |_| MESSAGES_PER_ROUND);
            let arrived = process.control.receive(limit);
            process.channel = match (arrived.closed, arrived.more) {
                (true, _) => Channel::Closed(now),
                (false, true) => Channel::Full,
                (false, false) => Channel::Open,
            };
            all.extend(arrived.messages.into_iter().map(|message| (*id, message)));
        }
        all
    }

    /// Whose channel has been closed for longer than a process takes to end; each is named once.
    pub(super) fn lost(&mut self, now: Instant) -> Vec<WorkerId> {
        let mut lost = Vec::new();
        for (id, process) in &mut self.by_worker {
            if let Channel::Closed(since) = process.channel
                && process.child.is_some()
                && now >= since + LAST_BREATH
            {
                process.channel = Channel::Lost;
                lost.push(*id);
            }
        }
        lost
    }

    /// When each worker last moved its pulse.
    pub(super) fn beats(&self) -> Vec<(WorkerId, Instant)> {
        self.by_worker
            .iter()
            .filter_map(|(id, process)| Some((*id, process.pulse.last_beat()?)))
            .collect()
    }

    fn plan(&self, id: WorkerId) -> Plan {
        Plan {
            worker: id.0,
            supervisor: std::process::id(),
            listeners: self.listeners.count(),
            gil: self.setup.gil,
            python: self
                .setup
                .interpreter
                .first()
                .map(PathBuf::from)
                .unwrap_or_default(),
            config: self.setup.config.clone(),
        }
    }

    /// Of another user: with root's `HOME`, an application would look for its files, and fail, in root's.
    fn environment(&self) -> Vec<(OsString, OsString)> {
        let identity = self.setup.identity.as_ref();
        identity
            .filter(|_| self.setup.config.user.is_some() && process::is_root())
            .map_or_else(Vec::new, Identity::environment)
    }

    fn command(&self, descriptors: String) -> Vec<OsString> {
        invocation::worker_command(&self.setup.interpreter, self.gil_flag(), descriptors)
    }

    /// Whether workers are told to run with or without a GIL. A standard build does not know the option. With `auto`
    /// CPython keeps its safety net: a module that was not made for it switches the GIL on.
    fn gil_flag(&self) -> Option<bool> {
        let said = match (self.setup.config.gil, self.setup.gil) {
            (_, ResolvedGil::Shared | ResolvedGil::Own) => Some(true),
            (GilMode::Off, ResolvedGil::Off) => Some(false),
            (_, ResolvedGil::Off) => None,
        };
        said.filter(|_| self.setup.python.free_threaded)
    }
}
