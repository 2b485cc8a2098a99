//! Groups of daemon processes, in httpd's parent.

use rickhouse_httpd::{ChildInit, Generation, Startup};

/// The configuration has been read, for use. After a restart the scoreboard exists, and groups can be started.
pub(crate) fn post_config(_: &Startup<'_>) {}

/// The scoreboard exists.
pub(crate) fn pre_mpm(_: &Generation<'_>) {}

/// This is a child of httpd, which has no use for the groups' listening sockets.
pub(crate) fn child_init(_: &ChildInit<'_>) {}
