//! Where a worker is on its way from boot to end; what its threads agree on.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The front end, as far as the end of a worker is concerned.
pub(super) trait FrontEnd: Send + Sync {
    /// Takes no new connections, finishes the running requests by the deadline, and lets its threads go.
    fn drain(&self, deadline: Instant);
    /// Lets its threads go as soon as each is out of the application.
    fn stop(&self);
    /// Requests that run or wait.
    fn unfinished(&self) -> u64;
}

/// How long a thread may take to leave when the worker ends now: nothing at all, unless it is in the application.
const STOP_PATIENCE: Duration = Duration::from_millis(500);

/// Shared by all threads of a worker.
#[derive(Default)]
pub(super) struct Course {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// `None` while the worker boots.
    front_end: Option<Arc<dyn FrontEnd>>,
    /// Python threads that have not left the front end.
    threads: usize,
    /// Python threads that ended by a panic.
    lost: usize,
    /// When the worker has to end, once it was asked to.
    deadline: Option<Instant>,
    /// When its threads had left or were given up.
    left: Option<Instant>,
}

/// What became of the wish to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The worker has nobody to serve yet: the process may end at once.
    Booting,
    /// The front end is told; the worker ends by its own.
    Told,
}

impl Course {
    /// The worker serves from now on.
    pub(super) fn serve(&self, front_end: Arc<dyn FrontEnd>) {
        self.state().front_end = Some(front_end);
    }

    /// Asks for the end by `deadline`. Asked twice, the earlier deadline holds.
    pub(super) fn drain_by(&self, deadline: Instant) -> Asked {
        self.end(deadline, |front_end| front_end.drain(deadline))
    }

    /// Asks for the end now.
    pub(super) fn stop(&self) -> Asked {
        self.end(Instant::now() + STOP_PATIENCE, |front_end| front_end.stop())
    }

    /// When the worker has to end, once it was asked to.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.state().deadline
    }

    /// When the process has to end at the latest, once the worker was asked to: its exit handlers get `handlers` from
    /// the end of the requests, however much of the time for those was needed.
    pub(super) fn latest_end(&self, handlers: Duration) -> Option<Instant> {
        let state = self.state();
        let deadline = state.deadline?;
        Some(state.left.map_or(deadline, |left| left.min(deadline)) + handlers)
    }

    /// Whether there is a front end.
    pub(super) fn is_serving(&self) -> bool {
        self.state().front_end.is_some()
    }

    /// Counts a thread that serves, until the result is dropped.
    pub(super) fn count_thread(self: &Arc<Self>) -> Serving {
        self.state().threads += 1;
        Serving(Arc::clone(self))
    }

    /// How many threads ended by a panic.
    pub(super) fn lost_threads(&self) -> usize {
        self.state().lost
    }

    /// Requests that run or wait.
    pub(super) fn unfinished(&self) -> u64 {
        let front_end = self.state().front_end.clone();
        front_end.map_or(0, |front_end| front_end.unfinished())
    }

    /// Waits until the last thread has left, or the deadline is over; returns how many threads are left behind.
    pub(super) fn wait_for_end(&self) -> usize {
        let mut state = self.state();
        while state.threads > 0 {
            let Some(deadline) = state.deadline else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.left = Some(Instant::now());
        state.threads
    }

    fn end(&self, deadline: Instant, tell: impl FnOnce(&dyn FrontEnd)) -> Asked {
        let mut state = self.state();
        state.deadline = Some(
            state
                .deadline
                .map_or(deadline, |before| before.min(deadline)),
        );
        let front_end = state.front_end.clone();
        drop(state);
        self.changed.notify_all();
        front_end.map_or(Asked::Booting, |front_end| {
            tell(&*front_end);
            Asked::Told
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that serves; see [`Course::count_thread`].
pub(super) struct Serving(Arc<Course>);

impl Drop for Serving {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.threads -= 1;
        state.lost += usize::from(thread::panicking());
        drop(state);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes what it is told.
    #[derive(Default)]
    struct Notes(Mutex<Vec<&'static str>>);

    impl FrontEnd for Notes {
        fn drain(&self, _deadline: Instant) {
            self.0.lock().expect("no panic").push("drain");
        }

        fn stop(&self) {
            self.0.lock().expect("no panic").push("stop");
        }

        fn unfinished(&self) -> u64 {
            0
        }
    }

    fn serving() -> (Arc<Course>, Arc<Notes>) {
        let (course, notes) = (Arc::new(Course::default()), Arc::new(Notes::default()));
        course.serve(Arc::clone(&notes) as Arc<dyn FrontEnd>);
        (course, notes)
    }

    #[test]
    fn who_boots_has_nobody_to_finish_for() {
        assert_eq!(Course::default().drain_by(Instant::now()), Asked::Booting);
    }

    #[test]
    fn the_end_comes_with_the_last_thread() {
        let (course, notes) = serving();
        let serving = course.count_thread();
        let main = thread::spawn({
            let course = Arc::clone(&course);
            move || course.wait_for_end()
        });
        assert_eq!(
            course.drain_by(Instant::now() + Duration::from_secs(3600)),
            Asked::Told
        );
        drop(serving);
        assert_eq!(main.join().expect("no panic"), 0);
        assert_eq!(*notes.0.lock().expect("no panic"), ["drain"]);
    }

    #[test]
    fn a_thread_that_panics_is_lost() {
        let (course, _) = serving();
        let serving = course.count_thread();
        let lost = thread::spawn(move || {
            let _counted = serving;
            panic!("for this test");
        });
        assert!(lost.join().is_err());
        assert_eq!((course.wait_for_end(), course.lost_threads()), (0, 1));
    }

    #[test]
    fn the_earlier_deadline_holds_and_leaves_stuck_threads_behind() {
        let (course, notes) = serving();
        let _stuck = course.count_thread();
        course.drain_by(Instant::now() + Duration::from_secs(3600));
        course.stop();
        assert_eq!(course.wait_for_end(), 1);
        assert_eq!(*notes.0.lock().expect("no panic"), ["drain", "stop"]);
    }

    #[test]
    fn exit_handlers_get_their_time_from_the_end_of_the_requests() {
        let (course, _) = serving();
        let (hour, handlers) = (Duration::from_secs(3600), Duration::from_secs(3));
        assert_eq!(course.latest_end(handlers), None);
        let deadline = Instant::now() + hour;
        course.drain_by(deadline);
        assert_eq!(course.latest_end(handlers), Some(deadline + handlers));
        assert_eq!(course.wait_for_end(), 0, "no thread was counted");
        let end = course.latest_end(handlers).expect("asked for");
        assert!(end <= Instant::now() + handlers);
    }
}
