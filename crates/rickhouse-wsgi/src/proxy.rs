//! Whom to believe about the client: the headers that proxies add.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// Peers whose forwarding headers are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedPeers {
    everybody: bool,
    networks: Vec<IpNet>,
}

impl TrustedPeers {
    /// Everybody is believed: right only where nobody but the proxy can connect.
    pub fn everybody() -> Self {
        Self {
            everybody: true,
            networks: Vec::new(),
        }
    }

    /// The peers of these networks are believed; nobody, where there are none.
    pub fn networks(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self {
            everybody: false,
            networks: networks.into_iter().collect(),
        }
    }

    /// Whether this peer is believed. An IPv4 peer of an IPv6 socket (`::ffff:10.0.0.1`) is the IPv4 peer it is.
    pub fn trust(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.everybody || self.networks.iter().any(|network| network.contains(&peer))
    }

    /// Whether a peer on a Unix socket is believed. It has no address: the permissions of the socket file decide who can be one. Where
    /// nobody is to be believed, it is not either.
    pub fn trust_unix(&self) -> bool {
        self.everybody || !self.networks.is_empty()
    }
}

impl Default for TrustedPeers {
    /// This machine's own addresses.
    fn default() -> Self {
        let own = [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ];
        Self::networks(own.map(IpNet::from))
    }
}

/// The client on whose behalf `peer` asks: the rightmost address of `X-Forwarded-For` that is not a trusted peer's, since what stands
/// further to the left can have been written by that client itself. Where all are trusted it is the leftmost. A `peer` without an
/// address is one on a Unix socket.
///
/// `values` are the values of the header in the order in which they came. Elements may have a port or brackets. What is no address
/// ends the walk: the client is then the last trusted address that named it.
pub fn client<'a, I>(peer: Option<IpAddr>, values: I, trusted: &TrustedPeers) -> Option<IpAddr>
where
    I: IntoIterator<Item = &'a [u8]>,
    I::IntoIter: DoubleEndedIterator,
{
    let mut client = peer.map(|peer| peer.to_canonical());
    let elements = values
        .into_iter()
        .rev()
        .flat_map(|value| value.rsplit(|byte| *byte == b','));
    for element in elements
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
    {
        if !client.map_or(trusted.trust_unix(), |client| trusted.trust(client)) {
            break;
        }
        match parse_address(element) {
            Some(address) => client = Some(address),
            None => break,
        }
    }
    client
}

/// Whether a proxy says by this header that the client came over TLS; `None` where the header or its value says neither. Only a trusted
/// peer's header means anything.
pub fn says_https(name: &[u8], value: &[u8]) -> Option<bool> {
    const SCHEMES: [&[u8]; 3] = [b"x-forwarded-proto", b"x-forwarded-scheme", b"x-scheme"];
    const SWITCHES: [&[u8]; 3] = [b"x-forwarded-https", b"x-forwarded-ssl", b"x-https"];
    let is_one_of =
        |text: &[u8], words: &[&[u8]]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    let (yes, no): (&[&[u8]], &[&[u8]]) = if is_one_of(name, &SCHEMES) {
        (&[b"https"], &[b"http"])
    } else if is_one_of(name, &SWITCHES) {
        (&[b"on", b"true", b"1"], &[b"off", b"false", b"0"])
    } else {
        return None;
    };
    let value = value.trim_ascii();
    if is_one_of(value, yes) {
        Some(true)
    } else if is_one_of(value, no) {
        Some(false)
    } else {
        None
    }
}

