//! A child of httpd: its Python, and the configuration as its requests see it.

mod end;
pub(crate) mod settings;

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt;
use std::sync::{Arc, OnceLock};

use rickhouse_directives::global::GlobalConfig;
use rickhouse_directives::messages;
use rickhouse_host::scripts::{ScriptThread, Scripts, StartError};
use rickhouse_httpd::ChildInit;

use crate::log::HttpdReporter;
use crate::{generation, log, seats};

/// What a child has for its requests.
pub(crate) struct Child {
    /// What the directives of class G said.
    pub(crate) config: Arc<GlobalConfig>,
    scripts: OnceLock<Arc<Scripts>>,
    /// The environment as it was before Python started. An application may change it at any time (`os.environ`), and nothing keeps
    /// that apart from those who read it.
    variables: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Child {
    /// Python; `None` where it is not required, or did not start.
    pub(crate) fn scripts(&self) -> Option<&Arc<Scripts>> {
        self.scripts.get()
    }

    /// The value of a variable of the process's environment.
    pub(crate) fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        self.variables.get(name).map(Vec::as_slice)
    }
}

/// Set once, before the child has threads, and never again: a process is a child of one generation.
static CHILD: OnceLock<Child> = OnceLock::new();

/// The child that this process is; `None` in the parent.
pub(crate) fn current() -> Option<&'static Child> {
    CHILD.get()
}

/// Makes this process a child: starts Python if something in children needs it, and loads what is to be loaded in advance
/// (DD §10.9). It keeps serving everything else when that fails.
pub(crate) fn init(init: &ChildInit<'_>) {
    // Before anything can fail: without it requests are refused for want of a configuration.
    let child = CHILD.get_or_init(|| Child {
        config: generation::current(),
        scripts: OnceLock::new(),
        variables: std::env::vars_os()
            .map(|(name, value)| (name.into_vec(), value.into_vec()))
            .collect(),
    });
    // A second call in the same process would be a second generation of `httpd -X`, which ends instead.
    if !child.config.python_required.is_required() || child.scripts().is_some() {
        return;
    }
    if let Some((scripts, mut thread)) = start(&child.config) {
        // Before scripts are imported, which may fail, too: Python serves and is ended in order all the same.
        child.scripts.get_or_init(|| scripts);
        end::prepare(init);
        import(&child.config, &mut thread);
        seats::keep(thread);
    }
}

fn start(config: &Arc<GlobalConfig>) -> Option<(Arc<Scripts>, ScriptThread)> {
    let settings = settings::of_child(config);
    let reporter = HttpdReporter::new(settings.process.clone());
    match Scripts::start(settings, Arc::new(reporter)) {
        Ok(started) => Some(started),
        Err(error) => {
            log::process(&match error {
                StartError::Python(_) => messages::child_python_failed(),
                StartError::MainInterpreter(_) => messages::child_interpreter_failed(),
            });
            None
        }
    }
}

/// Loads the scripts of `WSGIImportScript` and of aliases with fixed groups (DD §5.13).
fn import(config: &GlobalConfig, thread: &mut ScriptThread) {
    for script in config.imports_of(b"") {
        let group = String::from_utf8_lossy(&script.application_group);
        thread.import(&group, script.path.as_path());
    }
}
