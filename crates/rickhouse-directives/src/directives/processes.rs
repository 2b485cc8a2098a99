//! Directives that decide about processes and interpreters.

use crate::directives::{Arguments, CONTAINER, Class, Directive, read};
use crate::text::Text;
use crate::value;

/// Processes.
pub(super) const DAEMONS: [Directive; 5] = [
    Directive {
        name: "WSGIDaemonProcess",
        arguments: Arguments::Raw,
        class: Class::Server,
        syntax: "NAME [option=value ...]",
        default: "-",
        meaning: "Defines a group of daemon processes. See the options below.",
        in_container: false,
        read: |scope, first, _| read::daemon_process(scope, first),
    },
    Directive {
        name: "WSGISocketPrefix",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "path",
        default: "`wsgi` in httpd's runtime directory",
        meaning: "How the names of the groups' sockets begin; seen from `ServerRoot`. The folder must let httpd's children through. A name that gets longer than 107 bytes is refused.",
        in_container: false,
        read: |scope, first, _| read::socket_prefix(scope, first),
    },
    Directive {
        name: "WSGISocketRotation",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "On|Off",
        default: "On",
        meaning: "Whether every restart of httpd gives the sockets new names. Off lets the children of before the restart reach the daemons of after it.",
        in_container: false,
        read: |scope, first, _| {
            scope.global.socket_rotation = Some(value::switch_of("WSGISocketRotation", first)?);
            Ok(())
        },
    },
    Directive {
        name: "WSGIAcceptMutex",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "default|flock|fcntl|sysvsem|posixsem|pthread",
        default: "default",
        meaning: "Accepted for the sake of configurations that have it. Daemons share their socket without a lock.",
        in_container: false,
        read: |scope, first, _| read::accept_mutex(scope, first),
    },
    Directive {
        name: "WSGIRestrictEmbedded",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "On|Off",
        default: "Off",
        meaning: "On refuses requests that name no daemon group, and spares httpd's children from starting Python.",
        in_container: false,
        read: |scope, first, _| read::restrict_embedded(scope, first),
    },
];

/// How Python is started.
pub(super) const PYTHON: [Directive; 9] = [
    Directive {
        name: "WSGIPythonHome",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "path",
        default: "-",
        meaning: "The Python installation or virtual environment, for httpd's children and for daemons without `python-home`.",
        in_container: false,
        read: |scope, first, _| {
            scope.global.python.home = Some(Text::from(first));
            Ok(())
        },
    },
    Directive {
        name: "WSGIPythonPath",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "folders, separated by `:`",
        default: "-",
        meaning: "Folders that are put in front of `sys.path` in httpd's children. Inside a container: in the interpreters that it selects, the most exact container first.",
        in_container: true,
        read: |scope, first, _| read::python_path(scope, first),
    },
    Directive {
        name: "WSGIPythonEggs",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "path",
        default: "-",
        meaning: "Where httpd's children unpack eggs (`PYTHON_EGG_CACHE`).",
        in_container: false,
        read: |scope, first, _| {
            scope.global.python.eggs = Some(Text::from(first));
            Ok(())
        },
    },
    Directive {
        name: "WSGIPythonOptimize",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "number",
        default: "0",
        meaning: "The level of optimisation, as Python's `-O` and `-OO`.",
        in_container: false,
        read: |scope, first, _| read::optimize(scope, first),
    },
    Directive {
        name: "WSGIDontWriteBytecode",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "On|Off",
        default: "Off",
        meaning: "On keeps Python from writing `.pyc` files.",
        in_container: false,
        read: |scope, first, _| {
            scope.global.python.dont_write_bytecode =
                value::switch_of("WSGIDontWriteBytecode", first)?;
            Ok(())
        },
    },
    Directive {
        name: "WSGIPythonWarnings",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "filter",
        default: "-",
        meaning: "A filter for warnings, as after Python's `-W`. Can be given several times.",
        in_container: false,
        read: |scope, first, _| {
            scope.global.python.warnings.push(Text::from(first));
            Ok(())
        },
    },
    Directive {
        name: "WSGIPythonHashSeed",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "random|number",
        default: "CPython's: random",
        meaning: "The seed of the hashes of strings.",
        in_container: false,
        read: |scope, first, _| read::hash_seed(scope, first),
    },
    Directive {
        name: "WSGIDestroyInterpreter",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "On|Off",
        default: "On",
        meaning: "Off leaves out the exit handlers of applications when a process stops.",
        in_container: false,
        read: |scope, first, _| {
            scope.global.python.destroy_interpreter =
                value::switch_of("WSGIDestroyInterpreter", first)?;
            Ok(())
        },
    },
    Directive {
        name: "WSGICaseSensitivity",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "On|Off",
        default: "On, on macOS Off",
        meaning: "Off takes names of files that differ in case for the same script.",
        in_container: false,
        read: |scope, first, _| read::case_sensitivity(scope, first),
    },
];

