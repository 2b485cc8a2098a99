//! What the log says when a timer is over: the words of mod_wsgi, which operators search for.

#[derive(Debug)]
pub(super) struct Texts {
    group: String,
}

impl Texts {
    pub(super) fn of(group: &str) -> Self {
        Texts {
            group: group.to_owned(),
        }
    }
}

/// A function per text: `name, "the part in front of the group's name"` and, if it is not `.`, what follows.
macro_rules! texts {
    ($($name:ident, $before:literal, $after:literal;)*) => {
        impl Texts {
            $(pub(super) fn $name(&self) -> String {
                format!("{}'{}'{}", $before, self.group, $after)
            })*
        }
    };
}

texts! {
    request_draining, "Daemon process request time limit exceeded; waiting for in-flight requests to complete in daemon process ", ".";
    request_stopping, "Daemon process request time limit exceeded, stopping daemon process ", ".";
    maximum_draining, "Maximum requests reached; attempting graceful shutdown of daemon process ", ".";
    maximum_stopping, "Maximum requests reached; triggering immediate shutdown of daemon process ", ".";
    interval_draining, "Application restart timer expired; waiting for in-flight requests to complete in process ", ".";
    interval_stopping, "Application restart timer expired, stopping process ", ".";
    eviction_draining, "Process eviction requested; waiting for in-flight requests to complete in daemon process ", ".";
    eviction_stopping, "Process eviction requested; triggering immediate shutdown of daemon process ", ".";
    graceful_draining, "Graceful restart requested; waiting for in-flight requests to complete in daemon process ", ".";
    graceful_stopping, "Graceful restart requested; triggering immediate shutdown of daemon process ", ".";
    cpu_draining, "Exceeded CPU time limit; waiting for in-flight requests to complete in daemon process ", ".";
    cpu_stopping, "Exceeded CPU time limit; triggering immediate shutdown of daemon process ", ".";
    startup, "Application startup timer expired, stopping daemon process ", ".";
    deadlock, "Daemon process deadlock timer expired, stopping daemon process ", ".";
    inactivity, "Daemon process idle inactivity timer expired, stopping process ", ".";
    drained, "Requests have completed; triggering immediate shutdown of daemon process ", ".";
    drain_expired, "Daemon process restart timer expired in daemon process ", "; forcing shutdown.";
    signals_lost, "Read failed on signal pipe in daemon process ", ".";
}
