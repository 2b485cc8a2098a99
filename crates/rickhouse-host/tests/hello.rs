//! A request through a real CPython, embedded.

mod support;

use rickhouse_host::{Host, Interpreters, Worker};
use support::{MemoryExchange, application, python, settings};

const HELLO: &str = r#"
import threading

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello ", environ["PATH_INFO"].encode("latin-1")]
"#;

fn main() {
    let (runtime, main) = python();
    let own_gil = runtime.info().version >= (3, 12, 0);
    let (_folder, path) = application(HELLO);
    let mut settings = settings(path);
    settings.interpreters = if own_gil {
        Interpreters::Own(3)
    } else {
        Interpreters::Shared(3)
    };
    let host = Host::start(runtime, main, &settings).expect("the application loads");
    std::thread::scope(|scope| {
        for application in host.applications() {
            scope.spawn(move || {
                let mut worker = Worker::new(application, 0);
                for number in 0..200 {
                    let mut exchange = MemoryExchange::get(&format!("/{number}"));
                    worker.handle(&mut exchange);
                    assert_eq!(exchange.status, Some((200, b"OK".to_vec())));
                    assert_eq!(exchange.text(), format!("hello /{number}"));
                }
            });
        }
    });
    let report = host.watch().report();
    assert_eq!(
        report
            .iter()
            .map(|interpreter| interpreter.finished)
            .sum::<u64>(),
        600
    );
    host.stop();
    // CPython must not be finalised while interpreters live, so the process leaves as the product does.
    rickhouse_python::exit_now(0);
}
