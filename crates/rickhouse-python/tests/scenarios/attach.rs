//! Attaching and detaching.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rickhouse_python::{Handle, Interpreter, ThreadState};

use crate::runner::not_applicable;
use crate::support::{attached, call, callback, check, failure, module, start, sub_interpreters};

const THREADS: i64 = 4;
const ROUNDS: i64 = 1500;

pub(crate) fn many_threads_of_shared_interpreters() {
    many_threads(false);
}

pub(crate) fn many_threads_of_own_gil_interpreters() {
    many_threads(true);
}

/// Every thread sees its own `threading.local` in every attach, and no increment is lost.
fn many_threads(own_gil: bool) {
    let (runtime, mut main) = start();
    let mut states = sub_interpreters(&runtime, &mut main, own_gil, 3);
    for state in &mut states {
        let modules: Vec<Handle> = vec![state.attach(|py| {
            let source = c"
import threading
own = threading.local()
lock = threading.Lock()
total = 0
def step(pause):
    global total
    own.count = getattr(own, 'count', 0) + 1
    pause()
    with lock:
        total += 1
    return own.count
";
            Handle::new(py, &module(py, source))
        })];
        let interpreter = state.interpreter();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                let module = &modules[0];
                scope.spawn(move || one_thread(interpreter, module));
            }
        });
        state.attach(|py| {
            let total = check(py, modules[0].bind(py).attr(c"total"));
            assert_eq!(check(py, total.to_i64()), THREADS * ROUNDS);
        });
        assert!(interpreter.attach_stats().count > (THREADS * ROUNDS) as u64 * 2);
    }
}

fn one_thread(interpreter: &'static Interpreter, module: &Handle) {
    let mut state = ThreadState::new(interpreter);
    for round in 1..=ROUNDS {
        state.attach(|py| {
            let pause = callback(py, |py, _| {
                py.detach(std::thread::yield_now);
                Ok(py.none())
            });
            let count = call(py, &module.bind(py), c"step", &[&pause]);
            assert_eq!(count, round.to_string());
        });
    }
}

pub(crate) fn busy_threads_share_the_main_interpreter() {
    let (runtime, main) = start();
    fair_shares(&[runtime.main(), runtime.main()]);
    drop(main);
}

/// The gate belongs to the GIL: two interpreters under one GIL queue for it together.
pub(crate) fn busy_threads_of_shared_interpreters_share_the_gil() {
    let (runtime, mut main) = start();
    let states = sub_interpreters(&runtime, &mut main, false, 2);
    fair_shares(&[states[0].interpreter(), states[1].interpreter()]);
}

fn fair_shares(interpreters: &[&'static Interpreter]) {
    let done = AtomicBool::new(false);
    let ready = AtomicU32::new(0);
    let run = |interpreter: &'static Interpreter| {
        let mut state = ThreadState::new(interpreter);
        let work = state.attach(|py| {
            // CPython itself hands over only when a thread detaches: what is fair then is the gate.
            let source = c"
import sys
sys.setswitchinterval(30)
def work():
    return sum(i * i for i in range(8000))
";
            Handle::new(py, &check(py, module(py, source).attr(c"work")))
        });
        ready.fetch_add(1, Ordering::Relaxed);
        while ready.load(Ordering::Relaxed) < 2 {
            std::thread::yield_now();
        }
        let mut calls = 0_u32;
        while !done.load(Ordering::Relaxed) {
            state.attach(|py| drop(check(py, work.bind(py).call(py, &[]))));
            calls += 1;
        }
        calls
    };
    let shares: Vec<u32> = std::thread::scope(|scope| {
        let threads: Vec<_> = interpreters
            .iter()
            .map(|interpreter| scope.spawn(|| run(interpreter)))
            .collect();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(20));
        }
        done.store(true, Ordering::Relaxed);
        threads
            .into_iter()
            .map(|thread| thread.join().expect("the thread ran"))
            .collect()
    });
    let total: u32 = shares.iter().sum();
    println!("calls: {shares:?}");
    for share in shares {
        assert!(share * 4 >= total, "a thread got {share} of {total} calls");
    }
}

/// Whoever waits for the GIL gets it before a thread that lets go of it and comes back at once, also from another
/// interpreter under the same GIL.
pub(crate) fn who_comes_back_queues_behind_who_waits() {
    let (runtime, mut main) = start();
    if !runtime.info().gil_enabled {
        not_applicable("without a GIL nobody waits");
    }
    let states = sub_interpreters(&runtime, &mut main, false, 2);
    let main = runtime.main();
    let [one, two] = [states[0].interpreter(), states[1].interpreter()];
    for (holder, waiter) in [(main, main), (one, two), (main, one), (two, main)] {
        for round in 0..10 {
            assert!(
                comes_in_between(holder, waiter),
                "round {round}: the waiting thread was overtaken"
            );
        }
    }
}

