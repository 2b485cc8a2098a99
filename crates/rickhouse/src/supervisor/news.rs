//! What the group reports, in an operator's words.

use rickhouse_supervisor::{BootFailure, FailureKind, Report, RetireReason, Urgency, WorkerId};
use tracing::{error, info, warn};

/// Logs a report; `pid` finds the process of a worker.
pub(super) fn log(report: &Report, pid: impl Fn(WorkerId) -> Option<u32>) {
    match report {
        Report::WorkerReady(id) => {
            info!(code = "RH0113", worker = %id, pid = pid(*id), "worker ready")
        }
        Report::WorkerCrashed {
            worker,
            ending,
            uptime,
            wait,
        } => warn!(
            code = "RH0114", worker = %worker, pid = pid(*worker), uptime = ?uptime, wait = ?wait,
            "worker ended by {ending} without being asked; it is replaced"
        ),
        Report::WorkerLeft(id, ending) => {
            info!(code = "RH0115", worker = %id, pid = pid(*id), "worker left by {ending}")
        }
        Report::WorkerSilent(id, silence) => error!(
            code = "RH0116", worker = %id, pid = pid(*id), silence = ?silence,
            "worker shows no sign of life (stopped, or its machine is overloaded); it is killed and replaced"
        ),
        Report::DrainTimedOut(id) => warn!(
            code = "RH0117", worker = %id, pid = pid(*id),
            "worker did not finish its requests within the graceful timeout; it is killed"
        ),
        Report::WorkerRetiring(id, RetireReason::MaxRequests { answered }) => {
            info!(code = "RH0118", worker = %id, pid = pid(*id), answered, "worker has answered its share and is replaced");
        }
        Report::WorkerRetiring(id, RetireReason::Asked) => {
            info!(code = "RH0133", worker = %id, pid = pid(*id), "worker was asked to terminate and is replaced");
        }
        Report::WorkerUnreachable(id) => error!(
            code = "RH0134", worker = %id, pid = pid(*id),
            "worker has closed its channel to the supervisor or wrote nonsense to it; it is replaced and drained"
        ),
        Report::WorkerRetiring(id, RetireReason::Stuck { text }) => error!(
            code = "RH0119", worker = %id, pid = pid(*id), detail = text,
            "worker is stuck: something in it cannot be interrupted; it is replaced and drained"
        ),
        Report::StartFailed(id, failure) => boot_failure(*id, pid(*id), failure),
        Report::RespawnFailed {
            worker,
            failure,
            wait,
        } => error!(
            code = "RH0132", worker = %worker, wait = ?wait, detail = failure.text,
            "a replacement did not start; the next attempt follows"
        ),
        Report::Started(workers) => info!(code = "RH0104", workers, "all workers are ready"),
        Report::ReloadBegun(generation) => {
            info!(code = "RH0120", %generation, "reload: new workers are being started")
        }
        Report::Reloaded(generation) => {
            info!(code = "RH0121", %generation, "reload: new workers serve, the old ones drain")
        }
        Report::ReloadFailed {
            generation,
            failure,
        } => error!(
            code = "RH0122", %generation, detail = failure.text,
            "reload failed: the new workers did not start, the old ones stay in service"
        ),
        Report::ReloadSuperseded(generation) => {
            info!(code = "RH0123", %generation, "reload given up for the one asked for now");
        }
        Report::TargetChanged(workers) => info!(
            code = "RH0128",
            workers, "the number of workers was changed"
        ),
        Report::Stopping(Urgency::Graceful) => {
            info!(code = "RH0105", "stopping: running requests are finished")
        }
        Report::Stopping(Urgency::Fast) => info!(code = "RH0106", "stopping now"),
    }
}

/// The first start: nothing else is to be seen of it but this.
fn boot_failure(id: WorkerId, pid: Option<u32>, failure: &BootFailure) {
    match failure.kind {
        FailureKind::Application => {
            error!(code = "RH0130", worker = %id, pid, detail = failure.text, "the application did not load");
        }
        FailureKind::Process => {
            error!(code = "RH0131", worker = %id, pid, detail = failure.text, "a worker did not start");
        }
    }
}
