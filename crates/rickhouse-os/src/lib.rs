//! The operating-system fence: readiness, sockets, exec, credentials, descriptors, signals.
