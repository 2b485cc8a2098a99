//! The monotonic clock as a plain number, comparable between the processes of one machine.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since an arbitrary fixed point (boot, on Linux); the same for every process, unlike a [`std::time::Instant`].
#[must_use]
pub fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    // The monotonic clock starts at zero and tv_nsec is below 10^9, so neither conversion loses anything.
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
