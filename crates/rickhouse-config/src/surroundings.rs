//! All that is looked at besides the arguments.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// What surrounds the command: all that [`parse_command`](crate::parse_command) looks at besides the arguments.
pub struct Surroundings<'a> {
    /// Variables of the environment, names and values.
    pub environment: Vec<(OsString, OsString)>,
    /// The directory the command was started in; absolute.
    pub directory: PathBuf,
    /// Id of this process, which tells whether systemd's sockets are meant for it.
    pub pid: u32,
    /// Reads a configuration file.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
    /// Whether there is a file of this name, which tells a script `site.wsgi` from the module `site.wsgi`.
    pub is_file: &'a dyn Fn(&Path) -> bool,
}

impl Surroundings<'static> {
    /// The surroundings of this process.
    ///
    /// # Errors
    ///
    /// The current directory cannot be told: it was removed, or is not accessible.
    pub fn of_this_process() -> io::Result<Self> {
        Ok(Self {
            environment: std::env::vars_os().collect(),
            directory: std::env::current_dir()?,
            pid: std::process::id(),
            read: &|path| std::fs::read_to_string(path),
            is_file: &Path::is_file,
        })
    }
}
