//! A running server with a Rust handler, and a client that speaks bytes.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rickhouse_server::{
    AccessSink, BindAddress, Exchange, Listener, Listeners, Server, Settings, Stats,
};

/// Longer than anything takes on a loaded machine; only a failing test waits so long.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub type Handle = fn(&mut Exchange<'_>);

/// A server with its threads. Dropped, it stops and joins them.
pub struct Running {
    pub server: Arc<Server>,
    pub address: SocketAddr,
    pub health: SocketAddr,
    pub log: Lines,
    threads: Vec<JoinHandle<()>>,
}

/// Access-log lines.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl AccessSink for Lines {
    fn log(&self, line: &[u8]) {
        self.0
            .lock()
            .unwrap()
            .push(String::from_utf8(line.to_vec()).unwrap());
    }
}

impl Lines {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

pub fn listener() -> Listener {
    Listener::bind(
        &BindAddress::Tcp {
            host: "127.0.0.1".into(),
            port: 0,
        },
        128,
    )
    .unwrap()
}

/// Starts a server with one lane of `threads`.
pub fn start(settings: Settings, threads: usize, handle: Handle) -> Running {
    let (traffic, health) = (listener(), listener());
    let (address, health_address) = (traffic.local_addr().unwrap(), health.local_addr().unwrap());
    let log = Lines::default();
    let listeners = Listeners {
        traffic: vec![traffic],
        health: vec![health],
    };
    let server = Server::new(settings, listeners, Some(Box::new(log.clone()))).unwrap();
    server.set_ready(true);
    let lane = server.lane();
    let mut running: Vec<JoinHandle<()>> = (0..threads)
        .map(|_| {
            let (server, lane) = (Arc::clone(&server), lane.clone());
            std::thread::spawn(move || server.run(&lane, &mut { handle }))
        })
        .collect();
    let concierge = Arc::clone(&server);
    running.push(std::thread::spawn(move || concierge.run_concierge()));
    Running {
        server,
        address,
        health: health_address,
        log,
        threads: running,
    }
}

impl Running {
    pub fn connect(&self) -> Client {
        Client::to(self.address)
    }

