//! Stacks read without the GIL.

use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rickhouse_python::{Interpreter, Runtime, ThreadStack, ThreadState, stacks};

use crate::runner::not_applicable;
use crate::support::{attached, check, start, sub_interpreters};

const HOLDING: &CStr = c"def outer():
    return middle()

def middle():
    return (
        holding())

def holding():
    value = 3
    return pow(value,
               2500000) % 7
";

const SPINNING: &CStr = c"stop = False
def outer():
    return spin()

def spin():
    while not stop:
        pass
";

fn start_readable() -> (Runtime, ThreadState) {
    let (runtime, main) = start();
    if runtime.info().version < (3, 13, 0) {
        assert_eq!(stacks(), None, "before 3.13 there is no table of offsets");
        not_applicable("CPython describes its structures from 3.13 on");
    }
    assert!(stacks().is_some(), "the layout of this CPython is known");
    (runtime, main)
}

/// Calls `outer()` of `source` on a thread of its own; the module's file is `file`.
fn run(
    interpreter: &'static Interpreter,
    file: &str,
    source: &'static CStr,
) -> std::thread::JoinHandle<()> {
    let file = CString::new(file).expect("no NUL");
    std::thread::spawn(move || {
        attached(interpreter, |py| {
            let module = check(py, py.module_from_source(c"shown", &file, source));
            check(py, module.call_method(py, c"outer", &[]));
        });
    })
}

/// The stack whose innermost call is `function`, as soon as there is one that `pleases`.
fn wait_for(function: &str, pleases: impl Fn(&ThreadStack) -> bool) -> ThreadStack {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        let found = stacks().expect("readable").into_iter().find(|stack| {
            stack
                .frames
                .first()
                .is_some_and(|frame| frame.function == function)
                && pleases(stack)
        });
        if let Some(found) = found {
            return found;
        }
    }
    panic!("no thread was seen in {function}: {:#?}", stacks());
}

fn shown(stack: &ThreadStack) -> Vec<String> {
    stack
        .frames
        .iter()
        .map(|frame| format!("{} {}:{}", frame.function, frame.file, frame.line))
        .collect()
}

pub(crate) fn spinning_threads_show_where_they_are() {
    let (runtime, mut main) = start_readable();
    let states = sub_interpreters(&runtime, &mut main, true, 2);
    for state in &states {
        let interpreter = state.interpreter();
        run(interpreter, "spin.py", SPINNING);
        let stack = wait_for("spin", |stack| stack.interpreter == interpreter.id());
        let lines = shown(&stack);
        assert!(
            ["spin spin.py:6", "spin spin.py:7"].contains(&&*lines[0]),
            "{lines:?}"
        );
        assert_eq!(lines[1..], ["outer spin.py:3"]);
        let in_this_process = format!("/proc/self/task/{}", stack.native_id);
        assert!(std::path::Path::new(&in_this_process).exists());
    }
}

pub(crate) fn c_code_that_holds_the_gil_is_seen() {
    let (runtime, main) = start_readable();
    let thread = run(runtime.main(), "hold.py", HOLDING);
    let gil = runtime.info().gil_enabled;
    let stack = wait_for("holding", |stack| stack.holds_gil == gil);
    assert_eq!(stack.interpreter, 0);
    let lines = shown(&stack);
    assert!(
        lines[0].starts_with("holding hold.py:1") || lines[0] == "holding hold.py:9",
        "{lines:?}"
    );
    assert_eq!(lines[1..], ["middle hold.py:6", "outer hold.py:2"]);
    thread.join().expect("the power was computed");
    drop(main);
}

pub(crate) fn names_beyond_ascii_are_read() {
    let (runtime, main) = start_readable();
    for file in [
        "/home/josé/app.py",
        "/srv/приложение.py",
        "/srv/\u{1f943}.py",
    ] {
        run(runtime.main(), file, SPINNING);
        let stack = wait_for("spin", |stack| stack.frames[0].file == file);
        assert_eq!(stack.frames[1].function, "outer");
    }
    drop(main);
}

/// Torn and stale pointers give less, never a fault.
pub(crate) fn changing_stacks_can_be_read() {
    let (runtime, mut main) = start_readable();
    let states = sub_interpreters(&runtime, &mut main, true, 2);
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = states
        .iter()
        .flat_map(|state| [state.interpreter(); 2])
        .map(|interpreter| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    attached(interpreter, |py| {
                        let source = c"
def outer(depth=60):
    return [outer(depth - 1) for _ in range(1)] if depth else eval('1+1')
";
                        let module = py.module_from_source(c"deep", c"deep.py", source);
                        check(py, check(py, module).call_method(py, c"outer", &[]));
                    });
                }
            })
        })
        .collect();
    // Read until frames were seen, too: on a busy machine the threads may
    // start after the first four hundred readings.
    let (mut readings, mut frames) = (0, 0);
    let deadline = Instant::now() + Duration::from_secs(60);
    while (readings < 400 || frames <= 400) && Instant::now() < deadline {
        frames += stacks()
            .expect("readable")
            .iter()
            .map(|stack| stack.frames.len())
            .sum::<usize>();
        readings += 1;
    }
    stop.store(true, Ordering::Relaxed);
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("the thread ran"));
    println!("{frames} frames in {readings} readings");
    assert!(frames > 400);
}
