//! Python in a daemon process: rickhouse-host's scripts, as rickhouse-daemon wants them.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rickhouse_daemon::{Ended, Engine, Handler, StartError, StartStep, WireExchange};
use rickhouse_host::scripts::{self, Call, Reload, ScriptThread, Scripts, Watch};
use rickhouse_httpd::log::{self as httpd_log, Client};
use rickhouse_wire::{self as wire, Value};
use send_wrapper::SendWrapper;

use super::group::{Group, Parent};
use super::python;
use super::reporter::DaemonReporter;
use crate::log;
use crate::paths::as_path;

/// Python in this process.
pub(super) struct DaemonEngine {
    scripts: Arc<Scripts>,
    watch: Watch,
    /// The main thread's place, for the main thread.
    main: SendWrapper<RefCell<ScriptThread>>,
    /// What is loaded before requests come: application group and script.
    imports: Vec<(String, PathBuf)>,
    destroy: bool,
}

impl DaemonEngine {
    /// Starts Python; on the main thread.
    pub(super) fn start(parent: &Parent, group: &Group) -> Result<Arc<Self>, StartError> {
        let process = &group.process;
        let settings = python::settings(&parent.config, process);
        let reporter = Arc::new(DaemonReporter::new(settings.process.clone()));
        let (scripts, mut main) =
            Scripts::start(settings, reporter).map_err(|error| StartError {
                step: match error {
                    scripts::StartError::Python(_) => StartStep::Python,
                    scripts::StartError::MainInterpreter(_) => StartStep::Interpreter,
                },
                reason: error.to_string(),
            })?;
        if process.threads == 0 {
            main.exit_on_sigterm();
        }
        let imports = parent.config.imports_of(&process.name);
        Ok(Arc::new(DaemonEngine {
            watch: scripts.watch(),
            scripts,
            main: SendWrapper::new(RefCell::new(main)),
            imports: imports
                .map(|script| {
                    let group = String::from_utf8_lossy(&script.application_group);
                    (group.into_owned(), as_path(&script.path).to_owned())
                })
                .collect(),
            destroy: parent.config.python.destroy_interpreter,
        }))
    }
}

impl Engine for DaemonEngine {
    type Handler = DaemonHandler;

    fn import(&self) {
        let mut main = self.main.borrow_mut();
        for (group, script) in &self.imports {
            main.import(group, script);
        }
    }

    /// Threads of Python have their own numbers: 0 is the main one, workers are numbered from 1 (DD §6.2).
    fn handler(self: &Arc<Self>, number: usize) -> DaemonHandler {
        DaemonHandler {
            thread: self.scripts.thread(number + 1),
        }
    }

    fn interrupted(&self, number: usize) -> Option<Duration> {
        self.watch.interrupted(number + 1)
    }

    fn silence(&self) -> Duration {
        let reports = self.watch.report();
        let silences = reports.iter().map(|(_, report)| report.silent_for);
        silences.max().unwrap_or_default()
    }

    /// There is nobody to tell: subscribing belongs to the part of the Python module `mod_wsgi` that comes later.
    fn publish_signal(&self, _: &str) {}

    /// As [`DaemonEngine::publish_signal`].
    fn publish_stopping(&self, _: &str) {}

    fn dump_stacks(&self, number: usize) {
        self.watch.dump_stacks(number + 1);
    }

    fn stop(&self) {
        self.scripts.stop(&mut self.main.borrow_mut(), self.destroy);
    }
}

/// A worker's place in Python.
pub(super) struct DaemonHandler {
    thread: ScriptThread,
}

impl Handler for DaemonHandler {
    fn handle(
        &mut self,
        request: &wire::RequestFrame<'_>,
        exchange: &mut WireExchange<'_>,
    ) -> Ended {
        let head = &request.head;
        let has_handler = !head.handler_script.is_empty();
        let call = Call {
            script: as_path(if has_handler {
                head.handler_script
            } else {
                head.script
            }),
            application_group: head.application_group,
            callable: head.callable,
            resource: as_path(head.script),
            mtime: None,
            reload: match head.reload {
                wire::Reload::Off => Reload::Off,
                wire::Reload::InPlace => Reload::InPlace,
                wire::Reload::Reject => Reload::Reject,
            },
            age: exchange.age(),
        };
        let thread = &mut self.thread;
        let client = client(request);
        let handle = || log::during(head.script, || thread.handle(&call, exchange));
        match httpd_log::on_behalf_of(&client, handle) {
            scripts::Ended::Rejected => Ended::Rejected,
            _ => Ended::Answered,
        }
    }
}

/// Whom records are about: what the environ says, which a trusted proxy may have changed (DD §8.8).
fn client<'a>(request: &wire::RequestFrame<'a>) -> Client<'a> {
    let mut client = Client {
        server: request.head.server,
        address: b"",
        port: 0,
        connection_id: request.head.connection_id,
    };
    for (name, value) in request.environ {
        let Value::Text(text) = value else { continue };
        match name {
            b"REMOTE_ADDR" => client.address = text,
            b"REMOTE_PORT" => {
                let port = std::str::from_utf8(text).ok();
                client.port = port.and_then(|port| port.parse().ok()).unwrap_or_default();
            }
            _ => {}
        }
    }
    client
}
