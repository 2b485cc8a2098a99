//! `mod_wsgi.so`: WSGI applications under Apache httpd, with the directives of mod_wsgi 6.
//!
//! What httpd calls, and where it is answered (DD §5.1, §10):
//!
//! | when | hook | here |
//! |---|---|---|
//! | the configuration is read | directives | `commands`, `generation` |
//! | httpd starts, restarts | `post_config`, `pre_mpm` | `groups`: daemon processes are forked from the parent |
//! | a child starts | `child_init` | `child`: Python, if anything in children needs it |
//! | a request comes | `translate_name` | `mapping`: `WSGIScriptAlias` |
//! | | `access_checker`, providers | `access`: scripts that decide who may come in |
//! | | `handler` | `handler`: the gate, the environ, and then `embedded` or `relay` |
//!
//! Rules of directives and requests are rickhouse-directives', Python is rickhouse-host's, httpd is rickhouse-httpd's. This crate joins them.
//!
//! Threads: the parent has one, and never starts another. Children have those of the MPM; each has a seat in Python while it
//! lives (`seats`). A request is used on the thread that httpd gave it to, and nowhere else.
//!
//! Nothing of one configuration survives into the next: `pre_config` begins a new `generation`. The library itself stays
//! (SAFETY.md), and so do statics; there are no others that hold state.
#![forbid(unsafe_code)]

mod access;
mod child;
mod commands;
mod embedded;
mod generation;
mod groups;
mod handler;
mod log;
mod mapping;
mod module;
mod paths;
mod ranges;
mod relay;
mod seats;
mod startup;
mod surroundings;
mod values;
mod view;
