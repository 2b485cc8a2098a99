//! Options that say where requests come from.

use super::{Convention, Default, Kind, OptionSpec, section};

section! { "Listening";
    BIND: OptionSpec {
        name: "bind",
        short: Some('b'),
        kind: Kind::Address,
        many: true,
        default: Default::Text("127.0.0.1:8000"),
        reason: "Nobody but this machine can reach it before somebody says so.",
        help: "Listen here: HOST:PORT, :PORT, [IPV6]:PORT, unix:/path?mode=660, fd://N, systemd",
        details: ":PORT listens on all IPv4 addresses; port 0 lets the system choose, and the log says which. The mode of a Unix socket is \
                  octal. fd://N is a listening socket inherited under that number; systemd stands for all sockets of a systemd .socket \
                  unit, and is the default where LISTEN_FDS and LISTEN_PID say that there are some. Otherwise the variable PORT, where \
                  set, makes the default 0.0.0.0:PORT.",
        conventions: &[Convention { variable: "PORT", rewrite: |port| format!("0.0.0.0:{port}") }],
        ..OptionSpec::BASE
    };
    BACKLOG: OptionSpec {
        name: "backlog",
        kind: Kind::Whole,
        default: Default::Text("2048"),
        reason: "A burst of connections waits in the kernel instead of being refused; the system may cap it (net.core.somaxconn).",
        help: "Connections that may wait in the kernel to be accepted",
        range: (1, i32::MAX as u64),
        ..OptionSpec::BASE
    };
    PROXY_PROTOCOL: OptionSpec {
        name: "proxy-protocol",
        kind: Kind::Switch,
        default: Default::Text("false"),
        reason: "A client could send the header itself, so only who knows of a proxy may turn it on.",
        help: "Expect a PROXY protocol header (v1 or v2) on every connection",
        details: "A connection that does not start with one is closed.",
        ..OptionSpec::BASE
    };
    FORWARDED_ALLOW_IPS: OptionSpec {
        name: "forwarded-allow-ips",
        kind: Kind::Networks,
        many: true,
        default: Default::Text("127.0.0.1,::1"),
        reason: "A proxy on the same machine is the usual case, and nobody else can claim to be one.",
        help: "Peers whose X-Forwarded-* headers are believed: addresses, networks, or *",
        details: "A list separated by commas. An empty one believes nobody; * believes everybody, and is safe only where nobody but the \
                  proxy can connect. Peers on a Unix socket are believed.",
        conventions: &[Convention { variable: "FORWARDED_ALLOW_IPS", rewrite: str::to_owned }],
        ..OptionSpec::BASE
    };
    HEALTH_PATH: OptionSpec {
        name: "health-path",
        kind: Kind::UrlPath,
        default: Default::Unset("every path is the application's"),
        help: "Answer this path with 200 while the worker lives, without Python",
        ..OptionSpec::BASE
    };
    READY_PATH: OptionSpec {
        name: "ready-path",
        kind: Kind::UrlPath,
        default: Default::Unset("every path is the application's"),
        help: "Answer this path with 200 while the worker takes requests, else 503",
        details: "It becomes 503 when a stop begins, before connections are refused.",
        ..OptionSpec::BASE
    };
    HEALTH_BIND: OptionSpec {
        name: "health-bind",
        kind: Kind::Address,
        default: Default::Unset("no second listener"),
        help: "Answer /healthz and /readyz on this further address, and nothing else",
        ..OptionSpec::BASE
    };
}
