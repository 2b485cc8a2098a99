//! Connections over time: proxies, health, timeouts, load, draining.

mod common;

use std::io::{Read, Write};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use common::{Client, answer, echo, header, start, start_lanes, start_on, status};
use rickhouse_server::{
    BindAddress, Exchange, Limits, Listener, LogFormat, Settings, Timeouts, TrustedPeers,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn brisk() -> Settings {
    let timeouts = Timeouts {
        header: Duration::from_millis(300),
        body: Duration::from_millis(300),
        keep_alive: Duration::from_millis(300),
        write: Duration::from_millis(300),
        ..Timeouts::default()
    };
    Settings {
        timeouts,
        ..Settings::default()
    }
}

/// A gate that handlers of one test wait at.
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    const fn new() -> Gate {
        Gate {
            open: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    fn pass(&self) {
        let open = self.open.lock().unwrap();
        drop(self.changed.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

#[test]
fn proxies_that_are_trusted_name_the_client() {
    let check = |trusted_peers: TrustedPeers, forwarded: &str, expected: &str| {
        let settings = Settings {
            trusted_peers,
            ..Settings::default()
        };
        let running = start(settings, 1, |exchange| {
            let mut address = Vec::new();
            exchange.environ(&mut |name, value| {
                if name == b"REMOTE_ADDR" {
                    address = value.to_vec()
                }
            });
            let text = format!(
                "{} {}",
                String::from_utf8_lossy(&address),
                exchange.is_https()
            );
            answer(exchange, text.as_bytes());
        });
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: {forwarded}\r\n\r\n"
        );
        assert_eq!(
            running.connect().send(request).response().1,
            expected,
            "{forwarded}"
        );
    };
    let here = TrustedPeers::default;
    check(here(), "6.6.6.6, 1.2.3.4", "1.2.3.4 true");
    check(here(), "nonsense", "127.0.0.1 true");
    let elsewhere = TrustedPeers::networks(["10.0.0.0/8".parse().unwrap()]);
    check(elsewhere, "1.2.3.4", "127.0.0.1 false");
    let everybody = TrustedPeers::everybody();
    check(everybody, "1.2.3.4, 10.0.0.1", "1.2.3.4 true");
}

#[test]
fn a_proxy_header_is_required_and_believed_where_enabled() {
    let settings = Settings {
        proxy_protocol: true,
        ..Settings::default()
    };
    let running = start(settings, 1, echo);
    let get = "GET /environ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let text = running
        .connect()
        .send(format!("PROXY TCP4 1.2.3.4 5.6.7.8 99 80\r\n{get}"))
        .rest();
    assert!(
        text.contains("REMOTE_ADDR=1.2.3.4") && text.contains("REMOTE_PORT=99"),
        "{text}"
    );
    assert!(running.connect().send(get).is_closed());
    let forwarded = get.replace("\r\n\r\n", "\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n");
    let text = running
        .connect()
        .send(format!("PROXY UNKNOWN\r\n{forwarded}"))
        .rest();
    assert!(text.contains("REMOTE_ADDR=127.0.0.1"), "{text}");
    let stranger = Settings {
        proxy_protocol: true,
        trusted_peers: TrustedPeers::networks([]),
        ..Settings::default()
    };
    let running = start(stranger, 1, echo);
    assert!(
        running
            .connect()
            .send("PROXY TCP4 1.2.3.4 5.6.7.8 99 80\r\n")
            .is_closed()
    );
}

#[test]
fn slow_clients_are_answered_408_or_closed() {
    let running = start(brisk(), 1, echo);
    for (sent, expected) in [
        ("", None),
        ("GET / HTT", Some(408)),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab",
            Some(408),
        ),
    ] {
        let text = running.connect().send(sent).rest();
        assert_eq!(
            (!text.is_empty()).then(|| status(&text)),
            expected,
            "{sent:?}"
        );
    }
    let mut idle = running.connect();
    idle.send(GET).response();
    assert!(idle.is_closed());
    running.wait_for("no connection", |stats| stats.open == 0);
}

#[test]
fn a_slow_head_does_not_hold_a_thread() {
    let running = start(Settings::default(), 1, echo);
    let mut slow: Vec<Client> = (0..20).map(|_| running.connect()).collect();
    for client in slow.iter_mut() {
        client.send("GET / HTTP/1.1\r\nHo");
    }
    assert_eq!(running.connect().send(GET).response().1, "GET ");
    for client in &mut slow {
        assert_eq!(client.send("st: a\r\n\r\n").response().1, "GET ");
    }
}

#[test]
fn a_client_that_does_not_read_holds_no_thread_for_a_buffered_response() {
    let settings = Settings {
        limits: Limits {
            response_buffer: 16 << 20,
            ..Limits::default()
        },
        ..brisk()
    };
    let running = start(settings, 1, |exchange: &mut Exchange<'_>| {
        match exchange.head().path() {
            b"/large" => answer(exchange, &vec![b'x'; 15 << 20]),
            _ => echo(exchange),
        }
    });
    let mut deaf = running.connect();
    deaf.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    running.wait_for("the large response", |stats| stats.finished == 1);
    assert_eq!(running.connect().send(GET).response().1, "GET ");
    // The deaf one is given up after the write timeout; one that reads in time gets everything.
    running.wait_for("the deaf client to be closed", |stats| stats.open <= 1);
    let text = running
        .connect()
        .send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .rest();
    assert_eq!(
        text.split_once("\r\n\r\n").map(|(_, body)| body.len()),
        Some(15 << 20)
    );
}

#[test]
fn health_is_answered_while_every_thread_is_busy() {
    static GATE: Gate = Gate::new();
    let settings = Settings {
        health_path: Some("/live".into()),
        ready_path: Some("/ready".into()),
        ..Settings::default()
    };
    let running = start(settings, 2, |exchange| {
        GATE.pass();
        echo(exchange);
    });
    let mut busy = [running.connect(), running.connect()];
    for client in busy.iter_mut() {
        client.send(GET);
    }
    running.wait_for("both threads to be busy", |stats| stats.running == 2);
    let check = |address, path: &str, expected: u16| {
        let text = Client::to(address)
            .send(format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            ))
            .rest();
        assert_eq!(status(&text), expected, "{path}");
    };
    check(running.address, "/live", 200);
    check(running.address, "/ready", 200);
    check(running.health, "/healthz", 200);
    check(running.health, "/other", 404);
    running.server.set_ready(false);
    check(running.address, "/ready", 503);
    check(running.health, "/readyz", 503);
    GATE.open();
    busy.iter_mut()
        .for_each(|client| assert_eq!(client.response().1, "GET "));
    assert_eq!(running.server.stats().health_checks, 6);
}

#[test]
fn what_waits_too_long_or_is_too_much_is_shed() {
    static GATE: Gate = Gate::new();
    let mut settings = Settings::default();
    settings.limits.queue = 2;
    settings.timeouts.queue = Duration::from_millis(300);
    let running = start(settings, 1, |exchange| {
        GATE.pass();
        echo(exchange);
    });
    let mut busy = running.connect();
    busy.send(GET);
    running.wait_for("the thread to be busy", |stats| stats.running == 1);
    let mut waiting = [running.connect(), running.connect()];
    for client in waiting.iter_mut() {
        client.send(GET);
    }
    running.wait_for("two requests to be queued", |stats| stats.queued == 2);
    let surplus = running.connect().send(GET).rest();
    assert_eq!(
        (status(&surplus), header(&surplus, "retry-after").as_deref()),
        (503, Some("1"))
    );
    waiting
        .iter_mut()
        .for_each(|client| assert_eq!(status(&client.rest()), 503));
    GATE.open();
    assert_eq!(busy.response().1, "GET ");
    assert_eq!(running.server.stats().shed, 3);
}

#[test]
fn queued_requests_are_answered_once_a_thread_is_free() {
    static GATE: Gate = Gate::new();
    let running = start(Settings::default(), 1, |exchange| {
        GATE.pass();
        echo(exchange);
    });
    let mut clients: Vec<Client> = (0..10).map(|_| running.connect()).collect();
    for client in clients.iter_mut() {
        client.send(GET);
    }
    running.wait_for("the others to be queued", |stats| {
        stats.running == 1 && stats.queued == 9
    });
    GATE.open();
    clients
        .iter_mut()
        .for_each(|client| assert_eq!(client.response().1, "GET "));
}

#[test]
fn a_drain_finishes_what_runs_and_closes_what_idles() {
    static GATE: Gate = Gate::new();
    let mut running = start(Settings::default(), 2, |exchange| {
        if exchange.head().path() == b"/wait" {
            GATE.pass();
        }
        echo(exchange);
    });
    let (mut busy, mut idle, mut late) = (running.connect(), running.connect(), running.connect());
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    idle.send(GET).response();
    late.send(GET).response();
    running.wait_for("the busy one", |stats| stats.running == 1);
    running.server.drain(Instant::now() + common::PATIENCE);
    // A request that was on its way when the drain began.
    let (head, _) = late.send(GET).response();
    assert_eq!(header(&head, "connection").as_deref(), Some("close"));
    assert!(idle.is_closed());
    GATE.open();
    let text = busy.rest();
    assert!(
        status(&text) == 200 && text.contains("Connection: close"),
        "{text}"
    );
    running.join();
    let stats = running.server.stats();
    assert_eq!((stats.open, stats.running, stats.finished), (0, 0, 4));
}

#[test]
fn a_drain_ends_at_its_deadline() {
    let mut running = start(Settings::default(), 1, echo);
    let mut half = running.connect();
    half.send("GET / HTTP/1.1\r\n");
    running.wait_for("the connection", |stats| stats.open == 1);
    running
        .server
        .drain(Instant::now() + Duration::from_millis(50));
    running.join();
}

#[test]
fn too_many_connections_wait_outside() {
    let settings = Settings {
        limits: Limits {
            connections: 2,
            ..Limits::default()
        },
        ..Settings::default()
    };
    let running = start(settings, 1, echo);
    let (mut first, mut second) = (running.connect(), running.connect());
    first.send(GET).response();
    second.send(GET).response();
    let mut third = running.connect();
    third.send(GET);
    assert_eq!(running.server.stats().accepted, 2);
    drop(first);
    assert_eq!(third.response().1, "GET ");
}

#[test]
fn health_checks_have_places_of_their_own() {
    let settings = Settings {
        limits: Limits {
            connections: 1,
            ..Limits::default()
        },
        ..Settings::default()
    };
    let running = start(settings, 1, echo);
    let mut only = running.connect();
    only.send(GET).response();
    // Begins the suspension of the other listener.
    let mut outside = running.connect();
    outside.send(GET);
    let text = Client::to(running.health)
        .send("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .rest();
    assert_eq!(status(&text), 200);
    drop(only);
    assert_eq!(outside.response().1, "GET ");
}

#[test]
fn nobody_is_lost_or_reset_at_the_connection_limit() {
    let settings = Settings {
        limits: Limits {
            connections: 2,
            ..Limits::default()
        },
        ..Settings::default()
    };
    let running = start_lanes(settings, 2, 2, echo);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert_eq!(running.connect().send(GET).response().1, "GET ");
                }
            });
        }
    });
    let stats = running.wait_for("all to close", |stats| stats.open == 0);
    assert_eq!((stats.accepted, stats.finished), (800, 800));
}

