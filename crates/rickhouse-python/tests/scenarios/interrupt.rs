//! Exceptions raised in other threads.

use std::sync::mpsc;

use rickhouse_python::{ThreadIdent, request_async_exception};

use crate::support::{attached, call, check, module, start, sub_interpreters};

const SPIN: &std::ffi::CStr = c"
class Interrupted(BaseException):
    pass
def spin(begun):
    try:
        begun()
        while True:
            pass
    except Interrupted:
        return 'interrupted'
def quick():
    return sum(range(1000))
";

pub(crate) fn an_exception_reaches_a_spinning_thread() {
    let (runtime, mut main) = start();
    let mut interpreters = vec![runtime.main()];
    let own_gil = runtime.info().version >= (3, 12, 0);
    let states = sub_interpreters(&runtime, &mut main, own_gil, 1);
    interpreters.extend(states.iter().map(|state| state.interpreter()));
    for interpreter in interpreters {
        let (begun, begin) = mpsc::channel();
        let spinner = std::thread::spawn(move || {
            attached(interpreter, |py| {
                let ident = ThreadIdent::current();
                let scenario = module(py, SPIN);
                let class = check(py, scenario.attr(c"Interrupted"));
                let class = rickhouse_python::Handle::new(py, &class);
                let message = std::sync::Mutex::new(Some((ident, class)));
                let tell = crate::support::callback(py, move |py, _| {
                    begun
                        .send(message.lock().expect("one user").take())
                        .expect("the scenario listens");
                    Ok(py.none())
                });
                call(py, &scenario, c"spin", &[&tell])
            })
        });
        let (ident, class) = begin.recv().expect("the thread spins").expect("told once");
        attached(interpreter, |py| {
            assert!(request_async_exception(py, ident, Some(&class.bind(py))));
        });
        assert_eq!(spinner.join().expect("it ended"), "interrupted");
    }
}

pub(crate) fn a_pending_exception_can_be_taken_back() {
    let (_runtime, mut main) = start();
    main.attach(|py| {
        let scenario = module(py, SPIN);
        let class = check(py, scenario.attr(c"Interrupted"));
        let quick = check(py, scenario.attr(c"quick"));
        let ident = ThreadIdent::current();
        assert!(request_async_exception(py, ident, Some(&class)));
        assert!(request_async_exception(py, ident, None));
        assert_eq!(check(py, check(py, quick.call(py, &[])).to_i64()), 499_500);
        // And without taking it back it does arrive.
        assert!(request_async_exception(py, ident, Some(&class)));
        let error = quick
            .call(py, &[])
            .map(drop)
            .expect_err("the exception is pending");
        assert!(error.is_instance(py, &class));
    });
}

pub(crate) fn a_thread_of_another_interpreter_is_unknown() {
    let (runtime, mut main) = start();
    let states = sub_interpreters(&runtime, &mut main, false, 1);
    let interpreter = states[0].interpreter();
    let (tell, told) = mpsc::channel();
    let (finish, finished) = mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        attached(interpreter, |py| {
            tell.send(ThreadIdent::current()).expect("listening");
            py.detach(move || finished.recv().expect("the scenario finishes"));
            call(py, &module(py, SPIN), c"quick", &[])
        })
    });
    let ident = told.recv().expect("it began");
    main.attach(|py| {
        let class = check(py, module(py, SPIN).attr(c"Interrupted"));
        assert!(!request_async_exception(py, ident, Some(&class)));
    });
    finish.send(()).expect("it waits");
    assert_eq!(other.join().expect("it ended"), "499500");
}
