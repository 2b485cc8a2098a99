//! A worker's sign of life: a page of numbers that the worker writes and the supervisor reads.
//!
//! Memory instead of messages, because it can be read from a worker that is stopped, and because a supervisor that was
//! stopped finds fresh values when it wakes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rickhouse_os::clock;
use rickhouse_os::error::OsError;
use rickhouse_os::shared::Cells;

/// Cell with the time of the last beat, in nanoseconds of the monotonic clock; 0 before the first one.
const LAST_BEAT: usize = 0;

/// The page. A stamp is all it carries: the meaning of a stamp is that the thread that writes it, which never enters
/// Python, still runs.
#[derive(Debug)]
pub struct Pulse {
    cells: Cells,
}

impl Pulse {
    /// Makes a page for a worker to come.
    ///
    /// # Errors
    /// When the kernel has no memory or descriptor left.
    pub fn create() -> Result<Self, OsError> {
        Ok(Self {
            cells: Cells::create()?,
        })
    }

    /// Opens the page that the supervisor passed.
    ///
    /// # Errors
    /// When the descriptor is not such a page.
    pub fn open(memory: OwnedFd) -> Result<Self, OsError> {
        Ok(Self {
            cells: Cells::open(memory)?,
        })
    }

    /// The worker is alive now.
    pub fn beat(&self) {
        let now = u64::try_from(clock::monotonic().as_nanos()).unwrap_or(u64::MAX);
        // Relaxed: the number stands alone, no other memory is read on the strength of it.
        self.cells.cell(LAST_BEAT).store(now, Ordering::Relaxed);
    }

    /// When the worker last was alive; `None` before its first beat.
    #[must_use]
    pub fn last_beat(&self) -> Option<Instant> {
        let stamp = self.cells.cell(LAST_BEAT).load(Ordering::Relaxed);
        let age = clock::monotonic().saturating_sub(Duration::from_nanos(stamp));
        if stamp == 0 {
            None
        } else {
            Instant::now().checked_sub(age)
        }
    }
}

impl AsFd for Pulse {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.cells.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_side_sees_the_beat() {
        let supervisor = Pulse::create().expect("memory");
        let worker = Pulse::open(
            supervisor
                .as_fd()
                .try_clone_to_owned()
                .expect("a descriptor"),
        )
        .expect("the page");
        assert_eq!(supervisor.last_beat(), None);
        let before = Instant::now();
        worker.beat();
        let seen = supervisor.last_beat().expect("a beat");
        // The two clocks are read one after the other, so the conversion is off by as much as lies between.
        assert!(seen + Duration::from_secs(1) > before && seen <= Instant::now());
    }
}
