//! What holds for the whole of httpd: the settings of class G (DD §1.1), the process groups, and what is loaded in advance.

use std::collections::BTreeMap;

use crate::alias::Alias;
use crate::daemon::DaemonProcess;
use crate::groups::Case;
use crate::interpreters::{Container, Family};
use crate::python::PythonConfig;
use crate::rejected::Rejected;
use crate::scripts::ImportScript;
use crate::surroundings::{ServerIdentity, Surroundings};
use crate::telemetry::{Telemetry, TelemetryFlags};
use crate::text::Text;

/// Everything that is said once for all servers. The glue makes a new one for every pass over the configuration.
#[derive(Debug, Clone, Default)]
pub struct GlobalConfig {
    /// How Python is started.
    pub python: PythonConfig,
    /// Settings of interpreters outside of any container.
    pub family: Family,
    /// `<WSGIInterpreterOptions>`, in the order of the file.
    pub containers: Vec<Container>,
    /// `WSGIDaemonProcess`, in the order of definition.
    pub daemons: Vec<DaemonProcess>,
    /// What every process loads before its first request, in the order of the configuration.
    pub imports: Vec<ImportScript>,
    /// `WSGIRestrictEmbedded`.
    pub restrict_embedded: bool,
    /// Whether httpd's children need Python, as far as directives have said it.
    pub python_required: PythonRequired,
    /// `WSGISocketPrefix`; `None` is httpd's runtime directory and `/wsgi`.
    pub socket_prefix: Option<Text>,
    /// `WSGISocketRotation`.
    pub socket_rotation: Option<bool>,
    /// `WSGIAcceptMutex`, which has no effect: daemons share their socket without a lock.
    pub accept_mutex: Option<Text>,
    /// `WSGIServerMetrics`.
    pub server_metrics: bool,
    /// `WSGITelemetryService`.
    pub telemetry: Option<Telemetry>,
    /// `WSGISlowRequests`, in seconds; `None` records none.
    pub slow_requests: Option<f64>,
    /// `WSGITelemetryOptions`.
    pub telemetry_flags: TelemetryFlags,
}

/// Whether httpd's children need Python (DD §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PythonRequired {
    /// Nothing was said, which means yes.
    #[default]
    Unknown,
    /// `WSGIRestrictEmbedded On`, and nothing that needs it.
    No,
    /// Something needs it.
    Yes,
}

impl PythonRequired {
    /// Whether children start Python.
    pub fn is_required(self) -> bool {
        self != Self::No
    }

    /// `WSGIRestrictEmbedded`.
    pub fn restrict_embedded(&mut self, on: bool) {
        if !on {
            self.require();
        } else if *self == Self::Unknown {
            *self = Self::No;
        }
    }

    /// Something was configured that runs in children.
    pub fn require(&mut self) {
        *self = Self::Yes;
    }
}

impl GlobalConfig {
    /// `WSGICaseSensitivity`.
    pub fn case(&self) -> Case {
        self.python.case
    }

    /// Takes a `WSGIDaemonProcess`.
    ///
    /// # Errors
    /// See [`DaemonProcess::parse`].
    pub fn define_daemon(
        &mut self,
        line: &[u8],
        server: &ServerIdentity,
        surroundings: &dyn Surroundings,
    ) -> Result<(), Rejected> {
        let daemon = DaemonProcess::parse(line, server, &self.daemons, surroundings)?;
        self.daemons.push(daemon);
        Ok(())
    }

    /// Takes a `WSGIImportScript`.
    ///
    /// # Errors
    /// When it is malformed, or its process group is not there or another server's.
    pub fn import(&mut self, line: &[u8], server: &ServerIdentity) -> Result<(), Rejected> {
        let script = ImportScript::parse(line)?;
        if script.process_group.is_empty() {
            self.python_required.require();
        } else {
            DaemonProcess::usable(&self.daemons, &script.process_group, server)?;
        }
        self.imports.push(script);
        Ok(())
    }

    /// Takes the script of an alias, if it can be loaded in advance (DD §2.1).
    ///
    /// # Errors
    /// When its process group is not there or another server's.
    pub fn preload(&mut self, alias: &Alias, server: &ServerIdentity) -> Result<(), Rejected> {
        let Some((process_group, application_group)) = alias.preload() else {
            return Ok(());
        };
        if !process_group.is_empty() {
            DaemonProcess::usable(&self.daemons, process_group, server)?;
        }
        self.imports.push(ImportScript {
            path: alias.target.clone(),
            process_group: process_group.clone(),
            application_group: application_group.clone(),
        });
        Ok(())
    }

    /// What the processes of this group load in advance; the empty name is that of httpd's children.
    pub fn imports_of<'a>(
        &'a self,
        process_group: &'a [u8],
    ) -> impl Iterator<Item = &'a ImportScript> {
        let is_ours = move |script: &&ImportScript| *script.process_group == *process_group;
        self.imports.iter().filter(is_ours)
    }

    /// Brings the names of the groups' servers up to date: when a group was defined, its server's `ServerName` may not have been read yet. For the
    /// end of configuration, before requests are asked about.
    pub fn name_servers(&mut self, names: &BTreeMap<usize, Text>) {
        for daemon in &mut self.daemons {
            daemon.server.hostname = names.get(&daemon.server.id).cloned();
        }
    }
}