/// `10.0.0.1`, `10.0.0.1:4711`, `::1`, `[::1]`, `[::1]:4711`.
fn parse_address(element: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(element).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trusted(networks: &[&str]) -> TrustedPeers {
        TrustedPeers::networks(networks.iter().map(|network| network.parse().unwrap()))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_is_trusted() {
        let peers = trusted(&["10.0.0.0/8", "::1/128", "fd00::/8"]);
        for peer in [
            "10.0.0.1",
            "10.255.255.255",
            "::1",
            "fd12::3",
            "::ffff:10.0.0.1",
        ] {
            assert!(peers.trust(address(peer)), "{peer}");
        }
        for peer in ["11.0.0.1", "127.0.0.1", "::2", "fe80::1", "::ffff:11.0.0.1"] {
            assert!(!peers.trust(address(peer)), "{peer}");
        }
        assert!(TrustedPeers::everybody().trust(address("8.8.8.8")));
        assert!(!trusted(&[]).trust(address("127.0.0.1")));
    }

    #[test]
    fn who_the_client_is() {
        let peers = trusted(&["10.0.0.0/8", "::1/128"]);
        let check = |peer: &str, values: &[&str], expected: &str| {
            let found = client(
                Some(address(peer)),
                values.iter().map(|value| value.as_bytes()),
                &peers,
            );
            assert_eq!(found, Some(address(expected)), "{peer} {values:?}");
        };
        check("8.8.8.8", &[], "8.8.8.8");
        check("8.8.8.8", &["1.1.1.1"], "8.8.8.8");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["1.1.1.1"], "1.1.1.1");
        check("10.0.0.1", &["6.6.6.6, 1.1.1.1"], "1.1.1.1");
        check(
            "10.0.0.1",
            &["6.6.6.6, 1.1.1.1,10.0.0.2 , ,10.0.0.3"],
            "1.1.1.1",
        );
        check("10.0.0.1", &["6.6.6.6", "1.1.1.1, 10.0.0.2"], "1.1.1.1");
        check("10.0.0.1", &["10.0.0.4, 10.0.0.2"], "10.0.0.4");
        check("::1", &["2001:db8::7"], "2001:db8::7");
        check("::1", &["[2001:db8::7]:4711"], "2001:db8::7");
        check("::1", &["[2001:db8::7]"], "2001:db8::7");
        check("::1", &["1.1.1.1:4711"], "1.1.1.1");
        check("::ffff:10.0.0.1", &["1.1.1.1"], "1.1.1.1");
        check("::ffff:8.8.8.8", &["1.1.1.1"], "8.8.8.8");
        check("10.0.0.1", &["1.1.1.1, unknown"], "10.0.0.1");
        check("10.0.0.1", &["<script>, 10.0.0.2"], "10.0.0.2");
        check("10.0.0.1", &["", " , "], "10.0.0.1");
    }

    #[test]
    fn where_everybody_is_trusted_the_leftmost_is_the_client() {
        let found = client(
            Some(address("8.8.8.8")),
            [&b"1.1.1.1, 2.2.2.2"[..]],
            &TrustedPeers::everybody(),
        );
        assert_eq!(found, Some(address("1.1.1.1")));
    }

    #[test]
    fn a_peer_on_a_unix_socket_is_trusted_where_anybody_is() {
        let check = |peers: &TrustedPeers, expected: Option<&str>| {
            let found = client(None, [&b"1.1.1.1"[..]], peers);
            assert_eq!(found, expected.map(address));
        };
        check(&TrustedPeers::default(), Some("1.1.1.1"));
        check(&TrustedPeers::everybody(), Some("1.1.1.1"));
        check(&trusted(&[]), None);
        assert_eq!(client(None, [], &TrustedPeers::everybody()), None);
    }

    #[test]
    fn what_says_https() {
        let check = |name: &[u8], value: &[u8], expected: Option<bool>| {
            assert_eq!(says_https(name, value), expected)
        };
        check(b"X-Forwarded-Proto", b"https", Some(true));
        check(b"x-scheme", b" HTTPS ", Some(true));
        check(b"X-Forwarded-Proto", b"http", Some(false));
        check(b"X-Forwarded-Proto", b"https, http", None);
        check(b"X-Forwarded-Proto", b"on", None);
        check(b"X-Forwarded-Ssl", b"On", Some(true));
        check(b"X-Https", b"0", Some(false));
        check(b"X-Https", b"https", None);
        check(b"Host", b"https", None);
    }

    /// The rule in other words: of peer and list, read from the right, the first that is not trusted; else the last.
    fn naive(peer: IpAddr, list: &[IpAddr], peers: &TrustedPeers) -> IpAddr {
        let chain: Vec<IpAddr> = list.iter().copied().chain([peer]).collect();
        chain
            .iter()
            .rev()
            .find(|address| !peers.trust(**address))
            .copied()
            .unwrap_or(chain[0])
    }

    proptest! {
        #[test]
        fn any_bytes(values: Vec<Vec<u8>>) {
            let _ = client(Some(address("10.0.0.1")), values.iter().map(Vec::as_slice), &TrustedPeers::everybody());
        }

        #[test]
        fn any_chain(peer in 0_u8..8, list in proptest::collection::vec(0_u8..8, 0..6), split in 0_usize..6) {
            let peers = trusted(&["10.0.0.0/30"]);
            let of = |last: u8| IpAddr::from([10, 0, 0, last]);
            let list: Vec<IpAddr> = list.into_iter().map(of).collect();
            let (left, right) = list.split_at(split.min(list.len()));
            let join = |part: &[IpAddr]| part.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let values = [join(left), join(right)];
            let found = client(Some(of(peer)), values.iter().map(|value| value.as_bytes()), &peers);
            prop_assert_eq!(found, Some(naive(of(peer), &list, &peers)));
        }
    }
}
