//! How this process was called: which Python runs it, and in which role.
//!
//! The Python side (`rickhouse/cli.py`) gives one list: the interpreter's command with its flags, `--`, and then the
//! command's name and arguments as the shell gave them.

use std::ffi::OsString;

/// First argument of a worker; nothing a user types by accident.
const WORKER: &str = "@worker";

/// What `main` was given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    interpreter: Vec<OsString>,
    arguments: Vec<OsString>,
}

/// What this process is to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Does what the user asks for; to serve, it becomes the supervisor.
    CommandLine {
        /// How to start the same Python again.
        interpreter: Vec<OsString>,
        /// The command's name and arguments.
        arguments: Vec<OsString>,
    },
    /// Serves the application.
    Worker {
        /// Names and numbers of the descriptors that the supervisor passed.
        descriptors: String,
    },
}

impl Invocation {
    /// Reads the list; without `--`, all of it is the command.
    pub(crate) fn parse(mut list: Vec<OsString>) -> Self {
        let arguments = match list.iter().position(|argument| argument == "--") {
            Some(separator) => list.split_off(separator + 1),
            None => {
                return Self {
                    interpreter: Vec::new(),
                    arguments: list,
                };
            }
        };
        list.pop();
        Self {
            interpreter: list,
            arguments,
        }
    }

    pub(crate) fn role(self) -> Role {
        match &self.arguments[..] {
            [_, role, descriptors] if role == WORKER => Role::Worker {
                descriptors: descriptors.to_string_lossy().into_owned(),
            },
            _ => Role::CommandLine {
                interpreter: self.interpreter,
                arguments: self.arguments,
            },
        }
    }
}

/// The command that starts a worker: the same Python, with or without its GIL if that is to be said, and our own way in.
pub(crate) fn worker_command(
    interpreter: &[OsString],
    gil: Option<bool>,
    descriptors: String,
) -> Vec<OsString> {
    let own = ["-c", "from rickhouse.cli import worker; worker()", WORKER].map(OsString::from);
    let program = interpreter.iter().take(1).cloned();
    // CPython takes the first of several, so ours goes before what the user gave.
    let flags = gil.map(|gil| ["-X".into(), format!("gil={}", u8::from(gil)).into()]);
    program
        .chain(flags.into_iter().flatten())
        .chain(interpreter.iter().skip(1).cloned())
        .chain(own)
        .chain([descriptors.into()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &str) -> Vec<OsString> {
        words.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_users_command_is_what_follows_the_interpreter() {
        let role =
            Invocation::parse(list("/usr/bin/python -X dev -- rickhouse serve -- app")).role();
        let (interpreter, arguments) = (
            list("/usr/bin/python -X dev"),
            list("rickhouse serve -- app"),
        );
        assert_eq!(
            role,
            Role::CommandLine {
                interpreter,
                arguments
            }
        );
    }

    #[test]
    fn a_worker_finds_its_descriptors() {
        let command = worker_command(&list("python -O"), Some(false), "control=3".to_owned());
        assert_eq!(command[..4], list("python -X gil=0 -O"));
        // What Python makes of it: the words after the code become the arguments.
        let seen = [
            list("python -- rickhouse"),
            command[command.len() - 2..].to_vec(),
        ]
        .concat();
        assert_eq!(
            Invocation::parse(seen).role(),
            Role::Worker {
                descriptors: "control=3".to_owned()
            }
        );
    }

    #[test]
    fn a_python_whose_gil_is_its_own_business_gets_no_flag() {
        let command = worker_command(&list("python -X gil=1"), None, String::new());
        assert_eq!(command[..4], list("python -X gil=1 -c"));
    }

    #[test]
    fn nothing_at_all_is_a_command_line() {
        assert!(matches!(
            Invocation::parse(Vec::new()).role(),
            Role::CommandLine { .. }
        ));
    }
}