#[test]
fn a_client_that_leaves_is_noticed() {
    static GONE: Gate = Gate::new();
    let running = start(Settings::default(), 1, |exchange| {
        let deadline = Instant::now() + common::PATIENCE;
        while !exchange.client_gone() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        if exchange.client_gone() {
            GONE.open();
        }
    });
    let mut client = running.connect();
    client.send(GET);
    running.wait_for("the request", |stats| stats.running == 1);
    drop(client);
    GONE.pass();
}

#[test]
fn descriptors_come_back_after_a_burst() {
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let running = start(Settings::default(), 4, echo);
    running.connect().send(GET).response();
    running.wait_for("the first to close", |stats| stats.open == 0);
    for _ in 0..3 {
        let mut clients: Vec<Client> = (0..100).map(|_| running.connect()).collect();
        for client in clients.iter_mut() {
            client.send(GET);
        }
        clients
            .iter_mut()
            .for_each(|client| assert_eq!(client.response().1, "GET "));
        drop(clients);
        let stats = running.wait_for("all to close", |stats| stats.open == 0);
        assert_eq!(stats.accepted, stats.closed);
    }
    let stats = running.server.stats();
    assert_eq!((stats.accepted, stats.finished), (301, 301));
    // Other tests of this process open descriptors of their own; a leak here would be 300.
    assert!(count() < 250, "{} descriptors", count());
}

