//! The options of `WSGIDaemonProcess`: one table for reading them and for the reference page.

use std::time::Duration;

use crate::daemon::DaemonProcess;
use crate::daemon::values::*;
use crate::rejected::Rejected;
use crate::surroundings::Surroundings;
use crate::text::Text;
use crate::value;

type Set = fn(&mut DaemonProcess, &Text, &dyn Surroundings) -> Result<(), Rejected>;

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// As written in front of `=`; the case of letters matters.
    pub name: &'static str,
    /// What it holds where it is not given.
    pub default: &'static str,
    /// What is accepted.
    pub accepts: &'static str,
    /// What it does.
    pub meaning: &'static str,
    pub(super) set: Set,
}

const DEFAULT_HEADER_BUFFER: usize = 32 * 1024;
const DEFAULT_RESPONSE_BUFFER: usize = 8 * 1024 * 1024;

/// All of them, in the order of the reference page.
pub const OPTIONS: &[OptionSpec] = &[
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
        name: "maximum-requests",
        default: "0 (no limit)",
        accepts: "a number from 0",
        meaning: "Requests after which a process is replaced.",
        set: |process, value, _| {
            process.maximum_requests = limit(value, "request count")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "startup-timeout",
        default: "0 (off)",
        accepts: "seconds",
        meaning: "Time that the first successful load of a script may take, counted from the first request.",
        set: |process, value, _| {
            process.startup_timeout = timeout(value, "startup timeout")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "shutdown-timeout",
        default: "5",
        accepts: "seconds; 0 waits for ever",
        meaning: "Time for running requests when a process is to stop.",
        set: |process, value, _| {
            process.shutdown_timeout = timeout(value, "shutdown timeout")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "deadlock-timeout",
        default: "300",
        accepts: "seconds; 0 is off",
        meaning: "Time for which the GIL may not be had before the process is replaced.",
        set: |process, value, _| {
            process.deadlock_timeout = timeout(value, "deadlock timeout")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "inactivity-timeout",
        default: "0 (off)",
        accepts: "seconds",
        meaning: "Time without requests or their input and output after which a process is replaced.",
        set: |process, value, _| {
            process.inactivity_timeout = timeout(value, "inactivity timeout")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "request-timeout",
        default: "0 (off)",
        accepts: "seconds",
        meaning: "Time that a request may take; grows with the number of threads.",
        set: |process, value, _| {
            process.request_timeout = timeout(value, "request timeout")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "interrupt-timeout",
        default: "0 (off)",
        accepts: "seconds",
        meaning: "Time for a request that was over `request-timeout` to end after `mod_wsgi.RequestTimeout` was raised in it; without it the process is replaced.",
        set: |process, value, _| {
            process.interrupt_timeout = timeout(value, "interrupt timeout")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "graceful-timeout",
        default: "15",
        accepts: "seconds",
        meaning: "Time for running requests before a process that is to be replaced begins to stop.",
        set: |process, value, _| {
            process.graceful_timeout = seconds(value, "graceful timeout")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "eviction-timeout",
        default: "`graceful-timeout`",
        accepts: "seconds; 0 takes `graceful-timeout`",
        meaning: "The same for a process that was sent SIGUSR1.",
        set: |process, value, _| {
            process.eviction_timeout = timeout(value, "eviction timeout")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "restart-interval",
        default: "0 (off)",
        accepts: "seconds",
        meaning: "Age at which a process is replaced.",
        set: |process, value, _| {
            process.restart_interval = timeout(value, "restart interval")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "connect-timeout",
        default: "15",
        accepts: "seconds",
        meaning: "Time for which an httpd child tries to connect to the group before it answers 503.",
        set: |process, value, _| {
            process.connect_timeout = seconds(value, "connect timeout")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "socket-timeout",
        default: "httpd's `Timeout`",
        accepts: "seconds; 0 takes `Timeout`",
        meaning: "Time that one read or write between httpd child and daemon may take.",
        set: |process, value, _| {
            process.socket_timeout = timeout(value, "socket timeout")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "queue-timeout",
        default: "0 (off)",
        accepts: "seconds",
        meaning: "Time since its arrival at httpd after which a request is not begun any more but answered 504.",
        set: |process, value, _| {
            process.queue_timeout = timeout(value, "queue timeout")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "listen-backlog",
        default: "100",
        accepts: "a number from 0",
        meaning: "Connections that may wait at the group's socket.",
        set: |process, value, _| {
            process.listen_backlog = at_least(value, 0, "listen backlog")?;
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
        name: "send-buffer-size",
        default: "0 (the system's)",
        accepts: "0, or bytes from 512",
        meaning: "Send buffer of the group's socket.",
        set: |process, value, _| {
            process.send_buffer_size = buffer(
                value,
                512,
                "Send buffer size must be >= 512 bytes, or 0 for system default.",
            )?;
            Ok(())
        },
    },
    OptionSpec {
        name: "receive-buffer-size",
        default: "0 (the system's)",
        accepts: "0, or bytes from 512",
        meaning: "Receive buffer of the group's socket.",
        set: |process, value, _| {
            process.receive_buffer_size = buffer(
                value,
                512,
                "Receive buffer size must be >= 512 bytes, or 0 for system default.",
            )?;
            Ok(())
        },
    },
    OptionSpec {
        name: "header-buffer-size",
        default: "32768",
        accepts: "0 for the default, or bytes from 8192",
        meaning: "Longest header line of a response.",
        set: |process, value, _| {
            let size = buffer(
                value,
                8192,
                "Header buffer size must be >= 8192 bytes, or 0 for default.",
            )?;
            process.header_buffer_size = size.unwrap_or(DEFAULT_HEADER_BUFFER);
            Ok(())
        },
    },
    OptionSpec {
        name: "response-buffer-size",
        default: "8388608",
        accepts: "0 for the default, or bytes from 65536",
        meaning: "Bytes of a response after which they are flushed to the client in any case.",
        set: |process, value, _| {
            let size = buffer(
                value,
                65_536,
                "Response buffer size must be >= 65536 bytes, or 0 for default.",
            )?;
            process.response_buffer_size = size.unwrap_or(DEFAULT_RESPONSE_BUFFER);
            Ok(())
        },
    },
    OptionSpec {
        name: "response-socket-timeout",
        default: "`socket-timeout`",
        accepts: "seconds; 0 takes `socket-timeout`",
        meaning: "Time that one write of a response to the client may take.",
        set: |process, value, _| {
            process.response_socket_timeout = timeout(value, "response socket timeout")?;
            Ok(())
        },
    },
    OptionSpec {
        name: "response-flush-delay",
        default: "5",
        accepts: "milliseconds; 0 does not wait",
        meaning: "Time to wait for more of a response before what is there is flushed to the client.",
        set: |process, value, _| {
            process.response_flush_delay = Duration::from_millis(
                at_least(value, 0, "response flush delay").map(|delay: u32| delay.into())?,
            );
            Ok(())
        },
    },
    OptionSpec {
        name: "cpu-time-limit",
        default: "0 (off)",
        accepts: "seconds",
        meaning: "Processor time after which a process is replaced.",
        set: |process, value, _| {
            process.cpu_time_limit = limit(value, "CPU time limit")?;
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
