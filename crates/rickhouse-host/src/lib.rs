//! Hosts WSGI applications in interpreters: loading, the PEP 3333 adapter, worker threads, timeouts.
#![forbid(unsafe_code)]
