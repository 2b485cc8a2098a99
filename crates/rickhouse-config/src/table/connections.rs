//! Options for connections and the queue in front of the application.

use super::timeouts::FROM_A_MILLISECOND;
use super::{Default, Kind, OptionSpec, section};

section! { "Connections";
    KEEP_ALIVE: OptionSpec {
        name: "keep-alive",
        kind: Kind::Duration,
        default: Default::Text("5s"),
        help: "Keep an idle connection for this long; 0 closes after every response",
        ..OptionSpec::BASE
    };
    HEADER_TIMEOUT: OptionSpec {
        name: "header-timeout",
        kind: Kind::Duration,
        default: Default::Text("10s"),
        reason: "A client that dawdles costs a connection, never a Python thread.",
        help: "How long a client may take to send a request head (then 408)",
        range: FROM_A_MILLISECOND,
        ..OptionSpec::BASE
    };
    BODY_TIMEOUT: OptionSpec {
        name: "body-timeout",
        kind: Kind::Duration,
        default: Default::Text("30s"),
        help: "How long to wait for the next bytes of a request body",
        range: FROM_A_MILLISECOND,
        ..OptionSpec::BASE
    };
    WRITE_TIMEOUT: OptionSpec {
        name: "write-timeout",
        kind: Kind::Duration,
        default: Default::Text("30s"),
        help: "How long to wait for a client to take the next bytes of a response",
        range: FROM_A_MILLISECOND,
        ..OptionSpec::BASE
    };
    MAX_CONNECTIONS: OptionSpec {
        name: "max-connections",
        kind: Kind::Whole,
        default: Default::Text("10000"),
        help: "Open connections of one worker; more wait to be accepted",
        range: (1, 10_000_000),
        ..OptionSpec::BASE
    };
    QUEUE_LIMIT: OptionSpec {
        name: "queue-limit",
        kind: Kind::Whole,
        default: Default::Text("1024"),
        help: "Requests that may wait for a Python thread of one worker (then 503)",
        range: (0, 10_000_000),
        ..OptionSpec::BASE
    };
    QUEUE_TIMEOUT: OptionSpec {
        name: "queue-timeout",
        kind: Kind::Duration,
        default: Default::Text("30s"),
        reason: "A client that has waited so long has mostly gone.",
        help: "How long a request may wait for a Python thread (then 503)",
        range: FROM_A_MILLISECOND,
        ..OptionSpec::BASE
    };
    SERVER_HEADER: OptionSpec {
        name: "server-header",
        kind: Kind::HeaderText,
        default: Default::Text("rickhouse"),
        help: "Value of the Server response header; empty sends none",
        ..OptionSpec::BASE
    };
}
