//! Process groups as a state machine: start, reap, back off, drain, replace.
//!
//! [`Group`] decides and does nothing: events and the time go in, actions come out. Whoever owns the processes feeds it
//! and carries out what it says, so every order of events can be tested without a process or a clock. The [`control`]
//! channel and the [`pulse`] are what supervisor and worker say to each other.
//!
//! What holds whatever happens:
//!
//! * at most one generation of workers is newer than the one in charge;
//! * never more processes than the workers wanted plus the [surge](Settings::surge);
//! * a worker in service is drained only when others serve in its place, a stop excepted;
//! * crashes are answered by a back-off, never by a storm of new processes.
#![forbid(unsafe_code)]

pub mod backoff;
pub mod control;
mod event;
mod failure;
mod group;
pub mod places;
pub mod pulse;
mod settings;
mod settle;
mod worker;

pub use event::{
    Action, BootFailure, Command, Event, FailureKind, Generation, Report, RetireReason, Status,
    Urgency, WorkerId,
};
pub use group::Group;
pub use rickhouse_os::child::Ending;
pub use settings::Settings;
