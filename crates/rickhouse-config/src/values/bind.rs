//! Addresses to listen on.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Complaint, parse_octal};

/// The longest path of a Unix socket: `sun_path` of `sockaddr_un` (unix(7)) less its final NUL.
const UNIX_PATH_MAX: usize = 107;

const EXAMPLES: &str =
    "write HOST:PORT, :PORT, [IPV6]:PORT, unix:/path/to/socket, fd://N, or systemd";

/// One address to listen on. `Display` writes it as it can be given again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bind {
    /// A TCP port.
    Tcp {
        /// An IPv4 address, an IPv6 address without brackets, or a host name.
        host: String,
        /// Zero lets the system choose.
        port: u16,
    },
    /// A Unix socket.
    Unix {
        /// As given: relative to the directory the command was started in.
        path: PathBuf,
        /// Permission bits of the socket; `None` leaves them to the umask.
        mode: Option<u32>,
    },
    /// A listening socket inherited under this descriptor number.
    Fd(i32),
    /// All sockets handed over by systemd (sd_listen_fds(3)).
    Systemd,
}

impl Bind {
    pub(crate) fn parse(text: &str) -> Result<Self, Complaint> {
        if let Some(rest) = text.strip_prefix("unix:") {
            return parse_unix(rest);
        }
        if let Some(number) = text.strip_prefix("fd://") {
            return match number.parse::<u16>() {
                Ok(number) => Ok(Self::Fd(number.into())),
                Err(_) => Err(Complaint::new(format!(
                    "{number:?} is not a descriptor number"
                ))),
            };
        }
        if text == "systemd" {
            return Ok(Self::Systemd);
        }
        parse_tcp(text)
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix { path, mode: None } => write!(f, "unix:{}", path.display()),
            Self::Unix {
                path,
                mode: Some(mode),
            } => write!(f, "unix:{}?mode={mode:o}", path.display()),
            Self::Fd(number) => write!(f, "fd://{number}"),
            Self::Systemd => f.write_str("systemd"),
        }
    }
}

fn parse_unix(rest: &str) -> Result<Bind, Complaint> {
    let (path, mode) = match rest.rsplit_once("?mode=") {
        Some((path, mode)) => (path, Some(parse_octal(mode)?)),
        None => (rest, None),
    };
    if path.is_empty() {
        return Err(Complaint::new("unix: has no path")
            .hint("write unix:/path/to/socket, or unix:/path/to/socket?mode=660"));
    }
    if path.contains(['?', '\0']) {
        return Err(Complaint::new(format!("{path:?} is not the path of a socket"))
            .hint("the only thing that can follow the path is ?mode=, as in unix:/path/to/socket?mode=660"));
    }
    if path.len() > UNIX_PATH_MAX {
        return Err(Complaint::new(format!(
            "the path of the socket has {} bytes, {UNIX_PATH_MAX} is the most the system takes",
            path.len()
        )));
    }
    Ok(Bind::Unix {
        path: path.into(),
        mode,
    })
}

fn parse_tcp(text: &str) -> Result<Bind, Complaint> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once("]:") else {
                return Err(
                    Complaint::new(format!("{text:?} is not an address to listen on"))
                        .hint("write [IPV6]:PORT, as in [::1]:8000"),
                );
            };
            if address.parse::<Ipv6Addr>().is_err() {
                return Err(Complaint::new(format!(
                    "{address:?} is not an IPv6 address"
                )));
            }
            (address, port)
        }
        None => match text.rsplit_once(':') {
            None => return Err(Complaint::new(format!("{text:?} has no port")).hint(EXAMPLES)),
            Some((host, _)) if host.contains(':') => {
                return Err(
                    Complaint::new(format!("{text:?} is not an address to listen on"))
                        .hint("an IPv6 address stands in brackets: [::1]:8000"),
                );
            }
            Some(("", port)) => ("0.0.0.0", port),
            Some((host, port)) => (check_host(host)?, port),
        },
    };
    // `u16::from_str` would take a sign as well.
    let number = port
        .parse::<u16>()
        .ok()
        .filter(|_| port.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(port) = number else {
        return Err(
            Complaint::new(format!("{port:?} is not a port between 0 and 65535")).hint(EXAMPLES),
        );
    };
    Ok(Bind::Tcp {
        host: host.into(),
        port,
    })
}

/// An IPv4 address or a host name (RFC 1123 section 2.1, and `_`, which container networks use).
fn check_host(host: &str) -> Result<&str, Complaint> {
    // A name whose last label is a number can only be an IPv4 address, and has to be a whole one.
    let numeric = host
        .rsplit('.')
        .next()
        .is_some_and(|last| !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()));
    let good = if numeric {
        host.parse::<Ipv4Addr>().is_ok()
    } else {
        host.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    if good {
        Ok(host)
    } else {
        Err(Complaint::new(format!("{host:?} is not a host name or address")).hint(EXAMPLES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Bind {
        Bind::Tcp {
            host: host.into(),
            port,
        }
    }

    #[test]
    fn what_is_an_address() {
        let check =
            |text: &str, meaning: Bind| assert_eq!(Bind::parse(text), Ok(meaning), "{text}");
        check("127.0.0.1:8000", tcp("127.0.0.1", 8000));
        check("localhost:0", tcp("localhost", 0));
        check("my_app-1.example:80", tcp("my_app-1.example", 80));
        check(":8000", tcp("0.0.0.0", 8000));
        check("[::1]:8000", tcp("::1", 8000));
        check("[::]:65535", tcp("::", 65535));
        check(
            "unix:/run/a b.sock",
            Bind::Unix {
                path: "/run/a b.sock".into(),
                mode: None,
            },
        );
        check(
            "unix:app.sock?mode=660",
            Bind::Unix {
                path: "app.sock".into(),
                mode: Some(0o660),
            },
        );
        check("fd://3", Bind::Fd(3));
        check("systemd", Bind::Systemd);
    }

    #[test]
    fn what_is_no_address() {
        let check = |text: &str, part: &str| {
            let complaint = Bind::parse(text).expect_err(text);
            assert!(complaint.message.contains(part), "{text}: {complaint:?}");
        };
        check("", "has no port");
        check("127.0.0.1", "has no port");
        check("8000", "has no port");
        check("localhost:", "is not a port");
        check("localhost:65536", "is not a port");
        check("localhost:+80", "is not a port");
        check("300.1.1.1:80", "is not a host name");
        check("1.2.3:80", "is not a host name");
        check("http://a:80", "is not an address");
        check("a/b:80", "is not a host name");
        check("::1:80", "is not an address");
        check("[::1]", "is not an address");
        check("[::1", "is not an address");
        check("[localhost]:80", "is not an IPv6 address");
        check("[::1]:x", "is not a port");
        check("fd://", "is not a descriptor number");
        check("fd://-1", "is not a descriptor number");
        check("unix:", "has no path");
        check("unix:/a?mode=888", "is not an octal mode");
        check("unix:/a?mod=660", "is not the path");
        check(
            &format!("unix:/{}", "a".repeat(UNIX_PATH_MAX)),
            "has 108 bytes",
        );
    }

    #[test]
    fn display_can_be_read_again() {
        for text in [
            "127.0.0.1:8000",
            "[::1]:80",
            "unix:/a",
            "unix:/a?mode=660",
            "fd://7",
            "systemd",
        ] {
            assert_eq!(Bind::parse(text).unwrap().to_string(), text);
        }
    }
}
