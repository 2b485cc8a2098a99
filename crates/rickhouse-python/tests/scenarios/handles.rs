//! References beyond an attach.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rickhouse_python::{Handle, Python, ThreadState};

use crate::support::{call, callback, check, module, start, sub_interpreters};

const SOURCE: &std::ffi::CStr = c"
import threading, weakref
class Kept:
    pass
def keep():
    global watched
    kept = Kept()
    watched = weakref.ref(kept)
    return kept
def alive():
    return watched() is not None
def on_a_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
";

fn kept(py: Python<'_>) -> (Handle, Handle) {
    let scenario = module(py, SOURCE);
    let object = check(py, scenario.call_method(py, c"keep", &[]));
    (Handle::new(py, &object), Handle::new(py, &scenario))
}

pub(crate) fn a_handle_dropped_while_detached_is_released_at_the_next_attach() {
    let (_runtime, mut main) = start();
    let (kept, scenario) = main.attach(kept);
    main.attach(|py| {
        let kept = kept.clone_ref(py);
        drop(kept);
        assert_eq!(call(py, &scenario.bind(py), c"alive", &[]), "True");
    });
    std::thread::spawn(move || drop(kept))
        .join()
        .expect("dropping works anywhere");
    main.attach(|py| assert_eq!(call(py, &scenario.bind(py), c"alive", &[]), "False"));
}

pub(crate) fn a_handle_dropped_on_a_thread_of_python_is_released_later() {
    let (_runtime, mut main) = start();
    let (kept, scenario) = main.attach(kept);
    main.attach(|py| {
        let kept = std::sync::Mutex::new(Some(kept));
        let release = callback(py, move |py, _| {
            drop(kept.lock().expect("one user").take());
            Ok(py.none())
        });
        call(py, &scenario.bind(py), c"on_a_thread", &[&release]);
    });
    main.attach(|py| assert_eq!(call(py, &scenario.bind(py), c"alive", &[]), "False"));
}

pub(crate) fn a_handle_is_refused_by_another_interpreter() {
    let (runtime, mut main) = start();
    let mut states = sub_interpreters(&runtime, &mut main, false, 1);
    let handle = main.attach(|py| Handle::new(py, &check(py, py.str("of main"))));
    let bound = catch_unwind(AssertUnwindSafe(|| {
        states[0].attach(|py| handle.bind(py).is_none())
    }));
    assert!(bound.is_err(), "two heaps were mixed");
    let counted = states[0].attach(|_| handle.reference_count());
    assert_eq!(counted, None);
    // Dropped under the other interpreter, it is left to its own.
    states[0].attach(|_| drop(handle));
    main.attach(|py| assert!(py.none().is_none()));
}

pub(crate) fn sole_references_are_recognised() {
    let (runtime, mut main) = start();
    let (handle, list) = main.attach(|py| {
        let list = check(py, py.list(&[]));
        let handle = Handle::new(py, &list);
        assert_eq!(handle.reference_count(), Some(2));
        assert!(!handle.is_unique());
        drop(list);
        assert!(handle.is_unique());
        let second = handle.clone_ref(py);
        assert!(!handle.is_unique());
        (handle, second)
    });
    assert_eq!(handle.reference_count(), None, "nobody is attached");
    main.attach(|_| drop(list));
    main.attach(|_| assert!(handle.is_unique()));
    // Another thread that takes a reference is seen, at the latest while it has it.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut state = ThreadState::new(runtime.main());
            state.attach(|py| {
                let _borrowed = handle.bind(py);
                assert!(!handle.is_unique());
            });
        });
    });
}
