//! What the server is told: plain values, checked by whoever made them.

use std::time::Duration;

use rickhouse_wsgi::proxy::TrustedPeers;

use crate::access::LogFormat;

/// Everything the server can be told. [`Settings::default`] holds the documented defaults.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Sizes and counts that bound what a client may send and how many may come.
    pub limits: Limits,
    /// How long each phase of a connection may take.
    pub timeouts: Timeouts,
    /// Value of the `Server` header and of `SERVER_SOFTWARE`; empty sends no header.
    pub server_header: String,
    /// `SCRIPT_NAME`: the prefix under which the application is mounted, without a trailing slash.
    pub root_path: String,
    /// Peers whose `X-Forwarded-For`, `X-Forwarded-Proto` and PROXY protocol header are believed.
    pub trusted_peers: TrustedPeers,
    /// Every connection must begin with a PROXY protocol header (version 1 or 2) from a trusted peer.
    pub proxy_protocol: bool,
    /// Path answered 200 as long as the process lives, without the handler.
    pub health_path: Option<String>,
    /// Path answered 200 when ready and 503 while starting or draining, without the handler.
    pub ready_path: Option<String>,
    /// How an access-log line looks; used when the server is given a sink.
    pub access_format: LogFormat,
}

/// Bounds on sizes and counts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the request line; more is answered 414.
    pub request_line: usize,
    /// Header fields of a request; more is answered 431.
    pub request_fields: usize,
    /// Bytes of one header line; more is answered 431.
    pub request_field_size: usize,
    /// Bytes of the whole request head; more is answered 431.
    pub request_header_size: usize,
    /// Bytes of a request body; more is answered 413. `None` has no limit.
    pub request_body: Option<u64>,
    /// Bodies up to this many bytes are read completely before the handler is entered.
    pub request_buffer: usize,
    /// Response bytes that are kept before anything is sent, and that may wait for a slow client without a thread.
    pub response_buffer: usize,
    /// Complete requests that may wait for a thread; more are answered 503.
    pub queue: usize,
    /// Open connections; at this number the server stops accepting. Those to the listener of health checks do not count.
    pub connections: usize,
}

/// Bounds on time. A zero duration means "no limit" for each of them.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the connection (or the first byte of a later request) to the end of the request head.
    pub header: Duration,
    /// Between two pieces of a request body. A handler that reads the body itself waits no longer in all than this plus
    /// one second per KiB received; for a body of at most [`Limits::request_buffer`] bytes (whose client asked for
    /// `100 Continue`), than this.
    pub body: Duration,
    /// Between two pieces of a response that the client takes. A handler waits no longer in all than this plus one second
    /// per KiB taken.
    pub write: Duration,
    /// An idle connection between two requests. Here zero means that connections are not kept.
    pub keep_alive: Duration,
    /// A complete request that waits for a thread; then it is answered 503.
    pub queue: Duration,
    /// How long a drain keeps idle connections open, so that a request that is on its way is still answered (with
    /// `Connection: close`).
    pub drain_grace: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            server_header: "rickhouse".into(),
            root_path: String::new(),
            trusted_peers: TrustedPeers::default(),
            proxy_protocol: false,
            health_path: None,
            ready_path: None,
            access_format: LogFormat::combined(),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            request_line: 8190,
            request_fields: 100,
            request_field_size: 8190,
            request_header_size: 64 << 10,
            request_body: Some(1 << 30),
            request_buffer: 256 << 10,
            response_buffer: 64 << 10,
            queue: 1024,
            connections: 10_000,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            write: Duration::from_secs(30),
            keep_alive: Duration::from_secs(5),
            queue: Duration::from_secs(30),
            drain_grace: Duration::from_millis(500),
        }
    }
}
