//! Classes with a Rust payload, and callbacks.

use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering};

use rickhouse_python::{Class, ClassHandle, Error, ErrorKind, Method};

use crate::support::{call, callback, check, failure, module, start};

static ALIVE: AtomicUsize = AtomicUsize::new(0);

struct Counted(#[allow(dead_code, reason = "gives the payload something to free")] Box<[u64; 8]>);

impl Counted {
    fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Counted(Box::new([7; 8]))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Class for Counted {
    const NAME: &'static CStr = c"scenario.Counted";
    fn methods() -> Vec<Method<Self>> {
        Vec::new()
    }
}

pub(crate) fn a_panic_becomes_a_runtime_error() {
    let (_runtime, mut main) = start();
    main.attach(|py| {
        let panics = callback(py, |_, _| panic!("with {} details", 3));
        assert_eq!(
            failure(py, panics.call(py, &[])),
            "RuntimeError: internal error in rickhouse: with 3 details"
        );
        let odd = callback(py, |_, _| std::panic::panic_any(3_u8));
        assert_eq!(
            failure(py, odd.call(py, &[])),
            "RuntimeError: internal error in rickhouse: no message"
        );
    });
}

pub(crate) fn an_error_keeps_its_traceback() {
    let (_runtime, mut main) = start();
    main.attach(|py| {
        let source = c"
import traceback
def fails():
    raise KeyError('deep')
def through(function):
    try:
        function(fails)
    except KeyError as error:
        return [frame.name for frame in traceback.extract_tb(error.__traceback__)]
";
        let pass_on = callback(py, |py, args| args.positional()[0].call(py, &[]));
        let scenario = module(py, source);
        assert_eq!(
            call(py, &scenario, c"through", &[&pass_on]),
            "['through', 'fails']"
        );
    });
}

pub(crate) fn instances_do_not_leak() {
    let (_runtime, mut main) = start();
    main.attach(|py| {
        let class = check(py, ClassHandle::<Counted>::new(py));
        let scenario = module(
            py,
            c"
import sys
def references(thing):
    return sys.getrefcount(thing)
",
        );
        let object = class.object(py);
        let references = || call(py, &scenario, c"references", &[&object]);
        let make = |count: usize| {
            for _ in 0..count {
                drop(check(py, class.instance(py, Counted::new())));
            }
        };
        make(10_000);
        let (before, memory) = (references(), resident_kib());
        make(100_000);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
        assert_eq!(references(), before);
        let grown = resident_kib().saturating_sub(memory);
        assert!(grown < 2048, "100,000 instances left {grown} KiB behind");
        let kept = check(py, class.instance(py, Counted::new()));
        assert_eq!(ALIVE.load(Ordering::Relaxed), 1);
        drop(kept);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    });
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|number| number.parse().ok())
        .expect("VmRSS is a number of KiB")
}

/// An instance without a payload would be memory of any content for Rust.
pub(crate) fn instances_cannot_be_forged() {
    let (_runtime, mut main) = start();
    main.attach(|py| {
        let class = check(py, ClassHandle::<Counted>::new(py));
        let instance = check(py, class.instance(py, Counted::new()));
        let source = c"
import copy, pickle
class Plain:
    __slots__ = ()
class Victim:
    pass
def forgeries(instance):
    cls = type(instance)
    victim = Victim()
    def assign(): victim.__class__ = cls
    def away(): instance.__class__ = Victim
    def patch(): cls.read = lambda self: None
    attempts = [
        cls, lambda: object.__new__(cls), lambda: cls.__new__(cls), lambda: copy.copy(instance),
        lambda: copy.deepcopy(instance), lambda: pickle.loads(pickle.dumps(instance)),
        lambda: type('Sub', (cls,), {})(), lambda: type('Sub', (cls, Plain), {}), assign, away, patch,
    ]
    made = []
    for number, attempt in enumerate(attempts):
        try:
            made.append((number, attempt()))
        except (TypeError, pickle.PicklingError):
            pass
    return made
";
        let scenario = module(py, source);
        assert_eq!(call(py, &scenario, c"forgeries", &[&instance]), "[]");
    });
}

pub(crate) fn arguments_arrive_as_given() {
    let (_runtime, mut main) = start();
    main.attach(|py| {
        let count = callback(py, |py, args| {
            let text = format!("{} {}", args.positional().len(), args.has_keywords());
            py.str(&text)
        });
        let source = c"
def results(f):
    class Bound:
        pass
    return [f(), f(1), f(1, 2, 3), f(a=1), f(1, b=2), f(*range(50)), f(**{'x': 1})]
";
        let scenario = module(py, source);
        assert_eq!(
            call(py, &scenario, c"results", &[&count]),
            "['0 false', '1 false', '3 false', '0 true', '1 true', '50 false', '0 true']"
        );
    });
}

/// CPython takes anything for the raised exception and crashes on what is none.
pub(crate) fn only_exceptions_are_raised() {
    let (_runtime, mut main) = start();
    main.attach(|py| {
        let raise = callback(py, |py, args| {
            Err(Error::from_value(py, args.positional()[0].clone()))
        });
        let restore = callback(py, |py, args| {
            let [class, value, traceback] = args.positional() else {
                return Err(Error::new(py, ErrorKind::Type, "three arguments"));
            };
            Err(Error::from_exc_info(py, class, value, traceback))
        });
        let source = c"
import sys
def outcome(function, *args):
    try:
        function(*args)
    except BaseException as error:
        return f'{type(error).__name__}: {error}'
def all_outcomes(raise_, restore):
    try:
        1 / 0
    except ZeroDivisionError:
        info = sys.exc_info()
    return '; '.join([
        outcome(raise_, 5), outcome(raise_, ValueError), outcome(raise_, ValueError('v')),
        outcome(restore, *info), outcome(restore, ValueError, None, None), outcome(restore, ValueError, 'v', None),
        outcome(restore, 1, 2, None), outcome(restore, ValueError, ValueError('v'), 3),
    ])
";
        let scenario = module(py, source);
        let refused = "TypeError: exceptions must derive from BaseException";
        assert_eq!(
            call(py, &scenario, c"all_outcomes", &[&raise, &restore]),
            format!(
                "{refused}; {refused}; ValueError: v; ZeroDivisionError: division by zero; ValueError: ; \
                 ValueError: v; {refused}; TypeError: __traceback__ must be a traceback or None"
            )
        );
    });
}
