//! Options for the access log and the error log.

use super::{Default, Kind, OptionSpec, section};

section! { "Logging";
    ACCESS_LOGFILE: OptionSpec {
        name: "access-logfile",
        kind: Kind::LogFile,
        default: Default::Unset("no access log"),
        help: "Write an access log to this file; - for standard output",
        ..OptionSpec::BASE
    };
    ACCESS_LOGFORMAT: OptionSpec {
        name: "access-logformat",
        kind: Kind::Text,
        default: Default::Text("combined"),
        help: "Format of the access log: common, combined, json, or an Apache format string",
        ..OptionSpec::BASE
    };
    ERROR_LOGFILE: OptionSpec {
        name: "error-logfile",
        kind: Kind::LogFile,
        default: Default::Text("-"),
        help: "Write the error log to this file; - for standard error",
        ..OptionSpec::BASE
    };
    LOG_LEVEL: OptionSpec {
        name: "log-level",
        kind: Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        default: Default::Text("info"),
        help: "Least severe records of the error log: error, warn, info, debug, trace",
        details: "critical and warning are understood as error and warn.",
        ..OptionSpec::BASE
    };
}
