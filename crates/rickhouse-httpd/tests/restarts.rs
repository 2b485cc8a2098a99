//! The restart matrix: an httpd with the example module and two daemons, through everything that replaces them.
//!
//! Needs Apache httpd with its usual modules (Debian: `apache2`).

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAMS: &[&str] = &["/usr/sbin/apache2", "/usr/sbin/httpd"];
const MODULES: &[&str] = &["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules"];
const DAEMONS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn event() {
    matrix("event");
}

#[test]
fn worker() {
    matrix("worker");
}

#[test]
fn prefork() {
    matrix("prefork");
}

fn matrix(mpm: &str) {
    let mut httpd = Httpd::start(mpm);
    let mut daemons = httpd.settled("start", 0, &BTreeSet::new());
    let descriptors = httpd.descriptors();
    let steps = ["USR1", "USR1", "HUP", "HUP", "USR1"];
    for (signal, generation) in steps.iter().zip(1..) {
        httpd.signal(signal);
        daemons = httpd.settled(signal, generation, &daemons);
        assert_eq!(
            httpd.descriptors(),
            descriptors,
            "{mpm}: descriptors of the parent after {signal}"
        );
        assert_eq!(
            entries(&httpd.proc("task")),
            1,
            "{mpm}: threads of the parent"
        );
    }
    let killed = *daemons.first().expect("there are daemons");
    kill("KILL", killed);
    let replaced = httpd.settled("a daemon's death", steps.len(), &BTreeSet::from([killed]));
    assert_eq!(
        replaced.intersection(&daemons).count(),
        DAEMONS - 1,
        "{mpm}: the other daemon is left alone"
    );
    let children = httpd.children();
    httpd.signal("TERM");
    httpd.process.wait().expect("httpd ends");
    wait_for(&format!("{mpm}: all processes are gone"), || {
        children.iter().all(|child| !is_alive(*child))
    });
    let log = httpd.log();
    // httpd's event MPM itself crashes in about one of a thousand ends, without any module of ours: its own records of
    // a child's death at the end say nothing. Before the end nobody may have died.
    let (life, end) = log.rsplit_once("caught SIGTERM").unwrap_or((&log, ""));
    let life = life
        .rsplit_once("daemon ended: Restarting")
        .map_or(life, |(before, _)| before);
    assert!(!life.contains("exit signal"), "{mpm}: a child died:\n{log}");
    for bad in ["WSGI900", "[probe:error]", "did not exit"] {
        assert!(
            !life.contains(bad) && !end.contains(bad),
            "{mpm}: {bad:?} in the log:\n{log}"
        );
    }
}

struct Httpd {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Httpd {
    fn start(mpm: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let port = free_port();
        let config = folder.path().join("httpd.conf");
        fs::write(&config, configuration(mpm, port, folder.path()))
            .expect("the folder can be written to");
        let mut command = Command::new(existing(PROGRAMS));
        command
            .arg("-f")
            .arg(&config)
            .arg("-DFOREGROUND")
            .stdin(Stdio::null());
        // prefork sends its signals to the whole process group.
        let process = command.process_group(0).spawn().expect("httpd starts");
        Self {
            process,
            port,
            folder,
        }
    }

    /// Waits until there are daemons, none of them of `before`, and a request is answered by this generation.
    fn settled(&self, step: &str, generation: usize, before: &BTreeSet<u32>) -> BTreeSet<u32> {
        wait_for(step, || {
            let daemons = self.daemons();
            let wanted = format!("generation: ({generation}, Some({generation}), Running)");
            daemons.len() == DAEMONS
                && daemons.is_disjoint(before)
                && self.facts().is_some_and(|text| text.contains(&wanted))
        });
        self.daemons()
    }

    fn facts(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream
            .write_all(b"GET /probe/facts HTTP/1.0\r\n\r\n")
            .ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// Those that said so in the log and are still there.
    fn daemons(&self) -> BTreeSet<u32> {
        let log = self.log();
        let started = log
            .lines()
            .filter(|line| line.contains("daemon of generation"));
        let numbers =
            started.filter_map(|line| line.split("[pid ").nth(1)?.split(':').next()?.parse().ok());
        numbers.filter(|number| is_alive(*number)).collect()
    }

    fn children(&self) -> Vec<u32> {
        let list = fs::read_to_string(self.proc(&format!("task/{}/children", self.process.id())));
        list.expect("httpd runs")
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect()
    }

    fn descriptors(&self) -> usize {
        entries(&self.proc("fd"))
    }

    fn signal(&self, name: &str) {
        kill(name, self.process.id());
    }

    fn proc(&self, what: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{what}", self.process.id()))
    }

    fn log(&self) -> String {
        let log = fs::read(self.folder.path().join("error.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Httpd {
    /// A test that failed leaves nothing behind either.
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.signal("TERM");
            let _ = self.process.wait();
        }
    }
}

fn configuration(mpm: &str, port: u16, folder: &Path) -> String {
    let (modules, folder) = (existing(MODULES), folder.display());
    let probe = std::env::current_exe().expect("a test knows its file");
    let probe = probe
        .ancestors()
        .nth(2)
        .expect("it is in deps/")
        .join("examples/libprobe.so");
    format!(
        "ServerRoot {folder}\nPidFile {folder}/httpd.pid\nDefaultRuntimeDir {folder}\nErrorLog {folder}/error.log\n\
         LoadModule mpm_{mpm}_module {modules}/mod_mpm_{mpm}.so\n\
         LoadModule authz_core_module {modules}/mod_authz_core.so\n\
         LoadModule probe_module {probe}\n\
         ServerName localhost\nListen 127.0.0.1:{port}\nLogLevel notice probe:info\nProbeDaemons {DAEMONS}\n\
         <Location /probe>\nSetHandler probe\n</Location>\n",
        probe = probe.display(),
    )
}

fn existing(paths: &[&'static str]) -> &'static str {
    let found = paths.iter().find(|path| Path::new(path).exists());
    found.unwrap_or_else(|| panic!("this test needs Apache httpd: there is none of {paths:?}"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).expect("httpd runs").count()
}

fn kill(signal: &str, process: u32) {
    let status = Command::new("kill")
        .args(["-s", signal, &process.to_string()])
        .status();
    assert!(
        status.expect("kill can be run").success(),
        "kill -{signal} {process}"
    );
}

/// Neither gone nor a zombie.
fn is_alive(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = status
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().next());
    state.is_some_and(|state| state != "Z" && state != "X")
}

#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "in vain waited for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
