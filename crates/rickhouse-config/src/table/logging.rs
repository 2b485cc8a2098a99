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
        details: "The directives of a format string: %a %h (the client, after trusted proxies), %{c}a %{remote}p (the peer), %A %p \
            (the listener), %r %m %U %q %H (the request), %v %V (its Host), %s (status), %b %B (bytes of the body), %t (time, UTC), \
            %D %{us}T %{ms}T %T %{s}T (duration), %k (earlier requests of the connection), %X (its state), %P (process id), %{Name}i and %{Name}o (a \
            header of the request, of the response), %l %u (always -), %%. < and > before a letter are understood and mean nothing.",
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
