//! What loading scripts needs: names, modification times, and the lock (DD §5.12).

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use md5::{Digest, Md5};
use rickhouse_python::{Handle, Object, PyResult, Python};

use crate::scripts::process::Scripts;

/// How many scripts' names a thread remembers. An alias over a whole tree can have any number of them.
const MAX_NAMES: usize = 1024;

/// Lets one thread of a process load scripts. A thread waits for it detached, and may be attached while it holds it: who
/// holds it never waits for one that waits for it.
#[derive(Default)]
pub(crate) struct LoadLock {
    taken: Mutex<bool>,
    freed: Condvar,
}

/// The lock is held. Unlike a mutex's guard this one may be carried out of a detached section.
pub(crate) struct LoadTurn<'a>(&'a LoadLock);

impl LoadLock {
    pub(crate) fn acquire(&self, py: Python<'_>) -> LoadTurn<'_> {
        py.detach(|| {
            let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let mut taken = self
                .freed
                .wait_while(taken, |taken| *taken)
                .unwrap_or_else(PoisonError::into_inner);
            *taken = true;
        });
        LoadTurn(self)
    }
}

impl Drop for LoadTurn<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.freed.notify_one();
    }
}

/// What a thread keeps of script files and callables: texts that Python looks things up by.
#[derive(Default)]
pub(crate) struct Names {
    /// By path; its bytes are quicker to hash than its components.
    scripts: HashMap<OsString, Script>,
    attributes: HashMap<String, Handle>,
}

/// A script file's names.
struct Script {
    /// Of its module.
    module: Handle,
    path: Handle,
}

/// The modification time of a file in microseconds since 1970; `None` when it cannot be told.
pub(crate) fn modified(path: &Path) -> Option<i64> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    metadata
        .mtime()
        .checked_mul(1_000_000)?
        .checked_add(metadata.mtime_nsec() / 1000)
}

impl Names {
    /// What the script's module and file are called in Python.
    pub(crate) fn script<'py>(
        &mut self,
        py: Python<'py>,
        scripts: &Scripts,
        path: &Path,
    ) -> PyResult<'py, (Object<'py>, Object<'py>)> {
        let path = path.as_os_str();
        if let Some(known) = self.scripts.get(path) {
            return Ok((known.module.bind(py), known.path.bind(py)));
        }
        if self.scripts.len() >= MAX_NAMES {
            self.scripts.clear();
        }
        let module = py.str(&module_name(scripts, path.as_bytes()))?;
        let file = py.str_fs(path.as_bytes())?;
        let script = Script {
            module: Handle::new(py, &module),
            path: Handle::new(py, &file),
        };
        self.scripts.insert(path.to_owned(), script);
        Ok((module, file))
    }

    /// The name of an attribute.
    pub(crate) fn attribute<'py>(&mut self, py: Python<'py>, name: &str) -> PyResult<'py> {
        if let Some(known) = self.attributes.get(name) {
            return Ok(known.bind(py));
        }
        if self.attributes.len() >= MAX_NAMES {
            self.attributes.clear();
        }
        let text = py.str_interned(name)?;
        self.attributes
            .insert(name.to_owned(), Handle::new(py, &text));
        Ok(text)
    }
}

fn module_name(scripts: &Scripts, path: &[u8]) -> String {
    let digest = if scripts.settings.case_sensitive {
        Md5::digest(path)
    } else {
        Md5::digest(path.to_ascii_lowercase())
    };
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("_mod_wsgi_{hex}")
}
