//! One worker as the supervisor sees it.

use std::time::Instant;

use crate::event::{FailureKind, Generation};

/// What a worker is doing, and until when it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The process exists or is about to; it has not said that it is ready. `blame` is whose fault a failure
    /// would be.
    Starting { until: Instant, blame: FailureKind },
    /// Takes requests.
    Serving { since: Instant },
    /// Finishes its requests; killed when the time is over.
    Draining { until: Instant },
    /// Told to end now, or failed; killed when the time is over. `None`: `SIGKILL` has been sent.
    Ending { until: Option<Instant> },
}

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) generation: Generation,
    pub(crate) phase: Phase,
    /// Last sign of life.
    pub(crate) alive: Instant,
    /// Asked for its replacement.
    pub(crate) retiring: bool,
}

impl Worker {
    pub(crate) fn is_serving(&self) -> bool {
        matches!(self.phase, Phase::Serving { .. })
    }

    pub(crate) fn is_starting(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. })
    }

    /// Serves, or will soon, and is meant to stay.
    pub(crate) fn counts(&self) -> bool {
        (self.is_serving() || self.is_starting()) && !self.retiring
    }

    /// When its phase has lasted too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Starting { until, .. } | Phase::Draining { until } => Some(until),
            Phase::Ending { until } => until,
            Phase::Serving { .. } => None,
        }
    }
}
