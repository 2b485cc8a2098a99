//! Making interpreters, and what can be done in them.

use std::sync::mpsc;
use std::time::Duration;

use rickhouse_python::{InitConfig, InterpreterError, Runtime};

use crate::runner::not_applicable;
use crate::support::{attached, call, check, module, start, sub_interpreters};

const FORK: &std::ffi::CStr = c"
import os
def fork():
    try:
        pid = os.fork()
    except RuntimeError as error:
        return str(error)
    if pid == 0:
        os._exit(0)
    return f'forked {os.waitpid(pid, 0)[1]}'
";

pub(crate) fn fork_is_refused_in_sub_interpreters() {
    let (runtime, mut main) = start();
    if runtime.info().version < (3, 12, 0) {
        not_applicable("before 3.12 CPython has no such switch; rickhouse-host replaces os.fork");
    }
    for own_gil in [false, true] {
        let mut states = sub_interpreters(&runtime, &mut main, own_gil, 1);
        states[0].attach(|py| {
            let text = call(py, &module(py, FORK), c"fork", &[]);
            assert_eq!(text, "fork not supported for isolated subinterpreters");
        });
    }
}

pub(crate) fn programs_can_be_started_from_sub_interpreters() {
    let (runtime, mut main) = start();
    for own_gil in [false, runtime.info().version >= (3, 12, 0)] {
        let mut states = sub_interpreters(&runtime, &mut main, own_gil, 1);
        states[0].attach(|py| {
            let source = c"
import subprocess
def run():
    return subprocess.run(['echo', 'hello'], capture_output=True, timeout=30).stdout
";
            assert_eq!(call(py, &module(py, source), c"run", &[]), "b'hello\\n'");
        });
    }
}

pub(crate) fn daemon_threads_are_allowed() {
    let (runtime, mut main) = start();
    for own_gil in [false, runtime.info().version >= (3, 12, 0)] {
        let mut states = sub_interpreters(&runtime, &mut main, own_gil, 1);
        states[0].attach(|py| {
            let source = c"
import threading
def start():
    begun = threading.Event()
    def run():
        begun.set()
        threading.Event().wait()
    threading.Thread(target=run, daemon=True).start()
    return begun.wait(30)
";
            assert_eq!(call(py, &module(py, source), c"start", &[]), "True");
        });
    }
}

/// Also when no thread has a state in it for a while.
pub(crate) fn an_interpreter_outlives_the_thread_that_made_it() {
    let (runtime, _main) = start();
    for own_gil in [false, runtime.info().version >= (3, 12, 0)] {
        let made = std::thread::scope(|scope| {
            let make = || {
                let mut main = rickhouse_python::ThreadState::new(runtime.main());
                let mut states = sub_interpreters(&runtime, &mut main, own_gil, 1);
                states[0].attach(|py| check(py, py.import(c"threading").map(drop)));
                states[0].interpreter()
            };
            scope.spawn(make).join().expect("the thread ends")
        });
        for _ in 0..2 {
            attached(made, |py| check(py, py.import(c"json").map(drop)));
        }
    }
}

pub(crate) fn only_main_makes_interpreters() {
    let (runtime, mut main) = start();
    let mut states = sub_interpreters(&runtime, &mut main, false, 1);
    let refused = states[0].attach(|py| runtime.new_interpreter(py, false).map(drop));
    assert!(
        matches!(refused, Err(InterpreterError::NotMain)),
        "{refused:?}"
    );
    if runtime.info().version < (3, 12, 0) {
        let refused = main.attach(|py| runtime.new_interpreter(py, true).map(drop));
        assert!(
            matches!(refused, Err(InterpreterError::OwnGilUnsupported)),
            "{refused:?}"
        );
    }
}

/// Several threads at once: each call makes an interpreter or says that another is being made; none waits for ever.
pub(crate) fn one_interpreter_is_made_at_a_time() {
    let (runtime, mut main) = start();
    let runtime = &runtime;
    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    (0..4)
                        .map(|_| {
                            attached(runtime.main(), |py| {
                                runtime.new_interpreter(py, false).map(drop)
                            })
                        })
                        .filter(|made| match made {
                            Ok(()) => true,
                            Err(InterpreterError::Busy) => false,
                            Err(error) => panic!("{error}"),
                        })
                        .count()
                })
            })
            .collect();
        let made: usize = makers
            .into_iter()
            .map(|maker| maker.join().expect("the thread ran"))
            .sum();
        assert!(made >= 1);
        println!("{made} of 12 were made");
    });
    main.attach(|py| assert_eq!(py.interpreter_id(), 0));
}

/// While C code holds one GIL for long, another interpreter can be entered.
pub(crate) fn own_gil_interpreters_do_not_wait_for_each_other() {
    let (runtime, mut main) = start();
    let states = sub_interpreters(&runtime, &mut main, true, 2);
    let [busy, idle] = [states[0].interpreter(), states[1].interpreter()];
    let (begun, begin) = mpsc::channel();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        attached(busy, |py| {
            let scenario = module(
                py,
                c"
def hold():
    return (3 ** 2500000) % 7
",
            );
            begun.send(()).expect("the scenario listens");
            call(py, &scenario, c"hold", &[]);
        });
        ended.send(()).expect("the scenario listens");
    });
    begin.recv().expect("the thread began");
    let mut entered = 0;
    while end.recv_timeout(Duration::from_millis(1)).is_err() {
        attached(idle, |py| drop(check(py, py.str("in"))));
        entered += 1;
    }
    println!("entered {entered} times");
    assert!(
        entered > 10,
        "entered {entered} times while another GIL was held"
    );
}

pub(crate) fn a_second_start_is_refused() {
    let (_runtime, mut main) = start();
    let again = Runtime::initialize(&InitConfig {
        program: Some("python3".into()),
        utf8_mode: Some(true),
        free_threading: true,
        ..InitConfig::default()
    });
    assert_eq!(
        again.map(drop).expect_err("CPython lives once").to_string(),
        "CPython did not start: it runs in this process already"
    );
    main.attach(|py| assert!(py.none().is_none()));
}
