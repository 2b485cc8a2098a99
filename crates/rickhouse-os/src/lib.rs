//! The operating-system fence: readiness, sockets, exec, credentials, descriptors, signals.

pub mod clock;
pub mod listen;
pub mod readiness;
pub mod sendfile;
pub mod socket;
