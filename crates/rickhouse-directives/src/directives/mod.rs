//! The table of all directives (DD §1.5), from which the module's command table and the reference page are made.

mod processes;
mod read;
mod requests;
#[cfg(test)]
mod tests;

use crate::global::GlobalConfig;
use crate::messages::Message;
use crate::rejected::Rejected;
use crate::settings::{DirConfig, Scoped, ServerConfig};
use crate::surroundings::{ServerIdentity, Surroundings};

/// How httpd splits a directive's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arguments {
    /// Not at all (`RAW_ARGS`).
    Raw,
    /// One word (`TAKE1`).
    One,
    /// One or two words (`TAKE12`).
    OneOrTwo,
}

/// Where a directive may stand (DD §1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// In the main server only: `RSRC_CONF`, and httpd's check for global directives.
    Global,
    /// In servers: `RSRC_CONF`.
    Server,
    /// In servers and sections: `RSRC_CONF | ACCESS_CONF`.
    ServerAndDirectory,
    /// There, and in `.htaccess` with `AllowOverride FileInfo`: `OR_FILEINFO`.
    FileInfo,
    /// In sections, and in `.htaccess` with `AllowOverride AuthConfig`: `OR_AUTHCFG`.
    AuthConfig,
}

type Read = fn(&mut Scope<'_>, &[u8], Option<&[u8]>) -> Result<(), Rejected>;

/// One directive.
#[derive(Debug, Clone, Copy)]
pub struct Directive {
    /// Its name.
    pub name: &'static str,
    /// How httpd splits its arguments.
    pub arguments: Arguments,
    /// Where it may stand.
    pub class: Class,
    /// How it is written, from behind the name.
    pub syntax: &'static str,
    /// What holds where it is not given.
    pub default: &'static str,
    /// What it does, also as the help of httpd.
    pub meaning: &'static str,
    /// Whether it speaks for some interpreters only inside `<WSGIInterpreterOptions>`. Others may not stand there.
    pub in_container: bool,
    read: Read,
}

/// Where what a directive says is kept.
#[derive(Debug)]
pub enum Place<'a> {
    /// It stands in a server.
    Server(&'a mut ServerConfig),
    /// It stands in a section or in `.htaccess`: httpd gives a path with it.
    Directory(&'a mut DirConfig),
}

/// Everything that reading a directive looks at or changes.
pub struct Scope<'a> {
    /// Settings of the whole httpd. While `.htaccess` is read there is nothing to change any more: a scratch one does.
    pub global: &'a mut GlobalConfig,
    /// The server or section.
    pub place: Place<'a>,
    /// The place in [`GlobalConfig::containers`] of the container around the directive, however deep inside.
    pub container: Option<usize>,
    /// The server.
    pub server: &'a ServerIdentity,
    /// The world.
    pub surroundings: &'a dyn Surroundings,
    /// What is to be logged.
    pub notices: &'a mut Vec<Notice>,
}

/// Something that a directive has to say without being wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A record with a number.
    Warning(Message),
    /// A record of level INFO, which has none.
    Info(&'static str),
}

/// All directives, in the parts of the reference page, each with its title.
pub const SECTIONS: [(&str, &[Directive]); 8] = [
    ("Mounting scripts", &requests::MOUNTING),
    ("Choosing processes and interpreters", &requests::GROUPS),
    ("Scripts before and around requests", &requests::HOOKS),
    ("Requests", &requests::REQUESTS),
    ("Daemon processes", &processes::DAEMONS),
    ("Starting Python", &processes::PYTHON),
    ("Interpreters", &processes::INTERPRETERS),
    ("Metrics and logs", &processes::WATCHING),
];

/// How many there are.
pub const COUNT: usize = 49;

/// All directives in one table, so that a table of httpd's commands can be made from it at compile time.
pub const DIRECTIVES: [Directive; COUNT] = {
    let mut all = [requests::MOUNTING[0]; COUNT];
    let (mut filled, mut section) = (0, 0);
    while section < SECTIONS.len() {
        let directives = SECTIONS[section].1;
        let mut at = 0;
        while at < directives.len() {
            all[filled] = directives[at];
            (filled, at) = (filled + 1, at + 1);
        }
        section += 1;
    }
    assert!(filled == COUNT);
    all
};

static TABLE: [Directive; COUNT] = DIRECTIVES;

/// The container's name, as the command table has it: without the closing bracket.
pub const CONTAINER: &str = "<WSGIInterpreterOptions";

impl Directive {
    /// The directive of this name, in any case.
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLE
            .iter()
            .find(|directive| directive.name.eq_ignore_ascii_case(name))
    }

    /// Takes what the directive says. `first` is the line where httpd does not split, else the first word. For [`CONTAINER`] it is the rest of the
    /// opening line; its content follows with [`Scope::container`] set to the last of [`GlobalConfig::containers`].
    ///
    /// # Errors
    /// The text for which httpd does not start. That httpd's own rules about the place are kept, it has checked before.
    pub fn apply(
        &self,
        scope: &mut Scope<'_>,
        first: &[u8],
        second: Option<&[u8]>,
    ) -> Result<(), Rejected> {
        if scope.container.is_some() && !self.in_container {
            return Err(not_in_container(self.name));
        }
        (self.read)(scope, first, second)
    }
}

/// The text for a directive that does not belong into [`CONTAINER`] (DD §14, row 62); also for those of other modules, which the glue finds there.
pub fn not_in_container(name: &str) -> Rejected {
    let end = if name.starts_with('<') && !name.ends_with('>') {
        ">"
    } else {
        ""
    };
    format!("{name}{end} cannot occur within {CONTAINER}> section").into()
}

impl Scope<'_> {
    fn scoped(&mut self) -> &mut Scoped {
        match &mut self.place {
            Place::Server(server) => &mut server.scoped,
            Place::Directory(directory) => &mut directory.scoped,
        }
    }
}

impl Class {
    /// For the reference page.
    pub fn description(self) -> &'static str {
        match self {
            Self::Global => "main server",
            Self::Server => "main server, virtual host",
            Self::ServerAndDirectory => "main server, virtual host, directory",
            Self::FileInfo => {
                "main server, virtual host, directory, `.htaccess` (`AllowOverride FileInfo`)"
            }
            Self::AuthConfig => "directory, `.htaccess` (`AllowOverride AuthConfig`)",
        }
    }
}
