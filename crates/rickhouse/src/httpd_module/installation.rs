//! The installation of the Python package that this process runs from.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rickhouse_python::{PythonInfo, ThreadState};

use super::FILE_NAME;

/// Where rickhouse is installed, and for which Python.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    /// The folder of the package `rickhouse`.
    pub(crate) package: PathBuf,
    /// `sys.prefix`: the virtual environment, or the installation of Python where there is none.
    pub(crate) prefix: PathBuf,
    /// The Python's name, such as `3.13` or `3.13t`.
    pub(crate) python: String,
}

/// Python would not say where it is installed; the text is the exception's.
#[derive(Debug)]
pub(crate) struct InstallationError(pub(crate) String);

impl Installation {
    /// Asks the main interpreter.
    pub(crate) fn find(
        main_thread: &mut ThreadState,
        python: &PythonInfo,
    ) -> Result<Self, InstallationError> {
        let (file, prefix) = main_thread.attach(|py| {
            let read = || {
                let file = py.import(c"rickhouse")?.attr(c"__file__")?;
                let prefix = py.import(c"sys")?.attr(c"prefix")?;
                Ok((file.to_fs_bytes(py)?, prefix.to_fs_bytes(py)?))
            };
            read()
                .map_err(|error: rickhouse_python::Error<'_>| InstallationError(error.describe(py)))
        })?;
        let path = |bytes: &[u8]| Path::new(OsStr::from_bytes(bytes)).to_owned();
        let mut package = path(&file);
        package.pop();
        let (major, minor, _) = python.version;
        let kind = if python.free_threaded { "t" } else { "" };
        Ok(Self {
            package,
            prefix: path(&prefix),
            python: format!("{major}.{minor}{kind}"),
        })
    }

    /// The module's path, if the installation has it.
    pub(crate) fn module(&self) -> Result<PathBuf, String> {
        let module = self.package.join(FILE_NAME);
        match module.is_file() {
            true => Ok(module),
            false => Err(format!(
                "{} is not there: this Python {} had no shared libpython to link it with when rickhouse was installed. \
                 Install rickhouse again with a Python that was built with --enable-shared (on Debian, with the package python3-dev)",
                module.display(),
                self.python
            )),
        }
    }
}
