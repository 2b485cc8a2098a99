//! Process groups as a state machine: start, reap, back off, drain, replace.
#![forbid(unsafe_code)]
