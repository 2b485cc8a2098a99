//! A front end in memory, applications in temporary files, and the log as text.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rickhouse_host::{
    Exchange, Failure, Host, HostError, Interpreters, ResponseHead, Settings, Source, Target,
    Value, Worker,
};
use rickhouse_python::{InitConfig, Runtime, ThreadState};

/// One request and what became of it.
pub(crate) struct MemoryExchange {
    pub(crate) entries: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) https: bool,
    pub(crate) body: io::Cursor<Vec<u8>>,
    /// The most one read gives; 0 for an error instead of the body's end.
    pub(crate) read_size: usize,
    /// The error that reads end with.
    pub(crate) read_error: Option<io::ErrorKind>,
    /// How much the client says is to come.
    pub(crate) body_left: Option<u64>,
    /// How many body bytes the buffer takes.
    pub(crate) room: usize,
    /// What the front end says to the head.
    pub(crate) start_error: Option<(io::ErrorKind, &'static str)>,
    /// The error of each write from this one on, counted from 0.
    pub(crate) write_error: Option<(usize, io::ErrorKind)>,
    pub(crate) status: Option<(u16, Vec<u8>)>,
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) length: Option<u64>,
    pub(crate) length_declared: bool,
    /// Body blocks as they were handed over.
    pub(crate) blocks: Vec<Vec<u8>>,
    /// Offset and length of files that were sent.
    pub(crate) files: Vec<(u64, u64)>,
    pub(crate) failure: Option<Failure>,
    /// Entries of the environ that are no plain texts.
    pub(crate) extras: Vec<(&'static str, Value<'static>)>,
    /// How often the request was admitted; an error instead when there is one.
    pub(crate) admitted: usize,
    pub(crate) admit_error: Option<io::ErrorKind>,
    /// The body was shorter than its Content-Length.
    pub(crate) short: bool,
    /// Runs inside of the first write, as filters of a server do.
    pub(crate) on_write: Option<Box<dyn FnOnce() + Send>>,
}

impl MemoryExchange {
    pub(crate) fn get(path: &str) -> Self {
        let entries = [
            ("REQUEST_METHOD", "GET"),
            ("SCRIPT_NAME", ""),
            ("PATH_INFO", path),
            ("QUERY_STRING", ""),
        ];
        let entries =
            entries.map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec()));
        MemoryExchange {
            entries: entries.to_vec(),
            https: false,
            body: io::Cursor::default(),
            read_size: usize::MAX,
            read_error: None,
            body_left: None,
            room: 1024,
            start_error: None,
            write_error: None,
            status: None,
            headers: Vec::new(),
            length: None,
            length_declared: false,
            blocks: Vec::new(),
            files: Vec::new(),
            failure: None,
            extras: Vec::new(),
            admitted: 0,
            admit_error: None,
            short: false,
            on_write: None,
        }
    }

    #[allow(dead_code, reason = "not every test program has bodies")]
    pub(crate) fn with_body(mut self, body: &[u8]) -> Self {
        self.body = io::Cursor::new(body.to_vec());
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.blocks.concat()).into_owned()
    }
}

impl Exchange for MemoryExchange {
    fn environ(&self, sink: &mut dyn FnMut(&[u8], &[u8])) {
        self.entries
            .iter()
            .for_each(|(key, value)| sink(key, value));
    }
    fn extras(&self, sink: &mut dyn FnMut(&[u8], Value<'_>)) {
        self.extras
            .iter()
            .for_each(|(key, value)| sink(key.as_bytes(), *value));
    }
    fn admit(&mut self) -> io::Result<()> {
        self.admitted += 1;
        self.admit_error.map_or(Ok(()), |kind| Err(kind.into()))
    }
    fn fell_short(&mut self) {
        self.short = true;
    }
    fn is_https(&self) -> bool {
        self.https
    }
    fn body_in_memory(&self) -> bool {
        self.read_size == usize::MAX
    }
    fn body_left(&self) -> Option<u64> {
        self.body_left
    }
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.read_size);
        let count = self.body.read(&mut buffer[..most])?;
        match self.read_error {
            Some(kind) if count == 0 => Err(io::Error::new(kind, "the client went away")),
            _ => Ok(count),
        }
    }
    fn start(&mut self, head: &ResponseHead<'_>) -> io::Result<()> {
        assert_eq!(self.status, None, "the head is handed over once");
        if let Some((kind, text)) = self.start_error {
            return Err(io::Error::new(kind, text));
        }
        self.status = Some((head.status, head.reason.to_vec()));
        self.headers = head
            .headers
            .iter()
            .map(|(name, value)| (name.to_vec(), value.to_vec()))
            .collect();
        self.length = head.length;
        self.length_declared = head.length_declared;
        Ok(())
    }
    fn room(&self) -> usize {
        self.room
    }
    fn push(&mut self, data: &[u8]) {
        assert!(data.len() <= self.room, "more was pushed than fits");
        self.room -= data.len();
        self.blocks.push(data.to_vec());
    }
    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        assert!(self.status.is_some(), "the head comes first");
        if let Some((first, kind)) = self.write_error
            && self.blocks.len() >= first
        {
            return Err(kind.into());
        }
        if let Some(work) = self.on_write.take() {
            work();
        }
        tracing::info!(target: "wire", "{}", String::from_utf8_lossy(data));
        self.blocks.push(data.to_vec());
        Ok(())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn send_file(&mut self, file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
        let mut file = std::fs::File::from(file.as_fd().try_clone_to_owned()?);
        let mut data = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut data, offset)?;
        file.flush()?;
        self.files.push((offset, length));
        self.blocks.push(data);
        Ok(())
    }
    fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }
    fn started(&self) -> bool {
        self.status.is_some()
    }
    fn request_line(&self) -> (&[u8], &[u8]) {
        (b"GET", b"/")
    }
}

