//! What the user asked for: help, the configuration, or a server.

use std::ffi::OsString;
use std::io::{self, Write};

use rickhouse_config::{
    Command, Config, Exit, ModuleCommand, ResolvedGil, Stream, Surroundings, parse_command,
};
use rickhouse_python::{PythonInfo, ThreadState};

use crate::httpd_module::{self, Installation, InstallationError};
use crate::machine::{Machine, interpreters};
use crate::supervisor::{self, Setup};

/// Carries out a command; returns the exit status.
pub(crate) fn run(
    python: &PythonInfo,
    main_thread: &mut ThreadState,
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
    let mut machine = Machine::of(python);
    let command = match parse_command(arguments, &surroundings, |config, origins| {
        machine.check(config, origins)
    }) {
        Ok(command) => command,
        Err(exit) => return say(&exit),
    };
    match command {
        Command::ShowConfig(text) => say(&Exit {
            text,
            stream: Stream::Stdout,
            code: 0,
        }),
        Command::Module(command) => say(&module(&command, main_thread, python)),
        Command::Serve { config, .. } => {
            let setup = Setup {
                config: with_interpreters(*config, machine.gil),
                gil: machine.gil,
                identity: machine.identity,
                python: python.clone(),
                interpreter,
            };
            supervisor::run(setup).unwrap_or_else(|error| say(&failure(format!("{error:#}"))))
        }
    }
}

fn module(command: &ModuleCommand, main_thread: &mut ThreadState, python: &PythonInfo) -> Exit {
    let here = Installation::find(main_thread, python)
        .map_err(|InstallationError(text)| format!("Python does not say where it is: {text}"));
    match here.and_then(|here| httpd_module::run(command, &here)) {
        Ok(text) => Exit {
            text,
            stream: Stream::Stdout,
            code: 0,
        },
        Err(text) => failure(text),
    }
}

fn with_interpreters(mut config: Config, gil: ResolvedGil) -> Config {
    config.interpreters = interpreters(&config, gil);
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
