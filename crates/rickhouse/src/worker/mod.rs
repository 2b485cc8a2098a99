//! A worker's life: take what was inherited, give up root, load the application, serve, leave.
//!
//! Threads of a worker: the main thread starts and stops the interpreters and waits in between; the Python threads
//! serve; the concierge serves those that wait; the control thread obeys the supervisor and the watchdog thread shows
//! the pulse. The last three never enter Python, so nothing an application does can hold them up.

mod access;
mod control;
mod course;
mod exchange;
mod inheritance;
mod service;
mod settings;
mod stacks;
mod watchdog;

use std::fs::File;
use std::io;
use std::sync::Arc;

use anyhow::Context;
use rickhouse_host::{Host, HostError};
use rickhouse_os::credentials::Identity;
use rickhouse_os::signals::Signals;
use rickhouse_os::{exec, limits, process};
use rickhouse_python::{Runtime, ThreadState};
use rickhouse_supervisor::control::{ToSupervisor, WorkerEnd, shorten};
use rickhouse_supervisor::{BootFailure, FailureKind};
use tracing::{error, info, warn};

use crate::log::{self, Output};
use crate::plan::Plan;
use control::{Control, Logs};
use course::Course;
use inheritance::Inheritance;
use service::Service;
use watchdog::Watchdog;

/// Runs the worker; returns its exit status, with which the process has to end at once.
pub(crate) fn run(runtime: Runtime, main_thread: ThreadState, descriptors: &str) -> i32 {
    let inheritance = match Inheritance::take(descriptors) {
        Ok(inheritance) => inheritance,
        Err(error) => {
            // There is no log and no channel yet: somebody has started a worker by hand.
            eprintln!("rickhouse: not started by a supervisor: {error:#}");
            return FailureKind::Process.exit_code();
        }
    };
    let supervisor = inheritance.control.sender();
    match serve(runtime, main_thread, inheritance) {
        Ok(status) => status,
        Err(failure) => {
            let status = failure.kind.exit_code();
            // The supervisor has it in the log; without one there is nobody to tell.
            let _orphaned = supervisor.send(&ToSupervisor::BootFailed(failure));
            status
        }
    }
}

fn serve(
    runtime: Runtime,
    main_thread: ThreadState,
    inheritance: Inheritance,
) -> Result<i32, BootFailure> {
    let Inheritance {
        plan,
        control,
        pulse,
        listeners,
        health,
    } = inheritance;
    let (signals, logs) = settle_in(&plan).map_err(process_failure)?;
    let course = Arc::new(Course::default());
    let supervisor = control.sender();
    let access = logs.access.clone();
    Control::new(control, signals, logs, Arc::clone(&course), &plan.config)
        .start()
        .map_err(process_failure)?;
    let watchdog = Watchdog::start(
        pulse,
        Arc::clone(&course),
        &plan.config,
        supervisor.sender(),
    )
    .map_err(process_failure)?;

    let directory = std::env::current_dir()
        .context("cannot tell the current directory")
        .map_err(process_failure)?;
    let settings = settings::of_host(&plan.config, plan.gil, directory);
    // Without a supervisor the control thread is ending the worker already.
    let _orphaned = supervisor.send(&ToSupervisor::Loading);
    let mut host = Host::start(runtime, main_thread, &settings).map_err(host_failure)?;
    let service = Service::open(&plan, listeners, health, access).map_err(process_failure)?;
    // Before the first thread takes a request: from here on who asks for the end has to wait for those.
    course.serve(service.handle());
    service
        .start_threads(&host, &course)
        .map_err(process_failure)?;
    watchdog.observe(host.watch());
    report_ready(&supervisor, &mut host, &plan);

    let left = course.wait_for_end();
    if left > 0 {
        warn!(
            code = "RH0203",
            threads = left,
            "the time is over: requests that still run are cut off"
        );
    }
    host.stop();
    info!(code = "RH0204", worker = plan.worker, "worker leaves");
    // Nobody asked for the end: the threads have gone by themselves, and the log has their panics.
    Ok(if course.deadline().is_some() {
        0
    } else {
        FailureKind::Process.exit_code()
    })
}

/// Signals, log, and the surroundings the application is to find. Root is given up last.
fn settle_in(plan: &Plan) -> anyhow::Result<(Signals, Logs)> {
    let config = &plan.config;
    let signals = Signals::take()?;
    let identity = Identity::lookup(config.user.as_deref(), config.group.as_deref())?;
    let owner = identity.as_ref();
    let error = Arc::new(Output::open(&config.error_logfile, io::stderr(), owner)?);
    let access = config
        .access_logfile
        .as_ref()
        .map(|file| Output::open(file, io::stdout(), owner))
        .transpose()?
        .map(Arc::new);
    log::start(Arc::clone(&error), config.log_level)?;
    if let Some(mask) = config.umask {
        limits::set_umask(mask);
    }
    if let Some(identity) = &identity {
        identity.assume()?;
        exec::renew_death_signal(plan.supervisor)?;
        // What Python would make of it is an import error somewhere in its library.
        File::open(&plan.python).with_context(|| {
            format!(
                "{identity} cannot read Python at {} (every folder on the way has to let that user in)",
                plan.python.display()
            )
        })?;
    }
    if let Some(folder) = &config.chdir {
        std::env::set_current_dir(folder)
            .with_context(|| format!("cannot change to {}", folder.display()))?;
    }
    Ok((signals, Logs { error, access }))
}

fn report_ready(supervisor: &WorkerEnd, host: &mut Host, plan: &Plan) {
    if plan.config.reload {
        for files in host.loaded_files().chunks(FILES_PER_MESSAGE) {
            let _gone = supervisor.send(&ToSupervisor::Loaded(files.to_vec()));
        }
    }
    if supervisor.send(&ToSupervisor::Ready).is_err() {
        // The control thread sees the same and ends the worker.
        error!(
            code = "RH0205",
            pid = process::parent_id(),
            "the supervisor is gone"
        );
    }
}

/// Keeps a message far below what a channel takes at a time.
const FILES_PER_MESSAGE: usize = 100;

fn process_failure(error: impl Into<anyhow::Error>) -> BootFailure {
    BootFailure {
        kind: FailureKind::Process,
        text: shorten(format!("{:#}", error.into())),
    }
}

fn host_failure(error: HostError) -> BootFailure {
    match &error {
        HostError::Load(failure) => BootFailure {
            kind: FailureKind::Application,
            text: shorten(failure.to_string()),
        },
        HostError::Interpreter { .. } | HostError::Prepare { .. } => process_failure(error),
    }
}
