//! The HTTP front end: listeners, connections, limits, timeouts, drain. It calls a trait and knows no Python.
#![forbid(unsafe_code)]
