//! Which peers may say on whose behalf they ask.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Complaint;

/// Which peers' forwarding headers are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AllowedProxies {
    /// Every peer, written `*`: only for a server that nobody but the proxy can reach.
    Any,
    /// Peers of these networks; an empty list believes nobody.
    Networks(Vec<IpNet>),
}

impl AllowedProxies {
    /// No peer at all.
    pub(crate) const NOBODY: Self = Self::Networks(Vec::new());

    /// Reads one item of the list.
    pub(crate) fn parse(text: &str) -> Result<Self, Complaint> {
        if text == "*" {
            Ok(Self::Any)
        } else {
            Ok(Self::Networks(vec![parse_network(text)?]))
        }
    }

    /// Those whom either believes.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Networks(mut all), Self::Networks(more)) => {
                all.extend(more);
                Self::Networks(all)
            }
            _ => Self::Any,
        }
    }
}

fn parse_network(text: &str) -> Result<IpNet, Complaint> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let network: IpNet = text.parse().map_err(|_| {
        Complaint::new(format!("{text:?} is not an IP address or network")).hint(
            "write addresses (10.0.0.1, ::1), networks (10.0.0.0/8, fd00::/8), or * for everybody",
        )
    })?;
    if network.trunc() != network {
        return Err(
            Complaint::new(format!("{text:?} has bits set behind its network prefix"))
                .hint(format!("the network is {}", network.trunc())),
        );
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(items: &[&str]) -> Result<AllowedProxies, Complaint> {
        items.iter().try_fold(AllowedProxies::NOBODY, |all, item| {
            Ok(all.or(AllowedProxies::parse(item)?))
        })
    }

    #[test]
    fn addresses_networks_and_everybody() {
        let AllowedProxies::Networks(networks) =
            read(&["10.0.0.1", "::1", "192.168.0.0/16", "fd00::/8"]).unwrap()
        else {
            panic!("a list of networks is not everybody")
        };
        let written: Vec<String> = networks.iter().map(ToString::to_string).collect();
        assert_eq!(
            written,
            ["10.0.0.1/32", "::1/128", "192.168.0.0/16", "fd00::/8"]
        );
        assert_eq!(read(&["10.0.0.1", "*", "::1"]), Ok(AllowedProxies::Any));
        assert_eq!(read(&[]), Ok(AllowedProxies::NOBODY));
    }

    #[test]
    fn what_is_no_network_is_named() {
        for bad in [
            "localhost",
            "10.0.0",
            "10.0.0.0/33",
            "300.1.1.1",
            "::1/129",
            "1.2.3.4 5.6.7.8",
            "",
        ] {
            let complaint = read(&[bad]).unwrap_err();
            assert!(
                complaint.message.contains(&format!("{bad:?}")),
                "{complaint:?}"
            );
        }
        let complaint = read(&["10.0.0.1/8"]).unwrap_err();
        assert_eq!(complaint.hint.as_deref(), Some("the network is 10.0.0.0/8"));
    }
}
