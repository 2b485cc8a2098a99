//! One table of options: command line, TOML, environment, reference pages; what was said, and what it means.
#![forbid(unsafe_code)]
