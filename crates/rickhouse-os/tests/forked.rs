//! What changes a process for good, each on a process of its own: title, locale, signals, limits, user.
//!
//! Without the test harness, whose threads these processes must not have.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rickhouse_os::group_socket::{GroupSocket, Options};
use rickhouse_os::signal_pipe::{self, Signal, SignalPipe};
use rickhouse_os::{limits, locale, nudge, privileges, process, title};

const SCENES: &[(&str, fn())] = &[
    ("title", the_title_is_padded_and_cut),
    ("locale", variables_and_locale),
    ("signals", signals_become_bytes),
    ("stray", a_forked_process_ends_by_a_signal_of_its_parent),
    ("threads", other_threads_are_noticed),
    ("limits", limits_hold),
    ("user", the_user_is_given_up_step_by_step),
    ("parent", the_parent_is_watched),
    ("ticks", ticks_end_a_wait_for_a_connection),
];

fn main() -> ExitCode {
    if let Some(name) = std::env::args().nth(1) {
        let scene = SCENES.iter().find(|(known, _)| *known == name);
        scene.expect("a scene of that name").1();
        return ExitCode::SUCCESS;
    }
    let me = std::env::current_exe().expect("a path");
    for (name, _) in SCENES {
        let status = Command::new(&me).arg(name).status().expect("it runs");
        assert!(status.success(), "{name}: {status}");
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

fn first_argument() -> Vec<u8> {
    let line = fs::read("/proc/self/cmdline").expect("readable");
    let end = line.iter().position(|byte| *byte == 0);
    line[..end.expect("arguments end by NUL")].to_vec()
}

fn the_title_is_padded_and_cut() {
    let room = first_argument().len();
    title::set(b"(wsgi:x)").expect("arguments");
    let mut expected = b"(wsgi:x)".to_vec();
    expected.resize(room, b' ');
    assert_eq!(first_argument(), expected);
    title::set(&vec![b'y'; room + 50]).expect("arguments");
    assert_eq!(first_argument(), vec![b'y'; room]);
    let second = std::env::args().nth(1);
    assert_eq!(second.as_deref(), Some("title"), "the others are untouched");
}

fn variables_and_locale() {
    locale::set_variable("RICKHOUSE_LANG", OsStr::new("C.UTF-8")).expect("no threads");
    assert_eq!(std::env::var("RICKHOUSE_LANG").as_deref(), Ok("C.UTF-8"));
    for (name, value) in [("", "x"), ("a=b", "x"), ("a", "x\0y")] {
        assert!(locale::set_variable(name, OsStr::new(value)).is_err());
    }
    assert!(locale::set_locale(OsStr::new("C")).expect("no threads"));
    assert!(!locale::set_locale(OsStr::new("no_such_locale")).expect("no threads"));
}

fn raise(number: i32) {
    // SAFETY: sends a signal to the calling thread, whose handler was installed before.
    assert_eq!(unsafe { libc::raise(number) }, 0);
}

fn signals_become_bytes() {
    let pipe = SignalPipe::take(&[(Signal::Terminate, b'S'), (Signal::User1, b'G')])
        .expect("a pipe and handlers");
    signal_pipe::ignore_write_signals().expect("two dispositions");
    assert_eq!(pipe.next(Some(Duration::ZERO)).expect("a pipe"), None);
    raise(libc::SIGUSR1);
    raise(libc::SIGTERM);
    raise(libc::SIGPIPE);
    pipe.notify(b'x');
    let bytes = [(); 3].map(|()| pipe.next(None).expect("a pipe"));
    assert_eq!(bytes, [Some(b'G'), Some(b'S'), Some(b'x')]);
    signal_pipe::ignore(&[Signal::User1]).expect("a disposition");
    raise(libc::SIGUSR1);
    assert_eq!(pipe.next(Some(Duration::ZERO)).expect("a pipe"), None);
}

fn a_forked_process_ends_by_a_signal_of_its_parent() {
    let pipe = SignalPipe::take(&[(Signal::Terminate, b'S')]).expect("a pipe and a handler");
    // SAFETY: this process has one thread, so the copy may do whatever it could.
    let child = unsafe { libc::fork() };
    if child == 0 {
        raise(libc::SIGTERM);
        process::exit_now(0);
    }
    let mut status = 0;
    // SAFETY: the child is ours, status may be written.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 255);
    assert_eq!(pipe.next(Some(Duration::ZERO)).expect("a pipe"), None);
}

fn other_threads_are_noticed() {
    assert!(process::is_single_threaded());
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || receiver.recv());
    assert!(!process::is_single_threaded());
    assert!(title::set(b"x").is_err());
    assert!(locale::set_variable("A", OsStr::new("b")).is_err());
    assert!(locale::set_locale(OsStr::new("C")).is_err());
    drop(sender);
    let _gone = other.join().expect("no panic");
}

fn limits_hold() {
    let limit = |name: &str| {
        let all = fs::read_to_string("/proc/self/limits").expect("readable");
        let line = all.lines().find(|line| line.starts_with(name));
        let words = line.expect("a line of that name")[name.len()..].split_whitespace();
        words.take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    limits::limit_cpu_time(1000, 1006).expect("below infinity");
    assert_eq!(limit("Max cpu time"), ["1000", "1006"]);
    limits::limit_memory(1 << 32).expect("below infinity");
    assert_eq!(limit("Max data size"), ["4294967296", "4294967296"]);
    limits::limit_virtual_memory(1 << 36).expect("below infinity");
    assert_eq!(limit("Max address space"), ["68719476736", "68719476736"]);
    process::set_priority(5).expect("lower is allowed");
    let stat = fs::read_to_string("/proc/self/stat").expect("readable");
    let fields = stat.rsplit_once(") ").expect("a name").1;
    assert_eq!(fields.split(' ').nth(16), Some("5"));
}

fn the_user_is_given_up_step_by_step() {
    if !process::is_root() {
        assert!(privileges::set_groups(&[1]).is_err());
        assert!(privileges::set_user(0).is_err());
        return;
    }
    privileges::set_group(65533).expect("root may");
    privileges::set_groups(&[65533, 65532]).expect("root may");
    privileges::set_user(65534).expect("root may");
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    assert_eq!(line("Uid:"), Some("\t65534\t65534\t65534\t65534"));
    assert_eq!(line("Gid:"), Some("\t65533\t65533\t65533\t65533"));
    assert_eq!(line("Groups:").map(str::trim), Some("65532 65533"));
    assert_eq!(privileges::effective_user(), 65534);
    process::allow_core_dump().expect("any process may");
}

fn the_parent_is_watched() {
    assert!(process::end_with_parent(process::parent_id()).expect("any process may"));
    assert!(!process::end_with_parent(u32::MAX).expect("any process may"));
}

fn ticks_end_a_wait_for_a_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        backlog: 1,
        owner: None,
        send_buffer: None,
        receive_buffer: None,
    };
    let made = GroupSocket::create(&folder.path().join("s"), &options).expect("a new file");
    let ticks = nudge::every(Duration::from_millis(1)).expect("a timer");
    let asked = Cell::new(0);
    let given_up = || asked.replace(asked.get() + 1) > 2;
    let accepted = made.socket.accept_unless(given_up).expect("no failure");
    assert!(accepted.is_none());
    drop(ticks);
    // None comes afterwards, when it would end the process.
    std::thread::sleep(Duration::from_millis(20));
}
