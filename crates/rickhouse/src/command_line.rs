//! What the user asked for: help, the configuration, or a server.

use std::ffi::OsString;
use std::io::{self, Write};
use std::num::NonZero;

use rickhouse_config::{
    Command, Config, ConfigErrors, Exit, Mistake, Origins, PythonFacts, ResolvedGil, Stream,
    Surroundings, check_gil, parse_command,
};
use rickhouse_os::credentials::Identity;
use rickhouse_python::PythonInfo;
use rickhouse_server::LogFormat;

use crate::supervisor::{self, Setup};

/// Carries out a command; returns the exit status.
pub(crate) fn run(
    python: &PythonInfo,
    interpreter: Vec<OsString>,
    arguments: Vec<OsString>,
) -> i32 {
    let surroundings = match Surroundings::of_this_process() {
        Ok(surroundings) => surroundings,
        Err(error) => {
            return say(&failure(format!(
                "cannot tell the current directory: {error}"
            )));
        }
    };
    let command = match parse_command(arguments, &surroundings) {
        Ok(command) => command,
        Err(exit) => return say(&exit),
    };
    match command {
        Command::ShowConfig(text) => say(&Exit {
            text,
            stream: Stream::Stdout,
            code: 0,
        }),
        Command::Serve { config, origins } => {
            match check_against_machine(&config, &origins, python) {
                Ok((gil, identity)) => {
                    let setup = Setup {
                        config: with_interpreters(*config, gil),
                        gil,
                        identity,
                        python: python.clone(),
                        interpreter,
                    };
                    supervisor::run(setup)
                        .unwrap_or_else(|error| say(&failure(format!("{error:#}"))))
                }
                Err(mistakes) => say(&ConfigErrors(mistakes).into()),
            }
        }
    }
}

/// What only this Python and this machine can tell to be wrong.
fn check_against_machine(
    config: &Config,
    origins: &Origins,
    python: &PythonInfo,
) -> Result<(ResolvedGil, Option<Identity>), Vec<Mistake>> {
    let facts = PythonFacts {
        version: (python.version.0, python.version.1),
        free_threaded: python.free_threaded,
        gil_enabled: python.gil_enabled,
    };
    let mut mistakes = Vec::new();
    let gil = check_gil(config.gil, facts)
        .map_err(|mistake| mistakes.push(mistake.at(origins.of("gil"))));
    let identity =
        Identity::lookup(config.user.as_deref(), config.group.as_deref()).map_err(|error| {
            let option = if config.user.is_some() {
                "user"
            } else {
                "group"
            };
            mistakes.push(origins.mistake(option, error.to_string()));
        });
    if let Some(folder) = config.chdir.as_ref().filter(|folder| !folder.is_dir()) {
        mistakes.push(origins.mistake(
            "chdir",
            format!("there is no directory {}", folder.display()),
        ));
    }
    if let Err(error) = config.access_logformat.parse::<LogFormat>() {
        mistakes.push(origins.mistake("access-logformat", error.to_string()));
    }
    match (gil, identity) {
        (Ok(gil), Ok(identity)) if mistakes.is_empty() => Ok((gil, identity)),
        _ => Err(mistakes),
    }
}

/// Own GILs without a number of interpreters: one for each processor this process may use.
fn with_interpreters(mut config: Config, gil: ResolvedGil) -> Config {
    if gil == ResolvedGil::Own && config.interpreters.is_none() {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        config.interpreters = Some(processors);
    }
    config
}

fn failure(text: String) -> Exit {
    Exit {
        text: format!("rickhouse: {text}\n"),
        stream: Stream::Stderr,
        code: 1,
    }
}

/// Prints the last words; a reader that went away is not told anything.
fn say(exit: &Exit) -> i32 {
    let _unread = match exit.stream {
        Stream::Stdout => io::stdout()
            .write_all(exit.text.as_bytes())
            .and_then(|()| io::stdout().flush()),
        Stream::Stderr => io::stderr().write_all(exit.text.as_bytes()),
    };
    exit.code.into()
}
