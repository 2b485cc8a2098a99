//! What only this Python and this machine can tell of a configuration.

use std::num::NonZero;

use rickhouse_config::{
    Config, Findings, Mistake, Origins, PythonFacts, ResolvedGil, Target, check_gil,
};
use rickhouse_os::credentials::Identity;
use rickhouse_os::process;
use rickhouse_python::PythonInfo;
use rickhouse_server::LogFormat;

/// This machine, and what was found out on it.
pub(crate) struct Machine<'a> {
    python: &'a PythonInfo,
    /// What the GIL mode is here.
    pub(crate) gil: ResolvedGil,
    /// Whom the workers become.
    pub(crate) identity: Option<Identity>,
}

impl<'a> Machine<'a> {
    /// Before anything was looked at.
    pub(crate) fn of(python: &'a PythonInfo) -> Self {
        Self {
            python,
            gil: ResolvedGil::Shared,
            identity: None,
        }
    }

    /// Says what is wrong, and what follows. Without mistakes, the fields hold.
    pub(crate) fn check(&mut self, config: &Config, origins: &Origins) -> Findings {
        let mut mistakes = Vec::new();
        match self.check_gil(config) {
            Ok(gil) => self.gil = gil,
            Err(mistake) => mistakes.push(mistake.at(origins.of("gil"))),
        }
        self.check_identity(config, origins, &mut mistakes);
        check_files(config, origins, &mut mistakes);
        if let Err(error) = config.access_logformat.parse::<LogFormat>() {
            mistakes.push(origins.mistake("access-logformat", error.to_string()));
        }
        Findings {
            mistakes,
            remarks: self.remarks(config),
        }
    }

    fn check_gil(&self, config: &Config) -> Result<ResolvedGil, Mistake> {
        let facts = PythonFacts {
            version: (self.python.version.0, self.python.version.1),
            free_threaded: self.python.free_threaded,
            gil_enabled: self.python.gil_enabled,
        };
        check_gil(config.gil, facts)
    }

    /// User and group are looked up one by one, as each may be wrong.
    fn check_identity(&mut self, config: &Config, origins: &Origins, mistakes: &mut Vec<Mistake>) {
        let (user, group) = (config.user.as_deref(), config.group.as_deref());
        let before = mistakes.len();
        if let Err(error) = Identity::lookup(None, group) {
            mistakes.push(origins.mistake("group", error.to_string()));
        }
        // The group decides only what a user without an account needs one for.
        if let Err(error) = Identity::lookup(user, group.filter(|_| mistakes.len() == before)) {
            mistakes.push(origins.mistake("user", error.to_string()));
        }
        if mistakes.len() > before {
            return;
        }
        let Ok(Some(identity)) = Identity::lookup(user, group) else {
            return;
        };
        if !identity.is_possible() {
            let option = if user.is_some() { "user" } else { "group" };
            let message = format!("only root can become {identity}");
            mistakes.push(origins.mistake(option, message));
        }
        self.identity = Some(identity);
    }

    fn remarks(&self, config: &Config) -> Vec<String> {
        let (major, minor, micro) = self.python.version;
        let gil = match self.gil {
            ResolvedGil::Shared => "shared",
            ResolvedGil::Own => "own",
            ResolvedGil::Off => "off",
        };
        let interpreters = match interpreters(config, self.gil) {
            Some(number) => format!("{number} sub-interpreters"),
            None => "the main interpreter".to_owned(),
        };
        let mut remarks = vec![format!(
            "On this Python {major}.{minor}.{micro}: GIL {gil}, {interpreters} in each worker."
        )];
        if process::is_root() && self.identity.is_none() {
            remarks.push("The application would run as root.".to_owned());
        }
        remarks
    }
}

/// How many interpreters a worker has. Own GILs without a number: one for each processor this process may use.
pub(crate) fn interpreters(config: &Config, gil: ResolvedGil) -> Option<usize> {
    let processors = || std::thread::available_parallelism().map_or(1, NonZero::get);
    config
        .interpreters
        .or_else(|| (gil == ResolvedGil::Own).then(processors))
}

fn check_files(config: &Config, origins: &Origins, mistakes: &mut Vec<Mistake>) {
    if let Some(folder) = config.chdir.as_ref().filter(|folder| !folder.is_dir()) {
        let message = format!("there is no directory {}", folder.display());
        mistakes.push(origins.mistake("chdir", message));
        // What is in it cannot be there either.
        return;
    }
    // An empty path stands for a target that is missing or wrong.
    if let Target::File { path, .. } = &config.target
        && !path.as_os_str().is_empty()
        && !path.is_file()
    {
        let message = format!("there is no file {}", path.display());
        mistakes.push(origins.mistake("target", message));
    }
}
