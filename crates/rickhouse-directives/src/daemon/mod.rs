//! `WSGIDaemonProcess`: a group of processes (DD §4.1, §4.2).

mod options;
mod options_process;
mod options_request;
mod parse;
#[cfg(test)]
mod tests;
mod values;
mod visibility;

use std::time::Duration;

pub use options::{OPTIONS, OptionSpec};
pub use visibility::{Hidden, Unusable};

use crate::surroundings::ServerIdentity;
use crate::text::Text;

const DEFAULT_HEADER_BUFFER: usize = 32 * 1024;
const DEFAULT_RESPONSE_BUFFER: usize = 8 * 1024 * 1024;

/// A user by name and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The numeric id.
    pub id: u32,
    /// The name that the system knows it by.
    pub name: Text,
}

/// A group of users by name and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserGroup {
    /// The numeric id.
    pub id: u32,
    /// The name, as configured or as the system knows it.
    pub name: Text,
}

/// `supplementary-groups=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupplementaryGroups {
    /// The ids, in order, without the primary one.
    pub ids: Vec<u32>,
    /// As written, for messages.
    pub list: Text,
}

/// Secret bytes of a group, made by httpd's parent when it starts the group (DD §8.2, §14 row 88): who can show them to a daemon has them from
/// that parent. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct OriginToken(pub [u8; 32]);

impl std::fmt::Debug for OriginToken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("OriginToken(..)")
    }
}

/// A group of daemon processes as configured. Durations that are `None` are switched off, unless their option says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct DaemonProcess {
    /// The group's name.
    pub name: Text,
    /// 1 for the first group of the configuration; part of the socket's name.
    pub id: u32,
    /// Where it is defined, which decides who may use it and where it logs.
    pub server: ServerIdentity,
    /// The secret of the running group; `None` until the parent makes it.
    pub origin: Option<OriginToken>,
    /// `processes=`.
    pub processes: u32,
    /// Whether `processes=` was given, even as 1: `wsgi.multiprocess`.
    pub multiprocess: bool,
    /// `threads=`; 0 makes the group run a service script.
    pub threads: u32,
    /// `user=`; `None` is httpd's `User`.
    pub user: Option<User>,
    /// `group=`; `None` is httpd's `Group`.
    pub group: Option<u32>,
    /// `supplementary-groups=`; `None` takes those of the user.
    pub supplementary_groups: Option<SupplementaryGroups>,
    /// `umask=`; `None` leaves httpd's.
    pub umask: Option<u32>,
    /// `chroot=`.
    pub chroot: Option<Text>,
    /// `home=`: working directory and `sys.path[0]`.
    pub home: Option<Text>,
    /// `lang=`.
    pub lang: Option<Text>,
    /// `locale=`.
    pub locale: Option<Text>,
    /// `display-name=`, `%{GROUP}` replaced.
    pub display_name: Option<Text>,
    /// `python-home=`; `None` takes `WSGIPythonHome`.
    pub python_home: Option<Text>,
    /// `python-path=`, still one text with `:` between the directories.
    pub python_path: Option<Text>,
    /// `python-eggs=`.
    pub python_eggs: Option<Text>,
    /// `switch-interval=`, in seconds.
    pub switch_interval: Option<f64>,
    /// `stack-size=`, in bytes; `None` leaves the system's.
    pub stack_size: Option<usize>,
    /// `maximum-requests=`.
    pub maximum_requests: Option<u64>,
    /// `startup-timeout=`.
    pub startup_timeout: Option<Duration>,
    /// `shutdown-timeout=`; `None` never ends a process by force.
    pub shutdown_timeout: Option<Duration>,
    /// `deadlock-timeout=`.
    pub deadlock_timeout: Option<Duration>,
    /// `inactivity-timeout=`.
    pub inactivity_timeout: Option<Duration>,
    /// `request-timeout=`, not yet scaled with the threads.
    pub request_timeout: Option<Duration>,
    /// `interrupt-timeout=`.
    pub interrupt_timeout: Option<Duration>,
    /// `graceful-timeout=`; zero is a value.
    pub graceful_timeout: Duration,
    /// `eviction-timeout=`; `None` takes `graceful_timeout`.
    pub eviction_timeout: Option<Duration>,
    /// `restart-interval=`.
    pub restart_interval: Option<Duration>,
    /// `connect-timeout=`; zero makes one attempt.
    pub connect_timeout: Duration,
    /// `socket-timeout=`; `None` is httpd's `Timeout`.
    pub socket_timeout: Option<Duration>,
    /// `queue-timeout=`.
    pub queue_timeout: Option<Duration>,
    /// `listen-backlog=`.
    pub listen_backlog: i32,
    /// `socket-user=`; `None` is httpd's `User`.
    pub socket_user: Option<User>,
    /// `script-user=`.
    pub script_user: Option<User>,
    /// `script-group=`.
    pub script_group: Option<UserGroup>,
    /// `send-buffer-size=`, in bytes; `None` leaves the system's.
    pub send_buffer_size: Option<u32>,
    /// `receive-buffer-size=`, in bytes; `None` leaves the system's.
    pub receive_buffer_size: Option<u32>,
    /// `header-buffer-size=`: the longest line of a response's head, in bytes.
    pub header_buffer_size: usize,
    /// `response-buffer-size=`: bytes after which a flush is forced.
    pub response_buffer_size: usize,
    /// `response-socket-timeout=` as given. See [`DaemonProcess::response_socket_timeout`].
    pub response_socket_timeout: Option<Duration>,
    /// `response-flush-delay=`.
    pub response_flush_delay: Duration,
    /// `cpu-time-limit=`, in whole seconds.
    pub cpu_time_limit: Option<u64>,
    /// `cpu-priority=`; `None` leaves the priority alone.
    pub cpu_priority: Option<i32>,
    /// `memory-limit=`, in bytes.
    pub memory_limit: Option<u64>,
    /// `virtual-memory-limit=`, in bytes.
    pub virtual_memory_limit: Option<u64>,
    /// `server-metrics=`.
    pub server_metrics: bool,
}

