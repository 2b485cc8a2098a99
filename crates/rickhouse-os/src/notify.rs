//! Messages to a service manager: the protocol of sd_notify(3).

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::clock;
use crate::error::OsError;

/// The variables of the protocol; a worker must not speak for the supervisor.
pub const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// What a service manager can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Start-up, or a reload, has finished.
    Ready,
    /// A reload has begun.
    Reloading,
    /// The service is on its way down.
    Stopping,
    /// One line for a human.
    Status(String),
    /// Still alive (for `WatchdogSec=`).
    Watchdog,
}

/// The line to the service manager, if there is one.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    manager: SocketAddr,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Connects to the manager named by `NOTIFY_SOCKET`; `None` when there is none.
    ///
    /// # Errors
    /// [`OsError::Call`] when the variable is set but names no usable socket address.
    pub fn from_environment() -> Result<Option<Self>, OsError> {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let mut notifier = Self::to(&name)?;
        let for_us =
            env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let interval = env::var("WATCHDOG_USEC")
            .ok()
            .and_then(|text| text.parse().ok())
            .map(Duration::from_micros);
        notifier.watchdog = interval.filter(|interval| for_us && !interval.is_zero());
        Ok(Some(notifier))
    }

    /// Speaks to the socket `name`: a path, or an abstract name after `@`.
    ///
    /// # Errors
    /// [`OsError::Call`] when `name` is not a socket address.
    pub fn to(name: &OsStr) -> Result<Self, OsError> {
        let failed = |source: io::Error| OsError::call("opening NOTIFY_SOCKET", source);
        let manager = match name.as_bytes().strip_prefix(b"@") {
            Some(hidden) => SocketAddr::from_abstract_name(hidden).map_err(failed)?,
            None => SocketAddr::from_pathname(name).map_err(failed)?,
        };
        let socket = UnixDatagram::unbound().map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            socket,
            manager,
            watchdog: None,
        })
    }

    /// How often [`State::Watchdog`] is due: half of what the manager tolerates, as its manual advises.
    #[must_use]
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 2)
    }

    /// Sends one state. A manager that went away or is too busy is no reason to fail.
    pub fn tell(&self, state: &State) {
        let _lost = self
            .socket
            .send_to_addr(message(state, clock::monotonic()).as_bytes(), &self.manager);
    }
}

fn message(state: &State, now: Duration) -> String {
    match state {
        State::Ready => "READY=1".to_owned(),
        // The time lets the manager tell this reload's READY from an earlier one (Type=notify-reload).
        State::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", now.as_micros()),
        State::Stopping => "STOPPING=1".to_owned(),
        State::Status(text) => format!("STATUS={}", text.replace('\n', " ")),
        State::Watchdog => "WATCHDOG=1".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let length = socket.recv(&mut buffer).expect("a datagram");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn speaks_to_a_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).expect("a socket");
        Notifier::to(path.as_os_str())
            .expect("an address")
            .tell(&State::Ready);
        assert_eq!(received(&manager), "READY=1");
    }

    #[test]
    fn speaks_to_an_abstract_name() {
        let name = format!("rickhouse-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("an address");
        let manager = UnixDatagram::bind_addr(&address).expect("a socket");
        let notifier = Notifier::to(OsStr::new(&format!("@{name}"))).expect("an address");
        notifier.tell(&State::Status("two\nlines".to_owned()));
        assert_eq!(received(&manager), "STATUS=two lines");
    }

    #[test]
    fn a_reload_carries_its_time() {
        assert_eq!(
            message(&State::Reloading, Duration::from_millis(5)),
            "RELOADING=1\nMONOTONIC_USEC=5000"
        );
    }
}
