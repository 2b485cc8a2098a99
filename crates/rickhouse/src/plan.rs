//! What a worker is told before it starts: a JSON document in a memory file.

use std::path::PathBuf;
use std::time::Duration;

use rickhouse_config::{Config, ResolvedGil};
use serde::{Deserialize, Serialize};

/// Name of the descriptor with the [`Plan`].
pub(crate) const PLAN: &str = "plan";
/// Name of the descriptor of the control channel.
pub(crate) const CONTROL: &str = "control";
/// Name of the descriptor of the pulse.
pub(crate) const PULSE: &str = "pulse";
/// Name of the descriptor of the health listener.
pub(crate) const HEALTH: &str = "health";

/// Name of the descriptor of listener `number`.
pub(crate) fn listener(number: usize) -> String {
    format!("listener{number}")
}

/// How long the exit handlers of an application may run once its requests are done with.
pub(crate) const EXIT_HANDLERS: Duration = Duration::from_secs(3);

/// A worker's plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Its number, for the log.
    pub(crate) worker: u64,
    /// Process id of the supervisor.
    pub(crate) supervisor: u32,
    /// How many listeners it inherits.
    pub(crate) listeners: usize,
    /// What the GIL mode of the configuration is on this Python.
    pub(crate) gil: ResolvedGil,
    /// The Python it runs on (`sys.executable`).
    pub(crate) python: PathBuf,
    /// The configuration.
    pub(crate) config: Config,
}
