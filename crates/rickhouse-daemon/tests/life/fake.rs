//! The process under test: a daemon with an engine that does what the target of a request says.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rickhouse_daemon::{
    Ended, Engine, Handler, Rest, SEND_BUFFER, Settings, Setup, StartError, StartStep,
    TimerSettings, WireExchange, run,
};
use rickhouse_host::{Exchange as _, Failure, ResponseHead, Value};
use rickhouse_os::group_socket::{GroupSocket, Options};
use rickhouse_os::process::exit_now;
use rickhouse_wire::{RequestFrame, Token};
use tracing::{Level, info};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::client::TOKEN;

/// Runs the daemon; its arguments are the path of the socket and `name=value` for everything that is not as usual.
pub(crate) fn main(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let path = PathBuf::from(arguments.next().expect("a path"));
    let options = Options {
        backlog: 50,
        owner: None,
        send_buffer: None,
        receive_buffer: None,
    };
    let made = GroupSocket::create(&path, &options).expect("a new file");
    let (mut settings, mut python) = (usual(path, made.socket), "works".to_owned());
    for argument in arguments {
        let (name, value) = argument.split_once('=').expect("name=value");
        match name {
            "python" => value.clone_into(&mut python),
            _ => change(&mut settings, name, value),
        }
    }
    let layer = tracing_subscriber::fmt::layer()
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .with_writer(io::stderr);
    let filter = tracing_subscriber::filter::LevelFilter::from_level(Level::DEBUG);
    tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .init();
    println!("listening");
    io::stdout().flush().expect("somebody reads");
    let status = run(settings, || start_engine(&python));
    exit_now(status)
}

fn usual(path: PathBuf, socket: GroupSocket) -> Settings {
    Settings {
        group: "g".to_owned(),
        listener: socket.into_fd(),
        socket_path: path,
        token: Token::new(TOKEN),
        threads: 2,
        stack_size: None,
        one_gil: true,
        rest: None,
        setup: Setup::default(),
        timers: TimerSettings::default(),
        socket_timeout: Some(Duration::from_secs(60)),
        queue_timeout: None,
        send_buffer: SEND_BUFFER,
    }
}

fn change(settings: &mut Settings, name: &str, value: &str) {
    let number = || value.parse().expect("a number");
    let millis = || Duration::from_millis(number());
    let timers = &mut settings.timers;
    match name {
        "threads" => settings.threads = value.parse().expect("a number"),
        "one-gil" => settings.one_gil = value == "yes",
        "socket-timeout" => settings.socket_timeout = Some(millis()),
        "queue-timeout" => settings.queue_timeout = Some(millis()),
        "startup" => timers.startup = Some(millis()),
        "deadlock" => timers.deadlock = Some(millis()),
        "inactivity" => timers.inactivity = Some(millis()),
        "request" => timers.request = Some(millis()),
        "interrupt" => timers.interrupt = Some(millis()),
        "graceful" => timers.graceful = millis(),
        "eviction" => timers.eviction = Some(millis()),
        "restart" => timers.restart_interval = Some(millis()),
        "shutdown" => timers.shutdown = Some(millis()).filter(|limit| !limit.is_zero()),
        "maximum" => timers.maximum_requests = Some(number()),
        // Longer than any test, and refusing.
        "rest" => {
            settings.rest = Some(Rest {
                length: Duration::from_secs(3600),
                refusing: true,
                before_setup: value == "before",
            });
        }
        "home" => settings.setup.home = Some(value.into()),
        "chroot" => settings.setup.chroot = Some(value.into()),
        "umask" => settings.setup.umask = Some(u32::from_str_radix(value, 8).expect("octal")),
        "title" => settings.setup.display_name = Some(value.to_owned()),
        "lang" => settings.setup.lang = Some(value.into()),
        "locale" => settings.setup.locale = Some(value.into()),
        "priority" => settings.setup.priority = Some(value.parse().expect("a number")),
        "memory" => settings.setup.memory_limit = Some(number()),
        _ => panic!("no setting is called {name}"),
    }
}

fn start_engine(python: &str) -> Result<Arc<Fake>, StartError> {
    let failed = |step, reason: &str| {
        Err(StartError {
            step,
            reason: reason.to_owned(),
        })
    };
    match python {
        "does not start" => failed(StartStep::Python, "no module named encodings"),
        "does not prepare" => failed(StartStep::Interpreter, "no module named mod_wsgi"),
        _ => Ok(Arc::new(Fake {
            import_waits_for: python.strip_prefix("waits for ").map(PathBuf::from),
            ..Fake::default()
        })),
    }
}

/// An engine without Python.
#[derive(Default)]
struct Fake {
    released: Mutex<HashSet<String>>,
    change: Condvar,
    silence_ms: AtomicU64,
    /// The import ends when there is such a file.
    import_waits_for: Option<PathBuf>,
}

impl Engine for Fake {
    type Handler = FakeHandler;

    fn import(&self) {
        let folder = std::env::current_dir().expect("a folder");
        let lang = std::env::var("LANG").unwrap_or_default();
        info!("engine: import in {} with LANG={lang}", folder.display());
        let awaited = self.import_waits_for.as_ref();
        while awaited.is_some_and(|file| !file.exists()) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn handler(self: &Arc<Self>, number: usize) -> FakeHandler {
        FakeHandler {
            engine: Arc::clone(self),
            number,
        }
    }

    fn interrupted(&self, _number: usize) -> Option<Duration> {
        None
    }

    fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms.load(SeqCst))
    }

    fn publish_signal(&self, signal: &str) {
        info!("engine: signal {signal}");
    }

    fn publish_stopping(&self, reason: &str) {
        info!("engine: stopping because of {reason}");
        self.release("the stop");
    }

    fn dump_stacks(&self, number: usize) {
        info!("engine: stacks of {number}");
    }

    fn stop(&self) {
        info!("engine: exit handlers");
    }
}

