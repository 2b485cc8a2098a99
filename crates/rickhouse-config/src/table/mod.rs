//! The one table of options. The command line, the file's schema, the environment variables, the output of `rickhouse config`
//! and the reference page are made from it; [`resolve`](crate::resolve) gives its entries their meaning.

mod application;
mod commands;
mod connections;
mod file;
mod limits;
mod listening;
mod logging;
mod process;
mod scaling;
mod timeouts;

pub(crate) use application::{CHDIR, PYTHONPATH, ROOT_PATH, TARGET};
pub(crate) use commands::{
    COMMANDS, CONFIG as CONFIG_COMMAND, CommandSpec, INSTALL_MODULE, MODULE_CONFIG,
    MODULE_LOCATION, ModulesDirectory, SERVE, Takes,
};
pub(crate) use connections::{
    BODY_TIMEOUT, HEADER_TIMEOUT, KEEP_ALIVE, MAX_CONNECTIONS, QUEUE_LIMIT, QUEUE_TIMEOUT,
    SERVER_HEADER, WRITE_TIMEOUT,
};
pub(crate) use file::CONFIG;
pub(crate) use limits::{
    LIMIT_REQUEST_BODY, LIMIT_REQUEST_FIELD_SIZE, LIMIT_REQUEST_FIELDS, LIMIT_REQUEST_HEADER_SIZE,
    LIMIT_REQUEST_LINE, REQUEST_BUFFER, RESPONSE_BUFFER,
};
pub(crate) use listening::{
    BACKLOG, BIND, FORWARDED_ALLOW_IPS, HEALTH_BIND, HEALTH_PATH, PROXY_PROTOCOL, READY_PATH,
};
pub(crate) use logging::{ACCESS_LOGFILE, ACCESS_LOGFORMAT, ERROR_LOGFILE, LOG_LEVEL};
pub(crate) use process::{GROUP, PID, RELOAD, RELOAD_EXTRA_FILE, UMASK, USER};
pub(crate) use scaling::{
    GIL, INTERPRETERS, MAX_REQUESTS, MAX_REQUESTS_JITTER, SWITCH_INTERVAL, THREADS, WORKERS,
};
pub(crate) use timeouts::{
    GRACEFUL_TIMEOUT, INTERRUPT_TIMEOUT, REQUEST_TIMEOUT, STARTUP_TIMEOUT, TIMEOUT,
};

/// All options, in the order of the help page.
pub(crate) static SECTIONS: &[Section] = &[
    application::SECTION,
    listening::SECTION,
    scaling::SECTION,
    timeouts::SECTION,
    connections::SECTION,
    limits::SECTION,
    logging::SECTION,
    process::SECTION,
    file::SECTION,
];

/// Options under one heading.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) options: &'static [&'static OptionSpec],
}

/// One option. Every sub-command that reads a configuration takes all of them.
pub(crate) struct OptionSpec {
    /// In kebab-case: `--name`, the key `name`, the variable `RICKHOUSE_NAME`, the field `name` of `Config`.
    pub(crate) name: &'static str,
    pub(crate) short: Option<char>,
    pub(crate) kind: Kind,
    /// Whether it can be given several times.
    pub(crate) many: bool,
    pub(crate) default: Default,
    /// Why that is the default; a sentence, or nothing where it is plain.
    pub(crate) reason: &'static str,
    /// One line, without a final full stop.
    pub(crate) help: &'static str,
    /// Whole sentences that follow the line in the long help and on the reference page.
    pub(crate) details: &'static str,
    /// The least and the most it takes: a number, bytes, or microseconds, as its kind has it.
    pub(crate) range: (u64, u64),
    /// Variables that platforms set for any server. They stand in for the default: a file is stronger.
    pub(crate) conventions: &'static [Convention],
}

/// What the value of an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Target,
    Address,
    Networks,
    Whole,
    Duration,
    Size,
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    Directory,
    Path,
    LogFile,
    UrlPath,
    RootPath,
    HeaderText,
    Text,
    Mode,
}

/// The value of an option that nobody has said.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    /// This text, read like any other; a list is separated by commas.
    Text(&'static str),
    /// No value, which means this.
    Unset(&'static str),
}

/// A variable of the environment whose name is not ours.
pub(crate) struct Convention {
    pub(crate) variable: &'static str,
    /// Makes the option's value from the variable's.
    pub(crate) rewrite: fn(&str) -> String,
}

impl OptionSpec {
    /// What an entry of the table need not say.
    const BASE: Self = Self {
        name: "",
        short: None,
        kind: Kind::Text,
        many: false,
        default: Default::Unset(""),
        reason: "",
        help: "",
        details: "",
        // TOML has no larger whole number.
        range: (0, i64::MAX as u64),
        conventions: &[],
    };

    /// The name of its environment variable.
    pub(crate) fn variable(&self) -> String {
        format!(
            "RICKHOUSE_{}",
            self.name.to_ascii_uppercase().replace('-', "_")
        )
    }

    /// Whether a file can say it: the name of the file itself it cannot.
    pub(crate) fn in_file(&self) -> bool {
        self.name != CONFIG.name
    }
}

impl Kind {
    /// What stands for the value in a help text.
    pub(crate) fn placeholder(self) -> &'static str {
        match self {
            Self::Target => "TARGET",
            Self::Address => "ADDRESS",
            Self::Networks => "NETWORKS",
            Self::Whole => "N",
            Self::Duration => "DURATION",
            Self::Size => "SIZE",
            Self::Switch => "BOOL",
            Self::Choice(_) => "CHOICE",
            Self::Directory => "DIRECTORY",
            Self::Path | Self::LogFile => "FILE",
            Self::UrlPath | Self::RootPath => "PATH",
            Self::HeaderText | Self::Text => "TEXT",
            Self::Mode => "MODE",
        }
    }

    /// Whether an empty value means something, so that an empty variable is not the same as none.
    pub(crate) fn takes_empty(self) -> bool {
        matches!(self, Self::RootPath | Self::HeaderText | Self::Networks)
    }

    /// Whether one argument of the command line holds a whole list.
    pub(crate) fn splits_at_commas(self) -> bool {
        matches!(self, Self::Networks)
    }
}

/// All options, in the order of the help page.
pub(crate) fn all() -> impl Iterator<Item = &'static OptionSpec> {
    SECTIONS
        .iter()
        .flat_map(|section| section.options.iter().copied())
}

/// The option of this name.
pub(crate) fn find(name: &str) -> Option<&'static OptionSpec> {
    all().find(|spec| spec.name == name)
}

/// The option whose name is most like this one, if any is like it.
pub(crate) fn similar(name: &str) -> Option<&'static OptionSpec> {
    /// Below this, names have no more than some letters in common.
    const ALIKE: f64 = 0.8;
    let name = name.to_ascii_lowercase().replace('_', "-");
    all()
        .map(|spec| (strsim::jaro_winkler(&name, spec.name), spec))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, spec)| spec)
}

/// Declares the options of a section, each under a name of its own, and the section that lists them.
macro_rules! section {
    ($title:literal; $($(#[$doc:meta])* $id:ident: $spec:expr;)*) => {
        $($(#[$doc])* pub(crate) static $id: $crate::table::OptionSpec = $spec;)*
        pub(super) const SECTION: $crate::table::Section = $crate::table::Section { title: $title, options: &[$(&$id),*] };
    };
}
use section;

#[cfg(test)]
mod tests;
