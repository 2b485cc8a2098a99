//! Options that say how much runs at the same time.

use super::{Convention, Default, Kind, OptionSpec, section};

section! { "Processes, interpreters and threads";
    WORKERS: OptionSpec {
        name: "workers",
        short: Some('w'),
        kind: Kind::Whole,
        default: Default::Text("1"),
        reason: "How many pay off depends on memory and on the GIL mode; one is right for every machine.",
        help: "Worker processes",
        details: "The variable WEB_CONCURRENCY, where set, makes the default.",
        range: (1, 1024),
        conventions: &[Convention { variable: "WEB_CONCURRENCY", rewrite: str::to_owned }],
        ..OptionSpec::BASE
    };
    THREADS: OptionSpec {
        name: "threads",
        kind: Kind::Whole,
        default: Default::Text("1"),
        reason: "Under one GIL, threads help only requests that wait for something; short ones they make slower.",
        help: "Python threads of each interpreter",
        range: (1, 4096),
        ..OptionSpec::BASE
    };
    INTERPRETERS: OptionSpec {
        name: "interpreters",
        kind: Kind::Whole,
        default: Default::Unset("the main interpreter serves, or with --gil own one for each processor"),
        reason: "The main interpreter can import everything; some extension modules refuse any other. A GIL of its own \
                 pays off where a processor is there for it.",
        help: "Sub-interpreters of each worker, all serving the same application",
        details: "What goes on in parallel in one worker is one thread with --gil shared, one in each interpreter with --gil own, \
                  and every thread with --gil off.",
        range: (1, 256),
        ..OptionSpec::BASE
    };
    GIL: OptionSpec {
        name: "gil",
        kind: Kind::Choice(&["auto", "shared", "own", "off"]),
        default: Default::Text("auto"),
        help: "How interpreters share the GIL: auto, shared, own, off",
        details: "shared: one GIL for a worker; any Python. own: one for each of the --interpreters; Python 3.12 or newer, 3.14 \
                  recommended. off: none, even if an extension module asks for it; a free-threaded build such as 3.13t or 3.14t. auto: off \
                  where the running Python has no GIL, until an extension module asks for it; else shared.",
        ..OptionSpec::BASE
    };
    SWITCH_INTERVAL: OptionSpec {
        name: "switch-interval",
        kind: Kind::Duration,
        default: Default::Unset("1ms with several threads, otherwise CPython's own (5ms)"),
        reason: "A short request beside one that computes waits for a whole interval, and 1ms costs the other nothing measurable.",
        help: "How long a thread keeps the GIL while another waits (sys.setswitchinterval)",
        range: (1, 60_000_000),
        ..OptionSpec::BASE
    };
    MAX_REQUESTS: OptionSpec {
        name: "max-requests",
        kind: Kind::Whole,
        default: Default::Text("0"),
        help: "Replace a worker after this many requests; 0 for never",
        details: "A remedy for applications that leak memory. The worker finishes its requests, and its successor is ready before it stops.",
        ..OptionSpec::BASE
    };
    MAX_REQUESTS_JITTER: OptionSpec {
        name: "max-requests-jitter",
        kind: Kind::Whole,
        default: Default::Text("0"),
        help: "Add a random number up to this to --max-requests, each worker its own",
        details: "So that workers started together are not replaced together.",
        ..OptionSpec::BASE
    };
}
