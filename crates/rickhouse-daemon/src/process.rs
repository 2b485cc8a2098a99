//! What the threads of a daemon process share.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use rickhouse_lane::Lane;
use rickhouse_os::group_socket::GroupSocket;
use rickhouse_wire::Token;

use crate::activity::Activity;
use crate::engine::Engine;
use crate::notice::{Inbox, Notice};
use crate::settings::Settings;
use crate::slots::Slot;
use crate::timers::{ThreadView, View};

/// How often a worker that waits in `accept4` is told to look up.
const CALL_PAUSE: Duration = Duration::from_millis(1);

/// See the rules of sharing in the [crate documentation](crate).
pub(crate) struct Process<E> {
    pub(crate) group: String,
    pub(crate) listener: GroupSocket,
    pub(crate) socket_path: PathBuf,
    pub(crate) token: Token,
    pub(crate) chroot: Option<PathBuf>,
    pub(crate) socket_timeout: Option<Duration>,
    pub(crate) queue_timeout: Option<Duration>,
    pub(crate) send_buffer: usize,
    pub(crate) slots: Box<[Slot]>,
    /// One for all workers, or one for each.
    pub(crate) lanes: Box<[Lane]>,
    pub(crate) activity: Activity,
    pub(crate) engine: Arc<E>,
    pub(crate) inbox: Inbox,
    /// Requests until the process may be replaced; negative afterwards.
    requests_left: Option<AtomicI64>,
    lost_after: Option<Duration>,
    stopping: AtomicBool,
    draining: AtomicBool,
    failed: AtomicBool,
}

impl<E: Engine> Process<E> {
    pub(crate) fn new(settings: Settings, engine: Arc<E>, inbox: Inbox) -> Self {
        let Settings {
            group,
            listener,
            threads,
            timers,
            ..
        } = settings;
        let lanes = if settings.one_gil { 1 } else { threads };
        let lost = timers.request.unwrap_or_default() + timers.interrupt.unwrap_or_default();
        let limit = timers.maximum_requests;
        Process {
            activity: Activity::new(&group, timers.startup.is_some()),
            group,
            listener: GroupSocket::from_fd(listener as OwnedFd),
            socket_path: settings.socket_path,
            token: settings.token,
            chroot: settings.setup.chroot,
            socket_timeout: settings.socket_timeout,
            queue_timeout: settings.queue_timeout,
            send_buffer: settings.send_buffer,
            slots: (0..threads).map(|_| Slot::default()).collect(),
            lanes: (0..lanes).map(|_| Lane::default()).collect(),
            engine,
            inbox,
            requests_left: limit
                .map(|limit| AtomicI64::new(i64::try_from(limit).unwrap_or(i64::MAX))),
            lost_after: (!lost.is_zero()).then_some(lost),
            stopping: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        }
    }

    pub(crate) fn lane(&self, worker: usize) -> &Lane {
        &self.lanes[worker % self.lanes.len()]
    }

    pub(crate) fn notify(&self, notice: Notice) {
        self.inbox.tell(notice);
    }

    /// No connection is accepted any more.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    pub(crate) fn stop_accepting(&self) {
        self.stopping.store(true, SeqCst);
        self.lanes.iter().for_each(Lane::close);
    }

    /// As [`Process::stop_accepting`], and returns when no worker is left in `accept4`. What a connection is answered that
    /// one of them still gets is its client's; the next attempt of any client reaches another process.
    pub(crate) fn end_accepting(&self) {
        self.stop_accepting();
        // Again and again: a call may come just before the worker enters `accept4`. One that was about to, looks whether
        // it still may after it has said so.
        while self.slots.iter().filter(|slot| slot.call()).count() > 0 {
            thread::sleep(CALL_PAUSE);
        }
    }

    /// The process cannot go on: its end is a failure.
    pub(crate) fn fail(&self) {
        self.failed.store(true, SeqCst);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(SeqCst)
    }

    /// Whether the main thread wants to hear of every end of a request.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(SeqCst)
    }

    pub(crate) fn set_draining(&self, draining: bool) {
        self.draining.store(draining, SeqCst);
    }

    /// Counts a connection that was handled; whether it was the last of `maximum-requests`.
    pub(crate) fn count_request(&self) -> bool {
        let left = self.requests_left.as_ref();
        left.is_some_and(|left| left.fetch_sub(1, SeqCst) == 1)
    }

    /// Whether a worker serves a request that is worth waiting for.
    pub(crate) fn is_active(&self) -> bool {
        let mut ages = self.slots.iter().filter_map(Slot::age);
        ages.any(|age| self.lost_after.is_none_or(|lost| age <= lost))
    }

    pub(crate) fn view(&self) -> View {
        let thread = |(number, slot): (usize, &Slot)| {
            let age = slot.age();
            ThreadView {
                age,
                interrupted: age.and_then(|_| self.engine.interrupted(number)),
            }
        };
        View {
            threads: self.slots.iter().enumerate().map(thread).collect(),
            silence: self.engine.silence(),
            idle_for: self.activity.idle_for(),
            starting_for: self.activity.starting_for(),
        }
    }
}