/// CPython, and the main thread's state.
#[allow(dead_code, reason = "not every test program starts like this")]
pub(crate) fn python() -> (Runtime, ThreadState) {
    let program = std::env::var_os("PYO3_PYTHON").expect("PYO3_PYTHON names the Python under test");
    Runtime::initialize(&InitConfig {
        program: Some(PathBuf::from(program)),
        utf8_mode: Some(true),
        free_threading: true,
        ..InitConfig::default()
    })
    .expect("CPython starts")
}

/// The application `source` in a file of its own; the folder lives as long as the guard.
#[allow(dead_code, reason = "not every test program starts like this")]
pub(crate) fn application(source: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("site_under_test.py");
    std::fs::write(&path, source).expect("the temporary folder can be written to");
    (folder, path)
}

/// Settings for one thread in the main interpreter.
#[allow(dead_code, reason = "not every test program serves like this")]
pub(crate) fn settings(path: PathBuf) -> Settings {
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

/// Serves `source` in the main interpreter, with one thread on which `requests` runs.
#[allow(dead_code, reason = "not every test program serves like this")]
pub(crate) fn serve(
    source: &str,
    change: impl FnOnce(&mut Settings),
    requests: impl FnOnce(&mut Worker) + Send,
) {
    let (host, _folder) = start(source, change).unwrap_or_else(|error| panic!("{error}"));
    let application = host.applications().next().expect("one interpreter");
    std::thread::scope(|scope| {
        scope.spawn(|| requests(&mut Worker::new(application, 0)));
    });
    host.stop();
}

/// Loads `source`, with the log going to [`log`].
#[allow(dead_code, reason = "not every test program starts like this")]
pub(crate) fn start(
    source: &str,
    change: impl FnOnce(&mut Settings),
) -> Result<(Host, tempfile::TempDir), HostError> {
    capture_log();
    let (folder, path) = application(source);
    let mut settings = settings(path);
    change(&mut settings);
    let (runtime, main) = python();
    Host::start(runtime, main, &settings).map(|host| (host, folder))
}

/// Runs a request for `path`.
#[allow(dead_code, reason = "not every test program needs it")]
pub(crate) fn get(worker: &mut Worker, path: &str) -> MemoryExchange {
    let mut exchange = MemoryExchange::get(path);
    worker.handle(&mut exchange);
    exchange
}

static LOG: Mutex<String> = Mutex::new(String::new());

/// What was logged since the last call: `LEVEL target: text` lines.
#[allow(dead_code, reason = "not every test program reads the log")]
pub(crate) fn log() -> String {
    std::mem::take(&mut LOG.lock().unwrap_or_else(PoisonError::into_inner))
}

struct Recorder;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Recorder {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        let (level, target) = (metadata.level(), metadata.target());
        writeln!(log, "{level} {target}: {}{}", fields.code, fields.message).expect("a String");
        log.push_str(&fields.detail);
    }
}

#[derive(Default)]
struct Fields {
    code: String,
    message: String,
    /// A traceback: the lines below the message.
    detail: String,
}

impl tracing::field::Visit for Fields {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        match field.name() {
            "detail" => self.detail = value.to_owned(),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "code" => self.code = format!("{value:?} "),
            _ => {}
        }
    }
}

#[allow(dead_code, reason = "not every test program reads the log")]
fn capture_log() {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    tracing_subscriber::registry().with(Recorder).init();
}
