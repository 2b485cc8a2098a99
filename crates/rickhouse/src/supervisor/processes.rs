//! The worker processes: made, spoken to, listened to, reaped.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use anyhow::Context;
use rickhouse_config::{GilMode, ResolvedGil};
use rickhouse_os::child::{self, ChildId, Deadly, Ending};
use rickhouse_os::exec::Exec;
use rickhouse_os::{activation, notify, shared};
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
    child: ChildId,
    control: SupervisorEnd,
    pulse: Pulse,
    /// The worker's end of the channel is gone; the process will be, too.
    closed: bool,
}

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
            descriptors,
        }
        .spawn()?;
        self.by_worker.insert(
            id,
            Process {
                child,
                control,
                pulse,
                closed: false,
            },
        );
        Ok(())
    }

    /// Process id of a worker, for the log.
    pub(super) fn pid(&self, id: WorkerId) -> Option<u32> {
        self.by_worker
            .get(&id)
            .map(|process| process.child.as_u32())
    }

    /// Tells a worker something. One that does not listen any more is left to the deadlines of the group.
    pub(super) fn tell(&self, id: WorkerId, message: &ToWorker) -> anyhow::Result<()> {
        let process = self.by_worker.get(&id).context("no such process")?;
        Ok(process.control.send(message)?)
    }

    /// Signals a worker.
    pub(super) fn signal(&self, id: WorkerId, signal: Deadly) -> anyhow::Result<()> {
        let process = self.by_worker.get(&id).context("no such process")?;
        Ok(child::send(process.child, signal)?)
    }

    /// What becomes readable when a worker says something.
    pub(super) fn channels(&self) -> Vec<BorrowedFd<'_>> {
        self.by_worker
            .values()
            .filter(|process| !process.closed)
            .map(|process| process.control.as_fd())
            .collect()
    }

    /// Who has ended; they are forgotten by [`Processes::forget`], when their last words have been read.
    pub(super) fn ended(&self) -> Vec<(WorkerId, Ending)> {
        let children: Vec<ChildId> = self
            .by_worker
            .values()
            .map(|process| process.child)
            .collect();
        let worker = |child| {
            self.by_worker
                .iter()
                .find(|(_, process)| process.child == child)
                .map(|(id, _)| *id)
        };
        child::reap(&children)
            .into_iter()
            .filter_map(|(child, ending)| Some((worker(child)?, ending)))
            .collect()
    }

    pub(super) fn forget(&mut self, id: WorkerId) {
        self.by_worker.remove(&id);
    }

    /// What the workers have said.
    pub(super) fn messages(&mut self) -> Vec<(WorkerId, ToSupervisor)> {
        let mut all = Vec::new();
        for (id, process) in self
            .by_worker
            .iter_mut()
            .filter(|(_, process)| !process.closed)
        {
            let arrived = process.control.receive();
            process.closed = arrived.closed;
            all.extend(arrived.messages.into_iter().map(|message| (*id, message)));
        }
        all
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
            config: self.setup.config.clone(),
        }
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