impl Fake {
    fn release(&self, name: &str) {
        let mut released = self.released.lock().expect("no panic");
        released.insert(name.to_owned());
        self.change.notify_all();
    }
}

struct FakeHandler {
    engine: Arc<Fake>,
    number: usize,
}

impl Drop for FakeHandler {
    fn drop(&mut self) {
        info!("engine: handler {} ends", self.number);
    }
}

impl Handler for FakeHandler {
    fn handle(&mut self, request: &RequestFrame<'_>, exchange: &mut WireExchange<'_>) -> Ended {
        let target = String::from_utf8_lossy(request.head.target).into_owned();
        let (verb, argument) = target[1..].split_once('/').unwrap_or((&target[1..], ""));
        if verb == "reject" {
            return Ended::Rejected;
        }
        if verb == "unloadable" {
            exchange.fail(Failure::Application);
            return Ended::Answered;
        }
        exchange.loaded();
        exchange.environ(&mut |_, _| {});
        // What fails here is the client's doing, and the client's to look at.
        let _gone = self.answer(verb, argument, exchange);
        Ended::Answered
    }
}

impl FakeHandler {
    fn answer(
        &self,
        verb: &str,
        argument: &str,
        exchange: &mut WireExchange<'_>,
    ) -> io::Result<()> {
        let size = || argument.parse::<usize>().unwrap_or(0);
        match verb {
            "hello" => whole(exchange, format!("hello from {}", self.number).as_bytes()),
            "echo" => echo(exchange),
            "environ" => environ(exchange),
            "big" => {
                let body: Vec<u8> = (0..size()).map(pattern).collect();
                start(exchange, Some(size() as u64))?;
                exchange.write(&body)
            }
            "stream" => {
                start(exchange, None)?;
                (0..size())
                    .try_for_each(|piece| exchange.write(format!("piece {piece}\n").as_bytes()))
            }
            "surplus" => {
                start(exchange, Some(5))?;
                exchange.write(b"12345678")?;
                exchange.write(b"more")?;
                exchange.push(b"and more");
                exchange.flush()
            }
            "short" => {
                start(exchange, Some(10))?;
                exchange.write(b"1234")
            }
            "cut" => {
                start(exchange, None)?;
                exchange.write(b"first part")?;
                exchange.fail(Failure::Application);
                exchange.write(b"never sent")
            }
            "early" => {
                start(exchange, None)?;
                exchange.push(b"not sent yet");
                exchange.fail(Failure::Timeout);
                Ok(())
            }
            "nothing" => Ok(()),
            "panic" => panic!("asked to"),
            "file" => {
                let file = File::open(format!("/{argument}"))?;
                let length = file.metadata()?.len();
                start(exchange, Some(length - 1))?;
                exchange.send_file(file.as_fd(), 1, length - 1)
            }
            "silence" => {
                self.engine.silence_ms.store(size() as u64, SeqCst);
                whole(exchange, b"silent")
            }
            "hold" => {
                info!("engine: holding {argument}");
                self.hold(argument);
                whole(exchange, b"released")
            }
            "release" => {
                self.engine.release(argument);
                whole(exchange, b"done")
            }
            _ => panic!("no verb is called {verb}"),
        }
    }

    fn hold(&self, name: &str) {
        let mut released = self.engine.released.lock().expect("no panic");
        while !released.contains(name) {
            released = self.engine.change.wait(released).expect("no panic");
        }
    }
}

/// Byte `place` of a large body.
pub(crate) fn pattern(place: usize) -> u8 {
    u8::try_from(place % 251).expect("below 251")
}

fn start(exchange: &mut WireExchange<'_>, length: Option<u64>) -> io::Result<()> {
    exchange.start(&ResponseHead {
        status: 200,
        reason: b"Fine",
        headers: &[(b"Content-Type", b"text/plain"), (b"X-Two", b"")],
        length,
        length_declared: false,
    })
}

/// As the adapter sends a list that fits.
fn whole(exchange: &mut WireExchange<'_>, body: &[u8]) -> io::Result<()> {
    start(exchange, Some(body.len() as u64))?;
    assert!(body.len() <= exchange.room());
    exchange.push(body);
    Ok(())
}

fn echo(exchange: &mut WireExchange<'_>) -> io::Result<()> {
    let mut block = vec![0; 10_000];
    start(exchange, None)?;
    loop {
        match exchange.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(count) => exchange.write(&block[..count])?,
            Err(error) => {
                let again = exchange.read(&mut block).expect_err("it repeats");
                let text = format!("{:?} {:?}", error.kind(), again.kind());
                return exchange.write(text.as_bytes());
            }
        }
    }
}

fn environ(exchange: &mut WireExchange<'_>) -> io::Result<()> {
    let mut lines = Vec::new();
    exchange.environ(&mut |name, value| {
        lines.push(format!("{}={}", name.escape_ascii(), value.escape_ascii()));
    });
    exchange.extras(&mut |name, value| {
        let value = match value {
            Value::Float(number) if number > 1e9 => "a time".to_owned(),
            other => format!("{other:?}"),
        };
        lines.push(format!("{}: {value}", name.escape_ascii()));
    });
    let head = &exchange.request().head;
    lines.push(format!("script={}", head.script.escape_ascii()));
    lines.push(format!("handler={}", head.handler_script.escape_ascii()));
    let body = lines.join("\n");
    whole(exchange, body.as_bytes())
}