/// Interpreters and their GILs.
pub(super) const INTERPRETERS: [Directive; 7] = [
    Directive {
        name: CONTAINER,
        arguments: Arguments::Raw,
        class: Class::Global,
        syntax: "[process-group=NAME] [application-group=NAME]>",
        default: "-",
        meaning: "Holds directives for some interpreters: those of a process group, of an application group, or of both. `%{GLOBAL}` is embedded mode or the main interpreter. The more exact container counts more, and of equals the later one.",
        in_container: false,
        read: |scope, first, _| read::open_container(scope, first),
    },
    Directive {
        name: "WSGIPerInterpreterGIL",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "On|Off",
        default: "Off",
        meaning: "On gives every sub-interpreter a GIL of its own (Python 3.12 and later).",
        in_container: true,
        read: |scope, first, _| read::own_gil(scope, first),
    },
    Directive {
        name: "WSGIFreeThreading",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "On|Off",
        default: "Off",
        meaning: "On runs a free-threaded Python without a GIL; Off runs it with one. A matter of the whole process.",
        in_container: true,
        read: |scope, first, _| read::free_threading(scope, first),
    },
    Directive {
        name: "WSGISwitchInterval",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "seconds",
        default: "CPython's: 0.005",
        meaning: "After what time a thread that waits for a GIL asks for it. For a daemon its `switch-interval` counts more.",
        in_container: true,
        read: |scope, first, _| read::switch_interval(scope, first),
    },
    Directive {
        name: "WSGIRestrictStdin",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "On|Off",
        default: "Off",
        meaning: "On makes reading `sys.stdin` an error.",
        in_container: true,
        read: |scope, first, _| {
            read::family_switch(scope, "WSGIRestrictStdin", first, |family| {
                &mut family.restrict_stdin
            })
        },
    },
    Directive {
        name: "WSGIRestrictStdout",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "On|Off",
        default: "Off",
        meaning: "On makes writing to `sys.stdout` an error; otherwise it goes to the error log.",
        in_container: true,
        read: |scope, first, _| {
            read::family_switch(scope, "WSGIRestrictStdout", first, |family| {
                &mut family.restrict_stdout
            })
        },
    },
    Directive {
        name: "WSGIRestrictSignal",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "On|Off",
        default: "On",
        meaning: "On lets applications register signal handlers without effect.",
        in_container: true,
        read: |scope, first, _| {
            read::family_switch(scope, "WSGIRestrictSignal", first, |family| {
                &mut family.restrict_signal
            })
        },
    },
];

/// What is reported.
pub(super) const WATCHING: [Directive; 5] = [
    Directive {
        name: "WSGIServerMetrics",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "On|Off",
        default: "Off",
        meaning: "On lets `mod_wsgi.server_metrics()` tell httpd's children about httpd. Read and checked, and without effect yet: this version has no such function.",
        in_container: false,
        read: |scope, first, _| {
            scope.global.server_metrics = value::switch_of("WSGIServerMetrics", first)?;
            Ok(())
        },
    },
    Directive {
        name: "WSGITelemetryService",
        arguments: Arguments::OneOrTwo,
        class: Class::Global,
        syntax: "unix:/path [interval=seconds]",
        default: "no reports; the interval is 1",
        meaning: "Where every process reports its metrics, as datagrams. Read and checked, and without effect yet: this version sends no reports.",
        in_container: false,
        read: read::telemetry_service,
    },
    Directive {
        name: "WSGISlowRequests",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "seconds",
        default: "0: none",
        meaning: "From what time on a request is reported as slow. Read and checked, and without effect yet: this version sends no reports.",
        in_container: false,
        read: |scope, first, _| read::slow_requests(scope, first),
    },
    Directive {
        name: "WSGITelemetryOptions",
        arguments: Arguments::Raw,
        class: Class::Global,
        syntax: "[+|-]flag ...",
        default: "none",
        meaning: "What is reported besides. The only flag is `CaptureUserAgent`; `All` and `None` are all and none. Signed flags change what was said before. Read and checked, and without effect yet: this version sends no reports.",
        in_container: false,
        read: |scope, first, _| read::telemetry_options(scope, first),
    },
    Directive {
        name: "WSGIVerboseDebugging",
        arguments: Arguments::One,
        class: Class::Global,
        syntax: "On|Off",
        default: "Off",
        meaning: "Has no effect; use `LogLevel wsgi:debug` or `wsgi:trace1`.",
        in_container: false,
        read: |scope, first, _| read::verbose_debugging(scope, first),
    },
];
