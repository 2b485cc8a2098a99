//! Options about what a daemon process is and may do.

use crate::daemon::options::OptionSpec;
use crate::daemon::values::*;
use crate::value;

pub(super) const OPTIONS: [OptionSpec; 23] = [
    OptionSpec {
        name: "processes",
        default: "1",
        accepts: "a number from 1",
        meaning: "Processes of the group. Giving it, even as 1, makes `wsgi.multiprocess` true.",
        set: |process, value, _| {
            process.processes = at_least(value, 1, "process count")?;
            process.multiprocess = true;
            Ok(())
        },
    },
    OptionSpec {
        name: "threads",
        default: "15",
        accepts: "0 to 65533",
        meaning: "Threads per process that answer requests. 0 makes every process run its import scripts as a service and answer nothing.",
        set: |process, value, _| {
            let threads: u32 = at_least(value, 0, "thread count")?;
            if threads > 65_533 {
                return Err(invalid("thread count"));
            }
            process.threads = threads;
            Ok(())
        },
    },
    OptionSpec {
        name: "user",
        default: "httpd's `User`",
        accepts: "a name, or `#` and a number; not root",
        meaning: "User the processes run as. Only httpd started as root can change it.",
        set: |process, value, system| {
            process.user = Some(user(
                value,
                system,
                "user",
                "Couldn't determine user name from uid.",
            )?);
            Ok(())
        },
    },
    OptionSpec {
        name: "group",
        default: "httpd's `Group`",
        accepts: "a name, or `#` and a number",
        meaning: "Group the processes run as. Only httpd started as root can change it.",
        set: |process, value, system| {
            process.group = Some(group_id(value, system, "group")?);
            Ok(())
        },
    },
    OptionSpec {
        name: "supplementary-groups",
        default: "those of the user",
        accepts: "names or `#` numbers, separated by commas",
        meaning: "Further groups of the processes, instead of those that the user is a member of.",
        set: |process, value, system| {
            process.supplementary_groups = Some(supplementary_groups(value, system)?);
            Ok(())
        },
    },
    OptionSpec {
        name: "umask",
        default: "httpd's",
        accepts: "an octal number",
        meaning: "Permissions that new files of the processes do not get.",
        set: |process, value, _| {
            process.umask = Some(value::octal_mode(value).ok_or_else(|| invalid("umask"))?);
            Ok(())
        },
    },
    OptionSpec {
        name: "chroot",
        default: "none",
        accepts: "an absolute path; only where httpd starts as root",
        meaning: "Directory that becomes the root of the processes' file system.",
        set: |process, value, system| {
            if !system.is_root() {
                return Err("Cannot chroot WSGI daemon process when not root.".into());
            }
            process.chroot = Some(absolute(value, "chroot directory")?);
            Ok(())
        },
    },
    OptionSpec {
        name: "home",
        default: "the user's home directory where `user` changes the user, else httpd's working directory",
        accepts: "an absolute path",
        meaning: "Working directory of the processes, and the first entry of `sys.path`.",
        set: |process, value, _| {
            process.home = Some(absolute(value, "home directory")?);
            Ok(())
        },
    },
    OptionSpec {
        name: "lang",
        default: "httpd's",
        accepts: "a locale",
        meaning: "Environment variable `LANG` of the processes.",
        set: |process, value, _| {
            process.lang = Some(value.clone());
            Ok(())
        },
    },
    OptionSpec {
        name: "locale",
        default: "httpd's",
        accepts: "a locale",
        meaning: "Environment variable `LC_ALL` of the processes, and their C locale.",
        set: |process, value, _| {
            process.locale = Some(value.clone());
            Ok(())
        },
    },
    OptionSpec {
        name: "display-name",
        default: "httpd's command line",
        accepts: "a text; `%{GROUP}` is `(wsgi:<name>)`",
        meaning: "Name of the processes in lists such as that of `ps`, cut to the length of httpd's command line.",
        set: |process, value, _| {
            process.display_name = Some(display_name(&process.name, value));
            Ok(())
        },
    },
    OptionSpec {
        name: "python-home",
        default: "`WSGIPythonHome`",
        accepts: "a path",
        meaning: "Python installation or virtual environment of the group.",
        set: |process, value, _| {
            process.python_home = Some(value.clone());
            Ok(())
        },
    },
    OptionSpec {
        name: "python-path",
        default: "none",
        accepts: "directories, separated by `:`",
        meaning: "Directories that are put in front of `sys.path`. `WSGIPythonPath` does not reach daemons.",
        set: |process, value, _| {
            process.python_path = Some(value.clone());
            Ok(())
        },
    },
    OptionSpec {
        name: "python-eggs",
        default: "none",
        accepts: "a path",
        meaning: "Directory for unpacked eggs (`PYTHON_EGG_CACHE`).",
        set: |process, value, _| {
            process.python_eggs = Some(value.clone());
            Ok(())
        },
    },
    OptionSpec {
        name: "switch-interval",
        default: "CPython's, 0.005",
        accepts: "seconds above 0, with fractions",
        meaning: "Time after which a thread that waits for the GIL asks for it.",
        set: |process, value, _| {
            process.switch_interval =
                Some(value::positive_seconds(value).ok_or_else(|| invalid("switch interval"))?);
            Ok(())
        },
    },
    OptionSpec {
        name: "stack-size",
        default: "the system's",
        accepts: "bytes above 0",
        meaning: "Stack of every thread that the module makes in the processes.",
        set: |process, value, _| {
            process.stack_size = Some(at_least(value, 1, "stack size")?);
            Ok(())
        },
    },
    OptionSpec {
        name: "socket-user",
        default: "httpd's `User`",
        accepts: "a name, or `#` and a number",
        meaning: "Owner of the group's socket file.",
        set: |process, value, system| {
            process.socket_user = Some(user_or_root(
                value,
                system,
                "socket user",
                "Couldn't determine user name from socket user.",
            )?);
            Ok(())
        },
    },
    OptionSpec {
        name: "script-user",
        default: "none",
        accepts: "a name, or `#` and a number",
        meaning: "User that has to own the script and its folder, which nobody else may be able to write to.",
        set: |process, value, system| {
            process.script_user = Some(user_or_root(
                value,
                system,
                "script user",
                "Couldn't determine uid from script user.",
            )?);
            Ok(())
        },
    },
    OptionSpec {
        name: "script-group",
        default: "none",
        accepts: "a name, or `#` and a number",
        meaning: "Group that the script and its folder have to belong to, which others may not be able to write to.",
        set: |process, value, system| {
            process.script_group = Some(script_group(value, system)?);
            Ok(())
        },
    },
    OptionSpec {
        name: "cpu-priority",
        default: "0 (httpd's)",
        accepts: "a number, lower is more",
        meaning: "Scheduling priority of the processes.",
        set: |process, value, _| {
            let priority: i32 = value::number(value).ok_or_else(|| invalid("CPU priority"))?;
            process.cpu_priority = Some(priority).filter(|priority| *priority != 0);
            Ok(())
        },
    },
    OptionSpec {
        name: "memory-limit",
        default: "0 (off)",
        accepts: "bytes",
        meaning: "Limit of the data segment of a process.",
        set: |process, value, _| {
            process.memory_limit = limit(value, "memory limit")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "virtual-memory-limit",
        default: "0 (off)",
        accepts: "bytes",
        meaning: "Limit of the address space of a process.",
        set: |process, value, _| {
            process.virtual_memory_limit = limit(value, "virtual memory limit")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "server-metrics",
        default: "Off",
        accepts: "`On` or `Off`",
        meaning: "Whether `mod_wsgi.server_metrics()` tells the group about httpd.",
        set: |process, value, _| {
            process.server_metrics =
                value::switch(value).ok_or_else(|| invalid("server metrics flag"))?;
            Ok(())
        },
    },
];
