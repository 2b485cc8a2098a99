//! What a request costs in a daemon: clients that connect for each, and either Python or something that only burns time
//! under a lock, as Python does under its GIL.
//!
//! `wire_bench [key=value …]`: `threads` (15), `clients` (16), `seconds` (3), `lane` (on | off);
//! `script` (a WSGI script, for Python: set `PYO3_PYTHON`), or else `gil-us` (20, time under the lock per request),
//! `sleep-ms` (0, time outside of it), `bytes` (14, of the answer).
//!
//! It prints requests per second, and CPU time and context switches per request of daemon and clients.

mod python;
mod stub;

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead as _, BufReader, IoSlice};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use rickhouse_daemon::{SEND_BUFFER, Settings, Setup, StartError, TimerSettings, run};
use rickhouse_os::group_socket::{GroupSocket, Options};
use rickhouse_os::process::exit_now;
use rickhouse_os::stream::Stream;
use rickhouse_wire::{Body, Flags, Reload, RequestHead, RequestWriter, Token, Value};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let options: Bench = env::args().skip(1).collect();
    if let Some(path) = options.text("daemon") {
        exit_now(daemon(Path::new(path), &options)?);
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("s");
    let mut child = Command::new(env::current_exe()?)
        .arg(format!("daemon={}", path.display()))
        .args(env::args().skip(1))
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().ok_or("no pipe")?;
    BufReader::new(stdout).read_line(&mut String::new())?;
    let pid = child.id();
    load(&path, &options, 0.3)?;
    let (daemon, clients) = (Usage::of(pid)?, Usage::of(std::process::id())?);
    let (requests, took) = load(&path, &options, options.number("seconds", 3) as f64)?;
    let daemon = Usage::of(pid)?.per(&daemon, requests);
    let clients = Usage::of(std::process::id())?.per(&clients, requests);
    println!(
        "{:>7.0}/s   daemon {:>6.1} us {:>5.2} switches   clients {:>6.1} us {:>5.2} switches",
        requests as f64 / took.as_secs_f64(),
        daemon.0,
        daemon.1,
        clients.0,
        clients.1
    );
    Command::new("kill").arg(pid.to_string()).status()?;
    child.wait()?;
    Ok(())
}

/// The arguments.
struct Bench(HashMap<String, String>);

impl FromIterator<String> for Bench {
    fn from_iter<I: IntoIterator<Item = String>>(arguments: I) -> Self {
        let pairs = arguments.into_iter().filter_map(|argument| {
            let (name, value) = argument.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        });
        Bench(pairs.collect())
    }
}

impl Bench {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn number(&self, name: &str, usual: u64) -> u64 {
        self.text(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual)
    }
}

/// CPU time in microseconds and context switches of a process, all threads.
struct Usage(f64, f64);

impl Usage {
    fn of(pid: u32) -> Outcome<Self> {
        let mut total = Usage(0.0, 0.0);
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let task = task?.path();
            // A thread may end between the listing and the look at it.
            let (Ok(schedule), Ok(status)) = (
                fs::read_to_string(task.join("schedstat")),
                fs::read_to_string(task.join("status")),
            ) else {
                continue;
            };
            let nanos: f64 = schedule.split(' ').next().ok_or("no time")?.parse()?;
            total.0 += nanos / 1e3;
            for line in status.lines().filter(|line| line.contains("ctxt_switches")) {
                total.1 += line.rsplit('\t').next().ok_or("no count")?.parse::<f64>()?;
            }
        }
        Ok(total)
    }

    fn per(&self, before: &Usage, requests: u64) -> Usage {
        let requests = requests as f64;
        Usage(
            (self.0 - before.0) / requests,
            (self.1 - before.1) / requests,
        )
    }
}

/// Requests from all clients for so many seconds. The threads stay, so that their times can be read.
fn load(path: &Path, options: &Bench, seconds: f64) -> Outcome<(u64, Duration)> {
    let (stop, count) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let (begun, frame) = (
        Instant::now(),
        frame(options.text("script").unwrap_or("/srv/app.wsgi"))?,
    );
    for _ in 0..options.number("clients", 16) {
        let (stop, count) = (Arc::clone(&stop), Arc::clone(&count));
        let (path, frame) = (path.to_owned(), frame.clone());
        thread::spawn(move || {
            let mut buffer = vec![0; 256 << 10];
            while !stop.load(Relaxed) {
                let stream = Stream::connect(&path, None).expect("a listener");
                stream.send(&[IoSlice::new(&frame)], None).expect("room");
                while stream.recv(&mut buffer).expect("an answer") > 0 {}
                count.fetch_add(1, Relaxed);
            }
            // Its time would be gone with it.
            loop {
                thread::park();
            }
        });
    }
    thread::sleep(Duration::from_secs_f64(seconds));
    let outcome = (count.load(Relaxed), begun.elapsed());
    stop.store(true, Relaxed);
    thread::sleep(Duration::from_millis(100));
    Ok(outcome)
}

/// A request as a browser's: 33 entries, 1.5 KB.
fn frame(script: &str) -> Outcome<Vec<u8>> {
    let mut frame = Vec::new();
    let mut writer = RequestWriter::new(
        &mut frame,
        &RequestHead {
            token: [7; 32],
            server: 0,
            body: Body::None,
            reload: Reload::Reject,
            flags: Flags::default(),
            received: 0,
            queued: 0,
            connects: 1,
            restarts: 0,
            script: script.as_bytes(),
            handler_script: b"",
            application_group: "",
            callable: "application",
            request_id: b"",
            connection_id: b"",
            method: b"GET",
            target: b"/",
        },
    );
    for (name, value) in [
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", "/"),
    ] {
        writer.environ(name.as_bytes(), Value::Text(value.as_bytes()));
    }
    for entry in 0..30 {
        let name = format!("HTTP_X_HEADER_{entry}");
        writer.environ(name.as_bytes(), Value::Text(&[b'x'; 25]));
    }
    writer.finish()?;
    Ok(frame)
}

fn daemon(path: &Path, options: &Bench) -> Outcome<i32> {
    let socket = Options {
        backlog: 100,
        owner: None,
        send_buffer: None,
        receive_buffer: None,
    };
    let settings = Settings {
        group: "bench".to_owned(),
        listener: GroupSocket::create(path, &socket)?.socket.into_fd(),
        socket_path: path.to_owned(),
        token: Token::new([7; 32]),
        threads: usize::try_from(options.number("threads", 15))?,
        stack_size: None,
        one_gil: options.text("lane") != Some("off"),
        rest: None,
        setup: Setup::default(),
        timers: TimerSettings::default(),
        socket_timeout: Some(Duration::from_secs(60)),
        queue_timeout: None,
        send_buffer: SEND_BUFFER,
    };
    println!("listening");
    if options.text("script").is_some() {
        return Ok(run(settings, python::start));
    }
    let application = stub::Application::new(options);
    Ok(run(settings, || Ok::<_, StartError>(application)))
}