/// Whether a waiting thread enters while the holder of the GIL detaches for a moment.
fn comes_in_between(holder: &'static Interpreter, waiter: &'static Interpreter) -> bool {
    let entered = AtomicBool::new(false);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        attached(holder, |py| {
            let entered = &entered;
            scope.spawn(move || {
                let mut state = ThreadState::new(waiter);
                let task = std::fs::read_link("/proc/thread-self").expect("Linux has it");
                tell.send(task).expect("the holder listens");
                state.attach(|_| entered.store(true, Ordering::SeqCst));
            });
            let task = told.recv().expect("the thread began");
            let status = std::path::Path::new("/proc").join(task).join("stat");
            let asleep = || {
                let text = std::fs::read_to_string(&status).expect("the thread lives");
                text.rsplit(") ")
                    .next()
                    .is_some_and(|rest| rest.starts_with('S'))
            };
            // Not for a moment on its way there, but for good.
            let mut seen = 0;
            while seen < 20 {
                seen = if asleep() { seen + 1 } else { 0 };
                std::thread::yield_now();
            }
            py.detach(|| ());
            entered.load(Ordering::SeqCst)
        })
    })
}

pub(crate) fn a_second_attach_on_a_thread_panics() {
    let (runtime, mut main) = start();
    let mut second = ThreadState::new(runtime.main());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        main.attach(|_| second.attach(|_| ()));
    }));
    assert!(outcome.is_err());
    // Both still work one after the other.
    second.attach(|py| assert!(py.none().is_none()));
    main.attach(|py| assert!(py.none().is_none()));
}

/// On a thread that Python made, CPython has attached already: attaching again would end the process.
pub(crate) fn attaching_on_a_thread_of_python_is_an_exception() {
    let (runtime, mut main) = start();
    let interpreter = runtime.main();
    main.attach(|py| {
        let attach = callback(py, move |py, _| {
            attached(interpreter, |_| ());
            Ok(py.none())
        });
        let detach_first = callback(py, move |py, _| {
            py.detach(|| {
                attached(interpreter, |py| {
                    call(py, &check(py, py.import(c"os")), c"getpid", &[])
                })
            });
            Ok(py.none())
        });
        let source = c"
import threading
def on_a_thread(function):
    seen = []
    def run():
        try:
            function()
        except RuntimeError as error:
            seen.append(str(error))
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return seen
";
        let scenario = module(py, source);
        assert_eq!(
            call(py, &scenario, c"on_a_thread", &[&attach]),
            "['internal error in rickhouse: the thread is attached to an interpreter already']"
        );
        assert_eq!(call(py, &scenario, c"on_a_thread", &[&detach_first]), "[]");
        assert!(failure(py, attach.call(py, &[])).contains("attached to an interpreter already"));
    });
}

pub(crate) fn a_panic_detaches() {
    let (runtime, mut main) = start();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        main.attach(|py| {
            let _alive_while_unwinding = check(py, py.str("text"));
            panic!("on purpose");
        })
    }));
    assert!(outcome.is_err());
    let other = std::thread::spawn(move || attached(runtime.main(), |py| py.interpreter_id()));
    assert_eq!(other.join().expect("the interpreter can be entered"), 0);
    main.attach(|py| assert!(py.none().is_none()));
}

pub(crate) fn a_panic_while_detached_attaches_again() {
    let (_runtime, mut main) = start();
    main.attach(|py| {
        let outcome = catch_unwind(AssertUnwindSafe(|| py.detach(|| panic!("on purpose"))));
        assert!(outcome.is_err());
        assert_eq!(check(py, py.int(7).and_then(|seven| seven.str(py))), "7");
        assert!(py.interpreter().is_some());
    });
}

pub(crate) fn finalizers_of_a_dying_thread_state_may_call_back() {
    static CALLED: AtomicU32 = AtomicU32::new(0);
    let (runtime, mut main) = start();
    let keep = main.attach(|py| {
        let source = c"
import threading
own = threading.local()
class Farewell:
    def __init__(self, call):
        self.call = call
    def __del__(self):
        self.call()
def keep(call):
    own.farewell = Farewell(call)
";
        Handle::new(py, &check(py, module(py, source).attr(c"keep")))
    });
    let interpreter = runtime.main();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            attached(interpreter, |py| {
                let farewell = callback(py, |py, _| {
                    py.detach(|| CALLED.fetch_add(1, Ordering::Relaxed));
                    // Made and dropped while the thread state is being cleared.
                    drop(Handle::new(py, &py.none()));
                    Ok(py.none())
                });
                check(py, keep.bind(py).call(py, &[&farewell]));
            });
        });
    });
    main.attach(|py| {
        drop(check(
            py,
            py.import(c"gc")
                .and_then(|gc| gc.call_method(py, c"collect", &[])),
        ))
    });
    assert_eq!(CALLED.load(Ordering::Relaxed), 1);
}
