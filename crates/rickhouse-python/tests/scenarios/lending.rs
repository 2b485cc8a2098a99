//! Values on the stack that are lent to Python objects.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use rickhouse_python::{Lendable, ScopeError, Scoped};

use crate::support::{attached, start};

struct Number;

impl Lendable for Number {
    type Of<'a> = u32;
}

pub(crate) fn a_place_is_vacant_outside_a_loan() {
    let (_runtime, mut main) = start();
    let place = Scoped::<Number>::vacant();
    let read = |place: &Scoped<Number>| place.with(|number| *number);
    assert_eq!(read(&place), Err(ScopeError::Vacant));
    main.attach(|py| {
        place.lend(py, &mut 7, || assert_eq!(read(&place), Ok(7)));
        assert_eq!(read(&place), Err(ScopeError::Vacant));
        let mut number = 1;
        place.lend(py, &mut number, || {
            place.with(|number| *number += 1).expect("lent");
        });
        assert_eq!(number, 2);
    });
}

pub(crate) fn a_second_user_is_told_that_it_is_busy() {
    let (_runtime, mut main) = start();
    let place = Scoped::<Number>::vacant();
    main.attach(|py| {
        place.lend(py, &mut 7, || {
            let inner = place.with(|_| place.with(|number| *number));
            assert_eq!(inner, Ok(Err(ScopeError::Busy)));
            let waiting = place.with(|_| place.with_turn(py, |number| *number));
            assert_eq!(waiting, Ok(Err(ScopeError::Busy)), "not for itself");
            let nested = catch_unwind(AssertUnwindSafe(|| place.lend(py, &mut 8, || ())));
            assert!(nested.is_err(), "one value at a time");
            assert_eq!(place.with(|number| *number), Ok(7));
        });
    });
}

/// A thread of the application still uses the value when the call returns, and needs the interpreter to finish.
pub(crate) fn a_loan_ends_after_its_last_user() {
    let (runtime, mut main) = start();
    let place = Arc::new(Scoped::<Number>::vacant());
    let finished = Arc::new(AtomicBool::new(false));
    let (using, in_use) = mpsc::channel();
    let interpreter = runtime.main();
    let user = {
        let (place, finished) = (Arc::clone(&place), Arc::clone(&finished));
        std::thread::spawn(move || {
            attached(interpreter, |py| {
                py.detach(|| while place.with(|_| ()) == Err(ScopeError::Vacant) {});
                place
                    .with(|number| {
                        py.detach(|| {
                            using.send(()).expect("the lender listens");
                            std::thread::sleep(std::time::Duration::from_millis(100));
                        });
                        *number += 1;
                        finished.store(true, Ordering::SeqCst);
                    })
                    .expect("lent");
            });
        })
    };
    let mut number = 1;
    main.attach(|py| {
        place.lend(py, &mut number, || {
            py.detach(move || in_use.recv().expect("the user comes"));
        });
        assert!(finished.load(Ordering::SeqCst), "the value was taken away");
    });
    assert_eq!(number, 2);
    user.join().expect("the user finished");
}

pub(crate) fn a_panic_ends_the_loan() {
    let (_runtime, mut main) = start();
    let place = Scoped::<Number>::vacant();
    main.attach(|py| {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            place.lend(py, &mut 7, || place.with(|_| panic!("on purpose")))
        }));
        assert!(outcome.is_err());
        assert_eq!(place.with(|number| *number), Err(ScopeError::Vacant));
        place.lend(py, &mut 8, || {
            assert_eq!(place.with(|number| *number), Ok(8));
        });
    });
}