    /// Waits until the counters are as wanted.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Stats) -> bool) -> Stats {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stats = self.server.stats();
            if wanted(&stats) {
                return stats;
            }
            assert!(
                Instant::now() < deadline,
                "waited in vain for {what}: {stats:?}"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until all threads have returned by themselves.
    pub fn join(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.threads.iter().all(JoinHandle::is_finished) {
            assert!(
                Instant::now() < deadline,
                "threads did not return: {:?}",
                self.server.stats()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        self.threads
            .drain(..)
            .for_each(|thread| thread.join().unwrap());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.stop();
        if !std::thread::panicking() {
            self.join();
            let stats = self.server.stats();
            assert_eq!(
                stats.begun,
                stats.finished + stats.aborted + stats.running,
                "{stats:?}"
            );
        }
    }
}

pub struct Client {
    pub stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub fn to(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream,
            received: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Client {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    pub fn half_close(&mut self) -> &mut Client {
        self.stream.shutdown(std::net::Shutdown::Write).unwrap();
        self
    }

    /// Everything until the server closes.
    pub fn rest(&mut self) -> String {
        self.stream
            .read_to_end(&mut self.received)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.shown()));
        String::from_utf8(std::mem::take(&mut self.received)).unwrap()
    }

    /// Whether the server closed or reset the connection.
    pub fn is_closed(&mut self) -> bool {
        match self.stream.read(&mut [0; 1]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    /// One response with a `Content-Length` (or none at all): head and body.
    pub fn response(&mut self) -> (String, String) {
        let head = self.until(b"\r\n\r\n");
        let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        while self.received.len() < length {
            self.more();
        }
        let body = self.received.drain(..length).collect();
        (head, String::from_utf8(body).unwrap())
    }

    /// Everything up to and including `end`.
    pub fn until(&mut self, end: &[u8]) -> String {
        loop {
            if let Some(at) = self
                .received
                .windows(end.len())
                .position(|window| window == end)
            {
                return String::from_utf8(self.received.drain(..at + end.len()).collect()).unwrap();
            }
            self.more();
        }
    }

    fn more(&mut self) {
        let mut block = [0; 4096];
        let count = self
            .stream
            .read(&mut block)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.shown()));
        assert!(count > 0, "the connection ended after {:?}", self.shown());
        self.received.extend_from_slice(&block[..count]);
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }
}

/// A header value of a response head.
pub fn header(head: &str, name: &str) -> Option<String> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_owned())
}

pub fn status(response: &str) -> u16 {
    response
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no status: {response:?}"))
}

/// Answers with `body`.
pub fn answer(exchange: &mut Exchange<'_>, body: &[u8]) {
    let fields: [(&[u8], &[u8]); 1] = [(b"Content-Type", b"text/plain")];
    exchange
        .start(200, b"OK", &mut fields.into_iter(), Some(body.len() as u64))
        .unwrap();
    exchange.push(body);
}

/// Reads the whole body.
pub fn body(exchange: &mut Exchange<'_>) -> io::Result<Vec<u8>> {
    let (mut all, mut block) = (Vec::new(), [0; 1000]);
    loop {
        match exchange.read(&mut block)? {
            0 => return Ok(all),
            count => all.extend_from_slice(&block[..count]),
        }
    }
}

/// The handler of most tests: says what it received, by path.
pub fn echo(exchange: &mut Exchange<'_>) {
    match exchange.head().path() {
        b"/environ" => {
            let mut lines: Vec<String> = Vec::new();
            exchange.environ(&mut |name, value| {
                lines.push(format!(
                    "{}={}",
                    String::from_utf8_lossy(name),
                    value.escape_ascii()
                ));
            });
            answer(exchange, lines.join("\n").as_bytes());
        }
        b"/ignore" => answer(exchange, b"ignored"),
        b"/silent" => {}
        b"/panic" => panic!("as asked"),
        b"/stream" => {
            exchange
                .start(200, b"OK", &mut std::iter::empty(), None)
                .unwrap();
            exchange.write(b"one").unwrap();
            exchange.write(b"two").unwrap();
        }
        b"/cut" => {
            exchange
                .start(200, b"OK", &mut std::iter::empty(), None)
                .unwrap();
            exchange.write(b"one").unwrap();
            exchange.fail(500);
        }
        b"/short" => {
            exchange
                .start(200, b"OK", &mut std::iter::empty(), Some(10))
                .unwrap();
            exchange.push(b"five!");
        }
        b"/replaced" => {
            exchange
                .start(200, b"OK", &mut std::iter::empty(), Some(3))
                .unwrap();
            exchange.push(b"old");
            exchange.fail(504);
        }
        b"/file" => {
            let file =
                std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
            exchange
                .start(200, b"OK", &mut std::iter::empty(), None)
                .unwrap();
            exchange
                .send_file(std::os::fd::AsFd::as_fd(&file), 1, 7)
                .unwrap();
        }
        b"/big" => {
            let block = vec![b'x'; 1 << 20];
            exchange
                .start(200, b"OK", &mut std::iter::empty(), Some(8 << 20))
                .unwrap();
            for _ in 0..8 {
                if exchange.write(&block).is_err() {
                    return;
                }
            }
        }
        _ => match body(exchange) {
            Ok(body) => {
                let text = format!(
                    "{} {}",
                    exchange.head().method().escape_ascii(),
                    body.escape_ascii()
                );
                answer(exchange, text.as_bytes());
            }
            Err(error) => {
                assert!(
                    exchange.read(&mut [0; 1]).is_err(),
                    "a broken body stays broken"
                );
                answer(
                    exchange,
                    format!("body error {:?}", error.kind()).as_bytes(),
                );
            }
        },
    }
}