#[test]
fn no_request_is_lost_between_lanes_queues_and_wakes() {
    // Short and long requests mixed, more clients than threads, so that lanes open and close, the ready queue is used, and
    // the concierge comes and goes.
    let running = start_lanes(Settings::default(), 2, 4, |exchange| {
        let slow = exchange.head().query() == b"slow";
        if slow {
            std::thread::sleep(Duration::from_millis(15));
        }
        echo(exchange);
    });
    const CLIENTS: u64 = 24;
    const REQUESTS: u64 = 150;
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let running = &running;
            scope.spawn(move || {
                let mut connection = running.connect();
                for request in 0..REQUESTS {
                    let query = if (client * 7 + request) % 40 == 0 {
                        "slow"
                    } else {
                        ""
                    };
                    connection.send(format!("GET /?{query} HTTP/1.1\r\nHost: a\r\n\r\n"));
                    assert_eq!(connection.response().1, "GET ");
                    if request % 50 == 49 {
                        connection = running.connect();
                    }
                }
            });
        }
    });
    let stats = running.wait_for("all connections to close", |stats| {
        stats.open == 0 && stats.running == 0
    });
    assert_eq!(
        (stats.finished, stats.aborted, stats.shed),
        (CLIENTS * REQUESTS, 0, 0)
    );
}

