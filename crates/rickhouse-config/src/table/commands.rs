//! The sub-commands.

/// One sub-command.
pub(crate) struct CommandSpec {
    pub(crate) name: &'static str,
    /// One line, for the list of commands.
    pub(crate) help: &'static str,
    /// What else there is to say; whole sentences.
    pub(crate) details: &'static str,
    pub(crate) takes: Takes,
}

/// What stands behind a sub-command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// A configuration: every option of the table, and the application.
    Configuration,
    /// Nothing.
    Nothing,
    /// `--modules-directory`.
    ModulesDirectory,
}

/// All sub-commands, in the order of the help page.
pub(crate) static COMMANDS: &[&CommandSpec] = &[
    &SERVE,
    &CONFIG,
    &MODULE_LOCATION,
    &MODULE_CONFIG,
    &INSTALL_MODULE,
];

pub(crate) static SERVE: CommandSpec = CommandSpec {
    name: "serve",
    help: "Serve an application",
    details: "",
    takes: Takes::Configuration,
};

pub(crate) static CONFIG: CommandSpec = CommandSpec {
    name: "config",
    help: "Print the configuration that would hold, as TOML, and where each value comes from",
    details: "",
    takes: Takes::Configuration,
};

pub(crate) static MODULE_LOCATION: CommandSpec = CommandSpec {
    name: "module-location",
    help: "Print where the module for Apache httpd is",
    details: "The module is mod_wsgi.so, a part of this installation. It works with the Python that rickhouse is installed for and with \
              no other minor version.",
    takes: Takes::Nothing,
};

pub(crate) static MODULE_CONFIG: CommandSpec = CommandSpec {
    name: "module-config",
    help: "Print the lines of httpd's configuration that load the module from here",
    details: "They are LoadModule, and WSGIPythonHome with the environment that rickhouse is installed in.",
    takes: Takes::Nothing,
};

pub(crate) static INSTALL_MODULE: CommandSpec = CommandSpec {
    name: "install-module",
    help: "Copy the module to httpd's modules, and print the lines that load it from there",
    details: "A mod_wsgi.so that is there already is replaced in one step. An httpd that has it loaded must be stopped and started to \
              take the new one.",
    takes: Takes::ModulesDirectory,
};

/// The one option of [`INSTALL_MODULE`].
pub(crate) struct ModulesDirectory;

impl ModulesDirectory {
    pub(crate) const NAME: &str = "modules-directory";
    pub(crate) const PLACEHOLDER: &str = "DIR";
    pub(crate) const HELP: &str =
        "Copy to this folder; default: where apxs says that httpd keeps its modules (LIBEXECDIR)";
}
