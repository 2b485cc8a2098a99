//! What holds for one interpreter of one process (DD §3.2 to §3.5).

use crate::daemon::DaemonProcess;
use crate::global::GlobalConfig;
use crate::interpreters::{Container, Family};
use crate::messages::wording::{Interpreter, Process};
use crate::messages::{self, Message};
use crate::text::Text;

/// A process that runs Python.
#[derive(Debug, Clone, Copy)]
pub struct ProcessView<'a> {
    /// Its group; `None` for a child of httpd.
    pub daemon: Option<&'a DaemonProcess>,
    /// Whether it runs without a GIL.
    pub free_threading: bool,
    /// Whether its Python can give interpreters GILs of their own.
    pub can_own_gil: bool,
}

/// What holds for one interpreter.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Whether it gets a GIL of its own.
    pub own_gil: bool,
    /// In seconds; to be set once the interpreter is there, if it is given.
    pub switch_interval: Option<f64>,
    /// `sys.stdin` is a sentinel.
    pub restrict_stdin: bool,
    /// `sys.stdout` is a sentinel.
    pub restrict_stdout: bool,
    /// `signal.signal` is intercepted.
    pub restrict_signal: bool,
    /// Search paths of containers, each a list with `:`, in the order in which they are put in front of `sys.path`.
    pub python_paths: Vec<Text>,
    /// What is configured and not done.
    pub warnings: Vec<Message>,
}

impl ProcessView<'_> {
    fn group(&self) -> &[u8] {
        self.daemon.map_or(b"", |daemon| &daemon.name)
    }
}

impl GlobalConfig {
    /// Whether the processes of a group run without a GIL, on a Python that can: top level, then containers that speak for the process and not for
    /// one interpreter.
    pub fn free_threading(&self, process_group: &[u8]) -> bool {
        let of_process = |container: &&Container| container.selector.application_group.is_none();
        let containers = self.containers.iter().filter(of_process);
        let ranked = containers.filter_map(|container| {
            let rank = container.selector.rank(process_group, b"")?;
            Some((rank, container.family.free_threading?))
        });
        // Of equal ranks, `max_by_key` takes the last.
        let strongest = ranked.max_by_key(|(rank, _)| *rank).map(|(_, on)| on);
        strongest.or(self.family.free_threading).unwrap_or(false)
    }

    /// The interval that a process starts with: a daemon's is what its group says, a child's that of the top level. A top-level directive reaches
    /// daemons by [`interpreter`](Self::interpreter) (DD §3.5).
    ///
    /// # Errors
    /// The warning that it has no effect without a GIL.
    pub fn process_switch_interval(
        &self,
        process: &ProcessView<'_>,
    ) -> Result<Option<f64>, Message> {
        let interval = match process.daemon {
            Some(daemon) => daemon.switch_interval,
            None => self.family.switch_interval,
        };
        match (interval.map(Seconds), process.daemon) {
            (Some(seconds), Some(daemon)) if process.free_threading => {
                Err(messages::daemon_interval_skipped(seconds, &daemon.name))
            }
            (Some(seconds), None) if process.free_threading => {
                Err(messages::interval_skipped(seconds, Process(b"")))
            }
            _ => Ok(interval),
        }
    }

    /// What holds for the interpreter of an application group, the empty name being that of the main one.
    pub fn interpreter(&self, process: &ProcessView<'_>, application_group: &[u8]) -> Resolved {
        let layers = self.layers(process.group(), application_group);
        let mut warnings = Vec::new();
        let own_gil = self.own_gil(process, application_group, &layers, &mut warnings);
        let switch_interval =
            self.interval(process, application_group, own_gil, &layers, &mut warnings);
        let switch = |of: fn(&Family) -> Option<bool>, default: bool| {
            strongest(&layers, of)
                .or(of(&self.family))
                .unwrap_or(default)
        };
        Resolved {
            own_gil,
            switch_interval,
            restrict_stdin: switch(|family| family.restrict_stdin, false),
            restrict_stdout: switch(|family| family.restrict_stdout, false),
            restrict_signal: switch(|family| family.restrict_signal, true),
            python_paths: layers
                .iter()
                .filter_map(|container| container.family.python_path.clone())
                .collect(),
            warnings,
        }
    }

    /// The containers that speak for an interpreter, the weakest first.
    fn layers(&self, process_group: &[u8], application_group: &[u8]) -> Vec<&Container> {
        let ranked = self.containers.iter().filter_map(|container| {
            let rank = container.selector.rank(process_group, application_group)?;
            Some((rank, container))
        });
        let mut ranked: Vec<_> = ranked.collect();
        // Stable: of equal ranks, the later one in the file stays the stronger.
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, container)| container).collect()
    }

    fn own_gil(
        &self,
        process: &ProcessView<'_>,
        application_group: &[u8],
        layers: &[&Container],
        warnings: &mut Vec<Message>,
    ) -> bool {
        let wanted = strongest(layers, |family| family.own_gil).or(self.family.own_gil);
        if wanted != Some(true) || application_group.is_empty() {
            return false;
        }
        if process.free_threading {
            warnings.push(messages::own_gil_skipped(Interpreter(application_group)));
        }
        process.can_own_gil && !process.free_threading
    }

    /// The interval belongs to a GIL. Of those that share the main interpreter's, only the main one's may decide about it: one that is created later
    /// must not undo what the group or the main interpreter was given (DD §14, row 61).
    fn interval(
        &self,
        process: &ProcessView<'_>,
        application_group: &[u8],
        own_gil: bool,
        layers: &[&Container],
        warnings: &mut Vec<Message>,
    ) -> Option<f64> {
        let of_process = process.daemon.and_then(|daemon| daemon.switch_interval);
        let top = of_process.or(self.family.switch_interval);
        let is_set = |container: &&&Container| container.family.switch_interval.is_some();
        let container = layers.iter().rev().find(is_set);
        let of_container = container.and_then(|container| container.family.switch_interval);
        let seconds = of_container.or(top)?;
        let interpreter = Interpreter(application_group);
        if process.free_threading {
            let warning = messages::interpreter_interval_skipped(Seconds(seconds), interpreter);
            warnings.push(warning);
            return None;
        }
        if own_gil || application_group.is_empty() {
            return Some(seconds);
        }
        if container.is_some_and(|container| container.selector.application_group.is_some()) {
            warnings.push(messages::interval_without_gil(
                Seconds(seconds),
                interpreter,
            ));
            return None;
        }
        let main = self.layers(process.group(), b"");
        strongest(&main, |family| family.switch_interval).or(top)
    }
}

/// What the strongest of the layers that says something says.
fn strongest<T>(layers: &[&Container], of: impl Fn(&Family) -> Option<T>) -> Option<T> {
    layers
        .iter()
        .rev()
        .find_map(|container| of(&container.family))
}

/// Seconds as messages show them: with six decimals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seconds(pub f64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:.6}", self.0)
    }
}
