//! What one call of a hello application costs between the front end and Python, in nanoseconds.
//!
//! `cargo run --release -p rickhouse-host --example call_cost -- [CALLS]`, with `PYO3_PYTHON` naming the Python.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rickhouse_host::{
    Exchange, Failure, Host, Interpreters, ResponseHead, Settings, Source, Target, Worker,
};
use rickhouse_python::{InitConfig, Runtime};

const HELLO: &str = r#"
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, World!"]
"#;

/// What a browser's request looks like behind a front end.
const ENTRIES: [(&str, &str); 25] = [
    ("REQUEST_METHOD", "GET"),
    ("SCRIPT_NAME", ""),
    ("PATH_INFO", "/hello/world"),
    ("QUERY_STRING", "page=1&size=20"),
    ("REQUEST_URI", "/hello/world?page=1&size=20"),
    ("SERVER_NAME", "www.example.com"),
    ("SERVER_PORT", "8000"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("SERVER_SOFTWARE", "rickhouse"),
    ("REMOTE_ADDR", "192.0.2.17"),
    ("REMOTE_PORT", "49152"),
    ("HTTP_HOST", "www.example.com"),
    (
        "HTTP_USER_AGENT",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101",
    ),
    ("HTTP_ACCEPT", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("HTTP_ACCEPT_LANGUAGE", "en-US,en;q=0.5"),
    ("HTTP_ACCEPT_ENCODING", "gzip, deflate, br, zstd"),
    ("HTTP_REFERER", "http://www.example.com/hello"),
    ("HTTP_CONNECTION", "keep-alive"),
    (
        "HTTP_COOKIE",
        "sessionid=0123456789abcdef; csrftoken=fedcba",
    ),
    ("HTTP_UPGRADE_INSECURE_REQUESTS", "1"),
    ("HTTP_SEC_FETCH_DEST", "document"),
    ("HTTP_SEC_FETCH_MODE", "navigate"),
    ("HTTP_SEC_FETCH_SITE", "same-origin"),
    ("HTTP_PRIORITY", "u=0, i"),
    ("HTTP_CACHE_CONTROL", "max-age=0"),
];

/// A front end that throws the response away.
struct Sink {
    path: String,
    body_bytes: usize,
}

impl Exchange for Sink {
    fn environ(&self, sink: &mut dyn FnMut(&[u8], &[u8])) {
        for (key, value) in ENTRIES {
            match key {
                "PATH_INFO" => sink(key.as_bytes(), self.path.as_bytes()),
                _ => sink(key.as_bytes(), value.as_bytes()),
            }
        }
    }
    fn is_https(&self) -> bool {
        false
    }
    fn body_in_memory(&self) -> bool {
        true
    }
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
    fn start(&mut self, head: &ResponseHead<'_>) -> io::Result<()> {
        assert_eq!(head.status, 200);
        Ok(())
    }
    fn room(&self) -> usize {
        64 * 1024
    }
    fn push(&mut self, data: &[u8]) {
        self.body_bytes += data.len();
    }
    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.push(data);
        Ok(())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn send_file(&mut self, _: BorrowedFd<'_>, _: u64, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn fail(&mut self, failure: Failure) {
        panic!("hello failed: {failure:?}");
    }
    fn started(&self) -> bool {
        true
    }
    fn request_line(&self) -> (&[u8], &[u8]) {
        (b"GET", self.path.as_bytes())
    }
}

fn main() {
    let calls = std::env::args()
        .nth(1)
        .map_or(300_000, |count| count.parse().expect("a number of calls"));
    let program = std::env::var_os("PYO3_PYTHON").expect("PYO3_PYTHON names the Python to use");
    let (runtime, main) = Runtime::initialize(&InitConfig {
        program: Some(PathBuf::from(program)),
        utf8_mode: Some(true),
        free_threading: true,
        ..InitConfig::default()
    })
    .expect("CPython starts");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("hello.py");
    std::fs::write(&path, HELLO).expect("the temporary folder can be written to");
    let host = Host::start(runtime, main, &settings(path)).expect("the application loads");
    let application = host.applications().next().expect("one interpreter");
    std::thread::scope(|scope| {
        scope.spawn(|| measure(&mut Worker::new(application, 0), calls));
    });
    rickhouse_python::exit_now(0);
}

/// Several rounds, because the machine's neighbours are noisy; the best one is the least disturbed.
fn measure(worker: &mut Worker, calls: u32) {
    for round in 1..=7 {
        let same = time(worker, calls, |_| "/hello/world".to_owned());
        let varied = time(worker, calls, |number| format!("/hello/{number}"));
        println!(
            "round {round}: {:5} ns per call; {:5} ns when each has a path of its own",
            (same / calls).as_nanos(),
            (varied / calls).as_nanos()
        );
    }
}

fn time(worker: &mut Worker, calls: u32, path: impl Fn(u32) -> String) -> Duration {
    let mut spent = Duration::ZERO;
    for batch in 0..calls / 1000 {
        let mut requests: Vec<Sink> = (0..1000)
            .map(|number| Sink {
                path: path(batch * 1000 + number),
                body_bytes: 0,
            })
            .collect();
        let begin = Instant::now();
        for request in &mut requests {
            worker.handle(request);
        }
        spent += begin.elapsed();
        assert!(requests.iter().all(|request| request.body_bytes == 13));
    }
    spent
}

fn settings(path: PathBuf) -> Settings {
    Settings {
        target: Target {
            source: Source::File(path),
            attribute: None,
            call: false,
        },
        python_path: Vec::new(),
        interpreters: Interpreters::Main,
        threads: 1,
        switch_interval: None,
        request_timeout: None,
        interrupt_timeout: Duration::from_secs(5),
        multiprocess: false,
        run_once: false,
    }
}
