//! Whose word about the real client is believed, and what `X-Forwarded-For` then says.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

/// The peers (proxies) whose forwarding headers are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedPeers {
    everybody: bool,
    networks: Vec<IpNet>,
}

/// A list item that is neither an address nor a network.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an IP address, a network like 10.0.0.0/8, or *")]
pub struct TrustedPeersError(pub String);

impl TrustedPeers {
    /// `127.0.0.1` and `::1`: the default.
    #[must_use]
    pub fn loopback() -> TrustedPeers {
        let hosts = [
            IpAddr::from([127, 0, 0, 1]),
            IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ];
        TrustedPeers {
            everybody: false,
            networks: hosts.into_iter().map(IpNet::from).collect(),
        }
    }

    /// Whether this address may speak for others.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.everybody
            || self
                .networks
                .iter()
                .any(|network| network.contains(&address))
    }

    /// Whether a peer may speak for others. A peer on a Unix socket has no address and may, unless the list is empty: who
    /// can open the socket file is decided by its permissions.
    #[must_use]
    pub fn contains_peer(&self, peer: Option<SocketAddr>) -> bool {
        match peer {
            Some(peer) => self.contains(peer.ip()),
            None => self.everybody || !self.networks.is_empty(),
        }
    }

    /// The client as a chain of proxies names it: the rightmost entry that is not a trusted proxy itself, or the leftmost
    /// when all are. `None` when there is no entry or the one that counts is not an IP address (`unknown`, a name).
    #[must_use]
    pub fn client_of(&self, forwarded_for: &[u8]) -> Option<IpAddr> {
        let mut client = None;
        for entry in forwarded_for.rsplit(|byte| *byte == b',') {
            let address = entry_address(entry)?;
            client = Some(address);
            if !self.contains(address) {
                break;
            }
        }
        client
    }
}

impl FromStr for TrustedPeers {
    type Err = TrustedPeersError;

    /// Reads a comma-separated list of addresses and networks; `*` trusts everybody.
    fn from_str(list: &str) -> Result<TrustedPeers, TrustedPeersError> {
        let mut peers = TrustedPeers::default();
        for item in list
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            if item == "*" {
                peers.everybody = true;
                continue;
            }
            let network = item
                .parse::<IpNet>()
                .or_else(|_| item.parse::<IpAddr>().map(IpNet::from));
            peers
                .networks
                .push(network.map_err(|_| TrustedPeersError(item.into()))?);
        }
        Ok(peers)
    }
}

/// One list entry: an address, bare or with a port (`1.2.3.4:5`, `[::1]:5`).
fn entry_address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry.trim_ascii()).ok()?;
    let text = text.trim_matches('"');
    let address = text.parse::<IpAddr>().ok();
    let address = address.or_else(|| {
        text.parse::<SocketAddr>()
            .ok()
            .map(|with_port| with_port.ip())
    });
    let address = address.or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok());
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(trusted: &str, list: &str, client: Option<&str>) {
        let trusted: TrustedPeers = trusted.parse().unwrap();
        assert_eq!(
            trusted.client_of(list.as_bytes()),
            client.map(|c| c.parse().unwrap()),
            "{list}"
        );
    }

    #[test]
    fn the_rightmost_untrusted_entry_is_the_client() {
        check("10.0.0.0/8", "1.2.3.4", Some("1.2.3.4"));
        check("10.0.0.0/8", "6.6.6.6, 1.2.3.4, 10.1.1.1", Some("1.2.3.4"));
        check("10.0.0.0/8", "10.2.2.2, 10.1.1.1", Some("10.2.2.2"));
        check("*", "6.6.6.6, 1.2.3.4", Some("6.6.6.6"));
        check("10.0.0.0/8", "[2001:db8::1]:443", Some("2001:db8::1"));
        check("10.0.0.0/8", "1.2.3.4:99", Some("1.2.3.4"));
        check("10.0.0.0/8", "::ffff:1.2.3.4", Some("1.2.3.4"));
        check("10.0.0.0/8", "1.2.3.4, unknown", None);
        check("10.0.0.0/8", "", None);
    }

    #[test]
    fn a_list_names_its_bad_item() {
        assert_eq!(
            "::1, nonsense".parse::<TrustedPeers>(),
            Err(TrustedPeersError("nonsense".into()))
        );
        assert!(!TrustedPeers::default().contains_peer(None));
        assert!(TrustedPeers::loopback().contains("::ffff:127.0.0.1".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn any_list_is_read_without_panic(list in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = TrustedPeers::loopback().client_of(&list);
        }

        #[test]
        fn an_untrusted_last_entry_hides_what_the_client_claims(claim in "[ -~]{0,40}", last in any::<[u8; 4]>()) {
            prop_assume!(last[0] != 127);
            let last = IpAddr::from(last);
            prop_assert_eq!(TrustedPeers::loopback().client_of(format!("{claim},{last}").as_bytes()), Some(last));
        }
    }
}
