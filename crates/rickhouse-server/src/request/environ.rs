//! The CGI variables of a request (RFC 3875 §4.1, PEP 3333), as bytes.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use rickhouse_wsgi::environ::{Field, classify, join_values, write_key};
use rickhouse_wsgi::proxy::{self, TrustedPeers};

use super::framing::Framing;
use super::view::RequestHead;
use crate::connection::{Connection, LocalName};
use crate::settings::Settings;

/// What the connection and the trusted proxies say about the client of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client's address; `None` on a Unix socket without a proxy's word.
    pub(crate) address: Option<IpAddr>,
    /// The client's port, when the connection is the client's own.
    pub(crate) port: Option<u16>,
    /// The client speaks TLS (to a trusted proxy).
    pub(crate) https: bool,
}

impl Origin {
    /// The connection's peer, as long as no request says more.
    pub(crate) fn direct(connection: &Connection) -> Origin {
        let peer = connection.peer;
        Origin {
            address: peer.map(|peer| peer.ip()),
            port: peer.map(|peer| peer.port()),
            https: false,
        }
    }

    pub(crate) fn of(
        connection: &Connection,
        head: &RequestHead<'_>,
        settings: &Settings,
    ) -> Origin {
        let direct = Origin::direct(connection);
        if !connection.peer_is_trusted {
            return direct;
        }
        // Of several lines the last is the one nearest to us.
        let named = |wanted: &'static [u8]| {
            head.fields()
                .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value)
        };
        let scheme = named(b"x-forwarded-proto").next_back();
        let https = scheme
            .is_some_and(|scheme| proxy::says_https(b"x-forwarded-proto", scheme) == Some(true));
        let mut chain = named(b"x-forwarded-for").peekable();
        if chain.peek().is_none() {
            return Origin { https, ..direct };
        }
        Origin {
            address: proxy::client(direct.address, chain, &settings.trusted_peers),
            port: None,
            https,
        }
    }
}

/// Whether a peer may speak for others.
pub(crate) fn trusts(peers: &TrustedPeers, peer: Option<SocketAddr>) -> bool {
    peer.map_or(peers.trust_unix(), |peer| peers.trust(peer.ip()))
}

/// Calls `sink` with every variable that comes from the request and the connection.
pub(crate) fn variables(
    head: &RequestHead<'_>,
    connection: &Connection,
    origin: Origin,
    settings: &Settings,
    sink: &mut dyn FnMut(&[u8], &[u8]),
) {
    sink(b"REQUEST_METHOD", head.method());
    let (script, path) = mount(settings.root_path.as_bytes(), head.path());
    sink(b"SCRIPT_NAME", script);
    sink(b"PATH_INFO", path);
    sink(b"QUERY_STRING", head.query());
    sink(b"REQUEST_URI", head.target());
    sink(b"SERVER_PROTOCOL", head.version().as_str().as_bytes());
    sink(b"SERVER_SOFTWARE", software(settings));
    site(head, &connection.local, origin.https, sink);
    client(connection, origin, sink);
    if let Framing::Length(length) = head.head.framing {
        let mut digits = Digits::default();
        sink(b"CONTENT_LENGTH", digits.of(length));
    }
    header_variables(head, sink);
}

/// Splits the path at the mount point. A path outside it is passed on whole: the proxy has cut the prefix already.
fn mount<'a>(root: &'a [u8], path: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    match path.strip_prefix(root) {
        Some(rest) if rest.is_empty() || rest[0] == b'/' => (root, rest),
        _ => (root, path),
    }
}

fn software(settings: &Settings) -> &[u8] {
    if settings.server_header.is_empty() {
        b"rickhouse"
    } else {
        settings.server_header.as_bytes()
    }
}

/// `SERVER_NAME` and `SERVER_PORT`: the address that accepted the connection; on a Unix socket, which has none, the site
/// that the request names.
fn site(
    head: &RequestHead<'_>,
    local: &LocalName,
    https: bool,
    sink: &mut dyn FnMut(&[u8], &[u8]),
) {
    if let LocalName::Internet { host, port, .. } = local {
        sink(b"SERVER_NAME", host.as_bytes());
        sink(b"SERVER_PORT", port.as_bytes());
        return;
    }
    let default_port: &[u8] = if https { b"443" } else { b"80" };
    let site = head.host().unwrap_or_default();
    let (host, port) = match site.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !site[colon..].contains(&b']') => (&site[..colon], &site[colon + 1..]),
        _ => (site, default_port),
    };
    sink(
        b"SERVER_NAME",
        if host.is_empty() { b"localhost" } else { host },
    );
    sink(
        b"SERVER_PORT",
        if port.is_empty() { default_port } else { port },
    );
}

