//! Options about requests, time and buffers.

use std::time::Duration;

use crate::daemon::options::OptionSpec;
use crate::daemon::values::*;
use crate::daemon::{DEFAULT_HEADER_BUFFER, DEFAULT_RESPONSE_BUFFER};

pub(super) const OPTIONS: [OptionSpec; 21] = [
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
        name: "send-buffer-size",
        default: "0 (the system's)",
        accepts: "0, or bytes from 512",
        meaning: "Send buffer of the group's socket.",
        set: |process, value, _| {
            process.send_buffer_size = buffer(
                value,
                512,
                "send buffer size",
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
                "receive buffer size",
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
                "header buffer size",
                "Header buffer size must be >= 8192 bytes, or 0 for default.",
            )?;
            process.header_buffer_size = size.map_or(DEFAULT_HEADER_BUFFER, |size| size as usize);
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
                "response buffer size",
                "Response buffer size must be >= 65536 bytes, or 0 for default.",
            )?;
            process.response_buffer_size =
                size.map_or(DEFAULT_RESPONSE_BUFFER, |size| size as usize);
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
];
