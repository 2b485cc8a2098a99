//! Options for the processes themselves.

use super::{Default, Kind, OptionSpec, section};

section! { "Process";
    RELOAD: OptionSpec {
        name: "reload",
        kind: Kind::Switch,
        default: Default::Text("false"),
        help: "Replace the workers when source code changes; for development",
        ..OptionSpec::BASE
    };
    RELOAD_EXTRA_FILE: OptionSpec {
        name: "reload-extra-file",
        kind: Kind::Path,
        many: true,
        default: Default::Unset("only the modules that were loaded"),
        help: "Watch this file as well (with --reload)",
        ..OptionSpec::BASE
    };
    PID: OptionSpec {
        name: "pid",
        short: Some('p'),
        kind: Kind::Path,
        default: Default::Unset("no such file"),
        help: "Write the supervisor's process id to this file",
        ..OptionSpec::BASE
    };
    USER: OptionSpec {
        name: "user",
        short: Some('u'),
        kind: Kind::Text,
        default: Default::Unset("the user who starts the command"),
        help: "Run the workers as this user (name or number)",
        ..OptionSpec::BASE
    };
    GROUP: OptionSpec {
        name: "group",
        short: Some('g'),
        kind: Kind::Text,
        default: Default::Unset("the group of --user, or as inherited"),
        help: "Run the workers as this group (name or number)",
        ..OptionSpec::BASE
    };
    UMASK: OptionSpec {
        name: "umask",
        short: Some('m'),
        kind: Kind::Mode,
        default: Default::Unset("as inherited"),
        help: "File mode creation mask, in octal",
        ..OptionSpec::BASE
    };
}
