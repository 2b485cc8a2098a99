//! Watches over the start of a process: while the main thread starts Python and imports scripts, it hears no signals, and a
//! script that hangs would make it deaf for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rickhouse_os::signal_pipe::SignalPipe;
use tracing::warn;

use crate::stop;

/// Hears the main thread's signals in its place, and ends the process by force when it was asked to end and is still
/// starting after `shutdown-timeout`.
pub(crate) struct Watchman {
    watch: Arc<Watch>,
    thread: Option<JoinHandle<Vec<u8>>>,
}

struct Watch {
    signals: Arc<SignalPipe>,
    started: AtomicBool,
    limit: Option<Duration>,
}

/// Wakes the watchman, and is no signal.
const WAKE: u8 = b'.';

impl Watchman {
    /// Begins to watch; `limit` is the `shutdown-timeout`.
    pub(crate) fn begin(group: &str, signals: &Arc<SignalPipe>, limit: Option<Duration>) -> Self {
        let watch = Arc::new(Watch {
            signals: Arc::clone(signals),
            started: AtomicBool::new(false),
            limit,
        });
        let (watching, name) = (Arc::clone(&watch), group.to_owned());
        let thread = thread::Builder::new().name("wsgi-watchman".to_owned());
        let thread = thread.spawn(move || watching.keep(|| stop::abort(&name)));
        if let Err(error) = &thread {
            warn!(
                code = "WSGI0070",
                "Unable to create reaper thread in daemon process '{group}': {error}."
            );
        }
        Watchman {
            watch,
            thread: thread.ok(),
        }
    }

    /// The process has started: the main thread hears for itself. Tells what signals there were, each once, as bytes.
    pub(crate) fn end(self) -> Vec<u8> {
        let Some(thread) = self.thread else {
            return Vec::new();
        };
        self.watch.started.store(true, SeqCst);
        self.watch.signals.notify(WAKE);
        // A panic has been reported; what it had heard is lost with it.
        thread.join().unwrap_or_default()
    }
}

impl Watch {
    /// Listens until the process has started. `abort` does not return, outside of tests.
    fn keep(&self, abort: impl Fn()) -> Vec<u8> {
        let mut heard = Vec::new();
        let mut deadline: Option<Instant> = None;
        while !self.started.load(SeqCst) {
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                abort();
                return heard;
            }
            match self.signals.next(left) {
                Ok(None | Some(WAKE)) => {}
                Ok(Some(byte)) if heard.contains(&byte) => {}
                // Whatever the signal is, it asks the process to end.
                Ok(Some(byte)) => {
                    heard.push(byte);
                    let end = self
                        .limit
                        .and_then(|limit| Instant::now().checked_add(limit));
                    deadline = deadline.or(end);
                }
                // The main thread meets it as well, and knows what to say.
                Err(_) => break,
            }
        }
        heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rickhouse_os::poll;
    use std::os::fd::AsFd as _;

    fn watch(limit: Option<Duration>) -> Watch {
        Watch {
            signals: Arc::new(SignalPipe::take(&[]).expect("a pipe")),
            started: AtomicBool::new(false),
            limit,
        }
    }

    #[test]
    fn who_is_asked_to_end_has_until_the_deadline() {
        let watch = watch(Some(Duration::from_millis(1)));
        watch.signals.notify(b'S');
        let aborted = AtomicBool::new(false);
        watch.keep(|| aborted.store(true, SeqCst));
        assert!(aborted.into_inner());
    }

    #[test]
    fn what_was_heard_is_told_once_it_has_started() {
        for limit in [None, Some(Duration::from_secs(3600))] {
            let watch = watch(limit);
            for byte in *b"GSG.S" {
                watch.signals.notify(byte);
            }
            thread::scope(|scope| {
                let keeping = scope.spawn(|| watch.keep(|| panic!("nobody was asked in vain")));
                while poll::readable(&[watch.signals.as_fd()], Some(Duration::ZERO))
                    .expect("a pipe")[0]
                {
                    thread::yield_now();
                }
                watch.started.store(true, SeqCst);
                watch.signals.notify(WAKE);
                assert_eq!(keeping.join().expect("no panic"), b"GS");
            });
        }
    }
}