#[test]
fn eight_sleeping_requests_overlap_in_one_lane() {
    static INSIDE: Mutex<usize> = Mutex::new(0);
    static GATE: Gate = Gate::new();
    let running = start(Settings::default(), 8, |exchange| {
        *INSIDE.lock().unwrap() += 1;
        GATE.pass();
        echo(exchange);
    });
    let mut clients: Vec<Client> = (0..8).map(|_| running.connect()).collect();
    for client in &mut clients {
        client.send(GET);
    }
    running.wait_for("all eight to be inside", |_| *INSIDE.lock().unwrap() == 8);
    GATE.open();
    clients
        .iter_mut()
        .for_each(|client| assert_eq!(client.response().1, "GET "));
}

#[test]
fn a_socket_file_serves_as_well() {
    let folder = std::env::temp_dir().join(format!("rickhouse-server-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let listener = Listener::bind(
        &BindAddress::Unix {
            path: path.clone(),
            mode: Some(0o600),
        },
        16,
    )
    .unwrap();
    let running = start_on(vec![listener], Settings::default(), 1, 1, echo);
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream.write_all(b"GET /environ HTTP/1.1\r\nHost: site\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    for line in ["SERVER_NAME=site", "SERVER_PORT=80", "REMOTE_ADDR=1.2.3.4"] {
        assert!(text.contains(line), "{text}");
    }
    drop(running);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn json_lines_are_json() {
    let settings = Settings {
        access_format: LogFormat::json(),
        ..Settings::default()
    };
    let running = start(settings, 1, echo);
    running
        .connect()
        .send("GET /x\u{ff}\" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .rest();
    running.connect().send("nonsense\"\r\n\r\n").rest();
    running.wait_for("the lines", |_| running.log.all().len() == 2);
    let lines: Vec<serde_json::Value> = running
        .log
        .all()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (&lines[0]["status"], &lines[0]["target"]),
        (&200.into(), &"/x\u{c3}\u{bf}\"".into())
    );
    assert_eq!(
        (&lines[1]["status"], &lines[1]["request_line"]),
        (&400.into(), &"nonsense\"".into())
    );
}

#[test]
fn a_body_that_drips_does_not_hold_a_thread() {
    let mut settings = brisk();
    settings.timeouts.body = Duration::from_millis(400);
    let running = start(settings, 1, echo);
    let mut dripping = running.connect();
    dripping.send(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\nExpect: 100-continue\r\n\r\n",
    );
    dripping.until(b"100 Continue\r\n\r\n");
    let ended = std::thread::scope(|scope| {
        let mut sender = dripping.stream.try_clone().unwrap();
        // Each byte comes well within the timeout; 10000 of them would take a quarter of an hour.
        scope.spawn(move || {
            for _ in 0..10_000 {
                if sender.write_all(b"x").is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        dripping.response()
    });
    assert_eq!(ended.1, "body error TimedOut");
}
