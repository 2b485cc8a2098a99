//! Options that bound the size of a request, and the memory it may take.

use super::{Default, Kind, OptionSpec, section};

/// A limit of zero would refuse everything; beyond a gibibyte it limits nothing, and memory is reserved for it.
const IN_MEMORY: (u64, u64) = (1, 1 << 30);

section! { "Limits";
    LIMIT_REQUEST_LINE: OptionSpec {
        name: "limit-request-line",
        kind: Kind::Size,
        default: Default::Text("8190"),
        reason: "What httpd takes.",
        help: "Size of a request line (then 414)",
        range: IN_MEMORY,
        ..OptionSpec::BASE
    };
    LIMIT_REQUEST_FIELDS: OptionSpec {
        name: "limit-request-fields",
        kind: Kind::Whole,
        default: Default::Text("100"),
        reason: "What httpd takes.",
        help: "Number of header fields of a request (then 431)",
        range: (1, 32768),
        ..OptionSpec::BASE
    };
    LIMIT_REQUEST_FIELD_SIZE: OptionSpec {
        name: "limit-request-field-size",
        kind: Kind::Size,
        default: Default::Text("8190"),
        reason: "What httpd takes.",
        help: "Size of one header field of a request (then 431)",
        range: IN_MEMORY,
        ..OptionSpec::BASE
    };
    LIMIT_REQUEST_HEADER_SIZE: OptionSpec {
        name: "limit-request-header-size",
        kind: Kind::Size,
        default: Default::Text("64KiB"),
        help: "Size of a whole request head (then 431)",
        range: IN_MEMORY,
        ..OptionSpec::BASE
    };
    LIMIT_REQUEST_BODY: OptionSpec {
        name: "limit-request-body",
        kind: Kind::Size,
        default: Default::Text("1GiB"),
        reason: "What httpd takes.",
        help: "Size of a request body (then 413); 0 for any",
        ..OptionSpec::BASE
    };
    REQUEST_BUFFER: OptionSpec {
        name: "request-buffer",
        kind: Kind::Size,
        default: Default::Text("256KiB"),
        reason: "Forms and JSON fit, so that a slow client does not keep a Python thread.",
        help: "Read a request body up to this size before Python is entered",
        range: (4096, 1 << 30),
        ..OptionSpec::BASE
    };
    RESPONSE_BUFFER: OptionSpec {
        name: "response-buffer",
        kind: Kind::Size,
        default: Default::Text("64KiB"),
        help: "Collect up to this much of a response before it is written",
        range: (4096, 1 << 30),
        ..OptionSpec::BASE
    };
}
