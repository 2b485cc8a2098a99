//! `WSGITrustedProxyHeaders` and `WSGITrustedProxies` as they are written (DD §2.5). `trusted_proxy` applies them.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::rejected::Rejected;
use crate::text::Text;
use crate::trusted_proxy::{self, Category};
use crate::words::Words;

/// A header of `WSGITrustedProxyHeaders` that has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Its name in the environ.
    pub variable: &'static str,
    /// What it speaks of.
    pub category: Category,
}

/// Reads the headers of one directive. Names that mean nothing (DD §5.8) are left out.
///
/// # Errors
/// For a name that no request header can have, which would never match (DD §14, row 46).
pub fn parse_headers(line: &[u8]) -> Result<Vec<ProxyHeader>, Rejected> {
    let mut headers = Vec::new();
    for name in Words::new(line) {
        let is_clean = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        if name.is_empty() || !name.iter().all(is_clean) {
            return Err(
                format!("Invalid name \"{name}\" of trusted proxy header, only letters, digits and '-' are allowed.").into(),
            );
        }
        headers.extend(trusted_proxy::header_of(&name));
    }
    Ok(headers)
}

/// The networks of `WSGITrustedProxies`. Where there are none, nobody is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedNetworks(Vec<IpNet>);

impl TrustedNetworks {
    /// Reads the networks of one directive.
    ///
    /// # Errors
    /// For the first that is none.
    pub fn parse(line: &[u8]) -> Result<Self, Rejected> {
        let networks = Words::new(line).map(|token| {
            parse_network(&token).ok_or_else(|| {
                let reason = if looks_like_ipv4(&token) {
                    " The specified IP address is invalid."
                } else {
                    ""
                };
                format!("Unable to parse trusted proxy IP address/subnet of \"{token}\".{reason}")
            })
        });
        Ok(Self(networks.collect::<Result<_, _>>()?))
    }

    /// Adds those of a directive further down in the same scope.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Whether a peer is trusted. An IPv4-mapped IPv6 address is the IPv4 address it holds.
    pub fn contain(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }
}

fn looks_like_ipv4(token: &Text) -> bool {
    token
        .iter()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'/'))
}

/// An address, an address with a prefix length or netmask, or the first numbers of an IPv4 address, which stand for all that begin so.
fn parse_network(token: &[u8]) -> Option<IpNet> {
    let text = std::str::from_utf8(token).ok()?;
    let Some((address, mask)) = text.split_once('/') else {
        return match text.parse::<IpAddr>() {
            Ok(address) => Some(address.to_canonical().into()),
            Err(_) => partial_ipv4(text).map(IpNet::V4),
        };
    };
    let address = match address.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) => partial_ipv4(address)?.addr().into(),
    };
    let length = match mask.parse::<Ipv4Addr>() {
        Ok(mask) if address.is_ipv4() => ipnet::ip_mask_to_prefix(mask.into()).ok()?,
        Ok(_) => return None,
        Err(_) if mask.starts_with('+') => return None,
        Err(_) => mask.parse().ok()?,
    };
    let network = IpNet::new(address, length).ok()?.trunc();
    Some(canonical(network))
}

/// `::ffff:10.0.0.0/104` as `10.0.0.0/8`: peers are compared in that form.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
        (Some(v4), Some(length)) => Ipv4Net::new(v4, length).map_or(network, IpNet::V4),
        _ => network,
    }
}

/// `10`, `10.1`, `10.1.2`, with or without a dot at the end.
fn partial_ipv4(text: &str) -> Option<Ipv4Net> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let mut bytes = [0; 4];
    let mut count = 0;
    for number in text.split('.') {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        *bytes[..3].get_mut(count)? = is_number.then(|| number.parse().ok())??;
        count += 1;
    }
    let length = u8::try_from(count * 8).ok()?;
    Ipv4Net::new(bytes.into(), length).ok()
}
