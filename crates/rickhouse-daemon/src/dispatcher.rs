//! The thread that delivers signals to the application: its callbacks may take their time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rickhouse_os::signal_pipe::SignalPipe;
use tracing::error;

use crate::engine::Engine;
use crate::notice::signal_name;
use crate::process::Process;
use crate::run::thread_builder;

/// See the module.
pub(crate) struct Dispatcher {
    thread: JoinHandle<()>,
    events: Arc<Events>,
}

/// What it waits for. That there is no more to come is said beside the pipe, which may be full.
struct Events {
    pipe: SignalPipe,
    over: AtomicBool,
}

/// Wakes the thread, and is no signal.
const WAKE: u8 = b'.';

impl Dispatcher {
    pub(crate) fn start<E: Engine>(
        process: &Process<E>,
        pipe: SignalPipe,
        stack_size: Option<usize>,
    ) -> Option<Self> {
        let over = AtomicBool::new(false);
        let events = Arc::new(Events { pipe, over });
        let (engine, heard) = (Arc::clone(&process.engine), Arc::clone(&events));
        let thread = thread_builder("wsgi-signals".to_owned(), stack_size)
            .spawn(move || dispatch(&heard, |signal| engine.publish_signal(signal)));
        match thread {
            Ok(thread) => Some(Dispatcher { thread, events }),
            Err(error) => {
                error!(
                    code = "WSGI0207",
                    "Unable to create signal dispatcher thread in daemon process '{}': {error}.",
                    process.group
                );
                None
            }
        }
    }

    /// Ends the thread after the callbacks for what has come; waits for it.
    pub(crate) fn end(self) -> thread::Result<()> {
        self.events.end();
        self.thread.join()
    }
}

impl Events {
    fn end(&self) {
        self.over.store(true, SeqCst);
        self.pipe.notify(WAKE);
    }
}

fn dispatch(events: &Events, publish: impl Fn(&str)) {
    loop {
        let over = events.over.load(SeqCst);
        match events.pipe.next(over.then_some(Duration::ZERO)) {
            Ok(None) if over => return,
            Ok(byte) => {
                if let Some(name) = byte.and_then(signal_name) {
                    publish(name);
                }
            }
            Err(error) => {
                error!(
                    code = "WSGI0208",
                    level = "alert",
                    "Read failed on signal event pipe: {error}."
                );
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn the_end_is_heard_past_a_full_pipe() {
        let pipe = SignalPipe::take(&[]).expect("a pipe");
        // More than a pipe holds, unless somebody has made it larger.
        (0..1 << 17).for_each(|_| pipe.notify(b'H'));
        let over = AtomicBool::new(false);
        let events = Events { pipe, over };
        events.end();
        let published = Cell::new(0);
        dispatch(&events, |signal| {
            assert_eq!(signal, "SIGHUP");
            published.set(published.get() + 1);
        });
        assert!(published.get() > 0, "what came before the end");
    }
}
