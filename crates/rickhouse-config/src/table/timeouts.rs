//! Options that bound the time of the application's own work.

use super::{Default, Kind, OptionSpec, section};

/// One millisecond, the grain of every wait; a range in microseconds.
pub(super) const FROM_A_MILLISECOND: (u64, u64) = (1000, i64::MAX as u64);

section! { "Timeouts";
    REQUEST_TIMEOUT: OptionSpec {
        name: "request-timeout",
        kind: Kind::Duration,
        default: Default::Text("0"),
        reason: "How long a request may take, only the application's author knows.",
        help: "Interrupt a request that the application works on for longer, answer 504; 0 for never",
        details: "The request gets an exception in the middle of its Python code; its thread lives on.",
        ..OptionSpec::BASE
    };
    INTERRUPT_TIMEOUT: OptionSpec {
        name: "interrupt-timeout",
        kind: Kind::Duration,
        default: Default::Text("5s"),
        reason: "Enough for handlers and a roll-back.",
        help: "Replace the worker when an interrupted request has not come back after this",
        details: "C code cannot be interrupted. The worker's other requests finish first. Goes with --request-timeout.",
        range: FROM_A_MILLISECOND,
        ..OptionSpec::BASE
    };
    GRACEFUL_TIMEOUT: OptionSpec {
        name: "graceful-timeout",
        kind: Kind::Duration,
        default: Default::Text("30s"),
        reason: "What container platforms wait between SIGTERM and SIGKILL.",
        help: "How long running requests may take to finish when a worker stops",
        ..OptionSpec::BASE
    };
    STARTUP_TIMEOUT: OptionSpec {
        name: "startup-timeout",
        kind: Kind::Duration,
        default: Default::Text("60s"),
        help: "How long a worker may take to load the application",
        range: FROM_A_MILLISECOND,
        ..OptionSpec::BASE
    };
    TIMEOUT: OptionSpec {
        name: "timeout",
        short: Some('t'),
        kind: Kind::Duration,
        default: Default::Text("30s"),
        help: "Replace a worker that has been silent for this long; 0 for never",
        details: "A worker is silent when it is stopped, or when C code keeps the GIL. A slow request is not silence: see --request-timeout.",
        ..OptionSpec::BASE
    };
}
