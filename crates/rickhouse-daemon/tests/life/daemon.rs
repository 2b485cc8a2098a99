//! A daemon process as a test sees it.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon in a process of its own; killed when a test leaves it running.
pub(crate) struct Daemon {
    child: Child,
    folder: TempDir,
    log: Arc<(Mutex<Log>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Log {
    lines: Vec<String>,
    ended: bool,
}

impl Daemon {
    /// Starts one with these settings (`name=value`), and returns when its socket listens.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(std::env::current_exe().expect("a path"))
            .arg("--daemon")
            .arg(folder.path().join("s"))
            .args(settings)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut first = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout)
            .read_line(&mut first)
            .expect("readable");
        assert_eq!(first, "listening\n");
        let log = Arc::new((Mutex::default(), Condvar::new()));
        let (stderr, kept) = (child.stderr.take().expect("a pipe"), Arc::clone(&log));
        let reader = std::thread::spawn(move || collect(stderr, &kept));
        Daemon {
            child,
            folder,
            log,
            reader: Some(reader),
        }
    }

    /// The path of its socket.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        // The shell's own: not every system has a program of that name.
        let status = Command::new("sh")
            .args(["-c", &format!("kill -s {name} {}", self.pid())])
            .status();
        assert!(status.expect("a shell").success());
    }

    /// Waits until the log has `count` lines with `text`.
    #[track_caller]
    pub(crate) fn wait_for_lines(&self, text: &str, count: usize) {
        let (log, change) = &*self.log;
        let deadline = Instant::now() + PATIENCE;
        let mut log = log.lock().expect("no panic");
        while log.lines.iter().filter(|line| line.contains(text)).count() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !log.ended,
                "no {count} × {text:?} in {:#?}",
                log.lines
            );
            log = change.wait_timeout(log, left).expect("no panic").0;
        }
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_for_lines(text, 1);
    }

    /// Waits until so many of its workers are blocked in `accept4`.
    #[track_caller]
    pub(crate) fn wait_until_accepting(&self, count: usize) {
        self.wait_until("workers accept", || self.accepting() == count);
    }

    /// Whether a worker blocks in `accept4` at any moment of so much time.
    pub(crate) fn accepts_within(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            if self.accepting() > 0 {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < deadline, "not so that {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn accepting(&self) -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("running");
        let calls = tasks.filter_map(|task| {
            let call = task.expect("readable").path().join("syscall");
            std::fs::read_to_string(call).ok()
        });
        // The number of accept4 on x86-64 and elsewhere.
        calls
            .filter(|call| call.starts_with("288 ") || call.starts_with("242 "))
            .count()
    }

    /// Waits for its end; tells the exit status and the whole log.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        // The log ends with the process; so this waits for a condition.
        let (log, change) = &*self.log;
        let mut kept = log.lock().expect("no panic");
        while !kept.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "still running: {:#?}", kept.lines);
            kept = change.wait_timeout(kept, left).expect("no panic").0;
        }
        let lines = std::mem::take(&mut kept.lines);
        drop(kept);
        let status = self.child.wait().expect("our child");
        (status.code(), lines)
    }

    /// As [`Daemon::end`]; checks the exit status and that these texts are in the log, in this order.
    #[track_caller]
    pub(crate) fn check_end(self, status: i32, texts: &[&str]) -> Vec<String> {
        let (found, log) = self.end();
        let mut lines = log.iter();
        for text in texts {
            assert!(
                lines.any(|line| line.contains(text)),
                "no {text:?} in its place in {log:#?}"
            );
        }
        assert_eq!(found, Some(status), "{log:#?}");
        log
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Ended already, as a rule.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _panic = reader.join();
        }
    }
}

fn collect(stderr: impl Read, log: &(Mutex<Log>, Condvar)) {
    for line in BufReader::new(stderr).lines() {
        let line = line.expect("text");
        log.0.lock().expect("no panic").lines.push(line);
        log.1.notify_all();
    }
    log.0.lock().expect("no panic").ended = true;
    log.1.notify_all();
}
