//! The rickhouse product: command line, process roles, and the wiring of engine and front end.
