//! An application that is no Python.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rickhouse_daemon::{Ended, Engine, Handler, WireExchange};
use rickhouse_host::{Exchange as _, ResponseHead};
use rickhouse_wire::RequestFrame;

use crate::Bench;

pub(crate) struct Application {
    gil: Mutex<()>,
    under_lock: Duration,
    outside: Duration,
    body: Vec<u8>,
}

impl Application {
    pub(crate) fn new(options: &Bench) -> Arc<Self> {
        let bytes = usize::try_from(options.number("bytes", 14)).expect("fits into memory");
        Arc::new(Application {
            gil: Mutex::new(()),
            under_lock: Duration::from_micros(options.number("gil-us", 20)),
            outside: Duration::from_millis(options.number("sleep-ms", 0)),
            body: vec![b'x'; bytes],
        })
    }
}

impl Engine for Application {
    type Handler = Thread;

    fn import(&self) {}

    fn handler(self: &Arc<Self>, _number: usize) -> Thread {
        Thread(Arc::clone(self))
    }

    fn interrupted(&self, _number: usize) -> Option<Duration> {
        None
    }

    fn silence(&self) -> Duration {
        Duration::ZERO
    }

    fn publish_signal(&self, _signal: &str) {}

    fn publish_stopping(&self, _reason: &str) {}

    fn dump_stacks(&self, _number: usize) {}

    fn stop(&self) {}
}

pub(crate) struct Thread(Arc<Application>);

impl Handler for Thread {
    fn handle(&mut self, _request: &RequestFrame<'_>, exchange: &mut WireExchange<'_>) -> Ended {
        let application = &self.0;
        if !application.outside.is_zero() {
            thread::sleep(application.outside);
        }
        let mut entries = 0;
        {
            let _gil = application.gil.lock();
            let begun = Instant::now();
            exchange.loaded();
            exchange.environ(&mut |_, _| entries += 1);
            while begun.elapsed() < application.under_lock {}
        }
        assert_eq!(entries, 33);
        let head = ResponseHead {
            status: 200,
            reason: b"OK",
            headers: &[(b"Content-Type", b"text/plain")],
            length: Some(application.body.len() as u64),
            length_declared: false,
        };
        let sent = exchange.start(&head).and_then(|()| {
            if application.body.len() <= exchange.room() {
                exchange.push(&application.body);
                return Ok(());
            }
            exchange.write(&application.body)
        });
        // A client that has left was told to stop.
        let _gone = sent;
        Ended::Answered
    }
}