impl DaemonProcess {
    /// A group of which only the name is given.
    pub fn new(name: Text, id: u32, server: ServerIdentity) -> Self {
        Self {
            name,
            id,
            server,
            origin: None,
            processes: 1,
            multiprocess: false,
            threads: 15,
            user: None,
            group: None,
            supplementary_groups: None,
            umask: None,
            chroot: None,
            home: None,
            lang: None,
            locale: None,
            display_name: None,
            python_home: None,
            python_path: None,
            python_eggs: None,
            switch_interval: None,
            stack_size: None,
            maximum_requests: None,
            startup_timeout: None,
            shutdown_timeout: Some(Duration::from_secs(5)),
            deadlock_timeout: Some(Duration::from_secs(300)),
            inactivity_timeout: None,
            request_timeout: None,
            interrupt_timeout: None,
            graceful_timeout: Duration::from_secs(15),
            eviction_timeout: None,
            restart_interval: None,
            connect_timeout: Duration::from_secs(15),
            socket_timeout: None,
            queue_timeout: None,
            listen_backlog: 100,
            socket_user: None,
            script_user: None,
            script_group: None,
            send_buffer_size: None,
            receive_buffer_size: None,
            header_buffer_size: DEFAULT_HEADER_BUFFER,
            response_buffer_size: DEFAULT_RESPONSE_BUFFER,
            response_socket_timeout: None,
            response_flush_delay: Duration::from_millis(5),
            cpu_time_limit: None,
            cpu_priority: None,
            memory_limit: None,
            virtual_memory_limit: None,
            server_metrics: false,
        }
    }

    /// `wsgi.multithread` in this group (DD §6.3).
    pub fn multithread(&self) -> bool {
        self.threads != 1
    }

    /// `wsgi.run_once` in this group (DD §6.3).
    pub fn run_once(&self) -> bool {
        self.threads == 1 && self.maximum_requests == Some(1)
    }

    /// The client's socket timeout while a response body is sent; `None` leaves httpd's.
    pub fn response_socket_timeout(&self) -> Option<Duration> {
        self.response_socket_timeout.or(self.socket_timeout)
    }
}