fn client(connection: &Connection, origin: Origin, sink: &mut dyn FnMut(&[u8], &[u8])) {
    let direct = connection
        .peer
        .is_some_and(|peer| Some(peer.ip()) == origin.address && Some(peer.port()) == origin.port);
    if direct {
        sink(b"REMOTE_ADDR", connection.peer_text.address.as_bytes());
        sink(b"REMOTE_PORT", connection.peer_text.port.as_bytes());
        return;
    }
    let mut text = String::new();
    if let Some(address) = origin.address {
        let _ = write!(text, "{address}");
    }
    sink(b"REMOTE_ADDR", text.as_bytes());
}

/// `CONTENT_TYPE` and the `HTTP_*` variables. The framing fields are ours; repeated fields are joined.
fn header_variables(head: &RequestHead<'_>, sink: &mut dyn FnMut(&[u8], &[u8])) {
    let mut key = Vec::with_capacity(KEY_ROOM);
    let mut named_host = false;
    for (at, (name, value)) in head.fields().enumerate() {
        match classify(name) {
            Field::ContentType => sink(b"CONTENT_TYPE", value),
            Field::Http if !name.eq_ignore_ascii_case(b"transfer-encoding") => {
                let same = |(other, _): &(&[u8], &[u8])| other.eq_ignore_ascii_case(name);
                if head.fields().take(at).any(|earlier| same(&earlier)) {
                    continue;
                }
                key.clear();
                write_key(name, &mut key);
                let mut later = head.fields().skip(at + 1).filter(same).peekable();
                if name.eq_ignore_ascii_case(b"host") {
                    named_host = true;
                    sink(&key, head.host().unwrap_or(value));
                } else if later.peek().is_none() {
                    sink(&key, value);
                } else {
                    let mut joined = Vec::new();
                    let values = [value].into_iter().chain(later.map(|(_, value)| value));
                    join_values(name, values, &mut joined);
                    sink(&key, &joined);
                }
            }
            Field::Http | Field::ContentLength | Field::Refused => {}
        }
    }
    // A target in absolute form names the site without a field (which HTTP/1.0 does not require).
    if let (false, Some(host)) = (named_host, head.host()) {
        sink(b"HTTP_HOST", host);
    }
}

/// Long enough for nearly every key.
const KEY_ROOM: usize = 64;

/// Decimal digits of a number, without allocating.
#[derive(Default)]
pub(crate) struct Digits([u8; 20]);

impl Digits {
    pub(crate) fn of(&mut self, mut number: u64) -> &[u8] {
        let mut at = self.0.len();
        loop {
            at -= 1;
            self.0[at] = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
            if number == 0 {
                return &self.0[at..];
            }
        }
    }
}

/// Address and port of a peer, rendered once per connection.
#[derive(Debug, Default)]
pub(crate) struct PeerText {
    pub(crate) address: String,
    pub(crate) port: String,
}

impl From<Option<SocketAddr>> for PeerText {
    fn from(peer: Option<SocketAddr>) -> PeerText {
        peer.map(|peer| PeerText {
            address: peer.ip().to_string(),
            port: peer.port().to_string(),
        })
        .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_point_is_cut_at_a_segment() {
        assert_eq!(mount(b"", b"/a"), (&b""[..], &b"/a"[..]));
        assert_eq!(mount(b"/app", b"/app/a"), (&b"/app"[..], &b"/a"[..]));
        assert_eq!(mount(b"/app", b"/app"), (&b"/app"[..], &b""[..]));
        assert_eq!(mount(b"/app", b"/apple"), (&b"/app"[..], &b"/apple"[..]));
    }

    #[test]
    fn digits_of_the_extremes() {
        assert_eq!(Digits::default().of(0), b"0");
        assert_eq!(Digits::default().of(u64::MAX), b"18446744073709551615");
    }
}
