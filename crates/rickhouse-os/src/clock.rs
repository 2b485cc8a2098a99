//! Coarse clocks: read without entering the kernel, exact to a scheduler tick (1–4 ms), which is plenty for
//! timeouts of the order of seconds and for a `Date` header.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds of the monotonic clock. Only differences mean anything.
#[must_use]
pub fn monotonic_millis() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000
}

/// Time since an arbitrary fixed point (boot, on Linux), exact; the same for every process of the machine, unlike a
/// [`std::time::Instant`].
#[must_use]
pub fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    // The monotonic clock starts at zero and tv_nsec is below 10^9, so neither conversion loses anything.
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

/// Seconds since the Unix epoch.
#[must_use]
pub fn unix_seconds() -> u64 {
    clock_gettime(ClockId::RealtimeCoarse).tv_sec.unsigned_abs()
}
